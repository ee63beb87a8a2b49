"""Where plain code stands and what it holds, so that two runs that stand alike are one state.

Python shows where each frame is and what its locals are, but not what an expression has computed
already, where a ``for`` has got to, or which exception a ``finally`` holds back. `Standing.clean`
says that there is nothing of that kind: then place and live locals are all that the code's future
depends on. Elsewhere whoever compares must add what the code was told since it last stood clean.
"""

from __future__ import annotations

import ast
import dis
import enum
import inspect
import linecache
from collections.abc import Hashable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from types import (
    BuiltinFunctionType,
    CodeType,
    FrameType,
    FunctionType,
    MethodType,
    ModuleType,
)
from typing import Any, Protocol, runtime_checkable

import attrs

_Span = tuple[int | None, int | None, int | None, int | None]
_AFTERWARDS = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


class UnorderedError(Exception):
    """A loop that goes through a set; the text says what to do instead."""


class UncomparableError(Exception):
    """A value of a kind of which nobody can say whether two are alike."""


@runtime_checkable
class Frozen(Protocol):
    """A value that says itself what tells it from others."""

    def frozen(self) -> Hashable:
        """Return what is equal exactly where the values behave alike."""


@attrs.frozen
class Standing:
    """Where a run stands.

    Attributes:
        key: the place and all that the live locals hold, to be compared.
        clean: whether that is all there is.
        line: the line of the user's code.
        why: why it is not clean; "" where it is.
        unknown: what it holds that cannot be compared, and what to do instead; "" for nothing.
    """

    key: Hashable
    clean: bool
    line: int
    why: str = ""
    unknown: str = ""


def stand(frames: Iterable[FrameType], leaf: CodeType | None) -> Standing:
    """Return where *frames* stand, the outermost first; *leaf* is what the innermost calls.

    What a frame calls must be the code of the next one, or there is something in between.
    """
    chain = list(frames)
    freezer, parts, reasons, unknown = Freezer(), [], [], ""
    for number, frame in enumerate(chain):
        called = chain[number + 1].f_code if number + 1 < len(chain) else leaf
        held = _held(frame, called)
        live = _live(frame.f_code).get(frame.f_lasti)
        if held.why:
            reasons.append(held.why)
        values = []
        for name, value in sorted(frame.f_locals.items()):
            if live is None or name in live or name in held.names:
                try:
                    values.append((name, freezer.freeze(value)))
                except UncomparableError as error:
                    unknown = (
                        f"{name!r} holds {error}, which cannot be compared: hold only keys, "
                        "numbers, texts, lists and the like while you call win"
                    )
        # The compiler writes some calls twice, such as a loop's test; where nothing is hidden, both
        # go on alike.
        where = frame.f_lasti if held.why else _span(frame)
        parts.append((frame.f_code, where, tuple(values)))
    line = chain[-1].f_lineno if chain else 0
    return Standing(tuple(parts), not reasons, line or 0, "".join(reasons[:1]), unknown)


# -- values --------------------------------------------------------------------------------------


class Freezer:
    """Makes values comparable; a thing that several names stand for is told from equal ones."""

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}

    def freeze(self, value: object) -> Hashable:
        """Return what is equal for values that behave alike.

        Raises:
            UncomparableError: nobody can say of this kind of value.
        """
        if value is None or isinstance(value, bool | int | float | str | bytes | complex | range):
            return (type(value), repr(value) if isinstance(value, float) else value)
        if isinstance(value, Frozen) and not isinstance(value, type):
            return value.frozen()
        if isinstance(value, type | ModuleType | BuiltinFunctionType | enum.Enum | CodeType):
            return value
        if isinstance(value, tuple | frozenset):
            return self._several(value)
        if id(value) in self._seen:
            return ("the same as", self._seen[id(value)])
        self._seen[id(value)] = len(self._seen)
        return self._thing(value)

    def _several(self, value: tuple[Any, ...] | frozenset[Any] | set[Any]) -> Hashable:
        if isinstance(value, tuple):
            return (type(value), tuple(self.freeze(each) for each in value))
        known = len(self._seen)
        parts = frozenset(self.freeze(each) for each in value)
        if len(self._seen) > known:  # which one is first in a set is chance
            raise UncomparableError("a set of objects")
        return (type(value), parts)

    def _thing(self, value: Any) -> Hashable:  # noqa: ANN401 - of any kind
        if isinstance(value, FunctionType):
            return (value.__code__, self.freeze(_closed(value)), self.freeze(value.__defaults__))
        if isinstance(value, MethodType):
            return (self.freeze(value.__func__), self.freeze(value.__self__))
        if type(value) in (list, bytearray):
            return (type(value), tuple(self.freeze(each) for each in value))
        if type(value) is set:
            return self._several(value)
        if type(value) is dict:
            return (dict, tuple((self.freeze(k), self.freeze(v)) for k, v in value.items()))
        if isinstance(value, BaseException):
            return (type(value), self.freeze(value.args), self.freeze(dict(vars(value))))
        if _made_of_fields(type(value)):
            return (type(value), self.freeze(dict(vars(value))))
        if attrs.has(type(value)):
            fields = (getattr(value, field.name) for field in attrs.fields(type(value)))
            return (type(value), *(self.freeze(each) for each in fields))
        raise UncomparableError(f"a {type(value).__name__}")


def _closed(function: FunctionType) -> tuple[Any, ...]:
    return tuple(_cell(cell) for cell in function.__closure__ or ())


def _cell(cell: Any) -> Any:  # noqa: ANN401 - cells have no public type with contents
    try:
        return cell.cell_contents
    except ValueError:  # not yet bound
        return None


def _made_of_fields(kind: type) -> bool:
    """Return whether all there is to an instance of *kind*, a class in Python, is in its dict."""
    mro = kind.__mro__[:-1]
    plain = all(each.__flags__ & _HEAP and "__slots__" not in vars(each) for each in mro)
    return plain and kind.__module__ != "builtins" and kind.__dictoffset__ != 0


_HEAP = 1 << 9  # Py_TPFLAGS_HEAPTYPE: made by a class statement


# -- locals that are read again --------------------------------------------------------------------


@lru_cache(maxsize=512)
def _live(code: CodeType) -> Mapping[int, frozenset[str]]:
    """Return, by the offset of each instruction, the locals that may be read after it.

    Variables of closures are always taken for read: others may.
    """
    instructions = list(dis.get_instructions(code))
    index = {each.offset: number for number, each in enumerate(instructions)}
    after = [_next(instructions, number, index) for number in range(len(instructions))]
    for entry in dis.Bytecode(code).exception_entries:  # type: ignore[attr-defined]
        for each in instructions:
            if entry.start <= each.offset < entry.end:
                after[index[each.offset]].append(index[entry.target])
    always = frozenset((*code.co_cellvars, *code.co_freevars))
    if {"locals", "vars", "dir", "eval", "exec"}.intersection(code.co_names):
        always |= frozenset(code.co_varnames)
    before: list[frozenset[str]] = [always] * len(instructions)
    later: list[frozenset[str]] = [always] * len(instructions)
    changed = True
    while changed:
        changed = False
        for number in reversed(range(len(instructions))):
            out = always.union(*(before[each] for each in after[number]))
            into = _read_before(instructions[number], out)
            changed |= out != later[number] or into != before[number]
            later[number], before[number] = out, into
    found = {}
    for number, each in enumerate(instructions):
        # Python may say that it stands at one of the entries that belong to the instruction.
        end = instructions[number + 1].offset if number + 1 < len(instructions) else each.offset + 2
        found.update(dict.fromkeys(range(each.offset, end, 2), later[number]))
    return found


def _next(code: list[dis.Instruction], number: int, index: Mapping[int, int]) -> list[int]:
    """Return the instructions that may come after the one at *number*; too many do no harm."""
    this = code[number]
    found = []
    ends = this.opname.startswith(("RETURN", "RAISE", "RERAISE", "JUMP_FORWARD", "JUMP_BACKWARD"))
    if not ends and number + 1 < len(code):
        found.append(number + 1)
    if this.opcode in dis.hasjrel or this.opcode in dis.hasjabs or "JUMP" in this.opname:
        found.append(index[this.argval])
    return found


def _read_before(this: dis.Instruction, out: frozenset[str]) -> frozenset[str]:
    """Return the locals that may be read from *this* instruction on, those in *out* after it."""
    if "FAST" not in this.opname:
        return out
    names = this.argval if isinstance(this.argval, tuple) else (this.argval,)
    if this.opname.startswith("STORE_FAST") and "LOAD" not in this.opname:
        return out.difference(names)
    return out.union(names)


# -- what an expression or a statement holds back ---------------------------------------------


@attrs.frozen
class _Held:
    """What is out of sight at a call: names whose values are, and why more may be."""

    names: frozenset[str] = frozenset()
    why: str = ""


def _held(frame: FrameType, called: CodeType | None) -> _Held:
    """Return what *frame* holds out of sight while it stands at a call of *called*."""
    code = frame.f_code
    if code.co_flags & _AFTERWARDS:
        return _Held(why=f"{code.co_name} is a generator")
    tree = _tree(code)
    node = tree.get(_span(frame)) if tree is not None else None
    if node is None:
        return _Held(why="the source of the code, or of this call in it, cannot be found")
    if called is not None and not _calls(frame, node, called):
        return _Held(why="something else stands between this call and the code that it runs")
    try:
        return _Held(frozenset(_around(node, frame)))
    except _HiddenError as error:
        return _Held(why=str(error))


def _span(frame: FrameType) -> _Span:
    return next(islice(frame.f_code.co_positions(), frame.f_lasti // 2, None))


class _HiddenError(Exception):
    """Something is out of sight here; the text says what."""


class _Tree(dict[_Span, ast.Call | ast.Attribute]):
    """The calls and attributes of a file by where they stand; each node knows its parent."""


@lru_cache(maxsize=64)
def _parsed(text: str) -> tuple[_Tree, frozenset[Hashable]] | None:
    """Return the nodes of *text*, and what it is compiled to; None where it is no code."""
    try:
        root = ast.parse(text)
        left = [compile(text, "", "exec", dont_inherit=True)]
    except (SyntaxError, ValueError):
        return None
    found, written = _Tree(), set()
    for node in ast.walk(root):
        for child in ast.iter_child_nodes(node):
            child.parent = node  # type: ignore[attr-defined]
        if isinstance(node, ast.Call | ast.Attribute):
            found[node.lineno, node.end_lineno, node.col_offset, node.end_col_offset] = node
    while left:
        code = left.pop()
        written.add(_compiled(code))
        left += [each for each in code.co_consts if isinstance(each, CodeType)]
    return found, frozenset(written)


@lru_cache(maxsize=512)
def _compiled(code: CodeType) -> Hashable:
    """Return what tells *code* from what other text would be compiled to, in whatever file."""
    return (code.co_qualname, code.co_code, code.co_names, tuple(code.co_positions()))


def _tree(code: CodeType) -> _Tree | None:
    """Return the nodes of the file that *code* is from; None where that has changed since."""
    linecache.checkcache(code.co_filename)
    text = "".join(linecache.getlines(code.co_filename))
    found = _parsed(text) if text else None
    return found[0] if found is not None and _compiled(code) in found[1] else None


def _calls(frame: FrameType, node: ast.Call | ast.Attribute, called: CodeType) -> bool:
    """Return whether what *node* names is Python code *called* itself."""
    if isinstance(node, ast.Attribute):
        return called in getattr(_named(frame, node.value), "accessors", ())
    function = node.func
    owner = found = _named(frame, function)
    if isinstance(function, ast.Attribute):
        owner = _named(frame, function.value)
        found = inspect.getattr_static(owner, function.attr, None)
    if _known(owner) and not isinstance(found, FunctionType):
        return getattr(owner, "calls", None) is called
    found = getattr(found, "__func__", found)
    return isinstance(found, FunctionType) and found.__code__ is called


def _named(frame: FrameType, expression: ast.expr) -> object:
    """Return what *expression* stands for, where looking runs no code of the user's; else None.

    Of what ``win`` makes it is the class.
    """
    if isinstance(expression, ast.Name):
        return _value(frame, expression.id)
    if isinstance(expression, ast.Attribute):
        owner = _named(frame, expression.value)
        return vars(owner).get(expression.attr) if isinstance(owner, Frozen) else None
    if isinstance(expression, ast.Call) and isinstance(expression.func, ast.Attribute):
        owner = _named(frame, expression.func.value)
        return getattr(owner, "makes", {}).get(expression.func.attr) if _known(owner) else None
    return None


def _known(owner: object) -> bool:
    return isinstance(owner, Frozen)


def _value(frame: FrameType, name: str) -> object:
    return frame.f_locals.get(name, frame.f_globals.get(name))


def _around(node: ast.expr, frame: FrameType) -> Iterator[str]:
    """Yield the names whose values are held out of sight at *node*; raise where more may be."""
    child: ast.AST = node
    parent = _parent(child)
    while isinstance(parent, ast.expr | ast.keyword | ast.comprehension):
        if isinstance(parent, ast.Lambda):
            return
        yield from _earlier(parent, child, frame)
        child, parent = parent, _parent(parent)
    yield from _in_statement(parent, child, frame)
    child, parent = (parent, _parent(parent)) if isinstance(parent, ast.stmt) else (child, parent)
    while parent is not None and not isinstance(parent, ast.FunctionDef | ast.Module):
        yield from _inside(parent, child, frame)
        child, parent = parent, _parent(parent)


def _parent(node: ast.AST | None) -> ast.AST | None:
    return getattr(node, "parent", None)


def _earlier(parent: ast.AST, child: ast.AST, frame: FrameType) -> Iterator[str]:
    """Yield the names that *parent*, an expression, has read before it comes to its *child*."""
    for each in getattr(parent, "generators", ()):
        _refuse_unordered(each.iter, frame)
    if isinstance(parent, ast.UnaryOp | ast.BoolOp | ast.IfExp | ast.NamedExpr | ast.Attribute):
        return
    first: list[ast.expr] = []
    if isinstance(parent, ast.BinOp) or (isinstance(parent, ast.Compare) and len(parent.ops) == 1):
        first = [] if child is parent.left else [parent.left]
    elif isinstance(parent, ast.Subscript):
        first = [] if child is parent.value else [parent.value]
    elif isinstance(parent, ast.Call) and child in parent.args:
        first = [parent.func, *parent.args[: parent.args.index(child)]]
    elif not (isinstance(parent, ast.Call) and child is parent.func):
        raise _HiddenError("the call stands inside an expression that has begun")
    for each in first:
        if isinstance(each, ast.Name) and each.id not in frame.f_code.co_cellvars:
            yield each.id
        elif not isinstance(each, ast.Constant):
            raise _HiddenError("the call stands inside an expression that has begun")


def _in_statement(parent: ast.AST | None, child: ast.AST, frame: FrameType) -> Iterator[str]:
    """Yield what *parent*, the statement or ``with`` item of an expression, holds before it."""
    if isinstance(parent, ast.withitem):
        statement = _parent(parent)
        if isinstance(statement, ast.With):
            yield from _managers(statement, statement.items.index(parent), frame)
            return
    if isinstance(parent, ast.AugAssign) and child is parent.target:
        return
    if isinstance(parent, ast.Assign) and child in parent.targets and len(parent.targets) > 1:
        raise _HiddenError("the value is given to several names at once")
    simple = ast.Expr | ast.Assign | ast.AnnAssign | ast.Return | ast.If | ast.While | ast.Raise
    if isinstance(parent, simple) and not (isinstance(parent, ast.Raise) and child is parent.cause):
        return
    raise _HiddenError("the call stands inside a statement that has begun")


def _inside(parent: ast.AST, child: ast.AST, frame: FrameType) -> Iterator[str]:
    """Yield what *parent*, around the statement *child*, holds; raise where that is not known."""
    if isinstance(parent, ast.withitem):
        return
    if isinstance(parent, ast.For):
        _refuse_unordered(parent.iter, frame)
    if isinstance(parent, ast.With):
        if child in parent.body:
            yield from _managers(parent, len(parent.items), frame)
        return
    if isinstance(parent, ast.If | ast.While):
        return
    if isinstance(parent, ast.Try) and (child in parent.body or child in parent.orelse):
        return
    kinds = {
        ast.For: "a for loop is going on",
        ast.Try: "a finally may hold back an exception",
        ast.ExceptHandler: "an exception is being handled",
    }
    raise _HiddenError(kinds.get(type(parent), f"a {type(parent).__name__.lower()} is going on"))


def _refuse_unordered(iterable: ast.expr, frame: FrameType) -> None:
    """Refuse to go through a set: in which order is chance."""
    named = _value(frame, iterable.id) if isinstance(iterable, ast.Name) else None
    made = iterable.func.id if _is_named_call(iterable) else ""  # type: ignore[attr-defined]
    literal = isinstance(iterable, ast.Set | ast.SetComp) or made in ("set", "frozenset")
    if literal or isinstance(named, set | frozenset):
        raise UnorderedError("a loop goes through a set, whose order is chance: use sorted(...)")


def _is_named_call(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)


def _managers(statement: ast.With, until: int, frame: FrameType) -> Iterator[str]:
    """Yield the names of what the first *until* items of a ``with`` will close."""
    for item in statement.items[:until]:
        name = item.optional_vars
        if _stateless(item.context_expr, frame):
            continue
        bound = isinstance(name, ast.Name) and not _rebinds(statement, name.id)
        if not (bound and isinstance(_value(frame, name.id), Frozen)):  # type: ignore[union-attr]
            raise _HiddenError("a with statement holds what has no name of its own")
        yield name.id  # type: ignore[union-attr]


def _stateless(expression: ast.expr, frame: FrameType) -> bool:
    """Return whether *expression* makes a context manager that remembers nothing but constants."""
    if not isinstance(expression, ast.Call) or not isinstance(expression.func, ast.Attribute):
        return False
    base, constants = expression.func.value, (*expression.args, *expression.keywords)
    if not isinstance(base, ast.Name):
        return False
    managers = getattr(_value(frame, base.id), "managers", ())
    plain = all(
        isinstance(each.value if isinstance(each, ast.keyword) else each, ast.Constant)
        for each in constants
    )
    return expression.func.attr in managers and plain


def _rebinds(statement: ast.With, name: str) -> bool:
    return any(
        isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load)
        for each in statement.body
        for node in ast.walk(each)
    )
