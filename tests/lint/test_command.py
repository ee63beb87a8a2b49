"""``regsim lint``: what it prints, where it is silent, and how it exits."""

from __future__ import annotations

import errno
import io
import json
import os
import sys
from pathlib import Path

import jsonschema
import pytest

pytest.importorskip("tree_sitter", reason="needs regsim[lint]")

from lint_forms import C_SAFE, PS, PS_SAFE, C

import regsim
from regsim import cli
from regsim.lint import RULES, grammars
from regsim.trace.inputs import script_language
from regsim.trace.source import pasted

SCHEMA = json.loads((Path(regsim.__file__).parent / "schemas" / "lint.json").read_text("utf-8"))
LEAK = C["C101"][0]


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


def test_a_utf_16_script_is_read(write) -> None:
    """A script as Windows PowerShell's own editor saves it is looked into."""
    write("a.ps1", PS["PS101"][0].encode("utf-16"))

    assert [t.fault.rule for t in regsim.lint("a.ps1").findings] == ["PS101"]


def test_findings_are_in_the_same_order_each_time(write) -> None:
    """Two runs over the same folder give equal reports."""
    for number, text in enumerate(PS_SAFE + [t for texts in PS.values() for t in texts]):
        write(f"d/{number}.ps1", text)

    assert regsim.lint("d") == regsim.lint("d")
    assert len(regsim.lint("d").findings) > 10


def test_a_report_goes_to_a_file(write, tmp_path, capsys) -> None:
    """With -o the form asked for is in the file, and a line says how it went."""
    write("a.c", LEAK)

    assert cli.main(["lint", "a.c", "--format", "sarif", "-o", "out/a.sarif"]) == 1
    assert capsys.readouterr().out == "1 fault in 1 file\n"
    assert json.loads((tmp_path / "out/a.sarif").read_text())["version"] == "2.1.0"


def test_what_is_piped_in_is_linted(capsys, monkeypatch) -> None:
    """`-` is told by its content; what is no program, or nothing, is one line and exit code 2."""
    for text, code, said in (
        (PS["PS101"][0].encode("utf-16"), 1, "standard input:2:1: PS101"),
        (b"#include <windows.h>\nint f(void) {\n}\n", 0, "no fault in 1 file"),
        (b"hello", 2, "is in no language that lint can tell"),
        (b"", 2, "standard input is empty"),
    ):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text)))

        assert cli.main(["lint", "-"]) == code
        assert said in "".join(capsys.readouterr())


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX files")
def test_what_cannot_be_read_does_not_end_the_rest(write, tmp_path, capsys) -> None:
    """In a folder it is told, exit code 3; named itself it is an error, exit code 2."""
    write("d/a.c", C_SAFE[0])
    write("d/zeros.c", b"RegOpenKey\0")
    (tmp_path / "d/gone.c").symlink_to("nothing")
    (tmp_path / "d/loop.c").symlink_to("loop.c")
    (tmp_path / "d/again").symlink_to(".")
    os.mkfifo(tmp_path / "d/fifo.c")

    assert cli.main(["lint", "d", "--json"]) == 3
    record = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(SCHEMA).validate(record)
    assert [(p["path"], p["reason"].split(":")[0], p["lines"]) for p in record["partial"]] == [
        ("d/fifo.c", "is no regular file", []),
        ("d/gone.c", "is not there", []),
        ("d/loop.c", "cannot be read", []),
        ("d/zeros.c", "holds zero bytes, as no text does", [[1, 1]]),
    ]
    for name in ("fifo.c", "gone.c", "loop.c"):
        assert cli.main(["lint", f"d/{name}"]) == 2


def test_a_folder_that_cannot_be_listed_is_told(write, monkeypatch, capsys) -> None:
    """What lies in it is not simply missing."""
    write("d/a.c", C_SAFE[0])
    write("d/closed/b.c", LEAK)
    listed = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", refuse)

    assert cli.main(["lint", "d"]) == 3
    assert "d/closed: not looked into: cannot be read: Permission denied" in capsys.readouterr().out


def test_a_file_given_twice_is_one(write) -> None:
    """By its name, by another way to it, and in its folder."""
    write("d/a.c", LEAK)

    assert len(regsim.lint("d/a.c", "d/../d/a.c", "d").findings) == 1


def test_a_file_too_large_is_told_and_not_read_whole(write, monkeypatch) -> None:
    """All its lines are told to be unread."""
    monkeypatch.setattr("regsim.lint.sources.LARGEST", 1000)
    write("a.c", f"{LEAK}\n" * 500)

    assert [(p.lines, p.reason) for p in regsim.lint("a.c").partial] == [
        (((1, 501),), "is larger than 0 MiB")
    ]


def test_without_the_extra_there_is_the_pip_line(write, monkeypatch, capsys) -> None:
    """Of any file, whether there is a word of the registry in it or not; exit code 2."""
    write("a.ps1", "Write-Output 1\n")
    monkeypatch.setitem(sys.modules, "tree_sitter", None)
    grammars._parser.cache_clear()

    assert cli.main(["lint", "a.ps1"]) == 2
    assert "pip install 'regsim[lint]'" in capsys.readouterr().err
    assert cli.main(["a.ps1"]) == 2
    assert "pip install 'regsim[lint]'" in capsys.readouterr().err
    assert cli.main(["lint", "--explain", "PS101"]) == 0


def test_the_front_door_lints_a_program(write, capsys, monkeypatch) -> None:
    """By its content or else by its name, as the command does; it gives no verdict."""
    write("a.ps1", PS["PS101"][0])
    write("b.txt", PS["PS101"][0])
    write("c.h", "extern int x;")
    for name, code, language in (
        ("a.ps1", 1, "PowerShell"),
        ("b.txt", 1, "PowerShell"),
        ("c.h", 0, "C or C++"),
    ):
        assert cli.main([name, "--json"]) == code
        record = json.loads(capsys.readouterr().out)
        assert (record["kind"], record["language"]) == ("script", language)
        assert "verdict" not in record
        jsonschema.Draft202012Validator(SCHEMA).validate(record)
        assert cli.main([name]) == code
        assert f"holds a program ({language}), which is not run" in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(PS["PS101"][0].encode())))
    assert cli.main(["-"]) == 1


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (
            "C or C++",
            "#include <windows.h>\nint f(HKEY k)\n{\n  if (k) {\n  while (a) {\n if (b) {\n",
        ),
        ("C or C++", "#include <a>\nbool Key::Open(int a) {\n  if (a) {\n  try {\n  if (b) {\n"),
        ("C#", "using System;\nnamespace A {\npublic class B {\n if (a) {\n try {\n if (b) {\n"),
        ("PowerShell", "$a = 1\nif ($a) {\n}\nforeach ($b in $c) {\n}\nif (Test-Path x) {\n}\n"),
        ("PowerShell", "if (-not $a) {\n}\nif ([string]::IsNullOrEmpty($b)) {\n}\nwhile (!$c) {\n"),
    ],
)
def test_what_languages_share_tells_none(language: str, text: str) -> None:
    """An if, a while and a try are written alike in several; what stands in them tells."""
    assert script_language(pasted(text.encode(), "pasted")) == language


FENCED = """# How to

Some words about it, more of them than there is of a program.
It is asked about a program only where the words are no evidence, and it is said then.
One more line. And one.

```console
import this
```

```{}
import winreg
with winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software"):
    pass
def f() -> None:
```
"""


@pytest.mark.parametrize(
    ("text", "language", "anywhere"),
    [
        (FENCED.format("python"), "", "Python"),
        (FENCED.format(""), "", "Python"),
        (FENCED.format("text"), "", ""),
        ("Look:\n```python\nimport a\nimport b\ndef f():\n    pass\n```\n", "Python", "Python"),
        (
            'import a\nimport b\nclass C:\n    """Do.\n```c\nint f(void)\n```\n"""\n',
            "Python",
            "Python",
        ),
    ],
)
def test_a_page_is_no_program_for_the_programs_in_it(
    text: str, language: str, anywhere: str
) -> None:
    """A text in Markdown is one where its fenced blocks are most of it, or if that is asked for."""
    source = pasted(text.encode(), "pasted")
    assert script_language(source) == language
    assert script_language(source, anywhere=True) == anywhere


def test_of_a_page_only_its_programs_are_looked_into(write, capsys) -> None:
    """What stands around the fenced blocks cannot be parsed, and is not said to be unread."""
    page = f"Some words.\n\n```powershell\n{PS['PS101'][0]}```\n\nMore (words.\n"
    path = write("page.md", page)
    assert cli.main([str(path), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    alone = write("alone.ps1", PS["PS101"][0])
    assert cli.main([str(alone), "--json"]) == 1
    plain = json.loads(capsys.readouterr().out)
    assert report["partial"] == plain["partial"] == []
    assert [one["line"] - 3 for one in report["findings"]] == [
        one["line"] for one in plain["findings"]
    ]
