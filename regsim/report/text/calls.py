"""Calls on a console: what runs and paths are shown as, a table where there is room for one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from regsim.check.paths import PathStep
from regsim.report.text.console import table, wrap
from regsim.report.words import runs as words
from regsim.report.words.writing import ascii_only
from regsim.scenario.result import CallRecord

ROOM: Final = 78
"""Columns below which a table of calls is folded beyond reading: they follow as a list."""
_HEAD: Final = ("#", "actor", "call", "what happened")
_CALL: Final = 2
_INDENT: Final = " " * 6

CallRow = tuple[str, str, str, str, tuple[str, ...]]
"""Number, actor, call, what happened, and what the table's own columns hold."""


def rows_of(
    records: Sequence[CallRecord | PathStep], beside: Iterable[Sequence[str]]
) -> list[CallRow]:
    """Return a row for each of *records*, with *beside* in the columns of the caller's own.

    Actor and call stand once for all steps of a call, which a step that comes again begins anew.
    What is no call stands there under the step's name, unless none of *records* is a call.
    """
    calls = any(record.call for record in records)
    rows: list[CallRow] = []
    before: CallRecord | PathStep | None = None
    for record, own in zip(records, beside, strict=True):
        call = record.call or (record.step if calls else "")
        happened = words.happened(record)
        if isinstance(record, CallRecord) and record.note:
            happened += f" ({record.note})"
        actor, call = ("", "") if _goes_on(before, record) else (record.actor, call)
        number = str(len(rows) + 1)
        rows.append((number, ascii_only(actor), ascii_only(call), ascii_only(happened), tuple(own)))
        before = record
    return rows


def _goes_on(before: CallRecord | PathStep | None, record: CallRecord | PathStep) -> bool:
    """Return whether *record* is one more step of the call that *before* belongs to."""
    if before is None or not record.call or before.step == record.step:
        return False
    return (before.actor, before.call) == (record.actor, record.call)


def call_lines(rows: Sequence[CallRow], own: Sequence[str], width: int) -> list[str]:
    """Return *rows* as lines of at most *width* columns: a table, or below `ROOM` a list.

    *own* are the heads of the caller's columns. A column that is empty throughout is left out; a
    list says only what changed in it.
    """
    if width < ROOM:
        return list(_listed(rows, own, width))
    cells = [[*_HEAD, *own], *([*row[:4], *row[4]] for row in rows)]
    kept = [i for i in range(len(cells[0])) if any(row[i] for row in cells[1:])]
    shown = [[row[i] for i in kept] for row in cells]
    if _CALL not in kept:
        shown[0] = ["step" if name == _HEAD[_CALL + 1] else name for name in shown[0]]
    right = [at for at, i in enumerate(kept) if i == 0 or i >= len(_HEAD)]
    return table(shown, width=width, prose=range(1, len(kept)), right=right)


def _listed(rows: Sequence[CallRow], heads: Sequence[str], width: int) -> Iterator[str]:
    """Yield *rows* one below the other: a call, and indented its steps."""
    last = ("",) * len(heads)
    for number, actor, call, happened, own in rows:
        named = ": ".join(part for part in (actor, call) if part)
        if named:
            yield from wrap(named, width, f"{number:>3}  ", _INDENT)
        new = zip(heads, own, last, strict=True)
        beside = ", ".join(f"{head} {value}".strip() for head, value, old in new if value != old)
        said = " ".join(part for part in (happened, f"[{beside}]" if beside else "") if part)
        if said:
            yield from wrap(said, width, _INDENT if named else f"{number:>3}   ", _INDENT + "  ")
        last = own
