/* The openings of each process and key, the latest on top: the twin of trace/piles.py.
 *
 * A place packs a process and a key into one number. Places are numbered in the order of their
 * coming; a pile is begun by its first opening and stays so, empty or not, until it is dropped. */
#ifndef REGSIM_CORE_PILES_H
#define REGSIM_CORE_PILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PILES_NONE = UINT32_MAX, PILES_UNPLACED = 1 };

struct piles_place {
    uint64_t place;
    uint32_t begun;  /* the how manieth pile to be begun; 0: none */
    uint32_t top;    /* its latest opening, from 1; 0: the pile is empty */
    uint32_t unseen; /* closes without an open */
};

struct piles_opening {
    int64_t time;
    uint64_t number;
    uint32_t access, below; /* the one below it, from 1 */
};

struct piles {
    struct piles_place *places;
    size_t used, room;
    uint32_t *slots; /* a place's number from 1; 0: free */
    unsigned width;
    struct piles_opening *openings;
    size_t openings_used, openings_room;
    uint32_t closed, begun; /* the latest opening that was closed; how many piles were begun */
};

/* columns of a batch, and what is asked of each row; the flags of what lies beyond them are 0 */
struct piles_rows {
    const uint8_t *op;
    const uint32_t *process, *key, *access, *status;
    const int64_t *time;
    const uint64_t *number;
    size_t rows;
    const uint32_t *hives; /* by key */
    size_t hives_used;
    const uint8_t *ended, *gone; /* by process and by hive: 1 for those not to be decided here */
    size_t ended_used, gone_used;
    int64_t last_time;
    uint64_t last_number;
};

struct piles_counts {
    uint64_t opens, closes, unmatched;
};

/* return the number of a place, a new one for a new place; PILES_NONE without memory */
uint32_t piles_number(struct piles *piles, uint64_t place);

/* lay an opening on a pile; false without memory */
bool piles_push(struct piles *piles, uint32_t at, struct piles_opening opening);

/* take the latest opening without Maximum Allowed away, if none is without it the latest; there must
 * be one */
struct piles_opening piles_close(struct piles *piles, uint32_t at);

/* take all openings of a pile away */
void piles_empty(struct piles *piles, uint32_t at);

/* return how many closes without an open there were on a hive, by `hives` of the keys; forget them if
 * asked to */
uint64_t piles_unseen(struct piles *piles, const uint32_t *hives, size_t hives_used, uint32_t hive,
                      bool forget);

/* take the plain opens and closes in from row `*next` on, up to one that is neither, which `*next` is
 * then; false without memory for that row, and those before it are in and counted */
bool piles_feed(struct piles *piles, const struct piles_rows *rows, size_t *next,
                struct piles_counts *counts);

void piles_free(struct piles *piles);

#endif
