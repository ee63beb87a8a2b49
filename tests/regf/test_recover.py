"""Recovery: which log applies, in which order, how far, and when a hive is left alone."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from regsim.errors import HiveFormatError
from regsim.regf import FileType, RecoveryError, new_hive, parse_hive, recover
from regsim.regf import flush as flushing
from regsim.regf.baseblock import BaseBlock
from regsim.regf.flush import FileWrite, Target
from regsim.regf.logs import pack_entry, parse_log

if TYPE_CHECKING:
    from regsim.regf import HiveFile

NEW, XP = FileType.LOG_NEW, FileType.LOG_XP


def flushed(hive: HiveFile, kind: FileType, stamp: int = 9) -> list[FileWrite]:
    """Return the steps of one flush of *hive*."""
    dirty = hive.editor().allocator.dirty
    steps = flushing.plan(hive.image, dirty, stamp, kind)
    dirty.clear()
    return steps


def log_of(steps: list[FileWrite]) -> bytes:
    """Return the log file that the steps make."""
    log = bytearray()
    for step in steps:
        if step.target is Target.LOG and step.data is not None:
            log.extend(bytes(max(0, step.offset + len(step.data) - len(log))))
            log[step.offset : step.offset + len(step.data)] = step.data
    return bytes(log)


def marked(primary: bytes, steps: list[FileWrite]) -> bytes:
    """Return the primary file as it is after the base block was marked dirty, nothing more."""
    first = next(s for s in steps if s.target is Target.PRIMARY and s.data is not None)
    assert first.data is not None
    return first.data + primary[len(first.data) :]


def chain(count: int) -> tuple[bytes, list[bytes], list[bytes]]:
    """Return a dirty hive, *count* logs of one entry each, and the state after each."""
    hive = new_hive(5, last_written=1)
    primary = hive.to_bytes()
    logs, states = [], []
    for number in range(count):
        hive.root.create_subkey(f"step {number}")
        steps = flushed(hive, NEW)
        if number == 0:
            primary = marked(primary, steps)
        logs.append(log_of(steps))
        states.append(hive.to_bytes()[4096:])
    return primary, logs, states


def torn(block: bytes) -> bytes:
    """Return *block* with a base block that fails its checksum."""
    return block[:200] + b"\xee" + block[201:]


def test_a_clean_hive_is_left_alone() -> None:
    """Logs of a clean hive are remains; the very bytes come back."""
    primary, logs, _ = chain(1)
    clean = recover(primary, [("log", logs[0])]).data

    again = recover(clean, [("log", logs[0])])

    assert again.data is clean
    assert again.applied == ()
    assert again.ignored == ("log: the hive is clean",)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_new_logs_are_ordered_by_sequence_not_by_name(order: tuple[int, int]) -> None:
    """The log with the earlier entries comes first, whatever it is called."""
    primary, logs, states = chain(2)
    given = [("LOG1", logs[order[0]]), ("LOG2", logs[order[1]])]

    done = recover(primary, given)

    assert done.data[4096:] == states[1]
    assert len(done.applied) == 2


def test_a_gap_between_two_logs_ends_recovery() -> None:
    """Entries that do not follow the last one applied are not applied."""
    primary, logs, states = chain(3)

    done = recover(primary, [("a", logs[0]), ("c", logs[2])])

    assert done.data[4096:] == states[0]
    assert done.ignored == ("c: starts at 3, not 2",)


def test_entries_older_than_the_hive_are_not_applied() -> None:
    """A log that starts before the hive's secondary sequence number is the log of the past."""
    primary, logs, _ = chain(3)
    late = bytearray(primary)
    base = attrs.evolve(BaseBlock.parse(late), primary_seq=4, secondary_seq=3)
    base.pack_into(late)

    done = recover(bytes(late), [("old", logs[0]), ("right", logs[2])])

    assert [text.split(":")[0] for text in done.applied] == ["right"]
    assert done.ignored == ("old: starts at 1, before the hive's 3",)


def multi_entry_log(count: int) -> tuple[bytes, bytes, list[bytes]]:
    """Return a dirty hive, one log of *count* entries, and the state after each."""
    primary, logs, states = chain(count)
    entries = b"".join(log[512:].rstrip(b"\0") for log in logs)
    packed = logs[0][:512]
    for log in logs:
        size = struct.unpack_from("<I", log, 516)[0]
        packed += log[512 : 512 + size]
    assert len(packed) >= len(entries)
    return primary, packed, states


@pytest.mark.parametrize("bad", [0, 1, 2])
@pytest.mark.parametrize("where", [12, 30, 36, 50, 600])
def test_a_broken_entry_ends_the_log_at_the_last_good_one(bad: int, where: int) -> None:
    """One wrong byte in header, hashes, references or pages stops before that entry."""
    primary, log, states = multi_entry_log(3)
    at = 512
    for _ in range(bad):
        at += struct.unpack_from("<I", log, at + 4)[0]
    broken = bytearray(log)
    broken[at + where] ^= 0x40

    if bad == 0:
        with pytest.raises(RecoveryError, match="nothing recovers it"):
            recover(primary, [("log", bytes(broken))])
        return
    done = recover(primary, [("log", bytes(broken))])
    assert done.data[4096:] == states[bad - 1]
    assert "log: entry at" in done.ignored[0]


@pytest.mark.parametrize("length", [512, 600, 5000])
def test_a_truncated_log_is_applied_as_far_as_it_goes(length: int) -> None:
    """Cutting a log within its last entry loses that entry only."""
    primary, log, states = multi_entry_log(2)
    first = struct.unpack_from("<I", log, 516)[0]

    done = recover(primary, [("log", log[: 512 + first + length - 512])])

    assert done.data[4096:] == states[0]


@pytest.mark.parametrize("kind", [NEW, XP, FileType.LOG_NT])
def test_a_torn_base_block_comes_back_from_the_log(kind: FileType) -> None:
    """With a wrong checksum in the hive, the log's copy of the base block is taken."""
    hive = new_hive(3, last_written=1, file_name="NTUSER.DAT")
    primary = hive.to_bytes()
    hive.root.create_subkey("x")
    steps = flushed(hive, kind)

    done = recover(torn(primary), [("log", log_of(steps))])
    again = parse_hive(done.data)

    assert again.clean
    assert again.find("x") is not None
    assert again.image.base.name == "NTUSER.DAT"
    assert again.image.base.file_type == FileType.PRIMARY


def test_only_the_latest_log_serves_a_torn_base_block() -> None:
    """Without a base block to start from, the log with the latest entries is used alone."""
    primary, logs, _ = chain(3)

    done = recover(torn(primary), [("b", logs[2]), ("a", logs[0])])

    assert [text.split(",")[0] for text in done.applied] == ["b: entry 3"]


def test_the_old_log_must_carry_the_time_of_the_hive() -> None:
    """An old-format log of another write is not applied, even if it is whole."""
    hive = new_hive(3, last_written=1)
    primary = hive.to_bytes()
    hive.root.create_subkey("x")
    steps = flushed(hive, XP, stamp=50)
    dirty = bytearray(marked(primary, steps))
    base = attrs.evolve(BaseBlock.parse(dirty), last_written=51)
    base.pack_into(dirty)

    assert parse_hive(recover(marked(primary, steps), [("l", log_of(steps))]).data).find("x")
    with pytest.raises(RecoveryError, match="of another time"):
        recover(bytes(dirty), [("l", log_of(steps))])


@pytest.mark.parametrize(
    ("log", "reason"),
    [(b"", "file size"), (b"x" * 600, "signature"), (None, "file type")],
    ids=["empty", "garbage", "a hive"],
)
def test_what_is_no_log_is_named(log: bytes | None, reason: str) -> None:
    """The reason for which a log was refused is in the error."""
    primary, _, _ = chain(1)
    other = new_hive(3).to_bytes() if log is None else log

    with pytest.raises(RecoveryError, match=reason):
        recover(primary, [("the log", other)])


def test_a_log_is_not_taken_for_a_hive() -> None:
    """Recovering a log with another log is refused by the file type."""
    _, logs, _ = chain(2)

    with pytest.raises(HiveFormatError, match="file type"):
        recover(logs[0], [("log", logs[1])])


def test_what_is_neither_hive_nor_log_is_refused() -> None:
    """Garbage with garbage is one error that names the fault."""
    with pytest.raises(RecoveryError, match="signature"):
        recover(b"garbage" * 1000, [("log", b"other" * 200)])
    with pytest.raises(HiveFormatError, match="signature"):
        recover(b"garbage" * 1000, [])


def test_a_page_beyond_the_hive_is_refused() -> None:
    """An entry whose pages leave the hive it describes is no good entry, hashes or not."""
    primary, logs, _ = chain(1)
    pages = list(parse_log(logs[0], "log").entries[0].pages)
    far = attrs.evolve(pages[0], offset=0x100000)
    forged = logs[0][:512] + pack_entry(1, 4096, 0, [far])

    with pytest.raises(RecoveryError, match="leaves the hive"):
        recover(primary, [("log", forged)])


@pytest.mark.parametrize("cut", [512, 515, 1024, -1])
def test_a_short_old_log_is_refused(cut: int) -> None:
    """Vector or pages that are not all there make an old log useless, and it says what lacks."""
    hive = new_hive(3, last_written=1)
    hive.root.create_subkey("x")
    steps = flushed(hive, XP)

    with pytest.raises(HiveFormatError, match="dirty"):
        parse_log(log_of(steps)[:cut], "log")


# -- against Windows ------------------------------------------------------------------------


@pytest.mark.shared_data
def test_new_logs_give_what_windows_10_gave(shared: Any, items: Any) -> None:
    """NewDirtyHive1 with its two logs equals the copy that Windows 10 recovered, to the byte."""
    folder = "yarp__NewDirtyHive1__"
    names = ("NewDirtyHive.LOG1", "NewDirtyHive.LOG2")
    logs = [(name, shared(folder + name).read_bytes()) for name in names]
    windows = shared(folder + "RecoveredHive_Windows10").read_bytes()

    for given in (logs, logs[::-1]):
        done = recover(shared(folder + "NewDirtyHive").read_bytes(), given)

        assert items(done.data) == items(windows)
        assert done.data == windows


@pytest.mark.shared_data
def test_the_old_log_of_windows_7_applies_whole(shared: Any, items: Any) -> None:
    """OldDirtyHive becomes clean, sound, and holds 5,004 keys instead of 5,003."""
    hive = shared("yarp__OldDirtyHive__OldDirtyHive").read_bytes()
    log = shared("yarp__OldDirtyHive__OldDirtyHive.LOG1").read_bytes()
    done = recover(hive, [("LOG1", log)])

    assert len(items(hive)) == 5003
    assert len(items(done.data)) == 5004
    assert parse_hive(done.data).check() == []


@pytest.mark.shared_data
def test_a_real_profile_is_recovered_from_23_entries(shared: Any, items: Any) -> None:
    """transactions_NTUSER: LOG1 is applied, LOG2 is of the past; the result is sound."""
    hive = shared("regipy__transactions_NTUSER.DAT").read_bytes()
    logs = [
        (name, shared(f"regipy__transactions_ntuser.dat.{name}").read_bytes())
        for name in ("log1", "log2")
    ]
    done = recover(hive, logs)

    assert len(done.applied) == 23
    assert done.ignored == ("log2: starts at 562, before the hive's 566",)
    assert parse_hive(done.data).check() == []
    assert parse_hive(done.data).sequence == (589, 589)
    assert len(items(done.data)) == 7800


@pytest.mark.shared_data
def test_a_real_log_of_windows_8_1_is_parsed(shared: Any) -> None:
    """Both hashes of a captured log's entry are right."""
    log = parse_log(shared("winreg-kb__test_data__NTUSER.DAT.LOG").read_bytes(), "LOG")

    assert log.new_format
    assert [entry.sequence for entry in log.entries] == [131]
    assert log.stopped == ""


def test_a_hive_cut_short_is_not_recovered() -> None:
    """Pages that are in neither the file nor its logs are not made up."""
    hive = new_hive(3, last_written=1)
    hive.root.set_value("large", 3, bytes(20000))
    primary = hive.to_bytes()
    hive = parse_hive(primary)
    hive.root.create_subkey("x")
    steps = flushed(hive, NEW)
    dirty = marked(primary, steps)

    assert parse_hive(recover(dirty, [("log", log_of(steps))]).data).find("x")
    with pytest.raises(RecoveryError, match="cut short"):
        recover(dirty[:-12288], [("log", log_of(steps))])


@pytest.mark.parametrize("sequence", [1, 3, 0xFFFFFFFF])
def test_an_entry_that_does_not_follow_ends_the_log(sequence: int) -> None:
    """A whole and rightly hashed entry with another number than the next is a remain."""
    primary, logs, states = chain(2)
    entry = parse_log(logs[1], "log").entries[0]
    size = struct.unpack_from("<I", logs[0], 516)[0]
    stray = pack_entry(sequence, entry.data_size, 0, list(entry.pages))

    done = recover(primary, [("log", logs[0][: 512 + size] + stray)])

    assert done.data[4096:] == states[0]
    assert "remains of earlier use" in done.ignored[0]


def test_the_first_entry_must_have_the_number_of_the_logs_head() -> None:
    """A log whose head was written for another entry holds nothing that counts."""
    primary, logs, _ = chain(1)
    entry = parse_log(logs[0], "log").entries[0]
    stray = pack_entry(7, entry.data_size, 0, list(entry.pages))

    with pytest.raises(RecoveryError, match="remains of earlier use"):
        recover(primary, [("log", logs[0][:512] + stray)])


def test_sequence_numbers_wrap_around() -> None:
    """After 0xFFFFFFFF comes 0, in the hive, in its log and in recovery."""
    hive = new_hive(5, last_written=1)
    data = bytearray(hive.to_bytes())
    top = attrs.evolve(hive.image.base, primary_seq=0xFFFFFFFF, secondary_seq=0xFFFFFFFF)
    top.pack_into(data)
    hive = parse_hive(bytes(data))
    hive.root.create_subkey("x")
    steps = flushed(hive, NEW)
    dirty = marked(bytes(data), steps)

    assert parse_hive(dirty).sequence == (0, 0xFFFFFFFF)
    again = parse_hive(recover(dirty, [("log", log_of(steps))]).data)
    assert again.sequence == (0, 0)
    assert again.find("x") is not None
