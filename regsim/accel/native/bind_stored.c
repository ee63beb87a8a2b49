/* regsim.accel._native.CStored: the C twin of PyStored in stored.py, which specifies it. */
#include "bind_stored.h"

#include <stddef.h>
#include <structmember.h>

#include "bindings.h"

Stored *new_stored(PyTypeObject *type, PyObject *image)
{
    Stored *stored = (Stored *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);

    if (stored)
        stored->image = Py_NewRef(image);
    return stored;
}

/* CStored(image, offset, name, kind, size, where) */
static PyObject *stored_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(names))
{
    PyObject *image, *name, *kind;
    unsigned int offset, size, where;
    Stored *stored;

    if (!PyArg_ParseTuple(args, "OIUOII", &image, &offset, &name, &kind, &size, &where))
        return NULL;
    stored = new_stored(type, image);
    if (!stored)
        return NULL;
    stored->name = Py_NewRef(name);
    stored->offset = offset;
    stored->type = Py_NewRef(kind);
    stored->size = size;
    stored->where = where;
    return (PyObject *)stored;
}

static void stored_dealloc(PyObject *self)
{
    Stored *stored = (Stored *)self;

    Py_XDECREF(stored->image);
    Py_XDECREF(stored->name);
    Py_XDECREF(stored->type);
    Py_XDECREF(stored->data);
    free_object(self);
}

/* data, which `_read` of the class made of this gives at the first use */
static PyObject *stored_data(PyObject *self, void *Py_UNUSED(closure))
{
    Stored *stored = (Stored *)self;
    PyObject *data = stored->data;

    if (data)
        return Py_NewRef(data);
    data = PyObject_CallMethod(self, "_read", NULL);
    if (data && !stored->data)
        stored->data = Py_NewRef(data);
    return data;
}

static PyMemberDef members[] = {
    {"_image", T_OBJECT_EX, offsetof(Stored, image), READONLY, NULL},
    {"name", T_OBJECT_EX, offsetof(Stored, name), READONLY, NULL},
    {"offset", T_UINT, offsetof(Stored, offset), READONLY, NULL},
    {"type", T_OBJECT_EX, offsetof(Stored, type), READONLY, NULL},
    {"_size", T_UINT, offsetof(Stored, size), READONLY, NULL},
    {"_where", T_UINT, offsetof(Stored, where), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef computed[] = {
    {"data", stored_data, NULL, "The data, read once.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot type_slots[] = {
    {Py_tp_new, (void *)stored_new}, {Py_tp_dealloc, (void *)stored_dealloc},
    {Py_tp_members, members},        {Py_tp_getset, computed},
    {Py_tp_doc, "The stored fields of a value; its data is read at the first use."},
    {0, NULL},
};

static PyType_Spec type = {
    .name = "regsim.accel._native.CStored",
    .basicsize = sizeof(Stored),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = type_slots,
};

const struct binding bind_stored = {NULL, &type};
