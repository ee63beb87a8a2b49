"""Status codes: their numbers, what counts as success, and the Win32 code of each."""

from __future__ import annotations

import pytest

from regsim.status import NtStatus, Win32Error, to_win32

NUMBERS = {
    # MS-ERREF 2.3.1, and what RtlNtStatusToDosError makes of it.
    "SUCCESS": (0x00000000, 0),
    "PENDING": (0x00000103, 997),
    "NO_MORE_ENTRIES": (0x8000001A, 259),
    "BUFFER_OVERFLOW": (0x80000005, 234),
    "UNSUCCESSFUL": (0xC0000001, 31),
    "NOT_IMPLEMENTED": (0xC0000002, 1),
    "INVALID_HANDLE": (0xC0000008, 6),
    "INVALID_PARAMETER": (0xC000000D, 87),
    "ACCESS_DENIED": (0xC0000022, 5),
    "OBJECT_TYPE_MISMATCH": (0xC0000024, 6),
    "OBJECT_NAME_INVALID": (0xC0000033, 123),
    "OBJECT_NAME_NOT_FOUND": (0xC0000034, 2),
    "OBJECT_NAME_COLLISION": (0xC0000035, 183),
    "OBJECT_PATH_NOT_FOUND": (0xC000003A, 3),
    "OBJECT_PATH_SYNTAX_BAD": (0xC000003B, 161),
    "SHARING_VIOLATION": (0xC0000043, 32),
    "PRIVILEGE_NOT_HELD": (0xC0000061, 1314),
    "INSUFFICIENT_RESOURCES": (0xC000009A, 1450),
    "NOT_SUPPORTED": (0xC00000BB, 50),
    "BAD_NETWORK_PATH": (0xC00000BE, 53),
    "NAME_TOO_LONG": (0xC0000106, 206),
    "CANNOT_DELETE": (0xC0000121, 5),
    "REGISTRY_CORRUPT": (0xC000014C, 1015),
    "KEY_DELETED": (0xC000017C, 1018),
    "CHILD_MUST_BE_VOLATILE": (0xC0000181, 1021),
    "HIVE_UNLOADED": (0xC0000425, 1018),
}

ERRORS = {
    # MS-ERREF 2.2, those that no status above maps to.
    "CALL_NOT_IMPLEMENTED": 120,
    "BADDB": 1009,
    "BADKEY": 1010,
    "CANTOPEN": 1011,
    "CANTREAD": 1012,
    "CANTWRITE": 1013,
    "KEY_HAS_CHILDREN": 1020,
    "DATATYPE_MISMATCH": 1629,
    "UNSUPPORTED_TYPE": 1630,
}


@pytest.mark.parametrize("name", NUMBERS)
def test_status_and_its_win32_code(name: str) -> None:
    """A status has the number of MS-ERREF and the Win32 code that Windows gives for it."""
    number, error = NUMBERS[name]

    assert NtStatus[name] == number
    assert to_win32(NtStatus[name]) == error
    assert isinstance(to_win32(NtStatus[name]), Win32Error)


@pytest.mark.parametrize("name", ERRORS)
def test_other_errors(name: str) -> None:
    """A Win32 code that no status maps to has the number of MS-ERREF too."""
    assert Win32Error[name] == ERRORS[name]


def test_no_status_is_left_out() -> None:
    """The table here names every status there is, so each has a Win32 code."""
    assert set(NtStatus.__members__) == set(NUMBERS)


def test_no_error_is_left_out() -> None:
    """Each Win32 code is either that of a status or one of the others."""
    reached = {to_win32(status).name for status in NtStatus}

    assert reached | set(ERRORS) == set(Win32Error.__members__)
    assert not reached & set(ERRORS)


@pytest.mark.parametrize("kind", [NtStatus, Win32Error])
def test_no_two_names_share_a_number(kind: type[NtStatus | Win32Error]) -> None:
    """No two statuses, and no two Win32 codes, have one number."""
    assert len(kind.__members__) == len({int(member) for member in kind})


@pytest.mark.parametrize(
    ("status", "ok"),
    [
        (NtStatus.SUCCESS, True),
        (NtStatus.PENDING, True),
        (NtStatus.BUFFER_OVERFLOW, False),
        (NtStatus.NO_MORE_ENTRIES, False),
        (NtStatus.UNSUCCESSFUL, False),
        (NtStatus.HIVE_UNLOADED, False),
    ],
)
def test_ok_means_below_the_warnings(status: NtStatus, ok: bool) -> None:
    """Success codes are those below 0x80000000; warnings and errors are not."""
    assert status.ok is ok


def test_only_success_and_pending_are_ok() -> None:
    """No status but SUCCESS and PENDING counts as success."""
    assert [status.name for status in NtStatus if status.ok] == ["SUCCESS", "PENDING"]


def test_unload_and_forced_unload_read_as_in_event_logs() -> None:
    """A refused unload is "Access is denied", a handle after a forced one gives 1018.

    Source: KB Q241572's family of events; KB 2287297.
    """
    assert to_win32(NtStatus.CANNOT_DELETE) is Win32Error.ACCESS_DENIED
    assert to_win32(NtStatus.KEY_DELETED) is Win32Error.KEY_DELETED
    assert to_win32(NtStatus.HIVE_UNLOADED) is Win32Error.KEY_DELETED
