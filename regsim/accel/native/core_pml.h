/* Events of Process Monitor's PML: what opens or closes a key, in columns.
 *
 * The twin is trace/readers/pml.py, which has the layout. Events are taken in block by block, by a
 * list of their places in the file, five bytes each; of the file no more than a window need be in
 * memory. Every event is looked at and counted. */
#ifndef REGSIM_CORE_PML_H
#define REGSIM_CORE_PML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core_map.h"
#include "core_texts.h"

enum { PML_HEADER = 0x3A8, PML_EVENT = 52, PML_LAST_REGISTRY = 17 };

/* how many events, and the first and the last of them, counted from 1 in the file */
struct pml_skips {
    uint64_t count, first, last;
};

/* the columns, as regsim.trace.columns has them */
struct pml_row {
    int64_t time;
    uint64_t number;
    uint32_t process, key, status, access;
    uint8_t op;
};

struct pml {
    uint64_t size;    /* of the file */
    unsigned pointer; /* bytes of an address of the recorded system */
    /* what is kept from block to block */
    struct texts paths;   /* from number 1 on, after a byte that is 1 or 2: the width of a character */
    struct map processes; /* by number of its record, from 1: its number here */
    uint32_t *records;    /* by process: the number of its record */
    size_t records_used, records_room;
    uint8_t *scratch;
    size_t scratch_room;
    /* what is of one block */
    uint64_t before;  /* events before it */
    bool seen;        /* whether an event was */
    int64_t first_time, last_time;
    struct pml_skips outside, unknown, damaged;
    uint64_t taken, harmless;
    uint64_t *counters; /* what the driver counts up, in the upper half, and the event in the block */
    size_t counters_used, counters_room;
    struct pml_row *rows;
    size_t rows_used, rows_room;
};

/* what the driver's numbers show of one block; `low` and `high` only where there are any */
struct pml_gaps {
    uint64_t falls, fall; /* how many are below the one before, and the event of the last */
    uint64_t skipped, skip; /* how many are missing, and the event after the last of those */
    uint32_t low, high, latest;
};

/* begin; false without memory */
bool pml_init(struct pml *pml, uint64_t size, unsigned pointer, uint64_t seed);

/* begin a block after so many events */
void pml_begin(struct pml *pml, uint64_t before);

/* return where an event is in the file */
uint64_t pml_place(const struct pml *pml, const uint8_t *place);

/* take events in from `*next` of `events` on, those that lie in the window that begins at `base`;
 * `*next` is then the first that does not, and the window must be moved to its place; false without
 * memory, and the events before `*next` are in */
bool pml_run(struct pml *pml, const uint8_t *window, size_t size, uint64_t base,
             const uint8_t *places, size_t events, size_t *next);

/* look at the driver's numbers in the block; `latest` is the last before it and `high` the highest,
 * or -1. They are put in order for it, so it is called once; false without memory, and it can be
 * called again */
bool pml_gaps(struct pml *pml, int64_t latest, int64_t high, struct pml_gaps *out);

void pml_free(struct pml *pml);

#endif
