"""What every incident shares: a machine with one roaming user, a logoff, and how it ended."""

from __future__ import annotations

from collections.abc import Callable

from regsim import dialects
from regsim.actors.stage import PROFILE, SERVER, USER, USER_PATH
from regsim.cases.fixes import Fix, dialect_with
from regsim.cases.logoff import Unloader, judged
from regsim.kernel.machine import Machine
from regsim.kernel.predef import DEFAULT_USER
from regsim.kernel.process import Process, Thread, Token
from regsim.kernel.tree import Node, grow
from regsim.scenario import About, Run, Scenario
from regsim.status import NtStatus
from regsim.types import SECOND, PredefinedKey, Value
from regsim.win32 import advapi, advapi_data
from regsim.win32.plans import Known, Planned, alone

WIZARD_KEY = r"Software\Microsoft\Internet Connection Wizard"


def fresh_profile() -> Node:
    """Return a user's hive as a first logon leaves it."""
    root = Node("NTUSER.DAT")
    grow(root, ("Software", "Microsoft", "Internet Connection Wizard"))
    desktop = grow(root, ("Control Panel", "Desktop"))
    value = Value.sz("Wallpaper", "(None)")
    desktop.values[value.name.upper()] = value
    return root


class Case:
    """One incident on one system: the machine, its recorder, and the actors all cases have.

    Attributes:
        about: the words for the hive and for how the run ends.
        broken: whether the logoff broke a process that held the hive.
        saved: whether the profile is saved; None asks the file server when the case ends.
    """

    def __init__(self, os: str, fix: Fix, *, profile: Node | None = None) -> None:
        self.fix = fix
        self.dialect = dialect_with(fix, dialects.get(os))
        self.machine = Machine(self.dialect)
        self.machine.mount_hive(DEFAULT_USER, file=r"C:\Config\default")
        tree = profile if profile is not None else fresh_profile()
        self.machine.files.write(PROFILE, tree)
        self.machine.server.write(SERVER, tree)
        self.before = self.machine.server.content()
        self.stage = Scenario(self.machine, USER_PATH)
        self.unloader = Unloader(self.stage)
        self.about = About()
        self.broken = False
        self.saved: bool | None = None
        self.unloaded_at_logoff = False

    def service(self, name: str, role: str) -> Process:
        """Start the service *name*, in a process of its own or in a shared host."""
        image = "svchost.exe" if self.dialect.hosted_services else f"{role}.exe"
        return self.machine.start_process(role, image=image, services=(name,))

    def user_process(self, role: str, title: str) -> Thread:
        """Start a process of the logged-on user and return its thread."""
        process = self.machine.start_process(role, token=Token(USER), user=True)
        return self.stage.actor(process, title)

    def impersonate(self, thread: Thread, *, on: bool = True) -> None:
        """Have *thread* act as the user; with *on* false, as itself again."""
        self.machine.threads[thread.tid].token = Token(USER) if on else None

    def call(self, thread: Thread, planned: Planned) -> tuple[NtStatus, object]:
        """Have *thread* make a call; an answer that needs no kernel is not recorded."""
        if isinstance(planned, Known):
            return NtStatus.SUCCESS, planned.reply.value
        return self.stage.call(thread, planned)

    def use_root(self, thread: Thread) -> None:
        """Have *thread* read a key below HKEY_CURRENT_USER, which leaves the root open."""
        opening = advapi.RegOpenKeyEx(self.dialect, PredefinedKey.CURRENT_USER, WIZARD_KEY)
        _, handle = self.call(thread, opening)
        self.call(thread, advapi_data.RegQueryValueEx(self.dialect, handle, "Completed"))
        self.call(thread, advapi.RegCloseKey(self.dialect, handle))

    def close_root(self, thread: Thread) -> None:
        """Have *thread* close the root that stands behind HKEY_CURRENT_USER."""
        self.call(thread, advapi.RegCloseKey(self.dialect, PredefinedKey.CURRENT_USER))

    def logon(self) -> None:
        """Log the user on."""
        self.unloader.log_on()

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

        *before_unload* happens once the session's processes have ended, *each* after every step
        from then on.
        """
        self.machine.clock += SECOND
        self.unloader.end_session()
        if before_unload is not None:
            before_unload()
        end = self.unloader.unload(each)
        self.unloaded_at_logoff = self.unloader.unloaded
        return end

    def after(self, seconds: int, act: Callable[[], None]) -> Callable[[], None]:
        """Return what to do after each step so that *act* happens once, *seconds* from now."""
        due = self.stage.now + seconds
        done: list[bool] = []

        def watch() -> None:
            if not done and self.stage.now >= due:
                done.append(True)
                act()

        return watch

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

    def finish(self, scenario: str, title: str, note: str = "") -> Run:
        """Return what the run leaves, its outcome judged from the machine and the file server."""
        machine, stage, saved = self.machine, self.stage, self.saved
        if saved is None:
            saved = machine.server.content() != self.before
        at_once = stage.attempts == 1 and self.unloaded_at_logoff
        return Run(
            scenario=scenario,
            title=title,
            os=self.dialect.name,
            os_title=self.dialect.title,
            fix=self.fix.name,
            outcome=judged(saved=saved, broken=self.broken, at_once=at_once),
            unloaded=self.unloaded_at_logoff,
            profile_saved=saved,
            status=stage.status,
            blockers=stage.blockers,
            events=tuple(machine.events),
            calls=tuple(stage.calls),
            note=note,
            about=self.about,
            server_copy=machine.server.read(SERVER),
        )
