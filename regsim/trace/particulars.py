"""What a capture tells beside its rows, as JSON: the facts, the record of what was read, processes.

`regsim.trace.converting` writes it into a file, and `regsim.trace.readers.converted` takes it from
one, where it is input like any other: what is not exactly as it was written is refused.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from regsim.accel.columns import EventKind
from regsim.errors import DataError
from regsim.trace.completeness import Completeness, Skips
from regsim.trace.evidence import Capture, Facts, Fidelity
from regsim.trace.processes import ProcessInfo
from regsim.trace.times import Calendar, TimeForm

METADATA: Final = "regsim"
"""The name that it has in a file."""

OPS: Final = tuple("use" if kind is EventKind.USE_ROOT else kind.name.lower() for kind in EventKind)
"""What the column ``op`` calls each kind of event, in the order of their numbers."""

UNTOLD: Final = "untold"
"""What ``op`` calls a row that says that there is more to know than the rows."""

VERSION: Final = 1
"""Which form of the JSON this writes, and the only one that it reads."""

_MOST_BYTES: Final = 64 << 20
_REASONS: Final = ("malformed", "calls", "statuses", "untold")
_SKIPS: Final = ("gaps", "disordered", "untimed")


@attrs.frozen(kw_only=True)
class Particulars:
    """What there is to know of *rows* rows of a capture beside the rows.

    ``keys`` are the last of its keys, those that no row names. ``classes`` is None where it is as
    asked whether a user's classes are a hive of their own. ``mounts`` are the keys that were asked
    about when the capture was read, None where its rows do not depend on them. ``sources`` says
    whether a row names a line of a program.
    """

    facts: Facts
    rows: int
    keys: list[str]
    form: TimeForm
    day: dt.date | None
    classes: bool | None
    mounts: tuple[str, ...] | None
    sources: bool
    processes: list[ProcessInfo]

    @classmethod
    def of(cls, capture: Capture, rows: int, more: list[str], *, sources: bool) -> Particulars:
        """Return what *capture*, all of which is read, tells beside its rows; *more* are keys."""
        keys, known = capture.keys, capture.processes
        return cls(
            facts=capture.facts,
            rows=rows,
            keys=more,
            form=capture.time_form,
            day=capture.calendar.day,
            # What programs see as HKCR is told by formats that heed what is asked for, alone.
            classes=None if keys.merged else keys.classes,
            mounts=keys.mounts if capture.heeds_hives else None,
            sources=sources,
            processes=[known[at] for at in range(len(known))],
        )

    @property
    def calendar(self) -> Calendar:
        """The day that times of day count from."""
        return Calendar(self.day)

    def to_json(self) -> str:
        """Return it as JSON.

        Raises:
            DataError: it is too much for the place that files have for such text.
        """
        facts = {
            name: value
            for name, value in attrs.asdict(self.facts, recurse=False).items()
            if name not in ("record", "fidelity")
        }
        told = {
            "version": VERSION,
            "rows": self.rows,
            "keys": self.keys,
            "times": self.form.value,
            "day": None if self.day is None else self.day.isoformat(),
            "classes": self.classes,
            "hives": None if self.mounts is None else list(self.mounts),
            "sources": self.sources,
            "facts": {**facts, "fidelity": self.facts.fidelity.value},
            "record": attrs.asdict(self.facts.record),
            "processes": [list(attrs.astuple(info)) for info in self.processes],
        }
        text = json.dumps(told, separators=(",", ":"))
        if len(text) > _MOST_BYTES:
            raise DataError(
                f"it has {len(self.processes):,} processes, too many for a file of columns"
            )
        return text

    @classmethod
    def from_json(cls, text: bytes) -> Particulars:
        """Return what `to_json` wrote.

        Raises:
            DataError: it is of a later version, or not as this version writes it.
        """
        try:
            told = json.loads(text)
        except (ValueError, RecursionError):
            raise DataError("what it tells of itself is no JSON") from None
        version = told.get("version") if isinstance(told, dict) else None
        if type(version) is int and version > VERSION:
            raise DataError(
                f"what it tells of itself is of version {version}, this reads {VERSION}: a later "
                "regsim wrote it"
            )
        fields = _checked(told, _PARTICULARS, "it")
        facts, record = fields["facts"], fields["record"]
        for name in _REASONS:
            record[name] = {why: Skips(**one) for why, one in record[name].items()}
        for name in _SKIPS:
            record[name] = Skips(**record[name])
        facts["fidelity"] = Fidelity(facts["fidelity"])
        day, mounts = fields["day"], fields["hives"]
        return cls(
            facts=Facts(**facts, record=Completeness(**record)),
            rows=fields["rows"],
            keys=fields["keys"],
            form=TimeForm(fields["times"]),
            day=None if day is None else dt.date.fromisoformat(day),
            classes=fields["classes"],
            mounts=None if mounts is None else tuple(mounts),
            sources=fields["sources"],
            processes=[
                ProcessInfo(**dict(zip(_PROCESS, one, strict=True))) for one in fields["processes"]
            ],
        )


Check = Callable[[Any], bool]
"""Whether a value of JSON is of a kind."""


def _count(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def _natural(value: object) -> bool:
    return type(value) is int and value >= 0


def _time(value: object) -> bool:
    return type(value) is int and -(1 << 63) <= value < 1 << 63


def _text(value: object) -> bool:
    return isinstance(value, str)


def _truth(value: object) -> bool:
    return isinstance(value, bool)


def _day(value: object) -> bool:
    try:
        return isinstance(value, str) and dt.date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _or_none(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _among(*values: str) -> Check:
    return lambda value: isinstance(value, str) and value in values


def _list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _fields_of(checks: Mapping[str, Check]) -> Check:
    """Return what checks an object for exactly the fields of *checks*."""
    return lambda value: (
        isinstance(value, dict)
        and value.keys() == checks.keys()
        and all(check(value[name]) for name, check in checks.items())
    )


def _reasons(value: object) -> bool:
    return isinstance(value, dict) and all(map(_SKIP, value.values()))


def _process(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == len(_PROCESS)
        and all(check(one) for check, one in zip(_PROCESS.values(), value, strict=True))
    )


def _checked(told: object, checks: Mapping[str, Check], where: str) -> dict[str, Any]:
    """Return *told* if it is an object of exactly these fields, each of its kind."""
    if not isinstance(told, dict) or told.keys() != checks.keys():
        raise DataError(f"what it tells of itself is damaged: {where} has other fields")
    for name, check in checks.items():
        if not check(told[name]):
            raise DataError(f"what it tells of itself is damaged: its {name}")
    return told


_SKIP: Final = _fields_of({"count": _count, "first": _count, "last": _count})
_FACTS: Final[dict[str, Check]] = {
    "format": _text,
    "fidelity": _among(*(one.value for one in Fidelity if one is not Fidelity.SNAPSHOT)),
    "clock": _among("", "utc", "local", "seconds", "ticks"),
    "os": _or_none(_text),
    "os_title": _text,
    "host": _text,
    "events": _count,
    "registry_events": _count,
    "missing": _or_none(_count),
    "closes": _truth,
    "first_time": _or_none(_time),
    "last_time": _or_none(_time),
    "problems": _list_of(_text),
}
_RECORD: Final[dict[str, Check]] = {
    **dict.fromkeys(("shows_filters", "inherits"), _truth),
    "rows": _count,
    **dict.fromkeys(("taken", "harmless"), _time),
    **dict.fromkeys(_REASONS, _reasons),
    **dict.fromkeys(_SKIPS, _SKIP),
    "damage": _list_of(_text),
}
_PROCESS: Final[dict[str, Check]] = {
    "pid": _natural,
    "image": _text,
    "user": _text,
    "session": _or_none(_natural),
    "command_line": _text,
    "services": _text,
    "started": _or_none(_time),
    "ended": _or_none(_time),
}
_PARTICULARS: Final[dict[str, Check]] = {
    "version": lambda value: value == VERSION and type(value) is int,
    "rows": _count,
    "keys": _list_of(_text),
    "times": _among(*(one.value for one in TimeForm)),
    "day": _or_none(_day),
    "classes": _or_none(_truth),
    "hives": _or_none(_list_of(_text)),
    "sources": _truth,
    "facts": _fields_of(_FACTS),
    "record": _fields_of(_RECORD),
    "processes": _list_of(_process),
}
