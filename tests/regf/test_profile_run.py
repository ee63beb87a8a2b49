"""A real profile through the whole case: logged on with, changed by the actors, saved or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from regsim.cli import main

KEY = "Software\\Microsoft\\Internet Connection Wizard"
NAME = "plaso__test_data__NTUSER.DAT"

pytestmark = pytest.mark.shared_data


def _run(profile: Path, server: Path, fix: str) -> int:
    arguments = ["--profile", str(profile), "--server", str(server)]
    return main(["run", "q241572", "--fix", fix, *arguments])


def test_buggy_run_leaves_the_server_its_old_copy(shared: Any, tmp_path: Path) -> None:
    """With the stock service the server's copy is byte for byte what it was."""
    profile = shared(NAME)
    old = profile.read_bytes()

    assert _run(profile, tmp_path / "server", "none") == 1
    assert (tmp_path / "server" / "NTUSER.DAT").read_bytes() == old
    assert profile.read_bytes() == old


def test_refused_run_leaves_the_server_alone(shared: Any, tmp_path: Path) -> None:
    """A system that the case cannot be played on leaves no file behind."""
    server = tmp_path / "server"
    profile = shared(NAME)
    arguments = ["--os", "win95", "--profile", str(profile), "--server", str(server)]

    assert main(["run", "q241572", *arguments]) == 2
    assert not server.exists()


def test_fixed_run_saves_exactly_the_change(judge: Any, shared: Any, tmp_path: Path) -> None:
    """With the fix another reader finds the wizard's key and value in the copy, and no more."""
    profile = shared(NAME)
    assert _run(profile, tmp_path / "server", "hotfix") == 0

    before = judge.read(profile, tmp_path)
    after = judge.read(tmp_path / "server" / "NTUSER.DAT", tmp_path)
    assert isinstance(before, list), before
    assert isinstance(after, list), after
    old = {tuple(item) for item in before if item[0] == "v"}
    new = {tuple(item) for item in after if item[0] == "v"}
    keys = {item[1] for item in after if item[0] == "k"}

    assert new - old == {("v", KEY, "Completed", 4, "01000000")}
    assert old <= new
    assert keys - {item[1] for item in before if item[0] == "k"} == {KEY}
