"""What a module's source says that it imports, and whether what it becomes hangs on that."""

from __future__ import annotations

import ast
import importlib.util
import pkgutil
from collections.abc import Collection, Iterator
from functools import lru_cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any, Final

Whence = tuple[str, str]
"""Where a name is from: a module, and a name in it or "" for the module itself."""

_FINDERS: Final = frozenset({"import_module", "__import__"})
"""Functions that import what a text names."""

_ASKING: Final = frozenset({"hasattr", "getattr"})
"""Functions that ask an object for what a text names."""

_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def source_below(name: str, spec: ModuleSpec | None = None) -> Iterator[ast.Module | None]:
    """Yield the tree of module *name* and of all below it; None for what has none to read."""
    try:
        spec = spec or importlib.util.find_spec(name)
    except (ImportError, ValueError):  # it was made by hand, or is the program itself
        spec = None
    if spec is None:
        yield None
        return
    yield source_of(spec)
    places = spec.submodule_search_locations
    for found in pkgutil.iter_modules(places or (), name + "."):
        yield from source_below(found.name, PathFinder.find_spec(found.name, places))


def source_of(spec: ModuleSpec) -> ast.Module | None:
    """Return the tree of the module with *spec*; None where it has none to read."""
    loader: Any = spec.loader
    try:
        if spec.has_location and str(spec.origin).endswith(".py"):
            file = Path(str(spec.origin))
            return _parsed(file, file.stat().st_mtime_ns)
        source = loader.get_source(spec.name)
    except (OSError, ImportError, SyntaxError, ValueError, AttributeError):
        return None
    return None if source is None else ast.parse(source)


@lru_cache(maxsize=2048)
def _parsed(file: Path, _changed: int) -> ast.Module:
    return ast.parse(file.read_bytes())


def imports(tree: ast.Module, modules: Collection[str]) -> bool:
    """Return whether a module, or a function in it, can import one of *modules*.

    By a statement, not one of its own package, or by a function that is given the name.
    """
    every = list(ast.walk(tree))
    names = {name.partition(".")[0] for node in every for name in _stated(node, "")}
    used = {_last_name(node) for node in every} | {
        n for node in every for _, n in _bound(node).values()
    }
    texts = {node.value for node in every if isinstance(node, ast.Constant)}
    finds = not _FINDERS.isdisjoint(used) and not texts.isdisjoint(modules)
    return finds or not names.isdisjoint(modules)


@lru_cache(maxsize=2048)
def origins(tree: ast.Module) -> dict[str, Whence]:
    """Return where the names are from that a module imports at its top, and binds by nothing else.

    Those of its own package are left out; the last import of a name counts.
    """
    found: dict[str, Whence] = {}
    for node in _at_import(tree):
        found |= _bound(node)
    for node in _at_import(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.pop(node.id, None)
    return found


@lru_cache(maxsize=2048)
def within(tree: ast.Module, package: str) -> frozenset[str]:
    """Return the full names of all that a module of *package* names when it imports at its top."""
    return frozenset(name for node in _at_import(tree) for name in _stated(node, package))


@lru_cache(maxsize=2048)
def asked(tree: ast.Module) -> frozenset[Whence]:
    """Return what a module asks for while it is imported: names in other modules, and builtins.

    Of what it imports then, each full name with "". Its own statements count, those of its classes,
    and those of functions of its own that they name; what stands below ``if __name__ ==
    "__main__"`` is not run by an import.
    """
    known: dict[str, Whence] = {}
    for node in ast.walk(tree):
        known |= _bound(node)
    now = list(_at_import(tree))
    names = {node.id for node in now if isinstance(node, ast.Name)}
    functions = (
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in names
    )
    run = [*now, *(inner for function in functions for inner in ast.walk(function))]
    return frozenset(whence for node in run for whence in _asked(node, known))


def _at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what of *node* an import runs: all but the bodies of functions."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, ast.If) and "__main__" in ast.dump(each.test):
            continue
        yield each
        if isinstance(each, _FUNCTIONS):
            waiting += getattr(each, "decorator_list", ())
        else:
            waiting += [*ast.iter_child_nodes(each)][::-1]


def _stated(node: ast.AST, package: str) -> Iterator[str]:
    """Yield the full names in an import statement of a module of *package*; "" for any package."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and (package or not node.level):
        parts = package.split(".")
        above = parts[: len(parts) - node.level + 1] if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        yield base
        yield from (f"{base}.{alias.name}" for alias in node.names)


def _bound(node: ast.AST) -> dict[str, Whence]:
    """Return the names that an import statement binds, and where they are from."""
    if isinstance(node, ast.Import):
        return {
            alias.asname or alias.name.partition(".")[0]: (
                alias.name if alias.asname else alias.name.partition(".")[0],
                "",
            )
            for alias in node.names
        }
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return {alias.asname or alias.name: (node.module, alias.name) for alias in node.names}
    return {}


def _asked(node: ast.AST, known: dict[str, Whence]) -> Iterator[Whence]:
    """Yield the origins that *node* itself asks for."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from ((name, "") for name in _stated(node, ""))
    elif isinstance(node, ast.Attribute):
        yield _origin(node, known)
    elif isinstance(node, ast.Name):
        yield known.get(node.id, ("builtins", node.id))
    elif isinstance(node, ast.Call) and _last_name(node.func) in _ASKING and len(node.args) > 1:
        module, name = _origin(node.args[0], known), node.args[1]
        if isinstance(name, ast.Constant) and isinstance(name.value, str) and not module[1]:
            yield module[0], name.value


def _origin(node: ast.AST, known: dict[str, Whence]) -> Whence:
    """Return what ``a.b.c`` stands for, where ``a`` is an imported module; else nothing."""
    if isinstance(node, ast.Name):
        return known.get(node.id, ("", ""))
    if isinstance(node, ast.Attribute):
        module, name = _origin(node.value, known)
        return (f"{module}.{name}" if name else module, node.attr) if module else ("", "")
    return "", ""


def _last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
