"""What becomes of a fault: a small run on a simulated Windows, and what its calls answer there."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final

import attrs

from regsim import dialects
from regsim.cases.case import fresh_profile
from regsim.kernel.hive import Hive
from regsim.kernel.machine import Machine
from regsim.kernel.process import Token
from regsim.kernel.steps import StepTaken
from regsim.status import NtStatus, Win32Error, to_win32
from regsim.types import Handle, PredefinedKey, Privilege, Sid, Tid
from regsim.win32.api import Api

USER: Final = Sid("S-1-5-21-1004336348-1177238915-682003330-1001")
_HIVE: Final = rf"\REGISTRY\USER\{USER}"
_MOUNT: Final = r"\REGISTRY\USER\Temp"
_FILE: Final = r"C:\Users\user\NTUSER.DAT"
USERS: Final = PredefinedKey.USERS


@attrs.frozen
class Consequence:
    """What a run shows of a fault.

    Attributes:
        call: the function whose answer tells it.
        status: what it answers, as Windows' functions of the registry say it.
        verdict: ``blocked`` where a hive stays, ``broken`` where a call fails, ``kept`` where a
            handle stays that holds no user's hive, ``clear`` where nothing shows.
        nt: the answer as the kernel gives it.
        only_if: what is not told by the source, on which it rests.
    """

    call: str
    status: Win32Error
    verdict: str
    nt: NtStatus = NtStatus.SUCCESS
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
    "kept": "no user's hive is held, but the handle stays until the process ends",
    "clear": "nothing shows of it",
}


@attrs.define
class _Stage:
    """A machine with a user's hive, another's file, and a service that runs as LocalSystem."""

    machine: Machine
    api: Api
    hive: Hive

    def unload(self, name: str) -> Consequence:
        """Have another process unload the hive at *name* below HKEY_USERS."""
        other = self.machine.start_process("other")
        code = Api(self.machine, self.machine.start_thread(other)).RegUnLoadKey(USERS, name).code
        return Consequence("RegUnLoadKey", code, "clear" if code == 0 else "blocked")


def _stage(os: str) -> _Stage:
    machine = Machine(dialects.get(os))
    machine.files.write(_FILE, fresh_profile())
    hive = machine.mount_hive(_HIVE)
    process = machine.start_process("service")
    api = Api(machine, machine.start_thread(process))
    made = api.RegCreateKeyEx(USERS, rf"{USER}\Software\Key")
    api.RegCloseKey(made.value.handle)
    return _Stage(machine, api, hive)


def _leak(os: str) -> Consequence:
    stage = _stage(os)
    stage.api.RegOpenKeyEx(USERS, rf"{USER}\Software\Key")
    return stage.unload(USER)


def _leak_unknown(os: str) -> Consequence:
    return attrs.evolve(_leak(os), only_if="if the key lies in a user's hive")


def _leak_elsewhere(os: str) -> Consequence:
    stage = _stage(os)
    stage.machine.mount_hive(r"\REGISTRY\MACHINE\SOFTWARE")
    stage.api.RegOpenKeyEx(PredefinedKey.LOCAL_MACHINE, "SOFTWARE")
    kept = stage.unload(USER)
    return attrs.evolve(kept, verdict="kept" if kept.status == 0 else kept.verdict)


def _twice(os: str) -> Consequence:
    """Close a key twice, where the second close finds what was opened meanwhile."""
    stage = _stage(os)
    one = stage.api.RegOpenKeyEx(USERS, rf"{USER}\Software\Key").value
    stage.api.RegCloseKey(one)
    other = stage.api.RegOpenKeyEx(USERS, rf"{USER}\Software").value
    stage.api.RegCloseKey(one)
    code = stage.api.RegQueryInfoKey(other).code
    verdict = "clear" if code == 0 else "broken"
    return Consequence("RegQueryInfoKey on a key opened in between", code, verdict)


def _parameter(os: str) -> Consequence:
    stage = _stage(os)
    given = stage.api.RegOpenKeyEx(USERS, USER).value
    stage.api.RegOpenKeyEx(given, "Software")
    stage.api.RegCloseKey(given)
    return stage.unload(USER)


def _predefined(os: str) -> Consequence:
    """Close HKEY_CURRENT_USER by one thread while another is between the root and the subkey."""
    stage = _stage(os)
    process = stage.machine.start_process("two-threads", token=_token())
    closer = Api(stage.machine, stage.machine.start_thread(process, "closer"))
    closed: list[Win32Error] = []

    def between(_machine: Machine, _tid: Tid, taken: StepTaken) -> None:
        if not closed and taken.step.does == "open-root":
            closed.append(closer.RegCloseKey(PredefinedKey.CURRENT_USER).code)

    opener = Api(stage.machine, stage.machine.start_thread(process, "opener"), observer=between)
    code = opener.RegOpenKeyEx(PredefinedKey.CURRENT_USER, r"Software\Key").code
    verdict = "clear" if code == 0 else "broken"
    return Consequence("RegOpenKeyEx of the other thread", code, verdict)


def _token() -> Token:
    return Token(USER, frozenset({Privilege.BACKUP, Privilege.RESTORE}))


def _acting(os: str) -> Consequence:
    stage = _stage(os)
    stage.api.impersonate(USER)
    opened = stage.api.RegOpenKeyEx(PredefinedKey.CURRENT_USER, r"Software\Key")
    stage.api.RegCloseKey(opened.value)
    stage.api.revert()
    return stage.unload(USER)


def _unchecked(os: str) -> Consequence:
    stage = _stage(os)
    stage.api.RegOpenKeyEx(USERS, rf"{USER}\Missing")
    code = stage.api.RegQueryInfoKey(Handle(0xCCCC)).code
    return Consequence("RegQueryInfoKey", code, "clear" if code == 0 else "broken")


def _profile(os: str) -> Consequence:
    stage = _stage(os)
    stage.api.LoadUserProfile("S-1-5-21-1-2-3-1002", _FILE)
    return stage.unload("S-1-5-21-1-2-3-1002")


def _closed_profile(os: str) -> Consequence:
    """Close the profile's handle by RegCloseKey: UnloadUserProfile then has none to close."""
    stage = _stage(os)
    loaded = stage.api.LoadUserProfile("S-1-5-21-1-2-3-1002", _FILE).value
    stage.api.RegCloseKey(loaded)
    code = stage.api.UnloadUserProfile("S-1-5-21-1-2-3-1002", loaded).code
    return Consequence("UnloadUserProfile", code, "clear" if code == 0 else "blocked")


def _mount(os: str) -> Consequence:
    stage = _stage(os)
    stage.api.RegLoadKey(USERS, "Temp", _FILE)
    code = stage.api.RegLoadKey(USERS, "Temp2", _FILE).code
    verdict = "clear" if code == 0 else "blocked"
    return Consequence("the next RegLoadKey of the file", code, verdict)


def _open_below(os: str) -> Consequence:
    stage = _stage(os)
    stage.api.RegLoadKey(USERS, "Temp", _FILE)
    stage.api.RegCreateKeyEx(USERS, r"Temp\Software")
    return stage.unload("Temp")


def _application(os: str) -> Consequence:
    stage = _stage(os)
    stage.api.RegLoadAppKey(_FILE)
    code = stage.api.RegLoadKey(USERS, "Temp", _FILE).code
    verdict = "clear" if code == 0 else "blocked"
    return Consequence("RegLoadKey of the file", code, verdict)


_STORIES: Final[dict[str, Callable[[str], Consequence]]] = {
    "leak": _leak,
    "leak-unknown": _leak_unknown,
    "leak-elsewhere": _leak_elsewhere,
    "twice": _twice,
    "parameter": _parameter,
    "predefined": _predefined,
    "acting": _acting,
    "unchecked": _unchecked,
    "profile": _profile,
    "closed-profile": _closed_profile,
    "mount": _mount,
    "open-below": _open_below,
    "application": _application,
}


@cache
def play(story: str, os: str) -> Consequence:
    """Return what the run *story* shows on the system *os*.

    Raises:
        UnknownNameError: there is no such system.
    """
    found = _STORIES[story](dialects.get(os).name)
    return attrs.evolve(found, nt=_kernel(found.status))


def _kernel(code: Win32Error) -> NtStatus:
    """Return the first kernel status that Windows' functions say as *code*."""
    return next((status for status in NtStatus if to_win32(status) is code), NtStatus.SUCCESS)
