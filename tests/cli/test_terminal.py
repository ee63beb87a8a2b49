"""What commands print on a terminal of any width, with colour and without."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from regsim.cli import cli, main
from regsim.cli._names import NAMES
from regsim.regf import new_hive
from regsim.report.text.console import fit, wrap

WIDTHS = (60, 80, 120, 200)
KEY = r"\REGISTRY\USER\S-1-5-21-1000000000-2000000000-3000000000-1001"
LONG = KEY + r"\Software\Microsoft\Windows\CurrentVersion\Internet Settings\Lockdown_Zones"
EVENT = (
    f"Event ID: 1530\n2 user registry handles leaked from {KEY}:\n"
    f"Process 44 (\\Device\\HarddiskVolume1\\Windows\\svchost.exe) has opened key {LONG}\n"
    f"Process 48 (\\Device\\HarddiskVolume1\\a.exe) has opened key {KEY}\n"
)
CAPTURE = (
    '{"op": "load", "pid": 4, "process": "System", "key": "HKU\\\\S-1-5-21-7"}\n'
    '{"op": "open", "pid": 1, "process": "a.exe", "key": "HKU\\\\S-1-5-21-7\\\\A", "handle": 4}\n'
)
LISTING = f"svchost.exe pid: 104 NT AUTHORITY\\SYSTEM\n   40: Key           {LONG}\n"
LOG = "C:\\>reg unload HKU\\X\nERROR: Access is denied.\n"
SCRIPT = "import winreg\n\nwith winreg.OpenKey(winreg.HKEY_CURRENT_USER, 'x') as key:\n    pass\n"

CASES = [
    ["demo"],
    ["run", "q241572"],
    ["run", "q241572", "--os", "win10"],
    ["run", "q2287297"],
    ["matrix", "--os", "xp", "--os", "win95"],
    ["check", "q241572", "-p", "workers=1"],
    ["check", "q241572", "-p", "variant=naive", "--property", "err"],
    ["check", "two-users", "--property", "mixed"],
    ["check", "reg-load", "--max-states", "3"],
    ["affected", "--product", "nt4-tse", "--sp", "5"],
    ["course"],
    *(["course", f"e{n}"] for n in range(1, 9)),
    ["doctor"],
    *([f"./{name}"] for name in ("event", "capture", "listing", "log", "script", "hive")),
    ["who", "event", "-v", "--os", "xp"],
    ["replay", "capture", "-v"],
    ["hive", "info", "hive"],
    ["hive", "ls", "hive", "-r"],
    ["lab", "--trace", "capture"],
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a file of each kind and nobody who answers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    contents = {"event": EVENT, "capture": CAPTURE, "listing": LISTING, "log": LOG}
    for name, text in {**contents, "script": SCRIPT}.items():
        (tmp_path / name).write_text(text)
    hive = new_hive(3)
    for name in LONG.split("\\")[4:]:
        deepest = hive.find("\\".join(LONG.split("\\")[4 : LONG.split("\\").index(name)]))
        assert deepest is not None
        deepest.create_subkey(name).set_value("A value", 1, ("word " * 40).encode("utf-16-le"))
    (tmp_path / "hive").write_bytes(hive.to_bytes())
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    """Return what a command prints on stdout; it neither fails nor refuses."""
    assert main(list(args)) in {0, 1, 3}
    return capsys.readouterr().out


@pytest.mark.parametrize("args", CASES, ids=" ".join)
@pytest.mark.usefixtures("folder")
def test_no_line_is_wider_than_the_terminal(
    args: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """At 60, 80, 120 and 200 columns, and the words are the same at all of them."""
    words = []
    for width in WIDTHS:
        monkeypatch.setenv("COLUMNS", str(width))
        lines = printed(capsys, *args).splitlines()
        assert lines
        assert max(lines, key=len)[width:] == ""
        text = re.sub(r"[-+|<>!\s\\]|\(\S+ engine, \S+ s\)|[\d.]+s\b", "", "".join(lines))
        words.append(sorted(text))
    if args[0] not in ("demo", "run", "check", "matrix"):  # these have two layouts
        assert words.count(words[0]) == len(WIDTHS)


def commands(command: click.Command, name: list[str]) -> Iterator[list[str]]:
    """Yield the names of *command* and of all below it."""
    yield name
    if isinstance(command, click.Group):
        context = click.Context(command)
        for each in command.list_commands(context):
            child = command.get_command(context, each)
            assert child is not None
            yield from commands(child, [*name, each])


def test_no_help_page_is_wider_than_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of any command, at any of the widths; every command's name is on the page above it."""
    for width in WIDTHS:
        monkeypatch.setenv("COLUMNS", str(width))
        for name in commands(cli, []):
            page = printed(capsys, *name, "--help")
            assert max(map(len, page.splitlines())) <= width, name
            if name:
                assert re.search(
                    rf"^  {name[-1]} ", printed(capsys, *name[:-1], "--help"), re.MULTILINE
                )


@pytest.mark.parametrize("name", sorted(set(cli.list_commands(click.Context(cli))) - {"hive"}))
def test_a_help_page_lists_the_names_that_can_be_given(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of every command with an argument or an option of that kind, and of no other."""
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    asked = {
        each
        for param in command.params
        if not getattr(param, "is_flag", False)
        for each in (
            *param.opts,
            *param.secondary_opts,
            str(param.metavar),
            str(param.name).upper(),
        )
    }
    page = " ".join(printed(capsys, name, "--help").split())
    for kind, names in NAMES.items():
        listed = ", ".join(names())
        assert (listed in page) is (kind in asked), kind


@pytest.mark.usefixtures("folder")
def test_the_verdict_comes_before_the_story(capsys: pytest.CaptureFixture[str]) -> None:
    """In the first lines of what is said of a run, of two, of a model and of evidence."""
    for args, verdict in (
        (("run", "q241572"), "Verdict: lost."),
        (("demo",), "LOST: "),
        (("check", "reg-load"), "4 of 6 properties violated: fails, next, held, ends"),
        (("check", "reg-load", "-p", "fix=close"), "all 6 properties hold"),
        (("check", "reg-load", "--max-states", "3"), "undecided"),
        (("./event",), "BLOCKED: "),
    ):
        assert any(verdict in line for line in printed(capsys, *args).splitlines()[:3]), args


@pytest.mark.usefixtures("folder")
def test_colour_is_for_the_words_of_a_verdict_and_adds_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only where it is wanted: --color before NO_COLOR before the terminal; never a name."""
    for args, red, plain in (
        (("run", "q241572"), "lost", "CANNOT_DELETE"),
        (("matrix", "--os", "w2k"), "lost", "w2k"),
        (("check", "q241572", "-p", "workers=1"), "violated", "lost "),
        (("./event",), "BLOCKED", "svchost"),
    ):
        without = printed(capsys, *args)
        with_colour = printed(capsys, *args, "--color", "always")
        assert "\x1b" not in without
        assert f"\x1b[1;31m{red}\x1b[0m" in with_colour
        assert f"{plain}\x1b" not in with_colour
        same = re.sub(r"\d\.\d\d s", "", re.sub(r"\x1b\[[\d;]*m", "", with_colour))
        assert same == re.sub(r"\d\.\d\d s", "", without)
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        monkeypatch.setenv("NO_COLOR", "1")
        assert "\x1b" not in printed(capsys, *args)
        assert "\x1b" in printed(capsys, *args, "--color=always")
        monkeypatch.delenv("NO_COLOR")
        monkeypatch.setenv("TERM", "xterm")
        assert "\x1b" in printed(capsys, *args)
        assert "\x1b" not in printed(capsys, "--color", "never", *args)
        monkeypatch.setattr(sys.stdout, "isatty", lambda: False)


def test_the_matrix_says_once_why_a_system_has_no_cell(capsys: pytest.CaptureFixture[str]) -> None:
    """With a filter only, a reason for all the fixes that it is about."""
    text = " ".join(printed(capsys, "matrix", "--os", "win95", "--fix", "none").split())
    assert text.count("Windows 95 has no NT kernel") == 1
    text = " ".join(printed(capsys, "matrix", "--os", "win95").split())
    assert text.count("Windows 95 has no NT kernel") == 1
    assert "win95, none, " in text


def test_a_long_word_is_parted_where_a_path_is() -> None:
    """After a backslash or a slash, and anywhere only where it has none; a short one never."""
    assert wrap(r"see \REGISTRY\USER\S-1-5-21-7\Software", 20) == [
        "see \\REGISTRY\\USER\\",
        "S-1-5-21-7\\Software",
    ]
    assert wrap("a" * 45, 20, "- ") == ["- " + "a" * 18, "a" * 20, "a" * 7]
    assert wrap("of nt4-sp6a only", 10) == ["of", "nt4-sp6a", "only"]
    assert "".join(wrap(LONG.replace(" ", ""), 30)) == LONG.replace(" ", "")


def test_a_text_is_folded_only_where_it_must_be() -> None:
    """Prose is filled anew, and what is set in keeps its place."""
    text = "One line\nand another one.\n\n  1. first, which is long\n  2. second"
    assert fit(text, 40) == text.split("\n")
    assert fit(text, 20) == [
        "One line and another",
        "one.",
        "",
        "  1. first, which is",
        "    long",
        "  2. second",
    ]
