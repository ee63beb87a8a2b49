"""What a shell completes: every command, option and name that there is, and files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from regsim import course, dialects, models
from regsim.cases.fixes import FIXES
from regsim.cli import cli, main

SHELL = shutil.which("bash")


@pytest.fixture
def completed(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> object:
    """What bash would be told for some words, the last of them begun, as ``kind,text`` lines."""

    def complete(*words: str) -> list[str]:
        monkeypatch.setenv("_REGSIM_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", " ".join(("regsim", *words)))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        assert main([]) == 0
        out, err = capfd.readouterr()
        assert err == ""
        return out.split()

    return complete


def commands(command: click.Command, name: tuple[str, ...] = ()) -> Iterator[tuple]:
    """Yield the words that name each command, and the command."""
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for each in command.list_commands(context):
            yield from commands(command.get_command(context, each), (*name, each))


def test_every_command_and_option_is_completed(completed) -> None:
    """After each command's words: all of its options, all commands below it, and no other."""
    seen = 0
    for name, command in commands(cli):
        params = command.get_params(click.Context(command, **cli.context_settings))
        options = {o for p in params for o in p.opts + p.secondary_opts if o.startswith("--")}
        found = completed(*name, "--")
        assert {line.removeprefix("plain,") for line in found} == options, name
        if isinstance(command, click.Group):
            below = {f"plain,{each}" for each in command.list_commands(click.Context(command))}
            assert {line for line in completed(*name, "") if line != "file,"} == below
        seen += 1
    assert seen > len(cli.list_commands(click.Context(cli)))


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("run", "--os", ""), dialects.names),
        (("who", "--os", ""), dialects.names),
        (("run", "--fix", ""), lambda: FIXES),
        (("run", ""), models.names),
        (("course", ""), course.names),
    ],
)
def test_names_are_completed(completed, words, names) -> None:
    """A system, a fix, a scenario, an exercise: all that there are, and with a letter fewer."""
    assert completed(*words) == [f"plain,{name}" for name in names()]
    assert completed(*words[:-1], "zz") == []


def test_files_are_completed_where_files_are_taken(completed) -> None:
    """At the front door, its second file too, beside the commands, and for a model of one's own."""
    assert completed("ev") == ["file,ev"]
    assert completed("c")[0] == "file,c"
    assert "plain,check" in completed("c")
    assert completed(__file__, "ev") == ["file,ev"]
    assert "--ticket" in str(completed(__file__, "--"))
    assert completed("check", "./my") == ["file,./my"]
    assert completed("course", "zz") == []


def test_what_makes_no_sense_completes_to_nothing(completed) -> None:
    """A command that is not there and an option without its value are no errors while typing."""
    assert completed("nosuch", "--zz") == []
    assert completed("--color", "al") == ["plain,always"]
    assert completed("check", "--nosuch", "zz") == ["file,zz"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The script asks regsim by its variable; for another shell the three are named."""
    assert main(["completion", shell]) == 0
    assert f"_REGSIM_COMPLETE={shell}_complete" in capsys.readouterr().out
    assert main(["completion", "tcsh"]) == 2
    assert "'bash', 'zsh', 'fish'" in capsys.readouterr().err


@pytest.mark.skipif(SHELL is None or os.name == "nt", reason="no bash is here")
def test_bash_completes_by_its_script(tmp_path: Path) -> None:
    """The function that the script defines fills bash's own list with what matches."""
    regsim = tmp_path / "regsim"
    regsim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m regsim "$@"\n', encoding="utf-8")
    regsim.chmod(0o755)
    script = (
        'eval "$(regsim completion bash)"; complete -p regsim; COMP_WORDS=(regsim run --os win);'
        'COMP_CWORD=3; _regsim_completion regsim; echo "${COMPREPLY[@]}"'
    )
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [str(SHELL), "-c", script],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )

    begun, *found = done.stdout.splitlines()
    assert begun.endswith("-F _regsim_completion regsim")
    assert found == [" ".join(name for name in dialects.names() if name.startswith("win"))]
