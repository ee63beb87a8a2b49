/* Who holds what; a walk over every handle, made only when somebody asks and something is open.
 *
 * In the example of core_replay.h the walk for row 2 comes to process 0 alone: bit 1 of its `hives`
 * is set. Its array and its map have nothing of hive 1 left; roots[1] has {key 1, row 0}, and key 1
 * is the root, so that policy.root_blocks decides. Which keys block is regsim.kernel.holding's
 * to say; it comes here as the two flags of the policy.
 *
 *  visit          note a handle if it is wanted and still holds
 *  visit_list, visit_direct, visit_process    come to all handles of a process
 *  find           walk over all processes and keep what was noted, in order
 *  replay_answer  who refuses an unload;  replay_note  who holds anything of interest */
#include "core_answers.h"

#include <stdlib.h>
#include <string.h>

#include "core_memory.h"

enum { ANY_HIVE = 0 };

struct walk {
    struct replay *replay;
    uint32_t hive; /* the one whose unload is answered; ANY_HIVE to list all of interest */
    uint32_t pid; /* of the process it has come to */
    uint32_t begin, end; /* the processes that it comes to, by number */
    bool failed;  /* memory ran out */
};

/* note one open handle if it is wanted */
static void visit(struct walk *walk, uint64_t handle, uint32_t key, uint32_t row, bool implicit)
{
    struct replay *replay = walk->replay;
    const struct key_state *state = &replay->keys[key];
    void *holders = replay->holders;

    if (row < state->died || !state->hive || (walk->hive && state->hive != walk->hive))
        return;
    if (walk->hive != ANY_HIVE && !(key == replay->root_of_hive[walk->hive]
                                        ? replay->policy.root_blocks
                                        : replay->policy.subkeys_block))
        return;
    if (walk->failed || !regsim_reserve(&holders, &replay->holder_capacity,
                                        replay->holder_count, 1, sizeof *replay->holders)) {
        walk->failed = true;
        return;
    }
    replay->holders = holders;
    replay->holders[replay->holder_count++] =
        (struct holder){handle, row, walk->pid, key, implicit};
}

/* visit the nodes from a number on */
static void visit_list(struct walk *walk, uint32_t number, bool implicit)
{
    for (; number != NODE_NONE; number = walk->replay->nodes[number].next) {
        struct node node = walk->replay->nodes[number];

        visit(walk, node.handle, node.key, node.row, implicit);
    }
}

/* visit what lies in a process's array; most of it is in other hives and is passed over quickly */
static void visit_direct(struct walk *walk, const struct hot *hot)
{
    const struct key_state *keys = walk->replay->keys;

    for (uint32_t i = 0; i < hot->limit; i++) {
        struct held held = hot->direct[i];
        uint32_t hive = held.row == HELD_NONE ? 0 : keys[held.key].hive;

        if (hive && (hive == walk->hive || walk->hive == ANY_HIVE))
            visit(walk, (uint64_t)i * HANDLE_STEP, held.key, held.row, false);
    }
}

/* visit every handle of a process, or none where it can hold nothing in the hive */
static void visit_process(struct walk *walk, uint32_t number)
{
    const struct process *process = &walk->replay->processes[number];
    const struct hot *hot = &walk->replay->hot[number];

    if (walk->hive != ANY_HIVE && !(hot->hives >> walk->hive % 64 & 1))
        return;
    walk->pid = process->pid;
    visit_direct(walk, hot);
    for (uint32_t i = 0; process->map.count && i <= process->map.mask; i++)
        if (process->map.entries[i].key)
            visit_list(walk, process->map.entries[i].value, false);
    for (uint32_t i = 0; i < process->table.used; i++) {
        struct emulated one = emulated_in(&process->table.slots[i]);

        if (one.held.row != HELD_NONE)
            visit(walk, (i + UINT64_C(1)) * HANDLE_STEP, one.held.key, one.held.row, one.implicit);
    }
    for (uint32_t i = 0; i < ROOTS; i++)
        if (process->present & 1u << i && !process->root_handles[i])
            visit(walk, 0, process->roots[i].key, process->roots[i].row, true);
    visit_list(walk, process->leaked, true);
}

#define ORDER(a, b, field)                                                                         \
    if ((a)->field != (b)->field)                                                                  \
        return (a)->field < (b)->field ? -1 : 1

/* the order of records.Holder: as opened */
static int compare(const void *left, const void *right)
{
    const struct holder *a = left, *b = right;

    ORDER(a, b, row);
    ORDER(a, b, implicit);
    ORDER(a, b, pid);
    ORDER(a, b, key);
    ORDER(a, b, handle);
    return 0;
}

/* append a finding and the holders that belong to it; false without memory */
static bool find(struct replay *replay, struct walk *walk, struct finding finding,
                 struct finding **list, size_t *count, size_t *capacity)
{
    void *items = *list;

    if (!regsim_reserve(&items, capacity, *count, 1, sizeof **list))
        return false;
    *list = items;
    finding.first = replay->holder_count;
    for (uint32_t i = walk->begin; finding.count && i < walk->end; i++)
        visit_process(walk, i);
    if (walk->failed) {
        replay->holder_count = finding.first;
        return false;
    }
    finding.holders = replay->holder_count - finding.first;
    if (finding.holders)
        qsort(replay->holders + finding.first, finding.holders, sizeof *replay->holders, compare);
    (*list)[(*count)++] = finding;
    return true;
}

bool replay_answer(struct replay *replay, uint32_t row, uint32_t hive)
{
    struct walk walk = {.replay = replay, .hive = hive, .end = replay->process_count};
    struct finding finding = {.count = replay->counts[hive], .row = row, .hive = hive};

    return find(replay, &walk, finding, &replay->unloads, &replay->unload_count,
                &replay->unload_capacity);
}

bool replay_note(struct replay *replay, uint32_t row, const uint32_t *pid)
{
    struct walk walk = {.replay = replay, .hive = ANY_HIVE, .end = replay->process_count};
    struct finding finding = {.count = 0, .row = row, .hive = 0};

    if (pid) {
        const uint32_t *number = map_find(&replay->pids, (uint64_t)*pid + 1);

        walk.begin = number ? *number : 0;
        walk.end = number ? *number + 1 : 0;
    }

    for (size_t i = 1; i < replay->hive_count; i++)
        finding.count += replay->counts[i];
    return find(replay, &walk, finding, &replay->snapshots, &replay->snapshot_count,
                &replay->snapshot_capacity);
}
