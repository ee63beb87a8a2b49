/* regsim.accel._native.CTexts: bytes in, numbers out of core_texts.c. */
#include "bindings.h"

#include "bind_columns.h"
#include "core_texts.h"

typedef struct {
    PyObject_HEAD
    struct texts texts;
} Texts;

#define TEXTS(self) (&((Texts *)(self))->texts)

/* CTexts(seed) */
static PyObject *texts_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(names))
{
    unsigned long long seed;
    PyObject *self;

    if (!PyArg_ParseTuple(args, "K", &seed))
        return NULL;
    self = ((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (self)
        TEXTS(self)->seed = seed;
    return self;
}

static void texts_dealloc(PyObject *self)
{
    texts_free(TEXTS(self));
    free_object(self);
}

/* number(text) */
static PyObject *texts_py_number(PyObject *self, PyObject *given)
{
    struct borrowed text;
    uint32_t number;

    if (borrow(given, "text", 1, &text) < 0)
        return NULL;
    number = texts_number(TEXTS(self), text.data, (size_t)text.items);
    give_back(&text);
    return number == TEXTS_NONE ? PyErr_NoMemory() : PyLong_FromUnsignedLong(number);
}

/* find(text) */
static PyObject *texts_py_find(PyObject *self, PyObject *given)
{
    struct borrowed text;
    uint32_t number;

    if (borrow(given, "text", 1, &text) < 0)
        return NULL;
    number = texts_find(TEXTS(self), text.data, (size_t)text.items);
    give_back(&text);
    return PyLong_FromLongLong(number == TEXTS_NONE ? -1 : (long long)number);
}

/* texts[number] */
static PyObject *texts_py_get(PyObject *self, Py_ssize_t number)
{
    size_t size;
    const uint8_t *text;

    if (number < 0 || (size_t)number >= TEXTS(self)->used)
        return PyErr_Format(PyExc_IndexError, "there is no text %zd", number);
    text = texts_get(TEXTS(self), (size_t)number, &size);
    return PyBytes_FromStringAndSize((const char *)text, (Py_ssize_t)size);
}

static PyMethodDef methods[] = {
    {"number", texts_py_number, METH_O, "Return the number of a text, which is added if it is new."},
    {"find", texts_py_find, METH_O, "Return the number of a text, -1 if it is not among them."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot type_slots[] = {
    {Py_tp_new, (void *)texts_new},
    {Py_tp_dealloc, (void *)texts_dealloc},
    {Py_tp_methods, methods},
    {Py_sq_item, (void *)texts_py_get},
    {Py_tp_doc, "Distinct texts by number."},
    {0, NULL},
};

static PyType_Spec type = {
    .name = "regsim.accel._native.CTexts",
    .basicsize = sizeof(Texts),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = type_slots,
};

const struct binding bind_texts = {NULL, &type};
