/* CEvents, as CReplay.apply() sees it. */
#ifndef REGSIM_BIND_EVENTS_H
#define REGSIM_BIND_EVENTS_H

#include <Python.h>

#include "core_events.h"

typedef struct {
    PyObject_HEAD
    unsigned shards;
    struct event_list lists[MAX_SHARDS];
    struct totals totals;
} Events;

#endif
