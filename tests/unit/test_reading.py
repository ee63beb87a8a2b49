"""Large files: nobody can take them away from under the reader."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from pathlib import Path

import pytest

from regsim import reading

CUT = """
import os, sys
from pathlib import Path
from regsim import reading
path = Path(sys.argv[1])
{read}
os.truncate(path, 5)
print(len(content), bytes(content[-3:]))
"""
MAPPED = """
import mmap
with path.open("rb") as file:
    content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
"""


def cut_while_read(path: Path, read: str) -> subprocess.CompletedProcess[str]:
    """Cut *path* short once it is read by *read*, in a process of its own, and touch its end."""
    program = [sys.executable, "-c", CUT.format(read=read), str(path)]
    return subprocess.run(program, check=False, capture_output=True, text=True)


SIZE = 3 * (1 << 16) + 1
HOW = ((SIZE, 0), (0, SIZE), (0, 0))  # the bounds, by which it is read, held in a map, or copied


@pytest.mark.skipif(sys.platform == "win32", reason="what is mapped cannot be cut short there")
@pytest.mark.parametrize(("whole", "held"), HOW)
def test_a_file_cut_short_while_it_is_read_ends_nothing(
    whole: int, held: int, tmp_path: Path
) -> None:
    """The content stays as it was; touching a plain map of the same file ends the process."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * (SIZE - 3) + b"end")
    bounds = f"reading.WHOLE, reading.HELD = {whole}, {held}"

    done = cut_while_read(path, f"{bounds}\ncontent = reading.steady(path)")

    assert (done.returncode, done.stdout) == (0, f"{SIZE} b'end'\n")
    path.write_bytes(b"x" * SIZE)
    assert cut_while_read(path, MAPPED).returncode < 0


@pytest.mark.parametrize(("whole", "held"), HOW)
@pytest.mark.parametrize("size", [0, 1, SIZE])
def test_all_of_a_file_is_read(
    size: int, whole: int, held: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever way it is read, where the kernel copies and where not."""
    monkeypatch.setattr(reading, "WHOLE", whole)
    monkeypatch.setattr(reading, "HELD", held)
    path = tmp_path / "file"
    data = os.urandom(size)
    path.write_bytes(data)
    assert bytes(reading.steady(path)) == data

    monkeypatch.delattr(os, "copy_file_range", raising=False)
    monkeypatch.delattr(mmap, "MADV_HUGEPAGE", raising=False)
    assert bytes(reading.steady(path)) == data


@pytest.mark.skipif(sys.platform == "win32", reason="what is mapped cannot be cut short there")
def test_a_file_that_is_shorter_when_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was cut off between the look at its size and the reading is not in the content."""
    monkeypatch.setattr(reading, "WHOLE", 0)
    path = tmp_path / "file"
    path.write_bytes(b"x" * SIZE)
    real = os.fstat

    def cut(file: int) -> os.stat_result:
        found = real(file)
        os.truncate(path, 5)
        return found

    monkeypatch.setattr(os, "fstat", cut)
    assert bytes(reading.steady(path)) == b"x" * 5
