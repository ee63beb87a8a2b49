"""What a log of apps' containers says: was one refused because its hives are still mounted?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from regsim.trace.evidence import ContainerEvent, Snapshot
from regsim.trace.readers._container_events import (
    APPMODEL,
    DESTROYED,
    NO_CONTAINER,
    NO_PROCESS,
    STARTED,
)
from regsim.trace.signs import IN_USE, SILO

_FAILED: Final = (NO_CONTAINER, NO_PROCESS)
_MEANS: Final = {
    0x80070002: "a file was not found",
    0x80070005: "access was denied",
    0x80073CFC: "the package needs to be repaired",
}


def take_containers(snapshot: Snapshot) -> None:
    """Say what the container events of *snapshot* tell, and which incident they resemble, if any.

    Only a container or process that was refused with a sharing violation resembles one: the same
    events with another error are another fault, and without an error nothing is known.
    """
    events = snapshot.containers
    if not events:
        return
    failed = [one for one in events if one.id in _FAILED]
    refused = [one for one in failed if one.code == IN_USE]
    others = [one for one in failed if one.code not in (IN_USE, None)]
    silent = [one for one in failed if one.code is None]
    if refused:
        snapshot.incident = snapshot.incident or SILO.incident
        snapshot.notes.append(f"{_told(refused)}: {SILO.says}")
        snapshot.notes += _beside(events, refused)
        snapshot.next_steps += SILO.collect
    for code in dict.fromkeys(one.code for one in others):
        alike = [one for one in others if one.code == code]
        means = f" ({_MEANS[code]})" if code in _MEANS else ""
        snapshot.notes.append(
            f"{_told(alike)}{means}: another fault than a container's hives that are still mounted"
        )
    if silent and snapshot.incident is None:
        snapshot.notes.append(
            f"{_told(silent)}: no error could be read of it, and only 0x80070020 would tell of "
            "hives that are still mounted"
        )
        snapshot.next_steps.append("the whole text of the event, which begins with the error")
    if not failed:
        snapshot.notes.append(
            f"{APPMODEL} tells of containers that were made or ended, and of none that was refused"
        )


def _told(events: Sequence[ContainerEvent]) -> str:
    """Return which events these are, how many, when, and of which package."""
    numbers = " and ".join(str(number) for number in sorted({one.id for one in events}))
    many = f" ({len(events)} events)" if len(events) > 2 else ""
    code = events[0].code
    error = f" with {code:#010x}" if code is not None else ""
    times = [one.time for one in events if one.time]
    when = f" at {times[0]}" if times else ""
    if len(set(times)) > 1:
        when = f" from {times[0]} to {times[-1]}"
    packages = list(dict.fromkeys(one.package for one in events if one.package))
    of = f", of {packages[0]}" if packages else ""
    more = f" and {len(packages) - 1} more" if len(packages) > 1 else ""
    return f"{APPMODEL} {numbers}{error}{many}{when}{of}{more}"


def _beside(events: Sequence[ContainerEvent], refused: Sequence[ContainerEvent]) -> Iterable[str]:
    """Yield what the other events of the log say beside a refusal."""
    ended = [one for one in events if one.id == DESTROYED]
    packages = {one.package for one in refused if one.package}
    if any(not one.package or one.package in packages for one in ended):
        yield (
            "a 217 of the refused package's own version is of the container that was being built "
            "and is thrown away, not of the old one (inferred: compare the containers' numbers)"
        )
    families = {_family(package) for package in packages}
    older = [
        one
        for one in ended
        if one.package and one.package not in packages and _family(one.package) in families
    ]
    if older:
        yield (
            f"the container of {older[-1].package} ended ({_told(older[-1:])}): one of that "
            "version is gone, perhaps not the only one"
        )
    elif packages:
        yield (
            "no 217 of another version's container is in it: if the log reaches back to the "
            "update, the old container has not ended"
        )
    last = max(events.index(one) for one in refused)
    begun = [one for one in events[last:] if one.id == STARTED]
    if any(not one.package or _family(one.package) in families for one in begun):
        yield "a process of the package was started later (201), if the log is in order of time"


def _family(package: str) -> str:
    """Return a package's name and publisher, which its versions share."""
    parts = package.lower().split("_")
    return f"{parts[0]}_{parts[-1]}"
