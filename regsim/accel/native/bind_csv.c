/* regsim.accel._native.CCsvScan: stretches of CSV in, columns out of core_csv.c.
 *
 * run() gives up the GIL. One call at a time: another thread that comes meanwhile is refused with
 * RuntimeError. */
#include "bindings.h"

#include <stdatomic.h>

#include "bind_columns.h"
#include "core_csv.h"
#include "core_memory.h"

typedef struct {
    PyObject_HEAD
    struct csv_scan scan;
    atomic_flag busy;
} Csv;

#define SCAN(self) (&((Csv *)(self))->scan)

/* CCsvScan(columns, seven places, seed) */
static PyObject *csv_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(names))
{
    unsigned int columns, places[CSV_PLACES];
    unsigned long long seed;
    uint32_t given[CSV_PLACES];
    PyObject *self;

    if (!PyArg_ParseTuple(args, "I(IIIIIII)K", &columns, &places[0], &places[1], &places[2],
                          &places[3], &places[4], &places[5], &places[6], &seed))
        return NULL;
    self = ((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (!self)
        return NULL;
    for (int i = 0; i < CSV_PLACES; i++)
        given[i] = places[i];
    if (csv_init(SCAN(self), columns, given, seed))
        return self;
    Py_DECREF(self);
    PyErr_Format(PyExc_ValueError, "no scan of %u columns", columns);
    return NULL;
}

static void csv_dealloc(PyObject *self)
{
    csv_free(SCAN(self));
    free_object(self);
}

/* begin(forget) */
static PyObject *csv_py_begin(PyObject *self, PyObject *given)
{
    int forget = PyObject_IsTrue(given);

    if (forget < 0)
        return NULL;
    csv_begin(SCAN(self), forget);
    Py_RETURN_NONE;
}

/* run(data) */
static PyObject *csv_py_run(PyObject *self, PyObject *data)
{
    struct borrowed stretch;
    enum csv_outcome outcome;

    if (borrow(data, "data", 1, &stretch) < 0)
        return NULL;
    if (atomic_flag_test_and_set(&((Csv *)self)->busy)) {
        give_back(&stretch);
        PyErr_SetString(PyExc_RuntimeError, "this scan is in use by another thread");
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    outcome = csv_run(SCAN(self), stretch.data, (size_t)stretch.items);
    Py_END_ALLOW_THREADS
    atomic_flag_clear(&((Csv *)self)->busy);
    give_back(&stretch);
    return outcome == CSV_NO_MEMORY ? PyErr_NoMemory() : PyLong_FromLong(outcome);
}

static PyObject *text_of(const struct texts *texts, size_t number)
{
    size_t size;
    const uint8_t *text;

    if (number >= texts->used)
        return PyErr_Format(PyExc_ValueError, "there is no text %zu", number);
    text = texts_get(texts, number, &size);
    return PyBytes_FromStringAndSize((const char *)text, (Py_ssize_t)size);
}

/* asked_pair() */
static PyObject *csv_py_asked_pair(PyObject *self, PyObject *Py_UNUSED(none))
{
    PyObject *operation = text_of(&SCAN(self)->operations, SCAN(self)->asked_operation);
    PyObject *result = operation ? text_of(&SCAN(self)->results, SCAN(self)->asked_result) : NULL;

    if (result)
        return Py_BuildValue("(NN)", operation, result);
    Py_XDECREF(operation);
    return NULL;
}

/* asked_detail() */
static PyObject *csv_py_asked_detail(PyObject *self, PyObject *Py_UNUSED(none))
{
    return text_of(&SCAN(self)->details, SCAN(self)->asked_detail);
}

/* verdict(kind, op, status) */
static PyObject *csv_py_verdict(PyObject *self, PyObject *args)
{
    unsigned int kind, op, status;

    if (!PyArg_ParseTuple(args, "III:verdict", &kind, &op, &status))
        return NULL;
    if (kind <= CSV_UNASKED || kind > CSV_SKIPPED || op > UINT8_MAX)
        return PyErr_Format(PyExc_ValueError, "no kind %u of op %u", kind, op);
    if (!csv_verdict(SCAN(self), (enum csv_kind)kind, (uint8_t)op, status))
        return PyErr_NoMemory();
    Py_RETURN_NONE;
}

/* access(mask) */
static PyObject *csv_py_access(PyObject *self, PyObject *mask)
{
    unsigned long access = PyLong_AsUnsignedLong(mask);

    if (access == (unsigned long)-1 && PyErr_Occurred())
        return NULL;
    csv_access(SCAN(self), (uint32_t)access);
    Py_RETURN_NONE;
}

/* counts() */
static PyObject *csv_py_counts(PyObject *self, PyObject *Py_UNUSED(none))
{
    const struct csv_scan *scan = SCAN(self);

    return Py_BuildValue("(KKK)", (unsigned long long)scan->rows, (unsigned long long)scan->taken,
                         (unsigned long long)scan->harmless);
}

static PyObject *bytes_of(const void *items, size_t used, size_t size)
{
    return PyBytes_FromStringAndSize(used ? items : "", (Py_ssize_t)(used * size));
}

/* columns() */
static PyObject *csv_py_columns(PyObject *self, PyObject *Py_UNUSED(none))
{
    const struct csv_columns *out = &SCAN(self)->out;

    return Py_BuildValue("(NNNNNNN)", bytes_of(out->op, out->used, sizeof *out->op),
                         bytes_of(out->process, out->used, sizeof *out->process),
                         bytes_of(out->key, out->used, sizeof *out->key),
                         bytes_of(out->status, out->used, sizeof *out->status),
                         bytes_of(out->time, out->used, sizeof *out->time),
                         bytes_of(out->access, out->used, sizeof *out->access),
                         bytes_of(out->number, out->used, sizeof *out->number));
}

static PyObject *process_at(const void *from, size_t index)
{
    const struct csv_process *one = (const struct csv_process *)from + index;

    return Py_BuildValue("(KKKK)", (unsigned long long)one->who, (unsigned long long)one->started,
                         (unsigned long long)one->row, (unsigned long long)one->row_end);
}

/* processes() */
static PyObject *csv_py_processes(PyObject *self, PyObject *Py_UNUSED(none))
{
    return tuple_of(SCAN(self)->processes_used, process_at, SCAN(self)->processes);
}

static PyObject *pair_at(const void *from, size_t index)
{
    const struct csv_pair *one = (const struct csv_pair *)from + index;

    return Py_BuildValue("(KKK)", (unsigned long long)one->count, (unsigned long long)one->first,
                         (unsigned long long)one->last);
}

/* pairs() */
static PyObject *csv_py_pairs(PyObject *self, PyObject *Py_UNUSED(none))
{
    return tuple_of(SCAN(self)->pairs_used, pair_at, SCAN(self)->pairs);
}

/* return a list of the texts from a number on */
static PyObject *texts_from(const struct texts *texts, PyObject *given)
{
    size_t first;
    PyObject *list;

    if (read_size(given, texts->used, &first) < 0)
        return NULL;
    list = PyList_New(0);
    for (size_t i = first; list && i < texts->used; i++) {
        PyObject *text = text_of(texts, i);

        if (!text || PyList_Append(list, text) < 0)
            Py_CLEAR(list);
        Py_XDECREF(text);
    }
    return list;
}

/* paths(first) */
static PyObject *csv_py_paths(PyObject *self, PyObject *given)
{
    return texts_from(&SCAN(self)->paths, given);
}

/* who(first) */
static PyObject *csv_py_who(PyObject *self, PyObject *given)
{
    return texts_from(&SCAN(self)->who, given);
}

/* renumber(column, table) */
static PyObject *renumber(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *first, *second;
    Py_buffer view;
    struct borrowed table;
    uint32_t *items;
    bool inside = true;

    if (!PyArg_ParseTuple(args, "OO:renumber", &first, &second) ||
        PyObject_GetBuffer(first, &view, PyBUF_WRITABLE) < 0)
        return NULL;
    if (borrow(second, "table", sizeof(uint32_t), &table) < 0) {
        PyBuffer_Release(&view);
        return NULL;
    }
    items = view.buf;
    for (Py_ssize_t i = 0; inside && i < view.len / (Py_ssize_t)sizeof *items; i++) {
        inside = items[i] < (size_t)table.items;
        if (inside)
            items[i] = ((const uint32_t *)table.data)[items[i]];
    }
    give_back(&table);
    PyBuffer_Release(&view);
    if (inside)
        Py_RETURN_NONE;
    PyErr_SetString(PyExc_ValueError, "the column has a number that the table lacks");
    return NULL;
}

/* shift(column, by) */
static PyObject *shift(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *column;
    long long by;
    Py_buffer view;
    uint64_t *items;

    if (!PyArg_ParseTuple(args, "OL:shift", &column, &by) ||
        PyObject_GetBuffer(column, &view, PyBUF_WRITABLE) < 0)
        return NULL;
    items = view.buf;
    for (Py_ssize_t i = 0; i < view.len / (Py_ssize_t)sizeof *items; i++)
        items[i] += (uint64_t)by;
    PyBuffer_Release(&view);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"shift", shift, METH_VARARGS, "Add a number to each of a column of 64 bits."},
    {"renumber", renumber, METH_VARARGS, "Put a table's numbers in the place of a column's."},
    {NULL, NULL, 0, NULL},
};

static PyMethodDef methods[] = {
    {"begin", csv_py_begin, METH_O, "Begin a stretch; forget who was seen before, if asked to."},
    {"run", csv_py_run, METH_O, "Scan the stretch, or go on; return why it stopped."},
    {"asked_pair", csv_py_asked_pair, METH_NOARGS, "Return the operation and result asked about."},
    {"asked_detail", csv_py_asked_detail, METH_NOARGS, "Return the detail asked about."},
    {"verdict", csv_py_verdict, METH_VARARGS, "Say what becomes of the pair's rows."},
    {"access", csv_py_access, METH_O, "Say which access the detail spells out."},
    {"counts", csv_py_counts, METH_NOARGS, "Return the rows, those taken, the harmless."},
    {"columns", csv_py_columns, METH_NOARGS, "Return the columns of a batch as bytes."},
    {"processes", csv_py_processes, METH_NOARGS, "Return who begins, or is named, and where."},
    {"pairs", csv_py_pairs, METH_NOARGS, "Return count, first and last of each pair's rows."},
    {"paths", csv_py_paths, METH_O, "Return the paths from a number on."},
    {"who", csv_py_who, METH_O, "Return names and pids from a number on."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot type_slots[] = {
    {Py_tp_new, (void *)csv_new},
    {Py_tp_dealloc, (void *)csv_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_doc, "A scan of Process Monitor's CSV, stretch by stretch."},
    {0, NULL},
};

static PyType_Spec type = {
    .name = "regsim.accel._native.CCsvScan",
    .basicsize = sizeof(Csv),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = type_slots,
};

const struct binding bind_csv = {functions, &type};
