"""Writing files: nothing that is no file is replaced, no input destroyed, no update lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from regsim import writing
from regsim.errors import DataError, UsageError
from regsim.writing import editing, write_file

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")


def names(folder: Path) -> list[str]:
    """Return what is in *folder*, hidden files too."""
    return sorted(each.name for each in folder.iterdir())


@posix
def test_what_is_no_file_is_refused_and_survives(tmp_path: Path) -> None:
    """A FIFO, a socket, a device, a folder and a circle of links are left as they are."""
    fifo, link, loop = tmp_path / "fifo", tmp_path / "link", tmp_path / "loop"
    os.mkfifo(fifo)
    link.symlink_to(fifo)
    loop.symlink_to(loop)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        for path in (fifo, link, loop, tmp_path / "socket", Path(os.devnull)):
            with pytest.raises(UsageError):
                write_file(path, b"data")
            with pytest.raises(UsageError), editing(path):
                pass
        with pytest.raises(IsADirectoryError):
            write_file(tmp_path, b"data")

    assert fifo.is_fifo()
    assert Path(os.devnull).is_char_device()
    assert names(tmp_path) == ["fifo", "link", "loop", "socket"]


@posix
def test_an_input_is_refused_by_whatever_name(tmp_path: Path) -> None:
    """By its own, through a link, and as another hard link of the file; another file is written."""
    given, other = tmp_path / "given", tmp_path / "other"
    given.write_bytes(b"input")
    (tmp_path / "link").symlink_to(given)
    (tmp_path / "hard").hardlink_to(given)
    for path in (given, tmp_path / "link", tmp_path / "hard", tmp_path / "." / "given"):
        with pytest.raises(UsageError, match="one of the files to read"):
            write_file(path, b"data", inputs=[tmp_path / "missing", given])
    write_file(other, b"data", inputs=[given])

    assert given.read_bytes() == b"input"
    assert other.read_bytes() == b"data"


@posix
def test_hard_links_stay_names_of_one_file(tmp_path: Path) -> None:
    """The file is written through in place, shorter or longer, and nothing is left beside it."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"old and long")
    second.hardlink_to(first)
    for data in (b"new", b"new and longer than before"):
        write_file(second, data)

        assert first.read_bytes() == data
        assert first.samefile(second)
    assert names(tmp_path) == ["first", "second"]


@posix
@pytest.mark.parametrize("torn", [b"", b"new con old", b"new content"])
def test_a_write_in_place_that_was_cut_off_is_finished(tmp_path: Path, torn: bytes) -> None:
    """The next edit finds the new content, wherever a kill stopped the write."""
    path = tmp_path / "file"
    path.write_bytes(torn)
    (tmp_path / "other").hardlink_to(path)
    (tmp_path / ".file.regsim.new").write_bytes(b"new content")
    with editing(path) as held:
        assert held.data == b"new content"
        held.write(b"newer")

    assert path.read_bytes() == b"newer"
    assert names(tmp_path) == ["file", "other"]


@posix
def test_a_write_in_place_that_was_cut_off_undoes_nothing_later(tmp_path: Path) -> None:
    """A file that somebody changed long after is not overwritten with what was to be written."""
    path, whole = tmp_path / "file", tmp_path / ".file.regsim.new"
    path.write_bytes(b"changed")
    whole.write_bytes(b"new content")
    os.utime(whole, (1, 1))
    with pytest.raises(DataError, match="cut off"), editing(path):
        pass

    assert path.read_bytes() == b"changed"


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root gives files away")
def test_the_owner_is_kept_or_it_is_said_why_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Owner, group and mode are those of the file that was there."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    os.chown(path, 1234, 2345)
    path.chmod(0o4640)
    assert write_file(path, b"new") == ""
    state = path.stat()
    assert (state.st_uid, state.st_gid, state.st_mode & 0o7777) == (1234, 2345, 0o4640)

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", refuse)
    assert "1234:2345 could not be kept: Operation not permitted" in write_file(path, b"newer")
    assert path.read_bytes() == b"newer"


@posix
def test_the_leftovers_of_the_killed_are_removed_and_no_others(tmp_path: Path) -> None:
    """A temporary file nobody holds goes; one in use, and one of another file, stay."""
    target = tmp_path / "file"
    for name in (".file.abc.regsim.tmp", ".file.def.regsim.tmp", ".other.abc.regsim.tmp"):
        (tmp_path / name).write_bytes(b"half")
    number = os.open(tmp_path / ".file.def.regsim.tmp", os.O_RDWR)
    assert writing._lock(number)
    write_file(target, b"data")
    os.close(number)

    assert names(tmp_path) == [".file.def.regsim.tmp", ".other.abc.regsim.tmp", "file"]


def test_a_change_behind_the_lock_is_an_error(tmp_path: Path) -> None:
    """A program that heeds no lock may change the file; it is not overwritten then."""
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with editing(path) as held:
        path.write_bytes(b"foe")
        with pytest.raises(DataError, match="changed while it was being edited"):
            held.write(b"new")

    assert path.read_bytes() == b"foe"


def test_a_second_edit_waits_for_the_first(tmp_path: Path) -> None:
    """It begins when the first has ended, and reads what that wrote."""
    path = tmp_path / "file"
    path.write_bytes(b"0")
    seen = []

    def second() -> None:
        with editing(path) as held:
            seen.append(held.data)

    thread = threading.Thread(target=second)
    with editing(path) as held:
        thread.start()
        time.sleep(0.1)
        assert seen == []
        held.write(b"1")
    thread.join()

    assert seen == [b"1"]


def test_a_second_edit_does_not_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the time that is set it says that somebody else is at work."""
    path = tmp_path / "file"
    path.write_bytes(b"0")
    monkeypatch.setenv("REGSIM_LOCK_SECONDS", "0.05")
    with (
        editing(path),
        pytest.raises(UsageError, match="being edited by another program"),
        editing(path),
    ):
        pass
    monkeypatch.setenv("REGSIM_LOCK_SECONDS", "soon")
    with pytest.raises(UsageError, match="takes a number"), editing(path):
        pass


def test_what_is_not_there_cannot_be_edited(tmp_path: Path) -> None:
    """And no lock file is made for it."""
    with pytest.raises(FileNotFoundError), editing(tmp_path / "file"):
        pass

    assert names(tmp_path) == []


COUNT = """
import sys
from regsim.writing import editing
for _ in range(int(sys.argv[2])):
    with editing(sys.argv[1]) as held:
        held.write(b"%d" % (int(held.data) + 1))
"""


@pytest.mark.parametrize("links", [1, 2])
def test_no_update_of_several_programs_is_lost(tmp_path: Path, links: int) -> None:
    """Each reads the number, adds one and writes it; all ones are there, on hard links too."""
    path = tmp_path / "file"
    path.write_bytes(b"0")
    if links > 1:
        (tmp_path / "other").hardlink_to(path)
    command = [sys.executable, "-c", COUNT, str(path), "25"]
    running = [subprocess.Popen(command) for _ in range(4)]

    assert [each.wait() for each in running] == [0] * 4
    assert path.read_bytes() == b"100"


WRITE = """
import sys
from regsim.writing import write_file
while True:
    for letter in (b"a", b"b"):
        write_file(sys.argv[1], letter * (1 << 20))
"""


@posix
def test_a_kill_at_any_moment_leaves_one_whole_file(tmp_path: Path) -> None:
    """The old content or the new; the next run that writes there removes what is left."""
    path = tmp_path / "file"
    write_file(path, b"a" * (1 << 20))
    for moment in range(8):
        with subprocess.Popen([sys.executable, "-c", WRITE, str(path)]) as running:
            time.sleep(0.3 + 0.013 * moment)
            running.send_signal(signal.SIGKILL)
        content = path.read_bytes()
        assert len(content) == 1 << 20
        assert content in (b"a" * (1 << 20), b"b" * (1 << 20))
    write_file(path, b"end")

    assert names(tmp_path) == ["file"]
