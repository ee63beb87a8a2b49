"""The replay's rules one by one, on each twin, and at random on all of them."""

from __future__ import annotations

import itertools
import random
import threading
from array import array
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsim import accel
from regsim.accel import creplay
from regsim.accel.columns import FIRST_PREDEFINED, TYPECODES, EventKind
from regsim.accel.creplay import CReplay
from regsim.accel.records import (
    NEVER,
    OF_HIVE,
    ROOTS,
    Columns,
    HandleValues,
    Holder,
    Policy,
    Replayed,
    columns,
)
from regsim.accel.replay import PyReplay
from regsim.accel.replaying import new_replay, replay
from regsim.errors import DataError, UsageError

HKCU = FIRST_PREDEFINED + 1
NOT_FOUND, BUSY = 0xC0000034, 0xC0000121
# key 0 lies in no hive of interest; key 1 is the root of hive 1, 2 and 3 lie in it; 4 is hive 2
HIVES, ROOT_KEYS = array("I", [0, 1, 1, 1, 2]), array("I", [0, 1, 4])
CACHED = Policy(roots=[NEVER, OF_HIVE, 0, *[NEVER] * 5])


def rows(*events: Sequence[int]) -> Columns:
    """Return columns of events written (op, pid, handle, parent, key, status); the rest is 0."""
    padded = [(*event, *[0] * (6 - len(event)), 10 * at) for at, event in enumerate(events)]
    names = enumerate(TYPECODES.items())
    return columns(**{name: array(code, [e[at] for e in padded]) for at, (name, code) in names})


def run(
    make: Any,
    *events: Sequence[int],
    policy: Policy = CACHED,
    values: HandleValues = HandleValues.GIVEN,
) -> Replayed:
    """Return the answer to *events*."""
    made = make(policy, values)
    made.feed(rows(*events), HIVES, ROOT_KEYS)
    return made.answer()


def held(answer: Replayed) -> list[tuple[int, int, int, bool]]:
    """Return pid, key, opening row and whether nobody asked for each handle left open."""
    return [(one.pid, one.key, one.row, one.implicit) for one in answer.holders]


def test_open_holds_until_it_is_closed(make: Any) -> None:
    """An open counts for its hive and no other, and its close takes it away."""
    opened = run(make, (EventKind.OPEN, 8, 16, 0, 2))
    closed = run(make, (EventKind.OPEN, 8, 16, 0, 2), (EventKind.CLOSE, 8, 16))

    assert (opened.counts[1:], held(opened)) == ((1, 0), [(8, 2, 0, False)])
    assert (closed.counts[1:], held(closed)) == ((0, 0), [])


def test_failed_open_holds_nothing(make: Any) -> None:
    """An open that failed is counted as such and holds nothing."""
    answer = run(make, (EventKind.OPEN, 8, 16, 0, 2, NOT_FOUND))

    assert (answer.counters.failed, answer.counters.opens, answer.holders) == (1, 0, ())


def test_call_on_a_predefined_key_leaves_its_root(make: Any) -> None:
    """Opening below HKCU and closing the subkey leaves a root that nobody asked for, once.

    Source: KB Q241572; documented.
    """
    pair = ((EventKind.OPEN, 8, 16, HKCU, 2), (EventKind.CLOSE, 8, 16))
    answer = run(make, *pair, *pair)

    assert held(answer) == [(8, 1, 0, True)]
    assert answer.counters.implicit == 1


@pytest.mark.parametrize(
    "event", [(EventKind.OPEN, 8, 0, HKCU, 2, NOT_FOUND), (EventKind.USE_ROOT, 8, 0, HKCU, 2)]
)
def test_root_stays_after_what_held_nothing(make: Any, event: tuple[int, ...]) -> None:
    """A failed open below HKCU, or a query on it, leaves the root as well."""
    assert held(run(make, event)) == [(8, 1, 0, True)]


def test_root_is_that_of_the_first_user(make: Any) -> None:
    """Who acts at the first call decides whose hive stays; later callers share it (rule P3)."""
    answer = run(make, (EventKind.USE_ROOT, 8, 0, HKCU, 2), (EventKind.USE_ROOT, 8, 0, HKCU, 4))

    assert held(answer) == [(8, 1, 0, True)]


def test_fixed_root_and_none(make: Any) -> None:
    """A predefined key opens the key that the policy names, or nothing; other parents nothing."""
    parents = (FIRST_PREDEFINED, FIRST_PREDEFINED + 2, FIRST_PREDEFINED + 8, 12, 2**64 - 1)
    answer = run(make, *((EventKind.USE_ROOT, 8, 0, parent, 2) for parent in parents))

    assert (answer.counters.implicit, answer.counts[0], answer.holders) == (1, 1, ())


@pytest.mark.parametrize("op", [EventKind.CLOSE_ROOT, EventKind.REFRESH_ROOT])
@pytest.mark.parametrize("status", [0, 6])
@pytest.mark.parametrize("does", [True, False])
def test_closing_the_root(make: Any, op: EventKind, status: int, does: bool) -> None:
    """Closing or refreshing HKCU closes its root where the dialect does so and it went well."""
    policy = attrs.evolve(CACHED, close_root=does, refresh_root=does)
    events = (EventKind.USE_ROOT, 8, 0, HKCU, 2), (op, 8, 0, HKCU, 0, status), (op, 9, 0, HKCU)
    answer = run(make, *events, policy=policy)

    assert len(answer.holders) == (not does or status != 0)


@pytest.mark.parametrize("closes", [True, False])
@pytest.mark.parametrize("leaks", [True, False])
def test_disabled_cache(make: Any, closes: bool, leaks: bool) -> None:
    """With the cache disabled each call has its own root, which stays only where that leaks."""
    policy = attrs.evolve(CACHED, disable_closes=closes, per_call_leaks=leaks)
    answer = run(
        make,
        (EventKind.USE_ROOT, 8, 0, HKCU, 2),
        (EventKind.DISABLE_CACHE, 8, 0, HKCU),
        (EventKind.USE_ROOT, 8, 0, HKCU, 2),
        (EventKind.OPEN, 8, 16, HKCU, 3),
        policy=policy,
    )

    roots = [0] * (not closes) + [2, 3] * leaks
    assert [row for _, _, row, implicit in held(answer) if implicit] == roots
    assert [row for _, _, row, implicit in held(answer) if not implicit] == [3]


def test_disabling_one_cache_leaves_the_others(make: Any) -> None:
    """RegDisablePredefinedCache is about HKCU alone, ...CacheEx about every predefined key."""
    policy = attrs.evolve(CACHED, roots=[OF_HIVE] * ROOTS)
    for parent, left in ((HKCU, ROOTS - 1), (0, 0)):
        uses = [(EventKind.USE_ROOT, 8, 0, FIRST_PREDEFINED + n, 2) for n in range(ROOTS)]
        answer = run(make, (EventKind.DISABLE_CACHE, 8, 0, parent), *uses, policy=policy)
        assert len(answer.holders) == left


def test_process_exit_closes_everything(make: Any) -> None:
    """An exit closes handles, roots and what has no value, of that process and no other."""
    answer = run(
        make,
        (EventKind.OPEN, 8, 16, HKCU, 2),
        (EventKind.OPEN, 8, 0, 0, 2),
        (EventKind.OPEN, 8, 2**40, 0, 2),
        (EventKind.OPEN, 12, 16, 0, 3),
        (EventKind.EXIT, 8),
    )

    assert (answer.counts[1], held(answer)) == (1, [(12, 3, 3, False)])


def test_start_clears_what_an_earlier_process_left(make: Any) -> None:
    """A process that starts holds nothing, though one of its number never ended."""
    assert run(make, (EventKind.OPEN, 8, 16, HKCU, 2), (EventKind.START, 8)).holders == ()


def test_closes_that_match_nothing(make: Any) -> None:
    """A close of what is not open is unmatched; after the process's end it is the rundown."""
    answer = run(
        make,
        (EventKind.CLOSE, 8, 16),
        (EventKind.CLOSE, 8, 0, 0, 2),
        (EventKind.EXIT, 8),
        (EventKind.CLOSE, 8, 16),
    )
    failed = run(make, (EventKind.OPEN, 8, 16, 0, 2), (EventKind.CLOSE, 8, 16, 0, 0, 6))

    counted = answer.counters
    assert (counted.closes, counted.unmatched, counted.rundown) == (3, 2, 1)
    assert (failed.counters.closes, len(failed.holders)) == (0, 1)


def test_value_given_twice_replaces(make: Any) -> None:
    """An open whose value is still open shows that a close is missing: the new one counts."""
    for value in (16, 2**50):
        answer = run(make, (EventKind.OPEN, 8, value, 0, 2), (EventKind.OPEN, 8, value | 1, 0, 4))
        assert (answer.counts, answer.counters.replaced) == ((0, 0, 1), 1)
        assert [one.handle for one in answer.holders] == [value]


def test_without_values_opens_and_closes_pair_by_key(make: Any) -> None:
    """Without values the last open of the key in the process is the one that closes."""
    answer = run(
        make,
        (EventKind.OPEN, 8, 0, 0, 2),
        (EventKind.OPEN, 8, 0, 0, 3),
        (EventKind.OPEN, 8, 0, 0, 2),
        (EventKind.OPEN, 12, 0, 0, 2),
        (EventKind.CLOSE, 8, 0, 0, 2),
    )

    assert held(answer) == [(8, 2, 0, False), (8, 3, 1, False), (12, 2, 3, False)]


def test_duplicate_is_one_more_handle(make: Any) -> None:
    """A duplicate holds on its own, in whichever process got it; a failed one holds nothing."""
    answer = run(
        make,
        (EventKind.OPEN, 8, 16, 0, 2),
        (EventKind.DUPLICATE, 12, 20, 16, 2),
        (EventKind.DUPLICATE, 12, 24, 16, 2, 8),
        (EventKind.CLOSE, 8, 16),
    )

    assert (held(answer), answer.counters.duplicates) == ([(12, 2, 1, False)], 1)


def test_unload_is_answered_with_who_blocks(make: Any) -> None:
    """An attempt names each handle in the hive, the oldest first, and leaves it loaded."""
    answer = run(
        make,
        (EventKind.OPEN, 8, 20, 0, 3),
        (EventKind.OPEN, 12, 16, HKCU, 2),
        (EventKind.OPEN, 12, 24, 0, 4),
        (EventKind.UNLOAD, 4, 0, 0, 1, BUSY),
        (EventKind.UNLOAD, 4, 0, 0, 0, BUSY),
    )
    (unload,) = answer.unloads

    assert (unload.row, unload.hive, unload.count) == (3, 1, 3)
    assert [(one.row, one.pid, one.key, one.handle, one.implicit) for one in unload.blockers] == [
        (0, 8, 3, 20, False),
        (1, 12, 2, 16, False),
        (1, 12, 1, 0, True),
    ]


@pytest.mark.parametrize(
    ("root", "subkeys", "keys"), [(True, True, [1, 2]), (True, False, [1]), (False, True, [2])]
)
def test_policy_says_which_keys_block(
    make: Any, root: bool, subkeys: bool, keys: list[int]
) -> None:
    """Any key blocks, or the root alone, or what lies below it; all of them are counted."""
    policy = attrs.evolve(CACHED, root_blocks=root, subkeys_block=subkeys)
    events = (
        (EventKind.OPEN, 8, 16, 0, 1),
        (EventKind.OPEN, 8, 20, 0, 2),
        (EventKind.UNLOAD, 4, 0, 0, 1, BUSY),
    )
    (unload,) = run(make, *events, policy=policy).unloads

    assert (unload.count, [one.key for one in unload.blockers]) == (2, keys)


@pytest.mark.parametrize("op", [EventKind.UNLOAD, EventKind.FORCE])
def test_hive_that_went_is_held_no_more(make: Any, op: EventKind) -> None:
    """After an unload the handles left hold nothing, nor does their close count; new ones hold."""
    before = (EventKind.OPEN, 8, 16, 0, 2), (EventKind.OPEN, 8, 20, 0, 3), (op, 4, 0, 0, 1)
    answer = run(
        make,
        *before,
        (EventKind.OPEN, 8, 24, 0, 2),
        (EventKind.CLOSE, 8, 16),
        (EventKind.CLOSE, 8, 24),
    )
    kept = run(
        make, *before, (EventKind.OPEN, 8, 24, 0, 2), (EventKind.CLOSE, 8, 16), (EventKind.EXIT, 12)
    )

    assert (answer.counts[1], answer.holders, answer.counters.unmatched) == (0, (), 0)
    assert (kept.counts[1], held(kept)) == (1, [(8, 2, 3, False)])
    assert len(answer.unloads[0].blockers) == 2


def test_deleted_key_holds_no_more(make: Any) -> None:
    """A deleted key's handles hold its hive no more; one opened on its name later does."""
    gone = (
        (EventKind.OPEN, 8, 16, 0, 2),
        (EventKind.OPEN, 12, 16, 0, 3),
        (EventKind.DELETE, 8, 0, 0, 2),
    )
    answer = run(make, *gone, (EventKind.OPEN, 8, 20, 0, 2), (EventKind.CLOSE, 8, 16))

    assert held(answer) == [(12, 3, 1, False), (8, 2, 3, False)]
    assert (
        run(make, (EventKind.OPEN, 8, 16, 0, 2), (EventKind.DELETE, 8, 0, 0, 2, 5)).counts[1] == 1
    )


def test_values_are_emulated_as_the_kernel_gives_them(make: Any) -> None:
    """Without values opens get the lowest, freed ones first, the hidden root before the subkey."""
    events = (
        (EventKind.OPEN, 8, 0, HKCU, 2),
        (EventKind.OPEN, 8, 0, 0, 3),
        (EventKind.CLOSE, 8, 8),
        (EventKind.OPEN, 8, 0, 0, 3),
    )
    answer = run(make, *events, values=HandleValues.EMULATED)

    assert [(one.handle, one.key, one.implicit) for one in answer.holders] == [
        (4, 1, True),
        (12, 3, False),
        (8, 3, False),
    ]


def test_values_that_differ_are_counted(make: Any) -> None:
    """A value that the kernel would not have given shows that the trace lacks something."""
    good = (EventKind.OPEN, 8, 4, 0, 2), (EventKind.CLOSE, 8, 4), (EventKind.OPEN, 8, 4, 0, 3)

    assert run(make, *good, values=HandleValues.VERIFIED).counters.mismatched == 0
    assert run(make, *good[::2], values=HandleValues.VERIFIED).counters.mismatched == 1


def test_snapshots_are_of_the_moment_before_a_row(make: Any) -> None:
    """The answer says who held what at each row asked for, in whatever piece it comes."""
    made = make(CACHED, HandleValues.GIVEN)
    for piece in (
        [(EventKind.OPEN, 8, 16, 0, 2), (EventKind.CLOSE, 8, 16)],
        [(EventKind.OPEN, 8, 20, 0, 3)],
    ):
        made.feed(rows(*piece), HIVES, ROOT_KEYS, [0, 1, 2, 3])

    assert [(row, [one.key for one in found]) for row, found in made.answer().snapshots] == [
        (0, []),
        (1, [2]),
        (2, []),
    ]


def test_snapshots_may_be_of_the_process_of_the_row_alone(make: Any) -> None:
    """What others hold, or nobody does whose number is new, is not in them."""
    made = make(CACHED, HandleValues.GIVEN)
    opened = [(EventKind.OPEN, 8, 16, 0, 2), (EventKind.OPEN, 9, 16, 0, 3)]
    ended = [(EventKind.EXIT, pid, 0, 0, 0) for pid in (8, 7, 9)]
    made.feed(rows(*opened, *ended), HIVES, ROOT_KEYS, [2, 3, 4], own=True)

    assert [[(one.pid, one.key) for one in found] for _, found in made.answer().snapshots] == [
        [(8, 2)],
        [],
        [(9, 3)],
    ]


def test_times_are_turned_into_rows() -> None:
    """A moment's snapshot has what happened up to and at that time, the end's all that is open."""
    events = rows(
        (EventKind.OPEN, 8, 16, 0, 2), (EventKind.CLOSE, 8, 16), (EventKind.OPEN, 8, 20, 0, 3)
    )
    answer = replay(events, HIVES, ROOT_KEYS, at=(99, 0, 19, -5))

    assert [(row, len(found)) for row, found in answer.snapshots] == [
        (0, 0),
        (1, 1),
        (2, 0),
        (3, 1),
    ]


def test_keys_may_become_more(make: Any) -> None:
    """Later rows may name keys and hives that earlier ones did not have."""
    made = make(Policy(), HandleValues.GIVEN)
    made.feed(rows((EventKind.OPEN, 8, 16, 0, 1)), array("I", [0, 1]), array("I", [0, 1]))
    made.feed(rows((EventKind.OPEN, 8, 20, 0, 3)), array("I", [0, 1, 1, 2]), array("I", [0, 1, 3]))

    assert made.answer().counts == (0, 1, 1)


def test_arrays_of_keys_may_grow_in_place(make: Any) -> None:
    """A replay keeps no view of what it was given, which would forbid that."""
    made = make(Policy(), HandleValues.GIVEN)
    hives, roots = array("I", [0, 1]), array("I", [0, 1])
    made.feed(rows((EventKind.OPEN, 8, 16, 0, 1)), hives, roots)
    hives.append(1)
    made.feed(rows((EventKind.OPEN, 8, 20, 0, 2)), hives, roots)

    assert made.answer().counts == (0, 2)


BAD = [
    ({"op": [14]}, "row 1: op 14, but there are 14"),
    ({"key": [5]}, "row 1: key 5, but there are 5"),
    ({"hives": [0, 1, 1, 1, 3]}, "hive_of_key names hive 3, but root_of_hive has 3"),
    ({"roots": [0, 9, 4]}, "key 9 is a root, but hive_of_key has 5 keys"),
    ({"hives": [0, 1]}, r"there were \(5, 3\) keys and hives, now 2 and 3"),
]


@pytest.mark.parametrize(("change", "text"), BAD)
def test_what_does_not_exist_is_refused(make: Any, change: dict[str, list[int]], text: str) -> None:
    """A row, a hive or a root that names what is not there is refused and nothing was taken."""
    made = make(CACHED, HandleValues.GIVEN)
    made.feed(rows((EventKind.OPEN, 8, 16, 0, 2)), HIVES, ROOT_KEYS)
    before = made.answer()
    events = {name: getattr(rows((EventKind.CLOSE, 8, 16)), name) for name in TYPECODES}
    for name in events.keys() & change:
        events[name] = array(TYPECODES[name], change[name])
    hives, roots = change.get("hives", HIVES), change.get("roots", ROOT_KEYS)
    with pytest.raises(DataError, match=text):
        made.feed(columns(**events), array("I", hives), array("I", roots))

    assert made.answer() == before


def test_policy_root_beyond_the_keys_is_refused(make: Any) -> None:
    """A policy whose root is no key is refused before any row is taken."""
    made = make(attrs.evolve(CACHED, roots=[7] * ROOTS), HandleValues.GIVEN)

    with pytest.raises(DataError, match="key 7 is a root, but hive_of_key has 5 keys"):
        made.feed(rows(), HIVES, ROOT_KEYS)


@pytest.mark.parametrize(
    "changes",
    [
        {"pid": array("I", [1, 2])},
        {"key": array("Q", [1])},
        {"op": 5},
        {"handle": b"1234567"},
        {"pid": memoryview(array("I", [1, 2, 3]))[::2]},
    ],
)
def test_columns_that_do_not_fit_are_refused(changes: dict[str, Any]) -> None:
    """A column of another length, item size or kind is refused, naming the column."""
    given = {name: getattr(rows((EventKind.OPEN, 8)), name) for name in TYPECODES} | changes

    with pytest.raises(DataError, match=f"column {next(iter(changes))}"):
        columns(**given)
    with pytest.raises(UsageError, match="columns are op, pid"):
        columns(op=b"")


def test_columns_may_lie_askew(make: Any) -> None:
    """A column that begins at an odd address gives the same answer as one that does not."""
    events = rows((EventKind.OPEN, 8, 16, 0, 2), (EventKind.UNLOAD, 4, 0, 0, 1, BUSY))
    askew = {n: memoryview(b"x" + bytes(getattr(events, n)))[1:] for n in TYPECODES}
    made = make(CACHED, HandleValues.GIVEN)
    made.feed(columns(**askew), HIVES, ROOT_KEYS)

    assert made.answer() == run(
        make, (EventKind.OPEN, 8, 16, 0, 2), (EventKind.UNLOAD, 4, 0, 0, 1, BUSY)
    )


# -- all twins at once ------------------------------------------------------------------------

OPS = st.sampled_from([EventKind.OPEN] * 6 + [EventKind.CLOSE] * 5 + list(EventKind))
PIDS = st.integers(1, 5).map(lambda n: 4 * n)
HANDLES = st.one_of(
    st.just(0),
    st.integers(1, 8).map(lambda n: 4 * n),
    st.integers(0, 3000),
    st.integers(0, 2**64 - 1),
    st.integers(1, 4).map(lambda n: n << 40),
)
PARENTS = st.sampled_from([0, 4, HKCU, HKCU, *range(FIRST_PREDEFINED - 1, FIRST_PREDEFINED + 9)])
EVENTS = st.tuples(OPS, PIDS, HANDLES, PARENTS, st.integers(0, 4), st.sampled_from([0, 0, 0, 5]))
POLICIES = st.builds(
    Policy,
    roots=st.tuples(*[st.integers(NEVER - 1, 4)] * ROOTS),
    close_root=st.booleans(),
    refresh_root=st.booleans(),
    disable_closes=st.booleans(),
    per_call_leaks=st.booleans(),
    root_blocks=st.booleans(),
    subkeys_block=st.booleans(),
)


@given(
    events=st.lists(EVENTS, max_size=80),
    policy=POLICIES,
    values=st.sampled_from(HandleValues),
    cut=st.integers(0, 80),
    stops=st.lists(st.integers(0, 80), max_size=4).map(sorted),
    own=st.booleans(),
    chunk=st.integers(1, 100),
)
def test_twins_give_one_answer(
    replays: dict[str, Any],
    events: list[tuple[int, ...]],
    policy: Policy,
    values: HandleValues,
    cut: int,
    stops: list[int],
    own: bool,
    chunk: int,
) -> None:
    """On any rows, in one piece or two, on one thread or several, all twins answer alike."""
    answers = []
    whole, creplay.CHUNK = creplay.CHUNK, chunk
    for make in replays.values():
        made = make(policy, values)
        for piece in (events[:cut], events[cut:]):
            made.feed(rows(*piece), HIVES, ROOT_KEYS, stops, own=own)
        answers.append(made.answer())
    creplay.CHUNK = whole

    assert all(answer == answers[0] for answer in answers)


def busy_trace(count: int, seed: int) -> list[tuple[int, ...]]:
    """Return many events of some processes, so that arrays grow, and maps fill, move and empty."""
    pick = random.Random(seed)
    ops = [
        EventKind.OPEN,
        EventKind.CLOSE,
        EventKind.EXIT,
        EventKind.UNLOAD,
        EventKind.DELETE,
        EventKind.OTHER,
    ]
    made = []
    for _ in range(count):
        near = 4 * pick.randrange(pick.choice([60, 5000]))
        far = (1 + pick.randrange(60)) * 0x1_0000_0040
        value = pick.choice([0, near, far, far])
        op = pick.choices(ops, [50, 45, 0.2, 0.3, 0.5, 4])[0]
        parent, status = pick.choice([0, 0, 0, HKCU]), pick.choice([0, 0, 0, 5])
        made.append((op, 4 * pick.randrange(12), value, parent, pick.randrange(5), status))
    return made


@pytest.mark.parametrize("values", list(HandleValues))
def test_twins_agree_on_many_processes(make: Any, values: HandleValues) -> None:
    """Six thousand rows of a dozen processes give one answer, that of the pure twin."""
    events = busy_trace(6_000, seed=int(values))

    assert run(make, *events, values=values) == run(PyReplay, *events, values=values)


# -- what is the C twin's own -----------------------------------------------------------------

needs_library = pytest.mark.skipif(accel.NATIVE is None, reason="this installation has no library")


@needs_library
def test_replay_in_use_is_the_librarys() -> None:
    """`new_replay` makes the C twin where there is a library."""
    assert isinstance(new_replay(), CReplay)
    assert isinstance(new_replay(shards=2), CReplay)


def test_replay_without_library_is_the_pure_one(monkeypatch: Any) -> None:
    """`new_replay` makes the pure twin where there is none, and the C twin says why it cannot."""
    monkeypatch.setattr("regsim.accel.replaying.NATIVE", None)
    monkeypatch.setattr(creplay, "NATIVE", None)

    assert isinstance(new_replay(shards=2), PyReplay)
    with pytest.raises(UsageError, match="without its C library"):
        CReplay(Policy())


@needs_library
@pytest.mark.parametrize("shards", [0, 65])
def test_number_of_shards_has_bounds(shards: int) -> None:
    """A replay has 1 to 64 shards."""
    with pytest.raises(UsageError, match="shards must be 1 to 64"):
        CReplay(Policy(), shards=shards)


@needs_library
def test_library_refuses_what_the_wrapper_would_not_pass() -> None:
    """Wrong calls of the library itself end in an exception, not in a crash."""
    native = accel.NATIVE
    assert native is not None
    made = native.CReplay((NEVER,) * ROOTS, True, True, False, False, True, True, 0)
    column = [b""] * 6
    calls: list[tuple[Any, tuple[Any, ...]]] = [
        (native.CReplay, ((NEVER,) * 7, True, True, False, False, 0, 0)),
        (native.CEvents, (0, 0, *column, 0, 0)),
        (native.CEvents, (2, 0, *column, 0, 1)),
        (native.CEvents, (2, 0, b"1", *column[1:], 0, 0)),
        (made.keys, (b"",)),
        (made.keys, (b"123", b"")),
        (made.keys, (b"\1\0\0\0", b"")),
        (made.feed, (*column, 1, 0)),
        (made.feed, (*column, 0, -1)),
        (made.feed, (*column,)),
        (made.check, (b"\1", b"\7\0\0\0")),
        (made.apply, (made, 0, 0)),
        (made.apply, (native.CEvents(2, 0, *column, 0, 0), 2, 0)),
        (made.note, (2**33,)),
        (made.note, (0, 2**33)),
        (made.note, ()),
    ]
    for function, args in calls:
        with pytest.raises((TypeError, ValueError, OverflowError)):
            function(*args)

    assert made.result(Holder)[0] == ()


@needs_library
def test_key_changed_behind_the_check_does_no_harm() -> None:
    """A key that appears in a column after the check ends the replay and reads no stray memory."""
    native = accel.NATIVE
    assert native is not None
    made = native.CReplay((NEVER,) * ROOTS, True, True, False, False, True, True, 0)
    made.keys(HIVES, ROOT_KEYS)
    wild = rows((EventKind.OPEN, 8, 16, 0, 2**32 - 1))
    buffers = [getattr(wild, name) for name in ("op", "pid", "handle", "parent", "key", "status")]
    for _ in range(2):
        with pytest.raises(MemoryError):
            made.feed(*buffers, 0, 1)
    with pytest.raises(MemoryError):
        made.result(Holder)


@needs_library
def test_one_thread_at_a_time() -> None:
    """Calls from many threads are served one at a time or refused, and the replay stays whole."""
    made = CReplay(CACHED)
    events = rows(*[(EventKind.OPEN, 8, 16, 0, 2), (EventKind.CLOSE, 8, 16)] * 20_000)
    refused = itertools.count()
    served = itertools.count()

    def work() -> None:
        for _ in range(10):
            try:
                made._shards[0].feed(
                    events.op, events.pid, events.handle, events.parent, events.key, events.status,
                    0, len(events),
                )  # fmt: skip
                next(served)
            except RuntimeError:
                next(refused)

    made.feed(rows(), HIVES, ROOT_KEYS)
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert next(served) + next(refused) == 40
    assert made._shards[0].result(Holder)[1] == (0, 0, 0)


@needs_library
@pytest.mark.parametrize("shards", [1, 3])
def test_feeds_from_several_threads_leave_a_replay_that_answers(shards: int) -> None:
    """Each is taken whole or refused with a UsageError, and the answer is that of those taken."""
    made = CReplay(CACHED, shards=shards)
    events = rows(*[(EventKind.OPEN, pid, 16, 0, 2) for pid in range(8, 2_008, 4)] * 40)
    taken, refused = [], []

    def work() -> None:
        for _ in range(10):
            try:
                made.feed(events, HIVES, ROOT_KEYS, stops=[5])
                taken.append(1)
            except UsageError as error:
                refused.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(taken) + len(refused) == 40
    assert all("another thread" in text for text in refused)
    assert made.answer().counters.rows == len(taken) * len(events)
    assert made.answer().counters.opens == len(taken) * len(events)


@needs_library
def test_a_replay_at_work_refuses_a_second_caller_and_goes_on() -> None:
    """The refusal says what to do, and the first caller's rows are all there."""
    made = CReplay(CACHED)
    made.feed(rows((EventKind.OPEN, 8, 16, 0, 2)), HIVES, ROOT_KEYS)
    with made._alone(), pytest.raises(UsageError, match="give each thread its own"):
        made.answer()

    assert made.answer().counts[1:] == (1, 0)
