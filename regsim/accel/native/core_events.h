/* From columns to events: the rows that change something, gathered into one record each.
 *
 * Most rows of a trace change nothing (queries, failed opens). Gathering needs no state, so that
 * row ranges can be gathered in parallel; what is left is split by process into shards, each of
 * which replays its own processes. Rows that concern every process go to each shard.
 *
 * An example, five rows in and two events out:
 *
 *      row  op         pid  parent      status        event
 *      0    OPEN       8    HKCU        0             {row 0, pid 8, OPEN, root 2}: bit 1 is HKCU
 *      1    OTHER      8                              none: it changes nothing
 *      2    OPEN       8    16          NOT_FOUND     none, and totals.failed is 1
 *      3    OPEN       12   HKCU        NOT_FOUND     {row 3, failed, root 2}: the root opened
 *      4    CLOSE      12               INVALID       none
 *
 * events_bad_row refuses ops and keys that do not exist; events_gather fills a block, as above;
 * events_split gathers any number of rows into one list a shard. */
#ifndef REGSIM_CORE_EVENTS_H
#define REGSIM_CORE_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* the codes of regsim.accel.columns.EventKind */
enum op {
    OP_OTHER,
    OP_OPEN,
    OP_CLOSE,
    OP_DUPLICATE,
    OP_START,
    OP_EXIT,
    OP_LOAD,
    OP_UNLOAD,
    OP_FORCE,
    OP_CLOSE_ROOT,
    OP_REFRESH_ROOT,
    OP_DISABLE_CACHE,
    OP_USE_ROOT,
    OP_DELETE,
    OP_COUNT
};

#define FIRST_PREDEFINED UINT64_C(0x80000000)
enum { ROOTS = 8, MAX_SHARDS = 64 };

struct columns {
    const uint8_t *op;
    const uint32_t *pid;
    const uint64_t *handle;
    const uint64_t *parent;
    const uint32_t *key;
    const uint32_t *status;
};

struct event {
    uint64_t handle;
    uint32_t row;
    uint32_t pid; /* while it is applied: the number of the process in the replay */
    uint32_t key;
    uint8_t op;
    uint8_t failed; /* whether the status is not 0 */
    uint8_t root;   /* of parent: bit n for predefined key n, 0 for any other */
};

/* what gathering counts; the rest of a replay's counters need its state */
struct totals {
    uint64_t opens, failed, duplicates, closes;
};

struct event_list {
    struct event *items;
    size_t count, capacity;
};

/* return the first of `rows` rows with an op or a key that does not exist, or `rows` */
size_t events_bad_row(const struct columns *columns, size_t rows, size_t keys);

/* gather up to EVENT_BLOCK rows from `first` on into `out`, which has room for as many; return how
 * many events there are. `number` is the row number of the first. */
enum { EVENT_BLOCK = 512 };
size_t events_gather(const struct columns *columns, size_t first, size_t rows, uint32_t number,
                     struct event *out, struct totals *totals);

/* gather rows first .. first + rows into one list a shard, appending; false without memory */
bool events_split(const struct columns *columns, size_t first, size_t rows, uint32_t number,
                  unsigned shards, struct event_list *lists, struct totals *totals);

#endif
