/* Distinct texts by number; core_texts.h says what for. */
#include "core_texts.h"

#include <string.h>

#include "core_memory.h"

enum { FIRST_WIDTH = 6 };

static uint64_t mixed(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ hash >> 29;
}

static inline uint32_t hash_of(const uint8_t *text, size_t size, uint64_t seed)
{
    uint64_t hash = mixed(seed, size), word = 0;

    for (; size > 8; text += 8, size -= 8) {
        memcpy(&word, text, 8);
        hash = mixed(hash, word);
    }
    if (size >= 4) { /* two words of 4 bytes that overlap */
        uint32_t first, last;

        memcpy(&first, text, 4);
        memcpy(&last, text + size - 4, 4);
        word = first | (uint64_t)last << 32;
    } else if (size) {
        word = text[0] | (uint64_t)text[size / 2] << 8 | (uint64_t)text[size - 1] << 16;
    }
    hash = mixed(hash, size ? word : 0);
    return (uint32_t)(mixed(hash, seed) >> 32);
}

const uint8_t *texts_get(const struct texts *texts, size_t number, size_t *size)
{
    size_t begin = number ? texts->ends[number - 1] : 0;

    *size = texts->ends[number] - begin;
    return texts->bytes + begin;
}

/* have twice as many slots; false without memory, and all is as before */
static bool widen(struct texts *texts)
{
    unsigned width = texts->slots ? texts->width + 1 : FIRST_WIDTH;
    size_t count = (size_t)1 << width, old = texts->slots ? (size_t)1 << texts->width : 0;
    struct texts_slot *slots = regsim_resize(NULL, count * sizeof *slots);

    if (!slots)
        return false;
    memset(slots, 0, count * sizeof *slots);
    for (size_t i = 0; i < old; i++) {
        size_t at = texts->slots[i].hash & (count - 1);

        if (!texts->slots[i].number)
            continue;
        while (slots[at].number)
            at = (at + 1) & (count - 1);
        slots[at] = texts->slots[i];
    }
    regsim_free(texts->slots);
    texts->slots = slots;
    texts->width = width;
    return true;
}

/* put a text at the end; false without memory, and all is as before */
static bool append(struct texts *texts, const uint8_t *text, size_t size)
{
    if (texts->used >= TEXTS_NONE - 1 ||
        !regsim_reserve((void **)&texts->bytes, &texts->bytes_room, texts->bytes_used, size + 1,
                        1) ||
        !regsim_reserve((void **)&texts->ends, &texts->room, texts->used, 1, sizeof *texts->ends))
        return false;
    if (size)
        memcpy(texts->bytes + texts->bytes_used, text, size);
    texts->bytes_used += size;
    texts->ends[texts->used++] = texts->bytes_used;
    return true;
}

/* whether two texts of one size are the same; most are some tens of bytes, for which a call of memcmp
 * takes longer than what it does */
static inline bool same(const uint8_t *one, const uint8_t *other, size_t size)
{
    uint64_t a, b;

    if (size < 8)
        return memcmp(one, other, size) == 0;
    for (size_t at = 0; at < size - 8; at += 8) {
        memcpy(&a, one + at, 8);
        memcpy(&b, other + at, 8);
        if (a != b)
            return false;
    }
    memcpy(&a, one + size - 8, 8); /* these overlap the ones before */
    memcpy(&b, other + size - 8, 8);
    return a == b;
}

/* return the slot of a text, or the free one where it would go; there must be slots */
static inline struct texts_slot *slot_of(const struct texts *texts, const uint8_t *text, size_t size,
                                         uint32_t hash)
{
    size_t mask = ((size_t)1 << texts->width) - 1, at;

    for (at = hash & mask; texts->slots[at].number; at = (at + 1) & mask) {
        size_t known_size;
        const uint8_t *known;

        if (texts->slots[at].hash != hash)
            continue;
        known = texts_get(texts, texts->slots[at].number - 1, &known_size);
        if (known_size == size && same(known, text, size))
            break;
    }
    return &texts->slots[at];
}

uint32_t texts_find(const struct texts *texts, const uint8_t *text, size_t size)
{
    /* a free slot's number is 0, and what is one less is TEXTS_NONE */
    return texts->slots ? slot_of(texts, text, size, hash_of(text, size, texts->seed))->number - 1
                        : TEXTS_NONE;
}

uint32_t texts_number(struct texts *texts, const uint8_t *text, size_t size)
{
    uint32_t hash = hash_of(text, size, texts->seed);
    struct texts_slot *slot;

    if ((!texts->slots || 2 * texts->used >= (size_t)1 << texts->width) && !widen(texts))
        return TEXTS_NONE;
    slot = slot_of(texts, text, size, hash);
    if (slot->number)
        return slot->number - 1;
    if (!append(texts, text, size))
        return TEXTS_NONE;
    *slot = (struct texts_slot){hash, (uint32_t)texts->used};
    return (uint32_t)texts->used - 1;
}

void texts_clear(struct texts *texts)
{
    if (texts->used)
        memset(texts->slots, 0, ((size_t)1 << texts->width) * sizeof *texts->slots);
    texts->used = texts->bytes_used = 0;
}

void texts_free(struct texts *texts)
{
    regsim_free(texts->bytes);
    regsim_free(texts->ends);
    regsim_free(texts->slots);
    memset(texts, 0, sizeof *texts);
}
