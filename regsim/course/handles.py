"""E1 and E2: counting handles, and finding the one that holds a hive."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs

from regsim import keypath
from regsim.course.bench import ANNA, BERT, HKCU, Bench, listed
from regsim.course.questions import YES_NO, Exercise, Question, Truth, found
from regsim.kernel.objects import Kcb
from regsim.kernel.process import Process
from regsim.types import Handle, ObjectId
from regsim.win32.api import Api

# -- E1 ---------------------------------------------------------------------------------------

Handles = dict[str, Handle]
OPEN = 'RegOpenKeyEx(HKEY_CURRENT_USER, "Software")'
LEFT = ("nothing", "a", "b", "c", "the root")


def _open(name: str) -> Callable[[Api, Handles], object]:
    def call(api: Api, held: Handles) -> object:
        code, held[name] = api.RegOpenKeyEx(HKCU, "Software")
        return code.name

    return call


def _close(name: str) -> Callable[[Api, Handles], object]:
    return lambda api, held: api.RegCloseKey(held[name]).code.name


def _duplicate(api: Api, held: Handles) -> object:
    status, held["c"] = api.NtDuplicateObject(held["b"])
    return status.name


def _revert(api: Api, held: Handles) -> object:  # noqa: ARG001 - as the other calls
    api.revert()
    return "SUCCESS"


CALLS: tuple[tuple[str, Callable[[Api, Handles], object]], ...] = (
    (f"a = {OPEN}", _open("a")),
    (f"b = {OPEN}", _open("b")),
    ("c = DuplicateHandle(b)", _duplicate),
    ("RevertToSelf()", _revert),
    ("RegCloseKey(a)", _close("a")),
    ("RegCloseKey(b)", _close("b")),
)
"""The calls of E1; the seventh, RegCloseKey(c), is asked about afterwards."""
_LAST = ("RegCloseKey(c)", _close("c"))


@attrs.frozen
class _Count:
    call: str
    answered: str
    handles: int
    objects: int
    keys: int
    table: str


def _play() -> tuple[Bench, Api, list[_Count]]:
    bench = Bench("nt4-sp6a")
    api = bench.service()
    api.impersonate(ANNA)
    held: Handles = {}
    counts = []
    for text, call in (*CALLS, _LAST):
        answered = str(call(api, held))
        table = bench.process(api).table
        objects = {number for _, (number, _, _, _) in table.items()}
        holders = bench.holders(api)
        keys = {holder.key for holder in holders}
        counts.append(_Count(text, answered, len(table), len(objects), len(keys), listed(holders)))
    return bench, api, counts


def _count_scene() -> str:
    calls = "\n".join(f"  {number}. {text}" for number, (text, _) in enumerate(CALLS, 1))
    return (
        "Windows NT 4.0. A freshly started service, whose handle table is empty, acts as the user\n"
        f"Anna (it impersonates her) and makes these calls; each succeeds:\n\n{calls}\n\n"
        "Afterwards it makes a seventh: RegCloseKey(c)."
    )


def _count_work() -> dict[str, Truth]:
    bench, api, counts = _play()
    findings = {
        f"after-{number}": found(count.handles, _shown(number, count))
        for number, count in enumerate(counts[:-1], 1)
    }
    third, last = counts[2], counts[-1]
    objects = (
        f"After call 3, {third.call}, {third.handles} handles lead to {third.objects} key objects: "
        "DuplicateHandle gives a second handle to the same object."
    )
    keys = (
        f"After call 3, {third.call}, the handles are open on {third.keys} keys: the root "
        "of Anna's hive, and Software, whose key object and its twin share one key control block."
    )
    status = bench.unload(keypath.user_root(ANNA))
    left = [holder for holder in bench.holders(api) if holder.implicit]
    answer = f"NtUnloadKey then answers {status.name}"
    return findings | {
        "objects": found(third.objects, objects),
        "keys": found(third.keys, keys),
        "survivor": found("the root" if left else "nothing", _shown(7, last)),
        "unloads": found(status.ok, f"{_shown(7, last)} {answer}."),
    }


def _shown(number: int, count: _Count) -> str:
    return (
        f"Call {number}, {count.call}, answered {count.answered} and left {count.handles} "
        f"open: {count.table}."
    )


_COUNTED = tuple(
    Question(f"after-{n}", f"how many handles are open after call {n}?", 1, (), True)
    for n in range(1, len(CALLS) + 1)
)
E1 = Exercise(
    name="e1",
    title="Count it: what a call leaves in the handle table",
    scene=_count_scene,
    questions=(
        *_COUNTED,
        Question("objects", "after call 3: to how many key objects do they lead?", 1, (), True),
        Question("keys", "after call 3: on how many different keys are they open?", 1, (), True),
        Question("survivor", "after call 7: what is still open?", 2, LEFT),
        Question("unloads", "after call 7: would an unload of Anna's hive succeed?", 3, YES_NO),
    ),
    work=_count_work,
    explanation=(
        "The first use of HKEY_CURRENT_USER in a process opens the root of the user's hive and "
        "keeps that handle for the process; the number HKEY_CURRENT_USER itself is no handle. "
        "Every later call finds the root there. Closing all that one was given closes everything "
        "but the root, and RevertToSelf closes nothing. One handle is enough to refuse the unload."
    ),
)

# -- E2 ---------------------------------------------------------------------------------------

_A, _B = keypath.user_root(ANNA), keypath.user_root(BERT)
_SOFTWARE = r"\REGISTRY\MACHINE\SOFTWARE"
DUMP: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("csrss.exe", "", (_SOFTWARE,)),
    ("lsass.exe", "SamSs", (_SOFTWARE, rf"{_SOFTWARE}\Microsoft")),
    ("svchost.exe", "TermService", (_B, rf"{_B}\Software")),
    ("svchost.exe", "Themes", (rf"{_A}_Classes", rf"{_SOFTWARE}\Vendor")),
    ("spoolsv.exe", "Spooler", (rf"{_SOFTWARE}\Vendor", r"\REGISTRY\USER\.DEFAULT")),
    ("svchost.exe", "Schedule", (r"\REGISTRY\USER",)),
    ("svchost.exe", "TapiSrv", (_SOFTWARE, r"\REGISTRY\USER\.DEFAULT")),
    ("SearchIndexer.exe", "WSearch", (rf"{_SOFTWARE}\Microsoft", r"\REGISTRY\USER")),
    ("WmiPrvSE.exe", "", (rf"{_A}_Classes\CLSID",)),
    ("backup.exe", "BackupAgent", (rf"{_A}\Control Panel\Desktop", _SOFTWARE)),
    ("explorer.exe", "", (_B, rf"{_B}\Control Panel\Desktop")),
    ("svchost.exe", "Winmgmt", (r"\REGISTRY\MACHINE", _SOFTWARE)),
)
"""E2's twelve processes: image, service, and the keys that each has open."""
_OS = "win10"


def dump() -> tuple[Bench, list[Process]]:
    """Return E2's computer, and its processes in order."""
    bench = Bench(_OS)
    for number, (image, service, keys) in enumerate(DUMP):
        api = bench.service(f"process-{number}", image, service)
        for key in keys:
            api.NtOpenKey(key)
    return bench, list(bench.machine.processes.values())


def _names() -> tuple[str, ...]:
    """Return what an answer calls each process: its image and pid, in small letters."""
    return tuple(_name(process) for process in dump()[1])


def _name(process: Process) -> str:
    return f"{process.image}:{process.pid}".lower()


def _rows(bench: Bench, processes: list[Process]) -> Iterator[str]:
    for process in processes:
        title = f"{process.image} pid: {process.pid} {', '.join(process.services)}".rstrip()
        yield f"  {title}"
        for handle, (number, _, _, _) in process.table.items():
            key = bench.machine.key_name(_kcb(bench, number))
            yield f"    {handle:>4X}: Key  {keypath.short(key)}"


def _dump_scene() -> str:
    rows = "\n".join(_rows(*dump()))
    return (
        f"Windows 10. Anna has logged off, but her hive, HKU\\{ANNA}, does not unload.\n"
        f"Bert, {BERT}, is still logged on. This is what handle.exe lists of keys:\n\n"
        f"{rows}"
    )


def _dump_work() -> dict[str, Truth]:
    bench, processes = dump()
    by_name = {_name(process): process for process in processes}
    guilty = [name for name, p in by_name.items() if bench.unload(_A, ended=[p]).ok]
    classes = [p for p in processes if _touches(bench, p, bench.hive(ANNA, "_Classes").id)]
    both = bench.unload(f"{_A}_Classes", ended=classes)
    ended = bench.unload(_A, ended=[by_name[guilty[0]]])

    def against(given: str) -> str:
        process = by_name[given]
        status = bench.unload(_A, ended=[process])
        return (
            f"With {process.image} {process.pid} ended, NtUnloadKey(HKU\\{ANNA}) still "
            f"answers {status.name}: none of its keys lies in that hive."
        )

    shown = f"With {guilty[0]} ended, and nothing else, NtUnloadKey answers {ended.name}."
    count = (
        f"{len(classes)} processes have a key of HKU\\{ANNA}_Classes open; with both "
        f"ended NtUnloadKey of that hive answers {both.name}. It is a hive of its own."
    )
    return {
        "holder": found(guilty[0], shown, against),
        "classes": found(len(classes), count),
        "unloads": found(bench.unload(_A).ok, f"NtUnloadKey answers {bench.unload(_A).name} now."),
    }


def _kcb(bench: Bench, number: int) -> Kcb:
    return bench.machine.objects[ObjectId(number)].kcb


def _touches(bench: Bench, process: Process, hive: int) -> bool:
    return any(_kcb(bench, entry[0]).hive == hive for _, entry in process.table.items())


E2 = Exercise(
    name="e2",
    title="Who holds it? Twelve processes, one blocker",
    scene=_dump_scene,
    questions=(
        Question("unloads", "would an unload of Anna's hive succeed as things stand?", 3, YES_NO),
        Question("holder", "which process must end so that Anna's hive unloads?", 8, _names()),
        Question("classes", "how many processes hold Anna's other hive, _Classes?", 8, (), True),
    ),
    work=_dump_work,
    explanation=(
        "Only a handle on a key of that very hive blocks its unload. HKU\\<SID>_Classes is a hive "
        "of its own, so is each other user's, and \\REGISTRY\\USER itself belongs to none of them. "
        "To end processes one by one until it works is the slow way to the same answer."
    ),
)
