"""The conditions under which no open key seen means that no key is open, numbered.

At a hive's last load or unload, its *anchor*, no handle is open on it. From then on one can come
only from an open, a create, a duplication or an inheritance: if every row that follows was read,
understood, named, in order, and none is missing, what is not seen to be open is not open. Each
condition asks that of the rows that follow the anchor, and yields a sentence where it fails.
What a file cannot show, and how that is said, is in docs/explanation/clear.md.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Final

import attrs

from regsim.trace.completeness import Completeness, Reasons
from regsim.trace.evidence import Fidelity
from regsim.trace.ledger import Held, Ledger
from regsim.trace.spelling import UNPLACED, is_merged

_OTHER_CAUSES: Final = frozenset({2, 87, 1314, 0xC0000034, 0xC000003A, 0xC000000D, 0xC0000061})
"""Statuses of an unload that was refused for another reason than that the hive is in use."""


@attrs.frozen
class Asked:
    """One hive of a ledger: its number, its name, and the row of its anchor (0: none).

    ``held`` are the open keys of which it is not known whether they are of this hive.
    """

    ledger: Ledger
    hive: int
    name: str
    anchor: int
    held: tuple[Held, ...]

    @property
    def record(self) -> Completeness:
        """What was read of the file."""
        return self.ledger.capture.facts.record

    def may_be(self, key: int) -> bool:
        """Return whether the evidence does not tell the hive of *key*, and it may be this one."""
        keys = self.ledger.capture.keys
        if keys.hives[key] != UNPLACED:
            return False
        return self.name.upper().endswith("_CLASSES") or not is_merged(keys.name(key))

    def rows(self, reasons: Reasons, text: str) -> Iterator[str]:
        """Yield a sentence for each of *reasons* that concerns a row after the anchor."""
        for reason, skips in reasons.items():
            if skips.concerns(self.anchor, self.ledger.until_number):
                plural = "row" if skips.count == 1 else "rows"
                yield f"{skips.count:,} {plural} {text.format(reason)} (the last is {skips.last:,})"


def _begins(asked: Asked) -> Iterator[str]:
    """1: the hive's loading or unloading is in the evidence."""
    if not asked.anchor:
        yield (
            f"{asked.name} was loaded before the capture began: a handle opened earlier and kept "
            "since leaves no trace in it"
        )


def _whole(asked: Asked) -> Iterator[str]:
    """2: the file was read to its end."""
    if asked.record.damage:
        yield "the capture is damaged or cut short"


def _rows(asked: Asked) -> Iterator[str]:
    """3: no row was skipped, and the recorder says of nothing that it did not record it."""
    yield from asked.rows(asked.record.malformed, "could not be read: {}")
    yield from asked.rows(asked.record.untold, "on what was not recorded: {}")


def _calls(asked: Asked) -> Iterator[str]:
    """4: every call is understood."""
    yield from asked.rows(asked.record.calls, "of a call that is not understood, {!r}")


def _names(asked: Asked) -> Iterator[str]:
    """5: every key that is open has a name that tells its hive."""
    found = [
        held
        for held in asked.held
        if asked.may_be(held.key) and held.openings[-1].number > asked.anchor
    ]
    if found:
        process = asked.ledger.capture.processes[found[0].process]
        row = found[0].openings[-1].number
        who = f"{process.image} ({process.pid}) has a key open since row {row:,}"
        more = f", and {len(found) - 1:,} more are" if len(found) > 1 else ", which is"
        yield f"{who} that the evidence does not name{more} perhaps of {asked.name}"


def _statuses(asked: Asked) -> Iterator[str]:
    """6: every call that may have opened a key is known to have succeeded or failed."""
    yield from asked.rows(asked.record.statuses, "with a status that is not known, {!r}")


def _gaps(asked: Asked) -> Iterator[str]:
    """7: the driver's counter skips nothing."""
    gaps = asked.record.gaps
    if gaps.concerns(asked.anchor, asked.ledger.until_number):
        yield f"the driver's counter skips {gaps.count:,} numbers: events are missing"


def filtered(ledger: Ledger) -> list[str]:
    """8: nothing shows that rows were filtered out; otherwise return why, and no balance is known.

    Where closes are seen by their handle, a trace without any may be that of a program that leaks.
    """
    facts = ledger.capture.facts
    unclosed = ledger.opens and not ledger.closes
    if unclosed and not facts.closes:
        return [f"a {facts.format} shows no closes: what is still open cannot be told"]
    if unclosed and facts.fidelity is not Fidelity.HANDLES:
        text = f"not one key is closed in it against {ledger.opens:,} opened"
        return [f"{text}: it was saved with a filter, and what is still open cannot be told"]
    if ledger.closes and not ledger.opens:
        return ["keys are closed in it but none is opened: it was saved with a filter"]
    return []


def _order(asked: Asked) -> Iterator[str]:
    """9: time never runs backwards, and every time can be read."""
    # Anywhere: where rows are out of order, which of them follow the anchor is not known either.
    if asked.ledger.backwards.count:
        yield (
            f"time runs backwards at row {asked.ledger.backwards.last:,}: "
            "the rows are not in the order in which they happened"
        )
    if asked.record.disordered.count:
        yield "the driver's counter runs backwards: the rows are not in the order they happened in"
    if asked.record.untimed.last > asked.anchor:
        yield f"{asked.record.untimed.count:,} rows have a time that cannot be read"


def _balance(asked: Asked) -> Iterator[str]:
    """10: every close has its open."""
    if asked.anchor and asked.ledger.unmatched_on(asked.hive):
        yield f"closes on {asked.name} have no open: some events are missing"
    replaced = asked.ledger.replaced_on(asked.hive)
    if replaced:
        yield (
            f"{replaced:,} handles were given anew before their close: closes are "
            "missing, or rows of several processes are taken for those of one"
        )
    if asked.ledger.confused.get(asked.hive, 0) > asked.anchor:
        yield (
            f"{asked.name} was unloaded by force, and a key of it was closed that may be an older "
            "handle's or a newer one's"
        )


def _witness(asked: Asked) -> Iterator[str]:
    """11: nothing contradicts the balance."""
    ledger = asked.ledger
    for attempt in ledger.attempts:
        refused = ledger.capture.keys.hives[attempt.key] == asked.hive and (
            attempt.status > 0 and attempt.status not in _OTHER_CAUSES
        )
        if refused and attempt.number > asked.anchor and not attempt.held:
            at = ledger.capture.when(attempt.time) or f"row {attempt.number:,}"
            yield (
                f"no handle on {asked.name} is seen to be open, yet at {at} its unload was refused "
                f"with {attempt.status:#x}: there was one that the capture does not show"
            )
    if asked.hive in ledger.ghosts:
        yield f"{asked.name}: {ledger.ghosts[asked.hive]}"
    # Anywhere, as in 9: rows that contradict each other may be in the wrong order.
    for text in ledger.against.get(asked.hive, []):
        yield f"{asked.name}: {text}; events are missing or out of order"


def _travel(asked: Asked) -> Iterator[str]:
    """12: no handle can have passed to another process unseen before its own ended."""
    if asked.record.inherits:
        return
    ledger, keys = asked.ledger, asked.ledger.capture.keys
    # By path a duplicate is never seen, and every exit is seen to close its process's keys
    # (observed in Process Monitor's captures); with handles only inheritance may be unseen.
    by_handle = ledger.capture.facts.fidelity is Fidelity.HANDLES
    for held, ended in ledger.orphans:
        opened = held.openings[0].number
        own = keys.hives[held.key] == asked.hive
        mine = (own or asked.may_be(held.key)) and opened > asked.anchor
        first = bisect_right(ledger.starts, opened)
        after = ledger.starts[first : first + 1]
        heirs = not by_handle or not ledger.starts or any(start < ended for start in after)
        if mine and heirs:
            process = ledger.capture.processes[held.process]
            yield (
                f"{process.image} ({process.pid}) ended with a key open that no row closes: "
                "another process may have the handle by then, inherited or duplicated"
            )
            return


def _processes(asked: Asked) -> Iterator[str]:
    """13: no process opens a key after its end, nor is one's number given anew before it."""
    if asked.ledger.revived.last > asked.anchor:
        yield "a process opens keys after its end: another of its number was started unseen"
    if asked.ledger.unended.count:  # anywhere, as in 9: rows may be in the wrong order
        yield "a process is started under the number of one whose end is not shown"


def _aliases(asked: Asked) -> Iterator[str]:
    """14: nothing is open on a hive that may be this one by another name."""
    keys = asked.ledger.capture.keys
    for held in asked.held:
        name = keys.hive_names[keys.hives[held.key]]
        mine = asked.name.upper().endswith("_CLASSES") == name.upper().endswith("_CLASSES")
        if name.startswith("HKCU") and mine and held.openings[-1].number > asked.anchor:
            yield f"keys of {name} are open, and whose it is the capture does not say (--hkcu-sid)"
            return


Condition = Callable[[Asked], Iterator[str]]
"""From a hive to the sentences on why what is not seen open may yet be."""

CONDITIONS: tuple[Condition, ...] = (
    _begins,
    _whole,
    _rows,
    _calls,
    _names,
    _statuses,
    _gaps,
    _order,
    _balance,
    _witness,
    _travel,
    _processes,
    _aliases,
)


def doubts(asked: Asked) -> list[str]:
    """Return a sentence for each condition that fails; none if the hive is as the rows show it."""
    found = filtered(asked.ledger)
    return found or [text for condition in CONDITIONS for text in condition(asked)]
