/* What every part of regsim.accel._native adds to the module, and the one list of the parts.
 *
 * A part is a plain C core (core_NAME.c, no Python.h) and a thin file bind_NAME.c that defines
 * `const struct binding bind_NAME`. Adding a part is adding its line to BINDINGS. */
#ifndef REGSIM_BINDINGS_H
#define REGSIM_BINDINGS_H

#include <Python.h>

struct binding {
    PyMethodDef *methods; /* module functions, ended by {NULL}; or NULL */
    PyType_Spec *type;    /* the type it adds to the module; or NULL */
};

#define BINDINGS(PART) PART(handles) PART(events) PART(replay) PART(search) PART(csv) PART(piles) \
    PART(pml) PART(stored) PART(owned) PART(regf) PART(parquet) PART(texts) PART(rows) PART(records)

enum part {
#define NUMBER(name) PART_##name,
    BINDINGS(NUMBER)
    PARTS
#undef NUMBER
};

/* return a tuple of what `item` makes of each of `count` items at `from`; NULL with an exception set */
PyObject *tuple_of(size_t count, PyObject *(*item)(const void *from, size_t index),
                   const void *from);

/* return a tuple of `count` items, whose references it takes; NULL where one of them is NULL */
PyObject *packed(Py_ssize_t count, PyObject *const *items);

/* return number `index` of an array of 32-bit numbers, for tuple_of() */
PyObject *number_at(const void *from, size_t index);

/* give the memory of an object back whose type is a part's */
void free_object(PyObject *self);

/* return whether `other` is of the type that a part has added to the module of `self`'s type */
int is_a(PyObject *self, PyObject *other, enum part part);

/* return whether `type` is the type that a part has added to the module `self` or to that of
 * `self`'s type, or made of it */
int is_kind(PyObject *self, PyObject *type, enum part part);

#endif
