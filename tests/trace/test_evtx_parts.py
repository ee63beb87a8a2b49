"""A large event log is read by several processes, and says what it says to one."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import evtx_files
import pytest
from test_mutants import EVTX_MUTANTS, MUTATIONS

from regsim import cores
from regsim.trace.evidence import Reading
from regsim.trace.formats import open_evidence
from regsim.trace.readers import event_log, evtx_apart

pytest.importorskip("evtx")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there one process reads a log")

MUTANTS = EVTX_MUTANTS // 4


def chunk(number: int) -> evtx_files.Chunk:
    """Return a chunk with the leak of a process so numbered, a container's event and others."""
    one = evtx_files.Chunk()
    one.event("Disk", 7, ["bad block"] * number)
    leak = (
        "1 user registry handles leaked from \\Registry\\User\\S-1-5-21-7:\n"
        f"Process {number} (\\Device\\HarddiskVolume3\\s.exe) has opened key "
        "\\REGISTRY\\USER\\S-1-5-21-7"
    )
    one.event("Microsoft-Windows-User Profiles Service", 1530, [leak])
    one.event("Microsoft-Windows-AppModel-Runtime", 215, [f"0x8007{number:04x}", "package"])
    one.laughs(3, "ha", 2)
    return one


def log(*more: evtx_files.Chunk) -> bytes:
    """Return a log of seven chunks, of four records each, and *more*."""
    return evtx_files.evtx_file(*map(chunk, range(100, 107)), *more)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[range]:
    """The chunks that processes are started for, where each is worth one and there are 4 cores."""
    found: list[range] = []

    class Apart(event_log._Apart):
        def __init__(self, file: Any, allowed: int, part: range = range(0), share: int = 1) -> None:
            found.append(part)
            super().__init__(file, allowed, part, share)

    monkeypatch.setattr(event_log, "_Apart", Apart)
    monkeypatch.setattr(event_log, "_FEWEST", 1)
    monkeypatch.setattr(event_log, "cores", lambda: 4)
    return found


def said(path: Path, workers: int) -> dict[str, Any]:
    """Return all that the log says when so many processes read it."""
    return vars(open_evidence(path, Reading(workers=workers)))


def test_parts_say_what_the_whole_says(started: list[range], tmp_path: Path) -> None:
    """In the same order, from however many processes, and each chunk is read once."""
    path = tmp_path / "log"
    path.write_bytes(log())
    whole = said(path, 1)
    assert whole["facts"].events == 28
    assert [report.sightings[0].pid for report in whole["reports"]] == [*range(100, 107)]
    assert [event.code & 0xFFFF for event in whole["containers"]] == [*range(100, 107)]
    assert started == [range(0)]
    for workers, parts in (
        (2, [range(3), range(3, 7)]),
        (3, [range(2), range(2, 4), range(4, 7)]),
        (9, [range(1), range(1, 3), range(3, 5), range(5, 7)]),
    ):
        started.clear()
        assert said(path, workers) == whole
        assert started == parts


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data + bytes(3 << 16),
        lambda data: data + data[4096:6000],
        lambda data: data[: 4096 + (2 << 16)] + bytes(1 << 16) + data[4096 + (2 << 16) :],
    ],
    ids=["unused chunks", "an unfinished chunk", "an unused chunk within"],
)
def test_where_nothing_is_logged_nothing_is_said(
    change: Callable[[bytes], bytes], started: list[range], tmp_path: Path
) -> None:
    """Chunks that are not yet in use are no damage, to one process or to two."""
    path = tmp_path / "log"
    path.write_bytes(change(log()))
    assert said(path, 2) == said(path, 1)
    assert len(started) == 3
    assert said(path, 2)["facts"].events == 28


def test_a_part_that_tells_nothing_takes_nothing_away(started: list[range], tmp_path: Path) -> None:
    """Whose log it is, and a record that cannot be read, are told from any part."""
    path = tmp_path / "log"
    plain, unreadable = evtx_files.Chunk(), evtx_files.Chunk()
    plain.event("Disk", 7, ["bad block"])
    unreadable.laughs(1, "userenv")
    for chunks, host, problems in (
        ((plain, chunk(1)), "pc", []),
        ((plain, unreadable), "", ["a record of the profile service cannot be read"]),
    ):
        path.write_bytes(evtx_files.evtx_file(*chunks))
        whole = said(path, 1)
        assert (whole["facts"].host, whole["facts"].problems) == (host, problems)
        assert said(path, 2) == whole
    assert range(1, 2) in started


def test_what_one_process_can_do_it_does(
    started: list[range], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads a small log, and any where there is one core or one worker."""
    path = tmp_path / "log"
    path.write_bytes(log())
    said(path, 1)
    monkeypatch.setattr(event_log, "_FEWEST", 4)
    said(path, 2)
    monkeypatch.setattr(event_log, "_FEWEST", 1)
    monkeypatch.setattr(event_log, "cores", lambda: 1)
    said(path, 2)
    assert started == [range(0)] * 3
    assert cores.cores() >= 1


@pytest.mark.parametrize("place", range(7))
def test_damage_is_told_as_one_process_tells_it(
    place: int, started: list[range], tmp_path: Path
) -> None:
    """Wherever it lies: which record it follows, and what of the log is still read."""
    path = tmp_path / "log"
    data = bytearray(log())
    data[4096 + (place << 16)] ^= 1
    path.write_bytes(data)
    whole = said(path, 1)
    assert f"a record after {4 * place} is damaged" in whole["facts"].problems[0]
    assert said(path, 2) == whole
    assert started == [range(0), range(3), range(3, 7), range(0)]


def test_mutants_are_read_alike(started: list[range], tmp_path: Path) -> None:
    """Whatever is wrong with a log, it says to several processes what it says to one."""
    path = tmp_path / "mutant"
    data = log()
    unlike = 0
    for seed in range(MUTANTS):
        rng = random.Random(seed)
        path.write_bytes(b"ElfFile\0" + MUTATIONS[seed % len(MUTATIONS)](rng, data)[8:] + bytes(9))
        whole = said(path, 1)
        assert said(path, rng.randint(2, 4)) == whole, seed
        unlike += whole["facts"].events != 28 or bool(whole["facts"].problems)
    assert 0 < unlike < MUTANTS
    assert len(started) > 2 * MUTANTS


def test_an_odd_header_is_left_to_the_library(started: list[range], tmp_path: Path) -> None:
    """Where the header says that it ends elsewhere, one tells how many chunks there are."""
    path = tmp_path / "log"
    data = bytearray(log(chunk(107)))
    data[0x28:0x2A] = (0x2000).to_bytes(2, "little")
    data[-(1 << 16)] ^= 1
    path.write_bytes(data)
    assert said(path, 2)["facts"].events == 28
    assert started == [range(0)]


def test_parts_may_not_unpack_to_more_than_the_whole(
    started: list[range], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is on all that the log unpacks to, and says at which record it was passed."""
    path = tmp_path / "log"
    path.write_bytes(evtx_files.evtx_file(chunk(1), chunk(2)))
    monkeypatch.setattr(event_log, "most_unpacked", lambda _: 1_500)
    whole = said(path, 1)
    assert "record 6 unpacks to more than any log does" in whole["facts"].problems
    assert said(path, 2) == whole
    assert started == [range(0), range(1), range(1, 2), range(0)]


def test_a_file_that_is_cut_short_meanwhile_is_not_sound(tmp_path: Path) -> None:
    """A part with fewer chunks than it was to have had is not taken for all of it."""
    path = tmp_path / "log"
    path.write_bytes(log()[:-1])
    with path.open("rb") as file:
        for part, sound in ((range(2, 6), True), (range(2, 7), False)):
            with event_log._Apart(file, 1 << 20, part, 2) as apart:
                assert apart.is_sound() == sound


def test_templates_that_multiply_end_a_part_alone(started: list[range], tmp_path: Path) -> None:
    """A chunk that ends the library in one of several processes ends it in the one, and is told."""
    path = tmp_path / "log"
    hostile = evtx_files.Chunk()
    hostile.laughs(1_500, "x" * 5_000, 4)
    path.write_bytes(log(hostile))
    found = said(path, 2)
    assert len(found["facts"].problems) == 1
    assert "the library that reads EVTX files failed after 2" in found["facts"].problems[0]
    assert len(found["containers"]) == 7
    assert started == [range(4), range(4, 8), range(0)]


def test_a_part_may_take_longer_than_a_record(
    started: list[range], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How long the library takes is limited for a record, not for all the pieces of a part."""
    package = tmp_path / "evtx.py"
    package.write_text(
        "import time\nclass PyEvtxParser:\n    def __init__(self, file, **_): pass\n"
        "    def records_json(self):\n        time.sleep(0.3)\n        yield {'data': '{}'}\n"
    )
    program = Path(evtx_apart.__file__).read_text(encoding="utf-8")
    slow = tmp_path / "apart.py"
    slow.write_text(
        program.replace("MOST_SECONDS: Final = 30", "MOST_SECONDS: Final = 2").replace(
            "_AT_ONCE: Final = 16", "_AT_ONCE: Final = 1"
        )
    )
    monkeypatch.setattr(evtx_apart, "__file__", str(slow))
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "log"
    path.write_bytes(evtx_files.evtx_file(*[evtx_files.Chunk()] * 18))
    found = said(path, 2)
    assert found["facts"].events == 18
    assert not found["facts"].problems
    assert started == [range(9), range(9, 18)]
