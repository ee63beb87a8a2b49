/* regsim.accel._native.CHiveWalk: the bytes of a hive in, its keys and values out, for regf.walk.
 *
 * The bytes are borrowed for the time of one call only, so that a hive can be closed or changed in
 * between. One walk belongs to one thread: on a free-threaded build a second one waits. */
#include "bind_stored.h"
#include "bindings.h"
#include "core_regf.h"

#ifdef Py_GIL_DISABLED
#define LOCK(self) Py_BEGIN_CRITICAL_SECTION(self)
#define UNLOCK() Py_END_CRITICAL_SECTION()
#else
#define LOCK(self) {
#define UNLOCK() }
#endif

typedef struct {
    PyObject_HEAD
    struct regf_walk walk;
    struct regf_image image; /* without its bytes, which come with each call */
    PyObject *type, *of;     /* the class of values, and what each of them reads from */
} Walk;

#define WALK(self) (&((Walk *)(self))->walk)

/* CHiveWalk(class of values, what they read from, offset of the key, data size, extent) */
static PyObject *walk_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(names))
{
    unsigned int offset, data_size, extent;
    PyObject *kind, *of;
    Walk *self;

    if (!PyArg_ParseTuple(args, "OOIII", &kind, &of, &offset, &data_size, &extent))
        return NULL;
    self = (Walk *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (!self)
        return NULL;
    if (!is_kind((PyObject *)self, kind, PART_stored)) {
        Py_DECREF(self);
        return PyErr_Format(PyExc_TypeError, "the class of values is none made of CStored");
    }
    self->type = Py_NewRef(kind);
    self->of = Py_NewRef(of);
    self->image = (struct regf_image){NULL, 0, data_size, extent};
    if (regf_begin(&self->walk, &self->image, offset))
        return (PyObject *)self;
    Py_DECREF(self);
    return PyErr_NoMemory();
}

static void walk_dealloc(PyObject *self)
{
    regf_end(WALK(self));
    Py_XDECREF(((Walk *)self)->type);
    Py_XDECREF(((Walk *)self)->of);
    free_object(self);
}

/* return a name as a str, unpaired surrogates kept */
static PyObject *text_of(const struct regf_image *image, struct regf_name name)
{
    const char *at = (const char *)image->bytes + name.at;
    int order = -1; /* little-endian, whatever it begins with */

    if (name.wide)
        return PyUnicode_DecodeUTF16(at, name.length, "surrogatepass", &order);
    return PyUnicode_DecodeLatin1(at, name.length, NULL);
}

/* return a tuple of `count` items, whose references it takes; NULL where one of them is NULL */
static PyObject *packed(Py_ssize_t count, PyObject *const *items)
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

/* return one value as an object of the class that the walk was given */
static PyObject *stored_of(const Walk *self, const struct regf_image *image,
                           const struct regf_value *value)
{
    const char *data = (const char *)image->bytes + value->at;
    Stored *stored = new_stored((PyTypeObject *)self->type, self->of);

    if (!stored)
        return NULL;
    stored->offset = value->offset;
    stored->type = PyLong_FromUnsignedLong(value->type);
    stored->size = value->size;
    stored->where = value->where;
    stored->name = text_of(image, value->name);
    if (value->at)
        stored->data = PyBytes_FromStringAndSize(data, value->size & INT32_MAX);
    if (stored->name && stored->type && (stored->data || !value->at))
        return (PyObject *)stored;
    Py_DECREF(stored);
    return NULL;
}

/* return the values of a key as a tuple, or None where they are not listed */
static PyObject *values_of(const Walk *self, const struct regf_image *image,
                           const struct regf_key *key)
{
    PyObject *values;

    if (key->count == REGF_UNLISTED)
        return Py_NewRef(Py_None);
    values = PyTuple_New(key->count);
    for (uint32_t i = 0; values && i < key->count; i++) {
        PyObject *value = stored_of(self, image, &self->walk.values[key->first + i]);

        if (!value || PyTuple_SetItem(values, i, value) < 0)
            Py_CLEAR(values);
    }
    return values;
}

/* return the keys found as a list; NULL with an exception set */
static PyObject *keys_of(const Walk *self, const struct regf_image *image)
{
    PyObject *keys = PyList_New(self->walk.key_count);

    for (uint32_t i = 0; keys && i < self->walk.key_count; i++) {
        const struct regf_key *key = &self->walk.keys[i];
        PyObject *items[] = {
            PyLong_FromUnsignedLong(key->offset),
            PyLong_FromUnsignedLong(key->depth),
            text_of(image, key->name),
            values_of(self, image, key),
        };
        PyObject *one = packed(sizeof items / sizeof *items, items);

        if (!one || PyList_SetItem(keys, i, one) < 0)
            Py_CLEAR(keys);
    }
    return keys;
}

/* return the offsets of the keys found, in the machine's order of bytes */
static PyObject *offsets(const struct regf_walk *walk)
{
    uint32_t list[REGF_KEYS];

    for (uint32_t i = 0; i < walk->key_count; i++)
        list[i] = walk->keys[i].offset;
    return PyBytes_FromStringAndSize((const char *)list,
                                     (Py_ssize_t)(walk->key_count * sizeof *list));
}

/* return how it goes on, the keys found, and their offsets once more; NULL with an exception set */
static PyObject *found(const Walk *self, const struct regf_image *image, int end)
{
    PyObject *items[] = {PyLong_FromLong(end), keys_of(self, image), offsets(&self->walk)};

    return packed(sizeof items / sizeof *items, items);
}

/* take(bytes of the file) */
static PyObject *walk_take(PyObject *self, PyObject *bytes)
{
    Py_buffer view;
    PyObject *taken = NULL;

    if (PyObject_GetBuffer(bytes, &view, PyBUF_SIMPLE) < 0)
        return NULL;
    LOCK(self)
    struct regf_image image = ((Walk *)self)->image;
    enum regf_end end;

    image.bytes = view.buf;
    image.length = (size_t)view.len;
    end = regf_take(WALK(self), &image);
    taken = end == REGF_NO_MEMORY ? PyErr_NoMemory() : found((Walk *)self, &image, (int)end);
    UNLOCK()
    PyBuffer_Release(&view);
    return taken;
}

static PyMethodDef methods[] = {
    {"take", walk_take, METH_O, "Return how it goes on, and the next keys and their values."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot type_slots[] = {
    {Py_tp_new, (void *)walk_new},
    {Py_tp_dealloc, (void *)walk_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_doc, "The walk through a hive for as long as it is as it should be."},
    {0, NULL},
};

static PyType_Spec type = {
    .name = "regsim.accel._native.CHiveWalk",
    .basicsize = sizeof(Walk),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = type_slots,
};

const struct binding bind_regf = {NULL, &type};
