"""Both engines against each other, against published counts, and against a second semantics."""

from __future__ import annotations

import itertools
import os
import random
import threading
from collections.abc import Callable, Hashable, Iterable, Sequence

import attrs
import pytest
from drawn import Drawn, Rule, models
from hypothesis import given, note, settings
from oracle import VARIANTS, Oracle, count
from regsim.models import model as incident
from toys import Counter, Peterson, Philosophers

from regsim.check.factored import Component, Instance, StepSpec
from regsim.check.formula import FALSE, TRUE, Atom, Formula, Zero, holds, some
from regsim.check.learn import Learner, State
from regsim.check.plain import Plain
from regsim.check.search import Search
from regsim.check.space import Limits, Options, SearchProgress
from regsim.errors import UsageError

try:
    from regsim.check.native import NativeSearch
except ImportError:
    NativeSearch = None

DEEP = os.environ.get("HYPOTHESIS_PROFILE") in ("ci", "nightly")
needs_c = pytest.mark.skipif(NativeSearch is None, reason="this installation has no C library")
ENGINES = {"python": Search, "c": NativeSearch}
Explore = Callable[..., Search]


@pytest.fixture(params=["python", pytest.param("c", marks=needs_c)])
def explore(request: pytest.FixtureRequest) -> Explore:
    """A search by the engine that the test's id names, which it is made sure to be."""

    def run(model: object, **options: object) -> Search:
        space = ENGINES[request.param](Learner(model), Options(**options)).run()
        assert space.engine == request.param
        return space

    return run


def counts(space: Search) -> tuple[int, int, int]:
    """Return states, transitions and layers."""
    return space.states, space.transitions, len(space.layers)


def depths(space: Search) -> dict[str, int]:
    """Return, by target that was hit, how many steps lead there."""
    found = {}
    for name, state in space.hits.items():
        found[name], at = 0, space.before(state)
        while at is not None:
            found[name], at = found[name] + 1, space.before(at)
    return found


# -- models made by hand ------------------------------------------------------------------------


def test_a_counter(explore: Explore) -> None:
    """A ring of four numbers has four layers, and one step out of each state."""
    below = Counter(3).properties[0].goal
    space = explore(Plain(Counter(3)), targets={"top": ~below, "none": FALSE, "all": TRUE})

    assert counts(space) == (4, 4, 4)
    assert space.layers == [1, 1, 1, 1]
    assert depths(space) == {"top": 3, "all": 0}
    assert space.complete
    assert space.stopped is None


def test_mutual_exclusion(explore: Explore) -> None:
    """Peterson's two processes are never both inside; without the turn they wait for ever."""
    model = Peterson()
    wrong = {"both": ~model.properties[0].goal, "one": model.properties[1].goal}

    assert depths(explore(Plain(model), targets=wrong)) == {"one": 2}


@pytest.mark.parametrize("polite", [False, True])
def test_philosophers(explore: Explore, polite: bool) -> None:
    """They all wait after a step each, unless one is polite; the counter counts forks."""
    model = Philosophers(3, polite=polite)
    stuck = ~model.properties[0].goal
    space = explore(model, targets={"stuck": stuck, "taken": ~Zero("forks in hand")})

    assert depths(space) == {"taken": 1} | ({} if polite else {"stuck": 3})
    assert space.states == (12 if polite else 14)


def test_a_model_without_initial_states(explore: Explore) -> None:
    """A model without an initial state is refused: every claim would hold of nothing."""
    with pytest.raises(UsageError, match="no initial state"):
        explore(attrs.evolve(DRAWN, starts=()), targets={"all": TRUE})

    assert explore(DRAWN, targets={"all": TRUE}).hits


# -- the case -----------------------------------------------------------------------------------

PUBLISHED = [
    ((1, 0, 1, 0, 0, 0), (63, 141, 18), 63),
    ((1, 0, 1, 3, 0, 0), (132, 310, 20), 132),
    ((2, 1, 2, 0, 0, 0), (1_065, 4_423, 27), 663),
    ((2, 1, 2, 1, 0, 0), (1_320, 5_548, 27), 774),
    ((2, 1, 2, 2, 0, 0), (1_320, 5_548, 27), 774),
    ((2, 1, 2, 4, 0, 0), (2_400, 10_036, 34), 1_314),
    ((2, 1, 2, 0, 0, 1), (3_642, 16_844, 28), 2_208),
    ((3, 2, 2, 1, 0, 0), (23_376, 142_104, 37), 4_056),
]
LARGE = [
    ((3, 2, 2, 3, 0, 0), (116_096, 725_557, 37), 19_095),
    ((4, 4, 2, 1, 0, 0), (1_259_808, 11_162_912, 49), 22_710),
]


def case(oracle: Oracle) -> object:
    """Return the model of Q241572 with an oracle's parameters."""
    values = attrs.asdict(oracle) | {"variant": VARIANTS[oracle.variant]}
    return incident("q241572", **values)


@pytest.mark.parametrize(("given", "expected", "symmetric"), PUBLISHED + (LARGE if DEEP else []))
def test_published_counts(
    explore: Explore, given: tuple[int, ...], expected: tuple[int, int, int], symmetric: int
) -> None:
    """States, transitions, layers, and states up to symmetry, are the published ones."""
    model = case(Oracle(*given))

    assert counts(explore(model)) == expected
    assert explore(model, symmetry=True).states == symmetric


@pytest.mark.parametrize(("given", "expected"), [row[:2] for row in PUBLISHED])
def test_the_oracle_counts_as_published(
    given: tuple[int, ...], expected: tuple[int, int, int]
) -> None:
    """The second semantics, written without the kernel, gives the published counts."""
    assert count(Oracle(*given)) == expected


def parameters(number: int) -> list[Oracle]:
    """Return *number* sets of parameters, the same ones every time."""
    draw = random.Random(241572)
    return [
        Oracle(
            workers=draw.randint(1, 2),
            services=draw.randint(0, 1),
            queue=draw.randint(1, 3),
            variant=draw.randint(0, 4),
            attempts=draw.choice((0, 1, 3)),
            stop=draw.randint(0, 1),
            noisy=draw.randint(0, 1),
        )
        for _ in range(number)
    ]


@pytest.mark.parametrize("oracle", parameters(60 if DEEP else 6), ids=str)
def test_the_case_against_the_oracle(explore: Explore, oracle: Oracle) -> None:
    """The kernel's steps give the oracle's counts with parameters that nobody published."""
    assert counts(explore(case(oracle))) == count(oracle)


# -- models made at random ----------------------------------------------------------------------

DRAWN = Drawn((2,), (1,), (((), (), ()),), (0, 0, 0), (0,))


def both(model: object, **options: object) -> tuple[Search, Search]:
    """Return what the two engines found."""
    return tuple(engine(Learner(model), Options(**options)).run() for engine in ENGINES.values())


@needs_c
@given(models)
@settings(max_examples=200 if DEEP else 25)
def test_engines_agree(model: Drawn) -> None:
    """Counts, layers, hits, the order of states and their parents: all is the same."""
    for symmetry in (False, True):
        limits = Limits(states=4_000)
        python, c = both(model, targets=model.targets(), symmetry=symmetry, limits=limits)
        note(f"{python.states} states, {python.transitions} transitions")

        assert python.complete == c.complete
        if python.complete:
            assert counts(python) == counts(c)
            assert python.layers == c.layers
            assert values(python) == values(c)
            assert {name: python.learner.decode(hit) for name, hit in python.hits.items()} == {
                name: c.learner.decode(hit) for name, hit in c.hits.items()
            }
            assert depths(python) == depths(c)


def values(space: Search) -> list[tuple[Hashable, ...]]:
    """Return all states as the model's own values, in the order found."""
    return [space.learner.decode(state) for state in space.all_states()]


@needs_c
@given(models)
@settings(max_examples=200 if DEEP else 25)
def test_engines_stop_at_the_same_place(model: Drawn) -> None:
    """A search that ends when all is found has seen as much in either engine."""
    targets = {"held": model.targets()["one-at-1-held"], "second": model.targets()["first-at-2"]}
    python, c = both(model, targets=targets, to_the_end=False, limits=Limits(states=4_000))

    if python.stopped is None:
        assert counts(python) == counts(c)
        assert depths(python) == depths(c)
        assert python.complete == c.complete


@given(models)
@settings(max_examples=200 if DEEP else 20)
def test_a_table_is_the_model(model: Drawn) -> None:
    """The engine in Python finds what asking the model in every state finds."""
    space = Search(Learner(model), Options(limits=Limits(states=2_000))).run()
    if space.complete:
        seen: dict[object, None] = dict.fromkeys(model.initial())
        taken = 0
        for concrete in (queue := list(seen)):
            for number, process in enumerate(model.processes):
                for step in model.steps(number, model.vector(concrete)[process.own]):
                    after = model.take(concrete, number, step)
                    taken += after is not None
                    if after is not None and after not in seen:
                        seen[after] = None
                        queue.append(after)
        assert (space.states, space.transitions) == (len(seen), taken)


SWEEP = Rule(None, frozenset((0,)), 0, 0, 0, None, (0, 0, 0))
PICK = Rule(None, frozenset((0,)), 0, 0, 1, None, None)


def test_a_twin_that_cannot_show_it(explore: Explore) -> None:
    """What a step maps a value to is learned from a process whose step maps that value.

    The first of two like processes sweeps all hands but its own; when only its own holds
    something, the second one's step is the one to ask.
    """
    model = Drawn((2,), (2,), (((SWEEP, PICK), (), ()),), (0, 0, 0), (0,))

    assert counts(explore(model)) == (9, 36, 5)
    assert explore(model, symmetry=True).states == 6


# -- fields that grow -----------------------------------------------------------------------------


@attrs.frozen
class Row:
    """A row of *length* cells of one kind; the one process writes 1, 2, 3, ... into them."""

    length: int
    name: str = "row"
    counters: Sequence[str] = ()
    symmetry: Sequence[Sequence[tuple[int, ...]]] = ()
    properties: Sequence[object] = ()

    @property
    def components(self) -> Sequence[Component]:
        """The place of the process, then the cells."""
        cells = (Component(f"cell-{i}", "cell") for i in range(self.length))
        return (Component("at", "at"), *cells)

    @property
    def processes(self) -> Sequence[Instance]:
        """The one process."""
        return (Instance("writer", "writer", 0),)

    def initial(self) -> Iterable[tuple[int, ...]]:
        """Begin with empty cells."""
        return ((0,) * (self.length + 1),)

    def vector(self, concrete: tuple[int, ...]) -> tuple[int, ...]:
        """Return the state itself."""
        return concrete

    def steps(self, process: int, own: Hashable) -> Sequence[StepSpec]:  # noqa: ARG002
        """Return the step that fills the next cell."""
        return (StepSpec("write", (0, int(str(own)) + 1)),) if own != self.length else ()

    def take(self, concrete: tuple[int, ...], process: int, step: StepSpec) -> tuple[int, ...]:  # noqa: ARG002
        """Write the next number into the next cell."""
        after = list(concrete)
        after[step.reads[1]] = after[0] = concrete[0] + 1
        return tuple(after)


@pytest.mark.parametrize("length", [1, 2, 7, 12, 20, 40, 90, 300])
def test_states_of_any_width(explore: Explore, length: int) -> None:
    """From one word to dozens, through every layout on the way: each state is kept as it is."""
    space = explore(Row(length))
    states = [space.learner.decode(state) for state in space.all_states()]

    assert counts(space) == (length + 1, length, length + 1)
    assert states[-1] == (length, *range(1, length + 1))
    assert states[length // 2][length // 2 + 1 :] == (0,) * (length - length // 2)


def test_a_field_that_grows_for_long(explore: Explore) -> None:
    """States are kept as they are while a component's field grows from 1 bit to 12."""
    space = explore(Plain(Counter(3_000)))

    assert counts(space) == (3_001, 3_001, 3_001)
    assert [space.learner.decode(s) for s in space.all_states()] == [(n,) for n in range(3_001)]


@needs_c
def test_one_thread_at_a_time_has_a_search_in_c() -> None:
    """A call while another thread's is at work is refused in words, and the search ends as ever."""
    alone = NativeSearch(Learner(Philosophers(9)), Options()).run()
    refused: set[str] = set()
    ended: list[NativeSearch] = []
    for _ in range(20):
        space = NativeSearch(Learner(Philosophers(9)), Options())
        done = threading.Event()
        asking = threading.Thread(target=_ask, args=(space, done, refused))
        asking.start()
        try:
            space.run()
        except RuntimeError as error:  # the other thread was in the search when ours came
            refused.add(str(error))
        else:
            ended.append(space)
        finally:
            done.set()
            asking.join()
        if refused and ended:
            break

    assert refused == {"this search is in use by another thread"}
    found = {(space.states, space.transitions, space._core.stats()[0]) for space in ended}
    assert found == {(alone.states, alone.transitions, alone.states)}


def _ask(space: NativeSearch, done: threading.Event, refused: set[str]) -> None:
    while not done.is_set():
        try:
            space._core.stats()
        except RuntimeError as error:
            refused.add(str(error))


@needs_c
@pytest.mark.parametrize(("variant", "services"), [("refcounted", 3), ("forced", 2)])
def test_threads_change_nothing(variant: str, services: int) -> None:
    """However many threads search: the states, their order, whom from and the counts are the same.

    A few layers are wide enough for them to begin, and some of their rounds meet what is missing.
    """
    model = incident("q241572", workers=3, services=services, queue=2, variant=variant)
    target = {"leak": ~model.properties[0].goal}

    def found(threads: int) -> tuple[object, ...]:
        space = NativeSearch(Learner(model), Options(targets=target), threads=threads).run()
        core, number = space._core, range(0, space.states, 7)
        states = [(core.numbers(state), core.parent(state)) for state in number]
        return counts(space), space.layers, depths(space), states

    alone = found(1)
    assert max(alone[1]) > 4_096
    assert found(2) == alone
    assert found(5) == alone


@needs_c
def test_a_parent_is_of_the_layer_before() -> None:
    """Each state but the initial one was first met from a state of the layer before, in order."""
    space = NativeSearch(Learner(Philosophers(9)), Options()).run()
    parents = [space._core.parent(state) for state in range(space.states)]
    bounds = [0, *itertools.accumulate(space.layers)]
    layer = [number for number, size in enumerate(space.layers) for _ in range(size)]

    assert parents[0] is None
    assert parents[1:] == sorted(parents[1:])
    assert all(layer[parents[i]] == layer[i] - 1 for i in range(1, space.states))
    assert bounds[-1] == space.states > 2_048


@needs_c
def test_a_state_too_wide_for_the_library() -> None:
    """More than 64 words of 64 bits are refused; the engine in Python takes them."""
    with pytest.raises(ValueError, match="no sense"):
        NativeSearch(Learner(Row(480)), Options()).run()
    assert Search(Learner(Row(480)), Options()).run().states == 481


# -- limits ---------------------------------------------------------------------------------------

BIG = case(Oracle(workers=3, services=2, queue=2, variant=1))


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (Limits(states=1_000), "the limit of 1,000 states was reached"),
        (Limits(seconds=0), "the limit of 0 seconds was reached"),
        (Limits(bytes=100), "the limit of 100 bytes was reached"),
    ],
)
def test_a_limit_ends_a_search(explore: Explore, limits: Limits, text: str) -> None:
    """A search ended by a limit counts what it found until then and is not complete."""
    space = explore(BIG, limits=limits)

    assert space.stopped == text
    assert not space.complete
    assert 0 < space.states < 23_376
    assert sum(space.layers) == space.states


@needs_c
def test_memory_is_not_asked_for_beyond_a_limit() -> None:
    """The C engine stops before a table would grow past the limit, and counts what it has."""
    model = case(Oracle(workers=3, services=2, queue=2, variant=3))
    options = Options(limits=Limits(bytes=1_500_000))
    space = NativeSearch(Learner(model), options, threads=1).run()

    assert space.stopped == "the limit of 1,500,000 bytes was reached"
    assert not space.complete
    assert space.bytes < 1_500_000
    assert 1_000 < space.states < 116_096
    assert sum(space.layers) == space.states


def test_memory_that_runs_out_ends_a_search(
    explore: Explore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system has no memory to give the search says so, and what it found stands.

    Where it has, or does not tell how much, the search goes to its end.
    """
    monkeypatch.setattr("regsim.check.memory._in_group", lambda _root: None)
    monkeypatch.setattr("regsim.check.memory._in_process", lambda _root: None)
    for free in (1 << 30, None):
        monkeypatch.setattr("regsim.check.memory._free", lambda _root, free=free: free)
        assert explore(BIG).complete
    monkeypatch.setattr("regsim.check.memory._free", lambda _root: 450_000)
    space = explore(BIG, targets={"any": TRUE})

    assert space.stopped == f"there is no memory for more than {space.states:,} states"
    assert set(space.hits) == {"any"}
    assert not space.complete
    assert 0 < space.states < 23_376
    assert explore(BIG, limits=Limits(bytes=1 << 30)).complete  # who gives a limit is believed


def test_an_allocation_that_is_refused_ends_a_search(
    explore: Explore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An allocation that fails anywhere in a search is a limit, never the end of all states."""
    effect = Learner.effect
    asked = itertools.count()

    def refused(*_: object) -> None:
        raise MemoryError

    def late(*args: object) -> object:
        return effect(*args) if next(asked) < 40 else refused()

    monkeypatch.setattr(Learner, "effect", late)
    some = explore(BIG)
    monkeypatch.setattr(Learner, "initial", refused)
    nothing = explore(BIG)

    assert some.states > nothing.states == 0
    for space in (some, nothing):
        assert space.stopped == f"there is no memory for more than {space.states:,} states"
        assert not space.complete


def test_a_limit_that_is_not_reached(explore: Explore) -> None:
    """Limits beyond what there is change nothing."""
    space = explore(BIG, limits=Limits(states=23_377, seconds=600, bytes=1 << 30))

    assert space.stopped is None
    assert space.complete
    assert counts(space) == (23_376, 142_104, 37)
    assert 0 < space.bytes < 1 << 30
    assert space.seconds > 0


def test_the_last_layer_half_done_is_not_all(
    explore: Explore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit within the last layer leaves the search incomplete: some states were not expanded."""
    module = "native" if explore(DRAWN).engine == "c" else "search"
    monkeypatch.setattr(f"regsim.check.{module}.PERIOD", 1)
    fan = attrs.evolve(DRAWN, sizes=(20,), starts=(0, 1, 2, 3))
    calls = iter(range(100))

    space = explore(fan, limits=_After(calls, 2))

    assert space.stopped == "enough"
    assert space.states == 4
    assert not space.complete


@attrs.frozen
class _After:
    """Limits that are hit at the second question."""

    calls: Iterable[int]
    most: int
    bytes: int = 1 << 30

    def hit(self, *_: object) -> str | None:
        """Return None at first."""
        return "enough" if next(self.calls) + 1 >= self.most else None


def test_progress_is_told(explore: Explore) -> None:
    """Somebody who listens hears numbers that only grow, and the last are the counts."""
    heard: list[SearchProgress] = []
    space = explore(BIG, progress=heard.append)

    assert [p.states for p in heard] == sorted(p.states for p in heard)
    assert [p.transitions for p in heard] == sorted(p.transitions for p in heard)
    assert (heard[-1].states, heard[-1].transitions) == (space.states, space.transitions)
    assert heard[-1].depth == len(space.layers)
    assert heard[-1].waiting == 0


def test_a_state_that_was_not_found(explore: Explore) -> None:
    """To ask for the predecessor of an unreachable state is an error; that of the first is None."""
    space = explore(Plain(Counter(3, resets=False)), targets={"all": TRUE})

    assert space.before(space.all_states()[0]) is None
    with pytest.raises(KeyError):
        space.before((77,))


# -- the graph ------------------------------------------------------------------------------------


@needs_c
@given(models)
@settings(max_examples=100 if DEEP else 15)
def test_edges_are_the_steps(model: Drawn) -> None:
    """The arrays of edges hold every step of every state, in the model's order."""
    space = NativeSearch(Learner(model), Options(limits=Limits(states=1_000))).run()
    if not space.complete:
        return
    offsets, targets, actors = space.edges()
    states = space.all_states()
    index = {state: number for number, state in enumerate(states)}

    assert offsets[0] == 0
    assert len(targets) == len(actors) == offsets[-1] == space.transitions
    for number, state in enumerate(states):
        out = range(offsets[number], offsets[number + 1])
        steps = list(space.learner.successors(state, space.before))
        found = [(actors[i], targets[i]) for i in out]
        assert found == [(taken.process, index[taken.state]) for taken in steps]


@given(models)
@settings(max_examples=100 if DEEP else 15)
def test_marks_are_the_formula(model: Drawn) -> None:
    """A formula is marked 1 in just the states where its meaning makes it true."""
    for engine in filter(None, ENGINES.values()):
        space = engine(Learner(model), Options(limits=Limits(states=300))).run()
        for formula in (*model.targets().values(), TRUE, FALSE, _fresh(model)):
            expected = [_holds(space.learner, formula, state) for state in space.all_states()]
            assert list(space.where(formula)) == expected


def _fresh(model: Drawn) -> Formula:
    """Return a formula of atoms that no search was told of."""
    names = [component.name for component in model.components]
    return some(Atom(name, lambda value: value == "<1>") for name in names)


def _holds(learner: Learner, formula: Formula, state: State) -> bool:
    values = dict(
        zip((c.name for c in learner.model.components), learner.decode(state), strict=True)
    )
    return holds(formula, values.__getitem__, lambda _: learner.count(0, state))


# -- ample processes ----------------------------------------------------------------------------

PLAIN_STEP = Rule(None, frozenset((0,)), 0, 0, 0, None, None)


@needs_c
def test_ample_steps_stand_for_all() -> None:
    """Three processes that do not meet are run in one order instead of all, to the same end."""
    rule = attrs.evolve(PLAIN_STEP, place=1)
    free = Drawn((2,), (3,), (((rule,), (attrs.evolve(rule, place=2),), ()),), (0, 0, 0), (0,))
    end = {"end": free.targets()["all-at-2"]}
    full = NativeSearch(Learner(free), Options(targets=end)).run()
    less = NativeSearch(Learner(free), Options(targets=end), lambda *_: True).run()

    assert (full.states, full.transitions) == (27, 54)
    assert (less.states, less.transitions) == (7, 6)
    assert depths(full) == depths(less) == {"end": 6}


@needs_c
def test_an_ample_process_that_goes_round_does_not_hide_the_others() -> None:
    """Where the steps of the process chosen lead to nothing new, every process is expanded."""
    rule = attrs.evolve(PLAIN_STEP, place=1)
    back = attrs.evolve(PLAIN_STEP, place=0)
    round_and_round = ((rule,), (back,), ())
    once = ((attrs.evolve(rule, place=2),), (), ())
    model = Drawn((2,), (1, 1), (round_and_round, once), (0, 0, 0), (0,))
    second = {"second": model.place(3, 2)}
    space = NativeSearch(Learner(model), Options(targets=second), lambda process, _: process == 0)

    assert depths(space.run()) == {"second": 2}


@needs_c
@given(models)
@settings(max_examples=60 if DEEP else 10)
def test_with_no_ample_process_all_is_as_without(model: Drawn) -> None:
    """With no process to take alone, partial-order reduction leaves nothing out."""
    limits = Limits(states=2_000)
    plain = NativeSearch(Learner(model), Options(limits=limits)).run()
    asked = NativeSearch(Learner(model), Options(limits=limits), lambda *_: False).run()

    assert counts(plain) == counts(asked)
