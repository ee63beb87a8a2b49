r"""The events that Windows writes about apps' containers: AppModel-Runtime's, of records and texts.

An event is known by its number beside the log's name, or by the English of its message. Numbers and
messages: the provider's own message table, as tools that list it have it (documented); the error's
number is a field of the event and stands at the head of its message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from regsim.trace.evidence import ContainerEvent
from regsim.trace.readers._unwrap import plain, unwrap

APPMODEL: Final = "AppModel-Runtime"
CREATED: Final = 210
STARTED: Final = 201
DESTROYED: Final = 217
NO_CONTAINER: Final = 215
NO_PROCESS: Final = 208
CONTAINER_IDS: Final = frozenset({*range(201, 220)})
"""The numbers that this log has for containers and the processes in them."""

_LONGEST: Final = 60
_CODE_FIELDS: Final = ("errorcode", "error", "hresult", "status", "result")
_PACKAGE_FIELDS: Final = ("packagefullname", "packagename", "package")
_CODE: Final = re.compile(
    r"\b0x(8007[0-9a-f]{4})\b|(?<![\d-])(-?214[78]\d{6})(?!\d)", re.IGNORECASE
)
_WIN32: Final = 0x8007
_PACKAGE: Final = re.compile(
    r"\b[\w.-]{3,60}_\d+(?:\.\d+){1,3}_\w{0,10}_[\w-]{0,30}_[a-z0-9]{13}\b"
)
_GUID: Final = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE)


def is_container_log(name: str) -> bool:
    """Return whether *name* is that of the log's provider, as exports write it.

    >>> is_container_log("Microsoft-Windows-AppModel-Runtime"), is_container_log("AppModel-State")
    (True, False)
    """
    if len(name) > _LONGEST:
        return False
    low = name.lower().strip().removesuffix("/admin").removesuffix("/operational")
    return low.replace("-", "").replace(" ", "") in (
        "appmodelruntime",
        "microsoftwindowsappmodelruntime",
    )


def container_event(
    number: int, text: str, fields: Mapping[str, str], time: str = "", host: str = ""
) -> ContainerEvent:
    """Return an event of the log, from its fields where it has them and else from its *text*."""
    code = next((code_of(fields[name]) for name in _CODE_FIELDS if name in fields), None)
    package = next((fields[name].strip() for name in _PACKAGE_FIELDS if fields.get(name)), "")
    every = "\n".join((text, *fields.values()))
    found = _PACKAGE.search(every)
    guid = _GUID.search(text) or _GUID.search("\n".join(_own(fields)))
    return ContainerEvent(
        id=number,
        code=code_of(every) if code is None else code,
        package=package or (found[0] if found else ""),
        container=guid[0].lower() if guid else "",
        time=time or None,
        host=host,
    )


def _own(fields: Mapping[str, str]) -> Iterator[str]:
    """Yield the event's own data: its provider and activity have numbers of that form as well."""
    return (text for name, text in fields.items() if "container" in name)


def code_of(text: str) -> int | None:
    """Return the first Win32 error in *text* as an HRESULT without a sign; None for none.

    >>> hex(code_of("0x80070020: Cannot create")), hex(code_of("-2147024864")), code_of("215")
    ('0x80070020', '0x80070020', None)
    """
    for found in _CODE.finditer(text):
        code = int(found[1], 16) if found[1] else int(found[2]) & 0xFFFFFFFF
        if code >> 16 == _WIN32:
            return code
    return None


# -- pasted texts -----------------------------------------------------------------------------

_SENTENCES: Final = tuple(
    # Where a line was wrapped there may be no space left.
    (number, re.compile(words.replace(" ", r"\s*"), re.IGNORECASE))
    for number, words in (
        (215, r"cannot create the desktop appx container\b[^:]{0,300}? converting the job"),
        (213, r"cannot create the desktop appx container\b[^:]{0,300}? creating the (?:job)"),
        (208, r"cannot create the process\b[^:]{0,300}? configuring (?:the )?runtime"),
        (217, r"destroyed desktop appx container"),
        (210, r"created desktop appx container"),
        (211, r"added process \d+ to desktop appx container"),
        (201, r"created process \d+ for application"),
    )
)
_NAMED: Final = re.compile(
    r"(?<![\w-])(?!p-?id|process|thread|record|activity|user|session|package)"
    r"(?:events?|(?:[\w-]{0,20}[ \t]?)?id|appmodel-runtime(?:/admin)?)\"?[ \t]{0,20}[:=#]?"
    r"[ \t\"]{0,20}"
    r"(?P<one>2[01]\d)\b(?!\.\d)|\[(?P<two>2[01]\d)\]"
    r"|(?<=\n)[ \t]{0,8}(?:\d[\d./:, -]{6,24}(?:[ap]m)?[ \t]+)(?P<row>2[01]\d)[ \t]",
    re.IGNORECASE,
)
_TIMES: Final = re.compile(
    r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4},?[ T]{0,3}\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d{1,9})?Z?"
)
_AROUND: Final = 400
_ABOVE: Final = 200


class _Mark(NamedTuple):
    """Where an event's number or its sentence stands in a text."""

    start: int
    end: int
    number: int
    sentence: bool


def container_events(text: str) -> Iterator[ContainerEvent]:
    """Yield the events of the log in a pasted text, in its order, whatever stands around them."""
    low = text.lower()
    if "appmodel" not in low and "desktop appx container" not in low:
        return
    text = unwrap(plain(text)).text
    marks = list(_marks(text))
    ends = [*(one.start for one in marks), len(text)][1:]
    for mark, end in zip(marks, ends, strict=True):
        before = text[max(0, mark.start - _ABOVE) : mark.start]
        line = before.rpartition("\n")[2]
        times = _TIMES.findall(before + text[mark.start : mark.end])
        piece = f"{_tail_code(line)} {text[mark.start : min(end, mark.start + _AROUND)]}"
        yield container_event(mark.number, piece, {}, times[-1] if times else "")


def _marks(text: str) -> Iterator[_Mark]:
    """Yield where events begin; a number and the sentence of the same event after it are one."""
    named = (_Mark(*found.span(), _number(found), False) for found in _NAMED.finditer(text))
    said = (
        _Mark(*found.span(), number, True)
        for number, pattern in _SENTENCES
        for found in pattern.finditer(text)
    )
    last: _Mark | None = None
    for mark in sorted((*named, *said)):
        if mark.number not in CONTAINER_IDS:
            continue
        if not (mark.sentence and last and not last.sentence and last.number == mark.number):
            yield mark
        last = mark


def _tail_code(before: str) -> str:
    """Return the error's number that a sentence begins with, as the log writes it."""
    found = re.search(r"0x[0-9a-f]{8}\s{0,3}:?\s{0,3}$", before, re.IGNORECASE)
    return found[0] if found else ""


def _number(found: re.Match[str]) -> int:
    return int(found["one"] or found["two"] or found["row"])
