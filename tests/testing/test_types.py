"""The types that a user's type checker finds, whichever way regsim is installed."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from regsim.testing._fake import face
from regsim.testing._fake.hives import Winreg
from regsim.testing.winreg import functions, public_face

USER = Path(__file__).with_name("typed_user.py")
CHECKERS = {"mypy": ["--strict", "--no-incremental"], "pyright": ["--pythonpath", sys.executable]}


def test_the_types_are_of_what_there_is() -> None:
    """Every name of winreg has a type and nothing else has, and each call takes what it takes."""
    (made,) = (node for node in ast.parse(inspect.getsource(face)).body if hasattr(node, "bases"))
    calls = {node.name: node for node in ast.walk(made) if isinstance(node, ast.FunctionDef)}
    names = {node.target.id for node in made.body if isinstance(node, ast.AnnAssign)}  # type: ignore[union-attr]

    assert set(calls) == set(functions((3, 15)))
    assert names | set(calls) >= set(public_face(Winreg))  # type: ignore[arg-type]  # its names alone
    assert names <= set(public_face(Winreg))  # type: ignore[arg-type]
    for name, call in calls.items():
        theirs = [each.arg for each in (*call.args.posonlyargs, *call.args.args)]
        ours = inspect.signature(getattr(Winreg, name)).parameters
        assert theirs == list(ours), name
        positional = [each for each in ours.values() if each.kind is each.POSITIONAL_ONLY]
        defaults = [each.default for each in ours.values() if each.default is not each.empty]
        assert len(call.args.posonlyargs) == len(positional), name
        assert [ast.literal_eval(each) for each in call.args.defaults] == defaults, name


@pytest.mark.parametrize("checker", sorted(CHECKERS))
def test_a_users_file_is_typed(checker: str, tmp_path: Path) -> None:
    """The names and results are exact, and wrong use is told."""
    if importlib.util.find_spec(checker) is None:
        pytest.skip(f"no {checker} here")
    file = tmp_path / "user_test.py"
    file.write_text(USER.read_text("utf-8"), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", checker, *CHECKERS[checker], str(file)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
