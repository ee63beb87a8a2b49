"""The handle table: its rules one by one, and at random against a dictionary, on each backend."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from regsim import accel
from regsim.accel import HandleTable, PyHandleTable, new_handle_table

BACKENDS: dict[str, Callable[[], HandleTable]] = {"py": PyHandleTable}
if accel.NATIVE:
    BACKENDS["c"] = accel.NATIVE.CHandleTable

READ = 0x20019
DIGEST = 1403931395591997785
ABSENT = [-4, -1, 0, 3, 0x7FFFFFFC, 0x80000001, 0xFFFFFFFF80000001]
"""Values that are no handles whatever is open, predefined keys among them."""


@pytest.fixture(params=list(BACKENDS.values()), ids=list(BACKENDS))
def table(request: pytest.FixtureRequest) -> HandleTable:
    """A fresh table of each backend."""
    return request.param()


def test_backend_is_what_it_says() -> None:
    """The table that is handed out is of the backend that is named."""
    expected = {"python": "py", "c": "c"}[accel.BACKEND]

    assert type(new_handle_table()) is BACKENDS[expected]


@pytest.mark.parametrize("name", list(BACKENDS))
def test_suite_ran_the_backend_it_names(name: str) -> None:
    """The tables tested as ``[c]`` come from the library, those tested as ``[py]`` do not."""
    made = type(BACKENDS[name]())

    assert made.__module__ == {"py": "regsim.accel.handles", "c": "regsim.accel._native"}[name]


def test_calls_from_several_threads_follow_each_other(table: HandleTable) -> None:
    """Each call of one in C is whole before the next; one in Python says nothing of threads.

    Four threads open and close: no handle is given twice, and what is left open can be used.
    """
    if isinstance(table, PyHandleTable):
        pytest.skip("several calls of Python's are not one: a table in Python has one thread")
    given: list[list[int]] = [[] for _ in range(4)]

    def work(mine: list[int]) -> None:
        for number in range(2_000):
            mine.append(table.open(number, 1, READ))
            if number % 3 == 2:
                assert table.close(mine.pop(0)) is not None

    threads = [threading.Thread(target=work, args=(mine,)) for mine in given]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    kept = [handle for mine in given for handle in mine]
    assert len(set(kept)) == len(kept) == len(table)
    assert sorted(handle for handle, _ in table.items()) == sorted(kept)
    table.check()
    assert all(table.close(handle) is not None for handle in kept)
    assert len(table) == 0


def test_handles_are_multiples_of_four(table: HandleTable) -> None:
    """The first handle is 4, and each next one is 4 more."""
    assert [table.open(7, 1, READ) for _ in range(3)] == [4, 8, 12]
    assert len(table) == 3


def test_lookup_gives_the_entry(table: HandleTable) -> None:
    """A handle stands for the object, hive, access and inheritance it was opened with."""
    first, second = table.open(7, 1, READ), table.open(8, 2, 0, True)

    assert table.lookup(first) == (7, 1, READ, False)
    assert table.lookup(second) == (8, 2, 0, True)


@pytest.mark.parametrize("tag", [0, 1, 2, 3])
def test_tag_bits_are_the_callers(table: HandleTable, tag: int) -> None:
    """The two low bits of a handle are ignored by lookup and close.

    Source: Raymond Chen, 2005-01-21, "Why are kernel HANDLEs always a multiple of four?".
    """
    handle = table.open(7, 1, READ)

    assert table.lookup(handle | tag) == (7, 1, READ, False)
    assert table.close(handle | tag) == 7
    assert table.lookup(handle) is None


@pytest.mark.parametrize("handle", [*ABSENT, 8])
def test_what_is_not_open(table: HandleTable, handle: int) -> None:
    """A value that was never given out names nothing, and closing it changes nothing."""
    kept = table.open(7, 1, READ)
    before = table.state()

    assert table.lookup(handle) is None
    assert table.close(handle) == -1
    assert table.state() == before
    assert table.lookup(kept) == (7, 1, READ, False)


def test_duplicate_is_a_handle_of_its_own(table: HandleTable) -> None:
    """A duplicate stands for the same, and closing either leaves the other open."""
    first = table.open(7, 1, READ, True)
    second = table.duplicate(first | 1)

    assert second == 8
    assert table.close(first) == 7
    assert table.lookup(second) == (7, 1, READ, True)
    assert table.duplicate(first) == -1
    assert len(table) == 1


@pytest.mark.parametrize(
    ("field", "entry"),
    [
        ("obj", (2**32, 0, 0)),
        ("obj", (-1, 2**40, 0)),
        ("obj", (2**80, 0, 0)),
        ("hive", (0, 2**31 - 1, 0)),
        ("hive", (0, -1, 0)),
        ("access", (0, 0, 2**32)),
        ("access", (0, 0, -1)),
    ],
)
def test_field_out_of_range_is_refused(
    table: HandleTable, field: str, entry: tuple[int, int, int]
) -> None:
    """A field that the C table has no room for is refused by both, and nothing is opened."""
    with pytest.raises(OverflowError, match=f"^{field} must be 0 to "):
        table.open(*entry)

    assert table.state() == ((), (), 0)


def test_refusals_read_the_same() -> None:
    """The two tables refuse a field in the same words."""
    texts = set()
    for make in BACKENDS.values():
        with pytest.raises(OverflowError) as caught:
            make().open(1, -5, 2)
        texts.add(str(caught.value))

    assert texts == {"hive must be 0 to 2147483646, not -5"}


def test_highest_fields_come_back(table: HandleTable) -> None:
    """The highest value of each field is kept whole."""
    handle = table.open(2**32 - 1, 2**31 - 2, 2**32 - 1, True)

    assert table.lookup(handle) == (2**32 - 1, 2**31 - 2, 2**32 - 1, True)
    assert table.handles_in(2**31 - 2) == [handle]
    assert table.handles_in(2**31 - 1) == []
    assert table.handles_in(-1) == table.handles_in(2**80) == []


def test_arguments_go_by_name_too(table: HandleTable) -> None:
    """The fields of an open may be named."""
    handle = table.open(access=3, inherit=True, hive=2, obj=1)

    assert table.lookup(handle) == (1, 2, 3, True)


@pytest.mark.parametrize(
    ("args", "names"),
    [
        ((1, 2), {}),
        ((1, 2, 3, True, 5), {}),
        ((1, 2, 3), {"obj": 1}),
        ((1, 2, 3), {"color": 1}),
        (("1", 2, 3), {}),
        ((1, None, 3), {}),
    ],
)
def test_open_needs_its_fields(table: HandleTable, args: tuple, names: dict) -> None:
    """A field that is missing, twice there, unknown or no number is a TypeError."""
    with pytest.raises(TypeError):
        table.open(*args, **names)

    assert len(table) == 0


@pytest.mark.parametrize("method", ["close", "lookup", "duplicate", "handles_in", "reuse_rank"])
def test_handle_is_a_number(table: HandleTable, method: str) -> None:
    """What is no number is a TypeError and not merely not open."""
    table.open(1, 1, 1)

    with pytest.raises(TypeError):
        getattr(table, method)("4")


def test_closing_twice_fails(table: HandleTable) -> None:
    """A second close of one handle reports that it names nothing and touches no other."""
    first, second = table.open(7, 1, READ), table.open(7, 1, READ)

    assert table.close(first) == 7
    assert table.close(first) == -1
    assert table.lookup(second) == (7, 1, READ, False)
    assert len(table) == 1


def test_reuse_makes_a_stale_handle_name_another_object(table: HandleTable) -> None:
    """A freed value is given out again, so that a second close can hit a stranger."""
    stale = table.open(7, 1, READ)
    table.close(stale)

    assert table.open(8, 1, READ) == stale
    assert table.close(stale) == 8


def test_value_freed_last_comes_back_first(table: HandleTable) -> None:
    """Freed values come back in the reverse order of their closing, before any new one."""
    handles = [table.open(7, 1, READ) for _ in range(3)]
    table.close(handles[0])
    table.close(handles[2])

    assert [table.open(7, 1, READ) for _ in range(3)] == [12, 4, 16]


def test_reuse_rank(table: HandleTable) -> None:
    """The rank counts the opens before a value is given out; an open handle has none."""
    handles = [table.open(7, 1, READ) for _ in range(3)]
    table.close(handles[0])
    table.close(handles[1])

    assert [table.reuse_rank(handle) for handle in (8, 4, 16, 20)] == [0, 1, 2, 3]
    assert table.reuse_rank(12) is None


@pytest.mark.parametrize("handle", [-4, 0, 3, 4 * (2**30 + 1), 2**70])
def test_no_rank_for_what_never_comes(table: HandleTable, handle: int) -> None:
    """Zero and below, and what no 32 bits hold, are never given out."""
    assert table.reuse_rank(handle) is None


def test_handles_in_a_hive(table: HandleTable) -> None:
    """The handles of one hive are listed in ascending order, reused ones in their place."""
    for hive in (1, 2, 1, 1):
        table.open(7, hive, READ)
    table.close(4)
    table.open(9, 1, READ)

    assert table.handles_in(1) == [4, 12, 16]
    assert table.handles_in(2) == [8]
    assert table.handles_in(3) == []


def test_items_ascend(table: HandleTable) -> None:
    """All handles are listed with their entries in ascending order."""
    table.open(7, 1, READ)
    table.open(8, 2, 0, True)
    table.close(4)
    table.open(9, 3, 1)

    assert list(table.items()) == [(4, (9, 3, 1, False)), (8, (8, 2, 0, True))]


def test_close_all_begins_anew(table: HandleTable) -> None:
    """Closing all names each object in order of handle, and the next handle is 4 again."""
    for obj in (7, 8, 9):
        table.open(obj, 1, READ)
    table.close(8)

    assert table.close_all() == [7, 9]
    assert len(table) == 0
    assert table.close_all() == []
    assert table.open(1, 1, READ) == 4


def test_copy_is_independent(table: HandleTable) -> None:
    """A copy has the same handles and order of reuse, and neither sees the other's changes."""
    table.open(7, 1, READ)
    table.open(8, 1, READ)
    table.close(4)
    twin = table.copy()

    assert type(twin) is type(table)
    assert twin.state() == table.state()
    assert twin.open(9, 1, READ) == 4
    assert table.lookup(4) is None
    table.close(8)
    assert twin.lookup(8) == (8, 1, READ, False)


def test_state_tells_orders_of_reuse_apart(table: HandleTable) -> None:
    """Two tables with the same handles but another order of reuse are not equal."""
    other = table.copy()
    for one, order in ((table, (4, 8)), (other, (8, 4))):
        one.open(7, 1, READ)
        one.open(7, 1, READ)
        for handle in order:
            one.close(handle)

    assert list(table.items()) == list(other.items()) == []
    assert table.state() != other.state()
    hash(table.state())


def test_items_are_those_of_the_moment(table: HandleTable) -> None:
    """A walk over the handles is not disturbed by what is opened and closed meanwhile."""
    for obj in (1, 2, 3):
        table.open(obj, 1, 0)
    walk = table.items()
    next(walk)
    table.close_all()
    table.open(9, 9, 9)

    assert [entry[0] for _, entry in walk] == [2, 3]


def test_digest_tells_what_state_tells(table: HandleTable) -> None:
    """Equal tables share a digest; another entry, length or order of reuse gives another."""
    seen = {table.digest(): table.state()}
    for call in (
        lambda: table.open(7, 1, READ),
        lambda: table.open(7, 2, READ, True),
        lambda: table.close(4),
        lambda: table.close(8),
        lambda: table.close_all() or table.open(7, 1, READ),
    ):
        call()
        assert table.copy().digest() == table.digest()
        assert seen.setdefault(table.digest(), table.state()) == table.state()

    assert len(seen) == 5


def test_digests_are_the_same_everywhere() -> None:
    """Both tables give the digest that is written here, so it may be stored."""
    for make in BACKENDS.values():
        table = make()
        table.open(7, 1, READ)
        table.open(8, 2, 0, True)
        table.close(4)
        assert table.digest() == DIGEST


def test_check_notices_a_value_freed_twice() -> None:
    """The reference's own check fails when its free list is wrong."""
    table = PyHandleTable()
    table.open(7, 1, READ)
    table.close(4)
    table.check()
    table._free.append(0)

    with pytest.raises(AssertionError, match="freed twice"):
        table.check()


def test_check_notices_a_lost_slot() -> None:
    """The reference's own check fails when an empty slot is on no list."""
    table = PyHandleTable()
    table.open(7, 1, READ)
    table.close(4)
    table._free.clear()

    with pytest.raises(AssertionError, match="on the free list"):
        table.check()


def test_tables_of_two_kinds_are_not_compared(table: HandleTable) -> None:
    """Only a table of the same twin can be compared with one."""
    with pytest.raises(TypeError, match="same kind"):
        table.beyond(object())  # type: ignore[arg-type]


# -- against a dictionary --------------------------------------------------------------------

SMALL = st.integers(0, 3)
VALUES = st.integers(-2, 12).map(lambda number: number * 4) | st.sampled_from(ABSENT)


class TableMachine(RuleBasedStateMachine):
    """Random calls keep the table equal to a dictionary and a stack of freed values."""

    backend: Callable[[], HandleTable]

    def __init__(self) -> None:
        super().__init__()
        self.table = self.backend()
        self.live: dict[int, tuple[int, int, int, bool]] = {}
        self.freed: list[int] = []
        self.then, self.there = self.table.copy(), set(self.live)

    @property
    def fresh(self) -> int:
        """The next value when none is free."""
        return 4 * (len(self.live) + len(self.freed) + 1)

    @rule(obj=SMALL, hive=SMALL, access=SMALL, inherit=st.booleans())
    def open(self, obj: int, hive: int, access: int, inherit: bool) -> None:
        """Open: the value freed last, else the next one."""
        expected = self.freed.pop() if self.freed else self.fresh

        assert self.table.open(obj, hive, access, inherit) == expected
        self.live[expected] = (obj, hive, access, inherit)

    @rule(handle=VALUES, tag=SMALL)
    def close(self, handle: int, tag: int) -> None:
        """Close: the object named, or -1 and no change."""
        handle &= ~3
        entry = self.live.pop(handle, None)

        assert self.table.close(handle | tag) == (entry[0] if entry else -1)
        if entry:
            self.freed.append(handle)

    @rule(handle=VALUES)
    def duplicate(self, handle: int) -> None:
        """Duplicate: one more handle to the same, or -1 and no change."""
        entry = self.live.get(handle & ~3)
        expected = -1 if entry is None else self.freed.pop() if self.freed else self.fresh

        assert self.table.duplicate(handle) == expected
        if entry is not None:
            self.live[expected] = entry

    @rule(handle=VALUES)
    def lookup(self, handle: int) -> None:
        """Look up: the entry, or nothing."""
        assert self.table.lookup(handle) == self.live.get(handle & ~3)

    @rule(hive=SMALL)
    def handles_in(self, hive: int) -> None:
        """List one hive's handles."""
        expected = sorted(h for h, entry in self.live.items() if entry[1] == hive)

        assert self.table.handles_in(hive) == expected

    @precondition(lambda self: self.live)
    @rule()
    def close_all(self) -> None:
        """Close all: the objects in order of handle, and a table as new."""
        assert self.table.close_all() == [self.live[handle][0] for handle in sorted(self.live)]
        self.live.clear()
        self.freed.clear()

    @rule()
    def continue_with_a_copy(self) -> None:
        """Go on with a copy, which must be as good as the original."""
        self.table = self.table.copy()

    @rule()
    def remember(self) -> None:
        """Keep a copy, to be compared with what comes."""
        self.then, self.there = self.table.copy(), set(self.live)

    def expected_digest(self) -> int:
        """The digest by the reference, which keeps no slots that were never used."""
        twin = PyHandleTable()
        twin._slots = [self.live.get(handle) for handle in range(4, self.fresh, 4)]
        twin._free = [handle // 4 - 1 for handle in self.freed]
        return twin.digest()

    @invariant()
    def agrees(self) -> None:
        """Entries, count and ranks are the dictionary's; the table's own check passes."""
        self.table.check()
        assert self.table.digest() == self.expected_digest()
        assert list(self.table.items()) == sorted(self.live.items())
        assert len(self.table) == len(self.live)
        assert self.table.beyond(self.then) == min(set(self.live) - self.there, default=-1)
        assert self.then.beyond(self.table) == min(self.there - set(self.live), default=-1)
        ranks = [*reversed(self.freed), self.fresh, self.fresh + 4]
        assert [self.table.reuse_rank(handle) for handle in ranks] == list(range(len(ranks)))
        assert all(self.table.reuse_rank(handle) is None for handle in self.live)


@pytest.mark.parametrize("backend", list(BACKENDS.values()), ids=list(BACKENDS))
def test_table_equals_a_dictionary(backend: Callable[[], HandleTable]) -> None:
    """After any sequence of calls the table holds what a dictionary would."""
    made = type("Machine", (TableMachine,), {"backend": staticmethod(backend)})

    run_state_machine_as_test(made)
