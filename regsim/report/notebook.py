"""How machines, handle tables, hives, runs and findings show themselves: text, HTML, and a picture.

`regsim.display` finds the functions `text`, `html`, `svg` and `frame` here by name. The HTML and
the picture show what the text says; all three escape the names that they show.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from functools import singledispatch
from importlib import import_module
from itertools import islice
from typing import Any, Final

import attrs

from regsim import dialects, keypath
from regsim.check.paths import Path
from regsim.check.property import Verdict
from regsim.check.verify import Result, Results
from regsim.display import Listed, Summary
from regsim.errors import UsageError
from regsim.kernel.hive import Hive
from regsim.kernel.holding import Holding, count_handles, open_handles
from regsim.kernel.machine import Machine
from regsim.kernel.process import Process
from regsim.kernel.tree import Node
from regsim.policy import Dialect, MountedBy
from regsim.report.pictures.lanes import path_ending, path_svg
from regsim.report.pictures.references import finding, references_svg
from regsim.report.pictures.sequence import sequence_svg
from regsim.report.tables import ShownTable, html_paragraphs
from regsim.report.text.checks import counts_text
from regsim.report.text.console import WIDTH, wrap
from regsim.report.text.evidence import as_json, as_text, paragraphs
from regsim.report.text.runs import run_text
from regsim.report.words import runs as words
from regsim.report.words.places import hive_name, key_below
from regsim.report.words.policies import said
from regsim.report.words.writing import ascii_only, counted, markup
from regsim.scenario.result import Run
from regsim.trace.finding import Finding
from regsim.types import Access

_FRAMES: Final = ("pandas", "polars")
LISTED: Final = 50
"""How many rows a table lists before it counts the rest."""


@attrs.frozen
class _View:
    """How one object shows itself; each form is made only when it is asked for."""

    text: Callable[[], str]
    html: Callable[[], str]
    svg: Callable[[], str | None] = lambda: None


@singledispatch
def _view(shown: object) -> _View:
    plain = object.__repr__(shown)
    return _View(lambda: plain, lambda: f"<pre>{markup(plain)}</pre>")


def text(shown: object) -> str:
    """Return *shown* as plain text, all of it that matters."""
    return _view(shown).text()


def html(shown: object) -> str:
    """Return *shown* as HTML: tables with captions and headers, and no script."""
    return _view(shown).html()


def svg(shown: object) -> str | None:
    """Return a picture of *shown*, or None where a table says it better."""
    return _view(shown).svg()


def _finding(name: str, found: str) -> str:
    return f"<p><b>{markup(name)}</b>: {markup(found)}</p>"


def _image(picture: str, alt: str) -> str:
    """Return *picture* as an image, which keeps its texts out of the page's own markup."""
    coded = base64.b64encode(picture.encode()).decode()
    style = "max-width:100%;height:auto"
    return f'<img src="data:image/svg+xml;base64,{coded}" alt="{markup(alt)}" style="{style}">'


# -- processes and their handle tables --------------------------------------------------------


def _process_table(process: Process) -> ShownTable:
    heads = ("handle", "object", "hive", "access", "inheritable")
    rows = [
        (f"{handle:#x}", str(obj), str(hive), _access(access), "yes" if inherit else "no")
        for handle, (obj, hive, access, inherit) in islice(process.table.items(), LISTED)
    ]
    roots = f"; {_slots(process)}" if process.slots else ""
    uncached = ", ".join(sorted(key.hkey for key in process.uncached))
    plain = f"; not cached: {uncached}" if uncached else ""
    whom = f"process {process.pid} as {process.token.sid}"
    many = counted(len(process.table), "handle")
    caption = f"{_process_name(process)}, {whom}: {many}{roots}{plain}"
    return ShownTable(caption, heads, rows, len(process.table))


def _access(mask: int) -> str:
    names = {int(right): right.name or "" for right in (Access.ALL, Access.READ, Access.WRITE)}
    return f"{mask:#x} {names[mask]}" if mask in names else f"{mask:#x}"


def _process_name(process: Process) -> str:
    services = ", ".join(process.services)
    return f"{process.image} ({services})" if services else process.image


def _slots(process: Process) -> str:
    """Return what stands behind the predefined keys that *process* has used."""
    return ", ".join(f"{key.hkey} = {slot.handle:#x}" for key, slot in process.slots.items())


@_view.register
def _process_view(process: Process) -> _View:
    listed = _process_table(process)
    return _View(listed.text, listed.html)


# -- machines ---------------------------------------------------------------------------------


def _handle_row(row: Holding) -> Sequence[str]:
    state = "its key is gone" if not row.live else "blocks the unload" if row.blocks else "open"
    if row.implicit:
        state += ", nobody asked for it"
    place = (key_below(row) or "(root)", hive_name(row.hive))
    return words.holder_name(row), str(row.pid), f"{row.handle:#x}", *place, state, row.opened_by


def _hive_row(hive: Hive) -> Sequence[str]:
    mount = keypath.short(keypath.join(hive.mount))
    return mount, hive.file or "none", str(hive.handles), "yes" if hive.dirty else "no"


def _process_row(process: Process) -> Sequence[str]:
    slots, many = _slots(process) or "none", str(len(process.table))
    return _process_name(process), str(process.pid), process.token.sid, slots, many


def _machine_tables(
    machine: Machine, rows: Sequence[Holding], unlisted: int
) -> Iterator[ShownTable]:
    hives, processes = machine.hives.values(), machine.processes.values()
    heads: Sequence[str] = ("hive", "file", "open handles", "changed")
    yield ShownTable("Hives", heads, [_hive_row(hive) for hive in hives], len(hives))
    if processes:
        heads = ("process", "pid", "user", "predefined keys", "handles")
        listed = [_process_row(process) for process in islice(processes, LISTED)]
        yield ShownTable("Processes", heads, listed, len(processes))
    if rows:
        heads = ("process", "pid", "handle", "key", "hive", "state", "opened by")
        total = len(rows) + unlisted
        yield ShownTable("Open handles", heads, [_handle_row(row) for row in rows], total)


@_view.register
def _machine_view(machine: Machine) -> _View:
    rows = open_handles(machine, machine.hives.values(), LISTED)[:LISTED]
    unlisted = count_handles(machine) - len(rows)
    title = f"Machine under {machine.dialect.title} ({machine.dialect.name})"
    found = finding(rows, unlisted)
    tables = list(_machine_tables(machine, rows, unlisted))
    corrupt = [f"corrupt: {machine.corruption}"] if machine.corruption else []

    def text() -> str:
        parts = [[line] for line in (f"{title}: {found}", *corrupt)]
        parts[1:1] = [one.lines() for one in tables]
        return "\n\n".join("\n".join(lines) for lines in parts)

    def picture() -> str:
        return references_svg(rows, unlisted=unlisted)

    def html() -> str:
        image = _image(picture(), found) if rows else ""
        listed = "".join(one.html() for one in tables)
        return _finding(title, found) + image + listed + html_paragraphs(*corrupt)

    return _View(text, html, picture)


# -- hives ------------------------------------------------------------------------------------


def _hive_table(hive: Hive) -> ShownTable:
    """Return the state of *hive* and its first keys. O(keys)."""
    found = list(_walk(hive.root, ""))
    rows = [(path, str(len(node.values)), str(len(node.children))) for path, node in found[:LISTED]]
    where = keypath.short(keypath.join(hive.mount))
    state = [counted(hive.handles, "open handle")]
    state.append("changed since it was saved" if hive.dirty else "saved")
    if hive.by is not MountedBy.SYSTEM:
        state.append(f"mounted by {hive.by.value}")
    if hive.pending is not None:
        state.append("its unload is due")
    caption = f"Hive {where}, file {hive.file or 'none'}: {', '.join(state)}"
    return ShownTable(caption, ("key", "values", "subkeys"), rows, len(found))


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


@_view.register
def _hive_view(hive: Hive) -> _View:
    listed = _hive_table(hive)
    return _View(listed.text, listed.html)


# -- listings -----------------------------------------------------------------------------------


@_view.register
def _listed_view(shown: Listed) -> _View:
    return _told(shown.summary())


@_view.register
def _dialect_view(dialect: Dialect) -> _View:
    """Return every rule with its value and the word it rests on."""
    rows = [
        (name, said(getattr(dialect, name)), proof.grade.value, proof.source)
        for name, proof in dialect.evidence.items()
    ]
    heads = ("rule", "what it says", "grade", "source")
    return _told(Summary(f"{dialect.name}: {dialect.title}", (), heads, tuple(rows)))


def _told(told: Summary) -> _View:
    """Return the title of *told*, its sentences, and its table."""
    listed = ShownTable(told.title, told.heads, told.rows, len(told.rows))

    def text() -> str:
        lines = [told.title, *told.about]
        for name, *rest in told.rows:
            lines += wrap(f"{name}: {'; '.join(filter(None, rest))}", WIDTH, "  ", "      ")
        return "\n".join(map(ascii_only, lines))

    def html() -> str:
        body = listed.html() if told.rows else ""
        return f"<p><b>{markup(told.title)}</b></p>{html_paragraphs(*told.about)}{body}"

    return _View(text, html)


# -- runs -------------------------------------------------------------------------------------


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
    calls = ShownTable(words.run_subtitle(run)[:-1], heads, rows, len(run.calls))
    found = words.finding(run)
    events = (f"{event.source} {event.id}: {event.message}" for event in run.events)
    return (
        f"{_finding(words.WORDS[run.outcome], found)}{_image(sequence_svg(run), found)}"
        f"{calls.html() if rows else ''}{html_paragraphs(*words.verdict(run), *events)}"
    )


@_view.register
def _run_view(run: Run) -> _View:
    return _View(
        lambda: run_text(run).rstrip("\n"), lambda: _run_html(run), lambda: sequence_svg(run)
    )


# -- evidence ---------------------------------------------------------------------------------


@_view.register
def _finding_view(found: Finding) -> _View:
    dialect = dialects.get(found.os) if found.os in dialects.ALL else None

    def html() -> str:
        head, *rest = (
            f"{first.strip()} {said}".strip() for first, _, said in paragraphs(found, dialect)
        )
        return f"<p><b>{markup(head)}</b></p>{html_paragraphs(*filter(None, rest))}"

    return _View(lambda: as_text(found, dialect), html)


# -- verdicts and paths -------------------------------------------------------------------------


def _path_table(path: Path) -> ShownTable:
    rows = [
        (str(n), step.actor, step.call, words.happened(step), _counters(path, step.counters))
        for n, step in enumerate(path.steps, 1)
    ]
    caption = f"{path.model}: a path of {counted(len(rows), 'step')}, code {path.code!r}"
    return ShownTable(
        caption, ("step", "actor", "call", "what happened", "counters"), rows, len(rows)
    )


def _counters(path: Path, values: Sequence[int]) -> str:
    return ", ".join(f"{name} {at}" for name, at in zip(path.counters, values, strict=True))


@_view.register
def _path_view(path: Path) -> _View:
    title = _path_table(path).caption
    return _stepped(path, title, title, bad=False)


def _stepped(path: Path, title: str, alt: str, *, bad: bool) -> _View:
    """Return a path as its table and how it ends, with a picture titled *title*."""
    listed = _path_table(path)
    end = [f"{path_ending(path)}."] if path_ending(path) else []

    def svg() -> str:
        return path_svg(path, title, bad=bad)

    return _View(
        lambda: "\n".join([listed.text(), *end]),
        lambda: _image(svg(), alt) + listed.html() + html_paragraphs(*end),
        svg,
    )


_VERDICTS: Final = {
    Verdict.HOLDS: "holds",
    Verdict.VIOLATED: "is violated",
    Verdict.INCONCLUSIVE: "is undecided: a limit was hit",
}


@_view.register
def _result_view(result: Result) -> _View:
    claim, path = result.property, result.path
    head = f"{result.model}: {claim.name} {_VERDICTS[result.verdict]}"
    rest = [*([claim.about] if claim.about else []), counts_text(result), *result.reasons]
    said = "\n".join(map(ascii_only, (head, *rest)))
    told = f"<p><b>{markup(head)}</b></p>{html_paragraphs(*rest)}"
    if path is None:
        return _View(lambda: said, lambda: told)
    bad = result.verdict is Verdict.VIOLATED
    title = f"{head} after {counted(len(path.steps), 'step')}" if bad else head
    steps = _stepped(path, title, head, bad=bad)
    return _View(lambda: f"{said}\n{steps.text()}", lambda: told + steps.html(), steps.svg)


@_view.register
def _results_view(results: Results) -> _View:
    """Return a table of the claims, and below it each answer that has a path."""
    views = [_result_view(answer) for answer in results]
    heads = ("claim", "answer", "states", "what it says")
    rows = [
        (a.property.name, _VERDICTS[a.verdict], f"{a.states:,}", a.property.about) for a in results
    ]
    listed = ShownTable(f"{results.answers[0].model}: what is claimed", heads, rows, len(rows))
    bad = [
        view
        for view, answer in zip(views, results, strict=True)
        if answer.verdict is Verdict.VIOLATED
    ]
    return _View(
        lambda: "\n".join(view.text() for view in views),
        lambda: listed.html() + "".join(view.html() for view in bad),
        lambda: bad[0].svg() if bad else None,
    )


# -- data frames ----------------------------------------------------------------------------------


def frame(shown: object) -> Any:  # noqa: ANN401 - a data frame of either library
    """Return the rows of *shown* as a data frame of pandas, or of polars where only that is there.

    Raises:
        UsageError: neither is installed.
    """
    rows = _rows(shown)
    columns = {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}
    for name in _FRAMES:
        try:
            library = import_module(name)
        except ImportError:
            continue
        return library.DataFrame(columns)
    raise UsageError("a data frame needs pandas or polars: pip install pandas")


@singledispatch
def _rows(shown: object) -> list[dict[str, Any]]:
    raise TypeError(f"{type(shown).__name__} has no rows")


@_rows.register
def _of_run(run: Run) -> list[dict[str, Any]]:
    calls: Any = run.as_json()["calls"]
    return list(calls)


@_rows.register
def _of_finding(finding: Finding) -> list[dict[str, Any]]:
    rows = []
    for hive in as_json(finding)["hives"]:
        for held in (*hive["blockers"], *hive["bystanders"]):
            least, most = held["balance"]
            rest = {name: value for name, value in held.items() if name not in ("balance", "why")}
            counts = {"open_at_least": least, "open_at_most": most, "why": held.get("why", "")}
            rows.append({"hive": hive["hive"], "verdict": hive["verdict"], **rest, **counts})
    return rows
