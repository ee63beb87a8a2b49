"""Hypothesis strategies for the registry: names, SIDs, trees, values, calls, whole scenarios.

They draw what Windows accepts, and favour what breaks programs: empty and very long names, names
that differ by case alone, lone surrogates, values whose data does not fit their type.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs
from hypothesis import strategies as st

from regsim import dialects
from regsim.kernel.tree import Node
from regsim.keypath import fold_name
from regsim.testing.session import Session, log_on
from regsim.types import Access, PredefinedKey, Sid, Value, ValueType
from regsim.win32.api import Api

MAX_NAME: Final = 255
"""The longest key name, in UTF-16 units (MSDN "Registry Element Size Limits"; documented)."""
SUBKEYS: Final = (
    "Software",
    r"Software\Microsoft",
    r"Software\Microsoft\Windows\CurrentVersion\Run",
    "Control Panel",
    r"Control Panel\Desktop",
)
"""Keys that a fresh profile has, for calls that should mostly succeed."""

_LETTERS: Final = st.characters(exclude_characters="\\\0")


def _fits(name: str) -> bool:
    return len(name.encode("utf-16-le", "surrogatepass")) <= 2 * MAX_NAME


def names() -> st.SearchStrategy[str]:
    """Return key names: 1 to 255 UTF-16 units, no backslash and no NUL."""
    plain = st.sampled_from(("a", "A", "Software", "ß", "SS", "\ud800", "x" * MAX_NAME))
    return plain | st.text(_LETTERS, min_size=1, max_size=12).filter(_fits)


def sids() -> st.SearchStrategy[Sid]:
    """Return the SIDs of users, ``S-1-5-21-a-b-c-rid``."""
    part = st.integers(0, 2**32 - 1)
    rid = st.integers(1000, 2**31)
    return st.builds(lambda a, b, c, r: Sid(f"S-1-5-21-{a}-{b}-{c}-{r}"), part, part, part, rid)


def values() -> st.SearchStrategy[Value]:
    """Return values of every registered type, and of unknown ones; the data may not suit it."""
    name = st.just("") | st.text(_LETTERS, max_size=12).filter(_fits)
    kind = st.sampled_from([int(kind) for kind in ValueType]) | st.integers(0, 2**32 - 1)
    raw = st.builds(Value, name, kind, st.binary(max_size=40))
    text = st.builds(Value.sz, name, st.text(max_size=12))
    number = st.builds(Value.dword, name, st.integers(0, 2**32 - 1))
    return raw | text | number


def key_trees(*, keys: int = 8) -> st.SearchStrategy[Node]:
    """Return trees of at most about *keys* keys, named ``root``, each with a few values."""
    leaf = st.builds(_node, st.lists(values(), max_size=3), st.just([]))
    tree = st.recursive(
        leaf,
        lambda below: st.builds(
            _node,
            st.lists(values(), max_size=3),
            st.lists(st.tuples(names(), below), max_size=3),
        ),
        max_leaves=keys,
    )
    return tree.map(lambda node: node.copy(None))


def _node(held: Sequence[Value], children: Sequence[tuple[str, Node]]) -> Node:
    node = Node("root")
    for value in held:
        node.values[fold_name(value.name)] = value
    for name, child in children:
        named = child.copy(None)
        named.name = name
        node.children[fold_name(name)] = named
    return node


@attrs.frozen
class Given:
    """The handle that the *index*-th successful open of the same program gave, counted round."""

    index: int


@attrs.frozen
class ApiCall:
    """One call of a program: the name of a method of `Api`, and its arguments.

    A `Given` among the arguments stands for a handle; with none given yet, for one that is not
    open.
    """

    name: str
    args: tuple[Any, ...] = ()

    def __str__(self) -> str:
        """Return the call as a developer would write it."""
        return f"{self.name}({', '.join(map(repr, self.args))})"


NOT_OPEN: Final = 0x7FC


def play(api: Api, calls: Sequence[ApiCall]) -> list[int]:
    """Make *calls* through *api*; return the handles they gave, in order, closed ones too."""
    given: list[int] = []
    for call in calls:
        args = [
            (given[arg.index % len(given)] if given else NOT_OPEN)
            if isinstance(arg, Given)
            else arg
            for arg in call.args
        ]
        reply = getattr(api, call.name)(*args)
        if reply is not None and call.name.startswith(("RegOpen", "RegCreate")) and not reply.code:
            handle = getattr(reply.value, "handle", reply.value)
            if isinstance(handle, int) and 0 < handle < PredefinedKey.CLASSES_ROOT:
                given.append(handle)
    return given


def api_calls(
    *roots: PredefinedKey, subkeys: Sequence[str] = SUBKEYS, closes_roots: bool = True
) -> st.SearchStrategy[ApiCall]:
    """Return single calls: open, create, query, set, delete, close, by handle or predefined key.

    Args:
        roots: the predefined keys to use; HKEY_CURRENT_USER and HKEY_LOCAL_MACHINE if none is
            given.
        subkeys: the paths to open and create.
        closes_roots: whether a call may close a predefined key.
    """
    predefined = st.sampled_from(roots or (PredefinedKey.CURRENT_USER, PredefinedKey.LOCAL_MACHINE))
    given = st.builds(Given, st.integers(0, 7))
    key = predefined | given
    path = st.sampled_from(tuple(subkeys))
    name = st.sampled_from(("a", "b", ""))
    closable = key if closes_roots else given
    return st.one_of(
        _calls("RegOpenKeyEx", predefined, path),
        _calls("RegOpenKeyEx", given, path | names()),
        _calls("RegCreateKeyEx", key, path),
        _calls("RegSetValueEx", key, name, st.just(3), st.binary(max_size=4)),
        _calls("RegQueryValueEx", key, name),
        _calls("RegDeleteValue", key, name),
        _calls("RegCloseKey", closable),
    )


def _calls(name: str, *args: st.SearchStrategy[Any]) -> st.SearchStrategy[ApiCall]:
    return st.tuples(*args).map(lambda drawn: ApiCall(name, drawn))


def programs(
    calls: st.SearchStrategy[ApiCall] | None = None, *, size: int = 12
) -> st.SearchStrategy[list[ApiCall]]:
    """Return programs of at most *size* calls, of those that `api_calls` draws by default."""
    return st.lists(calls if calls is not None else api_calls(), max_size=size)


@attrs.frozen
class DrawnSession:
    """A session on one generation and what a service and the user's own process do in it.

    Attributes:
        os: the name of the generation.
        acts_as_user: whether the service impersonates the user.
        service: the service's calls.
        desktop: the calls of the user's process.
    """

    os: str
    acts_as_user: bool
    service: tuple[ApiCall, ...]
    desktop: tuple[ApiCall, ...]

    def play(self) -> Session:
        """Log on, make all calls, and return the session before logoff."""
        session = log_on(self.os)
        if self.acts_as_user:
            session.service.impersonate(session.user)
        play(session.service, self.service)
        session.service.revert()
        play(session.desktop, self.desktop)
        return session


def scenarios(*, systems: Sequence[str] = ()) -> st.SearchStrategy[DrawnSession]:
    """Return whole scenarios on one of *systems*, by default on any that has the registry's calls.

    Raises `UnknownNameError` for a system that is none.
    """
    known = [name for name in dialects.names() if name not in ("nt31", "win95")]
    chosen = [dialects.get(name).name for name in systems] or known
    calls = programs().map(tuple)
    return st.builds(DrawnSession, st.sampled_from(chosen), st.booleans(), calls, calls)


def accesses() -> st.SearchStrategy[Access]:
    """Return access masks that a program may ask for."""
    return st.sampled_from((Access.READ, Access.WRITE, Access.ALL, Access.MAXIMUM_ALLOWED))
