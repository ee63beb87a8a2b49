"""Source files: as they are kept on disk, and as the bytes that are parsed."""

from __future__ import annotations

import os
import stat
from functools import cached_property
from pathlib import Path
from typing import Final

import attrs

from regsim.errors import UnreadableError
from regsim.reading import telling

LARGEST: Final = 2 << 20
"""Bytes of a file that is still looked into; a larger one is said to be unread."""
WANTED: Final = "a source file"
"""What is asked for where a file cannot be read."""
_MARKS: Final = {
    b"\xef\xbb\xbf": "utf-8",
    b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
}
_SIGNED: Final = b"# SIG # Begin signature block"


@attrs.frozen(kw_only=True)
class UnreadSource:
    """What was not looked into.

    Attributes:
        path: of the file or folder.
        lines: spans of lines, first and last, from 1; none where all of it is meant.
        reason: why, as what follows its name.
    """

    path: str
    lines: tuple[tuple[int, int], ...]
    reason: str


@attrs.frozen(kw_only=True, slots=False)
class SourceText:
    """A source file.

    Attributes:
        name: of the file, as it was given or found.
        language: as `regsim.lint.grammars` calls it.
        data: its bytes; of a file that is too large, more than `LARGEST` of them.
        beyond: how many lines end after *data*.
    """

    name: str
    language: str
    data: bytes = attrs.field(repr=False)
    beyond: int = 0

    @cached_property
    def _mark(self) -> bytes:
        return next((mark for mark in _MARKS if self.data.startswith(mark)), b"")

    @cached_property
    def text(self) -> bytes:
        """What is parsed: UTF-16 as UTF-8, all else as it is; without a mark at the start."""
        body, form = self.data[len(self._mark) :], _MARKS.get(self._mark, "")
        return body.decode(form, "replace").encode() if form.startswith("utf-16") else body

    @cached_property
    def lines(self) -> list[bytes]:
        """The lines of `text`; a carriage return stays at the end of its line."""
        return self.text.split(b"\n")

    @property
    def unread(self) -> str:
        """Why nothing in it can be looked into; "" if all can."""
        if len(self.text) > LARGEST:
            return f"is larger than {LARGEST >> 20} MiB"
        return "holds zero bytes, as no text does" if b"\0" in self.text else ""

    @property
    def locked(self) -> str:
        """Why nothing in it may be changed; "" if it may."""
        if _SIGNED in self.text:
            return "is signed, and a change would break the signature"
        if self.kept(self.text) != self.data:
            return "holds what is no UTF-16"
        return ""

    def kept(self, text: bytes) -> bytes:
        """Return *text* as the file keeps it: in its own encoding, with its mark."""
        form = _MARKS.get(self._mark, "")
        if form.startswith("utf-16"):
            return self._mark + text.decode("utf-8", "replace").encode(form)
        return self._mark + text


def read_source(path: Path, language: str) -> SourceText:
    """Return the file at *path*; of one that is too large no more than shows that it is.

    Raises:
        UnreadableError: there is none, it is no regular file, or it cannot be read.
    """
    with telling(path, WANTED):
        mode = os.stat(path).st_mode  # noqa: PTH116 - of what a name like /dev/fd/3 means, too
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # reading might never end
            raise UnreadableError(path, "is no regular file", WANTED)
        with path.open("rb") as file:
            # in UTF-16 a letter has two bytes; what does not fit is never parsed
            data = file.read(2 * LARGEST + 4)
            beyond = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    return SourceText(name=str(path), language=language, data=data, beyond=beyond)
