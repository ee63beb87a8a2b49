"""The simulated side of the judge: the lines of the driver, made on a machine of regsim.

Each ``do_`` method is the call of the driver's that has its name.
"""

# ruff: noqa: D102, N802

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lines import SID, escaped, filled, unescaped

from regsim.kernel.keys import LINK_VALUE
from regsim.kernel.machine import Machine
from regsim.kernel.process import Token
from regsim.kernel.tree import Node, grow
from regsim.status import NtStatus, to_win32
from regsim.types import NO_HANDLE, PredefinedKey, Privilege, Sid, Value
from regsim.win32.api import Api
from regsim.win32.plans import UNTOUCHED, Reply
from regsim.win32.reading import Needed

PREDEFINED = {
    "hkcr": PredefinedKey.CLASSES_ROOT,
    "hkcu": PredefinedKey.CURRENT_USER,
    "hklm": PredefinedKey.LOCAL_MACHINE,
    "hku": PredefinedKey.USERS,
    "hkpd": PredefinedKey.PERFORMANCE_DATA,
    "hkcc": PredefinedKey.CURRENT_CONFIG,
    "hkdd": PredefinedKey.DYN_DATA,
}
OBJ_INHERIT, OBJ_OPENLINK = 0x2, 0x100
FIRST_PREDEFINED = 0x80000000


def computer(system: str) -> Machine:
    """Return a machine with the hives that the judge's programs use."""
    machine = Machine(system)
    user = rf"\REGISTRY\USER\{SID}"
    classes = Node("Classes")
    if machine.dialect.classes_hive:
        machine.mount_hive(f"{user}_Classes")
        classes.link = f"{user}_Classes"
        classes.values[LINK_VALUE.upper()] = Value(LINK_VALUE, 6, classes.link.encode("utf-16-le"))
    software = Node("Software")
    grow(software, ("Classes", "CLSID"))
    if machine.dialect.view32.exists:
        grow(software, ("Wow6432Node",))
        grow(software, ("Classes", "Wow6432Node", "CLSID"))
    machine.mount_hive(r"\REGISTRY\MACHINE\Software", software)
    machine.mount_hive(r"\REGISTRY\MACHINE\System")
    root = Node(SID)
    grow(root, ("Software",)).children["CLASSES"] = classes
    machine.mount_hive(user, root)
    machine.mount_hive(r"\REGISTRY\USER\.DEFAULT")
    return machine


class Simulated:
    """One process of the driver's kind on a machine under *system*; it answers line by line."""

    def __init__(self, system: str) -> None:
        self.machine = machine = computer(system)
        token = Token(Sid(SID), frozenset(Privilege))
        self.process = machine.start_process("driver", token=token)
        self.child: Any = None
        self.api = Api(machine, machine.start_thread(self.process))
        for key in ("hklm", "hku", "hkcr", "hkcu"):  # what Wine's loader has used before
            self.api.RegQueryInfoKey(PREDEFINED[key])
        self.slots: dict[int, int] = {}
        self.open: dict[int, bool] = {}
        self.before = len(self.process.table)

    def run(self, program: list[str], tag: str) -> list[str]:
        """Return the answers to *program*."""
        return [self.answer(filled(line, tag).split("\t")) for line in program]

    def answer(self, words: list[str]) -> str:
        """Return the answer to one line; ``?`` where regsim has no such call."""
        made: Callable[..., str] | None = getattr(self, f"do_{words[0]}", None)
        return "?" if made is None else made(*words[1:])

    # -- arguments and results ----------------------------------------------------------------

    def key(self, word: str) -> int:
        if word[0] == "$":
            return self.slots.get(int(word[1:]), 0)
        return int(word[1:], 16) if word[0] == "#" else PREDEFINED.get(word, NO_HANDLE)

    def handle(self, given: int, got: Any, to: str, code: int) -> str:
        """Keep the handle *got* in slot *to* and return what it is, as the driver does."""
        kind = "N"
        if got is UNTOUCHED:
            kind, got = "U", 0
        elif not got or code:
            kind, got = "0", 0
        elif got & 0xFFFFFFFF >= 0x80000000:
            kind = "P"
        elif got == given:
            kind = "S"
        elif any(self.slots.get(n) == got for n, is_open in self.open.items() if is_open):
            kind = "O"
        if kind == "N":
            self.drop_stale()
        self.slots[int(to)], self.open[int(to)] = got, kind == "N"
        return f"{code}\t{kind}"

    def forget(self, closed: int, through: str) -> None:
        for number, value in self.slots.items():
            if value == closed:
                self.open[number] = False
                self.slots[number] = value if number == int(through[1:]) else 0

    def drop_stale(self) -> None:
        """Empty the slots of closed handles, whose values may be given out again."""
        live = {self.slots.get(number) for number, is_open in self.open.items() if is_open}
        self.slots = {n: v for n, v in self.slots.items() if v in live or v >= FIRST_PREDEFINED}

    def native(self, given: int, reply: Any, to: str) -> str:
        told = self.handle(given, reply.value, to, int(not reply.status.ok))
        return f"{int(reply.status):08x}\t{told.split(chr(9))[1]}"

    # -- opening and closing ------------------------------------------------------------------

    def do_open(self, key: str, name: str, access: str, options: str, to: str) -> str:
        k = self.key(key)
        reply = self.api.RegOpenKeyEx(
            k, unescaped(name), access=int(access, 0), options=int(options, 0)
        )
        return self.handle(k, reply.value, to, int(reply.code))

    def do_openA(self, key: str, name: str, access: str, _options: str, to: str) -> str:
        k = self.key(key)
        reply = self.api.RegOpenKeyExA(k, unescaped(name), access=int(access, 0))
        return self.handle(k, reply.value, to, int(reply.code))

    def do_opennull(self, key: str, name: str) -> str:
        reply = self.api.RegOpenKeyEx(self.key(key), unescaped(name), phk_result=False)
        return str(int(reply.code))

    def do_opn(self, key: str, name: str, to: str) -> str:
        k = self.key(key)
        reply = self.api.RegOpenKey(k, unescaped(name))
        return self.handle(k, reply.value, to, int(reply.code))

    def do_create(
        self, key: str, name: str, access: str, options: str, class_: str, to: str
    ) -> str:
        k = self.key(key)
        code, made = self.api.RegCreateKeyEx(
            k,
            unescaped(name) or "",
            access=int(access, 0),
            options=int(options, 0),
            class_name=unescaped(class_) or "",
        )
        fine = not code and made is not UNTOUCHED
        told = self.handle(k, made.handle if fine else made, to, int(code))
        return f"{told}\t{('new' if made.new else 'old') if fine else 'U'}"

    def do_creatednull(self, key: str, name: str) -> str:
        reply = self.api.RegCreateKeyEx(self.key(key), unescaped(name) or "", phk_result=False)
        return str(int(reply.code))

    def do_close(self, key: str) -> str:
        k = self.key(key)
        code = int(self.api.RegCloseKey(k).code)
        if not code and key[0] == "$":
            self.forget(k, key)
        return str(code)

    def do_connect(self, key: str, name: str, to: str) -> str:
        k = self.key(key)
        reply = self.api.RegConnectRegistry(unescaped(name), k)
        return self.handle(k, reply.value, to, int(reply.code))

    def do_ocu(self, access: str, to: str) -> str:
        reply = self.api.RegOpenCurrentUser(access=int(access, 0))
        return self.handle(0, reply.value, to, int(reply.code))

    def do_ouc(self, access: str, to: str) -> str:
        reply = self.api.RegOpenUserClassesRoot(access=int(access, 0))
        return self.handle(0, reply.value, to, int(reply.code))

    def do_discache(self) -> str:
        return str(int(self.api.RegDisablePredefinedCache().code))

    def do_discacheex(self) -> str:
        return str(int(self.api.RegDisablePredefinedCacheEx().code))

    def do_override(self, key: str, new: str) -> str:
        code = int(self.api.RegOverridePredefKey(self.key(key), self.key(new)).code)
        self.drop_stale()
        return str(code)

    def do_dup(self, key: str, to: str) -> str:
        k = self.key(key)
        reply = self.api.NtDuplicateObject(k)
        return self.handle(k, reply.value, to, int(to_win32(reply.status)))

    # -- values -------------------------------------------------------------------------------

    def do_set(self, key: str, name: str, kind: str, data: str) -> str:
        reply = self.api.RegSetValueEx(
            self.key(key), unescaped(name), int(kind, 0), bytes.fromhex(data)
        )
        return str(int(reply.code))

    def do_setkv(self, key: str, subkey: str, name: str, kind: str, data: str) -> str:
        reply = self.api.RegSetKeyValue(
            self.key(key), unescaped(subkey), unescaped(name), int(kind, 0), bytes.fromhex(data)
        )
        return str(int(reply.code))

    def do_query(self, key: str, name: str) -> str:
        return _value(self.api.RegQueryValueEx(self.key(key), unescaped(name)))

    def do_querysz(self, key: str, name: str, room: str) -> str:
        size = int(room, 0)
        return _sized(self.api.RegQueryValueEx(self.key(key), unescaped(name), size=size), size)

    def do_getval(self, key: str, subkey: str, name: str, flags: str) -> str:
        reply = self.api.RegGetValue(
            self.key(key), unescaped(subkey), unescaped(name), flags=int(flags, 0)
        )
        return _value(reply)

    def do_getvalsz(self, key: str, subkey: str, name: str, flags: str, room: str) -> str:
        reply = self.api.RegGetValue(
            self.key(key),
            unescaped(subkey),
            unescaped(name),
            flags=int(flags, 0),
            size=int(room, 0),
        )
        return _sized(reply, int(room, 0))

    def do_delval(self, key: str, name: str) -> str:
        return str(int(self.api.RegDeleteValue(self.key(key), unescaped(name)).code))

    def do_enumv(self, key: str, index: str) -> str:
        code, value = self.api.RegEnumValue(self.key(key), int(index))
        if code:
            return str(int(code))
        return f"{int(code)}\t{escaped(value.name)}\t{int(value.type)}\t{value.data.hex()}"

    def do_enumvsz(self, key: str, index: str, names: str, room: str) -> str:
        reply = self.api.RegEnumValue(
            self.key(key), int(index), name_size=int(names), size=int(room)
        )
        return _sized(reply, int(room))

    def do_vals(self, key: str) -> str:
        return self._listed(key, self.api.RegEnumValue, _listed_value)

    def _listed(self, key: str, call: Callable[..., Reply], shown: Callable[[Any], str]) -> str:
        found: list[str] = []
        while True:
            code, value = call(self.key(key), len(found))
            if code:
                return "\t".join((*found, str(int(code))))
            found.append(shown(value))

    # -- keys ---------------------------------------------------------------------------------

    def do_del(self, key: str, name: str) -> str:
        return str(int(self.api.RegDeleteKey(self.key(key), unescaped(name)).code))

    def do_delx(self, key: str, name: str, access: str, reserved: str) -> str:
        reply = self.api.RegDeleteKeyEx(
            self.key(key), unescaped(name), access=int(access, 0), reserved=int(reserved, 0)
        )
        return str(int(reply.code))

    def do_deltree(self, key: str, name: str) -> str:
        return str(int(self.api.RegDeleteTree(self.key(key), unescaped(name)).code))

    def do_copytree(self, key: str, name: str, to: str) -> str:
        return str(int(self.api.RegCopyTree(self.key(key), unescaped(name), self.key(to)).code))

    def do_rename(self, key: str, name: str, new: str) -> str:
        return str(int(self.api.RegRenameKey(self.key(key), unescaped(name), unescaped(new)).code))

    def do_enumk(self, key: str, index: str) -> str:
        code, name = self.api.RegEnumKeyEx(self.key(key), int(index))
        return str(int(code)) if code else f"0\t{escaped(name)}"

    def do_enumksz(self, key: str, index: str, room: str) -> str:
        return str(int(self.api.RegEnumKeyEx(self.key(key), int(index), size=int(room)).code))

    def do_subs(self, key: str) -> str:
        return self._listed(key, self.api.RegEnumKeyEx, escaped)

    def do_info(self, key: str) -> str:
        code, info = self.api.RegQueryInfoKey(self.key(key))
        if code:
            return str(int(code))
        counts = (info.subkeys, info.longest_subkey, info.values, info.longest_value_name)
        told = (0, escaped(info.class_name), *counts, info.longest_data)
        return "\t".join(map(str, told))

    def do_flush(self, key: str) -> str:
        return str(int(self.api.RegFlushKey(self.key(key)).code))

    def do_notify(self, key: str, event: str, subtree: str, what: str) -> str:
        self.machine.signalled.discard(event)  # as the driver resets it
        reply = self.api.RegNotifyChangeKeyValue(
            self.key(key), event, subtree=bool(int(subtree)), filter_=int(what, 0)
        )
        return str(int(reply.code))

    def do_sig(self, event: str) -> str:
        return "yes" if event in self.machine.signalled else "no"

    # -- hives --------------------------------------------------------------------------------

    def do_save(self, key: str, file: str) -> str:
        return str(int(self.api.RegSaveKey(self.key(key), unescaped(file) or "").code))

    def do_load(self, key: str, name: str, file: str) -> str:
        reply = self.api.RegLoadKey(self.key(key), unescaped(name), unescaped(file) or "")
        return str(int(reply.code))

    def do_unload(self, key: str, name: str) -> str:
        return str(int(self.api.RegUnLoadKey(self.key(key), unescaped(name)).code))

    def do_exists(self, file: str) -> str:
        return str(int(self.machine.files.exists(unescaped(file) or "")))

    def do_priv(self, name: str, on: str) -> str:
        which = Privilege.BACKUP if name == "backup" else Privilege.RESTORE
        token = self.process.token
        held = token.privileges | {which} if int(on) else token.privileges - {which}
        self.process.token = Token(token.sid, held)
        return "1"

    # -- native calls -------------------------------------------------------------------------

    def do_ntopen(self, root: str, path: str, access: str, flags: str, to: str) -> str:
        k, bits = self.key(root), int(flags, 0)
        reply = self.api.NtOpenKey(
            unescaped(path) or "",
            root=k or None,
            access=int(access, 0),
            inherit=bool(bits & OBJ_INHERIT),
            open_link=bool(bits & OBJ_OPENLINK),
        )
        return self.native(k, reply, to)

    def do_ntcreate(self, root: str, path: str, access: str, options: str, to: str) -> str:
        k = self.key(root)
        status, made = self.api.NtCreateKey(
            unescaped(path) or "", root=k or None, access=int(access, 0), options=int(options, 0)
        )
        told = self.native(k, _Native(status, made.handle if made else None), to)
        return f"{told}\t{'-' if made is None else 'new' if made.new else 'old'}"

    def do_ntclose(self, key: str) -> str:
        k = self.key(key)
        status = self.api.NtClose(k).status
        if status.ok and key[0] == "$":
            self.forget(k, key)
        return f"{int(status):08x}"

    def do_ntdelete(self, key: str) -> str:
        return f"{int(self.api.NtDeleteKey(self.key(key)).status):08x}"

    def do_ntname(self, key: str) -> str:
        status, name = self.api.NtQueryKey(self.key(key), name=True)
        return f"{int(status):08x}" + (f"\t{escaped(name)}" if status.ok else "")

    def do_ntload(self, path: str, file: str) -> str:
        return f"{int(self.api.NtLoadKey(unescaped(path) or '', unescaped(file) or '').status):08x}"

    def do_ntunload(self, path: str) -> str:
        return f"{int(self.api.NtUnloadKey(unescaped(path) or '').status):08x}"

    # -- another process ----------------------------------------------------------------------

    def do_spawn(self) -> str:
        if self.child is not None:
            return "1"  # the driver has one child at a time
        self.drop_stale()
        token = self.process.token
        self.child = self.machine.start_process("child", token=token, parent=self.process)
        return "1"

    def do_give(self, key: str) -> str:
        if self.child is None:
            return "0"
        reply = self.api.NtDuplicateObject(self.key(key), to=self.child.pid)
        return str(int(reply.status.ok))

    def do_kill(self) -> str:
        child, self.child = self.child, None
        if child is not None:
            self.machine.end_process(child)
        return str(int(child is not None))

    # -- the process itself -------------------------------------------------------------------

    def do_hbase(self) -> str:
        self.before = len(self.process.table)
        return "0"

    def do_hcount(self) -> str:
        return str(len(self.process.table) - self.before)


class _Native:
    def __init__(self, status: NtStatus, value: Any) -> None:
        self.status, self.value = status, value


def _value(reply: Reply) -> str:
    if reply.code:
        return str(int(reply.code))
    return f"0\t{int(reply.value.type)}\t{reply.value.data.hex()}"


def _listed_value(value: Value) -> str:
    return f"{escaped(value.name)}:{int(value.type)}:{value.data.hex()}"


def _sized(reply: Reply, room: int) -> str:
    """Return code, type and size of a call that had *room*; -1 and the room where none is told."""
    value = reply.value
    if isinstance(value, Value):
        return f"{int(reply.code)}\t{int(value.type)}\t{len(value.data)}"
    if isinstance(value, Needed):
        return f"{int(reply.code)}\t{value.type}\t{value.size}"
    return f"{int(reply.code)}\t-1\t{room}"
