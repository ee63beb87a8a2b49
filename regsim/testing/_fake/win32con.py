"""The constants of pywin32 that are about the registry, tokens and access, by module.

The values are those of winnt.h and winbase.h (documented); which module has which name, and that
handles and high bits are negative numbers, is pywin32's (312; documented).
"""

from __future__ import annotations

from typing import Final

from regsim.testing._fake.constants import CONSTANTS
from regsim.types import Access, NotifyFilter, PredefinedKey, Privilege, ValueType

_RIGHTS: Final = ("DELETE", "READ_CONTROL", "WRITE_DAC", "WRITE_OWNER", "MAXIMUM_ALLOWED")
_GENERIC: Final = ("GENERIC_READ", "GENERIC_WRITE", "GENERIC_EXECUTE", "GENERIC_ALL")
_TOKEN: Final = (
    *("ASSIGN_PRIMARY", "DUPLICATE", "IMPERSONATE", "QUERY", "QUERY_SOURCE"),
    *("ADJUST_PRIVILEGES", "ADJUST_GROUPS", "ADJUST_DEFAULT", "ADJUST_SESSIONID"),
)
_PRIVILEGES: Final = (
    *("CreateToken", "AssignPrimaryToken", "LockMemory", "IncreaseQuota", "UnsolicitedInput"),
    *("MachineAccount", "Tcb", "Security", "TakeOwnership", "LoadDriver", "SystemProfile"),
    *("Systemtime", "ProfileSingleProcess", "IncreaseBasePriority", "CreatePagefile"),
    *("CreatePermanent", "Backup", "Restore", "Shutdown", "Debug", "Audit", "SystemEnvironment"),
    *("ChangeNotify", "RemoteShutdown"),
)
_SPELLED: Final = {
    "CreateToken": "CREATE_TOKEN",
    "LockMemory": "LOCK_MEMORY",
    "IncreaseQuota": "INCREASE_QUOTA",
    "UnsolicitedInput": "UNSOLICITED_INPUT",
    "MachineAccount": "MACHINE_ACCOUNT",
    "TakeOwnership": "TAKE_OWNERSHIP",
    "LoadDriver": "LOAD_DRIVER",
    "SystemProfile": "SYSTEM_PROFILE",
    "ProfileSingleProcess": "PROF_SINGLE_PROCESS",
    "IncreaseBasePriority": "INC_BASE_PRIORITY",
    "CreatePagefile": "CREATE_PAGEFILE",
    "CreatePermanent": "CREATE_PERMANENT",
    "SystemEnvironment": "SYSTEM_ENVIRONMENT",
    "ChangeNotify": "CHANGE_NOTIFY",
    "RemoteShutdown": "REMOTE_SHUTDOWN",
}
"""Names of privileges that are not just their text in capitals."""


def _signed(value: int) -> int:
    return value - (1 << 32) if value >> 31 else value


def _collect() -> dict[str, int | str]:
    found: dict[str, int | str] = {key.hkey: _signed(key) for key in PredefinedKey}
    found.pop(PredefinedKey.CURRENT_USER_LOCAL_SETTINGS.hkey)
    found |= {name: value for name, value in CONSTANTS.items() if name.startswith("KEY_")}
    found |= {"KEY_WOW64_RES": 0x300, "SYNCHRONIZE": 0x100000, "ACCESS_SYSTEM_SECURITY": 1 << 24}
    found |= {name: int(Access[name]) for name in _RIGHTS}
    found |= {name: _signed(Access[name]) for name in _GENERIC}
    found |= {"STANDARD_RIGHTS_REQUIRED": 0xF0000, "STANDARD_RIGHTS_ALL": 0x1F0000}
    found |= {f"STANDARD_RIGHTS_{what}": 0x20000 for what in ("READ", "WRITE", "EXECUTE")}
    found |= {"SPECIFIC_RIGHTS_ALL": 0xFFFF}
    found |= {f"REG_{kind.name}": int(kind) for kind in ValueType}
    found |= {"REG_DWORD_LITTLE_ENDIAN": 4, "REG_QWORD_LITTLE_ENDIAN": 11}
    found |= {
        f"REG_NOTIFY_CHANGE_{what}": NotifyFilter[what] for what in ("ATTRIBUTES", "SECURITY")
    }
    logons = {"INTERACTIVE": 2, "NETWORK": 3, "BATCH": 4, "SERVICE": 5, "UNLOCK": 7}
    logons |= {"NETWORK_CLEARTEXT": 8, "NEW_CREDENTIALS": 9}
    found |= {f"LOGON32_LOGON_{how}": number for how, number in logons.items()}
    providers = ("DEFAULT", "WINNT35", "WINNT40", "WINNT50")
    found |= {f"LOGON32_PROVIDER_{name}": number for number, name in enumerate(providers)}
    found |= {f"TOKEN_{name}": 1 << bit for bit, name in enumerate(_TOKEN)}
    found |= {"TOKEN_ALL_ACCESS": 0xF01FF, "TOKEN_READ": 0x20008}
    found |= {"TOKEN_WRITE": 0x200E0, "TOKEN_EXECUTE": 0x20000}
    found |= {
        f"SE_{_SPELLED.get(name, name.upper())}_NAME": f"Se{name}Privilege" for name in _PRIVILEGES
    }
    found |= {"SE_PRIVILEGE_ENABLED_BY_DEFAULT": 1, "SE_PRIVILEGE_ENABLED": 2}
    return found | {"SE_PRIVILEGE_USED_FOR_ACCESS": _signed(1 << 31)}


WIN32CON: Final = _collect()
"""What ``win32con`` has of these."""

WIN32API: Final = {f"REG_NOTIFY_CHANGE_{what.name}": int(what) for what in NotifyFilter}
"""What ``win32api`` has of these."""

LUIDS: Final = {Privilege.BACKUP: 17, Privilege.RESTORE: 18}
"""The numbers of the privileges that hives ask for (winnt.h of ReactOS and Wine; observed)."""

_LEVELS: Final = ("Anonymous", "Identification", "Impersonation", "Delegation")
_ABOUT: Final = ("OWNER", "GROUP", "DACL", "SACL")

WIN32SECURITY: Final = {
    **{n: v for n, v in WIN32CON.items() if n.startswith(("LOGON32_", "TOKEN_", "SE_"))},
    **{f"Security{level}": number for number, level in enumerate(_LEVELS)},
    **{f"{what}_SECURITY_INFORMATION": 1 << bit for bit, what in enumerate(_ABOUT)},
    "TokenUser": 1,
    "TokenPrivileges": 3,
    "TokenType": 8,
    "TokenImpersonationLevel": 9,
    "TokenPrimary": 1,
    "TokenImpersonation": 2,
    "SidTypeUser": 1,
    "SidTypeWellKnownGroup": 5,
}
"""What ``win32security`` has of these."""
