"""Distinct texts by number, in little more memory than the texts themselves take."""

from __future__ import annotations

import itertools
from array import array
from typing import TYPE_CHECKING, Final

from regsim.accel import NATIVE

if TYPE_CHECKING:
    from regsim.accel._native import CTexts

_FEWEST_SLOTS: Final = 64


class Texts:
    """Texts, each kept once and numbered from 0 in the order of their coming.

    A dictionary of strings takes some 200 bytes a text beyond its characters, and evidence may name
    millions of keys; this takes 14 to 20: where the text ends, and a place in a table of slots that
    is searched from the text's hash on. The twin is what ``accel/native/core_texts.c`` does, in 24
    to 40 bytes; `new_texts` chooses.
    """

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._ends = array("Q", [0])
        self._slots = array("I", bytes(4 * _FEWEST_SLOTS))  # a text's number from 1; 0: free
        self._mask = _FEWEST_SLOTS - 1

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, number: int) -> bytes:
        return bytes(self._bytes[self._ends[number] : self._ends[number + 1]])

    def joined(self) -> bytes:
        """Return all texts in a row, from which those of one length can be cut again."""
        return bytes(self._bytes)

    def find(self, text: bytes) -> int:
        """Return the number of *text*, -1 if it is not among them."""
        return self._slots[self._slot(text)] - 1

    def number(self, text: bytes) -> int:
        """Return the number of *text*, which is added if it is new."""
        at = self._slot(text)
        known = self._slots[at]
        if known:
            return known - 1
        self._bytes += text
        count = len(self._ends)
        self._ends.append(len(self._bytes))
        self._slots[at] = count
        if 3 * count > 2 * self._mask:
            self._widen()
        return count - 1

    def _slot(self, text: bytes) -> int:
        """Return where the number of *text* is, or the free slot where it belongs."""
        slots, ends, texts, mask = self._slots, self._ends, self._bytes, self._mask
        at = hash(text) & mask
        while number := slots[at]:
            if texts[ends[number - 1] : ends[number]] == text:
                return at
            at = (at + 1) & mask
        return at

    def _widen(self) -> None:
        self._mask = mask = 2 * self._mask + 1
        slots = self._slots = array("I", bytes(4 * (mask + 1)))
        start, texts = 0, self._bytes
        for number, end in enumerate(itertools.islice(self._ends, 1, None), 1):
            at = hash(bytes(texts[start:end])) & mask
            while slots[at]:
                at = (at + 1) & mask
            slots[at], start = number, end


def new_texts() -> Texts | CTexts:
    """Return no texts, of the backend in use."""
    # Hashes of bytes differ from one run of Python to the next, so that no file knows the seed.
    return Texts() if NATIVE is None else NATIVE.CTexts(hash(b"texts") & 0xFFFFFFFFFFFFFFFF)


def packed(text: str) -> bytes:
    """Return *text* as `Texts` keeps it: any text, half a surrogate pair too."""
    return text.encode("utf-8", "surrogatepass")


def unpacked(text: bytes) -> str:
    """Return the text that `packed` made *text* of."""
    return text.decode("utf-8", "surrogatepass")
