/* Drives the scan of PML without Python, for the sanitizers: files of random events, read through
 * windows of random sizes, with each allocation failing in turn; what fails is asked for again, and
 * the answer must be the same. Each window lies at the very end of its own memory.
 *
 * Usage: pml_driver SEEDS. Prints what it has done and ends with 0, or says what broke. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_memory.h"
#include "core_pml.h"
#include "must.h"

enum { ROOM = 1 << 15, EVENTS = 60 };

static unsigned long failures; /* how often an allocation was made to fail */
static uint64_t rows, state;

static uint32_t below(uint32_t limit)
{
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(state >> 33) % limit;
}

static void put(uint8_t *at, uint64_t number, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (uint8_t)(number >> (8 * i));
}

struct file {
    uint8_t bytes[ROOM], places[5 * EVENTS];
    size_t size, events;
};

/* write a file; one event in eight is damaged */
static void make(struct file *file)
{
    static const uint32_t results[] = {0, 0, 0, 0x104, 0xC0000034, 0xC000017C};
    static const uint8_t ops[] = {0, 1, 2, 12, 13, 7, 40};

    memset(file, 0, sizeof *file);
    file->size = PML_HEADER;
    file->events = below(EVENTS);
    for (size_t i = 0; i < file->events; i++) {
        uint8_t *at = file->bytes + file->size;
        uint32_t depth = below(4), path = below(20);

        put(at, below(4), 4);
        put(at + 8, below(8) ? 2 : below(7), 4);
        put(at + 12, ops[below(7)], 2);
        put(at + 16, below(9) ? i : below(EVENTS), 4);
        put(at + 28, i, 8);
        put(at + 36, results[below(6)], 4);
        put(at + 40, depth, 2);
        put(at + 44, 8 + path * 2, 4);
        put(at + 52 + 8 * depth, path | (below(2) ? 0x8000 : 0), 2);
        at[60 + 8 * depth] = (uint8_t)below(3);
        put(file->places + 5 * i, below(30) ? file->size : below(ROOM), 4);
        file->size += 60 + 8 * depth + path * 2;
        if (below(8) == 0)
            at[below(60)] = (uint8_t)below(256);
    }
}

static uint64_t mixed(uint64_t hash, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(1099511628211);
    return hash;
}

/* take the events in through windows of a size at least; one more byte would be an overrun */
static void scan(struct pml *pml, const struct file *file, size_t least)
{
    size_t next = 0;

    while (next < file->events) {
        uint64_t base = least ? pml_place(pml, file->places + 5 * next) : 0;
        size_t size = base < file->size ? file->size - (size_t)base : 0, before = next;
        uint8_t *window;

        size = least && size > least ? least : size;
        window = malloc(size + !size);
        MUST(window != NULL);
        memcpy(window, file->bytes + base, size);
        failures += !pml_run(pml, window, size, base, file->places, file->events, &next);
        if (next == before && least)
            least *= 2; /* the event does not fit, or no memory was */
        free(window);
    }
}

/* scan with the allocation `fail_at` failing, 0 for none; return a digest of what is found */
static uint64_t run(const struct file *file, size_t least, unsigned long fail_at)
{
    struct pml pml;
    struct pml_gaps gaps;
    uint64_t hash = 14695981039346656037u;

    regsim_requests = 0;
    regsim_fail_at = fail_at;
    while (!pml_init(&pml, file->size, 8, 7)) {
        failures++;
        pml_free(&pml);
    }
    pml_begin(&pml, 5);
    scan(&pml, file, least);
    while (!pml_gaps(&pml, 0, -1, &gaps))
        failures++;
    for (size_t i = 0; i < pml.rows_used; i++) {
        const struct pml_row *row = &pml.rows[i];
        uint64_t all[] = {row->op, row->process, row->key, row->status, row->access, row->number};

        MUST(row->key < pml.paths.used && row->process < pml.records_used);
        hash = mixed(mixed(hash, all, sizeof all), &row->time, sizeof row->time);
    }
    hash = mixed(hash, &pml.outside, 3 * sizeof pml.outside);
    hash = mixed(hash, &gaps, sizeof gaps);
    hash = mixed(hash, pml.paths.bytes, pml.paths.bytes_used);
    MUST(pml.taken + pml.damaged.count == pml.rows_used);
    MUST(pml.taken + pml.damaged.count + pml.harmless + pml.unknown.count + pml.outside.count ==
         file->events);
    rows += pml.rows_used;
    pml_free(&pml);
    return hash;
}

int main(int argc, char **argv)
{
    unsigned long seeds = argc > 1 ? strtoul(argv[1], NULL, 10) : 20;
    static struct file file;

    for (unsigned long seed = 1; seed <= seeds; seed++) {
        uint64_t wanted;
        unsigned long requests;

        state = seed;
        make(&file);
        wanted = run(&file, 0, 0);
        requests = regsim_requests;
        MUST(run(&file, 64, 0) == wanted && run(&file, 1000, 0) == wanted);
        for (unsigned long at = 1; at <= requests; at++)
            MUST(run(&file, at % 2 ? 0 : 100, at) == wanted);
    }
    MUST(rows > seeds);
    printf("%lu seeds, %lu failed allocations\n", seeds, failures);
    return 0;
}
