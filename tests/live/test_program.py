"""From small logs of Wine's to traces: what counts as the program's, and what is left undecided."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from regsim import cli, dialects
from regsim.live.program import ProgramLog, trace_of
from regsim.live.relay import client_line
from regsim.trace.source import pasted

ROOT = r"\\Registry\\User\\S-1-5-21-0-0-0-1000"
BEGIN = [
    "0024: init_first_thread( unix_pid=1, unix_tid=1 )",
    "0024: init_first_thread() = 0 { pid=0020, tid=0024 }",
    r'0024:trace:loaddll:build_module Loaded L"Z:\\x\\app.exe" at 0000000140000000: native',
    r'0024:trace:loaddll:build_module Loaded L"Y:\\a.dll" at 00000001D8C90000: builtin',
    f'0024: create_key( access=02000000, objattr={{rootdir=0000,name=L"{ROOT}"}} )',
    "0024: create_key() = 0 { hkey=0028 }",
    "0024:Starting thread proc 00000001400014D0 (arg=0000000067FF0000)",
]
END = ["0024: *killed* exit_code=0"]


def called(name: str, first: str, *inner: str, back: str = "140001000") -> list[str]:
    """Return the lines of a call whose first argument is *first*, with what happens in it."""
    return [
        f'0024:Call advapi32.{name}({first},0000 L"x") ret={back}',
        *inner,
        f"0024:Ret  advapi32.{name}() retval=00000000 ret={back}",
    ]


OPENED = (
    '0024: open_key( parent=0028, access=00020019, name=L"Software" )',
    "0024: open_key() = 0 { hkey=0030 }",
)
CLOSED = ("0024: close_handle( handle=0030 )", "0024: close_handle() = 0")
HKCU = "ffffffff80000001"


def traced(*lines: str, why: str = "") -> list[dict[str, Any]]:
    """Return what the trace says after the hive's loading."""
    text = "\n".join([*BEGIN, *lines, *END]) + "\n"
    log = ProgramLog(pasted(text), prefix=Path("/none"), wine=False)
    for _ in log.read():
        pass
    found = trace_of(log, log.judged(), dialects.get("xp"), lambda _, at: hex(at), why)
    assert [row["op"] for row in found[:2]] == ["start", "load"]
    return [row for row in found[2:] if row["op"] != "load"]


def test_a_call_of_the_program_counts() -> None:
    """Its open is one on the predefined key, from the line that it returns to."""
    opened, closed = traced(
        *called("RegOpenKeyExW", HKCU, *OPENED), *called("RegCloseKey", "30", *CLOSED)
    )

    assert (opened["op"], opened["parent"], opened["handle"]) == ("RegOpenKeyExW", "HKCU", "0x30")
    assert opened["key"] == r"HKU\S-1-5-21-0-0-0-1000\Software"
    assert opened["source"] == "0x140001000"
    assert (closed["op"], closed["handle"]) == ("close", "0x30")


def test_a_call_of_wines_library_does_not() -> None:
    """What it opens is not the program's; that it did is said to be untold."""
    lines = called("RegOpenKeyExW", HKCU, *OPENED, back="1D8C91000")
    found = traced(*lines, *CLOSED)

    assert {row["op"] for row in found} == {"untold"}
    assert all("a library of Wine's" in row["why"] for row in found)


@pytest.mark.parametrize("name", ["RegQueryValueExW", "RegDeleteValueA"])
def test_other_calls_use_the_root(name: str) -> None:
    """A program's use of a predefined key is one; a library's is untold."""
    (used,) = traced(*called(name, HKCU))
    (told,) = traced(*called(name, HKCU, back="1D8C91000"))

    assert (used["op"], used["parent"], told["op"]) == ("use", "HKCU", "untold")


def test_closing_the_root() -> None:
    """It is a close of the predefined key, though Wine's server hears nothing of it."""
    (closed,) = traced(*called("RegCloseKey", HKCU))
    assert (closed["op"], closed["handle"]) == ("close", "HKCU")


def test_an_open_without_a_handle_of_its_own() -> None:
    """No name was given, so that the predefined key itself came back."""
    (again,) = traced(*called("RegOpenKeyExW", HKCU))
    assert (again["op"], again["parent"]) == ("refresh_root", "HKCU")


@pytest.mark.parametrize("name", ["RegOverridePredefKey", "RegConnectRegistryW", "RegLoadAppKeyW"])
def test_what_wine_answers_otherwise(name: str) -> None:
    """It is untold."""
    assert [row["op"] for row in traced(*called(name, HKCU))] == ["untold"]


def test_a_call_that_did_not_return() -> None:
    """A key that it had opened by then may be open for ever: it is untold."""
    lines = called("RegOpenKeyExW", HKCU, *OPENED)[:-1]
    found = traced(*lines, *called("RegCloseKey", HKCU))

    assert [row["op"] for row in found] == ["untold", "close"]


def test_text_of_the_programs_before_a_line() -> None:
    """It is kept apart, even where it ends in a digit; it hides nothing."""
    lines = called("RegOpenKeyExW", HKCU, *OPENED)
    lines = [f"50%: 7{line}" for line in lines]
    assert [row["op"] for row in traced(*lines)] == ["RegOpenKeyExW"]
    before, said = client_line(b"7" + lines[0].encode()[6:])
    assert said is not None
    assert (before, said.tid) == (b"7", 0x24)


def test_a_child_is_closed_by_its_end_and_the_program_is_not() -> None:
    """The trace ends before the program's own end; a child's end closes what it has."""
    child = [
        '0024: new_process( parent_process=0000, flags=00000000, imagepath=L"Z:\\\\x\\\\c.exe" )',
        "0024: new_process() = 0 { info=00e0, pid=0040, handle=00e4 }",
        "0044: init_first_thread( unix_pid=2, unix_tid=2 )",
        "0044: init_first_thread() = 0 { pid=0040, tid=0044 }",
        r'0044:trace:loaddll:build_module Loaded L"Z:\\x\\c.exe" at 0000000140000000: native',
        *(line.replace("0024:", "0044:") for line in BEGIN[4:]),
        *(line.replace("0024:", "0044:") for line in called("RegOpenKeyExW", HKCU, *OPENED)),
        "0044: *killed* exit_code=0",
    ]
    found = traced(*child, *called("RegOpenKeyExW", HKCU, *OPENED))

    assert [(row["op"], row["pid"]) for row in found] == [
        ("start", 0x40),
        ("RegOpenKeyExW", 0x40),
        ("close", 0x40),
        ("exit", 0x40),
        ("RegOpenKeyExW", 0x20),
    ]


def test_without_wine(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It is one line that says what to install, and exit code 2."""
    monkeypatch.setenv("PATH", "/none")
    monkeypatch.delenv("WINESERVER", raising=False)

    assert cli.main(["record", "--", "wine", "app.exe"]) == 2
    assert "there is no Wine here" in capsys.readouterr().err
