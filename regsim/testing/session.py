"""A user's session as an `Api` sees it: a service of LocalSystem and a process of the user's."""

from __future__ import annotations

import attrs

from regsim import keypath
from regsim.kernel.holding import Holding
from regsim.kernel.machine import Machine
from regsim.kernel.process import Token
from regsim.status import NtStatus
from regsim.testing._fake.computer import logged_on
from regsim.types import Sid
from regsim.win32.api import Api


@attrs.frozen
class Session:
    """A logged-on user, on a machine of one dialect.

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

    def holders(self) -> list[Holding]:
        """Return every handle that is open on the user's hive, of whichever process."""
        hive = self.machine.hive_at(self.path)
        return [] if hive is None else list(self.machine.holders(hive))

    def unload(self) -> bool:
        """End the user's processes and try once to unload the hive; return whether it went.

        What a generation does when this fails is `regsim.cases.logoff`'s to say.
        """
        for process in [p for p in self.machine.processes.values() if p.user]:
            self.machine.end_process(process)
        winlogon = self.machine.start_process("winlogon")
        calls = Api(self.machine, self.machine.start_thread(winlogon))
        unloaded = calls.NtUnloadKey(self.path).status is NtStatus.SUCCESS
        self.machine.end_process(winlogon)
        return unloaded


def log_on(os: str = "win11") -> Session:
    """Return a fresh machine of *os* on which one user has just logged on.

    >>> log_on("nt4-sp6a").unload()
    True
    """
    computer = logged_on(os)
    machine = computer.machine
    machine.end_process(computer.process)
    service = machine.start_process("service", image="svchost.exe", services=("Service",))
    token = Token(computer.sid)
    desktop = machine.start_process("explorer", image="explorer.exe", token=token, user=True)
    calls = [Api(machine, machine.start_thread(process)) for process in (service, desktop)]
    return Session(machine, computer.sid, *calls)
