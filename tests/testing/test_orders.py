"""Real code in every order of its steps: what is found, and that nothing else is claimed."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import comb
from typing import Any

import attrs
import pytest

from regsim.check.property import Verdict
from regsim.errors import UsageError
from regsim.testing import OrderError, baton, explore, orders

winreg: Any = None
"""What a run puts here; elsewhere than on Windows there is none to import."""
FIRST, SECOND = threading.Lock(), threading.Lock()
KEY = "Software"


def right() -> None:
    """Open a key and close it."""
    with winreg.OpenKey(winreg.HKEY_CURRENT_USER, KEY):
        pass


def naive() -> None:
    """Close the root of HKEY_CURRENT_USER after each use, under whoever else uses it."""
    right()
    winreg.CloseKey(winreg.HKEY_CURRENT_USER)


def creating() -> None:
    """Do as `naive` does with a key that is there, through the call that would create it."""
    winreg.CreateKey(winreg.HKEY_CURRENT_USER, KEY).Close()
    winreg.CloseKey(winreg.HKEY_CURRENT_USER)


def locked() -> None:
    """Do as `naive` does, one thread at a time."""
    with FIRST:
        naive()


def wrong(threads: list[Callable], **options: Any) -> OrderError:
    """Return what is found to be wrong with *threads*."""
    with pytest.raises(OrderError) as found:
        explore(threads, **options)
    return found.value


# -- the registry ----------------------------------------------------------------------------------


def test_the_naive_fix_breaks_another_thread_within_200_orders() -> None:
    """A root that one thread closes is missed by another in the midst of its call: error 6."""
    error = wrong([naive, naive], schedules=200)

    assert error.found.schedules <= 200
    assert error.found.why.startswith("OSError ends thread naive")
    assert error.found.lines[-1].what.endswith("open-subkey -> INVALID_HANDLE")
    assert error.found.lines[-1].source == "with winreg.OpenKey(winreg.HKEY_CURRENT_USER, KEY):"
    assert error.found.lines[-1].where.startswith("test_orders.py:")
    assert len({line.thread for line in error.found.lines}) == 2


def test_a_creation_is_run_step_by_step_too() -> None:
    """Between the steps of a creation another thread can close the root as well: error 6."""
    error = wrong([creating, creating], schedules=200)

    assert error.found.lines[-1].what.startswith("RegCreateKeyEx(HKCU")
    assert error.found.lines[-1].what.endswith("-> INVALID_HANDLE")


def test_a_lone_thread_does_not_break_itself() -> None:
    """The naive fix holds for one thread, and for two that take turns by a lock."""
    assert explore([naive]).verdict is Verdict.HOLDS
    assert explore([locked, locked]).verdict is Verdict.HOLDS


def test_each_order_of_the_steps_is_run_once() -> None:
    """Of two threads with three steps each there are as many orders as ways to shuffle them."""
    seen, _ = _endings((right, right))

    assert len(seen) == comb(6, 3)


def test_few_preemptions_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders are taken by how often a thread is stopped that could go on."""
    costs: list[int] = []
    run = orders._Runner.run

    def noted(self: Any, choose: Any) -> Any:
        found = run(self, choose)
        nodes = [(node, dict(node.able)) for node in found.nodes]
        costs.append(sum(n.before in able and n.before != n.chosen for n, able in nodes))
        return found

    monkeypatch.setattr(orders._Runner, "run", noted)
    explore([right, right, right], schedules=80)  # of which the last 20 are drawn

    assert costs[:60] == sorted(costs[:60])
    assert costs[0] == 0 < costs[59]


def test_an_order_that_was_printed_can_be_run_again() -> None:
    """The replay of an order is the same order; another one is not taken for it."""
    error = wrong([naive, naive])
    again = wrong([naive, naive], replay=error.found.replay)

    assert again.found.lines == error.found.lines
    assert f"replay={error.found.replay!r}" in str(error)
    assert explore([naive, naive], replay="0x1").verdict is Verdict.INCONCLUSIVE
    with pytest.raises(UsageError, match="run again in this order"):
        explore([naive, naive], replay="0x9 1x9")
    with pytest.raises(UsageError, match="is no order"):
        explore([naive, naive], replay="first the one")


def test_a_handle_that_is_left_open_is_found() -> None:
    """What no thread closes is a leak, with the line that opened it; what is dropped is closed."""
    kept: list[Any] = []

    def leak() -> None:
        kept.append(winreg.OpenKey(winreg.HKEY_CURRENT_USER, KEY))

    def drop(registry: Any) -> None:
        winreg.OpenKey(winreg.HKEY_CURRENT_USER, KEY)
        assert all(handle.implicit for handle in registry.winreg.open_handles())

    assert wrong([leak], setup=kept.clear).found.why.startswith("leak: 1 handle left open")
    assert explore([drop]).verdict is Verdict.HOLDS


def test_the_end_of_a_run_can_be_asked_about() -> None:
    """What `check` says of the registry at the end must hold in each order."""

    def writes(text: str) -> Callable[[], None]:
        def write() -> None:
            with winreg.CreateKey(winreg.HKEY_CURRENT_USER, KEY) as key:
                winreg.SetValueEx(key, "Colour", 0, winreg.REG_SZ, text)

        return write

    def is_blue(registry: Any) -> None:
        with registry.winreg.OpenKey(registry.winreg.HKEY_CURRENT_USER, KEY) as key:
            assert registry.winreg.QueryValueEx(key, "Colour")[0] == "blue", "it is not blue"

    assert explore([writes("blue"), writes("blue")], check=is_blue).verdict is Verdict.HOLDS
    assert "it is not blue" in wrong([writes("blue"), writes("red")], check=is_blue).found.why


def test_a_service_can_act_as_the_user() -> None:
    """A thread that takes an argument is given the registry; a service's root then stays open."""

    def serve(registry: Any) -> None:
        with registry.acting_as_user():
            right()

    assert wrong([serve], process="service").found.why.startswith("leak: ")
    assert explore([right], process="service").verdict is Verdict.HOLDS


# -- threads, locks, queues ------------------------------------------------------------------------


def first_then_second() -> None:
    """Take two locks in this order."""
    with FIRST, SECOND:
        pass


def second_then_first() -> None:
    """Take two locks in the other order."""
    with SECOND, FIRST:
        pass


def test_a_deadlock_is_found_and_said() -> None:
    """Two threads that take two locks in different orders can wait for each other for ever."""
    found = wrong([first_then_second, second_then_first]).found

    assert found.why.startswith("deadlock: first_then_second acquires lock ")
    assert "second_then_first acquires lock " in found.why
    assert explore([first_then_second, first_then_second]).verdict is Verdict.HOLDS
    assert not FIRST.locked(), "the module has its own lock back"


def test_threads_that_the_code_starts_take_part() -> None:
    """A thread that is joined has done its work; one that is only slept for may not have."""

    def joined() -> None:
        done: list[int] = []
        thread = threading.Thread(target=done.append, args=(1,))
        thread.start()
        thread.join()
        assert done == [1]

    def slept() -> None:
        done: list[int] = []
        threading.Thread(target=done.append, args=(1,)).start()
        time.sleep(1)
        assert done == [1], "too early"

    def early() -> None:
        done: list[int] = []
        threading.Thread(target=done.append, args=(1,)).start()
        time.sleep(1)
        assert not done, "too late"

    assert "too late" in wrong([early]).found.why
    assert explore([joined]).verdict is Verdict.HOLDS
    assert "too early" in wrong([slept]).found.why


def test_a_condition_must_be_waited_for_in_a_loop() -> None:
    """A notice that comes before anyone waits is lost, unless the state is looked at as well."""
    condition, ready = threading.Condition(), [False]

    def reset() -> None:
        ready[0] = False

    def tell() -> None:
        with condition:
            ready[0] = True
            condition.notify_all()

    def careful() -> None:
        with condition:
            condition.wait_for(lambda: ready[0])

    def careless() -> None:
        with condition:
            condition.wait()

    assert explore([tell, careful], setup=reset).verdict is Verdict.HOLDS
    assert wrong([tell, careless], setup=reset).found.why.startswith("deadlock: careless waits")


def test_queues_events_and_semaphores_wait() -> None:
    """What is put is got, what is set is seen, and a semaphore lets in as many as it counts."""
    line: queue.Queue[int] = queue.Queue(maxsize=1)
    event, room, inside = threading.Event(), threading.Semaphore(1), [0]

    def puts() -> None:
        for number in range(2):
            line.put(number)
        event.set()

    def gets() -> None:
        assert [line.get() for _ in range(2)] == [0, 1]
        assert event.wait()
        with pytest.raises(queue.Empty):
            line.get_nowait()

    def enters() -> None:
        with room:
            inside[0] += 1
            right()
            inside[0] -= 1
            assert inside == [0]

    assert explore([puts, gets], schedules=3_000).verdict is Verdict.HOLDS
    assert explore([enters, enters]).verdict is Verdict.HOLDS
    assert wrong([gets]).found.why.startswith("deadlock: gets waits for condition")


def test_a_wait_with_a_limit_ends_where_nobody_else_can_go_on() -> None:
    """Time passes only when all wait, and what was found says so."""
    event = threading.Event()

    def waits() -> None:
        assert not event.wait(1)

    def sets() -> None:
        event.set()

    found = explore([waits])

    assert found.verdict is Verdict.HOLDS
    assert "time limit" in found.why
    assert wrong([waits, sets]).found.why.startswith("AssertionError ends thread waits")


# -- what is known, and what is not ----------------------------------------------------------------


def closes_root() -> None:
    """Close the root of HKEY_CURRENT_USER behind a lock."""
    with FIRST:
        winreg.CloseKey(winreg.HKEY_CURRENT_USER)


@pytest.mark.parametrize("threads", [(closes_root, right), (first_then_second, second_then_first)])
def test_orders_that_are_left_out_end_like_others(
    threads: tuple[Callable, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leaving out what only changes places of independent steps leaves every ending there."""
    few, less = _endings(threads)
    monkeypatch.setattr(orders, "meet", lambda _one, _other: True)
    every, more = _endings(threads)

    assert few == every
    assert less < more


def _endings(threads: tuple[Callable, ...]) -> tuple[set[Any], int]:
    """Return how the orders of *threads* end, by the calls that were made, and their number."""
    seen: set[Any] = set()
    run = orders._Runner.run

    def noted(self: Any, choose: Any) -> Any:
        found = run(self, choose)
        if found.ended != "stopped":
            calls = tuple(line for line in found.lines if "Reg" in line.what)
            seen.add((calls, found.failure))
        return attrs.evolve(found, failure="")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(orders._Runner, "run", noted)
        return seen, explore(threads).schedules


def test_a_bound_never_reads_as_holds() -> None:
    """Where there are more orders than may be run, what is not known is said."""
    found = explore([right, right, right], schedules=40)

    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.schedules == 40
    assert "there are more" in str(found)


def test_what_is_deep_is_found_at_random_and_made_short() -> None:
    """Beyond the bound orders are drawn by a seed, and what they find has few changes of thread."""

    def busy() -> None:
        for _ in range(3):
            right()

    def both() -> None:
        busy()
        naive()

    shortest = wrong([both, busy]).found
    found = [wrong([busy, both], schedules=8, seed=seed).found for seed in range(3)]

    assert all(len(each.replay.split()) <= len(shortest.replay.split()) + 1 for each in found)


def test_threads_that_keep_something_are_refused() -> None:
    """What does not do the same in the same order cannot be explored, unless setup= resets it."""
    count = [0]

    def counts() -> None:
        count[0] += 1
        if count[0] < 3:
            with FIRST:
                pass

    def reset() -> None:
        count[0] = 0

    with pytest.raises(UsageError, match=r"made anew by setup="):
        explore([counts, counts, first_then_second])
    assert explore([counts, counts], setup=reset).verdict is Verdict.HOLDS


def test_a_lock_that_is_not_seen_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that waits for a lock out of sight is named with its line, not waited for."""
    monkeypatch.setattr(baton, "PATIENCE", 0.2)
    hidden = [threading.Lock()]

    def holds() -> None:
        hidden[0].acquire()
        right()

    def waits() -> None:
        hidden[0].acquire(timeout=2)

    with pytest.raises(UsageError, match=r"thread waits does not come back from test_orders\.py:"):
        explore([holds, waits])


class Derived(threading.Thread):
    """A thread of a class that was made before anything is watched."""

    def run(self) -> None:
        """Do as `right` does."""
        right()


def test_a_thread_that_is_not_ordered_is_refused() -> None:
    """Threads that go their own way make no verdict: a class made before, and an executor."""

    def starts() -> None:
        thread = Derived()
        with contextlib.suppress(UsageError):  # as a program might, that catches too much
            thread.start()

    def pools() -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(right)

    for threads in ([starts], [pools]):
        with pytest.raises(UsageError, match=r"does not order takes part at test_orders\.py:"):
            explore(threads)
    assert threading.Thread.start.__name__ == "start"


@pytest.mark.parametrize(
    ("threads", "options", "why"),
    [
        ([], {}, "list of functions"),
        ([1], {}, "list of functions"),
        ([right], {"schedules": 0}, "at least one"),
    ],
)
def test_wrong_use_is_refused(threads: Any, options: dict[str, Any], why: str) -> None:
    """What cannot be meant is said in one line."""
    with pytest.raises(UsageError, match=why):
        explore(threads, **options)
