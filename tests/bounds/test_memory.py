"""The memory that one more process and key of a capture costs, beyond the text that names them."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from regsim.trace.asking import replay, who

FEW, MANY = 4_200, 7_200
"""Below the first, tables of a bounded size fill up."""


def _machine(at: int) -> str:
    opened = rf'{{"op":"open","pid":{at + 5},"process":"p{at}.exe","key":"HKLM\\S\\K{at}"'
    return f'{opened},"handle":4}}\n{{"op":"close","pid":{at + 5},"handle":4}}\n'


def _closed(at: int) -> str:
    return _machine(at).replace("HKLM", "HKU\\\\S-1-5-21-7")


def _held(at: int) -> str:
    return _closed(at).partition("\n")[0] + "\n"


def _listed(at: int) -> str:
    return rf"a{at}.exe      pid: {at + 4}   type: Key    10: HKU\S-1-5-21-7\K{at}" + "\n"


@pytest.mark.parametrize(
    ("line", "read", "most"),
    [
        pytest.param(_machine, replay, 250, id="closed, of the machine"),
        pytest.param(_closed, replay, 350, id="closed, of a user"),
        pytest.param(_held, replay, 950, id="held"),
        pytest.param(_listed, who, 900, id="listed"),
    ],
)
def test_a_process_and_key_more_cost_bounded_memory(
    tmp_path: Path, line: Callable[[int], str], read: Callable[[Path], object], most: int
) -> None:
    """At the peak, each pair of its own costs at most so many bytes beyond its lines."""
    path = tmp_path / "evidence"
    beyond = []
    for count in (FEW, MANY):
        path.write_text("".join(map(line, range(count))))
        gc.collect()
        tracemalloc.start()
        try:
            read(path)
            beyond.append(tracemalloc.get_traced_memory()[1] - path.stat().st_size)
        finally:
            tracemalloc.stop()

    assert 0 < (beyond[1] - beyond[0]) / (MANY - FEW) <= most
