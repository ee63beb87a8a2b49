/* regsim.accel._native.CParquetColumn: a Parquet file's pages in, numbers out of core_parquet.c. */
#include "bindings.h"

#include <stdatomic.h>
#include <stdint.h>

#include "core_parquet.h"

typedef struct {
    PyObject_HEAD
    atomic_flag busy;
    bool held;
    Py_buffer file;
    struct parquet parquet;
} Column;

#define PARQUET(self) (&((Column *)(self))->parquet)

/* begin to work on a column; -1 with an exception set where another thread does */
static int enter(PyObject *self)
{
    if (!atomic_flag_test_and_set(&((Column *)self)->busy))
        return 0;
    PyErr_SetString(PyExc_RuntimeError, "this column is being read in another thread");
    return -1;
}

/* CParquetColumn(file, first, size, values, width, optional, snappy) */
static PyObject *column_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(names))
{
    PyObject *file;
    Py_ssize_t first, size;
    unsigned long long values;
    unsigned int width;
    int optional, snappy;
    Column *self;

    if (!PyArg_ParseTuple(args, "OnnKIpp", &file, &first, &size, &values, &width, &optional,
                          &snappy))
        return NULL;
    if (width != 0 && width != 4 && width != 8)
        return PyErr_Format(PyExc_ValueError, "a number has 4 or 8 bytes, not %u", width);
    self = (Column *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (!self)
        return NULL;
    if (PyObject_GetBuffer(file, &self->file, PyBUF_SIMPLE) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    self->held = true;
    if (first < 0 || size < 0 || first > self->file.len ||
        size > self->file.len - first - PARQUET_SLACK) {
        Py_DECREF(self);
        return PyErr_Format(PyExc_ValueError, "the file has no %zd bytes at %zd", size, first);
    }
    atomic_flag_clear(&self->busy);
    parquet_init(&self->parquet, (const uint8_t *)self->file.buf + first, (size_t)size, values,
                 width, optional, snappy);
    return (PyObject *)self;
}

static void column_dealloc(PyObject *self)
{
    parquet_free(PARQUET(self));
    if (((Column *)self)->held)
        PyBuffer_Release(&((Column *)self)->file);
    free_object(self);
}

/* return True or False for an answer, or NULL with an exception set */
static PyObject *answered(enum parquet_answer answer)
{
    return answer == PARQUET_NO_MEMORY ? PyErr_NoMemory() : PyBool_FromLong(answer == PARQUET_DONE);
}

/* read(items, size of an item) */
static PyObject *column_read(PyObject *self, PyObject *args)
{
    PyObject *given;
    unsigned int item;
    Py_buffer out;
    enum parquet_answer answer;

    if (!PyArg_ParseTuple(args, "OI:read", &given, &item))
        return NULL;
    if (item != 1 && item != 2 && item != 4 && item != 8)
        return PyErr_Format(PyExc_ValueError, "an item has 1, 2, 4 or 8 bytes, not %u", item);
    if (PyObject_GetBuffer(given, &out, PyBUF_WRITABLE) < 0)
        return NULL;
    if (out.len % (Py_ssize_t)item || (uintptr_t)out.buf % item)
        PyErr_SetString(PyExc_ValueError, "the items lie askew");
    if (PyErr_Occurred() || enter(self) < 0) {
        PyBuffer_Release(&out);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    answer = parquet_read(PARQUET(self), out.buf, item, (size_t)out.len / item);
    Py_END_ALLOW_THREADS
    atomic_flag_clear(&((Column *)self)->busy);
    PyBuffer_Release(&out);
    return answered(answer);
}

/* return the ends and the bytes of the texts of a dictionary that was read, None where it has none */
static PyObject *texts_of(const struct parquet *parquet)
{
    size_t size = parquet_texts_size(parquet);
    PyObject *ends, *texts;
    bool good = false;

    if (size == SIZE_MAX)
        Py_RETURN_NONE;
    ends = PyBytes_FromStringAndSize(NULL, 4 * ((Py_ssize_t)parquet->entry_count + 1));
    texts = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    if (ends && texts)
        good = parquet_texts(parquet, (uint32_t *)(void *)PyBytes_AsString(ends),
                             (uint8_t *)PyBytes_AsString(texts));
    if (good)
        return Py_BuildValue("(NN)", ends, texts);
    Py_XDECREF(ends);
    Py_XDECREF(texts);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

/* dictionary() */
static PyObject *column_dictionary(PyObject *self, PyObject *Py_UNUSED(none))
{
    enum parquet_answer answer;
    PyObject *texts = NULL;

    if (enter(self) < 0)
        return NULL;
    answer = parquet_dictionary(PARQUET(self));
    if (answer == PARQUET_NO_MEMORY)
        PyErr_NoMemory();
    else
        texts = answer == PARQUET_DONE ? texts_of(PARQUET(self)) : Py_NewRef(Py_None);
    atomic_flag_clear(&((Column *)self)->busy);
    return texts;
}

static PyMethodDef methods[] = {
    {"read", column_read, METH_VARARGS, "Fill a buffer with the next items; False if it is odd."},
    {"dictionary", column_dictionary, METH_NOARGS, "Return the dictionary's texts, None without any."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot type_slots[] = {
    {Py_tp_new, (void *)column_new},
    {Py_tp_dealloc, (void *)column_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_doc, "One column of a row group of a Parquet file."},
    {0, NULL},
};

static PyType_Spec type = {
    .name = "regsim.accel._native.CParquetColumn",
    .basicsize = sizeof(Column),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = type_slots,
};

const struct binding bind_parquet = {NULL, &type};
