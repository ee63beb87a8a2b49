/* regsim.accel._native.CHiveWalk: the bytes of a hive in, its keys and values out, for regf.walk;
 * and what finds a key or a value by name, for regf.key.
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

/* return one value as an object of class `kind`, which reads from `of` */
static PyObject *stored_of(PyObject *kind, PyObject *of, const struct regf_image *image,
                           const struct regf_value *value)
{
    const char *data = (const char *)image->bytes + value->at;
    Stored *stored = new_stored((PyTypeObject *)kind, of);

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
        PyObject *value =
            stored_of(self->type, self->of, image, &self->walk.values[key->first + i]);

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

/* -- by name ---------------------------------------------------------------------------------- */

/* read what is looked for; false with an exception set */
static bool wanted_of(PyObject *text, struct regf_wanted *wanted)
{
    Py_ssize_t length;

    wanted->text = PyUnicode_AsUTF8AndSize(text, &length);
    wanted->length = (size_t)length;
    return wanted->text != NULL;
}

/* return the next name of a path, whose text begins after it from then on; "" at the end */
static struct regf_wanted next_name(struct regf_wanted *path)
{
    struct regf_wanted name;

    while (path->length && *path->text == '\\')
        path->text++, path->length--;
    name = (struct regf_wanted){path->text, 0};
    while (name.length < path->length && name.text[name.length] != '\\')
        name.length++;
    path->text += name.length;
    path->length -= name.length;
    return name;
}

/* put the key at `offset` and those on the way down into `found`; *sought is how the search ended;
 * -1 with an exception set */
static int line_of(const struct regf_image *image, uint32_t offset, struct regf_wanted path,
                   PyObject *found, enum regf_sought *sought)
{
    struct regf_name name;
    struct regf_wanted wanted = next_name(&path);

    *sought = regf_key_at(image, offset, &name) ? REGF_FOUND : REGF_UNSURE;
    while (*sought == REGF_FOUND) {
        PyObject *one =
            packed(2, (PyObject *[]){PyLong_FromUnsignedLong(offset), text_of(image, name)});
        int failed = !one || PyList_Append(found, one) < 0;

        Py_XDECREF(one);
        if (failed)
            return -1;
        if (!wanted.length)
            break;
        *sought = regf_subkey(image, offset, wanted, &offset, &name);
        wanted = next_name(&path);
    }
    return 0;
}

/* find_key(bytes of the file, offset of the key above, data size, path) */
static PyObject *find_key(PyObject *Py_UNUSED(module), PyObject *args)
{
    unsigned int offset, data_size;
    PyObject *bytes, *text, *found;
    enum regf_sought sought = REGF_UNSURE;
    struct regf_wanted path;
    Py_buffer view;

    if (!PyArg_ParseTuple(args, "OIIU", &bytes, &offset, &data_size, &text))
        return NULL;
    if (!wanted_of(text, &path) || PyObject_GetBuffer(bytes, &view, PyBUF_SIMPLE) < 0)
        return NULL;
    struct regf_image image = {view.buf, (size_t)view.len, data_size, data_size};
    found = PyList_New(0);
    if (found && line_of(&image, offset, path, found, &sought) < 0)
        Py_CLEAR(found);
    PyBuffer_Release(&view);
    if (!found || sought == REGF_FOUND)
        return found;
    Py_DECREF(found);
    return Py_NewRef(sought == REGF_ABSENT ? Py_None : Py_False);
}

/* find_value(class of values, what they read from, bytes, offset of the key, data size, name) */
static PyObject *find_value(PyObject *module, PyObject *args)
{
    unsigned int offset, data_size;
    PyObject *kind, *of, *bytes, *text, *found;
    enum regf_sought sought;
    struct regf_wanted name;
    struct regf_value value;
    Py_buffer view;

    if (!PyArg_ParseTuple(args, "OOOIIU", &kind, &of, &bytes, &offset, &data_size, &text))
        return NULL;
    if (!is_kind(module, kind, PART_stored))
        return PyErr_Format(PyExc_TypeError, "the class of values is none made of CStored");
    if (!wanted_of(text, &name) || PyObject_GetBuffer(bytes, &view, PyBUF_SIMPLE) < 0)
        return NULL;
    struct regf_image image = {view.buf, (size_t)view.len, data_size, data_size};
    sought = regf_find_value(&image, offset, name, &value);
    if (sought == REGF_FOUND)
        found = stored_of(kind, of, &image, &value);
    else
        found = Py_NewRef(sought == REGF_ABSENT ? Py_None : Py_False);
    PyBuffer_Release(&view);
    return found;
}

static PyMethodDef functions[] = {
    {"find_key", find_key, METH_VARARGS,
     "Return a key and those on the way down a path; None: there is none; False: ask the specification."},
    {"find_value", find_value, METH_VARARGS,
     "Return a value of a key; None: there is none; False: ask the specification."},
    {NULL, NULL, 0, NULL},
};

/* -- the type --------------------------------------------------------------------------------- */

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

const struct binding bind_regf = {functions, &type};
