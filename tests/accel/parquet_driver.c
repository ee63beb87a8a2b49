/* Drives the reader of Parquet's pages without Python, for the sanitizers: over broken bytes, in
 * steps of any length, and with each allocation failing.
 *
 * Usage: parquet_driver SEEDS FILE..., each a column: a byte each for the width, for whether it is
 * optional, and for Snappy, four for how many values, and then its pages. Prints what it has done
 * and ends with 0, or says what broke. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_memory.h"
#include "core_parquet.h"
#include "must.h"

enum { HEAD = 7 };

static unsigned long failures; /* how often an allocation was made to fail */
static uint64_t state;

static uint32_t pick(uint32_t below)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 33) % below;
}

/* read a column in steps of at most so many values; return how many were read, and their digest */
static size_t read_all(const uint8_t *column, size_t size, size_t step, unsigned long fail,
                       uint64_t *hash)
{
    size_t values = column[3] | (size_t)column[4] << 8 | (size_t)column[5] << 16, done = 0;
    unsigned item = column[0] ? 1u << pick(column[0] == 8 ? 4 : 3) : 4;
    uint8_t *pages = malloc(size - HEAD + PARQUET_SLACK), *out = malloc(step * item);
    struct parquet parquet;
    enum parquet_answer answer = PARQUET_DONE;

    MUST(pages && out);
    memcpy(pages, column + HEAD, size - HEAD);
    memset(pages + size - HEAD, 0xA5, PARQUET_SLACK);
    regsim_requests = 0;
    regsim_fail_at = fail;
    parquet_init(&parquet, pages, size - HEAD, values, column[0], column[1], column[2]);
    if (!column[0])
        answer = parquet_dictionary(&parquet);
    if (!column[0] && answer == PARQUET_DONE && parquet_texts_size(&parquet) != SIZE_MAX) {
        uint32_t *ends = malloc(4 * ((size_t)parquet.entry_count + 1));
        uint8_t *texts = malloc(parquet_texts_size(&parquet) + 1);

        MUST(ends && texts);
        if (parquet_texts(&parquet, ends, texts))
            MUST(ends[parquet.entry_count] == parquet_texts_size(&parquet));
        free(ends);
        free(texts);
    }
    *hash = 14695981039346656037u;
    while (answer == PARQUET_DONE && done < values) {
        size_t count = values - done < step ? values - done : step;

        answer = parquet_read(&parquet, out, item, count);
        if (answer != PARQUET_DONE)
            break;
        done += count;
        for (size_t i = 0; i < count; i++)
            *hash = (*hash ^ out[i * item]) * UINT64_C(1099511628211);
    }
    failures += answer == PARQUET_NO_MEMORY;
    MUST(answer != PARQUET_NO_MEMORY || fail);
    parquet_free(&parquet);
    free(pages);
    free(out);
    return done;
}

static uint8_t *load(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes;

    MUST(file && fseek(file, 0, SEEK_END) == 0);
    *size = (size_t)ftell(file);
    rewind(file);
    bytes = malloc(*size);
    MUST(bytes && fread(bytes, 1, *size, file) == *size);
    fclose(file);
    return bytes;
}

static void drive(uint8_t *column, size_t size, unsigned long seeds)
{
    uint64_t wanted, hash;
    size_t values = column[3] | (size_t)column[4] << 8 | (size_t)column[5] << 16;

    MUST(read_all(column, size, values, 0, &wanted) == values);
    MUST(read_all(column, size, 7, 0, &hash) == values && hash == wanted);
    for (unsigned long fail = 1, before = failures; failures - before == fail - 1; fail++)
        read_all(column, size, 100, fail, &hash);
    for (unsigned long seed = 1; seed <= seeds; seed++) {
        size_t at[3];
        uint8_t old[3];

        state = seed;
        for (int i = 0; i < 3; i++) {
            at[i] = HEAD + pick((uint32_t)(pick(2) ? size - HEAD : 64));
            old[i] = column[at[i]];
            column[at[i]] = (uint8_t)pick(256);
        }
        read_all(column, size, 1 + pick(300), 0, &hash);
        for (int i = 2; i >= 0; i--)
            column[at[i]] = old[i];
    }
}

int main(int argc, char **argv)
{
    unsigned long seeds = argc > 1 ? strtoul(argv[1], NULL, 10) : 20;

    for (int i = 2; i < argc; i++) {
        size_t size;
        uint8_t *column = load(argv[i], &size);

        drive(column, size, seeds);
        free(column);
    }
    printf("%lu seeds, %lu failed allocations\n", seeds, failures);
    return 0;
}
