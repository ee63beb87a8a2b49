/* Rows of Process Monitor's CSV; core_csv.h says what is read and what is refused.
 *
 *  finding rows       csv_run, look, end_row: 64 bytes at a time, as bits
 *  a row of interest  take, time_of_day, process_of, access_of
 *
 * Which bytes lie inside quotes follows from the parity of the quotes before them; a doubled quote
 * leaves the parity as it was. Outside of quotes a well-formed row has nothing but commas, each
 * between a quote that closes and one that opens, and its line break. So it is enough to look at
 * what follows each comma, line break and closing quote there. */
#include "core_csv.h"

#include <string.h>

#include "core_blocks.h"
#include "core_events.h"
#include "core_memory.h"

#define SECOND INT64_C(10000000)
#define DAY (86400 * SECOND)

struct field {
    const uint8_t *text;
    size_t size;
};

static struct field field_of(const struct csv_row *row, const uint8_t *data, uint32_t column)
{
    size_t begin = column ? row->commas[column - 1] + 2 : row->begin + 1;

    return (struct field){data + begin, row->commas[column] - 1 - begin};
}

/* -- a row of interest ------------------------------------------------------------------------- */

/* read `count` digits; false where they are none */
static bool digits(const uint8_t *text, int count, int64_t *out)
{
    *out = 0;
    for (int i = 0; i < count; i++) {
        unsigned digit = (unsigned)text[i] - '0';

        if (digit > 9)
            return false;
        *out = *out * 10 + digit;
    }
    return true;
}

/* read a time of day as 7:27:31.7947753 AM or 19.27.31,7947753; false for all other forms */
static bool time_of_day(struct field field, int64_t *out)
{
    const uint8_t *text = field.text;
    size_t size = field.size;
    int64_t hour, minute, second, fraction;
    bool half = size > 3 && text[size - 3] == ' ' && text[size - 1] == 'M' &&
                (text[size - 2] == 'A' || text[size - 2] == 'P');
    size_t clock = half ? size - 3 : size;
    int long_hour = clock == 16;

    if (clock != 15 && clock != 16)
        return false;
    if (!digits(text, 1 + long_hour, &hour))
        return false;
    text += 1 + long_hour;
    if ((text[0] != ':' && text[0] != '.') || (text[3] != ':' && text[3] != '.') ||
        (text[6] != '.' && text[6] != ',') || !digits(text + 1, 2, &minute) ||
        !digits(text + 4, 2, &second) || !digits(text + 7, 7, &fraction))
        return false;
    if (half && field.text[size - 2] == 'P' && hour < 12)
        hour += 12;
    else if (half && field.text[size - 2] == 'A' && hour == 12)
        hour = 0;
    *out = ((hour * 60 + minute) * 60 + second) * SECOND + fraction;
    return true;
}

/* note the row's time; a clock that falls back by more than half a day has passed midnight */
static int64_t passed(struct csv_scan *scan, int64_t time)
{
    if (time + scan->days + DAY / 2 < scan->last)
        scan->days += DAY;
    return scan->last = time + scan->days;
}

/* return the number of who has a name and a pid in this stretch; TEXTS_NONE without memory */
static uint32_t who_of(struct csv_scan *scan, struct field name, struct field pid)
{
    size_t size = name.size + pid.size + 3;
    uint32_t who;

    if (!regsim_reserve((void **)&scan->scratch, &scan->scratch_room, 0, size, 1))
        return TEXTS_NONE;
    memcpy(scan->scratch, name.text, name.size);
    memcpy(scan->scratch + name.size, "\",\"", 3);
    memcpy(scan->scratch + name.size + 3, pid.text, pid.size);
    who = texts_number(&scan->who, scan->scratch, size);
    if (who == TEXTS_NONE || who < scan->process_of_used)
        return who;
    if (!regsim_reserve((void **)&scan->process_of, &scan->process_of_room, scan->process_of_used,
                        1, sizeof *scan->process_of))
        return TEXTS_NONE;
    scan->process_of[scan->process_of_used++] = 0;
    return who;
}

/* return the number of the row's process, a new one for a start; TEXTS_NONE without memory */
static uint32_t process_of(struct csv_scan *scan, const struct csv_row *row, size_t end,
                           const uint8_t *data, bool starts)
{
    struct field name = field_of(row, data, scan->places[CSV_NAME]);
    struct field pid = field_of(row, data, scan->places[CSV_PID]);
    uint32_t who = who_of(scan, name, pid);

    if (who == TEXTS_NONE)
        return TEXTS_NONE;
    if (scan->process_of[who] && !starts)
        return scan->process_of[who] - 1;
    if (!regsim_reserve((void **)&scan->processes, &scan->processes_room, scan->processes_used, 1,
                        sizeof *scan->processes))
        return TEXTS_NONE;
    scan->processes[scan->processes_used++] =
        (struct csv_process){who, starts, row->begin, end};
    scan->process_of[who] = (uint32_t)scan->processes_used;
    return (uint32_t)scan->processes_used - 1;
}

/* read the access that an open's detail spells out */
static enum csv_outcome access_of(struct csv_scan *scan, struct field detail, uint32_t *out)
{
    uint32_t number;

    if (scan->details.used > CSV_MOST_DETAILS - 1 && scan->accesses_used == scan->details.used) {
        texts_clear(&scan->details);
        scan->accesses_used = 0;
    }
    number = texts_number(&scan->details, detail.text, detail.size);
    if (number == TEXTS_NONE)
        return CSV_NO_MEMORY;
    if (number >= scan->accesses_used) {
        scan->asked_detail = number;
        return CSV_ACCESS;
    }
    *out = scan->accesses[number];
    return CSV_DONE;
}

static bool reserve_row(struct csv_columns *out)
{
    size_t rooms[7], used = out->used;
    bool done;

    if (out->room > used)
        return true;
    for (int i = 0; i < 7; i++)
        rooms[i] = out->room;
    done = regsim_reserve((void **)&out->op, &rooms[0], used, 1, sizeof *out->op) &&
           regsim_reserve((void **)&out->process, &rooms[1], used, 1, sizeof *out->process) &&
           regsim_reserve((void **)&out->key, &rooms[2], used, 1, sizeof *out->key) &&
           regsim_reserve((void **)&out->status, &rooms[3], used, 1, sizeof *out->status) &&
           regsim_reserve((void **)&out->access, &rooms[4], used, 1, sizeof *out->access) &&
           regsim_reserve((void **)&out->time, &rooms[5], used, 1, sizeof *out->time) &&
           regsim_reserve((void **)&out->number, &rooms[6], used, 1, sizeof *out->number);
    if (done) /* they grow alike */
        out->room = rooms[0];
    return done;
}

/* put a row that opens, closes, loads, unloads, starts or ends something into the columns */
static enum csv_outcome take(struct csv_scan *scan, const struct csv_row *row, size_t end,
                             const uint8_t *data, const struct csv_pair *pair)
{
    struct csv_columns *out = &scan->out;
    struct field path = field_of(row, data, scan->places[CSV_PATH]);
    bool lives = pair->op == OP_START || pair->op == OP_EXIT;
    uint32_t access = 0, process, key = 0;
    enum csv_outcome outcome = CSV_DONE;
    int64_t time;

    if (!time_of_day(field_of(row, data, scan->places[CSV_TIME]), &time))
        return CSV_REFUSED;
    if (!reserve_row(out))
        return CSV_NO_MEMORY;
    if (pair->op == OP_OPEN && scan->places[CSV_DETAIL] < scan->columns)
        outcome = access_of(scan, field_of(row, data, scan->places[CSV_DETAIL]), &access);
    if (outcome != CSV_DONE)
        return outcome;
    if (!lives)
        key = texts_number(&scan->paths, path.text, path.size);
    if (key == TEXTS_NONE)
        return CSV_NO_MEMORY;
    process = process_of(scan, row, end, data, pair->op == OP_START);
    if (process == TEXTS_NONE)
        return CSV_NO_MEMORY;
    out->op[out->used] = pair->op;
    out->process[out->used] = process;
    out->key[out->used] = key;
    out->status[out->used] = pair->status;
    out->access[out->used] = access;
    out->time[out->used] = passed(scan, time);
    out->number[out->used++] = scan->rows + 1;
    return CSV_DONE;
}

/* -- finding rows ------------------------------------------------------------------------------ */

/* read a word of 4 to 16 bytes as two numbers, overlapping where it is shorter than both; false for any
 * other */
static inline bool numbers_of(struct field word, uint64_t *out)
{
    uint32_t first, last;

    if (word.size < 4 || word.size > 16)
        return false;
    if (word.size >= 8) {
        memcpy(&out[0], word.text, 8);
        memcpy(&out[1], word.text + word.size - 8, 8);
        return true;
    }
    memcpy(&first, word.text, 4);
    memcpy(&last, word.text + word.size - 4, 4);
    out[0] = first | (uint64_t)last << 32;
    out[1] = 0;
    return true;
}

/* return where a pair of short words is kept once it was met, with the words in it, and whether it was;
 * NULL where one is not short.
 *
 * Nearly every row has one of some ten pairs, and what its words are is asked of every row: two numbers
 * each tell them, in a third of the time that their hashes take. */
static struct csv_met *meet(struct csv_scan *scan, struct field operation, struct field result,
                            bool *known)
{
    struct csv_met now = {.sizes = (uint32_t)(operation.size << 8 | result.size)}, *met;
    uint64_t mixed;

    if (!numbers_of(operation, now.words) || !numbers_of(result, now.words + 2))
        return NULL;
    mixed = (now.words[0] ^ now.words[2]) + 3 * (now.words[1] ^ now.words[3]) + now.sizes;
    met = &scan->met[mixed * UINT64_C(0x9E3779B97F4A7C15) >> 58];
    *known = met->pair && met->sizes == now.sizes && met->words[0] == now.words[0] &&
             met->words[1] == now.words[1] && met->words[2] == now.words[2] &&
             met->words[3] == now.words[3];
    if (!*known)
        *met = now;
    return met;
}

/* find the pair of the row's operation and result; CSV_VERDICT where nothing is known of it */
static enum csv_outcome pair_of(struct csv_scan *scan, const struct csv_row *row,
                                const uint8_t *data, struct csv_pair **pair)
{
    struct field operation = field_of(row, data, scan->places[CSV_OPERATION]);
    struct field result = field_of(row, data, scan->places[CSV_RESULT]);
    bool met_before = false;
    struct csv_met *met = meet(scan, operation, result, &met_before);
    uint32_t first, second, known;

    if (met_before) {
        *pair = &scan->pairs[met->pair - 1];
        return CSV_DONE;
    }
    first = texts_number(&scan->operations, operation.text, operation.size);
    second = first == TEXTS_NONE ? TEXTS_NONE
                                 : texts_number(&scan->results, result.text, result.size);
    if (second == TEXTS_NONE)
        return CSV_NO_MEMORY;
    if (first >= CSV_MOST_WORDS || second >= CSV_MOST_WORDS)
        return CSV_REFUSED;
    known = scan->pair_of[first * CSV_MOST_WORDS + second];
    if (!known) {
        scan->asked_operation = first;
        scan->asked_result = second;
        return CSV_VERDICT;
    }
    if (met)
        met->pair = known;
    *pair = &scan->pairs[known - 1];
    return CSV_DONE;
}

/* look at a row from its first quote to behind its last, and count it */
static enum csv_outcome end_row(struct csv_scan *scan, struct csv_row *row, size_t end,
                                const uint8_t *data)
{
    struct csv_pair *pair = NULL;
    size_t behind = data[end - 1] == '\r' ? end - 1 : end;
    uint8_t first = data[row->begin + 1];
    enum csv_outcome outcome;

    if (row->fields + 1 != scan->columns || end - row->begin > CSV_LONGEST_ROW ||
        data[behind - 1] != '"' || behind - row->begin < 3 || first == '"' || first == ',' ||
        first == '\r' || first == '\n')
        return CSV_REFUSED;
    if (scan->wanted == scan->columns)
        row->commas[scan->columns - 1] = behind;
    outcome = pair_of(scan, row, data, &pair);
    if (outcome == CSV_DONE && pair->kind == CSV_TAKEN)
        outcome = take(scan, row, end, data, pair);
    if (outcome != CSV_DONE)
        return outcome;
    scan->rows++;
    scan->taken += pair->kind == CSV_TAKEN;
    scan->harmless += pair->kind == CSV_HARMLESS;
    if (pair->kind == CSV_SKIPPED) {
        pair->first = pair->count++ ? pair->first : scan->rows;
        pair->last = scan->rows;
    }
    return CSV_DONE;
}

/* note the places of commas, as far as they are needed, and count the others */
static inline void note_commas(const struct csv_scan *scan, struct csv_row *row, uint64_t commas,
                               size_t base)
{
    while (commas && row->fields < scan->wanted) {
        row->commas[row->fields++] = base + lowest(commas);
        commas &= commas - 1;
    }
    if (commas)
        row->fields += bits_in(commas);
}

/* what the bits of one block say of the bytes behind it */
struct carry {
    uint64_t inside; /* all bits set: within quotes */
    uint64_t opens;  /* 1: the next byte must open a field */
    uint64_t closed; /* 1: the next byte follows a quote that closes */
};

/* return whether each bit of `ends`, what follows a closing quote oddly, is a row's "\r\n" */
static bool ends_row(uint64_t ends, const uint8_t *data, size_t base, size_t size)
{
    for (; ends; ends &= ends - 1) {
        size_t at = base + lowest(ends);

        if (data[at] != '\r' || (at + 1 < size && data[at + 1] != '\n'))
            return false;
    }
    return true;
}

/* return whether a line break inside a field is one that the twin takes for the start of a row */
static bool misleads(uint64_t breaks, const uint8_t *data, size_t base, size_t size)
{
    for (; breaks; breaks &= breaks - 1) {
        size_t at = base + lowest(breaks);

        if (at + 1 < size && data[at + 1] == '\'')
            return true;
    }
    return false;
}

/* look at the bytes of a block, `used` of it; the rows that end in it are looked at one by one */
static enum csv_outcome look(struct csv_scan *scan, struct csv_row *row, struct carry *carry,
                             struct marks marks, const uint8_t *data, size_t base, size_t size)
{
    uint64_t valid = size - base < BLOCK ? (UINT64_C(1) << (size - base)) - 1 : UINT64_MAX;
    uint64_t quotes = marks.quotes & valid;
    uint64_t inside = parity(quotes) ^ carry->inside;
    uint64_t opening = quotes & inside, closing = quotes & ~inside;
    uint64_t commas = marks.commas & ~inside & valid, breaks = marks.breaks & ~inside & valid;
    uint64_t opens = ((commas | breaks) << 1 | carry->opens) & valid;
    uint64_t follows = (closing << 1 | carry->closed) & valid;
    uint64_t odd = follows & ~(commas | opening | breaks);

    if (opens & ~opening || (odd && !ends_row(odd, data, base, size)) ||
        misleads(marks.breaks & inside & valid, data, base, size))
        return CSV_REFUSED;
    *carry = (struct carry){(uint64_t)0 - (inside >> 63), (commas | breaks) >> 63, closing >> 63};
    for (; breaks; breaks &= breaks - 1) {
        uint64_t below = (breaks & (~breaks + 1)) - 1;
        size_t end = base + lowest(breaks);
        enum csv_outcome outcome;

        note_commas(scan, row, commas & below, base);
        commas &= ~below;
        outcome = end_row(scan, row, end, data);
        if (outcome != CSV_DONE)
            return outcome;
        scan->at = row->begin = end + 1;
        row->fields = 0;
    }
    note_commas(scan, row, commas, base);
    return CSV_DONE;
}

/* return whether four zeros follow each other, as a disk leaves them that lost what was written */
static bool has_zeros(const uint8_t *data, size_t size)
{
    const uint8_t *end = data + size;

    while ((data = memchr(data, 0, (size_t)(end - data))) != NULL && end - data >= 4) {
        if (data[1] == 0 && data[2] == 0 && data[3] == 0)
            return true;
        data++;
    }
    return false;
}

enum csv_outcome csv_run(struct csv_scan *scan, const uint8_t *data, size_t size)
{
    struct csv_row row = {.begin = scan->at, .fields = 0};
    struct carry carry = {0, 1, 0};
    enum csv_outcome outcome = CSV_DONE;

    if (!size || data[0] != '\n')
        return CSV_REFUSED;
    for (size_t base = scan->at; base < size && outcome == CSV_DONE; base += BLOCK) {
        struct marks marks;

        if (size - base >= BLOCK) {
            marks = mark(data + base);
        } else {
            uint8_t rest[BLOCK];

            memset(rest, 'x', BLOCK);
            memcpy(rest, data + base, size - base);
            marks = mark(rest);
        }
        scan->zero |= marks.zero;
        outcome = look(scan, &row, &carry, marks, data, base, size);
    }
    if (outcome == CSV_DONE && (carry.inside || (scan->zero && has_zeros(data, size))))
        return CSV_REFUSED;
    if (outcome == CSV_DONE && row.begin < size) {
        outcome = end_row(scan, &row, size, data);
        scan->at = outcome == CSV_DONE ? size : scan->at;
    }
    return outcome;
}

/* -- the whole --------------------------------------------------------------------------------- */

bool csv_init(struct csv_scan *scan, uint32_t columns, const uint32_t *places, uint64_t seed)
{
    memset(scan, 0, sizeof *scan);
    if (columns < 2 || columns > CSV_MOST_COLUMNS)
        return false;
    scan->columns = columns;
    for (int i = 0; i < CSV_PLACES; i++) {
        if (places[i] > columns || (places[i] == columns && i != CSV_DETAIL))
            return false;
        scan->places[i] = places[i];
        if (places[i] < columns && places[i] + 1 > scan->wanted)
            scan->wanted = places[i] + 1;
    }
    scan->operations.seed = scan->results.seed = scan->paths.seed = seed;
    scan->details.seed = scan->who.seed = seed;
    scan->pair_of =
        regsim_resize(NULL, CSV_MOST_WORDS * CSV_MOST_WORDS * sizeof *scan->pair_of);
    if (scan->pair_of)
        memset(scan->pair_of, 0, CSV_MOST_WORDS * CSV_MOST_WORDS * sizeof *scan->pair_of);
    if (scan->pair_of && texts_number(&scan->paths, NULL, 0) == 0) /* path 0 is no path */
        return true;
    csv_free(scan);
    return false;
}

void csv_begin(struct csv_scan *scan, bool forget)
{
    scan->at = 1;
    scan->rows = scan->taken = scan->harmless = 0;
    scan->days = scan->last = 0;
    scan->zero = false;
    if (forget) {
        texts_clear(&scan->who);
        scan->process_of_used = 0;
    }
    if (scan->process_of_used)
        memset(scan->process_of, 0, scan->process_of_used * sizeof *scan->process_of);
    scan->processes_used = scan->out.used = 0;
    for (size_t i = 0; i < scan->pairs_used; i++)
        scan->pairs[i].count = scan->pairs[i].first = scan->pairs[i].last = 0;
}

bool csv_verdict(struct csv_scan *scan, enum csv_kind kind, uint8_t op, uint32_t status)
{
    size_t at = (size_t)scan->asked_operation * CSV_MOST_WORDS + scan->asked_result;

    if (!regsim_reserve((void **)&scan->pairs, &scan->pairs_room, scan->pairs_used, 1,
                        sizeof *scan->pairs))
        return false;
    scan->pairs[scan->pairs_used++] =
        (struct csv_pair){(uint8_t)scan->asked_operation, (uint8_t)scan->asked_result,
                          (uint8_t)kind, op, status, 0, 0, 0};
    scan->pair_of[at] = (uint32_t)scan->pairs_used;
    return true;
}

void csv_access(struct csv_scan *scan, uint32_t access)
{
    if (scan->asked_detail == scan->accesses_used && scan->accesses_used < CSV_MOST_DETAILS)
        scan->accesses[scan->accesses_used++] = access;
}

void csv_free(struct csv_scan *scan)
{
    texts_free(&scan->operations);
    texts_free(&scan->results);
    texts_free(&scan->paths);
    texts_free(&scan->details);
    texts_free(&scan->who);
    regsim_free(scan->pairs);
    regsim_free(scan->pair_of);
    regsim_free(scan->process_of);
    regsim_free(scan->processes);
    regsim_free(scan->scratch);
    regsim_free(scan->out.op);
    regsim_free(scan->out.process);
    regsim_free(scan->out.key);
    regsim_free(scan->out.status);
    regsim_free(scan->out.access);
    regsim_free(scan->out.time);
    regsim_free(scan->out.number);
    memset(scan, 0, sizeof *scan);
}
