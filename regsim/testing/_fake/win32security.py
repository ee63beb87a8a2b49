"""``win32security``'s functions on tokens and on who a thread acts as; ``win32event``'s waits."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar, Final

import attrs

from regsim.kernel.process import SYSTEM_TOKEN, Token
from regsim.testing._fake.pyhandle import PyHANDLE, PySID, failed, sid_text
from regsim.testing._fake.security import PySECURITY_DESCRIPTOR
from regsim.testing._fake.win32api import HandleLike
from regsim.testing._fake.win32con import LUIDS, WIN32CON, WIN32SECURITY
from regsim.testing._fake.win32functions import (
    INVALID_PARAMETER,
    Functions,
    Signal,
    mask,
    number,
    text,
    text_or_none,
)
from regsim.types import Privilege, Sid

_NO_TOKEN: Final = 1008
_NO_SUCH_PRIVILEGE: Final = 1313
_LOGON_FAILURE: Final = 1326
_NONE_MAPPED: Final = 1332
_INVALID_SID: Final = 1337
_BAD_LEVEL: Final = 1346
_LEVELS: Final = (2, 3)
_ENABLED: Final = 2
_PROCESS, _THREAD = (1 << 64) - 1, (1 << 64) - 2
_SID: Final = re.compile(r"S-1(-\d+){2,}", re.IGNORECASE)
_SYSTEM_NAMES: Final = {"SYSTEM", "LOCALSYSTEM", "NT AUTHORITY\\SYSTEM"}
_WELL_KNOWN, _USER_ACCOUNT = 5, 1
_PRIVILEGES: Final = {str(v).upper(): str(v) for k, v in WIN32CON.items() if k.startswith("SE_")}
_LUIDS: Final = {each.value.upper(): luid for each, luid in LUIDS.items()}
Privileges = Iterable[tuple[int, int]]
"""Numbers of privileges, each with its attributes: 2 is enabled."""


class Win32Security(Functions):
    """The part of pywin32's ``win32security`` that is about tokens.

    A handle on a token keeps nothing open. Which rights it was asked for is not kept: each serves
    for all.
    """

    constants = WIN32SECURITY
    SECURITY_DESCRIPTOR = PySECURITY_DESCRIPTOR

    # -- whose token ----------------------------------------------------------------------------

    def LogonUser(
        self,
        Username: str,
        Domain: str | None,
        Password: str,
        LogonType: int,
        LogonProvider: int,
    ) -> PyHANDLE:
        """Return the token of a user that the process knows (1326 if not); loads no hive.

        There is one computer, and there are no passwords: any is right.
        """
        name = text(Username)
        text_or_none(Domain), text(Password), mask(LogonType), mask(LogonProvider)
        sid = self.binding.accounts.get(name)
        if sid is None:
            raise failed(_LOGON_FAILURE, "LogonUser")
        return self.process.give(Token(Sid(sid)))

    def OpenProcessToken(self, processHandle: HandleLike, desiredAccess: int, /) -> PyHANDLE:
        """Return the token of this process, which `win32api.GetCurrentProcess` means; else 6."""
        mask(desiredAccess)
        if self.process.number(processHandle) != _PROCESS:
            raise failed(6, "OpenProcessToken")
        return self.process.give(self.binding.process.token)

    def OpenThreadToken(
        self,
        handle: HandleLike,
        desiredAccess: int,
        openAsSelf: int,  # noqa: ARG002 - nobody is kept out here
        /,
    ) -> PyHANDLE:
        """Return the token that this thread acts with; 1008 where it acts as its process."""
        mask(desiredAccess)
        if self.process.number(handle) != _THREAD:
            raise failed(6, "OpenThreadToken")
        token = self._thread_token()
        if token is None:
            raise failed(_NO_TOKEN, "OpenThreadToken")
        return self.process.give(token)

    def DuplicateToken(
        self, ExistingTokenHandle: HandleLike, ImpersonationLevel: int, /
    ) -> PyHANDLE:
        """Return one more handle on a token; see `ImpersonateSelf` for the level."""
        return self._duplicate(ExistingTokenHandle, ImpersonationLevel, "DuplicateToken")

    def DuplicateTokenEx(
        self,
        ExistingToken: HandleLike,
        ImpersonationLevel: int,
        DesiredAccess: int,
        TokenType: int,
        TokenAttributes: object = None,  # noqa: ARG002 - nobody is kept out here
    ) -> PyHANDLE:
        """Return one more handle on a token; 87 for a *TokenType* other than 1 and 2."""
        mask(DesiredAccess)
        if mask(TokenType) not in (1, 2):
            raise failed(INVALID_PARAMETER, "DuplicateTokenEx")
        return self._duplicate(ExistingToken, ImpersonationLevel, "DuplicateTokenEx")

    def _duplicate(self, handle: HandleLike, level: int, function: str) -> PyHANDLE:
        self._expect_level(level, function)
        return self.process.give(self.process.what(Token, handle, function))

    # -- acting as somebody ---------------------------------------------------------------------

    def ImpersonateLoggedOnUser(self, handle: HandleLike, /) -> None:
        """Have this thread act as the token's user until it reverts; 6 for what is no token."""
        self._act_as(self.process.what(Token, handle, "ImpersonateLoggedOnUser"))

    def ImpersonateSelf(self, ImpersonationLevel: int, /) -> None:
        """Give this thread a token of its own, a copy of its process's.

        Raises 1346 for any level but impersonation and delegation: of the two below these, with
        which a thread could open nothing, that is said rather than simulated.
        """
        self._expect_level(ImpersonationLevel, "ImpersonateSelf")
        self._act_as(self.binding.process.token)

    def SetThreadToken(self, Thread: None, Token: HandleLike, /) -> None:
        """Have this thread (None) act as the token's user, or with None as its process."""
        if Thread is not None:
            raise failed(6, "SetThreadToken")
        self._act_as(None if Token is None else self._token(Token, "SetThreadToken"))

    def RevertToSelf(self) -> None:
        """Have this thread act as its process again; what HKEY_CURRENT_USER is pinned to stays."""
        self._act_as(None)

    def _token(self, handle: HandleLike, function: str) -> Token:
        return self.process.what(Token, handle, function)

    def _expect_level(self, level: int, function: str) -> None:
        if number(level) not in _LEVELS:
            raise failed(_BAD_LEVEL, function)

    def _thread_token(self) -> Token | None:
        api = self.binding.calls.api
        return api.machine.threads[api.tid].token

    def _act_as(self, token: Token | None) -> None:
        api = self.binding.calls.api
        api.machine.threads[api.tid].token = token

    # -- what a token says ----------------------------------------------------------------------

    def GetTokenInformation(self, TokenHandle: HandleLike, TokenInformationClass: int, /) -> object:
        """Return the user, the privileges, the type or the level of a token; 87 for all else."""
        token = self._token(TokenHandle, "GetTokenInformation")
        asked = number(TokenInformationClass)
        if asked == WIN32SECURITY["TokenUser"]:
            return PySID(token.sid), 0
        if asked == WIN32SECURITY["TokenPrivileges"]:
            return tuple((luid, _attributes(token, each)) for each, luid in LUIDS.items())
        raise failed(INVALID_PARAMETER, "GetTokenInformation")

    def AdjustTokenPrivileges(
        self, TokenHandle: HandleLike, bDisableAllPrivileges: int, NewState: Privileges | None
    ) -> tuple[tuple[int, int], ...]:
        """Switch privileges of this process's token or this thread's; return what they were.

        Of those that the registry asks for nothing is refused: whoever switches them on has them.
        """
        token = self._token(TokenHandle, "AdjustTokenPrivileges")
        wanted = dict.fromkeys(LUIDS.values(), 0) if number(bDisableAllPrivileges) else {}
        if not wanted:
            wanted = dict(NewState or ())
        before, now = [], set(token.privileges)
        for each, luid in LUIDS.items():
            on = bool(wanted.get(luid, 0) & _ENABLED)
            if luid in wanted and on != (each in now):
                before.append((luid, _attributes(token, each)))
                now = now | {each} if on else now - {each}
        self._replace(token, attrs.evolve(token, privileges=frozenset(now)))
        return tuple(before)

    def _replace(self, old: Token, new: Token) -> None:
        """Have everything that has token *old* have *new*, as what is one token would."""
        objects = self.process.objects
        for each, what in objects.items():
            if what is old:
                objects[each] = new
        if self.binding.process.token is old:
            self.binding.process.token = new
        if self._thread_token() is old:
            self._act_as(new)

    def LookupPrivilegeValue(self, systemName: str | None, privilegeName: str, /) -> int:
        """Return the number of a privilege; 1313 for a name that means none."""
        text_or_none(systemName)
        name = text(privilegeName).upper()
        if name not in _PRIVILEGES:
            raise failed(_NO_SUCH_PRIVILEGE, "LookupPrivilegeValue")
        return _LUIDS.get(name, 100 + sorted(_PRIVILEGES).index(name))

    def LookupPrivilegeName(self, SystemName: str | None, luid: int, /) -> str:
        """Return the name of the privilege with that number; 1313 where there is none."""
        text_or_none(SystemName)
        for name, spelled in _PRIVILEGES.items():
            if self.LookupPrivilegeValue(None, name) == luid:
                return spelled
        raise failed(_NO_SUCH_PRIVILEGE, "LookupPrivilegeName")

    # -- SIDs -----------------------------------------------------------------------------------

    def ConvertSidToStringSid(self, Sid: PySID, /) -> str:
        """Return a SID as text."""
        return sid_text(Sid)

    def ConvertStringSidToSid(self, StringSid: str, /) -> PySID:
        """Return the SID that a text means; 1337 where it means none."""
        if not _SID.fullmatch(text(StringSid)):
            raise failed(_INVALID_SID, "ConvertStringSidToSid")
        return PySID(StringSid.upper())

    def LookupAccountName(
        self, systemName: str | None, accountName: str, /
    ) -> tuple[PySID, str, int]:
        """Return SID, domain and kind of an account that the process knows; 1332 if not."""
        text_or_none(systemName)
        name = text(accountName)
        if name.upper() in _SYSTEM_NAMES:
            return PySID(SYSTEM_TOKEN.sid), "NT AUTHORITY", _WELL_KNOWN
        sid = self.binding.accounts.get(name.rpartition("\\")[2])
        if sid is None:
            raise failed(_NONE_MAPPED, "LookupAccountName")
        return PySID(sid), "", _USER_ACCOUNT

    def LookupAccountSid(self, systemName: str | None, sid: PySID, /) -> tuple[str, str, int]:
        """Return name, domain and kind of the account with that SID; 1332 where none is known."""
        text_or_none(systemName)
        wanted = sid_text(sid)
        if wanted == SYSTEM_TOKEN.sid:
            return "SYSTEM", "NT AUTHORITY", _WELL_KNOWN
        for name, known in self.binding.accounts.items():
            if known == wanted:
                return name, "", _USER_ACCOUNT
        raise failed(_NONE_MAPPED, "LookupAccountSid")


def _attributes(token: Token, privilege: Privilege) -> int:
    return _ENABLED if privilege in token.privileges else 0


class Win32Event(Functions):
    """The part of pywin32's ``win32event`` that RegNotifyChangeKeyValue needs."""

    constants: ClassVar[dict[str, int]] = {"WAIT_OBJECT_0": 0, "WAIT_TIMEOUT": 258, "INFINITE": -1}

    def CreateEvent(
        self,
        EventAttributes: object,  # noqa: ARG002 - nobody is kept out here
        bManualReset: int,
        bInitialState: int,
        Name: str | None,
        /,
    ) -> PyHANDLE:
        """Return a new event; a *Name* gives no other the same one."""
        text_or_none(Name)
        event = self.process.event(manual=bool(bManualReset))
        if bInitialState:
            self.binding.machine.signalled.add(event.name)
        return self.process.give(event)

    def SetEvent(self, hEvent: HandleLike, /) -> None:
        """Signal an event."""
        self.binding.machine.signalled.add(self.process.what(Signal, hEvent, "SetEvent").name)

    def ResetEvent(self, hEvent: HandleLike, /) -> None:
        """Take an event's signal back."""
        self.binding.machine.signalled.discard(self.process.what(Signal, hEvent, "ResetEvent").name)

    def WaitForSingleObject(self, handle: HandleLike, milliseconds: int, /) -> int:
        """Return 0 when the event is signalled, or 258 when the time is over (-1: no end)."""
        event, wait = self.process.what(Signal, handle, "WaitForSingleObject"), number(milliseconds)
        done = self.process.wait(event, None if wait == 0xFFFFFFFF else wait / 1000)
        return 0 if done else 258
