"""Threads that run one at a time, each until its next point, in an order that somebody chooses.

They are threads of Python that hand over to each other: where one comes to a point, another is let
go on. So the same choices give the same run.
"""

from __future__ import annotations

import linecache
import sys
import threading
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from types import FrameType
from typing import Final

import attrs

from regsim.errors import UsageError

PATIENCE: Final = 10.0
"""How many seconds a thread may take from one point to the next."""
MOST: Final = 5_000
"""How many points a run may have before it is given up."""
_REGSIM: Final = str(Path(__file__).resolve().parents[1])
_LIBRARY: Final = str(Path(threading.__file__).resolve().parent)
_START: Final = threading.Thread.start
Touched = frozenset[Hashable]
"""What a step depends on and changes: two that touch nothing in common can change places."""
ALL: Final[Touched] = frozenset({"*"})
"""Touched by what may touch anything."""


def meet(one: Touched, other: Touched) -> bool:
    """Return whether two steps that touch these may not change places."""
    return bool(one & other) or ALL in (one, other)


Choose = Callable[["Baton", list["Turn"]], "Turn | None"]
"""Chooses who goes on, among those who can; None gives the run up."""


class AbandonedError(BaseException):
    """Raised in a thread whose run is given up, so that it ends."""


@attrs.frozen
class Line:
    """What one step of a run did: who, on which line of their code, and what came of it."""

    thread: str
    where: str
    source: str
    what: str


@attrs.define(eq=False)
class Turn:
    """A thread of the run, and what it will do when it is its turn.

    Attributes:
        number: its place among the threads, by which an order names it.
        name: what it is called.
        body: what it runs.
        ready: whether it can go on now.
        what: what it is about to do.
        touches: what that touches.
        timed: whether it would give up waiting, if nobody else could go on.
        expired: whether it has given up waiting.
        over: whether it has ended.
        error: what it ended by, and the line.
    """

    number: int
    name: str
    body: Callable[[], object]
    ready: Callable[[], bool] = lambda: True
    what: str = "begins"
    touches: Touched = frozenset()
    timed: bool = False
    expired: bool = False
    over: bool = False
    error: BaseException | None = None
    where: str = ""
    source: str = ""
    go: threading.Semaphore = attrs.field(factory=lambda: threading.Semaphore(0))
    ident: int = 0


class Baton:
    """One run of some threads.

    Args:
        choose: says who goes on.

    Attributes:
        turns: the threads, in the order in which they were begun.
        lines: what they did.
        current: the one that goes on now.
        waited: whether any waited with a time limit.
        foreign: what to say of a thread that took part and is not of the run.
        stuck: those that wait for each other, in words, where the run ended so.
        flush: what a thread does at its end.
        within: is given what a thread runs, and returns it as it is to be run.
    """

    def __init__(self, choose: Choose) -> None:
        self.choose = choose
        self.turns: list[Turn] = []
        self.lines: list[Line] = []
        self.current: Turn | None = None
        self.made = 0
        self.points = 0
        self.waited = False
        self.stuck = ""
        self.foreign: UsageError | None = None
        self.ending = False
        self.flush: Callable[[], None] = lambda: None
        self.within: Callable[[Callable[[], object]], Callable[[], object]] = lambda body: body
        self._back = threading.Semaphore(0)

    # -- the scheduler's side --------------------------------------------------------------------

    def add(self, body: Callable[[], object], name: str) -> Turn:
        """Return a thread that will run *body* from its first turn on."""
        turn = Turn(len(self.turns), name, body)
        turn.touches = frozenset({("thread", turn.number)})
        self.turns.append(turn)
        _START(threading.Thread(target=self._run, args=(turn,), name=name, daemon=True))
        return turn

    def run(self) -> str:
        """Run all threads to their ends; return "" or why that was not to be.

        ``deadlock`` where those left wait for each other, ``long`` where there is no end to it,
        ``stopped`` where the choice was to stop.

        Raises:
            UsageError: a thread waits for something that is not part of this.
        """
        try:
            while True:
                able = [turn for turn in self.turns if not turn.over and turn.ready()]
                if not able:
                    able = [turn for turn in self.turns if not turn.over and turn.timed]
                    for turn in able:
                        turn.expired = True
                if not able:
                    left = (turn for turn in self.turns if not turn.over)
                    self.stuck = "; ".join(f"{t.name} {t.what} at {t.where}" for t in left)
                    return "deadlock" if self.stuck else ""
                chosen = self.choose(self, able)
                self.points += 1
                if chosen is None or self.points > MOST:
                    return "long" if chosen is not None else "stopped"
                self._hand_to(chosen, able)
        finally:
            self._end()

    def _hand_to(self, turn: Turn, able: Iterable[Turn]) -> None:
        for other in able:
            other.expired = other.expired and other is turn
        self.current = turn
        turn.go.release()
        if not self._back.acquire(timeout=PATIENCE):
            frame = sys._current_frames().get(turn.ident)  # noqa: SLF001 - to say where it stands
            where = _place(frame)[0] or "its own code"
            raise UsageError(
                f"thread {turn.name} does not come back from {where}: it waits for something that "
                "explore() does not see, such as a lock made before; make it in setup= or in the "
                "threads, and name the modules that make locks in patch="
            )

    def _end(self) -> None:
        """Have every thread that is left end now."""
        self.ending = True
        for turn in self.turns:
            if not turn.over:
                turn.go.release()
                self._back.acquire(timeout=PATIENCE)

    # -- the threads' side -----------------------------------------------------------------------

    def _run(self, turn: Turn) -> None:
        turn.ident = threading.get_ident()
        turn.go.acquire()
        try:
            if not self.ending:
                self._do(turn)
        except AbandonedError:
            pass
        finally:
            turn.over, turn.what = True, "has ended"
            self._back.release()

    def _do(self, turn: Turn) -> None:
        try:
            self.within(turn.body)()
        except AbandonedError:
            raise
        except SystemExit:
            pass  # as threads of Python's end by it
        except BaseException as error:  # noqa: BLE001 - whatever leaves a thread is what is sought
            turn.where, turn.source = _line_of(error)
            turn.error = error.with_traceback(None)
        self.flush()

    def me(self) -> Turn:
        """Return the thread that runs now.

        Raises:
            UsageError: the caller is none of the run's threads; the run fails with that too.
        """
        turn = self.current
        if turn is None or turn.ident != threading.get_ident():
            raise self.refused()
        return turn

    def refused(self) -> UsageError:
        """Return what to say of a thread that is not part of the run, which then fails with it."""
        where = _place(sys._getframe(1))[0] or "its own code"  # noqa: SLF001 - the user's line
        self.foreign = UsageError(
            f"a thread that explore() does not order takes part at {where}: start threads with "
            "threading.Thread itself in a module that patch= names, and derive from it there while "
            "the threads run; executors and the like are not ordered"
        )
        return self.foreign

    def start(self, thread: threading.Thread) -> None:
        """Start a real *thread*, in place of its ``start``; refuse to for a thread of the run."""
        if threading.get_ident() in (turn.ident for turn in self.turns):
            raise self.refused()
        _START(thread)

    def point(
        self,
        what: str,
        touches: Touched,
        ready: Callable[[], bool] = lambda: True,
        *,
        timed: bool = False,
    ) -> bool:
        """Let others go on first, and return once it is the caller's turn and *ready* says so.

        With *timed*, return False where nobody could go on otherwise: then time has passed.
        """
        if self.ending:
            raise AbandonedError
        turn = self.me()
        turn.ready, turn.what, turn.touches, turn.timed = ready, what, touches, timed
        turn.expired = False
        self.waited = self.waited or timed
        turn.where, turn.source = _place(sys._getframe(1))  # noqa: SLF001 - the user's line
        self._back.release()
        turn.go.acquire()
        if self.ending:
            raise AbandonedError
        turn.timed = False
        return not turn.expired

    def did(self, what: str) -> None:
        """Note what the caller's thread has just done."""
        turn = self.me()
        where, source = _place(sys._getframe(1))  # noqa: SLF001 - the user's line
        self.lines.append(Line(turn.name, where, source, what))

    def fresh(self) -> int:
        """Return a number for one more thing that threads share."""
        self.made += 1
        return self.made


def _place(frame: FrameType | None) -> tuple[str, str]:
    """Return the line of the user's code at or above *frame*, as ``file:line`` and its text."""
    while frame is not None:
        if _users(frame):
            return _at(frame, frame.f_lineno)
        frame = frame.f_back
    return "", ""


def _line_of(error: BaseException) -> tuple[str, str]:
    """Return the last line of the user's code that *error* came through."""
    trace, found = error.__traceback__, ("", "")
    while trace is not None:
        if _users(trace.tb_frame):
            found = _at(trace.tb_frame, trace.tb_lineno)
        trace = trace.tb_next
    return found


def _users(frame: FrameType) -> bool:
    name = frame.f_code.co_filename
    ours = name.startswith((_REGSIM, _LIBRARY, "<frozen")) and "site-packages" not in name
    return not (ours or name.startswith(_REGSIM))


def _at(frame: FrameType, line: int) -> tuple[str, str]:
    name = frame.f_code.co_filename
    return f"{Path(name).name}:{line}", linecache.getline(name, line).strip()
