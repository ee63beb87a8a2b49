/* regsim.accel._native.CPiles: the columns of a batch in, openings out of core_piles.c. */
#include "bindings.h"

#include <string.h>

#include "bind_columns.h"
#include "core_memory.h"
#include "core_piles.h"

typedef struct {
    PyObject_HEAD
    struct piles piles;
} Piles;

#define PILES(self) (&((Piles *)(self))->piles)

static void piles_dealloc(PyObject *self)
{
    piles_free(PILES(self));
    free_object(self);
}

/* read the number of a place that there is; false with an exception set */
static bool read_place(PyObject *self, PyObject *given, uint32_t *out)
{
    size_t at;

    if (read_size(given, PILES_NONE, &at) < 0)
        return false;
    if (at >= PILES(self)->used) {
        PyErr_Format(PyExc_IndexError, "there is no place %zu", at);
        return false;
    }
    *out = (uint32_t)at;
    return true;
}

/* number(place) */
static PyObject *piles_py_number(PyObject *self, PyObject *given)
{
    unsigned long long place = PyLong_AsUnsignedLongLong(given);
    uint32_t at;

    if (PyErr_Occurred())
        return NULL;
    at = piles_number(PILES(self), place);
    return at == PILES_NONE ? PyErr_NoMemory() : PyLong_FromUnsignedLong(at);
}

/* push(at, time, number, access) */
static PyObject *piles_py_push(PyObject *self, PyObject *args)
{
    PyObject *given;
    long long time;
    unsigned long long number;
    unsigned int access;
    uint32_t at;

    if (!PyArg_ParseTuple(args, "OLKI:push", &given, &time, &number, &access) ||
        !read_place(self, given, &at))
        return NULL;
    if (!piles_push(PILES(self), at, (struct piles_opening){time, number, access, 0}))
        return PyErr_NoMemory();
    Py_RETURN_NONE;
}

/* is_open(at) */
static PyObject *piles_py_is_open(PyObject *self, PyObject *given)
{
    uint32_t at;

    if (!read_place(self, given, &at))
        return NULL;
    return PyBool_FromLong(PILES(self)->places[at].top != 0);
}

static PyObject *opening_of(const struct piles_opening *opening)
{
    return Py_BuildValue("(LKI)", (long long)opening->time, (unsigned long long)opening->number,
                         (unsigned int)opening->access);
}

/* close(at) */
static PyObject *piles_py_close(PyObject *self, PyObject *given)
{
    struct piles_opening closed;
    uint32_t at;

    if (!read_place(self, given, &at))
        return NULL;
    if (!PILES(self)->places[at].top) {
        PyErr_SetString(PyExc_IndexError, "the pile is empty");
        return NULL;
    }
    closed = piles_close(PILES(self), at);
    return opening_of(&closed);
}

/* openings(at) */
static PyObject *piles_py_openings(PyObject *self, PyObject *given)
{
    const struct piles *piles = PILES(self);
    PyObject *list;
    uint32_t at;

    if (!read_place(self, given, &at))
        return NULL;
    list = PyList_New(0);
    for (uint32_t slot = piles->places[at].top; list && slot;
         slot = piles->openings[slot - 1].below) {
        PyObject *one = opening_of(&piles->openings[slot - 1]);

        if (!one || PyList_Append(list, one) < 0)
            Py_CLEAR(list);
        Py_XDECREF(one);
    }
    if (list && PyList_Reverse(list) < 0)
        Py_CLEAR(list);
    return list;
}

/* empty(at) */
static PyObject *piles_py_empty(PyObject *self, PyObject *given)
{
    PyObject *list = piles_py_openings(self, given);
    uint32_t at;

    if (list && read_place(self, given, &at))
        piles_empty(PILES(self), at);
    return list;
}

/* drop(at) */
static PyObject *piles_py_drop(PyObject *self, PyObject *given)
{
    PyObject *list = piles_py_empty(self, given);
    uint32_t at;

    if (list && read_place(self, given, &at))
        PILES(self)->places[at].begun = 0;
    return list;
}

/* miss(at) */
static PyObject *piles_py_miss(PyObject *self, PyObject *given)
{
    uint32_t at;

    if (!read_place(self, given, &at))
        return NULL;
    PILES(self)->places[at].unseen++;
    Py_RETURN_NONE;
}

/* return the closes without an open on a hive, read from (hives, hive), and forget them if asked to;
 * NULL with an exception set */
static PyObject *unseen_on(PyObject *self, PyObject *args, bool forget)
{
    PyObject *given;
    struct borrowed hives;
    unsigned int hive;
    uint64_t count;

    if (!PyArg_ParseTuple(args, "OI", &given, &hive) ||
        borrow(given, "hives", sizeof(uint32_t), &hives) < 0)
        return NULL;
    count = piles_unseen(PILES(self), hives.data, (size_t)hives.items, hive, forget);
    give_back(&hives);
    return PyLong_FromUnsignedLongLong(count);
}

/* missed(hives, hive) */
static PyObject *piles_py_missed(PyObject *self, PyObject *args)
{
    return unseen_on(self, args, false);
}

/* forgive(hives, hive) */
static PyObject *piles_py_forgive(PyObject *self, PyObject *args)
{
    PyObject *count = unseen_on(self, args, true);

    if (!count)
        return NULL;
    Py_DECREF(count);
    Py_RETURN_NONE;
}

/* places() */
static PyObject *piles_py_places(PyObject *self, PyObject *Py_UNUSED(none))
{
    const struct piles *piles = PILES(self);
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(8 * piles->used));

    for (size_t i = 0; bytes && i < piles->used; i++)
        memcpy(PyBytes_AsString(bytes) + 8 * i, &piles->places[i].place, 8);
    return bytes;
}

/* ranks() */
static PyObject *piles_py_ranks(PyObject *self, PyObject *Py_UNUSED(none))
{
    const struct piles *piles = PILES(self);
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(4 * piles->used));

    for (size_t i = 0; bytes && i < piles->used; i++)
        memcpy(PyBytes_AsString(bytes) + 4 * i, &piles->places[i].begun, 4);
    return bytes;
}

/* standing(process) */
static PyObject *piles_py_standing(PyObject *self, PyObject *args)
{
    const struct piles *piles = PILES(self);
    PyObject *given = Py_None, *list;
    size_t process = 0;

    if (!PyArg_ParseTuple(args, "|O:standing", &given) ||
        (given != Py_None && read_size(given, UINT32_MAX, &process) < 0))
        return NULL;
    list = PyList_New(0);
    for (size_t i = 0; list && i < piles->used; i++) {
        const struct piles_place *place = &piles->places[i];
        PyObject *one;

        if (!place->top || (given != Py_None && place->place >> 32 != process))
            continue;
        one = Py_BuildValue("(IKn)", (unsigned int)place->begun, (unsigned long long)place->place,
                            (Py_ssize_t)i);
        if (!one || PyList_Append(list, one) < 0)
            Py_CLEAR(list);
        Py_XDECREF(one);
    }
    return list;
}

enum { BUFFERS = 10 };

static const struct {
    const char *name;
    size_t size;
} kinds[BUFFERS] = {{"op", 1},     {"process", 4}, {"key", 4},   {"status", 4}, {"time", 8},
                    {"access", 4}, {"number", 8},  {"hives", 4}, {"ended", 1},  {"gone", 1}};

/* borrow all buffers; return how many it went well for, with an exception set if not all */
static int borrow_all(PyObject *const *given, struct borrowed *parts)
{
    for (int i = 0; i < BUFFERS; i++) {
        if (borrow(given[i], kinds[i].name, kinds[i].size, &parts[i]) < 0)
            return i;
        if (i < 7 && parts[i].items != parts[0].items) {
            PyErr_Format(PyExc_ValueError, "column %s has another length", kinds[i].name);
            return i + 1;
        }
    }
    return BUFFERS;
}

/* feed(first, last time, last number, seven columns, hives, ended, gone) */
static PyObject *piles_py_feed(PyObject *self, PyObject *args)
{
    PyObject *given[BUFFERS];
    struct borrowed parts[BUFFERS];
    struct piles_counts counts = {0, 0, 0};
    struct piles_rows rows = {0};
    Py_ssize_t first;
    long long last_time;
    unsigned long long last_number;
    size_t next = 0;
    bool fed = false;
    int done;

    if (!PyArg_ParseTuple(args, "nLKOOOOOOOOOO:feed", &first, &last_time, &last_number, &given[0],
                          &given[1], &given[2], &given[3], &given[4], &given[5], &given[6],
                          &given[7], &given[8], &given[9]))
        return NULL;
    done = borrow_all(given, parts);
    if (done == BUFFERS) {
        rows = (struct piles_rows){
            parts[0].data, parts[1].data, parts[2].data, parts[5].data,
            parts[3].data, parts[4].data, parts[6].data, (size_t)parts[0].items,
            parts[7].data, (size_t)parts[7].items, parts[8].data, parts[9].data,
            (size_t)parts[8].items, (size_t)parts[9].items, last_time, last_number};
        next = first < 0 ? rows.rows : (size_t)first;
        fed = piles_feed(PILES(self), &rows, &next, &counts);
    }
    while (done > 0)
        give_back(&parts[--done]);
    if (PyErr_Occurred())
        return NULL;
    if (!fed)
        return PyErr_NoMemory();
    return Py_BuildValue("(nKKK)", (Py_ssize_t)next, (unsigned long long)counts.opens,
                         (unsigned long long)counts.closes, (unsigned long long)counts.unmatched);
}

/* fallen(column, latest) */
static PyObject *fallen(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *column;
    long long latest;
    struct borrowed times;
    Py_ssize_t count = 0, first = 0, last = 0;

    if (!PyArg_ParseTuple(args, "OL:fallen", &column, &latest) ||
        borrow(column, "time", 8, &times) < 0)
        return NULL;
    for (Py_ssize_t i = 0; i < times.items; i++) {
        int64_t time = ((const int64_t *)times.data)[i];

        if (time < latest) {
            first = count++ ? first : i;
            last = i;
        } else {
            latest = time;
        }
    }
    give_back(&times);
    return Py_BuildValue("(Lnnn)", latest, count, first, last);
}

static PyMethodDef functions[] = {
    {"fallen", fallen, METH_VARARGS, "Return the latest time, and which are before one earlier."},
    {NULL, NULL, 0, NULL},
};

static PyMethodDef methods[] = {
    {"number", piles_py_number, METH_O, "Return the number of a place."},
    {"push", piles_py_push, METH_VARARGS, "Lay an opening on a pile."},
    {"is_open", piles_py_is_open, METH_O, "Return whether the pile has an opening."},
    {"close", piles_py_close, METH_O, "Take an opening away, and return it."},
    {"openings", piles_py_openings, METH_O, "Return the openings of a pile, oldest first."},
    {"empty", piles_py_empty, METH_O, "Take all openings of a pile away, and return them."},
    {"drop", piles_py_drop, METH_O, "End a pile, and return the openings that it had."},
    {"miss", piles_py_miss, METH_O, "Count a close without an open."},
    {"missed", piles_py_missed, METH_VARARGS, "Return a hive's closes without an open."},
    {"forgive", piles_py_forgive, METH_VARARGS, "Forget a hive's closes without an open."},
    {"places", piles_py_places, METH_NOARGS, "Return all places."},
    {"ranks", piles_py_ranks, METH_NOARGS, "Return by place the how manieth pile it is."},
    {"standing", piles_py_standing, METH_VARARGS, "Return the piles that have an opening."},
    {"feed", piles_py_feed, METH_VARARGS, "Take plain rows in, up to one that is not."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot type_slots[] = {
    {Py_tp_dealloc, (void *)piles_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_doc, "The openings of each process and key."},
    {0, NULL},
};

static PyType_Spec type = {
    .name = "regsim.accel._native.CPiles",
    .basicsize = sizeof(Piles),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = type_slots,
};

const struct binding bind_piles = {functions, &type};
