"""What every incident shares: a machine with one roaming user, a logoff, and how it ended."""

from __future__ import annotations

from collections.abc import Callable

from regsim import dialects
from regsim.actors.stage import ICW, PENDING, PROFILE, SERVER, USER, USER_ON, USER_PATH
from regsim.actors.winlogon import winlogon
from regsim.cases.fixes import Fix, dialect_with
from regsim.kernel.machine import Machine
from regsim.kernel.predef import DEFAULT_USER
from regsim.kernel.process import Process, Thread, Token
from regsim.kernel.tree import Node, grow
from regsim.policy import Dialect
from regsim.scenario import Outcome, Run, Stage
from regsim.status import NtStatus
from regsim.types import SECOND, PredefinedKey, Value
from regsim.win32 import advapi, advapi_data
from regsim.win32.plans import Known, Planned, alone

HORIZON = 3600
"""How many seconds a logoff that waits for ever is watched."""
_NT4 = ("nt31", "nt351", "nt4")
_OLD_SERVICES = (*_NT4, "win95", "wine", "reactos")
WIZARD_KEY = r"Software\Microsoft\Internet Connection Wizard"


def fresh_profile() -> Node:
    """Return a user's hive as a first logon leaves it."""
    root = Node("NTUSER.DAT")
    grow(root, ("Software", "Microsoft", "Internet Connection Wizard"))
    desktop = grow(root, ("Control Panel", "Desktop"))
    value = Value.sz("Wallpaper", "(None)")
    desktop.values[value.name.upper()] = value
    return root


def hosted(os: str) -> bool:
    """Return whether services of this system share a host process."""
    return not os.startswith(_OLD_SERVICES)


class Case:
    """One incident on one system: the machine, its recorder, and the actors all cases have."""

    def __init__(self, os: str, fix: Fix, *, profile: Node | None = None) -> None:
        self.os, self.fix = os, fix
        self.plain: Dialect = dialects.get(os)
        self.dialect = dialect_with(fix, self.plain)
        self.machine = Machine(self.dialect)
        self.machine.mount_hive(DEFAULT_USER, file=r"C:\Config\default")
        tree = profile if profile is not None else fresh_profile()
        self.machine.files.write(PROFILE, tree)
        self.machine.server.write(SERVER, tree)
        self.before = self.machine.server.content()
        for var in (PENDING, USER_ON, ICW):
            self.machine.memory.vars[var.name] = 0
        self.stage = Stage(self.machine, USER_PATH)
        image = "winlogon.exe" if os.startswith((*_OLD_SERVICES, "w2k", "xp", "2003")) else ""
        process = self.machine.start_process("winlogon", image=image or "svchost.exe")
        if not image:
            process.services = ("ProfSvc",)
        self.winlogon = self.stage.actor(process, self.dialect.logoff.actor, pc="off")
        self.logoff_program = winlogon(self.dialect, modern=not os.startswith(_NT4))
        self.broken = False
        self.unloaded_at_logoff = False

    def service(self, name: str, role: str) -> Process:
        """Start the service *name*, in a process of its own or in a shared host."""
        if hosted(self.os):
            return self.machine.start_process(role, image="svchost.exe", services=(name,))
        return self.machine.start_process(role, image=f"{role}.exe", services=(name,))

    def user_process(self, role: str, title: str) -> Thread:
        """Start a process of the logged-on user and return its thread."""
        token = Token(USER)
        process = self.machine.start_process(role, image=f"{role}.exe", token=token, user=True)
        return self.stage.actor(process, title)

    def call(self, thread: Thread, planned: Planned) -> tuple[NtStatus, object]:
        """Have *thread* make a call; an answer that needs no kernel is not recorded."""
        if isinstance(planned, Known):
            return NtStatus.SUCCESS, planned.reply.value
        return self.stage.call(thread, planned)

    def logon(self) -> None:
        """Log the user on."""
        if self.winlogon.pc in ("saved", "lost"):
            self.stage.play(self.winlogon, self.logoff_program, "off")
        self.stage.play(self.winlogon, self.logoff_program, "session")

    def change_settings(self) -> Thread:
        """Have the user's wizard note in the hive that it has run; return its thread."""
        thread = self.user_process("icwconn1", "ICW")
        created = advapi.RegCreateKeyEx(self.dialect, PredefinedKey.CURRENT_USER, WIZARD_KEY)
        _, made = self.call(thread, created)
        handle = getattr(made, "handle", made)
        done = (1).to_bytes(4, "little")
        self.call(thread, advapi_data.RegSetValueEx(self.dialect, handle, "Completed", 4, done))
        self.call(thread, advapi.RegCloseKey(self.dialect, handle))
        return thread

    def logoff(
        self,
        *,
        before_unload: Callable[[], None] | None = None,
        each: Callable[[], None] | None = None,
    ) -> str:
        """Log the user off; return ``saved``, ``lost``, or ``unloading`` when it still waits.

        *before_unload* happens once the session's processes have ended, *each* after every step.
        """
        self.machine.clock += SECOND
        self.stage.play(self.winlogon, self.logoff_program, "unloading")
        if before_unload is not None:
            before_unload()
        start = self.stage.now

        def watch() -> None:
            if each is not None:
                each()
            if self.stage.now - start > HORIZON:
                raise _StillWaitingError

        try:
            end = self.stage.play(self.winlogon, self.logoff_program, "saved", "lost", each=watch)
        except _StillWaitingError:
            end = "unloading"
        self.unloaded_at_logoff = self.machine.hive_at(USER_PATH) is None
        return end

    def stop_service(self, role: str, text: str) -> None:
        """Have the service control manager stop the service in process *role*."""
        scm = self.stage.actor(self.machine.start_process("services"), "Service control manager")
        call = alone("StopService", "EndProcess", does="stop-service", text=text, role=role)
        self.stage.call(scm, call)

    def clean_up(self) -> None:
        """Have UPHClean put what is left on the user's hive onto a harmless key."""
        process = self.machine.start_process("uphclean", services=("UPHClean",))
        call = alone(
            "UPHClean",
            "ReleaseHandles",
            does="release-handles",
            text="UPHClean releases HKU\\<SID>",
            path=USER_PATH,
            onto=DEFAULT_USER,
        )
        self.stage.call(self.stage.actor(process, "UPHClean"), call)

    def finish(
        self, scenario: str, title: str, note: str = "", *, saved: bool | None = None
    ) -> Run:
        """Return what the run leaves, its outcome judged from the machine and the file server.

        *saved* is given where the profile is no roaming one.
        """
        machine, stage = self.machine, self.stage
        if saved is None:
            saved = machine.server.content() != self.before
        return Run(
            scenario=scenario,
            title=title,
            os=self.os,
            os_title=self.dialect.title,
            fix=self.fix.name,
            outcome=self._outcome(saved=saved),
            unloaded=self.unloaded_at_logoff,
            profile_saved=saved,
            status=stage.status,
            blockers=stage.blockers,
            events=tuple(machine.events),
            calls=tuple(stage.calls),
            note=note,
            server_copy=machine.server.read(SERVER),
        )

    def _outcome(self, *, saved: bool) -> Outcome:
        if not saved:
            return Outcome.LOST
        if self.broken:
            return Outcome.HOLDER_BROKEN
        first = self.stage.attempts == 1 and self.unloaded_at_logoff
        return Outcome.SAVED if first else Outcome.LATE


class _StillWaitingError(Exception):
    """The logoff waits for handles that nobody closes."""
