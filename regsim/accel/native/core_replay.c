/* The replay; core_replay.h has the plan and an example. One function an op, as in replay.py. */
#include "core_replay.h"

#include <string.h>
#include "core_answers.h"
#include "core_memory.h"

enum {
    LEAST_DIRECT = 64,         /* the first array of a process has this many places */
    FREE_DIRECT = 1 << 20,     /* places that all processes together may have at once, and */
    DIRECT_PER_ROW = 8,        /* more of them with each row */
    ALL_ROOTS = (1 << ROOTS) - 1, HKCU_BIT = 2
};

/* -- memory ----------------------------------------------------------------------------------- */

/* put a node in front of the list at `head`; false without memory */
static bool node_push(struct replay *replay, uint32_t *head, struct node node)
{
    uint32_t number = replay->node_free;

    if (number != NODE_NONE) {
        replay->node_free = replay->nodes[number].next;
    } else {
        void *nodes = replay->nodes;

        if (!regsim_reserve(&nodes, &replay->node_capacity, replay->node_count, 1, sizeof node))
            return false;
        replay->nodes = nodes;
        number = replay->node_count++;
    }
    node.next = *head;
    replay->nodes[number] = node;
    *head = number;
    return true;
}

/* take the first node off the list at `head`, which has one */
static struct node node_pop(struct replay *replay, uint32_t *head)
{
    uint32_t number = *head;
    struct node node = replay->nodes[number];

    *head = node.next;
    replay->nodes[number].next = replay->node_free;
    replay->node_free = number;
    return node;
}

void replay_init(struct replay *replay, const struct policy *policy)
{
    memset(replay, 0, sizeof *replay);
    replay->policy = *policy;
    replay->node_free = NODE_NONE;
    for (uint32_t i = 0; i < RECENT; i++)
        replay->recent[i].number = UINT32_MAX;
}

void replay_free(struct replay *replay)
{
    for (uint32_t i = 0; i < replay->process_count; i++) {
        regsim_free(replay->hot[i].direct);
        map_clear(&replay->processes[i].map);
        handle_clear(&replay->processes[i].table);
    }
    map_clear(&replay->pids);
    regsim_free(replay->hot);
    regsim_free(replay->processes);
    regsim_free(replay->nodes);
    regsim_free(replay->keys);
    regsim_free(replay->counts);
    regsim_free(replay->root_of_hive);
    regsim_free(replay->holders);
    regsim_free(replay->unloads);
    regsim_free(replay->snapshots);
    replay_init(replay, &(struct policy){.values = VALUES_GIVEN});
}

/* the roots that the policy never opens need nothing */
static uint32_t never_opened(const struct policy *policy)
{
    uint32_t bits = 0;

    for (uint32_t i = 0; i < ROOTS; i++)
        bits |= (uint32_t)(policy->roots[i] == ROOT_NEVER) << i;
    return bits;
}

/* note anew which predefined keys a call opens nothing for */
static void satisfy(struct replay *replay, uint32_t number)
{
    const struct process *process = &replay->processes[number];

    replay->hot[number].satisfied =
        never_opened(&replay->policy) | (process->present & ~(uint32_t)process->uncached);
}

/* make process `number` one that holds nothing */
static void reset(struct replay *replay, uint32_t number, uint32_t pid)
{
    replay->processes[number] = (struct process){
        .pid = pid, .leaked = NODE_NONE, .table = HANDLE_TABLE_EMPTY};
    replay->hot[number] = (struct hot){NULL, 0, 0, 0};
    satisfy(replay, number);
}

/* give a new pid a number; NODE_NONE without memory */
static uint32_t add_process(struct replay *replay, uint32_t pid)
{
    uint32_t number = replay->process_count;
    size_t hot_capacity = replay->process_capacity;
    void *hot = replay->hot, *processes = replay->processes;

    if (!regsim_reserve(&hot, &hot_capacity, number, 1, sizeof *replay->hot))
        return NODE_NONE;
    replay->hot = hot;
    if (!regsim_reserve(&processes, &replay->process_capacity, number, 1,
                        sizeof *replay->processes))
        return NODE_NONE;
    replay->processes = processes;
    if (!map_add(&replay->pids, (uint64_t)pid + 1, number))
        return NODE_NONE;
    replay->process_count++;
    reset(replay, number, pid);
    return number;
}

/* return the number of a process, which begins to exist if it must; NODE_NONE without memory */
static uint32_t process_of(struct replay *replay, uint32_t pid)
{
    uint32_t place = pid >> 2 & (RECENT - 1), number;
    const uint32_t *known;

    if (replay->recent[place].pid == pid && replay->recent[place].number != UINT32_MAX)
        return replay->recent[place].number;
    known = map_find(&replay->pids, (uint64_t)pid + 1);
    number = known ? *known : add_process(replay, pid);
    replay->recent[place].pid = pid;
    replay->recent[place].number = number;
    return number;
}

bool replay_keys(struct replay *replay, const uint32_t *hive_of_key, size_t keys,
                 const uint32_t *root_of_hive, size_t hives)
{
    struct key_state *states;
    uint64_t *counts;
    uint32_t *roots;

    states = regsim_resize(replay->keys, (keys + 1) * sizeof *states);
    if (!states)
        return false;
    replay->keys = states;
    counts = regsim_resize(replay->counts, (hives + 1) * sizeof *counts);
    if (!counts)
        return false;
    replay->counts = counts;
    roots = regsim_resize(replay->root_of_hive, (hives + 1) * sizeof *roots);
    if (!roots)
        return false;
    replay->root_of_hive = roots;
    for (size_t i = replay->key_count; i < keys; i++)
        states[i] = (struct key_state){hive_of_key[i], 0, 0};
    for (size_t i = replay->hive_count; i < hives; i++) {
        counts[i] = 0;
        roots[i] = root_of_hive[i];
    }
    replay->key_count = keys;
    replay->hive_count = hives;
    return true;
}

/* -- handles ---------------------------------------------------------------------------------- */

/* count a handle that process `number` has opened */
static void add(struct replay *replay, uint32_t number, uint32_t key)
{
    struct key_state *state = &replay->keys[key];

    state->opens++;
    replay->counts[state->hive]++;
    replay->hot[number].hives |= UINT64_C(1) << state->hive % 64;
}

/* stop counting a handle that was closed, if it still counted */
static void drop(struct replay *replay, uint32_t key, uint32_t row)
{
    struct key_state *state = &replay->keys[key];
    bool counted = row >= state->died;

    state->opens -= counted;
    replay->counts[state->hive] -= counted;
}

/* move what the map of a process has for values below the limit to the array */
static void move_in(struct replay *replay, uint32_t number)
{
    struct map *map = &replay->processes[number].map;
    struct hot *hot = &replay->hot[number];
    uint32_t at = 0;

    while (map->count && at <= map->mask) {
        struct map_entry *entry = &map->entries[at];

        if (!entry->key || entry->key >= hot->limit) {
            at++;
            continue;
        }
        hot->direct[entry->key].key = replay->nodes[entry->value].key;
        hot->direct[entry->key].row = replay->nodes[entry->value].row;
        node_pop(replay, &(uint32_t){entry->value});
        map_remove(map, &entry->value); /* what moves back to this place is looked at next */
    }
}

/* have the array of a process reach a place, or do nothing where that would be out of proportion
 * to the trace; false without memory */
static bool widen(struct replay *replay, uint32_t number, uint64_t place)
{
    struct hot *hot = &replay->hot[number];
    uint64_t limit = hot->limit ? hot->limit : LEAST_DIRECT;
    uint64_t allowed = FREE_DIRECT + (uint64_t)replay->rows * DIRECT_PER_ROW;
    struct held *direct;

    if (place >= allowed)
        return true;
    while (limit <= place)
        limit *= 2;
    if (replay->direct_total + limit > allowed || limit > UINT32_MAX)
        return true;
    direct = regsim_resize(hot->direct, (size_t)limit * sizeof *direct);
    if (!direct)
        return false;
    memset(direct + hot->limit, 0xFF, (size_t)(limit - hot->limit) * sizeof *direct);
    hot->direct = direct;
    hot->limit = (uint32_t)limit;
    replay->direct_total += limit;
    move_in(replay, number);
    return true;
}

/* keep a handle in the map, by value or paired by key; false without memory */
static bool hold_in_map(struct replay *replay, uint32_t number, struct node node)
{
    struct map *map = &replay->processes[number].map;
    uint64_t place = node.handle >> 2, name = place ? place : PAIRED | node.key;
    uint32_t *head = map_find(map, name), fresh = NODE_NONE;

    if (head && place) {
        struct node old = node_pop(replay, head);

        replay->counters.replaced++;
        replay->counters.replaced_end = node.row + 1;
        drop(replay, old.key, old.row);
        return node_push(replay, head, node);
    }
    if (head)
        return node_push(replay, head, node);
    if (!node_push(replay, &fresh, node))
        return false;
    if (map_add(map, name, fresh))
        return true;
    node_pop(replay, &fresh);
    return false;
}

/* keep a handle that the trace has the value of, or none; false without memory */
static bool hold(struct replay *replay, uint32_t number, struct node node)
{
    uint64_t place = node.handle >> 2;

    if (place >= replay->hot[number].limit && place && !widen(replay, number, place))
        return false;
    if (!place || place >= replay->hot[number].limit) {
        if (!hold_in_map(replay, number, node))
            return false;
    } else {
        struct held *held = &replay->hot[number].direct[place];

        if (held->row != HELD_NONE) {
            replay->counters.replaced++;
            replay->counters.replaced_end = node.row + 1;
            drop(replay, held->key, held->row);
        }
        *held = (struct held){node.key, node.row};
    }
    add(replay, number, node.key);
    return true;
}

/* keep a handle under the next emulated value and return that; 0 without memory */
static uint32_t emulate(struct replay *replay, uint32_t number, uint32_t key, uint32_t row,
                        bool implicit)
{
    struct handle_slot slot = emulated_slot((struct emulated){{key, row}, implicit});
    uint32_t value = handle_open(&replay->processes[number].table, slot);

    if (value)
        add(replay, number, key);
    return value;
}

/* close by value, or by key without one, where the trace has the values; false if nothing is open */
static bool release_given(struct replay *replay, uint32_t number, uint64_t handle, uint32_t key)
{
    struct map *map = &replay->processes[number].map;
    uint64_t place = handle >> 2;
    uint32_t *head;
    struct node node;

    if (place && place < replay->hot[number].limit) {
        struct held *held = &replay->hot[number].direct[place];

        if (held->row == HELD_NONE)
            return false;
        drop(replay, held->key, held->row);
        held->row = HELD_NONE;
        return true;
    }
    head = map_find(map, place ? place : PAIRED | key);
    if (!head)
        return false;
    node = node_pop(replay, head);
    drop(replay, node.key, node.row);
    if (*head == NODE_NONE)
        map_remove(map, head);
    return true;
}

/* close a handle; false if there was none */
static bool release(struct replay *replay, uint32_t number, uint64_t handle, uint32_t key)
{
    struct handle_table *table = &replay->processes[number].table;
    const struct handle_slot *slot;
    struct held held;

    if (replay->policy.values == VALUES_GIVEN)
        return release_given(replay, number, handle, key);
    slot = handle <= UINT32_MAX ? handle_find(table, (int64_t)handle) : NULL;
    if (!slot)
        return false;
    held = emulated_in(slot).held;
    drop(replay, held.key, held.row);
    handle_close(table, (int64_t)handle);
    return true;
}

/* keep a handle that was asked for; false without memory */
static bool opened(struct replay *replay, uint32_t number, const struct event *event)
{
    struct node node = {event->handle & ~(uint64_t)3, event->key, event->row, NODE_NONE};
    uint32_t value;

    if (replay->policy.values == VALUES_GIVEN)
        return hold(replay, number, node);
    value = emulate(replay, number, event->key, event->row, false);
    replay->counters.mismatched +=
        replay->policy.values == VALUES_VERIFIED && value && value != event->handle;
    return value != 0;
}

/* -- roots that nobody asked for -------------------------------------------------------------- */

/* open the root of predefined key `index`; its value goes to `value`; false without memory */
static bool open_root(struct replay *replay, uint32_t number, uint32_t index,
                      const struct event *event, struct held *root, uint32_t *value)
{
    int64_t named = replay->policy.roots[index];
    uint32_t hive = replay->keys[event->key].hive;

    if (named == ROOT_OF_HIVE)
        named = hive ? replay->root_of_hive[hive] : event->key;
    *root = (struct held){(uint32_t)named, event->row};
    *value = 0;
    replay->counters.implicit++;
    if (replay->policy.values == VALUES_GIVEN)
        add(replay, number, root->key);
    else
        *value = emulate(replay, number, root->key, root->row, true);
    return replay->policy.values == VALUES_GIVEN || *value;
}

/* close a root; one with a value closes whatever bears that value by now */
static void close_root(struct replay *replay, uint32_t number, struct held root, uint32_t value)
{
    if (value)
        release(replay, number, value, root.key);
    else
        drop(replay, root.key, root.row);
}

/* take what stands behind predefined key `index` and close it */
static void empty(struct replay *replay, uint32_t number, uint32_t index)
{
    struct process *process = &replay->processes[number];
    uint32_t bit = 1u << index;

    if (!(process->present & bit))
        return;
    process->present &= (uint8_t)~bit;
    close_root(replay, number, process->roots[index], process->root_handles[index]);
    satisfy(replay, number);
}

/* the number of the one bit that is set */
static uint32_t index_of(uint8_t bit)
{
    uint32_t index = 0;

    while (bit >>= 1)
        index++;
    return index;
}

/* a call on a predefined key: have a root behind it, open what was asked for, and close a root of
 * the call's own; false without memory */
static bool call_on_root(struct replay *replay, uint32_t number, const struct event *event)
{
    struct process *process = &replay->processes[number];
    bool opens = event->op == OP_OPEN && !event->failed;
    uint32_t index, value;
    struct held root;

    if (!(event->root & ~replay->hot[number].satisfied))
        return !opens || opened(replay, number, event);
    index = index_of(event->root);
    if (!open_root(replay, number, index, event, &root, &value))
        return false;
    if (!(process->uncached & event->root)) {
        process->roots[index] = root;
        process->root_handles[index] = value;
        process->present |= event->root;
        satisfy(replay, number);
        return !opens || opened(replay, number, event);
    }
    if (opens && !opened(replay, number, event))
        return false;
    if (!replay->policy.per_call_leaks)
        close_root(replay, number, root, value);
    else if (!value)
        return node_push(replay, &process->leaked, (struct node){0, root.key, root.row, 0});
    return true;
}

/* have calls on one predefined key, or on all, open and close a root of their own */
static void disable_cache(struct replay *replay, uint32_t number, const struct event *event)
{
    uint32_t which = event->root == HKCU_BIT ? HKCU_BIT : ALL_ROOTS;

    replay->processes[number].uncached |= (uint8_t)which;
    for (uint32_t i = 0; i < ROOTS && replay->policy.disable_closes; i++)
        if (which & 1u << i)
            empty(replay, number, i);
    satisfy(replay, number);
}

/* -- processes and hives ---------------------------------------------------------------------- */

/* close all handles in the list at `head` */
static void drop_list(struct replay *replay, uint32_t head)
{
    while (head != NODE_NONE) {
        struct node node = node_pop(replay, &head);

        drop(replay, node.key, node.row);
    }
}

/* close every handle of a process and have it begin anew */
static void end_process(struct replay *replay, uint32_t number, bool ended)
{
    struct process *process = &replay->processes[number];
    struct hot *hot = &replay->hot[number];

    for (uint32_t i = 0; i < hot->limit; i++)
        if (hot->direct[i].row != HELD_NONE)
            drop(replay, hot->direct[i].key, hot->direct[i].row);
    for (uint32_t i = 0; process->map.count && i <= process->map.mask; i++)
        if (process->map.entries[i].key)
            drop_list(replay, process->map.entries[i].value);
    for (uint32_t i = 0; i < process->table.used; i++) {
        struct held held = emulated_in(&process->table.slots[i]).held;

        if (held.row != HELD_NONE)
            drop(replay, held.key, held.row);
    }
    for (uint32_t i = 0; i < ROOTS; i++)
        if (process->present & 1u << i && !process->root_handles[i])
            drop(replay, process->roots[i].key, process->roots[i].row);
    drop_list(replay, process->leaked);
    regsim_free(hot->direct);
    map_clear(&process->map);
    handle_clear(&process->table);
    reset(replay, number, process->pid);
    process->ended = ended;
}

/* have the handles that are open on a key hold it no more */
static void kill_key(struct replay *replay, uint32_t key, uint32_t row)
{
    struct key_state *state = &replay->keys[key];

    replay->counts[state->hive] -= state->opens;
    state->opens = 0;
    state->died = row;
}

/* answer an unload, and have the hive go if it went; false without memory */
static bool unload(struct replay *replay, const struct event *event)
{
    uint32_t hive = replay->keys[event->key].hive;

    if (!hive)
        return true;
    if (!replay_answer(replay, event->row, hive))
        return false;
    if (event->failed || !replay->counts[hive])
        return true;
    for (uint32_t key = 0; key < replay->key_count; key++)
        if (replay->keys[key].hive == hive)
            kill_key(replay, key, event->row);
    return true;
}

/* close what a row closes, and count it where nothing was open */
static void close_handle(struct replay *replay, uint32_t number, const struct event *event)
{
    bool ended = replay->processes[number].ended;

    if (release(replay, number, event->handle, event->key))
        return;
    *(ended ? &replay->counters.rundown : &replay->counters.unmatched) += 1;
    if (!ended)
        replay->counters.unmatched_end = event->row + 1;
}

/* -- events ----------------------------------------------------------------------------------- */

/* apply any event; false without memory */
static bool apply_any(struct replay *replay, const struct event *event)
{
    uint32_t number = event->pid;

    switch (event->op) {
    case OP_OPEN:
    case OP_USE_ROOT:
        if (event->root)
            return call_on_root(replay, number, event);
        return event->op == OP_USE_ROOT || opened(replay, number, event);
    case OP_DUPLICATE:
        return opened(replay, number, event);
    case OP_CLOSE:
        close_handle(replay, number, event);
        return true;
    case OP_START:
    case OP_EXIT:
        end_process(replay, number, event->op == OP_EXIT);
        return true;
    case OP_UNLOAD:
    case OP_FORCE:
        return unload(replay, event);
    case OP_CLOSE_ROOT:
    case OP_REFRESH_ROOT:
        if (!event->failed && event->root &&
            (event->op == OP_CLOSE_ROOT ? replay->policy.close_root : replay->policy.refresh_root))
            empty(replay, number, index_of(event->root));
        return true;
    case OP_DISABLE_CACHE:
        if (!event->failed)
            disable_cache(replay, number, event);
        return true;
    case OP_DELETE:
        if (!event->failed)
            kill_key(replay, event->key, event->row);
        return true;
    default: /* OP_LOAD */
        return true;
    }
}

#if defined(__GNUC__)
#define PREFETCH(address) __builtin_prefetch(address, 1)
#else
#define PREFETCH(address) ((void)(address))
#endif

/* return whether all events are opens, closes, duplicates or calls on a predefined key: then a root
 * that is behind such a key now will be so until the last of them */
static bool ordinary(const struct event *events, size_t count)
{
    bool all = true;

    for (size_t i = 0; i < count; i++)
        all &= (events[i].op <= OP_DUPLICATE) | (events[i].op == OP_USE_ROOT);
    return all;
}

/* Why two passes: the key and the handle that an event touches lie anywhere in memory. Asked for a
 * block ahead they are in the cache by the time the event is applied, and the waits overlap.
 *
 * find each event's process, ask for what applying it will touch, and leave out the calls that
 * opened nothing on a root that is there already. Return how many are left; SIZE_MAX without memory */
static size_t prepare(struct replay *replay, struct event *events, size_t count)
{
    bool settled = ordinary(events, count);
    size_t left = 0;

    for (size_t i = 0; i < count; i++) {
        struct event event = events[i];
        uint64_t place = event.handle >> 2;
        const struct hot *hot;
        bool idle;

        event.pid = process_of(replay, event.pid);
        if (event.pid == NODE_NONE || event.key >= replay->key_count)
            return SIZE_MAX; /* a key is checked before; a column may change while we read it */
        hot = &replay->hot[event.pid];
        PREFETCH(&replay->keys[event.key]);
        PREFETCH(&hot->direct[place < hot->limit ? place : 0]);
        idle = (event.failed | (event.op == OP_USE_ROOT)) & !(event.root & ~hot->satisfied);
        events[left] = event;
        left += !(settled & idle);
    }
    return left;
}

/* Why no branch: whether the next row opens or closes follows no pattern that a processor could
 * guess, and a wrong guess costs more than the few operations here. So both answers are computed and
 * masks choose: `-closes` is all ones for a close and 0 for an open.
 *
 *              open                       close
 *   key        that of the row            that of the handle; most traces give a close none
 *   change     +1                         -1, or 0 where the key died after the open
 *   row        that of the open           all ones, which is HELD_NONE: the place is empty again
 *
 * An open onto a place in use, or a close of an empty one, is left to apply_any, which counts it.
 * A close sets the bit in `hives` too: it only says where something *may* be held.
 *
 * apply an open or close whose value lies in the array; false, with nothing done, for any other */
static inline bool apply_common(struct replay *replay, const struct event *event)
{
    struct hot *hot = &replay->hot[event->pid];
    uint64_t place = event->handle >> 2;
    uint32_t closes = event->op == OP_CLOSE, key, change;
    struct held *held, old;
    struct key_state *state;

    if ((event->op > OP_DUPLICATE) | event->failed | !place | (place >= hot->limit) |
        ((event->root & ~hot->satisfied) != 0))
        return false;
    held = &hot->direct[place];
    old = *held;
    if (closes == (old.row == HELD_NONE))
        return false;
    key = event->key ^ ((event->key ^ old.key) & -closes);
    state = &replay->keys[key];
    change = (1 - 2 * closes) & -(uint32_t)(!closes | (old.row >= state->died));
    state->opens += change;
    replay->counts[state->hive] += (uint64_t)(int64_t)(int32_t)change;
    hot->hives |= UINT64_C(1) << state->hive % 64;
    held->key = key;
    held->row = event->row | -closes;
    return true;
}

/* apply up to EVENT_BLOCK gathered events; false without memory */
static bool apply(struct replay *replay, struct event *events, size_t count)
{
    bool values = replay->policy.values == VALUES_GIVEN;
    size_t left = prepare(replay, events, count);

    replay->broken = left == SIZE_MAX;
    for (size_t i = 0; i < left && !replay->broken; i++)
        if (!values || !apply_common(replay, &events[i]))
            replay->broken = !apply_any(replay, &events[i]);
    return !replay->broken;
}

bool replay_apply(struct replay *replay, struct event *events, size_t count, uint32_t rows)
{
    replay->rows = rows;
    for (size_t done = 0; done < count && !replay->broken; done += EVENT_BLOCK)
        apply(replay, events + done, count - done < EVENT_BLOCK ? count - done : EVENT_BLOCK);
    return !replay->broken;
}

bool replay_feed(struct replay *replay, const struct columns *columns, size_t first, size_t rows)
{
    struct event block[EVENT_BLOCK];

    for (size_t done = 0; done < rows && !replay->broken; done += EVENT_BLOCK) {
        size_t size = rows - done < EVENT_BLOCK ? rows - done : EVENT_BLOCK;
        size_t found = events_gather(columns, first + done, size, replay->rows, block,
                                     &replay->counters.totals);

        replay->rows += (uint32_t)size;
        apply(replay, block, found);
    }
    return !replay->broken;
}
