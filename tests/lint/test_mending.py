"""``--fix``: what is certain is written, and nothing else of a file changes by it."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("tree_sitter", reason="needs regsim[lint]")

from lint_forms import COLLECT, LOAD, NEW, PS, PS_SAFE, UNLOAD, C

import regsim
from regsim import cli
from regsim.lint import SourceText
from regsim.lint.linting import look

OPEN = f"{LOAD}{NEW} | Out-Null\n"
TABBED = COLLECT.replace("\n", "\n\t")
INLINE = COLLECT.replace("\n", "; ")
ASKED = "if ((Start-Process reg 'unload HKU\\Temp' -PassThru -Wait).ExitCode) { throw }"
CHECK = "if ($LASTEXITCODE) { throw }\n"
PROFILE = (
    "void f(HANDLE who) { PROFILEINFOW info = {0}; if (LoadUserProfileW(who, &info))"
    " { g(); RegCloseKey((HKEY)info.hProfile); } }"
)


def fixed(write, name, content):
    """What the file *name* with *content* is once it went through --fix."""
    path = write(name, content)
    cli.main(["lint", "--fix", name])
    return path.read_bytes()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"{OPEN}{UNLOAD}", f"{OPEN}{COLLECT}{UNLOAD}"),
        (
            f"{OPEN}[gc]::Collect()\n{UNLOAD}",
            f"{OPEN}[gc]::Collect()\n[gc]::WaitForPendingFinalizers()\n{UNLOAD}",
        ),
        (
            f"{OPEN}try {{ 1 }} finally {{\n\t$o = reg unload HKU\\Temp 2>&1\n}}\n{CHECK}",
            f"{OPEN}try {{ 1 }} finally {{\n\t{TABBED}$o = reg unload HKU\\Temp 2>&1\n}}\n{CHECK}",
        ),
        (
            f"{LOAD}{NEW}; reg unload HKU\\Temp; {CHECK}",
            f"{LOAD}{NEW}; {INLINE}reg unload HKU\\Temp; {CHECK}",
        ),
        (
            f"{OPEN}{ASKED}",
            f"{OPEN}{COLLECT}{ASKED}",
        ),
    ],
)
def test_garbage_is_collected_before_the_unload(write, before, after) -> None:
    """As far as that is missing, in the layout of the line; the rest stays byte for byte."""
    assert fixed(write, "a.ps1", before) == after.encode()
    assert regsim.lint("a.ps1").findings == ()


def test_the_handle_of_a_profile_goes_back(write) -> None:
    """By the function it belongs to, with the token of the load."""
    after = PROFILE.replace(
        "RegCloseKey((HKEY)info.hProfile)", "UnloadUserProfile(who, info.hProfile)"
    )

    assert fixed(write, "a.c", PROFILE) == after.encode()
    assert regsim.lint("a.c").findings == ()


@pytest.mark.parametrize(
    "text",
    [
        PROFILE.replace("g();", "CloseHandle(who);"),
        PROFILE.replace("g();", "who = g();"),
        PROFILE.replace("g();", "g(&who);"),
        PROFILE.replace(
            "RegCloseKey((HKEY)info.hProfile);", "if (RegCloseKey(info.hProfile)) g();"
        ),
        PROFILE.replace("info.hProfile); }", "info.hProfile); UnloadUserProfile(who, 0); }"),
    ],
)
def test_a_profile_is_left_alone_where_it_is_not_certain(write, text) -> None:
    """Where the token may be another, or the answer is asked for, or it is unloaded besides."""
    assert text != PROFILE
    assert fixed(write, "a.c", text) == text.encode()


@pytest.mark.parametrize(
    "text",
    [
        f"{LOAD}$k = {NEW}\n{UNLOAD}",
        f"{LOAD}$k = {NEW}\n{COLLECT}{UNLOAD}",
        f"{OPEN}do {{ Start-Sleep 1 }} until ((reg unload HKU\\Temp) -or $n++ -gt 3)\n{CHECK}",
        f"{OPEN}if ($a) {{ 1 }} elseif (reg unload HKU\\Temp) {{ 2 }}\n{CHECK}",
        f"workflow Set-All {{\n{OPEN}{UNLOAD}}}\nSet-All\n",
        f"{OPEN}$ok = $?, (reg unload HKU\\Temp)\n{CHECK}",
        f"{OPEN}{UNLOAD}# SIG # Begin signature block\n# MIIx\n",
        f"{OPEN}{UNLOAD}}} )(\n",
        f"{OPEN.replace(NEW, NEW + ' # regsim: ignore[PS101]').replace(' | Out-Null', '')}{UNLOAD}",
    ],
)
def test_a_script_is_left_alone_where_it_is_not_certain(write, text) -> None:
    """A variable with the key, a condition, $?, a workflow, a signature, a part not parsed."""
    assert fixed(write, "a.ps1", text) == text.encode()


@pytest.mark.parametrize("mark", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_encoding_and_line_ends_stay(write, mark, newline) -> None:
    """A script keeps its mark, its encoding and its line ends, and the mend takes them on."""
    before = f"# \u00e4\u00f6\u00fc\n{OPEN}{UNLOAD}# \u00df".replace("\n", newline)
    after = before.replace("reg unload", f"{COLLECT}reg unload".replace("\n", newline))
    start = b"\xfe\xff" if mark == "utf-16-be" else b""

    assert fixed(write, "a.ps1", start + before.encode(mark)) == start + after.encode(mark)


def test_utf_16_that_cannot_be_written_as_it_was_is_left_alone(write) -> None:
    """Half a pair, as no decoder gives back."""
    content = f"{OPEN}{UNLOAD}".encode("utf-16") + b"\x00\xd8\n\0"

    assert fixed(write, "a.ps1", content) == content


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.ps1", t) for t in [*PS_SAFE, *(t for texts in PS.values() for t in texts)]]
    + [("a.c", t) for texts in C.values() for t in texts],
)
def test_a_second_time_nothing_is_written(write, name, text) -> None:
    """Once mended no file has a mend left; no rule finds more than before, in any of the forms."""
    before = regsim.lint(write(name, text)).findings
    once = fixed(write, name, text)
    after = regsim.lint(name).findings

    assert fixed(write, name, once) == once
    assert not any(told.fault.edits for told in after)
    assert len(after) <= len(before)
    assert (once != text.encode()) is any(told.fault.edits for told in before)


def test_what_is_not_asked_for_is_not_written(write, capsys) -> None:
    """Without --fix the mend is told, as JSON's `fix` and in SARIF, and the file is as it was."""
    text = f"{OPEN}{UNLOAD}"
    path = write("a.ps1", text)

    assert cli.main(["lint", "a.ps1", "--json"]) == 1
    fix = json.loads(capsys.readouterr().out)["findings"][0]["fix"]
    assert fix.endswith("`--fix` writes: [gc]::Collect(); [gc]::WaitForPendingFinalizers()")
    assert cli.main(["lint", "a.ps1", "--ignore", "PS101", "--fix"]) == 0
    assert path.read_text() == text


def test_what_was_mended_is_told(write, capsys) -> None:
    """By file; what is left decides the exit code."""
    write("a.ps1", f"{OPEN}{UNLOAD}")
    write("b.ps1", f"{OPEN}{UNLOAD}reg load HKU\\Other f\n")

    assert cli.main(["lint", "a.ps1", "b.ps1", "--fix", "--json"]) == 1
    record = json.loads(capsys.readouterr().out)
    assert record["mended"] == [{"path": "a.ps1", "faults": 1}, {"path": "b.ps1", "faults": 1}]
    assert [f["rule"] for f in record["findings"]] == ["PS107"]
    write("a.ps1", f"{OPEN}{UNLOAD}")
    assert cli.main(["lint", "a.ps1", "--fix"]) == 0
    assert "a.ps1: written, with 1 fault mended" in capsys.readouterr().out


def test_wrong_use_writes_nothing(write) -> None:
    """A path that is wrong ends it before the first file is written."""
    text = f"{OPEN}{UNLOAD}"
    path = write("a.ps1", text)

    assert cli.main(["lint", "--fix", "a.ps1", "nothing.ps1"]) == 2
    assert path.read_text() == text


def test_what_a_mend_only_keeps_from_showing_is_not_mended(write, capsys) -> None:
    """An exit code that nothing tests is told of no more once nothing is open, but not mended."""
    write(
        "a.ps1", "reg load HKU\\T a.dat\nNew-Item HKU:\\T\\A\n[gc]::Collect()\nreg unload HKU\\T\n"
    )
    cli.main(["lint", "--json", "a.ps1"])
    assert {f["rule"] for f in json.loads(capsys.readouterr().out)["findings"]} == {
        "PS102",
        "PS105",
    }

    cli.main(["lint", "--json", "--fix", "a.ps1"])
    assert json.loads(capsys.readouterr().out)["mended"] == [{"path": "a.ps1", "faults": 1}]


def test_what_is_piped_in_cannot_be_mended(capsys) -> None:
    """There is no file to write: one line, exit code 2."""
    assert cli.main(["lint", "--fix", "-"]) == 2
    assert "--fix writes files" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_one_line(write, capsys, monkeypatch) -> None:
    """It is as it was; exit code 2."""
    text = f"{OPEN}{UNLOAD}"
    path = write("a.ps1", text)

    def refuse(*_args, **_more):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", refuse)

    assert cli.main(["lint", "--fix", "a.ps1"]) == 2
    assert capsys.readouterr().err.startswith("regsim: error: a.ps1 cannot be written: Permission")
    assert path.read_text() == text


def test_a_mend_that_does_not_mend_is_not_offered() -> None:
    """Where what is written would leave the fault, or bring another, there is no mend."""
    held = SourceText(name="a.ps1", language="powershell", data=PS["PS103"][0].encode())

    assert [(f.rule, f.edits) for f in look(held).faults] == [("PS103", ())]
