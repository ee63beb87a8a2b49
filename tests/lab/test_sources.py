"""The lab's other sources: a trace, and what an exploration finds of a model."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from regsim.models import model

from regsim.check.verify import check
from regsim.cli import main
from regsim.cli._lab_sources import lab_of_model, lab_of_trace
from regsim.errors import DataError, UnknownNameError
from regsim.report.lab.checks import story_of_result
from regsim.report.lab.stories import Story

OPEN = {"op": "open", "pid": 7, "process": "svc.exe", "parent": "HKEY_CURRENT_USER"}


def trace(folder: Path, *records: dict[str, object]) -> Path:
    """Write *records* as JSON lines and return the file."""
    path = folder / "trace.jsonl"
    lines = [{"op": "start", "pid": 7, "process": "svc.exe", "os": "win11"}, *records]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def story_of(path: Path) -> Story:
    """Return the one story of a trace's page."""
    story = lab_of_trace(path, None).stories[()]
    assert isinstance(story, Story)
    return story


# -- a trace ---------------------------------------------------------------------------------


def test_a_trace_shows_what_was_kept_and_counts_the_rest(tmp_path: Path) -> None:
    """The root that nobody asked for is a step; the key that was closed again is not."""
    story = story_of(
        trace(
            tmp_path,
            {**OPEN, "key": "Software", "handle": 8, "time": 1.0},
            {"op": "close", "pid": 7, "handle": 8, "time": 2.0},
        )
    )

    (frame,) = story.frames
    assert (frame.actor, frame.implicit, frame.open_handles) == ("svc.exe", True, 1)
    assert [row.key for row in frame.table] == ["HKCU"]
    assert (story.word, story.mark) == ("blocked", "bad")
    assert "1 handle was kept" in story.finding


def test_what_a_trace_does_not_tell_is_not_made_up(tmp_path: Path) -> None:
    """Unknown handles have no value on the page, each its own line; a known one keeps its value."""
    unknown = [{**OPEN, "key": key, "time": 1.0} for key in ("Software", "Console")]
    story = story_of(
        trace(tmp_path, *unknown, {**OPEN, "key": "Printers", "handle": 8, "time": 2.0})
    )

    last = story.frames[-1]
    assert [row.handle >= 0 for row in last.table] == [False, False, True]
    assert len({row.handle for row in last.table}) == 3
    said = [change.text for frame in story.frames for change in frame.changes]
    assert any("opened a handle on" in text for text in said)
    assert any("opened 0x8 on" in text for text in said)


def test_an_unload_is_said_once_and_by_its_call(tmp_path: Path) -> None:
    """Who unloads a hive is not known of every trace: the step then names the call alone."""
    unload = {"op": "unload", "pid": 4, "key": "HKCU", "status": "0xC0000121", "time": 3.0}
    frame = story_of(trace(tmp_path, {**OPEN, "key": "Software", "time": 1.0}, unload)).frames[-1]

    assert (frame.actor, frame.call) == ("", "NtUnloadKey(HKCU)")


def test_the_question_is_who_keeps_the_hive(tmp_path: Path) -> None:
    """The right answer is the verdict's."""
    story = story_of(trace(tmp_path, {**OPEN, "key": "Software", "handle": 8, "time": 1.0}))

    (question,) = story.questions
    assert [question.options[n] for n in question.right] == ["svc.exe (7)"]
    assert question.at == len(story.frames)


def test_a_process_that_ends_lets_go(tmp_path: Path) -> None:
    """Its end is a step of its own, after which nothing is open."""
    story = story_of(
        trace(
            tmp_path,
            {**OPEN, "key": "Software", "handle": 8, "time": 1.0},
            {"op": "exit", "pid": 7, "time": 3.0},
        )
    )

    assert story.frames[-1].open_handles == 0
    assert story.frames[-1].step == "its end"
    assert story.mark != "bad"


def test_a_trace_in_which_nothing_was_kept_says_why_there_is_no_story(tmp_path: Path) -> None:
    """The page then has the verdict's words."""
    path = trace(tmp_path, {"op": "start", "pid": 8, "process": "other.exe", "time": 1.0})

    story = lab_of_trace(path, None).stories[()]

    assert isinstance(story, str)
    assert re.search("clear|inconclusive", story, re.IGNORECASE)


def test_what_is_no_trace_is_refused(tmp_path: Path, capsys) -> None:
    """One line, exit code 2, no file."""
    file = tmp_path / "text.txt"
    file.write_text("nothing\n")
    with pytest.raises(DataError):
        lab_of_trace(file, None)

    assert main(["lab", "--trace", str(file), "-o", str(tmp_path / "out.html")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out.html").exists()


# -- a model ---------------------------------------------------------------------------------


def test_each_variant_has_each_claim() -> None:
    """A violated claim is a story, one that holds is a sentence with its counts."""
    lab = lab_of_model("q241572", {"workers": 2, "services": 0})

    assert [axis.name for axis in lab.axes] == ["variant", "claim"]
    naive, counted = lab.stories["naive", "err"], lab.stories["refcounted", "err"]
    assert isinstance(naive, Story)
    assert (naive.mark, naive.word, len(naive.frames)) == ("bad", "violated", 15)
    assert isinstance(counted, str)
    assert "err holds" in counted
    assert lab.start == ("buggy", "leak")


def test_a_given_variant_is_no_choice() -> None:
    """Then the claims are all there is to choose."""
    lab = lab_of_model("q241572", {"workers": 1, "services": 0, "variant": "naive"})

    assert [axis.name for axis in lab.axes] == ["claim"]


def test_the_frames_of_a_path_have_the_machines_handles() -> None:
    """After each step, those that the kernel says; the last leaves the leak."""
    case = model("q241572", workers=1, services=0)
    story = story_of_result(check(case, "leak"))

    assert isinstance(story, Story)
    assert [frame.open_handles for frame in story.frames] == [0, 1, 1, 0, 0, 1, 2, 2, 1]
    left = story.frames[-1].table
    assert [(row.process, row.implicit) for row in left if row.blocks] == [("tapisrv.exe", True)]


def test_the_frames_of_a_path_say_what_was_answered() -> None:
    """The step that breaks the claim failed; local work asked nothing."""
    case = model("q241572", variant="naive")
    story = story_of_result(check(case, "err"))

    assert isinstance(story, Story)
    answers = {frame.step: (frame.answer, frame.ok) for frame in story.frames}
    assert answers["open-subkey"] == ("INVALID_HANDLE", False)
    assert answers["close-root"] == ("SUCCESS", True)
    assert answers["dequeue"] == ("", True)


def test_a_lasso_says_where_it_repeats() -> None:
    """A claim about every run is broken by one that never ends."""
    case = model("q241572", workers=1, services=1, variant="refcounted", noisy=1)
    story = story_of_result(check(case, "live"))

    assert isinstance(story, Story)
    assert any("for ever" in frame.note for frame in story.frames)
    assert any("for ever" in line for line in story.verdict)


def test_a_witness_is_good_news() -> None:
    """A `sometimes` that holds shows the way there."""
    case = model("q241572", workers=1, services=0)
    story = story_of_result(check(case, "saved"))

    assert isinstance(story, Story)
    assert story.mark == "good"


# -- the command -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["q241572", "--model", "q241572"], "exclude each other"),
        (["--model", "q241572", "--fix", "none"], "--fix belongs to a scenario"),
        (["--model", "q241572", "--os", "win11"], "--os belongs to"),
        (["-p", "workers=1"], "-p belongs to --model"),
        (["--model", "q1"], "unknown model"),
        (["--model", "q241572", "-p", "workers"], "NAME=VALUE"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, capsys, arguments, message) -> None:
    """Each contradiction says what belongs where."""
    assert main(["lab", *arguments, "-o", str(tmp_path / "x.html")]) == 2
    assert message in capsys.readouterr().err


def test_a_model_becomes_a_page(tmp_path: Path) -> None:
    """One file, small, with the claims in it."""
    out = tmp_path / "model.html"
    assert main(["lab", "--model", "q241572", "-p", "workers=1", "-o", str(out)]) == 0

    page = out.read_text()
    assert len(page) < 500_000
    assert "every interleaving explored" in page


def test_an_unknown_model_lists_those_there_are() -> None:
    """As everywhere."""
    with pytest.raises(UnknownNameError, match="q241572"):
        lab_of_model("q1", {})
