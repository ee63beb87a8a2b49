/* The handle table of one process: the C twin of PyHandleTable in handles.py, which specifies it.
 *
 * A handle is 4 * (slot + 1). Slots lie in one array of 12 bytes each; an empty slot holds the
 * number of the slot that was freed before it, so that the free ones are a stack without memory of
 * its own. The array grows by a quarter: 15 bytes an open handle at worst.
 *
 *      slots:  [ obj 7 | access | hive 1 ] [ next 3 | - | FREE ] [ obj 9 | ... ] [ NONE | - | FREE ]
 *      handle:         4                          8                    12               16
 *      free_head = 1: the next open gives 8, the one after it 16, then 20
 *
 * handle_open, handle_close and handle_find are what a process does; handle_reuse_rank and
 * handle_free_stack tell the order of reuse; handle_copy, handle_clear, handle_beyond,
 * handle_digest and handle_check are for whole tables. A table is HANDLE_TABLE_EMPTY at first. */
#ifndef REGSIM_CORE_HANDLES_H
#define REGSIM_CORE_HANDLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HANDLE_STEP = 4 };

#define HANDLE_MAX_HIVE UINT32_C(0x7FFFFFFE) /* what remains beside the inherit bit and the mark */
#define HANDLE_MAX_SLOTS (UINT32_C(1) << 30) /* every handle value fits 32 bits */
#define HANDLE_NONE UINT32_MAX

struct handle_slot {
    uint32_t obj;    /* the object; in an empty slot the next empty one, or HANDLE_NONE */
    uint32_t access; /* the granted access */
    uint32_t home;   /* hive << 1 | inheritable; HANDLE_NONE marks an empty slot */
};

struct handle_table {
    struct handle_slot *slots; /* NULL until the first open */
    uint32_t used;             /* slots that were ever given out */
    uint32_t capacity;         /* slots that there is memory for */
    uint32_t live;             /* open handles */
    uint32_t free_head;        /* the slot freed last, or HANDLE_NONE */
};

#define HANDLE_TABLE_EMPTY {NULL, 0, 0, 0, HANDLE_NONE}

/* return the open slot that a handle names, or NULL; the two low bits are the caller's to tag */
static inline struct handle_slot *handle_find(const struct handle_table *table, int64_t handle)
{
    uint64_t slot = ((uint64_t)handle >> 2) - 1; /* what is too small becomes too large */

    if (slot >= table->used || table->slots[slot].home == HANDLE_NONE)
        return NULL;
    return &table->slots[slot];
}

/* return a new handle; 0 without memory or room, and the table is as before */
uint32_t handle_open(struct handle_table *table, struct handle_slot entry);

/* close a handle and return its object, or -1 when it names none */
int64_t handle_close(struct handle_table *table, int64_t handle);

/* return how many opens from now a value would be given out, or -1 while it is open or for ever */
int64_t handle_reuse_rank(const struct handle_table *table, int64_t handle);

/* make `copy` an independent table with the same state; false without memory */
bool handle_copy(const struct handle_table *table, struct handle_table *copy);

/* close every handle and give the memory back */
void handle_clear(struct handle_table *table);

/* return the lowest handle that is open in `table` and not in `other`, or 0 */
uint32_t handle_beyond(const struct handle_table *table, const struct handle_table *other);

/* write the slots on the free stack to `out`, that of the next open last; `out` has room for
 * used - live */
void handle_free_stack(const struct handle_table *table, uint32_t *out);

/* return a number that equal tables share on every machine: FNV-1a over state() in words of 64 */
uint64_t handle_digest(const struct handle_table *table);

/* return NULL when the invariants hold, else the one that does not */
const char *handle_check(const struct handle_table *table);

#endif
