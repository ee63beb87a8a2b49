"""`OSError` as Python raises it on Windows, on every platform."""

from __future__ import annotations

import errno
import sys
from typing import Final

_ERRNO: Final = {
    2: errno.ENOENT,
    3: errno.ENOENT,
    5: errno.EACCES,
    6: errno.EBADF,
    31: errno.EACCES,
    32: errno.EACCES,
    53: errno.ENOENT,
    80: errno.EEXIST,
    161: errno.ENOENT,
    183: errno.EEXIST,
}
"""What CPython's ``PC/errmap.h`` turns the codes that registry calls give into; else EINVAL."""

_TEXTS: Final = {
    1: "Incorrect function",
    2: "The system cannot find the file specified",
    5: "Access is denied",
    6: "The handle is invalid",
    13: "The data is invalid",
    31: "A device attached to the system is not functioning",
    32: "The process cannot access the file because it is being used by another process",
    50: "The request is not supported",
    53: "The network path was not found",
    87: "The parameter is incorrect",
    120: "This function is not supported on this system",
    123: "The filename, directory name, or volume label syntax is incorrect",
    161: "The specified path is invalid",
    183: "Cannot create a file when that file already exists",
    234: "More data is available",
    259: "No more data is available",
    997: "Overlapped I/O operation is in progress",
    1008: "An attempt was made to reference a token that does not exist",
    1009: "The configuration registry database is corrupt",
    1010: "The configuration registry key is invalid",
    1011: "The configuration registry key could not be opened",
    1012: "The configuration registry key could not be read",
    1013: "The configuration registry key could not be written",
    1015: "The registry is corrupted",
    1018: "Illegal operation attempted on a registry key that has been marked for deletion",
    1020: "Cannot create a symbolic link in a registry key that already has subkeys or values",
    1021: "Cannot create a stable subkey under a volatile parent key",
    1313: "A specified privilege does not exist",
    1314: "A required privilege is not held by the client",
    1326: "The user name or password is incorrect",
    1332: "No mapping between account names and security IDs was done",
    1337: "The security ID structure is invalid",
    1338: "The security descriptor structure is invalid",
    1346: "Either a required impersonation level was not provided, or the provided impersonation "
    "level is invalid",
    1450: "Insufficient system resources exist to complete the requested service",
}


def error_text(code: int) -> str:
    """Return what Windows says for Win32 *code* (MS-ERREF 2.2; shortened where it goes on)."""
    return _TEXTS.get(code, f"Windows Error 0x{code:X}")


def windows_error(code: int) -> OSError:
    """Return the exception for Win32 *code*: FileNotFoundError for 2, PermissionError for 5, ….

    ``winerror`` is *code* and ``errno`` what CPython makes of it, also where Python itself knows
    no ``winerror``; there its text begins with ``[Errno …]``.
    """
    number = _ERRNO.get(code, errno.EINVAL)
    if sys.platform == "win32":
        return OSError(number, error_text(code), None, int(code))
    error = OSError(number, error_text(code))
    error.winerror = int(code)  # type: ignore[attr-defined]
    return error
