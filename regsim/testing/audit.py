"""A trace of a real program's ``winreg`` calls, for ``regsim replay``, without any driver.

CPython raises an audit event before each call and one with the handle after each open (documented:
"Audit events table"; Python 3.8 and later). No event tells of a close, so closes are inferred: a
handle value that is given out again was closed before, and at the end each handle left is asked
whether it is still open.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from regsim.errors import UsageError
from regsim.types import PredefinedKey, as_predefined
from regsim.writing import write_file

if TYPE_CHECKING:
    from regsim.testing._fake.face import WinregFace

_OPENS: Final = {"winreg.OpenKey": "open", "winreg.CreateKey": "create"}
_RESULT: Final = "winreg.OpenKey/result"
_BUILDS: Final = (
    (22000, "win11"),
    (10240, "win10"),
    (9600, "win8.1"),
    (7600, "win7"),
    (0, "vista"),
)

_recorders: list[WinregTrace] = []
_hooked: list[bool] = []


class WinregTrace:
    """What a program did with ``winreg`` while it was watched.

    Attributes:
        records: one JSON object per event, in the form that ``regsim replay`` reads.
    """

    def __init__(self, winreg: ModuleType | WinregFace, system: str | None) -> None:
        self.records: list[dict[str, Any]] = []
        self._winreg = winreg
        self._pending = threading.local()
        self._open: dict[int, dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._first: dict[str, Any] = {} if system is None else {"os": system}

    def on_event(self, event: str, args: tuple[Any, ...]) -> None:
        """Take note of one audit event; those that hold nothing are passed over."""
        pending = self._pending.__dict__
        if event == _RESULT:
            begun = pending.pop("open", None)
            if begun is not None:
                self._opened(args[0] & 0xFFFFFFFFFFFFFFFF, begun)
            return
        pending.pop("open", None)
        if event in _OPENS:
            key, sub_key, access = args
            pending["open"] = {
                "op": _OPENS[event],
                "parent": _named(key),
                "key": sub_key or "",
                "access": access,
            }
        elif event == "winreg.LoadKey":
            self._record({"op": "load", "parent": _named(args[0]), "key": args[1]})
        elif args and as_predefined_of(args[0]) is not None:
            self._record({"op": "use", "parent": _named(args[0])})

    def _opened(self, handle: int, begun: dict[str, Any]) -> None:
        if as_predefined(handle) is not None:  # the predefined key's own number came back
            self._record({"op": "use", "parent": begun["parent"]})
            return
        with self._lock:
            if handle in self._open:
                self._record({"op": "close", "handle": handle})
            self._open[handle] = begun
            self._record({**begun, "handle": handle})

    def _record(self, record: dict[str, Any]) -> None:
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        about = {"pid": os.getpid(), "process": Path(sys.executable).name, "time": now}
        self.records.append({**self._first, **record, **about})
        self._first = {}

    def finish(self) -> None:
        """Record as closed each handle that is no longer open. Asks ``winreg``, changes nothing."""
        for handle in list(self._open):
            try:
                self._winreg.QueryInfoKey(handle)
            except OSError as error:
                if getattr(error, "winerror", None) == 6:
                    del self._open[handle]
                    self._record({"op": "close", "handle": handle})

    def write(self, path: str | Path) -> None:
        """Write the trace to *path* as JSON lines, whole or not at all."""
        text = "".join(json.dumps(record) + "\n" for record in self.records)
        write_file(path, text.encode())


def as_predefined_of(key: object) -> PredefinedKey | None:
    """Return the predefined key that an event's first argument means, or None."""
    return as_predefined(key & 0xFFFFFFFFFFFFFFFF) if isinstance(key, int) else None


def _named(key: int) -> str | int:
    """Return a predefined key's name, or the handle as it is."""
    root = as_predefined_of(key)
    return root.hkey if root is not None else key & 0xFFFFFFFFFFFFFFFF


@contextmanager
def trace_winreg(
    winreg: ModuleType | WinregFace | None = None, *, system: str | None = None
) -> Iterator[WinregTrace]:
    """Record the ``winreg`` calls of this process until the block ends.

    Args:
        winreg: the module to ask at the end which handles are still open; the real one by default.
        system: the name of the Windows generation; on Windows, that of this computer.

    Raises:
        UsageError: there is no ``winreg`` here, and none was given.

    >>> from regsim.testing import fake_winreg
    >>> with fake_winreg() as reg, trace_winreg(reg.winreg, system="win11") as trace:
    ...     with reg.winreg.OpenKey(reg.winreg.HKEY_CURRENT_USER, "Software") as key:
    ...         pass
    >>> [(record["op"], record.get("key")) for record in trace.records]
    [('open', 'Software'), ('close', None)]
    """
    trace = WinregTrace(winreg if winreg is not None else _real(), system or _this_system())
    if not _hooked:
        sys.addaudithook(_hook)
        _hooked.append(True)
    _recorders.append(trace)
    try:
        yield trace
    finally:
        _recorders.remove(trace)
        trace.finish()


def _hook(event: str, args: tuple[Any, ...]) -> None:
    """Pass ``winreg``'s events on; a hook cannot be removed, so it costs next to nothing idle."""
    if _recorders and event.startswith("winreg."):
        for recorder in tuple(_recorders):
            recorder.on_event(event, args)


def _real() -> ModuleType:
    try:
        return import_module("winreg")
    except ImportError:
        raise UsageError(
            "there is no winreg on this computer; give the fake one: trace_winreg(registry.winreg)"
        ) from None


def _this_system() -> str | None:
    if sys.platform != "win32":
        return None
    build = sys.getwindowsversion().build
    return next(name for least, name in _BUILDS if build >= least)
