"""What a project's pyproject.toml says, and an earlier report as baseline."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("tree_sitter", reason="needs regsim[lint]")

from lint_forms import C_SAFE, C

import regsim
from regsim import cli
from regsim.lint.settings import settings_for

LEAK = C["C101"][0]
TWICE = C["C102"][0]


def table(**values):
    """A pyproject.toml with the table of the linter."""
    lines = (f"{key.replace('_', '-')} = {json.dumps(value)}" for key, value in values.items())
    return "\n".join(("[tool.other]", "[tool.regsim.lint]", *lines, ""))


def linted(capsys, *arguments):
    """The exit code, and the object that is printed."""
    code = cli.main(["lint", "--json", *arguments])
    return code, json.loads(capsys.readouterr().out)


# -- the table ---------------------------------------------------------------------------------


def test_the_nearest_table_counts(write, tmp_path) -> None:
    """That of the folder that all paths lie in, or above it; one without the table is passed by."""
    write("pyproject.toml", table(ignore=["C101"]))
    write("inner/pyproject.toml", "[project]\n")
    write("inner/a.c", LEAK)
    write("own/pyproject.toml", table(ignore=["C102"]))
    write("own/a.c", LEAK)

    assert cli.main(["lint", "inner/a.c"]) == 0
    assert cli.main(["lint", "own"]) == 1
    assert cli.main(["lint", "own/a.c", "inner"]) == 0
    assert settings_for(["own/a.c"]).root == tmp_path / "own"


def test_the_systems_of_the_table_are_asked(write, capsys) -> None:
    """Unless the command line names others."""
    write("pyproject.toml", table(os=["xp", "win10"]))
    write("a.c", TWICE)

    assert linted(capsys, "a.c")[1]["findings"][0]["os"] == ["xp", "win10"]
    assert linted(capsys, "a.c", "--os", "win7")[1]["findings"][0]["os"] == ["win7"]


def test_rules_are_left_out_by_either(write) -> None:
    """By the table, and by the command line besides."""
    write("pyproject.toml", table(ignore=["C101"]))
    write("a.c", f"{LEAK}\n{TWICE}")

    assert cli.main(["lint", "a.c"]) == 1
    assert cli.main(["lint", "a.c", "--ignore", "C102"]) == 0


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("vendor", ["a.c", "b.cpp", "src/a.c"]),
        ("src/vendor/", ["a.c", "b.cpp", "src/a.c", "vendor/a.c"]),
        ("*.cpp", ["a.c", "src/a.c", "src/vendor/a.c", "vendor/a.c"]),
        ("src/*", ["a.c", "b.cpp", "vendor/a.c"]),
        ("./a.c", ["a.c", "b.cpp", "src/a.c", "src/vendor/a.c", "vendor/a.c"]),
        ("nothing", ["a.c", "b.cpp", "src/a.c", "src/vendor/a.c", "vendor/a.c"]),
    ],
)
def test_a_pattern_leaves_files_out(write, monkeypatch, pattern, left) -> None:
    """A name anywhere, or a path from the table's folder, wherever the command runs."""
    write("pyproject.toml", table(exclude=[pattern]))
    for name in ("a.c", "b.cpp", "src/a.c", "src/vendor/a.c", "vendor/a.c"):
        path = write(name, C_SAFE[0])
    names = [str(path.parents[1])]
    settings = settings_for(names)
    monkeypatch.chdir(path.parent)

    found = regsim.lint(*names, exclude=settings.exclude, root=settings.root).files
    assert [name.removeprefix(names[0])[1:] for name in found] == left


def test_a_file_left_out_is_so_when_it_is_named(write, capsys) -> None:
    """As a hook names each file; nothing to look into is then no error."""
    write("pyproject.toml", table(exclude=["a.c"]))
    write("a.c", LEAK)

    assert cli.main(["lint", "a.c"]) == 0
    assert capsys.readouterr().out == "no fault in 0 files\n"


def test_what_is_partial_is_allowed_by_the_table(write) -> None:
    """As by the option."""
    write("a.ps1", "reg query HKU\n}} )(\n")
    assert cli.main(["lint", "a.ps1"]) == 3

    write("pyproject.toml", table(allow_partial=True))
    assert cli.main(["lint", "a.ps1"]) == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (table(ignroe=["C101"]), "[tool.regsim.lint] knows no 'ignroe'; it knows ignore, os, "),
        (table(ignore=["C999"]), "unknown rule 'C999'"),
        (table(ignore=1), "ignore in [tool.regsim.lint] is to be a list of rules, not 1"),
        (table(os=["win12"]), "unknown OS 'win12'"),
        (table(exclude=[1]), "exclude in [tool.regsim.lint] is to be a list of patterns"),
        (table(baseline=True), "baseline in [tool.regsim.lint] is to be the path of a file"),
        (table(allow_partial="yes"), "allow-partial in [tool.regsim.lint] is to be true or false"),
        (table(baseline="none.json"), "none.json"),
        ("[tool.regsim.lint\n", "pyproject.toml is no TOML"),
        ("\ufffd = \xff".encode("latin-1", "replace") + b"\xff", "pyproject.toml is no TOML"),
    ],
)
def test_a_table_that_is_wrong_is_one_line(write, capsys, text, said) -> None:
    """It says where and what; exit code 2."""
    write("pyproject.toml", text)
    write("a.c", LEAK)

    assert cli.main(["lint", "a.c"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert said in err


# -- the baseline ------------------------------------------------------------------------------


def test_what_is_known_is_not_told(write, capsys) -> None:
    """Only what is new is, wherever the lines have moved to; exit code 0 without any."""
    write("a.c", f"{LEAK}\n")
    assert cli.main(["lint", "a.c", "--json", "-o", "known.json"]) == 1
    capsys.readouterr()

    write("a.c", f"/* one more\n line */\n\t{LEAK}\r\n")
    assert cli.main(["lint", "a.c", "--baseline", "known.json"]) == 0
    assert capsys.readouterr().out == "no fault in 1 file, beside 1 of the baseline\n"

    write("a.c", f"{TWICE}\n{LEAK}\n")
    code, record = linted(capsys, "a.c", "--baseline", "known.json")
    assert (code, [f["rule"] for f in record["findings"]], record["known"]) == (1, ["C102"], 1)


def test_as_many_are_known_as_there_were(write, capsys) -> None:
    """A second one like it is new."""
    write("a.c", f"{LEAK}\n")
    cli.main(["lint", "a.c", "--json", "-o", "known.json"])
    write("a.c", f"{LEAK}\n{LEAK}\n")
    capsys.readouterr()

    code, record = linted(capsys, "a.c", "--baseline", "known.json")
    assert (code, len(record["findings"]), record["known"]) == (1, 1, 1)


def test_what_is_gone_is_told(write, tmp_path, capsys) -> None:
    """Of a file that was looked into whole, or is no more; of others nothing is known."""
    for name in ("a.c", "b.c", "c.c", "d.c"):
        write(f"src/{name}", f"{LEAK}\n")
    cli.main(["lint", "src", "--json", "-o", "known.json"])
    write("src/a.c", f"{C_SAFE[0]}\n")
    (tmp_path / "src/b.c").unlink()
    write("src/c.c", f"{C_SAFE[0]}\n}} )(\n")
    capsys.readouterr()

    assert cli.main(["lint", "src/a.c", "--baseline", "known.json"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("src")]
    assert [line.split(" is gone")[0] for line in lines] == [
        "src/a.c: C101 of the baseline",
        "src/b.c: C101 of the baseline",
    ]
    record = linted(capsys, "src", "--baseline", "known.json")[1]
    assert [(g["path"], g["rule"]) for g in record["gone"]] == [
        ("src/a.c", "C101"),
        ("src/b.c", "C101"),
    ]
    assert linted(capsys, "src", "--baseline", "known.json", "--ignore", "C101")[1]["gone"] == []


def test_the_baseline_of_the_table_holds_anywhere(write, tmp_path, monkeypatch) -> None:
    """Its path is from the table's folder, as are those in it, wherever the command runs."""
    write("pyproject.toml", table(baseline="known.json"))
    write("src/a.c", f"{LEAK}\n")
    assert cli.main(["lint", "src", "--json", "-o", "known.json"]) == 1
    assert cli.main(["lint", "src"]) == 0

    monkeypatch.chdir(tmp_path / "src")
    assert cli.main(["lint", "."]) == 0
    assert cli.main(["lint", str(tmp_path / "src" / "a.c")]) == 0


def test_a_baseline_is_renewed_by_writing_over_it(write) -> None:
    """The report that is written over it is whole, and is the next baseline."""
    write("pyproject.toml", table(baseline="known.json"))
    write("a.c", f"{LEAK}\n")
    cli.main(["lint", "a.c", "--json", "-o", "known.json"])
    write("a.c", f"{LEAK}\n{TWICE}\n")
    assert cli.main(["lint", "a.c"]) == 1

    assert cli.main(["lint", "a.c", "--json", "-o", "./known.json"]) == 1
    assert cli.main(["lint", "a.c"]) == 0
    assert cli.main(["lint", "a.c", "-o", "known.json"]) == 2
    assert cli.main(["lint", "a.c"]) == 0


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "[]",
        "no JSON",
        '{"findings": 3}',
        '{"findings": [{"fingerprint": "a", "message": ""}]}',
        '{"findings": [{"rule": "C101"}]}',
    ],
)
def test_a_baseline_that_is_none_is_one_line(write, capsys, text) -> None:
    """It says what to give; exit code 2."""
    write("a.c", LEAK)
    write("known.json", text)

    assert cli.main(["lint", "a.c", "--baseline", "known.json"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "give what `regsim lint --json -o FILE` wrote" in err
