/* From columns to events; core_events.h has an example.
 *
 * The loops have no branch on the data. Which rows act follows no pattern, and a branch that is
 * guessed wrong costs more than to write a record in vain: so each is written to the next place, and
 * the place is given up, by not counting it, where the row does nothing. */
#include "core_events.h"

#include "core_memory.h"

/* write the numbers of the rows whose op is not OTHER to `out`; return how many */
static size_t acting(const uint8_t *op, size_t rows, uint16_t *out)
{
    size_t count = 0;

    for (size_t i = 0; i < rows; i++) {
        out[count] = (uint16_t)i;
        count += op[i] != OP_OTHER;
    }
    return count;
}

/* which predefined key a parent is, as a bit, for the ops that have a parent */
static uint8_t root_bit(uint8_t op, uint64_t parent)
{
    uint64_t index = parent - FIRST_PREDEFINED;
    unsigned named = (index < ROOTS) & (op != OP_CLOSE) & (op != OP_DUPLICATE);

    return (uint8_t)(named << (index & (ROOTS - 1)));
}

size_t events_gather(const struct columns *columns, size_t first, size_t rows, uint32_t number,
                     struct event *out, struct totals *totals)
{
    uint16_t chosen[EVENT_BLOCK];
    size_t left = acting(columns->op + first, rows, chosen), count = 0;
    struct totals seen = *totals;

    for (size_t i = 0; i < left; i++) {
        size_t row = first + chosen[i];
        uint8_t op = columns->op[row], root = root_bit(op, columns->parent[row]);
        uint8_t failed = columns->status[row] != 0;

        out[count] = (struct event){columns->handle[row], number + chosen[i], columns->pid[row],
                                    columns->key[row],    op,                 failed,
                                    root};
        count += !((op <= OP_DUPLICATE) & failed & !root);
        seen.opens += (op == OP_OPEN) & !failed;
        seen.failed += (op == OP_OPEN) & failed;
        seen.duplicates += (op == OP_DUPLICATE) & !failed;
        seen.closes += (op == OP_CLOSE) & !failed;
    }
    *totals = seen;
    return count;
}

/* whether an op changes what handles of any process hold */
static bool concerns_all(uint8_t op)
{
    return op == OP_UNLOAD || op == OP_FORCE || op == OP_DELETE;
}

/* make room for one more block in a list; false without memory */
static bool reserve(struct event_list *list)
{
    void *items = list->items;
    bool done = regsim_reserve(&items, &list->capacity, list->count, EVENT_BLOCK,
                               sizeof *list->items);

    list->items = items;
    return done;
}

/* the shard of a process; the two low bits of a pid are always 0 */
static unsigned shard_of(uint32_t pid, unsigned shards)
{
    return (unsigned)((uint64_t)(uint32_t)(pid * UINT32_C(0x9E3779B1)) * shards >> 32);
}

bool events_split(const struct columns *columns, size_t first, size_t rows, uint32_t number,
                  unsigned shards, struct event_list *lists, struct totals *totals)
{
    struct event block[EVENT_BLOCK];

    for (size_t done = 0; done < rows; done += EVENT_BLOCK) {
        size_t size = rows - done < EVENT_BLOCK ? rows - done : EVENT_BLOCK;
        size_t count = events_gather(columns, first + done, size, number + (uint32_t)done, block,
                                     totals);

        for (unsigned s = 0; s < shards; s++)
            if (!reserve(&lists[s]))
                return false;
        for (size_t i = 0; i < count; i++) {
            struct event_list *list = &lists[shard_of(block[i].pid, shards)];

            list->items[list->count] = block[i];
            list->count += !concerns_all(block[i].op);
            for (unsigned s = 0; concerns_all(block[i].op) && s < shards; s++)
                lists[s].items[lists[s].count++] = block[i];
        }
    }
    return true;
}

size_t events_bad_row(const struct columns *columns, size_t rows, size_t keys)
{
    size_t row = 0;
    uint32_t highest = 0;
    uint8_t op = 0;

    for (size_t i = 0; i < rows; i++)
        op = columns->op[i] > op ? columns->op[i] : op;
    for (size_t i = 0; i < rows; i++)
        highest = columns->key[i] > highest ? columns->key[i] : highest;
    if (op < OP_COUNT && (highest < keys || !rows))
        return rows;
    while (columns->op[row] < OP_COUNT && columns->key[row] < keys)
        row++;
    return row;
}
