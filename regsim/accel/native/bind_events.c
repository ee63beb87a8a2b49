/* regsim.accel._native.CEvents: what a range of rows does, by shard, for CReplay.apply().
 *
 * Each is filled by the call that makes it and not changed by Python afterwards. */
#include "bind_events.h"

#include "bind_columns.h"
#include "bindings.h"
#include "core_memory.h"

/* CEvents(shards, number of the first row, six columns, first, rows) */
static PyObject *events_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(names))
{
    PyObject *given[COLUMNS + 2];
    struct borrowed_columns borrowed;
    unsigned shards;
    unsigned long number;
    bool done;
    Events *self;

    if (!PyArg_ParseTuple(args, "IkOOOOOOOO", &shards, &number, &given[0], &given[1], &given[2],
                          &given[3], &given[4], &given[5], &given[6], &given[7]))
        return NULL;
    if (shards < 1 || shards > MAX_SHARDS)
        return PyErr_Format(PyExc_ValueError, "shards must be 1 to %d, not %u", MAX_SHARDS, shards);
    self = (Events *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (!self)
        return NULL;
    self->shards = shards;
    if (borrow_columns(given, &borrowed) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    done = events_split(&borrowed.columns, borrowed.first, borrowed.rows, (uint32_t)number, shards,
                        self->lists, &self->totals);
    Py_END_ALLOW_THREADS
    give_back_columns(&borrowed);
    if (done)
        return (PyObject *)self;
    Py_DECREF(self);
    return PyErr_NoMemory();
}

/* free the lists and the object */
static void events_dealloc(PyObject *self)
{
    for (unsigned s = 0; s < MAX_SHARDS; s++)
        regsim_free(((Events *)self)->lists[s].items);
    free_object(self);
}

/* totals() */
static PyObject *events_totals(PyObject *self, PyObject *Py_UNUSED(none))
{
    const struct totals *totals = &((Events *)self)->totals;

    return Py_BuildValue("(KKKK)", (unsigned long long)totals->opens,
                         (unsigned long long)totals->failed,
                         (unsigned long long)totals->duplicates, (unsigned long long)totals->closes);
}

static PyMethodDef methods[] = {
    {"totals", events_totals, METH_NOARGS, "Return opens, failed opens, duplicates, closes."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot type_slots[] = {
    {Py_tp_new, (void *)events_new},
    {Py_tp_dealloc, (void *)events_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_doc, "What a range of rows does, gathered by shard."},
    {0, NULL},
};

static PyType_Spec type = {
    .name = "regsim.accel._native.CEvents",
    .basicsize = sizeof(Events),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = type_slots,
};

const struct binding bind_events = {NULL, &type};
