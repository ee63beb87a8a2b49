"""Comments that silence a rule, and those that silence nothing."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("tree_sitter", reason="needs regsim[lint]")

from lint_forms import PS, C

import regsim
from regsim import cli

LEAK = C["C101"][0]
SCRIPT = PS["PS101"][0]


def rules(name):
    """The rules that are told of the file *name*."""
    return [told.fault.rule for told in regsim.lint(name).findings]


@pytest.mark.parametrize(
    ("comment", "silent"),
    [
        ("// regsim: ignore[C101]", True),
        ("// regsim: ignore", True),
        ("/* regsim: ignore[c101] */", True),
        ("// regsim: ignore[C102, C101]: the caller closes it", True),
        ("// regsim:ignore [C101]", True),
        ("// regsim: ignore[C102]", False),
        ("// regsim: ignore[C101", False),
        ("// regsim: ignored", False),
        ("// ignore", False),
        ('; const char *s = "regsim: ignore[C101]";', False),
    ],
)
def test_a_comment_silences_its_rules(write, comment, silent) -> None:
    """A comment on the line silences the rules that it names, or all, and no other; a text none."""
    write("a.c", f"{LEAK} {comment}\n")

    assert rules("a.c") == ([] if silent else ["C101"])


@pytest.mark.parametrize(
    ("above", "silent"),
    [
        ("# regsim: ignore[PS101]", True),
        ("  <# regsim: ignore[PS101] #>", True),
        ("<#\n regsim: ignore[PS101]\n#>", True),
        ("# regsim: ignore[PS101]\n# since Explorer closes it", True),
        ("$a = 1 # regsim: ignore[PS101]", False),
        ("<# regsim: ignore[PS101] #> $a = 1", False),
        ("# regsim: ignore[PS101]\n$a = 1", False),
        ("# regsim: ignore[PS101]\n", False),
    ],
)
def test_a_comment_above_silences(write, above, silent) -> None:
    """Alone on its lines it is about the next line; beside code, or further up, it is not."""
    write("a.ps1", SCRIPT.replace("New-Item", f"{above}\nNew-Item"))

    assert ("PS101" not in rules("a.ps1")) is silent


def test_a_comment_at_the_end_of_a_long_call_silences(write) -> None:
    """A call over several lines has its comment on the first or the last."""
    call = LEAK.replace("0, KEY_READ, ", "0,\n KEY_READ,\n ")
    assert call.count("\n") == 2
    for line, silent in ((0, True), (1, False), (2, True)):
        lines = call.split("\n")
        lines[line] += " // regsim: ignore[C101]\n"
        write("a.c", "\n".join(lines))
        assert (rules("a.c") == []) is silent


def test_a_comment_of_no_use_is_told(write, capsys) -> None:
    """By its line, with the rules that say nothing there; one of use is not. It is no fault."""
    write(
        "a.c",
        "\n".join(
            (
                "// regsim: ignore[C101]",
                "int x;",
                f"{LEAK} // regsim: ignore[C101, C102, C999]",
                "int y; // regsim: ignore",
            )
        ),
    )

    assert cli.main(["lint", "a.c"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "a.c:1: there is nothing of C101 here to ignore",
        "a.c:3: there is nothing of C102, C999 here to ignore",
        "a.c:4: there is nothing here to ignore",
        "no fault in 1 file",
    ]
    assert cli.main(["lint", "a.c", "--json"]) == 0
    assert [u["line"] for u in json.loads(capsys.readouterr().out)["unused"]] == [1, 3, 4]


def test_a_rule_left_out_has_no_idle_comment(write) -> None:
    """Whether a comment is of use is not known of a rule that was not asked."""
    write("a.c", f"{LEAK} // regsim: ignore[C101, C102]")

    assert [u.rules for u in regsim.lint("a.c").unused] == [("C102",)]
    assert regsim.lint("a.c", ignore=["C102"]).unused == ()
