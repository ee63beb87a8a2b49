/* regsim.accel._native.records: many records of one class from columns of what their fields hold. */
#include "bindings.h"

#include <stdbool.h>

/* what one field of all records holds: a list of values, or one value for all */
struct column {
    PyObject *slot; /* the class's descriptor of the field */
    descrsetfunc set;
    PyObject *values;
    bool each;
};

/* read a pair of a slot of `kind` and of its values; false with an exception set */
static bool read_column(PyObject *kind, PyObject *pair, Py_ssize_t count, struct column *out)
{
    if (!PyTuple_Check(pair) || PyTuple_Size(pair) != 2) {
        PyErr_SetString(PyExc_TypeError, "a column is a pair of a slot and its values");
        return false;
    }
    out->slot = PyTuple_GetItem(pair, 0);
    out->values = PyTuple_GetItem(pair, 1);
    out->each = PyList_Check(out->values);
    out->set = (descrsetfunc)PyType_GetSlot(Py_TYPE(out->slot), Py_tp_descr_set);
    if (!out->set || !PyObject_TypeCheck(out->slot, &PyMemberDescr_Type)) {
        PyErr_Format(PyExc_TypeError, "%R has no such slot", kind);
        return false;
    }
    if (!out->each || PyList_Size(out->values) == count)
        return true;
    PyErr_Format(PyExc_ValueError, "a column has %zd values, not %zd", PyList_Size(out->values),
                 count);
    return false;
}

/* return a new record of `kind`; NULL with an exception set.
 *
 * What refers to nothing that the garbage collector looks at can be in no circle, so that the
 * collector need not look at it either, as Python itself does with tuples: else it comes to all
 * records again and again while a million are made. */
static PyObject *record_at(PyTypeObject *kind, Py_ssize_t index, const struct column *columns,
                           Py_ssize_t count)
{
    PyObject *record = ((allocfunc)PyType_GetSlot(kind, Py_tp_alloc))(kind, 0);
    bool plain = true;

    for (Py_ssize_t i = 0; record && i < count; i++) {
        const struct column *column = &columns[i];
        PyObject *value =
            column->each ? PyList_GetItem(column->values, index) : column->values;

        if (!value || column->set(column->slot, record, value) < 0)
            Py_CLEAR(record);
        plain = plain && value && !PyObject_GC_IsTracked(value);
    }
    if (record && plain && PyObject_GC_IsTracked(record))
        PyObject_GC_UnTrack(record);
    return record;
}

/* records(class, count, (slot, list or value), ...): a class whose instances have nothing but slots
 * and are made by writing to them */
static PyObject *records(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t given)
{
    Py_ssize_t count = given > 1 ? PyLong_AsSsize_t(args[1]) : -1, columns = given - 2, done = 0;
    struct column *all;
    PyObject *made = NULL;

    if (count < 0 || !PyType_Check(args[0])) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "records() takes a class and how many");
        return NULL;
    }
    all = PyMem_Calloc((size_t)columns + 1, sizeof *all);
    if (!all)
        return PyErr_NoMemory();
    while (done < columns && read_column(args[0], args[2 + done], count, &all[done]))
        done++;
    if (done == columns)
        made = PyList_New(count);
    for (Py_ssize_t i = 0; made && i < count; i++) {
        PyObject *record = record_at((PyTypeObject *)args[0], i, all, columns);

        if (!record || PyList_SetItem(made, i, record) < 0)
            Py_CLEAR(made);
    }
    PyMem_Free(all);
    return made;
}

static PyMethodDef functions[] = {
    {"records", (PyCFunction)(void (*)(void))records, METH_FASTCALL,
     "Make many records of one class from columns."},
    {NULL, NULL, 0, NULL},
};

const struct binding bind_records = {functions, NULL};
