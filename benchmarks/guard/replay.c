/* Replay rows in the likeness of a capture: of five one is a query, one an open that fails, and three
 * open and close handles of forty processes, some on predefined keys; now and then a hive is asked
 * about, and a process has ended and begins anew. */
#include <stdio.h>
#include <string.h>

#include "core_replay.h"

enum { ROWS = 200000, KEYS = 1000, HIVES = 4, PROCESSES = 40, SLOTS = 64 };

static uint8_t op[ROWS];
static uint32_t pid[ROWS], key[ROWS], status[ROWS], hives[KEYS], roots[HIVES];
static uint64_t handle[ROWS], parent[ROWS];

static void fill(void)
{
    static uint32_t held[PROCESSES][SLOTS]; /* the key, from 1 */
    uint64_t state = 1;

    for (uint32_t i = 0; i < KEYS; i++)
        hives[i] = i % HIVES;
    for (uint32_t i = 0; i < HIVES; i++)
        roots[i] = i;
    for (uint32_t i = 0; i < ROWS; i++) {
        uint32_t any, who, slot;

        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        any = (uint32_t)(state >> 33);
        who = any % PROCESSES;
        slot = any / PROCESSES % SLOTS;
        pid[i] = 4 * (who + 25);
        key[i] = any / 4096 % KEYS;
        op[i] = i % 5 == 0 ? OP_OTHER : OP_OPEN;
        status[i] = i % 5 == 1 ? 0xC0000034 : 0;
        parent[i] = i % 4 == 0 ? FIRST_PREDEFINED + 1 : 0;
        if (i % 5 < 2)
            continue;
        handle[i] = 4 * (slot + 1);
        if (i % 20000 == 2) {
            op[i] = OP_START; /* its process number is given out again */
            memset(held[who], 0, sizeof held[who]);
        } else if (i % 20000 == 3) {
            op[i] = OP_UNLOAD;
            status[i] = 0xC0000121;
        } else if (held[who][slot]) {
            op[i] = OP_CLOSE;
            key[i] = held[who][slot] - 1;
            held[who][slot] = 0;
        } else {
            held[who][slot] = key[i] + 1;
        }
    }
}

int main(void)
{
    static struct replay replay;
    const struct columns columns = {op, pid, handle, parent, key, status};
    struct policy policy = {.subkeys_block = true, .root_blocks = true};

    for (int i = 0; i < ROOTS; i++)
        policy.roots[i] = i == 1 ? ROOT_OF_HIVE : ROOT_NEVER;
    fill();
    replay_init(&replay, &policy);
    if (!replay_keys(&replay, hives, KEYS, roots, HIVES) ||
        !replay_feed(&replay, &columns, 0, ROWS) || !replay.unload_count ||
        replay.counters.totals.opens < ROWS / 5 || replay.counters.unmatched) {
        fprintf(stderr, "the replay went wrong\n");
        return 1;
    }
    replay_free(&replay);
    return 0;
}
