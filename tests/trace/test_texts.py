"""Distinct texts in C against their twin."""

from __future__ import annotations

import random

import pytest

from regsim import accel
from regsim.trace.texts import Texts, new_texts

pytestmark = pytest.mark.skipif(accel.NATIVE is None, reason="the C library is not in use")


@pytest.mark.parametrize("seed", range(5))
def test_twins_number_texts_alike(seed: int) -> None:
    """Each text has the number of its first coming, is found by it, and stands under it."""
    rng = random.Random(seed)
    texts, twin = new_texts(), Texts()
    assert not isinstance(texts, Texts)
    assert texts.find(b"") == twin.find(b"") == -1
    known: list[bytes] = []
    for _ in range(3_000):
        text = rng.randbytes(rng.choice([0, 1, 2, 3, 4, 7, 8, 9, 16, 17, 40]))
        text = rng.choice([*known[-50:], text, text[:-1] + b"x", b"HKCU\\" + text])
        assert texts.find(text) == twin.find(text)
        number = texts.number(text)
        assert number == twin.number(text) == texts.find(text)
        if number == len(known):
            known.append(text)
        assert texts[number] == twin[number] == text == known[number]
    assert [texts[number] for number in range(len(known))] == known


def test_a_text_that_is_not_there_is_refused() -> None:
    """C takes no number on trust."""
    texts = new_texts()
    texts.number(b"a")
    for number in (1, -2, 1 << 40):
        with pytest.raises(IndexError):
            texts[number]
