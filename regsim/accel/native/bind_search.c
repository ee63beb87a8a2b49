/* regsim.accel._native.CSearch: arrays of 32-bit numbers in and out of core_search.c.
 *
 * What takes long (run, edges, layout, marks) gives up the GIL. One call at a time: another thread
 * that comes meanwhile is refused with RuntimeError. `run` has threads of its own, which end with it:
 * their start costs some hundredths of a millisecond, a run some milliseconds, and so nothing
 * of them is there when the process forks or ends. */
#include "bindings.h"

#include <stdatomic.h>
#include <string.h>

#include "core_search.h"

typedef struct {
    PyObject_HEAD
    struct search search;
    atomic_flag busy;
} Search;

#define SEARCH(self) (&((Search *)(self))->search)

/* -- conversions ------------------------------------------------------------------------------ */

/* claim the object for one call; false with RuntimeError set when another thread has it */
static bool enter(PyObject *self)
{
    if (!atomic_flag_test_and_set(&((Search *)self)->busy))
        return true;
    PyErr_SetString(PyExc_RuntimeError, "this search is in use by another thread");
    return false;
}

/* let the next call have the object */
static void leave(PyObject *self)
{
    atomic_flag_clear(&((Search *)self)->busy);
}

/* set the exception for a status; NULL, or what a call without a result returns */
static PyObject *answer(enum search_status status)
{
    if (status == SEARCH_DONE)
        Py_RETURN_NONE;
    if (status == SEARCH_NO_MEMORY)
        return PyErr_NoMemory();
    PyErr_SetString(PyExc_ValueError, "the arguments make no sense for this search");
    return NULL;
}

/* the same, for calls that may find something missing: False then */
static PyObject *reached(enum search_status status)
{
    if (status == SEARCH_DONE || status == SEARCH_MISSING)
        return Py_NewRef(status == SEARCH_DONE ? Py_True : Py_False);
    return answer(status);
}

/* numbers of `size` bytes in an object's own memory */
struct numbers {
    Py_buffer view;
    size_t count;
};

/* look into an array; false with an exception set when it holds no such numbers */
static bool look(PyObject *object, struct numbers *out, size_t size, int flags)
{
    if (PyObject_GetBuffer(object, &out->view, flags) < 0)
        return false;
    out->count = (size_t)out->view.len / size;
    if (out->view.len == 0) /* and the memory anywhere */
        return true;
    if ((size_t)out->view.len % size == 0 && (uintptr_t)out->view.buf % size == 0)
        return true;
    PyErr_Format(PyExc_ValueError, "expected an array of numbers of %zu bytes", size);
    PyBuffer_Release(&out->view);
    return false;
}

/* look into an array of 32-bit numbers */
static bool look32(PyObject *object, struct numbers *out)
{
    return look(object, out, sizeof(uint32_t), PyBUF_SIMPLE);
}

/* return the numbers that were looked into */
static const uint32_t *data32(const struct numbers *numbers)
{
    return numbers->view.buf;
}

/* begin a call that takes arrays of 32-bit numbers; false with an exception set, nothing held */
static bool take(PyObject *self, PyObject *const *objects, struct numbers *views, int count)
{
    int done = 0;

    if (!enter(self))
        return false;
    while (done < count && look32(objects[done], &views[done]))
        done++;
    if (done == count)
        return true;
    while (done > 0)
        PyBuffer_Release(&views[--done].view);
    leave(self);
    return false;
}

/* end it, and return what the status says */
static PyObject *give(PyObject *self, struct numbers *views, int count, enum search_status status)
{
    while (count > 0)
        PyBuffer_Release(&views[--count].view);
    leave(self);
    return answer(status);
}

/* -- what the search is given ------------------------------------------------------------------ */

/* layout(widths) */
static PyObject *search_py_layout(PyObject *self, PyObject *widths)
{
    struct numbers given;
    enum search_status status = SEARCH_BAD;

    if (!take(self, &widths, &given, 1))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    if (given.count == SEARCH(self)->components)
        status = search_layout(SEARCH(self), data32(&given));
    Py_END_ALLOW_THREADS
    return give(self, &given, 1, status);
}

/* group(places, parts) */
static PyObject *search_py_group(PyObject *self, PyObject *args)
{
    PyObject *places;
    unsigned int parts;
    struct numbers given;

    if (!PyArg_ParseTuple(args, "OI:group", &places, &parts) || !take(self, &places, &given, 1))
        return NULL;
    return give(self, &given, 1, search_group(SEARCH(self), data32(&given), given.count, parts));
}

/* test(component) */
static PyObject *search_py_test(PyObject *self, PyObject *args)
{
    unsigned int component;
    uint32_t id = 0;
    enum search_status status;

    if (!PyArg_ParseTuple(args, "I:test", &component) || !enter(self))
        return NULL;
    status = search_test(SEARCH(self), component, &id);
    leave(self);
    return status == SEARCH_DONE ? PyLong_FromUnsignedLong(id) : answer(status);
}

/* answer(test, number, yes) */
static PyObject *search_py_answer(PyObject *self, PyObject *args)
{
    unsigned int test, number;
    int yes;
    enum search_status status;

    if (!PyArg_ParseTuple(args, "IIp:answer", &test, &number, &yes) || !enter(self))
        return NULL;
    status = search_answer(SEARCH(self), test, number, yes);
    leave(self);
    return answer(status);
}

/* make literals of threes (counter?, number, positive?); NULL without memory */
static struct search_literal *literals_of(const struct numbers *flat)
{
    struct search_literal *all = PyMem_Malloc((flat->count / 3 + 1) * sizeof *all);
    const uint32_t *from = data32(flat);

    for (size_t i = 0; all && i < flat->count / 3; i++, from += 3)
        all[i] = (struct search_literal){from[1], from[0] != 0, from[2] != 0};
    return all;
}

/* add a target, after holding its literals against the lengths */
static enum search_status give_target(struct search *search, const struct numbers *flat,
                                      const struct numbers *lengths)
{
    struct search_literal *literals;
    enum search_status status;
    size_t total = 0;

    for (size_t i = 0; i < lengths->count; i++)
        total += data32(lengths)[i];
    if (total * 3 != flat->count)
        return SEARCH_BAD;
    literals = literals_of(flat);
    if (!literals)
        return SEARCH_NO_MEMORY;
    status = search_target(search, literals, data32(lengths), lengths->count);
    PyMem_Free(literals);
    return status;
}

/* target(literals, lengths) */
static PyObject *search_py_target(PyObject *self, PyObject *args)
{
    PyObject *given[2];
    struct numbers views[2];

    if (!PyArg_ParseTuple(args, "OO:target", &given[0], &given[1]) || !take(self, given, views, 2))
        return NULL;
    return give(self, views, 2, give_target(SEARCH(self), &views[0], &views[1]));
}

/* begin(numbers) */
static PyObject *search_py_begin(PyObject *self, PyObject *numbers)
{
    struct numbers given;
    enum search_status status = SEARCH_BAD;

    if (!take(self, &numbers, &given, 1))
        return NULL;
    if (given.count == SEARCH(self)->components)
        status = search_begin(SEARCH(self), data32(&given));
    return give(self, &given, 1, status);
}

/* row(process, own, reads, zeros, ample) */
static PyObject *search_py_row(PyObject *self, PyObject *args)
{
    unsigned int process, own;
    PyObject *given[2];
    struct numbers reads_zeros[2], *reads = &reads_zeros[0], *zeros = &reads_zeros[1];
    int ample;

    if (!PyArg_ParseTuple(args, "IIOOp:row", &process, &own, &given[0], &given[1], &ample) ||
        !take(self, given, reads_zeros, 2))
        return NULL;
    return give(self, reads_zeros, 2,
                search_row(SEARCH(self), process, own, data32(reads), reads->count, data32(zeros),
                           zeros->count, ample));
}

/* entry(state, process, code) */
static PyObject *search_py_entry(PyObject *self, PyObject *args)
{
    unsigned int state, process;
    PyObject *code;
    struct numbers given;

    if (!PyArg_ParseTuple(args, "IIO:entry", &state, &process, &code) ||
        !take(self, &code, &given, 1))
        return NULL;
    return give(self, &given, 1,
                search_entry(SEARCH(self), state, process, data32(&given), given.count));
}

/* -- searching -------------------------------------------------------------------------------- */

/* what CPython returns in place of a thread's number; the limited API has no name for it */
#define NOT_STARTED ((unsigned long)-1)

struct helper {
    struct crew *crew;
    unsigned number;
    PyThread_type_lock go, done; /* each is released by one side and acquired by the other */
};

/* threads that wait between two jobs of one run; they touch nothing of Python's */
struct crew {
    struct search_crew crew;
    unsigned running;
    void (*job)(void *work, unsigned member); /* NULL is the end */
    void *work;
    struct helper helpers[SEARCH_MAX_CREW];
};

/* what a helper does: jobs, until there is none */
static void help(void *argument)
{
    struct helper *helper = argument;
    bool more;

    do {
        PyThread_acquire_lock(helper->go, WAIT_LOCK);
        more = helper->crew->job != NULL;
        if (more)
            helper->crew->job(helper->crew->work, helper->number);
        PyThread_release_lock(helper->done);
    } while (more);
}

/* give a helper's locks back; NULL is none */
static void free_locks(struct helper *helper)
{
    if (helper->go)
        PyThread_free_lock(helper->go);
    if (helper->done)
        PyThread_free_lock(helper->done);
}

/* start one more helper; false where the system has none to give */
static bool start(struct crew *crew, struct helper *helper)
{
    *helper = (struct helper){crew, crew->running + 1, PyThread_allocate_lock(),
                              PyThread_allocate_lock()};
    if (helper->go && helper->done) {
        PyThread_acquire_lock(helper->go, WAIT_LOCK);
        PyThread_acquire_lock(helper->done, WAIT_LOCK);
        if (PyThread_start_new_thread(help, helper) != NOT_STARTED)
            return true;
    }
    free_locks(helper);
    return false;
}

/* have every helper and this thread do a job; the helpers are started with the first */
static void work_together(struct search_crew *own, void (*job)(void *work, unsigned member),
                          void *work)
{
    struct crew *crew = (struct crew *)own;

    crew->job = job;
    crew->work = work;
    while (crew->running + 1 < own->members && start(crew, &crew->helpers[crew->running]))
        crew->running++;
    for (unsigned i = 0; i < crew->running; i++)
        PyThread_release_lock(crew->helpers[i].go);
    job(work, 0);
    for (unsigned i = 0; i < crew->running; i++)
        PyThread_acquire_lock(crew->helpers[i].done, WAIT_LOCK);
}

/* have the helpers end */
static void disband(struct crew *crew)
{
    crew->job = NULL;
    for (unsigned i = 0; i < crew->running; i++) {
        PyThread_release_lock(crew->helpers[i].go);
        PyThread_acquire_lock(crew->helpers[i].done, WAIT_LOCK);
        free_locks(&crew->helpers[i]);
    }
}

/* run(until, threads, most) */
static PyObject *search_py_run(PyObject *self, PyObject *args)
{
    unsigned int until, threads;
    unsigned long long most;
    struct crew crew;
    enum search_status status;

    if (!PyArg_ParseTuple(args, "IIK:run", &until, &threads, &most) || !enter(self))
        return NULL;
    crew.crew = (struct search_crew){threads, work_together};
    crew.running = 0;
    Py_BEGIN_ALLOW_THREADS
    status = search_run(SEARCH(self), until, threads > 1 ? &crew.crew : NULL, most);
    disband(&crew);
    Py_END_ALLOW_THREADS
    leave(self);
    return reached(status);
}

/* misses() */
static PyObject *search_py_misses(PyObject *self, PyObject *Py_UNUSED(none))
{
    PyObject *list;

    if (!enter(self))
        return NULL;
    list = PyList_New(0);
    for (size_t i = 0; list && i < SEARCH(self)->misses.used; i++) {
        struct search_miss miss = ((struct search_miss *)SEARCH(self)->misses.data)[i];
        PyObject *item =
            Py_BuildValue("(kk)", (unsigned long)miss.state, (unsigned long)miss.process);

        if (!item || PyList_Append(list, item) < 0)
            Py_CLEAR(list);
        Py_XDECREF(item);
    }
    leave(self);
    return list;
}

/* -- what was found --------------------------------------------------------------------------- */

/* read the index of a state that there is; false with IndexError set otherwise */
static bool read_state(PyObject *self, PyObject *number, uint32_t *out)
{
    size_t index = PyLong_AsSize_t(number);

    if (index == (size_t)-1 && PyErr_Occurred())
        return false;
    *out = (uint32_t)index;
    if (index < SEARCH(self)->states.count)
        return true;
    PyErr_SetString(PyExc_IndexError, "no state has this index");
    return false;
}

/* numbers(state) */
static PyObject *search_py_numbers(PyObject *self, PyObject *number)
{
    uint32_t index;
    PyObject *tuple = NULL;

    if (!enter(self))
        return NULL;
    if (read_state(self, number, &index)) {
        search_numbers(SEARCH(self), index, SEARCH(self)->scratch.data);
        tuple = tuple_of(SEARCH(self)->components, number_at, SEARCH(self)->scratch.data);
    }
    leave(self);
    return tuple;
}

/* return the index of a state, or None */
static PyObject *index_or_none(uint32_t index)
{
    return index == SEARCH_NONE ? Py_NewRef(Py_None) : PyLong_FromUnsignedLong(index);
}

/* parent(state) */
static PyObject *search_py_parent(PyObject *self, PyObject *number)
{
    uint32_t index;
    PyObject *parent = NULL;

    if (!enter(self))
        return NULL;
    if (read_state(self, number, &index))
        parent = index_or_none(search_parent(SEARCH(self), index));
    leave(self);
    return parent;
}

/* find(numbers) */
static PyObject *search_py_find(PyObject *self, PyObject *numbers)
{
    struct numbers given;
    uint32_t found = SEARCH_NONE;
    PyObject *done;

    if (!take(self, &numbers, &given, 1))
        return NULL;
    if (given.count == SEARCH(self)->components)
        found = search_find(SEARCH(self), data32(&given));
    done = give(self, &given, 1, given.count == SEARCH(self)->components ? SEARCH_DONE : SEARCH_BAD);
    if (!done)
        return NULL;
    Py_DECREF(done);
    return index_or_none(found);
}

/* hit(target) */
static PyObject *search_py_hit(PyObject *self, PyObject *args)
{
    unsigned int target;
    PyObject *hit;

    if (!PyArg_ParseTuple(args, "I:hit", &target) || !enter(self))
        return NULL;
    hit = target < SEARCH(self)->targets.used ? index_or_none(search_hit(SEARCH(self), target))
                                              : answer(SEARCH_BAD);
    leave(self);
    return hit;
}

/* marks(target) */
static PyObject *search_py_marks(PyObject *self, PyObject *args)
{
    unsigned int target;
    PyObject *bytes = NULL;

    if (!PyArg_ParseTuple(args, "I:marks", &target) || !enter(self))
        return NULL;
    if (target >= SEARCH(self)->targets.used)
        answer(SEARCH_BAD);
    else
        bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)SEARCH(self)->states.count);
    if (bytes) {
        uint8_t *out = (uint8_t *)PyBytes_AsString(bytes);

        Py_BEGIN_ALLOW_THREADS
        search_marks(SEARCH(self), target, out);
        Py_END_ALLOW_THREADS
    }
    leave(self);
    return bytes;
}

/* stats() */
static PyObject *search_py_stats(PyObject *self, PyObject *Py_UNUSED(none))
{
    const struct search *search = SEARCH(self);
    PyObject *stats;

    if (!enter(self))
        return NULL;
    stats = Py_BuildValue("(kKknK)", (unsigned long)search->states.count,
                          (unsigned long long)search->transitions,
                          (unsigned long)search->expanded, (Py_ssize_t)search_bytes(search),
                          (unsigned long long)search->wanted_bytes);
    leave(self);
    return stats;
}

/* -- edges ------------------------------------------------------------------------------------ */

/* look into the three arrays that edges go to; false with an exception set and nothing held */
static bool look_edges(PyObject *const *given, struct numbers *views)
{
    const size_t sizes[] = {sizeof(uint64_t), sizeof(uint32_t), sizeof(uint16_t)};

    for (int i = 0; i < 3; i++)
        if (!look(given[i], &views[i], sizes[i], PyBUF_WRITABLE)) {
            while (i-- > 0)
                PyBuffer_Release(&views[i].view);
            return false;
        }
    return true;
}

/* edges(next, until, ends, targets, steppers) */
static PyObject *search_py_edges(PyObject *self, PyObject *args)
{
    unsigned int next, until;
    uint32_t at;
    PyObject *given[3];
    struct numbers views[3];
    struct search_edges out;
    enum search_status status = SEARCH_BAD;

    if (!PyArg_ParseTuple(args, "IIOOO:edges", &next, &until, &given[0], &given[1], &given[2]) ||
        !look_edges(given, views))
        return NULL;
    at = next;
    out = (struct search_edges){views[0].view.buf, views[1].view.buf, views[2].view.buf,
                                views[1].count, 0};
    if (enter(self)) {
        if (next <= until && until <= views[0].count && views[2].count == out.room) {
            out.filled = next ? out.ends[next - 1] : 0;
            Py_BEGIN_ALLOW_THREADS
            if (out.filled <= out.room)
                status = search_edges(SEARCH(self), &at, until, &out);
            Py_END_ALLOW_THREADS
        }
        leave(self);
    }
    for (int i = 0; i < 3; i++)
        PyBuffer_Release(&views[i].view);
    if (PyErr_Occurred())
        return NULL;
    if (status != SEARCH_DONE && status != SEARCH_MISSING)
        return answer(status);
    return PyLong_FromUnsignedLong(at);
}

/* -- the type --------------------------------------------------------------------------------- */

/* set a new search up; false with an exception set */
static bool begin(Search *self, PyObject *owns, unsigned int components, unsigned int counters)
{
    struct numbers given;
    bool sound;

    if (!look32(owns, &given))
        return false;
    sound = components < UINT16_MAX && counters < UINT16_MAX &&
            given.count <= SEARCH_MAX_PROCESSES;
    for (size_t i = 0; sound && i < given.count; i++)
        sound = data32(&given)[i] < components;
    if (!sound)
        answer(SEARCH_BAD);
    else if (!search_init(&self->search, components, data32(&given), (uint32_t)given.count,
                          counters))
        PyErr_NoMemory();
    PyBuffer_Release(&given.view);
    return !PyErr_Occurred();
}

/* CSearch(components, owns, counters) */
static PyObject *search_py_new(PyTypeObject *type, PyObject *args, PyObject *names)
{
    unsigned int components, counters;
    PyObject *owns, *self;

    if (names && PyDict_Size(names) > 0) {
        PyErr_SetString(PyExc_TypeError, "CSearch() takes no arguments by name");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "IOI:CSearch", &components, &owns, &counters))
        return NULL;
    self = ((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (!self)
        return NULL;
    atomic_flag_clear(&((Search *)self)->busy);
    memset(SEARCH(self), 0, sizeof *SEARCH(self));
    if (begin((Search *)self, owns, components, counters))
        return self;
    Py_DECREF(self);
    return NULL;
}

/* free the search and the object */
static void search_py_dealloc(PyObject *self)
{
    search_clear(SEARCH(self));
    free_object(self);
}

#define METHOD(name, how, doc) {#name, (PyCFunction)(void (*)(void))search_py_##name, how, doc}

static PyMethodDef methods[] = {
    METHOD(layout, METH_O, "Give each component's field its width."),
    METHOD(group, METH_VARARGS, "Have states be one that differ by a swap of members."),
    METHOD(test, METH_VARARGS, "Add a test of a component; return its number."),
    METHOD(answer, METH_VARARGS, "Say whether a test holds of a number."),
    METHOD(target, METH_VARARGS, "Add a target: literals in threes, and conjunctions' lengths."),
    METHOD(begin, METH_O, "Add an initial state."),
    METHOD(row, METH_VARARGS, "Give what a process reads at a value of its own component."),
    METHOD(entry, METH_VARARGS, "Give what a process does in a state and all that look like it."),
    METHOD(run, METH_VARARGS, "Expand the states before one; return False when rows or entries miss."),
    METHOD(misses, METH_NOARGS, "Return (state, process) of each thing that is missing."),
    METHOD(numbers, METH_O, "Return the numbers of a state by its index."),
    METHOD(parent, METH_O, "Return the index of the state it was first reached from, or None."),
    METHOD(find, METH_O, "Return the index of the state with these numbers, or None."),
    METHOD(hit, METH_VARARGS, "Return the first state where a target holds, or None."),
    METHOD(marks, METH_VARARGS, "Return a byte per state: 1 where a target holds."),
    METHOD(stats, METH_NOARGS, "Return states, transitions, states expanded, bytes, and bytes refused."),
    METHOD(edges, METH_VARARGS, "Write the edges of a range of states; return where it ended."),
    {NULL, NULL, 0, NULL},
};

/* the slots hold functions as data pointers, which ISO C leaves to the platform and Python needs */
static PyType_Slot type_slots[] = {
    {Py_tp_new, (void *)search_py_new},
    {Py_tp_dealloc, (void *)search_py_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_doc, "CSearch(components, own component of each process, counters)"},
    {0, NULL},
};

static PyType_Spec type = {
    .name = "regsim.accel._native.CSearch",
    .basicsize = sizeof(Search),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = type_slots,
};

const struct binding bind_search = {NULL, &type};
