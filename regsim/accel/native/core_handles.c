/* The handle table of one process; core_handles.h has the picture and the list of functions.
 *
 * It grows by a quarter, not by half as the other arrays do: every snapshot of a machine has tables
 * of its own, so that there are many of them at once. */
#include "core_handles.h"

#include <string.h>

#include "core_memory.h"

/* make room for one more slot; false without memory */
static bool grow(struct handle_table *table)
{
    uint32_t capacity = table->capacity + table->capacity / 4 + 1;
    struct handle_slot *slots;

    if (table->used >= HANDLE_MAX_SLOTS)
        return false;
    slots = regsim_resize(table->slots, capacity * sizeof *slots);
    if (!slots)
        return false;
    table->slots = slots;
    table->capacity = capacity;
    return true;
}

uint32_t handle_open(struct handle_table *table, struct handle_slot entry)
{
    uint32_t slot = table->free_head;

    if (slot != HANDLE_NONE) {
        table->free_head = table->slots[slot].obj;
    } else {
        if (table->used == table->capacity && !grow(table))
            return 0;
        slot = table->used++;
    }
    table->slots[slot] = entry;
    table->live++;
    return (slot + 1) * HANDLE_STEP;
}

int64_t handle_close(struct handle_table *table, int64_t handle)
{
    struct handle_slot *slot = handle_find(table, handle);
    int64_t obj;

    if (!slot)
        return -1;
    obj = slot->obj;
    slot->obj = table->free_head;
    slot->home = HANDLE_NONE;
    table->free_head = (uint32_t)(slot - table->slots);
    table->live--;
    return obj;
}

int64_t handle_reuse_rank(const struct handle_table *table, int64_t handle)
{
    uint64_t wanted = ((uint64_t)handle >> 2) - 1;
    int64_t rank = 0;

    if (handle < HANDLE_STEP || wanted >= HANDLE_MAX_SLOTS || handle_find(table, handle))
        return -1;
    if (wanted >= table->used)
        return (int64_t)wanted - table->live;
    for (uint32_t slot = table->free_head; slot != wanted; slot = table->slots[slot].obj)
        rank++;
    return rank;
}

bool handle_copy(const struct handle_table *table, struct handle_table *copy)
{
    struct handle_slot *slots = NULL;

    if (table->used) {
        slots = regsim_resize(NULL, table->used * sizeof *slots);
        if (!slots)
            return false;
        memcpy(slots, table->slots, table->used * sizeof *slots);
    }
    *copy = *table;
    copy->slots = slots;
    copy->capacity = table->used;
    return true;
}

void handle_clear(struct handle_table *table)
{
    regsim_free(table->slots);
    *table = (struct handle_table)HANDLE_TABLE_EMPTY;
}

uint32_t handle_beyond(const struct handle_table *table, const struct handle_table *other)
{
    for (uint32_t i = 0; i < table->used; i++) {
        uint32_t handle = (i + 1) * HANDLE_STEP;

        if (table->slots[i].home != HANDLE_NONE && !handle_find(other, handle))
            return handle;
    }
    return 0;
}

void handle_free_stack(const struct handle_table *table, uint32_t *out)
{
    uint32_t slot = table->free_head;

    for (uint32_t left = table->used - table->live; left > 0; slot = table->slots[slot].obj)
        out[--left] = slot;
}

/* take one more word into an FNV-1a hash */
static uint64_t mix(uint64_t hash, uint64_t word)
{
    return (hash ^ word) * UINT64_C(0x100000001B3);
}

uint64_t handle_digest(const struct handle_table *table)
{
    uint64_t hash = mix(UINT64_C(0xCBF29CE484222325), table->used);

    for (uint32_t i = 0; i < table->used; i++) {
        const struct handle_slot *slot = &table->slots[i];

        hash = mix(hash, slot->home);
        if (slot->home != HANDLE_NONE)
            hash = mix(hash, (uint64_t)slot->obj << 32 | slot->access);
    }
    for (uint32_t slot = table->free_head; slot != HANDLE_NONE; slot = table->slots[slot].obj)
        hash = mix(hash, slot);
    return hash;
}

const char *handle_check(const struct handle_table *table)
{
    uint32_t empty = 0, listed = 0;

    for (uint32_t i = 0; i < table->used; i++)
        empty += table->slots[i].home == HANDLE_NONE;
    if (empty != table->used - table->live)
        return "the count of open handles is right";
    for (uint32_t slot = table->free_head; slot != HANDLE_NONE; slot = table->slots[slot].obj)
        if (slot >= table->used || table->slots[slot].home != HANDLE_NONE || ++listed > empty)
            return "no slot is freed twice";
    return listed == empty ? NULL : "every empty slot is on the free list";
}
