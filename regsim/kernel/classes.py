"""HKEY_CLASSES_ROOT as one view of two hives: the user's classes over the machine's.

A handle that was opened through the view carries a tag in a bit that the kernel ignores. What is
done through it is done to the user's key of that path while there is one, else to the machine's,
whichever of the two the handle itself stands for; lists and counts are of both taken together, the
user's first where both have a name (MSDN, HKEY_CLASSES_ROOT Key, documented; Wine
``dlls/advapi32/tests/registry.c``, test_classesroot and test_classesroot_enum, observed on
Windows; that counts are of both is inferred).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

import attrs

from regsim import keypath
from regsim.kernel import keys
from regsim.kernel.keys import Answered
from regsim.status import NtStatus
from regsim.types import Access, Handle, Tid, Value

if TYPE_CHECKING:
    from regsim.kernel.machine import Machine
    from regsim.kernel.tree import Node

VIEW = 2
"""The tag of a handle opened through the merged view."""

MACHINE_CLASSES = r"\REGISTRY\MACHINE\Software\Classes"


def user_classes(machine: Machine, caller: Tid) -> str:
    r"""Return where the classes of whom *caller* acts as are: ``HKU\<SID>_Classes``."""
    return keypath.user_root(machine.effective_token(caller).sid) + "_Classes"


def open_view(
    machine: Machine,
    caller: Tid,
    *,
    path: str,
    access: int = Access.READ,
    root: int | None = None,
    options: int = 0,
    view32: bool = False,
) -> Answered:
    """Open *path* below the user's classes, else below the machine's; the handle is tagged.

    With *root*, a handle of the view, *path* is below the key that this one stands for.
    """
    status, below = _below(machine, caller, root, path)
    if not status.ok:
        return status, None
    if below is None:
        return keys.open_key(machine, caller, root=root, path=path, access=access, options=options)
    status = NtStatus.OBJECT_NAME_NOT_FOUND
    for base in _bases(machine, caller):
        full = keypath.join((*keypath.split(base), *below))
        status, handle = keys.open_key(
            machine, caller, root=None, path=full, access=access, options=options, view32=view32
        )
        if status is not NtStatus.OBJECT_NAME_NOT_FOUND:
            return status, None if handle is None else Handle(handle | VIEW)
    return status, None


def create_view(
    machine: Machine,
    caller: Tid,
    *,
    path: str,
    access: int = Access.READ,
    root: int | None = None,
    options: int = 0,
    class_name: str = "",
    view32: bool = False,
) -> Answered:
    """Open *path* as `open_view` does, or create it in the machine's classes; gives `Created`."""
    status, handle = open_view(
        machine, caller, path=path, access=access, root=root, options=options, view32=view32
    )
    if status is not NtStatus.OBJECT_NAME_NOT_FOUND:
        return status, None if handle is None else keys.Created(handle, new=False)
    _, below = _below(machine, caller, root, path)
    if below is not None:
        root, path = None, keypath.join((*keypath.split(MACHINE_CLASSES), *below))
    status, made = keys.create_key(
        machine,
        caller,
        root=root,
        path=path,
        access=access,
        options=options,
        class_name=class_name,
        view32=view32,
    )
    tag = 0 if below is None else VIEW
    return status, keys.Created(Handle(made.handle | tag), made.new) if status.ok else None


def _bases(machine: Machine, caller: Tid) -> tuple[str, str]:
    return user_classes(machine, caller), MACHINE_CLASSES


def _below(
    machine: Machine, caller: Tid, root: int | None, path: str
) -> tuple[NtStatus, keypath.Parts | None]:
    """Return the path below the view's top that *path* below the handle *root* means.

    None for a handle to a key of neither side, as when HKEY_CLASSES_ROOT is overridden.
    """
    if root is None:
        return NtStatus.SUCCESS, keypath.split(path)
    status, obj = keys.use(machine, caller, root)
    if obj is None:
        return status, ()
    if path.startswith("\\"):
        return NtStatus.OBJECT_PATH_SYNTAX_BAD, ()
    full = machine.full_path(obj.kcb)
    for base in _bases(machine, caller):
        top = keypath.fold(keypath.split(base))
        if full[: len(top)] == top:
            return NtStatus.SUCCESS, full[len(top) :] + keypath.split(path)
    return NtStatus.SUCCESS, None


def _sides(machine: Machine, caller: Tid, handle: int) -> Iterator[str]:
    """Yield the full path of the key of *handle* on each side of the view where it is."""
    _, below = _below(machine, caller, handle, "")
    if below is None:
        _, obj = keys.use(machine, caller, handle)
        if obj is not None:
            yield keypath.join(machine.full_path(obj.kcb))
        return
    for base in _bases(machine, caller):
        parts = (*keypath.split(base), *below)
        if machine.locate(keypath.fold(parts))[1] is not None:
            yield keypath.join(parts)


def _on(
    machine: Machine, caller: Tid, path: str, operation: Callable[..., Answered], **args: object
) -> Answered:
    """Do *operation* on the key at *path* through a handle of its own, and close that."""
    status, handle = keys.open_key(machine, caller, root=None, path=path, access=Access.ALL)
    if handle is None:
        return status, None
    result = operation(machine, caller, handle=handle, **args)
    keys.close(machine, caller, handle=handle)
    return result


def _either(
    operation: Callable[..., Answered], need: Access, *, falls_through: bool
) -> Callable[..., Answered]:
    """Return *operation* done to the user's key, else to the machine's.

    With *falls_through* the machine's is also asked for what the user's has not.
    """

    def run(machine: Machine, caller: Tid, *, handle: int, **args: object) -> Answered:
        status, obj = keys.use(machine, caller, handle, need)
        if obj is None:
            return status, None
        result: Answered = (NtStatus.OBJECT_NAME_NOT_FOUND, None)
        for path in list(_sides(machine, caller, handle)):
            result = _on(machine, caller, path, operation, **args)
            if not falls_through or result[0] is not NtStatus.OBJECT_NAME_NOT_FOUND:
                break
        return result

    return run


def _merged(
    machine: Machine, caller: Tid, handle: int, need: Access
) -> tuple[NtStatus, list[str], list[Value], Node | None]:
    """Return the names of subkeys and the values of both sides, and the first side's node."""
    status, obj = keys.use(machine, caller, handle, need)
    names: dict[str, str] = {}
    values: dict[str, Value] = {}
    first: Node | None = None
    for path in () if obj is None else _sides(machine, caller, handle):
        _, place = machine.locate(keypath.fold(keypath.split(path)))
        if place is None:
            continue
        node = place[0].root.find(place[1])
        if node is None:
            continue
        first = first or node
        for name, kid in node.children.items():
            names.setdefault(name, kid.name)
        for name, value in node.values.items():
            values.setdefault(name, value)
    return status, [names[name] for name in sorted(names)], list(values.values()), first


def enumerate_view(machine: Machine, caller: Tid, *, handle: int, index: int) -> Answered:
    """Return the name of subkey number *index* of both sides taken together."""
    status, names, _, _ = _merged(machine, caller, handle, Access.ENUMERATE_SUB_KEYS)
    return keys.numbered(status, names, index)


def enumerate_values_view(machine: Machine, caller: Tid, *, handle: int, index: int) -> Answered:
    """Return value number *index* of both sides taken together, the user's first."""
    status, _, values, _ = _merged(machine, caller, handle, Access.QUERY_VALUE)
    return keys.numbered(status, values, index)


def query_key_view(machine: Machine, caller: Tid, *, handle: int) -> Answered:
    """Return the `KeyInfo` of both sides taken together; class and time are the user's key's."""
    status, names, values, node = _merged(machine, caller, handle, Access.QUERY_VALUE)
    if node is None:
        return status, None
    info = keys.measured(names, values, class_name=node.class_name, last_write=node.last_write)
    return status, info


def delete_view(machine: Machine, caller: Tid, *, root: int, path: str) -> Answered:
    """Delete the key at *path* below handle *root*: the user's, or where it has none the other."""
    status, handle = open_view(machine, caller, path=path, access=Access.DELETE, root=root)
    if handle is None:
        return status, None
    status, _ = keys.delete_key(machine, caller, handle=handle)
    keys.close(machine, caller, handle=handle)
    return status, None


@attrs.frozen
class Viewed:
    """An operation through the view: its name, what it does, and its short name in paths."""

    name: str
    run: Callable[..., Answered]
    does: str


VIEWED: Final[Mapping[str, Viewed]] = {
    "NtQueryValueKey": Viewed(
        "QueryClassesView",
        _either(keys.query_value, Access.QUERY_VALUE, falls_through=True),
        "query-value",
    ),
    "NtSetValueKey": Viewed(
        "SetClassesView",
        _either(keys.set_value, Access.SET_VALUE, falls_through=False),
        "set-value",
    ),
    "NtDeleteValueKey": Viewed(
        "DeleteValueClassesView",
        _either(keys.delete_value, Access.SET_VALUE, falls_through=True),
        "delete-value",
    ),
    "NtEnumerateKey": Viewed("EnumerateClassesView", enumerate_view, "enumerate-key"),
    "NtEnumerateValueKey": Viewed(
        "EnumerateValuesClassesView", enumerate_values_view, "enumerate-value"
    ),
    "NtQueryKey": Viewed("QueryKeyClassesView", query_key_view, "query-key"),
}
"""The operations on a key, and what each is through the view."""
