"""The search for a fix of plain code: what it finds holds, and what it refutes is broken."""

from __future__ import annotations

import json
import random
import runpy
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from brute import Brute
from test_plain_orders import written

from regsim import models
from regsim.errors import NotApplicableError, UsageError
from regsim.explore.asking import PlainCodeError
from regsim.explore.claims import View
from regsim.explore.fixes import judge, search
from regsim.explore.fixes.judge import CALLS_END, judged
from regsim.explore.fixes.mutate import mutants
from regsim.explore.fixes.search import Fixes, FixSearch, Made
from regsim.explore.service import ServiceModel, model

EXPERIMENT = Path(__file__).parents[2] / "experiments" / "001-which-fixes-hold" / "result.json"
AS_EDITS = {
    "hotfix": "close-root-last-user",
    "stop-service": "stop-service",
    "explicit-hku": "explicit-hku",
    "open-current-user": "open-current-user",
}
"""The fixes of the experiment that a service can make, by the edit that each is."""


def asked(text: str, folder: Path, *, os: str = "w2k", threads: int = 2) -> ServiceModel:
    """Return the model of the service whose source is *text*."""
    code = written(text, folder)
    return model(os=os).service(code, threads=threads).user_logs_on_and_off()


def names(found: Fixes) -> set[str]:
    """Return what holds."""
    return {each.name for each in found.holding}


HEAD = (
    "def service(win):\n    while win.wait('request'):\n        with win.impersonating('user'):\n"
)
STOCK = (
    HEAD
    + """\
            # its root is opened too
            key = win.RegOpenKeyEx(win.HKEY_CURRENT_USER, 'Software')  # the root
            win.RegCloseKey(key)
"""
)


ONCE = STOCK.replace("    while", "    if")
"""The service for one request of each thread: so that each thread's whole past has an end."""


# -- the case --------------------------------------------------------------------------------------


@pytest.mark.parametrize("os", ["nt4-sp6a", "w2k"])
def test_the_case_gets_the_fixes_that_the_experiment_has(os: str) -> None:
    """Each fix that saves the profile wherever it exists is found as an edit, where it exists."""
    rows = json.loads(EXPERIMENT.read_text("utf-8"))["rows"]
    known = {fix for fix, edit in AS_EDITS.items() if rows[os][fix] == "saved" and edit}
    if "hotfix" not in known:  # who counts may do so on any system; its history is the hotfix's
        known |= {"hotfix"}
    found = models.source("q241572").service({}).fix(os)

    assert names(found) >= {AS_EDITS[fix] for fix in known}
    assert {"close-root", "refresh-root"}.isdisjoint(names(found))
    assert ("open-current-user" in {each.name for each in found.skipped}) is (os == "nt4-sp6a")
    assert (found.exit_code, found.complete) == (0, True)


def test_the_naive_fix_of_the_case_is_refuted_by_its_shortest_path() -> None:
    """One thread closes the root between another's two steps; the user asks twice before.

    That is 12 steps; the 15 of the step program have the wizard start and end besides.
    """
    found = FixSearch(models.source("q241572").service({}))
    (naive,) = [each for each in found.run().candidates if each.name == "close-root"]

    assert naive.path is not None
    assert naive.broken is not None
    last = naive.path.steps[-1]
    assert (len(naive.path.steps), naive.broken.first) == (12, ("no-call-breaks",))
    assert (last.step, last.answer and last.answer.text) == ("open-subkey", "INVALID_HANDLE")


@pytest.mark.parametrize(
    ("name", "os", "holds", "never"),
    [
        ("managed-handles", None, {"close-key"}, {"handle-error"}),
        (
            "two-users",
            None,
            {"for-alice: open-current-user", "for-alice: disable-predefined-cache"},
            {"for-alice: close-root", "for-alice: close-root-last-user"},
        ),
    ],
)
def test_other_incidents_get_their_fixes(
    name: str, os: str | None, holds: set[str], never: set[str]
) -> None:
    """What each model's own parameters say of its fixes is what is found of its plain code."""
    found = models.source(name).service({}).fix(os)

    assert names(found) >= holds
    assert {each.name for each in found.candidates if each.holds is False} >= never


# -- what holds, and what does not -----------------------------------------------------------------


@pytest.mark.parametrize("os", ["w2k", "win11"])
def test_what_holds_does_so_in_every_order_run_one_by_one(os: str, tmp_path: Path) -> None:
    """Each fix that is found breaks no claim where all orders of its calls are run on machines."""
    search = FixSearch(asked(ONCE, tmp_path), (os,))
    held = names(search.run())
    for made in search.made.values():
        if made.name in held and made.lines < 6:  # one that counts has too many states for it
            assert Brute(search.model_of(made, os)).found == set(), made.name  # type: ignore[arg-type]

    assert held > {"stop-service"}
    assert Brute(asked(ONCE, tmp_path, os=os)).found >= {"released"}


def test_tabs_are_a_step_as_good_as_spaces(tmp_path: Path) -> None:
    """The same service, written either way, has the same candidates with the same verdicts."""
    (tmp_path / "tabs").mkdir()
    spaces = FixSearch(asked(ONCE, tmp_path, threads=1)).run(most_edits=1)
    tabs = FixSearch(asked(ONCE.replace("    ", "\t"), tmp_path / "tabs", threads=1))

    told = [(each.name, each.holds) for each in spaces.candidates]
    assert [(each.name, each.holds) for each in tabs.run(most_edits=1).candidates] == told
    assert {"lock", "close-root"} <= {name for name, _ in told}


def test_a_call_that_shares_its_line_is_named(tmp_path: Path) -> None:
    """No edit touches it, so that the search is not over; on a line of its own it is."""
    line = "            win.RegCloseKey(key)"
    two = FixSearch(asked(ONCE.replace(line, f"{line}; win.work('x')"), tmp_path, threads=1))
    found = two.run(most_edits=1)

    assert [each.why for each in found.skipped if "shares its line" in each.why]
    assert not found.complete
    one = FixSearch(asked(ONCE, tmp_path, threads=1)).run(most_edits=1)
    assert not [each for each in one.skipped if "shares its line" in each.why]


def planted(seed: int) -> str:
    """Return a service written at random, in which one of its closes is left out."""
    chance = random.Random(seed)
    above = chance.choice(["if win.wait('request'):", "while win.wait('request'):"])
    below = ["sub = win.RegOpenKeyEx(key, 'Software')", "win.work('x')", "win.RegCloseKey(sub)"]
    shared = ["if win.shared.n == 0:", "    win.work('y')"]
    lines = [
        "key = win.RegOpenCurrentUser()",
        *chance.choice([below, [*shared, *below], [*below, *shared]]),
    ]
    closes = [*lines, "win.RegCloseKey(key)"]
    closes.remove(chance.choice(["win.RegCloseKey(key)", "win.RegCloseKey(sub)"]))
    body = "".join(f"            {line}\n" for line in closes)
    return HEAD.replace("while win.wait('request'):", above) + body


@pytest.mark.parametrize("seed", range(2))
def test_a_leak_that_is_planted_is_found_and_its_fix_is_worth_something(
    seed: int, tmp_path: Path
) -> None:
    """A close less is found; its fix breaks nothing in any order; what undoes it is noticed."""
    search = FixSearch(asked(planted(seed), tmp_path, threads=1))
    found = search.run()
    fix = next(each for each in found.holding if each.patch)
    (made,) = [each for each in search.made.values() if each.name == fix.name]
    once = asked(made.text.replace("    while", "    if"), tmp_path, threads=1)

    assert "released" in found.present.violated
    assert Brute(once).found == set()
    assert any(each.claims == ("released",) for each in mutants(search, made, "w2k"))


def test_two_edits_are_tried_where_one_is_not_enough(tmp_path: Path) -> None:
    """On Windows 11 the hive is taken by force: the full path, and an error that is handled."""
    found = asked(STOCK, tmp_path, os="win11").fix()

    assert names(found) == {"stop-service", "explicit-hku + handle-error"}
    assert not any(len(each.edits) == 1 and each.patch for each in found.holding)
    assert [len(each.edits) for each in found.candidates] == sorted(
        len(each.edits) for each in found.candidates
    )


def test_a_key_that_leaks_on_one_way_out_is_closed_on_it(tmp_path: Path) -> None:
    """The way that returns early gets its close; the other keeps its own."""
    text = (
        HEAD
        + """\
            key = win.RegOpenCurrentUser()
            if win.shared.off == 1:
                continue
            win.shared.off = 1
            win.RegCloseKey(key)
"""
    )
    found = asked(text, tmp_path, threads=1).fix()

    assert "close-key-early" in names(found)
    (early,) = [each for each in found.holding if each.name == "close-key-early"]
    assert "+                win.RegCloseKey(key)\n                 continue\n" in early.patch
    assert found.present.violated == {"released"}


def test_a_key_that_nobody_names_is_closed(tmp_path: Path) -> None:
    """What a call opens for nothing is given to a close."""
    found = asked(HEAD + "            win.RegOpenCurrentUser()\n", tmp_path, threads=1).fix()

    (fix,) = [each for each in found.holding if each.patch]
    assert "+            win.RegCloseKey(win.RegOpenCurrentUser())\n" in fix.patch


def test_a_close_that_comes_too_soon_is_moved(tmp_path: Path) -> None:
    """A root that is closed before the key below it is opened is closed after it instead."""
    text = (
        HEAD
        + """\
            win.RegCloseKey(win.HKEY_CURRENT_USER)
            key = win.RegOpenKeyEx(win.HKEY_CURRENT_USER, 'Software')
            win.RegCloseKey(key)
"""
    )
    found = asked(text, tmp_path, threads=1).fix()

    assert any(each.name.startswith("move-close-of-line-4-after-") for each in found.holding)


def test_a_critical_section_mends_the_naive_fix(tmp_path: Path) -> None:
    """The root may be closed after each call where no other thread is inside."""
    found = asked(STOCK + "            win.RegCloseKey(win.HKEY_CURRENT_USER)\n", tmp_path).fix()

    assert "lock" in names(found)
    assert "with win.lock" in next(e.patch for e in found.holding if e.name == "lock")


def test_what_is_right_needs_no_edit(tmp_path: Path) -> None:
    """Where every claim holds nothing is searched."""
    text = HEAD + "            win.RegCloseKey(win.RegOpenCurrentUser())\n"
    found = asked(text, tmp_path, threads=1).fix()

    assert [each.name for each in found.candidates] == ["none"]
    assert (found.exit_code, found.present.holds, found.present.patch) == (0, True, "")


def never(view: View) -> bool:
    """Nobody logs on."""
    return not view.logged_on


def test_a_claim_that_no_edit_can_keep_is_not_kept(tmp_path: Path) -> None:
    """None in the whole space is an answer: all are tried, and each has its path."""
    text = HEAD + "            win.RegCloseKey(win.RegOpenCurrentUser())\n"
    found = asked(text, tmp_path, threads=1).claim(never).fix()

    assert (found.exit_code, found.complete, found.holding) == (1, True, ())
    assert all(each.path is not None for each in found.candidates)


def test_a_limit_never_reads_as_an_answer(tmp_path: Path) -> None:
    """Where no candidate could be decided, the search is undecided, not over."""
    found = asked(STOCK, tmp_path).fix(most_states=20)

    assert (found.exit_code, found.holding) == (3, ())
    assert any(each.holds is None and "limit of 20 states" in each.why for each in found.candidates)


def test_the_callers_limit_counts_for_what_leaks_at_each_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What comes to ever new states is given up soon, and says so; not where a limit is given."""
    monkeypatch.setattr(judge, "LOOKED_AT", 60)
    monkeypatch.setattr(judge, "DEEP", 20)

    def service(win: Any) -> None:
        while True:
            win.RegOpenKeyEx(win.HKEY_CURRENT_USER, "Software")

    leaks = model(os="w2k").service(service).nobody_logs_on()
    soon, later, limited = (judged(leaks, most_states=most) for most in (None, 150, 40))

    assert {each.holds for each in (soon, later, limited)} == {None}
    assert (soon.states, later.states, limited.states) == (60, 150, 40)
    assert "ever new states, and `--max-states` says at how many to look" in soon.why
    assert "ever new states" not in later.why + limited.why


def test_a_proof_for_any_number_that_fails_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What holds within the bounds alone tells why it goes no further; a proof has no such word."""
    text = HEAD + "            win.RegCloseKey(win.RegOpenCurrentUser())\n"
    begun = asked(text, tmp_path, threads=1)
    (proved,) = begun.fix(any_number=True).candidates
    bounded = begun.fix().candidates[0]
    for why in ("the tables are not done", ""):
        left = judge.Trial(os="w2k", holds=None, why=why)
        monkeypatch.setattr(search, "judged_any", lambda _, left=left: left)
        (given,) = begun.fix(["w2k", "xp"], any_number=True).candidates

        assert (given.holds, given.proved) == (True, "bounded")
        said = why or "it was not decided"
        assert given.unproved == f"on w2k: {said}; on xp: {said}"
        assert given.to_dict()["unproved"] == given.unproved
    assert (proved.proved, proved.unproved) == ("any", "")
    assert (bounded.proved, bounded.unproved) == ("bounded", "")


def test_a_close_is_moved_behind_the_block_that_it_stands_in(tmp_path: Path) -> None:
    """Wherever it stands there; the sentence names where the block begins, which it may end."""
    short = STOCK
    long = STOCK.replace(
        "            win.RegCloseKey", "            win.work('on')\n            win.RegCloseKey"
    )
    for line, text in ((6, short), (7, long)):
        begun = FixSearch(asked(text, tmp_path))
        told = {name: says for made in edited(begun) for name, says in made.edits}

        assert told[f"move-close-of-line-{line}-behind-3"] == (
            f"moves the close of line {line} behind the `with` that begins in line 3"
        )


def test_a_fix_that_hangs_is_none() -> None:
    """Two threads that wait for each other's critical section rest nowhere, and break no claim."""

    def service(win: Any) -> None:
        win.wait("request")
        first, second = ("a", "b") if win.shared.turn == 0 else ("b", "a")
        win.shared.turn = 1
        with win.lock(first):
            win.work("inside")
            with win.lock(second):
                win.work("inside both")

    hangs = model(os="w2k").service(service, threads=2).user_logs_on_and_off()

    assert judged(hangs, also=(CALLS_END,)).violated == (CALLS_END,)
    assert judged(hangs, also=()).holds


# -- patches ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [STOCK, STOCK.replace("\n", "\r\n"), STOCK.rstrip("\n")])
def test_git_takes_the_patch(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines end as in the file; what is applied is what was proved; comments stay."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lib").mkdir()
    file = tmp_path / "lib" / "service.py"
    code = written(text, tmp_path / "lib")
    search = FixSearch(model(os="w2k").service(code, threads=2).user_logs_on_and_off())
    file.write_bytes(text.encode())
    for made in edited(search):
        file.write_bytes(text.encode())
        (tmp_path / "x.patch").write_bytes(search.patch(made).encode())
        subprocess.run(["git", "apply", "x.patch"], check=True, cwd=tmp_path, timeout=30)

        assert search.patch(made).startswith("--- a/lib/service.py\n+++ b/lib/service.py\n")
        assert file.read_text("utf-8") == made.text != text
        assert (b"\r\n" in file.read_bytes()) is ("\r\n" in text)
        assert "# its root is opened too" in made.text


ELSEWHERE = (
    STOCK
    + """\
        win.work("in der Straße")  # größer
"""
)
MIXED = b"".join(
    line.encode() + (b"\r\n" if number % 3 else b"\n")
    for number, line in enumerate(ELSEWHERE.split("\n")[:-1])
)
COOKIE = b"# -*- coding: cp1252 -*-\n"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (ELSEWHERE.encode(), "utf-8"),
        (b"\xef\xbb\xbf" + ELSEWHERE.encode(), "utf-8"),
        (COOKIE + ELSEWHERE.encode("cp1252"), "cp1252"),
        (b"\r\n".join((COOKIE + ELSEWHERE.encode("cp1252")).split(b"\n")), "cp1252"),
        (MIXED, "utf-8"),
        (b"\xef\xbb\xbf" + MIXED.rstrip(), "utf-8"),
        (ELSEWHERE.replace("\n", "\r").encode(), "utf-8"),
    ],
    ids=["utf8", "mark", "cp1252", "cp1252-crlf", "mixed", "mark-mixed-no-end", "cr"],
)
def test_git_takes_the_patch_of_whatever_python_reads(
    data: bytes, encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written in another way, or ends its lines in several, keeps each byte of the rest."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "service.py"
    file.write_bytes(data)
    code = runpy.run_path(str(file))["service"]
    begun = model(os="w2k").service(code).user_logs_on_and_off()
    search = FixSearch(begun)
    ways = {each.name: each for each in edited(search)}
    first = search.larger(ways["disable-predefined-cache"])[0]
    for made in (ways["close-root"], ways["lock"], ways["disable-predefined-cache"], first):
        file.write_bytes(data)
        (tmp_path / "x.patch").write_bytes(search.patch_data(made))
        subprocess.run(["git", "apply", "x.patch"], check=True, cwd=tmp_path, timeout=30)

        there = file.read_bytes()
        assert _as_read(there.decode(encoding)) == made.text
        assert there.startswith(b"\xef\xbb\xbf") is data.startswith(b"\xef\xbb\xbf")
        assert "Straße".encode(encoding) in there
        assert there.count(b"\r\n") >= data.count(b"\r\n")
        assert there.count(b"\n") - there.count(b"\r\n") >= data.count(b"\n") - data.count(b"\r\n")


def _as_read(text: str) -> str:
    """Return *text* as Python takes it for, with any line ends and mark."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def edited(search: FixSearch) -> list[Made]:
    """Return the code that *search* begins with, after each edit that there is."""
    return [each for each in search.larger(search.begun) if not each.stopped]


def test_an_edit_goes_into_the_functions_that_the_service_calls(tmp_path: Path) -> None:
    """Where a function of the same file makes the call, its lines are the ones that change."""
    text = (
        "def settings(win):\n"
        "    key = win.RegOpenKeyEx(win.HKEY_CURRENT_USER, 'Software')\n"
        "    win.RegCloseKey(key)\n\n\n" + HEAD + "            settings(win)\n"
    )
    found = asked(text, tmp_path).fix()

    (own,) = [each for each in found.holding if each.name == "open-current-user"]
    assert "+    key = win.RegOpenKeyEx(root, 'Software')\n" in own.patch
    assert "while" not in "".join(line for line in own.patch.splitlines() if line[0] in "+-")


# -- what cannot be asked --------------------------------------------------------------------------


class Host:
    """An object with a method that would be a service."""

    def run(self, win: Any) -> None:
        """Wait for a request."""
        win.wait("request")


def test_what_is_no_function_is_named_without_its_address() -> None:
    """A method and an object are refused in the same words in every run."""
    told = []
    for given in (Host().run, Host()):
        with pytest.raises(UsageError) as caught:
            FixSearch(model(os="w2k").service(given, name="host").user_logs_on_and_off())
        told.append(str(caught.value).partition(":")[0])

    assert told == [
        "method Host.run is no plain function",
        "the object of type Host is no function",
    ]


def test_code_without_a_source_is_refused() -> None:
    """There is nothing to edit where the source cannot be found."""
    names: dict[str, Any] = {}
    exec(STOCK, names)  # noqa: S102 - a function that has no file

    with pytest.raises(UsageError, match="cannot be found"):
        model(os="w2k").service(names["service"]).user_logs_on_and_off().fix()


def test_a_file_that_has_changed_is_not_edited(tmp_path: Path) -> None:
    """A patch of another text than what ran would be of nothing."""
    found = asked(STOCK, tmp_path)
    (tmp_path / "service.py").write_text(STOCK.replace("RegCloseKey(key)", "work('x')"), "utf-8")

    with pytest.raises(UsageError, match="no longer what service was made from"):
        found.fix()


@pytest.mark.parametrize(
    ("make", "error", "why"),
    [
        (lambda: model(os="w2k").fix(), UsageError, "no service"),
        (lambda: models.source("q325086"), NotApplicableError, "not explored"),
        (lambda: models.source("msix-silo").service({}), NotApplicableError, "no service in plain"),
        (lambda: models.source("q241572").service({"workers": 3}), UsageError, "leave out -p"),
    ],
)
def test_what_is_no_service_in_plain_code_is_refused(
    make: Callable[[], object], error: type[Exception], why: str
) -> None:
    """Each with what is missing."""
    with pytest.raises(error, match=why):
        make()


def test_none_is_no_key(tmp_path: Path) -> None:
    """A close of what is no key is refused with its line."""
    text = HEAD + "            win.RegCloseKey(None)\n"

    with pytest.raises(PlainCodeError, match="line 4: RegCloseKey is given None, which is no key"):
        asked(text, tmp_path).check()


# -- mutants ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("os", "fix", "least"),
    [("w2k", "open-current-user", 6), ("nt4-sp6a", "close-root-last-user", 12)],
)
def test_each_way_to_break_a_fix_of_the_case_is_noticed_or_explained(
    os: str, fix: str, least: int
) -> None:
    """A close less, another key, no lock, another order: a claim notices, or nothing changes."""
    search = FixSearch(models.source("q241572").service({}), (os,))
    (made,) = [
        after for after in search.larger(search.begun) if after.name == fix and not after.stopped
    ]
    found = mutants(search, made, os)
    killed = [each for each in found if each.verdict == "killed"]

    assert all(each.settled for each in found), [each.name for each in found if not each.settled]
    assert len(killed) >= least
    assert all(each.claims for each in killed)
    assert any(each.claims == ("released",) for each in killed)
    assert ("no-call-breaks",) in {each.claims for each in killed} or fix == "open-current-user"
    assert all(each.why for each in found if each.verdict == "equivalent")


def test_what_no_claim_speaks_of_survives(tmp_path: Path) -> None:
    """Where the claims do not say that a key is read, whoever leaves that out is shown."""
    text = ONCE.replace(
        "            win.RegCloseKey(key)",
        "            if win.shared.n == 0:\n"
        "                win.RegQueryValueEx(key, 'v')\n"
        "            win.RegCloseKey(key)\n"
        "            win.RegCloseKey(win.HKEY_CURRENT_USER)",
    )
    search = FixSearch(asked(text, tmp_path, threads=1))
    found = mutants(search, search.begun, "w2k")

    (left,) = [e for e in found if e.name.startswith("drops `win.RegQueryValueEx")]
    assert (left.verdict, left.settled) == ("equivalent", True)
    assert "it is right too" in left.why


def test_handles_that_pile_up_where_no_claim_asks_for_them_are_told() -> None:
    """Nobody logs off from the two users' service: a close less is never an answer, nor silent."""
    search = FixSearch(models.source("two-users").service({}), ("w2k",), most_states=1_200)
    made = next(e for e in search.larger(search.begun) if e.name.endswith("open-current-user"))
    found = mutants(search, made, "w2k")

    left = [each for each in found if each.name == "drops `win.RegCloseKey(key)`"]
    assert [(each.verdict, each.settled) for each in left] == [("undecided", False)]
    assert "handles pile up" in left[0].why
    assert not [each for each in found if each.settled and "pile up" in each.why]


def test_only_what_holds_can_be_broken(tmp_path: Path) -> None:
    """A service that leaks has nothing to lose."""
    search = FixSearch(asked(STOCK, tmp_path))

    with pytest.raises(UsageError, match="only what holds can be broken"):
        mutants(search, search.begun, "w2k")
