/* regsim.accel._native.COwned: the C twin of PyOwned in owned.py, which specifies it.
 *
 * Most of what is opened is closed before it goes, so that there is nothing to do at its end: asking
 * here spares a call of Python for each. */
#include <Python.h>

#include <stddef.h>
#include <structmember.h>

#include "bindings.h"

typedef struct {
    PyObject_HEAD
    PyObject *handle; /* an int, or NULL: an object, so that Python reads the attribute at once */
    PyObject *owner;
} Owned;

/* __del__() */
static void owned_finalize(PyObject *self)
{
    Owned *owned = (Owned *)self;
    PyObject *type, *value, *trace, *name, *done = NULL;

    if (!owned->handle || !owned->owner || !PyObject_IsTrue(owned->handle))
        return;
    PyErr_Fetch(&type, &value, &trace); /* an object may go while an exception is on its way */
    name = PyUnicode_InternFromString("let_go");
    if (name)
        done = PyObject_CallMethodObjArgs(owned->owner, name, owned->handle, NULL);
    if (!done)
        PyErr_WriteUnraisable(self);
    Py_XDECREF(done);
    Py_XDECREF(name);
    PyErr_Restore(type, value, trace);
}

/* __enter__() */
static PyObject *owned_enter(PyObject *self, PyObject *Py_UNUSED(none))
{
    return Py_NewRef(self);
}

static int owned_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((Owned *)self)->owner);
    return 0;
}

static int owned_clear(PyObject *self)
{
    Py_CLEAR(((Owned *)self)->owner);
    return 0;
}

/* what the class made of this does not do: that has called __del__ */
static void owned_dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    owned_clear(self);
    Py_CLEAR(((Owned *)self)->handle);
    free_object(self);
}

static PyMemberDef members[] = {
    {"_handle", T_OBJECT_EX, offsetof(Owned, handle), 0, NULL},
    {"_owner", T_OBJECT_EX, offsetof(Owned, owner), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyMethodDef methods[] = {
    {"__enter__", owned_enter, METH_NOARGS, "__enter__($self, /)\n--\n\nReturn the object itself."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot type_slots[] = {
    {Py_tp_finalize, (void *)owned_finalize},
    {Py_tp_traverse, (void *)owned_traverse},
    {Py_tp_clear, (void *)owned_clear},
    {Py_tp_dealloc, (void *)owned_dealloc},
    {Py_tp_members, members},
    {Py_tp_methods, methods},
    {Py_tp_doc, "A number that its owner gave out, and is told of when it goes."},
    {0, NULL},
};

static PyType_Spec type = {
    .name = "regsim.accel._native.COwned",
    .basicsize = sizeof(Owned),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = type_slots,
};

const struct binding bind_owned = {NULL, &type};
