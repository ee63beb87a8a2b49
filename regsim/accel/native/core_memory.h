/* Memory for the cores: one place, so that tests can have each allocation fail in turn.
 *
 * Built with -DREGSIM_FAULTS the request number `regsim_fail_at` (counted from 1) fails, and
 * `regsim_requests` counts; otherwise these are realloc and free. */
#ifndef REGSIM_CORE_MEMORY_H
#define REGSIM_CORE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#ifdef REGSIM_FAULTS
extern unsigned long regsim_requests;
extern unsigned long regsim_fail_at;

/* grow or shrink a block; NULL on failure, which leaves the old block as it was */
void *regsim_resize(void *block, size_t size);
#else
/* grow or shrink a block; NULL on failure, which leaves the old block as it was */
static inline void *regsim_resize(void *block, size_t size)
{
    return realloc(block, size);
}
#endif

/* have an array of `used` items of `size` bytes, with room for `*room`, take `more` of them: it
 * grows by half, so that appending n items moves O(n); false without memory, and all is as before */
bool regsim_reserve(void **items, size_t *room, size_t used, size_t more, size_t size);

/* give a block back; NULL is none */
static inline void regsim_free(void *block)
{
    free(block);
}

#endif
