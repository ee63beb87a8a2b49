"""A part of a model's state in words: where its actors stand, what is open, what is loaded.

It is made of the value of the part alone, so that it is right whichever way one has come there. A
state has no handle numbers: those depend on the way.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator

import attrs

from regsim import keypath
from regsim.actors.stage import USER, USER_PATH
from regsim.check.factored import Factored
from regsim.explore.system import KEYS_THAT_BLOCK, SIGNALS, Host, Lone, System, counter_name
from regsim.kernel.canonical import (
    Described,
    Namespace,
    ProcessPart,
    ThreadPart,
    Vars,
    handle_place,
)
from regsim.kernel.holding import Holding
from regsim.report.words import places
from regsim.report.words.runs import on_user_hive
from regsim.types import PredefinedKey

_ROOT = 3
r"""How many names the path of a hive's root has, such as ``\REGISTRY\USER\<SID>``."""


@attrs.frozen
class StateKey:
    """An open handle of a process.

    Attributes:
        name: what the process knows it by; "" where it has forgotten it.
        key: the key below its hive; "" for the hive's root.
        hive: what people call the hive; "" where the key was taken away.
        unasked: whether nobody asked for it: it is the root behind a predefined key.
        counts: whether a normal unload of a hive that is watched fails because of it.
    """

    name: str
    key: str
    hive: str
    unasked: bool
    counts: bool


@attrs.frozen
class PartOfState:
    """One part of a state: *says* in words what is so of it, *keys* are the handles it has open."""

    says: tuple[str, ...] = ()
    keys: tuple[StateKey, ...] = ()


def part_of_state(model: Factored, component: int, value: Hashable) -> PartOfState:
    """Return what *value* of *component* says to a reader; of a model without machines as it is."""
    name = model.components[component].name
    if not isinstance(model, System):
        return PartOfState((repr(value),))
    if isinstance(value, Namespace):
        return PartOfState(tuple(_namespace(value)))
    if name == SIGNALS:
        assert isinstance(value, tuple)  # noqa: S101 - the component is this one
        return PartOfState(tuple(f"{event} is set" for event in value))
    parts = _parts(value)
    if not parts and not isinstance(value, Host):
        return PartOfState(() if value is None else (f"is {value!r}",))
    says = [text for part in parts for text in _says(part)] if parts else ["does not run"]
    return PartOfState(tuple(says or ["runs"]), tuple(_keys(model, parts)))


def _namespace(value: Namespace) -> Iterator[str]:
    # Of the registry itself nobody speaks: it is always there.
    loaded = [_called(hive[0]) for hive in value.hives if hive[0] != keypath.MACHINE[:1]]
    yield f"loaded: {', '.join(loaded)}" if loaded else "no hive is loaded"
    if value.corrupt:
        yield "the pool is corrupt"


def _called(place: Hashable) -> str:
    """Return what to call the hive mounted at *place*: of other users than the one, by its path."""
    assert isinstance(place, tuple)  # noqa: S101 - the place of a hive
    if place == keypath.fold(keypath.split(USER_PATH)):
        return "the user's hive"
    path = keypath.join(place)
    return keypath.short(path) if on_user_hive(path) else places.hive_name(path)


def _parts(value: object) -> list[ProcessPart | ThreadPart]:
    """Return the process and the threads that *value* of a component is made of."""
    if isinstance(value, ThreadPart):
        return [value]
    if isinstance(value, Lone):
        return [value.thread, *([value.process] if value.process else []), *value.others]
    if isinstance(value, Host):
        return [*([value.process] if value.process else []), *value.others]
    return []


def _says(part: ProcessPart | ThreadPart) -> Iterator[str]:
    if isinstance(part, ThreadPart):
        yield f"stands at {part.pc}" if part.alive else "has ended"
        if part.token is not None:
            yield f"acts as {_user(str(part.token[0]))}"
    yield from _variables(part.vars)


def _user(sid: str) -> str:
    return "the user" if sid == USER else sid


def _variables(found: Vars) -> Iterator[str]:
    yield from (f"{name} = {value!r}" for name, value in found)


def _keys(model: System, parts: list[ProcessPart | ThreadPart]) -> Iterator[StateKey]:
    for part in parts:
        for name, handle, unasked in _handles(part):
            place = handle_place(handle)
            if place is not None:
                yield _held(model, name, handle, place, unasked=unasked)
            elif handle[0] == "dead":
                yield StateKey(name, "", "", unasked, False)


def _handles(part: ProcessPart | ThreadPart) -> Iterator[tuple[str, Described, bool]]:
    """Yield the handles of *part*, each with its name and whether nobody asked for it."""
    if isinstance(part, ProcessPart):
        for number, owned, override, handle in part.slots:
            yield PredefinedKey(number).hkey, handle, owned and not override
        yield from (("", handle, False) for handle in part.unnamed)
    yield from ((name, handle, False) for name, handle in part.handles)


def _held(
    model: System, name: str, handle: Described, place: keypath.Parts, *, unasked: bool
) -> StateKey:
    probe = ThreadPart(True, "", None, (), (("", handle),))
    # Where a counter of opens may wrap, an open handle need not block (KB Q179827): not plain.
    counts = model.plain and any(model.weight(each, 0, probe) for each in _blocking(model))
    root = keypath.join(place[:_ROOT])
    row = Holding(
        process="",
        service=None,
        pid=0,
        handle=0,
        key=keypath.join(place),
        hive=root,
        opened_by="",
        implicit=unasked,
    )
    return StateKey(name, places.key_below(row), _called(place[:_ROOT]), unasked, counts)


def _blocking(model: System) -> list[int]:
    """Return the counters of what blocks an unload, of each hive that is watched."""
    names = list(model.counters)
    by_kind = {name.removeprefix(KEYS_THAT_BLOCK) for name in names} - {*names}
    return [n for n, name in enumerate(names) if name not in map(counter_name, by_kind)]
