/* Python's buffers as the columns of core_events.h. */
#ifndef REGSIM_BIND_COLUMNS_H
#define REGSIM_BIND_COLUMNS_H

#include <Python.h>

#include "core_events.h"

enum { COLUMNS = 6 };

/* one buffer that is held while C reads it, or a copy of one that lies askew in memory */
struct borrowed {
    Py_buffer view;
    void *copy;
    const void *data;
    Py_ssize_t items;
};

/* borrow a buffer of items of `size` bytes; -1 with an exception set */
int borrow(PyObject *buffer, const char *name, size_t size, struct borrowed *out);

void give_back(struct borrowed *borrowed);

struct borrowed_columns {
    struct borrowed parts[COLUMNS];
    struct columns columns;
    size_t first, rows;
};

/* borrow op, pid, handle, parent, key, status, and read the first row and the number of rows, from
 * the eight arguments of a method; -1 with an exception set */
int borrow_columns(PyObject *const *args, struct borrowed_columns *out);

void give_back_columns(struct borrowed_columns *borrowed);

/* read an int of 0 .. max; -1 with an exception set */
int read_size(PyObject *number, size_t max, size_t *out);

#endif
