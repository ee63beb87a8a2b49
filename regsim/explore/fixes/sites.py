"""What of a service's source an edit is about: its calls, the keys it holds, and its locks."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

import attrs

from regsim.explore.fixes.source import CodeText

ROOT: Final = "HKEY_CURRENT_USER"
CLOSES: Final = ("RegCloseKey", "CloseKey", "NtClose")
_OPENS: Final = ("RegOpen", "RegCreate", "NtOpenKey", "NtCreateKey")
_ENDS: Final = (ast.Return, ast.Continue, ast.Break, ast.Raise)
_LOOPS: Final = (ast.While, ast.For)


def called(node: ast.AST) -> str:
    """Return the name of the method that *node* calls; "" where it calls none."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr
    return ""


def opens(node: ast.AST) -> bool:
    """Return whether *node* is a call that gives a handle, which nobody closes by itself."""
    return called(node).startswith(_OPENS) and "Transact" not in called(node)


def is_root(node: ast.AST) -> bool:
    """Return whether *node* is HKEY_CURRENT_USER."""
    return isinstance(node, ast.Attribute) and node.attr == ROOT


def closes_root(node: ast.AST) -> bool:
    """Return whether *node* closes HKEY_CURRENT_USER."""
    return called(node) in CLOSES and any(map(is_root, getattr(node, "args", ())))


def uses_root(node: ast.AST) -> bool:
    """Return whether *node* is a call that is given HKEY_CURRENT_USER and does not close it."""
    given = (*getattr(node, "args", ()), *(k.value for k in getattr(node, "keywords", ())))
    return bool(called(node)) and called(node) not in CLOSES and any(map(is_root, given))


def shares(node: ast.AST) -> bool:
    """Return whether *node* is a variable that threads share."""
    owner = node.value if isinstance(node, ast.Attribute) else None
    return isinstance(owner, ast.Attribute) and owner.attr == "shared"


def waits(node: ast.AST) -> bool:
    """Return whether *node* waits for somebody."""
    return called(node) == "wait"


def inside(node: ast.AST, wanted: type[ast.AST] | tuple[type[ast.AST], ...]) -> Iterator[ast.AST]:
    """Yield the nodes of kind *wanted* in *node*, not those of functions defined in it."""
    if isinstance(node, wanted):
        yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            yield from inside(child, wanted)


def nodes(function: ast.AST) -> Iterator[ast.AST]:
    """Yield what is in *function*, not what is in functions defined in it."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            yield from inside(child, ast.AST)


def win_of(function: ast.FunctionDef) -> str:
    """Return what *function* calls ``win``: the owner of the first of its calls."""
    for node in nodes(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if isinstance(owner, ast.Name) and (opens(node) or called(node) in CLOSES):
                return owner.id
    return function.args.args[0].arg if function.args.args else "win"


@attrs.frozen
class Statements:
    """Statements *start* to *stop* of a block, the last one counted."""

    block: list[ast.stmt]
    start: int
    stop: int

    @property
    def first(self) -> ast.stmt:
        """The first statement."""
        return self.block[self.start]

    @property
    def last(self) -> ast.stmt:
        """The last statement."""
        return self.block[self.stop]

    @property
    def last_line(self) -> int:
        """The last line."""
        return self.last.end_lineno or self.last.lineno

    @property
    def ends(self) -> bool:
        """Whether nothing after it in its block is ever reached."""
        return isinstance(self.last, _ENDS)


def spans(source: CodeText, function: ast.FunctionDef, of: list[ast.AST]) -> list[Statements]:
    """Return the statements, in as few blocks as need be, that serve one request and hold *of*.

    A block is that of the innermost ``with`` that impersonates, else of the innermost loop, else
    the function's. A span goes from the first statement that holds one of *of* to the last
    statement of the block, but never over a wait.
    """
    found: dict[int, tuple[list[ast.stmt], list[int]]] = {}
    for node in of:
        place = source.place(node)
        block, index = place.block, place.index
        while not _serves(place.parent, block) and place.parent is not function:
            place = source.place(place.parent)
            block, index = place.block, place.index
        found.setdefault(id(block), (block, []))[1].append(index)
    spans = []
    for block, indexes in found.values():
        start, stop = min(indexes), len(block) - 1
        for number in range(start, len(block)):
            if any(waits(each) for each in inside(block[number], ast.Call)):
                stop = number - 1
                break
        if start <= stop and all(source.alone(each) for each in block[start : stop + 1]):
            spans.append(Statements(block, start, stop))
    return spans


def _serves(parent: ast.AST, block: list[ast.stmt]) -> bool:
    if isinstance(parent, ast.With):
        return any(called(each.context_expr) == "impersonating" for each in parent.items)
    return isinstance(parent, _LOOPS) and block is parent.body


def user_of(source: CodeText, node: ast.AST) -> str | None:
    """Return the text of whom the code acts as at *node*; None where it acts as nobody else."""
    for each in source.above(node):
        for item in getattr(each, "items", ()) if isinstance(each, ast.With) else ():
            if called(item.context_expr) == "impersonating":
                return ast.get_source_segment(source.text, item.context_expr.args[0])
    return None


def looped(source: CodeText, node: ast.AST) -> bool:
    """Return whether *node* stands in a loop of its function."""
    for each in source.above(node):
        if isinstance(each, _LOOPS):
            return True
        if isinstance(each, ast.FunctionDef):
            return False
    return False


@attrs.frozen(eq=False)
class NamedKey:
    """A variable that a call gives a handle to.

    Attributes:
        name: the variable.
        statement: the assignment.
    """

    name: str
    statement: ast.Assign


def held(source: CodeText, function: ast.FunctionDef) -> list[NamedKey]:
    """Return the handles that *function* gives a name, where the statement has its lines alone."""
    found = []
    for node in nodes(function):
        if not isinstance(node, ast.Assign) or not opens(node.value):
            continue
        target = node.targets[0]
        if len(node.targets) == 1 and isinstance(target, ast.Name) and source.alone(node):
            found.append(NamedKey(target.id, node))
    return found


def closings(function: ast.AST, name: str) -> list[ast.Expr]:
    """Return the statements of *function* that close variable *name* and do nothing else."""
    return [
        node
        for node in nodes(function)
        if isinstance(node, ast.Expr) and closes_name(node.value, name)
    ]


def closes_name(node: ast.AST, name: str) -> bool:
    """Return whether *node* closes variable *name*."""
    given = getattr(node, "args", ())
    return called(node) in CLOSES and any(
        isinstance(each, ast.Name) and each.id == name for each in given
    )


def lives(source: CodeText, key: NamedKey) -> list[Statements]:
    """Return where *key* lives: from after it is given to its last use, in each block it is in.

    The innermost block is first. Where nobody uses it, there is one empty span: ``stop`` lies
    before ``start``.
    """
    found = []
    node: ast.AST = key.statement
    while True:
        place = source.place(node)
        later = [
            number
            for number in range(place.index + 1, len(place.block))
            if any(n.id == key.name for n in _loads(place.block[number]))
        ]
        if later:
            found.append(Statements(place.block, place.index + 1, later[-1]))
        if isinstance(place.parent, ast.FunctionDef | ast.Module | ast.While | ast.For):
            break
        node = place.parent
    place = source.place(key.statement)
    return found or [Statements(place.block, place.index + 1, place.index)]


def _loads(node: ast.AST) -> Iterator[ast.Name]:
    for each in inside(node, ast.Name):
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load):
            yield each


def exits(span: Statements) -> list[ast.stmt]:
    """Return the statements in *span* that leave it before its end."""
    return [
        node
        for statement in span.block[span.start : span.stop + 1]
        for node in inside(statement, _ENDS)
        if isinstance(node, ast.stmt)
    ]


def names_in(function: ast.AST) -> set[str]:
    """Return the names and texts in *function*: what a new name must not be."""
    found = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
    found |= {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
    found |= {node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute)}
    return found | {
        node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def fresh(name: str, taken: set[str]) -> str:
    """Return *name*, or that with a number, so that it is not *taken*."""
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}{number}"
    return found
