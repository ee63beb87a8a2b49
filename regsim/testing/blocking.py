"""``threading``, ``queue`` and ``time`` for the threads of `regsim.testing.baton`.

Each use of a lock, an event, a condition, a queue or a thread is a point at which others may go on.
A wait with a time limit ends early only where nobody else could go on: no time passes here.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final

from regsim.testing.baton import ALL, Baton, Touched, Turn


class Shareable:
    """What threads share: its points are points of its own."""

    def __init__(self, baton: Baton, kind: str) -> None:
        self._baton, self._kind = baton, kind
        self._number = baton.fresh()

    def _touches(self) -> Touched:
        return frozenset({(self._kind, self._number)})

    def _name(self) -> str:
        return f"{self._kind} {self._number}"

    def _wait(self, what: str, ready: Callable[[], bool], timeout: float | None) -> bool:
        """Wait until *ready*; return whether it is."""
        timed = timeout is not None and timeout >= 0
        text = f"{what} {self._name()}"
        passed = self._baton.point(text, self._touches(), ready, timed=timed) or ready()
        self._baton.did(text if passed else f"{text}: time is up")
        return passed

    def _do(self, what: str) -> None:
        self._baton.point(f"{what} {self._name()}", self._touches())
        self._baton.did(f"{what} {self._name()}")


class _Lock(Shareable):
    _again = False

    def __init__(self, baton: Baton, kind: str = "lock") -> None:
        super().__init__(baton, kind)
        self._owner: Turn | None = None
        self._count = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        me = self._baton.me()

        def ready() -> bool:
            return self._owner is None or (self._again and self._owner is me)

        if not blocking:
            self._do("tries")
            if not ready():
                return False
        elif not self._wait("acquires", ready, timeout if timeout >= 0 else None):
            return False
        self._owner, self._count = me, self._count + 1
        return True

    def release(self) -> None:
        if self._baton.ending:
            return
        if self._owner is None or (self._again and self._owner is not self._baton.me()):
            raise RuntimeError("release unlocked lock")
        self._do("releases")
        self._count -= 1
        if not self._count:
            self._owner = None

    def locked(self) -> bool:
        self._do("looks at")
        return self._owner is not None

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class _RLock(_Lock):
    _again = True


class _Event(Shareable):
    def __init__(self, baton: Baton) -> None:
        super().__init__(baton, "event")
        self._flag = False

    def is_set(self) -> bool:
        self._do("looks at")
        return self._flag

    def set(self) -> None:
        self._do("sets")
        self._flag = True

    def clear(self) -> None:
        self._do("clears")
        self._flag = False

    def wait(self, timeout: float | None = None) -> bool:
        return self._wait("waits for", lambda: self._flag, timeout)


class _Condition(Shareable):
    def __init__(self, baton: Baton, lock: Any = None) -> None:  # noqa: ANN401 - any lock
        super().__init__(baton, "condition")
        self._lock: _Lock = _RLock(baton) if lock is None else lock
        self._waiting: deque[list[bool]] = deque()
        self.acquire, self.release = self._lock.acquire, self._lock.release

    def __enter__(self) -> bool:
        return self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def _owned(self) -> None:
        if self._lock._owner is not self._baton.me():  # noqa: SLF001 - the same room
            raise RuntimeError("cannot wait on or notify an un-acquired lock")

    def wait(self, timeout: float | None = None) -> bool:
        self._owned()
        me, lock, told = self._baton.me(), self._lock, [False]
        both = self._touches() | lock._touches()  # noqa: SLF001 - the same room
        text = f"waits for {self._name()}"
        self._baton.point(text, both)
        self._baton.did(text)
        self._waiting.append(told)
        count, lock._count, lock._owner = lock._count, 0, None  # noqa: SLF001
        timed = timeout is not None
        self._baton.point(text, both, lambda: told[0], timed=timed)
        if not told[0]:
            self._waiting.remove(told)
        lock._wait("acquires", lambda: lock._owner is None, None)  # noqa: SLF001
        lock._owner, lock._count = me, count  # noqa: SLF001
        return told[0]

    def wait_for(self, predicate: Callable[[], Any], timeout: float | None = None) -> Any:  # noqa: ANN401
        found = predicate()
        while not found:
            passed = self.wait(timeout)
            found = predicate()
            if not passed:
                break
        return found

    def notify(self, n: int = 1) -> None:
        self._owned()
        self._do("notifies")
        for _ in range(min(n, len(self._waiting))):
            self._waiting.popleft()[0] = True

    def notify_all(self) -> None:
        self.notify(len(self._waiting))


class _Semaphore(Shareable):
    _most: int | None = None

    def __init__(self, baton: Baton, value: int = 1) -> None:
        super().__init__(baton, "semaphore")
        if value < 0:
            raise ValueError("semaphore initial value must be >= 0")
        self._value = value

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        if not blocking:
            self._do("tries")
            passed = self._value > 0
        else:
            passed = self._wait("acquires", lambda: self._value > 0, timeout)
        self._value -= passed
        return passed

    def release(self, n: int = 1) -> None:
        if self._baton.ending:
            return
        self._do("releases")
        if self._most is not None and self._value + n > self._most:
            raise ValueError("Semaphore released too many times")
        self._value += n

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class _BoundedSemaphore(_Semaphore):
    def __init__(self, baton: Baton, value: int = 1) -> None:
        super().__init__(baton, value)
        self._most = value


class _Thread:
    """A thread of the run; it can be derived from, as ``threading.Thread``."""

    baton: Baton

    def __init__(
        self,
        group: None = None,  # noqa: ARG002 - as threading's
        target: Callable[..., object] | None = None,
        name: str | None = None,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        daemon: bool | None = None,
    ) -> None:
        self._target, self._args, self._kwargs = target, args, dict(kwargs or {})
        self.name = name or f"{getattr(target, '__name__', 'thread')}-{self.baton.fresh()}"
        self.daemon = bool(daemon)
        self._turn: Turn | None = None

    def start(self) -> None:
        if self._turn is not None:
            raise RuntimeError("threads can only be started once")
        self.baton.point(f"starts {self.name}", frozenset())
        self._turn = self.baton.add(self.run, self.name)
        self.baton.did(f"starts {self.name}")

    def run(self) -> None:
        if self._target is not None:
            self._target(*self._args, **self._kwargs)

    def join(self, timeout: float | None = None) -> None:
        turn = self._turn
        if turn is None:
            raise RuntimeError("cannot join thread before it is started")
        touches: Touched = frozenset({("thread", turn.number)})
        timed = timeout is not None
        self.baton.point(f"joins {self.name}", touches, lambda: turn.over, timed=timed)
        self.baton.did(f"joins {self.name}")

    def is_alive(self) -> bool:
        if self._turn is None:
            return False
        self.baton.point(f"looks at {self.name}", ALL)
        return not self._turn.over

    @property
    def ident(self) -> int | None:
        return None if self._turn is None else self._turn.ident


class _Queued:
    """Makes one of ``queue``'s classes wait by points; the rest of it is its own."""

    mutex: Any
    maxsize: int

    def __init__(self, baton: Baton, maxsize: int = 0) -> None:
        self.maxsize = maxsize
        self._init(maxsize)  # type: ignore[attr-defined]
        self.mutex = _Lock(baton, "queue")
        self.not_empty: Any = _Condition(baton, self.mutex)
        self.not_full: Any = _Condition(baton, self.mutex)
        self.all_tasks_done: Any = _Condition(baton, self.mutex)
        self.unfinished_tasks = 0
        self.is_shutdown = False

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: ANN401
        with self.mutex:
            while not self._qsize():  # type: ignore[attr-defined]
                if not block or not self.not_empty.wait(timeout):
                    raise queue.Empty
            item = self._get()  # type: ignore[attr-defined]
            self.not_full.notify()
            return item

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: ANN401
        with self.mutex:
            while 0 < self.maxsize <= self._qsize():  # type: ignore[attr-defined]
                if not block or not self.not_full.wait(timeout):
                    raise queue.Full
            self._put(item)  # type: ignore[attr-defined]
            self.unfinished_tasks += 1
            self.not_empty.notify()


class _Queue(_Queued, queue.Queue):  # type: ignore[type-arg]
    pass


class _LifoQueue(_Queued, queue.LifoQueue):  # type: ignore[type-arg]
    pass


class _PriorityQueue(_Queued, queue.PriorityQueue):  # type: ignore[type-arg]
    pass


_REAL: Final = {
    type(threading.Lock()): _Lock,
    type(threading.RLock()): _RLock,
    threading.Event: _Event,
    threading.Condition: _Condition,
    queue.Queue: _Queue,
    queue.LifoQueue: _LifoQueue,
    queue.PriorityQueue: _PriorityQueue,
    queue.SimpleQueue: _Queue,
}


def instead_of(baton: Baton, thing: object) -> Any:  # noqa: ANN401 - one of the classes here
    """Return a fresh one for *thing*, a real lock, event, condition or queue; None for others."""
    kind = type(thing)
    if kind in (threading.Semaphore, threading.BoundedSemaphore):
        made = _Semaphore if kind is threading.Semaphore else _BoundedSemaphore
        return made(baton, thing._value)  # type: ignore[attr-defined]  # noqa: SLF001
    found = _REAL.get(kind)
    return None if found is None else found(baton)


def modules(baton: Baton) -> dict[str, ModuleType]:
    """Return ``threading``, ``queue`` and ``time`` for the threads of *baton*'s run, by name."""
    kinds: dict[str, dict[str, Any]] = {
        "threading": {
            "Lock": _Lock,
            "RLock": _RLock,
            "Event": _Event,
            "Condition": _Condition,
            "Semaphore": _Semaphore,
            "BoundedSemaphore": _BoundedSemaphore,
        },
        "queue": {
            "Queue": _Queue,
            "SimpleQueue": _Queue,
            "LifoQueue": _LifoQueue,
            "PriorityQueue": _PriorityQueue,
        },
    }
    made: dict[str, ModuleType] = {}
    for real in (threading, queue, time):
        module = made[real.__name__] = ModuleType(real.__name__, real.__doc__)
        vars(module).update({n: v for n, v in vars(real).items() if not n.startswith("__")})
        for name, kind in kinds.get(real.__name__, {}).items():
            setattr(module, name, _bound(kind, baton))
    made["threading"].Thread = type("Thread", (_Thread,), {"baton": baton})  # type: ignore[attr-defined]

    def sleep(_seconds: float) -> None:
        baton.point("sleeps", ALL)  # what others do meanwhile is what it is for

    made["time"].sleep = sleep  # type: ignore[attr-defined]
    return made


def _bound(kind: Any, baton: Baton) -> Any:  # noqa: ANN401 - a class
    return type(kind.__name__.lstrip("_"), (kind,), {"__init__": _begin(kind, baton)})


def _begin(kind: Any, baton: Baton) -> Callable[..., None]:  # noqa: ANN401 - a class
    def begin(self: Any, *args: Any, **named: Any) -> None:  # noqa: ANN401 - those of the class
        kind.__init__(self, baton, *args, **named)

    return begin
