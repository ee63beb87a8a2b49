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

from regsim.trace.calls import success
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
from regsim.trace.times import SECOND, TimeForm

_FIRST_LINES: Final = 50
SERVER_LINE: Final = re.compile(rb"^[0-9a-f]{4,8}: [a-z_]+\(")
CLIENT_LINE: Final = re.compile(rb"^(?:\d+\.\d+:)?(?:[0-9a-f]{4,8}:){1,2}trace:reg:Nt")

_LINE: Final = re.compile(
    rb"^([0-9a-f]{4,8}): (?:(\w+)\((?:(?:\) = (\w+)(?: \{ (.*) \})?)|(.*)\))|(\*.*))$"
)
_ANOTHER: Final = re.compile(rb"[0-9a-f]{4}: (?:\*|\w+\()")
_FIELD: Final = re.compile(rb"\b(\w+)=([0-9a-f]+)\b")
_NAME: Final = re.compile(rb'\bname=L"((?:[^"\\]|\\.)*)"')
_IMAGE: Final = re.compile(rb'imagepath=L"((?:[^"\\]|\\.)*)"')
_LISTED: Final = re.compile(rb"\bhandles=\{([0-9a-f,]+)\}")
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
    | {b"open_process", b"set_handle_info"}
)
_STATUS: Final = {
    b"OBJECT_NAME_EXISTS": 0,
    b"OBJECT_NAME_NOT_FOUND": 0xC0000034,
    b"ACCESS_DENIED": 0xC0000022,
    b"PRIVILEGE_NOT_HELD": 0xC0000061,
    b"INVALID_PARAMETER": 0xC000000D,
}
_OBJ_INHERIT: Final = 2
_HANDLE_FLAG_INHERIT: Final = 1
_INHERIT_HANDLES: Final = 4  # of new_process; older servers have a field inherit_all (observed)
_SAME_ATTRIBUTES: Final = 4
_CLOSE_SOURCE: Final = 1
_MYSELF: Final = 0xFFFFFFFF
_SELF: Final = frozenset({_MYSELF, 0x7FFFFFFF})


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
class Exchange:
    """A request with its answer: the numbers in both by their names, and the NTSTATUS."""

    call: bytes
    text: bytes
    status: int
    asked: dict[bytes, int]
    given: dict[bytes, int]

    def handle(self, name: bytes = b"handle") -> int:
        """Return the handle that the request calls *name*, 0 if it has none."""
        return self.asked.get(name, 0)


def _status_of(word: bytes) -> int:
    """Return the NTSTATUS that the server prints as *word*, by its name or in hexadecimal."""
    if not re.fullmatch(rb"[0-9a-f]{1,8}", word):
        return _STATUS.get(word, UNKNOWN_FAILURE)
    return 0 if success(int(word, 16)) else int(word, 16)


def _numbers(text: bytes) -> dict[bytes, int]:
    return {name: int(value, 16) for name, value in _FIELD.findall(text)}


class _LineCapture(RowCapture):
    """What both logs share: lines for events, and processes told by number."""

    heeds_hives = True

    def __init__(self, source: Source, reading: Reading, form: str, *, closes: bool) -> None:
        facts = Facts(
            record=Completeness(shows_filters=False, inherits=closes),
            format=form,
            fidelity=Fidelity.HANDLES,
            os="wine",
            os_title="Wine",
            closes=closes,
        )
        # Wine mounts no hive of its own for the user's classes: `regsim.dialects` says so too.
        keys = KeyTable(reading.hkcu_sid, classes=False, mounts=reading.mounts)
        super().__init__(source, facts, keys)
        self.open = OpenKeys(self.keys)
        self._odd = False

    @property
    def time_form(self) -> TimeForm:
        """As which line it was, where the log has no times."""
        return TimeForm.LINE

    def process(self, pid: int) -> int:
        """Return the number of process *pid*."""
        return self.processes.of_pid(pid, "(image unknown)")

    def read(self) -> Iterator[int]:
        """Take the lines in."""
        for number, (line, done) in enumerate(self.source.lines(), 1):
            self.facts.events = number
            rows, self._odd = len(self.rows), False
            self.line(line)
            if len(self.rows) > rows:
                self.facts.record.taken += 1
            elif not self._odd:
                self.facts.record.harmless += 1
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
        self._inheritable: set[tuple[int, int]] = set()
        self._stale: set[tuple[int, int]] = set()
        self._begun: set[int] = set()
        self._last = b""

    def line(self, line: bytes) -> None:
        """Pair a request with its answer; an answer that follows at once ends the request."""
        found = _LINE.match(line)
        self._last = line or self._last
        if found is None or b"\0" in line or _ANOTHER.search(line, 6):
            if line.strip() and not line.startswith(b"wine"):
                self._broken("it is no line of the server's")
            return
        thread, call, status, answer, text, star = found.groups()
        tid = int(thread, 16)
        self.facts.saw(self.facts.events)
        if star is not None:
            self._killed(tid, star)
        elif call in _CALLS and status is None:
            if self._asked.get(tid, (b"", b""))[0] in _KEY_CALLS:
                self._broken("the answer to its request is not in the log")
            self._asked[tid] = call, text
        elif call in _CALLS:
            asked, text = self._asked.pop(tid, (b"", b""))
            if asked == call:
                fields = _numbers(text[:300]), _numbers(answer or b"")
                self._answered(tid, Exchange(call, text, _status_of(status), *fields))
            elif call in _KEY_CALLS:
                self._broken("it answers what the log does not show being asked")

    def _broken(self, reason: str) -> None:
        self._odd = True
        note(self.facts.record.malformed, reason, self.facts.events)

    def _killed(self, number: int, what: bytes) -> None:
        """Note the end of a thread; with its last one a process ends, and its handles are closed.

        The server says so of the process itself only when nobody has a handle to it any more.
        """
        if what.startswith(b"*process killed*"):
            self._ended(self.process(number))
        elif what.startswith(b"*killed*"):
            pid = self._threads.pop(number, None)
            if pid is not None and pid not in self._threads.values():
                self._ended(self.process(pid))

    def _ended(self, process: int) -> None:
        if self.processes[process].ended is not None:
            return
        self.processes.end(process, self.facts.events)
        self._add(EXIT, process)
        self.open.ended(process)
        for places in (self._inheritable, self._stale):
            places -= {place for place in places if place[0] == process}

    def _answered(self, tid: int, did: Exchange) -> None:
        mine = self._threads.get(tid)
        if did.call in _KEY_CALLS:
            if mine is not None:
                self._key_call(_KEY_CALLS[did.call], self.process(mine), did)
            elif did.status == 0:
                self._broken("it is of a thread whose process the log does not name")
        elif did.status == 0:
            self._life(tid, mine or 0, did)

    def _life(self, tid: int, mine: int, did: Exchange) -> None:
        """Follow which thread belongs to which process, and what each process has of others."""
        pid, handle = did.given.get(b"pid", 0), did.given.get(b"handle", 0)
        if did.call == b"init_first_thread":
            self._threads[tid] = pid
            if pid not in self._begun:
                self._add(START, self.process(pid))
            self._begun.discard(pid)
        elif did.call == b"new_process":
            self._process_handles[mine, handle] = pid
            self._new_process(mine, pid, did)
        elif did.call == b"open_process":
            self._process_handles[mine, handle] = did.asked.get(b"pid", 0)
        elif did.call == b"new_thread":
            owner = self._target(self.process(mine), did.handle(b"process"))
            if owner is not None:
                self._threads[did.given.get(b"tid", 0)] = self.processes.pid(owner)
        elif did.call == b"set_handle_info" and did.asked.get(b"mask", 0) & _HANDLE_FLAG_INHERIT:
            inherit = did.asked.get(b"flags", 0) & _HANDLE_FLAG_INHERIT
            self._inherit(self.process(mine), did.handle(), bool(inherit))

    def _new_process(self, mine: int, pid: int, did: Exchange) -> None:
        """Begin a process; of its parent's handles it gets those that are to be inherited."""
        self.processes.forget(pid)  # the number may have been another's before
        child = self.process(pid)
        self._begun.add(pid)
        self._add(START, child)
        image = _IMAGE.search(did.text)
        if image is not None:
            self.processes.call(child, unescape(image[1]).rpartition("\\")[2])
        asked = did.asked
        if not (asked.get(b"flags", 0) & _INHERIT_HANDLES or asked.get(b"inherit_all", 0)):
            return
        parent = self._target(self.process(mine), asked.get(b"parent_process", 0) or _MYSELF)
        if parent is None:
            self._broken("a process inherits from one that the log does not name")
            return
        listed = _LISTED.search(did.text)
        chosen = {int(value, 16) & ~3 for value in listed[1].split(b",")} if listed else None
        for owner, handle in sorted(self._inheritable):
            if owner == parent and (chosen is None or handle in chosen):
                self._copy((owner, handle), child, handle, inherit=True)

    def _inherit(self, process: int, handle: int, inherit: bool) -> None:
        """Note whether children of the process inherit the handle."""
        place = (process, handle & ~3)
        (self._inheritable.add if inherit else self._inheritable.discard)(place)

    def _get(
        self, op: int, process: int, path: str, handle: int, access: int = 0, *, inherit: bool
    ) -> None:
        """Note that a process has a new handle on the key at *path*."""
        self._add(op, process, path, handle, 0, access)
        self.open.opened(process, handle, path)
        self._inherit(process, handle, inherit)

    def _key_call(self, op: int, process: int, did: Exchange) -> None:
        if op == OPEN:
            path, handle = self._path(process, did), did.given.get(b"hkey", 0)
            status = did.status if handle else did.status or UNKNOWN_FAILURE
            access = did.asked.get(b"access", 0)
            if status:
                self._add(OPEN, process, path, handle, status, access)
            else:
                inherit = bool(did.asked.get(b"attributes", 0) & _OBJ_INHERIT)
                self._get(OPEN, process, path, handle, access, inherit=inherit)
        elif did.status and op != UNLOAD:
            return
        elif op == CLOSE:
            self._close(process, did.handle())
        elif op == DUPLICATE:
            self._duplicate(process, did)
        else:
            path = self.open.path(process, did.handle(b"hkey")) or self._path(process, did)
            if path:
                self._add(op, process, path, status=did.status)
                if op == UNLOAD and not did.status:
                    self._unloaded(path)
            elif op != DELETE:
                self._broken("the hive has no name")

    def _unloaded(self, path: str) -> None:
        """Note the handles on a hive that is gone: a duplicate of one holds no hive."""
        self._stale.update(self.open.on_hive(self.keys.hives[self.keys.number(path)]))

    def _path(self, process: int, did: Exchange) -> str:
        name = _NAME.search(did.text)
        parent = did.asked.get(b"parent", did.handle(b"rootdir"))
        return self.open.full(process, parent, unescape(name[1]) if name else "")

    def _close(self, process: int, handle: int) -> None:
        self._process_handles.pop((self.processes.pid(process), handle), None)
        self._inherit(process, handle, False)
        self._stale.discard((process, handle & ~3))
        path = self.open.closed(process, handle)
        if path is not None:
            self._add(CLOSE, process, path, handle)

    def _duplicate(self, process: int, did: Exchange) -> None:
        source = self._target(process, did.asked.get(b"src_process", _MYSELF))
        target = self._target(process, did.asked.get(b"dst_process", _MYSELF))
        handle, given = did.handle(b"src_handle"), did.given.get(b"handle", 0)
        if source is None:
            self._broken("it duplicates a handle of a process that the log does not name")
            return
        place, options = (source, handle & ~3), did.asked.get(b"options", 0)
        if target is not None and given:
            inherit = bool(did.asked.get(b"attributes", 0) & _OBJ_INHERIT)
            if options & _SAME_ATTRIBUTES:
                inherit = place in self._inheritable
            self._copy(place, target, given, inherit=inherit)
        elif given and self.open.path(*place) is not None:
            self._broken("it hands a key to a process that the log does not name")
        if options & _CLOSE_SOURCE:
            self._close(source, handle)

    def _copy(self, place: tuple[int, int], process: int, handle: int, *, inherit: bool) -> None:
        """Note that a process has a copy of the handle at *place*, if that is one of a key."""
        path = self.open.path(*place)
        if path is not None and place not in self._stale:
            self._get(DUPLICATE, process, path, handle, inherit=inherit)

    def _target(self, process: int, handle: int) -> int | None:
        """Return the process that *process* means by a handle, None if the log does not tell."""
        if handle in _SELF:
            return process
        pid = self._process_handles.get((self.processes.pid(process), handle))
        return None if pid is None else self.process(pid)

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

    @property
    def time_form(self) -> TimeForm:
        """As the log's own seconds, or as which line it was."""
        return TimeForm.MILLISECONDS if self._timed else TimeForm.LINE

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
    return lambda head: any(map(pattern.match, head.split(b"\n", _FIRST_LINES)[:_FIRST_LINES]))


FORMATS: Final = (
    Format("wineserver -d1's log", _any_line(SERVER_LINE), WineServerCapture),
    Format("WINEDEBUG=+reg's log", _any_line(CLIENT_LINE), WineClientCapture),
)
