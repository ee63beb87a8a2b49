/* The search: the tables of formulas, rows and entries; core_search.h has the picture.
 *
 *  questions          search_test, search_answer, search_target, search_hit, search_marks
 *  rows and entries   bind_row, bind_counters, add_bounds and search_row; read_delta, read_map,
 *                     read_outcome, reserve_entry, keep_entry, bind_entry and search_entry
 *  another layout     search_reserve_tables; move_pool and search_move_tables
 *
 * An example of an entry's code, for the state (0, 0) of core_search.h: {2, 0, 1, 1, 1, 0} is one
 * step that changes 2 components, 0 to 1 and 1 to 1, and has 0 maps. With a map at the end, {2, 0, 1,
 * 1, 1, 1, 2, 3, 5, 4, NONE}, component 2 goes from 0 to 5 and from 1 to 4, and what becomes of it
 * at 2 is not known yet: a state that has 2 there is a miss. */
#include <string.h>

#include "search_inside.h"

/* -- questions -------------------------------------------------------------------------------- */

enum search_status search_test(struct search *search, uint32_t component, uint32_t *id)
{
    if (component >= search->components)
        return SEARCH_BAD;
    if (!reserve(&search->tests, 1, sizeof(struct search_test)))
        return SEARCH_NO_MEMORY;
    *id = (uint32_t)search->tests.used++;
    ITEMS(search->tests, struct search_test)[*id] =
        (struct search_test){component, 0, {NULL, 0, 0}};
    return SEARCH_DONE;
}

/* have a row be bound to a component: what it selects depends on that */
static void bind_row(struct search *search, size_t row, uint32_t component)
{
    struct search_field field = search->fields[component];

    ITEMS(search->bounds, uint64_t)[row * 2 * search->words + field.word] |= field.ones
                                                                             << field.shift;
}

/* have a row be bound to what its counters are sums of, as far as is known */
static void bind_counters(struct search *search, size_t row)
{
    struct row asked = ITEMS(search->rows, struct row)[row];

    for (uint32_t i = 0; i < asked.zeros; i++) {
        size_t counter = ITEMS(search->zeros, uint32_t)[asked.first_zero + i];
        const struct search_test *tests =
            ITEMS(search->tests, struct search_test) + counter * search->components;

        for (uint32_t j = 0; j < search->components; j++)
            if (tests[j].ever)
                bind_row(search, row, j);
    }
}

enum search_status search_answer(struct search *search, uint32_t test, uint32_t number, bool yes)
{
    struct search_pool *truth;

    if (test >= search->tests.used || number == SEARCH_NONE)
        return SEARCH_BAD;
    truth = &ITEMS(search->tests, struct search_test)[test].truth;
    if (number >= truth->used) {
        size_t more = number + (size_t)1 - truth->used;

        if (!reserve(truth, more, 1))
            return SEARCH_NO_MEMORY;
        memset(ITEMS(*truth, uint8_t) + truth->used, 0, more);
        truth->used += more;
    }
    ITEMS(*truth, uint8_t)[number] = yes;
    if (yes && !ITEMS(search->tests, struct search_test)[test].ever) {
        ITEMS(search->tests, struct search_test)[test].ever = true;
        for (size_t i = 0; i < search->rows.used; i++)
            bind_counters(search, i);
    }
    return SEARCH_DONE;
}

enum search_status search_target(struct search *search, const struct search_literal *literals,
                                 const uint32_t *lengths, size_t conjunctions)
{
    size_t total = 0;

    for (size_t i = 0; i < conjunctions; i++)
        total += lengths[i];
    for (size_t i = 0; i < total; i++)
        if (literals[i].id >= (literals[i].counter ? search->counters : search->tests.used))
            return SEARCH_BAD;
    if (!reserve(&search->literals, total + 1, sizeof(struct search_literal)) ||
        !reserve(&search->conjunctions, conjunctions + 1, sizeof(struct conjunction)) ||
        !reserve(&search->targets, 1, sizeof(struct target)))
        return SEARCH_NO_MEMORY;
    ITEMS(search->targets, struct target)[search->targets.used++] = (struct target){
        (uint32_t)search->conjunctions.used, (uint32_t)conjunctions, SEARCH_NONE};
    for (size_t i = 0; i < conjunctions; i++) {
        ITEMS(search->conjunctions, struct conjunction)[search->conjunctions.used++] =
            (struct conjunction){(uint32_t)search->literals.used, lengths[i]};
        for (uint32_t j = 0; j < lengths[i]; j++)
            ITEMS(search->literals, struct search_literal)[search->literals.used++] = *literals++;
    }
    return SEARCH_DONE;
}

uint32_t search_hit(const struct search *search, uint32_t target)
{
    return ITEMS(search->targets, struct target)[target].hit;
}

void search_marks(const struct search *search, uint32_t target, uint8_t *out)
{
    uint64_t state[SEARCH_MAX_WORDS];

    for (uint32_t i = 0; i < search->states.count; i++) {
        load(search, i, state, search->words);
        out[i] = holds(search, ITEMS(search->targets, struct target)[target], state);
    }
}

/* -- rows and entries ------------------------------------------------------------------------- */

/* note what the last row is bound to; there is room */
static void add_bounds(struct search *search, uint32_t own)
{
    size_t row = search->rows.used - 1;
    uint64_t *bounds = ITEMS(search->bounds, uint64_t) + search->bounds.used;

    search->bounds.used += search->words * 2;
    memset(bounds, 0, search->words * 2 * sizeof *bounds);
    memcpy(bounds, ITEMS(search->masks, uint64_t) + row * search->words,
           search->words * sizeof *bounds);
    bind_row(search, row, own);
    bind_counters(search, row);
}

enum search_status search_row(struct search *search, uint32_t process, uint32_t own,
                              const uint32_t *reads, size_t count, const uint32_t *zeros,
                              size_t zero_count, bool ample)
{
    struct search_pool *rows;
    uint64_t *mask;

    if (process >= search->count_of_processes || zero_count > SEARCH_MAX_ZEROS ||
        own > search->fields[search->processes[process].own].ones)
        return SEARCH_BAD;
    for (size_t i = 0; i < count; i++)
        if (reads[i] >= search->components)
            return SEARCH_BAD;
    for (size_t i = 0; i < zero_count; i++)
        if (zeros[i] >= search->counters)
            return SEARCH_BAD;
    rows = &search->processes[process].rows;
    if (row_of(&search->processes[process], own) != SEARCH_NONE)
        return SEARCH_BAD;
    if (!reserve(rows, own < rows->used ? 0 : own + (size_t)1 - rows->used, sizeof own) ||
        !reserve(&search->rows, 1, sizeof(struct row)) ||
        !reserve(&search->masks, search->words, sizeof(uint64_t)) ||
        !reserve(&search->bounds, search->words * 2, sizeof(uint64_t)) ||
        !reserve(&search->zeros, zero_count + 1, sizeof(uint32_t)))
        return SEARCH_NO_MEMORY;
    while (rows->used <= own)
        ITEMS(*rows, uint32_t)[rows->used++] = SEARCH_NONE;
    ITEMS(*rows, uint32_t)[own] = (uint32_t)search->rows.used;
    ITEMS(search->rows, struct row)[search->rows.used++] =
        (struct row){(uint32_t)search->zeros.used, (uint16_t)zero_count, ample};
    mask = ITEMS(search->masks, uint64_t) + search->masks.used;
    search->masks.used += search->words;
    memset(mask, 0, search->words * sizeof *mask);
    for (size_t i = 0; i < count; i++) {
        struct search_field field = search->fields[reads[i]];

        mask[field.word] |= field.ones << field.shift;
    }
    for (size_t i = 0; i < zero_count; i++)
        ITEMS(search->zeros, uint32_t)[search->zeros.used++] = zeros[i];
    add_bounds(search, search->processes[process].own);
    search->ample |= ample;
    search->wakeful |= ample; /* who sleeps relies on all steps of the states before */
    return SEARCH_DONE;
}

/* what is still to be read of an entry's code */
struct reader {
    const uint32_t *at, *end;
};

/* read one number; false at the end */
static bool next(struct reader *reader, uint32_t *value)
{
    if (reader->at == reader->end)
        return false;
    *value = *reader->at++;
    return true;
}

/* read the components that a step changes, as the word-by-word difference */
static bool read_delta(struct search *search, const uint64_t *state, struct reader *reader)
{
    uint64_t *delta = ITEMS(search->deltas, uint64_t) + search->deltas.used;
    uint32_t changes, component, number;

    memset(delta, 0, search->words * sizeof *delta);
    search->deltas.used += search->words;
    if (!next(reader, &changes))
        return false;
    while (changes-- > 0) {
        struct search_field field;

        if (!next(reader, &component) || component >= search->components ||
            !next(reader, &number) || number > search->fields[component].ones)
            return false;
        field = search->fields[component];
        delta[field.word] |= (uint64_t)(get(state, field) ^ number) << field.shift;
    }
    return true;
}

/* read the images of one component */
static bool read_map(struct search *search, struct reader *reader)
{
    uint32_t component, count, image = SEARCH_NONE;

    if (!next(reader, &component) || component >= search->components || !next(reader, &count) ||
        count > (size_t)(reader->end - reader->at))
        return false;
    ITEMS(search->maps, struct map)[search->maps.used++] =
        (struct map){component, (uint32_t)search->images.used, count};
    while (count-- > 0) {
        next(reader, &image);
        if (image != SEARCH_NONE && image > search->fields[component].ones)
            return false;
        ITEMS(search->images, uint32_t)[search->images.used++] = image;
    }
    return true;
}

/* read one step: its delta and its maps */
static bool read_outcome(struct search *search, const uint64_t *state, struct reader *reader)
{
    struct outcome outcome = {(uint32_t)search->maps.used, 0};

    if (!read_delta(search, state, reader) || !next(reader, &outcome.maps))
        return false;
    for (uint32_t i = 0; i < outcome.maps; i++)
        if (!read_map(search, reader))
            return false;
    ITEMS(search->outcomes, struct outcome)[search->outcomes.used++] = outcome;
    return true;
}

void search_fill_index(struct search *search)
{
    memset(search->index, 0, (search->index_mask + 1) * sizeof *search->index);
    for (size_t i = 0; i < search->entries.used; i++) {
        struct entry entry = ITEMS(search->entries, struct entry)[i];
        const uint64_t *key = ITEMS(search->keys, uint64_t) + i * search->words;

        search->index[entry_place(search, entry.row, entry.zeros, key, search->words)] =
            (uint32_t)i + 1;
    }
}

/* make room for an entry whose code has `length` numbers */
static bool reserve_entry(struct search *search, size_t length)
{
    size_t size = search->index ? search->index_mask + 1 : 256;
    uint32_t *index;

    if (search->entries.used >= SEARCH_NONE / 2 || length > SEARCH_NONE / 2 ||
        !reserve(&search->entries, 1, sizeof(struct entry)) ||
        !reserve(&search->keys, search->words, sizeof(uint64_t)) ||
        !reserve(&search->outcomes, length, sizeof(struct outcome)) ||
        !reserve(&search->deltas, (length + 1) * search->words, sizeof(uint64_t)) ||
        !reserve(&search->maps, length, sizeof(struct map)) ||
        !reserve(&search->images, length, sizeof(uint32_t)))
        return false;
    while (size / 2 <= search->entries.used)
        size *= 2;
    if (search->index && size == search->index_mask + 1)
        return true;
    index = regsim_resize(NULL, size * sizeof *index);
    if (!index)
        return false;
    regsim_free(search->index);
    search->index = index;
    search->index_mask = size - 1;
    search_fill_index(search);
    return true;
}

/* put an entry where the state finds it, in place of what it finds there now */
static void keep_entry(struct search *search, const uint64_t *state, struct entry entry)
{
    size_t at = entry_place(search, entry.row, entry.zeros, state, search->words);
    const uint64_t *mask = ITEMS(search->masks, uint64_t) + (size_t)entry.row * search->words;

    if (!search->index[at]) {
        search->index[at] = (uint32_t)++search->entries.used;
        for (uint32_t i = 0; i < search->words; i++)
            ITEMS(search->keys, uint64_t)[search->keys.used++] = state[i] & mask[i];
    }
    ITEMS(search->entries, struct entry)[search->index[at] - 1] = entry;
}

/* note what an entry, whose deltas begin with number `first`, has its row change: where it maps, that
 * may be anything, and what it leads to depends on anything */
static void bind_entry(struct search *search, const struct entry *entry, size_t first)
{
    uint64_t *bounds = ITEMS(search->bounds, uint64_t) + (size_t)entry->row * 2 * search->words;

    for (size_t i = first; i < search->deltas.used; i++)
        bounds[search->words + (i - first) % search->words] |= ITEMS(search->deltas, uint64_t)[i];
    if (entry->maps)
        memset(bounds, 0xFF, search->words * 2 * sizeof *bounds);
}

enum search_status search_entry(struct search *search, uint32_t state, uint32_t process,
                                const uint32_t *code, size_t length)
{
    struct reader reader = {code, code + length};
    size_t outcomes = search->outcomes.used, deltas = search->deltas.used;
    size_t maps = search->maps.used, images = search->images.used;
    struct entry entry = {SEARCH_NONE, 0, (uint32_t)outcomes, 0, false};
    uint64_t words[SEARCH_MAX_WORDS];

    if (process >= search->count_of_processes || state >= search->states.count)
        return SEARCH_BAD;
    load(search, state, words, search->words);
    entry.row = row_of(&search->processes[process],
                       get(words, search->fields[search->processes[process].own]));
    if (entry.row == SEARCH_NONE)
        return SEARCH_BAD;
    if (!reserve_entry(search, length))
        return SEARCH_NO_MEMORY;
    while (reader.at < reader.end)
        if (!read_outcome(search, words, &reader)) {
            search->outcomes.used = outcomes;
            search->deltas.used = deltas;
            search->maps.used = maps;
            search->images.used = images;
            return SEARCH_BAD;
        }
    entry.zeros = zeros_of(search, entry.row, words);
    entry.count = (uint32_t)(search->outcomes.used - outcomes);
    entry.maps = search->maps.used > maps;
    bind_entry(search, &entry, deltas);
    keep_entry(search, words, entry);
    return SEARCH_DONE;
}

/* -- another layout --------------------------------------------------------------------------- */

/* make room for the states of a pool with this many words each; false without memory */
static bool reserve_wider(const struct search *search, struct search_pool *pool, uint32_t words)
{
    return reserve(pool, pool->used / search->words * (words - search->words), sizeof(uint64_t));
}

bool search_reserve_tables(struct search *search, uint32_t words)
{
    return reserve_wider(search, &search->masks, words) &&
           reserve_wider(search, &search->bounds, words) &&
           reserve_wider(search, &search->keys, words) &&
           reserve_wider(search, &search->deltas, words);
}

/* have the states of a pool be of another layout: its fields are as wide or wider and so none of
 * them lies before where it lay. Of a mask all bits of a field are set, or none. */
static void move_pool(const struct search *search, struct search_pool *pool, bool masks,
                      const struct search_field *fields, uint32_t words)
{
    size_t count = pool->used / search->words;

    for (size_t i = count; i-- > 0;) {
        const uint64_t *from = ITEMS(*pool, uint64_t) + i * search->words;
        uint64_t to[SEARCH_MAX_WORDS] = {0};

        for (uint32_t j = 0; j < search->components; j++) {
            uint32_t number = get(from, search->fields[j]);

            put(to, fields[j], !masks ? number : number ? (uint32_t)fields[j].ones : 0);
        }
        memcpy(ITEMS(*pool, uint64_t) + i * words, to, words * sizeof *to);
    }
    pool->used = count * words;
}

void search_move_tables(struct search *search, const struct search_field *fields, uint32_t words)
{
    move_pool(search, &search->masks, true, fields, words);
    move_pool(search, &search->bounds, true, fields, words);
    move_pool(search, &search->keys, false, fields, words);
    move_pool(search, &search->deltas, false, fields, words);
}
