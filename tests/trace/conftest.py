"""Captures to test on: those beside the project, and small ones that the tests write."""

from __future__ import annotations

import gzip
import os
import sys
import threading
import zlib
from collections.abc import Callable, Generator, Iterable, Sequence
from pathlib import Path

import pytest

HERE = str(Path(__file__).resolve().parent)
if HERE not in sys.path:  # the maker of event logs beside these tests can be imported by name
    sys.path.append(HERE)

REPO = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("REGSIM_SHARED") or REPO.parent / "shared")
DATA = SHARED / "data"

Event = tuple[str, str, int, str, str, str, str]


@pytest.fixture(scope="session")
def captured(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function from a name below ../shared/data to an unpacked copy of our own."""
    if not (DATA / "MANIFEST.tsv").exists():
        pytest.skip(f"no captured traces at {DATA} (set REGSIM_SHARED)")
    target = tmp_path_factory.mktemp("captured")

    def fetch(name: str) -> Path:
        copy = target / name.replace("/", "-")
        if not copy.exists():
            for suffix, unpack in ((".zlib", zlib.decompress), (".gz", gzip.decompress)):
                packed = DATA / f"{name}{suffix}"
                if packed.exists():
                    copy.write_bytes(unpack(packed.read_bytes()))
                    return copy
            copy.write_bytes((DATA / name).read_bytes())
        return copy

    return fetch


COLUMNS = ("Time of Day", "Process Name", "PID", "Operation", "Path", "Result", "Detail")


def quoted(fields: Iterable[str]) -> str:
    """Return one row as Process Monitor writes it: all fields quoted, quotes doubled."""
    return ",".join('"' + field.replace('"', '""') + '"' for field in fields)


def csv_text(rows: Iterable[Sequence[str]], columns: Sequence[str] = COLUMNS) -> bytes:
    """Return a CSV file as Process Monitor saves it, with the mark of UTF-8 at its start."""
    lines = [quoted(columns), *(quoted(row) for row in rows)]
    return ("\r\n".join(lines) + "\r\n").encode("utf-8-sig")


class Trace:
    """Writes the rows of a 7-column CSV, one second and a bit after another."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, ...]] = []
        self.second = 0

    def add(
        self,
        operation: str,
        path: str = "",
        *,
        result: str = "SUCCESS",
        detail: str = "",
        process: str = "app.exe",
        pid: int = 10,
    ) -> Trace:
        """Append one event."""
        time = f"10:00:{self.second:02}.{len(self.rows):07}"
        self.second = min(self.second + 1, 59)
        self.rows.append((time, process, str(pid), operation, path, result, detail))
        return self

    def open(self, path: str, access: str = "Read", **more: object) -> Trace:
        """Append an open that succeeds."""
        return self.add("RegOpenKey", path, detail=f"Desired Access: {access}", **more)  # type: ignore[arg-type]

    def close(self, path: str, **more: object) -> Trace:
        """Append a close."""
        return self.add("RegCloseKey", path, **more)  # type: ignore[arg-type]

    def start(self, **more: object) -> Trace:
        """Append the start of the process."""
        return self.add("Process Start", detail="Parent PID: 4", **more)  # type: ignore[arg-type]

    def exit(self, **more: object) -> Trace:
        """Append the end of the process."""
        return self.add("Process Exit", detail="Exit Status: 0", **more)  # type: ignore[arg-type]

    def save(self, path: Path) -> Path:
        """Write the file and return its path."""
        path.write_bytes(csv_text(self.rows))
        return path


@pytest.fixture
def trace() -> Trace:
    """An empty capture to write to."""
    return Trace()


@pytest.fixture
def waits_when_given_up() -> Callable[[Generator[object, None, None], threading.Event], bool]:
    """Closes a reading whose threads wait for an event, sets that, and tells whether it waited."""

    def close(reading: Generator[object, None, None], going_on: threading.Event) -> bool:
        giving_up = threading.Thread(target=reading.close, daemon=True)
        giving_up.start()
        giving_up.join(20)
        waits = giving_up.is_alive()
        going_on.set()
        return waits

    return close
