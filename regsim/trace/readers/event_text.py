r"""Event texts, as people paste them: the User Profile Service's 1530, Userenv's, UPHClean's.

Windows writes the sentences in the reader's language and changes them between versions, so the
lines that name a holder are told by their form alone: a number, a device path in brackets and a
``\REGISTRY`` path; or an image with a number, and below it keys with a handle. Sentences are looked
at only where an event names no holder, and then in the English of the message files.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator
from typing import Final

from regsim.trace.evidence import Report, Sighting, Snapshot, text_format

PROFSVC: Final = "User Profile Service"
USERENV: Final = "Userenv"
UPHCLEAN: Final = "UPHClean"

# The evidence is hostile: each pattern is tried in time linear to the text, by possessive and
# bounded repeats (the bounds are above what Windows writes) and starts that no run offers twice.
_LEAKED: Final = re.compile(
    r"(?<!\d)(\d++)[^\d\\\r\n]*+(\\Registry\\User\\[^\s:\\]++)\s*+:", re.IGNORECASE
)
_HOLDER: Final = re.compile(
    r"(?<!\d)(\d++)\s*+\((\\Device\\[^\r\n]{1,999}?|[^()\r\n]{0,999}\.exe)\)"
    r"[^\\\r\n]{0,299}+(\\REGISTRY\\[^\r\n]+)",
    re.IGNORECASE,
)
_IMAGE: Final = re.compile(r"^(\S[^\\/:*?\"<>|\r\n]*?\.\w{2,4}) \((\d{1,10})\)\s*$")
_KEY: Final = re.compile(
    r"^\s{1,5}((?:HK[A-Z]+|\\REGISTRY)(?:\\.*?)?) \((0x[0-9a-f]{1,16})\)(?: error (\d+))?\s*$",
    re.IGNORECASE,
)
_OF_USER: Final = re.compile(
    r"user profile hive\s++(.{1,999}?)(?<=\S)\s*+\((S-1-5-[\d-]++)\)", re.DOTALL | re.IGNORECASE
)
_ID: Final = re.compile(r"^[^\S\n]*+Event ?ID:?\s*+(\d{3,5})\b", re.IGNORECASE | re.MULTILINE)
_SOURCE: Final = re.compile(r"^[^\S\n]*+(?:Event )?Source:?\s*+(.+)$", re.IGNORECASE | re.MULTILINE)

# What Windows and UPHClean say where no holder is named: the event, whether it says that a hive is
# in use, and the words by which the pasted English text is known.
_SENTENCES: Final = (
    (PROFSVC, 1530, True, "registry file is still in use by other applications or services"),
    (USERENV, 1517, True, "registry while an application or service was still using the registry"),
    (USERENV, 1524, True, "cannot unload your classes registry file"),
    (USERENV, 1500, False, "cannot log you on because your profile cannot be loaded"),
    (PROFSVC, 1512, True, "cannot unload your registry file. The memory used by the registry"),
    (PROFSVC, 1508, False, "was unable to load the registry"),
    (USERENV, 1000, True, "cannot unload your registry file"),
    (USERENV, 1000, True, "cannot unload your registry class file"),
    (USERENV, 1000, True, "operating system was unable to load your profile"),
    (UPHCLEAN, 1511, False, "is loaded even though user is not logged on"),
    (UPHCLEAN, 1111, True, "The unload will be retried"),
)

_DONE: Final = (
    (
        1201,
        "have been closed",
        "UPHClean closed these handles; their holder may fail on its next call",
    ),
    (1211, "could not be closed", "UPHClean could not close them"),
    (1401, "have been remapped", "UPHClean remapped these handles to HKU\\.DEFAULT"),
    (1501, "are preventing", "UPHClean only reported them"),
)

NOTES: Final = {
    (USERENV, 1000): "Windows NT 4.0 says of an unload that failed that the profile was not loaded",
    (UPHCLEAN, 1511): "the hive is loaded although its user is not logged on",
}


def parse_event_text(text: str, source: str = "", event: int = 0) -> Report | None:
    """Return what an event's text says, None if it is no event on a hive that regsim knows.

    *source* and *event* are told by a log; for a pasted text they are looked for in it.
    """
    text = text.replace("\r\n", "\n")
    given = _ID.search(text)
    event = event or (int(given[1]) if given else 0)
    named = _SOURCE.search(text)
    source = _short(source or (named[1].rstrip() if named else ""))
    return _leaks(text, event) or _cleaned(text, event) or _sentence(text, source, event)


def _short(source: str) -> str:
    low = source.lower()
    if "user profile" in low and "service" in low:
        return PROFSVC
    for known in (USERENV, UPHCLEAN):
        if low == known.lower():
            return known
    return source


def _leaks(text: str, event: int) -> Report | None:
    """Read the User Profile Service's list of leaked handles, in any language."""
    found = [
        Sighting(process=image_of(path), pid=int(pid[-10:]), key=key.strip().rstrip("."))
        for pid, path, key in _HOLDER.findall(text)
    ]
    leaked = _LEAKED.search(text)
    if not found and leaked is None:
        return None
    return Report(
        source=PROFSVC,
        id=event or 1530,
        hive=leaked[2] if leaked else "",
        sightings=tuple(found),
        announced=int(leaked[1][-9:]) if leaked else None,
    )


def _cleaned(text: str, event: int) -> Report | None:
    """Read UPHClean's lists: an image with its number, and below it the keys that it has open."""
    user = _OF_USER.search(text)
    sid = user[2] if user else ""
    number, note = next(
        ((i, said) for i, words, said in _DONE if words in text), (event or 1201, "")
    )
    found: list[Sighting] = []
    image, pid = "", 0
    for line in text.split("\n"):
        named = _IMAGE.match(line)
        if named is not None:
            image, pid = named[1], int(named[2])
            continue
        key = _KEY.match(line)
        if key is not None and image:
            found.append(
                Sighting(process=image, pid=pid, key=_of(sid, key[1]), handle=int(key[2], 16))
            )
    if not found:
        return None
    hive = f"HKU\\{sid}" if sid else ""
    return Report(source=UPHCLEAN, id=number, hive=hive, note=note, sightings=tuple(found))


def _of(sid: str, key: str) -> str:
    """Return a key of the hive's user, whom UPHClean calls HKCU, under the user's own name."""
    if sid and key.upper().partition("\\")[0] == "HKCU":
        return f"HKU\\{sid}{key[4:]}"
    return key


def _sentence(text: str, source: str, event: int) -> Report | None:
    flat = " ".join(text.split()).lower()
    for name, number, held, words in _SENTENCES:
        if (source and event and (source, event) == (name, number)) or words.lower() in flat:
            user = _OF_USER.search(text)
            return Report(
                source=source or name,
                id=event or number,
                hive=f"HKU\\{user[2]}" if user else "",
                held=held,
                note=NOTES.get((name, number), ""),
            )
    return None


def image_of(path: str) -> str:
    r"""Return the image's name in a device path.

    >>> image_of(r"\Device\HarddiskVolume1\Windows\System32\msiexec.exe")
    'msiexec.exe'
    """
    return path.rpartition("\\")[2]


def _read(text: str) -> Snapshot | None:
    """Return what a text of one or more events says, None if it is none."""
    return _said(_json_texts(text)) or _said([text])


def _json_texts(text: str) -> Iterator[str]:
    """Yield the texts of events in a JSON list, the form in which some logs are passed around."""
    if not text.lstrip("\ufeff \t\r\n").startswith(("[", "{")):
        return
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return
    for item in found if isinstance(found, list) else [found]:
        said = (item.get("text") or item.get("Message")) if isinstance(item, dict) else None
        if isinstance(said, str):
            yield said


def _said(texts: Iterable[str]) -> Snapshot | None:
    snapshot = Snapshot("event-text")
    for part in itertools.chain.from_iterable(map(_parts, texts)):
        report = parse_event_text(part)
        if report is not None:
            snapshot.facts.events += 1
            snapshot.reports.append(report)
    return snapshot if snapshot.reports else None


def _parts(text: str) -> list[str]:
    """Cut a text where another event begins: at a line that gives a log's name or an event's id."""
    starts = [found.start() for found in _ID.finditer(text)]
    if len(starts) < 2:
        return [text]
    cuts = [0, *starts[1:], len(text)]
    return [text[a:b] for a, b in itertools.pairwise(cuts)]


FORMATS: Final = (
    text_format("the texts of events 1530, 1517, 1524, 1000 and UPHClean's", lambda _: True, _read),
)
