"""``regsim`` itself: exit codes, one-line errors, lazy commands, any console."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

import regsim
from regsim import cli
from regsim.cli import doctor
from regsim.errors import RegsimError, UnknownNameError

COMMANDS = ("demo", "run", "matrix", "affected", "hive", "doctor")


def call(*args: str, encoding: str = "utf-8") -> subprocess.CompletedProcess[bytes]:
    """Run ``python -m regsim`` with *args*."""
    env = {**os.environ, "PYTHONIOENCODING": encoding}
    return subprocess.run(
        [sys.executable, "-m", "regsim", *args], check=False, capture_output=True, env=env
    )


def modules_after(*args: str) -> set[str]:
    """Return what is imported once ``main(args)`` has run."""
    code = (
        "import contextlib, io, sys\nfrom regsim.cli import main\n"
        f"with contextlib.redirect_stdout(io.StringIO()):\n    code = main({list(args)!r})\n"
        "print(code, *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    code, *names = done.stdout.split()
    assert code == "0"
    return set(names)


def one_line(text: str) -> str:
    """Return the one line that *text* must be, an error of ours."""
    assert text.startswith("regsim: error: ")
    assert text.endswith("\n")
    assert text.count("\n") == 1
    return text.removeprefix("regsim: error: ").rstrip("\n")


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Lets a test put a command of its own in place of ``doctor``."""
    return monkeypatch


def install(failing: pytest.MonkeyPatch, action: object) -> None:
    """Make ``regsim doctor`` do *action*: raise it, or return it."""

    @click.command()
    def command() -> object:
        if isinstance(action, BaseException):
            raise action
        return action

    failing.setattr(doctor, "command", command)


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """With one line each; without arguments the same page goes to stderr, as wrong usage."""
    assert cli.main(["--help"]) == 0
    page = capsys.readouterr().out
    for name in COMMANDS:
        assert f"\n  {name} " in page
    assert "Exit codes" in page


@pytest.mark.parametrize("args", [["--help"], ["--version"]])
def test_help_imports_no_command(args: list[str]) -> None:
    """Nor what they are made of."""
    loaded = modules_after(*args)
    ours = {name for name in loaded if name.startswith("regsim")}
    assert ours == {
        "regsim",
        "regsim._version",
        "regsim.cli",
        "regsim.cli._colour",
        "regsim.cli._shell",
        "regsim.errors",
    }
    assert not loaded & {"rich", "attr", "numpy", "matplotlib", "networkx", "hypothesis"}


def test_a_command_imports_only_itself() -> None:
    """Asking about the article's tables reads no hive code."""
    loaded = modules_after("affected", "--help")
    assert "regsim.cli.affected" in loaded
    assert not loaded & {"regsim.cli.hive", "regsim.cli.doctor", "regsim.regf"}


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_there_with_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The table of commands and the modules agree."""
    assert cli.main([name, "--help"]) == 0
    assert f"Usage: regsim {name}" in capsys.readouterr().out


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    """``regsim --version`` prints the package's."""
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"regsim {regsim.__version__}\n"


def test_an_unknown_command_lists_those_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 and all names."""
    assert cli.main(["frobnicate"]) == 2
    text = one_line(capsys.readouterr().err)
    assert text.startswith("unknown command 'frobnicate'; known: ")
    assert all(name in text for name in COMMANDS)


@pytest.mark.parametrize(
    "args",
    [["--no-such-option"], ["hive", "no-such"], ["hive", "info"], ["affected", "--colour", "1"]],
)
def test_wrong_usage_is_exit_2(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """One line that ends by saying where the help is."""
    assert cli.main(args) == 2
    caught = capsys.readouterr()
    assert "--help`)" in one_line(caught.err)
    assert not caught.out


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RegsimError("this\nand  that"), "this and that"),
        (RegsimError("a \x1b[2J name \ud800"), "a \\x1b[2J name \\ud800"),
        (UnknownNameError("OS", "os2", ["xp"]), "unknown OS 'os2'; known: xp"),
        (FileNotFoundError(2, "No such file", "x.dat"), "x.dat: No such file"),
        (click.ClickException("so"), "so"),
    ],
)
def test_an_error_is_one_line(
    error: Exception, said: str, failing: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On stderr, exit 2, no traceback, however many lines the message has."""
    install(failing, error)
    assert cli.main(["doctor"]) == 2
    caught = capsys.readouterr()
    assert one_line(caught.err) == said
    assert not caught.out


@pytest.mark.parametrize("given", [0, 1, 2, 3, None])
def test_what_a_command_returns_is_the_exit_code(
    given: int | None, failing: pytest.MonkeyPatch
) -> None:
    """As ``context.exit`` gives it too; nothing means 0."""
    install(failing, given)
    assert cli.main(["doctor"]) == (given or 0)
    install(failing, click.exceptions.Exit(given or 0))
    assert cli.main(["doctor"]) == (given or 0)


def test_an_interrupt_is_130(
    failing: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As shells count it, and without a traceback."""
    install(failing, KeyboardInterrupt())
    assert cli.main(["doctor"]) == 130
    assert one_line(capsys.readouterr().err.lstrip("\n")) == "interrupted"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ZeroDivisionError("by zero"), 70, "ZeroDivisionError: by zero (at test_main:"),
        (RecursionError(), 70, "please report it"),
        (GeneratorExit(), 70, "please report it"),
        (MemoryError(), 3, "out of memory"),
        (SystemExit(0), 2, "nothing was decided"),
        (SystemExit(1), 2, "nothing was decided"),
    ],
)
def test_only_a_verdict_is_exit_code_1(
    error: BaseException,
    code: int,
    said: str,
    failing: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever else ends a command is one line and another code: a fault of ours is 70."""
    install(failing, error)
    assert cli.main(["doctor"]) == code
    caught = capsys.readouterr()
    assert said.partition(" (at")[0] in one_line(caught.err)
    assert not caught.out


def test_a_fault_says_where_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """The line for the report names the innermost place of regsim's own and the version."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doctor, "record", lambda: 1 // 0)
        assert cli.main(["doctor", "--json"]) == 70
    text = one_line(capsys.readouterr().err)
    assert "regsim.cli.doctor:" in text
    assert regsim.__version__ in text


def test_the_module_runs_as_a_program(tmp_path: Path) -> None:
    """``python -m regsim``, its exit code among the process's."""
    assert call("affected", "--product", "nt4-server", "--sp", "5").returncode == 1
    one, two = tmp_path / "one", tmp_path / "two"
    assert call("hive", "new", str(one)).returncode == 0
    assert call("hive", "new", str(two)).returncode == 0
    assert call("hive", "diff", str(one), str(two)).returncode == 0
    assert call("hive", "set", str(two), "Software").returncode == 0
    assert call("hive", "diff", str(one), str(two)).returncode == 1
    missing = call("hive", "info", str(tmp_path / "missing"))
    assert missing.returncode == 2
    assert b"there is no file" in missing.stderr
    assert b"Traceback" not in missing.stderr


def test_a_console_of_another_code_page(tmp_path: Path) -> None:
    """What cp1252 lacks is escaped, on stdout and in an error."""
    path = tmp_path / "hive"
    assert call("hive", "new", str(path)).returncode == 0
    assert call("hive", "set", str(path), "\u65e5\u672c", "", "\u20ac").returncode == 0
    shown = call("hive", "ls", str(path), "-r", encoding="cp1252")
    assert shown.returncode == 0, shown.stderr
    assert b"\\u65e5\\u672c" in shown.stdout
    assert "\u20ac".encode("cp1252") in shown.stdout
    wrong = call("hive", "ls", str(path), "\u65e5\u8a9e", encoding="cp1252")
    assert wrong.returncode == 2
    assert b"Traceback" not in wrong.stderr
    unknown = call("\u65e5", encoding="cp1252")
    assert unknown.returncode == 2
    assert b"\\u65e5" in unknown.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    """``regsim ... | head -1`` ends quietly, but not as if all had been said and was well."""
    path = tmp_path / "hive"
    text = "REGEDIT4\n\n" + "".join(f"[HKEY_CURRENT_USER\\key{n}]\n" for n in range(5000))
    (tmp_path / "many.reg").write_text(text)
    assert call("hive", "new", str(path)).returncode == 0
    assert call("hive", "import", str(path), str(tmp_path / "many.reg")).returncode == 0
    command = [sys.executable, "-m", "regsim", "hive", "ls", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        said = running.stderr.read()
    assert said == b""
    assert running.returncode == 141


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX redirections")
def test_a_stream_that_is_closed_changes_no_exit_code(tmp_path: Path) -> None:
    """Who starts us without an output asks for the exit code alone; a full disk is an error."""
    path = tmp_path / "hive"
    assert call("hive", "new", str(path)).returncode == 0
    command = [sys.executable, "-m", "regsim", "hive", "info", str(path)]
    for streams, code in ((">&-", 0), (">&- 2>&-", 0), (">/dev/full", 2)):
        done = subprocess.run(["sh", "-c", f'"$@" {streams}', "sh", *command], check=False)
        assert (streams, done.returncode) == (streams, code)


def test_doctor_says_what_is_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    """Version, Python, backend and extras, for people and for programs."""
    assert cli.main(["doctor", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["schema_version"] == 1
    assert record["version"] == regsim.__version__
    assert record["backend"] in ("python", "c")
    assert record["extras"]["test"]["pytest"] == pytest.__version__
    assert cli.main(["doctor"]) == 0
    page = capsys.readouterr().out
    assert regsim.__version__ in page
    assert "backend" in page


def test_doctor_names_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A package that cannot be imported is missing, and null in JSON."""
    monkeypatch.setattr(doctor, "EXTRAS", {"test": ("pytest", "no_such_package")})
    assert cli.main(["doctor"]) == 0
    assert "no_such_package missing" in capsys.readouterr().out
    assert doctor.record()["extras"]["test"]["no_such_package"] is None
