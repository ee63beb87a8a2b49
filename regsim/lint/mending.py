"""Changes that mend a fault: proposed where it was found, tried here before anybody hears of them.

A change is only offered where the file with it no longer has the fault, and has no other for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import attrs

from regsim.lint.fault import Edit, Fault
from regsim.lint.sources import SourceText

Looking = Callable[[bytes], tuple[list[Fault], list[tuple[int, int]]]]
"""What finds the faults of a text, and the lines that it could not look into."""


def changed(text: bytes, edits: Iterable[Edit]) -> bytes:
    """Return *text* with *edits*, which are told apart by place, and made once each."""
    for edit in sorted(set(edits), reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def tried(text: bytes, faults: Sequence[Fault], look: Looking) -> list[Fault]:
    """Return *faults*, those with changes that do not mend them without these."""
    before = Counter(fault.rule for fault in faults)
    after: dict[tuple[Edit, ...], Counter[str]] = {}
    found = []
    for fault in faults:
        if fault.edits and fault.edits not in after:
            left, unread = look(changed(text, fault.edits))
            after[fault.edits] = before if unread else Counter(each.rule for each in left)
        mends = (
            fault.edits
            and after[fault.edits][fault.rule] < before[fault.rule]
            and after[fault.edits] <= before
        )
        found.append(fault if mends else attrs.evolve(fault, edits=()))
    return found


def mended(
    source: SourceText, faults: Sequence[Fault], look: Callable[[SourceText], Sequence[Fault]]
) -> SourceText:
    """Return *source* with all that can be mended mended.

    One change is made after the other, as each moves what comes behind it; each takes a fault away,
    so that they end. *look* gives the faults of a source that are still to be mended.
    """
    waiting = [fault for fault in faults if fault.edits]
    while waiting:
        source = attrs.evolve(source, data=source.kept(changed(source.text, waiting[0].edits)))
        waiting = [fault for fault in look(source) if fault.edits]
    return source
