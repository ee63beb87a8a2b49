/* Rows of a trace's columns as their reader found them, to rows as they are replayed.
 *
 * A reader knows what a call of some name does, and which key a path is, by the name's place in a
 * dictionary; here these are looked up row by row, and what most rows come to is settled: what they
 * did, whether it failed, that they are harmless. The few rows that need more than that are left to
 * the reader (regsim/trace/readers/arrow.py, whose numpy code settles any row): those of a name or a
 * status that is not known, whose key was gone, on HKEY_CURRENT_USER itself, of which something is
 * missing, and all that begin or end something.
 *
 * An example, with the statuses 2 and 5 known to be failures:
 *
 *      row  call              handle  status        settled
 *      0    RegOpenKeyEx          16  0             OPEN
 *      1    RegQueryValueEx       16  0             OTHER, harmless
 *      2    open                   0  5             OPEN, failed
 *      3    NtOpenKey              4  0x40000016    OPEN, which did what it was asked to: status 0
 *      4    CLOSE                 16  5             OTHER, harmless: what was open is so still
 *      5    open                   0  77            no: nobody knows whether 77 is a failure
 *
 * rows_settle does that; rows_number puts the numbers of processes in the place of their pids.
 * rows_watch finds what is to be told of rows beyond their replay; regsim/accel/watching.py has its
 * twin. */
#ifndef REGSIM_CORE_ROWS_H
#define REGSIM_CORE_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core_events.h"

/* places in a dictionary, of 1 or 4 bytes each, and what stands there. The last item is that of
 * all places beyond it: of a row that has none */
struct coded {
    const void *places;
    unsigned item;
    const uint32_t *table;
    size_t count;
};

/* whose statuses a call returns, as in regsim.trace.calls.Family: bits 8 and up of a call's code,
 * whose lower eight are its op; from ROWS_UNKNOWN on its name is not known */
enum family { FAMILY_NEUTRAL, FAMILY_WIN32, FAMILY_NT };
#define ROWS_UNKNOWN (UINT32_C(1) << 16)

struct rows {
    struct coded ops, keys;
    const uint32_t *status;
    const uint64_t *handle, *parent;
    size_t count;
    const uint8_t *failures; /* by small number: whether it is known to be an error of Win32 */
    size_t failure_count;
    const uint32_t *gone; /* the statuses that say that the key is no more */
    size_t gone_count;
    bool by_path; /* the handles are zeros since the trace has none */
};

struct settled {
    uint8_t *op;
    uint32_t *key, *status;
    uint32_t *odd; /* the rows that are left over, whose op is OTHER and whose status is their own */
    size_t odd_count;
    uint64_t harmless, taken; /* how many of the others do nothing, and do something */
};

/* settle what can be; all arrays have room for every row */
void rows_settle(const struct rows *rows, struct settled *out);

/* write the number of each process, which `numbers` has from 1 on by pid, to `out`, and to `fresh`
 * the rows in which a pid comes first that has none; these get UINT32_MAX. Return how many there
 * are, or SIZE_MAX where a pid is not below `limit`; the pids have `item` bytes, 4 or 8 */
size_t rows_number(const void *pids, unsigned item, size_t rows, uint32_t *numbers, size_t limit,
                   uint32_t *out, uint32_t *fresh);

/* the columns of rows as they are replayed, the hive of each key, and a flag for each hive that was
 * ever gone and for each process that has ended; what lies beyond their ends is neither */
struct watch {
    struct columns columns;
    size_t count;
    const uint32_t *hives;
    const uint8_t *gone, *ended;
    size_t keys, gone_count, ended_count;
};

struct watched {
    uint32_t *opens; /* the rows from which handles in hives of interest may be open */
    uint32_t *odd;   /* opens in such a hive that nobody can have made, or copies */
    uint8_t *touched; /* by hive: whether a key in it was opened; it has room for `hives` */
    size_t open_count, odd_count, hives;
};

/* watch the rows from `row` on, up to one that begins or ends something; return the number of that,
 * or of the rows */
size_t rows_watch(const struct watch *watch, size_t row, struct watched *out);

#endif
