/* Drives the scan of CSV and the piles without Python, for the sanitizers: files near to well-formed
 * ones, with each allocation failing in turn; what fails is asked for again, and the answer must be
 * the same. Each file lies at the very end of its own memory, so that one byte read beyond is found.
 *
 * Usage: csv_driver SEEDS. Prints what it has done and ends with 0, or says what broke. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_csv.h"
#include "core_events.h"
#include "core_memory.h"
#include "core_piles.h"
#include "must.h"

enum { ROOM = 1 << 14, COLUMNS = 7 };

static unsigned long failures; /* how often an allocation was made to fail */
static unsigned long refused, read; /* files */
static uint64_t state;

static uint32_t below(uint32_t limit)
{
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(state >> 33) % limit;
}

static const char *const fields[COLUMNS][6] = {
    {"4:33:14.3062614 PM", "16:33:14,3062614", "1:02:03.0000001 AM", "16.33.14,3062614",
     "11:59:59.9999999 PM", "12:00:00.0000000 AM"},
    {"a.exe", "b.exe", "q\"\"q.exe", "c", "d", "e"},
    {"1", "2", "3", "4", "77", ""},
    {"RegOpenKey", "RegCloseKey", "RegQueryKey", "Process Start", "Process Exit", "New"},
    {"HKCU\\A", "HKCU\\B", "", "HKCU\\\"\"q\"\"", "a, b", "HKLM\\C"},
    {"SUCCESS", "SUCCESS", "SUCCESS", "NAME NOT FOUND", "KEY DELETED", ""},
    {"Desired Access: Read", "", "\"\"x\"\"\r\ny", "a\nb", ",", "Maximum Allowed"},
};

/* write a file, and damage every other one; return its size */
static size_t file_of(uint8_t *out)
{
    size_t size = 0;
    uint32_t rows = below(40);

    out[size++] = '\n';
    for (uint32_t row = 0; row < rows; row++) {
        for (int column = 0; column < COLUMNS; column++)
            size += (size_t)snprintf((char *)out + size, ROOM - size, "%s\"%s\"",
                                     column ? "," : "", fields[column][below(6)]);
        size += (size_t)snprintf((char *)out + size, ROOM - size, below(2) ? "\r\n" : "\n");
    }
    if (below(3) == 0 && size > 2) /* the line break belongs to the next stretch */
        size--;
    if (below(2)) {
        static const char odd[] = "\"\n\r,'x\0";

        for (uint32_t i = below(3) + 1; i; i--)
            out[below((uint32_t)size)] = (uint8_t)odd[below(7)];
        size = below(4) ? size : below((uint32_t)size) + 1;
    }
    return size;
}

static uint64_t mixed(uint64_t hash, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(1099511628211);
    return hash;
}

/* say what becomes of the pair that is asked about */
static bool judge(struct csv_scan *scan)
{
    size_t size;
    const uint8_t *text = texts_get(&scan->operations, scan->asked_operation, &size);
    uint8_t op = size < 4        ? 0
                 : text[3] == 'O' ? OP_OPEN
                 : text[3] == 'C' ? OP_CLOSE
                 : text[3] == 'Q' ? 0
                 : text[8] == 'S' ? OP_START
                                  : OP_EXIT;
    bool success = *texts_get(&scan->results, scan->asked_result, &size) == 'S' && size;

    return csv_verdict(scan, op && success ? CSV_TAKEN : op ? CSV_SKIPPED : CSV_HARMLESS, op, 0);
}

/* scan a file; return a digest of all that is found, 0 for a refusal */
static uint64_t scanned(struct csv_scan *scan, const uint8_t *data, size_t size)
{
    const struct csv_columns *out = &scan->out;
    uint64_t hash = 14695981039346656037u;
    enum csv_outcome outcome;

    csv_begin(scan, below(2));
    while ((outcome = csv_run(scan, data, size)) != CSV_DONE) {
        if (outcome == CSV_REFUSED)
            return 0;
        if (outcome == CSV_NO_MEMORY)
            failures++;
        else if (outcome == CSV_ACCESS)
            csv_access(scan, scan->asked_detail % 3 ? 0 : 0x02000000);
        else
            while (!judge(scan))
                failures++;
    }
    hash = mixed(hash, &scan->rows, 3 * sizeof scan->rows);
    hash = mixed(hash, out->op, out->used);
    hash = mixed(hash, out->process, 4 * out->used);
    hash = mixed(hash, out->key, 4 * out->used);
    hash = mixed(hash, out->access, 4 * out->used);
    hash = mixed(hash, out->time, 8 * out->used);
    hash = mixed(hash, out->number, 8 * out->used);
    for (size_t i = 0; i < scan->processes_used; i++) {
        MUST(scan->processes[i].row_end <= size && scan->processes[i].who < scan->who.used);
        MUST(data[scan->processes[i].row] == '"');
    }
    for (size_t i = 0; i < scan->paths.used; i++) {
        size_t length;
        const uint8_t *path = texts_get(&scan->paths, i, &length);

        MUST(texts_find(&scan->paths, path, length) == i);
    }
    return mixed(hash, scan->processes, scan->processes_used * sizeof *scan->processes) | 1;
}

/* feed what was found to piles, and hold their counts against each other; return a digest */
static uint64_t piled(const struct csv_scan *scan)
{
    const struct csv_columns *out = &scan->out;
    static const uint32_t hives[64] = {1, 0, 2, 3, 1};
    static const uint8_t ended[2] = {0, 1}, gone[4] = {0, 0, 0, 1};
    struct piles_rows rows = {out->op,   out->process, out->key, out->access, out->status,
                              out->time, out->number,  out->used, hives,      64,
                              ended,     gone,         2,         4,          INT64_MAX,
                              UINT64_MAX};
    struct piles piles = {0};
    struct piles_counts counts;
    uint64_t opens = 0, closes = 0, unmatched = 0, left = 0, hash;
    size_t next = 0;

    while (next < out->used) {
        bool fed = piles_feed(&piles, &rows, &next, &counts);

        opens += counts.opens;
        closes += counts.closes;
        unmatched += counts.unmatched;
        failures += !fed;
        next += fed; /* a row that is not plain is left out */
    }
    hash = mixed(opens, &closes, sizeof closes);
    for (uint32_t at = 0; at < piles.used; at++) {
        hash = mixed(hash, &piles.places[at].begun, 4);
        if (at % 2) {
            piles_empty(&piles, at);
            continue;
        }
        for (; piles.places[at].top; left++) {
            struct piles_opening closed = piles_close(&piles, at);

            hash = mixed(hash, &closed.number, sizeof closed.number);
        }
    }
    MUST(left <= opens + unmatched - closes);
    piles_free(&piles);
    return hash;
}

/* scan a file with the allocation `fail_at` failing, 0 for none; count the requests */
static uint64_t run(const uint8_t *data, size_t size, unsigned long fail_at)
{
    static const uint32_t places[CSV_PLACES] = {1, 2, 3, 4, 5, 0, 6};
    struct csv_scan scan;
    uint64_t found;

    regsim_requests = 0;
    regsim_fail_at = fail_at;
    while (!csv_init(&scan, COLUMNS, places, 7))
        failures++;
    found = scanned(&scan, data, size);
    if (found)
        found = mixed(found, &(uint64_t){piled(&scan)}, sizeof(uint64_t));
    csv_free(&scan);
    return found;
}

int main(int argc, char **argv)
{
    unsigned long seeds = argc > 1 ? strtoul(argv[1], NULL, 10) : 20;
    static uint8_t room[ROOM];

    for (unsigned long seed = 1; seed <= seeds; seed++) {
        size_t size = (state = seed, file_of(room));
        uint8_t *data = malloc(size);
        uint64_t wanted;
        unsigned long requests;

        MUST(data != NULL);
        memcpy(data, room, size);
        wanted = run(data, size, 0);
        requests = regsim_requests;
        *(wanted ? &read : &refused) += 1;
        for (unsigned long at = 1; at <= requests; at++)
            MUST(run(data, size, at) == wanted);
        free(data);
    }
    MUST(seeds < 20 || (read > seeds / 4 && refused > seeds / 10));
    printf("%lu seeds, %lu failed allocations\n", seeds, failures);
    return 0;
}
