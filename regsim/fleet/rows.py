"""A finding as rows of the table of findings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Any, Final

from regsim.fleet.columns import FINDINGS, SCHEMA_VERSION
from regsim.trace.finding import Conclusion, Finding, HeldKey
from regsim.trace.sightings import UNNAMED
from regsim.trace.spelling import is_users
from regsim.trace.times import moment_of

FindingRow = tuple[Any, ...]
"""The values of one row, in the order of `FINDINGS`."""

_NOBODY: Final = (None,) * 9


def rows_of(
    finding: Finding, host: str, source: str, taken: dt.datetime | None = None
) -> Iterator[FindingRow]:
    """Yield a row for each key that is held, and one for each hive or event that names no holder.

    *host* is the computer. An event has the time of its own; what else is held is so at the moment
    that the evidence was taken: *taken*, where it does not tell itself.
    """
    tail = (finding.incident, source, finding.fidelity.value)
    ends = moment_of(finding.completeness.ends or "") or taken
    yielded = False
    for occasion in finding.occasions:
        if occasion.held:
            when = moment_of(occasion.at or "") or taken
            held = occasion.blockers
            yield from _rows(host, when, occasion.hive, held, Conclusion.BLOCKED, tail)
            yielded = True
    for hive in finding.hives:
        held = tuple(one for one in hive.held if not one.seen_event)
        if held or not any(one.hive == hive.hive and one.held for one in finding.occasions):
            yield from _rows(host, ends, hive.hive, held, hive.conclusion, tail)
            yielded = True
    if not yielded:
        yield from _rows(host, ends, "", (), finding.conclusion, tail)


def without_names(rows: Iterable[FindingRow], hidden: Iterable[FindingRow]) -> Iterator[FindingRow]:
    """Yield *rows* with the names of the same ones *hidden*, and all else as the evidence has it.

    What kind of hive it is and when that was cannot be told by a name that is replaced.
    """
    names = [column.name in ("host", "hive", "key") for column in FINDINGS]
    for row, other in zip(rows, hidden, strict=True):
        yield tuple(b if one else a for one, a, b in zip(names, row, other, strict=True))


def _rows(
    host: str,
    when: dt.datetime | None,
    hive: str,
    held: tuple[HeldKey, ...],
    conclusion: Conclusion,
    tail: tuple[str | None, str, str],
) -> Iterator[FindingRow]:
    incident, source, tier = tail
    place = (None if hive == UNNAMED else hive or None, hive_kind(hive) or None)
    after = (incident, conclusion.value, source, tier)
    for one in held:
        seen = moment_of(one.seen_at or "") or when
        yield (SCHEMA_VERSION, host or None, seen, *place, *_holder(one), *after)
    if not held:
        yield (SCHEMA_VERSION, host or None, when, *place, *_NOBODY, *after)


def _holder(held: HeldKey) -> FindingRow:
    return (
        held.process or None,
        held.pid or None,
        held.service or None,
        held.key or None,
        held.handle,
        held.balance[0],
        held.implicit,
        held.certain,
        bool(held.why),
    )


def hive_kind(hive: str) -> str:
    r"""Return what kind a hive is of, by its name; "" for no name.

    >>> hive_kind("HKU\\S-1-5-21-7"), hive_kind("HKU\\S-1-5-21-7_Classes"), hive_kind("HKLM\\OFF")
    ('user', 'classes', 'loaded')
    """
    if not hive or hive == UNNAMED:
        return "user" if hive else ""
    if is_users(hive):
        return "classes" if hive.upper().endswith("_CLASSES") else "user"
    return "container" if hive.upper().startswith("\\REGISTRY\\WC") else "loaded"
