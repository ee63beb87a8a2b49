/* Read a column of 200,000 texts by its pages, not packed: which text each row has, in steps. */
#define main sanitized
#include "parquet_driver.c"
#undef main
#include "file.h"

enum { VALUES = 200000, STEP = 4096 };

int main(int argc, char **argv)
{
    static uint32_t out[STEP];
    size_t size, done;
    unsigned char *pages = contents_of(argv[argc - 1], &size);
    struct parquet parquet;

    /* the file ends with PARQUET_SLACK bytes that are no page's */
    parquet_init(&parquet, pages, size - PARQUET_SLACK, VALUES, 0, false, false);
    MUST(parquet_dictionary(&parquet) == PARQUET_DONE);
    for (done = 0; done < VALUES; done += STEP) {
        size_t count = VALUES - done < STEP ? VALUES - done : STEP;

        MUST(parquet_read(&parquet, out, 4, count) == PARQUET_DONE);
    }
    MUST(out[0] < parquet.entry_count && parquet.entry_count == 1000);
    parquet_free(&parquet);
    return 0;
}
