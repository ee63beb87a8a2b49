"""Plain code with any number of threads: against step programs, and against given numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from regsim.models.q241572 import VARIANTS
from test_plain_code import CLAIMS, counted, leak, naive, race, right, telephony, uncached
from test_plain_orders import SYSTEMS, Writer, written

import regsim
from regsim import cli, models
from regsim.actors import bystanders, winlogon
from regsim.actors.stage import PENDING
from regsim.check.anynumber import AnyNumber
from regsim.check.families import RefusedError
from regsim.check.formula import Atom, Formula, every, some
from regsim.check.property import PropertyKind, Verdict, always
from regsim.check.verify import check, check_all
from regsim.errors import UsageError
from regsim.explore import learned
from regsim.explore.asking import EndlessCodeError
from regsim.explore.learned import LocalState, PlainProgram, program
from regsim.explore.scene import Scene
from regsim.explore.service import ServiceModel, model
from regsim.explore.system import System, thread_of


def asked(code: Callable[[Any], object], os: str = "w2k") -> ServiceModel:
    """Return the model of *code* in any number of threads, and one logon."""
    return model(os=os).service(code, threads=regsim.ANY).user_logs_on_and_off()


# -- against step programs -----------------------------------------------------------------------


def case(code: Callable[[Any], object], variant: str, **given: int) -> AnyNumber:
    """Return the case of KB Q241572 with its service in plain code, as `q241572` asks it."""
    os, force = VARIANTS[variant].os, VARIANTS[variant].force
    service = program("tapisrv", code, Scene(os).dialect)

    def make(numbers: Mapping[str, int]) -> System:
        sizes = {**given, **numbers}
        scene = Scene(os)
        scene.add("winlogon", winlogon.patient(force=force))
        scene.add("icw", bystanders.wizard(1), process="session")
        workers = scene.add("worker", service, count=sizes["workers"], process="tapisrv")
        others = scene.add("service", bystanders.service(), count=sizes["services"])
        idle = every(stands(scene, name, service, _idle) for name in workers)
        quiet = idle & every(scene.at(name, "idle") for name in others)
        quiet = quiet & scene.at("winlogon", "unloading") & scene.variable(PENDING, 0)
        broken = some(stands(scene, name, service, _broken) for name in workers)
        return scene.system("q", always("leak", ~(quiet & ~scene.clear)), always("err", ~broken))

    return AnyNumber("q", make, {n: 0 for n in ("workers", "services") if n not in given})


def stands(
    scene: Scene, name: str, code: PlainProgram, test: Callable[[LocalState], bool]
) -> Formula:
    """Return the formula that *test* holds of where thread *name* stands."""

    def found(value: object) -> bool:
        state = code.state(thread_of(value).pc)
        return state is not None and test(state)

    return Atom(scene.component(name), found, test.__name__)


def _idle(state: LocalState) -> bool:
    return state.resting


def _broken(state: LocalState) -> bool:
    return state.request.name == "gives the error back"


@pytest.mark.parametrize(
    ("code", "variant", "given", "leaks", "errs"),
    [
        (telephony, "buggy", {}, 9, None),
        (uncached, "uncached", {}, None, None),
        (naive, "naive", {"services": 0}, None, 15),
    ],
)
def test_plain_code_agrees_with_its_step_program(
    code: Callable[[Any], object],
    variant: str,
    given: dict[str, int],
    leaks: int | None,
    errs: int | None,
) -> None:
    """Of any number too: abstract states, verdicts and shortest paths are those of the program."""
    asked_of = {"workers": "any", "services": "any", "queue": 1, **given}
    steps = models.model("q241572", variant=variant, **asked_of)
    plain, program = (
        check_all(made, ["leak", "err"], all_states=True)
        for made in (case(code, variant, **given), steps)
    )

    assert [(r.verdict, r.states) for r in plain] == [(r.verdict, r.states) for r in program]
    for found in (plain, program):
        assert [None if r.path is None else len(r.path.steps) for r in found] == [leaks, errs]


# -- against given numbers -----------------------------------------------------------------------


@pytest.mark.parametrize("seed", [2, 4, 7])
def test_a_proof_for_any_number_is_one_for_each(seed: int, tmp_path: Path) -> None:
    """Of services written at random: never "holds" of what a run of given numbers breaks."""
    found = model(os=SYSTEMS[seed % 2]).service(
        written(Writer(seed).text(), tmp_path), threads=regsim.ANY
    )
    found = found.user_logs_on_and_off()
    answers = {a.property.name: a for a in found.check()}
    assert "logoff-ends" not in answers
    for threads in (1, 2, 3):
        for given in found.numbered({"threads": threads}).check(reduce="symmetry"):
            answer = answers.get(given.property.name)
            breaks = given.verdict is Verdict.VIOLATED
            if answer is not None and given.property.kind is PropertyKind.ALWAYS and breaks:
                assert answer.verdict is Verdict.VIOLATED
                assert given.path is not None
                assert answer.path is not None
                assert len(answer.path.steps) <= len(given.path.steps)
            if answer is not None and answer.concrete == {"threads": threads}:
                assert given.verdict is answer.verdict


@pytest.mark.parametrize(("code", "violated"), [(leak, {"released"}), (race, {"no-call-breaks"})])
def test_what_is_broken_is_shown_with_so_many_threads(
    code: Callable[[Any], object], violated: set[str]
) -> None:
    """A leak takes one thread, a race two; all else is proved for any number."""
    found = asked(code).check()
    shown = {a.property.name: a for a in found if a.property.name in CLAIMS}

    assert {n for n, a in shown.items() if a.verdict is Verdict.VIOLATED} == violated
    assert {n for n, a in shown.items() if a.verdict is Verdict.HOLDS} == {*shown} - violated
    assert [shown[n].concrete for n in violated] == [{"threads": 1 if code is leak else 2}]


def test_a_proof_of_plain_code_is_a_certificate(tmp_path: Path) -> None:
    """It is verified for the service that it is of, and refused for another."""
    file, other, proof = (tmp_path / name for name in ("svc.py", "other.py", "proof.json"))
    text = WRITTEN.format(code="service", threads="threads")
    file.write_text(text, "utf-8")
    leaks = "win.RegCloseKey(win.RegOpenKeyEx(win.HKEY_CURRENT_USER, 'Software'))"
    other.write_text(text.replace('win.work("x")', leaks), "utf-8")
    asking = ("-p", "threads=any", "--property", "released", "--certificate-out", str(proof))

    assert cli.main(["check", str(file), *asking]) == 0
    assert cli.main(["check", str(file), "--certificate", str(proof)]) == 0
    assert cli.main(["check", str(other), "--certificate", str(proof)]) == 3


def test_several_services_are_each_of_any_number() -> None:
    """Each has its own number, called by its name; one may be given while another is any."""
    two = model(os="w2k").service(right, threads=regsim.ANY).service(leak, threads=1)
    two = two.user_logs_on_and_off()
    found = two.check("released")

    assert two.numbers == {"right-threads": "any", "leak-threads": 1}
    assert (found.numbers, found.concrete) == (("right-threads",), {"right-threads": 1})
    assert found.verdict is Verdict.VIOLATED


# -- what is not known, and what is refused ------------------------------------------------------


def test_a_count_of_users_is_not_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each thread that counts more users stands elsewhere, without end: nothing is said of any."""
    monkeypatch.setattr("regsim.explore.service.ENOUGH_STATES", 300)
    found = asked(counted).check("no-call-breaks")

    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reasons
    bounded = asked(counted).numbered({"threads": 2}).check("no-call-breaks")
    assert bounded.verdict is Verdict.HOLDS


def test_code_that_has_too_many_places_for_more_threads_is_inconclusive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What one thread shows stands; where one has too many already, the code is refused."""

    def numbers(win: Any) -> None:
        win.wait("request")
        win.shared.n += 1

    monkeypatch.setattr(learned, "MOST", 6)
    found = asked(numbers).check()
    assert found["served"].verdict is Verdict.HOLDS
    assert found["released"].verdict is Verdict.INCONCLUSIVE
    assert "ever more ways" in found["released"].reasons[0]
    monkeypatch.setattr(learned, "MOST", 3)
    with pytest.raises(EndlessCodeError):
        asked(numbers).check()


def test_what_will_happen_is_refused_with_the_reason() -> None:
    """A claim about what comes is for given numbers, and is asked there."""
    with pytest.raises(RefusedError, match="give one for threads"):
        asked(right).check("logoff-ends")
    assert asked(right).asked().left_out() == {
        "logoff-ends": asked(right).asked().left_out()["logoff-ends"]
    }
    with pytest.raises(UsageError, match="any number of threads: give one"):
        asked(right).system()


WRITTEN = """
import regsim

def service(win):
    while win.wait("request"):
        with win.impersonating("user"):
            win.work("x")

def Model(threads=2):
    return regsim.model(os="w2k").service({code}, threads={threads}).user_logs_on_and_off()
"""


def test_a_function_that_makes_a_service_takes_any_number(tmp_path: Path) -> None:
    """It must do nothing with the number but pass it on, nor make another service of each."""
    file = tmp_path / "svc.py"

    file.write_text(WRITTEN.format(code="service", threads="threads"), "utf-8")
    assert check(file, "released").verdict is Verdict.HOLDS
    assert check(file, "released", threads="any").verdict is Verdict.HOLDS
    for code, number, why in (
        ("service", "threads + 1", "computes with the number"),
        ("lambda win: service(win) or threads", "threads", "computes with the number"),
        ("(lambda s: lambda win: s(win))(service)", "threads", "is not the same"),
    ):
        file.write_text(WRITTEN.format(code=code, threads=number), "utf-8")
        with pytest.raises(RefusedError, match=why):
            check(file, "released", threads="any")
    file.write_text(WRITTEN.format(code="service", threads="regsim.ANY"), "utf-8")
    with pytest.raises(UsageError, match="let it take the number"):
        check(file, "released")


def test_a_bounded_verdict_says_how_to_ask_of_any_number(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The parameter that it names is there, for one service and for several."""
    file = tmp_path / "svc.py"
    one = "regsim.model(os='w2k').service(service, threads=2)"
    for made, more in (
        (one, "-p threads=any"),
        (f"{one}.service(service, name='b')", "-p service-threads=any -p b-threads=any"),
    ):
        text = WRITTEN.partition("def Model")[0] + f"model = {made}.user_logs_on_and_off()\n"
        file.write_text(text, "utf-8")
        assert cli.main(["check", str(file), "--property", "released"]) == 0
        assert f"for any number: add `{more}`" in " ".join(capsys.readouterr().out.split())
        assert cli.main(["check", str(file), "--property", "released", *more.split()]) == 0
        assert "For any number of" in capsys.readouterr().out


def test_a_file_may_ask_of_any_number_itself(tmp_path: Path) -> None:
    """And the command line of a number instead; what is no number is refused in one line."""
    file = tmp_path / "svc.py"
    made = "regsim.model(os='w2k').service(service, threads=regsim.ANY).user_logs_on_and_off()"
    file.write_text(WRITTEN.partition("def Model")[0] + f"model = {made}\n", "utf-8")

    assert check(file, "released").numbers == ("threads",)
    assert check(file, "released", threads=2).numbers == ()
    for wrong in ("many", 0):
        with pytest.raises(UsageError, match="1 to 64, or any"):
            check(file, "released", threads=wrong)
