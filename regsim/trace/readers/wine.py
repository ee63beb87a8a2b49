"""Wine's own logs: the server's (``wineserver -d1``) and the client's (``WINEDEBUG=+reg``).

The server's log has every request with its handle values, so that each close finds its open; it has
no times, and lines stand for them. A line's prefix is a thread, which requests tie to a process.
The client's log has opens and no closes: it shows which roots are opened, not what stays open.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import attrs

from regsim.accel.columns import EventKind
from regsim.trace.columns import (
    CLOSE,
    DUPLICATE,
    EXIT,
    LOAD,
    OPEN,
    START,
    UNLOAD,
    Batch,
    CaptureFacts,
    Fidelity,
    ProcessInfo,
    Progress,
)
from regsim.trace.names import Names, Rows
from regsim.trace.paths import KeyTable
from regsim.trace.source import CutShortError, Source

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
    b"delete_key": int(EventKind.DELETE),
    b"load_registry": LOAD,
    b"unload_registry": UNLOAD,
}
_CALLS: Final = frozenset(
    {*_KEY_CALLS, b"init_first_thread", b"init_thread", b"new_process", b"new_thread"}
)
_STATUS: Final = {b"0": 0, b"OBJECT_NAME_EXISTS": 0, b"OBJECT_NAME_NOT_FOUND": 0xC0000034}
_FAILED: Final = 0xC0000001
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


@attrs.define
class _Request:
    """What a thread asked and has no answer to yet."""

    call: bytes
    text: bytes
    line: int


class _LineCapture:
    """What both logs share: lines for events, and processes told by number."""

    def __init__(self, source: Source, keys: KeyTable, facts: CaptureFacts) -> None:
        self.source, self.keys, self.facts = source, keys, facts
        keys.classes = False  # as `regsim.dialects` has it for Wine
        self.processes: list[ProcessInfo] = []
        self.names = Names()
        self.rows = Rows()
        self._numbers: dict[int, int] = {}

    def process(self, pid: int) -> int:
        """Return the number of process *pid*."""
        number = self._numbers.get(pid)
        if number is None:
            number = self._numbers[pid] = len(self.processes)
            self.processes.append(ProcessInfo(pid=pid, image="(image unknown)"))
        return number

    def batches(self, progress: Progress | None = None) -> Iterator[Batch]:
        """Yield the rows in the order of the file."""
        number = 0
        try:
            for number, (line, done) in enumerate(self.source.lines(), 1):
                self.line(line, number)
                if self.rows.full:
                    self.facts.events = number
                    if progress is not None:
                        progress(done, self.source.size, number)
                    yield self.rows.take()
        except CutShortError as error:
            self.facts.problems.append(str(error))
        self.facts.events = number
        self.end()
        yield self.rows.take()

    def line(self, line: bytes, number: int) -> None:
        """Take one line into account."""
        raise NotImplementedError

    def end(self) -> None:
        """Take the end of the log into account."""


class WineServerCapture(_LineCapture):
    """The log of ``wineserver -d1`` as a `Capture`; its times are line numbers."""

    def __init__(self, source: Source, keys: KeyTable) -> None:
        facts = CaptureFacts(
            format="wineserver-log", fidelity=Fidelity.HANDLES, os="wine", os_title="Wine"
        )
        super().__init__(source, keys, facts)
        self._threads: dict[int, int] = {}
        self._asked: dict[int, _Request] = {}
        self._process_handles: dict[tuple[int, int], int] = {}
        self._last = b""

    def when(self, ticks: int) -> str:
        """Return which line it was: the log has no times."""
        return f"line {ticks}"

    def line(self, line: bytes, number: int) -> None:
        """Pair a request with its answer; an answer that follows at once ends the request."""
        found = _LINE.match(line)
        self._last = line or self._last
        if found is None:
            return
        thread, call, text, status, answer, note = found.groups()
        tid = int(thread, 16)
        if self.facts.first_time is None:
            self.facts.first_time = number
        self.facts.last_time = number
        if note is not None:
            self._noted(tid, note, number)
        elif call not in _CALLS:
            return
        elif status is None:
            self._asked[tid] = _Request(call, text, number)
        else:
            asked = self._asked.pop(tid, None)
            if asked is not None and asked.call == call:
                self._answered(tid, asked, _STATUS.get(status, _FAILED), answer or b"", number)

    def _noted(self, tid: int, note: bytes, line: int) -> None:
        if note.startswith(b"*process killed*"):
            process = self.process(tid)
            self._add(EXIT, process, 0, line)
            self.names.ended(process)

    def _answered(self, tid: int, asked: _Request, status: int, answer: bytes, line: int) -> None:
        fields = {name: int(value, 16) for name, value in _FIELD.findall(asked.text[:300])}
        given = {name: int(value, 16) for name, value in _FIELD.findall(answer)}
        if asked.call in _KEY_CALLS:
            pid = self._threads.get(tid)
            if pid is not None:
                process = self.process(pid)
                self._key_call(_KEY_CALLS[asked.call], process, asked, fields, given, status, line)
        elif status == 0:
            self._life(tid, asked, fields, given, line)

    def _life(
        self,
        tid: int,
        asked: _Request,
        fields: dict[bytes, int],
        given: dict[bytes, int],
        line: int,
    ) -> None:
        """Follow which thread belongs to which process, and which image that runs."""
        mine = self._threads.get(tid, 0)
        if asked.call == b"init_first_thread":
            self._threads[tid] = given.get(b"pid", 0)
            self._add(START, self.process(given.get(b"pid", 0)), 0, line)
        elif asked.call == b"new_process":
            pid = given.get(b"pid", 0)
            self._process_handles[mine, given.get(b"handle", 0)] = pid
            self._numbers.pop(pid, None)  # the number may have been another's before
            image = _IMAGE.search(asked.text)
            if image is not None:
                info = self.processes[self.process(pid)]
                info.image = unescape(image[1]).rpartition("\\")[2]
        elif asked.call == b"new_thread":
            target = fields.get(b"process", 0)
            owner = mine if target in _SELF else self._process_handles.get((mine, target), mine)
            self._threads[given.get(b"tid", 0)] = owner

    def _key_call(
        self,
        op: int,
        process: int,
        asked: _Request,
        fields: dict[bytes, int],
        given: dict[bytes, int],
        status: int,
        line: int,
    ) -> None:
        if op == OPEN:
            self._open(process, asked, fields, given, status, line)
        elif status:
            return
        elif op == CLOSE:
            handle = fields.get(b"handle", 0)
            path = self.names.path(process, handle)
            if self.names.closed(process, handle):
                self._add(CLOSE, process, self.keys.number(path or ""), line, handle=handle)
        elif op == DUPLICATE:
            self._duplicate(process, fields, given, line)
        else:
            handle = fields.get(b"hkey", 0)
            path = self.names.path(process, handle) or self._path(process, asked, fields)
            if path:
                self._add(op, process, self.keys.number(path), line)

    def _path(self, process: int, asked: _Request, fields: dict[bytes, int]) -> str:
        name = _NAME.search(asked.text)
        parent = fields.get(b"parent", fields.get(b"rootdir", 0))
        return self.names.full(process, parent, unescape(name[1]) if name else "")

    def _open(
        self,
        process: int,
        asked: _Request,
        fields: dict[bytes, int],
        given: dict[bytes, int],
        status: int,
        line: int,
    ) -> None:
        path, handle = self._path(process, asked, fields), given.get(b"hkey", 0)
        key = self.keys.number(path) if path else 0
        status = status if handle else status or _FAILED
        self._add(OPEN, process, key, line, handle, status, fields.get(b"access", 0))
        if not status:
            self.names.opened(process, handle, path)

    def _duplicate(
        self, process: int, fields: dict[bytes, int], given: dict[bytes, int], line: int
    ) -> None:
        source = self._target(process, fields.get(b"src_process", 0xFFFFFFFF))
        target = self._target(process, fields.get(b"dst_process", 0xFFFFFFFF))
        path = self.names.path(source, fields.get(b"src_handle", 0))
        handle = given.get(b"handle", 0)
        if path is None:
            return
        if handle:
            self._add(DUPLICATE, target, self.keys.number(path), line, handle)
            self.names.opened(target, handle, path)
        if fields.get(b"options", 0) & 1:  # DUPLICATE_CLOSE_SOURCE
            self._add(CLOSE, source, self.keys.number(path), line, fields[b"src_handle"])
            self.names.closed(source, fields[b"src_handle"])

    def _target(self, process: int, handle: int) -> int:
        if handle in _SELF:
            return process
        pid = self._process_handles.get((self.processes[process].pid, handle))
        return process if pid is None else self.process(pid)

    def _add(
        self,
        op: int,
        process: int,
        key: int,
        line: int,
        handle: int = 0,
        status: int = 0,
        access: int = 0,
    ) -> None:
        self.rows.add((op, process, key, status, line, access & 0xFFFFFFFF, line, handle, 0))

    def end(self) -> None:
        """Say so if the server was still running when the log ends."""
        if b"exiting" not in self._last:
            self.facts.problems.append("the log ends before the server does")


_CALL: Final = re.compile(
    rb"^(?:(?P<s>\d+)\.(?P<ms>\d+):)?(?P<ids>(?:[0-9a-f]{4,8}:){1,2})trace:reg:"
    rb"Nt(?:Open|Create)Key(?:Ex|Transacted)? "
    rb"(?:\((?P<args>.*)\)|<- (?P<handle>0x[0-9a-f]+|\(nil\)))$"
)
_ARGUMENTS: Final = re.compile(rb'^(0x[0-9a-f]+|\(nil\)),L"((?:[^"\\]|\\.)*)"(.*)$')
_ACCESS: Final = re.compile(rb",([0-9a-f]+)")


class WineClientCapture(_LineCapture):
    """A ``WINEDEBUG=+reg`` log as a `Capture`: opens with their handles, and no close."""

    def __init__(self, source: Source, keys: KeyTable) -> None:
        facts = CaptureFacts(
            format="wine-reg-log",
            fidelity=Fidelity.HANDLES,
            os="wine",
            os_title="Wine",
            closes=False,
        )
        super().__init__(source, keys, facts)
        self._asked: dict[bytes, tuple[int, str, int]] = {}
        self._timed = False

    def when(self, ticks: int) -> str:
        """Return the log's own seconds, or which line it was."""
        return f"{ticks / 10_000_000:.3f} s" if self._timed else f"line {ticks}"

    def line(self, line: bytes, number: int) -> None:
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
            path = self.names.full(process, parent, unescape(arguments[2]))
            masks = [int(mask, 16) for mask in _ACCESS.findall(arguments[3]) if len(mask) <= 8]
            self._asked[ids] = (process, path, max(masks, default=0) & 0xFFFFFFFF)
            return
        asked = self._asked.pop(ids, None)
        if asked is None or found["handle"] in (None, b"(nil)", b"0x0"):
            return
        self._timed = self._timed or found["s"] is not None
        time = number
        if self._timed:
            time = int(found["s"] or 0) * 10_000_000 + int((found["ms"] or b"0").ljust(7, b"0")[:7])
        self.facts.first_time = time if self.facts.first_time is None else self.facts.first_time
        self.facts.last_time = time
        _, path, access = asked
        handle = int(found["handle"], 16)
        key = self.keys.number(path) if path else 0
        self.names.opened(process, handle, path)
        self.rows.add((OPEN, process, key, 0, time, access, number, handle, 0))
