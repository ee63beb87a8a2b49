/* A hash map; core_map.h has an example.
 *
 * Removal shifts back what follows instead of leaving a mark: handles come and go for as long as the
 * trace is, and marks would pile up until every search was long. */
#include "core_map.h"

#include <string.h>

#include "core_memory.h"

enum { SMALLEST = 16 };

/* the place a key would like best; murmur3's finalizer, so that regular keys do not pile up */
static uint32_t home(const struct map *map, uint64_t key)
{
    key ^= key >> 33;
    key *= UINT64_C(0xFF51AFD7ED558CCD);
    key ^= key >> 33;
    return (uint32_t)key & map->mask;
}

/* return the place of a key, or the empty one where it would go; the map has memory */
static uint32_t place(const struct map *map, uint64_t key)
{
    uint32_t at = home(map, key);

    while (map->entries[at].key && map->entries[at].key != key)
        at = (at + 1) & map->mask;
    return at;
}

uint32_t *map_find(const struct map *map, uint64_t key)
{
    uint32_t at;

    if (!map->count)
        return NULL;
    at = place(map, key);
    return map->entries[at].key ? &map->entries[at].value : NULL;
}

/* double the room; false without memory */
static bool grow(struct map *map)
{
    uint32_t size = map->entries ? (map->mask + 1) * 2 : SMALLEST;
    struct map bigger = {regsim_resize(NULL, size * sizeof *bigger.entries), size - 1, map->count};

    if (!bigger.entries)
        return false;
    memset(bigger.entries, 0, size * sizeof *bigger.entries);
    for (uint32_t i = 0; map->entries && i <= map->mask; i++)
        if (map->entries[i].key)
            bigger.entries[place(&bigger, map->entries[i].key)] = map->entries[i];
    regsim_free(map->entries);
    *map = bigger;
    return true;
}

bool map_add(struct map *map, uint64_t key, uint32_t value)
{
    if (!map->entries || map->count > map->mask / 2)
        if (!grow(map))
            return false;
    map->entries[place(map, key)] = (struct map_entry){key, value};
    map->count++;
    return true;
}

void map_remove(struct map *map, uint32_t *value)
{
    struct map_entry *entry =
        (struct map_entry *)(void *)((char *)value - offsetof(struct map_entry, value));
    uint32_t hole = (uint32_t)(entry - map->entries);

    for (uint32_t at = (hole + 1) & map->mask; map->entries[at].key; at = (at + 1) & map->mask) {
        uint32_t wanted = home(map, map->entries[at].key);

        /* what lies between its home and here may move back to the hole if the hole is between */
        if (((at - wanted) & map->mask) >= ((at - hole) & map->mask)) {
            map->entries[hole] = map->entries[at];
            hole = at;
        }
    }
    map->entries[hole].key = 0;
    map->count--;
}

void map_clear(struct map *map)
{
    regsim_free(map->entries);
    *map = (struct map){NULL, 0, 0};
}
