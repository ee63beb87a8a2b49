/* Find each key of a hive by its path, and a value of it: find FILE. */
#define main sanitized
#include "regf_driver.c"
#undef main
#include "file.h"

/* return the subkey called `letter` and a number */
static uint32_t below(const struct regf_image *image, uint32_t offset, char letter, int number)
{
    char text[16];
    struct regf_name name;
    struct regf_wanted wanted = {text, (size_t)snprintf(text, sizeof text, "%c%d", letter, number)};

    MUST(regf_subkey(image, offset, wanted, &offset, &name) == REGF_FOUND);
    return offset;
}

int main(int argc, char **argv)
{
    size_t length;
    unsigned char *data = contents_of(argv[argc - 1], &length);
    uint32_t size = data_size(data, length);
    struct regf_image image = {data, length, size, size};
    struct regf_wanted last = {"THREE", 5};
    struct regf_value value;

    for (int i = 0; i < 4000; i++) {
        uint32_t key = below(&image, below(&image, get32(data + 36), 'a', i % 40), 'k', i);

        MUST(regf_find_value(&image, key, last, &value) == REGF_FOUND);
    }
    return 0;
}
