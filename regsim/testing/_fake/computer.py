"""A computer with a user logged on, copied from one prepared beforehand."""

from __future__ import annotations

from functools import cache, partial
from typing import Final

import attrs

from regsim import dialects, keypath
from regsim.kernel.hive import Hive, MemoryStore
from regsim.kernel.machine import Machine
from regsim.kernel.process import SYSTEM_TOKEN, Process, Token
from regsim.kernel.tree import Node, durable, grow
from regsim.testing._fake.store import MixedStore
from regsim.testing.installed import base, folders
from regsim.testing.installed.folders import USER
from regsim.testing.installed.system import Installation, system_of
from regsim.types import Privilege, Sid

USER_SID: Final = Sid("S-1-5-21-1004336348-1177238915-682003330-1001")
BOTH: Final = frozenset(Privilege)
LOGON_TIME: Final = 133_485_408_000_000_000
"""The machine's clock at the start, a FILETIME: 2024-01-01 00:00 UTC; it does not run."""


@attrs.frozen(kw_only=True)
class Computer:
    """A machine with a logged-on user, and the process of theirs that the tests' code runs in.

    ``accounts`` are the users it knows, by name, and their SIDs.
    """

    machine: Machine
    process: Process
    sid: Sid
    accounts: dict[str, Sid]

    @property
    def hive(self) -> Hive | None:
        """The user's hive while it is loaded."""
        return self.machine.hive_at(keypath.user_root(self.sid))


def logged_on(
    os: str = "win11", *, privileges: bool = True, system: bool = False, bare: bool = False
) -> Computer:
    """Return a fresh computer under dialect *os* with `USER` logged on. Under a millisecond.

    Args:
        os: a dialect's name.
        privileges: whether the process has SeBackup and SeRestore switched on, as an elevated one
            that has asked for them; without, LoadKey and SaveKey fail with 1314.
        system: whether the process is a service that runs as LocalSystem instead of the user.
        bare: whether its registry has only the keys that everything else is below, instead of what
            an installed system of that generation has (`regsim.testing.installed.base`).

    Raises:
        UnknownNameError: there is no such dialect; it lists those there are.
    """
    machine = _prepared(dialects.get(os).name, bare).snapshot()
    token = Token(USER_SID, BOTH if privileges else frozenset())
    process = machine.start_process(
        "python", image="python.exe", token=SYSTEM_TOKEN if system else token, user=not system
    )
    accounts = {USER: USER_SID}
    return Computer(machine=machine, process=process, sid=USER_SID, accounts=accounts)


@cache
def _prepared(os: str, bare: bool) -> Machine:
    """Return the machine that fresh ones are snapshots of; nobody else writes to it."""
    dialect = dialects.get(os)
    machine = Machine(dialect, files=MixedStore(MemoryStore()))
    machine.clock = LOGON_TIME
    system = system_of(os)
    make = base.bare_trees if bare else partial(base.trees, system, USER_SID)
    trees = make(LOGON_TIME)
    config = rf"{system.windows}\System32\config"
    for name in (base.SOFTWARE, base.SYSTEM):
        _mount(machine, rf"\REGISTRY\MACHINE\{name}", trees[name], rf"{config}\{name}")
    _mount(machine, r"\REGISTRY\USER\.DEFAULT", make(LOGON_TIME)[base.USER], rf"{config}\DEFAULT")
    if not bare:
        _mount_rest(machine, system, trees[base.HARDWARE])
    _mount_user(machine, trees, folders.profile(system), old=not system.modern)
    top = machine.hive_at("\\REGISTRY")
    for _, node in top.root.walk() if top else ():  # HKEY_LOCAL_MACHINE and HKEY_USERS
        node.last_write = LOGON_TIME
    return machine


def _mount_user(machine: Machine, trees: dict[str, Node], profile: str, *, old: bool) -> None:
    """Mount the hives of `USER`; *old* profiles keep the classes elsewhere."""
    root, user = keypath.user_root(USER_SID), trees[base.USER]
    classes = grow(user, ("Software", "Classes"))
    classes.last_write = LOGON_TIME
    if machine.dialect.classes_hive:
        classes.link = root + "_Classes"
        local = r"Local Settings\Application Data" if old else r"AppData\Local"
        place = rf"{profile}\{local}\Microsoft\Windows\UsrClass.dat"
        _mount(machine, root + "_Classes", trees[base.CLASSES], place)
    _mount(machine, root, user, rf"{profile}\NTUSER.DAT")


def _mount_rest(machine: Machine, system: Installation, hardware: Node) -> None:
    """Mount what an installed system has besides: no key of it is protected here."""
    for _, node in hardware.walk():
        node.volatile = True
    machine.mount_hive(r"\REGISTRY\MACHINE\HARDWARE", hardware)
    if system.lean:
        return
    for name in ("SAM", "SECURITY"):
        place = rf"{system.windows}\System32\config\{name}"
        _mount(machine, rf"\REGISTRY\MACHINE\{name}", Node(name, last_write=LOGON_TIME), place)
    if system.service_accounts:
        top = machine.hive_at("\\REGISTRY")
        if top is not None:
            same = grow(top.root, ("USER", base.SYSTEM_SID))
            same.link = r"\REGISTRY\USER\.DEFAULT"
        for sid, name in base.SERVICES.items():
            tree = base.trees(system, USER_SID, LOGON_TIME)[base.USER]
            home = base.service_profile(system, name, system.windows, system.profiles)
            _mount(machine, keypath.user_root(sid), tree, rf"{home}\NTUSER.DAT")


def _mount(machine: Machine, path: str, root: Node, file: str) -> None:
    root.name = keypath.split(path)[-1]
    machine.files.write(file, durable(root))
    machine.mount_hive(path, root, file=file)
