"""The real ``winreg`` of CPython for Windows, on Wine, against `regsim.testing.winreg`.

The same CPython runs both sides, the simulated one on a machine of Wine's dialect.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from cpython import Python  # noqa: TC002 - a fixture gives it
from winreg_programs import Call, program

PROGRAMS = int(os.environ.get("REGSIM_WINREG_PROGRAMS", "1500"))
SEED = int(os.environ.get("REGSIM_WINE_SEED", "0"))

pytestmark = pytest.mark.usefixtures("known_version")

# What the words of are not compared, and why: how many arguments a call has, and how they are
# named, CPython's C code and Python itself say in words of their own; the type is "winreg.PyHKEY"
# to C, which no class of Python's can be called.
_NUMBER = re.compile(r"takes |expected \d|missing |got some positional-only")
_COMPARED = re.compile("'<' not supported")
_EXPECTED = (
    # Wine 8.0 refuses the number -1 of an entry, and takes any key for these calls, unseen.
    (re.compile(r"W\.Enum\w+\(.*, -1\)$"), re.compile(r".*, ([56]|1018), null\]")),
    (re.compile(r"W\.ConnectRegistry\("), re.compile(r".*, 6, null\]")),
    (re.compile(r"W\.\w+ReflectionKey\("), re.compile(r".*, [56], null\]")),
    # A predefined key opened again is the number that was passed, here always its signed form.
    (re.compile(r"str\(k\d+\)"), re.compile(r".*PyHKEY:0xF")),
    # Wine 8.0 does not look at the reserved argument of RegDeleteKeyEx (MSDN: it must be zero).
    (re.compile(r"W\.DeleteKeyEx\(.*, 1\)$"), re.compile(r".*, 87, null\]")),
)


def told(answer: Any) -> Any:
    """Return *answer* without words that are not compared."""
    if isinstance(answer, list) and answer[:2] == ["raised", "TypeError"]:
        if _NUMBER.search(answer[2]):
            return ["raised", "TypeError", "other arguments than it takes"]
        if _COMPARED.match(answer[2]):
            return ["raised", "TypeError", "not ordered"]
    return json.loads(json.dumps(answer).replace("winreg.PyHKEY", "PyHKEY"))


def different(calls: list[Call], real: list[Any], simulated: list[Any]) -> str | None:
    """Return the first call of a program that is answered differently; None for none.

    What comes after an expected difference is not compared.
    """
    for (_, source), theirs, ours in zip(calls, real, simulated, strict=True):
        if told(theirs) == told(ours):
            continue
        for call, answer in _EXPECTED:
            if call.match(source) and answer.match(json.dumps(ours)):
                return None
        return f"{source}: real {theirs}, simulated {ours}"
    return None


def test_programs(python: Python, tmp_path: Path) -> None:
    """Values, exceptions, codes and messages of random programs are those of the real module."""
    programs = [program(seed) for seed in range(SEED, SEED + PROGRAMS)]
    given = tmp_path / "programs.jsonl"
    given.write_text("".join(json.dumps(calls) + "\n" for calls in programs), "ascii")
    answers = []
    for side in ("real", "simulated"):
        made = tmp_path / f"{side}.jsonl"
        here = Path(__file__).with_name("winreg_side.py")
        done = python.run(*(str(word) for word in (here, side, given, made)), limit=600)
        assert done.returncode == 0, done.stderr.decode()
        answers.append([json.loads(line) for line in made.read_text("ascii").splitlines()])

    found = [
        f"{seed}: {wrong}"
        for seed, calls, real, simulated in zip(
            range(SEED, SEED + PROGRAMS), programs, *answers, strict=True
        )
        if (wrong := different(calls, real, simulated)) is not None
    ]
    assert found == []
