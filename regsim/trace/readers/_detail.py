r"""What a profile event lists: the hive and how many handles, then who has which key open.

The lines are told by their form alone, whatever the language around them: a number and a
``\REGISTRY`` path with a colon; or a number, an image in brackets and a ``\REGISTRY`` path. Each
path is looked at once, with what stands between it and the one before, so the time is linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import attrs

from regsim.trace.readers._unwrap import Unwrapped

_REGISTRY: Final = re.compile(r"\\registry\\(?:user|machine|a|wc)\\", re.IGNORECASE)
_NEAR: Final = 1_500
_WORDS: Final = 100
_OPENS: Final = re.compile(r"\((?:(?<=\d\()|(?<=\d\s\())")
_NUMBER: Final = re.compile(r"(?<!\d)\d{1,10}(?=\s?$)")
_IMAGE: Final = re.compile(r"\\|[a-z]:\\|\w", re.IGNORECASE)
_COUNT: Final = re.compile(r"(\d(?<![A-Za-z\d]\d)(?<!\d[-.]\d)\d{0,8})[^\d\\\[\]{}=]{1,120}$")
_HIVE: Final = re.compile(
    r"\\registry\\(?:user|machine|a|wc)\\[^\\:\s\"'<>|()]{1,200}(\s*:)?", re.IGNORECASE
)
_NEAR_COUNT: Final = 9 + 120
_SID: Final = re.compile(r"\\registry\\user\\S-1(?:-\d+)+(?:_classes)?", re.IGNORECASE)
_DEVICE: Final = re.compile(r"\\device\\|\b\w[\w.+-]{0,60}\.exe\b", re.IGNORECASE)
# Markup ends a key; what people write in place of a name, such as <redacted>, is part of it.
_MARKUP: Final = (
    r"</[a-z]|<!|(?<!\\)<(?:p|div|span|br|hr|b|i|strong|em|code|pre|blockquote|t[dhr]|table|tbody|"
    r"li|ul|ol|font|a|h\d|data|binary|event(?:data)?|userdata|renderinginfo|message)\b"
)
_ENDS: Final = re.compile(
    rf"\n|{_MARKUP}|\s\|(?=\s*$|\s*\n)|\"(?=\s*(?:[,}}\]]|$))|'(?=\s*$)", re.IGNORECASE
)
_CUT_OFF: Final = ("...", "\u2026")


@attrs.frozen
class Leaked:
    """The line that an event's list begins with: how many handles were left on which hive."""

    start: int
    end: int
    count: int | None
    hive: str


@attrs.frozen
class HolderLine:
    """A line of the list: who has which key open; ``cut`` says that its end is missing."""

    start: int
    end: int
    pid: int
    image: str
    key: str
    cut: bool = False


@attrs.frozen
class Unread:
    """What looks like a line of the list but is not whole."""

    start: int
    end: int
    text: str


Part = Leaked | HolderLine | Unread


def parts_of(said: Unwrapped) -> list[Part]:
    """Return the parts of all lists in a text, in its order."""
    return list(_Lists(said).parts())


@attrs.frozen
class _Named:
    """The beginning of a holder's line, up to its key."""

    number: int
    pid: int
    image: str


class _Lists:
    def __init__(self, said: Unwrapped) -> None:
        self.said, self.text = said, said.text
        self.places = [found.start() for found in _REGISTRY.finditer(self.text)]
        self.named = [self._named(at) for at in range(len(self.places))]
        self.label = "".join(self._label().split()).lower()

    def _before(self, at: int) -> int:
        """Return from where on the text belongs to a path, and not to the one before it."""
        here = self.places[at]
        earlier = self.places[at - 1] + len("\\registry\\") if at else 0
        return max(earlier, here - _NEAR)

    def _named(self, at: int) -> _Named | None:
        """Return who is named before a path, None if nobody is."""
        start, end = self._before(at), self.places[at]
        close = self.text.rfind(")", start, end)
        if close < 0 or end - close > _WORDS or "\\" in self.text[close:end]:
            return None
        found, begins = None, 0
        for opens in _OPENS.finditer(self.text, start, close):
            if found is None or self.text[opens.end() : opens.end() + 8].lower() == "\\device\\":
                number = _NUMBER.search(self.text, max(start, opens.start() - 11), opens.start())
                found, begins = (number, opens.end()) if number is not None else (found, begins)
        if found is None or "\n" in self.text[begins - 1 : close]:
            return None
        image = self.said.cut(begins, close)
        if image and not _IMAGE.match(image):
            return None
        return _Named(found.start(), int(found[0]), image)

    def _label(self) -> str:
        """Return the words that stand before a holder's number, as "Process"."""
        for at, named in enumerate(self.named):
            if named is None:
                continue
            start = self.text.rfind("\n", 0, named.number) + 1
            if at and self.named[at - 1] is None:
                colon = self.text.find(":", self.places[at - 1], named.number)
                start = max(start, colon + 1)
            label = self.said.cut(start, named.number)
            if 0 < len(label) < 40 and "\\" not in label:
                return label
        return "Process"

    def _line_start(self, number: int, floor: int) -> int:
        """Return where the line of the holder with a number begins: with the label."""
        begins = max(floor, number - 60)
        before = self.text[begins:number].rstrip()
        low = before.lower()
        if self.label and "".join(low.split()).endswith(self.label):
            at = len(before)
            for letter in reversed(self.label):
                at = low.rfind(letter, 0, at)
            return begins + at
        return begins + len(before) - len(before.rpartition(" ")[2].rpartition("\n")[2])

    def parts(self) -> Iterator[Part]:
        """Yield the parts, and what could not be read between them."""
        done = 0
        for at, place in enumerate(self.places):
            named = self.named[at]
            part: Leaked | HolderLine | None
            if named is None:
                start, end, part = self._leaked(at)
            else:
                start = self._line_start(named.number, done)
                end, key, cut = self._key(at)
                part = HolderLine(start, end, named.pid, named.image, key, cut)
            yield from self._left_over(done, start, listing=bool(at))
            if part is not None:
                yield part
            done = max(end, place)
        if self.places:
            yield from self._left_over(done, len(self.text), listing=True)

    def _leaked(self, at: int) -> tuple[int, int, Leaked | None]:
        place = self.places[at]
        count = _COUNT.search(self.text, max(self._before(at), place - _NEAR_COUNT), place)
        hive = _HIVE.match(self.text, place)
        end = hive.end() if hive is not None else place
        if hive is None or (hive[1] is None and count is None):
            return place, end, None
        name = self.said.cut(place, hive.start(1) if hive[1] is not None else end)
        many = int(count[1]) if count is not None else None
        return (count.start() if count else place), end, Leaked(place, end, many, name)

    def _key(self, at: int) -> tuple[int, str, bool]:
        """Return where the key at a path ends, its name, and whether its end is missing."""
        place = self.places[at]
        follows = at + 1 < len(self.places)
        limit = self.places[at + 1] if follows else len(self.text)
        named = self.named[at + 1] if follows else None
        if named is not None:
            limit = self._line_start(named.number, place)
        elif follows:
            count = _COUNT.search(self.text, place, limit)
            limit = count.start() if count is not None else limit
        stop = _ENDS.search(self.text, place, limit)
        limit = stop.start() if stop is not None else limit
        limit = _before_heading(self.text, place, limit)
        key = self.said.cut(place, limit)
        cut = key.endswith(_CUT_OFF)
        key = key.rstrip(".\u2026'\" ;,") if cut or key[-1:] in ".'\";," else key
        root = _SID.match(key)
        if root is not None and key[root.end() : root.end() + 1] not in ("", "\\"):
            return place + root.end(), root[0], cut
        return limit, key, cut

    def _left_over(self, start: int, end: int, *, listing: bool) -> Iterator[Unread]:
        """Yield what names a device's path, or close by a program, and was not read."""
        if not listing:
            start = max(start, end - 200)
        gap = self.text[start:end].lower()
        if "\\device\\" not in gap and ".exe" not in gap:
            return
        found = _DEVICE.search(self.text, start, end)
        if found is None:
            return
        block = self.text.find("\n\n", start, end)
        block = _before_heading(self.text, start, block if block >= 0 else end)
        if found.start() < block or "\\" in found[0]:
            words = self.said.cut(max(start, found.start() - 40), min(end, found.end() + 60))
            yield Unread(found.start(), found.end(), " ".join(words.split()))


_HEADING: Final = re.compile(
    r"\s(?:\d{1,4}[./-]\d{1,2}[./-]\d{1,4},?[ T]\s?\d{1,2}:\d\d|event\s?(?:id|xml|\[)\b"
    r"|(?:log\s?name|time\s?created|provider\s?name|source|event\s?id)\s*[:=])",
    re.IGNORECASE,
)


def _before_heading(text: str, start: int, end: int) -> int:
    """Return where the heading of another event begins, which may follow on the same line."""
    found = _HEADING.search(text, start, end)
    return found.start() if found is not None else end
