/* regsim.accel._native: multi-phase initialisation of the parts listed in bindings.h. */
#include "bindings.h"

/* Raised by one whenever the Python side and the library no longer fit; accel/__init__.py has the
 * same number, so that a library left over from another build is noticed. */
#define INTERFACE 10

#define DECLARE(name) extern const struct binding bind_##name;
BINDINGS(DECLARE)

static const struct binding *const parts[PARTS] = {
#define ENTRY(name) &bind_##name,
    BINDINGS(ENTRY)
};

struct state {
    PyObject *types[PARTS];
};

/* add one part's functions and type; -1 with an exception set when that fails */
static int add_part(PyObject *module, size_t index)
{
    const struct binding *part = parts[index];
    struct state *state = PyModule_GetState(module);

    if (part->methods && PyModule_AddFunctions(module, part->methods) < 0)
        return -1;
    if (!part->type)
        return 0;
    state->types[index] = PyType_FromModuleAndSpec(module, part->type, NULL);
    if (!state->types[index])
        return -1;
    return PyModule_AddType(module, (PyTypeObject *)state->types[index]);
}

PyObject *tuple_of(size_t count, PyObject *(*item)(const void *from, size_t index),
                   const void *from)
{
    PyObject *tuple = PyTuple_New((Py_ssize_t)count);

    for (size_t i = 0; tuple && i < count; i++) {
        PyObject *one = item(from, i);

        if (!one || PyTuple_SetItem(tuple, (Py_ssize_t)i, one) < 0)
            Py_CLEAR(tuple);
    }
    return tuple;
}

PyObject *packed(Py_ssize_t count, PyObject *const *items)
{
    PyObject *tuple = PyTuple_New(count);

    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *item = items[i];

        if (!item)
            Py_CLEAR(tuple);
        if (tuple)
            PyTuple_SetItem(tuple, i, item);
        else
            Py_XDECREF(item);
    }
    return tuple;
}

PyObject *number_at(const void *from, size_t index)
{
    return PyLong_FromUnsignedLong(((const uint32_t *)from)[index]);
}

void free_object(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);

    release(self);
    Py_DECREF(type);
}

int is_a(PyObject *self, PyObject *other, enum part part)
{
    struct state *state = PyType_GetModuleState(Py_TYPE(self));

    return PyObject_TypeCheck(other, (PyTypeObject *)state->types[part]);
}

int is_kind(PyObject *self, PyObject *type, enum part part)
{
    struct state *state =
        PyModule_Check(self) ? PyModule_GetState(self) : PyType_GetModuleState(Py_TYPE(self));

    return PyType_Check(type) && PyType_IsSubtype((PyTypeObject *)type,
                                                  (PyTypeObject *)state->types[part]);
}

/* add all parts */
static int module_exec(PyObject *module)
{
    for (size_t i = 0; i < PARTS; i++)
        if (add_part(module, i) < 0)
            return -1;
    return PyModule_AddIntConstant(module, "INTERFACE", INTERFACE);
}

/* show the types to the garbage collector */
static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
    struct state *state = PyModule_GetState(module);

    for (size_t i = 0; i < PARTS; i++)
        Py_VISIT(state->types[i]);
    return 0;
}

/* drop the types */
static int module_clear(PyObject *module)
{
    struct state *state = PyModule_GetState(module);

    for (size_t i = 0; i < PARTS; i++)
        Py_CLEAR(state->types[i]);
    return 0;
}

/* the slots hold functions as data pointers, which ISO C leaves to the platform and Python needs */
static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)module_exec},
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "regsim.accel._native",
    .m_doc = "The C twins of regsim.accel: ints and buffers only.",
    .m_size = sizeof(struct state),
    .m_slots = slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
};

/* what Python calls first */
PyMODINIT_FUNC PyInit__native(void)
{
    return PyModuleDef_Init(&definition);
}
