/* What the files of the search share; core_search.h has the picture. */
#ifndef REGSIM_SEARCH_INSIDE_H
#define REGSIM_SEARCH_INSIDE_H

#include <string.h>

#include "core_memory.h"
#include "core_search.h"

#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline))
#define PREFETCH(address) __builtin_prefetch(address)
#define ZEROS_BELOW(word) ((unsigned)__builtin_ctzll(word))
#elif defined(_MSC_VER)
#define INLINE static __forceinline
#define PREFETCH(address) ((void)(address))
#else
#define INLINE static inline
#define PREFETCH(address) ((void)(address))
#endif

#ifndef ZEROS_BELOW
/* return how many bits below the lowest 1 are 0; the word is not 0 */
INLINE unsigned ZEROS_BELOW(uint64_t word)
{
    unsigned below = 0;

    for (; !(word & 1); word >>= 1)
        below++;
    return below;
}
#endif

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define LITTLE(word) __builtin_bswap64(word)
#else
#define LITTLE(word) (word)
#endif

#define ITEMS(pool, type) ((type *)(pool).data)

#ifdef REGSIM_SMALL /* for tests: small models go every way */
enum { BATCH = 8, CHUNK = 1 << 14 };
#else
enum {
    BATCH = 256,      /* states whose steps are looked up before any successor is */
    CHUNK = 1 << 18,  /* bytes of states that are allocated at once */
};
#endif

enum {
    SHARES = 32,       /* batches that a crew expands before the new states are kept */
    MARK = 32,         /* words of the family between two marks */
    MOST_BITS = 32,    /* of the number of slots */
    FULL = 17,         /* of 20 slots are used at most */
    ASLEEP_BITS = 4,   /* of a process in a word that says who is asleep */
    SLEEPERS = 16,     /* processes that have such bits: the first ones */
};

struct row {
    uint32_t first_zero;
    uint16_t zeros;
    bool ample;
};

struct entry {
    uint32_t row, zeros;   /* with the words in `keys` what it is found by */
    uint32_t first, count; /* its outcomes */
    bool maps;             /* whether one of them has any */
};

struct outcome {
    uint32_t first_map, maps;
};

struct map {
    uint32_t component, first, count; /* its images */
};

struct conjunction {
    uint32_t first, count; /* its literals */
};

struct target {
    uint32_t first, count; /* its conjunctions */
    uint32_t hit;
};

struct group {
    uint32_t first, count, parts; /* its places */
};

/* who took the step that a successor in the batch is of */
struct note {
    uint32_t parent, process;
};

/* a successor that is in no slot yet; its words stand beside it */
struct newcomer {
    uint64_t hash, asleep;
    uint32_t parent;
};

/* what became of one batch of several that a crew expands */
struct share {
    struct search_pool states, newcomers;
    size_t transitions;
};

/* -- memory ----------------------------------------------------------------------------------- */

/* make room for `more` items of `size` bytes; false without memory, and all is as before */
INLINE bool reserve(struct search_pool *pool, size_t more, size_t size)
{
    return pool->room - pool->used >= more ||
           regsim_reserve(&pool->data, &pool->room, pool->used, more, size);
}

/* make room for `more` states in all that holds them, and for `parents` to be expanded; false
 * without memory */
bool search_reserve_states(struct search *search, size_t more, size_t parents);

/* have the first `count` workers be ready to expand states; false without memory */
bool search_reserve_workers(struct search *search, unsigned count);

/* make room for all rows and entries with this many words; false without memory */
bool search_reserve_tables(struct search *search, uint32_t words);

/* have all in rows and entries be of another layout, with `words` words; there is room */
void search_move_tables(struct search *search, const struct search_field *fields, uint32_t words);

/* fill the index of the entries anew */
void search_fill_index(struct search *search);

/* -- fields ----------------------------------------------------------------------------------- */

/* write the state that has these numbers; false where one does not fit */
bool search_encode(const struct search *search, const uint32_t *numbers, uint64_t *state);

/* sort the members of each symmetric group; `vals` has room for as many numbers as a state has */
void search_fold(const struct search *search, uint64_t *state, uint32_t *vals);

/* return the number in a field */
INLINE uint32_t get(const uint64_t *state, struct search_field field)
{
    return (uint32_t)(state[field.word] >> field.shift & field.ones);
}

/* write the number into a field */
INLINE void put(uint64_t *state, struct search_field field, uint32_t number)
{
    state[field.word] &= ~(field.ones << field.shift);
    state[field.word] |= (uint64_t)number << field.shift;
}

/* return where a state's bytes are */
INLINE const unsigned char *bytes_of(const struct search *search, uint32_t index)
{
    const struct search_states *states = &search->states;
    uint32_t in_chunk = (UINT32_C(1) << states->shift) - 1;

    return ITEMS(states->chunks, unsigned char *)[index >> states->shift] +
           (size_t)(index & in_chunk) * states->width;
}

/* return a word of a state; the bytes after it in its chunk may be another state's, or nobody's */
INLINE uint64_t word_of(const struct search *search, const unsigned char *bytes, unsigned word)
{
    uint64_t read;

    memcpy(&read, bytes + word * sizeof read, sizeof read);
    return LITTLE(read) & search->states.keep[word];
}

/* copy a state out by its index */
INLINE void load(const struct search *search, uint32_t index, uint64_t *state, unsigned words)
{
    const unsigned char *bytes = bytes_of(search, index);

    for (unsigned i = 0; i < words; i++)
        state[i] = word_of(search, bytes, i);
}

/* write the state after the last one, and over the bytes of those to come */
INLINE void store(struct search *search, const uint64_t *state, unsigned words)
{
    unsigned char *bytes = (unsigned char *)bytes_of(search, search->states.count++);

    for (unsigned i = 0; i < words; i++) {
        uint64_t word = LITTLE(state[i]);

        memcpy(bytes + i * sizeof word, &word, sizeof word);
    }
}

/* -- the set of states ------------------------------------------------------------------------ */

/* return the hash of a state: its low half says where, its high half goes into the slot */
INLINE uint64_t hash_of(const uint64_t *state, unsigned words)
{
    uint64_t hash = 0;

    for (unsigned i = 0; i < words; i++) {
        hash = (hash ^ state[i]) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 32;
    }
    hash *= UINT64_C(0xD6E8FEB86659FD93);
    return hash ^ hash >> 29;
}

/* whether two states are equal, without a branch a word */
INLINE bool same(const uint64_t *one, const uint64_t *other, unsigned words)
{
    uint64_t differ = 0;

    for (unsigned i = 0; i < words; i++)
        differ |= one[i] ^ other[i];
    return differ == 0;
}

/* whether a stored state equals one */
INLINE bool is_at(const struct search *search, uint32_t index, const uint64_t *state,
                  unsigned words)
{
    const unsigned char *bytes = bytes_of(search, index);
    uint64_t differ = 0;

    for (unsigned i = 0; i < words; i++)
        differ |= word_of(search, bytes, i) ^ state[i];
    return differ == 0;
}

/* return the place in the table where the search for a hash begins */
INLINE size_t home_of(const struct search *search, uint64_t hash)
{
    return hash & ((UINT64_C(1) << search->slot_bits) - 1);
}

/* return what a slot holds for a state */
INLINE uint32_t slot_value(const struct search *search, uint64_t hash, uint32_t index)
{
    return (uint32_t)(hash >> 32 << search->slot_bits | (index + UINT64_C(1)));
}

/* return the index of the state that a slot is of; that of an empty one reads as NONE */
INLINE uint32_t index_in(const struct search *search, uint32_t slot)
{
    return (uint32_t)(slot & ((UINT64_C(1) << search->slot_bits) - 1)) - 1;
}

/* whether a slot has the bits of the hash */
INLINE bool may_be(const struct search *search, uint32_t slot, uint64_t hash)
{
    return (uint64_t)(slot ^ slot_value(search, hash, SEARCH_NONE)) >> search->slot_bits == 0;
}

/* return the slot of an equal state, or the empty one where it belongs */
INLINE uint32_t *slot_of(const struct search *search, const uint64_t *state, uint64_t hash,
                         unsigned words)
{
    size_t mask = ((size_t)1 << search->slot_bits) - 1, at = home_of(search, hash);

    for (;; at = (at + 1) & mask) {
        uint32_t slot = search->slots[at];

        if (!slot)
            break;
        if (may_be(search, slot, hash) && is_at(search, index_in(search, slot), state, words))
            break;
    }
    return &search->slots[at];
}

/* -- who is asleep ---------------------------------------------------------------------------- */

/* return who need not be looked at in a state: 1 + the number of its steps for each such process */
INLINE uint64_t asleep_in(const struct search *search, uint32_t state)
{
    return search->wakeful ? 0 : ITEMS(search->asleep, uint64_t)[state - search->first_asleep];
}

/* return the lowest bit of each process that sleeps */
INLINE uint64_t sleepers(uint64_t asleep)
{
    asleep |= asleep >> 1;
    return (asleep | asleep >> 2) & UINT64_C(0x1111111111111111);
}

/* return how many steps they take in all */
INLINE size_t steps_of(uint64_t asleep)
{
    const uint64_t low = UINT64_C(0x0F0F0F0F0F0F0F0F);

    asleep -= sleepers(asleep);
    asleep = (asleep & low) + (asleep >> ASLEEP_BITS & low); /* sums of two in bytes, below 32 */
    return (size_t)(asleep * UINT64_C(0x0101010101010101) >> 56);
}

/* -- questions -------------------------------------------------------------------------------- */

/* answer a test for a state */
static inline bool ask(const struct search *search, const struct search_test *test,
                       const uint64_t *state)
{
    uint32_t number = get(state, search->fields[test->component]);

    return number < test->truth.used && ITEMS(test->truth, uint8_t)[number];
}

/* whether a counter is 0: no component adds to it */
static inline bool is_zero(const struct search *search, uint32_t counter, const uint64_t *state)
{
    const struct search_test *tests =
        ITEMS(search->tests, struct search_test) + (size_t)counter * search->components;

    for (uint32_t i = 0; i < search->components; i++)
        if (tests[i].ever && ask(search, &tests[i], state))
            return false;
    return true;
}

/* whether a target holds in a state */
static inline bool holds(const struct search *search, struct target target, const uint64_t *state)
{
    for (uint32_t i = target.first; i < target.first + target.count; i++) {
        struct conjunction all = ITEMS(search->conjunctions, struct conjunction)[i];
        const struct search_literal *literal =
            ITEMS(search->literals, struct search_literal) + all.first;
        const struct search_literal *end = literal + all.count;

        for (; literal < end; literal++) {
            const struct search_test *tests = ITEMS(search->tests, struct search_test);
            bool yes = literal->counter ? is_zero(search, literal->id, state)
                                        : ask(search, &tests[literal->id], state);

            if (yes != literal->positive)
                break;
        }
        if (literal == end)
            return true;
    }
    return false;
}

/* -- rows and entries ------------------------------------------------------------------------- */

/* return the row for a value of a process's own component, or NONE */
INLINE uint32_t row_of(const struct search_process *process, uint32_t own)
{
    return own < process->rows.used ? ITEMS(process->rows, uint32_t)[own] : SEARCH_NONE;
}

/* return what the row that a process has in a state is bound to: the bits that decide which entry is
 * selected, then those that its entries change */
INLINE const uint64_t *bounds_of(const struct search *search, const struct search_process *process,
                                 const uint64_t *state, unsigned words)
{
    uint32_t row = row_of(process, get(state, search->fields[process->own]));

    return ITEMS(search->bounds, uint64_t) + (size_t)row * 2 * words;
}

/* return one bit for each counter that the row asks for and that is 0 */
INLINE uint32_t zeros_of(const struct search *search, uint32_t row, const uint64_t *state)
{
    struct row asked = ITEMS(search->rows, struct row)[row];
    uint32_t bits = 0;

    for (uint32_t i = 0; i < asked.zeros; i++) {
        uint32_t counter = ITEMS(search->zeros, uint32_t)[asked.first_zero + i];

        bits |= (uint32_t)is_zero(search, counter, state) << i;
    }
    return bits;
}

/* return the place in `index` of the entry for a state, or the empty one where it belongs */
INLINE size_t entry_place(const struct search *search, uint32_t row, uint32_t zeros,
                          const uint64_t *state, unsigned words)
{
    const uint64_t *mask = ITEMS(search->masks, uint64_t) + (size_t)row * words;
    uint64_t hash = ((uint64_t)row << 32 | zeros) * UINT64_C(0xD6E8FEB86659FD93);
    size_t at;

    for (unsigned i = 0; i < words; i++)
        hash = (hash ^ (state[i] & mask[i])) * UINT64_C(0x9E3779B97F4A7C15);
    for (at = (hash >> 32) & search->index_mask;; at = (at + 1) & search->index_mask) {
        uint32_t number = search->index[at];
        const struct entry *entry = ITEMS(search->entries, struct entry) + number - 1;
        const uint64_t *key;
        uint64_t differ = 0;

        if (!number)
            return at;
        key = ITEMS(search->keys, uint64_t) + (size_t)(number - 1) * words;
        for (unsigned i = 0; i < words; i++)
            differ |= key[i] ^ (state[i] & mask[i]);
        if (differ == 0 && entry->row == row && entry->zeros == zeros)
            return at;
    }
}

#endif
