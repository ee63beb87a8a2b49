"""The broken systems: each can be mended, is broken, and is not mended by what only looks so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from regsim import models
from regsim.check.verify import Result, check_all
from regsim.errors import UsageError
from regsim.explore.sources import source_in_file
from regsim.site import challenges
from regsim.site.broken import ALL
from regsim.site.challenges import BySettings, Challenge, Judged, Plainly

TEMPTING = [each for each in ALL if each.tempting]
SERVICES = [each for each in ALL if isinstance(each.judge, Plainly)]


def name_of(challenge: Challenge) -> str:
    """Return what the tests of *challenge* are called."""
    return challenge.name


def judged(challenge: Challenge, text: str, folder: Path) -> Judged:
    """Return what the simulator says of *text* as an answer to *challenge*."""
    file = folder / "my_service.py"
    file.write_text(text, encoding="utf-8")
    return challenge.judged(source_in_file(str(file)))


def test_there_is_one_for_each_incident_in_order() -> None:
    """The twelve are made after the incidents, and stand in their order."""
    assert [each.name for each in ALL] == list(models.incidents())


@pytest.mark.parametrize("challenge", ALL, ids=name_of)
def test_the_solution_solves_it(challenge: Challenge, tmp_path: Path) -> None:
    """What is shown as a solution reaches the goal, and its claims were all asked."""
    found = judged(challenge, challenge.solution, tmp_path)
    assert found.solved
    assert found.says == f"Solved: {challenge.goal}"
    assert all(set(each.claims) <= {r.property.name for r in each.results} for each in found.asked)


@pytest.mark.parametrize("challenge", ALL, ids=name_of)
def test_it_is_broken_to_begin_with(challenge: Challenge, tmp_path: Path) -> None:
    """The text that a reader begins with violates the goal; it is not just undecided."""
    found = judged(challenge, challenge.broken, tmp_path)
    assert not found.solved
    assert found.says.startswith("Not solved yet: ")
    assert " violated (" in found.says


@pytest.mark.parametrize("challenge", TEMPTING, ids=name_of)
def test_what_only_looks_like_a_solution_is_none(challenge: Challenge, tmp_path: Path) -> None:
    """The mend that comes to mind first does not reach the goal."""
    found = judged(challenge, challenge.tempting, tmp_path)
    assert not found.solved
    assert found.says.startswith("Not solved yet: ")


@pytest.mark.parametrize("challenge", SERVICES, ids=name_of)
def test_doing_nothing_is_no_solution(challenge: Challenge, tmp_path: Path) -> None:
    """A service that no longer opens its key is refused, whatever it then holds."""
    name = challenge.solution.rpartition(".service(")[2].partition(")")[0].partition(",")[0]
    idle = f'def {name}(win):\n    while win.wait("request"):\n        win.work("nothing")\n'
    text = (
        f"import regsim\n\n\n{idle}\n\n{challenge.solution[challenge.solution.index('model =') :]}"
    )
    with pytest.raises(UsageError, match="let it do its work"):
        judged(challenge, text, tmp_path)


AS_ITSELF = ('        with win.impersonating("user"):\n', "        if True:\n")
ONCE = ("while win.wait", "if win.wait")
NO_NEIGHBOUR = ("            neighbour(win)\n", "")
NO_TELEPHONY = ("            telephony(win)\n", "")
ONLY_ONE_VALUE = ('("Font", "Colour", "Keyboard")', '("Font",)')
NO_DEFAULTS = (
    """    own = win.RegOpenKeyEx(win.HKEY_CURRENT_USER, r"Software\\Office")
    win.RegCloseKey(own)
""",
    "",
)
CHEATS = [
    *((name, AS_ITSELF) for name in ("q272239", "q325086", "q2287297", "two-users", "shared-host")),
    *((each.name, ONCE) for each in SERVICES if "continue" not in each.solution),
    ("shared-host", NO_NEIGHBOUR),
    ("shared-host", NO_TELEPHONY),
    ("q179827", ONLY_ONE_VALUE),
    ("two-users", NO_DEFAULTS),
]


@pytest.mark.parametrize(("name", "change"), CHEATS)
def test_a_service_that_does_less_is_no_solution(
    name: str, change: tuple[str, str], tmp_path: Path
) -> None:
    """A solution is none any more once it serves nobody, once only, another, or less."""
    case = next(each for each in ALL if each.name == name)
    text = case.solution.replace(*change)
    assert text != case.solution
    assert not accepted(case, text, tmp_path)


@pytest.mark.parametrize("name", ["q241572", "q272239", "two-users", "shared-host", "q2287297"])
def test_to_serve_as_the_service_itself_is_no_solution(name: str, tmp_path: Path) -> None:
    """Who only stops acting as the user leaves nothing open, and reads nothing of the user's."""
    case = next(each for each in ALL if each.name == name)
    text = case.broken.replace(*AS_ITSELF)
    assert text != case.broken
    assert not accepted(case, text, tmp_path)


def test_the_work_may_be_done_by_other_calls(tmp_path: Path) -> None:
    """What counts is the key and the value that are read, not the call that reads them."""
    case = next(each for each in ALL if each.name == "q179827")
    text = case.solution.replace("win.Reg", "win.").replace("OpenKeyEx", "OpenKey")
    text = text.replace("win.OpenCurrentUser", "win.RegOpenCurrentUser")
    assert accepted(case, text, tmp_path)


def accepted(challenge: Challenge, text: str, folder: Path) -> bool:
    """Return whether *text* is taken for a solution of *challenge*."""
    try:
        return judged(challenge, text, folder).solved
    except UsageError as error:
        assert "let it do its work" in str(error)
        return False


def test_the_text_cannot_choose_how_it_is_judged(tmp_path: Path) -> None:
    """One thread instead of two, or a user who never logs off, does not make the naive mend do."""
    case = ALL[0]
    alone = case.tempting.replace(", threads=2", "")
    assert alone != case.tempting
    assert not judged(case, alone, tmp_path).solved
    two = case.solution.replace("threads=2", 'name="a").service(telephony, name="b"')
    with pytest.raises(UsageError, match="one service"):
        judged(case, two, tmp_path)


def test_only_the_settings_that_are_offered_can_be_chosen(tmp_path: Path) -> None:
    """A setting that would take the trouble away, or that there is not, is refused by name."""
    race = next(each for each in ALL if each.name == "uphclean-race")
    assert isinstance(race.judge, BySettings)
    other = race.solution.replace("attempts=2", "attempts=0")
    with pytest.raises(UsageError, match="attempts=0 cannot be chosen"):
        judged(race, other, tmp_path)
    with pytest.raises(UsageError, match="queue=1 cannot be chosen"):
        judged(race, race.solution.replace("attempts=2", "queue=1"), tmp_path)


def test_settings_are_judged_as_the_text_uses_them(tmp_path: Path) -> None:
    """A text whose model is not the one that its first line names is refused, not judged."""
    case = next(each for each in ALL if each.name == "second-session")
    assert "Change the values in the line above." in case.broken
    other = case.solution.replace("server=server", 'server="never-unload"')
    with pytest.raises(UsageError, match="in that line alone"):
        judged(case, other, tmp_path)
    mended = case.broken.replace("server=server", 'server="own-load"')
    with pytest.raises(UsageError, match="in that line alone"):
        judged(case, mended, tmp_path)


def test_an_answer_that_is_not_known_is_not_called_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the exploration ends early with nothing violated, it says that nothing is decided."""

    def cut_short(model: Any, claims: Any, **_: Any) -> list[Result]:
        return check_all(model, claims, max_states=4)

    monkeypatch.setattr(challenges, "check_all", cut_short)
    found = judged(ALL[0], ALL[0].solution, tmp_path)
    assert not found.solved
    assert found.says.startswith("Not decided: ")
