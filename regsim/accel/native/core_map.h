/* A hash map from non-zero 64-bit keys to 32-bit numbers: open addressing, linear probing.
 *
 *      keys a, b, c whose homes are 1, 1, 2:   place 0 [ ] 1 [a] 2 [b] 3 [c] 4 [ ]
 *      without a, b moves home and c after it:       0 [ ] 1 [b] 2 [c] 3 [ ] 4 [ ]
 *
 * map_find looks up, map_add and map_remove change, map_clear empties; a map is {NULL, 0, 0} at
 * first. Values may be changed in place through what map_find returns. */
#ifndef REGSIM_CORE_MAP_H
#define REGSIM_CORE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_entry {
    uint64_t key; /* 0 where there is none */
    uint32_t value;
};

struct map {
    struct map_entry *entries; /* a power of two of them, at most half in use; or NULL */
    uint32_t mask;             /* their number less one */
    uint32_t count;            /* those in use */
};

/* return where the value of a key is, or NULL; good until the next call that changes the map */
uint32_t *map_find(const struct map *map, uint64_t key);

/* give a key that is not in the map a value; false without memory, and the map is as before */
bool map_add(struct map *map, uint64_t key, uint32_t value);

/* take the key out whose value is at `value` */
void map_remove(struct map *map, uint32_t *value);

/* take every key out and give the memory back */
void map_clear(struct map *map);

#endif
