"""Calls of pywin32 that are made one after the other, and what each gives, on either side.

``python pywin32_side.py FILE``, by CPython for Windows, writes what the real pywin32 gives.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

CALLS = r"""
C.HKEY_CURRENT_USER
k = A.RegCreateKey(C.HKEY_CURRENT_USER, r"Soft2\X")
type(k).__name__
bool(k), int(k) > 0, k == int(k), k.handle == int(k)
str(k)[:8]
hasattr(k, "__enter__")
k + 1
float(k)
k == "x"
hash(k) == hash(k)
A.RegSetValueEx(k, "s", None, C.REG_SZ, "a\0b")
A.RegQueryValueEx(k, "s")
A.RegSetValueEx(k, "d", 0, C.REG_DWORD, 0xFFFFFFFF)
A.RegQueryValueEx(k, "d")
A.RegSetValueEx(k, "d", 0, C.REG_DWORD, -2)
A.RegSetValueEx(k, "d", 0, C.REG_DWORD, 1 << 32)
A.RegSetValueEx(k, "d", 0, C.REG_DWORD, "x")
A.RegSetValueEx(k, "d", 0, C.REG_DWORD, None)
A.RegQueryValueEx(k, "d")
A.RegSetValueEx(k, "q", 0, C.REG_QWORD, 1 << 63)
A.RegSetValueEx(k, "q", 0, C.REG_QWORD, 1 << 64)
A.RegSetValueEx(k, "q", 0, C.REG_QWORD, -1)
A.RegQueryValueEx(k, "q")
A.RegSetValueEx(k, "q", 0, C.REG_QWORD, "x")
A.RegSetValueEx(k, "m", 0, C.REG_MULTI_SZ, ("a", "", "b"))
A.RegQueryValueEx(k, "m")
A.RegSetValueEx(k, "m", 0, C.REG_MULTI_SZ, None)
A.RegQueryValueEx(k, "m")
A.RegSetValueEx(k, "m", 0, C.REG_MULTI_SZ, [])
A.RegQueryValueEx(k, "m")
A.RegSetValueEx(k, "m", 0, C.REG_MULTI_SZ, "ab")
A.RegQueryValueEx(k, "m")
A.RegSetValueEx(k, "m", 0, C.REG_MULTI_SZ, [1])
A.RegSetValueEx(k, "m", 0, C.REG_MULTI_SZ, 5)
A.RegSetValueEx(k, "b", 0, C.REG_BINARY, b"")
A.RegQueryValueEx(k, "b")
A.RegSetValueEx(k, "b", 0, C.REG_BINARY, None)
A.RegQueryValueEx(k, "b")
A.RegSetValueEx(k, "b", 0, C.REG_BINARY, bytearray(b"xyz"))
A.RegQueryValueEx(k, "b")
A.RegSetValueEx(k, "b", 0, C.REG_BINARY, "text")
A.RegSetValueEx(k, "b", 0, 77, b"abc")
A.RegQueryValueEx(k, "b")
A.RegSetValueEx(k, "s", 0, C.REG_SZ, 5)
A.RegSetValueEx(k, "s", 0, C.REG_SZ, None)
A.RegQueryValueEx(k, "s")
A.RegSetValueEx(k, "s", 0, C.REG_SZ, b"x")
A.RegSetValueEx(k, None, 0, C.REG_SZ, "default")
A.RegQueryValue(k, None)
A.RegQueryValue(C.HKEY_CURRENT_USER, r"Soft2\X")
A.RegQueryValue(C.HKEY_CURRENT_USER, r"Soft2\none")
A.RegQueryValue(C.HKEY_CURRENT_USER, r"Soft2")
sorted(A.RegEnumValue(k, i)[0] for i in range(6))
A.RegEnumValue(k, 99)
A.RegEnumValue(k, -1)
A.RegEnumKey(k, -1)
A.RegEnumKeyEx(k)
A.RegCreateKeyEx(k, "sub", C.KEY_ALL_ACCESS, "cls")[1]
A.RegCreateKeyEx(k, "sub", C.KEY_ALL_ACCESS)[1]
A.RegCreateKeyEx(k, "sub")
A.RegCreateKeyEx(k, None, C.KEY_READ)[1]
[(e[0], e[1], e[2], type(e[3]).__name__, e[3].year >= 2024, e[3].tzinfo is not None) for e in A.RegEnumKeyExW(k)]
A.RegQueryInfoKey(k)[:2]
A.RegOpenKey(k, "none")
A.RegOpenKeyEx(k, "none", 0, C.KEY_READ)
A.RegOpenKey(None, "x")
A.RegOpenKey("x", "x")
A.RegOpenKey(k, b"x")
A.RegOpenKey(k, 5)
A.RegOpenKey(k)
A.RegOpenKey(k, "sub", "x")
A.RegOpenKey(k, "sub", 0, 1 << 31)
A.RegOpenKey(k, "sub", 0, 1 << 40)
A.RegOpenKey(k, "sub", sam=1)
A.RegOpenKey(C.HKEY_CURRENT_USER, None) == C.HKEY_CURRENT_USER
int(A.RegOpenKey(C.HKEY_CURRENT_USER, ""))
A.RegConnectRegistry(None, C.HKEY_LOCAL_MACHINE) == C.HKEY_LOCAL_MACHINE
A.RegConnectRegistry(5, C.HKEY_LOCAL_MACHINE)
A.RegDeleteKey(k, None)
A.RegDeleteKey(k, "none")
A.RegDeleteKey(C.HKEY_CURRENT_USER, "Soft2")
A.RegDeleteKeyEx(k, "sub")
A.RegDeleteValue(k, "none")
A.RegDeleteValue(k, None)
A.RegDeleteTree(k, "none")
A.RegDeleteTree(C.HKEY_CURRENT_USER)
d = A.RegCreateKey(C.HKEY_CURRENT_USER, r"Soft2\Dst")
A.RegCopyTree(C.HKEY_CURRENT_USER, r"Soft2\X", d)
A.RegQueryValueEx(d, "b")
A.RegCopyTree(k, "none", d)
A.RegSetValue(k, "sv", C.REG_SZ, "text")
A.RegQueryValue(k, "sv")
A.RegSetValue(k, "sv", C.REG_DWORD, "text")
A.RegSetValue(k, "sv", C.REG_SZ, None)
A.RegFlushKey(k)
A.RegFlushKey(0x7ff8)
A.RegCloseKey(0x7ff8)
A.RegCloseKey(None)
A.RegCloseKey("x")
A.RegUnLoadKey(C.HKEY_USERS, "none")
A.RegOverridePredefKey(k, d)
A.RegOverridePredefKey(C.HKEY_CURRENT_USER, 5)
A.RegOverridePredefKey(C.HKEY_LOCAL_MACHINE, d)
A.RegQueryInfoKey(A.RegOpenKey(C.HKEY_LOCAL_MACHINE, None))[:2]
A.RegOverridePredefKey(C.HKEY_LOCAL_MACHINE, None)
type(A.RegGetKeySecurity(k, 7)).__name__
type(A.RegGetKeySecurity(k, 7).GetSecurityDescriptorOwner()).__name__
str(A.RegGetKeySecurity(k, 1).GetSecurityDescriptorOwner())[:10]
A.RegGetKeySecurity(k, 1).GetSecurityDescriptorGroup()
A.RegSetKeySecurity(k, 4, None)
A.RegSetKeySecurity(k, 4, "x")
A.RegNotifyChangeKeyValue(k, 1, 4, None, True)
e = E.CreateEvent(None, 0, 0, None)
type(e).__name__
A.RegNotifyChangeKeyValue(k, 1, A.REG_NOTIFY_CHANGE_LAST_SET, e, True)
E.WaitForSingleObject(e, 0)
A.RegSetValueEx(k, "z", 0, C.REG_SZ, "z")
E.WaitForSingleObject(e, 0)
E.WaitForSingleObject(e, 0)
A.RegCloseKey(e)
r = k.Detach()
bool(k), int(k), k.Detach()
A.RegCloseKey(r)
A.RegCloseKey(r)
k.Close()
A.RegCloseKey(k)
t = S.OpenProcessToken(A.GetCurrentProcess(), S.TOKEN_ALL_ACCESS)
type(t).__name__, str(t)[:9]
A.RegCloseKey(t)
type(S.GetTokenInformation(t, S.TokenUser)).__name__, S.GetTokenInformation(t, S.TokenUser)[1]
str(S.GetTokenInformation(t, S.TokenUser)[0])[:10]
S.ConvertSidToStringSid(S.GetTokenInformation(t, S.TokenUser)[0])[:5]
S.LookupPrivilegeValue(None, "SeRestorePrivilege")
S.LookupPrivilegeValue(None, S.SE_BACKUP_NAME)
S.LookupPrivilegeValue(None, "SeNone")
S.LookupPrivilegeName(None, 18)
S.AdjustTokenPrivileges(t, False, [(18, 0)])
S.AdjustTokenPrivileges(t, False, [(18, 2)])
S.AdjustTokenPrivileges(t, 0, [(18, 2)])
S.OpenThreadToken(A.GetCurrentThread(), 8, True)
S.ImpersonateSelf(2)
type(S.OpenThreadToken(A.GetCurrentThread(), 8, True)).__name__
S.RevertToSelf()
S.OpenThreadToken(A.GetCurrentThread(), 8, True)
S.SetThreadToken(None, None)
S.ImpersonateSelf(9)
S.ImpersonateLoggedOnUser(t)
S.RevertToSelf()
S.ImpersonateLoggedOnUser(0x7ff8)
S.ImpersonateLoggedOnUser("x")
type(S.DuplicateToken(t, 2)).__name__
S.ConvertStringSidToSid("S-1-5-18")
S.ConvertStringSidToSid("nonsense")
S.ConvertStringSidToSid("S-1-5-18") == S.ConvertStringSidToSid("S-1-5-18")
S.LookupAccountName(None, "no such account at all")
S.ConvertSidToStringSid("x")
t.Close()
S.GetTokenInformation(t, 1)
A.CloseHandle(0x7ff8)
A.CloseHandle(None)
""".strip().splitlines()  # noqa: E501 - one call a line
"""A is win32api, C win32con, S win32security, E win32event."""


def answers(**modules: Any) -> list[str]:
    """Return what each call gives, or the exception with the code and function of an `error`."""
    found = []
    for call in CALLS:
        try:
            if " = " in call.split("(", 1)[0]:
                exec(call, modules)  # noqa: S102 - our own
                found.append("done")
            else:
                found.append(repr(eval(call, modules)))  # noqa: S307 - our own
        except Exception as error:  # noqa: BLE001 - whatever it is
            told = error.args[:2] if type(error).__name__ == "error" else ()
            found.append(f"raises {type(error).__name__}{told or ''}")
    return found


if __name__ == "__main__":
    import win32api
    import win32con
    import win32event
    import win32security

    real = answers(A=win32api, C=win32con, S=win32security, E=win32event)
    Path(sys.argv[1]).write_text(json.dumps(real), "ascii")
