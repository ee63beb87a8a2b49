"""One process of a machine as Python code sees it: threads, the lock, and who opened what."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from functools import cached_property
from queue import Empty, SimpleQueue
from types import CodeType, ModuleType
from typing import Any, Concatenate, NoReturn, ParamSpec, TypeVar
from weakref import WeakKeyDictionary, WeakSet

import attrs

from regsim.errors import RegsimError, UsageError
from regsim.kernel.calls import run_call
from regsim.kernel.fast.again import Closing, Querying, Reopening, queries
from regsim.kernel.holding import Holding, described
from regsim.kernel.machine import Machine
from regsim.kernel.process import Process
from regsim.status import NtStatus
from regsim.testing._fake.hkey import HKEYType, number_of
from regsim.testing._fake.oserror import windows_error
from regsim.testing.installed.system import system_of
from regsim.testing.windows.environ import Environ
from regsim.types import ObjectId, Tid
from regsim.win32 import advapi
from regsim.win32.api import Api
from regsim.win32.plans import Known, Planned, Reply, predefined_of

P = ParamSpec("P")
K = TypeVar("K")
V = TypeVar("V")
Site = tuple[CodeType, int]
"""A place in a program, cheap to note: a code object and the offset of an instruction in it."""


def site_above(depth: int) -> Site | None:
    """Return where the code stands that is *depth* calls above the caller of this function.

    None where no Python code is: ``atexit`` and ``_thread.start_new_thread`` call what they are
    given from C.
    """
    try:
        frame = sys._getframe(depth + 1)  # noqa: SLF001 - who opens what is opened
    except ValueError:
        return None
    return frame.f_code, frame.f_lasti


Prepared = Callable[[Machine, Process, Callable[[], Tid]], tuple[NtStatus, Any]]
"""A call whose arguments are checked and whose plan is made: what is left is to run it."""

SUCCESS = NtStatus.SUCCESS

KEPT = 1024
"""How many prepared calls of a kind a process keeps for the next one with equal arguments."""


class Latch:
    """A lock for one caller at a time: whoever has taken the one token out of a queue.

    That takes half the time of a `threading.Lock`, which reads its arguments the slow way.
    """

    def __init__(self) -> None:
        token: SimpleQueue[None] = SimpleQueue()
        token.put(None)
        self.enter: Callable[[], None] = token.get
        self.leave: Callable[[None], None] = token.put
        self._token = token

    def tries(self) -> bool:
        """Come in if nobody is; return whether that was so."""
        try:
            self._token.get(block=False)
        except Empty:
            return False
        return True

    def __enter__(self) -> None:
        self.enter()

    def __exit__(self, *_: object) -> None:
        self.leave(None)


class Gate:
    """Lets one call at a time into a machine; handles dropped meanwhile wait here to be closed.

    Python may destroy a handle object at any moment, in the middle of a kernel operation too.
    """

    def __init__(self) -> None:
        self.lock: Latch | _Barred = Latch()
        self.bindings: WeakSet[Binding] = WeakSet()
        self.dropped: deque[tuple[Binding, int]] = deque()

    def drain(self) -> None:
        """Close what was dropped, unless a call is in progress: it will do so when it ends."""
        while self.dropped and self.lock.tries():
            try:
                binding, handle = self.dropped.popleft()
                binding.close_dropped(handle)
            except IndexError:  # another thread was faster
                continue
            finally:
                self.lock.leave(None)


class ElsewhereError(RegsimError):
    """A process that the tests' process made asked for the registry that is simulated there."""


NOT_SENT = (
    "a simulated registry cannot be sent to another process, which would have a copy of it; run "
    "the code in a thread or in the tests' own process, or begin a fake_winreg() of its own there"
)


class _Barred:
    """In place of a gate's lock in a forked child: nobody comes in."""

    def __enter__(self) -> NoReturn:
        raise ElsewhereError(
            "this process is a fork of the one with the simulated registry, and has a copy of it: "
            "what it writes or leaves open there nobody would see; run the code in a thread or in "
            "the tests' own process, or begin a fake_winreg() of its own here"
        )

    def __exit__(self, *exc: object) -> None:
        """Do nothing: nobody came in."""

    enter = __enter__

    def tries(self) -> bool:
        """Come not in, in silence: Python drops handles at any moment."""
        return False

    def leave(self, _token: None) -> None:
        """Do nothing: nobody came in."""


_gates: WeakKeyDictionary[Machine, Gate] = WeakKeyDictionary()


def gate_of(machine: Machine) -> Gate:
    """Return the one gate of *machine*."""
    return _gates.setdefault(machine, Gate())


def _bar() -> None:
    """Close every gate of a process that was just forked, whoever stood in one at that moment."""
    for gate in _gates.values():
        gate.lock = barred = _Barred()
        for binding in gate.bindings:
            binding.enter, binding.leave = barred.enter, barred.leave


if hasattr(os, "register_at_fork"):  # where there is no fork, a child shares nothing to mistake
    os.register_at_fork(after_in_child=_bar)


@attrs.frozen(kw_only=True)
class HeldByCode(Holding):
    """One handle that a process has open, with the line of Python that opened it.

    Attributes:
        file: the source file of the code that made the call; None when it was not Python code.
            Of a call handed to a thread as it stands (``asyncio.to_thread(winreg.OpenKey, …)``)
            that is the standard library's; wrap it in a function or lambda to see your own line.
        line: the line in it.
        function: the function it stands in.
    """

    file: str | None
    line: int | None
    function: str | None

    @property
    def source(self) -> str:
        """The place of the call as ``file:line``, or ``?``."""
        return "?" if self.file is None else f"{self.file}:{self.line}"


class _Calls(threading.local):
    """Each Python thread's own thread of the simulated process, begun at its first call."""

    def __init__(self, machine: Machine, process: Process) -> None:
        role = f"{process.role}-{threading.get_ident()}"
        self.api = Api(machine, machine.start_thread(process, role))
        self.tid = self.api.tid


class Binding:
    """A process of a machine whose registry calls are Python's.

    Args:
        machine: the machine.
        process: one of its processes.
        accounts: the users that can log on in it, by name, and their SIDs.
    """

    pywin32: Mapping[str, ModuleType] | None = None
    """The modules of `regsim.testing.pywin32` for this process, once somebody asked for them."""

    def __init__(
        self, machine: Machine, process: Process, accounts: Mapping[str, str] | None = None
    ) -> None:
        self.machine = machine
        self.process = process
        self.accounts: dict[str, str] = dict(accounts or {})
        self.gate = gate_of(machine)
        self.gate.bindings.add(self)
        self.enter: Callable[[], object] = self.gate.lock.enter
        self.leave: Callable[[None], object] = self.gate.lock.leave
        self.dropped = self.gate.dropped
        self.calls = calls = _Calls(machine, process)
        self.caller: Callable[[], Tid] = lambda: calls.tid
        self.closings: dict[int, Prepared] = {}

    @cached_property
    def environ(self) -> Environ:
        """The environment of the process."""
        return Environ(system_of(self.machine.dialect.name))

    def number(self, key: object) -> int:
        """Return the handle that *key* means in this process.

        Raises `UsageError` for a handle object of another process, where its number would mean
        another key or none.
        """
        if isinstance(key, HKEYType) and key._owner is not self:  # noqa: SLF001
            raise UsageError("this handle was opened through another winreg, in another process")
        return number_of(key)

    def call(
        self, work: Callable[Concatenate[Api, P], Reply], /, *args: P.args, **kwargs: P.kwargs
    ) -> Any:  # noqa: ANN401 - any result
        """Have the current thread do *work*; return its result, or raise the code as `OSError`.

        The caller's caller is noted as who opened what is opened.
        """
        return self.call_from(site_above(2), work, *args, **kwargs)

    def call_from(
        self,
        site: Site | None,
        work: Callable[Concatenate[Api, P], Reply],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Any:  # noqa: ANN401 - any result
        """Do as `call` does, for the code at *site*."""
        code, value = self.reply_to(site, work, *args, **kwargs)
        if code:
            raise windows_error(code)
        return value

    def reply_to(
        self,
        site: Site | None,
        work: Callable[Concatenate[Api, P], Reply],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Reply:
        """Have the current thread do *work* for the code at *site*, and return what it gives."""
        self.enter()
        try:
            self.machine.site = site
            reply = work(self.calls.api, *args, **kwargs)
        finally:
            self.leave(None)
        if self.dropped:
            self.gate.drain()
        return reply

    def prepare(self, planned: Planned) -> Prepared:
        """Return *planned* as it is to be made here: as fast as can be."""
        return prepared(planned)

    def closing(self, handle: int) -> Prepared:
        """Return the closing of *handle*, ready to be made, and keep it."""
        planned = advapi.RegCloseKey(self.machine.dialect, handle)
        return keep(self.closings, handle, self.prepare(planned))

    def let_go(self, handle: int, _ending: Callable[[], bool] = sys.is_finalizing) -> None:
        """Close *handle*, whose object is gone, or leave it for the call in progress to close.

        Nothing is done when Python itself is ending.
        """
        if not _ending():
            self.dropped.append((self, handle))
            self.gate.drain()

    def close_dropped(self, handle: int) -> None:
        """Close *handle* with the gate held; nothing is left to do when its process has ended."""
        if self.process.pid in self.machine.processes:
            close = self.closings.get(handle) or self.closing(handle)
            close(self.machine, self.process, self.caller)

    def open_handles(self) -> list[HeldByCode]:
        """Return the handles this process has open, implicit ones too, in order of number."""
        return [held for _, held in self.opened()]

    def opened(self) -> list[tuple[int, HeldByCode]]:
        """Return what `open_handles` does, each with the number of its object, never used again."""
        self.gate.drain()
        with self.gate.lock:
            table = self.process.table.items()
            return [(entry[0], self._held(handle, entry[0])) for handle, entry in table]

    def numbers(self) -> list[tuple[int, int]]:
        """Return the objects and the handles that `opened` would describe."""
        with self.gate.lock:
            return [(entry[0], handle) for handle, entry in self.process.table.items()]

    def _held(self, handle: int, obj: int) -> HeldByCode:
        site = self.machine.objects[ObjectId(obj)].origin.site
        code, line = located(site) if isinstance(site, tuple) else (None, None)
        return HeldByCode(
            **described(self.machine, self.process, handle),
            file=None if code is None else code.co_filename,
            line=line,
            function=None if code is None else code.co_qualname,
        )


def keep(kept: dict[K, V], asked: K, made: V) -> V:
    """Return *made*, which *kept* has for *asked* from now on, and others until there are many."""
    if len(kept) >= KEPT:
        kept.clear()
    kept[asked] = made
    return made


def prepared(planned: Planned) -> Prepared:
    """Return *planned*, ready to be made more than once; what opens a key gives its handle."""
    if isinstance(planned, Known):
        code, value = planned.reply
        if code:
            return lambda _machine, _process, _caller: _refuse(code)
        return lambda _machine, _process, _caller: (SUCCESS, value)
    if planned.plan.name in ("RegOpenKeyEx", "RegCreateKeyEx"):
        return Reopening(planned).run
    if planned.plan.name == "RegCloseKey" and predefined_of(planned.args["key"]) is None:
        return Closing(planned).run
    if queries(planned):
        return Querying(planned).run
    return lambda machine, _process, caller: run_call(machine, caller(), planned)


def _refuse(code: int) -> NoReturn:
    raise windows_error(code)


def located(site: Site) -> tuple[CodeType, int | None]:
    """Return the code of *site* and the line that the instruction belongs to."""
    code, offset = site
    for start, stop, line in code.co_lines():
        if start <= offset < stop:
            return code, line
    return code, code.co_firstlineno
