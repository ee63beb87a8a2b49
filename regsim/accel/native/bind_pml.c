/* regsim.accel._native.CPmlScan: windows of a PML file in, columns out of core_pml.c. */
#include "bindings.h"

#include <stddef.h>
#include <string.h>

#include "bind_columns.h"
#include "core_pml.h"

typedef struct {
    PyObject_HEAD
    struct pml pml;
} Pml;

#define PML(self) (&((Pml *)(self))->pml)

/* CPmlScan(size, pointer, seed) */
static PyObject *pml_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(names))
{
    unsigned long long size, seed;
    unsigned int pointer;
    PyObject *self;

    if (!PyArg_ParseTuple(args, "KIK", &size, &pointer, &seed))
        return NULL;
    self = ((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (!self || pml_init(PML(self), size, pointer, seed))
        return self;
    Py_DECREF(self);
    return PyErr_NoMemory();
}

static void pml_dealloc(PyObject *self)
{
    pml_free(PML(self));
    free_object(self);
}

/* begin(events before) */
static PyObject *pml_py_begin(PyObject *self, PyObject *given)
{
    unsigned long long before = PyLong_AsUnsignedLongLong(given);

    if (PyErr_Occurred())
        return NULL;
    pml_begin(PML(self), before);
    Py_RETURN_NONE;
}

/* place(places, index) */
static PyObject *pml_py_place(PyObject *self, PyObject *args)
{
    PyObject *given;
    Py_ssize_t index;
    struct borrowed places;
    uint64_t at = 0;

    if (!PyArg_ParseTuple(args, "On:place", &given, &index) ||
        borrow(given, "places", 1, &places) < 0)
        return NULL;
    if (index < 0 || index >= places.items / 5)
        PyErr_Format(PyExc_IndexError, "there is no place %zd", index);
    else
        at = pml_place(PML(self), (const uint8_t *)places.data + 5 * index);
    give_back(&places);
    return PyErr_Occurred() ? NULL : PyLong_FromUnsignedLongLong(at);
}

/* run(window, base, places, next) */
static PyObject *pml_py_run(PyObject *self, PyObject *args)
{
    PyObject *first, *second;
    unsigned long long base;
    Py_ssize_t from;
    struct borrowed window, places;
    size_t next;
    bool done;

    if (!PyArg_ParseTuple(args, "OKOn:run", &first, &base, &second, &from) ||
        borrow(first, "window", 1, &window) < 0)
        return NULL;
    if (borrow(second, "places", 1, &places) < 0) {
        give_back(&window);
        return NULL;
    }
    next = from < 0 ? SIZE_MAX : (size_t)from;
    done = pml_run(PML(self), window.data, (size_t)window.items, base, places.data,
                   (size_t)places.items / 5, &next);
    give_back(&places);
    give_back(&window);
    return done ? PyLong_FromSize_t(next) : PyErr_NoMemory();
}

static PyObject *skips(const struct pml_skips *one)
{
    return Py_BuildValue("(KKK)", (unsigned long long)one->count, (unsigned long long)one->first,
                         (unsigned long long)one->last);
}

/* counts() */
static PyObject *pml_py_counts(PyObject *self, PyObject *Py_UNUSED(none))
{
    const struct pml *pml = PML(self);

    return Py_BuildValue("(KKNNN)", (unsigned long long)pml->taken,
                         (unsigned long long)pml->harmless, skips(&pml->outside),
                         skips(&pml->unknown), skips(&pml->damaged));
}

/* times() */
static PyObject *pml_py_times(PyObject *self, PyObject *Py_UNUSED(none))
{
    const struct pml *pml = PML(self);

    if (!pml->seen)
        return PyTuple_New(0);
    return Py_BuildValue("(LL)", (long long)pml->first_time, (long long)pml->last_time);
}

/* gaps(latest, high) */
static PyObject *pml_py_gaps(PyObject *self, PyObject *args)
{
    long long latest, high;
    struct pml_gaps gaps;

    if (!PyArg_ParseTuple(args, "LL:gaps", &latest, &high))
        return NULL;
    if (!pml_gaps(PML(self), latest, high, &gaps))
        return PyErr_NoMemory();
    return Py_BuildValue("(nKKKKIII)", (Py_ssize_t)PML(self)->counters_used,
                         (unsigned long long)gaps.falls, (unsigned long long)gaps.fall,
                         (unsigned long long)gaps.skipped, (unsigned long long)gaps.skip,
                         gaps.low, gaps.high, gaps.latest);
}

/* return one column of the rows as bytes */
static PyObject *column(const struct pml *pml, size_t offset, size_t size)
{
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(size * pml->rows_used));

    for (size_t i = 0; bytes && i < pml->rows_used; i++)
        memcpy(PyBytes_AsString(bytes) + size * i, (const char *)&pml->rows[i] + offset, size);
    return bytes;
}

/* columns() */
static PyObject *pml_py_columns(PyObject *self, PyObject *Py_UNUSED(none))
{
    const struct pml *pml = PML(self);

    return Py_BuildValue("(NNNNNNN)", column(pml, offsetof(struct pml_row, op), 1),
                         column(pml, offsetof(struct pml_row, process), 4),
                         column(pml, offsetof(struct pml_row, key), 4),
                         column(pml, offsetof(struct pml_row, status), 4),
                         column(pml, offsetof(struct pml_row, time), 8),
                         column(pml, offsetof(struct pml_row, access), 4),
                         column(pml, offsetof(struct pml_row, number), 8));
}

/* records(first) */
static PyObject *pml_py_records(PyObject *self, PyObject *given)
{
    const struct pml *pml = PML(self);
    size_t first;

    if (read_size(given, pml->records_used, &first) < 0)
        return NULL;
    return tuple_of(pml->records_used - first, number_at,
                    pml->records ? pml->records + first : NULL);
}

/* paths(first) */
static PyObject *pml_py_paths(PyObject *self, PyObject *given)
{
    const struct texts *paths = &PML(self)->paths;
    size_t first, size;
    PyObject *list;

    if (read_size(given, paths->used, &first) < 0)
        return NULL;
    list = PyList_New(0);
    for (size_t i = first; list && i < paths->used; i++) {
        const uint8_t *text = texts_get(paths, i, &size);
        PyObject *path = PyBytes_FromStringAndSize((const char *)text, (Py_ssize_t)size);

        if (!path || PyList_Append(list, path) < 0)
            Py_CLEAR(list);
        Py_XDECREF(path);
    }
    return list;
}

static PyMethodDef methods[] = {
    {"begin", pml_py_begin, METH_O, "Begin a block."},
    {"place", pml_py_place, METH_VARARGS, "Return where an event is in the file."},
    {"run", pml_py_run, METH_VARARGS, "Take events in; return the first not in the window."},
    {"counts", pml_py_counts, METH_NOARGS, "Return how many were taken, were harmless, are odd."},
    {"times", pml_py_times, METH_NOARGS, "Return the first and the last time."},
    {"gaps", pml_py_gaps, METH_VARARGS, "Return what the driver's numbers show."},
    {"columns", pml_py_columns, METH_NOARGS, "Return the columns of a batch as bytes."},
    {"records", pml_py_records, METH_O, "Return the processes' records from a number on."},
    {"paths", pml_py_paths, METH_O, "Return the paths from a number on."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot type_slots[] = {
    {Py_tp_new, (void *)pml_new},
    {Py_tp_dealloc, (void *)pml_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_doc, "A scan of Process Monitor's PML, block by block."},
    {0, NULL},
};

static PyType_Spec type = {
    .name = "regsim.accel._native.CPmlScan",
    .basicsize = sizeof(Pml),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = type_slots,
};

const struct binding bind_pml = {NULL, &type};
