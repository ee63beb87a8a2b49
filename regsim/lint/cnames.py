"""The functions of C and C++ that open, close and lend keys, by their names."""

from __future__ import annotations

import re
from typing import Final

import attrs


@attrs.frozen
class Opener:
    """A function that opens: in which argument the result lands, what it is opened below.

    Attributes:
        result: the argument that gets the handle.
        root: the argument that names the key it is opened below, if there is one.
        name: the argument that names what is opened.
        what: what is opened: a ``key``, the ``app`` hive of a file.
    """

    result: int
    root: int | None = 0
    name: int | None = 1
    what: str = "key"


OPENERS: Final = {
    "RegOpenKey": Opener(2),
    "RegOpenKeyEx": Opener(4),
    "RegCreateKey": Opener(2),
    "RegCreateKeyEx": Opener(7),
    "RegOpenKeyTransacted": Opener(4),
    "RegCreateKeyTransacted": Opener(7),
    "RegConnectRegistry": Opener(2, 1, 0),
    "RegOpenCurrentUser": Opener(1, None, None),
    "RegOpenUserClassesRoot": Opener(3, None, None),
    "RegLoadAppKey": Opener(1, None, 0, "app"),
    "AssocQueryKey": Opener(4, None, None),
    "IoOpenDeviceRegistryKey": Opener(3, None, None),
    "IoOpenDeviceInterfaceRegistryKey": Opener(2, None, None),
    "CM_Open_DevNode_Key": Opener(4, None, None),
    "CM_Open_Class_Key": Opener(4, None, None),
    **dict.fromkeys(("NtOpenKey", "ZwOpenKey", "NtOpenKeyEx", "ZwOpenKeyEx"), Opener(0, None, 2)),
    **dict.fromkeys(("NtCreateKey", "ZwCreateKey"), Opener(0, None, 2)),
}
GIVERS: Final = frozenset(
    {
        *("SetupDiOpenDevRegKey", "SetupDiCreateDevRegKey", "SetupDiOpenClassRegKey"),
        *("SetupDiOpenClassRegKeyEx", "SetupDiOpenDeviceInterfaceRegKey"),
        "SetupDiCreateDeviceInterfaceRegKey",
    }
)
"""What returns a key, or INVALID_HANDLE_VALUE (Microsoft, setupapi.h; documented)."""
CLOSERS: Final = frozenset({"RegCloseKey", "NtClose", "ZwClose"})
ACTING: Final = {
    "ImpersonateLoggedOnUser": False,
    "ImpersonateNamedPipeClient": False,
    "ImpersonateAnonymousToken": False,
    "SetThreadToken": False,
    "RpcImpersonateClient": True,
    "CoImpersonateClient": True,
    "ImpersonateSecurityContext": True,
}
"""What has a thread act for a client, and whether 0 says that it does."""
REVERTING: Final = frozenset(
    {
        *("RevertToSelf", "RpcRevertToSelf", "RpcRevertToSelfEx", "CoRevertToSelf"),
        "RevertSecurityContext",
    }
)
ENDING: Final = frozenset(
    {
        *("exit", "_exit", "abort", "ExitProcess", "FatalAppExit", "FatalExit", "ExitThread"),
        *("_endthread", "_endthreadex", "FreeLibraryAndExitThread", "longjmp", "quick_exit"),
    }
)
"""What does not come back."""
PROGRAMS: Final = frozenset({"main", "wmain", "_tmain", "WinMain", "wWinMain", "_tWinMain"})
"""Where the process ends with the function, and Windows closes what is left."""
HANDLES: Final = frozenset({"HKEY", "HANDLE", "::HKEY", "struct HKEY__ *"})
"""The types of variables that own nothing by themselves."""

SUCCESSES: Final = frozenset(
    {
        *("ERROR_SUCCESS", "NO_ERROR", "S_OK", "STATUS_SUCCESS", "NULL", "nullptr", "FALSE"),
        *("false", "RPC_S_OK", "NOERROR", "SEC_E_OK", "CR_SUCCESS"),
    }
)
FAILURES: Final = re.compile(r"(ERROR_|E_|STATUS_)\w+$|TRUE$|true$")
THREADS: Final = re.compile(
    rb"\b(CreateThread|_beginthread(ex)?|CreateRemoteThread|std::j?thread|std::async|QueueUserWorkItem"
    rb"|(Create|Submit)Threadpool\w+|TrySubmitThreadpoolCallback|AfxBeginThread|RpcServerListen"
    rb"|pthread_create|SHCreateThread|StartServiceCtrlDispatcher[AW]?|CoRegisterClassObject)\b"
)
"""What shows that more than one thread runs in a program."""

_LENDING: Final = re.compile(
    r"_?(reg|sh|str|read|write|get|query|enum|load|save|store|delete|del|remove|dump|print|list|has|is"
    r"|check|find|update|import|export|copy|parse|log|trace|nt|zw|rtl|swprintf|wsprintf|printf|set"
    r"|put|wait|msi|for|test|count|show|display|scan|recurse|walk|iterate|try|do|do_|process)",
    re.IGNORECASE,
)
_TAKING: Final = re.compile(
    r"close|free|release|attach|own|destroy|cleanup|dispose|reset|thread|register|queue|async|guard"
    r"|handle$|raii|scope|push|append|insert|add|hook|callback|transfer|take|keep|finish|exit",
    re.IGNORECASE,
)


def plain(name: str) -> str:
    """Return the name of a function without ``::`` or ``DLL$``, and without its A or W."""
    name = name.rpartition("::")[2].rpartition("$")[2].strip()
    if name[-1:] in "AW" and name[:-1] in _SUFFIXED:
        return name[:-1]
    return name


def lends(name: str, *, method: bool) -> bool:
    """Return whether a function of that *name*, not seen, only uses a key it is given.

    Of others it may be thought that they keep or close it; so may macros do.
    """
    if _TAKING.search(name) and not name.startswith("Reg"):
        return False
    if name.isupper():
        return False
    if method and name[:3].lower() in ("set", "put"):
        return False
    return _LENDING.match(name) is not None


_SUFFIXED: Final = frozenset(
    {
        *OPENERS,
        *GIVERS,
        *("RegLoadKey", "RegUnLoadKey", "LoadUserProfile", "RegQueryValueEx", "FatalAppExit"),
        *("RegSetValueEx", "RegGetValue", "RegDeleteKey", "RegDeleteValue", "RegEnumKeyEx"),
    }
)
