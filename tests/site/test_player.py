"""What the page asks of the simulator, and the answers that it shows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from regsim.check.verify import check, factored
from regsim.explore.service import ServiceModel
from regsim.explore.sources import source_in_file
from regsim.site import packing, player
from regsim.site.broken import ALL
from regsim.site.straight import straight

CASE = ALL[0]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The player writes the text into the current folder: here, one of the test's own."""
    monkeypatch.chdir(tmp_path)


def asked(do: str, text: str, **more: str) -> dict[str, Any]:
    """Return the answer to the request to *do* something with *text*."""
    request = {"do": do, "text": text, "os": "", "challenge": "", **more}
    found: dict[str, Any] = json.loads(player.answer(json.dumps(request)))
    return found


def verdicts(found: dict[str, Any]) -> dict[str, bool]:
    """Return by the name of each claim whether it came out badly."""
    return {claim["name"]: claim["bad"] for claim in found["claims"]}


def test_a_check_says_what_regsim_check_says() -> None:
    """The verdicts are those of the explorer, and the page steps through what is violated."""
    found = asked("check", CASE.broken)
    model = source_in_file("my_service.py").make(os="nt4-sp4")
    assert isinstance(model, ServiceModel)
    expected = {r.property.name: r.verdict.value for r in check(model.system())}
    words = {claim["name"]: claim["word"].partition(" ")[0] for claim in found["claims"]}
    assert words == expected
    assert verdicts(found)["released"]
    assert not verdicts(found)["no-call-breaks"]
    assert "released" in found["page"]
    assert found["steps"]["start"] == ["released"]
    assert "ThreadPart" not in "".join(found["steps"]["texts"])


def test_the_chosen_system_counts_before_the_text() -> None:
    """From Vista on the hive is taken by force, so that another claim is broken."""
    assert not verdicts(asked("check", CASE.broken, os="w2k"))["no-call-breaks"]
    assert verdicts(asked("check", CASE.broken, os="win7"))["no-call-breaks"]


def test_progress_is_told() -> None:
    """Whoever wants to know is told how many states there are so far."""
    told: list[int] = []
    request = {"do": "check", "text": ALL[2].broken, "os": "", "challenge": ""}
    player.answer(json.dumps(request), told.append)
    assert told == sorted(told)


def test_one_run_serves_before_the_user_leaves() -> None:
    """A run has two requests, whole, then the logoff, and names what it broke and where."""
    found = asked("run", CASE.broken)
    assert verdicts(found)["released"]
    assert [c["word"] for c in found["claims"] if c["name"] == "released"] == ["broken at step 12"]
    walk, broken = straight(factored(source_in_file("my_service.py").make(os="w2k").system()))
    actors = [step.actor for step in walk.path.steps]
    assert actors.count("user") == 2
    assert actors.index("telephony-1") < len(actors) - 1 - actors[::-1].index("winlogon")
    assert broken == {"released": 12}


def test_one_run_proves_nothing() -> None:
    """What a run does not break is not said to hold."""
    found = asked("run", CASE.solution)
    assert not any(verdicts(found).values())
    assert not any("holds" in claim["word"] for claim in found["claims"])


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        ("import regsim\n\nx = (\n", "was never closed", 3),
        ("import regsim\n\ndef f(win)\n", "my_service.py, line 3: expected ':'", 3),
        ("import regsim\n\nx = 1 / 0\n", "division by zero", 3),
        (CASE.broken.replace("RegOpenKeyEx", "RegOpenKey_"), "unknown name of win", 8),
        (CASE.broken.replace("key = ", "key = 1 / 0 or "), "division by zero", 8),
        ("import regsim\n", "known: ", None),
        ("", "is empty", None),
    ],
    ids=["syntax", "colon", "top", "name", "service", "no-model", "empty"],
)
def test_an_error_is_a_line_and_names_its_own(text: str, words: str, line: int | None) -> None:
    """What is wrong with a text is said in one line, with the line that it is about."""
    for do in ("run", "check"):
        found = asked(do, text)
        assert words in found["error"]
        assert "Traceback" not in found["error"]
        assert str(Path.cwd()) not in found["error"]
        assert found["line"] == line


def test_a_misspelt_call_is_told_without_every_other() -> None:
    """The call that may be meant is named; the list of all that there are is left out."""
    text = CASE.broken.replace("RegOpenKeyEx", "RegOpenKey_")
    assert asked("check", text)["error"].endswith("(did you mean 'RegOpenKey'?)")
    assert "; known: " not in asked("check", text)["error"]


def test_a_challenge_is_judged() -> None:
    """A broken text gets the shortest way to break its goal, a mended one is solved."""
    found = asked("judge", CASE.broken, challenge=CASE.name)
    assert found["solved"] is False
    assert "released, Windows 2000" in verdicts(found)
    assert found["page"]
    found = asked("judge", CASE.solution, challenge=CASE.name)
    assert found["solved"] is True
    assert "page" not in found
    assert "unknown challenge" in asked("judge", CASE.solution, challenge="none")["error"]


def test_fixes_are_found_and_their_bounds_told() -> None:
    """Each that holds comes with its patch, and with how far it is proved; others do not come."""
    found = asked("fix", ALL[1].broken)
    ways = {fix["says"]: fix for fix in found["fixes"]}
    close = ways["closes HKEY_CURRENT_USER after each use"]
    assert "+            win.RegCloseKey(win.HKEY_CURRENT_USER)" in close["patch"]
    assert "1 thread of telephony" in close["proved"]
    assert found["title"].startswith(f"{len(ways)} ways")


def test_fixes_are_looked_for_in_plain_code_only() -> None:
    """A text whose model is of another kind is told so; it does not fail."""
    assert "plain code" in asked("fix", ALL[5].broken)["error"]


def test_the_page_needs_no_third_party_but_those_it_has() -> None:
    """What the player imports is the standard library, regsim, and what goes into the folder."""
    code = (
        "import sys; before = set(sys.modules)\nimport regsim.site.player\n"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = set(done.stdout.split()) - set(sys.stdlib_module_names)
    imported = {name for name in found if not name.startswith("__editable__")}
    assert imported - {"regsim"} == {"attr", "attrs"}
    assert packing.NEEDED == ("attrs",)
