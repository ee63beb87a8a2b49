"""Paths: their codes, walking by hand, and the notations they are shown in."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_models import mazes
from toys import Counter, Peterson

from regsim import models
from regsim.check.factored import StepAnswer
from regsim.check.paths import Path, Walk, follow
from regsim.check.plain import Plain
from regsim.check.property import PropertyKind, Verdict
from regsim.check.verify import check, factored
from regsim.errors import UnknownNameError, UsageError
from regsim.report.text.calls import rows_of
from regsim.report.text.checks import (
    Recipe,
    path_json,
    path_lines,
    path_python,
    path_shiviz,
    result_text,
    summary_text,
)
from regsim.report.text.mermaid import path_mermaid

OPENED = 'RegOpenKeyEx(HKCU, "Software\\Microsoft\\Internet Connection Wizard")'
ORIGIN = Recipe("q241572", {"workers": "1", "services": "0"})


def leak() -> Path:
    """Return the shortest way to the leak."""
    found = check(models.model("q241572", workers=1, services=0), "leak")
    assert found.path is not None
    return found.path


def broken(reduce: str = "none") -> Path:
    """Return the way on which the naive fix breaks another thread's call."""
    found = check(models.model("q241572", variant="naive"), "err", reduce=reduce)
    assert found.path is not None
    return found.path


def circle() -> Path:
    """Return a run that goes round for ever."""
    found = check(Peterson(), "left-may-stay-out")
    assert found.path is not None
    return found.path


@given(maze=mazes(), choices=st.lists(st.integers(0, 5), max_size=12))
def test_a_code_leads_back(maze: object, choices: list[int]) -> None:
    """Any walk has a code, and following that is the same walk."""
    walk = Walk(Plain(maze))
    for choice in choices:
        options = walk.options()
        if not options:
            break
        walk.take(*options[choice % len(options)])

    assert follow(Plain(maze), walk.path.code).path == walk.path


@pytest.mark.parametrize("deadlock", [False, True])
def test_the_code_of_a_run_without_end(deadlock: bool) -> None:
    """The code has a colon where the rest repeats, and none follows it where nobody can step."""
    model = Counter(2, resets=not deadlock)
    walk = Walk(factored(model))
    walk.take("up", "raise").take("up", "raise")
    if not deadlock:
        walk.take("reset", "reset").repeat_from(0)
    else:
        walk.repeat_from(2)

    assert walk.path.code == ("00:" if deadlock else ":000")
    assert walk.path.deadlock is deadlock
    assert follow(factored(model), walk.path.code).path == walk.path


def test_many_choices_and_many_beginnings() -> None:
    """A choice beyond one digit, and an initial state that is not the first, have codes too."""
    from random_models import Maze  # noqa: PLC0415

    wide = Maze({(0, 0): [0] * 80, (1, 0): [0]}, (0, 1), (), ("p",))
    walk = Walk(factored(wide), 1).choose(0).choose(70).choose(3)

    assert walk.path.code == "1/0-70-3-"
    assert follow(factored(wide), walk.path.code).path == walk.path


@pytest.mark.parametrize("code", ["!", "0-x", "9", "x/0", "7/0", "0:0", "0:"])
def test_what_is_no_code(code: str) -> None:
    """What is no code of a path is refused in one line."""
    with pytest.raises(UsageError):
        follow(factored(Counter(3)), code)


def test_a_walk_refuses_what_cannot_be_done() -> None:
    """A walk refuses a step that cannot be taken, and the error says which can."""
    walk = Walk(factored(Counter(1)))
    with pytest.raises(UnknownNameError, match="up: raise"):
        walk.take("reset", "reset")
    with pytest.raises(UsageError, match="not back"):
        walk.take("up", "raise").repeat_from(0)
    over = Walk(factored(Counter(1, resets=False))).take("up", "raise")
    with pytest.raises(UnknownNameError, match="deadlock"):
        over.take("up", "raise")


def test_a_walk_tells_counters_and_formulas() -> None:
    """A walk tells the counters and whether a formula holds at each of its steps."""
    model = models.model("q241572", workers=1, services=0)
    claim = next(p for p in model.properties if p.name == "saved")
    walk = Walk(model).take("winlogon", "logon").take("icw", "icw-start")

    assert walk.count(model.counters[0]) == 1
    assert not walk.holds(claim.goal)
    assert walk.verdict(claim) is Verdict.INCONCLUSIVE
    walk.take("winlogon", "logoff").take("winlogon", "unload")
    assert walk.count(model.counters[0]) == 0
    assert walk.verdict(claim) is Verdict.HOLDS


def test_a_finite_run_does_not_break_what_must_come() -> None:
    """A finite run does not break a leads-to; a run that repeats without the answer does."""
    model = factored(Counter(2, resets=False))
    claim = next(
        p for p in model.properties if p.kind is PropertyKind.LEADS_TO and p.name == "returns"
    )
    walk = Walk(model).take("up", "raise").take("up", "raise")

    assert walk.verdict(claim) is Verdict.INCONCLUSIVE
    assert walk.repeat_from(2).verdict(claim) is Verdict.VIOLATED


def test_the_table() -> None:
    """The table numbers the steps and says how many handles are open on the hive after each."""
    lines = path_lines(leak())

    assert lines[0].split() == ["#", "actor", "call", "what", "happened", r"HKU\<SID>*"]
    counts = [line.split()[-1] for line in lines[2:-1] if line[:2].strip()]
    assert counts == list("0011001221")
    assert lines[-2].split(maxsplit=3)[1:3] == ["worker-1", "RegCloseKey(sub)"]
    assert "close-subkey -> SUCCESS, handle 0x8" in lines[-2]
    assert lines[-1] == "* handles that are open on it"


def test_a_step_is_shown_as_the_call_that_it_belongs_to() -> None:
    """Once for all its steps, with the handle nobody asked for; in a list where it is narrow."""
    for width in (60, 120):
        lines = path_lines(leak(), width)
        openings = [step.answer for step in leak().steps if step.step == "open-root"]
        text = " ".join(" ".join(lines).split())

        assert max(map(len, lines)) <= width
        assert openings == [StepAnswer("SUCCESS", handle=4, implicit=True)]
        assert text.count("<-") == 2  # the wizard's, too
    assert [step.call for step in leak().steps][5:7] == [OPENED, OPENED]
    assert text.count("RegOpenKeyEx(HKCU,") == 1
    assert "6 worker-1" in text
    assert "7 open-subkey -> SUCCESS, handle 0x8" in text
    root, sub = leak().steps[5:7]
    calls = [row[2] for row in rows_of([root, sub, root, root], [()] * 4)]
    assert calls == [OPENED, "", "", OPENED]  # a step that comes again is a call of its own


def test_the_table_of_a_run_without_end() -> None:
    """The table of an endless run says where it begins to repeat, or that nobody can step."""
    path = circle()
    lines = path_lines(path)
    assert path.loop is not None
    assert lines[path.loop + 3].strip() == "and so on for ever from here:"
    assert lines[-1].startswith("and from here on again")
    ended = check(Counter(2, resets=False), "returns").path
    assert ended is not None
    assert path_lines(ended)[-1] == "Here nobody can step: the run has ended."


def test_a_plain_models_table_shows_its_state() -> None:
    """The table of a plain model, which has no counters, shows the state after each step."""
    ended = check(Counter(2), "below").path
    assert ended is not None

    assert [line.split()[-1] for line in path_lines(ended)[2:]] == ["0", "1", "2"]


def test_a_step_that_failed_says_what_it_was_told() -> None:
    """Every notation shows what a step was answered, failure or success; local work, nothing."""
    path = broken()
    lines = path_lines(path, 200)
    assert sum("open-subkey -> INVALID_HANDLE" in line for line in lines) == 1
    assert any(
        "RegCloseKey(HKCU)" in line and "close-root -> SUCCESS, handle 0x4" in line
        for line in lines
    )

    answers = {(step.step, step.answer) for step in path.steps}
    opened = StepAnswer("SUCCESS", handle=8)
    assert {("open-subkey", opened), ("dequeue", None)} <= answers
    assert path.steps[-1].answer == StepAnswer("INVALID_HANDLE", ok=False)
    assert path_json(path)[-1]["answer"] == "INVALID_HANDLE"
    assert path_json(path)[6]["answer"] is None
    drawn = path_mermaid(path, "err")
    assert "15. open-subkey: INVALID_HANDLE\n" in drawn
    assert drawn.count("INVALID_HANDLE") == 1
    assert "SUCCESS" not in drawn
    assert path_shiviz(path).count("open-subkey: INVALID_HANDLE") == 1


@pytest.mark.parametrize("reduce", ["none", "symmetry", "partial-order", "all"])
def test_answers_are_the_same_however_the_path_was_found(reduce: str) -> None:
    """A path has the same answers whether a search with any reduction or its code gave it."""
    path = broken(reduce=reduce)

    assert path.steps[-1].answer == StepAnswer("INVALID_HANDLE", ok=False)
    again = follow(models.model("q241572", variant="naive"), path.code).path
    assert [step.answer for step in again.steps] == [step.answer for step in path.steps]


def test_a_forced_unload_answers_with_the_hive() -> None:
    """After a forced unload the call in flight is told HIVE_UNLOADED and not INVALID_HANDLE."""
    path = check(models.model("q241572", variant="forced"), "err").path
    assert path is not None

    assert path.steps[-1].answer == StepAnswer("HIVE_UNLOADED", ok=False)


def test_a_model_that_does_not_say_has_no_answers() -> None:
    """The path of a model that gives no answers has none, and its table no column for them."""
    ended = check(Counter(2), "below").path
    assert ended is not None

    assert [step.answer for step in ended.steps] == [None, None]
    assert path_lines(ended)[0].split() == ["#", "actor", "step", "state"]
    assert path_lines(ended, 60)[1].split() == ["[state", "0]"]


def test_mermaid() -> None:
    """The diagram has an arrow to the counter where a step changes it, else to the actor itself."""
    lines = path_mermaid(leak(), "leak").splitlines()

    assert lines[0] == "sequenceDiagram"
    assert "  participant c0 as handles on HKU\\#lt;SID#gt;" in lines
    assert "  a1->>c0: 2. icw-start (0 to 1)" in lines
    assert "  a2->>a2: 5. dequeue" in lines
    again = path_mermaid(circle(), "round").splitlines()
    assert again.count("  loop for ever") == again.count("  end") == 1


def test_shiviz() -> None:
    """A vector clock grows by one at its own host, and names no event that has not happened."""
    log = path_shiviz(leak())
    events = re.findall(r"(?P<host>\S*) (?P<clock>{.*})\n(?P<event>.*)", log)

    assert len(events) == 9
    seen: dict[str, int] = {}
    for host, text, _ in events:
        clock = json.loads(text)
        assert clock[host] == seen.get(host, 0) + 1
        assert all(time <= seen.get(other, 0) for other, time in clock.items() if other != host)
        seen[host] = clock[host]
    dequeue = next(json.loads(text) for _, text, event in events if event.startswith("dequeue"))
    assert dequeue["icw"] == 2


def test_what_is_independent_has_no_order_in_shiviz() -> None:
    """The steps of two philosophers who share no fork have no order between their clocks."""
    from toys import Philosophers  # noqa: PLC0415

    walk = Walk(Philosophers(4)).take("p0", "take-first").take("p2", "take-first")
    log = path_shiviz(walk.path)

    assert 'p2 {"p2": 1}' in log


def test_the_program_runs() -> None:
    """The path as a Python program runs, its assertion holds, and fails once it is changed."""
    model = models.model("q241572", workers=1, services=0)
    claim = next(p for p in model.properties if p.name == "leak")
    origin = Recipe("q241572", {"workers": 1, "services": 0})
    program = path_python(leak(), origin, claim)

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
    early = program.replace("walk.take('worker-1', 'close-subkey')", "pass")
    assert early != program
    done = subprocess.run([sys.executable, "-c", early], check=False, capture_output=True)
    assert b"AssertionError" in done.stderr


def test_json() -> None:
    """The JSON of a path says who does what, the counters after it, and what it changes."""
    first, *_, last = path_json(leak())

    assert first["actor"] == "winlogon"
    assert last["counters"] == {"handles on HKU\\<SID>": 1}
    assert last["changed"] == ["tapisrv"] or "tapisrv" in str(last["changed"])


def test_texts_are_ascii_and_say_how_to_replay() -> None:
    """The texts are ASCII and say how to replay; a summary has a line for each property."""
    found = check(Counter(3), "below")
    text = result_text(found, Recipe("./my counter.py", {"top": 3}))

    assert text.isascii()
    assert "Replay: regsim check './my counter.py' -p top=3 --property below --path 000" in text
    both = summary_text([found, check(Counter(3), "small")], ORIGIN)
    assert "below     always  violated  3" in both
    assert "small     always  holds     -" in both
