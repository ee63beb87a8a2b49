r"""Text as people paste it, put back: quotes, escapes and indents taken off, wrapped lines joined.

A mail program breaks a line at a space and drops the space, PowerShell keeps it, a console breaks
anywhere. Which it was is told from the lengths of the lines. What is found between two pieces of a
broken line depends on it, so `Unwrapped` keeps each place of a break and what belongs there: the
patterns of the readers look at the text without any, and names are cut out with what belongs there.
"""

from __future__ import annotations

import contextlib
import html
import itertools
import json
import re
from bisect import bisect_left
from typing import Final

import attrs

_MARKUP: Final = re.compile(
    r"&(?:lt|gt|amp|quot|nbsp|apos|#\d{1,6}|#x[0-9a-f]{1,5});|<br", re.IGNORECASE
)
_BREAKS: Final = re.compile(r"<(?:br\s*/?|/p|/div|/li|/tr|/h\d|/blockquote)>", re.IGNORECASE)
_TAGS: Final = re.compile(
    r"</?(?:p|div|span|b|i|strong|em|code|pre|blockquote|td|th|tr|table|tbody|li|ul|ol|font|a|h\d)"
    r"(?:\s[^<>]{0,300})?>",
    re.IGNORECASE,
)
_DOUBLED: Final = re.compile(r"\\\\(?<=\w\\\\)\w")
_LINE_ENDS: Final = re.compile(r"\\n(?=\\|\s)")
_ESCAPE: Final = re.compile(r"\\([\\\"/rnt_()\[\]{}*#+.!`>~-])")
_MEANS: Final = {"r": "", "n": "\n", "t": "\t"}
_QUOTE: Final = re.compile(r"^[ \t]{0,12}(?:>[ \t]?)+")
_CLASSES: Final = re.compile(r"(S-1-[\d-]++)\\_", re.IGNORECASE)
_MOST_ESCAPED: Final = 3


def plain(text: str) -> str:
    r"""Return *text* without the escapes of HTML, Markdown and JSON.

    >>> print(plain(r"from \\Registry\\User\\S-1-5-21-7\_Classes:"))
    from \Registry\User\S-1-5-21-7_Classes:
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ").lstrip("\ufeff")
    if text[:1] == '"':
        with contextlib.suppress(ValueError, RecursionError):
            text = str(json.loads(text))
    if _MARKUP.search(text):
        text = html.unescape(_TAGS.sub("", _BREAKS.sub("\n", text))).replace("\xa0", " ")
    for _ in range(_MOST_ESCAPED):
        if not _DOUBLED.search(text) and ("\n" in text or not _LINE_ENDS.search(text)):
            break
        text = _ESCAPE.sub(lambda found: _MEANS.get(found[1], found[1]), text)
    if "`" in text or "**" in text:
        text = text.replace("`", "").replace("**", "")
    if "\\_" in text:
        text = _CLASSES.sub(r"\1_", text)
    return text


@attrs.frozen
class Unwrapped:
    """A text whose wrapped lines are joined with nothing between them.

    ``text`` has a line break only where the writer had one. ``breaks`` are the places in it where
    a wrap was, and ``between`` says of each whether a space belongs there.
    """

    text: str
    breaks: list[int]
    between: list[str]

    def cut(self, start: int, end: int) -> str:
        """Return a stretch of the text as it was written before it was wrapped."""
        if not self.breaks:
            return self.text[start:end].strip()
        first, last = bisect_left(self.breaks, start + 1), bisect_left(self.breaks, end)
        if first == last:
            return self.text[start:end].strip()
        places = [start, *self.breaks[first:last], end]
        pieces = [self.text[a:b] for a, b in itertools.pairwise(places)]
        joints = ["", *self.between[first:last]]
        return "".join(itertools.chain(*zip(joints, pieces, strict=True))).strip()


_LABEL: Final = re.compile(r"^[^\s:=\\(),][^:=\\(),\n]{0,40}[:=](?:\s|$)")
_ITEM: Final = re.compile(
    r"^(?:(?:[^\s\\():]+ ){1,3}\d{1,10} ?\(|\d{1,9} [^\d\\]{3,80}\\registry\\|[{<\[]|[-=*_]{4,}"
    r"|event\[|\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\b|\S[^\\/:*?\"<>|()]{0,60}\.\w{2,4} \(\d{1,10}\)$"
    r"|(?:hk[a-z]{1,4}|\\registry)(?:\\[^()]{0,300})? \(0x)",
    re.IGNORECASE,
)
_GOES_ON: Final = re.compile(r"(?:[a-z,]|\\registry\\user\\|\((?:\\|[a-z]:)[^)]*)$", re.IGNORECASE)
_CUT_SID: Final = re.compile(
    r"\\user\\S(?:-[\d-]*)?$|^S-1-[\d-]+$|\(S-1-[\d-]*$|^[\d-]{1,60}$", re.IGNORECASE
)
_CUT_WORD: Final = re.compile(r"(?:S-1-[\d-]+|^[\d-]+)_(c?l?a?s?s?e?)$", re.IGNORECASE)
_CUT_OFF: Final = ("...", "\u2026")
_DATED: Final = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}[ T]+\d{1,2}:\d\d")
_OF_NT: Final = re.compile(r"NT(?:\\|$)", re.IGNORECASE)
_OF_SID: Final = "-0123456789_\\"
_NARROWEST, _WIDEST = 20, 240
_ODD: Final = 60


def unwrap(text: str) -> Unwrapped:
    """Return *text* with its wrapped lines joined; a break that ended a line stays one."""
    lines = text.split("\n")
    bare = [_bare(line) for line in lines]
    wrap = _Wrap(lines, bare)
    if not wrap.wrapped:
        return Unwrapped("\n".join(bare), [], [])
    pieces: list[str] = [bare[0]]
    at = len(pieces[0])
    breaks: list[int] = []
    between: list[str] = []
    for number in range(1, len(lines)):
        joint = wrap.joint(number)
        if joint == "\n":
            pieces.append("\n")
            at += 1
        else:
            breaks.append(at)
            between.append(joint)
        pieces.append(bare[number])
        at += len(bare[number])
    return Unwrapped("".join(pieces), breaks, between)


def _bare(line: str) -> str:
    """Return a line without its indent and the marks of quoting."""
    return _QUOTE.sub("", line).strip() if ">" in line[:20] else line.strip()


class _Wrap:
    """How the lines of a text were wrapped: at which column, and whether in the midst of words.

    *bare* are its *lines* without indents and marks of quoting; a line goes by its number.
    """

    def __init__(self, lines: list[str], bare: list[str]) -> None:
        self.lines, self.bare = lines, bare
        self.width = max(map(len, lines))
        self.indent = min((len(x) - len(x.lstrip(" ")) for x in lines if x.strip()), default=0)
        goes_on = [
            number
            for number in range(1, len(lines))
            if bare[number - 1] and bare[number] and not _starts_anew(bare[number])
        ]
        broken = [number for number in goes_on if self._is_broken(number)]
        full = _NARROWEST <= self.width <= _WIDEST and any(
            self._is_full(number) for number in range(1, len(lines))
        )
        self.wrapped = full or bool(broken)
        # A console fills each line; where most stop short of the width, they end at a space.
        self.hard = full and all(len(lines[number - 1]) >= self.width - 1 for number in broken)
        self.column = max((len(lines[number - 1]) for number in goes_on), default=0)

    def _is_full(self, number: int) -> bool:
        """Return whether the line before one is as wide as any, and no line of its own."""
        if len(self.lines[number - 1]) != self.width or not self.bare[number]:
            return False
        return _in_key(self.lines[number - 1]) or not _LABEL.match(self.bare[number])

    def _is_broken(self, number: int) -> bool:
        """Return whether the line before one ends where no writer ends one.

        That is within a sentence, a path, or a list.
        """
        left, right = self.bare[number - 1], self.bare[number]
        if _in_key(left) and not left.lower().endswith("\\registry\\user\\"):
            return right[0] in "\\_"
        if left.endswith((".", ":", "!", "?", ")")) or _LABEL.match(left):
            return self.lines[number - 1][-1:] == " " and right[0].islower()
        return right[0].islower() or right[0] == "\\" or bool(_GOES_ON.search(left))

    def joint(self, number: int) -> str:
        """Return what belongs before a line: nothing, a space, or a line break."""
        before, left, right = self.lines[number - 1], self.bare[number - 1], self.bare[number]
        if not left or not right:
            return "\n"
        full = len(before) == self.width and self.width <= _WIDEST
        if left.endswith(_CUT_OFF) and _DATED.match(right):
            return "\n"
        if self.hard and full:
            begins = self.lines[number][self.indent : self.indent + 1]
            return " " if " " in (before[-1:], begins) else ""
        if _is_cut(left, right):
            return ""
        if _starts_anew(right) or not self._may_go_on(left, before, right):
            return "\n"
        if before[-1:].isspace():
            return " "
        if left[-1] in "-\\" or (right[0] == "\\" and _in_key(left)):
            return ""
        if left.lower().endswith("\\windows") and _OF_NT.match(right):
            return " "
        word = left.rpartition(" ")[2] + right.partition(" ")[0]
        return "" if full and ("\\" in word or len(word) > self.width // 2) else " "

    def _may_go_on(self, left: str, before: str, right: str) -> bool:
        """Return whether a line can be the rest of the one before it."""
        if "\\registry\\" not in left.lower() or left.lower().endswith("\\registry\\user\\"):
            return True
        # A key's name may hold spaces, so only its length tells whether it goes on.
        if left.endswith((":", ".")) or right[:2].startswith(("- ", "> ")):
            return False
        if right.startswith(("\\", "_")) or left[-1] in "-\\" or before[-1:] == " ":
            return True
        fits = len(before) + 1 + len(right.partition(" ")[0]) <= self.column
        return not fits and (len(right) < _ODD or "\\" in right)


def _is_cut(left: str, right: str) -> bool:
    """Return whether a line ends within the SID in a key's name, or the word behind it."""
    if _CUT_SID.search(left):
        return right[0] in _OF_SID
    tail = _CUT_WORD.search(left)
    return tail is not None and right.lower().startswith("classes"[len(tail[1]) :])


def _starts_anew(line: str) -> bool:
    return bool(_ITEM.match(line) or _LABEL.match(line))


def _in_key(left: str) -> bool:
    """Return whether a line ends within the name of a key."""
    return "\\registry\\" in left.lower()
