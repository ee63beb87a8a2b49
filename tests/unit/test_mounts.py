"""Who mounted a hive decides what takes it out: the kernel's part, and what snapshots keep."""

from __future__ import annotations

import attrs
import pytest

from regsim import dialects, keypath
from regsim.kernel.hive import Hive
from regsim.kernel.loading import restart
from regsim.kernel.machine import Machine
from regsim.kernel.operations import OPERATIONS
from regsim.kernel.process import Token
from regsim.kernel.tree import Node
from regsim.policy import DIFFERENCING, MountedBy, Unmount, Unmounts
from regsim.status import NtStatus
from regsim.types import Sid, Tid

USER = Sid("S-1-5-21-7-8-9-1001")
SILO = "{0a}"
FILE = r"C:\Packages\app\User.dat"
HERE = rf"\REGISTRY\WC\Silo{SILO}user_sid"


class Container:
    """A computer on which an app runs in a container, and a service that built it."""

    def __init__(self, keeper: Unmount = Unmount.LAST_MEMBER) -> None:
        unmounts = attrs.evolve(dialects.get("win11").unmounts, silo=keeper)
        self.machine = Machine(dialects.get("win11").with_(unmounts=unmounts))
        self.machine.files.write(FILE, Node("User.dat"))
        self.builder = self.machine.start_thread(self.machine.start_process("appinfo")).tid
        assert self.do("LoadSiloHive", silo=SILO, name="user_sid", file=FILE) is NtStatus.SUCCESS
        self.do("StartProcess", role="app", image="app.exe", sid=USER, silo=SILO)

    def do(self, name: str, caller: Tid | None = None, /, **args: object) -> NtStatus:
        """Have the service, or thread *caller*, do an operation, and return the status."""
        return OPERATIONS[name].run(self.machine, caller or self.builder, **args)[0]

    @property
    def hive(self) -> Hive | None:
        """The container's hive while it is mounted."""
        self.machine.check()
        return self.machine.hive_at(HERE)


def test_a_silos_hive_goes_with_its_last_process() -> None:
    """Not with the app, whose child is a member too, but with the last; and it is written back."""
    container = Container()
    app = container.machine.process_named("app")
    child = container.machine.start_process("child", parent=app)
    assert container.hive is not None
    assert (container.hive.by, container.hive.silo) == (MountedBy.SILO, SILO)

    container.do("EndProcess", role="app")
    assert container.hive is not None
    container.machine.end_process(child)
    assert container.hive is None


@pytest.mark.parametrize("keeper", [Unmount.JOB_CLOSED, Unmount.NOTHING])
def test_a_silos_hive_may_stay_without_processes(keeper: Unmount) -> None:
    """Kept by a handle to its job it goes when that is closed; kept by nothing known it stays."""
    container = Container(keeper)
    container.do("OpenJob", silo=SILO)
    container.do("EndProcess", role="app")
    assert container.hive is not None

    container.do("CloseJob", silo=SILO)
    assert (container.hive is None) is (keeper is Unmount.JOB_CLOSED)


def test_a_job_handle_alone_keeps_nothing_by_default() -> None:
    """Where the last process decides, a handle to the job makes no difference."""
    container = Container()
    container.do("OpenJob", silo=SILO)
    container.do("EndProcess", role="app")

    assert container.hive is None


def test_the_holder_of_a_job_lets_go_as_it_ends() -> None:
    """The end of the process that has the handle closes it."""
    container = Container(Unmount.JOB_CLOSED)
    other = container.machine.start_process("other")
    container.do("OpenJob", container.machine.start_thread(other).tid, silo=SILO)
    container.do("EndProcess", role="app")
    assert container.hive is not None

    container.machine.end_process(other)
    assert container.hive is None


def test_a_file_is_mounted_for_one_container_at_a_time() -> None:
    """A second container collides on the file, not on the name; once the first is gone it mounts.

    Nor can a program load the file then, and a container collides with what a program has loaded.
    """
    container = Container()
    again = {"silo": "{0b}", "name": "user_sid"}

    assert container.do("LoadSiloHive", **again, file=FILE.upper()) is NtStatus.SHARING_VIOLATION
    assert (
        container.do("NtLoadKey", path=r"\REGISTRY\USER\x", file=FILE) is NtStatus.SHARING_VIOLATION
    )
    container.do("EndProcess", role="app")
    assert container.do("NtLoadKey", path=r"\REGISTRY\USER\x", file=FILE) is NtStatus.SUCCESS
    assert container.do("LoadSiloHive", **again, file=FILE) is NtStatus.SHARING_VIOLATION
    assert container.do("NtUnloadKey", path=r"\REGISTRY\USER\x") is NtStatus.SUCCESS
    assert container.do("LoadSiloHive", **again, file=FILE) is NtStatus.SUCCESS


def test_a_silos_hive_is_unloaded_by_force_alone() -> None:
    """An unload by its path is refused though no handle is open; a forced one takes it away."""
    container = Container()
    assert container.hive is not None
    assert container.hive.handles == 0

    assert container.do("NtUnloadKey", path=HERE) is NtStatus.CANNOT_DELETE
    assert container.do("NtUnloadKey2", path=HERE) is NtStatus.SUCCESS
    assert container.hive is None
    container.do("EndProcess", role="app")


def test_what_is_open_in_a_silos_hive_dies_with_it() -> None:
    """A handle of somebody else does not keep it, and answers that its hive is unloaded."""
    container = Container()
    caller = container.machine.threads[container.builder]
    status, handle = OPERATIONS["NtOpenKey"].run(
        container.machine, caller.tid, root=None, path=HERE
    )
    assert status is NtStatus.SUCCESS
    container.do("EndProcess", role="app")

    assert container.hive is None
    assert container.do("NtFlushKey", handle=handle) is NtStatus.HIVE_UNLOADED
    assert container.do("NtClose", handle=handle) is NtStatus.SUCCESS


def test_snapshots_and_keys_tell_what_keeps_a_silo() -> None:
    """A snapshot goes its own way; members, jobs and silos make machines differ."""
    container = Container()
    before = container.machine.canonical()
    twin = container.machine.snapshot()
    assert twin.canonical() == before
    assert twin.same_as(container.machine)

    container.do("OpenJob", silo=SILO)
    assert container.machine.canonical() != before
    container.do("CloseJob", silo=SILO)
    assert container.machine.canonical() == before
    container.do("EndProcess", role="app")
    assert container.machine.canonical() != before
    assert twin.hive_at(HERE) is not None
    twin.end_process(twin.process_named("app"))
    assert twin.canonical() == container.machine.canonical()


def test_who_mounted_a_hive_matters_to_equality_and_not_to_behaviour() -> None:
    """Two who mount alike give machines with one key, which are not the same in everything."""
    machines = []
    for by in (MountedBy.PROFILE_SERVICE, MountedBy.LOAD_KEY):
        machine = Machine("win11")
        machine.mount_hive(keypath.user_root(USER), by=by)
        machines.append(machine)
    one, other = machines

    assert one.canonical() == other.canonical()
    assert not one.same_as(other)


def test_a_restart_leaves_what_the_system_mounted() -> None:
    """A container's hives go, whatever keeps them, and those that programs loaded; not SYSTEM's."""
    container = Container(Unmount.NOTHING)
    machine = container.machine
    machine.mount_hive(r"\REGISTRY\MACHINE\SYSTEM", file="system")
    machine.files.write("x", Node("x"))
    assert container.do("NtLoadKey", path=r"\REGISTRY\MACHINE\x", file="x") is NtStatus.SUCCESS

    restart(machine)

    assert container.hive is None
    assert machine.hive_at(r"\REGISTRY\MACHINE\x") is None
    assert machine.hive_at(r"\REGISTRY\MACHINE\SYSTEM") is not None


def test_containers_are_of_windows_10() -> None:
    """Their place in the namespace is there from Windows 10 on, and the reason else."""
    has = [name for name in dialects.names() if dialects.get(name).has(DIFFERENCING)]
    assert has == ["win10", "win11"]

    for name in dialects.names():
        top = Machine(name).hive_at("\\REGISTRY")
        assert top is not None
        assert ("WC" in top.root.children) is (name in has)


def test_only_what_has_containers_mounts_for_them() -> None:
    """Elsewhere there is no driver to ask; and a container's hive has a silo, a name and a file."""
    run = OPERATIONS["LoadSiloHive"].run
    answers = {}
    for name in ("win8.1", "wine", "win10"):
        machine = Machine(name)
        caller = machine.start_thread(machine.start_process("appinfo")).tid
        answers[name] = run(machine, caller, silo=SILO, name="user_sid", file=FILE)[0]
        machine.check()
        for empty in ({"silo": ""}, {"name": ""}, {"file": ""}):
            given = {"silo": SILO, "name": "com", "file": "com.dat", **empty}
            assert not run(machine, caller, **given)[0].ok

    assert answers == {
        "win8.1": NtStatus.NOT_IMPLEMENTED,
        "wine": NtStatus.NOT_IMPLEMENTED,
        "win10": NtStatus.SUCCESS,
    }


def test_every_mounter_has_an_end() -> None:
    """Whoever can mount a hive, the table says what takes it out, in a sentence for each."""
    said = str(Unmounts())

    assert all(by.value in said and isinstance(Unmounts().of(by), Unmount) for by in MountedBy)


def test_a_child_is_in_its_parents_silo() -> None:
    """So is one that an operation starts on behalf of a member; a stranger's is in none."""
    container = Container()
    app = container.machine.process_named("app")
    assert app is not None
    member = container.machine.start_thread(app).tid
    container.do("StartProcess", member, role="tool", image="tail.exe", sid=USER)
    container.do("StartProcess", role="stranger", image="x.exe", sid=USER)

    tool, stranger = (container.machine.process_named(r) for r in ("tool", "stranger"))
    assert tool is not None
    assert stranger is not None
    assert (tool.silo, stranger.silo) == (SILO, "")
    assert container.machine.start_process("c", token=Token(USER), parent=tool).silo == SILO
