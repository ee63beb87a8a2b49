"""The source of plain code: what of it belongs to a service, and the service after an edit.

An edit replaces lines of the file and leaves the others as they are, with their comments. The file
is never run again: the edited functions are compiled and put into the module that is there.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import io
import linecache
import os
import re
import tokenize
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import count, pairwise
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Final

import attrs

from regsim.errors import UsageError
from regsim.explore.asking import written_out

_NUMBERS = count(1)


def step(indent: str) -> str:
    """Return by how much one goes further in where *indent* is: by a tab below tabs."""
    return "\t" if indent.startswith("\t") else "    "


@attrs.frozen
class Splice:
    """Lines *first* to *last* of a file become *lines*; nothing is replaced if last < first."""

    first: int
    last: int
    lines: tuple[str, ...]


@attrs.frozen
class CodePlace:
    """Where a statement stands: in which block, at which place, and in which statement."""

    block: list[ast.stmt]
    index: int
    parent: ast.AST

    @property
    def statement(self) -> ast.stmt:
        """The statement."""
        return self.block[self.index]


@attrs.frozen(eq=False)
class CodeText:
    """The text of a file, parsed.

    Attributes:
        text: the text.
        tree: its tree.
        lines: its lines, without their ends.
        places: where each statement stands.
        parents: the parent of each node.
    """

    text: str
    tree: ast.Module
    lines: tuple[str, ...]
    places: Mapping[ast.stmt, CodePlace]
    parents: Mapping[ast.AST, ast.AST]

    def function(self, name: str) -> ast.FunctionDef:
        """Return the function whose qualified name is *name*; raise `UsageError` for none."""
        found = _below(self.tree, name.replace(".<locals>", "").split("."))
        if found is None:
            raise UsageError(f"there is no function {name} in the source")
        return found

    def functions(self, name: str) -> list[ast.FunctionDef]:
        """Return function *name*, and those of the module that it calls, or they, by name."""
        found = [self.function(name)]
        known = {each.name: each for each in self.tree.body if isinstance(each, ast.FunctionDef)}
        for function in found:
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    called = known.get(node.func.id)
                    if called is not None and called not in found:
                        found.append(called)
        return found

    def place(self, node: ast.AST) -> CodePlace:
        """Return where the statement stands that *node* is of."""
        while not isinstance(node, ast.stmt):
            node = self.parents[node]
        return self.places[node]

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield what *node* is in, the innermost first."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def first(self, statement: ast.stmt) -> int:
        """Return the first line of *statement*, its decorators counted."""
        marks: list[ast.expr] = getattr(statement, "decorator_list", [])
        return min([statement.lineno, *(mark.lineno for mark in marks)])

    def alone(self, statement: ast.stmt) -> bool:
        """Return whether *statement* has its lines for itself, so that they can be replaced."""
        head = self.lines[self.first(statement) - 1][: statement.col_offset]
        last = self.lines[(statement.end_lineno or 0) - 1].encode()
        tail = last[statement.end_col_offset or 0 :].decode().strip()
        return not head.strip() and (not tail or tail.startswith("#"))

    def indent(self, statement: ast.stmt) -> str:
        """Return the white space before *statement*."""
        return self.lines[self.first(statement) - 1][: statement.col_offset]

    def deeper(self, first: int, last: int) -> tuple[str, ...]:
        """Return the lines *first* to *last*, a step further in; the inside of long texts stays."""
        by = step(self.lines[first - 1])
        inside = {
            line
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Constant | ast.JoinedStr)
            for line in range(node.lineno + 1, (node.end_lineno or node.lineno) + 1)
        }
        return tuple(
            line if number in inside or not line.strip() else by + line
            for number, line in enumerate(self.lines[first - 1 : last], first)
        )

    def changed(self, changes: Sequence[Splice]) -> CodeText | None:
        """Return the source with *changes* made; None where that is no Python or they overlap."""
        lines = list(self.lines)
        ordered = sorted(changes, key=lambda each: (each.first, each.last))
        for before, after in pairwise(ordered):
            if before.last >= after.first:
                return None
        for change in reversed(ordered):
            lines[change.first - 1 : max(change.last, change.first - 1)] = change.lines
        return parsed("\n".join(lines))


def parsed(text: str) -> CodeText | None:
    """Return *text* as a source; None where it is no Python."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return None
    places: dict[ast.stmt, CodePlace] = {}
    parents: dict[ast.AST, ast.AST] = {}
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            parents[child] = node
        for _, value in ast.iter_fields(node):
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                for number, statement in enumerate(value):
                    places[statement] = CodePlace(value, number, node)
    return CodeText(text, tree, tuple(text.split("\n")), places, parents)


def _below(node: ast.AST, names: Sequence[str]) -> ast.FunctionDef | None:
    """Return the function that *names* lead to from *node*; the last of that name, as in Python."""
    found = None
    for child in ast.walk(node):
        if child is node or not isinstance(child, ast.FunctionDef | ast.ClassDef):
            continue
        if child.name == names[0] and len(names) > 1:
            found = _below(child, names[1:]) or found
        elif child.name == names[0] and isinstance(child, ast.FunctionDef):
            found = child
    return found


# -- functions -------------------------------------------------------------------------------------


@attrs.frozen
class CodeOrigin:
    """Where a service's code is from.

    Attributes:
        code: the function.
        file: its file, as Python calls it.
        name: its qualified name.
    """

    code: Any  # a FunctionType is a descriptor, which a checker of types takes for a method
    file: str
    name: str


def origin(code: Callable[..., object]) -> tuple[CodeOrigin, str]:
    """Return where *code* is from, and the text of its file.

    Raises:
        UsageError: it is no function made with ``def``, or its source cannot be found.
    """
    if not isinstance(code, FunctionType):
        raise UsageError(f"{written_out(code)} is no plain function: give one made with def")
    if code.__name__ == "<lambda>":
        raise UsageError("a service that is to be fixed is made with def, not with lambda")
    file = code.__code__.co_filename
    linecache.checkcache(file)
    text = "".join(linecache.getlines(file))
    if not _on_disk(file).endswith((b"\n", b"\r")):
        text = text.removesuffix("\n")  # which `linecache` has added
    source = parsed(text) if text else None
    if source is None or code_in(text, file, code.__qualname__) is None:
        raise UsageError(f"the source of {code.__qualname__} cannot be found in {file}")
    there = code_in(text, file, code.__qualname__)
    if there is None or there.co_code != code.__code__.co_code:
        raise UsageError(f"{file} is no longer what {code.__qualname__} was made from")
    if inspect.unwrap(code) is not code:
        raise UsageError(f"{code.__qualname__} is wrapped by a decorator: give the function itself")
    return CodeOrigin(code, file, code.__qualname__), text


def code_in(text: str, file: str, name: str) -> CodeType | None:
    """Return the code of function *name* in *text*; None where there is none."""
    return _compiled(text, file).get(name)


@lru_cache(maxsize=8)
def _compiled(text: str, file: str) -> dict[str, CodeType]:
    """Return the code of each function in *text*, by its qualified name; the last of a name."""
    whole = compile(text, file, "exec", dont_inherit=True)
    found: dict[str, CodeType] = {}
    for each in _codes(whole):
        found.setdefault(each.co_qualname, each)
    return found


def _codes(code: CodeType) -> Iterator[CodeType]:
    for each in reversed(code.co_consts):
        if isinstance(each, CodeType):
            yield each
            yield from _codes(each)


def remade(code: CodeOrigin, text: str) -> FunctionType:
    """Return the function of *code* as *text* has it, with the functions of its module as there.

    Raises:
        UsageError: it is not there any more, or uses other variables of what is around it.
    """
    file = f"<{os.path.basename(code.file)}, edit {next(_NUMBERS)}>"  # noqa: PTH119 - no path
    linecache.cache[file] = (len(text), None, _lines(text), file)
    found = code_in(text, file, code.name)
    if found is None or found.co_freevars != code.code.__code__.co_freevars:
        raise UsageError(f"{code.name} cannot be made from its edited source")
    names: dict[str, Any] = dict(code.code.__globals__)
    for name, value in code.code.__globals__.items():
        if isinstance(value, FunctionType) and value.__code__.co_filename == code.file:
            there = code_in(text, file, value.__qualname__)
            if there is not None and there.co_freevars == value.__code__.co_freevars:
                names[name] = _like(value, there, names)
    return _like(code.code, found, names)


def _like(function: FunctionType, code: CodeType, names: dict[str, Any]) -> FunctionType:
    made = FunctionType(code, names, function.__name__, function.__defaults__, function.__closure__)
    made.__kwdefaults__ = function.__kwdefaults__
    made.__qualname__, made.__doc__ = function.__qualname__, function.__doc__
    return made


# -- patches ---------------------------------------------------------------------------------------


def patch(file: str, before: str, after: str) -> str:
    """Return what makes *after* of *before* as a unified diff that `git apply` takes.

    The file is named from the current folder where it lies below it, else by its last name. Python
    reads all line ends alike and drops a mark at the beginning, a patch does not: where *before* is
    what *file* has, each line has what it has there, and a new one ends as the one above it does.
    Written in `encoding_of` the file, it is the patch byte by byte.
    """
    if before == after:
        return ""
    name = _relative(file)
    there = _on_disk(file).decode(encoding_of(file), "replace")
    if _plain(there) == before:
        before, after = there, _ended_as(there, after)
    lines = difflib.unified_diff(_lines(before), _lines(after), f"a/{name}", f"b/{name}")
    ended = (e if e.endswith("\n") else e + "\n\\ No newline at end of file\n" for e in lines)
    return "".join(ended)


def encoding_of(file: str) -> str:
    """Return in what *file* is written, by its mark or its second line's word; else UTF-8."""
    try:
        found, _ = tokenize.detect_encoding(io.BytesIO(_on_disk(file)).readline)
    except SyntaxError:
        return "utf-8"
    return "utf-8" if found == "utf-8-sig" else found  # the mark is a letter like others here


_MARK: Final = "\ufeff"
_ENDS: Final = re.compile("(\r\n|\r|\n)")


def _plain(there: str) -> str:
    """Return the text that Python takes *there*, a file's, for."""
    return _ENDS.sub("\n", there.removeprefix(_MARK))


def _ended_as(there: str, after: str) -> str:
    """Return *after* with the mark and the line ends of *there*, a file's text before an edit."""
    old, new = _plain(there).split("\n"), after.split("\n")
    ends = _ENDS.findall(there) or ["\n"]
    # An edit moves lines to the right, which stay what they are.
    bare = ([line.strip() for line in each] for each in (old, new))
    given: list[str] = []
    for tag, first, last, start, stop in SequenceMatcher(None, *bare, False).get_opcodes():
        same = range(first, last) if tag == "equal" else [max(first - 1, 0)] * (stop - start)
        given += [ends[min(number, len(ends) - 1)] for number in same]
    given[-1] = ""
    mark = _MARK * there.startswith(_MARK)
    return mark + "".join(line + end for line, end in zip(new, given, strict=True))


def _lines(text: str) -> list[str]:
    """Return the lines of *text* with their ends, as git counts them."""
    return [f"{line}\n" for line in text.split("\n")[:-1]] + [
        line for line in text.split("\n")[-1:] if line
    ]


def _on_disk(file: str) -> bytes:
    """Return what is in *file*; a line's end where there is none, as in a notebook."""
    try:
        return Path(file).read_bytes()
    except OSError:
        return b"\n"


def _relative(file: str) -> str:
    path = Path(file)
    try:
        return path.resolve().relative_to(Path.cwd().resolve()).as_posix()
    except (ValueError, OSError):
        return path.name
