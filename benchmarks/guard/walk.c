/* Walk through a hive once: walk FILE. */
#define main sanitized
#include "regf_driver.c"
#undef main
#include "file.h"

int main(int argc, char **argv)
{
    size_t size;
    unsigned char *data = contents_of(argv[argc - 1], &size);

    MUST(!walk_all(data, size, 0));
    MUST(walked > 1000);
    return 0;
}
