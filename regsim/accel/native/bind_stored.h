/* What a hive stores of one value, for the walk that makes such objects. */
#ifndef REGSIM_BIND_STORED_H
#define REGSIM_BIND_STORED_H

#include <Python.h>

typedef struct {
    PyObject_HEAD
    PyObject *image, *name; /* what the data is read from; a str */
    PyObject *type;         /* an int, which most values share */
    PyObject *data;         /* bytes, or NULL until it is read */
    unsigned int offset, size, where;
} Stored;

/* return a value of `type`, CStored or a class made of it, without a name and data yet; or NULL
 * with an exception set */
Stored *new_stored(PyTypeObject *type, PyObject *image);

#endif
