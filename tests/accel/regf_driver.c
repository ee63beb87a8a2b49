/* Drives the walk through hives, and finding by name, without Python, for the sanitizers: over broken
 * bytes, and with each allocation failing.
 *
 * Usage: regf_driver SEEDS FILE..., each a hive. Prints what it has done and ends with 0, or says
 * what broke. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_memory.h"
#include "core_regf.h"
#include "must.h"

static unsigned long failures; /* how often an allocation was made to fail */
static unsigned long walked;   /* keys met */
static unsigned long sought;   /* keys and values found by name */

static uint64_t state;

static uint32_t pick(uint32_t below)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 33) % below;
}

static uint32_t get32(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* return how many bytes of bins there are */
static uint32_t data_size(const unsigned char *bytes, size_t length)
{
    uint32_t claimed = get32(bytes + 40);

    return claimed <= length - 4096 ? claimed : (uint32_t)length - 4096;
}

/* what a call has found lies in the file, and in what it says that it has found */
static void check(const struct regf_walk *walk, const struct regf_image *image)
{
    MUST(walk->key_count <= REGF_KEYS && walk->value_count <= REGF_VALUES);
    for (uint32_t i = 0; i < walk->key_count; i++) {
        const struct regf_key *key = &walk->keys[i];

        MUST(key->depth >= 1 && key->depth < REGF_DEPTH);
        MUST(key->name.at + (size_t)key->name.length <= image->length);
        if (key->count == REGF_UNLISTED)
            continue;
        MUST(key->first + key->count <= walk->value_count);
        for (uint32_t n = key->first; n < key->first + key->count; n++) {
            const struct regf_value *value = &walk->values[n];

            MUST(value->name.at + (size_t)value->name.length <= image->length);
            MUST(!value->at || value->at + (size_t)(value->size & INT32_MAX) <= image->length);
        }
    }
    walked += walk->key_count;
}

/* look for keys and values, some of which are there, from the root down */
static void find(const struct regf_image *image, uint32_t root)
{
    static const char *const names[] = {"a", "A1", "a3", "k7", "K38", "rich", "v", "V", "", "zz"};
    uint32_t at = root;

    for (int left = 40; left > 0; left--) {
        const char *text = names[pick(sizeof names / sizeof *names)];
        struct regf_wanted wanted = {text, strlen(text)};
        struct regf_name name;
        struct regf_value value;
        uint32_t found;

        if (regf_find_value(image, at, wanted, &value) == REGF_FOUND) {
            MUST(value.name.at + (size_t)value.name.length <= image->length);
            MUST(!value.at || value.at + (size_t)(value.size & INT32_MAX) <= image->length);
            sought++;
        }
        if (regf_subkey(image, at, wanted, &found, &name) == REGF_FOUND) {
            MUST(name.at + (size_t)name.length <= image->length);
            MUST(regf_key_at(image, found, &name));
            sought++;
            at = found;
        } else {
            at = root;
        }
    }
}

/* walk a hive whose bytes are all that there is; return whether an allocation has failed */
static bool walk_all(const unsigned char *bytes, size_t length, unsigned long fail)
{
    uint32_t size = data_size(bytes, length);
    struct regf_image image = {bytes, length, size, size};
    struct regf_walk walk;
    enum regf_end end = REGF_NO_MEMORY;

    regsim_requests = 0;
    regsim_fail_at = fail;
    if (regf_begin(&walk, &image, get32(bytes + 36))) {
        do {
            end = regf_take(&walk, &image);
            check(&walk, &image);
        } while (end == REGF_MORE);
        regf_end(&walk);
    }
    regsim_fail_at = 0;
    failures += end == REGF_NO_MEMORY;
    return end == REGF_NO_MEMORY;
}

/* break some bytes of a hive and walk it; it lies at the end of its block, so that reading on shows */
static void broken(const unsigned char *whole, size_t length)
{
    unsigned char *bytes = malloc(length);

    MUST(bytes);
    memcpy(bytes, whole, length);
    for (uint32_t left = pick(6); left > 0; left--)
        bytes[pick(4) ? 4096 + pick((uint32_t)length - 4096) : 36 + pick(8)] =
            (unsigned char)(pick(3) ? pick(256) : 0xFF);
    walk_all(bytes, length, 0);
    find(&(struct regf_image){bytes, length, data_size(bytes, length), data_size(bytes, length)},
         get32(bytes + 36));
    free(bytes);
}

static unsigned char *load(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    unsigned char *bytes = malloc(1 << 22);

    MUST(file && bytes);
    *length = fread(bytes, 1, 1 << 22, file);
    fclose(file);
    MUST(*length > 8192 - 1);
    return bytes;
}

int main(int count, char **words)
{
    unsigned long seeds = count > 1 ? strtoul(words[1], NULL, 10) : 10;

    for (int i = 2; i < count; i++) {
        size_t length;
        unsigned char *whole = load(words[i], &length);

        for (unsigned long fail = 1; walk_all(whole, length, fail); fail++)
            ;
        for (state = 1; state <= seeds; state++) {
            uint64_t seed = state;

            for (int round = 0; round < 3; round++)
                broken(whole, length);
            state = seed;
        }
        free(whole);
    }
    MUST((walked > 0 && sought > 0) || count < 3);
    printf("%lu seeds, %lu failed allocations\n", seeds, failures);
    return 0;
}
