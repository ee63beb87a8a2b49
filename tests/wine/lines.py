"""The language of the judge: a call a line, and the answer that each side gives to it.

``call|argument|...`` is a call, with ``|`` for the tabs that the driver reads. A key is ``$n`` (a
slot), ``hkcu`` and the like, ``#hex`` or ``-`` (NULL); a text is ``-`` (NULL) or ``=characters``,
of which ``%XXXX`` is one UTF-16 unit. ``@`` is a tag of the run, so that names are unique.

A file of facts has blocks: a line ``# what it is about``, lines ``source:`` and ``on:``, then calls
with their answers, ``call => answer``. Answers are separated by `` or ``, ``*`` is anything; what
follows ``; wine`` is Wine's own answer where that is another. A call without an answer is made and
not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import attrs

SID = "S-1-5-21-0-0-0-1000"
"""The user that programs run as under Wine, and that the simulated computer has."""

OLD = ("nt4-sp6a",)
SINCE_2000 = ("w2k", "xp", "2003", "vista", "win7", "win8.1", "win10", "win11")
SETS = {
    "nt": (*OLD, *SINCE_2000),
    "old": ("nt4-sp6a", "w2k"),
    "2000": SINCE_2000,
    "xp": SINCE_2000[1:],
    "2003": SINCE_2000[2:],
    "vista": SINCE_2000[3:],
    "win7": SINCE_2000[4:],
    "before-win10": SINCE_2000[:6],
}
"""The sets of systems that facts hold for, by name: ``2000`` is from Windows 2000 on."""


def escaped(text: str | None) -> str:
    """Return *text* as the driver writes it."""
    if text is None:
        return "-"
    raw = text.encode("utf-16-le", "surrogatepass")
    units = [int.from_bytes(raw[i : i + 2], "little") for i in range(0, len(raw), 2)]
    shown = (chr(u) if 33 <= u <= 126 and u != ord("%") else f"%{u:04X}" for u in units)
    return "=" + "".join(shown)


def unescaped(word: str) -> str | None:
    """Return the text that *word* stands for; None for NULL."""
    if not word.startswith("="):
        return None
    raw = b""
    for unit in re.findall("%[0-9A-Fa-f]{4}|.", word[1:], re.DOTALL):
        number = int(unit[1:], 16) if len(unit) > 1 else ord(unit)
        raw += number.to_bytes(2, "little")
    return raw.decode("utf-16-le", "surrogatepass")


def filled(line: str, tag: str) -> str:
    """Return *line* as it is sent: with *tag*, tabs, long names and targets of links.

    ``LINK{x}`` is the data of a link to key ``x`` below the run's own, ``LONG{k,257}`` 257 ``k``.
    """

    def target(found: re.Match[str]) -> str:
        path = rf"\REGISTRY\USER\{SID}\{tag}\{found[1]}"
        return path.encode("utf-16-le").hex()

    line = re.sub(r"LINK\{(.*?)\}", target, line.replace("@", tag))
    line = re.sub(r"LONG\{(.),(\d+)\}", lambda found: found[1] * int(found[2]), line)
    return line.replace("|", "\t")


@attrs.frozen
class Expected:
    """One call with the answers that are right, on Windows and on Wine."""

    call: str
    windows: tuple[str, ...]
    wine: tuple[str, ...]

    def allows(self, answer: str, *, wine: bool) -> bool:
        """Return whether *answer* is right."""
        right = self.wine if wine else self.windows
        plain = answer.replace("\t", " ")
        return not right or any(
            re.fullmatch(re.escape(one).replace(r"\*", ".*"), plain) for one in right
        )


@attrs.frozen
class Fact:
    """A block of facts: what it is about, who says so, on which systems, and the calls."""

    name: str
    source: str
    systems: tuple[str, ...]
    calls: tuple[Expected, ...]


def facts(folder: Path) -> Iterator[Fact]:
    """Yield the blocks of the files in *folder*."""
    for file in sorted(folder.glob("*.txt")):
        for block in re.split(r"\n\s*\n", file.read_text("utf-8")):
            lines = [line for line in block.splitlines() if line.strip()]
            if lines and any("=>" in line for line in lines):
                yield _fact(lines)


def _fact(lines: list[str]) -> Fact:
    name, labels, calls = lines[0].removeprefix("#").strip(), {"on": "nt"}, []
    for line in lines[1:]:
        label, colon, rest = line.partition(": ")
        if colon and label in {"source", "on"}:
            labels[label] = rest.strip()
        elif not line.startswith("#"):
            calls.append(_expected(line))
    return Fact(name, labels["source"], SETS[labels["on"]], tuple(calls))


def _expected(line: str) -> Expected:
    call, _, answers = line.partition(" => ")
    windows, _, wine = answers.partition("; wine ")
    right = tuple(one.strip() for one in windows.split(" or ") if one.strip())
    theirs = tuple(one.strip() for one in wine.split(" or ") if one.strip())
    return Expected(call.strip(), right, theirs or right)
