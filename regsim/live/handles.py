"""The keys that are open on a running Windows, or Wine: who has which, at one moment.

NtQuerySystemInformation lists the handles of all processes; which of its type numbers means a key
is learned from a key of our own, by the type's name. Of key handles alone a duplicate is made, to
ask for its name, and closed at once; other kinds are never asked, since NtQueryObject can wait for
ever on a pipe's name (observed). Even so each question has a time limit.
"""

from __future__ import annotations

import json
import os
import queue
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from regsim.errors import UsageError

PATIENCE: Final = 2.0
"""Seconds within which the name of one key must be told."""
_MOST_STUCK: Final = 3
_SHOWN: Final = 8


def live_listing() -> str:
    """Return the open keys of this system, as `regsim.trace.readers.live` reads them.

    What could not be looked into - processes that this one may not open, keys that did not answer
    in time - is in its notes.

    Raises:
        UsageError: this is no Windows, or the system does not list handles.
    """
    if os.name != "nt":
        raise UsageError(
            "who --live asks the running Windows for its open handles, and this is none: run it on "
            "the computer in question (--save FILE there, `regsim who FILE` here)"
        )
    from regsim.live.windows import RunningSystem  # noqa: PLC0415 - there is no such library elsewhere

    return listing(RunningSystem())


def listing(system: Any) -> str:  # noqa: ANN401 - `regsim.live.windows.RunningSystem`, or a test's
    """Return the listing of *system*; see `live_listing`."""
    asked = _Names(system)
    handles, refused = [], Counter[int]()
    services = system.services()
    processes = system.processes()
    me = os.getpid()
    for pid, handle, access in system.key_handles():
        if pid == me:
            continue
        name = asked.name(pid, handle)
        if name is None:
            refused[pid] += 1
            continue
        if not name:
            continue  # it was closed meanwhile, and is no key any more
        image, session = processes.get(pid, (f"process {pid}", None))
        row = {"process": image, "pid": pid, "path": system.image(pid), "session": session}
        row |= {"service": ", ".join(services.get(pid, ())), "handle": hex(handle)}
        handles.append({**row, "access": hex(access), "key": name})
    system.close()
    notes = [*_about(refused, processes), *asked.notes(), *system.notes, _OURSELVES]
    told = {"regsim": "live", "os": system.name, "host": system.host, "notes": notes}
    return json.dumps({**told, "loaded": system.hives(), "handles": handles}, indent=1) + "\n"


_OURSELVES: Final = "the process of regsim itself is left out"


def _about(refused: Counter[int], processes: dict[int, tuple[str, int | None]]) -> list[str]:
    """Return what is said of processes that may not be looked into."""
    if not refused:
        return []
    names = [f"{processes.get(pid, ('process', None))[0]} ({pid})" for pid in sorted(refused)]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    text = (
        f"{sum(refused.values()):,} keys are open in processes that may not be looked into, so "
        f"that it cannot be told which: {', '.join(names[:_SHOWN])}{more}; run as administrator "
        "(protected processes stay closed even then)"
    )
    return [text]


class _Names:
    """Asks for the names of keys, in a thread that is given up when it does not answer."""

    def __init__(self, system: Any) -> None:  # noqa: ANN401 - as in `listing`
        self.system = system
        self.stuck: list[tuple[int, int]] = []
        self.left = 0
        self._start()

    def _start(self) -> None:
        self._asked: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
        self._told: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        arguments = (self.system.name_of, self._asked, self._told)
        threading.Thread(target=_answer, args=arguments, daemon=True).start()

    def name(self, pid: int, handle: int) -> str | None:
        """Return the key's name, "" if it is no key any more, None if it cannot be told."""
        if len(self.stuck) >= _MOST_STUCK:
            self.left += 1
            return ""
        self._asked.put((pid, handle))
        try:
            return self._told.get(timeout=PATIENCE)
        except queue.Empty:
            self.stuck.append((pid, handle))
            self._start()
            return ""

    def notes(self) -> list[str]:
        """Return what is said of keys that did not tell their names."""
        if not self.stuck:
            return []
        found = ", ".join(f"handle {handle:#x} of process {pid}" for pid, handle in self.stuck)
        text = f"the name was not told within {PATIENCE:g} s of {found}"
        return [f"{text}; {self.left:,} keys more were not asked" if self.left else text]


def _answer(
    name_of: Callable[[int, int], str | None],
    asked: queue.SimpleQueue[tuple[int, int]],
    told: queue.SimpleQueue[str | None],
) -> None:
    """Answer questions until the program ends."""
    while True:
        told.put(name_of(*asked.get()))
