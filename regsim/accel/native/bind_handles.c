/* regsim.accel._native.CHandleTable: Python ints in and out of core_handles.c.
 *
 * Each call holds the GIL (a call takes less time than to give it up); on a free-threaded build it
 * holds the table's own lock instead. */
#include "bindings.h"
#include "core_handles.h"

#ifdef Py_GIL_DISABLED
#define LOCK(self) Py_BEGIN_CRITICAL_SECTION(self)
#define UNLOCK() Py_END_CRITICAL_SECTION()
#else
#define LOCK(self) {
#define UNLOCK() }
#endif

typedef struct {
    PyObject_HEAD
    struct handle_table table;
} Table;

#define TABLE(self) (&((Table *)(self))->table)

/* -- conversions ------------------------------------------------------------------------------ */

/* read an int of 0 .. max; -1 with OverflowError or TypeError set otherwise */
static inline int read_field(PyObject *number, const char *name, uint32_t max, uint32_t *out)
{
    int overflow;
    long long value = PyLong_AsLongLongAndOverflow(number, &overflow);

    if (value == -1 && PyErr_Occurred())
        return -1;
    if (overflow || value < 0 || value > max) {
        PyErr_Format(PyExc_OverflowError, "%s must be 0 to %lu, not %S", name, (unsigned long)max,
                     number);
        return -1;
    }
    *out = (uint32_t)value;
    return 0;
}

/* read a handle, one that cannot be open as 0; -1 with TypeError set for what is no int */
static int read_handle(PyObject *number, int64_t *out)
{
    int overflow;

    *out = PyLong_AsLongLongAndOverflow(number, &overflow);
    if (*out == -1 && PyErr_Occurred())
        return -1;
    if (overflow || *out < 0)
        *out = 0;
    return 0;
}

/* return a slot as accel.handles.Entry */
static PyObject *entry_of(const struct handle_slot *slot)
{
    PyObject *items[] = {
        PyLong_FromUnsignedLong(slot->obj),
        PyLong_FromUnsignedLong(slot->home >> 1),
        PyLong_FromUnsignedLong(slot->access),
        Py_NewRef(slot->home & 1 ? Py_True : Py_False),
    };

    return packed(sizeof items / sizeof *items, items);
}

/* append what `make` gives for a new reference; -1 with an exception set when either fails */
static int append(PyObject *list, PyObject *item)
{
    int failed = !item || PyList_Append(list, item) < 0;

    Py_XDECREF(item);
    return failed ? -1 : 0;
}

/* return the value of the handle in a slot */
static unsigned long handle_of(uint32_t slot)
{
    return (slot + 1ul) * HANDLE_STEP;
}

/* -- listings --------------------------------------------------------------------------------- */

enum listing { ITEMS, OBJECTS, HANDLES_IN };

/* return what a listing says of one open slot */
static PyObject *listed(const struct handle_slot *slot, unsigned long handle, enum listing what)
{
    if (what == ITEMS)
        return Py_BuildValue("(kN)", handle, entry_of(slot));
    return PyLong_FromUnsignedLong(what == OBJECTS ? slot->obj : handle);
}

/* return the open slots, those of `hive` for HANDLES_IN, as a list in ascending order */
static PyObject *list_slots(const struct handle_table *table, enum listing what, uint32_t hive)
{
    PyObject *list = PyList_New(0);

    for (uint32_t i = 0; list && i < table->used; i++) {
        const struct handle_slot *slot = &table->slots[i];

        if (slot->home == HANDLE_NONE || (what == HANDLES_IN && slot->home >> 1 != hive))
            continue;
        if (append(list, listed(slot, handle_of(i), what)) < 0)
            Py_CLEAR(list);
    }
    return list;
}

/* return the free slots as a tuple, that of the next open last */
static PyObject *free_stack(const struct handle_table *table)
{
    uint32_t count = table->used - table->live;
    uint32_t *stack = PyMem_Malloc((count + 1u) * sizeof *stack);
    PyObject *tuple;

    if (!stack)
        return PyErr_NoMemory();
    handle_free_stack(table, stack);
    tuple = tuple_of(count, number_at, stack);
    PyMem_Free(stack);
    return tuple;
}

/* -- methods ---------------------------------------------------------------------------------- */

static const char *const fields[] = {"obj", "hive", "access", "inherit"};

/* put the arguments of open(), positional and by name, into `out`; -1 with TypeError set */
static int sort_arguments(PyObject *const *args, Py_ssize_t count, PyObject *names, PyObject **out)
{
    Py_ssize_t named = names ? PyTuple_Size(names) : 0;

    if (count > 4)
        goto wrong;
    for (Py_ssize_t i = 0; i < count; i++)
        out[i] = args[i];
    for (Py_ssize_t i = 0; i < named; i++) {
        PyObject *name = PyTuple_GetItem(names, i);
        int field = 0;

        while (field < 4 && PyUnicode_CompareWithASCIIString(name, fields[field]) != 0)
            field++;
        if (field == 4 || out[field])
            goto wrong;
        out[field] = args[count + i];
    }
    if (out[0] && out[1] && out[2])
        return 0;
wrong:
    PyErr_SetString(PyExc_TypeError, "open() takes obj, hive, access and perhaps inherit");
    return -1;
}

/* return a new handle as an int, or NULL with MemoryError set */
static PyObject *opened(PyObject *self, struct handle_slot entry)
{
    uint32_t handle;

    LOCK(self)
    handle = handle_open(TABLE(self), entry);
    UNLOCK()
    return handle ? PyLong_FromUnsignedLong(handle) : PyErr_NoMemory();
}

/* open(obj, hive, access, inherit=False) */
static PyObject *table_open(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    PyObject *given[4] = {NULL, NULL, NULL, NULL}, *last = NULL;
    struct handle_slot entry;
    uint32_t hive;
    int inherit = 0;

    if (names || count != 3) { /* the usual call needs no sorting */
        if (sort_arguments(args, count, names, given) < 0)
            return NULL;
        args = given;
        last = given[3];
    }
    if (read_field(args[0], "obj", UINT32_MAX, &entry.obj) < 0 ||
        read_field(args[1], "hive", HANDLE_MAX_HIVE, &hive) < 0 ||
        read_field(args[2], "access", UINT32_MAX, &entry.access) < 0)
        return NULL;
    if (last && last != Py_False && (inherit = PyObject_IsTrue(last)) < 0)
        return NULL;
    entry.home = hive << 1 | (uint32_t)inherit;
    return opened(self, entry);
}

/* duplicate(handle) */
static PyObject *table_duplicate(PyObject *self, PyObject *number)
{
    int64_t handle;
    struct handle_slot *slot, entry = {0, 0, HANDLE_NONE};

    if (read_handle(number, &handle) < 0)
        return NULL;
    LOCK(self)
    slot = handle_find(TABLE(self), handle);
    if (slot)
        entry = *slot;
    UNLOCK()
    return entry.home == HANDLE_NONE ? PyLong_FromLong(-1) : opened(self, entry);
}

/* close(handle) */
static PyObject *table_close(PyObject *self, PyObject *number)
{
    int64_t handle, obj;

    if (read_handle(number, &handle) < 0)
        return NULL;
    LOCK(self)
    obj = handle_close(TABLE(self), handle);
    UNLOCK()
    return PyLong_FromLongLong(obj);
}

/* lookup(handle) */
static PyObject *table_lookup(PyObject *self, PyObject *number)
{
    int64_t handle;
    struct handle_slot *slot, entry = {0, 0, HANDLE_NONE};

    if (read_handle(number, &handle) < 0)
        return NULL;
    LOCK(self)
    slot = handle_find(TABLE(self), handle);
    if (slot)
        entry = *slot;
    UNLOCK()
    return entry.home == HANDLE_NONE ? Py_NewRef(Py_None) : entry_of(&entry);
}

/* handles_in(hive); nothing lies in a hive that cannot be */
static PyObject *table_handles_in(PyObject *self, PyObject *number)
{
    int overflow;
    long long hive = PyLong_AsLongLongAndOverflow(number, &overflow);
    PyObject *list = NULL;

    if (hive == -1 && PyErr_Occurred())
        return NULL;
    if (overflow || hive < 0 || hive > HANDLE_MAX_HIVE)
        return PyList_New(0);
    LOCK(self)
    list = list_slots(TABLE(self), HANDLES_IN, (uint32_t)hive);
    UNLOCK()
    return list;
}

/* close_all() */
static PyObject *table_close_all(PyObject *self, PyObject *Py_UNUSED(none))
{
    PyObject *list = NULL;

    LOCK(self)
    list = list_slots(TABLE(self), OBJECTS, 0);
    if (list)
        handle_clear(TABLE(self));
    UNLOCK()
    return list;
}

/* items(): of a list, so that the table may change meanwhile */
static PyObject *table_items(PyObject *self, PyObject *Py_UNUSED(none))
{
    PyObject *list = NULL, *iterator;

    LOCK(self)
    list = list_slots(TABLE(self), ITEMS, 0);
    UNLOCK()
    iterator = list ? PyObject_GetIter(list) : NULL;
    Py_XDECREF(list);
    return iterator;
}

/* reuse_rank(handle) */
static PyObject *table_reuse_rank(PyObject *self, PyObject *number)
{
    int64_t handle, rank;

    if (read_handle(number, &handle) < 0)
        return NULL;
    LOCK(self)
    rank = handle_reuse_rank(TABLE(self), handle);
    UNLOCK()
    return rank < 0 ? Py_NewRef(Py_None) : PyLong_FromLongLong(rank);
}

/* copy() */
static PyObject *table_copy(PyObject *self, PyObject *Py_UNUSED(none))
{
    PyTypeObject *type = Py_TYPE(self);
    allocfunc make = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    PyObject *twin = make(type, 0);
    bool done = false;

    if (!twin)
        return NULL;
    LOCK(self)
    done = handle_copy(TABLE(self), TABLE(twin));
    UNLOCK()
    if (done)
        return twin;
    Py_DECREF(twin);
    return PyErr_NoMemory();
}

/* beyond(other): of a copy of `other`, so that one table is locked at a time */
static PyObject *table_beyond(PyObject *self, PyObject *given)
{
    struct handle_table other = HANDLE_TABLE_EMPTY;
    uint32_t handle;
    bool done = false;

    if (!is_a(self, given, PART_handles))
        return PyErr_Format(PyExc_TypeError, "expected a table of the same kind");
    LOCK(given)
    done = handle_copy(TABLE(given), &other);
    UNLOCK()
    if (!done)
        return PyErr_NoMemory();
    LOCK(self)
    handle = handle_beyond(TABLE(self), &other);
    UNLOCK()
    handle_clear(&other);
    return PyLong_FromLongLong(handle ? (long long)handle : -1);
}

/* state() */
static PyObject *table_state(PyObject *self, PyObject *Py_UNUSED(none))
{
    PyObject *items = NULL, *entries, *stack = NULL;
    unsigned long used;

    LOCK(self)
    used = TABLE(self)->used;
    items = list_slots(TABLE(self), ITEMS, 0);
    stack = items ? free_stack(TABLE(self)) : NULL;
    UNLOCK()
    entries = items ? PyList_AsTuple(items) : NULL;
    Py_XDECREF(items);
    if (entries && stack)
        return Py_BuildValue("(NNk)", entries, stack, used);
    Py_XDECREF(entries);
    Py_XDECREF(stack);
    return NULL;
}

/* digest() */
static PyObject *table_digest(PyObject *self, PyObject *Py_UNUSED(none))
{
    uint64_t digest;

    LOCK(self)
    digest = handle_digest(TABLE(self));
    UNLOCK()
    return PyLong_FromUnsignedLongLong(digest);
}

/* check() */
static PyObject *table_check(PyObject *self, PyObject *Py_UNUSED(none))
{
    const char *broken;

    LOCK(self)
    broken = handle_check(TABLE(self));
    UNLOCK()
    if (!broken)
        Py_RETURN_NONE;
    PyErr_SetString(PyExc_AssertionError, broken);
    return NULL;
}

/* __sizeof__() */
static PyObject *table_sizeof(PyObject *self, PyObject *Py_UNUSED(none))
{
    size_t size;

    LOCK(self)
    size = sizeof(Table) + TABLE(self)->capacity * sizeof(struct handle_slot);
    UNLOCK()
    return PyLong_FromSize_t(size);
}

/* len(table) */
static Py_ssize_t table_length(PyObject *self)
{
    return (Py_ssize_t)TABLE(self)->live;
}

/* -- the type --------------------------------------------------------------------------------- */

/* CHandleTable(); called again on a table it empties it */
static int table_init(PyObject *self, PyObject *args, PyObject *names)
{
    if (PyTuple_Size(args) > 0 || (names && PyDict_Size(names) > 0)) {
        PyErr_SetString(PyExc_TypeError, "CHandleTable() takes no arguments");
        return -1;
    }
    LOCK(self)
    handle_clear(TABLE(self));
    UNLOCK()
    return 0;
}

/* return an empty table */
static PyObject *table_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(names))
{
    PyObject *self = ((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);

    if (self)
        *TABLE(self) = (struct handle_table)HANDLE_TABLE_EMPTY;
    return self;
}

/* free the slots and the object */
static void table_dealloc(PyObject *self)
{
    handle_clear(TABLE(self));
    free_object(self);
}

#define METHOD(name, how, doc) {#name, (PyCFunction)(void (*)(void))table_##name, how, doc}

static PyMethodDef methods[] = {
    METHOD(open, METH_FASTCALL | METH_KEYWORDS, "Return a new handle to an object."),
    METHOD(duplicate, METH_O, "Return a new handle to what a handle stands for, or -1."),
    METHOD(close, METH_O, "Drop a handle; return the object it named, or -1."),
    METHOD(lookup, METH_O, "Return what a handle stands for, or None."),
    METHOD(handles_in, METH_O, "Return the handles in a hive, in ascending order."),
    METHOD(close_all, METH_NOARGS, "Drop every handle; return the objects they named."),
    METHOD(items, METH_NOARGS, "Return an iterator over the open handles and their entries."),
    METHOD(reuse_rank, METH_O, "Return how many opens from now a value comes, or None."),
    METHOD(copy, METH_NOARGS, "Return an independent table with the same state."),
    METHOD(beyond, METH_O, "Return the lowest handle that another table has not, or -1."),
    METHOD(state, METH_NOARGS, "Return all that equality rests on."),
    METHOD(digest, METH_NOARGS, "Return a number that equal tables share everywhere."),
    METHOD(check, METH_NOARGS, "Assert the table's invariants."),
    {"__sizeof__", table_sizeof, METH_NOARGS, "Return the bytes allocated, handles included."},
    {NULL, NULL, 0, NULL},
};

/* the slots hold functions as data pointers, which ISO C leaves to the platform and Python needs */
static PyType_Slot type_slots[] = {
    {Py_tp_new, (void *)table_new},         {Py_tp_init, (void *)table_init},
    {Py_tp_dealloc, (void *)table_dealloc}, {Py_tp_methods, methods},
    {Py_sq_length, (void *)table_length},   {Py_tp_doc, "The handle table of one process, in C."},
    {0, NULL},
};

static PyType_Spec type = {
    .name = "regsim.accel._native.CHandleTable",
    .basicsize = sizeof(Table),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = type_slots,
};

const struct binding bind_handles = {NULL, &type};
