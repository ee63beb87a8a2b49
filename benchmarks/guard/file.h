/* A file that a program of this folder is given, whole in memory. */
#include <stdio.h>
#include <stdlib.h>

static unsigned char *contents_of(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    unsigned char *bytes = NULL;
    long end;

    if (file && fseek(file, 0, SEEK_END) == 0 && (end = ftell(file)) > 0) {
        rewind(file);
        bytes = malloc((size_t)end);
        *size = bytes ? fread(bytes, 1, (size_t)end, file) : 0;
        if (*size != (size_t)end)
            bytes = NULL;
    }
    if (!bytes) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(1);
    }
    return bytes;
}
