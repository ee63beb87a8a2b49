"""A file of C or C++: its functions one after the other, and what one must know of the others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import attrs

from regsim.lint import cnames
from regsim.lint.ccalls import InC
from regsim.lint.cpaths import C, declared
from regsim.lint.fault import Fault
from regsim.lint.following import TooManyWaysError
from regsim.lint.grammars import nodes, questions, said
from regsim.lint.paths import Walker
from regsim.lint.ways import FromCaller, OneWay

if TYPE_CHECKING:
    from tree_sitter import Node, Tree

_REGISTRY: Final = re.compile(
    rb"(Reg|(Nt|Zw))(Open|Create|Close|Connect|Load|UnLoad)\w*|HKEY_CURRENT_USER|LoadUserProfile"
    rb"|RegKey|RegistryKey|AssocQueryKey|CM_Open_\w+Key"
)
_OPENING: Final = re.compile(r"\bReg(Open|Create)Key\w*\(")
_CALLED: Final = re.compile(rb"\b([A-Za-z_]\w*)\s*\(")
_UNCACHED: Final = re.compile(rb"\bReg(DisablePredefinedCache(Ex)?|OverridePredefKey)\b")


@attrs.frozen
class CFile:
    """What the functions of a file need to know of the rest of it.

    Attributes:
        functions: those defined here, each with the places of the parameters that it keeps or
            closes.
        giving: those that return a key that they opened.
        using_root: those that use HKEY_CURRENT_USER, or call one that does.
        called: the names of all functions called, without the A or W.
        threads: whether several threads run.
        uncached: whether the cache of HKEY_CURRENT_USER is turned off.
    """

    functions: dict[str, frozenset[int]]
    giving: frozenset[str]
    using_root: frozenset[str]
    called: frozenset[str]
    threads: bool
    uncached: bool


def look(tree: Tree, text: bytes) -> tuple[list[Fault], list[tuple[int, int]]]:
    """Return the faults of a file, and the lines of functions that were given up."""
    defined = list(_functions(tree.root_node))
    file = _told(defined, text)
    faults: list[Fault] = []
    given_up: list[tuple[int, int]] = []
    for name, node in defined:
        calls = _names(node)
        if not _touches(node) and not calls & file.giving:
            continue
        conditions = list(questions(node, C.asking))
        asked = "\n".join(map(said, conditions))
        scope = InC(tongue=C, file=file, name=name, calls=calls, conditions=asked)
        scope.ends = _ends(node, conditions)
        start = _begun(scope, node)
        try:
            Walker(scope).function(_body(node), start)
        except (TooManyWaysError, RecursionError):
            given_up.append((node.start_point[0] + 1, node.end_point[0] + 1))
        else:
            faults += scope.faults.values()
    return faults, given_up


def _ends(node: Node, conditions: list[Node]) -> dict[str, int]:
    """Return where each name is asked for the last time; in a loop that is the loop's end."""
    loops = [(n.start_byte, n.end_byte) for n in nodes(node) if n.type in _LOOPS]
    found: dict[str, int] = {}
    for condition in conditions:
        end = condition.end_byte
        around = [last for first, last in loops if first <= condition.start_byte < last]
        for word in _WORD.findall(said(condition)):
            found[word] = max(found.get(word, 0), end, *around)
    return found


_WORD: Final = re.compile(r"[A-Za-z_]\w*")
_LOOPS: Final = frozenset({"for_statement", "while_statement", "do_statement", "for_range_loop"})


def _touches(node: Node) -> bool:
    text = node.text or b""
    return _REGISTRY.search(text) is not None or b"mpersonat" in text


def _names(node: Node) -> set[str]:
    return {cnames.plain(n.decode("ascii")) for n in set(_CALLED.findall(node.text or b""))}


def _body(node: Node) -> Node:
    body = node.child_by_field_name("body")
    if body is None:
        body = next(c for c in node.children if c.type in ("compound_statement", "try_statement"))
    return body


# Where no function is defined, but for the methods of a class that is local to another function.
_STATEMENTS: Final = frozenset(
    {"expression_statement", "declaration", "parameter_list", "field_declaration", "preproc_def"}
)


def _functions(top: Node) -> Iterator[tuple[str, Node]]:
    """Yield the functions that have a body, by name, those in classes and namespaces too."""
    for node in nodes(top, _STATEMENTS):
        if node.type == "function_definition" and any(
            c.type in ("compound_statement", "try_statement") for c in node.children
        ):
            declarator = _declarator(node)
            if declarator is not None:
                name = said(declarator.child_by_field_name("declarator"))
                yield name.rsplit("::", 1)[-1].strip(), node


def _declarator(node: Node) -> Node | None:
    inner = node.child_by_field_name("declarator")
    while inner is not None and inner.type != "function_declarator":
        inner = inner.child_by_field_name("declarator") or next(
            (c for c in inner.named_children if c.type.endswith("declarator")), None
        )
    return inner


def _parameters(node: Node) -> list[tuple[str, str]]:
    """Return the names and types of a function's parameters."""
    declarator = _declarator(node)
    listed = declarator.child_by_field_name("parameters") if declarator is not None else None
    found = []
    for child in [] if listed is None else listed.named_children:
        if "parameter_declaration" in child.type:
            made = declared(child)
            found.append((made[0][0], made[0][1]) if made else ("", ""))
    return found


def _begun(scope: InC, node: Node) -> OneWay:
    world = OneWay()
    for name, kind in _parameters(node):
        if not name or kind.endswith(("&", "*", "]")):
            continue
        scope.types[name] = kind
        if kind in cnames.HANDLES:
            scope.params.add(name)
            world = world.put(name, FromCaller(name))
    return world


def _told(defined: list[tuple[str, Node]], text: bytes) -> CFile:
    functions: dict[str, frozenset[int]] = {}
    using: set[str] = set()
    giving: set[str] = set()
    for name, node in defined:
        body = said(_body(node))
        kept = [
            index
            for index, (param, kind) in enumerate(_parameters(node))
            if param and kind in cnames.HANDLES and _keeps(param, body)
        ]
        functions[name] = functions.get(name, frozenset()) | frozenset(kept)
        if "HKEY_CURRENT_USER" in body:
            using.add(name)
        if said(node.child_by_field_name("type")) == "HKEY" and _OPENING.search(body):
            giving.add(name)
    called = {name: _names(node) for name, node in defined}
    for _ in range(3):
        using |= {name for name, names in called.items() if names & using}
    return CFile(
        functions=functions,
        giving=frozenset(giving),
        using_root=frozenset(using),
        called=frozenset(cnames.plain(n.decode("ascii")) for n in set(_CALLED.findall(text))),
        threads=cnames.THREADS.search(text) is not None,
        uncached=_UNCACHED.search(text) is not None,
    )


def _keeps(param: str, body: str) -> bool:
    """Return whether a function with *body* may close what *param* holds, or keep it."""
    name = re.escape(param)
    return (
        re.search(rf"\b(\w*[Cc]lose\w*|[A-Z_]+|\w*[Ff]ree\w*)\s*\(\s*&?{name}\b", body) is not None
        or re.search(rf"[^=!<>]=\s*(\([^()]*\)\s*)?{name}\s*[;,)]", body) is not None
        or re.search(rf"\breturn\s+{name}\s*;|[({{]\s*{name}\s*}}", body) is not None
    )
