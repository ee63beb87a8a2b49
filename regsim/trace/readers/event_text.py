r"""Event texts, as people paste them: the User Profile Service's, Userenv's, UPHClean's.

Whatever stands around them - the Event Viewer's copy, ``wevtutil``, a list of ``Get-WinEvent``, a
mail, a forum, all on one line - what tells something is found in the order of the text: headings
(who wrote it, its number, when, on which computer), lists of holders, and sentences. `assemble`
parts these into events.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from operator import itemgetter
from typing import Final, NamedTuple, cast

import attrs

from regsim.trace.evidence import Report, Sighting, Snapshot, text_format
from regsim.trace.readers import _profile_events as known
from regsim.trace.readers._container_events import container_events
from regsim.trace.readers._detail import HolderLine, Leaked, Unread, parts_of
from regsim.trace.readers._profile_events import PROFSVC, UPHCLEAN, USERENV, Meaning, Moment
from regsim.trace.readers._unwrap import Unwrapped, plain, unwrap
from regsim.trace.readers.script_log import read_script_log

# A pattern that begins with one character, or a set of few, is searched for by that in C; what must
# stand before it is asked for after it, and letters of both cases are written out.
_NUMBER: Final = re.compile(r"1(?<![\d.-]1)\d{3}(?:/(1\d{3}))?(?!\d)")
_LABEL: Final = re.compile(
    r"(?:(?<![^\s,;(\[{])(?P<label>[^\s:=,;()\[\]{}]{1,30}+)\s{0,20}+[:=]\s{0,20}\"?"
    r"|\bevent\s?(?:id|identifier)?\s{0,8}|\[)$",
    re.IGNORECASE,
)
_NO_ID: Final = re.compile(
    r"p-?id|process|thread|record|index|task|port|line|size|code$", re.IGNORECASE
)
_ID_CODE: Final = re.compile(r"event-?code", re.IGNORECASE)
_SOURCE: Final = re.compile(
    r"[MmPpUu](?<!\w.)(?i:(?<=m)icrosoft-windows-user profiles? service|(?<=u)ser profiles? service"
    r"|(?<=p)rofsvc(?![\s-]{0,3}pid)|(?<=u)serenv|(?<=u)phclean)\b"
)
TIME: Final = re.compile(
    r"\d(?<![\d./-]\d)\d{0,3}[./-]\d{1,2}[./-]\d{1,4},?[ T]{0,3}\d{1,2}[:.]\d{2}(?:[:.]\d{2})?"
    r"(?:[.,]\d{1,9})?(?:\s?[ap]\.?m\b\.?|Z|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)
"""A date with a time of day, as any locale writes them."""
_HOST: Final = re.compile(
    r"[CcMmOoEe](?<!\w.)(?i:(?<=c)omputer(?:name)?|(?<=m)achinename|(?<=o)rdinateur|(?<=e)quipo"
    r"|(?<=c)omputador)\s{0,20}[:=]\s{0,20}([\w.-]{1,255})"
)
_LOCKED: Final = re.compile(
    # Japanese and Chinese have commas and colons of their own.
    r"[:=\uff1a]\s{0,20}((?:[a-z]:)?[^,:=\uff0c\uff1a\u3001\n]{1,260})[,\uff0c\u3001]"
    r"[^\d,]{0,40}?(\d{1,10})\s?[,\uff0c\u3001](?P<whose>[^\d,]{0,40}?)(\d{1,10})",
    re.IGNORECASE,
)
_HEADED: Final = re.compile(r"[^\n:=]{1,40}[:=](?:\s|\d|$)")
_SPACES_OF_PROSE: Final = 3
_USER: Final = re.compile(
    r"user\s?profile\s?hive\s?(?!\()(.{1,200}?)\s?\((S-1-5-[\d-]{1,190})\)",
    re.DOTALL | re.IGNORECASE,
)
_IMAGE: Final = re.compile(
    r"(?:(?<=\n)|^|(?<=\s))([^\s\\/:*?\"<>|()]{1,80}(?: [^\s\\/:*?\"<>|()]{1,40}){0,3}?\.\w{2,4}) ?"
    r"\((\d{1,10})\)"
)
_KEY: Final = re.compile(
    r"((?:hk[a-z]{1,4}|\\registry)(?:\\[^()\n]{1,500}?)?)\s?\((0x[0-9a-f]{1,16})\)", re.IGNORECASE
)

IDS_LOCKED: Final = frozenset({1545, 1552})
"""The events that name, outside a list, the one process that had a hive or its file."""


class _Mark(NamedTuple):
    """Something told at a place of the text."""

    start: int
    kind: str
    value: object


@attrs.define
class _Draft:
    """An event as far as its marks are read."""

    source: str = ""
    id: int = 0
    time: str = ""
    host: str = ""
    leaked: Leaked | None = None
    holders: list[HolderLine] = attrs.field(factory=list)
    unread: list[Unread] = attrs.field(factory=list)
    locked: list[Sighting] = attrs.field(factory=list)
    user: str = ""
    image: tuple[str, int] = ("", 0)
    cleaned: list[Sighting] = attrs.field(factory=list)
    meaning: Meaning | None = None
    body: bool = False
    mentioned: bool = False
    end: int = 0

    def told(self) -> bool:
        """Return whether anything of the event's own text is read."""
        return bool(self.leaked or self.holders or self.locked or self.cleaned or self.meaning)


def read_events(
    text: str,
    *,
    source: str = "",
    event: int = 0,
    fields: Mapping[str, str] | None = None,
) -> Iterator[Report]:
    """Yield what the events in a text say of users' hives, in its order.

    Args:
        text: as it was pasted, or the message of one event of a log.
        source: who wrote the event, as a log tells; then the text has no headings.
        event: its number, as a log tells.
        fields: the named data of the event, if the log has any.
    """
    said = unwrap(plain(_once(text)))
    draft = _Draft(source=known.source_of(source), id=event)
    if fields:
        draft.locked = _interfering(fields)
    headed = not source and not event
    for mark in sorted(_marks(said, headed, draft), key=itemgetter(0)):
        if _begins(draft, mark):
            yield from _report(draft, said, mark.start)
            fresh = _Draft(end=mark.start)
            if not headed or mark.kind in ("leaked", "user"):
                fresh.source, fresh.id, fresh.host = draft.source, draft.id, draft.host
            draft = fresh
        _take(draft, mark)
    yield from _report(draft, said, len(said.text))


def _once(text: str) -> str:
    """Return a list of Get-EventLog's without the strings that stand in its message as well."""
    if "ReplacementStrings" not in text or "Message" not in text:
        return text
    return _REPEATED.sub("", text)


_REPEATED: Final = re.compile(r"\nReplacementStrings[ ]{0,20}:.*(?:\n[ \t].*)*")


def _marks(said: Unwrapped, headed: bool, draft: _Draft) -> Iterator[_Mark]:
    """Yield all that a text tells, kind by kind."""
    text = said.text
    listed: list[tuple[int, int]] = []
    for part in parts_of(said):
        listed.append((part.start, part.end))
        yield _Mark(part.start, type(part).__name__.lower(), part)
    low = text.lower()
    if not draft.locked and (draft.id in IDS_LOCKED or "pid" in low):
        for found in _LOCKED.finditer(text):
            neutral = draft.id in IDS_LOCKED or "profsvc" in found["whose"].lower()
            yield _Mark(found.start(), "locked" if neutral else "maybe", _locker(said, found))
    if "hive" in low or "(0x" in low:
        yield from _cleaners(said)
    for at, meaning in known.sentences(text):
        yield _Mark(at, "sentence", meaning)
    if headed:
        ends = [0, *(end for _, end in listed)]
        for start, end in zip(ends, [*(start for start, _ in listed), len(text)], strict=True):
            if end - start > _SHORTEST:
                yield from _headings(text, start, end)
        yield from _prose(text)


def _headings(text: str, start: int, end: int) -> Iterator[_Mark]:
    """Yield the headings in a stretch between lists."""
    tables = [found.end() for found in _OVER_TABLE.finditer(text, start, end)]
    for found in _NUMBER.finditer(text, start, end):
        number = int(found[0][:4])
        if number not in known.IDS:
            continue
        before = _LABEL.search(text, max(0, found.start() - _NEAR), found.start())
        label = "pid" if before is None else before["label"] or ""
        if _in_row(text, found.start()):
            above = bisect_right(tables, found.start())
            over = tables[above - 1] if above else found.start()
            source = known.source_of(text[over : over + _NEAR].partition("\n")[0].strip())
            if above and known.is_known(source):
                row = text.rfind("\n", 0, found.start()) + 1
                yield _Mark(row, "row", None)
                yield _Mark(row, "source", source)
                yield _Mark(found.start(), "id", number)
        elif not _NO_ID.search(label) or _ID_CODE.search(label):
            yield _Mark(found.start(), "id", number)
            if not label:
                yield _Mark(found.start(), "mention", None)
    yield from _sources(text, start, end)
    for found in TIME.finditer(text, start, end):
        yield _Mark(found.start(), "time", found[0])
    for found in _HOST.finditer(text, start, end):
        yield _Mark(found.start(), "host", found[1])


def _sources(text: str, start: int, end: int) -> Iterator[_Mark]:
    """Yield the sources that a stretch names, and where its sentences end."""
    for found in _SOURCE.finditer(text, start, end):
        yield _Mark(found.start(), "source", known.source_of(found[0]))
        if not _AS_FIELD.search(text, max(0, found.start() - _NEAR), found.start()):
            yield _Mark(found.start(), "mention", None)
    for found in _SENTENCE_END.finditer(text, start, end):
        yield _Mark(found.start(), "stop", None)


def _in_row(text: str, at: int) -> bool:
    """Return whether nothing but a time stands before a number on its line, as in a table."""
    before = text[max(0, at - _NEAR) : at].rpartition("\n")[2]
    return before[-2:] == "  " and TIME.fullmatch(before.strip()) is not None


_OVER_TABLE: Final = re.compile(r"ProviderName:")
"""What Get-WinEvent writes over its table, in every language."""
_AS_FIELD: Final = re.compile(r"(?:^|[\n\t:=>|\"]|  )\s{0,20}[\"'(\[{]?$")
"""What stands before a source that is no word of a sentence: a label, a column, a line's start."""
_SENTENCE_END: Final = re.compile(
    r"[^\W\d_][.!?;][ \n]{0,3}(?=[`A-Z])|[^\W\d_][).`]{0,2}[*-] (?=[\w`])"
)
"""Also the next point of a list: wrapped lines are joined, so its mark follows a word at once."""
_NEAR: Final = 80
_SHORTEST: Final = 3


def _prose(text: str) -> Iterator[_Mark]:
    """Yield the ends of lines that are sentences, and no headings."""
    at = 0
    for line in text.split("\n"):
        start, at = at, at + len(line) + 1
        spaces = line.partition("\\")[0].count(" ")
        if spaces >= _SPACES_OF_PROSE and not _HEADED.match(line):
            yield _Mark(start + min(len(line), _NEAR), "prose", None)


def _cleaners(said: Unwrapped) -> Iterator[_Mark]:
    """Yield what UPHClean lists: whose hive, an image with its number, keys with their handles."""
    for found in _USER.finditer(said.text):
        yield _Mark(found.start(), "user", found[2])
    for found in _IMAGE.finditer(said.text):
        yield _Mark(found.start(), "image", (_last_words(said, found), int(found[2])))
    for found in _KEY.finditer(said.text):
        key = said.cut(found.start(1), found.end(1))
        yield _Mark(found.start(), "key", (key, int(found[2], 16)))


def _last_words(said: Unwrapped, found: re.Match[str]) -> str:
    """Return an image's name; of several words only those that a line begins with."""
    name = said.cut(found.start(1), found.end(1))
    begins = found.start() == 0 or said.text[found.start() - 1] == "\n"
    return name if begins else name.rpartition(" ")[2]


def _locker(said: Unwrapped, found: re.Match[str]) -> Sighting:
    path = said.cut(found.start(1), found.end(1))
    return Sighting(process=image_of(path), path=path, pid=int(found[2]), key="")


def _interfering(fields: Mapping[str, str]) -> list[Sighting]:
    """Return the process that events 1545 and 1552 name in their data.

    Exports may prefix the names, as ``ProfileFailure.InterferingImageName``.
    """
    found = {name.lower().rpartition(".")[2]: value for name, value in fields.items()}
    image, pid = found.get("interferingimagename", ""), found.get("interferingpid", "")
    if not image or not pid.strip().isdecimal():
        return []
    return [Sighting(process=image_of(image), path=image, pid=int(pid[-10:]), key="")]


_HEADS: Final = ("source", "id", "time", "host")


def _begins(draft: _Draft, mark: _Mark) -> bool:
    """Return whether a mark is of another event than the one that is being read."""
    if mark.kind in _HEADS:
        if draft.told() or draft.body:
            return not (draft.told() and mark.kind == "host" and not draft.host)
        held = getattr(draft, mark.kind)
        return bool(held) and held != mark.value and mark.kind == "id"
    if mark.kind == "row":
        return True
    if mark.kind == "leaked":
        return draft.leaked is not None
    if mark.kind == "user":
        return bool(draft.user) and bool(draft.cleaned)
    if mark.kind == "sentence" and draft.meaning is not None:
        return draft.meaning != mark.value and not draft.id
    return False


def _take(draft: _Draft, mark: _Mark) -> None:  # noqa: C901 - one branch a kind
    kind, value = mark.kind, mark.value
    if kind in _HEADS:
        if not getattr(draft, kind):
            setattr(draft, kind, value)
    elif kind in ("mention", "stop"):
        _mention(draft, ends=kind == "stop")
    elif kind == "prose":
        draft.body = bool(draft.source or draft.id or draft.time)
    elif isinstance(value, Leaked):
        draft.leaked = value
    elif isinstance(value, HolderLine):
        draft.holders.append(value)
    elif isinstance(value, Unread):
        draft.unread.append(value)
    elif kind == "locked" or (kind == "maybe" and draft.id in IDS_LOCKED):
        draft.locked.append(cast("Sighting", value))
    elif kind == "user":
        draft.user = str(value)
    elif kind == "image":
        draft.image = cast("tuple[str, int]", value)
    elif kind == "key" and draft.image[0]:
        image, pid = draft.image
        key, handle = cast("tuple[str, int]", value)
        draft.cleaned.append(
            Sighting(process=image, pid=pid, key=_of(draft.user, key), handle=handle)
        )
    elif kind == "sentence" and draft.meaning is None:
        draft.meaning = cast("Meaning", value)


def _mention(draft: _Draft, *, ends: bool) -> None:
    """Take a heading that is a word of a sentence, or the end of one.

    A source in one sentence and a number in another are two topics, and no event.
    """
    if not ends:
        draft.mentioned = True
    elif draft.mentioned and not (draft.source and draft.id) and not draft.told():
        draft.source, draft.id, draft.mentioned = "", 0, False


def _of(sid: str, key: str) -> str:
    """Return a key of the hive's user, whom UPHClean calls HKCU, under the user's own name."""
    if sid and key.upper().partition("\\")[0] == "HKCU":
        return f"HKU\\{sid}{key[4:]}"
    return key


def _report(draft: _Draft, said: Unwrapped, end: int) -> Iterator[Report]:
    """Yield what an event says; nothing if it is no event on a hive."""
    text = said.text[draft.end : end]
    listed = [found for found in (_leaks(draft), _cleaned(draft, text), _locks(draft)) if found]
    yield from listed or filter(None, [_sentence(draft, text)])


def _dated(draft: _Draft, sightings: list[Sighting]) -> tuple[Sighting, ...]:
    """Return sightings with the event's time, which may stand behind them."""
    return tuple(attrs.evolve(one, seen_at=draft.time) if draft.time else one for one in sightings)


def _leaks(draft: _Draft) -> Report | None:
    """Return the User Profile Service's list of leaked handles, in any language."""
    if draft.leaked is None and not draft.holders:
        return None
    hive = draft.leaked.hive if draft.leaked is not None else ""
    sightings = [
        Sighting(
            process=image_of(one.image) or ("System" if one.pid == 4 else f"process {one.pid}"),
            path=one.image,
            pid=one.pid,
            key=_whole(one.key, hive),
            seen_at=draft.time or None,
        )
        for one in draft.holders
    ]
    unread = [one.text for one in draft.unread]
    unread += [one.key for one in draft.holders if one.cut or _whole(one.key, hive) != one.key]
    return Report(
        source=PROFSVC,
        id=1530 if draft.id in IDS_LOCKED else draft.id or 1530,
        moment=Moment.LOGOFF.value,
        hive=hive,
        sightings=tuple(sightings),
        announced=draft.leaked.count if draft.leaked is not None else None,
        unread=unread[0] if unread else "",
        seen_at=draft.time or None,
        host=draft.host,
    )


def _whole(key: str, hive: str) -> str:
    """Return a key whose SID is cut short under the name of the hive that the event is about."""
    short, full = key.lower(), hive.lower().removesuffix("_classes")
    cut = "\\" not in key[len("\\registry\\user\\") :] and len(short) < len(full)
    return hive if cut and full.startswith(short) and full[len(short)] in "-0123456789" else key


def _cleaned(draft: _Draft, text: str) -> Report | None:
    """Return UPHClean's list: an image with its number, and below it the keys that it has open."""
    if not draft.cleaned:
        return None
    flat = " ".join(text.split())
    number, note = next(
        (said for words, said in known.CLEANED.items() if words in flat), (draft.id or 1201, "")
    )
    return Report(
        source=UPHCLEAN,
        id=number,
        moment=Moment.LOGOFF.value,
        hive=f"HKU\\{draft.user}" if draft.user else "",
        note=note,
        sightings=_dated(draft, draft.cleaned),
        seen_at=draft.time or None,
        host=draft.host,
    )


def _locks(draft: _Draft) -> Report | None:
    """Return the event that names the process which had a hive or its file at a logon."""
    if not draft.locked:
        return None
    told = [draft.id, draft.meaning.id if draft.meaning is not None else 0]
    number = next((event for event in told if event in IDS_LOCKED), 1552)
    found = known.by_id(PROFSVC, number)
    return Report(
        source=PROFSVC,
        id=number,
        moment=Moment.LOGON.value,
        note=found.note if found is not None else "",
        sightings=_dated(draft, draft.locked[:1]),
        seen_at=draft.time or None,
        host=draft.host,
    )


def _sentence(draft: _Draft, text: str) -> Report | None:
    """Return what an event that lists nobody says by its number, or else by its English text."""
    meaning = known.by_id(draft.source, draft.id)
    if meaning is None and not draft.source and draft.meaning is not None:
        meaning = known.by_id(PROFSVC, draft.id)
    if meaning is None and draft.meaning is not None:
        same = not draft.source or _family(draft.source) == _family(draft.meaning.source)
        meaning = draft.meaning if same else None
    if meaning is None and (draft.source, draft.id) == (USERENV, 1000):
        meaning = known.ANY
    if meaning is None:
        return None
    user = _USER.search(text)
    # What stands there, and is not a list that can be read, may be the holder all the same.
    names = _PROGRAM.search(text) if meaning.held else None
    rest = text.rstrip()[-40:] if text.rstrip().endswith(("...", "\u2026")) else ""
    return Report(
        source=draft.source or meaning.source,
        id=draft.id or meaning.id,
        moment=meaning.moment.value,
        hive=f"HKU\\{user[2]}" if user else "",
        held=meaning.held,
        note=meaning.note,
        unread=names[0] if names is not None else rest,
        seen_at=draft.time or None,
        host=draft.host,
    )


_PROGRAM: Final = re.compile(
    r"\\device\\[^\n]{0,80}|\b[\w.+-]{1,60}\.exe\b|[a-z]:\\[^\n]{1,80}(?:\.{3}|\u2026)",
    re.IGNORECASE,
)


def _family(source: str) -> str:
    return PROFSVC if source == USERENV else source


def parse_event_text(text: str, source: str = "", event: int = 0) -> Report | None:
    """Return what the first event in a text says, None if it has none on a hive."""
    return next(read_events(text, source=source, event=event), None)


def image_of(path: str) -> str:
    r"""Return the image's name in a path.

    >>> image_of(r"\Device\HarddiskVolume1\Windows\System32\msiexec.exe")
    'msiexec.exe'
    """
    return path.rpartition("\\")[2]


def _read(text: str) -> Snapshot | None:
    """Return what a text of one or more events says, None if it is none."""
    snapshot = Snapshot("event-text")
    for report in read_events(text):
        snapshot.facts.events += 1
        snapshot.facts.host = snapshot.facts.host or report.host
        snapshot.reports.append(report)
    snapshot.containers += container_events(text)
    snapshot.facts.events += len(snapshot.containers)
    if not snapshot.reports and not any(one.code for one in snapshot.containers):
        log = read_script_log(text, snapshot.facts.format) if snapshot.containers else None
        if log is not None:
            log.containers = snapshot.containers
            return log
    return snapshot if snapshot.reports or snapshot.containers else None


FORMATS: Final = (
    text_format(
        "the texts of the User Profile Service's, Userenv's, UPHClean's and AppModel-Runtime's "
        "events",
        lambda _: True,
        _read,
    ),
)
