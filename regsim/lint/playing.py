"""What becomes of a fault: a small run on a simulated Windows, and what its calls answer there."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final

import attrs

from regsim import dialects
from regsim.cases.case import fresh_profile
from regsim.errors import NotApplicableError
from regsim.kernel.machine import Machine
from regsim.kernel.process import Thread, Token
from regsim.kernel.steps import StepTaken
from regsim.status import NtStatus, Win32Error
from regsim.types import Handle, PredefinedKey, Privilege, Sid, Tid
from regsim.win32.api import Api

USER: Final = Sid("S-1-5-21-1004336348-1177238915-682003330-1001")
OTHER: Final = Sid("S-1-5-21-1004336348-1177238915-682003330-1002")
_FILE: Final = r"C:\Users\user\NTUSER.DAT"
USERS: Final = PredefinedKey.USERS


@attrs.frozen
class Consequence:
    """What a run shows of a fault.

    Attributes:
        call: the function whose answer tells it.
        status: what it answers, as Windows' functions of the registry say it.
        nt: the answer as the kernel gives it.
        verdict: ``blocked`` where a hive stays, ``broken`` where a call fails, ``kept`` where a
            handle stays that holds no user's hive, ``clear`` where nothing shows.
        only_if: what is not told by the source, on which it rests.
    """

    call: str
    status: Win32Error
    nt: NtStatus
    verdict: str
    only_if: str = ""

    @property
    def said(self) -> str:
        """The consequence in words, without the system."""
        answer = f"{self.call} answers {int(self.status)} ({self.status.name})"
        rests = f", {self.only_if}" if self.only_if else ""
        return f"{answer}: {_MEANS[self.verdict]}{rests}"


_MEANS: Final = {
    "blocked": "the hive stays loaded",
    "broken": "the call fails",
    "kept": "no user's hive is held, but the handle stays open",
    "clear": "nothing shows of it",
}


class _Caller(Api):
    """A thread that calls, and remembers what the kernel answered last."""

    last: NtStatus = NtStatus.SUCCESS

    def __init__(self, machine: Machine, thread: Thread) -> None:
        super().__init__(machine, thread, observer=self.taken)

    def taken(self, _machine: Machine, _tid: Tid, taken: StepTaken) -> None:
        """Remember what a step was answered."""
        self.last = taken.status

    def shows(self, call: str, code: Win32Error, bad: str, only_if: str = "") -> Consequence:
        """Return what the last call shows: *bad* where it failed, else nothing."""
        nt = NtStatus.SUCCESS if code == 0 else self.last
        if code == 0:
            return Consequence(call, code, nt, "clear")
        return Consequence(call, code, nt, bad, only_if)


@attrs.define
class _Stage:
    """A machine with a user's hive, another's file, and a service that runs as LocalSystem."""

    machine: Machine
    api: _Caller

    def start(self, name: str) -> _Caller:
        """Start a process and return its thread."""
        return _Caller(self.machine, self.machine.start_thread(self.machine.start_process(name)))

    def end(self, caller: _Caller) -> None:
        """End the process of *caller*: Windows closes what it has open."""
        self.machine.end_process(self.machine.process_of(caller.tid))

    def unload(self, name: str, only_if: str = "") -> Consequence:
        """Have a process of its own unload the hive at *name* below HKEY_USERS, and end."""
        reg = self.start("reg")
        code = reg.RegUnLoadKey(USERS, name).code
        self.end(reg)
        return reg.shows("RegUnLoadKey", code, "blocked", only_if)

    def load(self, name: str = "Temp") -> _Caller:
        """Have a process of its own load the other's file, and end; return what it was."""
        reg = self.start("reg")
        reg.RegLoadKey(USERS, name, _FILE)
        self.end(reg)
        return reg


def _stage(os: str) -> _Stage:
    machine = Machine(dialects.get(os))
    machine.files.write(_FILE, fresh_profile())
    machine.mount_hive(rf"\REGISTRY\USER\{USER}")
    stage = _Stage(machine, _Caller(machine, machine.start_thread(machine.start_process("host"))))
    made = stage.api.RegCreateKeyEx(USERS, rf"{USER}\Software\Key")
    stage.api.RegCloseKey(made.value.handle)
    return stage


# -- C, C++, C# and Python --------------------------------------------------------------------

_IN_HIVE: Final = "if the key lies in a user's hive"


def _leak(os: str, only_if: str = "") -> Consequence:
    stage = _stage(os)
    stage.api.RegOpenKeyEx(USERS, rf"{USER}\Software\Key")
    return stage.unload(USER, only_if)


def _object(os: str, told: str) -> Consequence:
    """Unload while an object has a key open; and after it was destroyed, and closed its key."""
    stage = _stage(os)
    key = stage.api.RegOpenKeyEx(USERS, rf"{USER}\Software\Key").value
    before = stage.unload(USER, told)
    stage.api.RegCloseKey(key)
    return _decided(before, stage.unload(USER))


def _decided(held: Consequence, released: Consequence) -> Consequence:
    """Return what an unload answered while a key was open, if what was open decides it.

    The next one, after the key was closed, must go through for that; one that went through while
    the key was open leaves nothing to unload.
    """
    return released if held.nt and released.nt else held


_FINALIZER: Final = "until a finalizer has closed the key"
_DESTROYED: Final = "as long as the object of the key lives"


def _leak_elsewhere(os: str, told: str = "until the process ends") -> Consequence:
    stage = _stage(os)
    stage.machine.mount_hive(r"\REGISTRY\MACHINE\SOFTWARE")
    stage.api.RegOpenKeyEx(PredefinedKey.LOCAL_MACHINE, "SOFTWARE")
    shown = stage.unload(USER, told)
    return attrs.evolve(shown, verdict="kept", only_if=told) if shown.status == 0 else shown


def _twice(os: str) -> Consequence:
    """Close a key twice, where the second close finds what was opened meanwhile."""
    api = _stage(os).api
    one = api.RegOpenKeyEx(USERS, rf"{USER}\Software\Key").value
    api.RegCloseKey(one)
    other = api.RegOpenKeyEx(USERS, rf"{USER}\Software").value
    api.RegCloseKey(one)
    code = api.RegQueryInfoKey(other).code
    told = "if another thread opens a key between the two"
    return api.shows("RegQueryInfoKey on that key", code, "broken", told)


def _parameter(os: str) -> Consequence:
    stage = _stage(os)
    given = stage.api.RegOpenKeyEx(USERS, USER).value
    stage.api.RegOpenKeyEx(given, "Software")
    stage.api.RegCloseKey(given)
    return stage.unload(USER, _IN_HIVE)


def _predefined(os: str) -> Consequence:
    """Close HKEY_CURRENT_USER by one thread while another is between the root and the subkey."""
    stage = _stage(os)
    token = Token(USER, frozenset({Privilege.BACKUP, Privilege.RESTORE}))
    process = stage.machine.start_process("two-threads", token=token)
    closer = Api(stage.machine, stage.machine.start_thread(process, "closer"))
    opener = _Caller(stage.machine, stage.machine.start_thread(process, "opener"))
    closed: list[Win32Error] = []

    def between(machine: Machine, tid: Tid, taken: StepTaken) -> None:
        opener.taken(machine, tid, taken)
        if not closed and taken.step.does == "open-root":
            closed.append(closer.RegCloseKey(PredefinedKey.CURRENT_USER).code)

    opener.observer = between
    code = opener.RegOpenKeyEx(PredefinedKey.CURRENT_USER, r"Software\Key").code
    told = "if that thread is between the root and the subkey then"
    return opener.shows("RegOpenKeyEx of another thread", code, "broken", told)


def _acting(os: str) -> Consequence:
    stage = _stage(os)
    stage.api.impersonate(USER)
    opened = stage.api.RegOpenKeyEx(PredefinedKey.CURRENT_USER, r"Software\Key")
    stage.api.RegCloseKey(opened.value)
    stage.api.revert()
    return stage.unload(USER, "if this is the first use of HKEY_CURRENT_USER in the process")


def _unchecked(os: str) -> Consequence:
    """Use what a variable holds whose opening failed: here a number that no handle has."""
    api = _stage(os).api
    api.RegOpenKeyEx(USERS, rf"{USER}\Missing")
    code = api.RegQueryInfoKey(Handle(0xCCCC)).code
    told = "if the opening failed and the variable does not happen to hold a handle's number"
    return api.shows("the call", code, "broken", told)


def _closed_before(os: str) -> Consequence:
    api = _stage(os).api
    key = api.RegOpenKeyEx(USERS, rf"{USER}\Software").value
    api.RegCloseKey(key)
    code = api.RegQueryInfoKey(key).code
    told = "if no other key got its number in between"
    return api.shows("the call", code, "broken", told)


def _profile(os: str) -> Consequence:
    stage = _stage(os)
    stage.api.LoadUserProfile(OTHER, _FILE)
    return stage.unload(OTHER)


def _closed_profile(os: str) -> Consequence:
    """Close the profile's handle by RegCloseKey: UnloadUserProfile then has none to close."""
    stage = _stage(os)
    loaded = stage.api.LoadUserProfile(OTHER, _FILE).value
    stage.api.RegCloseKey(loaded)
    code = stage.api.UnloadUserProfile(OTHER, loaded).code
    stays = stage.machine.hive_at(rf"\REGISTRY\USER\{OTHER}") is not None
    return stage.api.shows("UnloadUserProfile", code, "blocked" if stays else "broken")


def _open_below(os: str) -> Consequence:
    stage = _stage(os)
    stage.api.RegLoadKey(USERS, "Temp", _FILE)
    stage.api.RegCreateKeyEx(USERS, r"Temp\Software")
    code = stage.api.RegUnLoadKey(USERS, "Temp").code
    return stage.api.shows("RegUnLoadKey", code, "blocked")


def _application(os: str) -> Consequence:
    stage = _stage(os)
    stage.api.RegLoadAppKey(_FILE)
    other = stage.start("other")
    code = other.RegLoadKey(USERS, "Temp", _FILE).code
    return other.shows("RegLoadKey of the file by another process", code, "blocked")


# -- a hive that stays, in any language -------------------------------------------------------


def _stays(os: str, only_if: str = "") -> Consequence:
    """Load a hive by a process that ends without having unloaded it, and load its file again."""
    stage = _stage(os)
    stage.load()
    reg = stage.start("reg")
    code = reg.RegLoadKey(USERS, "Temp2", _FILE).code
    return reg.shows("the next RegLoadKey of the file", code, "blocked", only_if)


# -- PowerShell -------------------------------------------------------------------------------


def _script(os: str) -> tuple[_Stage, _Caller, Handle]:
    """Load a hive by reg.exe and leave a key in it open in the script's process."""
    names = dialects.names()
    if os in names[: names.index("xp")]:  # PowerShell 1.0: XP SP2 and later (KB 926139; documented)
        raise NotApplicableError(f"{dialects.get(os).title} has no PowerShell")
    stage = _stage(os)
    stage.load()
    script = stage.start("powershell")
    return stage, script, Handle(script.RegCreateKeyEx(USERS, r"Temp\Software").value.handle)


def _held(os: str, only_if: str = "") -> Consequence:
    return _script(os)[0].unload("Temp", only_if)


def _queued(os: str) -> Consequence:
    """Unload before the finalizer of a key has run; and after it, where that makes a difference."""
    stage, script, key = _script(os)
    before = stage.unload("Temp", "if that comes before the finalizers have run")
    script.RegCloseKey(key)  # by the finalizer
    return _decided(before, stage.unload("Temp"))


def _job(os: str) -> Consequence:
    """Unload while the process of a job has a key open; and after it has ended."""
    stage, script, _ = _script(os)
    before = stage.unload("Temp", "while the job has a key open there")
    stage.end(script)
    return _decided(before, stage.unload("Temp"))


def _endless(os: str) -> Consequence:
    """Try again and again while a key is open: each try is refused as the first."""
    stage = _script(os)[0]
    tries = [stage.unload("Temp", "as long as anything has a key open there") for _ in range(50)]
    shown, last = tries[0], tries[-1]
    if not shown.nt or not last.nt:
        return shown
    return attrs.evolve(last, call="RegUnLoadKey, at each of 50 tries,")


def _skipped(os: str, only_if: str = "") -> Consequence:
    _script(os)
    return _stays(os, only_if)


_STORIES: Final[dict[str, Callable[[str], Consequence]]] = {
    "leak": _leak,
    "leak-unknown": lambda os: _leak(os, _IN_HIVE),
    "leak-elsewhere": _leak_elsewhere,
    "object-leak": lambda os: _object(os, _FINALIZER),
    "object-leak-unknown": lambda os: _object(os, f"{_FINALIZER}, {_IN_HIVE}"),
    "object-leak-elsewhere": lambda os: _leak_elsewhere(os, _FINALIZER),
    "handle-leak": lambda os: _object(os, _DESTROYED),
    "handle-leak-unknown": lambda os: _object(os, f"{_DESTROYED}, {_IN_HIVE}"),
    "handle-leak-elsewhere": lambda os: _leak_elsewhere(os, _DESTROYED),
    "twice": _twice,
    "parameter": _parameter,
    "predefined": _predefined,
    "acting": _acting,
    "unchecked": _unchecked,
    "closed-before": _closed_before,
    "profile": _profile,
    "closed-profile": _closed_profile,
    "mount": _stays,
    "open-below": _open_below,
    "application": _application,
    "held": _held,
    "queued": _queued,
    "unnoticed": lambda os: _held(os, "if anything has a key open there"),
    "skipped": lambda os: _skipped(os, "after an error in between"),
    "left": _skipped,
    "endless": _endless,
    "job": _job,
}


@cache
def play(story: str, os: str) -> Consequence:
    """Return what the run *story* shows on the system *os*.

    Raises:
        UnknownNameError: there is no such system.
        NotApplicableError: the system has no such function, or no PowerShell.
    """
    return _STORIES[story](dialects.get(os).name)
