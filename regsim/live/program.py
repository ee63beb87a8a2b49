"""From the log of a run under Wine to a trace of one program and its children.

Wine's own libraries use the registry too, and what they open is no fault of the program's: a handle
counts if the call that opened it came from a module of the program's, by the address that it
returns to. What Wine's libraries open in the user's hive while the program runs is said to be not
recorded, since what Windows' own libraries do in their place is not known. On Wine itself they are
the system's libraries, and everything counts.

A program's own exit is left out: the trace stands at its last moment, so that what it still has
open counts, as of a service that does not exit; the rundown would close it. Children that end
before are seen to end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import attrs

from regsim.keypath import short
from regsim.live.relay import ClientLine, Modules, client_line, load
from regsim.policy import Dialect
from regsim.trace.columns import CLOSE, DELETE, DUPLICATE, LOAD, OPEN, START, UNLOAD
from regsim.trace.evidence import Reading
from regsim.trace.open_keys import predefined
from regsim.trace.readers.wine import Exchange, WineServerCapture
from regsim.trace.source import Source
from regsim.trace.spelling import SHORT_NAMES, canonical, hive_of

_OPENERS: Final = ("RegOpenKey", "RegCreateKey", "RegOpenCurrentUser")
_UNLIKE: Final = {
    "RegOverridePredefKey": "a predefined key was given another key",
    "RegConnectRegistry": "RegConnectRegistry gives a predefined key under Wine",
    "RegOpenUserClassesRoot": "RegOpenUserClassesRoot gives a predefined key under Wine",
    "RegLoadAppKey": "RegLoadAppKey does nothing under Wine",
}
"""What Wine answers otherwise than Windows, so that what is open there cannot be told."""
_ROOT_ACCESS: Final = 0x02000000
_WORDS: Final = {CLOSE: "close", DUPLICATE: "duplicate", LOAD: "load", UNLOAD: "unload"}
_CLASSES: Final = ("HKLM", "SOFTWARE", "CLASSES")
_OTHER: Final = re.compile(
    rb"wineserver: |[0-9a-f]{4}:(?:Call|Ret|trace:|Starting|Ending|fixme:|err:|warn:)"
)
"""What Wine writes beside, of which nothing is needed; the rest is the programs' own."""
_SERVER: Final = re.compile(
    rb"([0-9a-f]{4}): (?:[a-z_]+\(.*\)(?: = .*)?|\*killed\* exit_code=(-?\d+)|\*.*)$"
)


@attrs.define
class _Called:
    """A call under way: whether a program made it, and the handles that it has opened so far."""

    said: ClientLine
    program: bool
    opened: dict[int, tuple[str, int]] = attrs.field(factory=dict)
    closed: bool = False


@attrs.define
class RunProgram:
    """A process of the run: its number, what it runs, and what it has open that counts."""

    process: int
    pid: int
    parent: int | None
    modules: Modules = attrs.field(factory=Modules)
    running: bool = False
    exit: int | None = None
    ended: bool = False
    handles: dict[int, str] = attrs.field(factory=dict)

    @property
    def image(self) -> str:
        """The name of the file that it runs."""
        main = self.modules.main()
        return main.name if main else ""

    @property
    def native(self) -> bool:
        """Whether it runs a program that is not Wine's own."""
        main = self.modules.main()
        return main is not None and not main.builtin


class ProgramLog(WineServerCapture):
    """The server's log with the client's lines in it, as the records of a trace.

    *wine* says that everything counts, whoever opened it. ``records`` are of all programs of the
    run, of which `trace_of` chooses. ``other`` is what is neither the server's nor the client's:
    what the programs wrote to stderr.
    """

    def __init__(self, source: Source, *, prefix: Path, wine: bool) -> None:
        super().__init__(source, Reading())
        self.prefix, self.wine = prefix, wine
        self.programs: dict[int, RunProgram] = {}
        self.records: list[dict[str, Any]] = []
        self.other: list[bytes] = []
        self.sid = ""
        self._tid = 0
        self._calls: dict[int, list[_Called]] = {}
        self._cached_root = False
        self._told: set[str] = set()

    # -- lines --------------------------------------------------------------------------------

    def line(self, line: bytes) -> None:
        """Take a line of either kind."""
        before, said = client_line(line)
        if said is not None:
            if before:
                self.other.append(before)
            self._tid = said.tid
            self._said(said)
            return
        found = _SERVER.search(line)
        if found is not None:
            if found.start():  # a program's own text without an end of line
                self.other.append(line[: found.start()])
            self._tid = int(found[1], 16)
            if b"new_process() = 0" in line and self._tid not in self._asked:
                self._broken("a process is started by a request that the log does not show")
            if found[2]:
                self._exit_code(int(found[2]) & 0xFFFFFFFF)
            super().line(line[found.start() :])
        elif not _OTHER.match(line):
            self.other.append(line + b"\n")

    def _exit_code(self, code: int) -> None:
        """Note with which code a thread ends: the last one's is its process's."""
        program = self._program(self._tid)
        if program is not None:
            program.exit = code

    def _said(self, said: ClientLine) -> None:
        program = self._program(said.tid)
        if program is None:
            return
        if said.kind == "module":
            module = load(said.name, said.address, builtin=said.builtin, prefix=self.prefix)
            program.modules.add(module)
            if program.image and self.processes[program.process].image.startswith("("):
                self.processes.call(program.process, program.image)
        elif said.kind == "start":
            program.running = True
        elif said.kind == "call":
            self._call(program, said)
        else:
            self._return(program, said)

    def _program(self, tid: int) -> RunProgram | None:
        pid = self._threads.get(tid)
        return None if pid is None else self.programs.get(self.process(pid))

    def _call(self, program: RunProgram, said: ClientLine) -> None:
        module = program.modules.at(said.address)
        own = module is None or not module.builtin
        calls = self._calls.setdefault(said.tid, [])
        if own:
            # What was under way has been left by an exception, or has called the program back.
            if any(call.opened for call in calls):
                self._untold(program, "a call that opened a key did not return")
            calls.clear()
            program.running = True
        calls.append(_Called(said, own))

    def _return(self, program: RunProgram, said: ClientLine) -> None:
        calls = self._calls.get(said.tid, [])
        same = [at for at, call in enumerate(calls) if call.said.address == said.address]
        if not same:
            return
        call = calls[same[-1]]
        del calls[same[-1] :]
        if not calls and call.program:
            self._finished(program, call, said.value)
        elif not calls and program.running and _root_of(call.said) == "HKCU":
            self._foreign(program, self._root("HKCU"))

    # -- what the server says -----------------------------------------------------------------

    def _key_call(self, op: int, process: int, did: Exchange) -> None:
        absolute = not did.asked.get(b"rootdir", 0) and did.call == b"create_key"
        self._cached_root = absolute and did.asked.get(b"access", 0) == _ROOT_ACCESS
        super()._key_call(op, process, did)

    def _new_process(self, mine: int, pid: int, did: Exchange) -> None:
        parent = self.process(mine)
        self._parent = parent
        super()._new_process(mine, pid, did)
        self._parent = None

    _parent: int | None = None

    def _add(
        self,
        op: int,
        process: int,
        path: str = "",
        handle: int = 0,
        status: int = 0,
        access: int = 0,
    ) -> None:
        self.rows.clear()  # what counts is in `records`
        if path and not self.sid:
            self._learn_sid(path)
        if op == START:
            self._started(process)
            return
        program = self.programs.get(process)
        if program is None:
            return
        if op == OPEN:
            self._opened(program, path, handle, status, access)
        elif op == CLOSE:
            if program.handles.pop(handle & ~3, None) is not None:
                self._tell(program, "close", handle=handle)
        elif op == DUPLICATE:
            self._duplicated(program, path, handle)
        elif op in (LOAD, UNLOAD) or (op == DELETE and hive_of(canonical(path))):
            word = _WORDS.get(op, "delete")
            self._tell(program, word, key=self._named(path), status=status)

    def _broken(self, reason: str) -> None:
        """Say in the trace what the log does not tell of a program's thread."""
        super()._broken(reason)
        program = self._program(self._tid)
        if program is not None:
            self._untold(program, reason)

    def _learn_sid(self, path: str) -> None:
        parts = path.split("\\")
        if len(parts) > 3 and parts[2].lower() == "user" and parts[3].startswith("S-1-5-21-"):
            self.sid = parts[3].partition("_")[0]

    def _started(self, process: int) -> None:
        pid = self.processes[process].pid
        if process not in self.programs:
            self.programs[process] = RunProgram(process, pid, self._parent)
            self._tell(self.programs[process], "start")

    def _ended(self, process: int) -> None:
        program = self.programs.get(process)
        if program is not None and not program.ended:
            program.ended = True
            self._tell(program, "exit")
        super()._ended(process)

    def _opened(
        self, program: RunProgram, path: str, handle: int, status: int, access: int
    ) -> None:
        calls = self._calls.get(self._tid, [])
        if self.wine:
            self._keep(program, "open", path, handle, access=access, status=status)
        elif status:
            return
        elif calls and calls[0].program:
            if not self._cached_root or calls[0].said.name[:2] in ("Nt", "Zw"):
                calls[0].opened[handle & ~3] = (path, access)
        elif program.running and not self._cached_root:
            self._foreign(program, path)

    def _foreign(self, program: RunProgram, path: str) -> None:
        """Say that a library of Wine's opened a key of the user's while the program ran."""
        hive = hive_of(canonical(path))
        below = canonical(path)[2:]
        if hive and below[:2] != ("SOFTWARE", "WINE") and program.native:
            shown = "\\".join(below) or "the root of the user's hive"
            self._untold(program, f"a library of Wine's opened {shown}")

    def _duplicated(self, program: RunProgram, path: str, handle: int) -> None:
        if self.wine or any(path in one.handles.values() for one in self.programs.values()):
            self._keep(program, "duplicate", path, handle)

    # -- what the program did -----------------------------------------------------------------

    def _finished(self, program: RunProgram, call: _Called, status: int) -> None:
        """Record what a call of the program's did, by what the server did for it."""
        if self.wine:
            return
        name = call.said.name
        base = name[:-1] if name[-1:] in "AW" and name[-2:] != "NA" else name
        root = _root_of(call.said)
        where = {"source": call.said.address} | ({"parent": root} if root else {})
        unlike = next((why for start, why in _UNLIKE.items() if base.startswith(start)), "")
        opened = {one: what for one, what in call.opened.items() if self._is_open(program, one)}
        if unlike:
            self._untold(program, unlike)
        elif base.startswith("RegDisablePredefinedCache"):
            more = {} if base.endswith("Ex") else {"parent": "HKCU"}
            self._tell(program, "disable_cache", **more, key=self._root("HKCU"), status=status)
        elif opened:
            for handle, (path, access) in opened.items():
                self._keep(program, name, path, handle, access=access, **where)
        elif root and base == "RegCloseKey":
            self._tell(program, "close", handle=root, status=status, source=call.said.address)
        elif root and base.startswith(_OPENERS):
            # An open that gives no handle of its own gave the predefined key back: no name was
            # given. One that failed has opened the predefined key's root nevertheless.
            word = name if status else "refresh_root"
            self._tell(program, word, key=self._root(root), status=status, **where)
        elif root:
            self._tell(program, "use", key=self._root(root), **where)

    def _root(self, name: str) -> str:
        """Return the key that predefined key *name* stands for, where the hive is the user's."""
        return f"HKU\\{self.sid}" if name == "HKCU" else name

    def _is_open(self, program: RunProgram, handle: int) -> bool:
        return self.open.path(program.process, handle) is not None

    def _keep(self, program: RunProgram, op: str, path: str, handle: int, **more: object) -> None:
        if not more.get("status"):
            program.handles[handle & ~3] = path
        self._tell(program, op, key=self._named(path), handle=handle, **more)

    def _named(self, path: str) -> str:
        return short(self.keys.name(self.keys.number(path)))

    def _tell(self, program: RunProgram, op: str, **fields: object) -> None:
        kept = {name: value for name, value in fields.items() if value not in (None, 0, "")}
        record = {"op": op, "pid": program.pid, "process": program.process, **kept}
        self.records.append(record)

    def _untold(self, program: RunProgram, why: str) -> None:
        if why not in self._told:
            self._told.add(why)
            self._tell(program, "untold", why=why)

    # -- which programs -----------------------------------------------------------------------

    def _line_of(self, program: RunProgram) -> Iterator[RunProgram]:
        """Yield the processes that *program* comes from, itself first."""
        at: RunProgram | None = program
        while at is not None:
            yield at
            at = self.programs.get(at.parent) if at.parent is not None else None

    def judged(self, image: str | None = None) -> list[RunProgram]:
        """Return the programs of *image*, else those that no other program has started."""
        if image is not None:
            found = self.programs.values()
            return [one for one in found if one.image.lower() == image.lower()]
        return [
            one
            for one in self.programs.values()
            if one.native and not any(above.native for above in list(self._line_of(one))[1:])
        ]

    def of_interest(self, judged: list[RunProgram]) -> set[int]:
        """Return the processes of *judged*, and all that they started."""
        first = {one.process for one in judged}
        return {
            one.process
            for one in self.programs.values()
            if (one.native or self.wine)
            and any(above.process in first for above in self._line_of(one))
        }


def _root_of(said: ClientLine) -> str:
    """Return the short name of the predefined key that a call is given, "" for none."""
    if not said.name.startswith("Reg"):
        return ""
    word = said.arguments.partition(",")[0].partition(" ")[0]
    try:
        return SHORT_NAMES.get(predefined(int(word, 16)), "")
    except ValueError:
        return ""


def trace_of(
    log: ProgramLog,
    judged: list[RunProgram],
    dialect: Dialect,
    source: Callable[[int, int], str],
    why: str,
) -> list[dict[str, Any]]:
    """Return the trace: the system, the loading of the user's hives, and what the programs did.

    *judged* are those whose own end is left out; *source* tells the line of a program from a
    process and an address. *why* says how the run ended otherwise than by the program's exit, ""
    if it did not.
    """
    rows, open_at_end = _until_the_end(log, judged)
    done = [_shown(log, row, source) for row in rows]
    pid = done[0]["pid"]
    done[0]["os"] = dialect.name
    hives = [f"HKU\\{log.sid}", *([f"HKU\\{log.sid}_Classes"] if dialect.classes_hive else [])]
    done[1:1] = [{"op": "load", "pid": pid, "key": hive, "handle": None} for hive in hives]
    if dialect.classes_hive and any(canonical(key)[:3] == _CLASSES for key in open_at_end):
        text = "a key of a class is open, which may be the user's own on Windows"
        done.append({"op": "untold", "pid": pid, "why": text})
    if why:
        done.append({"op": "untold", "pid": pid, "why": why})
    return done


def _until_the_end(
    log: ProgramLog, judged: list[RunProgram]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return what the programs did until the last of *judged* ended, and the keys open then.

    Where one has not ended, all is returned. Of a child that ends, its handles are closed.
    """
    found, own = log.of_interest(judged), {one.process for one in judged}
    left = set(own)
    rows: list[dict[str, Any]] = []
    handles: dict[tuple[int, int], str] = {}
    for row in log.records:
        process, op, handle = row["process"], row["op"], row.get("handle")
        if process not in found:
            continue
        if op == "exit" and process in own:
            left.discard(process)
            if not left:
                break
            continue
        if op == "exit":
            mine = [place for place in handles if place[0] == process]
            rows += [{**row, "op": "close", "handle": place[1]} for place in mine]
            for place in mine:
                del handles[place]
        elif isinstance(handle, int) and op == "close":
            handles.pop((process, handle), None)
        elif isinstance(handle, int) and not row.get("status"):
            handles[process, handle] = row["key"]
        rows.append(row)
    return rows, list(handles.values())


def _shown(
    log: ProgramLog, row: dict[str, Any], source: Callable[[int, int], str]
) -> dict[str, Any]:
    """Return a record as it is written: the process by its image, numbers in hexadecimal."""
    shown = {**row, "process": log.processes[row["process"]].image}
    if "source" in row:
        shown["source"] = source(row["process"], row["source"])
    for name in ("handle", "access", "status"):
        if isinstance(row.get(name), int):
            shown[name] = hex(row[name])
    return shown
