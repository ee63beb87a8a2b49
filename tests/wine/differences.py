"""Where regsim's ``wine`` is known not to do as Wine 8.0 does, each with the reason."""

from __future__ import annotations

import re
from typing import Final

import attrs

VERSION: Final = "8.0"
"""The version of Wine that the dialect and this table are of."""


@attrs.frozen
class Reason:
    """One expected difference.

    Attributes:
        call: a pattern for the line of the program.
        wine: a pattern for Wine's answer.
        regsim: a pattern for regsim's.
        why: the reason, with the source.
        ends: whether the two sides are in different states after it, so that no more is compared.
        after: a pattern that an earlier line of the program must have.
    """

    call: str
    wine: str
    regsim: str
    why: str
    ends: bool = True
    after: str = ""


_CLASS = "Wine 8.0 writes the class of a key that RegCreateKeyEx opens"
_EMPTY = "Wine makes an empty file before a save fails"
_CLIENT = "Wine's libraries look at this before they ask the server, which looks at rights"

EXPECTED: Final[tuple[Reason, ...]] = (
    Reason("load", "1017$", "0$", _EMPTY, after="save"),
    Reason(
        "deltree", "", "", "Wine follows the links that a tree holds", after=r"create\|.*\|2\|-"
    ),
    Reason("info", r"0\t=(cls)?\t", r"0\t=(cls)?\t", _CLASS, after="create.*=cls", ends=False),
    Reason("save", "6$", "1314$", "Wine looks at the handle before the privilege", ends=False),
    Reason("load", "2$", "1314$", _CLIENT, ends=False),
    Reason("load", "(1017|183)$", "2$", _EMPTY, after="save"),
    Reason("exists", "1$", "0$", _EMPTY, after="save", ends=False),
    Reason(
        "deltree.*[|][-=]$",
        "(0|1018)$",
        "5$",
        "Wine opens the key again, whatever the handle's rights",
    ),
    Reason(
        "sig",
        "yes$",
        "no$",
        "Wine signals what waits on one of two handles to an open key when that one is closed",
        after="(dup|override|give|spawn)",
        ends=False,
    ),
    Reason(
        "create",
        "(1021|2|87)\t[U0]\t",
        "(1021|2|87)\t[U0]\t",
        "Wine makes the keys of a path one by one, and leaves the variable when one of them fails",
    ),
    Reason("set.*LONG", "87$", "(5|1018|6)$", _CLIENT, ends=False),
    Reason(
        "sig",
        "no$",
        "yes$",
        "Wine does not signal what waits on a key that is deleted, but when its handle closes",
        after="(del|deltree|ntdelete|unload)",
    ),
)


def explained(program: tuple[str, ...], wine: str, regsim: str) -> Reason | None:
    """Return why the last line of *program* is answered differently, or None where nobody knows."""
    *before, line = program
    for reason in EXPECTED:
        if (
            re.match(reason.call, line)
            and re.match(reason.wine, wine)
            and re.match(reason.regsim, regsim)
            and (not reason.after or any(re.match(reason.after, one) for one in before))
        ):
            return reason
    return None
