/* Openings by process and key; core_piles.h says what for, trace/piles.py is the twin. */
#include "core_piles.h"

#include <string.h>

#include "core_events.h"
#include "core_memory.h"

enum { FIRST_WIDTH = 6, MAXIMUM_ALLOWED = 0x02000000 };

static size_t slot_of(const struct piles *piles, uint64_t place)
{
    uint64_t hash = place * UINT64_C(0x9E3779B97F4A7C15);

    return (size_t)((hash ^ hash >> 32) & (((uint64_t)1 << piles->width) - 1));
}

/* put a place's number into a free slot */
static void enter(struct piles *piles, uint32_t number)
{
    size_t mask = ((size_t)1 << piles->width) - 1;
    size_t at = slot_of(piles, piles->places[number - 1].place);

    while (piles->slots[at])
        at = (at + 1) & mask;
    piles->slots[at] = number;
}

/* have twice as many slots; false without memory, and all is as before */
static bool widen(struct piles *piles)
{
    unsigned width = piles->slots ? piles->width + 1 : FIRST_WIDTH;
    size_t size = ((size_t)1 << width) * sizeof *piles->slots;
    uint32_t *slots = regsim_resize(NULL, size);

    if (!slots)
        return false;
    memset(slots, 0, size);
    regsim_free(piles->slots);
    piles->slots = slots;
    piles->width = width;
    for (size_t i = 0; i < piles->used; i++)
        enter(piles, (uint32_t)i + 1);
    return true;
}

uint32_t piles_number(struct piles *piles, uint64_t place)
{
    size_t mask, at;

    if ((!piles->slots || 3 * piles->used >= (size_t)2 << piles->width) && !widen(piles))
        return PILES_NONE;
    mask = ((size_t)1 << piles->width) - 1;
    for (at = slot_of(piles, place); piles->slots[at]; at = (at + 1) & mask)
        if (piles->places[piles->slots[at] - 1].place == place)
            return piles->slots[at] - 1;
    if (piles->used >= PILES_NONE - 1 ||
        !regsim_reserve((void **)&piles->places, &piles->room, piles->used, 1,
                        sizeof *piles->places))
        return PILES_NONE;
    piles->places[piles->used++] = (struct piles_place){place, 0, 0, 0};
    piles->slots[at] = (uint32_t)piles->used;
    return (uint32_t)piles->used - 1;
}

bool piles_push(struct piles *piles, uint32_t at, struct piles_opening opening)
{
    struct piles_place *place = &piles->places[at];
    uint32_t slot = piles->closed;

    if (slot) {
        piles->closed = piles->openings[slot - 1].below;
    } else {
        if (piles->openings_used >= UINT32_MAX - 1 ||
            !regsim_reserve((void **)&piles->openings, &piles->openings_room,
                            piles->openings_used, 1, sizeof *piles->openings))
            return false;
        slot = (uint32_t)++piles->openings_used;
    }
    if (!place->begun)
        place->begun = ++piles->begun;
    opening.below = place->top;
    piles->openings[slot - 1] = opening;
    place->top = slot;
    return true;
}

struct piles_opening piles_close(struct piles *piles, uint32_t at)
{
    struct piles_opening *openings = piles->openings;
    uint32_t *top = &piles->places[at].top, slot = *top, above = 0;
    struct piles_opening closed;

    while (slot && openings[slot - 1].access & MAXIMUM_ALLOWED) {
        above = slot;
        slot = openings[slot - 1].below;
    }
    if (!slot) {
        slot = *top;
        above = 0;
    }
    closed = openings[slot - 1];
    *(above ? &openings[above - 1].below : top) = closed.below;
    openings[slot - 1].below = piles->closed;
    piles->closed = slot;
    return closed;
}

void piles_empty(struct piles *piles, uint32_t at)
{
    uint32_t slot = piles->places[at].top;

    while (slot) {
        uint32_t below = piles->openings[slot - 1].below;

        piles->openings[slot - 1].below = piles->closed;
        piles->closed = slot;
        slot = below;
    }
    piles->places[at].top = 0;
}

uint64_t piles_unseen(struct piles *piles, const uint32_t *hives, size_t hives_used, uint32_t hive,
                      bool forget)
{
    uint64_t count = 0;

    for (size_t i = 0; i < piles->used; i++) {
        struct piles_place *place = &piles->places[i];
        uint32_t key = (uint32_t)place->place;

        if (key >= hives_used || hives[key] != hive)
            continue;
        count += place->unseen;
        place->unseen = forget ? 0 : place->unseen;
    }
    return count;
}

/* take one row in; false where it is not plain, or where no memory is (then `failed` is set) */
static bool take(struct piles *piles, const struct piles_rows *rows, size_t i,
                 struct piles_counts *counts, bool *failed)
{
    uint32_t process = rows->process[i], key = rows->key[i], hive, at;
    uint64_t place = (uint64_t)process << 32 | key;
    bool open = rows->op[i] == OP_OPEN;

    if (rows->time[i] > rows->last_time || rows->number[i] > rows->last_number)
        return false;
    if (rows->op[i] == OP_OTHER)
        return true;
    if ((!open && rows->op[i] != OP_CLOSE) || key >= rows->hives_used)
        return false;
    hive = rows->hives[key];
    if ((hive < rows->gone_used && rows->gone[hive]) ||
        (process < rows->ended_used && rows->ended[process]) || (!open && !key))
        return false;
    if (open && rows->status[i])
        return true;
    at = piles_number(piles, place);
    *failed = at == PILES_NONE;
    if (*failed)
        return false;
    if (open) {
        *failed = !piles_push(piles, at,
                              (struct piles_opening){rows->time[i], rows->number[i],
                                                     rows->access[i], 0});
        counts->opens += !*failed;
        return !*failed;
    }
    if (!piles->places[at].top) {
        if (hive == PILES_UNPLACED)
            return false;
        piles->places[at].unseen++;
        counts->unmatched++;
    } else {
        piles_close(piles, at);
    }
    counts->closes++;
    return true;
}

bool piles_feed(struct piles *piles, const struct piles_rows *rows, size_t *next,
                struct piles_counts *counts)
{
    bool failed = false;

    *counts = (struct piles_counts){0, 0, 0};
    while (*next < rows->rows && take(piles, rows, *next, counts, &failed))
        ++*next;
    return !failed;
}

void piles_free(struct piles *piles)
{
    regsim_free(piles->places);
    regsim_free(piles->slots);
    regsim_free(piles->openings);
    memset(piles, 0, sizeof *piles);
}
