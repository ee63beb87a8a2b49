"""The edits of a service that may let the hive go: each a rewrite of its own lines.

Sources of what they do: KB Q241572 (the root that stays open); MSDN RegOpenCurrentUser and
RegDisablePredefinedCache; Raymond Chen, 2021-07-23 (closing and refreshing the root); documented.
That the hotfix counts the users of its root is inferred.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import attrs

from regsim.explore.fixes import sites
from regsim.explore.fixes.sites import NamedKey, Statements
from regsim.explore.fixes.source import CodeText, Splice, step

_STEP = "    "


@attrs.frozen
class CodeEdit:
    """One edit of a source.

    Attributes:
        name: what it is called.
        says: what it does, in a sentence without its subject.
        source: the source after it.
        lines: how many lines of the source it adds or changes.
        kind: what it is about: the ``root``, a ``key``, a ``close``, a ``lock``, an ``error``.
        needs: the functions that a system must have.
        after: the name of the smaller edit that it is no use beside; "" for none.
    """

    name: str
    says: str
    source: CodeText
    lines: int
    kind: str
    needs: tuple[str, ...] = ()
    after: str = ""


@attrs.frozen(eq=False)
class _Service:
    """One service's part of a source."""

    source: CodeText
    functions: tuple[ast.FunctionDef, ...]

    def edit(
        self,
        kind: str,
        name: str,
        says: str,
        changes: Sequence[Splice],
        needs: tuple[str, ...] = (),
        after: str = "",
    ) -> Iterator[CodeEdit]:
        """Yield the edit that makes *changes*, if it makes any and is still Python."""
        made = self.source.changed(changes) if changes else None
        if made is not None and made.text != self.source.text:
            lines = sum(_new(self.source, change) for change in changes)
            yield CodeEdit(name, says, made, lines, kind, needs, after)

    def spans(self, wanted: Callable[[ast.AST], bool]) -> list[tuple[ast.FunctionDef, Statements]]:
        """Return the statements of each function that serve a request and hold what is *wanted*."""
        found = []
        for function in self.functions:
            of = [node for node in sites.nodes(function) if wanted(node)]
            found += [(function, span) for span in sites.spans(self.source, function, of)]
        return found

    @property
    def taken(self) -> set[str]:
        """The names that are used already."""
        return set[str]().union(*map(sites.names_in, self.functions))


def _new(source: CodeText, change: Splice) -> int:
    old = source.lines[change.first - 1 : change.last]
    bare = {line.strip() for line in old}
    return sum(line.strip() not in bare for line in change.lines) or len(old)


def edits(source: CodeText, name: str, has: Callable[[str], bool]) -> Iterator[CodeEdit]:
    """Yield the edits of the service whose function is called *name*, and of what it calls.

    *has* says whether every system that is asked about has a function.
    """
    service = _Service(source, tuple(source.functions(name)))
    for function in service.functions:
        for key in sites.held(source, function):
            yield from _close_handle(service, function, key)
        yield from _unnamed(service, function)
        yield from _move_close(service, function)
    yield from _root(service, has)
    yield from _lock(service)
    yield from _handle_errors(service)


# -- lines round statements ------------------------------------------------------------------------


def _after(source: CodeText, span: Statements, *lines: str) -> Splice:
    indent = source.indent(span.block[max(span.start - 1, 0)])
    line = span.block[span.stop].end_lineno or 0
    inner = tuple(indent + each.replace(_STEP, step(indent)) for each in lines)
    return Splice(line + 1, line, inner)


def _round(
    source: CodeText,
    span: Statements,
    before: Sequence[str],
    after: Sequence[str],
    *,
    always: bool,
    changed: CodeText | None = None,
) -> Splice:
    """Return the lines of *span* with others round them; *always*: in a ``finally`` after it."""
    indent, first = source.indent(span.first), source.first(span.first)
    before, after = (
        [each.replace(_STEP, step(indent)) for each in part] for part in (before, after)
    )
    inner = (changed or source).lines[first - 1 : span.last_line]
    if not always:
        head, tail = ([indent + each for each in part] for part in (before, after))
        return Splice(first, span.last_line, (*head, *inner, *tail))
    deeper = (changed or source).deeper(first, span.last_line)
    head = [indent + each for each in (*before, "try:")]
    tail = [indent + "finally:", *(indent + step(indent) + each for each in after)]
    return Splice(first, span.last_line, (*head, *deeper, *tail))


def _within(source: CodeText, span: Statements, head: str) -> Splice:
    indent, first = source.indent(span.first), source.first(span.first)
    return Splice(first, span.last_line, (indent + head, *source.deeper(first, span.last_line)))


# -- the root --------------------------------------------------------------------------------------


def _root(service: _Service, has: Callable[[str], bool]) -> Iterator[CodeEdit]:
    if not service.spans(sites.uses_root):
        return
    yield from _bracketed(
        service,
        "close-root",
        "closes HKEY_CURRENT_USER after each use",
        ("{win}.RegCloseKey({r})",),
    )
    yield from _bracketed(
        service,
        "refresh-root",
        "opens HKEY_CURRENT_USER anew after each use",
        ("{win}.RegOpenKeyEx({r})",),
    )
    lock, users = (sites.fresh(each, service.taken) for each in ("root", "users"))
    down = (
        f'with {{win}}.lock("{lock}"):',
        f"{_STEP}{{win}}.shared.{users} -= 1",
        f"{_STEP}if {{win}}.shared.{users} == 0:",
        f"{_STEP}{_STEP}{{win}}.RegCloseKey({{r}})",
    )
    up = (f'with {{win}}.lock("{lock}"):', f"{_STEP}{{win}}.shared.{users} += 1")
    yield from _bracketed(
        service,
        "close-root-last-user",
        "counts the users of HKEY_CURRENT_USER and closes it with the last",
        down,
        up,
    )
    yield from _own_root(service)
    yield from _explicit(service)
    disable = "RegDisablePredefinedCache" + "Ex" * has("RegDisablePredefinedCacheEx")
    first = service.functions[0]
    body = first.body[1:] if ast.get_docstring(first) and len(first.body) > 1 else first.body
    win, line = sites.win_of(first), service.source.first(body[0])
    text = f"{service.source.indent(body[0])}{win}.{disable}()"
    if service.source.alone(body[0]):
        yield from service.edit(
            "root",
            "disable-predefined-cache",
            f"calls {disable} as it starts",
            [Splice(line, line - 1, (text,))],
            (disable,),
        )


def _bracketed(
    service: _Service, name: str, says: str, down: Sequence[str], up: Sequence[str] = ()
) -> Iterator[CodeEdit]:
    """Yield the edits that do *up* before the uses of the root and *down* after them."""
    found = service.spans(sites.uses_root)

    def changes(*, always: bool) -> list[Splice]:
        made = []
        for function, span in found:
            win = sites.win_of(function)
            texts = {"win": win, "r": f"{win}.{sites.ROOT}"}
            before, after = ([e.format(**texts) for e in part] for part in (up, down))
            made.append(_round(service.source, span, before, after, always=always))
        return made

    if not any(span.ends for _, span in found):
        yield from service.edit("root", name, says, changes(always=False))
    yield from service.edit(
        "root", f"{name}-finally", f"{says}, after an error too", changes(always=True), after=name
    )


def _own_root(service: _Service) -> Iterator[CodeEdit]:
    """Yield the edits that open a root of one's own for each use and close it again."""
    name, says = "open-current-user", "opens a root of its own with RegOpenCurrentUser"
    root = sites.fresh("root", service.taken)
    uses = _statements(service, sites.uses_root)
    if uses is None:
        return
    for always in (False, True):
        changes = []
        for function, statement in uses:
            win, place = sites.win_of(function), service.source.places[statement]
            span = Statements(place.block, place.index, place.index)
            if span.ends and not always:
                break
            swapped = _replaced(service.source, statement, lambda _: root)
            changes.append(
                _round(
                    service.source,
                    span,
                    [f"{root} = {win}.RegOpenCurrentUser()"],
                    [f"{win}.RegCloseKey({root})"],
                    always=always,
                    changed=swapped,
                )
            )
        else:
            more = ("-finally", f"{says}, and closes it after an error too")
            called, said = (name + more[0], more[1]) if always else (name, f"{says}, and closes it")
            after = name if always else ""
            yield from service.edit("root", called, said, changes, ("RegOpenCurrentUser",), after)


def _statements(
    service: _Service, wanted: Callable[[ast.AST], bool]
) -> list[tuple[ast.FunctionDef, ast.stmt]] | None:
    """Return the statements that hold what is *wanted*; None where one cannot be replaced.

    A loop's own test is run again and again: nothing goes before it once.
    """
    found: dict[ast.stmt, ast.FunctionDef] = {}
    for function in service.functions:
        for node in sites.nodes(function):
            if wanted(node):
                statement = service.source.place(node).statement
                if isinstance(statement, ast.While) or not service.source.alone(statement):
                    return None
                found[statement] = function
    outer = [
        each for each in found if not any(above in found for above in service.source.above(each))
    ]
    return [(found[each], each) for each in outer]


def _replaced(
    source: CodeText, statement: ast.stmt, to: Callable[[ast.Call], str]
) -> CodeText | None:
    """Return *source* with each HKEY_CURRENT_USER that *statement* uses replaced, line by line."""
    lines = list(source.lines)
    wanted = [node for node in sites.inside(statement, ast.Call) if sites.uses_root(node)]
    found = [
        (child, to(node))
        for node in wanted
        if isinstance(node, ast.Call)
        for child in ast.walk(node)
        if sites.is_root(child)
    ]
    found.sort(key=lambda pair: (pair[0].lineno, pair[0].col_offset), reverse=True)  # type: ignore[attr-defined]
    for child, text in found:
        assert isinstance(child, ast.Attribute)  # noqa: S101 - `is_root` says so
        row, line = child.lineno - 1, lines[child.lineno - 1].encode()
        start, stop = child.col_offset, child.end_col_offset or 0
        lines[row] = (line[:start] + text.encode() + line[stop:]).decode()
    return attrs.evolve(source, lines=tuple(lines))


def _explicit(service: _Service) -> Iterator[CodeEdit]:
    r"""Yield the edit that opens ``HKEY_USERS\<SID>`` instead of HKEY_CURRENT_USER."""
    changes = []
    for function in service.functions:
        for node in sites.nodes(function):
            if not sites.uses_root(node):
                continue
            change = _by_sid(service.source, node, sites.win_of(function))
            if change is None:
                return
            changes.append(change)
    yield from service.edit(
        "root", "explicit-hku", "opens HKEY_USERS\\<SID> instead of HKEY_CURRENT_USER", changes
    )


def _by_sid(source: CodeText, node: ast.AST, win: str) -> Splice | None:
    user = sites.user_of(source, node)
    if user is None or not isinstance(node, ast.Call) or not sites.is_root(node.args[0]):
        return None
    key = node.args[0]
    row = key.lineno
    path = node.args[1] if len(node.args) > 1 else None
    last = path or key
    if node.lineno != node.end_lineno or last.end_lineno != row or isinstance(path, ast.Starred):
        return None  # over several lines
    line = source.lines[row - 1].encode()
    below = f"{win}.sid({user})"
    if isinstance(path, ast.Constant) and isinstance(path.value, str):
        below += (
            f' + r"\\{path.value}"' if '"' not in path.value else f" + {chr(92) + path.value!r}"
        )
    elif path is not None:
        below += f' + "\\\\" + ({ast.unparse(path)})'
    start, stop = key.col_offset, last.end_col_offset or 0
    text = f"{win}.HKEY_USERS, {below}".encode()
    return Splice(row, row, ((line[:start] + text + line[stop:]).decode(),))


# -- keys ------------------------------------------------------------------------------------------


def _close_handle(
    service: _Service, function: ast.FunctionDef, key: NamedKey
) -> Iterator[CodeEdit]:
    """Yield the edits that close *key* where it dies."""
    source, win = service.source, sites.win_of(function)
    close, where = f"{win}.RegCloseKey({key.name})", f"{key.name} of line {key.statement.lineno}"
    closed = sites.closings(function, key.name)
    for number, span in enumerate(sites.lives(source, key)):
        name = f"close-{key.name}" + f"-{number}" * bool(number)
        here = any(each in closed for each in span.block[span.start : span.stop + 1])
        if not here and (span.stop < span.start or not span.ends):
            yield from service.edit(
                "key", name, f"closes {where} where it dies", [_after(source, span, close)]
            )
        early = _before_exits(source, span, closed, key.name, close)
        if early:
            yield from service.edit(
                "key", f"{name}-early", f"closes {where} on every way out", early
            )
            if not closed and not span.ends:
                yield from service.edit(
                    "key",
                    f"{name}-every-way",
                    f"closes {where} where it dies and on every way out",
                    [*early, _after(source, span, close)],
                )
        yield from _always_closed(service, span, closed, (name, where, close))


def _before_exits(
    source: CodeText, span: Statements, closed: Sequence[ast.stmt], name: str, close: str
) -> list[Splice]:
    """Return a close before each statement that leaves *span*, where there is none yet."""
    found = []
    for each in sites.exits(span):
        place = source.place(each)
        before = place.block[: place.index]
        if any(c in before for c in closed) or not source.alone(each):
            continue
        if any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(each)):
            continue  # it is given away
        line = source.first(each)
        found.append(Splice(line, line - 1, (source.indent(each) + close,)))
    return found


def _always_closed(
    service: _Service,
    span: Statements,
    closed: Sequence[ast.stmt],
    words: tuple[str, str, str],
) -> Iterator[CodeEdit]:
    """Yield the edit that closes a key in a ``finally``, once, in place of what closes it now."""
    name, where, close = words
    source = service.source
    if span.stop < span.start or not all(map(source.alone, span.block[span.start : span.stop + 1])):
        return
    inner = [c for c in closed if source.first(span.first) <= c.lineno <= span.last_line]
    gone = {line for c in inner for line in range(c.lineno, (c.end_lineno or c.lineno) + 1)}
    left = [e for e in span.block[span.start : span.stop + 1] if e not in inner]
    if not left or any(len(source.place(c).block) == 1 for c in inner):
        return
    first, last = source.first(span.first), span.last_line
    deeper = source.deeper(first, last)
    kept = [line for number, line in enumerate(deeper, first) if number not in gone]
    indent = source.indent(span.first)
    lines = (indent + "try:", *kept, indent + "finally:", indent + step(indent) + close)
    yield from service.edit(
        "key",
        f"{name}-finally",
        f"closes {where} in a finally",
        [Splice(first, last, lines)],
        after=name,
    )


def _unnamed(service: _Service, function: ast.FunctionDef) -> Iterator[CodeEdit]:
    """Yield the edits that close a key which nothing refers to at once."""
    source, win = service.source, sites.win_of(function)
    for node in sites.nodes(function):
        if not isinstance(node, ast.Expr) or not sites.opens(node.value):
            continue
        refreshes = sites.uses_root(node.value) and len(getattr(node.value, "args", ())) == 1
        if refreshes or node.lineno != node.end_lineno or not source.alone(node):
            continue
        line = source.lines[node.lineno - 1].encode()
        start, stop = node.col_offset, node.end_col_offset or 0
        call = f"{win}.RegCloseKey({line[start:stop].decode()})".encode()
        text = (line[:start] + call + line[stop:]).decode()
        yield from service.edit(
            "key",
            f"close-key-of-line-{node.lineno}",
            f"closes the key that line {node.lineno} opens for nothing",
            [Splice(node.lineno, node.lineno, (text,))],
        )


def _move_close(service: _Service, function: ast.FunctionDef) -> Iterator[CodeEdit]:
    """Yield the edits that move a close to another place of its block, or behind the block."""
    source = service.source
    for node in sites.nodes(function):
        if not isinstance(node, ast.Expr) or sites.called(node.value) not in sites.CLOSES:
            continue
        if not source.alone(node) or len(source.place(node).block) == 1:
            continue
        first, last = node.lineno, node.end_lineno or node.lineno
        text = [line.strip() for line in source.lines[first - 1 : last]]
        place = source.place(node)
        targets = [(each, place.block) for each in place.block if each is not node]
        if isinstance(place.parent, ast.stmt) and not isinstance(place.parent, ast.FunctionDef):
            above = source.place(place.parent)
            targets.append((above.statement, above.block))
        for after, block in targets:
            stands = block is place.block and block.index(after) + 1 == place.index
            if stands or not source.alone(after):
                continue
            line, indent = after.end_lineno or after.lineno, source.indent(after)
            name, where = f"after-{line}", f"to after line {line}"
            if after is place.parent:  # it may end with the close itself
                name = f"behind-{after.lineno}"
                kind = _KEYWORDS.get(type(after), "block")
                where = f"behind the {kind} that begins in line {after.lineno}"
            changes = [
                Splice(first, last, ()),
                Splice(line + 1, line, tuple(indent + each for each in text)),
            ]
            yield from service.edit(
                "close",
                f"move-close-of-line-{first}-{name}",
                f"moves the close of line {first} {where}",
                changes,
            )


_KEYWORDS: Final[dict[type[ast.AST], str]] = {
    ast.With: "`with`",
    ast.If: "`if`",
    ast.For: "`for`",
    ast.While: "`while`",
    ast.Try: "`try`",
}


# -- locks and errors ------------------------------------------------------------------------------


def _lock(service: _Service) -> Iterator[CodeEdit]:
    def wanted(node: ast.AST) -> bool:
        return sites.uses_root(node) or sites.closes_root(node) or sites.shares(node)

    name = sites.fresh("calls", service.taken)
    changes = [
        _within(service.source, span, f'with {sites.win_of(function)}.lock("{name}"):')
        for function, span in service.spans(wanted)
    ]
    yield from service.edit("lock", "lock", "holds a critical section round its calls", changes)


def _handle_errors(service: _Service) -> Iterator[CodeEdit]:
    """Yield the edit that goes on to the next request where a key cannot be opened."""
    changes = []
    for _, statement in _statements(service, sites.opens) or ():
        source, indent = service.source, service.source.indent(statement)
        handled = any(
            isinstance(each, ast.Try) and each.handlers for each in source.above(statement)
        )
        if handled or not isinstance(statement, ast.Assign | ast.Expr):
            continue
        first, last = source.first(statement), statement.end_lineno or statement.lineno
        leave = "continue" if sites.looped(source, statement) else "return"
        tail = (indent + "except OSError:", indent + step(indent) + leave)
        lines = (indent + "try:", *source.deeper(first, last), *tail)
        changes.append(Splice(first, last, lines))
    yield from service.edit(
        "error", "handle-error", "goes on to the next request where a key cannot be opened", changes
    )
