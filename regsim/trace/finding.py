"""What evidence says about users' hives, as records: held keys, hives, unloads, the whole."""

from __future__ import annotations

import enum

import attrs

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
    ``closed`` are the times of the first opening and of the closing as numbers. ``source`` is the
    line of the program that made the call, where the evidence tells it.
    """

    process: str
    pid: int
    key: str
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
    source: str = ""

    @property
    def holder(self) -> str:
        """The process with its number, as texts name it."""
        return f"{self.process} ({self.pid})"


@attrs.frozen(kw_only=True)
class HiveFinding:
    """What holds one user's hive at the asked-for moment, and why more cannot be said."""

    hive: str
    conclusion: Conclusion
    blockers: tuple[HeldKey, ...]
    reasons: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class UnloadAttempt:
    """An unload that the evidence shows, with what held the hive just before."""

    hive: str
    at: str
    event: int
    status: int
    blockers: tuple[HeldKey, ...]
    ticks: int | None = None


@attrs.frozen(kw_only=True)
class Finding:
    """The whole answer to "what keeps the hive loaded?".

    ``roots`` are the roots of users' hives that processes kept, probably as the cached predefined
    key; one that is ``closed_at`` a time was kept until its process ended.
    """

    conclusion: Conclusion
    format: str
    fidelity: Fidelity
    os: str | None = None
    os_title: str = ""
    host: str = ""
    asked_at: str | None = None
    hives: tuple[HiveFinding, ...] = ()
    roots: tuple[HeldKey, ...] = ()
    attempts: tuple[UnloadAttempt, ...] = ()
    events: int = 0
    opens: int = 0
    closes: int = 0
    unmatched_closes: int = 0
    reasons: tuple[str, ...] = ()
    span: tuple[int, int] | None = None
    clock: str = ""

    @property
    def blockers(self) -> tuple[HeldKey, ...]:
        """All blockers of all hives, those that are certain first."""
        found = [blocker for hive in self.hives for blocker in hive.blockers]
        return tuple(sorted(found, key=lambda blocker: not blocker.certain))

    @property
    def certain(self) -> tuple[HeldKey, ...]:
        """The blockers that are certain."""
        return tuple(blocker for blocker in self.blockers if blocker.certain)
