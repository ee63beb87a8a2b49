"""E7: four excerpts of event logs, and the note that goes to whoever can mend the program."""

from __future__ import annotations

import re
from functools import cache

from regsim import models
from regsim.cases.logoff import BROKEN
from regsim.course.logoffs import last_unload, told
from regsim.course.questions import YES_NO, Exercise, Question, Truth, found
from regsim.report.text.console import PROSE, wrap
from regsim.scenario import Run

EXCERPTS = {"a": "win10", "b": "w2k", "c": "nt4-sp6a", "d": "xp"}
"""Whose log each excerpt is."""
SYSTEMS = ("nt4-sp6a", "w2k", "xp", "win10")
MOST_SENTENCES = 5
NEXT = {
    "stop": "which service held the hive, and can it be stopped before the next logoff?",
    "memory": "which process still holds the hive, and what does it cost in memory here?",
    "broken": "which process held the hive, and does it answer with error 1018 since?",
}
"""The next question to the customer, by what an answer calls it."""


@cache
def _run(os: str) -> Run:
    return models.run("q241572", os=os, fix="none")


def _log(os: str) -> str:
    said = (f"{one.source}  {one.id}  {one.message}" for one in _run(os).events)
    return "\n".join(line for text in said for line in wrap(text, PROSE, "    ", "    "))


def _scene() -> str:
    excerpts = "\n".join(f"  {name}:\n{_log(os)}" for name, os in EXCERPTS.items())
    following = "\n".join(f"  {name:<7} {text}" for name, text in NEXT.items())
    return (
        "Four customers send what their event logs say after a logoff. Each has a service that\n"
        f"used HKEY_CURRENT_USER while it acted as the user.\n\n{excerpts}\n\n"
        f"The next question can be:\n{following}\n\n"
        "Then write the note for customer a, in at most five sentences, to whoever owns the\n"
        "service: the evidence, the holder and its key, the shortest way to see it, a workaround\n"
        "or fix that works there, and the risk while nothing is done."
    )


def _work() -> dict[str, Truth]:
    findings = {}
    for name, os in EXCERPTS.items():
        run = _run(os)
        ids = ", ".join(str(event.id) for event in run.events)
        shown = f"{run.os_title} logs {ids} when {told(last_unload(run))}"
        findings[f"{name}.system"] = found(os, f"{shown}.")
        kept = "new" if run.profile_saved else "old"
        findings[f"{name}.lost"] = found(
            not run.profile_saved, f"{shown}; the server's copy is the {kept} one."
        )
        findings[f"{name}.next"] = found(_next(run), f"{shown}; the run ends {run.outcome.value}.")
    return findings | {"note": Truth("The simulator bears out what the note says.", _note_fault)}


def _next(run: Run) -> str:
    if not run.profile_saved:
        return "stop"
    return "broken" if run.outcome.value == "holder-broken" else "memory"


# -- the note ---------------------------------------------------------------------------------

_REMEDIES = (
    (r"stop\w*\b.{0,40}\bservice|\bnet stop\b|service.{0,30}\bstop", "stop-service"),
    (r"RegOpenCurrentUser", "open-current-user"),
    (r"RegDisablePredefinedCache", "disable-predefined-cache"),
    (r"HKU\\|HKEY_USERS\\", "explicit-hku"),
    (r"RegCloseKey\s*\(\s*(HKCU|HKEY_CURRENT_USER)", "close-root"),
    (r"DisableForceUnload|not forcefully unload", "disable-force-unload"),
)
"""How a note names each remedy, and what the simulator calls it."""


def _note_fault(note: str) -> str:
    """Return what *note* lacks or gets wrong, judged by the run of customer a; "" if nothing."""
    run = _run(EXCERPTS["a"])
    faults = [*_missing(run, note), *_remedy_faults(run.os, note)]
    sentences = [part for part in re.split(r"[.!?](?:\s+|$)", note) if part.strip()]
    if len(sentences) > MOST_SENTENCES:
        faults.append(f"it has {len(sentences)} sentences; {MOST_SENTENCES} will do")
    return "The note: " + "; ".join(faults) + "." if faults else ""


def _missing(run: Run, note: str) -> list[str]:
    """Return what the run's own record shows and *note* does not name."""
    holder = run.blockers[0]
    event = run.events[0].id
    broken = next(record for record in run.calls if record.status in BROKEN)
    wanted = (
        (rf"\b{event}\b", f"the evidence is missing: the log has event {event}"),
        (
            rf"{holder.service}|{re.escape(holder.process)}|telephony",
            f"the holder is missing: the last unload found {holder.process} ({holder.service})",
        ),
        (
            r"HKCU|HKEY_CURRENT_USER|HKU\\|HKEY_USERS\\",
            f"the key is missing: {holder.handle:#x} is the root of HKEY_CURRENT_USER",
        ),
        (
            r"1018|KEY_DELETED|HIVE_UNLOADED",
            f"the risk is missing: {told(broken)}, which is Win32 error 1018",
        ),
        (
            r"RegOpenKeyEx|RegCreateKeyEx|impersonat|acts? as",
            f"the shortest way to see it is missing: {holder.opened_by} opened the handle",
        ),
    )
    return [fault for pattern, fault in wanted if not re.search(pattern, note, re.IGNORECASE)]


def _remedy_faults(os: str, note: str) -> list[str]:
    """Run each remedy that *note* names on *os*; return those that do not help there."""
    named = [fix for pattern, fix in _REMEDIES if re.search(pattern, note, re.IGNORECASE)]
    if not named:
        return ["a workaround or fix is missing; `regsim matrix` shows which help on this system"]
    runs = [models.run("q241572", os=os, fix=fix) for fix in named]
    helping = [run for run in runs if run.outcome.good]
    if helping:
        return []
    return [
        f"{run.fix} does not help: {told(last_unload(run))}, and the run ends {run.outcome.value}"
        for run in runs
    ]


def _questions(name: str) -> tuple[Question, ...]:
    return (
        Question(f"{name}.system", f"{name}: which system logs so?", 7, SYSTEMS),
        Question(f"{name}.lost", f"{name}: are the user's changes lost to the server?", 7, YES_NO),
        Question(f"{name}.next", f"{name}: which question comes next?", 7, tuple(NEXT)),
    )


E7 = Exercise(
    name="e7",
    title="Event triage: four logs and a note",
    scene=_scene,
    questions=(
        *(question for name in EXCERPTS for question in _questions(name)),
        Question("note", "the note for customer a", 10),
    ),
    work=_work,
    explanation=(
        "1000 says that the user has lost changes: urgent, and the workaround is to stop the "
        "service before the next logoff. 1517 says that nothing is lost but memory, till the "
        "holder lets go. 1530 says that nothing is lost and that the holder was harmed: look for "
        "error 1018 in what it does next. None of them says that the hive is corrupt. The check "
        "of the note looks for the facts that the run shows; how it reads, ask a colleague."
    ),
)
