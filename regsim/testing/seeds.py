"""What a registry may begin with: a ``.reg`` file, a hive, keys as a dict or JSON, another machine.

A file is told by its content. What is not a machine is added to what is there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from regsim import keypath
from regsim.errors import UsageError
from regsim.kernel.machine import Machine
from regsim.kernel.tree import Node
from regsim.regf.bridge import load_tree
from regsim.regf.regtext import parse_reg
from regsim.testing import regfile
from regsim.testing._fake import data
from regsim.testing._fake.constants import CONSTANTS
from regsim.types import PredefinedKey, Sid, ValueType
from regsim.win32.api import Api

SeedValues = Mapping[str, Any]
"""The values of a key: text, number, bytes, list of texts, or ``(data, type)`` as winreg has it."""
Seed = str | Path | Mapping[str, SeedValues | str | Path | None] | Machine
"""What `seed` takes."""

_HIVE: Final = b"regf"
_PLACES: Final = {
    "NTUSER.DAT": "HKEY_CURRENT_USER",
    "USRCLASS.DAT": r"HKEY_CURRENT_USER\Software\Classes",
    "SOFTWARE": r"HKEY_LOCAL_MACHINE\Software",
    "SYSTEM": r"HKEY_LOCAL_MACHINE\System",
    "DEFAULT": r"HKEY_USERS\.DEFAULT",
}
"""Where Windows has the hives of these names (MSDN "Registry Hives"; documented)."""
_TYPES: Final = {name: number for name, number in CONSTANTS.items() if name.startswith("REG_")}


def sow(api: Api, user: Sid, seed: Seed) -> None:
    """Put what *seed* holds into the machine of *api*, a process of *user*'s.

    Raises:
        UsageError: it is nothing of the kind, cannot be read, or has no place there.
        RegTextError: a ``.reg`` file breaks its format, or asks for what cannot be.
        HiveFormatError: a hive breaks its format.
    """
    if isinstance(seed, Machine):
        _take_over(api.machine, user, seed)
    elif isinstance(seed, Mapping):
        _write(api, user, seed, "the seed")
    elif not isinstance(seed, str | Path):
        raise UsageError(
            "a seed is a .reg file, a hive or JSON by its path, a text, a dict of keys or a "
            f"machine, not {seed!r}"
        )
    elif isinstance(seed, str) and not seed.strip():
        raise UsageError("the seed is an empty text; None begins without one")
    elif isinstance(seed, str) and ("\n" in seed or seed.lstrip().startswith("{")):
        _from_text(api, user, seed)
    else:
        _from_file(api, user, Path(seed))


def _from_text(api: Api, user: Sid, text: str) -> None:
    if text.lstrip().startswith("{"):
        _write(api, user, _parsed(text, "the seed"), "the seed")
    else:
        regfile.carry_out(api, parse_reg(text.encode("utf-16")), None)


def _from_file(api: Api, user: Sid, file: Path) -> None:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the seed {file}: {error.strerror}") from error
    if content.startswith(_HIVE):
        _graft(api.machine, user, _PLACES.get(file.name.upper(), _PLACES["NTUSER.DAT"]), file)
    elif content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        _write(api, user, _parsed(content, str(file)), str(file))
    else:
        regfile.carry_out(api, parse_reg(content, file=str(file)), str(file))


# -- keys and values as data -------------------------------------------------------------------


def _parsed(text: str | bytes, name: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{name} is no JSON: {error}") from error
    return found  # type: ignore[no-any-return]  # it begins with a brace


def _write(api: Api, user: Sid, keys: Mapping[str, Any], name: str) -> None:
    hives_first = sorted(keys.items(), key=lambda each: not isinstance(each[1], str | Path))
    for path, values in hives_first:
        where = f"{name}, [{path}]"
        key, below = regfile.place(path) if isinstance(path, str) else (None, "")
        if key is None:
            raise UsageError(f"{where}: a key is a path such as HKCU\\Software\\Mine")
        if isinstance(values, str | Path):
            _graft(api.machine, user, path, Path(values))
            continue
        if not isinstance(values, Mapping | None):
            raise UsageError(f"{where}: values are a dict, or None; a hive file is a path")
        code, made = api.RegCreateKeyEx(key, below)
        if code:
            raise UsageError(f"{where}: error {int(code)}")
        for each, value in (values or {}).items():
            kind, content = _typed(value, f"{where}, value {each!r}")
            code = api.RegSetValueEx(made.handle, each, kind, content).code
            if code:
                raise UsageError(f"{where}, value {each!r}: error {int(code)}")
        api.RegCloseKey(made.handle)


def _typed(value: Any, where: str) -> tuple[int, bytes]:  # noqa: ANN401 - whatever somebody wrote
    """Return the type and the bytes of *value*."""
    kind: Any
    if isinstance(value, Mapping) and value.keys() == {"type", "data"}:
        kind, value = value["type"], value["data"]
        kind = _TYPES.get(kind, kind) if isinstance(kind, str) else kind
        if isinstance(value, str) and kind not in (ValueType.SZ, ValueType.EXPAND_SZ):
            value = _from_hex(value, where)
    elif isinstance(value, tuple) and len(value) == 2:
        value, kind = value
    else:
        kind = _natural(value)
    if not isinstance(kind, int) or isinstance(value, bool) or not 0 <= kind < 1 << 32:
        raise UsageError(
            f"{where}: {value!r} is no registry value; give a text, a number, bytes, a list of "
            "texts, (data, type), or {'type': 'REG_…', 'data': …} with bytes in hex"
        )
    try:
        return kind, data.to_bytes(kind, value)
    except (TypeError, ValueError, OverflowError) as error:
        raise UsageError(f"{where}: {value!r} does not suit type {kind}: {error}") from error


def _natural(value: object) -> int | None:
    """Return the type that *value* has by itself, or None."""
    if isinstance(value, int):
        return ValueType.DWORD if 0 <= value < 1 << 32 else ValueType.QWORD
    kinds = ((str, ValueType.SZ), (bytes, ValueType.BINARY), (list, ValueType.MULTI_SZ))
    return next((kind for each, kind in kinds if isinstance(value, each)), None)


def _from_hex(text: str, where: str) -> bytes:
    try:
        return bytes.fromhex(text.replace(",", " "))
    except ValueError as error:
        raise UsageError(f"{where}: {text!r} is no hex: {error}") from error


# -- hives and machines ------------------------------------------------------------------------


def _graft(machine: Machine, user: Sid, path: str, file: Path) -> None:
    """Make the hive *file* the content of the key at *path*, or mount it where none can be."""
    roots = {"HKEY_CURRENT_USER": keypath.user_root(user), "HKEY_USERS": r"\REGISTRY\USER"}
    roots["HKEY_LOCAL_MACHINE"] = r"\REGISTRY\MACHINE"
    key, below = regfile.place(path)
    root = roots.get(key.hkey if key is not None else "")
    if root is None or not (below or key is PredefinedKey.CURRENT_USER):
        raise UsageError(f"no hive can be at {path}: give a key below HKCU, HKLM or HKU")
    try:
        tree = load_tree(file)
    except OSError as error:
        raise UsageError(f"cannot read the seed {file}: {error.strerror}") from error
    full = machine.follow(keypath.split(f"{root}\\{below}"))
    found = machine.divide(keypath.fold(full))
    if found is None or keypath.fold(found[0].mount) == ("REGISTRY",):
        if len(full) > 3:
            raise UsageError(f"no hive can be at {path}: there is none above it")
        machine.mount_hive(keypath.join(full), tree, file=str(file))
        return
    hive, rest = found
    at = keypath.fold(rest)
    open_ = [kcb for kcb in machine.kcbs.values() if kcb.hive == hive.id and kcb.opens]
    if any(kcb.path[: len(at)] == at for kcb in open_):
        raise UsageError(f"{path} is in use: give a hive before keys of it are open")
    machine.forget_idle()
    _complete(machine, keypath.fold(full), tree, user)
    node = hive.edit(())
    for name, written in zip(at, full[len(full) - len(at) :], strict=True):
        child = node.children.get(name) or Node(written, last_write=machine.clock)
        node.children[name] = child.copy(hive.owner)
        node = node.children[name]
    node.values, node.children = tree.values.copy(), tree.children.copy()
    node.class_name, node.security = tree.class_name, tree.security
    node.last_write = tree.last_write
    machine.reshaped()


def _complete(machine: Machine, full: keypath.Parts, tree: Node, user: Sid) -> None:
    """Give *tree*, to stand at *full*, the links that Windows makes when it loads such a hive.

    A user's classes are a hive of their own (MSDN "Merged View of HKEY_CLASSES_ROOT"; documented),
    and CurrentControlSet is the set that the last start chose (KB Q100010; documented).
    """
    links = {}
    if full == keypath.fold(keypath.split(keypath.user_root(user))):
        if machine.dialect.classes_hive and "SOFTWARE" in tree.children:
            links["SOFTWARE", "Classes"] = keypath.user_root(user) + "_Classes"
    elif full == ("REGISTRY", "MACHINE", "SYSTEM"):
        chosen = tree.find(("SELECT",))
        value = chosen.values.get("CURRENT") if chosen is not None else None
        number = int.from_bytes(value.data, "little") if value is not None else 1
        links["", "CurrentControlSet"] = rf"\REGISTRY\MACHINE\System\ControlSet{number:03}"
    for (above, name), target in links.items():
        link = Node(name, last_write=machine.clock)
        link.link, link.volatile = target, not above
        parent = tree.children[above] if above else tree
        parent.children[keypath.fold_name(name)] = link


def _take_over(machine: Machine, user: Sid, source: Machine) -> None:
    """Have *machine* hold what *source* does: its hives, with their times, and its clock."""
    if source.dialect.name != machine.dialect.name:
        raise UsageError(
            f"the seed is a machine of {source.dialect.name}, and this is {machine.dialect.name}"
        )
    if source.hive_at(keypath.user_root(user)) is None:
        raise UsageError(f"the seed is a machine on which {user} is not logged on")
    twin = source.snapshot()
    for mount, number in twin.mounts.items():
        hive = twin.hives[number]
        if mount == ("REGISTRY",) or hive.private or hive.silo:
            continue
        here = machine.mounts.get(mount)
        if here is None:
            path = keypath.join(hive.mount)
            machine.mount_hive(path, hive.root, file=hive.file, by=hive.by)
        else:
            machine.hives[here].root = hive.root
    machine.forget_idle()
    machine.clock = twin.clock
    machine.reshaped()
