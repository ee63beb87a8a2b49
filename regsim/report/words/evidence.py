"""What evidence says of hives, in sentences: the verdict, what follows, what to do and to collect.

Only what the evidence carries is said of it; what is said of a kind of process holds for each of
that name (`regsim.trace.holders`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from regsim.policy import Dialect, UnloadFailure
from regsim.report.words.writing import counted
from regsim.trace.finding import Conclusion, Finding, HeldKey, Occasion
from regsim.trace.holders import Nature, nature_of
from regsim.trace.spelling import is_users

_NAMED: Final = 3
_FORCED: Final = 1530
_CONTAINER: Final = "\\WC\\SILO"
_AT_LOGON: Final = frozenset({1545, 1552})


def headline(finding: Finding) -> str:
    """Return the verdict in a sentence or two."""
    when = f"at {finding.asked_at}" if finding.asked_at else _moment(finding)
    if finding.conclusion is Conclusion.BLOCKED:
        return f"BLOCKED: {_blocked(finding, when)}"
    what = whose(finding)
    if finding.conclusion is Conclusion.CLEAR:
        return f"CLEAR: {when} no handle keeps {hives_shown(finding)} loaded."
    if finding.incident is not None:
        sure = "it is" if finding.incident_certain else "it resembles"
        return (
            "INCONCLUSIVE: a log of what failed, not of who had a hive open; "
            f"{sure} the incident {finding.incident}."
        )
    return f"INCONCLUSIVE: {when} it cannot be told whether a handle keeps {what} loaded."


def hives_shown(finding: Finding) -> str:
    """Return the users' hives that a clear verdict is about: of one not shown nothing is known."""
    names = [hive.hive for hive in finding.hives]
    return names[0] if len(names) == 1 else f"any of the {len(names)} hives it shows"


def _moment(finding: Finding) -> str:
    return "at the end of the trace" if finding.fidelity.value != "D" else "in this evidence"


def _blocked(finding: Finding, when: str) -> str:
    sure = finding.certain
    what = whose(finding)
    if not sure:
        only = [one for one in finding.held if one.certain and one.blocks]
        if only:
            who, _ = holders(only)
            return (
                f"{when} only what ends with the session has keys open in {what}: {who}. An unload "
                "that is tried before then is refused."
            )
        if any("could not be read" in one.said for one in finding.occasions):
            return f"{when} {what} was in use; by whom could not be read to the end."
        return f"{when} {what} was in use; it is not told by whom."
    who, one = holders(sure)
    told = Counter(occasion.id for occasion in finding.occasions if occasion.held)
    events = set(told)
    if events and events <= _AT_LOGON:
        had = "had" if one or len(sure) == 1 else "each had"
        return f"{who} {had} {what} loaded or open when the user logged on{_numbers(told)}."
    keys = counted(sum(max(1, held.balance[0]) for held in sure), "handle" if events else "key")
    keys = {"1 key": "a key", "1 handle": "a key"}.get(keys, keys)
    users = {held.hive.upper().removesuffix("_CLASSES") for held in sure}
    it = "it"
    if len(users) > 1 and all(is_users(hive) and hive != "HKCU" for hive in users):
        what, it = f"the hives of {len(users)} users", "them"
    if _FORCED in events:
        return (
            f"{who} had {keys} open in {what} at logoff, so that Windows had to take {it} away by "
            f"force{_numbers(told)}."
        )
    if events:
        return f"{who} had {keys} open in {what} at logoff{_numbers(told)}."
    return (
        f"{when} {who} {'holds' if one else 'hold'} {keys} open in {what}, which keeps {it} loaded."
    )


def _numbers(told: Counter[int]) -> str:
    """Return the numbers of events in brackets, with how many there are of one."""
    known = sorted(event for event in told if event)
    if not known:
        return ""
    many = f"{told[known[0]]} events" if len(known) == 1 and told[known[0]] > 1 else "event"
    return f" ({many} {', '.join(map(str, known))})"


def whose(finding: Finding) -> str:
    """Return what the hives of a finding are, as people call them."""
    names = [hive.hive for hive in finding.hives]
    held = [hive.hive for hive in finding.hives if hive.conclusion is finding.conclusion] or names
    if len(held) != 1:
        return "a user's hive" if all(map(is_users, held)) or not held else "a hive"
    return hive_name(held[0])


def hive_name(hive: str) -> str:
    r"""Return what people call a hive.

    >>> hive_name("HKLM\\VDOT_TEMP"), hive_name("HKU\\S-1-5-21-7_Classes")
    ('the hive HKLM\\VDOT_TEMP', "the hive of a user's classes")
    """
    if hive.startswith("("):
        return "a user's hive"
    if is_users(hive):
        classes = hive.upper().endswith("_CLASSES")
        return "the hive of a user's classes" if classes else "a user's hive"
    if _CONTAINER in hive.upper():
        return "the hive of an app's container (an MSIX silo)"
    return f"the hive {hive}"


def holders(held: Sequence[HeldKey]) -> tuple[str, bool]:
    """Return the processes that have all of *held* open, and whether it is only one."""
    named = list(dict.fromkeys(_holder(one) for one in held))
    if len(named) > _NAMED:
        return f"{len(named)} processes", False
    return " and ".join(filter(None, (", ".join(named[:-1]), named[-1]))), len(named) == 1


def _holder(held: HeldKey) -> str:
    return held.holder if held.pid or held.process[:1] != "(" else "a process that is not named"


_CONSEQUENCES: Final = {
    UnloadFailure.GIVE_UP: "an unload that is refused leaves the profile unsaved: changes to a "
    "roaming profile do not reach the server, and the hive stays loaded.",
    UnloadFailure.SAVE_COPY: "the profile is saved from a copy and the hive stays loaded until the "
    "last handle is closed (events 1517 and 1524).",
    UnloadFailure.FORCE: "the hive is unloaded by force after a while and event 1530 names the "
    "holder, whose next call on the key fails with error 1018 (ERROR_KEY_DELETED).",
    UnloadFailure.WAIT: "the logoff waits until the handles are closed.",
}
_OF_EVENTS: Final = {
    1530: "Windows took the hive away from those who had it open, after it had saved the user's "
    "changes. They are the ones harmed: their next call on such a key fails with error 1018 "
    "(ERROR_KEY_DELETED, 0x800703FA). Not urgent, unless something of theirs fails.",
    1552: "the hive could not be loaded for the logon, since it was loaded or open already; often "
    "1508 and 1511 follow, and the user gets a temporary profile. Urgent for that user.",
    1545: "the file of the hive could not be opened for the logon; often 1508 and 1511 follow, and "
    "the user gets a temporary profile. Urgent for that user.",
    1517: "the profile was saved from a copy; the hive stays in memory until it is let go. Not "
    "urgent by itself: memory adds up.",
    1524: "the user's classes stay in memory until they are let go. Not urgent by itself.",
    1512: "the hive stayed loaded after the logoff. Urgent where profiles roam: check that the "
    "user's changes reached the server.",
    1000: "the hive stayed loaded, and on Windows NT and 2000 a roaming profile was not saved "
    "to the "
    "server. Urgent: the user's changes are lost at each such logoff.",
}


def consequences(finding: Finding, dialect: Dialect | None) -> Iterator[str]:
    """Yield what follows from a hive's being in use, by what the evidence is about."""
    events = {one.id for one in finding.occasions if one.held}
    yield from (said for number, said in _OF_EVENTS.items() if number in events)
    listed = [hive for hive in finding.hives if any(not one.seen_event for one in hive.blockers)]
    loaded = [hive.hive for hive in listed if not is_users(hive.hive) and hive.hive[:1] != "("]
    contained = [hive for hive in loaded if _CONTAINER in hive.upper()]
    if contained:
        yield (
            "the container's hives stay mounted, and an update or a start of that app may find "
            "their "
            "files in use (0x80070020). They are Windows' own: do not unload them by force; "
            "have the "
            "user sign out, or restart."
        )
    for hive in loaded:
        if hive in contained:
            continue
        yield (
            f"an unload of {hive} (`reg unload`, RegUnLoadKey) is refused with error 5, access "
            "denied, as long as a key of it is open."
        )
    if len(loaded) == len(listed):
        return
    if dialect is None:
        yield "name the system with --os to hear what it does when an unload is refused."
        return
    text = f"on {dialect.title} {_CONSEQUENCES[dialect.logoff.on_failure]}"
    if not finding.certain:
        text = (
            "all holders run in the user's own session and end at logoff, before the unload; they "
            f"refuse only one that is tried earlier. If one survived: {text}"
        )
    yield text


def advice(finding: Finding) -> Iterator[str]:
    """Yield what to do now, for each kind of holder that there is."""
    sure = finding.certain
    if not sure:
        if any(one.certain and one.blocks for one in finding.held):
            yield (
                "nothing yet: a program of the user's own session may hold keys while it runs. To "
                "find what outlives it, look again after the user has logged off."
            )
        return
    by_nature: dict[Nature, list[HeldKey]] = {}
    for held in sure:
        if held.process[:1] == "(":
            continue
        by_nature.setdefault(nature_of(held.process), []).append(held)
    if Nature.SERVICES in by_nature:
        yield from _services(by_nature[Nature.SERVICES])
    for nature, said in _SAFE.items():
        if nature in by_nature:
            yield f"{_images(by_nature[nature])} {said}"
    ours = by_nature.get(Nature.PROGRAM, []) + by_nature.get(Nature.SHELL, [])
    if ours:
        yield from _programs(ours)


_ADVISED: Final = 8
"""Programs that an advice names, so that it can be read; the finding itself has them all."""

_SAFE: Final = {
    Nature.WINDOWS: "is a part of Windows: leave it running, whatever it holds. It acts for "
    "another "
    "program: look for what asked it (a credential or certificate client, a printer driver, an "
    "installer, a logon extension) and update that.",
    Nature.GUARD: "is a security program: leave it running. Bring it up to date, and have its "
    "maker's "
    "advice on excluding the users' registry files (NTUSER.DAT, UsrClass.dat).",
    Nature.INDEXER: "indexes the user's files: leave it running. It matters only if it still holds "
    "the hive minutes after the logoff.",
}


def _images(held: Iterable[HeldKey]) -> str:
    names = list(dict.fromkeys(one.process for one in held))
    more = f" and {len(names) - _ADVISED} more" if len(names) > _ADVISED else ""
    return ", ".join(names[:_ADVISED]) + more


def _services(held: Sequence[HeldKey]) -> Iterator[str]:
    services = list(dict.fromkeys(one.service for one in held if one.service))
    if services:
        yield f"the service {', '.join(services)} is the holder: restart that one, not its host."
    unnamed = list(
        dict.fromkeys(one.pid for one in held if not one.service and one.process == "svchost.exe")
    ) or list(
        dict.fromkeys(
            one.pid for one in held if not one.service and one.process.lower().startswith("svchost")
        )
    )
    if unnamed:
        yield (
            f'svchost.exe hosts services: `tasklist /svc /fi "pid eq {unnamed[0]}"` names them, as '
            "long as that process lives (a number is given to another after a restart). Restart "
            "the one that is to blame, not the host."
        )
    others = [one for one in held if not one.process.lower().startswith("svchost")]
    if others:
        yield (
            f"{_images(others)} runs what others have written (scheduled tasks, COM servers): find "
            "which with Process Explorer, or by the task that ran at that time."
        )


def _programs(held: Sequence[HeldKey]) -> Iterator[str]:
    who = _images(held)
    if any(one.implicit for one in held):
        yield (
            "a process that acts for users must not use HKEY_CURRENT_USER: it should open the "
            "user's key with RegOpenCurrentUser and close it, or call RegDisablePredefinedCache "
            f"first. Until it is corrected, stop or restart {who} before the user logs off."
        )
    if any(not one.implicit and one.key for one in held):
        yield (
            "find the call that opened the key (in Process Monitor: the event's stack) and give it "
            f"the missing RegCloseKey; until then stop or restart {who} before the unload."
        )
    if any(not one.key for one in held):
        yield f"close or restart {who}, then have the user log on again."


def collect(finding: Finding) -> Iterator[str]:
    """Yield what to collect next where the evidence leaves something open."""
    yield from finding.next_steps
    if finding.next_steps or finding.fidelity.value != "D":
        return
    occasions = [one for one in finding.occasions if one.held and not one.blockers]
    if occasions:
        yield (
            "the whole event, with all lines under DETAIL: `wevtutil qe Application /f:xml "
            '"/q:*[System[(EventID=1530 or EventID=1552)]]"`, and a listing of handles at the next '
            "logoff: `handle.exe -a -u > handles.txt`."
        )
    elif finding.conclusion is Conclusion.INCONCLUSIVE:
        yield (
            "run as administrator and without a filter: `handle.exe -a -u > handles.txt`; or the "
            "Application log's events 1530 and 1552."
        )


def offenders(occasions: Sequence[Occasion]) -> Iterator[str]:
    """Yield who was named at more than one of several occasions, the most frequent first."""
    held = [one for one in occasions if one.held and one.moment != "logon"]
    if len(held) < 2:
        return
    counts: Counter[str] = Counter()
    for one in held:
        counts.update(
            {
                f"{key.process} ({key.service})" if key.service else key.process
                for key in one.blockers
            }
        )
    for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if count > 1:
            yield f"{name}: {count} of {len(held)} events at logoff"
