"""Who reads: this process, or the workers of a Dask cluster. The tasks are the same."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import attrs

from regsim.errors import RegsimError, UsageError
from regsim.fleet.parts import Task, fingerprint, write_part
from regsim.fleet.reading import FileEntry

Read = Iterator[tuple[Task, str]]
"""The tasks as they are done, each with the path of the record of its part."""
Note = Callable[[str], None]
"""Told what a person may want to know, in a line."""
Engine = Callable[[Sequence[Task], Note], Read]

_LOCAL: Final = re.compile(r"local(?::(\d+))?")
_ATTEMPTS: Final = 10
_KILLED: Final = "the process that read it was killed, and again when it read nothing else"


def engine_named(scheduler: str | None) -> Engine:
    """Return the engine that ``--scheduler`` names; None is this process alone.

    Raises:
        UsageError: it is neither ``local``, ``local:N`` nor an address.
        MissingDaskError: it is one, and Dask is not installed.
    """
    if scheduler is None:
        return in_this_process
    local = _LOCAL.fullmatch(scheduler)
    if local is None and not re.search(r"[^:/]:\d+$", scheduler):
        raise UsageError(
            f"--scheduler takes local, local:N or an address such as tcp://127.0.0.1:8786, "
            f"not {scheduler!r}"
        )
    if local is not None and local[1] == "0":
        raise UsageError("--scheduler local:N takes at least one worker")
    _packages()
    workers = int(local[1] or os.cpu_count() or 1) if local else 0
    return _Dask(scheduler, workers).read


def in_this_process(tasks: Sequence[Task], note: Note) -> Read:  # noqa: ARG001 - as the others
    """Read one task after the other."""
    for task in tasks:
        yield task, task.run()


@attrs.frozen
class _Dask:
    """The workers of a Dask cluster: *workers* processes on this machine, or one at an address."""

    address: str
    workers: int

    def read(self, tasks: Sequence[Task], note: Note) -> Read:
        """Share *tasks* out; what a killed worker was reading is read again."""
        with self._client(note) as client:
            suspected = yield from _submitted(client, tasks)
            # A worker that is killed takes all that it was given with it. One task at a time, in
            # small ones, tells what kills it.
            for task in suspected:
                for one in _singly(task):
                    lost = yield from _submitted(client, [one])
                    for gone in lost:
                        name = "a file" if gone.settings.redact else gone.items[0].path
                        note(f"{name}: {_KILLED}")
                        yield gone, _given_up(gone)

    @contextlib.contextmanager
    def _client(self, note: Note) -> Iterator[Any]:
        dask, distributed = _packages()
        with contextlib.ExitStack() as stack:
            if self.workers:
                stack.enter_context(
                    dask.config.set({"distributed.scheduler.allowed-failures": _ATTEMPTS})
                )
                cluster = stack.enter_context(
                    distributed.LocalCluster(
                        n_workers=self.workers,
                        threads_per_worker=1,
                        processes=True,
                        memory_limit=0,  # a capture takes what it takes; nothing is killed for it
                        dashboard_address="127.0.0.1:0",
                        silence_logs=_QUIET,
                    )
                )
                client = stack.enter_context(distributed.Client(cluster))
            else:
                try:
                    client = stack.enter_context(distributed.Client(self.address, timeout="10s"))
                except (OSError, ValueError) as error:
                    why = " ".join(str(error).split())
                    raise UsageError(f"--scheduler {self.address}: {why}") from None
            note(f"dashboard: {client.dashboard_link}")
            yield client


_QUIET: Final = 50
"""Logs of the cluster that say less than this are not shown; what matters comes back as a task."""


def _packages() -> tuple[Any, Any]:
    try:
        return import_module("dask"), import_module("distributed")
    except ImportError as error:
        raise MissingDaskError(
            f"--scheduler needs {error.name}, which is not installed: pip install 'regsim[fleet]'"
        ) from None


class MissingDaskError(RegsimError):
    """A cluster was asked for and its package is not installed."""


def _submitted(client: Any, tasks: Iterable[Task]) -> Any:  # noqa: ANN401 - a generator of `Read`
    """Yield the tasks that are done; return those whose workers were killed."""
    _, distributed = _packages()
    futures = {client.submit(task.run, pure=False, retries=2): task for task in tasks}
    suspected: list[Task] = []
    for future in distributed.as_completed(list(futures)):
        task = futures.pop(future)
        try:
            record = future.result()
        except distributed.KilledWorker:
            suspected.append(task)
            continue
        finally:
            future.release()
        yield task, record
    return suspected


def _singly(task: Task) -> Iterator[Task]:
    for item, known in zip(task.items, task.known, strict=True):
        yield attrs.evolve(task, items=(item,), known=(known,))


def _given_up(task: Task) -> str:
    """Write the part of an item that nobody could read and return its record."""
    entry = FileEntry(path=task.items[0].path, sha256=None, status="unreadable", error=_KILLED)
    return str(write_part(Path(task.folder), [entry], [], [], fingerprint(task.settings)))
