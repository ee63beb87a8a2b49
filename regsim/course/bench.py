"""The small computers that exercises are played on."""

from __future__ import annotations

from collections.abc import Iterable

from regsim import dialects, keypath
from regsim.kernel.hive import Hive
from regsim.kernel.holding import Holding, holding
from regsim.kernel.machine import Machine
from regsim.kernel.process import Process
from regsim.kernel.tree import Node, grow
from regsim.status import NtStatus
from regsim.types import PredefinedKey, Sid, Value
from regsim.win32.api import Api

HKCU = PredefinedKey.CURRENT_USER
ANNA = Sid("S-1-5-21-7-1001")
BERT = Sid("S-1-5-21-7-1002")
DESKTOP = r"Control Panel\Desktop"
PEOPLE = {ANNA: "Anna", BERT: "Bert"}


class Bench:
    """A computer on which Anna and Bert are logged on, with the hives of both.

    Args:
        os: the dialect's name.
    """

    def __init__(self, os: str) -> None:
        self.machine = Machine(dialects.get(os))
        self._mount(r"\REGISTRY\MACHINE\SOFTWARE", _tree("Microsoft", "Vendor"))
        self._mount(r"\REGISTRY\USER\.DEFAULT", _profile("system.bmp"))
        for sid, name in PEOPLE.items():
            self._mount(keypath.user_root(sid), _profile(f"{name.lower()}.bmp"))
        if self.machine.dialect.classes_hive:
            self._mount(keypath.user_root(ANNA) + "_Classes", _tree("CLSID"))

    def _mount(self, path: str, root: Node) -> None:
        name = keypath.split(path)[-1]
        self.machine.mount_hive(path, root, file=f"C:\\Hives\\{name}")

    def hive(self, sid: Sid, suffix: str = "") -> Hive:
        """Return the mounted hive of *sid*, or with suffix ``_Classes`` that of its classes."""
        found = self.machine.hive_at(keypath.user_root(sid) + suffix)
        assert found is not None  # noqa: S101 - the constructor mounts it
        return found

    def service(self, role: str = "tapisrv", image: str = "", name: str = "TapiSrv") -> Api:
        """Start a service that runs as LocalSystem and return its calls."""
        process = self.machine.start_process(role, image=image, services=(name,) if name else ())
        return Api(self.machine, self.machine.start_thread(process))

    def process(self, api: Api) -> Process:
        """Return the process whose calls *api* makes."""
        return self.machine.process_of(api.tid)

    def holders(self, api: Api) -> list[Holding]:
        """Return what the process of *api* holds open, in order of handle."""
        process = self.process(api)
        return [holding(self.machine, process, handle) for handle, _ in process.table.items()]

    def unload(self, path: str, *, ended: Iterable[Process] = ()) -> NtStatus:
        """Return what an unload of the hive at *path* answers once *ended* have; nothing stays."""
        trial = self.machine.snapshot()
        for process in ended:
            trial.end_process(trial.processes[process.pid])
        winlogon = trial.start_process("winlogon-of-the-trial", image="winlogon.exe")
        return Api(trial, trial.start_thread(winlogon)).NtUnloadKey(path).status


def listed(holders: Iterable[Holding]) -> str:
    """Return handles and their keys in a few words, such as a debugger would show them."""
    rows = [
        f"{holder.handle:#x} on {keypath.short(holder.key)}"
        + (" (nobody asked for it)" if holder.implicit else "")
        for holder in holders
    ]
    return "; ".join(rows) if rows else "nothing"


def _tree(*paths: str) -> Node:
    root = Node("root")
    for path in paths:
        grow(root, keypath.split(path))
    return root


def _profile(wallpaper: str) -> Node:
    root = _tree("Software", DESKTOP)
    value = Value.sz("Wallpaper", wallpaper)
    grow(root, keypath.split(DESKTOP)).values[value.name.upper()] = value
    return root
