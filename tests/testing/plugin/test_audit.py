"""The tracer of real winreg calls, on the fake, which raises the same events."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

import pytest

from regsim.cli import main
from regsim.errors import UsageError
from regsim.testing import fake_winreg
from regsim.testing.audit import trace_winreg


def short(trace) -> list[tuple]:
    """Return what matters of each record."""
    return [(r["op"], r.get("parent"), r.get("key"), r.get("handle")) for r in trace.records]


def test_opens_name_their_parent_and_closes_are_inferred() -> None:
    """A handle given out again was closed before; what is closed at the end is found by asking."""
    with fake_winreg() as reg, trace_winreg(reg.winreg) as trace:
        winreg = reg.winreg
        with winreg.CreateKey(winreg.HKEY_CURRENT_USER, r"Software\A") as first:
            number = int(first)
        with winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software") as again:
            assert int(again) == number
            with winreg.OpenKey(again, "A") as below:
                inner = int(below)

    assert short(trace) == [
        ("create", "HKEY_CURRENT_USER", r"Software\A", number),
        ("close", None, None, number),
        ("open", "HKEY_CURRENT_USER", "Software", number),
        ("open", number, "A", inner),
        ("close", None, None, number),
        ("close", None, None, inner),
    ]


def test_a_handle_that_stays_open_has_no_close() -> None:
    """It is what a replay will name."""
    with fake_winreg(leaks=False) as reg, trace_winreg(reg.winreg) as trace:
        kept = reg.winreg.OpenKey(reg.winreg.HKEY_CURRENT_USER, "Software")

    assert short(trace) == [("open", "HKEY_CURRENT_USER", "Software", int(kept))]


def test_what_fails_holds_nothing() -> None:
    """A failed open leaves no record, and does not spoil the next."""
    with fake_winreg() as reg, trace_winreg(reg.winreg) as trace:
        winreg = reg.winreg
        with pytest.raises(FileNotFoundError):
            winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Nowhere")
        winreg.QueryInfoKey(winreg.HKEY_CURRENT_USER)
        winreg.OpenKey(winreg.HKEY_CURRENT_USER, "")

    assert short(trace) == [
        ("use", "HKEY_CURRENT_USER", None, None),
        ("use", "HKEY_CURRENT_USER", None, None),
    ]


def test_threads_do_not_mix() -> None:
    """Each thread's result belongs to its own open."""
    with fake_winreg() as reg, trace_winreg(reg.winreg) as trace:
        winreg = reg.winreg

        def work(name: str) -> None:
            for _ in range(50):
                winreg.CloseKey(winreg.CreateKey(winreg.HKEY_CURRENT_USER, rf"Software\{name}"))

        threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    opened = [record["key"] for record in trace.records if record["op"] == "create"]
    assert sorted(opened) == [r"Software\a"] * 50 + [r"Software\b"] * 50


def test_nothing_is_recorded_outside_the_block() -> None:
    """Before, after, and by the questions at the end."""
    with fake_winreg() as reg:
        winreg = reg.winreg
        winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software").Close()
        with trace_winreg(winreg) as trace:
            pass
        winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software").Close()

    assert trace.records == []


def test_the_file_is_json_lines_and_names_the_system(tmp_path: Path) -> None:
    """The first record says on which Windows it was made, each one when and in which process."""
    with fake_winreg(os="win7") as reg, trace_winreg(reg.winreg, system="win7") as trace:
        reg.winreg.LoadKey(reg.winreg.HKEY_USERS, "Offline", r"C:\Users\o\NTUSER.DAT")
        reg.winreg.CloseKey(reg.winreg.HKEY_USERS)

    trace.write(tmp_path / "trace.jsonl")

    lines = (tmp_path / "trace.jsonl").read_text().splitlines()
    assert [json.loads(line)["op"] for line in lines] == ["load"]
    assert json.loads(lines[0])["os"] == "win7"
    assert {"pid", "process", "time"} <= json.loads(lines[0]).keys()
    assert list(tmp_path.iterdir()) == [tmp_path / "trace.jsonl"]


@pytest.mark.skipif(sys.platform == "win32", reason="there is a winreg here")
def test_without_winreg_one_must_be_given() -> None:
    """The error says how."""
    with pytest.raises(UsageError, match="give the fake one"), trace_winreg():
        pass


def test_a_replay_of_the_trace_names_the_root_and_the_key(tmp_path: Path, capsys) -> None:
    """`regsim replay` tells the implicit root from what was asked for and not closed."""
    with fake_winreg(leaks=False) as reg, trace_winreg(reg.winreg, system="win11") as trace:
        winreg = reg.winreg
        winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software").Close()
        kept = winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Console")
    trace.write(tmp_path / "trace.jsonl")

    assert main(["replay", str(tmp_path / "trace.jsonl"), "--json"]) == 1

    (hive,) = json.loads(capsys.readouterr().out)["hives"]
    held = [(b["key"], b["handle"], b["implicit"]) for b in hive["blockers"]]
    assert held == [("HKCU", None, True), (r"HKCU\Console", int(kept), False)]
