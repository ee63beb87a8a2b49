"""KB Q179827: leaked opens of one key wrap its counter.

Before NT 4.0 SP4 a key's count of opens had 16 bits. When a program (the article names Attachmate
Extra 6.3) has opened the same key 65,536 times and closed none, the count reads 0 again: the next
close frees the key under all the other handles, the pool is corrupt, and the computer stops at
random. Source: the article; documented. That an unload of the hive, too, goes through under the
open handles is inferred.

`run` fills the whole counter; the model narrows it so that every interleaving can be explored, and
nothing else differs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from regsim import dialects
from regsim.actors import winlogon
from regsim.actors.stage import USER_PATH
from regsim.cases.case import WIZARD_KEY, Case
from regsim.check.formula import Atom
from regsim.check.property import Property, always, sometimes
from regsim.explore.incident import ROAMING, Incident
from regsim.explore.parameters import flag, number
from regsim.explore.scene import Scene
from regsim.explore.system import handles_of
from regsim.kernel.expr import Apply, HandleVar, Scope, Var, both
from regsim.kernel.fast.again import repeat_call
from regsim.kernel.steps import Forget, Program, Set, Step, go, op
from regsim.types import NO_HANDLE
from regsim.win32 import ntdll

if TYPE_CHECKING:
    from regsim.explore.system import System

LEAKS: Final = 65_536
"""How many leaked opens make a 16-bit counter read 0."""
LAST: Final = HandleVar("last")
OPENS: Final = Var("opens", Scope.MACHINE)
"""How often the leaking program has opened the key."""


def run(case: Case) -> str:
    """Play so many leaked opens of one key that a 16-bit counter reads 0; return what to note."""
    process = case.machine.start_process("extra")
    thread = case.stage.actor(process, "Leaking service")
    case.logon()
    case.change_settings()
    call = ntdll.NtOpenKey(case.dialect, f"{USER_PATH}\\{WIZARD_KEY}")
    repeat_call(case.machine, thread.tid, call, LEAKS - 1)
    case.stage.call(thread, call)
    case.stage.explain(f"the last of {LEAKS:,} opens that are never closed")
    if case.fix.name == "stop-service":
        case.stop_service("extra", "the leaking process ends")
    case.logoff()
    if not case.machine.corruption:
        return ""
    case.broken = True
    return (
        "The counter reads 0, so the hive unloads under open handles: pool corruption and, "
        f"sooner or later, a STOP. {case.machine.corruption}."
    )


def model(*, bits: int = 3, extra: int = 1, fixed: int = 0, closes: int = 1) -> System:
    """Return the model: can enough leaks free a key under open handles?

    ``corrupt`` claims that no key is ever freed while handles are open on it; ``under`` that the
    hive never unloads while the leaking program still holds handles that it opened on it. Both
    fail for a narrow counter and hold for a wide one (*fixed*), where the leak just blocks.

    Bounds: one leaking program that opens the key ``2**bits + extra`` times in all.
    """
    os = "nt4-sp4" if fixed else "nt4-sp3"
    dialect = dialects.get(os)
    scene = Scene(dialect if fixed else dialect.with_(refcount_bits=bits))
    scene.add("winlogon", winlogon.patient())
    scene.add("extra", _leaking((1 << bits) + extra, closes=bool(closes)))
    return scene.system(INCIDENT.name, *_claims(scene, 1 << bits))


def _leaking(most: int, *, closes: bool) -> Program:
    path = f"{USER_PATH}\\Software"
    leak = Step(
        at="run",
        does="open",
        when=both(winlogon.MOUNTED, OPENS.less(most)),
        op=op("NtOpenKey", LAST, root=None, path=path),
        then=(go("run", Set(OPENS, OPENS.plus(1))),),
        call="RegOpenKeyEx(HKU, <SID>\\Software)",
    )
    close = Step(
        at="run",
        does="close-one",
        when=Apply("!=", (LAST, NO_HANDLE)),
        op=op("NtClose", handle=LAST),
        then=(go("run", Forget(LAST)),),
        call="RegCloseKey(key)",
    )
    return Program("leaking", (leak, close) if closes else (leak,), "run")


def _claims(scene: Scene, full: int) -> list[Property]:
    unloading = scene.at("winlogon", "unloading")
    dead = Atom(
        scene.component("extra"),
        lambda value: any(handle[0] == "dead" for handle in handles_of(value)),
        "extra holds a handle to a key that is gone",
    )
    return [
        always("corrupt", ~scene.corrupt, "No key is freed while handles are open on it."),
        always(
            "under",
            ~(dead & ~scene.mounted(USER_PATH)),
            "The hive does not unload while the program still holds handles that it opened on it.",
        ),
        sometimes("filled", scene.variable(OPENS, full), "The counter is filled."),
        sometimes("blocked", unloading & ~scene.clear, "A logoff finds the hive in use."),
        sometimes("saved", scene.at("winlogon", "saved"), "A profile is saved."),
    ]


INCIDENT: Final = Incident(
    name="q179827",
    aliases=("kb179827", "kbq179827"),
    title="Leaked opens wrap the counter (KB Q179827)",
    source="KB Q179827; documented",
    place=40,
    os="nt4-sp3",
    run=run,
    options=ROAMING,
    fixes=("none", "stop-service"),
    model=model,
    parameters=(
        number("bits", 3, 1, 6, "width of the counter; the real one had 16"),
        number("extra", 1, 0, 8, "opens beyond those that fill the counter"),
        flag("fixed", "whether the counter has 32 bits, as from NT 4.0 SP4 on"),
        flag("closes", "whether the program may close the handle that it opened last", 1),
    ),
)
