/* Rows of Process Monitor's CSV, cut out of bytes: what opens or closes a key, in columns.
 *
 * The twin is trace/readers/_procmon_rows.py. This one reads what is written by the rule: each field
 * in quotes, quotes inside them doubled, one comma between, a row's own number of fields. Of every
 * row that is checked; a stretch with a row that is not so is refused as a whole, and the twin says
 * what is wrong with it.
 *
 * What operations and results mean, and the access that a detail spells out, is not known here: a
 * scan stops at the first row with a pair or a detail that it has not met, the caller says what
 * becomes of them, and it goes on. Texts are handed out as they stand, with doubled quotes. */
#ifndef REGSIM_CORE_CSV_H
#define REGSIM_CORE_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core_texts.h"

enum csv_outcome {
    CSV_DONE,
    CSV_VERDICT,   /* what becomes of rows such as this one? csv_verdict() says */
    CSV_ACCESS,    /* which access is the detail? csv_access() says */
    CSV_REFUSED,   /* not written by the rule */
    CSV_NO_MEMORY, /* nothing is lost: it can be asked to go on */
};

/* what becomes of the rows of a pair of operation and result */
enum csv_kind { CSV_UNASKED, CSV_HARMLESS, CSV_TAKEN, CSV_SKIPPED };

enum {
    CSV_MOST_COLUMNS = 64,
    CSV_MOST_WORDS = 256,      /* different operations, and results; real files have some 60 */
    CSV_MOST_DETAILS = 10000,  /* different details that are kept */
    CSV_MET = 64,
    CSV_LONGEST_ROW = 131072,  /* what Python's csv takes for one field */
};

enum csv_place { CSV_NAME, CSV_PID, CSV_OPERATION, CSV_PATH, CSV_RESULT, CSV_TIME, CSV_DETAIL,
                 CSV_PLACES };

/* a pair of operation and result, and its rows in this stretch */
struct csv_pair {
    uint8_t operation, result, kind, op;
    uint32_t status;
    uint64_t count, first, last;
};

/* a process of this stretch: who it is, whether its start is here, and where a whole row that names it
 * is */
struct csv_process {
    uint64_t who, started, row, row_end;
};

/* the columns, as regsim.trace.columns has them */
struct csv_columns {
    uint8_t *op;
    uint32_t *process, *key, *status, *access;
    int64_t *time;
    uint64_t *number;
    size_t used, room;
};

/* a row while it is looked at: its columns' ends */
struct csv_row {
    size_t begin, commas[CSV_MOST_COLUMNS];
    unsigned fields; /* commas seen, outside of quotes */
};

/* a pair of short words that was met before, found without a hash of either */
struct csv_met {
    uint64_t words[4]; /* the bytes of both; words that differ differ here, or in `sizes` */
    uint32_t sizes, pair; /* the pair from 1 */
};

struct csv_scan {
    uint32_t columns, wanted; /* how many there are, and how many commas are kept of each row */
    uint32_t places[CSV_PLACES]; /* CSV_DETAIL: `columns` where there is none */
    /* what is kept from stretch to stretch */
    struct texts operations, results, paths, details;
    struct texts who; /* names and pids, as rows have them side by side: name","pid */
    struct csv_pair *pairs;
    size_t pairs_used, pairs_room;
    uint32_t *pair_of; /* by operation and result, from 1 */
    struct csv_met met[CSV_MET];
    uint32_t accesses[CSV_MOST_DETAILS];
    size_t accesses_used;
    /* what is of one stretch */
    size_t at;            /* where the next row begins */
    uint64_t rows, taken, harmless;
    int64_t days, last;   /* midnights passed in ticks, the latest time */
    bool zero;            /* whether a byte so far is 0 */
    uint32_t *process_of; /* by who: the process, from 1 */
    size_t process_of_used, process_of_room;
    struct csv_process *processes;
    size_t processes_used, processes_room;
    struct csv_columns out;
    uint8_t *scratch;
    size_t scratch_room;
    /* what is asked about */
    uint32_t asked_operation, asked_result, asked_detail;
};

/* begin a scan of rows with so many columns; false where these cannot be */
bool csv_init(struct csv_scan *scan, uint32_t columns, const uint32_t *places, uint64_t seed);

/* begin a stretch: a line break, and then whole rows; and forget, if asked to, who was seen before */
void csv_begin(struct csv_scan *scan, bool forget);

/* scan the stretch, or go on where the last call stopped */
enum csv_outcome csv_run(struct csv_scan *scan, const uint8_t *data, size_t size);

/* answer CSV_VERDICT; false without memory */
bool csv_verdict(struct csv_scan *scan, enum csv_kind kind, uint8_t op, uint32_t status);

/* answer CSV_ACCESS */
void csv_access(struct csv_scan *scan, uint32_t access);

void csv_free(struct csv_scan *scan);

#endif
