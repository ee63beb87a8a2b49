/* Breadth-first search that interprets tables; core_search.h has the picture and an example.
 *
 *  steps    miss; apply_maps, step_by, step and collect put the successors of some states into the
 *           batch; choose, approach, append and commit keep the new ones; thin leaves out those
 *           that an ample step stands for; expand does all that; search_run, search_begin
 *  edges    write_edges, search_edges: the same steps again, to where they lead
 *
 * Why in batches: a look-up in the set of states waits for memory twice, for the slot and for the
 * state it names. With many successors at hand the slots are asked for first, then the states, and
 * only then is anything compared, so that the waits overlap. Why `recent`: most steps lead to a state
 * met a moment ago by another order of the same steps; a small table that stays in the cache
 * answers for those without either wait. */
#include "core_search.h"

#include <string.h>

#include "search_inside.h"

enum {
    BATCH = 256, /* states whose steps are looked up before any successor is */
    AHEAD = 64,  /* successors that are fetched before the first is looked at */
};

/* a successor in the batch that is to be looked up */
struct fresh {
    uint64_t hash;
    size_t at;
};

/* -- steps ------------------------------------------------------------------------------------ */

/* note that a state needs what is not there, once for all that need the same */
static enum search_status miss(struct search *search, struct search_miss missing)
{
    const uint64_t *state = state_at(search, missing.state, search->words);
    uint32_t words = missing.row == SEARCH_NONE ? 0 : search->words;

    for (size_t i = 0; i < search->misses.used; i++) {
        struct search_miss *known = &ITEMS(search->misses, struct search_miss)[i];
        const uint64_t *other = state_at(search, known->state, search->words);
        uint64_t differ = 0;

        if (known->process != missing.process || known->own != missing.own)
            continue;
        for (uint32_t j = 0; j < words; j++)
            differ |= (state[j] ^ other[j]) &
                      ITEMS(search->masks, uint64_t)[(size_t)missing.row * words + j];
        if (differ == 0 && (!words || zeros_of(search, missing.row, state) ==
                                          zeros_of(search, missing.row, other)))
            return SEARCH_MISSING;
    }
    if (search->misses.used < SEARCH_MAX_MISSES)
        ITEMS(search->misses, struct search_miss)[search->misses.used++] = missing;
    return SEARCH_MISSING;
}

/* change the components that a step maps; false where an image is not known */
static bool apply_maps(const struct search *search, struct outcome outcome, uint64_t *after)
{
    for (uint32_t i = 0; i < outcome.maps; i++) {
        struct map map = ITEMS(search->maps, struct map)[outcome.first_map + i];
        struct search_field field = search->fields[map.component];
        uint32_t number = get(after, field), image = SEARCH_NONE;

        if (number < map.count)
            image = ITEMS(search->images, uint32_t)[map.first + number];
        if (image == SEARCH_NONE)
            return false;
        put(after, field, image);
    }
    return true;
}

/* add the successors by an entry to the batch */
INLINE enum search_status step_by(struct search *search, const struct entry *entry,
                                  struct search_miss by, unsigned words)
{
    const uint64_t *state = state_at(search, by.state, words);
    const uint64_t *delta = ITEMS(search->deltas, uint64_t) + (size_t)entry->first * words;
    struct note *note;
    uint64_t *after;

    if (!reserve(&search->batch, entry->count * (size_t)words, sizeof(uint64_t)) ||
        !reserve(&search->notes, entry->count, sizeof(struct note)))
        return SEARCH_NO_MEMORY;
    after = ITEMS(search->batch, uint64_t) + search->batch.used;
    note = ITEMS(search->notes, struct note) + search->notes.used;
    for (uint32_t i = 0; i < entry->count; i++) {
        for (unsigned j = 0; j < words; j++)
            after[j] = state[j] ^ *delta++;
        if (entry->maps &&
            !apply_maps(search, ITEMS(search->outcomes, struct outcome)[entry->first + i], after))
            return miss(search, by);
        after += words;
        *note++ = (struct note){by.state, by.process};
    }
    search->batch.used += entry->count * (size_t)words;
    search->notes.used += entry->count;
    return SEARCH_DONE;
}

/* add one process's successors of a state to the batch */
INLINE enum search_status step(struct search *search, uint32_t index, uint32_t number,
                               unsigned words)
{
    const struct search_process *process = &search->processes[number];
    const uint64_t *state = state_at(search, index, words);
    uint32_t own = get(state, search->fields[process->own]);
    struct search_miss by = {index, number, row_of(process, own), own};
    uint32_t found = 0;

    if (by.row == SEARCH_NONE)
        return miss(search, by);
    if (search->index)
        found = search->index[entry_place(search, by.row, zeros_of(search, by.row, state), state,
                                          words)];
    if (!found)
        return miss(search, by);
    return step_by(search, &ITEMS(search->entries, struct entry)[found - 1], by, words);
}

/* put all successors of the states from `first` to before `end` into the batch */
INLINE enum search_status collect(struct search *search, uint32_t first, uint32_t end,
                                  unsigned words)
{
    enum search_status all = SEARCH_DONE;

    search->batch.used = search->notes.used = search->misses.used = 0;
    for (uint32_t i = first; i < end && search->misses.used < SEARCH_MAX_MISSES; i++)
        for (uint32_t j = 0; j < search->count_of_processes; j++) {
            enum search_status one = step(search, i, j, words);

            if (one == SEARCH_NO_MEMORY)
                return one;
            if (one == SEARCH_MISSING)
                all = one;
        }
    return all;
}

/* have the state fetched that the slot of a hash points to */
INLINE void approach(const struct search *search, uint64_t hash, unsigned words)
{
    uint64_t slot = search->slots[hash & search->slot_mask];

    if (slot && (slot ^ hash) >> 32 == 0)
        PREFETCH(state_at(search, (uint32_t)slot - 1, words));
}

/* append a state that is not there yet; there is room */
INLINE void append(struct search *search, uint64_t *slot, const uint64_t *state, uint64_t hash,
                   uint32_t parent, unsigned words)
{
    uint32_t index = count_of_states(search);

    memcpy(ITEMS(search->states, uint64_t) + search->states.used, state, words * sizeof *state);
    search->states.used += words;
    ITEMS(search->parents, uint32_t)[search->parents.used++] = parent;
    *slot = slot_value(hash, index);
    for (size_t i = 0; i < search->targets.used; i++) {
        struct target *target = &ITEMS(search->targets, struct target)[i];

        if (target->hit == SEARCH_NONE && holds(search, *target, state))
            target->hit = index;
    }
}

/* return whether a state was met lately, and note that it is now */
INLINE bool lately(struct search *search, const uint64_t *state, uint64_t hash, unsigned words)
{
    uint64_t *place = search->recent + (hash & (RECENT - 1)) * words;

    if (same(place, state, words))
        return true;
    memcpy(place, state, words * sizeof *state);
    return false;
}

/* fold and hash successors from `*at` on; write the next `AHEAD` that were not met lately to `some`
 * and have their slots fetched; return how many they are */
INLINE unsigned choose(struct search *search, size_t *at, struct fresh *some, unsigned words)
{
    unsigned count = 0;

    for (; *at < search->notes.used && count < AHEAD; ++*at) {
        uint64_t *after = ITEMS(search->batch, uint64_t) + *at * words, hash;

        if (search->groups.used)
            search_fold(search, after);
        hash = hash_of(after, words);
        if (lately(search, after, hash, words))
            continue;
        some[count++] = (struct fresh){hash, *at};
        PREFETCH(&search->slots[hash & search->slot_mask]);
    }
    return count;
}

/* append those successors in the batch that are new states */
INLINE void commit(struct search *search, unsigned words)
{
    struct fresh some[AHEAD];
    const struct note *notes = search->notes.data;
    size_t at = 0;

    while (at < search->notes.used) {
        unsigned count = choose(search, &at, some, words);

        for (unsigned i = 0; i < count; i++)
            approach(search, some[i].hash, words);
        for (unsigned i = 0; i < count; i++) {
            const uint64_t *after = ITEMS(search->batch, uint64_t) + some[i].at * words;
            uint64_t *slot = slot_of(search, after, some[i].hash, words);

            if (!*slot)
                append(search, slot, after, some[i].hash, notes[some[i].at].parent, words);
        }
    }
    search->transitions += search->notes.used;
}

/* of the successors of one state keep an ample process's, if one of them is yet to be expanded */
INLINE void thin(struct search *search, uint32_t index, unsigned words)
{
    struct note *notes = search->notes.data;
    uint64_t *batch = search->batch.data;

    for (size_t first = 0, end; first < search->notes.used; first = end) {
        const struct search_process *process = &search->processes[notes[first].process];
        uint32_t own = get(state_at(search, index, words), search->fields[process->own]);
        bool ahead = false;

        for (end = first; end < search->notes.used && notes[end].process == notes[first].process;
             end++) {
            uint64_t *after = batch + end * words;

            if (search->groups.used)
                search_fold(search, after);
            /* the index of a state that is not there yet reads as the greatest of all */
            ahead |= (uint32_t)*slot_of(search, after, hash_of(after, words), words) - 1 > index;
        }
        if (!ahead || !ITEMS(search->rows, struct row)[row_of(process, own)].ample)
            continue;
        memmove(batch, batch + first * words, (end - first) * words * sizeof *batch);
        memmove(notes, notes + first, (end - first) * sizeof *notes);
        search->notes.used = end - first;
        return;
    }
}

/* expand the states before `until`: each batch is collected, then committed */
INLINE enum search_status expand(struct search *search, uint32_t until, unsigned words)
{
    while (search->expanded < until) {
        uint32_t left = until - search->expanded, most = search->ample ? 1 : BATCH;
        uint32_t end = search->expanded + (left < most ? left : most);
        enum search_status status = collect(search, search->expanded, end, words);

        if (status != SEARCH_DONE)
            return status;
        if (!search_reserve_states(search, search->notes.used))
            return SEARCH_NO_MEMORY;
        if (search->ample)
            thin(search, search->expanded, words);
        commit(search, words);
        search->expanded = end;
    }
    return SEARCH_DONE;
}

enum search_status search_run(struct search *search, uint32_t until)
{
    if (until > count_of_states(search))
        return SEARCH_BAD;
    switch (search->words) { /* the same code, made for the number of words: its loops unroll */
    case 1:
        return expand(search, until, 1);
    case 2:
        return expand(search, until, 2);
    case 4:
        return expand(search, until, 4);
    default:
        return expand(search, until, search->words);
    }
}

enum search_status search_begin(struct search *search, const uint32_t *numbers)
{
    uint64_t state[SEARCH_MAX_WORDS], hash, *slot;

    if (!search_encode(search, numbers, state))
        return SEARCH_BAD;
    if (!search_reserve_states(search, 1))
        return SEARCH_NO_MEMORY;
    hash = hash_of(state, search->words);
    slot = slot_of(search, state, hash, search->words);
    if (!*slot)
        append(search, slot, state, hash, SEARCH_NONE, search->words);
    return SEARCH_DONE;
}

/* -- edges ------------------------------------------------------------------------------------ */

/* write where the batch's edges go; false when there is too little room */
static bool write_edges(struct search *search, struct search_edges *out)
{
    uint32_t words = search->words;

    if (search->notes.used > out->room - out->filled)
        return false;
    for (size_t i = 0; i < search->notes.used; i++) {
        uint64_t *after = ITEMS(search->batch, uint64_t) + i * words;
        struct note note = ITEMS(search->notes, struct note)[i];

        if (search->groups.used)
            search_fold(search, after);
        out->targets[out->filled] =
            (uint32_t)*slot_of(search, after, hash_of(after, words), words) - 1;
        out->steppers[out->filled++] = (uint16_t)note.process;
        out->ends[note.parent] = out->filled;
    }
    return true;
}

enum search_status search_edges(struct search *search, uint32_t *next_state, uint32_t until,
                                struct search_edges *out)
{
    if (until > search->expanded)
        return SEARCH_BAD;
    while (*next_state < until) {
        uint32_t end = until - *next_state < BATCH ? until : *next_state + BATCH;
        enum search_status status = collect(search, *next_state, end, search->words);

        if (status != SEARCH_DONE)
            return status;
        for (uint32_t i = *next_state; i < end; i++)
            out->ends[i] = UINT64_MAX;
        if (!write_edges(search, out))
            return SEARCH_BAD;
        for (uint32_t i = *next_state; i < end; i++)
            if (out->ends[i] == UINT64_MAX)
                out->ends[i] = i ? out->ends[i - 1] : 0;
        *next_state = end;
    }
    return SEARCH_DONE;
}
