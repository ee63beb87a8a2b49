"""The registry under test: a computer, its processes as Python sees them, and what they leave."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NoReturn

import attrs

from regsim import keypath
from regsim.cases.logoff import Ending, foresee, log_off
from regsim.errors import RegsimError, UsageError
from regsim.kernel.machine import Machine
from regsim.kernel.process import SYSTEM_TOKEN, Process, Token
from regsim.report.text.console import table as laid_out
from regsim.report.words.writing import counted
from regsim.testing import regfile, seeds
from regsim.testing._fake.binding import NOT_SENT, ElsewhereError, HeldByCode
from regsim.testing._fake.computer import BOTH, Computer, logged_on
from regsim.testing.seeds import Seed
from regsim.testing.winreg import BoundWinreg, bind
from regsim.types import SECOND, Sid
from regsim.win32.api import Api

Role = Literal["user", "service"]
"""Whose process the code under test runs in: one that ends at logoff, or one that outlives it."""


@attrs.frozen(kw_only=True)
class Leak:
    """A handle on the user's profile that was not given back.

    Attributes:
        process: the role of the process that holds it.
        survives: whether that process outlives the user's session.
        handle: the handle, with its key and the line that opened it.
        owner: in a run of pytest with a registry that tests share, the test or the fixture that
            opened it, where that can be told; else nothing.
    """

    process: str
    survives: bool
    handle: HeldByCode
    owner: str = ""


class RegistryLeakError(RegsimError, AssertionError):
    """Handles on the user's profile were left open; the text is a table of them."""

    def __init__(self, text: str, leaks: list[Leak]) -> None:
        self.leaks = leaks
        super().__init__(text)


class Registry:
    """A simulated computer with a logged-on user, and ``winreg`` for each process on it.

    Args:
        os: the name of the Windows generation.
        process: ``"user"`` runs the code under test in a process of the user's session,
            ``"service"`` in one of LocalSystem that outlives it.
        seed: what to begin with; `seed` says what that can be.
        bare: whether to begin with hardly a key, instead of with the registry of an installed
            system of that generation (`regsim.testing.installed.base`).

    Raises:
        UnknownNameError: there is no such generation.
        UsageError: *os* is no text, *process* is neither, or the seed is nothing that `seed` takes.
        RegTextError, HiveFormatError: the seed is a file that breaks its format.
    """

    def __init__(
        self,
        os: str = "win11",
        *,
        process: Role = "user",
        seed: Seed | None = None,
        bare: bool = False,
    ) -> None:
        if process not in ("user", "service"):
            raise UsageError(f"process is {process!r}; it can be 'user' or 'service'")
        if not isinstance(os, str):
            raise UsageError(f"os is {os!r}; it is the name of one system, such as 'win11'")
        self.os = os
        self.computer: Computer = logged_on(os, system=process == "service", bare=bare)
        self._standing = frozenset(self.machine.mounts)
        self.winreg: BoundWinreg = self._bind(self.computer.process)
        self._bound = [self.winreg]
        self._owners: dict[tuple[int, int, int], str] = {}
        if seed is not None:
            self.seed(seed)
            self._standing = frozenset(self.machine.mounts)

    def __reduce__(self) -> NoReturn:
        """Refuse to be sent to another process, which would have a copy of it."""
        raise ElsewhereError(NOT_SENT)

    @property
    def machine(self) -> Machine:
        """The simulated machine."""
        return self.computer.machine

    @property
    def user(self) -> Sid:
        """The SID of the logged-on user."""
        return self.computer.sid

    # -- processes --------------------------------------------------------------------------

    def service(self, name: str = "service") -> BoundWinreg:
        """Start a service of LocalSystem and return its ``winreg``; it outlives the session."""
        return self._start(
            self.machine.start_process(
                name, image="svchost.exe", token=SYSTEM_TOKEN, services=(name,)
            )
        )

    def program(self, name: str = "program") -> BoundWinreg:
        """Start one more process of the user and return its ``winreg``; it ends at logoff."""
        token = Token(self.user, BOTH)
        image = f"{name}.exe"
        return self._start(self.machine.start_process(name, image=image, token=token, user=True))

    def _start(self, process: Process) -> BoundWinreg:
        bound = self._bind(process)
        self._bound.append(bound)
        return bound

    def _bind(self, process: Process) -> BoundWinreg:
        return bind(self.machine, process, accounts=self.computer.accounts)

    @contextmanager
    def acting_as_user(self, caller: BoundWinreg | None = None) -> Iterator[BoundWinreg]:
        """Have the current thread of *caller*'s process impersonate the user meanwhile.

        By default the code under test's process. What a predefined key stands for there is decided
        by its first use and stays (rule P3).
        """
        bound = caller if caller is not None else self.winreg
        bound.binding.calls.api.impersonate(self.user)
        try:
            yield bound
        finally:
            bound.binding.calls.api.revert()

    def stop(self, caller: BoundWinreg) -> None:
        """End *caller*'s process, closing all it holds."""
        self.machine.end_process(caller.binding.process)

    # -- data -------------------------------------------------------------------------------

    def seed(self, source: Seed) -> None:
        r"""Put into the registry what *source* holds, as its user would.

        A ``.reg`` file, a hive file or a JSON file by its path, told by its content; the text of a
        ``.reg`` file or JSON; a dict; or a machine such as ``registry.machine.snapshot()``.

        - A ``.reg`` file is carried out line by line. Of an export of a whole registry, what this
          computer has no place for is left out, with a warning that names it: counters, and hives
          that are not loaded here.
        - A dict has values by key, ``{r"HKCU\Software\Mine": {"Colour": "blue", "": 1}}``: texts,
          numbers, bytes, lists of texts, or ``(data, type)`` as ``winreg`` has them. JSON is the
          same, with ``{"type": "REG_BINARY", "data": "00 ff"}`` for what JSON lacks. A path instead
          of values is a hive file to stand at that key.
        - A hive is put where Windows has one of its name (``SOFTWARE``, ``SYSTEM``, ``DEFAULT``,
          ``UsrClass.dat``), any other is the user's. Its last-write times stay.
        - A machine gives its hives and its clock, but not its processes.

        Raises `UsageError` for what is none of these, cannot be read or has no place here, and
        `RegTextError` or `HiveFormatError` for a file that breaks its format.
        """
        with self._regedit() as api:
            seeds.sow(api, self.user, source)

    def export(self, key: str = "HKEY_CURRENT_USER") -> str:
        r"""Return *key* and all below as the text of a ``.reg`` file, to compare or to seed with.

        By its full path, such as ``HKCU\Software\Mine``; lines end in ``\n``. What no line can
        hold, a name with a NUL or a line break, is a comment. Raises `UsageError` where it is not.
        """
        with self._regedit() as api:
            return regfile.exported(api, key)

    @contextmanager
    def _regedit(self) -> Iterator[Api]:
        process = self.machine.start_process("regedit", token=Token(self.user, BOTH))
        try:
            yield Api(self.machine, self.machine.start_thread(process))
        finally:
            self.machine.end_process(process)

    def advance(self, seconds: float) -> None:
        """Let *seconds* pass on the computer, whose clock does not run by itself.

        What is written from then on has the later last-write time, in steps of 100 ns. Raises
        `UsageError` for a time that is negative or no number.
        """
        if not seconds >= 0 or seconds == float("inf"):
            raise UsageError(f"time goes forward: {seconds!r} seconds cannot pass")
        self.machine.clock += round(seconds * SECOND)

    # -- what is left -----------------------------------------------------------------------

    def leaks(self) -> list[Leak]:
        """Return the handles that should have been closed: on the profile, and on loaded hives.

        A hive that code under test loaded with ``LoadKey`` cannot be unloaded while any handle on
        it is open, whoever has it. On the profile those are all that a surviving process holds, and
        of a process of the session those it asked for: its cached root ends with it, and nobody
        could have closed that sooner. Handles that only the garbage collector would find count as
        closed. After a logoff that took the hive away there are none on it.
        """
        found = self._leaks()
        if found:
            gc.collect()
            found = self._leaks()
        return found

    def _leaks(self) -> list[Leak]:
        gone = self.computer.hive is None
        mine = f"\\REGISTRY\\USER\\{self.user}".upper()
        leaks = []
        for bound in self._bound:
            process = bound.binding.process
            if process.pid not in self.machine.processes:
                continue
            for obj, handle in bound.binding.opened():
                inside = handle.key.upper().partition(mine)[2][:1] in ("", "\\", "_")
                profile = handle.key.upper().startswith(mine) and inside and not gone
                if not profile and not self.is_loaded(handle.key):
                    continue
                if not (handle.implicit and process.user):
                    survives = not process.user
                    owner = self._owners.get((process.pid, handle.handle, obj), "")
                    leaks.append(
                        Leak(process=process.role, survives=survives, handle=handle, owner=owner)
                    )
        return leaks

    def note(self, owner: str) -> None:
        """Put down that what is open and nobody's yet was opened by *owner*, a test or fixture."""
        for bound in self._bound:
            pid = bound.binding.process.pid
            for obj, handle in bound.binding.numbers():
                self._owners.setdefault((pid, handle, obj), owner)

    def is_loaded(self, key: str) -> bool:
        """Return whether *key* lies in a hive that was loaded since, but at no logon."""
        parts = keypath.fold(keypath.split(key))
        return any(
            parts[: len(mount)] == mount and not mount[-1].startswith("S-1-")
            for mount in self.machine.mounts
            if mount not in self._standing
        )

    def foresee(self) -> Ending:
        """Return how a logoff would end now."""
        return foresee(self.machine)

    def log_off(self) -> Ending:
        """Log the user off and return how that ended."""
        return log_off(self.machine)

    def assert_no_leaks(self) -> None:
        """Raise `RegistryLeakError` with a table where a handle on the profile was left open."""
        leaks = self.leaks()
        if leaks:
            raise RegistryLeakError(table(self, leaks), leaks)


def table(registry: Registry, leaks: list[Leak]) -> str:
    """Return *leaks* as a table: key, handle, who opened it where, and what a logoff would do."""
    rows = [("key", "handle", "held by", "opened at", "how")]
    for leak in leaks:
        handle = leak.handle
        how = "nobody asked for it" if handle.implicit else "asked for"
        how += ", outlives the session" if leak.survives else ", ends with the session"
        key = handle.key.replace("\\REGISTRY\\USER\\", "HKU\\")
        key = key.replace("\\REGISTRY\\MACHINE\\", "HKLM\\")
        rows.append((key, f"{handle.handle:#x}", leak.process, _short(handle), how))
    ends = "" if any(leak.survives for leak in leaks) else ", for its processes end first"
    loaded = [leak for leak in leaks if registry.is_loaded(leak.handle.key)]
    where = "a loaded hive" if len(loaded) == len(leaks) else "the user's profile"
    lines = [
        f"{counted(len(leaks), 'handle')} left open on {where}",
        *(f"  {line}" for line in laid_out(rows, rule=False)),
    ]
    if loaded:
        lines.append("unloading the loaded hive is refused with error 5 until they are closed")
    if len(loaded) < len(leaks):
        ending = registry.foresee().says()
        lines.append(f"at logoff on {registry.machine.dialect.title}: {ending}{ends}")
    return "\n".join(lines)


def _short(handle: HeldByCode) -> str:
    """Return where *handle* was opened, relative to the current directory if it is below it."""
    if handle.file is None or not Path(handle.file).is_relative_to(Path.cwd()):
        return handle.source
    return f"{Path(handle.file).relative_to(Path.cwd())}:{handle.line}"
