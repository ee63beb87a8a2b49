"""Wine's own logs: the server's (``wineserver -d1``) and the client's (``WINEDEBUG=+reg``).

The server's log has every request with its handle values, so that each close finds its open; it has
no times, and lines stand for them. A line's prefix is a thread, which requests tie to a process.
The client's log has opens and no closes: it shows which roots are opened, not what stays open.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Final

import attrs

from regsim.trace.columns import (
    CLOSE,
    DELETE,
    DUPLICATE,
    EXIT,
    LOAD,
    OPEN,
    START,
    UNKNOWN_FAILURE,
    UNLOAD,
)
from regsim.trace.completeness import Completeness, note
from regsim.trace.evidence import Facts, Fidelity, Format, Reading, RowCapture
from regsim.trace.open_keys import OpenKeys
from regsim.trace.source import Source
from regsim.trace.spelling import KeyTable
from regsim.trace.times import SECOND

_FIRST_LINES: Final = 50
SERVER_LINE: Final = re.compile(rb"^[0-9a-f]{4,8}: [a-z_]+\(")
CLIENT_LINE: Final = re.compile(rb"^(?:\d+\.\d+:)?(?:[0-9a-f]{4,8}:){1,2}trace:reg:Nt")

_LINE: Final = re.compile(
    rb"^([0-9a-f]{4,8}): (?:(\w+)\((.*)\)(?: = (\w+)(?: \{ (.*) \})?)?|(\*.*))$"
)
_FIELD: Final = re.compile(rb"\b(\w+)=([0-9a-f]+)\b")
_NAME: Final = re.compile(rb'\bname=L"((?:[^"\\]|\\.)*)"')
_IMAGE: Final = re.compile(rb'imagepath=L"((?:[^"\\]|\\.)*)"')
_ESCAPE: Final = re.compile(r"\\(x[0-9a-fA-F]{1,4}|[0-7]{1,3}|.)", re.DOTALL)
_KEY_CALLS: Final = {
    b"open_key": OPEN,
    b"create_key": OPEN,
    b"close_handle": CLOSE,
    b"dup_handle": DUPLICATE,
    b"delete_key": DELETE,
    b"load_registry": LOAD,
    b"unload_registry": UNLOAD,
}
_CALLS: Final = frozenset(
    {*_KEY_CALLS, b"init_first_thread", b"init_thread", b"new_process", b"new_thread"}
)
_STATUS: Final = {b"0": 0, b"OBJECT_NAME_EXISTS": 0, b"OBJECT_NAME_NOT_FOUND": 0xC0000034}
_SELF: Final = frozenset({0xFFFFFFFF, 0x7FFFFFFF})


def unescape(raw: bytes) -> str:
    r"""Return a string as Wine prints it, with its escapes undone.

    >>> unescape(rb"\\Registry\\User \x00e9".replace(b"User ", b"User\\\\"))
    '\\Registry\\User\\é'
    """
    return _ESCAPE.sub(_unescaped, raw.decode("utf-8", "replace"))


def _unescaped(found: re.Match[str]) -> str:
    text = found[1]
    if text[0] == "x" and len(text) > 1:
        return chr(int(text[1:], 16))
    if text[0] in "01234567":
        return chr(int(text, 8))
    return {"n": "\n", "r": "\r", "t": "\t"}.get(text, text)


@attrs.frozen
class _Answered:
    """A request with its answer: the numbers in both by their names, and the NTSTATUS."""

    call: bytes
    text: bytes
    status: int
    asked: dict[bytes, int]
    given: dict[bytes, int]

    def handle(self, name: bytes = b"handle") -> int:
        """Return the handle that the request calls *name*, 0 if it has none."""
        return self.asked.get(name, 0)


def _numbers(text: bytes) -> dict[bytes, int]:
    return {name: int(value, 16) for name, value in _FIELD.findall(text)}


class _LineCapture(RowCapture):
    """What both logs share: lines for events, and processes told by number."""

    def __init__(self, source: Source, reading: Reading, form: str, *, closes: bool) -> None:
        facts = Facts(
            record=Completeness(shows_filters=False),
            format=form,
            fidelity=Fidelity.HANDLES,
            os="wine",
            os_title="Wine",
            closes=closes,
        )
        # Wine mounts no hive of its own for the user's classes: `regsim.dialects` says so too.
        super().__init__(source, facts, KeyTable(reading.hkcu_sid, classes=False))
        self.open = OpenKeys()

    def when(self, ticks: int) -> str:
        """Return which line it was, where the log has no times."""
        return f"line {ticks}"

    def process(self, pid: int) -> int:
        """Return the number of process *pid*."""
        return self.processes.of_pid(pid, "(image unknown)")

    def read(self) -> Iterator[int]:
        """Take the lines in."""
        for number, (line, done) in enumerate(self.source.lines(), 1):
            self.facts.events = number
            self.line(line)
            yield done

    @abstractmethod
    def line(self, line: bytes) -> None:
        """Take one line into account, whose number is ``facts.events``."""


class WineServerCapture(_LineCapture):
    """The log of ``wineserver -d1`` as a `Capture`; its times are line numbers."""

    def __init__(self, source: Source, reading: Reading) -> None:
        super().__init__(source, reading, "wineserver-log", closes=True)
        self._threads: dict[int, int] = {}
        self._asked: dict[int, tuple[bytes, bytes]] = {}
        self._process_handles: dict[tuple[int, int], int] = {}
        self._last = b""

    def line(self, line: bytes) -> None:
        """Pair a request with its answer; an answer that follows at once ends the request."""
        found = _LINE.match(line)
        self._last = line or self._last
        if found is None or b"\0" in line:
            if line.strip() and not line.startswith(b"wine"):
                self._broken("it is no line of the server's")
            return
        thread, call, text, status, answer, star = found.groups()
        tid = int(thread, 16)
        self.facts.saw(self.facts.events)
        if star is not None:
            if star.startswith(b"*process killed*"):
                self._add(EXIT, self.process(tid))
                self.open.ended(self.process(tid))
        elif call in _CALLS and status is None:
            self._asked[tid] = call, text
        elif call in _CALLS:
            asked, text = self._asked.pop(tid, (b"", b""))
            if asked == call:
                number = _STATUS.get(status, UNKNOWN_FAILURE)
                fields = _numbers(text[:300]), _numbers(answer or b"")
                self._answered(tid, _Answered(call, text, number, *fields))
            elif call in _KEY_CALLS:
                self._broken("it answers what the log does not show being asked")

    def _broken(self, reason: str) -> None:
        note(self.facts.record.malformed, reason, self.facts.events)

    def _answered(self, tid: int, did: _Answered) -> None:
        if did.call not in _KEY_CALLS:
            if did.status == 0:
                self._life(tid, did)
        elif tid in self._threads:
            self._key_call(_KEY_CALLS[did.call], self.process(self._threads[tid]), did)

    def _life(self, tid: int, did: _Answered) -> None:
        """Follow which thread belongs to which process, and which image that runs."""
        mine, pid = self._threads.get(tid, 0), did.given.get(b"pid", 0)
        if did.call == b"init_first_thread":
            self._threads[tid] = pid
            self._add(START, self.process(pid))
        elif did.call == b"new_process":
            self._process_handles[mine, did.given.get(b"handle", 0)] = pid
            self.processes.forget(pid)  # the number may have been another's before
            image = _IMAGE.search(did.text)
            if image is not None:
                info = self.processes[self.process(pid)]
                info.image = unescape(image[1]).rpartition("\\")[2]
        elif did.call == b"new_thread":
            target = did.handle(b"process")
            owner = mine if target in _SELF else self._process_handles.get((mine, target), mine)
            self._threads[did.given.get(b"tid", 0)] = owner

    def _key_call(self, op: int, process: int, did: _Answered) -> None:
        if op == OPEN:
            path, handle = self._path(process, did), did.given.get(b"hkey", 0)
            status = did.status if handle else did.status or UNKNOWN_FAILURE
            self._add(OPEN, process, path, handle, status, did.asked.get(b"access", 0))
            if not status:
                self.open.opened(process, handle, path)
        elif did.status:
            return
        elif op == CLOSE:
            self._close(process, did.handle())
        elif op == DUPLICATE:
            self._duplicate(process, did)
        else:
            path = self.open.path(process, did.handle(b"hkey")) or self._path(process, did)
            if path:
                self._add(op, process, path)

    def _path(self, process: int, did: _Answered) -> str:
        name = _NAME.search(did.text)
        parent = did.asked.get(b"parent", did.handle(b"rootdir"))
        return self.open.full(process, parent, unescape(name[1]) if name else "")

    def _close(self, process: int, handle: int) -> None:
        path = self.open.closed(process, handle)
        if path is not None:
            self._add(CLOSE, process, path, handle)

    def _duplicate(self, process: int, did: _Answered) -> None:
        source = self._target(process, did.asked.get(b"src_process", 0xFFFFFFFF))
        target = self._target(process, did.asked.get(b"dst_process", 0xFFFFFFFF))
        path = self.open.path(source, did.handle(b"src_handle"))
        handle = did.given.get(b"handle", 0)
        if path is not None and handle:
            self._add(DUPLICATE, target, path, handle)
            self.open.opened(target, handle, path)
        if did.asked.get(b"options", 0) & 1:  # DUPLICATE_CLOSE_SOURCE
            self._close(source, did.handle(b"src_handle"))

    def _target(self, process: int, handle: int) -> int:
        if handle in _SELF:
            return process
        pid = self._process_handles.get((self.processes[process].pid, handle))
        return process if pid is None else self.process(pid)

    def _add(
        self,
        op: int,
        process: int,
        path: str = "",
        handle: int = 0,
        status: int = 0,
        access: int = 0,
    ) -> None:
        line, key = self.facts.events, self.keys.number(path)
        self.rows.append((op, process, key, status, line, access & 0xFFFFFFFF, line, handle, 0))

    def end(self) -> None:
        """Say so if the server was still running when the log ends."""
        if b"exiting" not in self._last:
            self.facts.cut("the log ends before the server does")


_CALL: Final = re.compile(
    rb"^(?:(?P<s>\d+)\.(?P<ms>\d+):)?(?P<ids>(?:[0-9a-f]{4,8}:){1,2})trace:reg:"
    rb"Nt(?:Open|Create)Key(?:Ex|Transacted)? "
    rb"(?:\((?P<args>.*)\)|<- (?P<handle>0x[0-9a-f]+|\(nil\)))$"
)
_ARGUMENTS: Final = re.compile(rb'^(0x[0-9a-f]+|\(nil\)),L"((?:[^"\\]|\\.)*)"(.*)$')
_ACCESS: Final = re.compile(rb",([0-9a-f]+)")


class WineClientCapture(_LineCapture):
    """A ``WINEDEBUG=+reg`` log as a `Capture`: opens with their handles, and no close."""

    def __init__(self, source: Source, reading: Reading) -> None:
        super().__init__(source, reading, "wine-reg-log", closes=False)
        self._asked: dict[bytes, tuple[int, str, int]] = {}
        self._timed = False

    def when(self, ticks: int) -> str:
        """Return the log's own seconds, or which line it was."""
        return f"{ticks / SECOND:.3f} s" if self._timed else super().when(ticks)

    def line(self, line: bytes) -> None:
        """Take a call's arguments, and with its result's line the handle."""
        found = _CALL.match(line)
        if found is None:
            return
        ids = found["ids"]
        pid = int(ids.split(b":")[0], 16)
        process = self.process(pid)
        arguments = _ARGUMENTS.match(found["args"] or b"")
        if arguments is not None:
            parent = 0 if arguments[1] == b"(nil)" else int(arguments[1], 16)
            path = self.open.full(process, parent, unescape(arguments[2]))
            masks = [int(mask, 16) for mask in _ACCESS.findall(arguments[3]) if len(mask) <= 8]
            self._asked[ids] = (process, path, max(masks, default=0) & 0xFFFFFFFF)
            return
        asked = self._asked.pop(ids, None)
        if asked is None or found["handle"] in (None, b"(nil)", b"0x0"):
            return
        self._timed = self._timed or found["s"] is not None
        time = number = self.facts.events
        if self._timed:
            time = int(found["s"] or 0) * SECOND + int((found["ms"] or b"0").ljust(7, b"0")[:7])
        self.facts.saw(time)
        _, path, access = asked
        handle = int(found["handle"], 16)
        self.open.opened(process, handle, path)
        self.rows.append(
            (OPEN, process, self.keys.number(path), 0, time, access, number, handle, 0)
        )


def _any_line(pattern: re.Pattern[bytes]) -> Callable[[bytes], bool]:
    """Return what recognises a log by one of its first lines that *pattern* matches."""
    return lambda head: any(pattern.match(line) for line in head.split(b"\n")[:_FIRST_LINES])


FORMATS: Final = (
    Format("wineserver -d1's log", _any_line(SERVER_LINE), WineServerCapture),
    Format("WINEDEBUG=+reg's log", _any_line(CLIENT_LINE), WineClientCapture),
)
