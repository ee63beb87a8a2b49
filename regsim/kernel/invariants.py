"""What is true of every machine at every moment; `Machine.check` asserts it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from regsim import keypath
from regsim.errors import InvariantError
from regsim.types import ObjectId

if TYPE_CHECKING:
    from regsim.kernel.hive import Hive
    from regsim.kernel.machine import Machine
    from regsim.kernel.objects import Kcb


def check(machine: Machine) -> None:
    """Raise `InvariantError` naming the first invariant that *machine* breaks. O(everything)."""
    _check_handles(machine)
    for number, obj in machine.objects.items():
        _hold(number in obj.kcb.objects, f"object {number} is known to its control block")
    kids = Counter(id(kcb.parent) for kcb in machine.kcbs.values())
    for (home, path), kcb in machine.kcbs.items():
        _hold((kcb.hive, kcb.path) == (home, path), "control blocks are indexed by their key")
        _check_kcb(machine, kcb, kids[id(kcb)])
    for hive in machine.hives.values():
        _check_hive(machine, hive)
    _check_kept(machine)


def _hold(condition: bool, claim: str) -> None:
    if not condition:
        raise InvariantError(f"broken invariant: {claim}")


def _check_handles(machine: Machine) -> None:
    counted: Counter[int] = Counter()
    for process in machine.processes.values():
        process.table.check()
        for handle, entry in process.table.items():
            _hold(handle > 0 and handle % 4 == 0, "handles are positive multiples of 4")
            obj = machine.objects.get(ObjectId(entry[0]))
            _hold(obj is not None and obj.kcb.hive == entry[1], "a handle names an object")
            counted[entry[0]] += 1
    for number, obj in machine.objects.items():
        _hold(obj.handles == counted[number] > 0, "an object lives as long as its handles")
        _hold(1 <= obj.opens <= obj.handles, "each open has a handle of its own")
        alike = obj.opens == 1 or (obj.handles == obj.opens and obj.shared == 1 and not obj.watch)
        _hold(alike, "only alike opens are one object")
        _hold(obj.shared >= 1, "an open is never counted below one")
        waiting = number in machine.watching
        _hold(waiting == bool(obj.events), "what waits for changes is known")
    _hold(set(counted) == set(machine.objects), "every handle counts on an object")


def _check_kcb(machine: Machine, kcb: Kcb, kids: int) -> None:
    name = f"{kcb.hive}:{keypath.join(kcb.path)}"
    _hold(kcb.live, f"the control block {name} in the index is alive")
    opens = sum(machine.objects[number].opens for number in kcb.objects)
    _hold(kcb.opens == opens & machine.count_mask, f"{name} counts its opens")
    _hold(kcb.children == kids, f"{name} counts its children")
    needed = bool(kcb.opens or kcb.children or kcb.objects)
    _hold(needed or kcb.idle, f"{name} is there for a reason")
    hive = machine.hives.get(kcb.hive)
    _hold(hive is not None, f"{name} lies in a loaded hive")
    if hive is not None:
        _hold(hive.root.find(kcb.path) is not None, f"{name} has a node")
        top = len(hive.mount) == 1 and not kcb.path
        _hold((kcb.parent is None) == top, f"{name} holds its parent")


def _check_kept(machine: Machine) -> None:
    _hold(all(kcb.idle for kcb in machine.idle), "what is kept for a next open says so")
    kept = {id(kcb) for kcb in machine.idle}
    _hold(len(kept) == len(machine.idle), "no control block is kept twice")
    for kcb in machine.kcbs.values():
        _hold(kcb.idle == (id(kcb) in kept), "what says that it is kept is")
    for (number, base, path), (hive, below) in machine.places.items():
        _hold(number in machine.hives, "a known place is reached from a loaded hive")
        full = keypath.fold(machine.hives[number].mount) + base
        _, found = machine.locate(full + keypath.fold(keypath.split(path)))
        same = found is not None and found[0] is hive and found[1] == below
        _hold(same, f"{keypath.join(full)} still leads to the known place by {path!r}")


def _check_hive(machine: Machine, hive: Hive) -> None:
    name = keypath.join(hive.mount)
    mounted = machine.mounts.get(keypath.fold(hive.mount))
    _hold(mounted == hive.id, f"{name} is mounted where it says")
    above = machine.divide(keypath.fold(hive.mount[:-1]))
    _hold(
        len(hive.mount) == 1 or (above is not None and above[0].root.find(above[1]) is not None),
        f"{name} is mounted below a key that exists",
    )
    live = sum(
        obj.handles
        for kcb in machine.kcbs.values()
        if kcb.hive == hive.id
        for obj in map(machine.objects.__getitem__, kcb.objects)
    )
    _hold(hive.handles == live >= 0, f"{name} counts its handles")
    for _, node in hive.root.walk():
        for key, kid in node.children.items():
            _hold(key == keypath.fold_name(kid.name), f"{name} files subkeys by folded name")
            _hold(kid.volatile or not node.volatile, f"{name} has no lasting key in a volatile one")
