/* regsim.accel._native.settle, number_pids and watch: buffers in, columns out of core_rows.c; the GIL is
 * free while the core works. */
#include <stdbool.h>
#include <stdint.h>

#include "bind_columns.h"
#include "bindings.h"
#include "core_rows.h"

/* the arguments of settle() that are read, and those that are written */
enum { OPS, CALLS, KEY_PLACES, KEYS, STATUS, HANDLE, PARENT, FAILURES, GONE, READ };
enum { OP = READ, KEY, OUTCOME, LEFT, BUFFERS, ITEM = BUFFERS, BY_PATH, ARGUMENTS };

/* borrow buffer number `index` of some arguments, to write to it where `writable`; -1 with an
 * exception set */
static int borrow_one(PyObject *given, size_t size, int writable, struct borrowed *out)
{
    if (borrow(given, "of rows", size, out) < 0)
        return -1;
    /* what is written to a copy is lost, unless it is nothing: then it may lie anywhere */
    if (!writable || (!out->view.readonly && !(out->copy && out->items)))
        return 0;
    give_back(out);
    PyErr_SetString(PyExc_ValueError, "a column of rows cannot be written to");
    return -1;
}

/* return how many buffers of settle() were borrowed, with an exception set if not all; the places
 * of ops have `item` bytes */
static int borrow_all(PyObject *const *args, size_t item, struct borrowed *parts)
{
    const size_t sizes[BUFFERS] = {
        [OPS] = item, [CALLS] = 4,    [KEY_PLACES] = 4, [KEYS] = 4, [STATUS] = 4,  [HANDLE] = 8,
        [PARENT] = 8, [FAILURES] = 1, [GONE] = 4,       [OP] = 1,   [KEY] = 4,     [OUTCOME] = 4,
        [LEFT] = 4};

    for (int i = 0; i < BUFFERS; i++)
        if (borrow_one(args[i], sizes[i], i >= READ, &parts[i]) < 0)
            return i;
    return BUFFERS;
}

/* whether all columns have a place for each row, and the dictionaries something in them */
static bool fit(const struct borrowed *parts)
{
    static const int columns[] = {OPS, KEY_PLACES, HANDLE, PARENT, OP, KEY, OUTCOME, LEFT};
    Py_ssize_t rows = parts[STATUS].items;
    bool good = parts[CALLS].items && parts[KEYS].items && rows < UINT32_MAX;

    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        good &= parts[columns[i]].items == rows;
    return good;
}

/* settle the rows in buffers that fit each other */
static struct settled settle_parts(const struct borrowed *parts, unsigned item, bool by_path)
{
    struct rows rows = {
        .ops = {parts[OPS].data, item, parts[CALLS].data, (size_t)parts[CALLS].items},
        .keys = {parts[KEY_PLACES].data, 4, parts[KEYS].data, (size_t)parts[KEYS].items},
        .status = parts[STATUS].data,
        .handle = parts[HANDLE].data,
        .parent = parts[PARENT].data,
        .count = (size_t)parts[STATUS].items,
        .failures = parts[FAILURES].data,
        .failure_count = (size_t)parts[FAILURES].items,
        .gone = parts[GONE].data,
        .gone_count = (size_t)parts[GONE].items,
        .by_path = by_path,
    };
    struct settled out = {parts[OP].view.buf,   parts[KEY].view.buf, parts[OUTCOME].view.buf,
                          parts[LEFT].view.buf, 0, 0, 0};

    Py_BEGIN_ALLOW_THREADS
    rows_settle(&rows, &out);
    Py_END_ALLOW_THREADS
    return out;
}

/* read how many bytes an item has; false, with an exception set, where that is neither number */
static bool read_item(PyObject *given, size_t one, size_t other, size_t *out)
{
    if (read_size(given, other, out) < 0)
        return false;
    if (*out == one || *out == other)
        return true;
    PyErr_Format(PyExc_ValueError, "an item has %zu or %zu bytes, not %zu", one, other, *out);
    return false;
}

/* settle(op places, calls, key places, keys, status, handle, parent, failures, gone, op, key,
 * outcome, left, bytes of an op's place, by path): write op to left, and return how many rows are
 * left over, are harmless and are taken */
static PyObject *settle(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    struct borrowed parts[BUFFERS];
    struct settled out = {0};
    int done, by_path;
    size_t item;

    if (count != ARGUMENTS)
        return PyErr_Format(PyExc_TypeError, "settle() takes %d arguments, not %zd", ARGUMENTS,
                            count);
    by_path = PyObject_IsTrue(args[BY_PATH]);
    if (by_path < 0 || !read_item(args[ITEM], 1, 4, &item))
        return NULL;
    done = borrow_all(args, item, parts);
    if (done == BUFFERS && fit(parts))
        out = settle_parts(parts, (unsigned)item, by_path);
    else if (done == BUFFERS)
        PyErr_SetString(PyExc_ValueError, "the columns of rows do not fit each other");
    while (done > 0)
        give_back(&parts[--done]);
    if (PyErr_Occurred())
        return NULL;
    return Py_BuildValue("(nKK)", (Py_ssize_t)out.odd_count, (unsigned long long)out.harmless,
                         (unsigned long long)out.taken);
}

/* number_pids(pids, numbers, out, fresh, bytes of a pid): return how many rows are in `fresh` */
static PyObject *number_pids(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    enum { PIDS, NUMBERS, OUT, FRESH, PARTS };
    struct borrowed parts[PARTS];
    size_t found = SIZE_MAX, item;
    Py_ssize_t rows;
    int done = 0;

    if (count != PARTS + 1)
        return PyErr_Format(PyExc_TypeError, "number_pids() takes 5 arguments, not %zd", count);
    if (!read_item(args[PARTS], 4, 8, &item))
        return NULL;
    while (done < PARTS &&
           borrow_one(args[done], done == PIDS ? item : 4, done != PIDS, &parts[done]) == 0)
        done++;
    rows = done == PARTS ? parts[OUT].items : 0;
    if (done == PARTS && parts[FRESH].items == rows && parts[PIDS].items == rows &&
        rows < UINT32_MAX) {
        Py_BEGIN_ALLOW_THREADS
        found = rows_number(parts[PIDS].data, (unsigned)item, (size_t)rows,
                            parts[NUMBERS].view.buf, (size_t)parts[NUMBERS].items,
                            parts[OUT].view.buf, parts[FRESH].view.buf);
        Py_END_ALLOW_THREADS
    }
    while (done > 0)
        give_back(&parts[--done]);
    if (found == SIZE_MAX && !PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "the columns of pids do not fit each other");
    return PyErr_Occurred() ? NULL : PyLong_FromSize_t(found);
}

/* watch(the six columns of replay.feed(), the first row, how many, hives, gone, ended, touched, opens,
 * odd): return the row that it came to, and how many rows were written to the last two */
static PyObject *watch(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    enum { HIVES, GONE_FLAGS, ENDED, TOUCHED, OPENS_OUT, ODD, PARTS };
    static const size_t items[PARTS] = {4, 1, 1, 1, 4, 4};
    struct borrowed_columns borrowed;
    struct borrowed parts[PARTS];
    struct watched out = {0};
    size_t row = 0;
    int done = 0;

    if (count != COLUMNS + 2 + PARTS)
        return PyErr_Format(PyExc_TypeError, "watch() takes %d arguments, not %zd",
                            COLUMNS + 2 + PARTS, count);
    if (borrow_columns(args, &borrowed) < 0)
        return NULL;
    while (done < PARTS &&
           borrow_one(args[COLUMNS + 2 + done], items[done], done >= TOUCHED, &parts[done]) == 0)
        done++;
    if (done == PARTS && ((size_t)parts[OPENS_OUT].items < borrowed.rows ||
                          (size_t)parts[ODD].items < borrowed.rows))
        PyErr_SetString(PyExc_ValueError, "there is no room for all rows");
    if (!PyErr_Occurred()) {
        struct watch in = {.columns = borrowed.columns,
                           .count = borrowed.first + borrowed.rows,
                           .hives = parts[HIVES].data,
                           .gone = parts[GONE_FLAGS].data,
                           .ended = parts[ENDED].data,
                           .keys = (size_t)parts[HIVES].items,
                           .gone_count = (size_t)parts[GONE_FLAGS].items,
                           .ended_count = (size_t)parts[ENDED].items};

        out = (struct watched){parts[OPENS_OUT].view.buf, parts[ODD].view.buf,
                               parts[TOUCHED].view.buf, 0, 0, (size_t)parts[TOUCHED].items};
        Py_BEGIN_ALLOW_THREADS
        row = rows_watch(&in, borrowed.first, &out);
        Py_END_ALLOW_THREADS
    }
    while (done > 0)
        give_back(&parts[--done]);
    give_back_columns(&borrowed);
    if (PyErr_Occurred())
        return NULL;
    return Py_BuildValue("(nnn)", (Py_ssize_t)row, (Py_ssize_t)out.open_count,
                         (Py_ssize_t)out.odd_count);
}

#define FAST(name) (PyCFunction)(void (*)(void))name, METH_FASTCALL

static PyMethodDef functions[] = {
    {"settle", FAST(settle), "Settle most rows of columns; return how many are left over."},
    {"number_pids", FAST(number_pids), "Put numbers in the place of pids."},
    {"watch", FAST(watch), "Find what is to be told of rows, up to one that begins or ends."},
    {NULL, NULL, 0, NULL},
};

const struct binding bind_rows = {functions, NULL};
