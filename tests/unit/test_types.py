"""The shared ids, flags and values: their numbers, and how they are read."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regsim.types import (
    LOCAL_SYSTEM,
    NO_HANDLE,
    SECOND,
    Access,
    CreateOption,
    NotifyFilter,
    PredefinedKey,
    Privilege,
    RestoreFlag,
    Value,
    ValueType,
    as_predefined,
)

PREDEFINED = {
    # winreg.h; documented.
    "HKEY_CLASSES_ROOT": 0x80000000,
    "HKEY_CURRENT_USER": 0x80000001,
    "HKEY_LOCAL_MACHINE": 0x80000002,
    "HKEY_USERS": 0x80000003,
    "HKEY_PERFORMANCE_DATA": 0x80000004,
    "HKEY_CURRENT_CONFIG": 0x80000005,
    "HKEY_DYN_DATA": 0x80000006,
    "HKEY_CURRENT_USER_LOCAL_SETTINGS": 0x80000007,
    "HKEY_PERFORMANCE_TEXT": 0x80000050,
    "HKEY_PERFORMANCE_NLSTEXT": 0x80000060,
}


def test_predefined_numbers() -> None:
    """The predefined keys have winreg.h's names and numbers, and there are ten of them."""
    assert {key.hkey: int(key) for key in PredefinedKey} == PREDEFINED


@pytest.mark.parametrize("key", PredefinedKey)
def test_predefined_is_known_by_its_low_32_bits(key: PredefinedKey) -> None:
    """Sign-extended, negative or with any high half, the number is still the key.

    Source: Wine dlls/advapi32/tests/registry.c; observed on Windows.
    """
    assert as_predefined(key) is key
    assert as_predefined(key | 0xFFFFFFFF00000000) is key
    assert as_predefined(key - 2**32) is key
    assert as_predefined(key | 0x1234 << 32) is key


@pytest.mark.parametrize(
    "handle", [0, 4, 0x7FFFFFFF, 0x80000008, 0x8000004F, 0x80000061, 0xCAFEBABE, -1]
)
def test_ordinary_handle_is_none_of_them(handle: int) -> None:
    """A number between and beside the predefined ones stands for no root."""
    assert as_predefined(handle) is None


@pytest.mark.parametrize(
    ("flag", "number"),
    [
        (Access.QUERY_VALUE, 0x1),
        (Access.SET_VALUE, 0x2),
        (Access.CREATE_SUB_KEY, 0x4),
        (Access.ENUMERATE_SUB_KEYS, 0x8),
        (Access.NOTIFY, 0x10),
        (Access.CREATE_LINK, 0x20),
        (Access.WOW64_64KEY, 0x100),
        (Access.WOW64_32KEY, 0x200),
        (Access.DELETE, 0x10000),
        (Access.READ_CONTROL, 0x20000),
        (Access.WRITE_DAC, 0x40000),
        (Access.WRITE_OWNER, 0x80000),
        (Access.MAXIMUM_ALLOWED, 0x2000000),
        (CreateOption.VOLATILE, 1),
        (CreateOption.CREATE_LINK, 2),
        (CreateOption.BACKUP_RESTORE, 4),
        (CreateOption.OPEN_LINK, 8),
        (RestoreFlag.WHOLE_HIVE_VOLATILE, 1),
        (RestoreFlag.REFRESH_HIVE, 2),
        (RestoreFlag.NO_LAZY_FLUSH, 4),
        (RestoreFlag.FORCE_RESTORE, 8),
        (NotifyFilter.NAME, 1),
        (NotifyFilter.ATTRIBUTES, 2),
        (NotifyFilter.LAST_SET, 4),
        (NotifyFilter.SECURITY, 8),
        (ValueType.SZ, 1),
        (ValueType.LINK, 6),
        (ValueType.QWORD, 11),
    ],
)
def test_flag_numbers(flag: int, number: int) -> None:
    """A flag has the number of winnt.h."""
    assert flag == number


def test_compound_rights() -> None:
    """KEY_READ, KEY_WRITE and KEY_ALL_ACCESS are made of the rights that winnt.h says."""
    assert Access.READ == (
        Access.READ_CONTROL | Access.QUERY_VALUE | Access.ENUMERATE_SUB_KEYS | Access.NOTIFY
    )
    assert Access.WRITE == Access.READ_CONTROL | Access.SET_VALUE | Access.CREATE_SUB_KEY
    assert Access.ALL == (
        Access.READ
        | Access.WRITE
        | Access.CREATE_LINK
        | Access.DELETE
        | Access.WRITE_DAC
        | Access.WRITE_OWNER
    )
    assert not Access.ALL & Access.MAXIMUM_ALLOWED


def test_constants() -> None:
    """LocalSystem's SID, the absent handle and a second are what Windows says."""
    assert (LOCAL_SYSTEM, NO_HANDLE, SECOND) == ("S-1-5-18", 0, 10**7)
    assert [p.value for p in Privilege] == ["SeBackupPrivilege", "SeRestorePrivilege"]


def test_text_value_is_stored_as_windows_does() -> None:
    """A REG_SZ is UTF-16 with a NUL after it, and reads back without."""
    value = Value.sz("Name", "\N{EURO SIGN}\N{GRINNING FACE}")

    assert value == Value("Name", 1, b"\xac\x20\x3d\xd8\x00\xde\0\0")
    assert value.text() == "\N{EURO SIGN}\N{GRINNING FACE}"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"a\0b\0", "ab"),
        (b"a\0\0\0b\0", "a"),
        (b"a\0b", "a"),
        (b"\0\xd8", "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_text_of_odd_data(data: bytes, text: str) -> None:
    """Text ends at the first NUL, need not have one, drops an odd byte, and never raises."""
    assert Value("", ValueType.SZ, data).text() == text


@pytest.mark.parametrize(
    ("number", "data"),
    [(1, b"\x01\0\0\0"), (2**32 - 1, b"\xff" * 4), (2**32, b"\0" * 4), (-1, b"\xff" * 4)],
)
def test_number_value_wraps(number: int, data: bytes) -> None:
    """A REG_DWORD is little-endian and taken modulo 2**32."""
    assert Value.dword("n", number) == Value("n", 4, data)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_text_comes_back(text: str) -> None:
    """Whatever text without NULs goes into a REG_SZ comes out of it."""
    assert Value.sz("", text).text() == text


@given(st.text(st.characters(exclude_characters="\0", categories=["Cs"]), max_size=4))
def test_lone_surrogates_are_stored(text: str) -> None:
    """A lone surrogate, which Windows allows, is stored unchanged and does not raise."""
    assert Value.sz("", text).data == text.encode("utf-16-le", "surrogatepass") + b"\0\0"


def test_value_is_frozen() -> None:
    """A value cannot be changed in place."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Value("a", 1, b"").name = "b"
