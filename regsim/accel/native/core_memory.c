/* The failing allocator of core_memory.h; empty unless built with -DREGSIM_FAULTS. */
#include "core_memory.h"

#ifdef REGSIM_FAULTS
unsigned long regsim_requests;
unsigned long regsim_fail_at;

void *regsim_resize(void *block, size_t size)
{
    if (++regsim_requests == regsim_fail_at)
        return NULL;
    return realloc(block, size);
}
#else
typedef int regsim_nothing_here; /* ISO C wants a declaration in every file */
#endif
