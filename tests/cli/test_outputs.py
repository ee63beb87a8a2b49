"""Every command's files: all that cannot be read is said alike, and what is no file survives."""

from __future__ import annotations

import errno
import io
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from regsim.cli import cli, main
from regsim.regf import new_hive

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")

MODEL = b"""
from regsim.check import always, state
class Model:
    name, processes = "m", ("a",)
    properties = (always("p", state(lambda s: s < 3)),)
    def init_states(self): return [0]
    def actions(self, s, p): return ["x"] if s < 2 else []
    def next_state(self, s, p, a): return s + 1
"""
SERVICE = b"""
import regsim

def service(win):
    win.wait("request")
    with win.impersonating("user"):
        win.RegOpenCurrentUser()

model = regsim.model(os="w2k").service(service).user_logs_on_and_off()
"""
TRACE = b'{"op":"open","pid":1,"key":"HKCU","handle":4}\n'
SCRIPT = b"reg load HKU\\T x\nNew-Item Registry::HKU\\T\\A\nreg unload HKU\\T\n"
LISTING = rb"""
tapisrv.exe pid: 104 NT AUTHORITY\SYSTEM
   40: Key           HKU\S-1-5-21-1-2-3-1001\Software
"""

ANY = ["q241572", "-p", "workers=any", "-p", "services=0", "-p", "queue=1", "--property", "err"]

# Names in capitals are replaced: OUT by what is written, the others by a file that is read.
WRITES: dict[tuple[str, str], list[str]] = {
    ("demo", "-o"): ["-o", "OUT"],
    ("fleet", "-o"): ["LISTING", "-o", "OUT"],
    ("convert", "-o"): ["TRACE", "-o", "OUT"],
    ("check", "-o"): ["MODEL.PY", "--export", "dot", "-o", "OUT"],
    ("check", "--certificate-out"): [*ANY, "--certificate-out", "OUT"],
    ("fix", "-o"): ["SERVICE.PY", "-o", "OUT"],
    ("lab", "-o"): ["--trace", "TRACE", "-o", "OUT"],
    ("lint", "-o"): ["SCRIPT.PS1", "-o", "OUT"],
    ("replay", "--svg"): ["TRACE", "--svg", "OUT"],
    ("replay", "-o"): ["TRACE", "--ticket", "-o", "OUT"],
    ("who", "--svg"): ["LISTING", "--svg", "OUT"],
    ("who", "-o"): ["LISTING", "--html", "-o", "OUT"],
    ("hive new", "FILE"): ["OUT"],
    ("hive set", "-o"): ["HIVE", "Key", "--timestamp", "0", "-o", "OUT"],
    ("hive set", "FILE"): ["OUT", "Key"],
    ("hive delete", "-o"): ["HIVE", "Old", "--timestamp", "0", "-o", "OUT"],
    ("hive delete", "FILE"): ["OUT", "Old"],
    ("hive import", "-o"): ["HIVE", "REG", "--timestamp", "0", "-o", "OUT"],
    ("hive import", "FILE"): ["OUT", "REG"],
    ("hive export", "-o"): ["HIVE", "-o", "OUT"],
    ("hive recover", "-o"): ["HIVE", "--log", "LOG", "-o", "OUT"],
}
"""An example for each option or argument that names what a command writes."""

READS: dict[tuple[str, str], list[str]] = {
    ("lab", "--trace"): ["--trace", "BAD", "-o", "OUT"],
    ("check", "--certificate"): ["--certificate", "BAD"],
    ("lint", "--baseline"): ["SCRIPT.PS1", "--baseline", "BAD"],
    ("replay", "TRACE"): ["BAD"],
    ("convert", "CAPTURE"): ["BAD", "-o", "OUT"],
    ("who", "FILE"): ["BAD"],
    ("hive cat", "FILE"): ["BAD", "Old"],
    ("hive diff", "OLD"): ["BAD", "HIVE"],
    ("hive diff", "NEW"): ["HIVE", "BAD"],
    ("hive export", "FILE"): ["BAD", "-o", "OUT"],
    ("hive import", "REG"): ["HIVE", "BAD", "-o", "OUT"],
    ("hive info", "FILE"): ["BAD"],
    ("hive ls", "FILE"): ["BAD"],
    ("hive recover", "FILE"): ["BAD", "--log", "LOG", "-o", "OUT"],
    ("hive recover", "--log"): ["HIVE", "--log", "BAD", "-o", "OUT"],
}
"""An example for each option or argument that names what a command reads and never writes."""

BESIDES: dict[tuple[str, str], list[str]] = {
    ("", "FILE..."): ["BAD"],
    ("check", "MODEL"): ["BAD"],
    ("fix", "MODEL"): ["BAD"],
    ("lab", "--model"): ["--model", "BAD", "-o", "OUT"],
    ("lab", "--model of --explore"): ["--explore", "--model", "BAD", "-o", "OUT"],
    ("run", "--profile"): ["q241572", "--profile", "BAD"],
    ("hive set", "FILE"): ["BAD", "Key"],
    ("hive set", "FILE of -o"): ["BAD", "Key", "-o", "OUT"],
    ("hive delete", "FILE"): ["BAD", "Old"],
    ("hive import", "FILE"): ["BAD", "REG"],
}
"""What else is read: a name or a file, what is read and written, and of a scenario's options."""

ELSEWHERE = {("record", "-o"), ("record", "--junit"), ("who", "--save")}
ELSEWHERE |= {("site", "-o"), ("site", "--pyodide")}
"""What commands write that need Wine, Windows or Pyodide; `tests/site` looks at the last."""

FOLDERS = {("demo", "-o"), ("fleet", "-o")}
IN_PLACE = {key for key in WRITES if key[1] == "FILE"}
NEW = ("hive new", "FILE")


def options() -> Iterator[tuple[str, str]]:
    """Yield each option and argument of every command that names a file, with its command."""

    def below(command: click.Command, name: str) -> Iterator[tuple[str, str]]:
        if isinstance(command, click.Group):
            context = click.Context(command)
            for each in command.list_commands(context):
                child = command.get_command(context, each)
                assert child is not None
                yield from below(child, f"{name} {each}".strip())
        for param in command.params:
            if isinstance(param.type, click.Path | click.File):
                is_option = isinstance(param, click.Option)
                yield name, param.opts[0] if is_option else str(param.name).upper()

    return below(cli, "")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """What the examples read, each in a file of its own."""
    monkeypatch.chdir(tmp_path)
    hive = new_hive(3)
    hive.root.create_subkey("Old")
    content = {
        "HIVE": hive.to_bytes(),
        "LOG": b"",
        "REG": b"REGEDIT4\n\n[HKEY_CURRENT_USER\\New]\n",
        "TRACE": TRACE,
        "LISTING": LISTING,
        "MODEL.PY": MODEL,
        "SERVICE.PY": SERVICE,
        "SCRIPT.PS1": SCRIPT,
    }
    found = {name: tmp_path / name.lower() for name in content}
    for name, data in content.items():
        found[name].write_bytes(data)
    return found


def example(place: tuple[str, str], files: dict[str, Path], output: Path | str) -> list[str]:
    """Return the command line that writes *output* in *place*."""
    return filled(place[0], WRITES[place], files, {"OUT": str(output)})


def filled(
    command: str, words: list[str], files: dict[str, Path], more: dict[str, str]
) -> list[str]:
    """Return a command line with the words in capitals replaced by *files* and by *more*."""
    known = {**{name: str(path) for name, path in files.items()}, **more}
    return [*command.split(), *(known.get(word, word) for word in words)]


def test_each_option_that_names_a_file_is_tried_here() -> None:
    """One that is new is put beside those that write, with an example, or those that read."""
    assert set(options()) == WRITES.keys() | READS.keys() | ELSEWHERE
    assert not WRITES.keys() & READS.keys()


class Unreadable:
    """Files from which nothing can be read, by what is wrong with them."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        folder.mkdir()
        names = ("missing", "forbidden", "empty", "folder", "junk")
        self.files = {name: folder / f"{name}.py" for name in names}
        for name, data in (("forbidden", TRACE), ("empty", b""), ("junk", bytes(range(256)) * 8)):
            self.files[name].write_bytes(data)
        self.files["folder"].mkdir()
        self._really = {"open": io.open, "os": os.open}
        # Who runs the tests may be allowed all: so the system's answer is played.
        patch.setattr(io, "open", self._opened)
        patch.setattr(os, "open", self._opened_low)

    def _refuse(self, file: object) -> None:
        if isinstance(file, str | os.PathLike) and Path(file).name == "forbidden.py":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))

    def _opened(self, file: Any, *args: Any, **more: Any) -> Any:
        self._refuse(file)
        return self._really["open"](file, *args, **more)

    def _opened_low(self, file: Any, *args: Any, **more: Any) -> Any:
        self._refuse(file)
        return self._really["os"](file, *args, **more)


SAYS = {
    "missing": r"there is no file {}; give the path of \S.*",
    "forbidden": r"{} cannot be read: Permission denied; give the path of a copy of it that can be",
    "empty": r"{} is empty; give the path of \S.*",
    "folder": r"{} is a folder; give the path of \S.*",
    "junk": r"{}(?:, line| is| has| fails) .*",
}
"""What is said of each kind of file, by every command alike."""

TAKEN = {("hive recover", "--log", "empty"), ("hive recover", "--log", "junk")}
"""A clean hive needs no log: what is given is told to be ignored."""


@pytest.mark.parametrize("place", [*READS, *BESIDES], ids=" ".join)
def test_what_cannot_be_read_is_said_alike(
    place: tuple[str, str],
    files: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Missing, forbidden, empty, a folder, junk: one line of what, where and what to do; exit 2."""
    unreadable = Unreadable(tmp_path / "bad", monkeypatch)
    words = {**READS, **BESIDES}[place]
    output = tmp_path / "new" / "output"
    before = {path: path.read_bytes() for path in files.values()}
    for kind, path in unreadable.files.items():
        more = {"BAD": str(path), "OUT": str(output)}
        code = main(filled(place[0], words, files, more))
        said = capfd.readouterr()
        if (*place, kind) in TAKEN:
            assert (code, said.err) == (0, f"ignored: {path}: the hive is clean\n")
            output.unlink()
            output.parent.rmdir()
            continue
        assert (code, said.out) == (2, ""), kind
        pattern = "regsim: error: " + SAYS[kind].format(re.escape(str(path))) + "\n"
        assert re.fullmatch(pattern, said.err), said.err
        assert not output.parent.exists()
    assert {path: path.read_bytes() for path in files.values()} == before


@pytest.mark.parametrize("place", sorted(WRITES.keys() - IN_PLACE | {NEW}), ids=" ".join)
def test_a_folder_that_is_not_there_is_made(
    place: tuple[str, str],
    files: dict[str, Path],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """By every command that writes; where it cannot be made, one line says so and nothing is."""
    output = tmp_path / "new" / "below" / "output"
    assert main(example(place, files, output)) in {0, 1, 3}
    assert any(output.iterdir()) if place in FOLDERS else output.stat().st_size
    capfd.readouterr()

    below = files["REG"] / "output"
    assert main(example(place, files, below)) == 2
    said = capfd.readouterr()
    assert said.out == ""
    assert re.fullmatch(
        rf"regsim: error: {re.escape(str(below))}\S* cannot be written: Not a directory; "
        r"name another file\n",
        said.err,
    )
    assert files["REG"].read_bytes().startswith(b"REGEDIT4")


@pytest.mark.parametrize("place", WRITES, ids=" ".join)
def test_what_is_no_file_survives(
    place: tuple[str, str],
    files: dict[str, Path],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A FIFO, a device, a socket, a folder and a circle of links: one line, exit code 2."""
    fifo, loop, folder = tmp_path / "fifo", tmp_path / "loop", tmp_path / "folder"
    os.mkfifo(fifo)
    loop.symlink_to(loop)
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        others = [] if place in FOLDERS else [folder]
        for output in (fifo, Path(os.devnull), tmp_path / "socket", loop, *others):
            assert main(example(place, files, output)) == 2, output
            said = capfd.readouterr()
            assert said.out == ""
            assert said.err.count("\n") == 1

    assert fifo.is_fifo()
    assert Path(os.devnull).is_char_device()
    assert (tmp_path / "socket").is_socket()
    assert loop.is_symlink()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("place", sorted(WRITES.keys() - IN_PLACE - FOLDERS), ids=" ".join)
def test_what_a_command_reads_survives(
    place: tuple[str, str], files: dict[str, Path], tmp_path: Path
) -> None:
    """By its name, as a link, and as a hard link; another file is written."""
    for name in set(WRITES[place]) & files.keys():
        path = files[name]
        before = path.read_bytes()
        link, hard = tmp_path / f"{name}.link", tmp_path / f"{name}.hard"
        link.symlink_to(path)
        hard.hardlink_to(path)
        for output in (path, link, hard):
            assert main(example(place, files, output)) == 2, output
        assert path.read_bytes() == before
        link.unlink()
        hard.unlink()


@pytest.mark.parametrize("place", WRITES, ids=" ".join)
def test_a_file_is_written(place: tuple[str, str], files: dict[str, Path], tmp_path: Path) -> None:
    """Where there is none, or over another; nothing is left beside it."""
    output = files["HIVE"] if place in IN_PLACE else tmp_path / "new"
    if place == ("hive new", "FILE"):
        output.unlink()
    before = output.read_bytes() if output.is_file() else b""
    assert main(example(place, files, output)) in {0, 1, 3}

    if place in FOLDERS:
        assert list(output.glob("*.svg")) or list(output.glob("*.parquet"))
    else:
        assert output.read_bytes() not in {b"", before}
    assert not [each for each in tmp_path.iterdir() if each.name.startswith(".")]


@pytest.mark.parametrize("dash", ["-", "/dev/stdout"])
@pytest.mark.parametrize("place", sorted(WRITES.keys() - IN_PLACE - FOLDERS), ids=" ".join)
def test_a_dash_is_standard_output(
    place: tuple[str, str], dash: str, files: dict[str, Path], tmp_path: Path
) -> None:
    """It has the bytes that a file would have, and nothing else."""
    output = tmp_path / "new"
    assert main(example(place, files, output)) in {0, 1, 3}
    command = [sys.executable, "-m", "regsim", *example(place, files, dash)]
    done = subprocess.run(command, check=False, capture_output=True, timeout=60)

    assert done.returncode in {0, 1, 3}
    assert done.stdout == output.read_bytes()
