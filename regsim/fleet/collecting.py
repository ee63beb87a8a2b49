"""A fleet from its places to its tables: planned, read, resumed and joined."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from regsim.errors import DataError, UsageError
from regsim.fleet.engines import Engine, Note
from regsim.fleet.joining import Aliases, join
from regsim.fleet.page import page_of
from regsim.fleet.parts import Location, Portion, Task, fingerprint, record_of
from regsim.fleet.places import Item, find
from regsim.fleet.ranking import Ranking
from regsim.fleet.reading import Settings
from regsim.trace.extras import need
from regsim.writing import editing, write_file

OnTask = Callable[[int, int], None]
"""Told how many files are done, of how many."""

_TASK_BYTES: Final = 16 << 20
_TASK_ITEMS: Final = 256
_LEAST_TASKS: Final = 16
_ROUNDS: Final = 3


def found(places: Sequence[str], out: Path) -> list[Item]:
    """Return what *places* name, but for the results of a run that are in *out*.

    Raises:
        MissingExtraError: what writes the tables is not installed.
        UsageError: a place names nothing, or nothing but the results.
    """
    results = Path(os.path.realpath(out))
    real = functools.cache(os.path.realpath)
    need("pyarrow", "the tables of a fleet")
    items = [
        item
        for item in find(places)
        if item.is_remote or not Path(real(os.path.dirname(item.path))).is_relative_to(results)  # noqa: PTH120
    ]
    if not items:
        raise UsageError("there is nothing to read but the folder of the results itself")
    return items


def collect(
    items: Sequence[Item],
    out: Path,
    settings: Settings,
    engine: Engine,
    *,
    note: Note,
    progress: OnTask,
) -> Ranking:
    """Read all *items* and write the tables, the page and the manifest into the folder *out*.

    What an earlier run into the same folder has read, to its end or not, is read again only where
    it has changed. A redacted run keeps nothing of that kind.

    Raises:
        UsageError: *out* is in use or holds another kind of run.
    """
    with _held(out), _parts_folder(out, settings) as folder:
        run = _Run(items, settings, folder, out)
        located = run.read(engine, note, progress)
        ranking = Ranking()
        aliases = Aliases() if settings.redact else None
        joined = join(located, out, ranking, aliases)
        write_file(out / "index.html", page_of(ranking).encode())
        record = record_of(
            joined.entries, joined.digest, "" if settings.redact else fingerprint(settings)
        )
        write_file(out / "manifest.json", record)
    return ranking


@contextlib.contextmanager
def _held(out: Path) -> Iterator[None]:
    """Keep *out* for one run at a time."""
    lock = out / ".lock"
    try:
        if not lock.exists():
            write_file(lock, b"regsim fleet\n")
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError(f"{out} cannot be written: {why}; name another folder") from None
    with editing(lock):
        yield


@contextlib.contextmanager
def _parts_folder(out: Path, settings: Settings) -> Iterator[Path]:
    """Give the folder of the parts; it stays where the run does not come to its end."""
    folder = out / "parts"
    if settings.redact:
        before = Portion.opened(out / "manifest.json", out / "findings.parquet", "")
        if folder.exists() or (before is None and (out / "manifest.json").exists()):
            raise UsageError(f"{out} holds results that are not redacted; give another folder")
        with tempfile.TemporaryDirectory(prefix="regsim-") as private:
            yield Path(private)
        return
    folder.mkdir(exist_ok=True)
    yield folder
    shutil.rmtree(folder)


class _Run:
    """One run: what is to be read, and what is known of it already."""

    def __init__(self, items: Sequence[Item], settings: Settings, folder: Path, out: Path) -> None:
        self.items, self.settings, self.folder = items, settings, folder
        self.key = fingerprint(settings)
        self.known: dict[str, Location] = {}
        if not settings.redact:
            whole = Portion.opened(out / "manifest.json", out / "findings.parquet", self.key)
            for part in (whole, *map(self._part, sorted(folder.glob("*.json")))):
                if part is not None:
                    self.known.update((place.entries[0].path, place) for place in part.places())

    def _part(self, record: Path) -> Portion | None:
        return Portion.opened(record, record.with_suffix(".parquet"), self.key)

    def read(self, engine: Engine, note: Note, progress: OnTask) -> list[Location]:
        """Read what is new or has changed; return where each item is, in order."""
        located: dict[str, Location] = {}
        for _ in range(_ROUNDS):
            missing = [item for item in self.items if item.path not in located]
            if not missing:
                break
            for task, record in engine(list(self._tasks(missing)), note):
                self._take(task, record, located)
                progress(len(located), len(self.items))
        else:
            missing = [item for item in self.items if item.path not in located]
        if missing:
            raise DataError(
                f"{missing[0].path} and what else changes while it is read cannot be joined "
                f"({len(missing)} files); copy them first"
            )
        return [located[item.path] for item in self.items]

    def _take(self, task: Task, record: str, located: dict[str, Location]) -> None:
        """Note where the items of a task are; a part that is not whole is read again."""
        if not Path(record).exists():
            raise UsageError(
                f"the workers wrote {record}, which is not there for this process: give with -o a "
                "folder that all of them share"
            )
        part = self._part(Path(record))
        if part is not None:
            asked = {item.path for item in task.items}
            for place in part.places():
                if place.entries[0].path in asked:
                    located[place.entries[0].path] = place
            located.update((path, self.known[path]) for path in part.kept if path in asked)

    def _tasks(self, items: Sequence[Item]) -> Iterator[Task]:
        """Yield *items* in groups of about as many bytes, in their order."""
        total = sum(item.size for item in items)
        most = min(_TASK_BYTES, max(total // _LEAST_TASKS, 1))
        many = min(_TASK_ITEMS, max(len(items) // _LEAST_TASKS, 1))
        group: list[Item] = []
        size = 0
        for item in items:
            if group and (size + item.size > most or len(group) >= many):
                yield self._task(group)
                group, size = [], 0
            group.append(item)
            size += item.size
        if group:
            yield self._task(group)

    def _task(self, items: Sequence[Item]) -> Task:
        digests = []
        for item in items:
            place = self.known.get(item.path)
            digests.append(place.entries[0].sha256 if place is not None else None)
        return Task(tuple(items), tuple(digests), self.settings, str(self.folder.absolute()))
