/* Drives the search without Python, for the sanitizers: a model of its own, explored with each
 * allocation failing in turn; what fails is asked for again, and the answer must be the same, with
 * a crew of several members and without.
 *
 * Usage: search_driver MODELS. Prints what it has done and ends with 0, or says what broke. Built
 * with -DREGSIM_FAULTS the members of the crew take turns, so that each allocation has its number;
 * otherwise they are threads, and none fails. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_memory.h"
#include "core_search.h"
#include "must.h"

enum { OWN = 5, MOST = 8, CODE = 256 };

/* call until there is memory; nothing but that may go wrong */
#define AGAIN(call)                                                                                \
    do {                                                                                           \
        enum search_status status_ = (call);                                                       \
                                                                                                   \
        if (status_ == SEARCH_DONE)                                                                \
            break;                                                                                 \
        MUST(status_ == SEARCH_NO_MEMORY);                                                         \
        failures++;                                                                                \
    } while (1)

static unsigned long failures; /* how often an allocation was made to fail */

#ifndef REGSIM_FAULTS
static unsigned long regsim_requests, regsim_fail_at;
#endif

enum { MEMBERS = 3 };

/* a member's part of a job */
struct part {
    void (*job)(void *work, unsigned member);
    void *work;
    unsigned member;
};

static void *do_part(void *argument)
{
    struct part *part = argument;

    part->job(part->work, part->member);
    return NULL;
}

/* have all members do a job: one after the other, the last one first, or at once */
static void together(struct search_crew *crew, void (*job)(void *work, unsigned member), void *work)
{
    struct part parts[MEMBERS];
    pthread_t threads[MEMBERS];

    for (unsigned i = crew->members; i-- > 0;) {
        parts[i] = (struct part){job, work, i};
#ifdef REGSIM_FAULTS
        do_part(&parts[i]);
#else
        MUST(pthread_create(&threads[i], NULL, do_part, &parts[i]) == 0);
#endif
    }
    for (unsigned i = 0; i < crew->members; i++)
#ifdef REGSIM_FAULTS
        (void)threads[i];
#else
        MUST(pthread_join(threads[i], NULL) == 0);
#endif
}

/* component 0 is shared, the others are the processes' own; process i owns component i + 1 */
struct model {
    uint32_t processes, shared, padding; /* the padding makes states wide */
    bool folded;
};

struct run {
    struct model model;
    struct search search;
    uint32_t components, widths[64];
    bool met_1; /* whether the image of 1 was ever needed: until then it is not given */
};

/* write what a process does where its number is `own`: the code for search_entry */
static size_t code_of(const struct run *run, uint32_t process, const uint32_t *at, uint32_t *code)
{
    uint32_t own = at[process + 1], held = 0;
    size_t n = 0;

    for (uint32_t i = 0; i < run->model.processes; i++)
        held += at[i + 1] == OWN - 1;
    if (own == 3 && held)
        return 0;
    code[n++] = 2;
    code[n++] = process + 1;
    code[n++] = (own + 1) % OWN;
    code[n++] = 0;
    code[n++] = (at[0] + own) % run->model.shared;
    code[n++] = 0;
    if (own != 2)
        return n;
    code[n++] = 1;
    code[n++] = process + 1;
    code[n++] = 0;
    code[n++] = run->model.processes - 1;
    for (uint32_t i = 0; i < run->model.processes; i++) {
        if (i == process)
            continue;
        code[n++] = i + 1;
        code[n++] = OWN;
        for (uint32_t number = 0; number < OWN; number++)
            code[n++] = number == 1 && !run->met_1 ? SEARCH_NONE : number / 2;
    }
    return n;
}

/* have every number fit that a code may bring */
static void widen(struct run *run, uint32_t shared)
{
    uint32_t wanted = run->widths[0];

    while (shared >> wanted)
        wanted++;
    if (wanted == run->widths[0])
        return;
    run->widths[0] = wanted;
    for (uint32_t i = 1; i <= run->model.processes; i++)
        run->widths[i] = 3;
    AGAIN(search_layout(&run->search, run->widths));
}

static void tell(struct run *run)
{
    struct search_miss misses[SEARCH_MAX_MISSES];
    size_t count = run->search.misses.used;

    MUST(count <= SEARCH_MAX_MISSES);
    memcpy(misses, run->search.misses.data, count * sizeof *misses);
    MUST(count > 0);
    for (size_t i = 0; i < count; i++) {
        uint32_t at[64], code[CODE], process = misses[i].process, zero = 0;
        uint32_t reads[2] = {0, process + 1};
        enum search_status status;
        size_t length;

        search_numbers(&run->search, misses[i].state, at);
        for (uint32_t j = 0; j < run->model.processes; j++)
            run->met_1 |= j != process && at[j + 1] == 1;
        length = code_of(run, process, at, code);
        if (length)
            widen(run, code[4]);
        do
            status = search_row(&run->search, process, at[process + 1], reads, 2, &zero,
                                at[process + 1] == 3, false);
        while (status == SEARCH_NO_MEMORY && ++failures);
        AGAIN(search_entry(&run->search, misses[i].state, process, code, length));
    }
}

static void prepare(struct run *run)
{
    struct search_literal literals[] = {{0, 1, 0}, {0, 0, 1}};
    uint32_t own[MOST], places[MOST], lengths[] = {2, 0}, test;

    for (uint32_t i = 0; i < run->model.processes; i++)
        own[i] = places[i] = i + 1;
    while (!search_init(&run->search, run->components, own, run->model.processes, 1))
        failures++;
    for (uint32_t i = 0; i < run->components; i++)
        run->widths[i] = i > run->model.processes ? 30 : i ? 3 : 1;
    AGAIN(search_layout(&run->search, run->widths));
    if (run->model.folded)
        AGAIN(search_group(&run->search, places, run->model.processes, 1));
    for (uint32_t i = 0; i < run->model.processes; i++)
        AGAIN(search_answer(&run->search, i + 1, OWN - 1, true));
    AGAIN(search_test(&run->search, 1, &test));
    AGAIN(search_answer(&run->search, test, 2, true));
    literals[1].id = test;
    AGAIN(search_target(&run->search, literals, lengths, 1));
    AGAIN(search_target(&run->search, literals, lengths + 1, 1));
}

/* count the edges of every state, and that each leads to one */
static uint64_t edges(struct run *run)
{
    uint32_t states = run->search.states.count, at = 0;
    uint64_t room = run->search.transitions;
    struct search_edges out = {malloc((states + 1) * 8), malloc(room * 4 + 4), malloc(room * 2 + 2),
                               room, 0};

    while (at < states) {
        enum search_status status = search_edges(&run->search, &at, states, &out);

        if (status == SEARCH_MISSING)
            tell(run);
        else
            MUST(status == SEARCH_DONE || (status == SEARCH_NO_MEMORY && ++failures));
    }
    for (uint64_t i = 0; i < out.filled; i++)
        MUST(out.targets[i] < states && out.steppers[i] < run->model.processes);
    MUST(out.ends[states - 1] == out.filled);
    free(out.ends);
    free(out.targets);
    free(out.steppers);
    return out.filled;
}

/* return a number made of all that was found; with `fail`, that allocation goes wrong once */
static uint64_t explore(struct model model, unsigned long fail, struct search_crew *crew)
{
    struct run run = {.model = model, .components = 1 + model.processes + model.padding};
    uint32_t numbers[64] = {0}, found[64], hits[2];
    uint64_t sum = 0;

    regsim_requests = 0;
    regsim_fail_at = fail;
    prepare(&run);
    AGAIN(search_begin(&run.search, numbers));
    while (run.search.expanded < run.search.states.count) {
        uint32_t until = run.search.states.count;
        enum search_status status = search_run(&run.search, until, crew, UINT64_MAX);

        if (status == SEARCH_MISSING)
            tell(&run);
        else
            MUST(status == SEARCH_DONE || (status == SEARCH_NO_MEMORY && ++failures));
    }
    for (uint32_t i = 0; i < run.search.states.count; i++) {
        search_numbers(&run.search, i, found);
        MUST(search_find(&run.search, found) == i);
        for (uint32_t j = 0; j < run.components; j++)
            sum = sum * 31 + found[j];
        sum = sum * 31 + search_parent(&run.search, i);
    }
    MUST(edges(&run) == run.search.transitions);
    for (uint32_t i = 0; i < 2; i++) {
        uint8_t *marks = malloc(run.search.states.count);

        hits[i] = search_hit(&run.search, i);
        search_marks(&run.search, i, marks);
        MUST(hits[i] == SEARCH_NONE || marks[hits[i]]);
        free(marks);
    }
    MUST(hits[1] == 0);
    MUST(search_bytes(&run.search) > 0);
    sum = (sum * 31 + run.search.transitions) * 31 + hits[0];
    search_clear(&run.search);
    return sum;
}

/* what makes no sense is refused and changes nothing */
static void refusals(void)
{
    struct search search;
    uint32_t own = 0, wide = 33, fits = 2, number = 4, beyond = 9, code[] = {1, 0, 7};

    MUST(search_init(&search, 1, &own, 1, 0));
    MUST(search_layout(&search, &wide) == SEARCH_BAD);
    MUST(search_layout(&search, &fits) == SEARCH_DONE);
    MUST(search_begin(&search, &number) == SEARCH_BAD);
    MUST(search_begin(&search, &own) == SEARCH_DONE);
    MUST(search_run(&search, 2, NULL, UINT64_MAX) == SEARCH_BAD);
    MUST(search_run(&search, 1, NULL, UINT64_MAX) == SEARCH_MISSING);
    MUST(search_row(&search, 0, 0, &beyond, 1, NULL, 0, false) == SEARCH_BAD);
    MUST(search_entry(&search, 0, 0, code, 3) == SEARCH_BAD);
    MUST(search_row(&search, 0, 0, &own, 1, NULL, 0, false) == SEARCH_DONE);
    MUST(search_row(&search, 0, 0, &own, 1, NULL, 0, false) == SEARCH_BAD);
    for (size_t length = 1; length <= 3; length++) /* cut short, and a number that does not fit */
        MUST(search_entry(&search, 0, 0, code, length) == SEARCH_BAD);
    MUST(search_entry(&search, 0, 0, code, 0) == SEARCH_DONE);
    MUST(search_run(&search, 1, NULL, UINT64_MAX) == SEARCH_DONE);
    MUST(search.states.count == 1 && search.transitions == 0);
    MUST(search_begin(&search, &own) == SEARCH_BAD);
    search_clear(&search);
}

int main(int argc, char **argv)
{
    unsigned long models = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;

    refusals();
    for (unsigned long i = 0; i < models; i++) {
        struct model model = {(uint32_t)(2 + i % 3), (uint32_t)(3 + i * 7 % 11),
                              (uint32_t)(i * 5 % 23), i % 2};
        struct search_crew crew = {MEMBERS, together};
        uint64_t expected = explore(model, 0, NULL);
        unsigned long requests;

        MUST(explore(model, 0, &crew) == expected);
        requests = regsim_requests;
        for (unsigned long fail = 1; fail <= requests; fail++)
            MUST(explore(model, fail, &crew) == expected);
    }
    printf("%lu models, %lu failed allocations\n", models, failures);
    return 0;
}
