"""What evidence says about users' hives, as records: held keys, hives, unloads, the whole."""

from __future__ import annotations

import enum
from typing import Any, Final

import attrs

from regsim.accel import NATIVE
from regsim.display import Stepped, dataframe
from regsim.trace.evidence import Fidelity


class Conclusion(enum.Enum):
    """What the evidence says about unloading."""

    BLOCKED = "blocked"
    CLEAR = "clear"
    INCONCLUSIVE = "inconclusive"


@attrs.frozen(kw_only=True)
class HeldKey:
    """A key of a user's hive that a process has open, or had until ``closed_at``.

    ``balance`` is how many handles are open at least, and at most where the evidence tells.
    ``implicit`` says that Windows opened it unasked, as the cached root of a predefined key;
    ``inferred`` that this is a guess, from a root that is held (and was opened with Maximum
    Allowed, where the evidence tells). ``seen_at`` is the time of a snapshot. ``ticks`` and
    ``closed`` are the times of the first opening and of the closing as numbers. ``key`` is "" where
    it is only told that the process had the hive. ``why`` says of a bystander why it is none of the
    culprits, ``blocks`` whether it refuses an unload all the same. ``seen_event`` says that an
    event names it, whose number in the file is then ``event``. ``source`` is the line of
    the program that made the call, where the evidence tells it.
    """

    process: str
    pid: int
    key: str
    path: str = ""
    hive: str = ""
    handle: int | None = None
    opened_at: str | None = None
    closed_at: str | None = None
    event: int | None = None
    access: str = ""
    seen_at: str | None = None
    implicit: bool = False
    inferred: bool = False
    certain: bool = True
    balance: tuple[int, int | None] = (1, None)
    user: str = ""
    session: int | None = None
    service: str = ""
    ticks: int | None = None
    closed: int | None = None
    why: str = ""
    blocks: bool = True
    seen_event: bool = False
    source: str = ""

    @property
    def holder(self) -> str:
        """The process with its number, as texts name it."""
        return f"{self.process} ({self.pid})"


_SLOTS: Final = [
    (field.name, HeldKey.__dict__[field.name], field.default) for field in attrs.fields(HeldKey)
]


def held_keys(count: int, **columns: list[Any]) -> list[HeldKey]:
    """Return *count* keys, of whose fields each of *columns* has the values; others are default.

    The C library makes them in a tenth of the time, since it writes to the slots themselves.
    """
    if NATIVE is not None:
        slots = ((slot, columns.get(name, default)) for name, slot, default in _SLOTS)
        made: list[HeldKey] = NATIVE.records(HeldKey, count, *slots)
        return made
    names = tuple(columns)
    return [
        HeldKey(**dict(zip(names, values, strict=True)))
        for values in zip(*columns.values(), strict=True)
    ]


@attrs.frozen(kw_only=True)
class HiveFinding:
    """What holds one hive at the asked-for moment, and why more cannot be said.

    ``bystanders`` have keys open too, but end with the session or do not block on the system asked
    about; each says ``why``.
    """

    hive: str
    conclusion: Conclusion
    blockers: tuple[HeldKey, ...]
    reasons: tuple[str, ...] = ()
    bystanders: tuple[HeldKey, ...] = ()

    @property
    def held(self) -> tuple[HeldKey, ...]:
        """All that is open in the hive."""
        return (*self.blockers, *self.bystanders)


@attrs.frozen(kw_only=True)
class Occasion:
    """One event on a hive: a logoff at which it was in use, or a logon that it troubled.

    ``at`` is the time as the evidence writes it, ``said`` the event's own statement in a sentence,
    ``held`` whether it tells that the hive was in use. ``boot`` counts the starts of the profile
    service before it, where the evidence shows any: a process has its number until the next.
    """

    source: str
    id: int
    hive: str
    said: str
    held: bool
    moment: str = ""
    at: str | None = None
    boot: int | None = None
    blockers: tuple[HeldKey, ...] = ()


@attrs.frozen(kw_only=True)
class UnloadAttempt:
    """An unload that the evidence shows, with what held the hive just before."""

    hive: str
    at: str
    event: int
    status: int
    blockers: tuple[HeldKey, ...]
    ticks: int | None = None


@attrs.frozen
class Skipped:
    """Rows that were not understood, and why: how many, and the first and last, counted from 1."""

    reason: str
    rows: int
    first: int
    last: int


@attrs.frozen(kw_only=True)
class Extent:
    """What of its file a finding rests on, and what of it could not be read or does not tell.

    ``rows`` are all rows of the file. ``keys_not_resolved`` counts keys still open that it does not
    name, ``gaps`` numbers that the driver gave to events that are not in it, ``out_of_order`` rows
    before their time or number, ``untimed`` those without a time that can be read. ``begins`` and
    ``ends`` are its first and last time, None where it has none. ``shows_filters`` and
    ``shows_duplicates`` say what files of the format show at all; ``damage`` is in sentences.
    """

    rows: int
    skipped: tuple[Skipped, ...] = ()
    calls_not_understood: int = 0
    statuses_not_known: int = 0
    keys_not_resolved: int = 0
    gaps: int = 0
    out_of_order: int = 0
    untimed: int = 0
    begins: str | None = None
    ends: str | None = None
    processes: int = 0
    processes_without_start: int = 0
    processes_without_exit: int = 0
    duplicates: int = 0
    loads: int = 0
    unloads: int = 0
    refused_unloads: int = 0
    shows_filters: bool = False
    shows_duplicates: bool = False
    damage: tuple[str, ...] = ()


@attrs.frozen(kw_only=True, repr=False)
class Finding(Stepped):
    """The whole answer to "what keeps the hive loaded?".

    ``occasions`` are the events that it rests on, the newest first. ``incident`` is the name of the
    one that the evidence resembles, ``incident_certain`` whether it is that one for certain, and
    ``next_steps`` what to collect to know. ``roots`` are the roots of users' hives that processes
    kept, probably as the cached predefined key; one that is ``closed_at`` a time was kept until its
    process ended.
    """

    conclusion: Conclusion
    format: str
    fidelity: Fidelity
    os: str | None = None
    os_title: str = ""
    host: str = ""
    asked_at: str | None = None
    hives: tuple[HiveFinding, ...] = ()
    occasions: tuple[Occasion, ...] = ()
    incident: str | None = None
    incident_certain: bool = False
    next_steps: tuple[str, ...] = ()
    roots: tuple[HeldKey, ...] = ()
    attempts: tuple[UnloadAttempt, ...] = ()
    events: int = 0
    opens: int = 0
    closes: int = 0
    unmatched_closes: int = 0
    reasons: tuple[str, ...] = ()
    completeness: Extent = Extent(rows=0)
    span: tuple[int, int] | None = None
    clock: str = ""

    @property
    def blockers(self) -> tuple[HeldKey, ...]:
        """All blockers of all hives, those that are certain first."""
        found = [blocker for hive in self.hives for blocker in hive.blockers]
        return tuple(sorted(found, key=lambda blocker: not blocker.certain))

    @property
    def held(self) -> tuple[HeldKey, ...]:
        """All that is open in all hives, bystanders last."""
        bystanders = [one for hive in self.hives for one in hive.bystanders]
        return (*self.blockers, *bystanders)

    def to_dataframe(self) -> Any:  # noqa: ANN401 - pandas' or polars'
        """Return what is held, a row a key, as a data frame of pandas or else polars.

        Raises `UsageError` where neither is installed.
        """
        return dataframe(self)

    @property
    def certain(self) -> tuple[HeldKey, ...]:
        """The blockers that are certain."""
        return tuple(blocker for blocker in self.blockers if blocker.certain)
