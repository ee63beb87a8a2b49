/* regsim.accel._native.CReplay: buffers in, tuples out; the GIL is free while the core works.
 *
 * One call at a time works on a replay: a second one from another thread is refused. */
#include <stdatomic.h>
#include <string.h>

#include "bind_columns.h"
#include "bind_events.h"
#include "bindings.h"
#include "core_answers.h"
#include "core_replay.h"

typedef struct {
    PyObject_HEAD
    atomic_flag busy;
    struct replay replay;
} Replay;

#define REPLAY(self) (&((Replay *)(self))->replay)

/* begin to work on a replay; -1 with an exception set when that cannot be */
static int enter(PyObject *self)
{
    if (atomic_flag_test_and_set(&((Replay *)self)->busy)) {
        PyErr_SetString(PyExc_RuntimeError, "this replay is at work in another thread");
        return -1;
    }
    if (!REPLAY(self)->broken)
        return 0;
    atomic_flag_clear(&((Replay *)self)->busy);
    PyErr_SetString(PyExc_MemoryError, "memory ran out in the middle of this replay");
    return -1;
}

/* end the work; return None, or NULL with MemoryError set when it was not done */
static PyObject *leave(PyObject *self, bool done)
{
    atomic_flag_clear(&((Replay *)self)->busy);
    return done ? Py_NewRef(Py_None) : PyErr_NoMemory();
}

/* check how many arguments there are; -1 with TypeError set when not as many as wanted */
static int wrong_count(const char *name, Py_ssize_t given, Py_ssize_t wanted)
{
    if (given == wanted)
        return 0;
    PyErr_Format(PyExc_TypeError, "%s() takes %zd arguments, not %zd", name, wanted, given);
    return -1;
}

/* -- what goes in ----------------------------------------------------------------------------- */

/* CReplay(roots, six flags as in records.Policy, values) */
static PyObject *replay_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(names))
{
    struct policy policy = {.values = VALUES_GIVEN};
    long long roots[ROOTS];
    int close_root, refresh_root, disable_closes, per_call_leaks, root_blocks, subkeys_block;
    unsigned values;
    PyObject *self;

    if (!PyArg_ParseTuple(args, "(LLLLLLLL)ppppppI", &roots[0], &roots[1], &roots[2], &roots[3],
                          &roots[4], &roots[5], &roots[6], &roots[7], &close_root, &refresh_root,
                          &disable_closes, &per_call_leaks, &root_blocks, &subkeys_block,
                          &values))
        return NULL;
    self = ((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (!self)
        return NULL;
    for (int i = 0; i < ROOTS; i++)
        policy.roots[i] = roots[i];
    policy.close_root = close_root != 0;
    policy.refresh_root = refresh_root != 0;
    policy.disable_closes = disable_closes != 0;
    policy.per_call_leaks = per_call_leaks != 0;
    policy.root_blocks = root_blocks != 0;
    policy.subkeys_block = subkeys_block != 0;
    policy.values = (enum values)values;
    atomic_flag_clear(&((Replay *)self)->busy);
    replay_init(REPLAY(self), &policy);
    return self;
}

/* free the replay and the object */
static void replay_dealloc(PyObject *self)
{
    replay_free(REPLAY(self));
    free_object(self);
}

/* hold the arrays against each other and against the policy; -1 with an exception set */
static int check_keys(const struct replay *replay, const struct borrowed *hives,
                      const struct borrowed *roots)
{
    const uint32_t *hive_of_key = hives->data, *root_of_hive = roots->data;
    size_t keys = (size_t)hives->items, hive_count = (size_t)roots->items;
    bool good = keys >= replay->key_count && hive_count >= replay->hive_count;

    for (size_t i = 0; i < keys; i++)
        good &= hive_of_key[i] < hive_count;
    for (size_t i = 1; i < hive_count; i++)
        good &= root_of_hive[i] < keys;
    for (int i = 0; i < ROOTS; i++)
        good &= replay->policy.roots[i] < (int64_t)keys;
    if (good)
        return 0;
    PyErr_SetString(PyExc_ValueError, "the arrays of keys and hives do not fit each other");
    return -1;
}

/* keys(hive_of_key, root_of_hive) */
static PyObject *replay_keys_method(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    struct borrowed hives, roots;
    bool done = false;

    if (wrong_count("keys", count, 2) < 0 || borrow(args[0], "hive_of_key", 4, &hives) < 0)
        return NULL;
    if (borrow(args[1], "root_of_hive", 4, &roots) < 0) {
        give_back(&hives);
        return NULL;
    }
    if (enter(self) == 0) {
        if (check_keys(REPLAY(self), &hives, &roots) == 0)
            done = replay_keys(REPLAY(self), hives.data, (size_t)hives.items, roots.data,
                               (size_t)roots.items);
        Py_XDECREF(leave(self, done || PyErr_Occurred()));
    }
    give_back(&hives);
    give_back(&roots);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

/* check(op, key): refuse what does not exist, before any row is taken */
static PyObject *replay_check_method(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    struct borrowed op, key;
    struct columns columns = {NULL, NULL, NULL, NULL, NULL, NULL};
    size_t rows, bad;

    if (wrong_count("check", count, 2) < 0 || borrow(args[0], "op", 1, &op) < 0)
        return NULL;
    if (borrow(args[1], "key", 4, &key) < 0) {
        give_back(&op);
        return NULL;
    }
    columns.op = op.data;
    columns.key = key.data;
    rows = (size_t)(op.items < key.items ? op.items : key.items);
    Py_BEGIN_ALLOW_THREADS
    bad = events_bad_row(&columns, rows, REPLAY(self)->key_count);
    Py_END_ALLOW_THREADS
    give_back(&op);
    give_back(&key);
    if (bad == rows)
        Py_RETURN_NONE;
    return PyErr_Format(PyExc_ValueError, "row %zu has an op or a key that does not exist", bad);
}

/* feed(op, pid, handle, parent, key, status, first, rows) */
static PyObject *replay_feed_method(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    struct borrowed_columns borrowed;
    bool done;

    if (wrong_count("feed", count, COLUMNS + 2) < 0 || borrow_columns(args, &borrowed) < 0)
        return NULL;
    if (enter(self) < 0) {
        give_back_columns(&borrowed);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    done = replay_feed(REPLAY(self), &borrowed.columns, borrowed.first, borrowed.rows);
    Py_END_ALLOW_THREADS
    give_back_columns(&borrowed);
    return leave(self, done);
}

/* apply(events, shard, rows) */
static PyObject *replay_apply_method(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    struct event_list *list;
    size_t shard, rows;
    bool done;

    if (wrong_count("apply", count, 3) < 0)
        return NULL;
    if (!is_a(self, args[0], PART_events))
        return PyErr_Format(PyExc_TypeError, "apply() takes CEvents");
    if (read_size(args[1], ((Events *)args[0])->shards - 1, &shard) < 0 ||
        read_size(args[2], UINT32_MAX - 1, &rows) < 0 || enter(self) < 0)
        return NULL;
    list = &((Events *)args[0])->lists[shard];
    Py_BEGIN_ALLOW_THREADS
    done = replay_apply(REPLAY(self), list->items, list->count, (uint32_t)rows);
    list->count = 0; /* their pids are the numbers of this replay now */
    Py_END_ALLOW_THREADS
    return leave(self, done);
}

/* note(row), or note(row, pid) */
static PyObject *replay_note_method(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    size_t row, of = 0;
    uint32_t pid;

    if (count != 2 && wrong_count("note", count, 1) < 0)
        return NULL;
    if (read_size(args[0], UINT32_MAX, &row) < 0 ||
        (count == 2 && read_size(args[1], UINT32_MAX, &of) < 0) || enter(self) < 0)
        return NULL;
    pid = (uint32_t)of;
    return leave(self, replay_note(REPLAY(self), (uint32_t)row, count == 2 ? &pid : NULL));
}

/* -- what comes out --------------------------------------------------------------------------- */

/* what findings are made of: the replay, and the class of tuples that holders are */
struct found {
    const struct replay *replay;
    PyTypeObject *kind;
    const struct holder *holders;
};

/* return a holder with the fields of records.Holder, made as its class makes them, but at once */
static PyObject *holder_at(const void *from, size_t index)
{
    const struct found *found = from;
    const struct holder *holder = &found->holders[index];
    PyObject *tuple = ((allocfunc)PyType_GetSlot(found->kind, Py_tp_alloc))(found->kind, 5);
    PyObject *fields[] = {
        PyLong_FromUnsignedLong(holder->row), PyBool_FromLong((long)holder->implicit),
        PyLong_FromUnsignedLong(holder->pid), PyLong_FromUnsignedLong(holder->key),
        PyLong_FromUnsignedLongLong(holder->handle)};
    bool good = tuple != NULL;

    for (int i = 0; i < 5; i++) {
        good = good && fields[i];
        if (!tuple || PyTuple_SetItem(tuple, i, fields[i]) < 0)
            good = false;
    }
    if (!good) {
        Py_XDECREF(tuple);
        return NULL;
    }
    /* numbers are in no circle, so the collector need not look at a million holders */
    PyObject_GC_UnTrack(tuple);
    return tuple;
}

/* return one finding as (row, hive, count, holders) */
static PyObject *finding_tuple(struct found found, const struct finding *finding)
{
    PyObject *holders;

    found.holders = finding->holders ? found.replay->holders + finding->first : NULL;
    holders = tuple_of(finding->holders, holder_at, &found);
    if (!holders)
        return NULL;
    return Py_BuildValue("(kkKN)", (unsigned long)finding->row, (unsigned long)finding->hive,
                         (unsigned long long)finding->count, holders);
}

/* return an unload's finding */
static PyObject *unload_at(const void *from, size_t index)
{
    const struct found *found = from;

    return finding_tuple(*found, &found->replay->unloads[index]);
}

/* return a snapshot's finding */
static PyObject *snapshot_at(const void *from, size_t index)
{
    const struct found *found = from;

    return finding_tuple(*found, &found->replay->snapshots[index]);
}

/* return one of the counts by hive */
static PyObject *count_at(const void *from, size_t index)
{
    return PyLong_FromUnsignedLongLong(((const uint64_t *)from)[index]);
}

/* return the counters in the order of records.Counters */
static PyObject *counter_tuple(const struct replay *replay)
{
    const struct counters *c = &replay->counters;

    return Py_BuildValue("(kKKKKKKKKKkk)", (unsigned long)replay->rows,
                         (unsigned long long)c->totals.opens, (unsigned long long)c->totals.failed,
                         (unsigned long long)c->totals.duplicates,
                         (unsigned long long)c->totals.closes, (unsigned long long)c->unmatched,
                         (unsigned long long)c->rundown, (unsigned long long)c->replaced,
                         (unsigned long long)c->implicit, (unsigned long long)c->mismatched,
                         (unsigned long)c->unmatched_end, (unsigned long)c->replaced_end);
}

/* result(class of holders): return (unloads, counts, the holders now as a finding, snapshots,
 * counters) */
static PyObject *replay_result(PyObject *self, PyObject *kind)
{
    struct replay *replay = REPLAY(self);
    struct found found = {replay, (PyTypeObject *)kind, NULL};
    PyObject *parts[5] = {NULL}, *result = NULL;
    bool good = true;

    if (!PyType_Check(kind) || !PyType_IsSubtype(found.kind, &PyTuple_Type))
        return PyErr_Format(PyExc_TypeError, "result() takes a class of tuples");
    if (enter(self) < 0)
        return NULL;
    if (!replay_note(replay, replay->rows, NULL)) {
        Py_XDECREF(leave(self, false));
        return NULL;
    }
    replay->snapshot_count--;
    parts[0] = tuple_of(replay->unload_count, unload_at, &found);
    parts[1] = tuple_of(replay->hive_count, count_at, replay->counts);
    parts[2] = finding_tuple(found, &replay->snapshots[replay->snapshot_count]);
    parts[3] = tuple_of(replay->snapshot_count, snapshot_at, &found);
    parts[4] = counter_tuple(replay);
    replay->holder_count = replay->snapshots[replay->snapshot_count].first;
    for (int i = 0; i < 5; i++)
        good = good && parts[i];
    if (good)
        result = PyTuple_Pack(5, parts[0], parts[1], parts[2], parts[3], parts[4]);
    for (int i = 0; i < 5; i++)
        Py_XDECREF(parts[i]);
    Py_DECREF(leave(self, true));
    return result;
}

/* -- the type --------------------------------------------------------------------------------- */

#define FAST(name) (PyCFunction)(void (*)(void))name, METH_FASTCALL

static PyMethodDef methods[] = {
    {"keys", FAST(replay_keys_method), "Give each key's hive and each hive's root."},
    {"check", FAST(replay_check_method), "Refuse an op or a key that does not exist."},
    {"feed", FAST(replay_feed_method), "Take rows: six columns, the first row, how many."},
    {"apply", FAST(replay_apply_method), "Take the events of one shard, once."},
    {"note", FAST(replay_note_method), "Note who holds what just now, or what one process holds."},
    {"result", replay_result, METH_O, "Return what was found so far."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot type_slots[] = {
    {Py_tp_new, (void *)replay_new},
    {Py_tp_dealloc, (void *)replay_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_doc, "A replay under way, in C."},
    {0, NULL},
};

static PyType_Spec type = {
    .name = "regsim.accel._native.CReplay",
    .basicsize = sizeof(Replay),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = type_slots,
};

const struct binding bind_replay = {NULL, &type};
