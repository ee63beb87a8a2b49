"""One file of a fleet, read to its end: entries for the table of files, rows for the findings."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Final

import attrs

from regsim import dialects
from regsim.errors import DataError, RegsimError, UnreadableError
from regsim.fleet.archives import Budget, Member, TooMuchError, kind_of, members
from regsim.fleet.places import HostPattern, Item, file_system, order
from regsim.fleet.rows import FindingRow, rows_of, without_names
from regsim.trace.asking import each_host
from regsim.trace.evidence import Reading
from regsim.trace.inputs import is_hive, script_language
from regsim.trace.readers._rows import HOST, plain_column
from regsim.trace.redact import redacted
from regsim.trace.source import Source, most_unpacked, open_source, pasted

_IN_MEMORY: Final = 32 << 20
_SMALL: Final = 1 << 20
_BLOCK: Final = 1 << 20
_ABOUT_CLIENT: Final = "client_info.json"
MARK: Final = "\ue000{}{}\ue001"
"""What stands for a name that is to be redacted until all are known: its kind and its bytes."""


@attrs.frozen(kw_only=True)
class Settings:
    """How the evidence is to be read and judged, the same for all of it."""

    os_name: str | None = None
    hkcu_sid: str | None = None
    mounts: tuple[str, ...] = ()
    host_from: HostPattern | None = None
    redact: bool = False


@attrs.frozen(kw_only=True)
class FileEntry:
    """One row of the table of files; ``rows`` of the findings are its, ``system`` is of them.

    ``inner`` says that it lies in an archive, whose entry comes before.
    """

    path: str
    sha256: str | None
    status: str
    error: str | None = None
    rows: int = 0
    system: str | None = None
    inner: bool = False


@attrs.frozen
class Answer:
    """What became of one item: its entries, itself first, and the rows of each, in order.

    Without entries its content is the one whose digest was known.
    """

    entries: tuple[FileEntry, ...] = ()
    rows: tuple[FindingRow, ...] = ()


def read_item(item: Item, settings: Settings, known: str | None) -> Answer:
    """Return what *item* holds, unless its content has the digest that is *known*.

    Nothing that a file holds ends the reading of the others: what cannot be read is an entry with
    the reason.
    """
    if item.refused:
        return Answer(
            (FileEntry(path=item.path, sha256=None, status=item.status, error=item.refused),)
        )
    reader = _ItemReader(item, settings)
    try:
        with _fetched(item) as path:
            content, digest = _content(path)
            if digest == known:
                return Answer()
            reader.take(item.path, content, digest)
    except (RegsimError, OSError) as error:
        reader.fail(item.path, None, error)
    return reader.answer()


def _content(path: Path) -> tuple[Path | bytes, str]:
    """Return what is at *path* and its digest: what is small is read once, for both."""
    with path.open("rb") as file:
        data = file.read(_SMALL + 1)
        if len(data) <= _SMALL:
            return data, hashlib.sha256(data).hexdigest()
        file.seek(0)
        return path, hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _fetched(item: Item) -> Iterator[Path]:
    """Give a path to the content; what is remote is copied to a temporary file."""
    if not item.is_remote:
        yield Path(item.path)
        return
    with tempfile.TemporaryDirectory(prefix="regsim-") as folder:
        path = Path(folder, "evidence")
        try:
            with file_system(item.path).open(item.path, "rb") as remote, path.open("wb") as copy:
                shutil.copyfileobj(remote, copy, _BLOCK)
        except RegsimError:
            raise
        except Exception as error:  # noqa: BLE001 - of whatever package reads it
            why = " ".join(str(error).split()) or type(error).__name__
            raise DataError(f"{item.path} could not be fetched: {why}") from None
        yield path


class _ItemReader:
    """Reads one item, and what lies in it where it is an archive."""

    def __init__(self, item: Item, settings: Settings) -> None:
        self.item, self.settings = item, settings
        self.read: list[tuple[FileEntry, list[FindingRow]]] = []
        self.client = ""  # the computer that a collection says it is of

    def answer(self) -> Answer:
        """Return all that was read, in the order of the table."""
        first, *inner = self.read
        inner.sort(key=lambda one: order(one[0].path))
        each = [first, *inner]
        return Answer(
            tuple(entry for entry, _ in each), tuple(row for _, rows in each for row in rows)
        )

    def fail(self, path: str, digest: str | None, error: Exception) -> None:
        """Note that *path* could not be read."""
        status = "refused" if isinstance(error, TooMuchError) else "unreadable"
        if isinstance(error, UnreadableError) and "no evidence that regsim knows" in error.why:
            status = "unknown"
        self.add(path, digest, status, said(error, path))

    def add(
        self,
        path: str,
        digest: str | None,
        status: str,
        error: str | None = None,
        rows: Iterable[FindingRow] = (),
        system: str | None = None,
    ) -> None:
        """Note what became of *path*."""
        mine = list(rows)
        entry = FileEntry(
            path=path,
            sha256=digest,
            status=status,
            error=error,
            rows=len(mine),
            system=system,
            inner=path != self.item.path,
        )
        self.read.append((entry, mine))

    def take(
        self, path: str, content: Path | bytes, digest: str, budget: Budget | None = None
    ) -> None:
        """Read one file, whatever it is."""
        try:
            if isinstance(content, bytes):
                source = pasted(content, path)
            else:
                source = open_source(content, path)
            if kind_of(source):
                self._archive(source, path, digest, budget)
            elif is_hive(source):
                self.add(path, digest, "hive")
            elif script_language(source):
                self.add(path, digest, "script")
            else:
                self._evidence(source, path, digest)
        except (RegsimError, OSError) as error:
            self.fail(path, digest, error)
        except MemoryError:
            self.add(path, digest, "unreadable", "it needs more memory than there is")
        except Exception as error:  # noqa: BLE001 - one file must not end the reading of the others
            text = f"regsim failed on it, please report: {type(error).__name__}: {error}"
            self.add(path, digest, "unreadable", text)

    def _archive(self, source: Source, path: str, digest: str, budget: Budget | None) -> None:
        place = len(self.read)
        budget = budget or Budget(most_unpacked(source.size), path)
        client, problem = self.client, None
        try:
            for member in members(source, budget):
                self._member(member, f"{path}/{member.name}", budget)
        except DataError as error:
            problem = error
        self.client = client
        status = "archive" if problem is None else "refused"
        if problem is not None and not isinstance(problem, TooMuchError):
            status = "partly" if len(self.read) > place else "unreadable"
        self.add(path, digest, status, said(problem, path) if problem else None)
        self.read.insert(place, self.read.pop())

    def _member(self, member: Member, path: str, budget: Budget) -> None:
        if member.refused:
            self.add(path, None, "refused", member.refused)
            return
        try:
            with _gathered(member.blocks()) as (content, digest):
                if member.name.rpartition("/")[2] == _ABOUT_CLIENT and isinstance(content, bytes):
                    self.client = _client(content) or self.client
                budget.depth -= 1
                self.take(path, content, digest, budget)
                budget.depth += 1
        except TooMuchError as error:
            self.fail(path, None, error)
            raise
        except (RegsimError, OSError) as error:
            self.fail(path, None, error)

    def _evidence(self, source: Source, path: str, digest: str) -> None:
        settings = self.settings
        dialect = dialects.get(settings.os_name) if settings.os_name else None
        reading = Reading(
            hkcu_sid=settings.hkcu_sid,
            classes=dialect.classes_hive if dialect is not None else True,
            mounts=settings.mounts,
        )
        named = self._named(path)
        rows: list[FindingRow] = []
        damage: list[str] = []
        systems = set()
        for found in each_host(source, reading, dialect, dialects.get):
            finding = found
            damage += finding.completeness.damage
            systems.add(finding.os_title or finding.os or "")
            told = finding.host or self.client or (named[0] if named else "")
            taken = named[1] if named else None
            own = rows_of(finding, told, path, taken)
            if settings.redact:
                hidden = redacted(attrs.evolve(finding, host=told), _mark)
                own = without_names(own, rows_of(hidden, hidden.host, path, taken))
            rows += own
        status = "partly" if damage else "read"
        text = "; ".join(dict.fromkeys(damage)) or None
        system = systems.pop() if len(systems) == 1 else ""
        self.add(path, digest, status, text, rows, system or None)

    def _named(self, path: str) -> tuple[str, dt.datetime | None] | None:
        """Return the host and the time by the path: of an archive that was named, of what is in it.

        The path with the archive's own name is tried after that.
        """
        pattern = self.settings.host_from
        if pattern is None:
            return None
        within = path.removeprefix(self.item.path).lstrip("/")
        whole = f"{self.item.below}/{within}".rstrip("/")
        tried = (within, whole) if self.item.inside and within else (whole,)
        return next(filter(None, map(pattern.of, tried)), None)


@contextlib.contextmanager
def _gathered(blocks: Iterator[bytes]) -> Iterator[tuple[bytes | Path, str]]:
    """Give a member's whole content, a large one as a temporary file, and its digest."""
    digest, pieces, size = hashlib.sha256(), [], 0
    for block in blocks:
        digest.update(block)
        pieces.append(block)
        size += len(block)
        if size > _IN_MEMORY:
            break
    if size <= _IN_MEMORY:
        yield b"".join(pieces), digest.hexdigest()
        return
    with tempfile.TemporaryDirectory(prefix="regsim-") as folder:
        path = Path(folder, "member")
        with path.open("wb") as file:
            file.writelines(pieces)
            del pieces
            _drain(blocks, file, digest)
        yield path, digest.hexdigest()


def _drain(blocks: Iterator[bytes], file: IO[bytes], digest: Any) -> None:  # noqa: ANN401 - hashlib's
    for block in blocks:
        digest.update(block)
        file.write(block)


def _client(content: bytes) -> str:
    """Return the computer that Velociraptor's record of its client names; "" for none."""
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    record = told[0] if isinstance(told, list) and told else told
    if not isinstance(record, dict):
        return ""
    fields = {plain_column(str(name)): value for name, value in record.items()}
    return next((str(fields[name]) for name in HOST if fields.get(name)), "")


def said(error: Exception, path: str) -> str:
    """Return in one line why *path* could not be read, without its name before it."""
    text = " ".join((error.why if isinstance(error, UnreadableError) else str(error)).split())
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror
    return text.removeprefix(path).lstrip(": ") or type(error).__name__


def _mark(kind: str, name: str) -> str:
    return MARK.format(kind[0], name.encode("utf-8", "surrogatepass").hex())
