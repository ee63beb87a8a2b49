/* The replay: the C twin of PyReplay in replay.py, which specifies it.
 *
 * Where the trace has handle values, a process keeps its handles in an array indexed by value / 4,
 * of 8 bytes each; values too large for the rows seen so far go to a map instead, so that memory
 * stays in proportion to the trace. Where it has none, the map pairs by key. Emulated values are
 * those of core_handles.c.
 *
 * An event is applied in two steps, a block at a time: find its process and ask for the cache lines
 * it will need, then apply. The common ones (open and close by value) have no branch on the data.
 *
 * An example: hive 1, whose root is key 1 and which key 2 lies in; HKEY_CURRENT_USER opens the root
 * of its hive (ROOT_OF_HIVE).
 *
 *      row 0  OPEN pid 8, HKCU, key 2, handle 16    the root opens unasked, then key 2
 *      row 1  CLOSE pid 8, handle 16                key 2 is closed, the root stays
 *      row 2  UNLOAD key 1                          one handle blocks: row 0, implicit, on key 1
 *
 *      after row 0:  hot[0].direct[4] = {key 2, row 0}     16 / 4 is 4
 *                    processes[0].roots[1] = {key 1, row 0}; present, satisfied: bit 1
 *                    keys[1].opens = keys[2].opens = 1, counts[1] = 2
 *      after row 1:  direct[4].row = HELD_NONE, keys[2].opens = 0, counts[1] = 1
 *
 * Its functions, in the order of use: replay_init; then replay_keys and replay_feed (or
 * events_split and replay_apply, a shard each) as often as there are rows, replay_note for a
 * snapshot; unloads, snapshots and counters are read from the struct; replay_free.
 * core_replay.c has, in this order:
 *
 *  memory     node_push, node_pop, replay_init, replay_free, reset, add_process, process_of,
 *             replay_keys; satisfy: which predefined keys need no look at their roots
 *  handles    add and drop count; widen and move_in make a process's array larger; hold, emulate and
 *             opened keep a handle; release closes one
 *  roots      open_root, close_root, empty, call_on_root, disable_cache
 *  the rest   end_process, kill_key, unload, close_handle
 *  events     prepare, then apply_common for what is frequent and apply_any for all else; apply
 *             does a block, replay_apply and replay_feed any number of rows */
#ifndef REGSIM_CORE_REPLAY_H
#define REGSIM_CORE_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core_events.h"
#include "core_handles.h"
#include "core_map.h"

enum values { VALUES_GIVEN, VALUES_EMULATED, VALUES_VERIFIED };
enum { ROOT_NEVER = -1, ROOT_OF_HIVE = -2 };

struct policy {
    int64_t roots[ROOTS];
    bool close_root, refresh_root, disable_closes, per_call_leaks;
    bool root_blocks, subkeys_block; /* which open keys refuse a normal unload */
    enum values values;
};

struct holder {
    uint64_t handle;
    uint32_t row, pid, key;
    uint32_t implicit;
};

/* who was found when: `holders` of them from number `first` of the list of holders on */
struct finding {
    uint64_t count; /* all handles open in the hive */
    size_t first, holders;
    uint32_t row, hive;
};

struct counters {
    struct totals totals;
    uint64_t unmatched, rundown, replaced, implicit, mismatched;
    uint32_t unmatched_end, replaced_end; /* the row behind the last of each, 0 without one */
};

struct held {
    uint32_t key;
    uint32_t row; /* HELD_NONE in an empty place */
};
#define HELD_NONE UINT32_MAX

/* what an event needs of its process, close together */
struct hot {
    struct held *direct; /* by value / 4 */
    uint32_t limit;      /* the places in it */
    uint32_t satisfied;  /* bit n: a call on predefined key n opens nothing */
    uint64_t hives;      /* bit n: it may hold something in hive n, n + 64, ... */
};

struct process {
    uint32_t pid;
    uint32_t leaked; /* the list of roots that calls have leaked: a node, or NODE_NONE */
    uint8_t present; /* bit n: a root is cached for predefined key n */
    uint8_t uncached;
    bool ended;
    struct held roots[ROOTS];
    uint32_t root_handles[ROOTS]; /* their emulated values */
    struct map map;               /* a value / 4, or a key with PAIRED: the head of its nodes */
    struct handle_table table;    /* gives out the emulated values; a slot holds an `emulated` */
};

/* What an emulated handle stands for. It lies in a slot of the very table that emulates the values:
 * that table looks into a slot only to tell an empty one by its `home`, so the other words, and any
 * `home` but HANDLE_NONE, are ours. The two functions below alone know which word is which. */
struct emulated {
    struct held held;
    bool implicit;
};

/* return the slot that keeps an emulated handle */
static inline struct handle_slot emulated_slot(struct emulated handle)
{
    return (struct handle_slot){handle.held.row, handle.held.key, handle.implicit};
}

/* return the emulated handle that a slot keeps; an empty slot gives one whose row is HELD_NONE */
static inline struct emulated emulated_in(const struct handle_slot *slot)
{
    uint32_t row = slot->home == HANDLE_NONE ? HELD_NONE : slot->obj;

    return (struct emulated){{slot->access, row}, slot->home == 1};
}

#define PAIRED (UINT64_C(1) << 63)
#define NODE_NONE UINT32_MAX

struct node {
    uint64_t handle;
    uint32_t key, row;
    uint32_t next; /* the one opened before it, or the next free one */
};

struct key_state {
    uint32_t hive;
    uint32_t opens; /* open handles that count */
    uint32_t died;  /* handles opened before this row count no more */
};

enum { RECENT = 4096 };

struct replay {
    struct policy policy;
    struct counters counters;
    uint32_t rows;
    bool broken; /* memory ran out in the middle of a row: there is no way on */
    struct key_state *keys;
    size_t key_count;
    uint64_t *counts; /* of open handles, by hive */
    uint32_t *root_of_hive;
    size_t hive_count;
    struct map pids;           /* pid + 1: the number of the process */
    struct {
        uint32_t pid, number;
    } recent[RECENT];          /* the same for those seen last */
    struct hot *hot;           /* by number */
    struct process *processes; /* by number */
    uint32_t process_count, node_count, node_free;
    size_t process_capacity, node_capacity;
    struct node *nodes;
    uint64_t direct_total; /* the places ever asked for */
    struct holder *holders;
    size_t holder_count, holder_capacity;
    struct finding *unloads, *snapshots;
    size_t unload_count, unload_capacity, snapshot_count, snapshot_capacity;
};

/* make `replay` one that has seen no row; it needs no memory of its own yet */
void replay_init(struct replay *replay, const struct policy *policy);

/* give all memory back */
void replay_free(struct replay *replay);

/* give the keys and hives, more of them than before or as many; false without memory */
bool replay_keys(struct replay *replay, const uint32_t *hive_of_key, size_t keys,
                 const uint32_t *root_of_hive, size_t hives);

/* take `rows` rows from `first` on; false without memory, and the replay is broken */
bool replay_feed(struct replay *replay, const struct columns *columns, size_t first, size_t rows);

/* apply what events_split() has gathered from the rows up to number `rows`; false as replay_feed() */
bool replay_apply(struct replay *replay, struct event *events, size_t count, uint32_t rows);

/* note who holds what just now, all or the process `pid` alone, as a snapshot labelled `row`; false
 * without memory */
bool replay_note(struct replay *replay, uint32_t row, const uint32_t *pid);

#endif
