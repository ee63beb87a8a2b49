"""What a PowerShell script does with hives and keys, one step after the other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import attrs

from regsim.errors import RegsimError
from regsim.lint.grammars import nodes, said

if TYPE_CHECKING:
    from tree_sitter import Node

MOST: Final = 5_000
"""Steps that a script may have, those of a function again for each of its calls."""
ENTERED: Final = 400
"""Calls between the functions of a file that are followed into them."""


class TooManyStepsError(RegsimError):
    """A script has more steps than are looked at."""


LIVE: Final = frozenset(
    {
        *("new-item", "ni", "md", "mkdir", "get-item", "gi", "get-childitem", "gci", "ls", "dir"),
        *("copy-item", "cp", "copy", "cpi", "move-item", "mv", "move", "mi"),
        *("rename-item", "ren", "rni", "clear-item", "cli"),
    }
)
"""Commands that leave a key open: PowerShell's registry provider does not close what they give."""
CLEAN: Final = frozenset(
    {
        *("get-itemproperty", "gp", "set-itemproperty", "sp", "new-itemproperty"),
        *("remove-itemproperty", "rp", "get-itempropertyvalue", "gpv", "test-path", "remove-item"),
        *("ri", "rm", "del", "set-item", "si", "clear-itemproperty", "get-acl", "set-acl"),
    }
)
"""Commands that close what they opened."""
LOCATIONS: Final = frozenset({"set-location", "cd", "sl", "chdir", "push-location", "pushd"})
_JOBS: Final = frozenset({"start-job", "sajb", "start-threadjob"})
_JOB_ENDS: Final = frozenset(
    {"wait-job", "receive-job", "stop-job", "remove-job", "wjb", "rcjb", "rjb", "spjb"}
)
_ROOT: Final = r"(?:HKU|HKLM|HKEY_USERS|HKEY_LOCAL_MACHINE)"
_NATIVE: Final = re.compile(
    rf"\breg(?:\.exe)?\W+(?:-\w+\W+)?(?P<verb>(?:un)?load)\W+?(?P<path>(?:\$\{{?\w|{_ROOT}\\).*)",
    re.IGNORECASE | re.DOTALL,
)
_HIVES: Final = {
    "HKEY_USERS": "HKU",
    "HKEY_LOCAL_MACHINE": "HKLM",
    "HKEY_CURRENT_USER": "HKCU",
    "HKEY_CLASSES_ROOT": "HKCR",
}
_VARIABLE: Final = re.compile(r"\$\{(?:\w+:)?(\w+)\}|\$(?:(?:script|global|local|private):)?(\w+)")


@attrs.frozen
class Around:
    """What a step stands in: an ``if`` or a ``try`` with the branch of it, a loop, a function."""

    node: int
    kind: str
    branch: str
    told: str = ""


@attrs.frozen(kw_only=True)
class Doing:
    r"""One step of a script.

    Attributes:
        kind: ``load``, ``unload``, ``touch`` (a key is left open), ``use`` (none is), ``collect``,
            ``wait``, ``close``, ``drop`` (a variable loses what it held), ``drive``, ``undrive``,
            ``location``, ``job``, ``jobend``, ``code`` (the exit code is looked at), ``leave``
            (with *name* how), ``end`` (of the function *name*), ``stop`` (errors end the script).
        node: where.
        path: the key, as ``HKU\\TEMP\\SOFTWARE``.
        name: of the variable, the drive, or the word that leaves.
        within: the blocks around, the outermost first.
        closed: whether the same expression closes what it opened.
        file: of a load, the file.
        native: whether reg.exe loads or unloads, not a function of Windows.
    """

    kind: str
    node: Node
    path: str = ""
    name: str = ""
    within: tuple[Around, ...] = ()
    closed: bool = False
    file: str = ""
    native: bool = False


@attrs.frozen(eq=False)
class OwnFunction:
    """A function of a script: its node, its parameters, and whether it can matter to a hive."""

    node: Node
    params: tuple[str, ...]
    matters: bool


@attrs.define
class Script:
    """A script while it is read: the functions, the variables, and the steps so far."""

    functions: dict[str, OwnFunction] = attrs.field(factory=dict)
    texts: dict[str, str] = attrs.field(factory=dict)
    keys: dict[str, str] = attrs.field(factory=dict)
    tables: dict[str, Node] = attrs.field(factory=dict)
    drives: dict[str, str] = attrs.field(factory=lambda: {"HKLM": "HKLM", "HKCU": "HKCU"})
    steps: list[Doing] = attrs.field(factory=list)
    within: tuple[Around, ...] = ()
    called: set[str] = attrs.field(factory=set)
    running: tuple[str, ...] = ()
    entered: int = 0
    held: str = ""
    closing: bool = False

    def note(self, kind: str, node: Node, **more: object) -> None:
        """Add a step; `TooManyStepsError` where a script has more than can be looked at."""
        if len(self.steps) >= MOST:
            raise TooManyStepsError("too many steps")
        self.steps.append(Doing(kind=kind, node=node, within=self.within, **more))  # type: ignore[arg-type]

    def expanded(self, text: str) -> str:
        """Return *text* with the variables that are known to hold a text replaced by it."""
        for _ in range(3):
            replaced = _VARIABLE.sub(self._value, text)
            if replaced == text:
                break
            text = replaced
        return text

    def _value(self, match: re.Match[str]) -> str:
        name = (match[1] or match[2]).lower()
        return self.texts.get(name, match[0])

    def path(self, text: str) -> str:
        r"""Return the key that *text* names, as ``HKU\TEMP``, whatever way it is written."""
        text = self.expanded(text.strip().strip("\"'")).strip("\"'")
        text = text.replace("`", "").replace("/", "\\")
        text = re.sub(
            r"^(Microsoft\.PowerShell\.Core\\)?Registry::\\*", "", text, flags=re.IGNORECASE
        )
        drive = re.match(r"(\w+):\\*", text)
        if drive is not None:
            root = self.drives.get(drive[1].upper(), drive[1])
            text = f"{root}\\{text[drive.end() :]}"
        first, *rest = re.split(r"\\+", text.strip("\\"))
        return "\\".join((_HIVES.get(first.upper(), first), *rest)).upper().rstrip("\\")

    def inside(self, block: Around, node: Node | None) -> None:
        """Read *node* as a part of *block*."""
        if node is not None:
            before, self.within = self.within, (*self.within, block)
            read(self, node)
            self.within = before


def scripts(top: Node) -> Iterator[tuple[Script, Node, bool]]:
    """Yield the script, and each of its functions that nothing in it calls, as it would run.

    With each comes the node of its code, and whether it was read to its end.
    """
    functions = _functions(top)
    main = Script(functions=functions)
    yield main, top, _ran(lambda: read(main, top))
    last = main
    for name, function in functions.items():
        if name not in main.called and function.matters:
            alone = Script(functions=functions, texts=dict(main.texts), drives=dict(main.drives))
            alone.called, alone.entered = main.called, last.entered
            last = alone
            yield alone, function.node, _ran(lambda a=alone, n=name: _enter(a, n, {}))  # type: ignore[misc]


def _ran(reading: Callable[[], None]) -> bool:
    try:
        reading()
    except (RecursionError, TooManyStepsError):
        return False
    return True


def _functions(top: Node) -> dict[str, OwnFunction]:
    found: dict[str, OwnFunction] = {}
    words: dict[str, set[str]] = {}
    for node in (n for n in nodes(top, _PIPED) if n.type == "function_statement"):
        name = said(_child(node, "function_name")).lower()
        outside = nodes(node, _CODE)
        listed = (c for n in outside if n.type == "script_parameter" for c in n.children)
        own = tuple(said(c).lstrip("$").lower() for c in listed if c.type == "variable")
        text = said(node)
        found[name] = OwnFunction(node, own, _MATTERS.search(text) is not None)
        words[name] = set(_WORDS.findall(text.lower()))
    loud = {name for name, function in found.items() if function.matters}
    for _ in range(4):  # what calls one that matters does so too
        more = {name for name, used in words.items() if name not in loud and used & loud}
        found.update((name, attrs.evolve(found[name], matters=True)) for name in more)
        loud |= more
    return found


_PIPED: Final = frozenset({"pipeline"})
_CODE: Final = frozenset({"script_block_body", "statement_list"})
_WORDS: Final = re.compile(r"[\w-]+")

_MATTERS: Final = re.compile(
    r"load|(new|get|copy|move|rename|clear|set|remove)-(item|childitem|itemproperty|location)\b"
    r"|\bhk(lm|u|cu)\b|hkey_|subkey|\[(system\.)?gc\]|\bexit\b|psdrive|start-job",
    re.IGNORECASE,
)


def _child(node: Node, kind: str) -> Node | None:
    return next((c for c in node.children if c.type == kind), None)


def read(script: Script, node: Node) -> None:
    """Add the steps of *node* to *script*, in the order in which they run."""
    while node.type not in _READERS and node.named_child_count == 1:  # of which there are many
        node = node.named_children[0]
    handler = _READERS.get(node.type)
    if handler is not None:
        handler(script, node)
        return
    for child in node.named_children:
        read(script, child)


def _enter(script: Script, name: str, given: dict[str, str]) -> None:
    """Read the body of the function *name* as it is called."""
    function = script.functions[name]
    script.called.add(name)
    if name in script.running or len(script.running) > 3 or not function.matters:
        return
    script.entered += bool(script.running)
    if script.entered > ENTERED:
        raise TooManyStepsError("too many calls")
    before, running = script.texts, script.running
    script.texts, script.running = {**script.texts, **given}, (*running, name)
    block = Around(function.node.id, "function", f"{name}.{len(script.steps)}")
    for child in function.node.named_children:
        if child.type == "script_block":
            script.inside(block, child)
    script.note("end", function.node, name=block.branch)
    script.texts, script.running = before, running


def _if(script: Script, node: Node) -> None:
    condition = node.child_by_field_name("condition")
    branches: list[tuple[Node | None, Node | None]] = [(condition, _child(node, "statement_block"))]
    others = _child(node, "elseif_clauses")
    branches += [
        (clause.child_by_field_name("condition"), _child(clause, "statement_block"))
        for clause in ([] if others is None else others.named_children)
    ]
    last = _child(node, "else_clause")
    if last is not None:
        branches.append((None, _child(last, "statement_block")))
    told = ""
    for number, (asked, body) in enumerate(branches):
        if asked is not None:
            before = len(script.steps)
            read(script, asked)
            for index in range(before, len(script.steps)):
                if script.steps[index].kind == "unload":
                    script.note("code", asked)
                    break
        told += f" {said(asked)}"
        script.inside(Around(node.id, "if", str(number), told), body)


def _loop(script: Script, node: Node) -> None:
    condition = node.child_by_field_name("condition")
    if condition is not None:
        read(script, condition)
    text = said(node)
    each = _child(node, "variable") if node.type == "foreach_statement" else None
    before, script.held = script.held, script.held if each is None else _named(each)
    for child in node.named_children:
        if child.type == "pipeline" and child != condition:
            read(script, child)
    script.held = before
    block = Around(node.id, node.type.removesuffix("_statement"), "", text)
    for child in node.named_children:
        if child == condition:
            continue
        if child.type == "statement_block":
            script.inside(block, child)


def _named(variable: Node) -> str:
    return said(variable).lstrip("$").split(":")[-1].lower()


def _try(script: Script, node: Node) -> None:
    kinds = {c.type for c in node.children}
    told = " ".join(k for k in ("catch_clauses", "finally_clause") if k in kinds)
    script.inside(Around(node.id, "try", "body", told), _child(node, "statement_block"))
    for kind, branch in (("catch_clauses", "catch"), ("finally_clause", "finally")):
        script.inside(Around(node.id, "try", branch, told), _child(node, kind))


def _function(_script: Script, _node: Node) -> None:
    """A function runs where it is called."""


def _leave(script: Script, node: Node) -> None:
    word = said(node.children[0]).lower() if node.children else ""
    for child in node.named_children:
        read(script, child)
    script.note("leave", node, name=word)


def _assignment(script: Script, node: Node) -> None:
    left, right = node.named_children[0], node.child_by_field_name("value")
    name = said(left).strip().split(":")[-1].lstrip("$").lower()
    name = re.sub(r"^(\[[^\]]*\]\s*)+\$?", "", name)
    before, script.held = script.held, "" if name == "null" else name
    start = len(script.steps)
    if right is not None:
        read(script, right)
    script.held = before
    text = said(right).strip()
    if text.lower() == "$null":
        script.note("drop", node, name=name)
        script.keys.pop(name, None)
    elif _TABLE.match(text):
        script.tables[name] = right or node
    elif (plain := _worded(script, text)) and name.isidentifier():
        script.texts[name] = plain
    elif name.isidentifier():
        script.texts.pop(name, None)
    if name == "erroractionpreference" and "stop" in text.lower():
        script.note("stop", node)
    if name != "null" and any(s.kind == "unload" for s in script.steps[start:]):
        script.note("code", node)
    for step in script.steps[start:]:
        if step.kind == "touch" and step.name == name:
            script.keys[name] = step.path


_TABLE: Final = re.compile(r"(\[ordered\]\s*)?@\{")


_JOINED: Final = re.compile(
    r"Join-Path\s+(?:-Path\s+)?(\S+)\s+(?:-ChildPath\s+)?(\S+|'[^']*'|\"[^\"]*\")", re.IGNORECASE
)


def _worded(script: Script, text: str) -> str:
    """Return the text that the expression *text* is known to be, or nothing."""
    if re.fullmatch(r"'[^']*'|\"[^\"]*\"|\$\w+", text, re.DOTALL):
        return script.expanded(text.strip("\"'"))
    joined = _JOINED.fullmatch(text)
    if joined is None:
        return ""
    return "\\".join(script.expanded(part.strip("\"'")) for part in joined.groups())


def _arguments(script: Script, node: Node) -> tuple[dict[str, str], list[str]]:
    """Return a command's arguments: by the parameter's name in small letters, and those without.

    A table handed over by ``@name`` counts as if its entries stood there.
    """
    named: dict[str, str] = {}
    rest: list[str] = []
    waiting = ""
    elements = node.child_by_field_name("command_elements")
    for child in [] if elements is None else elements.named_children:
        text = said(child)
        if child.type == "command_parameter":
            waiting, _, value = text.lstrip("-").lower().partition(":")
            named[waiting] = value
            if waiting in _SWITCHES or value:
                waiting = ""
        elif child.type == "command_argument_sep":
            continue
        elif waiting:
            named[waiting] = text
            waiting = ""
        elif text.startswith("@") and text[1:].lower() in script.tables:
            for entry in _entries(script.tables[text[1:].lower()]):
                key, _, value = said(entry).partition("=")
                named[key.strip().strip("\"'").lower()] = value.strip()
        elif child.type != "redirection":
            rest.append(text)
    return named, rest


def _entries(table: Node) -> Iterator[Node]:
    return (n for n in nodes(table) if n.type == "hash_entry")


_SWITCHES: Final = frozenset(
    {
        *("force", "recurse", "passthru", "wait", "name", "nonewwindow", "verbose", "asjob"),
        *("whatif", "confirm", "noprofile", "hidden"),
    }
)


def _command(script: Script, node: Node) -> None:
    name = said(node.child_by_field_name("command_name")).strip("\"'").lower()
    name = re.split(r"[\\/]", name)[-1]
    text = said(node)
    for splat in re.findall(r"@(\w+)\b", text):
        if splat.lower() in script.tables:
            text += f" {said(script.tables[splat.lower()])}"
    if native := _native(script, name, text):
        script.note(native[0], node, path=native[1], file=native[2], native=True)
        return
    if name in script.functions:
        _called(script, name, node)
        return
    named, rest = _arguments(script, node)
    if name in _COMMANDS:
        _COMMANDS[name](script, node, named, rest)
    elif name in LIVE or name in CLEAN or name in LOCATIONS:
        _provider(script, node, name, named, rest)
    for child in _inner(node):
        read_inner(script, child, name)


_INNER: Final = ("script_block_expression", "parenthesized_expression", "sub_expression")


def _inner(node: Node) -> Iterator[Node]:
    """Yield the blocks in *node* that lie in no other block."""
    for child in node.named_children:
        if child.type in _INNER:
            yield child
        else:
            yield from _inner(child)


def read_inner(script: Script, node: Node, name: str) -> None:
    """Read what a command is given to run."""
    if name in _JOBS:
        start = len(script.steps)
        script.inside(Around(node.id, "job", ""), node)
        paths = [s.path for s in script.steps[start:] if s.kind in ("touch", "use")]
        paths += re.findall(r"HKU\\[^\s\"']+", said(node), re.IGNORECASE)
        del script.steps[start:]
        script.note("job", node, path=" ".join(script.path(p) for p in paths))
        return
    kind = "each" if name in ("foreach-object", "foreach", "%") else "given"
    before, script.held = script.held, "" if node.type == "script_block_expression" else script.held
    script.inside(Around(node.id, kind, ""), node)
    script.held = before


_STARTERS: Final = ("cmd", "cmd.exe", "start-process", "saps", "start", "invoke-expression", "iex")
_QUOTED: Final = re.compile(rf"load\W+?[\"']?((?:\$\{{?\w|{_ROOT}\\)[^\"'\n]*)[\"']", re.IGNORECASE)


def _native(script: Script, name: str, text: str) -> tuple[str, str, str] | None:
    """Return what a call of reg.exe does to a hive: the verb, the key, the file; or none."""
    if "load" not in text.lower():
        return None
    if name not in _STARTERS and "reg" not in name:
        return None
    text = script.expanded(text)
    flat = re.sub(r"[\"'@(),`]+", " ", text)
    found = _NATIVE.search(flat)
    if found is None:
        return None
    words = found["path"].split()
    quoted = _QUOTED.search(text)
    path = quoted[1].split('" ')[0] if quoted and " " not in quoted[1] else words[0]
    if "$(" in found["path"]:
        path = re.match(r"(\$\([^ ]*|\S)+", found["path"])[0]  # type: ignore[index]
    return found["verb"].lower(), script.path(path), " ".join(words[1:])


def _called(script: Script, name: str, node: Node) -> None:
    named, rest = _arguments(script, node)
    params = script.functions[name].params
    given = {k: script.expanded(v.strip("\"'")) for k, v in named.items() if v}
    free = [p for p in params if p not in given]
    given |= {p: script.expanded(v.strip("\"'")) for p, v in zip(free, rest, strict=False)}
    held, script.held = script.held, ""
    _enter(script, name, given)
    script.held = held


def _provider(
    script: Script, node: Node, name: str, named: dict[str, str], rest: list[str]
) -> None:
    text = named.get("path") or named.get("literalpath") or named.get("lp") or (rest or [""])[0]
    if name in _COPYING:
        text = named.get("destination") or (rest[-1] if len(rest) > ("path" not in named) else "")
    path = script.path(text)
    if named.get("name") and name in ("new-item", "ni") and path:
        path = f"{path}\\{named['name']}".upper()
    if name in LOCATIONS:
        script.note("location", node, path=path)
        return
    listing = name in ("get-childitem", "gci", "ls", "dir")
    clean = name in CLEAN or (listing and "name" in named)
    pipeline = said(_pipeline(node))
    closed = (
        script.closing or re.search(r"\.(Close|Dispose)\(\)", pipeline, re.IGNORECASE) is not None
    )
    held = script.held if _given_on(node) else ""
    if {"itemtype", "directory", "file", "filter", "include"} & set(named):
        clean = clean or "registry" not in named.get("itemtype", "").lower()
    script.note("use" if clean else "touch", node, path=path, name=held, closed=closed)


_COPYING: Final = frozenset({"copy-item", "cp", "copy", "cpi", "move-item", "mv", "move", "mi"})


def _given_on(node: Node) -> bool:
    """Return whether what a command gives reaches the end of its pipeline as it is."""
    chain = _pipeline(node)
    if chain == node:
        return True
    names = [said(c.child_by_field_name("command_name")).lower() for c in chain.named_children]
    passing = ("where-object", "where", "?", "sort-object", "sort")
    return all(name in passing for name in names[1:])


def _pipeline(node: Node) -> Node:
    parent = node.parent
    return parent if parent is not None and parent.type == "pipeline_chain" else node


def _drive(script: Script, node: Node, named: dict[str, str], rest: list[str]) -> None:
    root = named.get("root") or (rest[2] if len(rest) > 2 else "")
    name = (named.get("name") or (rest or [""])[0]).strip("\"'").upper()
    # `-Name` takes a value here, though it is a switch of Get-ChildItem
    if not named.get("name") and "name" in named and rest:
        name = rest[0].strip("\"'").upper()
    if root:
        script.drives[name] = script.path(root)
        script.note("drive", node, path=script.drives[name], name=name)


def _undrive(script: Script, node: Node, named: dict[str, str], rest: list[str]) -> None:
    script.note("undrive", node, name=(named.get("name") or (rest or [""])[0]).strip("\"'").upper())


def _drop(script: Script, node: Node, _named: dict[str, str], _rest: list[str]) -> None:
    for word in re.findall(r"[\w*]+", said(node))[2:]:
        script.note("drop", node, name=word.lower())


def _job_end(script: Script, node: Node, _named: dict[str, str], _rest: list[str]) -> None:
    script.note("jobend", node)


def _pop(script: Script, node: Node, _named: dict[str, str], _rest: list[str]) -> None:
    script.note("location", node)


_COMMANDS: Final[dict[str, Callable[[Script, Node, dict[str, str], list[str]], None]]] = {
    **dict.fromkeys(("new-psdrive", "ndr", "mount"), _drive),
    **dict.fromkeys(("remove-psdrive", "rdr"), _undrive),
    **dict.fromkeys(("remove-variable", "rv", "clear-variable", "clv"), _drop),
    **dict.fromkeys(_JOB_ENDS, _job_end),
    **dict.fromkeys(("pop-location", "popd"), _pop),
}


def _invocation(script: Script, node: Node) -> None:
    member = said(_child(node, "member_name")).lower()
    receiver = node.named_children[0]
    words = said(receiver)
    listed = _child(node, "argument_list")
    args = _texts(listed)
    closing, held = script.closing, script.held
    # what the variable gets is the answer of the member, not the key
    script.closing, script.held = member in ("close", "dispose"), ""
    read(script, receiver)
    script.closing, script.held = closing, held
    kind = words.strip("[]").lower().removeprefix("system.")
    if kind == "gc" and member in ("collect", "waitforpendingfinalizers"):
        script.note("collect" if member == "collect" else "wait", node)
    elif member in ("opensubkey", "createsubkey", "openbasekey"):
        _opened(script, node, member, words, args)
    elif member in ("close", "dispose", "endinvoke"):
        script.note("close", node, name=words.lstrip("$").split(":")[-1].lower())
        script.note("jobend", node)
    elif member in ("regloadkey", "regunloadkey", "loadhive", "unloadhive"):
        _imported(script, node, member, args)
    elif kind.endswith("registry") and member in ("setvalue", "getvalue") and args:
        script.note("use", node, path=script.path(args[0]))
    elif listed is not None:
        read(script, listed)


def _texts(listed: Node | None) -> list[str]:
    inner = _child(listed, "argument_expression_list") if listed is not None else None
    return [] if inner is None else [said(c) for c in inner.named_children if c.type != "comment"]


def _opened(script: Script, node: Node, member: str, words: str, args: list[str]) -> None:
    lower = words.lower()
    if member == "openbasekey":
        root = "HKU" if "users" in " ".join(args).lower() else "HKLM"
        if script.held:
            script.keys[script.held] = root
        return
    root = script.keys.get(words.lstrip("$").lower(), "")
    if lower.endswith("::users") or ("openbasekey" in lower and "users" in lower):
        root = "HKU"
    elif lower.endswith("::localmachine") or ("openbasekey" in lower and "localmachine" in lower):
        root = "HKLM"
    if not root or not args:
        return
    path = script.path(f"{root}\\{script.expanded(args[0].strip(chr(34) + chr(39)))}")
    script.note("touch", node, path=path, name=script.held, closed=script.closing)


def _imported(script: Script, node: Node, member: str, args: list[str]) -> None:
    """Note a hive loaded or unloaded by a function of Windows that the script imports."""
    texts = [a for a in args if re.search(r"[\"'$]", a)]
    root = (
        "HKLM"
        if re.search(r"HKLM|LOCAL_?MACHINE|80000002", " ".join(args), re.IGNORECASE)
        else "HKU"
    )
    plain = [
        t for t in texts if not re.search(r"hk(u|lm)\b|users?\b(?!\\)|root|::", t, re.IGNORECASE)
    ]
    name = plain[0] if plain else (texts[-1] if texts else "")
    path = script.path(name)
    if not path.startswith(("HKU", "HKLM")):
        path = f"{root}\\{path}"
    file = args[-1] if len(args) > 1 else ""
    script.note("unload" if "unload" in member else "load", node, path=path, file=file)


def _variable(script: Script, node: Node) -> None:
    if said(node).lower() in ("$lastexitcode", "$?", "$global:lastexitcode"):
        script.note("code", node)


def _member(script: Script, node: Node) -> None:
    if said(_child(node, "member_name")).lower() == "exitcode":
        script.note("code", node)
    held, script.held = script.held, ""
    for child in node.named_children:
        read(script, child)
    script.held = held


_READERS: Final[dict[str, Callable[[Script, Node], None]]] = {
    "if_statement": _if,
    **dict.fromkeys(("while_statement", "do_statement", "for_statement"), _loop),
    "foreach_statement": _loop,
    "try_statement": _try,
    "function_statement": _function,
    "flow_control_statement": _leave,
    "assignment_expression": _assignment,
    "command": _command,
    "invokation_expression": _invocation,
    "member_access": _member,
    "variable": _variable,
}
