/* The search: its memory, its states, and how they are laid out; core_search.h has the picture.
 *
 *  memory   search_init, search_clear, search_bytes; search_reserve_workers
 *  fields   search_numbers and search_encode, between numbers and states; search_fold
 *  states   reserve_chunks, reserve_family, reserve_slots and search_reserve_states; search_find,
 *           search_parent
 *  layout   place, move_states, adopt and search_layout; search_group
 *
 * An example of a layout: widths 40, 20 and 8 take two words. The third field would reach beyond bit
 * 64, so it begins word 1: {word 0, shift 0}, {word 0, shift 40}, {word 1, shift 0}. */
#include <string.h>

#include "search_inside.h"

enum {
    AHEAD = 16,      /* states whose slots are fetched before they are needed */
    BEYOND = 16,     /* bytes after a chunk that reading its last state by words may touch */
    LEAST_BITS = 10, /* of the number of slots */
};

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
                              .counters = counters, .words = 1, .most_bytes = UINT64_MAX};
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
    EACH(states.chunks, unsigned char *)                                                          \
    EACH(family, uint64_t)                                                                        \
    EACH(marks, uint32_t)                                                                         \
    EACH(rows, struct row)                                                                        \
    EACH(masks, uint64_t)                                                                         \
    EACH(asleep, uint64_t)                                                                        \
    EACH(bounds, uint64_t)                                                                        \
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
    EACH(workers, struct search_worker)                                                           \
    EACH(shares, struct share)                                                                    \
    EACH(misses, struct search_miss)

/* free a set of chunks */
static void release_chunks(struct search_pool *chunks)
{
    for (size_t i = 0; i < chunks->used; i++)
        regsim_free(ITEMS(*chunks, unsigned char *)[i]);
    release(chunks);
}

void search_clear(struct search *search)
{
    for (uint32_t i = 0; i < search->count_of_processes; i++)
        release(&search->processes[i].rows);
    for (size_t i = 0; i < search->tests.used; i++)
        release(&ITEMS(search->tests, struct search_test)[i].truth);
    for (size_t i = 0; i < search->workers.used; i++) {
        release(&ITEMS(search->workers, struct search_worker)[i].batch);
        release(&ITEMS(search->workers, struct search_worker)[i].notes);
        release(&ITEMS(search->workers, struct search_worker)[i].seen);
        release(&ITEMS(search->workers, struct search_worker)[i].scratch);
    }
    for (size_t i = 0; i < search->shares.used; i++) {
        release(&ITEMS(search->shares, struct share)[i].states);
        release(&ITEMS(search->shares, struct share)[i].newcomers);
    }
    release_chunks(&search->states.chunks);
    regsim_free(search->fields);
    regsim_free(search->processes);
    regsim_free(search->slots);
    regsim_free(search->index);
#define RELEASE(pool, type) release(&search->pool);
    FOR_POOLS(search, RELEASE)
    *search = (struct search){0};
}

/* return the bytes of a chunk of states of this width */
static size_t chunk_size(uint32_t width, uint32_t shift)
{
    return ((size_t)width << shift) + BEYOND;
}

size_t search_bytes(const struct search *search)
{
    const struct search_states *states = &search->states;
    size_t bytes = search->components * sizeof *search->fields;

    for (uint32_t i = 0; i < search->count_of_processes; i++)
        bytes += sizeof *search->processes + search->processes[i].rows.room * sizeof(uint32_t);
    for (size_t i = 0; i < search->tests.used; i++)
        bytes += ITEMS(search->tests, struct search_test)[i].truth.room;
    for (size_t i = 0; i < search->workers.used; i++) {
        struct search_worker worker = ITEMS(search->workers, struct search_worker)[i];

        bytes += (worker.batch.room + worker.seen.room) * sizeof(uint64_t) +
                 worker.notes.room * sizeof(struct note) +
                 worker.scratch.room * sizeof(uint32_t);
    }
    for (size_t i = 0; i < search->shares.used; i++) {
        struct share share = ITEMS(search->shares, struct share)[i];

        bytes += share.states.room * sizeof(uint64_t) +
                 share.newcomers.room * sizeof(struct newcomer);
    }
    bytes += states->chunks.used * chunk_size(states->width, states->shift);
    if (search->slots)
        bytes += sizeof *search->slots << search->slot_bits;
    if (search->index)
        bytes += (search->index_mask + 1) * sizeof *search->index;
#define ADD(pool, type) bytes += search->pool.room * sizeof(type);
    FOR_POOLS(search, ADD)
    return bytes;
}

/* whether `more` bytes may be allocated */
static bool may_grow(struct search *search, uint64_t more)
{
    uint64_t wanted = search_bytes(search) + more;

    if (wanted < search->most_bytes)
        return true;
    search->wanted_bytes = wanted;
    return false;
}

/* -- workers ---------------------------------------------------------------------------------- */

bool search_reserve_workers(struct search *search, unsigned count)
{
    if (search->workers.used < count &&
        !reserve(&search->workers, count - search->workers.used, sizeof(struct search_worker)))
        return false;
    while (search->workers.used < count)
        ITEMS(search->workers, struct search_worker)[search->workers.used++] =
            (struct search_worker){.slept = 0};
    for (unsigned i = 0; i < count; i++) {
        struct search_worker *worker = &ITEMS(search->workers, struct search_worker)[i];

        if (!reserve(&worker->scratch, search->components + 1u, sizeof(uint32_t)))
            return false;
    }
    return true;
}

/* -- fields ----------------------------------------------------------------------------------- */

void search_numbers(const struct search *search, uint32_t state, uint32_t *numbers)
{
    uint64_t words[SEARCH_MAX_WORDS];

    load(search, state, words, search->words);
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

void search_fold(const struct search *search, uint64_t *state, uint32_t *vals)
{
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

/* put all states into the table, which is empty; each is hashed once, `AHEAD` before it is put, so
 * that its slot is fetched meanwhile */
INLINE void refill(struct search *search, unsigned words)
{
    size_t mask = ((size_t)1 << search->slot_bits) - 1, count = search->states.count;
    uint64_t hashes[AHEAD], state[SEARCH_MAX_WORDS];

    for (size_t i = 0; i < count + AHEAD; i++) {
        uint64_t *hash = &hashes[i % AHEAD];

        if (i >= AHEAD) {
            size_t at = home_of(search, *hash);

            while (search->slots[at])
                at = (at + 1) & mask;
            search->slots[at] = slot_value(search, *hash, (uint32_t)(i - AHEAD));
        }
        if (i < count) {
            load(search, (uint32_t)i, state, words);
            *hash = hash_of(state, words);
            PREFETCH(&search->slots[home_of(search, *hash)]);
        }
    }
}

/* fill the table anew with the states that there are */
static void rebuild(struct search *search)
{
    memset(search->slots, 0, sizeof *search->slots << search->slot_bits);
    if (search->words == 1) /* the same code, in fewer instructions */
        refill(search, 1);
    else
        refill(search, search->words);
}

/* add chunks of this width for `count` states; false without memory, and all is as before */
static bool reserve_chunks(struct search *search, struct search_states *states, size_t count)
{
    size_t size = chunk_size(states->width, states->shift), before = states->chunks.used;
    size_t wanted = (count + (((size_t)1 << states->shift) - 1)) >> states->shift;

    if (wanted <= before)
        return true;
    if (!may_grow(search, (wanted - before) * size) ||
        !reserve(&states->chunks, wanted - before, sizeof(unsigned char *)))
        return false;
    while (states->chunks.used < wanted) {
        unsigned char *chunk = regsim_resize(NULL, size);

        if (!chunk) {
            while (states->chunks.used > before)
                regsim_free(ITEMS(states->chunks, unsigned char *)[--states->chunks.used]);
            return false;
        }
        ITEMS(states->chunks, unsigned char *)[states->chunks.used++] = chunk;
    }
    return true;
}

/* make room for more bits in the family; false without memory */
static bool reserve_family(struct search *search, size_t bits)
{
    size_t words = (size_t)((search->family_bits + bits + 63) / 64);
    size_t marks = words / MARK + 1;

    return reserve(&search->family, words - search->family.used, sizeof(uint64_t)) &&
           reserve(&search->marks, marks - search->marks.used, sizeof(uint32_t));
}

/* make room for who is asleep in more states; who was in those expanded need not be known */
static bool reserve_asleep(struct search *search, size_t more)
{
    uint64_t *asleep = search->asleep.data;
    uint32_t done = search->expanded - search->first_asleep;

    if (search->asleep.room - search->asleep.used < more && done >= search->asleep.used / 2) {
        search->asleep.used -= done;
        search->first_asleep = search->expanded;
        if (search->asleep.used)
            memmove(asleep, asleep + done, search->asleep.used * sizeof *asleep);
    }
    return reserve(&search->asleep, more, sizeof *asleep);
}

/* have the table take `count` states; false without memory, and all is as before */
static bool reserve_slots(struct search *search, size_t count)
{
    unsigned bits = search->slots ? search->slot_bits : LEAST_BITS;
    size_t before = search->slots ? sizeof *search->slots << bits : 0;
    uint32_t *slots;

    while (((uint64_t)1 << bits) / 20 * FULL < count)
        bits++;
    if (search->slots && bits == search->slot_bits)
        return true;
    if (bits > MOST_BITS || !may_grow(search, (sizeof *slots << bits) - before))
        return false;
    slots = regsim_resize(search->slots, sizeof *slots << bits);
    if (!slots)
        return false;
    search->slots = slots;
    search->slot_bits = bits;
    rebuild(search);
    return true;
}

bool search_reserve_states(struct search *search, size_t more, size_t parents)
{
    size_t count = search->states.count + more;

    return reserve_chunks(search, &search->states, count) && reserve_asleep(search, more) &&
           reserve_family(search, more + parents) && reserve_slots(search, count);
}

uint32_t search_find(const struct search *search, const uint32_t *numbers)
{
    uint64_t state[SEARCH_MAX_WORDS];

    if (!search->slots || !search_encode(search, numbers, state))
        return SEARCH_NONE;
    return index_in(search,
                    *slot_of(search, state, hash_of(state, search->words), search->words));
}

uint32_t search_parent(const struct search *search, uint32_t state)
{
    const uint32_t *marks = ITEMS(search->marks, uint32_t);
    size_t low = 0, high = search->marks.used;
    uint32_t left;
    uint64_t word;

    while (high - low > 1) { /* the last mark that has no more states before it */
        size_t middle = low + (high - low) / 2;

        if (marks[middle] <= state)
            low = middle;
        else
            high = middle;
    }
    left = state - marks[low];
    for (low *= MARK;; low++) {
        uint32_t ones = 0;

        for (word = ITEMS(search->family, uint64_t)[low]; word; word &= word - 1)
            ones++;
        if (ones > left)
            break;
        left -= ones;
    }
    for (word = ITEMS(search->family, uint64_t)[low]; left > 0; left--)
        word &= word - 1;
    low *= 64;
    for (word &= ~word + 1; word > 1; word >>= 1)
        low++;
    return (uint32_t)(low - state) - 1; /* bits that are 0 before it; none is NONE */
}

/* -- the layout ------------------------------------------------------------------------------- */

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

/* return how states are kept whose fields end with this one; `words` of their words are used */
static struct search_states storage(const struct search_field *last, uint32_t words)
{
    struct search_states states = {.width = 1};
    uint32_t bits = last ? last->shift : 1;

    for (uint64_t ones = last ? last->ones : 0; ones; ones >>= 1)
        bits++;
    states.width = (last ? last->word * 8 : 0) + (bits + 7) / 8;
    while ((size_t)states.width << (states.shift + 1) <= CHUNK)
        states.shift++;
    for (uint32_t i = 0; i < words; i++) {
        uint32_t bytes = states.width > i * 8 ? states.width - i * 8 : 0;

        states.keep[i] = bytes >= 8 ? UINT64_MAX : (UINT64_C(1) << bytes * 8) - 1;
    }
    return states;
}

/* move every state from the old layout to the new, into chunks that may be those they are in */
static void move_states(struct search *search, struct search_states *states,
                        const struct search_field *fields, uint32_t words)
{
    uint32_t in_chunk = (UINT32_C(1) << states->shift) - 1;

    for (; states->count < search->states.count; states->count++) {
        unsigned char *to = ITEMS(states->chunks, unsigned char *)[states->count >> states->shift];
        uint64_t state[SEARCH_MAX_WORDS], moved[SEARCH_MAX_WORDS];

        load(search, states->count, state, search->words);
        memset(moved, 0, words * sizeof *moved);
        for (uint32_t i = 0; i < search->components; i++)
            moved[fields[i].word] |= (uint64_t)get(state, search->fields[i]) << fields[i].shift;
        for (uint32_t i = 0; i < words; i++)
            moved[i] = LITTLE(moved[i]);
        memcpy(to + (size_t)(states->count & in_chunk) * states->width, moved, states->width);
    }
}

/* take the new layout; false without memory, and all is as before */
static bool adopt(struct search *search, struct search_field *fields, uint32_t words)
{
    struct search_states states =
        storage(search->components ? &fields[search->components - 1] : NULL, words);
    bool in_place = states.width == search->states.width;

    if (in_place)
        states.chunks = search->states.chunks;
    else if (!reserve_chunks(search, &states, search->states.count)) {
        release_chunks(&states.chunks);
        return false;
    }
    move_states(search, &states, fields, words);
    search_move_tables(search, fields, words);
    if (!in_place)
        release_chunks(&search->states.chunks);
    search->states = states;
    regsim_free(search->fields);
    search->fields = fields;
    search->words = words;
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
    if (!words || !search_reserve_tables(search, words) || !adopt(search, fields, words)) {
        regsim_free(fields);
        return words ? SEARCH_NO_MEMORY : SEARCH_BAD;
    }
    if (search->index)
        search_fill_index(search);
    if (search->slots)
        rebuild(search);
    return SEARCH_DONE;
}

enum search_status search_group(struct search *search, const uint32_t *places, size_t count,
                                uint32_t parts)
{
    if (parts < 1 || count % parts || count > search->components || search->states.count)
        return SEARCH_BAD;
    for (size_t i = 0; i < count; i++)
        if (places[i] >= search->components)
            return SEARCH_BAD;
    if (!reserve(&search->groups, 1, sizeof(struct group)) ||
        !reserve(&search->places, count, sizeof(uint32_t)))
        return SEARCH_NO_MEMORY;
    search->wakeful = true; /* folded, a process may stand in another's place */
    ITEMS(search->groups, struct group)[search->groups.used++] =
        (struct group){(uint32_t)search->places.used, (uint32_t)count, parts};
    for (size_t i = 0; i < count; i++)
        ITEMS(search->places, uint32_t)[search->places.used++] = places[i];
    return SEARCH_DONE;
}
