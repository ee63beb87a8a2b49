/* Events of Process Monitor's PML; core_pml.h says how they come. */
#include "core_pml.h"

#include <string.h>

#include "core_events.h"
#include "core_memory.h"

enum { PROCESS = 1, REGISTRY = 2, WIDE = 2 };

/* an event, as far as it is of interest */
struct pml_event {
    uint64_t path, path_size; /* in the file; the size is 0 for none */
    struct pml_row row;
    uint32_t kind, number, counter;
    unsigned width;
    bool taken, damaged;
};

static uint32_t read16(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8;
}

static uint32_t read32(const uint8_t *at)
{
    return read16(at) | read16(at + 2) << 16;
}

static uint64_t read64(const uint8_t *at)
{
    return read32(at) | (uint64_t)read32(at + 4) << 32;
}

static void count(struct pml_skips *skips, uint64_t number)
{
    skips->first = skips->count++ ? skips->first : number;
    skips->last = number;
}

/* return the op of a registry call or of a process's life; OP_OTHER for all others */
static uint8_t op_of(uint32_t kind, uint32_t number)
{
    if (kind == PROCESS)
        return number == 7 ? OP_START : number == 2 ? OP_EXIT : OP_OTHER;
    if (kind != REGISTRY)
        return OP_OTHER;
    switch (number) {
    case 0:
    case 1:
        return OP_OPEN;
    case 2:
        return OP_CLOSE;
    case 12:
        return OP_LOAD;
    case 13:
        return OP_UNLOAD;
    default:
        return OP_OTHER;
    }
}

/* STATUS_REPARSE and STATUS_REPARSE_GLOBAL: an open is tried again elsewhere */
static bool reparsed(uint32_t result)
{
    return result == 0x104 || result == 0x368;
}

/* the handle's key is no more: regsim.trace.calls.GONE */
static bool gone(uint32_t result)
{
    return result == 1018 || result == 0xC000017C || result == 0xC0000425;
}

/* find the path of a registry call whose details begin at `start`; false where they are not in the
 * window, though they are in the file */
static bool find_path(const struct pml *pml, struct pml_event *event, uint64_t start, uint32_t details,
                      const uint8_t *window, size_t size, uint64_t base)
{
    static const uint8_t heads[14] = {8, 8, 2, [12] = 4, [13] = 2};
    uint32_t info;
    uint64_t begin = start + heads[event->number], end;

    if (start + 8 > pml->size) {
        event->damaged = true;
        return true;
    }
    if (start < base || start + 8 > base + size)
        return false;
    info = read16(window + (start - base));
    event->width = info >> 15 ? 1 : WIDE;
    end = begin + (uint64_t)(info & 0x7FFF) * event->width;
    if (end > start + details || end > pml->size) {
        event->damaged = true;
        return true;
    }
    if (end > base + size)
        return false;
    if (event->row.op == OP_OPEN)
        event->row.access = read32(window + (start + 4 - base));
    event->path = begin;
    event->path_size = end - begin;
    return true;
}

/* read the event at a place; false where it is not in the window */
static bool read_event(const struct pml *pml, struct pml_event *event, uint64_t at,
                       const uint8_t *window, size_t size, uint64_t base)
{
    const uint8_t *bytes = window + (at - base);
    uint32_t result;
    uint8_t op;

    if (at < base || at + PML_EVENT > base + size)
        return false;
    memset(event, 0, sizeof *event);
    event->kind = read32(bytes + 8);
    event->number = read16(bytes + 12);
    event->counter = read32(bytes + 16);
    event->row.process = read32(bytes);
    event->row.time = (int64_t)read64(bytes + 28);
    result = read32(bytes + 36);
    event->row.status = result > 0x7FFFFFFF || reparsed(result) ? result : 0;
    op = op_of(event->kind, event->number);
    if (op == OP_OPEN && event->row.status && !gone(result))
        op = OP_OTHER;
    event->row.op = op;
    event->taken = op != OP_OTHER;
    if (!event->taken || event->kind == PROCESS)
        return true;
    return find_path(pml, event, at + PML_EVENT + (uint64_t)pml->pointer * read16(bytes + 40),
                     read32(bytes + 44), window, size, base);
}

/* return the number of the event's path; TEXTS_NONE without memory */
static uint32_t path_of(struct pml *pml, const struct pml_event *event, const uint8_t *path)
{
    size_t size = (size_t)event->path_size;

    if (!size)
        return 0;
    if (!regsim_reserve((void **)&pml->scratch, &pml->scratch_room, 0, size + 1, 1))
        return TEXTS_NONE;
    pml->scratch[0] = (uint8_t)event->width;
    memcpy(pml->scratch + 1, path, size);
    return texts_number(&pml->paths, pml->scratch, size + 1);
}

/* give the row's process its number here; false without memory */
static bool number_process(struct pml *pml, struct pml_row *row)
{
    uint32_t *known = map_find(&pml->processes, (uint64_t)row->process + 1);

    if (!known) {
        if (!regsim_reserve((void **)&pml->records, &pml->records_room, pml->records_used, 1,
                            sizeof *pml->records) ||
            !map_add(&pml->processes, (uint64_t)row->process + 1, (uint32_t)pml->records_used))
            return false;
        pml->records[pml->records_used] = row->process;
        row->process = (uint32_t)pml->records_used++;
        return true;
    }
    row->process = *known;
    return true;
}

/* take an event in; false without memory, and nothing of it is in */
static bool take(struct pml *pml, struct pml_event *event, size_t index, const uint8_t *path)
{
    uint64_t number = pml->before + index + 1;
    bool known = event->kind == 1 || (event->kind >= 3 && event->kind <= 5) ||
                 (event->kind == REGISTRY && event->number <= PML_LAST_REGISTRY);

    if (!regsim_reserve((void **)&pml->counters, &pml->counters_room, pml->counters_used, 1,
                        sizeof *pml->counters) ||
        !regsim_reserve((void **)&pml->rows, &pml->rows_room, pml->rows_used, 1,
                        sizeof *pml->rows))
        return false;
    if (event->taken) {
        event->row.key = path_of(pml, event, path);
        if (event->row.key == TEXTS_NONE || !number_process(pml, &event->row))
            return false;
        event->row.op = event->damaged ? OP_OTHER : event->row.op;
        event->row.number = number;
        pml->rows[pml->rows_used++] = event->row;
    }
    if (event->kind == REGISTRY)
        pml->counters[pml->counters_used++] = (uint64_t)event->counter << 32 | index;
    if (!pml->seen)
        pml->first_time = event->row.time;
    pml->last_time = event->row.time;
    pml->seen = true;
    if (!known)
        count(&pml->unknown, number);
    if (event->damaged)
        count(&pml->damaged, number);
    pml->taken += event->taken && !event->damaged;
    pml->harmless += known && !event->taken;
    return true;
}

uint64_t pml_place(const struct pml *pml, const uint8_t *place)
{
    uint64_t low = read32(place), wide = low | (uint64_t)place[4] << 32;

    return wide < pml->size ? wide : low;
}

bool pml_run(struct pml *pml, const uint8_t *window, size_t size, uint64_t base,
             const uint8_t *places, size_t events, size_t *next)
{
    for (; *next < events; ++*next) {
        uint64_t at = pml_place(pml, places + 5 * *next);
        struct pml_event event;

        if (at < PML_HEADER || at + PML_EVENT > pml->size) {
            count(&pml->outside, pml->before + *next + 1);
            continue;
        }
        if (!read_event(pml, &event, at, window, size, base))
            return true;
        if (!take(pml, &event, *next, event.path_size ? window + (event.path - base) : window))
            return false;
    }
    return true;
}

/* -- the driver's numbers ---------------------------------------------------------------------- */

/* put the driver's numbers in order, events with the same one as they came; false without memory */
static bool sort(struct pml *pml)
{
    size_t used = pml->counters_used;
    uint64_t *from = pml->counters, *to = regsim_resize(NULL, used * sizeof *to), *other = to;

    if (!to)
        return false;
    for (unsigned shift = 32; shift < 64; shift += 8) { /* an even number of times: from is back */
        size_t begins[257] = {0};

        for (size_t i = 0; i < used; i++)
            begins[(from[i] >> shift & 0xFF) + 1]++;
        for (unsigned i = 1; i < 257; i++)
            begins[i] += begins[i - 1];
        for (size_t i = 0; i < used; i++)
            to[begins[from[i] >> shift & 0xFF]++] = from[i];
        to = from;
        from = from == other ? pml->counters : other;
    }
    regsim_free(other);
    return true;
}

bool pml_gaps(struct pml *pml, int64_t latest, int64_t high, struct pml_gaps *out)
{
    struct pml_gaps gaps = {0, 0, 0, 0, 0, 0, 0};
    int64_t last = latest;

    *out = gaps;

    for (size_t i = 0; i < pml->counters_used; i++) {
        int64_t counter = (int64_t)(pml->counters[i] >> 32);

        if (counter < last) {
            gaps.falls++;
            gaps.fall = pml->before + (uint32_t)pml->counters[i] + 1;
        }
        last = counter;
    }
    if (!pml->counters_used)
        return true;
    gaps.latest = (uint32_t)last;
    if (gaps.falls && !sort(pml))
        return false;
    gaps.low = (uint32_t)(pml->counters[0] >> 32);
    gaps.high = (uint32_t)(pml->counters[pml->counters_used - 1] >> 32);
    last = high < 0 ? (int64_t)gaps.low - 1 : high < gaps.low ? high : gaps.low;
    for (size_t i = 0; i < pml->counters_used; i++) {
        int64_t counter = (int64_t)(pml->counters[i] >> 32);

        if (counter > last + 1) {
            gaps.skipped += (uint64_t)(counter - last - 1);
            gaps.skip = pml->before + (uint32_t)pml->counters[i] + 1;
        }
        last = counter;
    }
    *out = gaps;
    return true;
}

/* -- the whole --------------------------------------------------------------------------------- */

bool pml_init(struct pml *pml, uint64_t size, unsigned pointer, uint64_t seed)
{
    memset(pml, 0, sizeof *pml);
    pml->size = size;
    pml->pointer = pointer;
    pml->paths.seed = seed;
    return texts_number(&pml->paths, NULL, 0) == 0; /* path 0 is no path */
}

void pml_begin(struct pml *pml, uint64_t before)
{
    pml->before = before;
    pml->seen = false;
    pml->outside = pml->unknown = pml->damaged = (struct pml_skips){0, 0, 0};
    pml->taken = pml->harmless = 0;
    pml->counters_used = pml->rows_used = 0;
}

void pml_free(struct pml *pml)
{
    texts_free(&pml->paths);
    map_clear(&pml->processes);
    regsim_free(pml->records);
    regsim_free(pml->scratch);
    regsim_free(pml->counters);
    regsim_free(pml->rows);
    memset(pml, 0, sizeof *pml);
}
