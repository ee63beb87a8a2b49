"""The numbers that Python and C both have, read out of the C sources."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import regsim.accel
from regsim.accel import columns, handles, records
from regsim.trace import columns as trace_columns
from regsim.trace import spelling
from regsim.trace.readers import _procmon_scan

NATIVE = Path(regsim.accel.__file__).parent / "native"


def text(name: str) -> str:
    """Return a C source without its comments; skip where it is not part of the installation."""
    if not NATIVE.is_dir():
        pytest.skip("the C sources are not part of this installation")
    return re.sub(r"/\*.*?\*/", "", (NATIVE / name).read_text(encoding="utf-8"), flags=re.DOTALL)


def enum_of(name: str, tag: str) -> list[str]:
    """Return the names in C's ``enum tag`` without values of their own, in order."""
    found = re.search(rf"enum {tag} {{([^}}=]*)}}", text(name))
    assert found is not None
    return re.findall(r"\w+", found[1])


def number(name: str, constant: str) -> int:
    """Return what C gives *constant*, defined or in an enum, as a plain number or a shift."""
    pattern = rf"\b{constant}\s*=?\s*\(?(?:UINT(?:32|64)_C\()?(-?\w+)\)?(?: << (\d+))?"
    found = re.search(pattern, text(name))
    assert found is not None
    return int(found[1], 0) << int(found[2] or 0)


def test_kinds_of_events_have_one_number() -> None:
    """C's ops are Python's kinds of events, name by name and in the same order."""
    ops = [f"OP_{kind.name}" for kind in columns.EventKind]

    assert enum_of("core_events.h", "op") == [*ops, "OP_COUNT"]
    assert list(columns.EventKind) == list(range(len(ops)))


def test_answers_of_the_csv_scan_have_one_number() -> None:
    """Why a scan stops, and what becomes of rows, are numbered alike on both sides."""
    asked = [_procmon_scan.DONE, _procmon_scan.VERDICT, _procmon_scan.ACCESS, _procmon_scan.REFUSED]
    kinds = [_procmon_scan.HARMLESS, _procmon_scan.TAKEN, _procmon_scan.SKIPPED]

    outcomes = ["CSV_DONE", "CSV_VERDICT", "CSV_ACCESS", "CSV_REFUSED", "CSV_NO_MEMORY"]
    assert enum_of("core_csv.h", "csv_outcome") == outcomes
    assert asked == [0, 1, 2, 3]
    known = ["CSV_UNASKED", "CSV_HARMLESS", "CSV_TAKEN", "CSV_SKIPPED"]
    assert enum_of("core_csv.h", "csv_kind") == known
    assert kinds == [1, 2, 3]


def test_sources_of_handle_values_have_one_number() -> None:
    """C's ``enum values`` is `HandleValues`, in the same order from 0 on."""
    assert enum_of("core_replay.h", "values") == [f"VALUES_{v.name}" for v in records.HandleValues]
    assert list(records.HandleValues) == [0, 1, 2]


@pytest.mark.parametrize(
    ("source", "constant", "value"),
    [
        ("core_csv.h", "CSV_MOST_COLUMNS", _procmon_scan.MOST_COLUMNS),
        ("core_piles.h", "PILES_UNPLACED", spelling.UNPLACED),
        ("core_piles.c", "MAXIMUM_ALLOWED", trace_columns.MAXIMUM_ALLOWED),
        ("core_replay.h", "ROOT_NEVER", records.NEVER),
        ("core_replay.h", "ROOT_OF_HIVE", records.OF_HIVE),
        ("core_events.h", "ROOTS", records.ROOTS),
        ("core_events.h", "FIRST_PREDEFINED", columns.FIRST_PREDEFINED),
        ("core_handles.h", "HANDLE_STEP", handles.STEP),
        ("core_handles.h", "HANDLE_MAX_HIVE", handles.MAX_HIVE),
        ("core_handles.h", "HANDLE_MAX_SLOTS", handles.MAX_SLOTS),
        ("module.c", "INTERFACE", regsim.accel.INTERFACE),
    ],
)
def test_constants_are_equal(source: str, constant: str, value: int) -> None:
    """A constant that both sides have is the same number in both."""
    assert number(source, constant) == value


def test_library_counts_ops_as_python_does() -> None:
    """The library takes every kind of event there is, and refuses the next number."""
    if regsim.accel.NATIVE is None:
        pytest.skip("this installation has no library")
    policy = records.Policy()
    made = regsim.accel.NATIVE.CReplay(policy.roots, *[True] * 6, records.HandleValues.GIVEN)
    made.keys(b"\0\0\0\0", b"\0\0\0\0")
    kinds = bytes(columns.EventKind)
    made.check(kinds, bytes(4 * len(kinds)))

    with pytest.raises(ValueError, match=f"row {len(kinds)} has"):
        made.check(kinds + bytes([len(kinds)]), bytes(4 * len(kinds) + 4))
