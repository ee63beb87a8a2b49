"""What a console shows of a run, of two runs, and of the matrix."""

from __future__ import annotations

import attrs

from regsim import models
from regsim.kernel.machine import Event
from regsim.report.text.runs import matrix_text, run_text, side_by_side
from regsim.report.words import runs as words
from regsim.scenario.result import Outcome

MATRIX = """\
OS        stock          close-root  open-current-user
--------  -------------  ----------  -----------------
nt4-sp6a  lost           saved       n/a
w2k       late           saved       saved
vista     holder-broken  saved       saved
"""


def test_the_stock_run_names_the_handle_and_its_holder(stock, golden):
    """The text of the stock run is the verdict, the table and the event."""
    assert run_text(stock) == golden("stock.txt")


def test_the_fixed_run_saves_the_profile(fixed):
    """The verdict on the fixed run blames nobody."""
    said = run_text(fixed)

    assert (
        said.splitlines()[2] == "Verdict: saved. The user's hive unloaded. The profile was saved."
    )


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


def ends(run):
    """Return process, handle, end and its call for each handle that was on the user's hive."""
    return [(life.process, life.handle, life.end, life.closed) for life in words.lives(run)]


def test_lives_end_as_the_machine_says(stock):
    """What is closed, moved, or taken away under its holder, and what stays, are told apart."""
    tapi = "tapisrv.exe (TapiSrv)"

    assert ends(stock) == [(tapi, 4, "", None), (tapi, 8, "closed", 4)]
    for os, fix, end in (("nt4-sp6a", "uphclean", "moved"), ("vista", "none", "taken away")):
        held = [e for e in ends(models.run("q241572", os=os, fix=fix)) if "TapiSrv" in e[0]]
        assert [e[2] for e in held] == [end, "closed"]


def test_a_stopped_service_leaves_no_life():
    """The end of a process, and that of a session, close what they had open."""
    assert all(end == "closed" for _, _, end, _ in ends(models.run("q241572", fix="stop-service")))


def test_a_handle_value_that_is_used_again_has_two_lives(stock):
    """A value that is closed and given out again is another handle."""
    again = attrs.evolve(stock.calls[2], number=6, table=stock.calls[2].table)
    twice = attrs.evolve(stock, calls=(*stock.calls[:4], again))

    assert [life.opened for life in words.lives(twice) if life.handle == 8] == [3, 6]


def test_a_leak_hides_no_other_process():
    """A table lists the first handles of each process; what is listed never seems to be closed."""
    run = models.run("q179827", os="nt4-sp3")

    assert [end for end in ends(run) if end[0] == "icwconn1.exe"] == [
        ("icwconn1.exe", 4, "closed", 7),
        ("icwconn1.exe", 8, "closed", 5),
    ]
    assert "under open handles" in words.finding(run)
