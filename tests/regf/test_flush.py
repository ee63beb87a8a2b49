"""Flushing under a log: cut the writes anywhere, recover, and find the old or the new state."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from regsim.errors import HiveFormatError, UsageError
from regsim.regf import FileType, HiveFile, new_hive, open_hive, parse_hive, recover
from regsim.regf import flush as flushing
from regsim.regf.flush import FileWrite, Target
from regsim.regf.logs import parse_log

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

KINDS = [FileType.LOG_NEW, FileType.LOG_XP, FileType.LOG_NT]
Files = dict[Target, bytearray]


def edited(hive: HiveFile, seed: int) -> HiveFile:
    """Change *hive* in several places, so that it grows and cells move."""
    rng = random.Random(seed)
    for number in range(rng.randrange(1, 4)):
        key = hive.root.ensure(f"Flush {seed}\\Key {number}")
        key.set_value("data", 3, rng.randbytes(rng.choice([10, 3000, 9000, 30000])))
    victim = next((k for k in hive.root.subkeys() if k.name.startswith("Flush")), None)
    if victim is not None and rng.random() < 0.5:
        victim.delete(recursive=True)
    return hive


def plan_of(hive: HiveFile, kind: FileType, stamp: int) -> list[FileWrite]:
    """Return the writes of one flush, closing it in memory."""
    dirty = hive.editor().allocator.dirty
    steps = flushing.plan(hive.image, dirty, stamp, kind)
    dirty.clear()
    return steps


def write(files: Files, step: FileWrite, *, length: int | None = None) -> None:
    """Carry out one write on bytes in memory, or only its first *length* bytes."""
    if step.data is None:
        return
    data = step.data if length is None else step.data[:length]
    buffer = files[step.target]
    buffer.extend(bytes(max(0, step.offset + len(data) - len(buffer))))
    buffer[step.offset : step.offset + len(data)] = data


def cuts(steps: list[FileWrite], files: Files) -> Iterator[Files]:
    """Yield the files as a crash leaves them before each write and within it, by sectors."""
    now = {target: bytearray(data) for target, data in files.items()}
    for step in steps:
        yield {target: bytearray(data) for target, data in now.items()}
        if step.data is not None:
            for length in range(512, len(step.data), 512):
                torn = {target: bytearray(data) for target, data in now.items()}
                write(torn, step, length=length)
                yield torn
        write(now, step)
    yield now


def reorderings(steps: list[FileWrite], files: Files, rng: random.Random) -> Iterator[Files]:
    """Yield crashes in which any of the sectors written since the last sync got through."""
    for end in range(len(steps)):
        now = {target: bytearray(data) for target, data in files.items()}
        synced = max((i for i in range(end) if steps[i].data is None), default=-1)
        for step in steps[: synced + 1]:
            write(now, step)
        for step in steps[synced + 1 : end + 1]:
            for at in range(0, len(step.data or b""), 512):
                if rng.random() < 0.5:
                    part = (step.data or b"")[at : at + 512]
                    write(now, FileWrite(step.target, step.offset + at, part))
        yield now


def survivor(files: Files) -> bytes:
    """Return the bins data that a reader gets after the crash, recovered if dirty."""
    done = recover(bytes(files[Target.PRIMARY]), [("log", bytes(files[Target.LOG]))])
    hive = parse_hive(done.data)
    hive.check()
    assert hive.clean
    return bytes(done.data[4096 : 4096 + hive.image.data_size])


def survivors(crashes: Iterable[Files]) -> set[bytes]:
    """Return every different state that the crashes can leave."""
    return {survivor(files) for files in crashes}


def bins_of(data: bytes | bytearray) -> bytes:
    """Return the bins data of a clean file."""
    return bytes(data[4096 : 4096 + parse_hive(bytes(data)).image.data_size])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("minor", [3, 5])
def test_a_crash_at_any_write_recovers_the_old_or_the_new_state(kind: FileType, minor: int) -> None:
    """Five flushes in a row, each cut before and within every write: never a third state."""
    hive = new_hive(minor, last_written=1)
    files: Files = {Target.PRIMARY: bytearray(hive.to_bytes()), Target.LOG: bytearray()}
    seen = 0
    for round_ in range(5):
        old = bins_of(files[Target.PRIMARY])
        steps = plan_of(edited(hive, round_), kind, 1000 + round_)
        found = survivors(cuts(steps, files))
        for step in steps:
            write(files, step)
        new = bins_of(files[Target.PRIMARY])
        seen += 1

        assert found == {old, new}
        assert old != new
    assert seen == 5
    assert bytes(files[Target.PRIMARY]) == hive.to_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_writes_between_two_syncs_may_come_in_any_order(kind: FileType) -> None:
    """A disk that reorders and loses sectors since the last sync does no harm either."""
    rng = random.Random(7)
    hive = new_hive(3, last_written=1)
    files: Files = {Target.PRIMARY: bytearray(hive.to_bytes()), Target.LOG: bytearray()}
    for round_ in range(5):
        old = bins_of(files[Target.PRIMARY])
        steps = plan_of(edited(hive, 100 + round_), kind, 1000 + round_)
        crashes = [each for _ in range(5) for each in reorderings(steps, files, rng)]
        found = survivors(crashes)
        for step in steps:
            write(files, step)

        assert found == {old, bins_of(files[Target.PRIMARY])}


@pytest.mark.parametrize("kind", KINDS)
def test_a_crash_within_the_recovery_flush_is_survived_too(kind: FileType) -> None:
    """A hive recovered in memory and flushed again after a crash loses nothing."""
    hive = new_hive(5, last_written=1)
    hive.root.create_subkey("first")
    files: Files = {Target.PRIMARY: bytearray(hive.to_bytes()), Target.LOG: bytearray()}
    hive = parse_hive(bytes(files[Target.PRIMARY]))
    steps = plan_of(edited(hive, 3), kind, 50)
    for step in steps[: len(steps) - 3]:  # the pages are written, the clean base block is not
        write(files, step)
    assert not parse_hive(bytes(files[Target.PRIMARY])).clean
    recovered = parse_hive(
        recover(bytes(files[Target.PRIMARY]), [("log", bytes(files[Target.LOG]))]).data
    )
    files[Target.PRIMARY] = bytearray(recovered.to_bytes())
    old = bins_of(files[Target.PRIMARY])
    again = plan_of(edited(recovered, 4), kind, 60)
    found = survivors(cuts(again, files))

    assert old in found
    assert len(found) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_flush_writes_files_that_others_can_read(kind: FileType, tmp_path: Path, make: Any) -> None:
    """On a disk: pages in place, a valid log beside, and the same tree as in memory."""
    path, log = tmp_path / "hive", tmp_path / "hive.LOG1"
    make.rich(3).save(path)
    hive = parse_hive(path.read_bytes())
    for round_ in range(3):
        edited(hive, round_)
        hive.flush(path, log=log, kind=kind, last_written=77 + round_)

        assert path.read_bytes() == hive.to_bytes()
        assert parse_log(log.read_bytes(), "log").base.file_type == kind
        assert not hive.modified
    with open_hive(path) as again:
        assert again.check() == []
        assert (again.image.base.last_written == 79) == (kind is not FileType.LOG_NEW)


def test_flush_without_edits_writes_nothing(tmp_path: Path, make: Any) -> None:
    """No edit, no log, no new sequence number."""
    path = tmp_path / "hive"
    make.rich(3).save(path)
    before = path.read_bytes()
    parse_hive(before).flush(path, log=tmp_path / "log")

    assert path.read_bytes() == before
    assert not (tmp_path / "log").exists()


def test_flush_refuses_a_file_that_changed_meanwhile(tmp_path: Path, make: Any) -> None:
    """The pages of one state never go into the file of another."""
    path = tmp_path / "hive"
    make.rich(3).save(path)
    one, two = parse_hive(path.read_bytes()), parse_hive(path.read_bytes())
    one.root.create_subkey("one")
    one.save(path)
    two.root.create_subkey("two")
    saved = path.read_bytes()

    with pytest.raises(UsageError, match="changed since"):
        two.flush(path, log=tmp_path / "log")
    assert path.read_bytes() == saved


def test_flush_costs_the_changed_pages_only(make: Any) -> None:
    """One small change in a large hive writes a few pages, not the file."""
    hive = parse_hive(make.big(5).to_bytes())
    found = hive.find("Kinds")
    assert found is not None
    found.set_value("size 100", 3, b"y" * 100)
    steps = plan_of(hive, FileType.LOG_NEW, 5)
    written = sum(len(step.data or b"") for step in steps if step.target is Target.PRIMARY)

    assert written <= 2 * 512 + 2 * 4096
    assert len(hive.to_bytes()) > 100_000


def test_an_unfinished_log_is_told_from_a_finished_one() -> None:
    """While the old format's log is written its sequence numbers differ, so it is refused."""
    hive = new_hive(3, last_written=1)
    files: Files = {Target.PRIMARY: bytearray(hive.to_bytes()), Target.LOG: bytearray()}
    steps = plan_of(edited(hive, 1), FileType.LOG_XP, 5)
    for step in steps[:4]:
        write(files, step)

    with pytest.raises(HiveFormatError, match="sequence number"):
        parse_log(bytes(files[Target.LOG]), "log")
    for step in steps[4:6]:
        write(files, step)
    assert parse_log(bytes(files[Target.LOG]), "log").entries


def test_remains_of_a_longer_log_are_not_taken_for_the_next_entry() -> None:
    """A hive put back from a backup meets its own newer log: old entries must not follow new."""
    start = new_hive(5, last_written=1).to_bytes()
    newer = parse_hive(start)
    log = bytearray()
    for name in ("first", "second"):
        newer.root.create_subkey(name)
        entry = next(s.data for s in plan_of(newer, FileType.LOG_NEW, 5) if s.offset == 512)
        assert entry is not None
        log += entry[: int.from_bytes(entry[4:8], "little")]
    files: Files = {Target.PRIMARY: bytearray(start), Target.LOG: bytearray(512) + log}
    backup = parse_hive(start)
    backup.root.create_subkey("other")
    steps = plan_of(backup, FileType.LOG_NEW, 5)
    for step in steps[:6]:  # up to the base block that is marked dirty
        write(files, step)

    assert not parse_hive(bytes(files[Target.PRIMARY])).clean
    assert survivor(files) == bins_of(backup.to_bytes())


@pytest.mark.parametrize("kind", [FileType.LOG_XP, FileType.LOG_NT])
def test_the_first_bin_repeats_the_time_on_the_disk(
    kind: FileType, tmp_path: Path, make: Any
) -> None:
    """A change far from the first bin still writes it: its time is the base block's backup."""
    path = tmp_path / "hive"
    make.big(3).save(path)
    hive = parse_hive(path.read_bytes())
    deep = hive.find("Many\\n1099")
    assert deep is not None
    assert deep.offset > 8192
    deep.set_last_written(3)
    hive.flush(path, log=tmp_path / "log", kind=kind, last_written=0x0123456789ABCDEF)

    data = path.read_bytes()
    assert data[4096 + 20 : 4096 + 28] == bytes.fromhex("efcdab8967452301")
    assert data == hive.to_bytes()
