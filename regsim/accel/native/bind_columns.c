/* Python's buffers as columns; bind_columns.h says how long they are held. */
#include "bind_columns.h"

#include <stdint.h>
#include <string.h>

int borrow(PyObject *buffer, const char *name, size_t size, struct borrowed *out)
{
    memset(out, 0, sizeof *out);
    if (PyObject_GetBuffer(buffer, &out->view, PyBUF_SIMPLE) < 0)
        return -1;
    out->items = out->view.len / (Py_ssize_t)size;
    out->data = out->view.buf;
    if (out->view.len % (Py_ssize_t)size) {
        PyErr_Format(PyExc_ValueError, "column %s ends within an item", name);
        PyBuffer_Release(&out->view);
        return -1;
    }
    if ((uintptr_t)out->data % size == 0)
        return 0;
    out->copy = PyMem_Malloc((size_t)out->view.len + 1);
    if (!out->copy) {
        PyBuffer_Release(&out->view);
        PyErr_NoMemory();
        return -1;
    }
    memcpy(out->copy, out->data, (size_t)out->view.len);
    out->data = out->copy;
    return 0;
}

void give_back(struct borrowed *borrowed)
{
    PyMem_Free(borrowed->copy);
    PyBuffer_Release(&borrowed->view);
}

int read_size(PyObject *number, size_t max, size_t *out)
{
    size_t value = PyLong_AsSize_t(number);

    if (value == (size_t)-1 && PyErr_Occurred())
        return -1;
    if (value > max) {
        PyErr_Format(PyExc_ValueError, "%S is more than %zu", number, max);
        return -1;
    }
    *out = value;
    return 0;
}

static const struct {
    const char *name;
    size_t size;
} kinds[COLUMNS] = {{"op", 1}, {"pid", 4}, {"handle", 8}, {"parent", 8}, {"key", 4}, {"status", 4}};

/* borrow the columns one by one; return how many it went well for, with an exception set if not all */
static int borrow_parts(PyObject *const *args, struct borrowed *parts)
{
    for (int i = 0; i < COLUMNS; i++) {
        if (borrow(args[i], kinds[i].name, kinds[i].size, &parts[i]) < 0)
            return i;
        if (parts[i].items != parts[0].items) {
            PyErr_Format(PyExc_ValueError, "column %s has %zd rows, but op has %zd", kinds[i].name,
                         parts[i].items, parts[0].items);
            return i + 1;
        }
    }
    return COLUMNS;
}

int borrow_columns(PyObject *const *args, struct borrowed_columns *out)
{
    struct borrowed *parts = out->parts;
    int done = borrow_parts(args, parts);
    size_t all = done ? (size_t)parts[0].items : 0;

    if (!PyErr_Occurred() && read_size(args[COLUMNS], all, &out->first) == 0 &&
        read_size(args[COLUMNS + 1], all - out->first, &out->rows) == 0) {
        out->columns = (struct columns){parts[0].data, parts[1].data, parts[2].data,
                                        parts[3].data, parts[4].data, parts[5].data};
        return 0;
    }
    while (done > 0)
        give_back(&parts[--done]);
    return -1;
}

void give_back_columns(struct borrowed_columns *borrowed)
{
    for (int i = 0; i < COLUMNS; i++)
        give_back(&borrowed->parts[i]);
}
