"""Writing files: whole or not at all, nothing destroyed that is no file, no update lost."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Final

from regsim.errors import DataError, UsageError

PATIENCE: Final = 60.0
"""Seconds that a second writer waits for the first; `REGSIM_LOCK_SECONDS` sets another time."""
_SUFFIX: Final = ".regsim.tmp"
_KINDS: Final = (
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
)
Paths = Iterable[str | os.PathLike[str]]


def write_file(path: str | os.PathLike[str], data: bytes | bytearray, *, inputs: Paths = ()) -> str:
    """Make *data* the content of the file at *path*, so that a crash leaves the old or the new.

    The data goes to a temporary file in the same folder, which is flushed to the disk and renamed.
    Missing folders are made. A symbolic link is followed; mode and owner of a file that is there
    are kept. A file with several names (hard links) is written through in place, as all its names
    mean the one file; the data stands whole beside it for as long as that takes, and `editing`
    finishes a write that a kill has cut off. Temporary files of killed writers are removed.

    Args:
        path: the file to write.
        data: all of its content.
        inputs: files that must survive, by whatever name: what the command reads.

    Returns:
        Why the owner could not be kept, or "".

    Raises:
        UsageError: *path* is a device, a FIFO, a socket, a loop of links, or one of *inputs*.
        OSError: it is a folder, or the folder or the file cannot be written; nothing is changed.
    """
    notes: list[str] = []
    with replacing(path, inputs=inputs, notes=notes) as file:
        file.write(data)
    return "".join(notes)


@contextlib.contextmanager
def replacing(
    path: str | os.PathLike[str], *, inputs: Paths = (), notes: list[str] | None = None
) -> Iterator[IO[bytes]]:
    """Give an open file that becomes the one at *path* once all is written to it, or is gone.

    All else, and what is raised, is as with `write_file`; *notes* gets what that returns.
    """
    target = resolved(path)
    refuse_inputs(path, inputs)
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(target)
    there = target.stat() if target.exists() else None
    with _temporary(target) as (file, name):
        yield file
        file.flush()
        note = _take_over(file, name, there)
        os.fsync(file.fileno())
        through = there is not None and there.st_nlink > 1
        if sys.platform == "win32":  # an open file cannot be renamed there
            file.close()
        os.replace(name, _whole_copy(target) if through else target)  # noqa: PTH105 - atomic
        sync_directory(target.parent)
        if through:
            _write_through(target, _whole_copy(target).read_bytes())
    _whole_copy(target).unlink(missing_ok=True)
    if note and notes is not None:
        notes.append(note)


def resolved(path: str | os.PathLike[str]) -> Path:
    """Return the file that *path* leads to, which need not be there.

    Raises:
        UsageError: what is there is a device, a FIFO or a socket, or links lead in a circle.
        IsADirectoryError: it is a folder.
    """
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - of what a name like /dev/fd/3 means, too
    except FileNotFoundError:
        return Path(os.path.realpath(path))
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise UsageError(f"{path} leads in a circle of symbolic links; name another file") from None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    kind = next((name for test, name in _KINDS if test(mode)), "")
    if kind:
        raise UsageError(f"{path} is {kind}, which is never written over; name a file")
    return Path(os.path.realpath(path))


def refuse_inputs(path: str | os.PathLike[str], inputs: Paths) -> None:
    """Do nothing unless *path* is one of *inputs*: by name, through links, or as a hard link.

    Raises:
        UsageError: it is one.
    """
    for each in inputs:
        same = False
        with contextlib.suppress(OSError):  # what is not there cannot be destroyed
            same = Path(each).samefile(path)
        if same:
            raise UsageError(f"{path} is one of the files to read ({each}); write elsewhere")


# -- temporary files -----------------------------------------------------------------------------


@contextlib.contextmanager
def _temporary(target: Path) -> Iterator[tuple[IO[bytes], str]]:
    """Give an open temporary file beside *target* and its name; it is gone in the end.

    It is locked while its writer lives: that is how one which a kill has left is told from one in
    use.
    """
    while True:
        number, name = tempfile.mkstemp(
            prefix=f".{target.name}.", suffix=_SUFFIX, dir=target.parent
        )
        # Another writer may have taken it for a leftover in the moment before it was locked.
        with contextlib.suppress(OSError):  # where there are no locks, nobody removes leftovers
            if not _lock(number) or not os.fstat(number).st_nlink:
                os.close(number)
                continue
        break
    file = os.fdopen(number, "wb")
    try:
        with file:
            yield file, name
    finally:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108


def remove_leftovers(target: Path) -> None:
    """Remove the temporary files that writers of *target* left when they were killed."""
    prefix = f".{target.name}."
    for entry in os.scandir(target.parent):
        name = entry.name
        if not (name.startswith(prefix) and name.endswith(_SUFFIX)) or entry.is_symlink():
            continue
        # Windows refuses to remove what is open; elsewhere the writer's lock says so.
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            if sys.platform != "win32":
                file = stack.enter_context(Path(entry.path).open("rb"))
                if not _lock(file.fileno()):
                    continue
            os.unlink(entry.path)  # noqa: PTH108


def _take_over(file: IO[bytes], name: str, there: os.stat_result | None) -> str:
    """Give the new file the mode and the owner of the one it replaces; say what cannot be."""
    if there is None:
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        return ""
    note = ""
    mine = os.fstat(file.fileno())
    if hasattr(os, "fchown") and (mine.st_uid, mine.st_gid) != (there.st_uid, there.st_gid):
        try:
            os.fchown(file.fileno(), there.st_uid, there.st_gid)
        except OSError as error:
            owner = f"{there.st_uid}:{there.st_gid}"
            note = f"the owner {owner} could not be kept: {error.strerror}"
    Path(name).chmod(stat.S_IMODE(there.st_mode))
    return note


def _whole_copy(target: Path) -> Path:
    """Return where the new content stands whole while *target* is written in place."""
    return target.with_name(f".{target.name}.regsim.new")


def _finish(target: Path) -> None:
    """Finish the write in place that a kill has cut off, if there was one.

    Raises:
        DataError: something else has written to *target* long after that.
    """
    whole = _whole_copy(target)
    if not whole.exists():
        return
    if target.stat().st_mtime > whole.stat().st_mtime + 600:
        raise DataError(
            f"a write of {target} was cut off and it was changed since; {whole} holds what was to "
            "be written: compare the two and remove that one"
        )
    _write_through(target, whole.read_bytes())
    whole.unlink()


def _write_through(target: Path, data: bytes | bytearray) -> None:
    with target.open("r+b") as file:
        file.write(data)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


def sync_directory(directory: Path) -> None:
    """Make a rename in *directory* last, where the system can open directories (not Windows)."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    number = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # some file systems refuse; the rename stands anyway
            os.fsync(number)
    finally:
        os.close(number)


# -- changing a file that is there ---------------------------------------------------------------


class Editing:
    """A file under change: its content as it was read, and the one way to replace it."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.path, self.data = path, data

    def write(self, data: bytes | bytearray) -> str:
        """Replace the content; what comes back is as in `write_file`.

        Raises:
            DataError: a program that heeds no lock has changed the file since it was read.
        """
        try:
            unchanged = self.path.read_bytes() == self.data
        except FileNotFoundError:
            unchanged = False
        if not unchanged:
            raise DataError(f"{self.path} changed while it was being edited; nothing was written")
        return write_file(self.path, data)


@contextlib.contextmanager
def editing(path: str | os.PathLike[str]) -> Iterator[Editing]:
    """Hold the file at *path* for reading, changing and writing it; others who edit it wait.

    The lock is on the file itself (on Windows on a file beside it, as a locked file cannot be
    replaced there) and ends with the process, however that ends. Only those who ask for it are
    kept out, so `Editing.write` compares the content too.

    Raises:
        UsageError: another edit holds it for more than `PATIENCE` seconds, or see `resolved`.
        OSError: it cannot be read, or its file system knows no locks.
    """
    target = resolved(path)
    number = _locked(target, path)
    try:
        _finish(target)
        yield Editing(target, target.read_bytes())
    finally:
        os.close(number)


def _locked(target: Path, path: str | os.PathLike[str]) -> int:
    """Return an open, locked descriptor of the file that is at *target* once the lock is had."""
    patience = _patience()
    until = time.monotonic() + patience
    while True:
        number = _opened(target)
        if _lock(number) and _is_at(number, target):
            return number
        os.close(number)
        if time.monotonic() > until:
            raise UsageError(
                f"{path} is being edited by another program; nothing was changed after waiting "
                f"{patience:g} seconds: try again"
            )
        time.sleep(0.01)


def _patience() -> float:
    text = os.environ.get("REGSIM_LOCK_SECONDS")
    try:
        return float(text) if text else PATIENCE
    except ValueError:
        raise UsageError(f"REGSIM_LOCK_SECONDS takes a number, not {text!r}") from None


def _opened(target: Path) -> int:
    if sys.platform == "win32":
        target.stat()  # what is not there is not edited, and gets no lock file
        beside = target.with_name(f".{target.name}.regsim.lock")
        return os.open(beside, os.O_RDWR | os.O_CREAT)
    try:
        return os.open(target, os.O_RDWR)  # a lock over a network may need the right to write
    except PermissionError:
        return os.open(target, os.O_RDONLY)


def _is_at(number: int, target: Path) -> bool:
    """Return whether *target* is still the file that was opened: its last writer replaced it."""
    if sys.platform == "win32":
        return True
    try:
        return os.path.samestat(os.fstat(number), target.stat())
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(number: int) -> bool:
        """Lock an open file without waiting; return whether it was free."""
        try:
            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(number: int) -> bool:
        """Lock an open file without waiting; return whether it was free."""
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
