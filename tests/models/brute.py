"""Plain code run in every order, with nothing learned: each thread's whole past is its state.

The judge of what `regsim.explore.learned` merges and tabulates. It has a ``win`` of its own, takes
the steps of each call on machines themselves, and tells two states apart by all that a thread was
ever told.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import attrs

from regsim import keypath
from regsim.actors.stage import PENDING, USER, USER_PATH
from regsim.explore.service import ServiceModel
from regsim.kernel.calls import Call
from regsim.kernel.canonical import canonical
from regsim.kernel.expr import Frame, evaluate
from regsim.kernel.machine import Machine
from regsim.kernel.process import Memory, Token
from regsim.kernel.steps import FAIL, RETURN, advance, enabled, take
from regsim.status import NtStatus, to_win32
from regsim.types import PredefinedKey, Sid, Tid
from regsim.win32 import advapi

MOST = 3_000
"""How many states a case may have before it is left alone."""


class TooManyError(Exception):
    """The case has too many states to be run in every order."""


class _Stop(BaseException):
    pass


@attrs.frozen
class Actor:
    """A thread: what it was told, and the call that it is in the midst of."""

    told: tuple[Hashable, ...] = ()
    asks: tuple[Any, ...] = ("begin",)
    at: str = ""
    memory: tuple[Hashable, ...] = ()
    locals: Memory | None = attrs.field(default=None, eq=False)
    call: Call | None = attrs.field(default=None, eq=False)
    mine: frozenset[tuple[int, bool]] = frozenset()
    acting: bool = False
    broke: bool = False


class _Shared:
    def __init__(self, win: _Win) -> None:
        object.__setattr__(self, "_win", win)

    def __getattr__(self, name: str) -> Any:
        return self._win.ask("read", name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._win.ask("write", name, value)


class _Key:
    def __init__(self, win: _Win, handle: int) -> None:
        self.win, self.handle, self.closed = win, handle, False

    def __del__(self) -> None:
        if not self.closed:
            self.win.dropped.append(self.handle)

    def __enter__(self) -> _Key:  # noqa: PYI034 - it is final
        return self

    def __exit__(self, *_: object) -> None:
        self.win.RegCloseKey(self.handle)
        self.closed = True


class _Event:
    def __init__(self, win: _Win, name: str) -> None:
        self.win, self.name = win, name

    def set(self) -> None:
        self.win.ask("set", self.name)

    def wait(self) -> bool:
        return bool(self.win.ask("await", self.name))


class _Win:
    HKEY_CURRENT_USER = PredefinedKey.CURRENT_USER
    HKEY_USERS = PredefinedKey.USERS

    def __init__(self, told: tuple[Any, ...]) -> None:
        self.told, self.number = told, 0
        self.now: list[tuple[Any, ...]] = []
        self.asks: tuple[Any, ...] = ()
        self.kept: int | None = None
        self.acting = self.acted = False
        self.shared = _Shared(self)
        self.dropped: list[int] = []

    def close_dropped(self) -> None:
        while self.kept is None and self.dropped:
            with suppress(OSError):
                self.answer("call", "RegCloseKey", self.dropped[0])
            del self.dropped[0]

    def ask(self, *what: Any) -> Any:
        self.close_dropped()
        return self.answer(*what)

    def answer(self, *what: Any) -> Any:
        if self.kept is not None:  # it is being left
            raise _Stop
        if self.number == len(self.told):
            self.asks, self.kept, self.acted = what, len(self.now), self.acting
            raise _Stop
        answer = self.told[self.number]
        self.number += 1
        self.now.clear()
        if isinstance(answer, tuple) and answer[0] == "error":
            raise OSError(2 if answer[1] in (2, 3) else 22, str(answer[1]))
        return answer

    def wait(self, name: str) -> Any:
        return self.ask("wait", name)

    def work(self, name: str) -> Any:
        return self.ask("work", name)

    def event(self, name: str) -> _Event:
        return _Event(self, name)

    def RegOpenKeyEx(self, key: Any, path: str | None = None) -> Any:  # noqa: N802
        return self.ask("call", "RegOpenKeyEx", key, path)

    def RegDisablePredefinedCache(self) -> Any:  # noqa: N802
        return self.ask("call", "RegDisablePredefinedCache")

    def RegDisablePredefinedCacheEx(self) -> Any:  # noqa: N802
        return self.ask("call", "RegDisablePredefinedCacheEx")

    def sid(self, _user: str) -> str:
        return str(USER)

    def RegOpenCurrentUser(self) -> Any:  # noqa: N802
        return self.ask("call", "RegOpenCurrentUser")

    def OpenKey(self, key: Any, path: str) -> _Key:  # noqa: N802
        """Open a key that is closed with its last reference, before what is asked next."""
        return _Key(self, self.RegOpenKeyEx(key, path))

    def RegCloseKey(self, key: Any) -> Any:  # noqa: N802
        return self.ask("call", "RegCloseKey", key)

    @contextmanager
    def impersonating(self, _user: str) -> Iterator[None]:
        self.now.append(("token", USER))
        self.acting = True
        try:
            yield
        finally:
            self.acting = False
            self.now.append(("token", None))

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        self.ask("enter", name)
        try:
            yield
        finally:
            self.now.append(("leave", name))


BLOCKED = object()


def _happens(machine: Machine, variables: dict[str, Any], kind: str, what: list[Any]) -> Any:
    """Have what is no registry call happen; return its answer, or `BLOCKED` where it cannot."""
    pending = machine.memory.vars
    blocked = {
        "wait": not pending[PENDING.name],
        "enter": bool(variables.get(f"lock {what[0]}")),
        "await": what[0] not in machine.signalled,
    }
    if blocked.get(kind):
        return BLOCKED
    if kind == "read":
        return variables.get(what[0], 0)
    if kind == "wait":
        pending[PENDING.name] = int(pending[PENDING.name] or 0) - 1
    elif kind == "enter":
        variables[f"lock {what[0]}"] = 1
    elif kind == "write":
        variables[what[0]] = what[1]
    elif kind == "set":
        machine.signalled.add(what[0])
    return True


@attrs.frozen
class State:
    """A machine, and its threads that run plain code."""

    machine: Machine = attrs.field(eq=False)
    actors: tuple[Actor, ...]

    @property
    def key(self) -> Hashable:
        """What tells this state from others: the machine, each handle, and each thread's past."""
        held = []
        for process in self.machine.processes.values():
            for handle, (number, *_) in process.table.items():
                kcb = self.machine.objects[number].kcb
                held.append((process.role, handle, kcb.hive, kcb.path))
        return canonical(self.machine), self.actors, tuple(held)


class Brute:
    """Every order of *model*'s code: which claims fail in some state of it."""

    def __init__(self, model: ServiceModel) -> None:
        system = model.system()
        (machine,) = system.initial()
        self.players = {p.name: p for p in system._players}
        self.code: dict[str, Callable[..., Any]] = {}
        for each in model.services:
            names = [n for n, p in self.players.items() if p.program.name == each.name]
            self.code |= dict.fromkeys(names, each.code)
        self.names = list(self.code)
        start = machine.snapshot()
        for name in self.names:
            thread = start.threads[self.players[name].tid]
            thread.token, thread.pc = None, "plain"
            start.process_of(thread.tid).memory.vars.clear()
        state = State(start, tuple(Actor() for _ in self.names))
        for number in range(len(self.names)):
            state = self._go_on(state.machine, state.actors, number)
        self.found: set[str] = set()
        self.states = 0
        self._search(state)

    def _search(self, start: State) -> None:
        seen, left = {start.key}, [start]
        while left:
            state = left.pop()
            self.states += 1
            if self.states > MOST:
                raise TooManyError
            self.found |= set(self._violated(state))
            for after in self._after(state):
                if after.key not in seen:
                    seen.add(after.key)
                    left.append(after)

    def _after(self, state: State) -> Iterator[State]:
        for name, player in self.players.items():
            if name not in self.code:
                for step in enabled(state.machine, player.tid, player.program):
                    machine = state.machine.snapshot()
                    advance(machine, player.tid, step)
                    yield State(machine, state.actors)
        for number in range(len(self.names)):
            yield from self._step(state, number)

    # -- a thread of plain code ----------------------------------------------------------------

    def _tid(self, number: int) -> Tid:
        return self.players[self.names[number]].tid

    def _step(self, state: State, number: int) -> Iterator[State]:
        tid = self._tid(number)
        kind, *what = state.actors[number].asks
        machine = state.machine.snapshot()
        if not machine.threads[tid].alive:
            return
        if kind == "call":
            yield self._call_step(machine, state.actors, number)
        elif kind != "end":
            answer = _happens(machine, machine.process_of(tid).memory.vars, kind, what)
            if answer is not BLOCKED:
                yield self._told(machine, state.actors, number, answer)

    def _call_step(self, machine: Machine, actors: tuple[Actor, ...], number: int) -> State:
        actor, tid = actors[number], self._tid(number)
        call = actor.call or getattr(advapi, actor.asks[1])(machine.dialect, *actor.asks[2:])
        memory = actor.locals.copy() if actor.locals is not None else Memory()
        step = call.plan.by_label[actor.at] if actor.at else call.plan.steps[0]
        frame = Frame(machine, tid, memory, call.args)
        taken = take(frame, step)
        if taken.goto in (FAIL, RETURN):
            status = taken.status if taken.goto == FAIL else NtStatus.SUCCESS
            value = None if taken.goto == FAIL else evaluate(call.plan.result, frame)
            code = int(to_win32(status))
            return self._told(machine, actors, number, ("error", code) if code else value)
        kept = (tuple(sorted(memory.vars.items())), tuple(sorted(memory.handles.items())))
        here = attrs.evolve(actor, at=taken.goto, memory=kept, locals=memory, call=call)
        return State(machine, (*actors[:number], here, *actors[number + 1 :]))

    def _told(
        self, machine: Machine, actors: tuple[Actor, ...], number: int, answer: Hashable
    ) -> State:
        actor = actors[number]
        broke = answer in (("error", 6), ("error", 1018))
        asks, mine = actor.asks, actor.mine
        opens = asks[:2] == ("call", "RegOpenCurrentUser") or (
            asks[:3] == ("call", "RegOpenKeyEx", PredefinedKey.CURRENT_USER)
        )
        if opens and isinstance(answer, int):
            mine |= {(answer, actor.acting)}
        if asks[:2] == ("call", "RegCloseKey"):
            mine -= {(asks[2], True), (asks[2], False)}
        here = Actor(told=(*actor.told, answer), mine=mine, broke=broke)
        return self._go_on(machine, (*actors[:number], here, *actors[number + 1 :]), number)

    def _go_on(self, machine: Machine, actors: tuple[Actor, ...], number: int) -> State:
        """Have the code of thread *number* run to where it asks for something."""
        actor, tid = actors[number], self._tid(number)
        win = _Win(actor.told)
        try:
            self.code[self.names[number]](win)
            asks: tuple[Any, ...] = ("end", "returns")
        except _Stop:
            asks = win.asks
        except OSError:
            asks = ("end", "fails")
        try:
            win.close_dropped()
        except _Stop:
            asks = win.asks
        for act, what in win.now[: win.kept]:
            if act == "token":
                token = None if what is None else Token(Sid(what))
                machine.threads[tid].token = token
            else:
                machine.process_of(tid).memory.vars[f"lock {what}"] = 0
        here = attrs.evolve(actor, asks=asks, acting=win.acted)
        return State(machine, (*actors[:number], here, *actors[number + 1 :]))

    # -- claims ----------------------------------------------------------------------------------

    def _violated(self, state: State) -> Iterator[str]:
        machine, actors = state.machine, state.actors
        hive = machine.hive_at(USER_PATH)
        resting = all(
            actor.asks[0] in ("wait", "end")
            or not machine.threads[self._tid(number)].alive
            or (actor.asks[0] == "await" and actor.asks[1] not in machine.signalled)
            for number, actor in enumerate(actors)
        )
        winlogon = machine.threads[self.players["winlogon"].tid].pc
        quiet = resting and winlogon == "unloading" and not machine.memory.vars[PENDING.name]
        if quiet and hive is not None and hive.handles:
            yield "released"
        if any(actor.broke for actor in actors):
            yield "no-call-breaks"
        if any(actor.asks == ("end", "fails") for actor in actors):
            yield "no-thread-fails"
        for number, actor in enumerate(actors):
            alive = machine.threads[self._tid(number)].alive
            for handle, of_user in actor.mine if alive and not actor.at else ():
                theirs = self._is_users(machine, number, handle)
                if theirs is not None and theirs is not of_user and (hive or not of_user):
                    yield "right-users-data"

    def _is_users(self, machine: Machine, number: int, handle: int) -> bool | None:
        found = machine.lookup(machine.process_of(self._tid(number)), handle)
        if found is None or machine.hives.get(found[0].kcb.hive) is None:
            return None
        mount = machine.hives[found[0].kcb.hive].mount
        return keypath.fold(mount) == keypath.fold(keypath.split(USER_PATH))
