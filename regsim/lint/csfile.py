"""A file of C#: the keys that its methods open, as objects or by functions of Windows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import attrs

from regsim.lint import cnames
from regsim.lint.fault import Fault
from regsim.lint.following import (
    Tongue,
    asked,
    both,
    either,
    negated,
    one,
    owning,
    parts,
    plain,
    zero,
)
from regsim.lint.grammars import last, nodes, said
from regsim.lint.managed import (
    Arguments,
    Defined,
    InManaged,
    arguments,
    captured,
    closure,
    follow,
    giving,
    identifiers,
    passing,
    raising,
    stored,
    told,
)
from regsim.lint.paths import (
    COMMON,
    Leaving,
    Walker,
    block,
    loop,
    nothing,
    preproc,
    through,
    thrown,
)
from regsim.lint.ways import OTHER, UNKNOWN, ZERO, Acquired, OneWay, Truths, Ways, Worlds, distinct

if TYPE_CHECKING:
    from tree_sitter import Node, Tree

_ROOTS: Final = {
    "CurrentUser": "HKEY_CURRENT_USER",
    "Users": "HKEY_USERS",
    "LocalMachine": "HKEY_LOCAL_MACHINE",
    "ClassesRoot": "HKEY_CLASSES_ROOT",
    "CurrentConfig": "HKEY_CURRENT_CONFIG",
}
_OPENERS: Final = {"OpenSubKey": True, "CreateSubKey": False, "OpenRemoteBaseKey": False}
"""What gives a key to close, and whether it may give null instead. `OpenBaseKey` and the roots give
a predefined key, and closing that does nothing (dotnet/runtime, RegistryKey; documented)."""
_CLOSERS: Final = frozenset({"Close", "Dispose"})
_FUNCTIONS: Final = frozenset(
    {
        *("method_declaration", "constructor_declaration", "local_function_statement"),
        *("accessor_declaration", "destructor_declaration", "operator_declaration"),
        *("lambda_expression", "anonymous_method_expression", "property_declaration"),
        *("conversion_operator_declaration",),
    }
)
_USES_ROOT: Final = re.compile(r"\bRegistry(Hive)?\.CurrentUser\b|HKEY_CURRENT_USER")
_GIVES: Final = re.compile(r"(\breturn\b|=>)[^;{}]*\.(OpenSubKey|CreateSubKey)\([^;]*\)\s*(;|$)")
_DECLARING: Final = frozenset(
    {"variable_declarator", "parameter", "declaration_expression", "declaration_pattern"}
)


def look(tree: Tree, text: bytes) -> tuple[list[Fault], list[tuple[int, int]]]:
    """Return the faults of a file, and the lines of methods that were given up."""
    defined = list(_functions(tree.root_node))
    file = told(defined, text.decode("utf-8", "replace"), _USES_ROOT, _GIVES)
    return follow(TONGUE, file, defined, "CS102", _names)


def _functions(top: Node) -> Iterator[Defined]:
    for node in nodes(top):
        if node.type in _FUNCTIONS:
            body = node.child_by_field_name("body") or node.child_by_field_name("value")
            body = body or next((c for c in node.named_children if c.type == "block"), None)
            if body is not None and body.type in ("block", "arrow_expression_clause"):
                params = node.child_by_field_name("parameters")
                named = () if params is None else identifiers(params, frozenset({"parameter"}))
                name = said(node.child_by_field_name("name"))
                yield Defined(name=name, node=node, body=body, params=tuple(named))


def _names(one: Defined) -> set[str]:
    return _made(one.node) - captured(one.body, _CLOSURES, _made)


def _made(top: Node) -> set[str]:
    found = set(identifiers(top, _DECLARING))
    for node in nodes(top):
        if node.type == "foreach_statement":
            found.add(said(node.child_by_field_name("left")))
    return found


_CLOSURES: Final = frozenset(
    {"lambda_expression", "anonymous_method_expression", "local_function_statement"}
)


# -- expressions ------------------------------------------------------------------------------


def value(scope: InManaged, node: Node | None, world: OneWay) -> Ways:
    """Return what *node* is worth in *world*, and the worlds after it."""
    if node is None:
        return [(UNKNOWN, world)]
    return _VALUES.get(node.type, parts)(scope, node, world)


def _identifier(_scope: InManaged, node: Node, world: OneWay) -> Ways:
    name = said(node)
    if name == "ERROR_SUCCESS":
        return [(ZERO, world)]
    return [(world.values.get(name, UNKNOWN), world)]


def _literal(_scope: InManaged, node: Node, world: OneWay) -> Ways:
    return [(ZERO if said(node) in ("false", "0", "0x0", "0u") else OTHER, world)]


def _member(scope: InManaged, node: Node, world: OneWay) -> Ways:
    inner, name = node.child_by_field_name("expression"), said(node.child_by_field_name("name"))
    if said(inner).rpartition(".")[2] in ("Registry", "RegistryHive") and name in _ROOTS:
        return [(scope.root(node, _ROOTS[name], world), world)]
    if said(node) in ("IntPtr.Zero", "UIntPtr.Zero"):
        return [(ZERO, world)]
    return [(UNKNOWN, after) for _, after in value(scope, inner, world)]


def _assignment(scope: InManaged, node: Node, world: OneWay) -> Ways:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    return [(got, stored(scope, left, got, w)) for got, w in value(scope, right, world)]


def _conditional(scope: InManaged, node: Node, world: OneWay) -> Ways:
    found: Ways = []
    for met, after in truth(scope, node.child_by_field_name("condition"), world):
        side = node.child_by_field_name("consequence" if met else "alternative")
        found += value(scope, side, after)
    return found


def _binary(scope: InManaged, node: Node, world: OneWay) -> Ways:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    operator = said(node.child_by_field_name("operator"))
    if operator in ("&&", "||", "==", "!="):
        return asked(scope, node, world)
    if operator != "??":
        return parts(scope, node, world)
    found: Ways = []
    for got, after in value(scope, left, world):
        if got != ZERO:
            found.append((got, after))
        if got in (ZERO, UNKNOWN):
            found += value(scope, right, after)
    return found


def _postfix(scope: InManaged, node: Node, world: OneWay) -> Ways:
    if said(node).endswith("!"):
        return passing(scope, node, world)
    name = scope.variable(node.named_children[0])
    return [(UNKNOWN, world.put(name, UNKNOWN) if name else world)]


def _as(scope: InManaged, node: Node, world: OneWay) -> Ways:
    return value(scope, node.child_by_field_name("left") or node.named_children[0], world)


def _arms(scope: InManaged, node: Node, world: OneWay) -> Ways:
    return [
        got
        for arm in node.named_children
        if arm.type == "switch_expression_arm"
        for got in value(scope, arm.named_children[-1], world)
    ]


def _nowhere(_scope: InManaged, _node: Node, _world: OneWay) -> Ways:
    return []


def _created(scope: InManaged, node: Node, world: OneWay) -> Ways:
    """Make an object: it may own what it is given; one that impersonates does so at once."""
    acting = "mpersonat" in said(node.child_by_field_name("type"))
    return [
        (OTHER, attrs.evolve(w, acting=True) if acting else w)
        for _, w in giving(scope, node, world)
    ]


def _access(scope: InManaged, node: Node, world: OneWay) -> Ways:
    """Follow ``key?.Name``: where the key is null, nothing happens."""
    first, *rest = node.named_children
    found: Ways = []
    for got, after in value(scope, first, world):
        if got == ZERO:
            found.append((ZERO, after))
        elif rest and rest[-1].type == "invocation_expression":
            found += _called(scope, rest[-1], got, after)
        else:
            found.append((UNKNOWN, after))
    return found


def _invocation(scope: InManaged, node: Node, world: OneWay) -> Ways:
    callee = node.child_by_field_name("function")
    if callee is None or callee.type not in ("member_access_expression", *_CONDITIONAL):
        return _called(scope, node, UNKNOWN, world)
    receiver = callee.child_by_field_name("expression") or callee.named_children[0]
    found: Ways = []
    for got, after in value(scope, receiver, world):
        if got == ZERO and callee.type in _CONDITIONAL:
            found.append((ZERO, after))
        else:
            found += _called(scope, node, got, after)
    return found


_CONDITIONAL: Final = ("conditional_access_expression",)


def _called(scope: InManaged, node: Node, receiver: object, world: OneWay) -> Ways:
    """Return what becomes of a call of a member of *receiver*."""
    name = _name(node.child_by_field_name("function"))
    listed = node.child_by_field_name("arguments")
    args = [] if listed is None else listed.named_children
    if name in _CLOSERS and not args:
        return [(UNKNOWN, scope.close(receiver, world))]  # type: ignore[arg-type]
    if name == "RunImpersonated":
        acting = attrs.evolve(world, acting=True)
        for inner in nodes(node):
            if inner.type == "member_access_expression":
                _member(scope, inner, acting)
    found: Ways = []
    for values, after in arguments(scope, args, world):
        found += _call(scope, node, name, receiver, values, after)
    return found


def _name(callee: Node | None) -> str:
    while callee is not None and callee.type not in ("identifier", "generic_name"):
        named = callee.child_by_field_name("name")
        callee = named or last(callee)
    return said(callee).split("<")[0]


def _call(
    scope: InManaged, node: Node, name: str, receiver: object, args: Arguments, world: OneWay
) -> Ways:
    written = said(args[0][0]) if args else ""
    if name in _OPENERS or (name in scope.file.giving and receiver == UNKNOWN):
        got, after = scope.open(node, name, (receiver, written), world)  # type: ignore[arg-type]
        return [(got, after), (ZERO, world)] if _OPENERS.get(name, True) else [(got, after)]
    if name == "OpenBaseKey":
        hive = next((v for _, v in args if v != UNKNOWN), UNKNOWN)
        return [(hive, world)]
    if cnames.plain(name) in cnames.OPENERS:
        return _opened(scope, node, cnames.plain(name), args, world)
    if cnames.plain(name) in cnames.CLOSERS and args:
        return [(ZERO, scope.close(args[0][1], world))]
    if name in ("Impersonate", "ImpersonateLoggedOnUser", "ImpersonateNamedPipeClient"):
        return [(OTHER, attrs.evolve(world, acting=True))]
    if name in ("Undo", "RevertToSelf"):
        return [(UNKNOWN, attrs.evolve(world, acting=False))]
    scope.call(node, name, world)
    for argument, _ in args:
        if said(argument).startswith(("out ", "ref ")):
            target = scope.variable(argument.named_children[-1])
            world = world.lose([target]).put(target, UNKNOWN) if target else world
    inner = [(a.named_children[-1] if a.named_children else a, got) for a, got in args]
    return [(UNKNOWN, scope.lend(name, inner, world))]


def _opened(scope: InManaged, node: Node, name: str, args: Arguments, world: OneWay) -> Ways:
    """Follow a function of Windows that a method imports, with the key in an ``out`` argument."""
    opener = cnames.OPENERS[name]
    target = args[opener.result][0] if opener.result < len(args) else None
    inner = target.named_children[-1] if target is not None and target.named_children else None
    if inner is not None and inner.type == "declaration_expression":
        inner = inner.child_by_field_name("name")
    variable = scope.variable(inner)
    if not variable:
        return [(ZERO, world), (OTHER, world)]
    root = UNKNOWN if opener.root is None or not args else args[min(opener.root, len(args) - 1)][1]
    kind = "key" if "SafeRegistryHandle" in scope.file.text else "handle"
    got, after = scope.open(node, name, (root, ""), world, kind)
    return [(ZERO, scope.put(variable, got, node, after)), (OTHER, world.put(variable, ZERO))]


_VALUES: Final[dict[str, Callable[[InManaged, Node, OneWay], Ways]]] = {
    "identifier": _identifier,
    "null_literal": zero,
    **dict.fromkeys(("boolean_literal", "integer_literal"), _literal),
    "string_literal": one,
    "member_access_expression": _member,
    "assignment_expression": _assignment,
    "conditional_expression": _conditional,
    "binary_expression": _binary,
    "as_expression": _as,
    "switch_expression": _arms,
    "throw_expression": _nowhere,
    "invocation_expression": _invocation,
    "conditional_access_expression": _access,
    "object_creation_expression": _created,
    "implicit_object_creation_expression": giving,
    **dict.fromkeys(("parenthesized_expression", "cast_expression", "await_expression"), passing),
    **dict.fromkeys(("argument", "ref_expression"), passing),
    "postfix_unary_expression": _postfix,
    **dict.fromkeys(("argument_list", "initializer_expression", "tuple_expression"), giving),
    **dict.fromkeys(("array_creation_expression", "collection_expression"), giving),
    **dict.fromkeys(("lambda_expression", "anonymous_method_expression"), closure),
    "local_function_statement": closure,
    "query_expression": owning,
    **dict.fromkeys(("prefix_unary_expression", "is_pattern_expression", "is_expression"), asked),
}


# -- conditions -------------------------------------------------------------------------------


def truth(scope: InManaged, node: Node | None, world: OneWay) -> Truths:
    """Return whether the condition *node* is met, with the world in which it is or is not."""
    while node is not None and node.type == "parenthesized_expression" and node.named_children:
        node = node.named_children[-1]
    if node is None:
        return [(True, world)]
    if node.type == "prefix_unary_expression" and said(node).startswith("!"):
        return negated(truth(scope, node.named_children[-1], world))
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    operator = said(node.child_by_field_name("operator"))
    if node.type == "binary_expression" and operator in ("&&", "||"):
        return both(scope, (left, right), operator == "&&", world)
    if node.type == "binary_expression" and operator in ("==", "!="):
        found = _compared(scope, node, left, right, world)
        return found if operator == "==" else negated(found)
    if node.type == "is_pattern_expression":
        return _pattern(scope, node, world)
    if node.type in ("prefix_unary_expression", "is_expression", "binary_expression"):
        return [way for _, w in parts(scope, node, world) for way in either(scope, node, w)]
    return plain(scope, node, world)


def _compared(
    scope: InManaged, node: Node, left: Node | None, right: Node | None, world: OneWay
) -> Truths:
    found: Truths = []
    for mine, middle in value(scope, left, world):
        for other, after in value(scope, right, middle):
            kinds = {OTHER if isinstance(v, Acquired) else v for v in (mine, other)}
            if kinds == {ZERO}:
                found.append((True, after))
            elif kinds == {ZERO, OTHER}:
                found.append((False, after))
            elif ZERO in kinds and UNKNOWN in kinds:
                side = left if other == ZERO else right
                found += negated(plain(scope, side or node, after))
            else:
                found += either(scope, node, after)
    return found


def _pattern(scope: InManaged, node: Node, world: OneWay) -> Truths:
    """Follow ``key is null``, ``is not null``, ``is RegistryKey name`` and ``is { } name``."""
    first, pattern = node.child_by_field_name("expression"), node.child_by_field_name("pattern")
    text = said(pattern).replace(" ", "")
    if text in ("null", "notnull", "{}", "RegistryKey"):
        found = plain(scope, first or node, world)
        return negated(found) if text == "null" else found
    named = None if pattern is None else pattern.child_by_field_name("name")
    if named is None:
        return [way for _, w in value(scope, first, world) for way in either(scope, node, w)]
    found = []
    for got, after in value(scope, first, world):
        if isinstance(got, Acquired):
            found.append((True, after.put(said(named), got)))
        else:
            found += [(False, after)] if got == ZERO else [(True, after), (False, after)]
    return found


# -- statements -------------------------------------------------------------------------------


def _declared(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    declaration = next((c for c in node.named_children if c.type == "variable_declaration"), node)
    owned = said(node).startswith(("using", "await using"))
    for one_of in declaration.named_children:
        if one_of.type != "variable_declarator":
            continue
        name, inits = said(one_of.child_by_field_name("name")), one_of.named_children[1:]
        found: Worlds = []
        for world in worlds:
            for got, after in value(walker.scope, inits[-1] if inits else None, world):  # type: ignore[arg-type]
                held = after.put(name, got)
                found.append(held.give(got) if owned else held)
        worlds = distinct(found)
    return worlds


def _using(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    """Follow ``using (…)``: what it is given is closed at its end."""
    body = node.child_by_field_name("body")
    acting = any(world.acting for world in worlds)
    for child in node.named_children:
        if child == body:
            continue
        if child.type == "variable_declaration":
            worlds = _declared(walker, node, worlds)
        else:
            worlds = [
                after.give(got)
                for world in worlds
                for got, after in value(walker.scope, child, world)  # type: ignore[arg-type]
            ]
    worlds = walker.run(body, worlds)
    return worlds if acting else [attrs.evolve(w, acting=False) for w in worlds]


def _switch(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    entered = walker.each(node.child_by_field_name("value"), worlds)
    walker.breaks.append(Leaving(len(walker.finals)))
    body = node.child_by_field_name("body")
    default = "default" in said(body)
    for section in [] if body is None else body.named_children:
        inner = entered
        for child in section.named_children:
            if child.type.endswith("statement") or child.type == "block":
                inner = walker.run(child, inner)
    return walker.breaks.pop().worlds + ([] if default else entered)


def _yielded(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    if "break" in said(node)[:14]:
        walker.leave(worlds, node)
        return []
    return [after for w in worlds for _, after in giving(walker.scope, node, w)]


def _arrow(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    """Follow ``=> expression``: the caller gets what it is worth."""
    return [
        after.give(got)
        for world in worlds
        for child in node.named_children
        for got, after in value(walker.scope, child, world)  # type: ignore[arg-type]
    ]


def _end(walker: Walker, node: Node, worlds: Worlds) -> Worlds:
    """Follow an expression; a program ends where it says so."""
    after = walker.each(node, worlds)
    ends = re.match(r"(System\.)?Environment\.(Exit|FailFast)\(", said(node))
    return [] if ends else after


_STATEMENTS: Final[dict[str, Callable[[Walker, Node, Worlds], Worlds]]] = {
    **COMMON,
    **dict.fromkeys(("checked_statement", "unsafe_statement", "lock_statement"), block),
    "labeled_statement": block,
    "fixed_statement": block,
    **dict.fromkeys(("local_declaration_statement", "variable_declaration"), _declared),
    "using_statement": _using,
    "for_statement": loop,
    "foreach_statement": through,
    "switch_statement": _switch,
    "throw_statement": thrown,
    "yield_statement": _yielded,
    "arrow_expression_clause": _arrow,
    **dict.fromkeys(("preproc_if", "preproc_elif"), preproc),
    "preproc_else": block,
    "expression_statement": _end,
    "empty_statement": nothing,
}
TONGUE: Final = Tongue(
    value=value,
    truth=truth,
    statements=_STATEMENTS,
    leaks={"key": ("CS101", "is not disposed of"), "handle": ("CS101", "is not closed")},
    asking=frozenset({"binary_expression"}),
    stories="object-",
    raising=raising,
)
"""How C# is followed."""
