"""The house rules: imports point down and never round, and one noun has one room."""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

import regsim

# From the bottom up. Layer 0 has two rows, since the Dialect record is made of status codes and
# errors; between the names of one row no import is allowed.
ROWS = (
    ("upcase",),
    ("_version", "cores", "display", "errors", "keypath", "status", "types"),
    ("accel", "naming", "policy", "reading", "writing"),
    ("kernel",),
    ("regf",),
    ("dialects", "trace"),
    ("win32",),
    ("actors", "check", "scenario"),
    ("cases", "report"),
    ("explore",),
    ("report.lab",),
    ("models",),
    ("course", "fleet", "lint", "live", "site", "testing"),
    ("cli",),
    ("__init__", "__main__"),
)
LAYER = {name: number for number, row in enumerate(ROWS) for name in row}

PRINTERS = ("cli", "report", "report.lab")
"""The packages that may print."""

PROTOCOL = frozenset({"INCIDENT", "PARAMETERS"})
"""Public names that many modules define, each with its own answer to the same question."""

ALIAS = frozenset({"type", "Annotated", "Callable", "Literal", "NewType", "Optional", "Union"})
"""What a type alias may be made with, beside a class with parameters: ``dict[str, int]``."""

VERSION = re.compile(
    r"\b(nt ?[345]\w*|nt4?[-_]\w+|w2k|xp|2000|2003|vista|win(dows)?[ _]?(\d[\d.]*|nt|xp|me)"
    r"|wine|reactos|tse)\b",
    re.IGNORECASE,
)

PACKAGE = Path(regsim.__file__).parent
MODELS = PACKAGE / "models" if (PACKAGE / "models").is_dir() else PACKAGE.parent / "models"


def modules() -> dict[str, Path]:
    """Return every module of regsim by its dotted name, those of ``models/`` among them."""
    found = {}
    for root, prefix in ((PACKAGE, "regsim"), (MODELS, "regsim.models")):
        for path in sorted(root.rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            dotted = ".".join((prefix, *parts)).removesuffix(".__init__")
            found[dotted] = path
    return found


def unit(module: str) -> str:
    """Return the package or top module below regsim that *module* lies in.

    The lab has a layer of its own above the other reports.
    """
    parts = module.split(".")
    if parts[1:3] == ["report", "lab"]:
        return "report.lab"
    return parts[1] if len(parts) > 1 else "__init__"


def imports(module: str, tree: ast.AST, *, package: bool) -> Iterator[tuple[int, str]]:
    """Yield the line and the dotted name of all that *module* imports, wherever it does so.

    Imports in functions and under TYPE_CHECKING count; so does ``import_module`` of a literal.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base(module, node, package=package)
            full = [f"{base}.{alias.name}" for alias in node.names]
            modules = [name for name in full if base == "regsim" or name in MODULES]
            yield from ((node.lineno, name) for name in modules or [base])
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__"):
            literal = node.args[:1]
            yield from ((node.lineno, str(a.value)) for a in literal if isinstance(a, ast.Constant))


def _base(module: str, node: ast.ImportFrom, *, package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    parts = parts[: len(parts) - node.level + package]
    return ".".join((*parts, node.module) if node.module else parts)


def _called(node: ast.Call) -> str:
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def offences(module: str, source: str, *, package: bool = False) -> list[str]:
    """Return what *source*, standing as *module*, does against the layer rule."""
    here = unit(module)
    if here not in LAYER:
        return [f"{module}: {here} has no layer; give it one in {Path(__file__).name}"]
    found = []
    for line, name in imports(module, ast.parse(source), package=package):
        there = unit(name)
        if name.split(".")[0] == "models":
            found.append(f"{module}:{line} imports {name}; its name is regsim.models")
        elif name.split(".")[0] != "regsim" or here == there:
            continue
        elif there not in LAYER:
            found.append(f"{module}:{line} imports {name}, which has no layer")
        elif LAYER[there] == LAYER[here]:
            found.append(f"{module}:{line} imports {name}, sideways")
        elif LAYER[there] > LAYER[here]:
            found.append(f"{module}:{line} imports {name}, up")
    return found


def printing(module: str, source: str) -> list[str]:
    """Return the calls of ``print`` in *source*, or its uses of click, outside what may print."""
    if unit(module) in PRINTERS:
        return []
    tree = ast.parse(source)
    prints = [
        f"{module}:{node.lineno} prints"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    return prints + [
        f"{module}:{line} imports {name}"
        for line, name in imports(module, tree, package=False)
        if name.split(".")[0] in ("click", "rich")
    ]


def spoken(source: str) -> Iterator[tuple[int, str]]:
    """Yield each name and text that *source* computes with, docstrings and comments left out."""
    tree = ast.parse(source)
    prose = set()
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                prose.add(child.value)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in prose:
            yield node.lineno, node.value


def versions(source: str) -> list[str]:
    """Return the Windows versions that *source* names outside its prose."""
    return [f"{line}: {text}" for line, text in spoken(source) if VERSION.search(text)]


def needs(module: str, source: str, *, package: bool = False) -> set[str]:
    """Return what *source*, standing as *module*, imports of its own unit when it runs."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = [ast.Pass()]
    named = {name for _, name in imports(module, tree, package=package)}
    return {name for name in named if unit(name) == unit(module)} - {module}


def circles(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """Return each module of *graph* (who needs whom) that needs itself by way of others."""
    found = []
    for start in graph:
        met: set[str] = set()
        waiting = list(graph[start])
        while waiting:
            name = waiting.pop()
            if name not in met:
                met.add(name)
                waiting += graph.get(name, ())
        if start in met:
            found.append(start)
    return found


def nouns(source: str) -> set[str]:
    """Return the public classes and type aliases that *source* defines at its top level."""
    found = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if _is_alias(node.value):
                found |= {name.id for name in targets if isinstance(name, ast.Name)}
    return {name for name in found if re.fullmatch(r"[A-Z]\w*[a-z]\w*", name)} - PROTOCOL


def _is_alias(value: ast.expr) -> bool:
    """Return whether *value*, given to a CamelCase name, makes a type or a second name of one."""
    if isinstance(value, ast.BinOp):
        return isinstance(value.op, ast.BitOr)
    if isinstance(value, ast.Call):
        return _called(value) in ALIAS
    return isinstance(value, ast.Subscript | ast.Name | ast.Attribute)


def twice(sources: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the nouns that two or more of *sources* define, each with the modules that do."""
    rooms = defaultdict(list)
    for module, source in sources.items():
        for noun in nouns(source):
            rooms[noun].append(module)
    return {noun: found for noun, found in sorted(rooms.items()) if len(found) > 1}


MODULES = modules()
KERNEL = {name: path for name, path in MODULES.items() if unit(name) == "kernel"}


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module: str) -> None:
    """No module imports from its own layer's other packages or from a layer above."""
    path = MODULES[module]

    assert offences(module, path.read_text("utf-8"), package=path.stem == "__init__") == []


def test_every_module_was_walked() -> None:
    """The walk finds modules of the bottom, of the top, and of ``models/``."""
    for name in ("regsim", "regsim.errors", "regsim.kernel.machine", "regsim.cli", "regsim.models"):
        assert name in MODULES


@pytest.mark.parametrize(
    ("module", "source", "text"),
    [
        ("regsim.kernel.keys", "import regsim.dialects", "regsim.dialects, up"),
        ("regsim.kernel.keys", "from regsim import win32", "regsim.win32, up"),
        ("regsim.kernel.keys", "from regsim.cli import x", "regsim.cli, up"),
        ("regsim.kernel.keys", "from ..cli import x", "regsim.cli, up"),
        ("regsim.kernel.keys", "from .. import cli", "regsim.cli, up"),
        ("regsim.kernel.keys", "def f():\n  import regsim.regf", "regsim.regf, up"),
        ("regsim.kernel.keys", "if TYPE_CHECKING:\n  import regsim.regf", "regsim.regf, up"),
        ("regsim.kernel.keys", "importlib.import_module('regsim.cli')", "regsim.cli, up"),
        ("regsim.kernel.keys", "from regsim import Machine", "regsim.Machine, which has no layer"),
        ("regsim.actors.icw", "import regsim.check.search", "regsim.check.search, sideways"),
        ("regsim.errors", "from regsim.status import NtStatus", "regsim.status, sideways"),
        ("regsim.accel.handles", "from regsim.policy import Dialect", "regsim.policy, sideways"),
        ("regsim.models.q241572", "import models.base", "its name is regsim.models"),
        ("regsim.gadgets", "", "gadgets has no layer"),
    ],
)
def test_bad_import_is_caught(module: str, source: str, text: str) -> None:
    """An import up, sideways, or of what has no layer is an offence, however it is written."""
    found = offences(module, source)

    assert len(found) == 1
    assert text in found[0]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("regsim.kernel.keys", "from regsim.kernel.machine import Machine"),
        ("regsim.kernel.keys", "from . import machine"),
        ("regsim.kernel.keys", "from .machine import Machine"),
        ("regsim.kernel.keys", "from ..errors import UsageError"),
        ("regsim.kernel.keys", "from regsim import keypath"),
        ("regsim.policy", "from regsim.status import NtStatus"),
        ("regsim.cli.affected", "from regsim.dialects.article import affected"),
        ("regsim.cli", "from regsim.models import q241572"),
        ("regsim.kernel.keys", "import json, attrs"),
        ("regsim.kernel.keys", "import_module(name)"),
    ],
)
def test_good_import_passes(module: str, source: str) -> None:
    """An import down, or inside the package, or of another project, is none."""
    assert offences(module, source) == []


def test_relative_import_in_a_package() -> None:
    """In a package's own file one dot means the package, in a module the one around it."""
    assert offences("regsim.kernel", "from .cli import x", package=True) == []
    assert len(offences("regsim.kernel", "from ..cli import x", package=True)) == 1
    assert len(offences("regsim.kernel", "from .cli import x", package=False)) == 1


def test_no_imports_go_round() -> None:
    """Inside a package, too, no module needs itself by way of others."""
    graph = {
        module: needs(module, path.read_text("utf-8"), package=path.stem == "__init__")
        for module, path in MODULES.items()
    }

    assert circles(graph) == []


@pytest.mark.parametrize(
    "back",
    [
        "from regsim.kernel.keys import open_key",
        "from regsim.kernel import keys",
        "from . import keys",
        "def f():\n  import regsim.kernel.keys",
        "if x:\n  from .keys import open_key",
    ],
)
def test_a_circle_is_caught(back: str) -> None:
    """Two modules that need each other are a circle, in whichever way one names the other."""
    sources = {"regsim.kernel.keys": "from regsim.kernel.hive import Hive"}
    sources["regsim.kernel.hive"] = back
    sources["regsim.kernel.tree"] = "from regsim.kernel.hive import Hive"
    graph = {module: needs(module, source) for module, source in sources.items()}

    assert circles(graph) == ["regsim.kernel.keys", "regsim.kernel.hive"]
    assert circles({**graph, "regsim.kernel.hive": []}) == []


def test_a_type_makes_no_circle() -> None:
    """What is imported for annotations alone is not there when the code runs."""
    back = "if TYPE_CHECKING:\n  from regsim.kernel.keys import Answered"

    assert needs("regsim.kernel.hive", back) == set()


def test_one_noun_has_one_room() -> None:
    """No public class and no type alias is defined in two modules."""
    assert twice({name: path.read_text("utf-8") for name, path in MODULES.items()}) == {}


@pytest.mark.parametrize(
    "source",
    [
        "class Step: ...",
        "Step = tuple[int, ...]",
        "Step = NewType('Step', int)",
        "Step = int | str",
        "Step: TypeAlias = Callable[[int], str]",
        "Step = Callable[[int], str]",
        "Step = other.Step",
    ],
)
def test_a_second_room_is_caught(source: str) -> None:
    """A class and whatever makes a type count as rooms of the name."""
    both = {"regsim.check.paths": "class Step: ...", "regsim.kernel.steps": source}

    assert twice(both) == {"Step": ["regsim.check.paths", "regsim.kernel.steps"]}


@pytest.mark.parametrize(
    "source",
    ["_Step = int | str", "STEP = int | str", "step = a | b", "def Step(): ...", "Step = 1"],
)
def test_what_is_no_type_has_no_room(source: str) -> None:
    """Private names, constants, values and functions may recur."""
    assert twice({"regsim.check.paths": source, "regsim.kernel.steps": source}) == {}


@pytest.mark.parametrize("module", KERNEL)
def test_kernel_names_no_version(module: str) -> None:
    """The kernel is handed a dialect; no name and no text in its code is that of a version."""
    assert versions(KERNEL[module].read_text("utf-8")) == []


@pytest.mark.parametrize(
    "source", ["NT4 = 1", "x = 'Windows XP'", "def win10(): ...", "d.name == 'w2k'", "f('wine')"]
)
def test_version_is_caught(source: str) -> None:
    """A version in a name or a text is found."""
    assert len(versions(source)) == 1


@pytest.mark.parametrize(
    "source",
    ['"""As on Windows XP."""', "x = 1  # Vista", "NtOpenKey = 'NtOpenKey'", "winner = 'expert'"],
)
def test_prose_may_cite_versions(source: str) -> None:
    """Docstrings and comments may cite a version, and the functions of NT are no version."""
    assert versions(source) == []


@pytest.mark.parametrize("module", KERNEL)
def test_kernel_needs_attrs_alone(module: str) -> None:
    """The kernel imports regsim, attrs and the standard library, and opens no file."""
    tree = ast.parse(KERNEL[module].read_text("utf-8"))
    others = {name.split(".")[0] for _, name in imports(module, tree, package=False)}
    calls = {_called(node) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    opens = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }

    assert others - sys.stdlib_module_names <= {"regsim", "attrs"}
    assert "open" not in opens
    assert not {"read_text", "read_bytes", "write_text", "write_bytes"} & calls


@pytest.mark.parametrize("module", MODULES)
def test_library_does_not_print(module: str) -> None:
    """Only the command line and the reports print."""
    assert printing(module, MODULES[module].read_text("utf-8")) == []


def test_print_is_caught() -> None:
    """A print, or an import of what prints, is found in the library and allowed in the reports."""
    assert printing("regsim.kernel.keys", "print(1)") == ["regsim.kernel.keys:1 prints"]
    assert printing("regsim.kernel.keys", "import click") == ["regsim.kernel.keys:1 imports click"]
    assert printing("regsim.report.text.runs", "print(1)\nimport rich") == []
    assert printing("regsim.kernel.keys", "printer.print(1)") == []


def test_the_helpers_of_tests_have_names_of_their_own() -> None:
    """Folders of tests are searched for them one after the other, so a name may be there once."""
    folder = Path(__file__).resolve().parents[1]
    names = [
        path.stem
        for path in folder.rglob("*.py")
        if not path.stem.startswith("test_") and path.stem != "conftest"
    ]

    assert len(names) > 20
    assert sorted(set(names)) == sorted(names)
