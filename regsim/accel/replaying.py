"""Replay a trace with the twin that is in use: all at once, or as its rows come in."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

import attrs

from regsim.accel import NATIVE
from regsim.accel.creplay import CReplay
from regsim.accel.records import Buffer, Columns, HandleValues, Policy, Replay, Replayed
from regsim.accel.replay import PyReplay

if TYPE_CHECKING:
    from collections.abc import Iterable


def new_replay(
    policy: Policy | None = None, values: HandleValues = HandleValues.GIVEN, *, shards: int = 1
) -> Replay:
    """Return a replay that has seen no row yet, of the backend in use.

    Without a *policy* predefined keys open nothing unasked, as in a trace of the kernel's calls,
    where the cached roots have rows of their own. With *shards* above 1 the C twin uses as many
    threads; the pure one, whose threads would take turns, uses one.
    """
    if NATIVE is None:
        return PyReplay(policy or Policy(), values)
    return CReplay(policy or Policy(), values, shards)


def replay(
    rows: Columns,
    hive_of_key: Buffer,
    root_of_hive: Buffer,
    *,
    policy: Policy | None = None,
    values: HandleValues = HandleValues.GIVEN,
    at: Iterable[int] = (),
    shards: int = 1,
) -> Replayed:
    """Replay all *rows* and return the answer.

    The snapshots are of the moments *at*, in units of the column ``time``, which must ascend: each
    is labelled with the number of the first row that comes later, and what happened at that very
    time is in it. See `records.Replay.feed` for the arrays and the errors.
    """
    stops = sorted(bisect_right(rows.time, moment) for moment in at)
    run = new_replay(policy, values, shards=shards)
    run.feed(rows, hive_of_key, root_of_hive, stops)
    found = run.answer()
    late = tuple((stop, found.holders) for stop in stops if stop == len(rows))
    return attrs.evolve(found, snapshots=found.snapshots + late)
