"""Recovery: a dirty hive and its logs in, the hive Windows would have loaded out."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import attrs

from regsim.errors import DataError, HiveFormatError
from regsim.regf import bins
from regsim.regf.baseblock import BaseBlock
from regsim.regf.layout import BASE_BLOCK_SIZE, BIN_HEADER_SIZE, SECTOR, FileType
from regsim.regf.logs import Log, LogEntry, parse_log

if TYPE_CHECKING:
    from collections.abc import Sequence


class RecoveryError(DataError):
    """A dirty hive that none of the given logs can recover; the text says why for each."""


@attrs.frozen(kw_only=True)
class Recovery:
    """What recovery made of a hive and its logs."""

    data: bytes = attrs.field(repr=False)
    """The recovered file; the very bytes given when the hive was clean."""
    applied: tuple[str, ...]
    """What was applied, in order: one text for each entry."""
    ignored: tuple[str, ...]
    """What was not, and why."""


def recover(primary: bytes, logs: Sequence[tuple[str, bytes]], name: str | None = None) -> Recovery:
    """Apply to *primary* those of its *logs*, (name, bytes) each, that belong to it.

    *name* stands for the hive in messages. A clean hive is returned as it is, whatever the logs
    hold. Which log comes first is decided by sequence numbers, never by names. Entries are applied
    up to the last good one. Source: spec, "Dirty state of a hive" and "Multiple transaction log
    files".

    Raises:
        RecoveryError: the hive is dirty and no log applies.
        HiveFormatError: neither the hive nor a log has a readable base block.
    """
    base = _readable(primary)
    if base is not None and base.checksum_ok and base.file_type != FileType.PRIMARY:
        raise HiveFormatError(
            "file type", offset=28, expected="0 (a hive)", actual=base.file_type, file=name
        )
    if base is not None and base.clean:
        ignored = tuple(f"{name}: the hive is clean" for name, _ in logs)
        return Recovery(data=primary, applied=(), ignored=ignored)
    if base is None and not logs:
        BaseBlock.parse(primary, file=name)
    ignored_logs: list[str] = []
    usable = _usable(logs, ignored_logs)
    trusted = base if base is not None and base.checksum_ok else None
    stamp = trusted.last_written if trusted else _bin_timestamp(primary)
    steps = _new_steps(usable, trusted, ignored_logs) or _old_steps(
        usable, trusted, stamp, ignored_logs
    )
    if not steps:
        reasons = "; ".join(ignored_logs) or "there is no log"
        state = "is dirty" if base is not None else "has no base block that can be read"
        said = f"{name or 'the hive'} {state} and nothing recovers it: {reasons}"
        raise RecoveryError(f"{said}; give the logs that lay beside it")
    return _apply(primary, trusted, steps, ignored_logs)


def _readable(primary: bytes) -> BaseBlock | None:
    try:
        return BaseBlock.parse(primary)
    except HiveFormatError:
        return None


def _bin_timestamp(primary: bytes) -> int | None:
    """Return the time in the first bin's header, the backup of a broken base block's."""
    if len(primary) < BASE_BLOCK_SIZE + BIN_HEADER_SIZE:
        return None
    return int(struct.unpack_from("<Q", primary, BASE_BLOCK_SIZE + bins.TIMESTAMP_AT)[0])


def _usable(logs: Sequence[tuple[str, bytes]], ignored: list[str]) -> list[Log]:
    found = []
    for name, data in logs:
        try:
            log = parse_log(data, name)
        except HiveFormatError as error:
            ignored.append(str(error))
            continue
        if log.stopped:
            ignored.append(f"{name}: {log.stopped}")
        found.append(log)
    return found


def _new_steps(
    logs: Sequence[Log], base: BaseBlock | None, ignored: list[str]
) -> list[tuple[Log, LogEntry]]:
    """Return the entries of new-format logs to apply, oldest first.

    With a valid base block both logs are used, the second only if it goes on where the first
    ends; without, only the log with the latest entries (spec).
    """
    new = sorted((each for each in logs if each.new_format and each.entries), key=_first)
    if base is None:
        new = new[-1:]
    steps: list[tuple[Log, LogEntry]] = []
    for log in new:
        first = log.entries[0].sequence
        if base is not None and first < base.secondary_seq:
            ignored.append(f"{log.name}: starts at {first}, before the hive's {base.secondary_seq}")
            continue
        expected = (steps[-1][1].sequence + 1) & 0xFFFFFFFF if steps else first
        if first != expected:
            ignored.append(f"{log.name}: starts at {first}, not {expected}")
            continue
        steps += [(log, entry) for entry in log.entries]
    return steps


def _first(log: Log) -> int:
    return log.entries[0].sequence


def _old_steps(
    logs: Sequence[Log], base: BaseBlock | None, stamp: int | None, ignored: list[str]
) -> list[tuple[Log, LogEntry]]:
    """Return the old-format log to apply: of those stamped like the hive, the latest."""
    old = sorted((each for each in logs if not each.new_format), key=_first)
    matching = [each for each in old if each.base.last_written == stamp]
    if not matching and base is None:
        # The base block is torn before any bin was written: the bins are the old ones, the log
        # is whole, and it was complete before the first write to the hive. Grade: inferred.
        matching = old
    ignored += [
        f"{each.name}: of another time than the hive" for each in old if each not in matching
    ]
    return [(each, each.entries[0]) for each in matching[-1:]]


def _apply(
    primary: bytes, base: BaseBlock | None, steps: list[tuple[Log, LogEntry]], ignored: list[str]
) -> Recovery:
    last_log, last = steps[-1]
    result = bytearray(primary)
    if base is None:
        result[:BASE_BLOCK_SIZE] = result[:BASE_BLOCK_SIZE].ljust(BASE_BLOCK_SIZE, b"\0")
        result[:SECTOR] = last_log.head
    applied = []
    for log, entry in steps:
        _grow(result, BASE_BLOCK_SIZE + entry.data_size)
        for page in entry.pages:
            at = BASE_BLOCK_SIZE + page.offset
            result[at : at + len(page.data)] = page.data
        pages = len(entry.pages)
        applied.append(f"{log.name}: entry {entry.sequence}, {pages} pages")
    _require_cover(len(primary) - BASE_BLOCK_SIZE, last.data_size, steps)
    _finish(result, base or last_log.base, last_log, last)
    return Recovery(data=bytes(result), applied=tuple(applied), ignored=tuple(ignored))


def _require_cover(start: int, end: int, steps: list[tuple[Log, LogEntry]]) -> None:
    """Raise unless the logs hold all the data that the file is too short for.

    A crash while a hive grows leaves such a file, with the missing pages in the log; a file that
    was cut short is another matter.
    """
    pages = sorted((p.offset, p.offset + len(p.data)) for _, e in steps for p in e.pages)
    at = max(start, 0)
    for first, behind in pages:
        if first <= at < behind:
            at = behind
    if at < end:
        msg = f"the hive is cut short: {end - at:#x} bytes are in neither the file nor its logs"
        raise RecoveryError(msg)


def _grow(result: bytearray, size: int) -> None:
    if len(result) < size:
        result.extend(bytes(size - len(result)))


def _finish(result: bytearray, base: BaseBlock, log: Log, last: LogEntry) -> None:
    """Close the recovered base block: clean, of the right size, with a right checksum."""
    if log.new_format:
        sequence = (last.sequence + 1) & 0xFFFFFFFF
    else:
        sequence = max(base.primary_seq, last.sequence)
    attrs.evolve(
        base,
        primary_seq=sequence,
        secondary_seq=sequence,
        file_type=FileType.PRIMARY,
        data_size=last.data_size,
        flags=(base.flags & ~1) | (last.flags & 1),
    ).pack_into(result)
