"""A machine with one user logged on, and a service of LocalSystem: what most tests start from."""

from __future__ import annotations

import attrs

from regsim import dialects, keypath
from regsim.actors.stage import PROFILE, SERVER, USER
from regsim.kernel.machine import Holder, Machine
from regsim.kernel.predef import DEFAULT_USER
from regsim.kernel.process import Token
from regsim.kernel.tree import Node
from regsim.models.case import fresh_profile
from regsim.policy import Dialect
from regsim.status import NtStatus
from regsim.types import ObjectId, Sid
from regsim.win32.api import Api


@attrs.frozen
class Session:
    """A logged-on user with a roaming profile, on a machine of one dialect.

    Attributes:
        machine: the machine; its `files` hold the local copy of the profile.
        user: the user's SID.
        service: the calls of a service of LocalSystem that may act as the user.
        desktop: the calls of a process of the user's own, which ends at logoff.
    """

    machine: Machine
    user: Sid
    service: Api
    desktop: Api

    @property
    def path(self) -> str:
        r"""The full path of the user's hive, ``\REGISTRY\USER\<SID>``."""
        return keypath.user_root(self.user)

    def holders(self) -> list[Holder]:
        """Return every handle that is open on the user's hive, of whichever process."""
        hive = self.machine.hive_at(self.path)
        if hive is None:
            return []
        return [
            self.machine.holder(process, handle, self.machine.objects[ObjectId(entry[0])])
            for process in self.machine.processes.values()
            for handle, entry in process.table.items()
            if entry[1] == hive.id and self.machine.objects[ObjectId(entry[0])].kcb.live
        ]

    def log_off(self) -> bool:
        """End the user's processes and try once to unload the hive; return whether it went.

        Saving the roaming copy follows the unload, as on the generations that do not force.
        """
        for process in [p for p in self.machine.processes.values() if p.user]:
            self.machine.end_process(process)
        winlogon = self.machine.start_process("winlogon")
        calls = Api(self.machine, self.machine.start_thread(winlogon))
        unloaded = calls.NtUnloadKey(self.path).status is NtStatus.SUCCESS
        self.machine.end_process(winlogon)
        if unloaded:
            saved = self.machine.files.read(PROFILE)
            assert saved is not None  # noqa: S101 - a mounted profile has its file
            self.machine.server.write(SERVER, saved)
        return unloaded


def log_on(os: str | Dialect = "win11", *, profile: Node | None = None) -> Session:
    """Return a fresh machine of *os* on which one user has just logged on.

    *profile* is the user's hive; by default what a first logon leaves.

    >>> session = log_on("nt4-sp6a")
    >>> session.log_off()
    True
    """
    dialect = dialects.get(os) if isinstance(os, str) else os
    machine = Machine(dialect)
    machine.mount_hive(DEFAULT_USER, file=r"C:\Config\default")
    tree = profile if profile is not None else fresh_profile()
    machine.files.write(PROFILE, tree)
    machine.server.write(SERVER, tree)
    machine.mount_hive(keypath.user_root(USER), tree, file=PROFILE)
    service = machine.start_process("service", image="svchost.exe", services=("Service",))
    desktop = machine.start_process("explorer", image="explorer.exe", token=Token(USER), user=True)
    calls = [Api(machine, machine.start_thread(process)) for process in (service, desktop)]
    return Session(machine, USER, *calls)
