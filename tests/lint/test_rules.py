"""Each rule, on code that has its fault and on code that has it not."""

from __future__ import annotations

import pytest

pytest.importorskip("tree_sitter", reason="needs regsim[lint]")

from fix_forms import FIXES, PS_QUIET
from lint_forms import C_SAFE, CPP_SAFE, PS, PS_SAFE, C
from managed_forms import CS, PAIRS, PY, SAFE

from regsim import dialects
from regsim.errors import NotApplicableError
from regsim.lint import RULES, SourceText
from regsim.lint.grammars import language_of
from regsim.lint.linting import look
from regsim.lint.playing import play
from regsim.status import NtStatus, Win32Error, to_win32


def found(name, text):
    """The rules that find something in *text*, and the lines that were not looked into."""
    source = SourceText(name=name, language=language_of(name) or "", data=text.encode())
    looked = look(source)
    return sorted({fault.rule for fault in looked.faults}), list(looked.spans)


@pytest.mark.parametrize(("rule", "text"), [(r, t) for r, texts in C.items() for t in texts])
def test_a_fault_of_c_is_found(rule, text) -> None:
    """A function with the fault gets its rule, in C and in C++."""
    for name in ("a.c", "a.cpp"):
        rules, partial = found(name, text)

        assert rule in rules
        assert partial == []


@pytest.mark.parametrize("text", C_SAFE)
def test_c_without_a_fault_is_silent(text) -> None:
    """What closes on every way, returns, stores or gives the key away has no finding."""
    for name in ("a.c", "a.cpp"):
        assert found(name, text) == ([], [])


@pytest.mark.parametrize("text", CPP_SAFE)
def test_owners_of_cpp_are_known(text) -> None:
    """What an object owns that closes it in the end has no finding."""
    assert found("a.cpp", text)[0] == []


@pytest.mark.parametrize(("rule", "text"), [(r, t) for r, texts in PS.items() for t in texts])
def test_a_fault_of_powershell_is_found(rule, text) -> None:
    """A script with the fault gets its rule."""
    rules, partial = found("a.ps1", text)

    assert rule in rules
    assert partial == []


@pytest.mark.parametrize("text", PS_SAFE)
def test_powershell_without_a_fault_is_silent(text) -> None:
    """A script that gives back what it opened, or opened nothing, has no finding."""
    assert found("a.ps1", text)[0] == []


@pytest.mark.parametrize(("rule", "ending", "name", "before", "after"), PAIRS)
def test_a_fix_ends_a_finding(rule, ending, name, before, after) -> None:
    """The code before a fix gets the rule and nothing else; the code after it gets nothing."""
    assert found(f"before{ending}", before) == ([rule], []), name
    assert found(f"after{ending}", after) == ([], []), name


@pytest.mark.parametrize(
    ("rule", "ending", "name", "before", "after"),
    [(rule, ending, name, *pair) for rule, ending, pairs in FIXES for name, pair in pairs.items()],
)
def test_a_fix_of_c_or_a_script_ends_a_finding(rule, ending, name, before, after) -> None:
    """The code before a fix gets the rule; the code after it gets nothing."""
    rules, partial = found(f"before{ending}", before)

    assert rule in rules, name
    assert partial == []
    assert found(f"after{ending}", after) == ([], []), name


@pytest.mark.parametrize("text", PS_QUIET)
def test_what_only_looks_like_a_fault_is_silent(text) -> None:
    """Files, other hives, comments and texts that a script holds are no keys of the hive."""
    assert found("a.ps1", text)[0] == []


@pytest.mark.parametrize(("ending", "text"), SAFE)
def test_keys_that_are_owned_are_known(ending, text) -> None:
    """What is returned, stored, given away or predefined has no finding."""
    assert found(f"a{ending}", text) == ([], [])


def test_every_rule_has_a_fault() -> None:
    """There is no rule without code that it finds something in, nor a form without a rule."""
    assert sorted({*C, *PS, *CS, *PY}) == sorted(RULES)


@pytest.mark.parametrize("story", [r.story for r in RULES.values() if r.story])
def test_every_fault_shows_somewhere(story) -> None:
    """The run of each rule meets a refusal on Windows 11, and ends on every system that has it."""
    assert play(story, "win11").verdict in ("blocked", "broken")
    for name in dialects.names():
        try:
            shown = play(story, name)
        except NotApplicableError as error:
            assert "RegLoadAppKey" in str(error) or "PowerShell" in str(error)
        else:
            assert shown.verdict in ("blocked", "broken", "clear")
            assert to_win32(shown.nt) is shown.status


def test_only_what_is_not_known_has_no_run() -> None:
    """A drive inside a hive quotes nothing: neither a source nor a model says what it holds."""
    assert [rule.id for rule in RULES.values() if not rule.story] == ["PS104"]


def test_a_refused_unload_quotes_the_kernel() -> None:
    """The status of the kernel is the one that the run gave, not one that says the same."""
    assert play("held", "win11").nt is NtStatus.CANNOT_DELETE
    assert play("twice", "win11").nt is NtStatus.INVALID_HANDLE


@pytest.mark.parametrize("story", ["queued", "job"])
def test_what_ends_by_itself_is_said_to_depend_on_when(story) -> None:
    """An unload after the finalizer or the job is not refused, and the condition says so."""
    assert play(story, "win11").only_if.split()[0] in ("if", "while")
    assert play("held", "win11").only_if == ""


@pytest.mark.parametrize("os", dialects.names())
def test_a_hive_that_went_is_not_said_to_stay(os) -> None:
    """Where the unload goes through in spite of the open key, nothing is said to be blocked."""
    played = set()
    for story in {rule.story for rule in RULES.values() if rule.story}:
        try:
            shown = play(story, os)
        except NotApplicableError:
            continue
        played.add(shown.verdict)
        if shown.verdict == "blocked" and "Load" in shown.call:
            assert shown.status not in (0, Win32Error.FILE_NOT_FOUND), (story, shown.said)
        if shown.verdict == "clear":
            assert shown.only_if == ""
    assert "broken" in played
