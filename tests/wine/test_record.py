"""``regsim record``: C programs under Wine, each judged by several systems."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from live import COMPILER, HERE

from regsim import cli, dialects
from regsim.live.recording import Recorded, judge_run, read_run
from regsim.live.run import Ran, run
from regsim.trace.asking import replay
from regsim.trace.finding import Conclusion

SYSTEMS = ("nt4-sp6a", "xp", "win11", "wine")
SOURCE = HERE / "programs" / "programs.c"

# The exit expected by the rules of each of SYSTEMS, and why. On Wine itself every process has the
# user's root open from its start to its end: Wine's own libraries open it, and nothing closes it.
EXPECTED = {
    "stock": (1, 1, 1, 1),  # KB Q241572: the root that the call opened stays
    "close-root": (0, 0, 0, 1),  # RegCloseKey(HKEY_CURRENT_USER) closes it, but not on Wine
    "current-user": (0, 0, 0, 1),  # a root of its own, which is closed
    "explicit-path": (0, 0, 0, 1),  # below HKEY_USERS, whose root is in no user's hive
    "error-path": (1, 1, 1, 1),  # the subkey is left open; on Wine that alone would not block
    "uncached": (0, 0, 0, 1),  # RegDisablePredefinedCache: each call's root is closed after it
    "race": (1, 1, 1, 1),  # the root is closed by one thread and opened again by the other
    "library": (3, 3, 3, 1),  # a library of Wine's uses HKEY_CURRENT_USER for the program
    "class-key": (0, 3, 3, 1),  # since Windows 2000 it may be the class of the user alone
    "parent": (0, 0, 0, 1),  # what a child leaves open, its end closes
}
ALONE = (*EXPECTED, "crash", "crash-holding")
FILES = (*ALONE, "child", "hang")


@pytest.fixture(scope="module")
def folder(installed: None, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001
    """A folder with the programs."""
    found = tmp_path_factory.mktemp("record")
    first = found / "stock.exe"
    command = [COMPILER, "-g", "-O1", "-Wall", "-Wextra", "-Werror", str(SOURCE), "-o", str(first)]
    subprocess.run([*command, "-ladvapi32", "-lshlwapi"], check=True, timeout=120)
    for name in FILES[1:]:
        shutil.copy(first, found / f"{name}.exe")
    return found


@pytest.fixture(scope="module")
def ran(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One run in which every program that ends by itself runs once."""
    script = folder / "all.sh"
    script.write_text("".join(f'wine "{folder}/{name}.exe"\n' for name in ALONE))
    return run(
        ["sh", str(script)],
        tmp_path_factory.mktemp("run"),
        timeout=300,
        output=io.BytesIO(),
    )


@pytest.fixture(scope="module")
def judged(ran: Ran) -> Callable[[str, str], Recorded]:
    """Judges one of the programs by one system."""
    logs = {own: read_run(ran, dialects.get("wine" if own else "xp")) for own in (False, True)}

    def judge(name: str, system: str) -> Recorded:
        return judge_run(ran, logs[system == "wine"], dialects.get(system), f"{name}.exe")

    return judge


def line_of(text: str) -> int:
    """Return the number of the line of the source in which *text* stands."""
    lines = SOURCE.read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


CODES = {Conclusion.CLEAR: 0, Conclusion.BLOCKED: 1, Conclusion.INCONCLUSIVE: 3}


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("name", EXPECTED)
def test_each_program_on_each_system(
    judged: Callable[[str, str], Recorded], name: str, system: str, tmp_path: Path
) -> None:
    """The verdict is the one expected, and that of the trace that is kept."""
    done = judged(name, system)
    kept = tmp_path / "trace"
    kept.write_bytes(done.trace)

    assert CODES[done.finding.conclusion] == EXPECTED[name][SYSTEMS.index(system)], done.finding
    assert done.program == f"{name}.exe"
    assert done.exit == (7 if name == "error-path" else 0)
    assert replay(kept, dialect_of=dialects.get) == done.finding


def test_wine_holds_the_root_alone(judged: Callable[[str, str], Recorded]) -> None:
    """On Wine the open subkey blocks nothing: only the root does."""
    done = judged("error-path", "wine")

    assert {blocker.key for blocker in done.finding.blockers} == {r"HKU\S-1-5-21-0-0-0-1000"}


@pytest.mark.parametrize(
    ("name", "implicit", "text"),
    [
        ("stock", True, "RegCreateKeyExW(root, SUBKEY"),
        ("error-path", False, "RegCreateKeyExW(root, SUBKEY"),
        ("race", True, "/* opens the root again */"),
    ],
)
def test_the_line_of_the_call(
    judged: Callable[[str, str], Recorded], name: str, implicit: bool, text: str
) -> None:
    """The holder names the line of the source whose call opened the handle."""
    (blocker,) = judged(name, "xp").finding.blockers

    assert blocker.implicit == implicit
    assert blocker.source.endswith(f"programs.c:{line_of(text)}")


def test_a_crash_decides_nothing_unless_something_is_held(
    judged: Callable[[str, str], Recorded],
) -> None:
    """What a program that crashed had let go may have been opened again; what it had, it had."""
    let_go, held = judged("crash", "win11"), judged("crash-holding", "win11")

    assert (let_go.finding.conclusion, let_go.exit) == (Conclusion.INCONCLUSIVE, 0xC0000005)
    assert "0xc0000005" in str(let_go.finding.hives[0].reasons)
    assert (held.finding.conclusion, held.exit) == (Conclusion.BLOCKED, 0xC0000005)


def test_what_the_program_says_is_kept_apart(judged: Callable[[str, str], Recorded]) -> None:
    """Text without an end of line does not hide the line of the log that follows it."""
    assert b"stock.exe: no end of line" in judged("stock", "win11").stderr


def test_command(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command's exit code, its JSON, the trace, JUnit's file and GitHub's annotation."""
    trace, report = tmp_path / "trace.jsonl", tmp_path / "junit.xml"
    options = ["--os", "xp", "--json", "-o", str(trace), "--junit", str(report)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITHUB_ACTIONS", "true")
        patch.setenv("GITHUB_WORKSPACE", str(HERE))
        code = cli.main(["record", *options, "--", "wine", str(folder / "stock.exe")])
    shown = capsys.readouterr()
    found = json.loads(shown.out)

    assert code == 1
    assert (found["verdict"], found["os"], found["program_exit"]) == ("blocked", "xp", 0)
    number = line_of("RegCreateKeyExW(root, SUBKEY")
    assert f"::error file=programs/programs.c,line={number}::stock.exe leaves" in shown.err
    assert cli.main(["replay", "--json", str(trace)]) == 1
    again = json.loads(capsys.readouterr().out)
    assert again == {name: value for name, value in found.items() if name != "program_exit"}
    suite = ET.parse(report).getroot()[0]  # noqa: S314 - our own
    assert suite.attrib["failures"] == "1"
    assert suite[0].attrib["name"] == "stock.exe on xp"
    assert suite.find("testcase/properties/property").attrib["name"] == "registry_leak"


def test_time_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A program that does not end is ended, and what it might yet have done is not known."""
    options = ["--timeout", "3", "--json"]
    code = cli.main(["record", *options, "--", "wine", str(folder / "hang.exe")])
    found = json.loads(capsys.readouterr().out)

    assert (code, found["verdict"], found["program_exit"]) == (3, "inconclusive", None)
    assert "ended after 3 s" in str(found["hives"])
