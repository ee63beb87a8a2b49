"""Break the code in one place at a time, and name what the tests do not notice.

    python .ci/mutate.py [--seconds N] [--seed N] [--jobs N] [ROOM ...]

A *room* is a row of `ROOMS`: modules, and the tests that judge them. Each mutant is a module with
one change, put in place of the module at import in a forked process, so that the files stay as they
are. A survivor is to be killed by a test, or listed in tests/mutants.toml with the reason why no
test can or need tell it. The last line of a room says killed, survived, listed and not looked at;
the exit code is 1 where one survived that is not listed.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import contextlib
import copy
import importlib.machinery
import io
import os
import random
import signal
import sys
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import CodeType
from typing import Any

import attr
import hypothesis  # noqa: F401
import pytest

ROOT = Path(__file__).resolve().parent.parent
LISTED = ROOT / "tests" / "mutants.toml"
CALLS = ("tests/win32", "tests/scenario/test_oracle_assertions.py")
TRACES = ("tests/trace",)
CLEAR = ("tests/soundness", "tests/trace")
ROOMS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "predef": (("regsim/kernel/predef.py",), CALLS),
    "unload": (
        ("regsim/kernel/unload.py", "regsim/kernel/holding.py"),
        (*CALLS, "tests/unit/test_holding.py"),
    ),
    "win32": (("regsim/win32/*.py",), CALLS),
    "trace": (
        ("regsim/trace/judge.py", "regsim/trace/ledger.py", "regsim/trace/by_*.py"),
        (*TRACES, "tests/soundness/test_conditions.py"),
    ),
    "clear": (("regsim/trace/conditions.py", "regsim/trace/completeness.py"), CLEAR),
}
"""By room: the modules (patterns, of which some may match nothing), and the tests."""

_SWAPS: dict[type, type] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}

# -- the changes ---------------------------------------------------------------------------------


@attr.frozen
class Mutant:
    """One change: the module, its function and words, the line of its statement, and the tree."""

    path: Path
    name: str
    line: int
    tree: ast.Module

    @property
    def key(self) -> str:
        """The words that the list knows it by; a line number would move."""
        return f"{self.path.relative_to(ROOT)}: {self.name}"


def _changes(node: ast.AST) -> Iterator[Callable[[Any], ast.AST | None]]:
    """Yield functions that change a copy of *node* and return what is to stand in its place."""
    if isinstance(node, ast.Compare | ast.BoolOp | ast.BinOp):
        op = node.ops[0] if isinstance(node, ast.Compare) else node.op
        if type(op) in _SWAPS:
            yield _swapped
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield lambda n: n.operand
    elif isinstance(node, ast.Constant) and node.value not in (None, ...):
        yield _other_constant
    elif isinstance(node, ast.If | ast.IfExp) and not isinstance(
        node.test, ast.Compare | ast.BoolOp | ast.UnaryOp
    ):
        yield _negated
    elif isinstance(node, ast.Call):
        for number in range(len(node.keywords)):
            yield lambda n, at=number: n.keywords.pop(at) and n
    elif isinstance(node, ast.Return) and not _is_none(node.value):
        yield lambda _: ast.Return(ast.Constant(None))
    elif isinstance(node, ast.Expr) or (
        isinstance(node, ast.Assign | ast.AugAssign | ast.Delete) and not _binds_name(node)
    ):
        yield lambda _: ast.Pass()


def _is_none(node: ast.expr | None) -> bool:
    return node is None or (isinstance(node, ast.Constant) and node.value is None)


def _binds_name(node: ast.Assign | ast.AugAssign | ast.Delete) -> bool:
    """Return whether leaving *node* out could only end in a NameError."""
    targets = [node.target] if isinstance(node, ast.AugAssign) else node.targets
    return not isinstance(node, ast.AugAssign) and isinstance(targets[0], ast.Name | ast.Tuple)


def _swapped(node: Any) -> ast.AST:  # noqa: ANN401 - any node with an operator
    if isinstance(node, ast.Compare):
        node.ops[0] = _SWAPS[type(node.ops[0])]()
    else:
        node.op = _SWAPS[type(node.op)]()
    return node


def _other_constant(node: ast.Constant) -> ast.AST:
    value = node.value
    if isinstance(value, bool):
        return ast.Constant(not value)
    if isinstance(value, int):
        return ast.Constant(value + 1)
    return ast.Constant(value + (b"!" if isinstance(value, bytes) else "!"))  # type: ignore[operator]


def _negated(node: Any) -> ast.AST:  # noqa: ANN401 - an if, of either sort
    node.test = ast.UnaryOp(ast.Not(), node.test)
    return node


def mutants(path: Path) -> Iterator[Mutant]:
    """Yield every mutant of the module at *path*.

    Left alone are docstrings, annotations, decorators, imports, what is raised, and texts made of
    parts: a change there is one of words.
    """
    tree = ast.parse(path.read_text("utf-8"))
    seen: Counter[str] = Counter()
    for where, owner, line, node in _places(tree, [], "", 0):
        for number, _ in enumerate(_changes(node)):
            twin = copy.deepcopy(tree)
            field, at = where[-1]
            parent: Any = _reach(twin, where[:-1])
            old = getattr(parent, field) if at is None else getattr(parent, field)[at]
            before = ast.unparse(old)
            new = list(_changes(old))[number](old)
            if at is None:
                setattr(parent, field, new)
            else:
                getattr(parent, field)[at] = new
            ast.fix_missing_locations(ast.copy_location(new, node))
            name = f"{owner}: {_short(before)} -> {_short(ast.unparse(new))}"
            seen[name] += 1
            again = f" (no. {seen[name]})" if seen[name] > 1 else ""
            yield Mutant(path, name + again, line, twin)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 70 else f"{line[:34]}..{line[-34:]}"


Step = tuple[str, int | None]


def _places(
    node: ast.AST, where: list[Step], owner: str, line: int
) -> Iterator[tuple[list[Step], str, int, Any]]:
    """Yield each node below *node* that may be changed, with where it is.

    That is the way to it, its function's name, and the line of its statement.
    """
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        owner = f"{owner}.{node.name}" if owner else node.name
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "bases"):
            continue
        for at, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or _left_alone(child, field):
                continue
            way = [*where, (field, at)]
            at_line = child.lineno if isinstance(child, ast.stmt) else line
            yield way, owner or "module", at_line, child
            yield from _places(child, way, owner, at_line)


def _left_alone(node: ast.AST, field: str) -> bool:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    guard = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    declared = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    kinds = ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom | ast.Assert
    return guard or declared or field == "slice" or isinstance(node, kinds)


def _reach(tree: ast.AST, where: Sequence[Step]) -> ast.AST:
    node: Any = tree
    for field, at in where:
        node = getattr(node, field) if at is None else getattr(node, field)[at]
    found: ast.AST = node
    return found


# -- running the tests ---------------------------------------------------------------------------


class _Chosen:
    """A pytest plugin that runs only the tests named, all for None, and knows which one is on."""

    def __init__(self, only: set[str] | None) -> None:
        self.only, self.test = only, ""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self.only is not None:
            items[:] = [item for item in items if item.nodeid in self.only]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.test = item.nodeid
        result = yield
        self.test = ""
        return result  # type: ignore[return-value]


def _in_place_of(trees: dict[str, ast.Module]) -> None:
    """Have this process import the modules at the paths in *trees* as what stands there."""
    before = importlib.machinery.SourceFileLoader.get_code

    def get_code(self: importlib.machinery.SourceFileLoader, name: str) -> CodeType | None:
        if self.path in trees:
            return compile(trees[self.path], self.path, "exec")
        return before(self, name)

    importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[method-assign]


def _told(path: Path) -> ast.Module:
    """Return the module at *path* with a call of ``regsim_met`` before each statement."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in list(ast.walk(tree)):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if not isinstance(block, list) or isinstance(node, ast.IfExp):
                continue
            said = []
            for statement in block:
                if "__future__" not in ast.unparse(statement) and not _left_alone(statement, field):
                    call = f"regsim_met({str(path)!r}, {statement.lineno})"
                    said.append(ast.copy_location(ast.parse(call).body[0], statement))
                said.append(statement)
            setattr(node, field, said)
    return ast.fix_missing_locations(tree)


def _pytest(tests: Sequence[str], plugin: _Chosen) -> int:
    """Run *tests*, quietly, and return pytest's exit code."""
    options = ["-q", "-x", "-n0", "-p", "no:cacheprovider"]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # hypothesis is there already
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return int(pytest.main([*options, *tests], plugins=[plugin]))


def covered(paths: Sequence[Path], tests: Sequence[str]) -> dict[tuple[str, int], set[str]]:
    """Run *tests* on the code as it is; return which of them meet each statement of *paths*.

    A statement is named by its path and line; "" stands for the time outside tests, at import.

    Raises:
        SystemExit: they fail as it is.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        plugin, met = _Chosen(None), set()
        builtins.regsim_met = lambda path, line: met.add((path, line, plugin.test))
        _in_place_of({str(path): _told(path) for path in paths})
        code = _pytest(tests, plugin)
        with os.fdopen(writer, "w") as out:
            out.writelines(f"{path}\t{line}\t{test}\n" for path, line, test in sorted(met))
        os._exit(code)
    os.close(writer)
    found: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
    with os.fdopen(reader) as rows:
        for row in rows:
            path, line, test = row.rstrip("\n").split("\t")
            found[path, int(line)].add(test)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        raise SystemExit(f"the tests fail on the code as it is: {' '.join(tests)}")
    return found


def _run(mutant: Mutant, tests: Sequence[str], only: set[str] | None, seconds: int) -> None:
    """Be the process of one mutant; never returns. Exit code 0 says that no test noticed."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds)
    _in_place_of({str(mutant.path): mutant.tree})
    code = 1
    try:
        code = _pytest(tests, _Chosen(only))
    finally:
        os._exit(code)


def survivors(
    found: Sequence[Mutant],
    tests: Sequence[str],
    lines: dict[tuple[str, int], set[str]],
    *,
    jobs: int,
    until: float,
) -> tuple[list[Mutant], int]:
    """Run *found* against the *tests* that meet their lines; return survivors, and how many ran.

    A mutant that takes a minute is one that was noticed.
    """
    alive, running, ran = [], {}, 0
    waiting = list(reversed(found))
    while waiting or running:
        while waiting and len(running) < jobs and time.monotonic() < until:
            mutant = waiting.pop()
            met = lines.get((str(mutant.path), mutant.line), set())
            ran += 1
            if not met:
                alive.append(mutant)
                continue
            child = os.fork()
            if child == 0:
                _run(mutant, tests, None if "" in met else met, seconds=60)
            running[child] = mutant
        if not running:
            break
        child, status = os.wait()
        mutant = running.pop(child)
        if os.waitstatus_to_exitcode(status) == 0:
            alive.append(mutant)
    return alive, ran


def main() -> int:
    """Run the rooms asked for; return 1 where a mutant survived that is not listed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rooms", nargs="*", choices=[[], *ROOMS], default=[])
    parser.add_argument("--seconds", type=float, default=1200, help="the longest, of each room")
    parser.add_argument("--seed", type=int, default=11, help="which mutants are met first")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    os.chdir(ROOT)
    listed = tomllib.loads(LISTED.read_text("utf-8")) if LISTED.exists() else {}
    worst = 0
    for room in given.rooms or ROOMS:
        patterns, tests = ROOMS[room]
        paths = sorted(path for pattern in patterns for path in ROOT.glob(pattern))
        tests = [test for test in tests if (ROOT / test).exists()]
        started = time.monotonic()
        lines = covered(paths, tests)
        found = [mutant for path in paths for mutant in mutants(path)]
        random.Random(given.seed).shuffle(found)
        until = started + given.seconds
        alive, ran = survivors(found, tests, lines, jobs=given.jobs, until=until)
        excused = [mutant for mutant in alive if mutant.key in listed.get(room, {})]
        for mutant in sorted(alive, key=lambda m: (m.path, m.line)):
            if mutant not in excused:
                print(f"survived, line {mutant.line}: {mutant.key}")
        for key in listed.get(room, {}):
            if key not in {mutant.key for mutant in found}:
                print(f"listed, and no mutant any more: {key}")
        left = len(alive) - len(excused)
        print(
            f"{room}: {ran - len(alive)} killed, {left} survived, {len(excused)} listed, "
            f"{len(found) - ran} not looked at, in {time.monotonic() - started:.0f} s",
            flush=True,
        )
        worst = max(worst, int(left > 0))
    return worst


if __name__ == "__main__":
    sys.exit(main())
