"""The exercises: what they ask, that the simulator judges them, and what it says."""

from __future__ import annotations

import importlib.util
from itertools import permutations
from pathlib import Path

import pytest

from regsim import course, models
from regsim.course import OBJECTIVES, logoffs, proof
from regsim.course.bench import Bench
from regsim.course.questions import YES_NO, Question, Truth
from regsim.errors import UnknownNameError, UsageError
from regsim.kernel.operations import unload_by
from regsim.status import NtStatus

_spec = importlib.util.spec_from_file_location(
    "solutions", Path(__file__).with_name("solutions.py")
)
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
SOLUTIONS: dict[str, dict[str, object]] = _module.SOLUTIONS
NOTE: str = _module.NOTE
EVERY = [(name, q) for name in course.names() for q in course.exercise(name).questions]


def because(name: str, answer: dict[str, object], question: str = "") -> str:
    """Return what feedback says of one answer."""
    results = {r.question.name: r for r in course.check(name, answer).results}
    return results[question or next(iter(answer))].because


def test_the_course_has_eight_exercises() -> None:
    """E1 to E8, each found by its name and saying it."""
    assert course.names() == [f"e{n}" for n in range(1, 9)]
    assert [course.exercise(name).name for name in course.names()] == course.names()
    with pytest.raises(UnknownNameError, match="e1, e2"):
        course.exercise("e9")


def test_every_objective_is_checked() -> None:
    """Ten objectives, each by a question that the simulator judges; no question without one."""
    checked = {question.objective for _, question in EVERY}
    assert checked == set(OBJECTIVES) == set(range(1, 11))


@pytest.mark.parametrize("name", course.names())
def test_the_solution_passes(name: str) -> None:
    """What a person who knows answers is what the simulator finds, in every question."""
    feedback = course.check(name, SOLUTIONS[name])
    assert [str(r) for r in feedback.results if not r.right] == []
    assert feedback.passed


@pytest.mark.parametrize(("name", "question"), EVERY, ids=[f"{n}-{q.name}" for n, q in EVERY])
def test_a_wrong_answer_is_contradicted(name: str, question: Question) -> None:
    """Every other choice, and another number, is judged wrong, with a reason that ends."""
    right = question.clean(SOLUTIONS[name][question.name])
    others = (
        [c for c in question.choices if c != right] or [str(int(right) + 1)]
        if (question.choices or question.number)
        else ["nonsense"]
    )
    for wrong in others:
        (result,) = [
            r for r in course.check(name, {question.name: wrong}).results if r.given is not None
        ]
        assert not result.right
        assert result.because.endswith(".")


@pytest.mark.parametrize(("name", "question"), EVERY, ids=[f"{n}-{q.name}" for n, q in EVERY])
def test_feedback_names_a_call(name: str, question: Question) -> None:
    """What contradicts is a call of the run, or a step of the checker's, not a bare verdict."""
    wrong = next((c for c in question.choices if c != str(SOLUTIONS[name][question.name])), "0")
    said = because(name, {question.name: wrong})
    calls = ("Reg", "Nt", "Handle", "Revert", "worker-1", "states were looked at", "schedule:")
    assert any(call in said for call in (*calls, "processes have a key")), said


def test_no_answer_is_stored() -> None:
    """Another kernel, another truth: what is found follows what the machine does."""
    exercise = course.exercise("e1")
    assert exercise.judge({"after-1": 2}).right == 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Bench, "unload", lambda *_args, **_more: NtStatus.SUCCESS)
        assert exercise.judge({"unloads": True}).right == 1
    assert exercise.judge({"unloads": True}).right == 0


def test_the_dialect_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """E6 under Wine's rules, where RegCloseKey(HKEY_CURRENT_USER) closes nothing: still Anna."""
    assert course.check("e6", {"closed": "bert"}).right == 1
    monkeypatch.setattr("regsim.course.users._OS", "wine")
    assert course.check("e6", {"closed": "bert"}).right == 0
    assert course.check("e6", {"closed": "anna"}).right == 1


@pytest.mark.parametrize(
    ("question", "given", "clean"),
    [
        (Question("q", "?", 1, YES_NO), True, "yes"),
        (Question("q", "?", 1, YES_NO), " NO ", "no"),
        (Question("q", "?", 1, number=True), 7, "7"),
        (Question("q", "?", 1, number=True), " 007", "7"),
        (Question("q", "?", 1), " As it is ", "As it is"),
    ],
)
def test_answers_are_read_kindly(question: Question, given: object, clean: str) -> None:
    """Case, blanks and the language's own yes and no do not matter."""
    assert question.clean(given) == clean


@pytest.mark.parametrize(
    ("question", "given"),
    [
        (Question("q", "?", 1, YES_NO), "maybe"),
        (Question("q", "?", 1, number=True), "many"),
        (Question("q", "?", 1, number=True), -1),
        (Question("q", "?", 1, number=True), True),
    ],
)
def test_what_can_be_no_answer_is_refused(question: Question, given: object) -> None:
    """With the name of the question, and what an answer is."""
    with pytest.raises(UsageError, match=r"^q: "):
        question.clean(given)


def test_an_unknown_question_is_refused() -> None:
    """The error lists those that exist."""
    with pytest.raises(UnknownNameError, match="after-1"):
        course.check("e1", {"after-9": 1})


def test_nothing_is_run_for_no_answer() -> None:
    """An empty answer leaves everything open, and explains nothing yet."""
    feedback = course.check("e4", {})
    assert feedback.right == 0
    assert not feedback.passed
    assert feedback.explanation[:20] not in repr(feedback)
    assert repr(feedback).count("open   ") == len(feedback.results)


def test_the_explanation_comes_after_the_answers() -> None:
    """Also when they are wrong: predict, run, explain."""
    feedback = course.check("e6", dict.fromkeys(SOLUTIONS["e6"], "bert") | {"blocked": "both"})
    assert not feedback.passed
    assert "for all threads" in repr(feedback)


def test_a_bystander_is_told_apart() -> None:
    """E2: whoever accuses a bystander hears that the unload fails with it ended."""
    said = because("e2", {"holder": "svchost.exe:112"})
    assert "still answers CANNOT_DELETE" in said


@pytest.mark.parametrize(("seconds", "tries", "stop"), [(20, 20, 21), (70, 60, 71)])
def test_the_moment_is_the_moment(seconds: int, tries: int, stop: int) -> None:
    """E3: the service stops so many seconds after the first try, which is at 1 s."""
    run = logoffs.stopped("w2k", seconds)
    unloads = [c for c in run.calls if unload_by(c.operation)]
    (stopping,) = [c for c in run.calls if c.step == "stop-service"]
    assert stopping.time == stop
    assert len([c for c in unloads if not c.status.ok]) == tries
    assert unloads[0].time == 1


def test_systems_differ_as_the_case_does() -> None:
    """E5 agrees with `regsim run` on what is saved."""
    for os in logoffs.GENERATIONS:
        run = models.run("q241572", os=os)
        assert course.check("e5", {f"{os}.saved": run.profile_saved}).right == 1


@pytest.mark.parametrize(
    ("old", "new", "missing"),
    [
        ("1530", "an event", "1530"),
        ("TapiSrv in svchost.exe", "something", "TapiSrv"),
        ("error 1018", "something", "1018"),
        ("RegOpenKeyEx(HKEY_CURRENT_USER) while it impersonates", "that for", "RegOpenKeyEx"),
        (
            "stop the service before the logoff; the mend is RegOpenCurrentUser and a close",
            "wait",
            "a workaround or fix is missing",
        ),
        (
            "stop the service before the logoff; the mend is RegOpenCurrentUser and a close",
            "set DisableForceUnload",
            "disable-force-unload does not help",
        ),
        ("Meanwhile", "Yes. Yes. Yes. Meanwhile", "sentences"),
    ],
)
def test_a_note_lacks_what_was_taken_out(old: str, new: str, missing: str) -> None:
    """E7: each part of the note is asked for by what the run shows."""
    assert old in NOTE
    note = NOTE.replace(old, new)
    if missing == "TapiSrv":
        note = note.replace("service", "program")
    assert missing in because("e7", {"note": note})


@pytest.mark.parametrize(
    ("order", "last"),
    [("1", "dequeue"), ("1, 2", "dequeue"), ("111111", "close-root"), ("2 2 2", "open-subkey")],
)
def test_an_order_is_played(order: str, last: str) -> None:
    """E8: each digit is one step of that thread."""
    taken = list(proof.play(order))
    assert taken[-1].step == last
    assert len(taken) == sum(c.isdigit() for c in order)


@pytest.mark.parametrize(
    ("order", "said"), [("1 3", "made of 1 and 2"), ("111111 1 " * 3, "waits")]
)
def test_an_order_that_cannot_be_played_says_why(order: str, said: str) -> None:
    """E8: it counts as contradicted, and the course goes on."""
    assert said in because("e8", {"schedule": order})


def test_breadth_of_the_orders() -> None:
    """E8: of the orders that end in one close and one request, some fail and some do not."""
    ends = set()
    for order in sorted(set(permutations("1222"))):
        prefix = list(proof.play("11111" + "".join(order)))
        ends.add(any(step.at == "error" for step in prefix))
    assert ends == {True, False}


def test_findings_say_why_even_when_right() -> None:
    """A right answer hears which call bears it out."""
    assert "CANNOT_DELETE" in because("e1", {"unloads": False})
    assert isinstance(course.exercise("e1").work()["keys"], Truth)


@pytest.mark.parametrize("name", course.names())
def test_the_scene_shows_itself(name: str) -> None:
    """Title, scene and every question, in lines that a terminal holds."""
    shown = repr(course.exercise(name))
    for question in course.exercise(name).questions:
        assert question.name in shown
    scene = course.exercise(name).scene()
    assert max(len(line) for line in scene.splitlines()) <= 100
