/* Settle rows in the likeness of a capture's columns, number their processes, and watch them: of five
 * rows one is a query, one an open that fails, and three open and close handles of forty processes;
 * of a hundred one has a status of which nobody knows whether it is a failure. */
#include <stdio.h>
#include <string.h>

#include "core_rows.h"

enum { ROWS = 200000, KEYS = 1000, HIVES = 4, PROCESSES = 40, CODES = 8 };

static uint8_t ops[ROWS], gone[HIVES], ended[PROCESSES], touched[HIVES];
static uint32_t keys[ROWS], status[ROWS], pid[ROWS], hives[KEYS], key_table[KEYS + 1];
static uint64_t handle[ROWS], parent[ROWS];
static uint8_t op[ROWS];
static uint32_t key[ROWS], settled_status[ROWS], odd[ROWS], process[ROWS], fresh[ROWS], opens[ROWS];
static uint32_t numbers[4 * (PROCESSES + 25)];

static void fill(void)
{
    uint64_t state = 1;

    for (uint32_t i = 0; i < KEYS; i++) {
        key_table[i] = i;
        hives[i] = i % HIVES;
    }
    for (uint32_t i = 0; i < ROWS; i++) {
        uint32_t any;

        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        any = (uint32_t)(state >> 33);
        ops[i] = i % 5 == 0 ? 0 : i % 5 < 4 ? 1 : 2;
        keys[i] = any / 4096 % KEYS;
        status[i] = i % 100 == 7 ? 77 : i % 5 == 1 ? 2 : 0;
        pid[i] = 4 * (any % PROCESSES + 25);
        handle[i] = i % 5 == 1 ? 0 : 4 * (any / PROCESSES % 64 + 1);
        parent[i] = i % 4 == 0 ? FIRST_PREDEFINED + 2 : 0;
    }
}

int main(void)
{
    static const uint32_t calls[CODES] = {
        OP_OTHER, OP_OPEN | FAMILY_NEUTRAL << 8, OP_CLOSE | FAMILY_WIN32 << 8,
    };
    static const uint8_t failures[] = {0, 1, 1, 1, 1, 1, 1};
    static const uint32_t lost[] = {1018, 0xC000017C};
    const struct rows rows = {
        {ops, 1, calls, CODES}, {keys, 4, key_table, KEYS + 1}, status, handle, parent, ROWS,
        failures, sizeof failures, lost, 2, false,
    };
    struct settled settled = {op, key, settled_status, odd, 0, 0, 0};
    struct watched watched = {opens, odd, touched, 0, 0, HIVES};

    fill();
    rows_settle(&rows, &settled);
    if (!settled.odd_count || settled.harmless < ROWS / 5 || settled.taken < ROWS / 2 ||
        rows_number(pid, 4, ROWS, numbers, sizeof numbers / 4, process, fresh) != PROCESSES) {
        fprintf(stderr, "the rows were settled wrong\n");
        return 1;
    }
    const struct watch watch = {
        {op, process, handle, parent, key, settled_status}, ROWS, hives, gone, ended, KEYS, HIVES,
        PROCESSES,
    };
    if (rows_watch(&watch, 0, &watched) != ROWS || watched.open_count < ROWS / 5 || !touched[1]) {
        fprintf(stderr, "the rows were watched wrong\n");
        return 1;
    }
    return 0;
}
