"""The constants of Python's ``winreg``, with the values of 64-bit Windows (winnt.h; documented)."""

from __future__ import annotations

from typing import Final

from regsim.types import Access, CreateOption, NotifyFilter, PredefinedKey, RestoreFlag, ValueType

HIGH: Final = 0xFFFFFFFF00000000
"""What sign extension puts above a predefined key's 32 bits."""

_KEYS: Final = (
    PredefinedKey.CLASSES_ROOT,
    PredefinedKey.CURRENT_USER,
    PredefinedKey.LOCAL_MACHINE,
    PredefinedKey.USERS,
    PredefinedKey.PERFORMANCE_DATA,
    PredefinedKey.CURRENT_CONFIG,
    PredefinedKey.DYN_DATA,
)

_RIGHTS: Final = (
    Access.QUERY_VALUE,
    Access.SET_VALUE,
    Access.CREATE_SUB_KEY,
    Access.ENUMERATE_SUB_KEYS,
    Access.NOTIFY,
    Access.CREATE_LINK,
    Access.WOW64_64KEY,
    Access.WOW64_32KEY,
    Access.READ,
    Access.WRITE,
)

_TYPES: Final = tuple(kind for kind in ValueType if kind is not ValueType.QWORD)


def _collect() -> dict[str, int]:
    found = {key.hkey: key | HIGH for key in _KEYS}
    found |= {f"KEY_{right.name}": int(right) for right in _RIGHTS}
    found |= {"KEY_EXECUTE": int(Access.READ), "KEY_ALL_ACCESS": int(Access.ALL)}
    found |= {f"REG_{kind.name}": int(kind) for kind in _TYPES}
    found |= {"REG_DWORD_LITTLE_ENDIAN": int(ValueType.DWORD)}
    found |= {"REG_QWORD": int(ValueType.QWORD), "REG_QWORD_LITTLE_ENDIAN": int(ValueType.QWORD)}
    found |= {f"REG_OPTION_{option.name}": int(option) for option in CreateOption}
    found |= {"REG_OPTION_RESERVED": 0, "REG_OPTION_NON_VOLATILE": 0, "REG_LEGAL_OPTION": 31}
    found |= {f"REG_NOTIFY_CHANGE_{what.name}": int(what) for what in NotifyFilter}
    found |= {"REG_LEGAL_CHANGE_FILTER": 0x1000000F}
    found |= {"REG_CREATED_NEW_KEY": 1, "REG_OPENED_EXISTING_KEY": 2}
    found |= {
        f"REG_{flag.name}": int(flag)
        for flag in RestoreFlag
        if flag is not RestoreFlag.FORCE_RESTORE
    }
    return found


CONSTANTS: Final = _collect()
"""Every constant by its name."""
