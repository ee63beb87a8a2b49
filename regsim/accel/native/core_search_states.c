/* The search: its memory, its states, and how they are laid out; core_search.h has the picture.
 *
 *  memory   search_init, search_clear, search_bytes
 *  fields   search_numbers and search_encode, between numbers and states; search_fold
 *  states   rebuild, search_reserve_states, search_find
 *  layout   place, move_states, adopt and search_layout; forget_recent, forget_rows; search_group
 *
 * An example of a layout: widths 40, 20 and 8 take two words. The third field would reach beyond bit
 * 64, so it begins word 1: {word 0, shift 0}, {word 0, shift 40}, {word 1, shift 0}. */
#include <string.h>

#include "search_inside.h"

enum { AHEAD = 16 }; /* states whose slots are fetched before they are needed */

/* -- memory ----------------------------------------------------------------------------------- */

/* give a pool's memory back */
static void release(struct search_pool *pool)
{
    regsim_free(pool->data);
    *pool = (struct search_pool){NULL, 0, 0};
}

bool search_init(struct search *search, uint32_t components, const uint32_t *own,
                 uint32_t processes, uint32_t counters)
{
    size_t tests = (size_t)counters * components;

    *search = (struct search){.components = components, .count_of_processes = processes,
                              .counters = counters, .words = 1};
    search->fields = regsim_resize(NULL, (components + 1u) * sizeof *search->fields);
    search->processes = regsim_resize(NULL, (processes + 1u) * sizeof *search->processes);
    if (!search->fields || !search->processes ||
        !reserve(&search->scratch, components + 1u, sizeof(uint32_t)) ||
        !reserve(&search->misses, SEARCH_MAX_MISSES, sizeof(struct search_miss)) ||
        !reserve(&search->tests, tests, sizeof(struct search_test))) {
        search->count_of_processes = 0;
        search_clear(search);
        return false;
    }
    memset(search->fields, 0, (components + 1u) * sizeof *search->fields);
    for (uint32_t i = 0; i < processes; i++)
        search->processes[i] = (struct search_process){own[i], {NULL, 0, 0}};
    for (size_t i = 0; i < tests; i++)
        ITEMS(search->tests, struct search_test)[i] =
            (struct search_test){(uint32_t)(i % components), 0, {NULL, 0, 0}};
    search->tests.used = tests;
    return true;
}

/* call `each` for every pool but those inside tests and processes */
#define FOR_POOLS(search, EACH)                                                                   \
    EACH(states, uint64_t)                                                                        \
    EACH(parents, uint32_t)                                                                       \
    EACH(rows, struct row)                                                                        \
    EACH(masks, uint64_t)                                                                         \
    EACH(zeros, uint32_t)                                                                         \
    EACH(entries, struct entry)                                                                   \
    EACH(keys, uint64_t)                                                                          \
    EACH(outcomes, struct outcome)                                                                \
    EACH(deltas, uint64_t)                                                                        \
    EACH(maps, struct map)                                                                        \
    EACH(images, uint32_t)                                                                        \
    EACH(tests, struct search_test)                                                               \
    EACH(literals, struct search_literal)                                                         \
    EACH(conjunctions, struct conjunction)                                                        \
    EACH(targets, struct target)                                                                  \
    EACH(groups, struct group)                                                                    \
    EACH(places, uint32_t)                                                                        \
    EACH(scratch, uint32_t)                                                                       \
    EACH(batch, uint64_t)                                                                         \
    EACH(notes, struct note)                                                                      \
    EACH(misses, struct search_miss)

void search_clear(struct search *search)
{
    for (uint32_t i = 0; i < search->count_of_processes; i++)
        release(&search->processes[i].rows);
    for (size_t i = 0; i < search->tests.used; i++)
        release(&ITEMS(search->tests, struct search_test)[i].truth);
    regsim_free(search->fields);
    regsim_free(search->processes);
    regsim_free(search->slots);
    regsim_free(search->index);
    regsim_free(search->recent);
#define RELEASE(pool, type) release(&search->pool);
    FOR_POOLS(search, RELEASE)
    *search = (struct search){0};
}

size_t search_bytes(const struct search *search)
{
    size_t bytes = search->components * sizeof *search->fields;

    for (uint32_t i = 0; i < search->count_of_processes; i++)
        bytes += sizeof *search->processes + search->processes[i].rows.room * sizeof(uint32_t);
    for (size_t i = 0; i < search->tests.used; i++)
        bytes += ITEMS(search->tests, struct search_test)[i].truth.room;
    if (search->slots)
        bytes += (search->slot_mask + 1) * sizeof *search->slots;
    if (search->index)
        bytes += (search->index_mask + 1) * sizeof *search->index;
    if (search->recent)
        bytes += RECENT * search->words * sizeof *search->recent;
#define ADD(pool, type) bytes += search->pool.room * sizeof(type);
    FOR_POOLS(search, ADD)
    return bytes;
}
/* -- fields ----------------------------------------------------------------------------------- */

void search_numbers(const struct search *search, uint32_t state, uint32_t *numbers)
{
    const uint64_t *words = state_at(search, state, search->words);

    for (uint32_t i = 0; i < search->components; i++)
        numbers[i] = get(words, search->fields[i]);
}

bool search_encode(const struct search *search, const uint32_t *numbers, uint64_t *state)
{
    memset(state, 0, search->words * sizeof *state);
    for (uint32_t i = 0; i < search->components; i++) {
        if (numbers[i] > search->fields[i].ones)
            return false;
        put(state, search->fields[i], numbers[i]);
    }
    return true;
}

/* sort the members of each symmetric group; `vals` are one group's numbers, a member's together */
static void sort_members(uint32_t *vals, uint32_t count, uint32_t parts)
{
    for (uint32_t i = parts; i < count; i += parts)
        for (uint32_t at = i; at > 0; at -= parts) {
            uint32_t *left = vals + at - parts, *right = vals + at, part = parts;

            while (part > 0 && left[part - 1] == right[part - 1])
                part--;
            if (part == 0 || left[part - 1] < right[part - 1])
                break;
            for (part = 0; part < parts; part++) {
                uint32_t kept = left[part];

                left[part] = right[part];
                right[part] = kept;
            }
        }
}

void search_fold(struct search *search, uint64_t *state)
{
    uint32_t *vals = ITEMS(search->scratch, uint32_t);

    for (size_t i = 0; i < search->groups.used; i++) {
        struct group group = ITEMS(search->groups, struct group)[i];
        const uint32_t *places = ITEMS(search->places, uint32_t) + group.first;

        for (uint32_t j = 0; j < group.count; j++)
            vals[j] = get(state, search->fields[places[j]]);
        sort_members(vals, group.count, group.parts);
        for (uint32_t j = 0; j < group.count; j++)
            put(state, search->fields[places[j]], vals[j]);
    }
}

/* -- the set of states ------------------------------------------------------------------------ */

/* fill the empty slots with the states that there are */
static void rebuild(struct search *search)
{
    uint32_t count = count_of_states(search);

    memset(search->slots, 0, (search->slot_mask + 1) * sizeof *search->slots);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t later = count - i > AHEAD ? i + AHEAD : i;
        uint64_t soon = hash_of(state_at(search, later, search->words), search->words);
        uint64_t hash = hash_of(state_at(search, i, search->words), search->words);
        size_t at = hash & search->slot_mask;

        PREFETCH(&search->slots[soon & search->slot_mask]);
        while (search->slots[at])
            at = (at + 1) & search->slot_mask;
        search->slots[at] = slot_value(hash, i);
    }
}

bool search_reserve_states(struct search *search, size_t more)
{
    size_t size = search->slots ? search->slot_mask + 1 : 1024;
    size_t wanted = search->parents.used + more;

    if (wanted > MOST_STATES ||
        !reserve(&search->states, more * search->words, sizeof(uint64_t)) ||
        !reserve(&search->parents, more, sizeof(uint32_t)))
        return false;
    while (size / 4 * 3 < wanted)
        size *= 2;
    if (!search->slots || size > search->slot_mask + 1) {
        uint64_t *slots = regsim_resize(NULL, size * sizeof *slots);

        if (!slots)
            return false;
        regsim_free(search->slots);
        search->slots = slots;
        search->slot_mask = size - 1;
        rebuild(search);
    }
    return true;
}

uint32_t search_find(const struct search *search, const uint32_t *numbers)
{
    uint64_t state[SEARCH_MAX_WORDS];

    if (!search->slots || !search_encode(search, numbers, state))
        return SEARCH_NONE;
    return (uint32_t)*slot_of(search, state, hash_of(state, search->words), search->words) - 1;
}

/* -- the layout ------------------------------------------------------------------------------- */

/* have no state count as met lately: every place holds one that does not belong there */
static void forget_recent(struct search *search)
{
    uint64_t state[SEARCH_MAX_WORDS] = {0};
    uint64_t home = hash_of(state, search->words) & (RECENT - 1);

    memset(search->recent, 0, RECENT * search->words * sizeof *search->recent);
    do
        state[0]++;
    while ((hash_of(state, search->words) & (RECENT - 1)) == home);
    memcpy(search->recent + home * search->words, state, search->words * sizeof *state);
}

/* have every process be asked anew: the masks are of the old layout */
static void forget_rows(struct search *search)
{
    for (uint32_t i = 0; i < search->count_of_processes; i++)
        search->processes[i].rows.used = 0;
    search->rows.used = search->masks.used = search->zeros.used = 0;
    search->entries.used = search->keys.used = search->outcomes.used = 0;
    search->deltas.used = search->maps.used = search->images.used = 0;
    search->ample = false;
    if (search->index)
        memset(search->index, 0, (search->index_mask + 1) * sizeof *search->index);
}

/* place fields of these widths one after the other; return the words they take, 0 for too many.
 * Three words become four, since search_run has code made for four. */
static uint32_t place(const uint32_t *widths, uint32_t count, struct search_field *fields)
{
    uint32_t word = 0, at = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (at + widths[i] > 64) {
            word++;
            at = 0;
        }
        fields[i] = (struct search_field){word, at, (UINT64_C(1) << widths[i]) - 1};
        at += widths[i];
    }
    return word < 2 ? word + 1 : word < 4 ? 4 : word < SEARCH_MAX_WORDS ? word + 1 : 0;
}

/* move every state from the old layout to the new; where the words are as many, in place */
static void move_states(struct search *search, uint64_t *states, struct search_field *fields,
                        uint32_t words)
{
    uint32_t *numbers = ITEMS(search->scratch, uint32_t), count = count_of_states(search);

    for (uint32_t i = 0; i < count; i++) {
        uint64_t *state = states + (size_t)i * words;

        search_numbers(search, i, numbers);
        memset(state, 0, words * sizeof *state);
        for (uint32_t j = 0; j < search->components; j++)
            put(state, fields[j], numbers[j]);
    }
}

/* take the new layout; false without memory, and all is as before */
static bool adopt(struct search *search, struct search_field *fields, uint32_t words)
{
    uint64_t *states = search->states.data, *recent = search->recent;
    size_t room = search->parents.room * words;

    if (words != search->words || !recent) {
        recent = regsim_resize(NULL, RECENT * words * sizeof *recent);
        if (!recent)
            return false;
    }
    if (words != search->words && room) {
        states = room > SIZE_MAX / sizeof *states
                     ? NULL
                     : regsim_resize(NULL, room * sizeof *states);
        if (!states) {
            regsim_free(recent);
            return false;
        }
    }
    move_states(search, states, fields, words);
    if (states != search->states.data) {
        regsim_free(search->states.data);
        search->states = (struct search_pool){states, search->parents.used * words, room};
    }
    if (recent != search->recent) {
        regsim_free(search->recent);
        search->recent = recent;
    }
    regsim_free(search->fields);
    search->fields = fields;
    search->words = words;
    forget_recent(search);
    return true;
}

enum search_status search_layout(struct search *search, const uint32_t *widths)
{
    struct search_field *fields;
    uint32_t words;

    for (uint32_t i = 0; i < search->components; i++)
        if (widths[i] < 1 || widths[i] > SEARCH_MAX_WIDTH ||
            (UINT64_C(1) << widths[i]) - 1 < search->fields[i].ones)
            return SEARCH_BAD;
    fields = regsim_resize(NULL, (search->components + 1u) * sizeof *fields);
    if (!fields)
        return SEARCH_NO_MEMORY;
    words = place(widths, search->components, fields);
    if (!words || !adopt(search, fields, words)) {
        regsim_free(fields);
        return words ? SEARCH_NO_MEMORY : SEARCH_BAD;
    }
    forget_rows(search);
    if (search->slots)
        rebuild(search);
    return SEARCH_DONE;
}

enum search_status search_group(struct search *search, const uint32_t *places, size_t count,
                                uint32_t parts)
{
    if (parts < 1 || count % parts || count > search->components || search->parents.used)
        return SEARCH_BAD;
    for (size_t i = 0; i < count; i++)
        if (places[i] >= search->components)
            return SEARCH_BAD;
    if (!reserve(&search->groups, 1, sizeof(struct group)) ||
        !reserve(&search->places, count, sizeof(uint32_t)))
        return SEARCH_NO_MEMORY;
    ITEMS(search->groups, struct group)[search->groups.used++] =
        (struct group){(uint32_t)search->places.used, (uint32_t)count, parts};
    for (size_t i = 0; i < count; i++)
        ITEMS(search->places, uint32_t)[search->places.used++] = places[i];
    return SEARCH_DONE;
}
