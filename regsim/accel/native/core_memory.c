/* Memory for the cores; core_memory.h says what is here and why. */
#include "core_memory.h"

#include <stdint.h>

#ifdef REGSIM_FAULTS
unsigned long regsim_requests;
unsigned long regsim_fail_at;

void *regsim_resize(void *block, size_t size)
{
    if (++regsim_requests == regsim_fail_at)
        return NULL;
    return realloc(block, size);
}
#endif

bool regsim_reserve(void **items, size_t *room, size_t used, size_t more, size_t size)
{
    size_t wanted = *room + *room / 2 + 16;
    void *bigger;

    if (*room - used >= more)
        return true;
    if (wanted - used < more)
        wanted = used + more;
    bigger = wanted > SIZE_MAX / size ? NULL : regsim_resize(*items, wanted * size);
    if (!bigger)
        return false;
    *items = bigger;
    *room = wanted;
    return true;
}
