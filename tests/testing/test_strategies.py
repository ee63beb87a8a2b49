"""The strategies draw what they say, reach the corners, and refuse what they cannot mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import Phase, find, given, settings

from regsim import keypath
from regsim.errors import UnknownNameError
from regsim.kernel.tree import Node
from regsim.regf.bridge import load_tree, save_tree
from regsim.testing import strategies as rs
from regsim.testing.session import log_on
from regsim.types import PredefinedKey, Sid, Value

SEEK = settings(max_examples=5_000, database=None, derandomize=True)
FIRST = settings(SEEK, phases=[Phase.generate])
"""The first that is found will do, however large it is."""


@given(rs.names())
def test_a_name_is_one_that_a_key_may_have(name: str) -> None:
    """1 to 255 UTF-16 units, no separator, no NUL."""
    assert 1 <= len(name.encode("utf-16-le", "surrogatepass")) // 2 <= 255
    assert "\\" not in name
    assert "\0" not in name


@pytest.mark.parametrize(
    "wanted", [lambda n: len(n) == 255, lambda n: n.upper() != n, lambda n: "\ud800" in n]
)
def test_names_reach_the_corners(wanted) -> None:
    """The longest, those that differ by case, and lone surrogates are drawn."""
    assert wanted(find(rs.names(), wanted, settings=SEEK))


@given(rs.sids())
def test_a_sid_is_a_users(sid: str) -> None:
    """The authority is 5-21 and every part fits its field."""
    assert re.fullmatch(r"S-1-5-21(-\d+){4}", sid)


@given(rs.key_trees())
def test_a_tree_is_a_hive(tree: Node) -> None:
    """A machine mounts it as a user's profile, and takes it away again."""
    session = log_on("nt4-sp6a")
    path = keypath.user_root(Sid("S-1-5-21-7"))
    session.machine.mount_hive(path, tree)

    assert session.service.NtUnloadKey(path).status.ok


@given(rs.values())
def test_a_value_is_stored_and_read_back(value: Value) -> None:
    """Whatever its type and bytes, what a call writes is what the next reads."""
    desktop = log_on("win11").desktop
    root = PredefinedKey.CURRENT_USER

    assert desktop.RegSetValueEx(root, value.name, value.type, value.data).code == 0
    read = desktop.RegQueryValueEx(root, value.name).value
    assert (read.type, read.data) == (value.type, value.data)


@given(rs.programs())
def test_a_program_runs_to_its_end(program: list[rs.ApiCall]) -> None:
    """No call raises, whatever handle it is given; the machine keeps its invariants."""
    session = log_on("win11")

    given_handles = rs.play(session.desktop, program)

    session.machine.check()
    assert all(0 < handle < PredefinedKey.CLASSES_ROOT for handle in given_handles)


def test_programs_hold_handles_and_close_them() -> None:
    """There are programs that leave a handle open, and programs that close the one they opened."""

    def left(program: list[rs.ApiCall]) -> int:
        session = log_on("win11")
        opened = rs.play(session.desktop, program)
        table = session.machine.process_of(session.desktop.tid).table
        return len([handle for handle in set(opened) if table.lookup(handle)]) - len(opened)

    calls = rs.programs(rs.api_calls(PredefinedKey.LOCAL_MACHINE, subkeys=("",)))
    assert find(calls, lambda p: left(p) < 0, settings=SEEK)
    kept = find(calls, lambda p: any("RegOpen" in c.name for c in p) and left(p) == 0)
    assert [call.name for call in kept] == ["RegOpenKeyEx"]


@given(rs.scenarios(systems=("nt4-sp6a", "win11")))
def test_a_scenario_plays_on_its_system(scenario: rs.DrawnSession) -> None:
    """It ends in a sound session of the system it names."""
    session = scenario.play()

    session.machine.check()
    assert session.machine.dialect.name == scenario.os


def test_scenarios_on_an_unknown_system_are_refused() -> None:
    """The error lists the systems there are."""
    with pytest.raises(UnknownNameError, match="win11"):
        rs.scenarios(systems=("win12",)).example()


def test_scenarios_both_block_and_let_go() -> None:
    """Both endings are drawn, so that a test over them can tell."""
    assert find(rs.scenarios(systems=("w2k",)), lambda s: not s.play().unload(), settings=FIRST)
    assert find(rs.scenarios(systems=("w2k",)), lambda s: s.play().unload(), settings=FIRST)


@given(rs.key_trees(keys=4))
def test_a_tree_survives_a_hive_file(tree: Node) -> None:
    """Names and values of every kind come back from a real file as they went in."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "NTUSER.DAT"
        save_tree(tree, file)

        assert list(written(load_tree(file))) == list(written(tree))


def written(tree: Node) -> Iterator[tuple[str, dict[str, Value]]]:
    """Yield each key's name and values; a file adds the security that keys have on Windows."""
    for path, node in tree.walk():
        yield node.name if path else "", node.values
