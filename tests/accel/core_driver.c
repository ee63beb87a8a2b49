/* Drives the cores without Python, for the sanitizers: at random, and with each allocation failing.
 *
 * Usage: core_driver SEEDS. Prints what it has done and ends with 0, or says what broke. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_answers.h"
#include "core_memory.h"
#include "core_replay.h"
#include "core_rows.h"
#include "must.h"

enum { ROWS = 700, KEYS = 9, HIVES = 4 };

static unsigned long failures; /* how often an allocation was made to fail */

static uint64_t state;

static uint32_t pick(uint32_t below)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 33) % below;
}

/* -- the handle table ------------------------------------------------------------------------- */

static bool same(const struct handle_table *a, const struct handle_table *b)
{
    return handle_digest(a) == handle_digest(b) && a->live == b->live && a->used == b->used;
}

/* make random calls; with `fail`, allocation number `fail` goes wrong and must change nothing */
static bool table_calls(unsigned long fail)
{
    struct handle_table table = HANDLE_TABLE_EMPTY, copy, before;
    bool failed = false;

    for (int i = 0; i < 60; i++) {
        regsim_fail_at = 0;
        MUST(handle_copy(&table, &before));
        regsim_requests = failed ? fail + 1 : (unsigned long)i;
        regsim_fail_at = failed ? 0 : fail;
        if (pick(3)) {
            if (!handle_open(&table, (struct handle_slot){pick(9), pick(9), pick(9)})) {
                failed = true;
                MUST(same(&table, &before));
            }
        } else if (pick(2)) {
            handle_close(&table, (int64_t)pick(200));
        } else if (handle_copy(&table, &copy)) {
            MUST(same(&table, &copy));
            handle_clear(&copy);
        } else {
            failed = true;
            MUST(same(&table, &before));
        }
        MUST(handle_check(&table) == NULL);
        MUST(handle_beyond(&table, &table) == 0);
        MUST(table.live <= before.live || handle_beyond(&table, &before) > 0);
        handle_clear(&before);
    }
    handle_clear(&table);
    failures += failed;
    return failed;
}

/* -- the replay ------------------------------------------------------------------------------- */

static uint8_t op[ROWS];
static uint32_t pid[ROWS], key[ROWS], status[ROWS], hives[KEYS], roots[HIVES];
static uint64_t handle[ROWS], parent[ROWS];
static const struct columns columns = {op, pid, handle, parent, key, status};

static uint64_t some_handle(void)
{
    switch (pick(6)) {
    case 0:
        return 0;
    case 1:
        return (uint64_t)pick(60) << pick(60);
    case 2:
        return (uint64_t)pick(4000);
    default:
        return (uint64_t)pick(30) * 4;
    }
}

static void fill(void)
{
    static const uint8_t common[] = {OP_OPEN, OP_OPEN, OP_OPEN, OP_CLOSE, OP_CLOSE, OP_DUPLICATE};

    for (uint32_t i = 0; i < KEYS; i++)
        hives[i] = pick(HIVES);
    for (uint32_t i = 0; i < HIVES; i++)
        roots[i] = pick(KEYS);
    for (uint32_t i = 0; i < ROWS; i++) {
        op[i] = pick(8) ? common[pick(sizeof common)] : (uint8_t)pick(OP_COUNT);
        pid[i] = 4 * pick(40);
        handle[i] = some_handle();
        parent[i] = pick(3) ? 0 : FIRST_PREDEFINED - 1 + pick(10);
        key[i] = pick(KEYS);
        status[i] = pick(4) == 0;
    }
}

static struct policy some_policy(void)
{
    struct policy policy = {.close_root = pick(2),
                            .refresh_root = pick(2),
                            .disable_closes = pick(2),
                            .per_call_leaks = pick(2),
                            .root_blocks = pick(2),
                            .subkeys_block = pick(2),
                            .values = (enum values)pick(3)};

    for (int i = 0; i < ROOTS; i++)
        policy.roots[i] = (int64_t)pick(KEYS + 2) - 2;
    return policy;
}

/* every count is that of a walk over the handles */
static void check(struct replay *replay)
{
    uint64_t counts[HIVES] = {0};

    regsim_fail_at = 0;
    MUST(replay_note(replay, 0, NULL));
    replay->snapshot_count--;
    replay->holder_count = replay->snapshots[replay->snapshot_count].first;
    for (size_t i = 0; i < replay->snapshots[replay->snapshot_count].holders; i++)
        counts[replay->keys[replay->holders[replay->holder_count + i].key].hive]++;
    for (int i = 1; i < HIVES; i++)
        MUST(counts[i] == replay->counts[i]);
}

/* take all rows in one thread; true unless memory ran out */
static bool feed(struct replay *replay)
{
    return replay_keys(replay, hives, KEYS, roots, HIVES) &&
           replay_feed(replay, &columns, 0, ROWS / 2) && replay_note(replay, ROWS / 2, NULL) &&
           replay_feed(replay, &columns, ROWS / 2, ROWS - ROWS / 2);
}

/* take all rows as two shards, one after the other */
static bool feed_shards(struct replay shards[2])
{
    struct event_list lists[2] = {{NULL, 0, 0}, {NULL, 0, 0}};
    struct totals totals = {0, 0, 0, 0};
    bool good = events_split(&columns, 0, ROWS, 0, 2, lists, &totals);

    for (int i = 0; good && i < 2; i++)
        good = replay_keys(&shards[i], hives, KEYS, roots, HIVES) &&
               replay_apply(&shards[i], lists[i].items, lists[i].count, ROWS);
    regsim_free(lists[0].items);
    regsim_free(lists[1].items);
    return good;
}

/* replay one random trace each way; with `fail`, allocation number `fail` goes wrong */
static bool replays(uint64_t seed, unsigned long fail)
{
    static struct replay whole, shards[2];
    struct policy policy;
    bool good;

    state = seed;
    fill();
    policy = some_policy();
    replay_init(&whole, &policy);
    replay_init(&shards[0], &policy);
    replay_init(&shards[1], &policy);
    MUST(events_bad_row(&columns, ROWS, KEYS) == ROWS);
    regsim_requests = 0;
    regsim_fail_at = fail;
    good = feed(&whole) && feed_shards(shards);
    if (good) {
        check(&whole);
        for (int i = 1; i < HIVES; i++)
            MUST(whole.counts[i] == shards[0].counts[i] + shards[1].counts[i]);
        MUST(whole.unload_count == shards[0].unload_count);
    }
    failures += !good;
    replay_free(&whole);
    replay_free(&shards[0]);
    replay_free(&shards[1]);
    return !good;
}

/* -- rows of columns -------------------------------------------------------------------------- */

/* return an array of `count` items of `size` bytes, none of which lies behind it, each below `most` */
static void *filled(size_t count, size_t size, uint32_t most)
{
    uint8_t *items = calloc(count, size);

    MUST(items || !count);
    for (size_t i = 0; i < count; i++) {
        uint32_t item = pick(most);

        if (size == 1)
            items[i] = (uint8_t)item;
        else
            memcpy(items + i * size, &item, 4);
    }
    return items;
}

/* settle random rows, with places beyond the dictionaries; each row is settled or left over */
static void rows_calls(void)
{
    size_t count = 1 + pick(200), room = count * 4;
    unsigned item = pick(2) ? 1 : 4;
    void *op = filled(count, item, 20), *calls = filled(15, 4, 14), *key = filled(count, 4, 9);
    void *keys = filled(8, 4, 5), *status = filled(count, 4, 9), *failures = filled(6, 1, 2);
    void *handle = filled(count, 8, 3), *parent = filled(count, 8, 3), *gone = filled(2, 4, 9);
    struct rows rows = {{op, item, calls, 15}, {key, 4, keys, 8}, status, handle, parent, count,
                        failures, 6, gone, 2, pick(2)};
    struct settled out = {malloc(count), malloc(room), malloc(room), malloc(room), 0, 0, 0};
    uint32_t *numbers = calloc(20, 4), *fresh = malloc(room);

    MUST(out.op && out.key && out.status && out.odd && numbers && fresh);
    struct watch watch = {{op, key, handle, parent, key, status}, count, calls, failures, failures,
                          12, 3, 6};
    struct watched seen = {malloc(room), malloc(room), calloc(9, 1), 0, 0, 9};

    MUST(seen.opens && seen.odd && seen.touched);
    for (size_t row = 0; item == 1 && row < count; row++) {
        row = rows_watch(&watch, row, &seen);
        MUST(row == count || (((uint8_t *)op)[row] >= OP_START && ((uint8_t *)op)[row] <= OP_FORCE));
        MUST(seen.open_count <= count && seen.odd_count <= count);
    }
    free(seen.opens), free(seen.odd), free(seen.touched);
    rows_settle(&rows, &out);
    MUST(out.odd_count + out.harmless + out.taken == count);
    for (size_t i = 0; i < out.odd_count; i++)
        MUST(out.op[out.odd[i]] == OP_OTHER &&
             out.status[out.odd[i]] == rows.status[out.odd[i]]);
    MUST(rows_number(key, 4, count, numbers, 20, out.key, fresh) <= 9);
    MUST(rows_number(key, 4, count, numbers, 20, out.key, fresh) == 0);
    MUST(rows_number(key, 4, count, numbers, 0, out.key, fresh) == SIZE_MAX);
    for (size_t i = 0; i < count; i++)
        MUST(out.key[i] == UINT32_MAX - 1);
    MUST(rows_number(handle, 8, count, numbers, 20, out.key, fresh) <= 3);
    free(op), free(calls), free(key), free(keys), free(status), free(failures), free(handle);
    free(parent), free(gone), free(out.op), free(out.key), free(out.status), free(out.odd);
    free(numbers), free(fresh);
}

int main(int count, char **words)
{
    unsigned long seeds = count > 1 ? strtoul(words[1], NULL, 10) : 10, fail;

    for (uint64_t seed = 1; seed <= seeds; seed++) {
        state = seed;
        MUST(!table_calls(0));
        for (fail = 1; fail < 30; fail++) {
            state = seed;
            table_calls(fail);
        }
        MUST(!replays(seed, 0));
        rows_calls();
    }
    for (uint64_t seed = 1; seed <= 1 + seeds / 40; seed++)
        for (fail = 1; replays(seed, fail); fail++)
            ;
    printf("%lu seeds, %lu failed allocations\n", seeds, failures);
    return 0;
}
