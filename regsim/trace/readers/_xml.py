"""XML of traces read as a stream: one flat record for each event, whatever the file's size."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from xml.parsers import expat

from regsim.trace.completeness import note
from regsim.trace.evidence import Facts
from regsim.trace.source import CutShortError, Source

Record = dict[str, str]
"""The texts of an event by the name of their element, or of their ``Name`` attribute."""

_LONGEST_TEXT: Final = 1 << 16
_MOST_FIELDS: Final = 500
_DEEPEST: Final = 64


def is_xml(head: bytes) -> bool:
    """Return whether a file that begins with *head* may be XML."""
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


_DECLARATION: Final = re.compile(rb"^[\xef\xbb\xbf\s]*<\?xml\b[^>]{0,200}\?>")
_FIRST: Final = re.compile(rb"^[\xef\xbb\xbf\s]*(?:<\?xml\b[^>]{0,200}\?>\s*)?<(\w+)")
_ENCODING: Final = re.compile(rb"\bencoding\s*=\s*[\"']([\w.-]{1,40})[\"']")


def _encoding(source: Source) -> str | None:
    """Return the encoding that the document declares; what was in UTF-16 is in UTF-8 by now."""
    head = _DECLARATION.match(source.head)
    found = _ENCODING.search(head[0]) if head is not None else None
    name = found[1].decode("ascii").lower() if found is not None else ""
    return name if name in ("iso-8859-1", "us-ascii", "windows-1252") else "utf-8"


class _DeclaredError(Exception):
    """The document declares a type, which no trace does and an attack would."""


class XmlRecords:
    """Records of the elements called *wanted*, with the texts and attributes inside them.

    Around them stand only elements called *around*; anything else is counted, for an event may
    have been there. A file that is damaged or cut short yields what stands before the place; the
    problem is noted.
    """

    def __init__(
        self, source: Source, facts: Facts, wanted: frozenset[str], around: frozenset[str]
    ) -> None:
        self.source, self.facts, self.wanted, self.around = source, facts, wanted, around
        self._parser = expat.ParserCreate(_encoding(source))
        self._parser.buffer_text = True
        # A log that `wevtutil` prints has no root of its own, and a parser wants exactly one.
        first = _FIRST.match(source.head)
        self._rootless = first is not None and first[1].decode("ascii") in wanted
        if self._rootless:
            self._parser.Parse(b"<root>", False)
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._declared
        self._parser.CommentHandler = self._aside
        self._parser.ProcessingInstructionHandler = self._aside
        self._ready: list[tuple[str, Record]] = []
        self._record: Record | None = None
        self._names: list[str] = []
        self._pieces: list[str] = []
        self._length = 0

    def __iter__(self) -> Iterator[tuple[str, Record, int]]:
        """Yield the element's name, its record and how far the file is read."""
        done = 0
        try:
            for number, (block, done) in enumerate(self.source.blocks(1 << 18)):
                self._parser.Parse(block if number else _DECLARATION.sub(b"", block, 1), False)
                yield from self._take(done)
            self._parser.Parse(b"</root>" if self._rootless else b"", True)
        except CutShortError as error:
            self.facts.cut(str(error))
        except (expat.ExpatError, _DeclaredError, RecursionError, ValueError) as error:
            where = f"line {self._parser.CurrentLineNumber:,}"
            self.facts.cut(f"the XML is damaged or cut short at {where}: {error}")
        yield from self._take(done)

    def _take(self, done: int) -> Iterator[tuple[str, Record, int]]:
        ready, self._ready = self._ready, []
        for name, record in ready:
            if name:
                yield name, record, done
                continue
            self.facts.events += 1
            note(self.facts.record.malformed, "it is no event", self.facts.events)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        if len(self._names) >= _DEEPEST:
            raise _DeclaredError("elements are nested too deeply")
        if self._record is None and name in self.wanted:
            self._record = {}
        elif self._record is None and name not in self.around:
            self._stray()
        if self._record is not None and len(self._record) < _MOST_FIELDS:
            for key, value in attributes.items():
                self._record.setdefault(f"{name}.{key}", value[:_LONGEST_TEXT])
        self._names.append(
            attributes.get("Name", name) if name in ("Data", "ComplexData") else name
        )
        self._pieces, self._length = [], 0

    def _text(self, text: str) -> None:
        if self._record is not None and self._length < _LONGEST_TEXT:
            self._pieces.append(text)
            self._length += len(text)
        if (self._record is None or self._names[-1] in self.wanted) and text.strip():
            self._stray()

    def _aside(self, *texts: str) -> None:
        """Note a comment or an instruction that may hold an event: no tool writes one there."""
        if any("<" in text for text in texts):
            self._stray()

    def _stray(self) -> None:
        """Note something that is no event; it is counted in its turn."""
        self._ready.append(("", {}))

    def _end(self, name: str) -> None:
        if not self._names:
            return
        name = name.rpartition(":")[2]
        mine = self._names.pop()
        if self._record is None:
            return
        if name in self.wanted:
            self._ready.append((name, self._record))
            self._record = None
            self._pieces, self._length = [], 0
            return
        if self._names[-1] in self.wanted and mine in self._record:
            self._stray()  # two events, of whose border nothing is left
        if len(self._record) < _MOST_FIELDS:
            self._record.setdefault(mine, "".join(self._pieces)[:_LONGEST_TEXT].strip())
        self._pieces, self._length = [], 0

    def _declared(self, *_: object) -> None:
        raise _DeclaredError("a document type is declared; no trace has one")
