"""Each condition of a clear verdict, from both sides: with the flaw it fails, and alone it fails.

A case is a whole capture, which is clear, and one flaw. Without the condition that the flaw is of
the verdict would be clear again: no other one notices it.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from writers import START, csv, pml, xml

from regsim.trace import conditions
from regsim.trace.asking import replay
from regsim.trace.finding import Conclusion, Finding, HiveFinding

Row = dict[str, Any]
HIVE: Final = "HKU\\S-1-5-21-1-2-3-1001"
KEY: Final = HIVE + "\\Software"
SECOND: Final = 10_000_000


def lines(rows: Sequence[Row]) -> bytes:
    """Return records as JSON lines, a second apart where they have no time; texts stand as is."""
    texts = []
    for at, row in enumerate(rows):
        texts.append(row["text"] if "text" in row else json.dumps({"time": at, **row}))
    return "\n".join(texts).encode() + b"\n"


def procmon(write: Callable[[Sequence[Row]], bytes]) -> Callable[[Sequence[Row]], bytes]:
    """Return a writer of the same records as Process Monitor has them."""
    names = {op: f"Reg{op.capitalize()}Key" for op in ("load", "unload", "open", "close")}
    names |= {op: f"Process {op.capitalize()}" for op in ("start", "exit")}

    def rows(records: Sequence[Row]) -> bytes:
        return write(
            [
                {
                    "time": START + row.get("time", at) * SECOND,
                    "image": "a.exe",
                    "pid": row["pid"],
                    "operation": row.get("operation", names.get(row["op"], row["op"])),
                    "path": row.get("key", ""),
                    "result": row.get("result", "SUCCESS"),
                    "status": row.get("status", 0),
                    "detail": "",
                    "access": 0,
                    "parent": 4,
                    **({"counter": row["counter"]} if "counter" in row else {}),
                }
                for at, row in enumerate(records)
            ]
        )

    return rows


JSONL, CSV, XML, PML = lines, procmon(csv), procmon(xml), procmon(pml)

QUERY: Final[Row] = {"op": "RegQueryValue", "pid": 2, "key": KEY}
BEGUN: Final[list[Row]] = [{"op": "start", "pid": 2}]
LOADED: Final[list[Row]] = [{"op": "load", "pid": 1, "key": HIVE}]
BALANCED: Final[list[Row]] = [
    {"op": "open", "pid": 2, "key": KEY, "handle": 4},
    {"op": "close", "pid": 2, "key": KEY, "handle": 4},
]
LET_GO: Final[list[Row]] = [{"op": "unload", "pid": 1, "key": HIVE}]
FORCED: Final[list[Row]] = [{"op": "force", "pid": 1, "key": HIVE}]


def opened(**more: object) -> Row:
    """Return the record of an open, with a handle of its own."""
    return {"op": "open", "pid": 2, "key": KEY, "handle": 8, **more}


@attrs.frozen
class Case:
    """A flaw, the condition that notices it, and a part of what is said.

    ``flaw`` follows the whole capture unless ``rows`` has the capture with the flaw in it. ``data``
    changes the file. ``kept`` says that the flaw is of the time before the hive's last load too,
    where it must not matter: not where it is the order of all rows that it makes doubtful.
    """

    name: str
    condition: str
    said: str
    flaw: Sequence[Row] = ()
    write: Callable[[Sequence[Row]], bytes] = JSONL
    rows: Sequence[Row] = ()
    data: Callable[[bytes], bytes] | None = None
    kept: bool = True


WHOLE: Final = [*BEGUN, *LOADED, *BALANCED]
CASES: Final = (
    Case("loaded earlier", "_begins", "was loaded before", rows=[*BEGUN, *BALANCED], kept=False),
    Case("cut", "_whole", "cut short", data=lambda data: gzip.compress(data)[:-4], kept=False),
    Case("no record", "_rows", "could not be read", [{"text": "{"}]),
    Case(
        *("a line lost between two rows", "_rows", "could not be read"),
        [QUERY, opened()],
        write=CSV,
        data=lambda data: data.replace(b'""\r\n"16:33:19', b'"""16:33:19'),
    ),
    Case("a record of no object", "_rows", "could not be read", [{"text": "[1]"}]),
    Case("a hive without a name", "_rows", "the hive has no name", [{"op": "load", "pid": 1}]),
    *(
        Case(
            *(f"{name}, {op}", "_rows", "is not the root of a hive"),
            [{"op": op, "pid": 1, "key": KEY}],
            write=write,
        )
        for op in ("load", "unload")
        for name, write in (("a key that is no root", JSONL), ("the same in a CSV", CSV))
    ),
    Case("a call that nobody knows", "_calls", "'CmOpenKey'", [opened(op="CmOpenKey")]),
    Case("no call at all", "_calls", "not understood, ''", [opened(op="")]),
    Case("an unknown parent", "_names", "does not name", [opened(key="Soft", parent=0x44)]),
    Case("no key", "_names", "does not name", [opened(key="")]),
    Case("another machine's key", "_names", "does not name", [opened(key="\\\\PC7\\" + KEY)]),
    Case("a status that nobody knows", "_statuses", "0x77", [opened(status=0x77)]),
    Case("a status of two meanings", "_statuses", "0x103", [opened(status=259)]),
    Case(
        *("a result that nobody knows", "_statuses", "'ERFOLG'"),
        [opened(result="ERFOLG")],
        write=CSV,
    ),
    Case(
        *("a number skipped", "_gaps", "skips 1 number"),
        [opened(op="RegQueryValue", counter=104)],
        write=PML,
    ),
    Case(
        "a clock stepped back",
        "_order",
        "backwards",
        [{**BEGUN[0], "pid": 3, "time": 1}],
        kept=False,
    ),
    Case(
        *("numbers that fall", "_order", "counter runs backwards"),
        rows=[*BEGUN, *({**row, "counter": 9 - at} for at, row in enumerate(LOADED + BALANCED))],
        write=PML,
        kept=False,
    ),
    Case(
        *("a time that nobody can read", "_order", "cannot be read"),
        write=XML,
        data=lambda data: data.replace(b"16:33:17.3062614", b"noon"),
        kept=False,
    ),
    Case(
        *("the same in a CSV", "_order", "cannot be read"),
        write=CSV,
        data=lambda data: data.replace(b"16:33:17.3062614", b"noon"),
        kept=False,
    ),
    Case("a close too many", "_balance", "have no open", [{**BALANCED[1], "handle": 12}]),
    Case("a handle given anew", "_balance", "given anew", [BALANCED[0], *BALANCED]),
    Case(
        *("a close of an older handle or a newer", "_balance", "older"),
        write=CSV,
        rows=[
            *(*BEGUN, *LOADED, opened(), *LET_GO, *LOADED, opened()),
            BALANCED[1],
        ],
        kept=False,
    ),
    Case(
        *("a refused unload", "_witness", "was refused with 0xc0000121"),
        [{**LET_GO[0], "status": 0xC0000121}],
    ),
    Case(
        "opened after its unload", "_witness", "after its unload", [*LET_GO, *BALANCED], kept=False
    ),
    Case(
        *("a key gone with its hive", "_witness", "failed with 0xc000017c"),
        [*LET_GO, {"op": "RegQueryValueEx", "pid": 2, "key": KEY, "status": 1018}],
    ),
    *(
        Case(
            *(f"the same as {name}", "_witness", "failed with 0xc000017c"),
            [*LET_GO, opened(op=op, result="KEY DELETED", status=0xC000017C)],
            write=write,
        )
        for name, op, write in (
            *(("CSV", "RegQueryValue", CSV), ("CSV, an open", "open", CSV)),
            *(("XML", "RegQueryValue", XML), ("PML", "open", PML)),
        )
    ),
    Case("loaded twice", "_witness", "was loaded again", LOADED, kept=False),
    Case(
        "loaded while open", "_witness", "was loaded again", rows=[*BALANCED, *LOADED], kept=False
    ),
    Case(
        *("an heir by path", "_travel", "another process may have"),
        [opened(), {"op": "exit", "pid": 2}],
        write=CSV,
    ),
    Case(
        *("an heir by handle", "_travel", "another process may have"),
        [opened(), {"op": "start", "pid": 3}, {"op": "exit", "pid": 2}],
    ),
    Case(
        *("work after the end", "_processes", "after its end"),
        [{"op": "exit", "pid": 2}, *BALANCED],
        write=CSV,
    ),
    Case("a number given anew", "_processes", "whose end is not shown", BEGUN, kept=False),
    Case("somebody's HKCU", "_aliases", "--hkcu-sid", [opened(key="HKCU\\Software")]),
)


def judged(case: Case, rows: Sequence[Row], path: Path, *, flawed: bool) -> Finding:
    """Return the verdict on *rows* as the case's format has them."""
    data = case.write(rows)
    path.write_bytes(case.data(data) if flawed and case.data else data)
    return replay(path)


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    """Return one case after the other."""
    found: Case = request.param
    return found


def hive_in(found: Finding) -> HiveFinding:
    """Return what is said of the hive that all cases are about."""
    (hive,) = (hive for hive in found.hives if hive.hive == HIVE)
    return hive


def rows_of(case: Case) -> Sequence[Row]:
    """Return the capture with its flaw."""
    return case.rows or [*WHOLE, *case.flaw]


def test_the_flaw_forbids_clear(case: Case, tmp_path: Path) -> None:
    """Without the flaw the hive is clear; with it, it is inconclusive, and the reason is said."""
    without = judged(case, WHOLE, tmp_path / "whole", flawed=False)
    found = judged(case, rows_of(case), tmp_path / "flawed", flawed=True)

    assert without.conclusion is Conclusion.CLEAR
    assert found.conclusion is not Conclusion.CLEAR
    hive = hive_in(found)
    assert hive.conclusion is Conclusion.INCONCLUSIVE
    assert [reason for reason in hive.reasons if case.said in reason]


def test_no_other_condition_notices_it(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its condition the capture would be called clear."""
    kept = tuple(one for one in conditions.CONDITIONS if one.__name__ != case.condition)
    assert len(kept) == len(conditions.CONDITIONS) - 1
    monkeypatch.setattr(conditions, "CONDITIONS", kept)
    found = judged(case, rows_of(case), tmp_path / "flawed", flawed=True)

    assert hive_in(found).conclusion is Conclusion.CLEAR


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.kept], ids=lambda case: str(case.name)
)
def test_what_was_before_the_last_load_does_not_matter(case: Case, tmp_path: Path) -> None:
    """The hive unloaded and loaded again after the flaw is clear: nothing open survives that."""
    rows = [*rows_of(case), *LET_GO, *LOADED]
    found = judged(case, rows, tmp_path / "flawed", flawed=True)

    assert hive_in(found).conclusion is Conclusion.CLEAR


def test_every_condition_has_a_case() -> None:
    """No condition is without a flaw that it alone notices."""
    assert {case.condition for case in CASES} == {one.__name__ for one in conditions.CONDITIONS}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([*BEGUN, *LOADED, BALANCED[0]], "not one key is closed"),
        ([*BEGUN, *LOADED, BALANCED[1]], "none is opened"),
    ],
)
def test_a_filter_that_shows_forbids_every_verdict(
    rows: Sequence[Row], said: str, tmp_path: Path
) -> None:
    """Opens without one close, or closes without one open, were filtered: no balance is known."""
    path = tmp_path / "filtered"
    path.write_bytes(CSV(rows))
    found = replay(path)

    assert found.conclusion is Conclusion.INCONCLUSIVE
    assert said in found.reasons[0]
