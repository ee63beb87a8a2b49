"""What holds for any trace: tiers agree, and a verdict never claims more than the evidence."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from regsim.trace.asking import replay
from regsim.trace.finding import Conclusion, Finding

KEYS = [
    "HKCU",
    r"HKCU\A",
    r"hkcu\a" + "\\",
    r"HKU\S-1-5-21-7\B",
    r"HKLM\X",
    r"HKCU\Software\Classes",
]
PIDS = [1, 2, 3]
STEP = st.one_of(
    st.tuples(st.just("open"), st.sampled_from(PIDS), st.sampled_from(KEYS)),
    st.tuples(st.just("close"), st.sampled_from(PIDS), st.integers(0, 30)),
    st.tuples(st.just("exit"), st.sampled_from(PIDS), st.just(0)),
    st.tuples(st.just("start"), st.sampled_from(PIDS), st.just(0)),
)

Record = dict[str, Any]


def play(steps: list[tuple[str, int, Any]]) -> tuple[list[Record], Counter[tuple[int, str]]]:
    """Return the records of a program that closes only what it has open, and what is left."""
    records: list[Record] = []
    live: dict[int, dict[int, str]] = {pid: {} for pid in PIDS}
    value = 0
    for op, pid, what in steps:
        if op == "open":
            value += 4
            live[pid][value] = what
            records.append({"op": "open", "pid": pid, "key": what, "handle": value})
        elif op == "close" and live[pid]:
            handle = list(live[pid])[what % len(live[pid])]
            key = live[pid].pop(handle)
            records.append({"op": "close", "pid": pid, "key": key, "handle": handle})
        elif op in ("exit", "start"):
            live[pid] = {}
            records.append({"op": op, "pid": pid})
    left = Counter(
        (pid, key.rstrip("\\").upper()) for pid, keys in live.items() for key in keys.values()
    )
    return records, left


def judged(records: list[Record]) -> Finding:
    """Return the verdict on records."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace"
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        return replay(path)


def held(verdict: Finding) -> Counter[tuple[int, str]]:
    """Return how many handles each process certainly has on each key of a user's hive."""
    return Counter({(b.pid, b.key.upper()): b.balance[0] for b in verdict.blockers if b.certain})


PADDING: list[Record] = [
    {"op": "open", "pid": 9, "key": r"HKLM\P", "handle": 4},
    {"op": "close", "pid": 9, "key": r"HKLM\P", "handle": 4},
]


@given(st.lists(STEP, max_size=60))
def test_tiers_agree_with_the_program(steps: list[tuple[str, int, Any]]) -> None:
    """By handle and by path alike, what is held is what the program has left open."""
    records, left = play(steps)
    users = Counter({place: n for place, n in left.items() if not place[1].startswith("HKLM")})
    by_handle = judged(PADDING + records)
    plain = [{k: v for k, v in record.items() if k != "handle"} for record in PADDING + records]
    by_path = judged(plain)

    assert held(by_handle) == users
    assert held(by_path) == users
    assert by_handle.unmatched_closes == by_path.unmatched_closes == 0
    assert (
        (by_handle.conclusion is Conclusion.BLOCKED)
        == (by_path.conclusion is Conclusion.BLOCKED)
        == bool(users)
    )


@given(st.lists(STEP, max_size=60), st.integers(0, 60))
def test_a_later_beginning_claims_no_more(steps: list[tuple[str, int, Any]], skip: int) -> None:
    """A trace that begins later proves fewer handles, never more, and none that are not there."""
    records, left = play(steps)
    plain = [{k: v for k, v in record.items() if k != "handle"} for record in records]
    verdict = judged([*PADDING, *plain[skip:]])

    for place, count in held(verdict).items():
        assert count <= left[place]
    assert verdict.conclusion is not Conclusion.CLEAR
    for blocker in verdict.blockers:
        most = blocker.balance[1]
        assert most is None or most >= left[blocker.pid, blocker.key.upper()]
