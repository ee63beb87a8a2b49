"""What a console shows of a run, of two runs, and of the matrix."""

from __future__ import annotations

import attrs

from regsim.kernel.machine import Event
from regsim.report import words
from regsim.report.text import matrix_text, run_text, side_by_side
from regsim.scenario.result import Outcome
from regsim.status import NtStatus

MATRIX = """\
OS        stock          close-root  open-current-user
--------  -------------  ----------  -----------------
nt4-sp6a  lost           saved       n/a
w2k       late           saved       saved
vista     holder-broken  saved       saved
"""


def test_the_stock_run_names_the_handle_and_its_holder(stock, golden):
    """The text of the stock run is the table, the verdict and the event."""
    assert run_text(stock) == golden("stock.txt")


def test_the_fixed_run_saves_the_profile(fixed):
    """The verdict on the fixed run blames nobody."""
    said = run_text(fixed)

    assert said.endswith("Verdict: saved. The user's hive unloaded. The profile was saved.\n")


def test_two_runs_stand_beside_each_other(stock, fixed, golden):
    """Equal steps share a line, and the gutter points at the differences."""
    assert side_by_side(stock, fixed) == golden("side-by-side.txt")


def test_every_cell_of_the_matrix_has_its_word(rows):
    """The matrix says each outcome in a word."""
    assert matrix_text(rows) == MATRIX


def test_a_wide_matrix_continues_below():
    """Fixes beyond 118 columns come in a second table, and none is left out."""
    fixes = [f"fix-number-{number}" for number in range(12)]
    said = matrix_text({"nt4-sp6a": dict.fromkeys(fixes, Outcome.HOLDER_BROKEN)})

    assert max(map(len, said.splitlines())) <= 118
    assert said.count("holder-broken") == 12
    assert all(fix in said for fix in fixes)


def test_the_time_is_shown_if_it_varies(stock):
    """A run that takes time has a column for it."""
    last = attrs.evolve(stock.calls[-1], time=60)
    said = run_text(attrs.evolve(stock, calls=(*stock.calls[:-1], last)))

    assert "60s" in said


def test_hostile_names_reach_no_console(stock):
    """Control characters and what a console cannot show appear as escapes, within the width."""
    hostile = "\x1b[2J\u65e5\ud800"
    calls = tuple(attrs.evolve(record, call=record.call + hostile) for record in stock.calls)
    run = attrs.evolve(stock, calls=calls, events=(Event("Userenv" + hostile, 1, hostile),))
    said = run_text(run) + side_by_side(run, run)

    assert said.isascii()
    assert "\x1b" not in said
    assert max(map(len, run_text(run, width=80).splitlines())) <= 80
    assert max(map(len, said.splitlines())) <= 118


def test_a_forced_unload_is_told_as_one(stock):
    """A hive that was taken away by force leaves a holder whose next call fails."""
    run = attrs.evolve(stock, unloaded=True, profile_saved=True, outcome=Outcome.HOLDER_BROKEN)
    said = " ".join(words.verdict(run))

    assert "only after a normal attempt had answered CANNOT_DELETE" in said
    assert "their holder is broken" in said
    assert words.finding(run).endswith("and nobody asked for it: it is taken away by force")


def test_a_fix_that_does_not_apply_has_no_other_verdict(stock):
    """A fix for another system is said not to apply."""
    run = attrs.evolve(stock, outcome=Outcome.NOT_APPLICABLE, note="It has no such call.")

    assert words.verdict(run) == [
        "stock does not apply to Windows NT 4.0 SP6a.",
        "It has no such call.",
    ]


def test_lives_end_where_their_process_ends(stock, make_call):
    """The end of a process closes its handles; that of a session spares those that block."""
    end = make_call(5, "Winlogon", "tapisrv.exe", "ends it", "end", "EndProcess")
    session = make_call(5, "Winlogon", "winlogon.exe", "ends it", "end", "EndSession")
    ended = words.lives(attrs.evolve(stock, calls=(*stock.calls[:4], end)))
    spared = words.lives(attrs.evolve(stock, calls=(*stock.calls[:4], session)))

    assert [(life.handle, life.closed) for life in ended] == [(4, 5), (8, 4)]
    assert [(life.handle, life.closed) for life in spared] == [(4, None), (8, 4)]


def test_a_failed_close_closes_nothing(stock):
    """A handle whose close fails stays open."""
    failed = attrs.evolve(stock.calls[3], status=NtStatus.INVALID_HANDLE)
    lives = words.lives(attrs.evolve(stock, calls=(*stock.calls[:3], failed)))

    assert [life.closed for life in lives] == [None, None]
