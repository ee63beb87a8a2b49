r"""An app's container keeps its hives mounted, and the updated app does not start (0x80070020).

A packaged desktop app runs in a container: a job made into a silo, with hives of its own mounted at
``\REGISTRY\WC\Silo<guid>user_sid`` and the like, whose files lie in the user's folder for the
package. When the app has been updated and is started again, a new container is built, which mounts
the same files; while the old container's hives are mounted that fails with a sharing violation, and
AppModel-Runtime writes 215, 217 (of the new container) and 208. No process need have a handle on
the hive. Sources: Project Zero, The Windows Registry Adventure (such hives and how they are
loaded); the events' texts; documented. Who keeps them is told in issues of anthropics/claude-code
(53247, 73107, 87879, 88429, 89676, 89687, 92961, 93220): observed, and contested, see `KEEPERS`.
That the file of the user's hive is what collides is inferred.

`WAYS` has what was tried against it, by whom it worked and by whom not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from regsim import dialects
from regsim.actors.stage import USER
from regsim.cases.case import Case, fresh_profile
from regsim.check.property import Property, always, leads_to, sometimes
from regsim.explore.incident import Incident
from regsim.explore.parameters import choice, number
from regsim.explore.scene import Scene
from regsim.kernel.expr import Ask, Expr, Scope, Var
from regsim.kernel.loading import restart
from regsim.kernel.process import Process, Thread, Token
from regsim.kernel.steps import Op, Program, Set, Step, go, ok, op
from regsim.policy import DIFFERENCING, Dialect, Evidence, Grade, Unmount
from regsim.scenario import About
from regsim.status import NtStatus
from regsim.win32.plans import alone

if TYPE_CHECKING:
    from regsim.explore.system import System

OLD: Final = "{0b1e0000-0000-4000-8000-000000000001}"
NEW: Final = "{0b1e0000-0000-4000-8000-000000000002}"
SERVICE: Final = "{0b1e0000-0000-4000-8000-000000000003}"
"""The silos: of the app before its update and after it, and of the package's service."""
_FOLDER: Final = r"C:\Users\user\AppData\Local\Packages\Contoso.App_8wekyb3d8bbwe\SystemAppData"
USER_DAT: Final = rf"{_FOLDER}\Helium\User.dat"
CLASSES_DAT: Final = rf"{_FOLDER}\Helium\UserClasses.dat"
SERVICE_DAT: Final = r"C:\ProgramData\Packages\Contoso.App_8wekyb3d8bbwe\S-1-5-18\User.dat"
HIVE: Final = rf"\REGISTRY\WC\Silo{OLD}user_sid"
"""Where the app's user hive is mounted for the old container."""
PACKAGES: Final = {
    OLD: "Contoso.App_1.0.0.0_x64__8wekyb3d8bbwe",
    NEW: "Contoso.App_2.0.0.0_x64__8wekyb3d8bbwe",
}
_LOG: Final = "Microsoft-Windows-AppModel-Runtime"

_THREADS: Final = "anthropics/claude-code issues"
CONTESTED: Final = "what keeps a container's hives mounted"


@attrs.frozen
class Keeper:
    """One answer to what keeps a container's hives: the kernel's rule, and who says so."""

    rule: Unmount
    evidence: Evidence


def _seen(text: str) -> Evidence:
    return Evidence(Grade.OBSERVED, f"{_THREADS} {text}")


KEEPERS: Final = {
    "members": Keeper(
        Unmount.LAST_MEMBER,
        _seen(
            "53247, 73107, 93220: live processes in the job, no part of the package and without a "
            "handle on the hive; 88429 and 89676 found none"
        ),
    ),
    "job-handle": Keeper(
        Unmount.JOB_CLOSED,
        _seen(
            "88429, 89676: a handle to the job in the host of Appinfo, and no member; 89676 and "
            "92961 restarted Appinfo in vain"
        ),
    ),
    "unknown": Keeper(Unmount.NOTHING, _seen("53247, 91482, 92961: nothing was found")),
}
"""What keeps the hives, as reported: contested."""


@attrs.frozen
class Way:
    """One way out: what is done, and on whose word it works or does not."""

    says: str
    evidence: Evidence


WAYS: Final = {
    "none": Way("nothing is done", _seen("53247, 88101: each further start fails too")),
    "end-members": Way(
        "every process left in the container's job is ended",
        _seen("53247, 73107, 93220 worked; 88429, 89676, 91482 did not, or found no member"),
    ),
    "stop-packaged-service": Way(
        "the package's service is stopped; it has a container of its own",
        _seen("53247, 88429, 91482, 92961, 93783 did not work; nobody reports that it did"),
    ),
    "restart-appinfo": Way(
        "the service that builds containers is restarted, and its handles are closed",
        _seen("89676, 92961 did not work; nobody reports that it did"),
    ),
    "unload-by-path": Way(
        "an unload of the hive by its path, without force",
        Evidence(
            Grade.INFERRED,
            "windows-driver-docs-ddi PR 1631: an unload answers STATUS_CANNOT_DELETE, and a "
            "component of Windows owns these hives",
        ),
    ),
    "force-unload": Way(
        "NtUnloadKey2 with REG_FORCE_UNLOAD on the silo's hives, SeBackup and SeRestore enabled",
        _seen(
            "53247, 89687 worked; a running app's hives go too, and Windows' maintainers advise "
            "against it (windows-driver-docs-ddi PR 1631)"
        ),
    ),
    "sign-out": Way(
        "the user signs out and in again",
        _seen("53247, 87879, 89687, 91663 worked; 89676 did not"),
    ),
    "restart": Way(
        "Windows is started again",
        _seen("53247, 73107, 87879, 88429, 89676, 91482 worked; it comes back at a later update"),
    ),
}
"""What was tried against it."""


def ruled(dialect: Dialect, keeper: str) -> Dialect:
    """Return *dialect* with *keeper*, one of `KEEPERS`, as what keeps a container's hives."""
    return dialect.with_(unmounts=attrs.evolve(dialect.unmounts, silo=KEEPERS[keeper].rule))


def rests_on(keeper: str) -> str:
    """Return the sentence that a verdict rests on what is contested, and on whose word."""
    proof = KEEPERS[keeper].evidence
    return (
        f"This rests on a contested fact, {CONTESTED}: {keeper} ({proof.grade.value}: "
        f"{proof.source})."
    )


# -- played once ------------------------------------------------------------------------------


def run(case: Case, *, keeper: str = "members") -> str:
    """Play an update after which the app does not start, and a way out; return what to note."""
    case.dialect.require(DIFFERENCING)
    case.dialect = case.machine.dialect = ruled(case.dialect, keeper)
    case.about = About(
        hive="the old container's hive",
        what="the container of the updated app",
        done="built",
        else_="not built: the app does not start",
    )
    case.stage.hive = HIVE
    for file in (USER_DAT, CLASSES_DAT, SERVICE_DAT):
        case.machine.files.write(file, fresh_profile())
    story = _Story(case)
    story.begin()
    built = story.start(NEW)
    if not built and case.fix.name != "none":
        story.try_way(case.fix.name)
        built = story.start(NEW)
    case.unloaded_at_logoff = case.machine.hive_at(HIVE) is None
    case.saved = built
    return f"{_outcome(case.fix.name, built=built)} {rests_on(keeper)}"


def _outcome(way: str, *, built: bool) -> str:
    end = "the app starts" if built else "the app does not start: 0x80070020"
    proof = WAYS[way].evidence
    return f"With {way}, {end}; as reported ({proof.grade.value}): {proof.source}."


class _Story:
    """The actors of the run: who builds containers, the app, and what the app leaves behind."""

    def __init__(self, case: Case) -> None:
        self.case, self.machine = case, case.machine
        self.boot()

    def boot(self) -> None:
        """Have the service run that builds containers."""
        process = self.machine.start_process("appinfo", image="svchost.exe", services=("Appinfo",))
        self.builder = self.case.stage.actor(process, "Appinfo")

    def begin(self) -> None:
        """Have the app run with a tool in the background, end, and be updated."""
        self.start(OLD)
        self._do(self.builder, "OpenJob", f"(keeps a handle to the job of {OLD})", silo=OLD)
        self._load(SERVICE, "user_sid", SERVICE_DAT)
        self.machine.start_process("service", image="appsvc.exe", silo=SERVICE)
        app = self.machine.process_named("app")
        assert app is not None  # noqa: S101 - it has just been started
        self._member("tool", "tail.exe", app)
        thread = self.case.stage.actor(app, "App")
        self.case.stage.say(thread, "quits to be updated; a tool that it started runs on")
        self.machine.end_process(app)
        self.case.stage.say(self.builder, f"{PACKAGES[NEW]} is registered")

    def start(self, silo: str) -> bool:
        """Have the app started in container *silo*; return whether that could be built."""
        package = PACKAGES[silo]
        for name, file in (("user_sid", USER_DAT), ("user_classes", CLASSES_DAT)):
            if not self._load(silo, name, file):
                failed = (
                    f"0x80070020: Cannot create the Desktop AppX container for package {package}"
                )
                self._tell(215, f"{failed} because an error was encountered converting the job.")
                self._tell(217, f"Destroyed Desktop AppX container {silo} for package {package}.")
                failed = f"0x80070020: Cannot create the process for package {package}"
                self._tell(
                    208, f"{failed} because an error was encountered while configuring runtime."
                )
                return False
        self._tell(210, f"Created Desktop AppX container {silo} for package {package}.")
        app = self._member("app", "app.exe", None, silo)
        added = f"Added process {app.pid} to Desktop AppX container {silo} for package {package}."
        self._tell(211, added)
        self._tell(201, f"Created process {app.pid} for application App in package {package}.")
        return True

    def try_way(self, way: str) -> None:
        """Have the administrator try one of `WAYS`."""
        process = self.machine.start_process("admin", image="powershell.exe")
        admin = self.case.stage.actor(process, "Administrator")
        does, text = way, WAYS[way].says
        if way == "end-members":
            self._do(admin, "EndProcess", text, does, role="tool")
        elif way == "stop-packaged-service":
            self._do(admin, "EndProcess", text, does, role="service")
        elif way == "restart-appinfo":
            self._do(self.builder, "CloseJob", text, does, silo=OLD)
        elif way == "unload-by-path":
            self._do(admin, "NtUnloadKey", text, does, path=HIVE)
        elif way == "force-unload":
            for name in ("user_sid", "user_classes"):
                path = rf"\REGISTRY\WC\Silo{OLD}{name}"
                self._do(admin, "NtUnloadKey2", text, does, path=path)
        elif way == "sign-out":
            self._do(admin, "EndSession", text, does)
        else:
            self.case.stage.say(admin, text)
            restart(self.machine)
            self.boot()
        if self.machine.hive_at(HIVE) is None and way != "force-unload":
            self._tell(217, f"Destroyed Desktop AppX container {OLD} for package {PACKAGES[OLD]}.")

    def _member(self, role: str, image: str, parent: Process | None, silo: str = "") -> Process:
        return self.machine.start_process(
            role, image=image, token=Token(USER), user=True, parent=parent, silo=silo
        )

    def _load(self, silo: str, name: str, file: str) -> bool:
        text = f"mount {file.rpartition(chr(92))[2]} for {silo}"
        args = {"silo": silo, "name": name, "file": file}
        status, _ = self._do(self.builder, "LoadSiloHive", text, "load-silo-hive", **args)
        return status.ok

    def _do(
        self, thread: Thread, kind: str, text: str, does: str = "", **args: str
    ) -> tuple[NtStatus, object]:
        planned = alone(kind, kind, does=does or kind, text=text, **args)
        return self.case.stage.call(thread, planned)

    def _tell(self, number: int, text: str) -> None:
        self.machine.log(_LOG, number, text)


# -- every interleaving -----------------------------------------------------------------------

QUIT: Final = Var("quit", Scope.MACHINE)
"""1 once the user has quit the app."""
DONE: Final = Var("way out tried", Scope.MACHINE)
"""1 once the way out has been tried."""
_MODEL_WAYS: Final = tuple(way for way in WAYS if way != "restart")
_AGAIN: Final = "(the user tries again)"
_RUNS: Final = Ask("running", ("app",))
_MOUNTED: Final = Ask("mounted", (HIVE,))


def model(*, members: int = 1, keeper: str = "members", way: str = "none") -> System:
    """Return the model: does the updated app start, at once or after a way out?

    ``first`` claims that it starts at once: violated as soon as something keeps the old container.
    ``out`` claims that it starts once the way out has been tried: whether that holds depends on
    *keeper*, which is contested, and each claim says so. ``unharmed`` claims that no running
    container loses its hive: an unload by force breaks it. With *members* 0 and ``keeper=members``
    the app leaves nothing behind, and all holds.

    Bounds: one app, started once before its update and again after it as often as it takes; its
    one hive stands for all of its container's; no restart, after which nobody is left to act.
    """
    scene = Scene(ruled(dialects.get("win11"), keeper), hives={"User.dat": HIVE})
    scene.machine.files.write(USER_DAT, fresh_profile())
    scene.machine.files.write(SERVICE_DAT, fresh_profile())
    scene.add("appinfo", _appinfo(waits=way != "none"), process="appinfo")
    scene.add("user", _user(members), process="desktop")
    scene.add("service", _service(), process="service")
    if way != "none":
        scene.add("admin", _admin(way, members), process="appinfo")
    return scene.system(INCIDENT.name, *_claims(scene, keeper, way, members))


def _load(silo: str, file: str = USER_DAT) -> Op:
    return op("LoadSiloHive", silo=silo, name="user_sid", file=file)


def _start(role: str, silo: str) -> Op:
    return op("StartProcess", role=role, image=f"{role}.exe", sid=USER, silo=silo)


def _appinfo(*, waits: bool) -> Program:
    """Return who builds containers: once for the app, and again after the update till it works.

    Where a way out is going to be tried it *waits* for that before it tries again.
    """
    tried = DONE.is_(1)
    steps = (
        _step("off", "build", "built", _load(OLD), "(builds the app's container)"),
        _step("built", "open-job", "start", op("OpenJob", silo=OLD), "(opens its job)"),
        _step("start", "start-app", "used", _start("app", OLD), "(starts the app in it)"),
        _step("used", "update", "new", None, "(registers the new version)", when=QUIT.is_(1)),
        Step(
            at="new",
            does="build-again",
            op=_load(NEW),
            then=(ok("ready"), go("stuck", when=tried), go("refused")),
            call="(builds the new version's container)",
        ),
        _step("refused", "again", "new", None, _AGAIN, when=tried if waits else True),
        _step("stuck", "again", "new", None, _AGAIN),
        _step("ready", "start-new", "runs", _start("new", NEW), "(starts the new version in it)"),
        Step(at="runs", does="rest", when=False, then=(go("runs"),)),
    )
    return Program("appinfo", steps, "off")


def _step(
    at: str, does: str, to: str, operation: Op | None, call: str, *, when: Expr = True
) -> Step:
    return Step(at=at, does=does, op=operation, when=when, then=(go(to),), call=call)


def _user(members: int) -> Program:
    """Return the user: has the app start tools that run on, and quits it."""
    tools = [
        _step(
            f"tool-{i}" if i else "idle",
            "start-tool",
            f"tool-{i + 1}",
            _start(f"tool-{i + 1}", OLD),
            "(the app starts a tool)",
            when=_RUNS,
        )
        for i in range(members)
    ]
    last = f"tool-{members}" if members else "idle"
    quits = Step(
        at=last,
        does="quit",
        op=op("EndProcess", role="app"),
        when=_RUNS,
        then=(go("gone", Set(QUIT, 1)),),
        call="(quits the app)",
    )
    rest = Step(at="gone", does="rest", when=False, then=(go("gone"),))
    return Program("user", (*tools, quits, rest), "idle")


def _service() -> Program:
    """Return the package's service, which has a container of its own all the time."""
    load = _step("off", "build", "on", _load(SERVICE, SERVICE_DAT), "(builds the service's own)")
    return Program(
        "service", (load, Step(at="on", does="rest", when=False, then=(go("on"),))), "off"
    )


def _admin(way: str, members: int) -> Program:
    """Return the administrator, who tries *way* at any time once the app is gone.

    By force even before: whoever forces need not know that the app still runs.
    """
    operations: list[Op] = {
        "end-members": [op("EndProcess", role=f"tool-{i + 1}") for i in range(members)],
        "stop-packaged-service": [op("EndProcess", role="service")],
        "restart-appinfo": [op("CloseJob", silo=OLD)],
        "unload-by-path": [op("NtUnloadKey", path=HIVE)],
        "force-unload": [op("NtUnloadKey2", path=HIVE)],
        "sign-out": [op("EndSession")],
    }[way]
    ready = _MOUNTED if way == "force-unload" else QUIT.is_(1)
    steps = [
        _step(f"wait-{i}", way, f"wait-{i + 1}", each, f"({way})", when=True if i else ready)
        for i, each in enumerate(operations)
    ]
    end = f"wait-{len(operations)}"
    done = Step(
        at=end, does="told", when=QUIT.is_(1), then=(go("done", Set(DONE, 1)),), call="(says so)"
    )
    rest = Step(at="done", does="rest", when=False, then=(go("done"),))
    return Program("admin", (*steps, done, rest), "wait-0")


def _claims(scene: Scene, keeper: str, way: str, members: int) -> list[Property]:
    refused, stuck = scene.at("appinfo", "refused"), scene.at("appinfo", "stuck")
    ready, new = scene.at("appinfo", "ready", "runs"), scene.at("appinfo", "new")
    live = scene.at("appinfo", "used") & ~scene.at("user", "gone")
    mounted = scene.mounted(HIVE)
    grade = KEEPERS[keeper].evidence.grade.value
    rests = f"Contested, as {grade}: {CONTESTED}; here {keeper}."
    found = [
        always("first", ~refused, f"The updated app is never refused a container. {rests}"),
        always("out", ~stuck, f"Once {way} was tried, the app is not refused again. {rests}"),
        always("unharmed", ~(live & ~mounted), "No running container loses its hive."),
        leads_to("starts", new, ready, about=f"The updated app starts in the end. {rests}"),
        sometimes("updated", new, "The app is updated, so first and out say something."),
        sometimes("live", live & mounted, "The app runs in its container, so unharmed does."),
    ]
    if members or keeper != "members":
        left = scene.at("user", "gone") & mounted & scene.clear
        found.append(sometimes("left", left, "The app is gone, its hive mounted, no handle open."))
    return found


INCIDENT: Final = Incident(
    name="msix-silo",
    aliases=("msix", "appx-silo", "helium"),
    title="An app's container keeps its hives, and the updated app does not start (0x80070020)",
    source="anthropics/claude-code issue 53247 and others; observed, what keeps them contested",
    place=110,
    os="win11",
    run=run,
    options=(choice("keeper", "members", tuple(KEEPERS), f"contested: {CONTESTED}"),),
    fixes=tuple(WAYS),
    model=model,
    parameters=(
        number("members", 1, 0, 4, "tools that the app starts and that outlive it"),
        choice("keeper", "members", tuple(KEEPERS), f"contested: {CONTESTED}"),
        choice("way", "none", _MODEL_WAYS, "what is tried once the app does not start"),
    ),
)
