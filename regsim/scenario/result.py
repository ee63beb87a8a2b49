"""What a run of a scenario leaves: the calls, who blocked, the events, and the outcome."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any, Final

import attrs

from regsim.display import Stepped, dataframe
from regsim.kernel.holding import Holding
from regsim.kernel.machine import Event
from regsim.kernel.tree import Node
from regsim.status import NtStatus, to_win32

_BLOCKER: Final = ("process", "service", "pid", "handle", "key", "opened_by", "implicit")
"""What ``run --json`` says of each blocker."""


class Outcome(enum.Enum):
    """How a logoff ended for the user's profile."""

    SAVED = "saved"  # unloaded and saved at the first attempt, nobody harmed
    LATE = "late"  # saved, but unloaded only after waiting or later
    LOST = "lost"  # not saved
    HOLDER_BROKEN = "holder-broken"  # saved by force: a holder's next call fails
    NOT_APPLICABLE = "not-applicable"

    @property
    def good(self) -> bool:
        """Whether the profile was saved and nobody was harmed."""
        return self in (Outcome.SAVED, Outcome.LATE)


@attrs.frozen(kw_only=True)
class About:
    """What a run is about, in the words of its texts: the hive, and what is done if all is well.

    ``else_`` is what becomes of it if not.
    """

    hive: str = "the user's hive"
    what: str = "the profile"
    done: str = "saved"
    else_: str = "lost: the server keeps the old copy"

    def ends(self, verb: str, *, well: bool) -> str:
        """Return whether it ended *well*: ``the profile is not saved``, with "is" or "was"."""
        return f"{self.what} {verb} {'' if well else 'not '}{self.done}"


@attrs.frozen(kw_only=True)
class CallRecord:
    """One step of the run, as it happened.

    Attributes:
        number: its place in the run, from 1.
        time: seconds since the run began.
        actor: who made the call, such as ``"Telephony service"``.
        process: the image it ran in.
        call: the call as a developer would write it; several steps may belong to one call.
        step: what the step does, such as ``open-root``.
        operation: the kernel operation, empty for local work.
        status: what the kernel answered.
        handle: the handle it gave, if any.
        key: the full path of the key that handle is open on, empty without one.
        implicit: whether the handle is one that nobody asked for.
        open_handles: handles open on the user's hive afterwards; None while it is not loaded.
        note: a sentence for the reader, or empty.
        table: the handles open afterwards, the first of each process.
        unlisted: how many more are open than ``table`` lists.
    """

    number: int
    time: int
    actor: str
    process: str
    call: str
    step: str
    operation: str
    status: NtStatus
    handle: int | None = None
    key: str = ""
    implicit: bool = False
    open_handles: int | None = None
    note: str = ""
    table: tuple[Holding, ...] = attrs.field(default=(), eq=False, repr=False)
    unlisted: int = attrs.field(default=0, eq=False, repr=False)


@attrs.frozen(kw_only=True, repr=False)
class Run(Stepped):
    """One scenario played once on one OS with one fix.

    ``unloaded`` is at the end of the logoff; ``status`` is that of the last *normal* attempt to
    unload, and ``blockers`` are the handles that were open on the hive when it failed.
    ``about`` has its words, and ``server_copy`` is the profile as the file server has it in the
    end.
    """

    scenario: str
    title: str
    os: str
    os_title: str
    fix: str
    outcome: Outcome
    unloaded: bool
    profile_saved: bool
    status: NtStatus
    blockers: Sequence[Holding]
    events: tuple[Event, ...]
    calls: tuple[CallRecord, ...]
    note: str = ""
    about: About = About()
    server_copy: Node | None = attrs.field(default=None, eq=False, repr=False)

    def to_dataframe(self) -> Any:  # noqa: ANN401 - pandas' or polars'
        """Return the calls, a row each, as a data frame of pandas or else polars.

        Raises `UsageError` where neither is installed.
        """
        return dataframe(self)

    def as_json(self) -> dict[str, object]:
        """Return the object that ``regsim run --json`` prints."""
        return {
            "schema_version": 1,
            "scenario": self.scenario,
            "os": self.os,
            "fix": self.fix,
            "outcome": self.outcome.value,
            "unloaded": self.unloaded,
            "profile_saved": self.profile_saved,
            "status": {"nt": int(self.status), "win32": int(to_win32(self.status))},
            "blockers": [{name: getattr(one, name) for name in _BLOCKER} for one in self.blockers],
            "events": [attrs.asdict(event) for event in self.events],
            "calls": [_call(record) for record in self.calls],
            "note": self.note,
        }


def _call(record: CallRecord) -> dict[str, object]:
    fields = attrs.fields(CallRecord)
    plain = attrs.asdict(record, filter=attrs.filters.exclude(fields.table, fields.unlisted))
    return {**plain, "status": record.status.name}
