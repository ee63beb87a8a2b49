/* Breadth-first search that interprets tables; core_search.h has the picture and an example.
 *
 *  sleep    asleep_after
 *  steps    miss; apply_maps, step_by, step, step_all and collect put the successors of some states
 *           into a worker's batch; choose, approach, append and commit keep the new ones; thin leaves
 *           out those that an ample step stands for; batch does all that
 *  crews    sift, take_shares, settle and round_of: the same by several threads
 *  the run  expand, search_run, search_begin
 *  edges    write_edges, search_edges: the same steps again, to where they lead
 *
 * Why in batches: a look-up in the set of states waits for memory twice, for the slot and for the
 * state it names. With many successors at hand the slots are asked for first, then the states, and
 * only then is anything compared, so that the waits overlap.
 *
 * Why processes sleep: most steps lead to where another order of the same steps led before. Let a state
 * p have steps a, to t that is new, and b, to q that was met before t; and let neither of them change
 * what the other depends on. From t, b leads to where a leads from q; and as q comes before t, it is
 * expanded before, and where a leads from it is known by then. So in t nobody need look at b. These
 * are the sleep sets of partial order methods (Godefroid 1996), which leave out steps and no state; a
 * process is asleep in a state if that is so of all its steps there. They are the same as in p, so
 * that their number is known and counted. An example: three processes of one step each, and no state
 * but where they stand: 8 states, 12 steps, and 7 of the steps looked at.
 *
 * Why the order is the same with a crew: while its members take steps and look up where they lead,
 * no state is added, so that all of them read what does not change. What they do not find goes to
 * lists, one for each batch of states; when all are done one thread goes through the lists in the order
 * of the batches and adds what is new. So a state's number and whom it is first met from depend
 * on nothing but the order before, as if one thread had done it all. Where anything is missing, what
 * the crew did is dropped and one thread does these batches, so that it is missed in order too. */
#include "core_search.h"

#include <stdatomic.h>
#include <string.h>

#include "search_inside.h"

enum {
    AHEAD = 64,       /* successors that are fetched before the first is looked at */
    MANY = 8 * BATCH, /* states from which on a crew is worth waking */
};

/* a successor in the batch that is to be looked up */
struct fresh {
    uint64_t hash;
    size_t at;
};

/* -- who is asleep ---------------------------------------------------------------------------- */

/* return who is asleep in a state first met by a step: those whose own steps led from its parent to
 * states met before it, and neither change what this step depends on nor depend on what it changes */
INLINE uint64_t asleep_after(const struct search *search, const struct search_worker *worker,
                             uint32_t first, struct note by, const uint64_t *after, unsigned words)
{
    const struct search_process *process = &search->processes[by.process];
    const uint64_t *mine, *its;
    uint64_t state[SEARCH_MAX_WORDS], delta[SEARCH_MAX_WORDS];
    uint64_t asleep = ITEMS(worker->seen, uint64_t)[by.parent - first];

    if (search->wakeful)
        return 0;
    if (by.process < SLEEPERS) /* who comes later has met nothing yet, but for those asleep */
        asleep &= (UINT64_C(1) << by.process * ASLEEP_BITS) - 1;
    asleep |= asleep_in(search, by.parent);
    load(search, by.parent, state, words);
    for (unsigned i = 0; i < words; i++)
        delta[i] = state[i] ^ after[i];
    mine = bounds_of(search, process, state, words);
    for (uint64_t left = sleepers(asleep); left; left &= left - 1) {
        unsigned at = ZEROS_BELOW(left);
        uint64_t clash = 0;

        its = bounds_of(search, &search->processes[at / ASLEEP_BITS], state, words);
        for (unsigned i = 0; i < words; i++)
            clash |= (delta[i] & its[i]) | (mine[i] & its[words + i]);
        if (clash)
            asleep &= ~(((UINT64_C(1) << ASLEEP_BITS) - 1) << at);
    }
    return asleep;
}

/* -- steps ------------------------------------------------------------------------------------ */

/* note that a state needs what is not there, once for all that need the same */
static enum search_status miss(const struct search *search, struct search_pool *misses,
                               struct search_miss missing)
{
    uint32_t words = missing.row == SEARCH_NONE ? 0 : search->words;
    uint64_t state[SEARCH_MAX_WORDS], other[SEARCH_MAX_WORDS];

    load(search, missing.state, state, search->words);
    for (size_t i = 0; i < misses->used; i++) {
        struct search_miss *known = &ITEMS(*misses, struct search_miss)[i];
        uint64_t differ = 0;

        if (known->process != missing.process || known->own != missing.own)
            continue;
        load(search, known->state, other, search->words);
        for (uint32_t j = 0; j < words; j++)
            differ |= (state[j] ^ other[j]) &
                      ITEMS(search->masks, uint64_t)[(size_t)missing.row * words + j];
        if (differ == 0 && (!words || zeros_of(search, missing.row, state) ==
                                          zeros_of(search, missing.row, other)))
            return SEARCH_MISSING;
    }
    if (misses->used < misses->room)
        ITEMS(*misses, struct search_miss)[misses->used++] = missing;
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

/* add the successors of a state by an entry to the batch */
INLINE enum search_status step_by(const struct search *search, struct search_worker *worker,
                                  const uint64_t *state, const struct entry *entry,
                                  const struct search_miss *by, uint64_t *seen,
                                  unsigned words)
{
    const uint64_t *delta = ITEMS(search->deltas, uint64_t) + (size_t)entry->first * words;
    struct note *note;
    uint64_t *after;

    if (!reserve(&worker->batch, entry->count * (size_t)words, sizeof(uint64_t)) ||
        !reserve(&worker->notes, entry->count, sizeof(struct note)))
        return SEARCH_NO_MEMORY;
    after = ITEMS(worker->batch, uint64_t) + worker->batch.used;
    note = ITEMS(worker->notes, struct note) + worker->notes.used;
    for (uint32_t i = 0; i < entry->count; i++) {
        for (unsigned j = 0; j < words; j++)
            after[j] = state[j] ^ *delta++;
        if (entry->maps &&
            !apply_maps(search, ITEMS(search->outcomes, struct outcome)[entry->first + i], after))
            return SEARCH_MISSING;
        after += words;
        *note++ = (struct note){by->state, by->process};
    }
    worker->batch.used += entry->count * (size_t)words;
    worker->notes.used += entry->count;
    if (by->process < SLEEPERS && entry->count + 1 < 1 << ASLEEP_BITS)
        *seen |= (uint64_t)(entry->count + 1) << by->process * ASLEEP_BITS;
    return SEARCH_DONE;
}

/* add one process's successors of a state to the batch; `by` says which, and then what is missing */
INLINE enum search_status step(const struct search *search, struct search_worker *worker,
                               const uint64_t *state, struct search_miss *by, uint64_t *seen,
                               unsigned words)
{
    const struct search_process *process = &search->processes[by->process];
    uint32_t found = 0;

    by->own = get(state, search->fields[process->own]);
    by->row = row_of(process, by->own);
    if (by->row == SEARCH_NONE)
        return SEARCH_MISSING;
    if (search->index)
        found = search->index[entry_place(search, by->row, zeros_of(search, by->row, state),
                                          state, words)];
    if (!found)
        return SEARCH_MISSING;
    return step_by(search, worker, state, &ITEMS(search->entries, struct entry)[found - 1], by,
                   seen, words);
}

/* put all successors of a state by those awake there into the batch; what is missing is added to
 * `misses`; return the worst that became of it */
INLINE enum search_status step_all(const struct search *search, struct search_worker *worker,
                                   struct search_pool *misses, uint32_t index, uint64_t asleep,
                                   unsigned words)
{
    enum search_status all = SEARCH_DONE;
    uint64_t state[SEARCH_MAX_WORDS], seen = asleep, sleeping = sleepers(asleep);

    load(search, index, state, words);
    for (uint32_t i = 0; i < search->count_of_processes; i++, sleeping >>= ASLEEP_BITS) {
        struct search_miss by = {.state = index, .process = i};
        enum search_status one;

        if (sleeping & 1)
            continue;
        one = step(search, worker, state, &by, &seen, words);
        if (one == SEARCH_NO_MEMORY)
            return one;
        if (one == SEARCH_MISSING)
            all = miss(search, misses, by);
    }
    ITEMS(worker->seen, uint64_t)[worker->seen.used++] = seen;
    worker->slept += steps_of(asleep);
    return all;
}

/* put the successors of the states from `first` to before `end` into a worker's batch, those by
 * processes that are asleep only if `all` are wanted; what is missing is added to `misses`, as far as
 * it has room */
INLINE enum search_status collect(const struct search *search, struct search_worker *worker,
                                  struct search_pool *misses, uint32_t first, uint32_t end,
                                  bool all, unsigned words)
{
    enum search_status worst = SEARCH_DONE;

    worker->batch.used = worker->notes.used = worker->seen.used = worker->slept = 0;
    if (!reserve(&worker->seen, end - first, sizeof(uint64_t)))
        return SEARCH_NO_MEMORY;
    for (uint32_t i = first; i < end && misses->used < misses->room; i++) {
        enum search_status one =
            step_all(search, worker, misses, i, all ? 0 : asleep_in(search, i), words);

        if (one == SEARCH_NO_MEMORY)
            return one;
        if (one == SEARCH_MISSING)
            worst = one;
    }
    return worst;
}

/* have the state fetched that the slot of a hash points to */
INLINE void approach(const struct search *search, uint64_t hash, unsigned words)
{
    uint32_t slot = search->slots[home_of(search, hash)];

    (void)words;
    if (slot && may_be(search, slot, hash))
        PREFETCH(bytes_of(search, index_in(search, slot)));
}

/* add a bit to the family; there is room */
INLINE void add_bit(struct search *search, uint64_t bit)
{
    unsigned at = search->family_bits++ % 64;

    if (at == 0) {
        if (search->family.used % MARK == 0)
            ITEMS(search->marks, uint32_t)[search->marks.used++] = search->states.count;
        ITEMS(search->family, uint64_t)[search->family.used++] = 0;
    }
    ITEMS(search->family, uint64_t)[search->family.used - 1] |= bit << at;
}

/* have the states that are met from now on be met from the last one before `end` */
INLINE void turn_to(struct search *search, uint32_t end)
{
    for (; search->parents < end; search->parents++)
        add_bit(search, 0);
}

/* append a state that is not there yet; there is room */
INLINE void append(struct search *search, uint32_t *slot, const uint64_t *state, uint64_t hash,
                   uint64_t asleep, unsigned words)
{
    uint32_t index = search->states.count;

    add_bit(search, 1);
    store(search, state, words);
    *slot = slot_value(search, hash, index);
    ITEMS(search->asleep, uint64_t)[search->asleep.used++] = asleep;
    for (size_t i = 0; i < search->targets.used; i++) {
        struct target *target = &ITEMS(search->targets, struct target)[i];

        if (target->hit == SEARCH_NONE && holds(search, *target, state))
            target->hit = index;
    }
}

/* fold and hash successors from `*at` on; write the next `AHEAD` to `some` and have
 * their slots fetched; return how many they are */
INLINE unsigned choose(const struct search *search, struct search_worker *worker, size_t *at,
                       struct fresh *some, unsigned words)
{
    unsigned count = 0;

    for (; *at < worker->notes.used && count < AHEAD; ++*at) {
        uint64_t *after = ITEMS(worker->batch, uint64_t) + *at * words, hash;

        if (search->groups.used)
            search_fold(search, after, worker->scratch.data);
        hash = hash_of(after, words);
        some[count++] = (struct fresh){hash, *at};
        PREFETCH(&search->slots[home_of(search, hash)]);
    }
    return count;
}

/* append those successors in the batch that are new states */
INLINE void commit(struct search *search, struct search_worker *worker, uint32_t first,
                   unsigned words)
{
    struct fresh some[AHEAD];
    const struct note *notes = worker->notes.data;
    size_t at = 0;

    while (at < worker->notes.used) {
        unsigned count = choose(search, worker, &at, some, words);

        for (unsigned i = 0; i < count; i++)
            approach(search, some[i].hash, words);
        for (unsigned i = 0; i < count; i++) {
            const uint64_t *after = ITEMS(worker->batch, uint64_t) + some[i].at * words;
            uint32_t *slot = slot_of(search, after, some[i].hash, words);

            if (*slot)
                continue;
            turn_to(search, notes[some[i].at].parent + 1);
            append(search, slot, after, some[i].hash,
                   asleep_after(search, worker, first, notes[some[i].at], after, words), words);
        }
    }
    search->transitions += worker->notes.used + worker->slept;
}

/* of the successors of one state keep an ample process's, if one of them is yet to be expanded */
INLINE void thin(const struct search *search, struct search_worker *worker, uint32_t index,
                 unsigned words)
{
    struct note *notes = worker->notes.data;
    uint64_t *batch = worker->batch.data, state[SEARCH_MAX_WORDS];

    load(search, index, state, words);
    for (size_t first = 0, end; first < worker->notes.used; first = end) {
        const struct search_process *process = &search->processes[notes[first].process];
        uint32_t own = get(state, search->fields[process->own]);
        bool ahead = false;

        for (end = first; end < worker->notes.used && notes[end].process == notes[first].process;
             end++) {
            uint64_t *after = batch + end * words;

            if (search->groups.used)
                search_fold(search, after, worker->scratch.data);
            /* the index of a state that is not there yet reads as the greatest of all */
            ahead |= index_in(search,
                              *slot_of(search, after, hash_of(after, words), words)) > index;
        }
        if (!ahead || !ITEMS(search->rows, struct row)[row_of(process, own)].ample)
            continue;
        memmove(batch, batch + first * words, (end - first) * words * sizeof *batch);
        memmove(notes, notes + first, (end - first) * sizeof *notes);
        worker->notes.used = end - first;
        return;
    }
}

/* expand the next states, before `until`: their steps are collected, then committed */
INLINE enum search_status batch(struct search *search, uint32_t until, unsigned words)
{
    struct search_worker *worker = search->workers.data;
    uint32_t left = until - search->expanded, most = search->ample ? 1 : BATCH;
    uint32_t end = search->expanded + (left < most ? left : most);
    enum search_status status;

    search->misses.used = 0;
    status = collect(search, worker, &search->misses, search->expanded, end, false, words);
    if (status != SEARCH_DONE)
        return status;
    if (!search_reserve_states(search, worker->notes.used, end - search->expanded))
        return SEARCH_NO_MEMORY;
    if (search->ample)
        thin(search, worker, search->expanded, words);
    commit(search, worker, search->expanded, words);
    turn_to(search, end);
    search->expanded = end;
    return SEARCH_DONE;
}

/* -- crews ------------------------------------------------------------------------------------ */

/* what the members of a crew do together: the batches from the first state not expanded on */
struct round {
    struct search *search;
    uint32_t shares, until;
    atomic_uint next;   /* the first share that nobody has taken */
    atomic_uint status; /* worst of all so far */
};

/* keep in a share those successors in the batch that are in no slot; false without memory */
INLINE bool sift(const struct search *search, struct search_worker *worker, struct share *share,
                 uint32_t first, unsigned words)
{
    struct fresh some[AHEAD];
    const struct note *notes = worker->notes.data;
    size_t at = 0;

    share->states.used = share->newcomers.used = 0;
    share->transitions = worker->notes.used + worker->slept;
    while (at < worker->notes.used) {
        unsigned count = choose(search, worker, &at, some, words);

        for (unsigned i = 0; i < count; i++)
            approach(search, some[i].hash, words);
        if (!reserve(&share->states, count * (size_t)words, sizeof(uint64_t)) ||
            !reserve(&share->newcomers, count, sizeof(struct newcomer)))
            return false;
        for (unsigned i = 0; i < count; i++) {
            const uint64_t *after = ITEMS(worker->batch, uint64_t) + some[i].at * words;

            if (*slot_of(search, after, some[i].hash, words))
                continue;
            memcpy(ITEMS(share->states, uint64_t) + share->states.used, after,
                   words * sizeof *after);
            share->states.used += words;
            ITEMS(share->newcomers, struct newcomer)[share->newcomers.used++] =
                (struct newcomer){some[i].hash,
                                  asleep_after(search, worker, first, notes[some[i].at], after,
                                               words),
                                  notes[some[i].at].parent};
        }
    }
    return true;
}

/* take one share after the other, until there are none or something goes wrong */
INLINE void take_shares(struct round *round, unsigned member, unsigned words)
{
    const struct search *search = round->search;
    struct search_worker *worker = &ITEMS(search->workers, struct search_worker)[member];
    unsigned number;

    while (atomic_load(&round->status) == SEARCH_DONE &&
           (number = atomic_fetch_add(&round->next, 1)) < round->shares) {
        uint32_t first = search->expanded + number * BATCH, left = round->until - first;
        struct search_miss missing;
        struct search_pool misses = {&missing, 0, 1};
        enum search_status status =
            collect(search, worker, &misses, first, first + (left < BATCH ? left : BATCH), false,
                    words);

        if (status == SEARCH_DONE &&
            !sift(search, worker, &ITEMS(search->shares, struct share)[number], first, words))
            status = SEARCH_NO_MEMORY;
        if (status != SEARCH_DONE)
            atomic_store(&round->status, status);
    }
}

/* the job of a member of the crew: the same code, made for the number of words */
static void take_part(void *work, unsigned member)
{
    struct round *round = work;

    switch (round->search->words) {
    case 1:
        take_shares(round, member, 1);
        break;
    case 2:
        take_shares(round, member, 2);
        break;
    default:
        take_shares(round, member, round->search->words);
    }
}

/* append those states of a share that are still new */
INLINE void settle(struct search *search, const struct share *share, unsigned words)
{
    const struct newcomer *all = share->newcomers.data;
    const uint64_t *states = share->states.data;
    size_t count = share->newcomers.used;

    for (size_t i = 0; i < count; i++) {
        const uint64_t *state = states + i * words;
        uint32_t *slot;

        if (i + AHEAD < count)
            PREFETCH(&search->slots[home_of(search, all[i + AHEAD].hash)]);
        if (i + AHEAD / 2 < count)
            approach(search, all[i + AHEAD / 2].hash, words);
        slot = slot_of(search, state, all[i].hash, words);
        if (*slot)
            continue;
        turn_to(search, all[i].parent + 1);
        append(search, slot, state, all[i].hash, all[i].asleep, words);
    }
    search->transitions += share->transitions;
}

/* have a crew expand some of the states before `until`; all is as before unless that is DONE */
INLINE enum search_status round_of(struct search *search, uint32_t until,
                                   struct search_crew *crew, unsigned words)
{
    uint32_t left = until - search->expanded;
    uint32_t end = left > SHARES * BATCH ? search->expanded + SHARES * BATCH : until;
    struct round round = {search, (end - search->expanded + BATCH - 1) / BATCH, end, 0, 0};
    const struct share *shares;
    size_t count = 0;

    if (!search->shares.used) {
        if (!reserve(&search->shares, SHARES, sizeof(struct share)))
            return SEARCH_NO_MEMORY;
        memset(search->shares.data, 0, SHARES * sizeof(struct share));
        search->shares.used = SHARES;
    }
    shares = search->shares.data;
    crew->run(crew, take_part, &round);
    if (atomic_load(&round.status) == SEARCH_DONE) {
        for (uint32_t i = 0; i < round.shares; i++)
            count += shares[i].newcomers.used;
        if (!search_reserve_states(search, count, end - search->expanded))
            atomic_store(&round.status, SEARCH_NO_MEMORY);
    }
    if (atomic_load(&round.status) != SEARCH_DONE) {
        search->alone = end;
        return (enum search_status)atomic_load(&round.status);
    }
    for (uint32_t i = 0; i < round.shares; i++)
        settle(search, &shares[i], words);
    turn_to(search, end);
    search->expanded = end;
    return SEARCH_DONE;
}

/* -- the run ---------------------------------------------------------------------------------- */

/* expand the states before `until`, by batches or rounds */
INLINE enum search_status expand(struct search *search, uint32_t until, struct search_crew *crew,
                                 unsigned words)
{
    enum search_status status = SEARCH_DONE;

    while (search->expanded < until && status == SEARCH_DONE) {
        bool together = crew && !search->ample && search->expanded >= search->alone &&
                        until - search->expanded >= MANY;

        if (!search_reserve_workers(search, together ? crew->members : 1))
            return SEARCH_NO_MEMORY;
        status = together ? round_of(search, until, crew, words) : batch(search, until, words);
        if (together && status == SEARCH_MISSING)
            status = SEARCH_DONE; /* one thread will meet it again */
    }
    return status;
}

enum search_status search_run(struct search *search, uint32_t until, struct search_crew *crew,
                              uint64_t most_bytes)
{
    if (until > search->states.count || (crew && crew->members > SEARCH_MAX_CREW))
        return SEARCH_BAD;
    search->most_bytes = most_bytes;
    switch (search->words) { /* the same code, made for the number of words: its loops unroll */
    case 1:
        return expand(search, until, crew, 1);
    case 2:
        return expand(search, until, crew, 2);
    case 4:
        return expand(search, until, crew, 4);
    default:
        return expand(search, until, crew, search->words);
    }
}

enum search_status search_begin(struct search *search, const uint32_t *numbers)
{
    uint64_t state[SEARCH_MAX_WORDS], hash;
    uint32_t *slot;

    if (search->parents || !search_encode(search, numbers, state))
        return SEARCH_BAD;
    if (!search_reserve_states(search, 1, 0))
        return SEARCH_NO_MEMORY;
    hash = hash_of(state, search->words);
    slot = slot_of(search, state, hash, search->words);
    if (!*slot)
        append(search, slot, state, hash, 0, search->words);
    return SEARCH_DONE;
}

/* -- edges ------------------------------------------------------------------------------------ */

/* write where the batch's edges go; false when there is too little room */
static bool write_edges(const struct search *search, const struct search_worker *worker,
                        struct search_edges *out)
{
    uint32_t words = search->words;

    if (worker->notes.used > out->room - out->filled)
        return false;
    for (size_t i = 0; i < worker->notes.used; i++) {
        uint64_t *after = ITEMS(worker->batch, uint64_t) + i * words;
        struct note note = ITEMS(worker->notes, struct note)[i];

        if (search->groups.used)
            search_fold(search, after, worker->scratch.data);
        out->targets[out->filled] =
            index_in(search, *slot_of(search, after, hash_of(after, words), words));
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
    if (!search_reserve_workers(search, 1))
        return SEARCH_NO_MEMORY;
    search->misses.used = 0;
    while (*next_state < until) {
        struct search_worker *worker = search->workers.data;
        uint32_t end = until - *next_state < BATCH ? until : *next_state + BATCH;
        enum search_status status =
            collect(search, worker, &search->misses, *next_state, end, true, search->words);

        if (status != SEARCH_DONE)
            return status;
        for (uint32_t i = *next_state; i < end; i++)
            out->ends[i] = UINT64_MAX;
        if (!write_edges(search, worker, out))
            return SEARCH_BAD;
        for (uint32_t i = *next_state; i < end; i++)
            if (out->ends[i] == UINT64_MAX)
                out->ends[i] = i ? out->ends[i - 1] : 0;
        *next_state = end;
    }
    return SEARCH_DONE;
}
