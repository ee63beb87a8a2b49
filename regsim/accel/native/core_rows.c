/* Rows of columns; core_rows.h has an example. */
#include "core_rows.h"

#define HKEY_CURRENT_USER UINT64_C(0x80000001)
#define SIGN_EXTENDED UINT64_C(0xFFFFFFFF00000000)

enum outcome { SUCCEEDED, FAILED, UNTOLD };

static inline uint32_t look_up(const struct coded *coded, size_t row)
{
    uint32_t place = coded->item == 1 ? ((const uint8_t *)coded->places)[row]
                                      : ((const uint32_t *)coded->places)[row];

    return coded->table[place < coded->count ? place : coded->count - 1];
}

/* whether a call did what it was asked to; the twin of regsim.trace.calls.success */
static inline enum outcome outcome_of(const struct rows *rows, uint32_t family, uint32_t status)
{
    if (!status)
        return SUCCEEDED;
    if (family == FAMILY_WIN32 || status > INT32_MAX)
        return FAILED;
    if (family == FAMILY_NT || status >= 0x40000000)
        return SUCCEEDED;
    return status < rows->failure_count && rows->failures[status] ? FAILED : UNTOLD;
}

static bool is_gone(const struct rows *rows, uint32_t status)
{
    for (size_t i = 0; i < rows->gone_count; i++)
        if (rows->gone[i] == status)
            return true;
    return false;
}

static inline bool is_current_user(uint64_t handle)
{
    return (handle & ~SIGN_EXTENDED) == HKEY_CURRENT_USER &&
           (handle < UINT64_C(1) << 32 || handle >= SIGN_EXTENDED);
}

/* what a row comes to, beside its op: to nothing, to something, or that it is left over */
enum fate { HARMLESS, TAKEN, ODD };

/* say what a row with a known call comes to; its status becomes 0 where it says that all went well */
static inline enum fate fate_of(const struct rows *rows, size_t row, uint32_t call, uint32_t key,
                                uint32_t *status)
{
    uint32_t op = call & 0xFF;
    enum outcome outcome = outcome_of(rows, call >> 8, *status);

    if (call >= ROWS_UNKNOWN || op > OP_DUPLICATE || outcome == UNTOLD)
        return ODD;
    if (outcome == SUCCEEDED)
        *status = 0;
    if (!call || (op == OP_CLOSE && *status)) {
        if (*status && is_gone(rows, *status))
            return ODD;
        if (!call && (is_current_user(rows->handle[row]) || is_current_user(rows->parent[row])))
            return ODD;
        return HARMLESS;
    }
    if (op == OP_CLOSE)
        return rows->handle[row] || key ? TAKEN : ODD;
    return rows->by_path && is_current_user(rows->parent[row]) ? ODD : TAKEN;
}

void rows_settle(const struct rows *rows, struct settled *out)
{
    size_t odd = 0;
    uint64_t harmless = 0, taken = 0;

    for (size_t row = 0; row < rows->count; row++) {
        uint32_t call = look_up(&rows->ops, row), key = look_up(&rows->keys, row);
        uint32_t status = rows->status[row];
        enum fate fate = fate_of(rows, row, call, key, &status);

        out->op[row] = (uint8_t)(fate == TAKEN ? call : OP_OTHER);
        out->key[row] = key;
        out->status[row] = fate == ODD ? rows->status[row] : status;
        out->odd[odd] = (uint32_t)row;
        odd += fate == ODD;
        harmless += fate == HARMLESS;
        taken += fate == TAKEN;
    }
    out->odd_count = odd;
    out->harmless = harmless;
    out->taken = taken;
}

size_t rows_number(const void *pids, unsigned item, size_t rows, uint32_t *numbers, size_t limit,
                   uint32_t *out, uint32_t *fresh)
{
    size_t count = 0;

    for (size_t row = 0; row < rows; row++) {
        uint64_t pid = item == 4 ? ((const uint32_t *)pids)[row] : ((const uint64_t *)pids)[row];

        if (pid >= limit)
            return SIZE_MAX;
        if (!numbers[pid]) {
            numbers[pid] = UINT32_MAX;
            fresh[count++] = (uint32_t)row;
        }
        out[row] = numbers[pid] - 1;
    }
    return count;
}

static inline bool begins_or_ends(uint8_t op)
{
    return op >= OP_START && op <= OP_FORCE;
}

static inline bool opens(uint8_t op)
{
    return op == OP_OPEN || op == OP_DUPLICATE || op == OP_USE_ROOT;
}

size_t rows_watch(const struct watch *watch, size_t row, struct watched *out)
{
    const struct columns *columns = &watch->columns;

    for (; row < watch->count && !begins_or_ends(columns->op[row]); row++) {
        uint8_t op = columns->op[row];
        uint32_t key = columns->key[row], process = columns->pid[row];
        uint32_t hive = opens(op) && key < watch->keys ? watch->hives[key] : 0;
        bool done = !columns->status[row], late;

        if (!hive || hive >= out->hives)
            continue;
        late = op == OP_DUPLICATE || (process < watch->ended_count && watch->ended[process]);
        out->opens[out->open_count] = (uint32_t)row;
        /* a call that failed has still opened the root of a predefined key */
        out->open_count += done || columns->parent[row] - FIRST_PREDEFINED < ROOTS;
        out->odd[out->odd_count] = (uint32_t)row;
        out->odd_count += (done && late) || (hive < watch->gone_count && watch->gone[hive]);
        if (done && op == OP_OPEN)
            out->touched[hive] = 1;
    }
    return row;
}
