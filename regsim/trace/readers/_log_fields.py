"""An event in somebody else's log format: which of its fields say what.

Exports name the same fields differently, and nest them at any depth; what is looked at is the last
part of a name, in small letters and digits. Known: winlogbeat and ECS, Wazuh, Splunk, Sentinel's
Event and WindowsEvent tables, Graylog, NXLog, Get-WinEvent and Get-EventLog as JSON, CSV or CLIXML,
evtx_dump, the Event Viewer's CSV.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

import attrs

from regsim.trace.evidence import Report, Snapshot
from regsim.trace.readers._container_events import (
    APPMODEL,
    CONTAINER_IDS,
    container_event,
    is_container_log,
)
from regsim.trace.readers._profile_events import IDS, is_known
from regsim.trace.readers._rows import HOST, first_of
from regsim.trace.readers.event_text import TIME, read_events

_ID: Final = ("eventid", "eventcode", "code", "eventidentifier", "instanceid", "id", "text")
_SOURCE: Final = (
    *("providername", "sourcename", "eventsourcename", "source", "provider", "publisher"),
    *("eventsource", "eventprovider", "name"),
)
_TIME: Final = (
    *("timecreated", "systemtime", "timegenerated", "timestamp", "eventtime", "dateandtime"),
    *("date", "datetime", "timewritten", "created", "time", "generatedtime"),
)
_TEXT: Final = ("detail", "message", "rendereddescription", "description", "fulldescription")
_RAW: Final = ("raw", "eventdata", "fullmessage", "msg", "formatdescription", "body")
_SECONDS: Final = re.compile(r"[12]\d{9}(?:\.\d{1,9})?")
_DOTNET: Final = re.compile(r"^/Date\((-?\d{1,15})")


@attrs.frozen(kw_only=True)
class LoggedEvent:
    """What a record of a log says of one event, before its text is read."""

    source: str
    id: int
    text: str
    time: str = ""
    host: str = ""
    fields: Mapping[str, str] = attrs.field(factory=dict)


def logged_event(fields: Mapping[str, str]) -> LoggedEvent | None:
    """Return the event on a user's hive, or on a container, that *fields* are of; None for none.

    The names are plain, each of the last part of its path.
    """
    if any(is_container_log(fields.get(name, "")) for name in _SOURCE) or any(
        map(is_container_log, fields.values())
    ):
        return _container(fields)
    source = next((fields[name] for name in _SOURCE if is_known(fields.get(name, ""))), "")
    if not source:
        source = next((text for text in fields.values() if is_known(text.strip())), "")
    found = [value for name in _ID if (value := _event_id(fields.get(name, ""))) in IDS]
    if not found:
        found = [value for text in fields.values() if (value := _event_id(text)) in IDS]
    texts = [fields[name] for name in (*_TEXT, *_RAW) if fields.get(name, "").strip()]
    whole = next(filter(_is_whole, fields.values()), "") if not source else ""
    if whole:
        when, host = _time(first_of(fields, _TIME)), first_of(fields, HOST)
        return LoggedEvent(source="", id=0, text=whole, time=when, host=host)
    if not source and not (found and any(map(_tells, texts))):
        return None
    longest = max(fields.values(), key=len, default="")
    best = max(texts, key=_worth, default=longest)
    if _worth(longest) > _worth(best):
        best = longest
    return LoggedEvent(
        source=source,
        id=found[0] if found else 0,
        text=best,
        time=_time(first_of(fields, _TIME)) or _dated(fields),
        host=first_of(fields, HOST),
        fields=fields,
    )


def _container(fields: Mapping[str, str]) -> LoggedEvent | None:
    """Return the event on an app's container, None for another of that log."""
    numbers = [_event_id(fields[name]) for name in _ID if fields.get(name, "").strip()]
    numbers = [one for one in numbers if one] or list(map(_event_id, fields.values()))
    number = next((one for one in numbers if one in CONTAINER_IDS), 0)
    if not number:
        return None
    return LoggedEvent(
        source=APPMODEL,
        id=number,
        text=first_of(fields, (*_TEXT, *_RAW)) or max(fields.values(), key=len),
        time=_time(first_of(fields, _TIME)) or _dated(fields),
        host=first_of(fields, HOST),
        fields=fields,
    )


def _dated(fields: Mapping[str, str]) -> str:
    """Return the field that has the form of a time: a column may have any language's name."""
    return next((text for text in fields.values() if TIME.fullmatch(text.strip())), "")


def _event_id(text: str) -> int:
    """Return an event's number; Get-EventLog's instance has it in its lower half."""
    text = text.strip()
    return int(text) & 0xFFFF if text.isascii() and text.isdecimal() and len(text) < 11 else 0


def _is_whole(text: str) -> bool:
    """Return whether a field holds an event's whole text, headings and all."""
    low = text.lower()
    return len(text) > _SHORT and (
        any(name in low for name in _WRITERS) or ("(\\device\\" in low and "\\registry\\" in low)
    )


_SHORT: Final = 60
_WRITERS: Final = ("user profiles service", "sourcename=userenv", "sourcename=uphclean")


def _tells(text: str) -> bool:
    low = text.lower()
    return "\\registry\\" in low or "profsvc" in low or "registry file" in low


def _worth(text: str) -> tuple[int, int]:
    """Return how much a text tells: paths into the registry above all, then its length."""
    return text.lower().count("registry\\"), min(len(text), 1 << 16)


def _time(text: str) -> str:
    """Return a time as a person reads it.

    .NET's JSON counts milliseconds from 1970, Splunk and Velociraptor seconds.
    """
    found = _DOTNET.match(text.replace("\\", ""))
    if found is None and not _SECONDS.fullmatch(text):
        return text
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415 - seldom

    count = int(found[1]) / 1_000 if found is not None else float(text)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=count)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def reports_of(event: LoggedEvent) -> Iterator[Report]:
    """Yield what an event of a log says; one on no hive that is known says only that it was."""
    found = False
    for report in read_events(event.text, source=event.source, event=event.id, fields=event.fields):
        found = True
        when = event.time or report.seen_at
        dated = tuple(attrs.evolve(one, seen_at=when) for one in report.sightings)
        # A whole text has the computer that wrote it, its record perhaps the one that collects.
        host = event.host or report.host if event.source else report.host or event.host
        yield attrs.evolve(report, seen_at=when, sightings=dated, host=host)
    if not found:
        when = event.time or None
        yield Report(source=event.source, id=event.id, held=False, seen_at=when, host=event.host)


def take_event(snapshot: Snapshot, event: LoggedEvent) -> None:
    """Take an event of a log into *snapshot*."""
    if event.source == APPMODEL:
        snapshot.facts.host = snapshot.facts.host or event.host
        snapshot.containers.append(
            container_event(event.id, event.text, event.fields, event.time, event.host)
        )
        return
    for report in reports_of(event):
        snapshot.facts.host = snapshot.facts.host or report.host
        snapshot.reports.append(report)
