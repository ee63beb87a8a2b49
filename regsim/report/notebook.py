"""How machines, handle tables, hives and runs show themselves: text, HTML, and a picture.

`regsim.display` finds the three functions `text`, `html` and `svg` here by name. The HTML and the
picture show what the text says; all three escape the names that they show.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from functools import singledispatch
from html import escape
from itertools import islice
from typing import Final

from regsim import keypath
from regsim.accel import HandleTable
from regsim.check.paths import Path
from regsim.check.property import Verdict
from regsim.check.verify import Result
from regsim.kernel.hive import Hive
from regsim.kernel.holding import Holding, count_handles, open_handles
from regsim.kernel.machine import Machine
from regsim.kernel.process import Process
from regsim.kernel.tree import Node
from regsim.report.pictures.lanes import path_ending, path_svg
from regsim.report.pictures.references import finding, references_svg
from regsim.report.pictures.sequence import sequence_svg
from regsim.report.text.checks import counts_text
from regsim.report.text.runs import run_text
from regsim.report.words import runs as words
from regsim.report.words.places import hive_name, key_below
from regsim.scenario.result import Run
from regsim.types import Access

LISTED: Final = 50
"""How many rows a table lists before it counts the rest."""

Row = Sequence[str]
_CELL: Final = 'style="text-align:left;vertical-align:top;padding:.15em .8em .15em 0"'


@singledispatch
def text(shown: object) -> str:
    """Return *shown* as plain text, all of it that matters."""
    return object.__repr__(shown)


@singledispatch
def html(shown: object) -> str:
    """Return *shown* as HTML: tables with captions and headers, and no script."""
    return f"<pre>{escape(words.visible(object.__repr__(shown)))}</pre>"


@singledispatch
def svg(shown: object) -> str | None:  # noqa: ARG001 - what has no picture
    """Return a picture of *shown*, or None where a table says it better."""
    return None


# -- tables ---------------------------------------------------------------------------------


def _plain(heads: Row, rows: Iterable[Row], total: int) -> list[str]:
    cells = [[words.ascii_only(cell) for cell in row] for row in (heads, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(cell.ljust(wide) for cell, wide in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    return [lines[0], "  ".join("-" * wide for wide in widths), *lines[1:], *_rest(rows, total)]


def _rest(rows: Iterable[Row], total: int) -> list[str]:
    shown = len(list(rows))
    return [f"showing {shown} of {total:,}"] if shown < total else []


def _table_html(caption: str, heads: Row, rows: Sequence[Row], total: int) -> str:
    """Return a table whose first column names its rows."""
    head = "".join(f'<th scope="col" {_CELL}>{_safe(cell)}</th>' for cell in heads)
    body = "".join(
        f'<tr><th scope="row" {_CELL}>{_safe(row[0])}</th>'
        + "".join(f"<td {_CELL}>{_safe(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    rest = "".join(f"<p>{line}</p>" for line in _rest(rows, total))
    return (
        f"<table><caption {_CELL}>{_safe(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>{rest}"
    )


def _safe(cell: str) -> str:
    return escape(words.visible(cell))


def _image(picture: str, alt: str) -> str:
    """Return *picture* as an image, which keeps its texts out of the page's own markup."""
    coded = base64.b64encode(picture.encode()).decode()
    style = "max-width:100%;height:auto"
    return f'<img src="data:image/svg+xml;base64,{coded}" alt="{_safe(alt)}" style="{style}">'


# -- processes and their handle tables --------------------------------------------------------

_TABLE: Final = ("handle", "object", "hive", "access", "inheritable")


def _handle_rows(table: HandleTable) -> tuple[list[Row], int]:
    rows: list[Row] = [
        (f"{handle:#x}", str(obj), str(hive), _access(access), "yes" if inherit else "no")
        for handle, (obj, hive, access, inherit) in islice(table.items(), LISTED)
    ]
    return rows, len(table)


def _access(mask: int) -> str:
    names = {int(right): right.name or "" for right in (Access.ALL, Access.READ, Access.WRITE)}
    return f"{mask:#x} {names[mask]}" if mask in names else f"{mask:#x}"


def _process_name(process: Process) -> str:
    services = ", ".join(process.services)
    return f"{process.image} ({services})" if services else process.image


def _slots(process: Process) -> str:
    """Return what stands behind the predefined keys that *process* has used."""
    return ", ".join(f"{key.hkey} = {slot.handle:#x}" for key, slot in process.slots.items())


def _process_title(process: Process) -> str:
    many = f"{len(process.table):,} handle{'s' if len(process.table) != 1 else ''}"
    roots = f"; {_slots(process)}" if process.slots else ""
    uncached = ", ".join(sorted(key.hkey for key in process.uncached))
    plain = f"; not cached: {uncached}" if uncached else ""
    whom = f"process {process.pid} as {process.token.sid}"
    return f"{_process_name(process)}, {whom}: {many}{roots}{plain}"


@text.register
def _process_text(process: Process) -> str:
    lines = [words.ascii_only(_process_title(process))]
    rows, total = _handle_rows(process.table)
    return "\n".join([*lines, *(_plain(_TABLE, rows, total) if rows else [])])


@html.register
def _process_html(process: Process) -> str:
    return _table_html(_process_title(process), _TABLE, *_handle_rows(process.table))


# -- machines ---------------------------------------------------------------------------------

_HANDLES: Final = ("process", "pid", "handle", "key", "hive", "state", "opened by")
_HIVES: Final = ("hive", "file", "open handles", "changed")
_PROCESSES: Final = ("process", "pid", "user", "predefined keys", "handles")


def _machine_handles(machine: Machine) -> tuple[tuple[Holding, ...], int]:
    rows = open_handles(machine, machine.hives.values(), LISTED)
    return rows[:LISTED], count_handles(machine)


def _handle_row(row: Holding) -> Row:
    state = "its key is gone" if not row.live else "blocks the unload" if row.blocks else "open"
    if row.implicit:
        state += ", nobody asked for it"
    place = (key_below(row) or "(root)", hive_name(row.hive))
    return words.holder_name(row), str(row.pid), f"{row.handle:#x}", *place, state, row.opened_by


def _hive_row(hive: Hive) -> Row:
    mount = keypath.short(keypath.join(hive.mount))
    return mount, hive.file or "none", str(hive.handles), "yes" if hive.dirty else "no"


def _process_rows(machine: Machine) -> list[Row]:
    return [
        (
            _process_name(p),
            str(p.pid),
            p.token.sid,
            _slots(p) or "none",
            str(len(p.table)),
        )
        for p in islice(machine.processes.values(), LISTED)
    ]


def _machine_title(machine: Machine) -> str:
    return f"Machine under {machine.dialect.title} ({machine.dialect.name})"


@text.register
def _machine_text(machine: Machine) -> str:
    rows, total = _machine_handles(machine)
    lines = [f"{_machine_title(machine)}: {finding(rows, total - len(rows))}"]
    for heads, cells, many in _machine_tables(machine, rows, total):
        lines += ["", *_plain(heads, cells, many)]
    if machine.corruption:
        lines += ["", f"corrupt: {words.ascii_only(machine.corruption)}"]
    return "\n".join(lines)


def _machine_tables(
    machine: Machine, rows: Sequence[Holding], total: int
) -> Iterator[tuple[Row, list[Row], int]]:
    yield _HIVES, [_hive_row(hive) for hive in machine.hives.values()], len(machine.hives)
    if machine.processes:
        yield _PROCESSES, _process_rows(machine), len(machine.processes)
    if rows:
        yield _HANDLES, [_handle_row(row) for row in rows], total


@html.register
def _machine_html(machine: Machine) -> str:
    rows, total = _machine_handles(machine)
    captions = ("Hives", "Processes", "Open handles")
    tables = [
        _table_html(caption, heads, cells, many)
        for caption, (heads, cells, many) in zip(
            captions, _machine_tables(machine, rows, total), strict=False
        )
    ]
    found = finding(rows, total - len(rows))
    title = f"<p><b>{_safe(_machine_title(machine))}</b>: {_safe(found)}</p>"
    picture = [_image(references_svg(rows, unlisted=total - len(rows)), found)] if rows else []
    broken = [f"<p>corrupt: {_safe(machine.corruption)}</p>"] if machine.corruption else []
    return "".join([title, *picture, *tables, *broken])


@svg.register
def _machine_svg(machine: Machine) -> str:
    rows, total = _machine_handles(machine)
    return references_svg(rows, unlisted=total - len(rows))


# -- hives ------------------------------------------------------------------------------------


def _hive_lines(hive: Hive) -> tuple[str, list[Row], int]:
    """Return the heading of *hive*, its first keys and how many there are. O(keys)."""
    found = list(_walk(hive.root, ""))
    rows: list[Row] = [
        (path, str(len(node.values)), str(len(node.children))) for path, node in found[:LISTED]
    ]
    where = keypath.short(keypath.join(hive.mount))
    state = [f"{hive.handles} open handle{'s' if hive.handles != 1 else ''}"]
    state.append("changed since it was saved" if hive.dirty else "saved")
    if hive.app:
        state.append("private")
    if hive.pending is not None:
        state.append("its unload is due")
    return f"Hive {where}, file {hive.file or 'none'}: {', '.join(state)}", rows, len(found)


def _walk(node: Node, path: str) -> Iterator[tuple[str, Node]]:
    waiting = [(path, node)]
    while waiting:
        here, at = waiting.pop()
        yield here or "(root)", at
        below = [
            (f"{here}\\{child.name}" if here else child.name, child)
            for child in at.children.values()
        ]
        waiting += reversed(below)


_KEYS: Final = ("key", "values", "subkeys")


@text.register
def _hive_text(hive: Hive) -> str:
    heading, rows, total = _hive_lines(hive)
    return "\n".join([words.ascii_only(heading), *_plain(_KEYS, rows, total)])


@html.register
def _hive_html(hive: Hive) -> str:
    return _table_html(_hive_lines(hive)[0], _KEYS, *_hive_lines(hive)[1:])


# -- runs -------------------------------------------------------------------------------------


@text.register
def _run_text(run: Run) -> str:
    return run_text(run).rstrip("\n")


@html.register
def _run_html(run: Run) -> str:
    heads = ("step", "actor", "call", "what happened", "open handles")
    rows = [
        (
            str(r.number),
            r.actor,
            r.call,
            words.happened(r) + (f" ({r.note})" if r.note else ""),
            "not loaded" if r.open_handles is None else str(r.open_handles),
        )
        for r in run.calls[:LISTED]
    ]
    caption = f"{run.title}. {run.os_title}, fix: {run.fix}"
    verdict = "".join(f"<p>{_safe(line)}</p>" for line in words.verdict(run))
    events = "".join(f"<p>{_safe(f'{e.source} {e.id}: {e.message}')}</p>" for e in run.events)
    found = f"<p><b>{_safe(words.WORDS[run.outcome])}</b>: {_safe(words.finding(run))}</p>"
    table = _table_html(caption, heads, rows, len(run.calls)) if rows else ""
    return found + _image(sequence_svg(run), words.finding(run)) + table + verdict + events


@svg.register
def _run_svg(run: Run) -> str:
    return sequence_svg(run)


# -- verdicts and paths -------------------------------------------------------------------------

_STEPS: Final = ("step", "actor", "does", "counters")


def _step_rows(path: Path) -> list[Row]:
    return [
        (str(n), step.actor, step.step, _counters(path, step.counters))
        for n, step in enumerate(path.steps, 1)
    ]


def _counters(path: Path, values: Sequence[int]) -> str:
    return ", ".join(f"{name} {at}" for name, at in zip(path.counters, values, strict=True))


def _path_title(path: Path) -> str:
    many = f"{len(path.steps)} step{'s' if len(path.steps) != 1 else ''}"
    return f"{path.model}: a path of {many}, code {path.code!r}"


@text.register
def _path_text(path: Path) -> str:
    rows = _step_rows(path)
    end = path_ending(path)
    lines = [_path_title(path), *(_plain(_STEPS, rows, len(rows)) if rows else [])]
    return "\n".join([*map(words.ascii_only, lines), *([f"{end}."] if end else [])])


@html.register
def _path_html(path: Path) -> str:
    picture = _image(path_svg(path, _path_title(path), bad=False), _path_title(path))
    rows = _step_rows(path)
    end = f"<p>{path_ending(path)}.</p>" if path_ending(path) else ""
    return picture + _table_html(_path_title(path), _STEPS, rows, len(rows)) + end


@svg.register
def _path_svg(path: Path) -> str:
    return path_svg(path, _path_title(path), bad=False)


def _result_lines(result: Result) -> list[str]:
    claim = result.property
    about = [claim.about] if claim.about else []
    head = f"{result.model}: {claim.name} {_VERDICTS[result.verdict]}"
    return [head, *about, counts_text(result), *result.reasons]


_VERDICTS: Final = {
    Verdict.HOLDS: "holds",
    Verdict.VIOLATED: "is violated",
    Verdict.INCONCLUSIVE: "is undecided: a limit was hit",
}


@text.register
def _result_text(result: Result) -> str:
    lines = [words.ascii_only(line) for line in _result_lines(result)]
    return "\n".join([*lines, *([_path_text(result.path)] if result.path is not None else [])])


@html.register
def _result_html(result: Result) -> str:
    head, *rest = _result_lines(result)
    said = f"<p><b>{_safe(head)}</b></p>" + "".join(f"<p>{_safe(line)}</p>" for line in rest)
    if result.path is None:
        return said
    rows = _step_rows(result.path)
    end = f"<p>{path_ending(result.path)}.</p>" if path_ending(result.path) else ""
    table = _table_html(_path_title(result.path), _STEPS, rows, len(rows))
    return said + _image(_result_svg(result) or "", head) + table + end


@svg.register
def _result_svg(result: Result) -> str | None:
    if result.path is None:
        return None
    bad = result.verdict is Verdict.VIOLATED
    steps = f"{len(result.path.steps)} step{'s' if len(result.path.steps) != 1 else ''}"
    title = _result_lines(result)[0]
    return path_svg(result.path, f"{title} after {steps}" if bad else title, bad=bad)
