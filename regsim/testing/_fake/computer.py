"""A computer with a user logged on, copied from one prepared beforehand."""

from __future__ import annotations

from functools import cache
from typing import Final

import attrs

from regsim import dialects, keypath
from regsim.kernel.hive import Hive, MemoryStore
from regsim.kernel.machine import Machine
from regsim.kernel.process import SYSTEM_TOKEN, Process, Token
from regsim.kernel.tree import Node, grow
from regsim.testing._fake.store import MixedStore
from regsim.types import Privilege, Sid, Value

USER: Final = "user"
"""The account that is logged on."""
USER_SID: Final = Sid("S-1-5-21-1004336348-1177238915-682003330-1001")
BOTH: Final = frozenset(Privilege)
LOGON_TIME: Final = 133_485_408_000_000_000
"""The machine's clock at the start, a FILETIME: 2024-01-01 00:00 UTC; it does not run."""

_CURRENT_VERSION: Final = r"Microsoft\Windows\CurrentVersion"
_SOFTWARE: Final = (
    *(rf"{_CURRENT_VERSION}\{name}" for name in ("Explorer", "Run", "RunOnce", "Uninstall")),
    rf"{_CURRENT_VERSION}\Policies",
    r"Microsoft\Windows NT\CurrentVersion\ProfileList",
    r"Classes\CLSID",
    "Policies",
    "WOW6432Node",
)
_SYSTEM: Final = (
    r"CurrentControlSet\Control\Session Manager\Environment",
    r"CurrentControlSet\Hardware Profiles\Current",
    r"CurrentControlSet\Services",
)
_USER: Final = (
    *(rf"Software\{_CURRENT_VERSION}\{name}" for name in ("Explorer", "Run", "RunOnce")),
    rf"Software\{_CURRENT_VERSION}\Policies",
    "Console",
    r"Control Panel\Desktop",
    "Environment",
    "Volatile Environment",
)
_CLASSES: Final = ("CLSID", r"Local Settings\Software\Microsoft\Windows")


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


def logged_on(os: str = "win11", *, privileges: bool = True, system: bool = False) -> Computer:
    """Return a fresh computer under dialect *os* with `USER` logged on. Under a millisecond.

    Args:
        os: a dialect's name.
        privileges: whether the process has SeBackup and SeRestore switched on, as an elevated one
            that has asked for them; without, LoadKey and SaveKey fail with 1314.
        system: whether the process is a service that runs as LocalSystem instead of the user.

    Raises:
        UnknownNameError: there is no such dialect; it lists those there are.
    """
    machine = _prepared(dialects.get(os).name).snapshot()
    token = Token(USER_SID, BOTH if privileges else frozenset())
    process = machine.start_process(
        "python", image="python.exe", token=SYSTEM_TOKEN if system else token, user=not system
    )
    accounts = {USER: USER_SID}
    return Computer(machine=machine, process=process, sid=USER_SID, accounts=accounts)


@cache
def _prepared(os: str) -> Machine:
    """Return the machine that fresh ones are snapshots of; nobody else writes to it."""
    dialect = dialects.get(os)
    machine = Machine(dialect, files=MixedStore(MemoryStore()))
    machine.clock = LOGON_TIME
    config = r"C:\Windows\System32\config"
    _mount(machine, r"\REGISTRY\MACHINE\Software", _software(), rf"{config}\SOFTWARE")
    _mount(machine, r"\REGISTRY\MACHINE\System", _tree("System", *_SYSTEM), rf"{config}\SYSTEM")
    _mount(machine, r"\REGISTRY\USER\.DEFAULT", _tree(".DEFAULT", *_USER), rf"{config}\DEFAULT")
    root = keypath.user_root(USER_SID)
    user = _tree(USER_SID, *_USER)
    if dialect.classes_hive:
        link = Node("Classes", last_write=LOGON_TIME)
        link.link = root + "_Classes"
        user.children["SOFTWARE"].children["CLASSES"] = link
        classes = r"C:\Users\user\AppData\Local\Microsoft\Windows\UsrClass.dat"
        _mount(machine, root + "_Classes", _tree(f"{USER_SID}_Classes", *_CLASSES), classes)
    else:
        grow(user, ("Software", "Classes"))
    _mount(machine, root, user, r"C:\Users\user\NTUSER.DAT")
    top = machine.hive_at("\\REGISTRY")
    for _, node in top.root.walk() if top else ():  # HKEY_LOCAL_MACHINE and HKEY_USERS
        node.last_write = LOGON_TIME
    return machine


def _mount(machine: Machine, path: str, root: Node, file: str) -> None:
    machine.files.write(file, root)
    machine.mount_hive(path, root, file=file)


def _tree(name: str, *paths: str) -> Node:
    root = Node(name)
    for path in paths:
        grow(root, keypath.split(path))
    for _, node in root.walk():
        node.last_write = LOGON_TIME
    return root


def _software() -> Node:
    root = _tree("Software", *_SOFTWARE)
    place = root.find(("MICROSOFT", "WINDOWS", "CURRENTVERSION"))
    if place is not None:
        for value in (
            Value.sz("ProgramFilesDir", r"C:\Program Files"),
            Value.sz("CommonFilesDir", r"C:\Program Files\Common Files"),
        ):
            place.values[value.name.upper()] = value
    return root
