"""A file of Python: the keys that its functions open by `winreg` or pywin32."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import attrs

from regsim.lint import cnames
from regsim.lint.fault import Fault
from regsim.lint.following import Tongue, asked, both, either, negated, one, parts, plain, zero
from regsim.lint.grammars import nodes, said
from regsim.lint.managed import (
    Arguments,
    Defined,
    InManaged,
    arguments,
    captured,
    closure,
    follow,
    giving,
    passing,
    raising,
    stored,
    told,
)
from regsim.lint.paths import COMMON, Walker, block, nothing, through, thrown
from regsim.lint.ways import (
    CLOSED,
    OPEN,
    OTHER,
    UNKNOWN,
    ZERO,
    Acquired,
    OneWay,
    Truths,
    Ways,
    Worlds,
    Worth,
)

if TYPE_CHECKING:
    from tree_sitter import Node, Tree

_OPENERS: Final = frozenset(
    {
        *("OpenKey", "OpenKeyEx", "CreateKey", "CreateKeyEx", "ConnectRegistry"),
        *("RegOpenKey", "RegOpenKeyEx", "RegCreateKey", "RegCreateKeyEx", "RegConnectRegistry"),
        *("RegOpenCurrentUser", "RegOpenKeyTransacted", "RegCreateKeyTransacted"),
    }
)
_CLOSERS: Final = frozenset({"CloseKey", "RegCloseKey"})
_ACTING: Final = frozenset(
    {"ImpersonateLoggedOnUser", "ImpersonateNamedPipeClient", "ImpersonateAnonymousToken"}
)
_ENDING: Final = frozenset({"sys.exit", "os._exit", "os.abort", "exit", "quit"})
_REGISTRY: Final = re.compile(r"\b(_?winreg|win32api|win32con)\b")
_USES_ROOT: Final = re.compile(r"\bHKEY_CURRENT_USER\b")
_GIVES: Final = re.compile(
    r"^\s*return\s+(\w+\.)*(Reg)?(Open|Create)Key(Ex)?\([^\n]*\)\s*$", re.MULTILINE
)


def look(tree: Tree, text: bytes) -> tuple[list[Fault], list[tuple[int, int]]]:
    """Return the faults of a file, and the lines of functions that were given up."""
    whole = text.decode("utf-8", "replace")
    if not _REGISTRY.search(whole):
        return [], []
    defined = list(_functions(tree.root_node))
    file = told(defined, whole, _USES_ROOT, _GIVES)
    return follow(TONGUE, file, defined, "PY102", _names)


def _functions(top: Node) -> Iterator[Defined]:
    for node in nodes(top):
        body = node.child_by_field_name("body")
        if node.type == "function_definition" and body is not None:
            listed = node.child_by_field_name("parameters")
            params = [] if listed is None else [_parameter(c) for c in listed.named_children]
            own = [p for p in params if p not in ("self", "cls")]
            name = said(node.child_by_field_name("name"))
            yield Defined(name=name, node=node, body=body, params=tuple(own))


def _parameter(node: Node) -> str:
    while node.type != "identifier" and node.named_children:
        node = node.named_children[0]
    return said(node)


def _names(one_of: Defined) -> set[str]:
    return {*one_of.params, *_made(one_of.body)} - captured(one_of.body, _CLOSURES, _made)


_CLOSURES: Final = frozenset({"lambda", "function_definition"})


def _made(top: Node) -> set[str]:
    found: set[str] = set()
    elsewhere: set[str] = set()
    for node in nodes(top):
        if node.type in ("assignment", "for_statement", "named_expression", "with_item"):
            side = node.child_by_field_name("left") or node.child_by_field_name("name")
            found |= {said(n) for n in nodes(side) if n.type == "identifier"} if side else set()
        elif node.type == "as_pattern_target":
            found |= {said(n) for n in nodes(node) if n.type == "identifier"}
        elif node.type in ("global_statement", "nonlocal_statement"):
            elsewhere |= {said(c) for c in node.named_children}
    return found - elsewhere


# -- expressions ------------------------------------------------------------------------------


def value(scope: InManaged, node: Node | None, world: OneWay) -> Ways:
    """Return what *node* is worth in *world*, and the worlds after it."""
    if node is None:
        return [(UNKNOWN, world)]
    return _VALUES.get(node.type, parts)(scope, node, world)


def _identifier(scope: InManaged, node: Node, world: OneWay) -> Ways:
    name = said(node)
    if name.startswith("HKEY_"):
        return [(scope.root(node, name, world), world)]
    return [(world.values.get(name, UNKNOWN), world)]


def _attribute(scope: InManaged, node: Node, world: OneWay) -> Ways:
    name = said(node.child_by_field_name("attribute"))
    if name.startswith("HKEY_"):
        return [(scope.root(node, name, world), world)]
    inner = node.child_by_field_name("object")
    return [(UNKNOWN, after) for _, after in value(scope, inner, world)]


def _number(_scope: InManaged, node: Node, world: OneWay) -> Ways:
    return [(ZERO if said(node) == "0" else OTHER, world)]


def _assignment(scope: InManaged, node: Node, world: OneWay) -> Ways:
    left = node.child_by_field_name("left") or node.child_by_field_name("name")
    right = node.child_by_field_name("right") or node.child_by_field_name("value")
    if left is not None and left.type in ("pattern_list", "tuple_pattern"):
        names = [scope.variable(n) for n in left.named_children]
        return [(got, _unpacked(names, got, after)) for got, after in value(scope, right, world)]
    found: Ways = []
    for got, after in value(scope, right, world):
        found.append((got, stored(scope, left, got, _dropped(scope.variable(left), after, got))))
    return found


def _unpacked(names: list[str], got: Worth, world: OneWay) -> OneWay:
    """Return the world after ``key, new = RegCreateKeyEx(…)``, or another tuple's unpacking."""
    for name in filter(None, names):
        world = _dropped(name, world).put(name, UNKNOWN)
    return world.put(names[0], got) if names[0] else world.give(got)


def _dropped(name: str, world: OneWay, got: object = None) -> OneWay:
    """Return the world after *name* lost what it held: an object that nothing holds is closed."""
    held = world.values.get(name)
    if isinstance(held, Acquired) and held != got and world.holders(held) == [name]:
        return world.turn(held, CLOSED)
    return world


def _conditional(scope: InManaged, node: Node, world: OneWay) -> Ways:
    consequence, condition, alternative = node.named_children
    found: Ways = []
    for met, after in truth(scope, condition, world):
        found += value(scope, consequence if met else alternative, after)
    return found


def _call(scope: InManaged, node: Node, world: OneWay) -> Ways:
    callee = node.child_by_field_name("function")
    listed = node.child_by_field_name("arguments")
    args = [] if listed is None else [c for c in listed.named_children if c.type != "comment"]
    receiver = None if callee is None else callee.child_by_field_name("object")
    name = said(callee.child_by_field_name("attribute") if receiver and callee else callee)
    found: Ways = []
    for got, before in value(scope, receiver, world):
        for values, after in arguments(scope, args, before):
            found += _called(scope, node, (name, receiver, got), values, after)
    return found


def _pointed(args: Arguments) -> str | None:
    """Return the variable that a function called by `ctypes` gets the address of."""
    found = (re.match(r"(ctypes\.)?(byref|pointer)\((\w+)\)$", said(node)) for node, _ in args)
    return next((match[3] for match in found if match), None)


def _called(
    scope: InManaged,
    node: Node,
    callee: tuple[str, Node | None, Worth],
    args: Arguments,
    world: OneWay,
) -> Ways:
    name, receiver, got = callee
    if name in ("Close", "close", "Detach") and isinstance(got, Acquired):
        return [(UNKNOWN, scope.close(got, world))]
    if name in _CLOSERS and args:
        return [(UNKNOWN, scope.close(args[0][1], world))]
    local = receiver is None or said(receiver) in ("self", "cls")
    bound = receiver is None or said(receiver).split(".")[-1] not in ("advapi32", "windll")
    if (name in _OPENERS and bound) or (name in scope.file.giving and local):
        if "Connect" in name and args and said(args[0][0]) in ("None", '""', "''"):
            return [(args[1][1] if len(args) > 1 else UNKNOWN, world)]  # this very machine
        root = args[0][1] if args else UNKNOWN
        below = said(args[1][0]) if len(args) > 1 else ""
        return [scope.open(node, name, (root, below), world)]
    if cnames.plain(name) in cnames.OPENERS and (pointed := _pointed(args)) is not None:
        got, after = scope.open(node, name, (UNKNOWN, ""), world, "handle")
        return [(ZERO, after.put(pointed, got)), (OTHER, world)]
    if name in _ACTING:
        return [(UNKNOWN, attrs.evolve(world, acting=True))]
    if name in ("RevertToSelf", "RpcRevertToSelf"):
        return [(UNKNOWN, attrs.evolve(world, acting=False))]
    scope.call(node, name, world)
    known = _KNOWN.match(name) is not None
    return [(UNKNOWN, world if known else scope.lend(name, args, world))]


_KNOWN: Final = re.compile(
    r"(Reg)?(QueryValue|QueryInfoKey|EnumKey|EnumValue|SetValue|DeleteKey|DeleteValue|FlushKey"
    r"|SaveKey|GetKeySecurity)|(print|str|repr|int|len|isinstance|bool)$"
)


def _keyword(scope: InManaged, node: Node, world: OneWay) -> Ways:
    return value(scope, node.child_by_field_name("value"), world)


_VALUES: Final[dict[str, Callable[[InManaged, Node, OneWay], Ways]]] = {
    "identifier": _identifier,
    "attribute": _attribute,
    **dict.fromkeys(("none", "false"), zero),
    **dict.fromkeys(("true", "string"), one),
    "integer": _number,
    **dict.fromkeys(("assignment", "named_expression"), _assignment),
    "conditional_expression": _conditional,
    "call": _call,
    "keyword_argument": _keyword,
    **dict.fromkeys(("parenthesized_expression", "await", "as_pattern_target"), passing),
    **dict.fromkeys(("list", "tuple", "dictionary", "set", "pair", "expression_list"), giving),
    **dict.fromkeys(("yield", "list_splat", "dictionary_splat"), giving),
    **dict.fromkeys(("lambda", "list_comprehension", "generator_expression"), closure),
    **dict.fromkeys(("dictionary_comprehension", "set_comprehension"), closure),
    **dict.fromkeys(("boolean_operator", "not_operator", "comparison_operator"), asked),
}


# -- conditions -------------------------------------------------------------------------------


def truth(scope: InManaged, node: Node | None, world: OneWay) -> Truths:
    """Return whether the condition *node* is met, with the world in which it is or is not."""
    while node is not None and node.type == "parenthesized_expression" and node.named_children:
        node = node.named_children[0]
    if node is None:
        return [(True, world)]
    if node.type == "not_operator":
        return negated(truth(scope, node.child_by_field_name("argument"), world))
    if node.type == "boolean_operator":
        sides = (node.child_by_field_name("left"), node.child_by_field_name("right"))
        return both(scope, sides, said(node.child_by_field_name("operator")) == "and", world)
    if node.type == "comparison_operator":
        return _compared(scope, node, world)
    return plain(scope, node, world)


def _compared(scope: InManaged, node: Node, world: OneWay) -> Truths:
    operator = said(node.child_by_field_name("operators"))
    sides = node.named_children
    if len(sides) == 2 and sides[1].type == "none" and operator in ("is", "is not", "==", "!="):
        found = plain(scope, sides[0], world)
        return negated(found) if operator in ("is", "==") else found
    return [way for _, w in parts(scope, node, world) for way in either(scope, node, w)]


# -- statements -------------------------------------------------------------------------------


def _if(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    met, worlds = walker.asked(node.child_by_field_name("condition"), worlds)
    out = walker.run(node.child_by_field_name("consequence"), met)
    for clause in node.children_by_field_name("alternative"):
        if clause.type == "elif_clause":
            met, worlds = walker.asked(clause.child_by_field_name("condition"), worlds)
            out = out + walker.run(clause.child_by_field_name("consequence"), met)
        else:
            out, worlds = out + walker.run(clause, worlds), []
    return out + worlds


def _with(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    """Follow a ``with``: what it is given is closed at its end."""
    acting = any(world.acting for world in worlds)
    clause = next((c for c in node.named_children if c.type == "with_clause"), node)
    for item in clause.named_children:
        inner = item.child_by_field_name("value")
        if inner is not None and inner.type == "as_pattern":
            inner = inner.named_children[0]
        worlds = [
            after.give(got)
            for world in worlds
            for got, after in value(walker.scope, inner, world)  # type: ignore[arg-type]
        ]
        if inner is not None and "mpersonat" in said(inner):
            worlds = [attrs.evolve(w, acting=True) for w in worlds]
    worlds = walker.run(node.child_by_field_name("body"), worlds)
    return worlds if acting else [attrs.evolve(w, acting=False) for w in worlds]


def _match(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    worlds = walker.each(node.child_by_field_name("subject"), worlds)
    out = list(worlds)
    body = node.child_by_field_name("body")
    for case in [] if body is None else body.named_children:
        out += walker.run(case.child_by_field_name("consequence"), worlds)
    return out


def _deleted(_walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    names = [said(n) for n in nodes(node) if n.type == "identifier"]
    for name in names:
        worlds = [_dropped(name, w).put(name, UNKNOWN) for w in worlds]
    return worlds


def _hidden(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    """Follow a function inside this one: what it names it may use and close later."""
    return [after for w in worlds for _, after in closure(walker.scope, node, w)]


def _end(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    """Follow an expression; an object that nothing holds after it is closed as it is destroyed."""
    if said(node).split("(")[0] in _ENDING:
        return []
    return [_cleared(after) for after in walker.each(node, worlds)]


def _cleared(world: OneWay) -> OneWay:
    for opened, state in world.state.items():
        if state == OPEN and not world.holders(opened):
            world = world.turn(opened, CLOSED)
    return world


def _returned(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    after = [
        _cleared(after.give(got))
        for child in node.named_children
        for world in worlds
        for got, after in walker.scope.tongue.value(walker.scope, child, world)
    ]
    walker.leave(after if node.named_children else worlds, node)
    return []


_STATEMENTS: Final[dict[str, Callable[[Walker, Node, Worlds], Worlds]]] = {
    **COMMON,
    "if_statement": _if,
    "for_statement": through,
    "with_statement": _with,
    "raise_statement": thrown,
    "return_statement": _returned,
    "match_statement": _match,
    "delete_statement": _deleted,
    **dict.fromkeys(("function_definition", "class_definition", "decorated_definition"), _hidden),
    "expression_statement": _end,
    **dict.fromkeys(("pass_statement", "global_statement", "nonlocal_statement"), nothing),
    **dict.fromkeys(("import_statement", "import_from_statement"), nothing),
    "else_clause": block,
}
TONGUE: Final = Tongue(
    value=value,
    truth=truth,
    statements=_STATEMENTS,
    leaks=dict.fromkeys(("key", "handle"), ("PY101", "is not closed")),
    asking=frozenset({"comparison_operator", "boolean_operator", "conditional_expression"}),
    stories="handle-",
    raising=raising,
)
"""How Python is followed."""
