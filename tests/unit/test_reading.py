"""Large files: nobody can take them away from under the reader."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from regsim import reading

CUT = """
import os, sys
from pathlib import Path
from regsim.errors import RegsimError
from regsim.reading import steady
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


@pytest.mark.skipif(sys.platform == "win32", reason="what is mapped cannot be cut short there")
@pytest.mark.parametrize("size", [reading.WHOLE, reading.WHOLE + 1, 3 * reading.WHOLE])
def test_a_file_cut_short_while_it_is_read_ends_nothing(size: int, tmp_path: Path) -> None:
    """The content stays as it was; touching a plain map of the same file ends the process."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * (size - 3) + b"end")

    done = cut_while_read(path, "content = steady(path)")

    assert (done.returncode, done.stdout) == (0, f"{size} b'end'\n")
    path.write_bytes(b"x" * size)
    assert cut_while_read(path, MAPPED).returncode < 0


@pytest.mark.parametrize("size", [0, 1, reading.WHOLE + 1])
def test_all_of_a_file_is_read(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below and above the size from which it is mapped, where the kernel copies and where not."""
    path = tmp_path / "file"
    data = os.urandom(size)
    path.write_bytes(data)
    assert bytes(reading.steady(path)) == data

    monkeypatch.delattr(os, "copy_file_range", raising=False)
    assert bytes(reading.steady(path)) == data
