"""The scan of PML in C against its twin: the same rows, counts and problems of any file."""

from __future__ import annotations

import os
import random
import re
from pathlib import Path

import pml_files
import pytest
from twins import told

from regsim import accel
from regsim.errors import DataError
from regsim.trace.readers import _pml_scan, pml

pytestmark = pytest.mark.skipif(accel.NATIVE is None, reason="the C library is not in use")
ROUNDS = {"ci": 300, "nightly": 10_000}.get(os.environ.get("HYPOTHESIS_PROFILE", ""), 150)


def damaged(rng: random.Random, data: bytes) -> bytes:
    """Return *data* with some bytes changed, or its end cut off."""
    changed = bytearray(data)
    for _ in range(rng.choice([0, 0, 1, 3, 20])):
        changed[rng.randrange(4, len(changed))] = rng.choice([0, 1, 0xFF, rng.randrange(256)])
    if rng.random() < 0.1:
        del changed[rng.randrange(1000, len(changed)) :]
    return bytes(changed)


def test_twins_agree_on_any_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is damaged, however the file is read, C and its twin tell the same of it."""
    pytest.importorskip("numpy")
    path, unread, rows = tmp_path / "trace", 0, 0
    for seed in range(ROUNDS):
        rng = random.Random(seed)
        path.write_bytes(damaged(rng, pml_files.pml_file(rng, rng.choice([1, 40, 200]))))
        monkeypatch.setattr(pml, "_BLOCK", rng.choice([7, 64, 1 << 17]))
        monkeypatch.setattr(_pml_scan, "_WINDOW", rng.choice([1 << 11, 1 << 20]))
        monkeypatch.setattr(_pml_scan, "_SPARE", rng.choice([0, 64]))
        try:
            with monkeypatch.context() as patch:
                patch.setattr(pml, "NATIVE", None)
                wanted = told(path, 1)
        except DataError as error:
            unread += 1
            with pytest.raises(DataError, match=re.escape(str(error))):
                told(path, 1)
            continue
        assert told(path, 1) == wanted, f"seed {seed}"
        rows += len(wanted[0])
    assert unread < ROUNDS / 3
    assert rows > 10 * ROUNDS


def test_file_that_shrinks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file that is cut short while it is read, what was there is told, and that it was cut."""
    path = tmp_path / "trace"
    data = pml_files.pml_file(random.Random(7), 3000)
    path.write_bytes(data)
    monkeypatch.setattr(pml, "_BLOCK", 1000)
    monkeypatch.setattr(_pml_scan, "_WINDOW", 1 << 12)
    block = _pml_scan.EventScan.block

    def shrinking(*given: object) -> bool:
        done = block(*given)  # type: ignore[arg-type]
        with path.open("r+b") as file:
            file.truncate(len(data) // 2)
        return done

    monkeypatch.setattr(_pml_scan.EventScan, "block", shrinking)
    _, facts, *_ = told(path, 1)
    assert facts["events"] in (1000, 2000)
    assert facts["record"]["damage"] == ["the file became shorter while it was read"]
