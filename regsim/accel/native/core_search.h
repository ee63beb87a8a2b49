/* Breadth-first search that interprets tables: the C twin of Search in regsim/check/search.py.
 *
 * A state is a number per component, each in a field of its own; a field lies within one word.
 *
 *      component:       0      1         2                     word 0         word 1
 *      number:          3      0        17        state:  [ 17 | 0 | 3 ] [ ... ]   two words
 *      states:   chunks of as many bytes a state as its words have that are ever used
 *      family:   a bit 1 a state, and a bit 0 before the states first met from the next state
 *      asleep:   for states yet to be expanded, by process 4 bits: 1 + its steps there, or 0
 *      slots:    some bits of the hash | index + 1, 32 bits; open addressing, 0 is empty
 *
 * Why so: where there are many states, bytes a state are what decides how far a search comes. A
 * table of 2^n slots holds fewer states than that, so n bits say which, and the hash has the rest;
 * states are kept in the order in which they were met, so those met from one state stand together,
 * and "11 0 1 0 0 1" is: two initial states, from the first of them one, from the second none, from
 * the third one.
 *
 * What a process does: the value of its own component selects a *row*, which says what else it
 * reads (a mask) and which counters it asks to be 0. The bits under the mask, with one bit for
 * each of these counters, select an *entry*: its enabled steps, each a *delta* to be xor-ed and
 * perhaps *maps*, the images of components that change each by itself. A row or an entry that is
 * not there is a *miss*: the search stops before the batch of states that needs it, lists what is
 * missing, and goes on when it has been given that. With a row go its *bounds*: the bits that decide
 * what its process does, and those that this ever changes; steps within bounds that do not meet can
 * be taken in either order. States, parents and their order are therefore those
 * of the reference, whatever was missing when.
 *
 * An example: a counter (component 0, 0 to 3) and a process whose own component 1 is 0 or 1; at 0 it
 * adds one to the counter and goes to 1. Fields of 2 bits and 1 bit: the state (0, 0) is 0b000.
 *
 *      row of own 0:      mask 0b111, it reads both
 *      entry of 0b000:    one step, to (1, 1) = 0b101, so its delta is 0b101
 *      entry of 0b001:    (1, 0) to (2, 1): 0b001 ^ 0b110 = 0b111
 *
 * Had the step read its own component only, the mask would be 0b100, one entry would do for all
 * counters, and its delta 0b100 would leave them as they are: that is why deltas are differences.
 *
 * search_init, search_layout and perhaps search_group make one; search_test, search_answer and
 * search_target say what is looked for; search_begin adds the initial states. Then search_run, and
 * for each of `misses` search_row or search_entry, until it is DONE. search_find, search_parent,
 * search_numbers, search_hit, search_marks and search_edges read what was found; search_clear ends. The tables
 * are in core_search_tables.c, the states in core_search_states.c, the search in core_search.c. */
#ifndef REGSIM_CORE_SEARCH_H
#define REGSIM_CORE_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEARCH_NONE UINT32_MAX

enum {
    SEARCH_MAX_WIDTH = 32,  /* bits of a field */
    SEARCH_MAX_WORDS = 64,  /* words of a state */
    SEARCH_MAX_ZEROS = 32,  /* counters that a row asks for */
    SEARCH_MAX_MISSES = 64, /* misses listed at once */
    SEARCH_MAX_PROCESSES = 65535,
    SEARCH_MAX_CREW = 64, /* threads that expand states together */
};

enum search_status {
    SEARCH_DONE,
    SEARCH_MISSING,   /* look at the misses, fill them in, call again */
    SEARCH_NO_MEMORY, /* all is as before the batch; call again when there is more */
    SEARCH_BAD,       /* the arguments make no sense; nothing was changed */
};

/* an array that grows; `used` and `room` count items */
struct search_pool {
    void *data;
    size_t used, room;
};

struct search_field {
    uint32_t word, shift;
    uint64_t ones; /* as many as it is wide */
};

/* a yes-or-no question about one component, with the answer by the component's number */
struct search_test {
    uint32_t component;
    uint32_t ever; /* whether any answer is yes */
    struct search_pool truth;
};

struct search_process {
    uint32_t own;
    struct search_pool rows; /* by number of the own component; NONE where not given */
};

struct search_miss {
    uint32_t state, process;
    uint32_t row, own; /* what is missing: a row, when `row` is NONE, or an entry of it */
};

/* states in the order found, `width` bytes each, 2 to the power of `shift` of them in a chunk */
struct search_states {
    struct search_pool chunks;
    uint32_t count, width, shift;
    uint64_t keep[SEARCH_MAX_WORDS]; /* by word, its bits that are kept */
};

/* what one thread needs to expand states */
struct search_worker {
    struct search_pool batch, notes, scratch;
    struct search_pool seen; /* by state of the batch, all processes' steps, as `asleep` has them */
    size_t slept;            /* steps in the batch's states of those asleep there */
};

/* threads that work together: `run` has each of `members` do the job, one of them the caller, with
 * its own number, and returns when all have */
struct search_crew {
    unsigned members;
    void (*run)(struct search_crew *crew, void (*job)(void *work, unsigned member), void *work);
};

struct search {
    uint32_t components, count_of_processes, counters, words;
    struct search_field *fields;
    struct search_process *processes;

    struct search_states states;
    struct search_pool family, marks; /* `marks`: how many states come before some words of it */
    uint64_t family_bits;
    uint32_t parents; /* how many states have their 0 in the family */
    uint32_t *slots;
    unsigned slot_bits;
    uint64_t transitions;
    uint32_t expanded; /* the states before this one are expanded */
    uint32_t alone;    /* and those before this one are for one thread: it lists what is missing */
    uint64_t most_bytes, wanted_bytes; /* what may be allocated, and what was last refused */

    struct search_pool asleep; /* by state from `first_asleep` on: who need not be looked at in it */
    uint32_t first_asleep;
    bool wakeful; /* whether all must be looked at in every state */

    struct search_pool rows, masks, zeros, bounds;
    struct search_pool entries, keys, outcomes, deltas, maps, images;
    uint32_t *index; /* of the entries: number + 1, open addressing */
    size_t index_mask;
    bool ample; /* whether a row is marked so */

    struct search_pool tests; /* per counter and component: is its weight above 0? then others */
    struct search_pool literals, conjunctions, targets;
    struct search_pool groups, places, scratch;

    struct search_pool workers, shares, misses;
};

/* a literal of a target: a test, or (counter) that a counter is 0; or its negation */
struct search_literal {
    uint32_t id;
    uint8_t counter, positive;
};

/* make a search whose states have `components` numbers; false without memory, with nothing to
 * clear. `own` gives each process's component. */
bool search_init(struct search *search, uint32_t components, const uint32_t *own,
                 uint32_t processes, uint32_t counters);

/* give all memory back */
void search_clear(struct search *search);

/* give each field its width, 1 to 32 bits and no less than before, and move all that is known */
enum search_status search_layout(struct search *search, const uint32_t *widths);

/* have states that differ by a swap of members be one: `places` are the members' components, one
 * member after the other, `parts` of each; a state's members are sorted, the last part first */
enum search_status search_group(struct search *search, const uint32_t *places, size_t count,
                                uint32_t parts);

/* add a test of a component and return its number through `id` */
enum search_status search_test(struct search *search, uint32_t component, uint32_t *id);

/* answer a test for a number; a counter's test of a component is `counter * components + it` */
enum search_status search_answer(struct search *search, uint32_t test, uint32_t number, bool yes);

/* add a target, an "or" of conjunctions of `lengths[i]` literals, before the first state */
enum search_status search_target(struct search *search, const struct search_literal *literals,
                                 const uint32_t *lengths, size_t conjunctions);

/* return the first state found where a target holds, or NONE */
uint32_t search_hit(const struct search *search, uint32_t target);

/* add an initial state, one number per component, before the first state is expanded */
enum search_status search_begin(struct search *search, const uint32_t *numbers);

/* give what a process reads at a value of its own component; `ample` steps may stand for all steps
 * of a state as long as one of them leads to a state that is yet to be expanded */
enum search_status search_row(struct search *search, uint32_t process, uint32_t own,
                              const uint32_t *reads, size_t count, const uint32_t *zeros,
                              size_t zero_count, bool ample);

/* give what a process does in a state and all that look alike to it. `code` is, for each enabled
 * step: n, then n times (component, number): the reads that change; m, then m times (component,
 * k, the images of 0 to k - 1, NONE where not known). What was given before is replaced, and must
 * have done the same as far as its images were known. */
enum search_status search_entry(struct search *search, uint32_t state, uint32_t process,
                                const uint32_t *code, size_t length);

/* expand the states before `until`, or until something is missing; with a crew (NULL is none) where
 * that pays, to the same states in the same order. It fails for want of memory rather than allocate
 * `most_bytes`, and `wanted_bytes` is what it would have come to. */
enum search_status search_run(struct search *search, uint32_t until, struct search_crew *crew,
                              uint64_t most_bytes);

/* return the state's index, or NONE; numbers that do not fit are in no state */
uint32_t search_find(const struct search *search, const uint32_t *numbers);

/* return the state that a state was first met from, or NONE for an initial one */
uint32_t search_parent(const struct search *search, uint32_t state);

/* write a state's numbers */
void search_numbers(const struct search *search, uint32_t state, uint32_t *numbers);

/* where the edges of a range of states go: from `*filled` on, the successors and who stepped, at
 * most `room`; `ends[state]` is the number of edges out of states up to and with it */
struct search_edges {
    uint64_t *ends;
    uint32_t *targets;
    uint16_t *steppers;
    uint64_t room, filled;
};

/* write the edges of the states from `*next` to before `until`, all of them expanded; `*next` is
 * the first state not done. BAD when there is too little room. */
enum search_status search_edges(struct search *search, uint32_t *next, uint32_t until,
                                struct search_edges *out);

/* write 1 for each state where a target holds, else 0 */
void search_marks(const struct search *search, uint32_t target, uint8_t *out);

/* return the bytes allocated */
size_t search_bytes(const struct search *search);

#endif
