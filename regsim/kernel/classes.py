"""HKEY_CLASSES_ROOT as one view of two hives: the user's classes over the machine's.

A handle that was opened through the view carries a tag in a bit that the kernel ignores, so that
later calls know to look in both places.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regsim import keypath
from regsim.kernel import keys
from regsim.kernel.keys import Answered
from regsim.status import NtStatus
from regsim.types import Access, Handle, Tid

if TYPE_CHECKING:
    from regsim.kernel.machine import Machine

VIEW = 2
"""The tag of a handle opened through the merged view."""

MACHINE_CLASSES = r"\REGISTRY\MACHINE\Software\Classes"


def user_classes(machine: Machine, caller: Tid) -> str:
    r"""Return where the classes of whom *caller* acts as are: ``HKU\<SID>_Classes``."""
    return keypath.user_root(machine.effective_token(caller).sid) + "_Classes"


def open_view(
    machine: Machine, caller: Tid, *, path: str, access: int = Access.READ, create: bool = False
) -> Answered:
    """Open *path* below the user's classes, else below the machine's; the handle is tagged.

    With *create*, a key that is in neither is made in the machine's (MSDN, HKEY_CLASSES_ROOT Key;
    documented).
    """
    below = path.strip("\\")
    status = NtStatus.OBJECT_NAME_NOT_FOUND
    for base in (user_classes(machine, caller), MACHINE_CLASSES):
        full = f"{base}\\{below}"
        status, handle = keys.open_key(machine, caller, root=None, path=full, access=access)
        if status.ok:
            return status, Handle(handle | VIEW)
    if not create:
        return status, None
    full = f"{MACHINE_CLASSES}\\{below}"
    status, made = keys.create_key(machine, caller, root=None, path=full, access=access)
    return status, keys.Created(Handle(made.handle | VIEW), made.new) if status.ok else None


def _other(machine: Machine, caller: Tid, handle: int) -> int | None:
    """Return a fresh handle to the same key on the other side of the view, or None."""
    _, obj = keys.use(machine, caller, handle)
    if obj is None:
        return None
    here = machine.full_path(obj.kcb)
    bases = [keypath.split(user_classes(machine, caller)), keypath.split(MACHINE_CLASSES)]
    for mine, other in (bases, reversed(bases)):
        if here[: len(mine)] == keypath.fold(mine):
            path = keypath.join((*other, *here[len(mine) :]))
            _, found = keys.open_key(machine, caller, root=None, path=path)
            return None if found is None else int(found)
    return None


def query_view(machine: Machine, caller: Tid, *, handle: int, name: str) -> Answered:
    """Read a value of the key, or where it has none of that name, of the key on the other side."""
    status, value = keys.query_value(machine, caller, handle=handle, name=name)
    if status is not NtStatus.OBJECT_NAME_NOT_FOUND:
        return status, value
    other = _other(machine, caller, handle)
    if other is None:
        return status, None
    result = keys.query_value(machine, caller, handle=other, name=name)
    keys.close(machine, caller, handle=other)
    return result


def enumerate_view(machine: Machine, caller: Tid, *, handle: int, index: int) -> Answered:
    """Return the name of subkey number *index* of both sides taken together."""
    status, obj = keys.use(machine, caller, handle, Access.ENUMERATE_SUB_KEYS)
    if obj is None:
        return status, None
    names = {keypath.fold_name(name): name for name in keys.subkey_names(machine, obj)}
    other = _other(machine, caller, handle)
    if other is not None:
        _, twin = keys.use(machine, caller, other)
        for name in keys.subkey_names(machine, twin) if twin is not None else ():
            names.setdefault(keypath.fold_name(name), name)
        keys.close(machine, caller, handle=other)
    ordered = [names[name] for name in sorted(names)]
    if not 0 <= index < len(ordered):
        return NtStatus.NO_MORE_ENTRIES, None
    return NtStatus.SUCCESS, ordered[index]
