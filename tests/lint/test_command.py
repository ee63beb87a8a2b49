"""``regsim lint``: what it prints, where it is silent, and how it exits."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

pytest.importorskip("tree_sitter", reason="needs regsim[lint]")

from lint_forms import C_SAFE, PS, PS_SAFE, C

import regsim
from regsim import cli
from regsim.lint import RULES

SCHEMA = json.loads((Path(regsim.__file__).parent / "schemas" / "lint.json").read_text("utf-8"))
LEAK = C["C101"][0]


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a file where the command runs."""
    monkeypatch.chdir(tmp_path)

    def put(name, text):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text, encoding="utf-8")

    return put


def test_a_fault_is_told_with_what_becomes_of_it(write, capsys) -> None:
    """The text names the line, the rule, what a call answers, and how to mend it; exit code 1."""
    write("a.ps1", PS["PS101"][0])

    assert cli.main(["lint", "a.ps1"]) == 1
    out = capsys.readouterr().out
    assert "a.ps1:2:1: PS101 " in out
    assert "On win11: RegUnLoadKey answers 5 (ACCESS_DENIED)" in out
    assert "WaitForPendingFinalizers" in out
    assert out.endswith("1 fault in 1 file\n")


def test_nothing_found_is_0(write, capsys) -> None:
    """A file without a fault is said to have none; exit code 0."""
    write("a.c", C_SAFE[0])

    assert cli.main(["lint", "a.c"]) == 0
    assert capsys.readouterr().out == "no fault in 1 file\n"


def test_a_file_read_in_part_is_not_clean(write, capsys) -> None:
    """Lines that could not be parsed are named; exit code 3, or 0 where that is allowed."""
    write("a.ps1", "reg query HKU\n}} )(\n")

    assert cli.main(["lint", "a.ps1"]) == 3
    assert "a.ps1:2-3: not looked into: could not be parsed" in capsys.readouterr().out
    assert cli.main(["lint", "--allow-partial", "a.ps1"]) == 0


def test_a_fault_counts_for_more_than_what_was_not_read(write) -> None:
    """A fault beside lines that could not be parsed gives exit code 1."""
    write("a.c", f"{LEAK}\n}} )(\n")

    assert cli.main(["lint", "a.c"]) == 1


def test_json_is_as_the_schema_says(write, capsys) -> None:
    """The object holds each fault, in order, and what was not read."""
    write("d/b.c", "\n".join(C["C101"][:1] + C["C102"][:1]))
    write("d/a.ps1", "reg query HKU\n}} )(\n")
    write("d/readme.txt", "RegOpenKey")

    assert cli.main(["lint", "--json", "--os", "win11", "--os", "wine", "d"]) == 1
    record = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(SCHEMA).validate(record)
    assert [(f["rule"], f["os"]) for f in record["findings"]] == [
        ("C101", ["win11"]),  # Wine unloads under open keys
        ("C102", ["win11", "wine"]),
    ]
    assert record["files"] == 2
    assert [p["path"] for p in record["partial"]] == [str(Path("d", "a.ps1"))]


def test_sarif_names_rule_and_place(write, capsys) -> None:
    """The log lists each rule once, and each result points to one of them and to a region."""
    write("a.c", LEAK)

    assert cli.main(["lint", "--format", "sarif", "a.c"]) == 1
    log = json.loads(capsys.readouterr().out)
    run = log["runs"][0]
    assert (log["version"], len(run["tool"]["driver"]["rules"])) == ("2.1.0", len(RULES))
    assert [r["ruleId"] for r in run["results"]] == ["C101"]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "a.c"
    assert place["region"]["startLine"] == 1


def test_github_marks_are_one_line_each(write, capsys) -> None:
    """Each fault is one workflow command, and what would end it early is escaped."""
    write("a.c", LEAK)

    assert cli.main(["lint", "--format", "github", "a.c"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("::error file=a.c,line=1,")
    assert out.count("\n") == 1


@pytest.mark.parametrize(
    ("comment", "code"),
    [
        (" // regsim: ignore[C101]", 0),
        (" // regsim: ignore", 0),
        (" // regsim: ignore[C102, C101]", 0),
        (" // regsim: ignore[C102]", 1),
        (" // ignore", 1),
    ],
)
def test_a_comment_silences_its_rules(write, comment, code) -> None:
    """A comment on the line silences the rules that it names, or all, and no other."""
    write("a.c", LEAK + comment)

    assert cli.main(["lint", "a.c"]) == code


def test_a_comment_above_silences(write) -> None:
    """A comment alone on the line above counts; a line of code above with one does not."""
    write("a.ps1", PS["PS101"][0].replace("New-Item", "# regsim: ignore[PS101]\nNew-Item"))
    write("b.ps1", PS["PS101"][0].replace("New-Item", "$a = 1 # regsim: ignore[PS101]\nNew-Item"))

    assert cli.main(["lint", "a.ps1"]) == 0
    assert cli.main(["lint", "b.ps1"]) == 1


def test_a_rule_can_be_left_out(write) -> None:
    """--ignore leaves a rule out."""
    write("a.c", LEAK)

    assert cli.main(["lint", "--ignore", "c101", "a.c"]) == 0


def test_explain_says_why_and_how_to_mend(capsys) -> None:
    """--explain looks at no file."""
    assert cli.main(["lint", "--explain", "c103"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("C103: the parameter is closed")
    assert "Source: " in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give a PATH"),
        (["nothing.c"], "there is no file nothing.c"),
        (["a.txt"], "is in no language that lint reads"),
        (["empty"], "holds no file in a language that lint reads"),
        (["--explain", "C999"], "C101"),
        (["--os", "win12", "a.c"], "win11"),
    ],
)
def test_wrong_use_is_2(write, capsys, arguments, said) -> None:
    """One clear line on stderr says what is wrong and what there is; exit code 2."""
    write("a.c", LEAK)
    write("a.txt", "")
    write("empty/a.txt", "")

    assert cli.main(["lint", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err


def test_columns_are_characters(write) -> None:
    """A column counts characters, not bytes."""
    write("a.c", "/* \u00e4\u00f6\u00fc */ " + LEAK)
    write("b.c", "/* aou */ " + LEAK)

    one, two = (regsim.lint(name).findings[0].fault for name in ("a.c", "b.c"))
    assert (one.column, one.end_column) == (two.column, two.end_column)


def test_a_utf_16_script_is_read(tmp_path, monkeypatch) -> None:
    """A script as Windows PowerShell's own editor saves it is looked into."""
    monkeypatch.chdir(tmp_path)
    Path("a.ps1").write_bytes(PS["PS101"][0].encode("utf-16"))

    assert [t.fault.rule for t in regsim.lint("a.ps1").findings] == ["PS101"]


def test_findings_are_in_the_same_order_each_time(write) -> None:
    """Two runs over the same folder give equal reports."""
    for number, text in enumerate(PS_SAFE + [t for texts in PS.values() for t in texts]):
        write(f"d/{number}.ps1", text)

    assert regsim.lint("d") == regsim.lint("d")
    assert len(regsim.lint("d").findings) > 10
