"""``regsim who --live`` in CPython for Windows, on Wine: every open key is told, and no other."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cpython import Python, windows_path
from live import HERE, environment

from regsim import cli

NAMES = ("regsim-live", "regsim-live\\below", "Software\\regsim-live")
RUNS = int(os.environ.get("REGSIM_LIVE_RUNS", "50"))
MANY = """
import json, sys
from regsim.live.handles import live_listing
for _ in range(int(sys.argv[1])):
    told = json.loads(live_listing())
    print(json.dumps([[r["pid"], int(r["handle"], 16), r["key"]] for r in told["handles"]]))
"""


@pytest.fixture(scope="module")
def holders(python: Python, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Any]]:
    """What three processes say that they have open, while they have."""
    script = shutil.copy(HERE / "holder.py", tmp_path_factory.mktemp("holders"))
    started = [
        subprocess.Popen(
            ["wine", str(python.home / "python.exe"), windows_path(Path(script)), *NAMES[: n + 1]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(python.prefix),
        )
        for n in range(3)
    ]
    yield [json.loads(one.stdout.readline()) for one in started]
    for one in started:
        one.communicate(b"", timeout=60)


def truth(holders: list[Any]) -> set[tuple[int, int, str]]:
    """Return the process, handle and name of each key that *holders* have open."""
    return {(one["pid"], handle, name) for one in holders for handle, name in one["keys"]}


def test_all_are_found_and_none_invented(python: Python, holders: list[Any]) -> None:
    """In every one of many runs, the keys of three processes are told as they are; none hangs."""
    expected = truth(holders)
    pids = {one["pid"] for one in holders}

    done = python.run("-c", MANY, str(RUNS), limit=60 + 5 * RUNS)
    runs = [json.loads(line) for line in done.stdout.splitlines()]

    assert len(runs) == RUNS, done.stderr
    for told in runs:
        assert {tuple(row) for row in told if row[0] in pids} == expected


def test_command_and_saved_file(
    python: Python, holders: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The holders are told with their handles; the file that is saved tells the same elsewhere."""
    saved = tmp_path / "live.json"
    words = ("who", "--live", "--json", "--os", "win11", "--save", windows_path(saved))

    done = python.run("-m", "regsim", *words)

    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    held = [one for hive in found["hives"] for one in hive["blockers"] + hive["bystanders"]]
    keys = {(one["pid"], one["key"]) for one in held}
    for one in holders:
        assert set(one["mine"]) <= {handle for handle, _ in one["keys"]}
        for handle, name in one["keys"]:
            if "\\User\\S-1-5-21" in name:
                assert (one["pid"], name) in keys, handle
    assert cli.main(["who", "--json", "--os", "win11", str(saved)]) == 1
    assert json.loads(capsys.readouterr().out) == found


def test_any_hive(python: Python, holders: list[Any]) -> None:  # noqa: ARG001 - they hold keys
    """``--hive`` asks about a hive that is no user's."""
    done = python.run("-m", "regsim", "who", "--live", "--json", "--hive", "HKLM\\System")

    hives = [hive["hive"] for hive in json.loads(done.stdout)["hives"]]
    assert any(name.lower() == "hklm\\system" for name in hives)
