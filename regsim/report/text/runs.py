"""A run told on a console: its calls, its verdict, two runs side by side, and the matrix."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterator, Mapping, Sequence

from regsim.report.words import runs as words
from regsim.scenario.result import CallRecord, Outcome, Run

_GAP = "  "
_MATRIX_WIDTH = 118


def run_text(run: Run, *, width: int = 100) -> str:
    """Return *run* as a table of its calls, the verdict, and the events; plain ASCII."""
    lines = [*_wrap(f"{run.title} - {run.os_title}, fix: {run.fix}", width), ""]
    if run.calls:
        lines += [*_table(run, width), ""]
    lines += _verdict(run, width)
    if run.events:
        lines += ["", "Events:"]
    for event in run.events:
        lines += _wrap(f"{event.source} {event.id}: {event.message}", width, "  ", "    ")
    return "\n".join(lines) + "\n"


def _verdict(run: Run, width: int) -> list[str]:
    said = " ".join(words.verdict(run))
    return _wrap(f"Verdict: {words.WORDS[run.outcome]}. {said}", width)


def _table(run: Run, width: int) -> list[str]:
    timed = len({record.time for record in run.calls}) > 1
    head = ["#", *(["t"] if timed else []), "actor", "call", "what happened", "open*"]
    rows = [_cells(record, before, timed=timed) for before, record in _pairs(run.calls)]
    widths = _widths([head, *rows], width)
    lines = _row(head, widths)
    lines.append(_GAP.join("-" * size for size in widths))
    for cells in rows:
        lines += _row(cells, widths)
    return [*lines, "* open handles on the user's hive; - while it is not loaded"]


def _pairs(calls: Sequence[CallRecord]) -> Iterator[tuple[CallRecord | None, CallRecord]]:
    before: CallRecord | None = None
    for record in calls:
        yield before, record
        before = record


def _cells(record: CallRecord, before: CallRecord | None, *, timed: bool) -> list[str]:
    again = before is not None and (before.actor, before.call) == (record.actor, record.call)
    happened = words.happened(record)
    if record.note:
        happened += f" ({record.note})"
    return [
        str(record.number),
        *([f"{record.time}s"] if timed else []),
        "" if again else words.ascii_only(record.actor),
        "" if again else words.ascii_only(record.call),
        words.ascii_only(happened),
        _count(record),
    ]


def _count(record: CallRecord) -> str:
    return "-" if record.open_handles is None else str(record.open_handles)


def _widths(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return the widths of the columns; the three of prose share what the numbers leave."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    excess = sum(widths) + len(_GAP) * (len(widths) - 1) - width
    prose = range(len(widths) - 4, len(widths) - 1)
    for most in (34, 12):  # first without cutting a word, then without mercy
        floors = {i: min(most, max(_longest(row[i]) for row in rows)) for i in prose}
        while excess > 0:
            room = [i for i in prose if widths[i] > floors[i]]
            if not room:
                break
            widest = max(room, key=lambda i: widths[i])
            widths[widest] -= 1
            excess -= 1
    return widths


def _longest(text: str) -> int:
    return max(map(len, text.split()), default=1)


def _row(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    folded = [_wrap(cell, size) or [""] for cell, size in zip(cells, widths, strict=True)]
    height = max(len(lines) for lines in folded)
    last = len(widths) - 1
    out = []
    for i in range(height):
        parts = [lines[i] if i < len(lines) else "" for lines in folded]
        padded = [
            part.rjust(size) if at in (0, last) else part.ljust(size)
            for at, (part, size) in enumerate(zip(parts, widths, strict=True))
        ]
        out.append(_GAP.join(padded).rstrip())
    return out


def _wrap(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    return textwrap.wrap(
        words.ascii_only(text),
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_on_hyphens=False,
    )


def side_by_side(stock: Run, fixed: Run, width: int = 118) -> str:
    """Return two runs beside each other, call by call, with a verdict under each.

    In the gutter ``|`` stands between equal steps, ``!`` between steps that end differently, and
    ``<`` or ``>`` beside a step that only the left or only the right run makes.
    """
    half = (width - 3) // 2
    lines = _beside([_heading(stock)], [_heading(fixed)], "|", half)
    lines.append("-" * (half + 1) + "+" + "-" * (half + 1))
    said: tuple[str, str] = ("", "")
    for left, right in _aligned(stock.calls, fixed.calls):
        heads = (_head(left), _head(right))
        if any(new and new != old for new, old in zip(heads, said, strict=True)):
            lines += _beside([heads[0]], [heads[1]], "|", half)
            said = heads
        lines += _beside(_step(left), _step(right), _gutter(left, right), half)
    lines.append("-" * (half + 1) + "+" + "-" * (half + 1))
    verdicts = [
        f"{words.WORDS[r.outcome].upper()}: {' '.join(words.verdict(r))}" for r in (stock, fixed)
    ]
    lines += _beside([verdicts[0]], [verdicts[1]], "|", half)
    return "\n".join(lines) + "\n"


def _heading(run: Run) -> str:
    return f"{run.os_title}, fix: {run.fix}"


def _aligned(
    left: Sequence[CallRecord], right: Sequence[CallRecord]
) -> Iterator[tuple[CallRecord | None, CallRecord | None]]:
    keys = [[(r.actor, r.call, r.step) for r in side] for side in (left, right)]
    matcher = difflib.SequenceMatcher(None, keys[0], keys[1], autojunk=False)
    for tag, i, i_end, j, j_end in matcher.get_opcodes():
        if tag == "equal":
            yield from zip(left[i:i_end], right[j:j_end], strict=True)
        else:
            yield from ((record, None) for record in left[i:i_end])
            yield from ((None, record) for record in right[j:j_end])


def _head(record: CallRecord | None) -> str:
    return f"{record.actor}: {record.call}" if record else ""


def _step(record: CallRecord | None) -> list[str]:
    if record is None:
        return []
    after = "hive not loaded" if record.open_handles is None else f"{record.open_handles} open"
    return [f"  {words.happened(record)} [{after}]"]


def _gutter(left: CallRecord | None, right: CallRecord | None) -> str:
    if left is None or right is None:
        return ">" if left is None else "<"
    same = (left.status, left.open_handles) == (right.status, right.open_handles)
    return "|" if same else "!"


def _beside(left: Sequence[str], right: Sequence[str], gutter: str, half: int) -> list[str]:
    sides = []
    for texts in (left, right):
        folded: list[str] = []
        for text in texts:
            indent = "  " if text.startswith("  ") else ""
            folded += _wrap(text.strip(), half, indent, indent * 2)
        sides.append(folded)
    height = max(map(len, sides))
    padded = [[*side, *[""] * (height - len(side))] for side in sides]
    marks = [gutter, *["|"] * height]
    return [
        f"{a.ljust(half)} {mark} {b}".rstrip()
        for a, b, mark in zip(padded[0], padded[1], marks, strict=False)
    ]


def matrix_text(rows: Mapping[str, Mapping[str, Outcome]]) -> str:
    """Return the outcome of every fix on every OS, a word in each cell, within 118 columns.

    Fixes that do not fit beside the others follow in a second table.
    """
    names = [words.ascii_only(name) for name in rows]
    first = max([len("OS"), *map(len, names)])
    sizes = {
        fix: max(len(fix), *(len(_word(row, fix)) for row in rows.values()))
        for fix in words.fixes(rows)
    }
    blocks = [_block(rows, first, sizes, block) for block in _blocks(sizes, _MATRIX_WIDTH - first)]
    return "\n".join(blocks)


def _word(row: Mapping[str, Outcome], fix: str) -> str:
    return words.WORDS[row.get(fix, Outcome.NOT_APPLICABLE)]


def _blocks(sizes: Mapping[str, int], room: int) -> list[list[str]]:
    blocks: list[list[str]] = [[]]
    used = 0
    for fix, size in sizes.items():
        if blocks[-1] and used + size + len(_GAP) > room:
            blocks.append([])
            used = 0
        blocks[-1].append(fix)
        used += size + len(_GAP)
    return blocks


def _block(
    rows: Mapping[str, Mapping[str, Outcome]],
    first: int,
    sizes: Mapping[str, int],
    block: Sequence[str],
) -> str:
    widths = [first, *(sizes[fix] for fix in block)]
    table = [["OS", *block], ["-" * size for size in widths]]
    table += [[name, *(_word(row, fix) for fix in block)] for name, row in rows.items()]
    lines = []
    for cells in table:
        padded = [words.ascii_only(c).ljust(w) for c, w in zip(cells, widths, strict=True)]
        lines.append(_GAP.join(padded).rstrip())
    return "\n".join(lines) + "\n"
