r"""The signs by which a log shows that a hive could not be unloaded, loaded or used, as a table.

A sign is words that a program or Windows writes, and what they most likely mean: which incident the
log resembles, how sure that is, and what to collect to know. A log names no holder, so none is made
up. A later incident adds a row. Error texts: Microsoft's system error codes (documented).
"""

from __future__ import annotations

import re
from typing import Final

import attrs

from regsim.trace.evidence import Snapshot
from regsim.trace.readers._profile_events import PROFSVC, USERENV


@attrs.frozen(kw_only=True)
class Sign:
    """What a log may show.

    ``words`` match what it writes, and where they do, ``beside`` must match somewhere as well, and
    ``unless`` nowhere. ``events`` are the numbers of profile events that say the same together.
    ``incident`` is the name of the one that it resembles, None for none; ``says`` is what it means.
    """

    words: re.Pattern[str]
    beside: re.Pattern[str] | None = None
    unless: re.Pattern[str] | None = None
    events: frozenset[int] = frozenset()
    incident: str | None
    says: str
    collect: tuple[str, ...] = ()

    def found_in(self, text: str) -> bool:
        """Return whether *text* shows it."""
        return (
            self.words.search(text) is not None
            and (self.beside is None or self.beside.search(text) is not None)
            and (self.unless is None or self.unless.search(text) is None)
        )


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_DENIED: Final = (
    r"access (?:is |was )?denied|zugriff (?:wurde )?verweigert|acc[e\u00e8]s refus|acceso denegado"
    r"|accesso negato|acesso negado|toegang geweigerd|odmowa dost"
    r"|\u30a2\u30af\u30bb\u30b9\u304c\u62d2\u5426"
    r"|\u62d2\u7edd\u8bbf\u95ee|\u043e\u0442\u043a\u0430\u0437\u0430\u043d\u043e \u0432 \u0434"
)
_IN_USE: Final = (
    r"(?:being used by another process|von einem anderen prozess verwendet"
    r"|utilis\u00e9 par un autre processus|(?:siendo utilizado|en uso) por otro proceso"
    r"|sendo usado por outro processo|utilizzato da un altro processo"
    r"|u\u017cywany przez inny proces"
    r"|\u5225\u306e\u30d7\u30ed\u30bb\u30b9\u304c\u4f7f\u7528"
    r"|\u53e6\u4e00\u4e2a\u7a0b\u5e8f\u6b63\u5728\u4f7f\u7528"
    r"|\u0437\u0430\u043d\u044f\u0442 \u0434\u0440\u0443\u0433\u0438\u043c)"
)
_UNLOAD: Final = r"\breg(?:\.exe)?[\"']?\s+[\"']?unload\b|regunloadkey|ntunloadkey|\bunload"
_HOLDER: Final = (
    "who has a key open, as administrator and at the moment of the failure: "
    '`handle.exe -a -p <process of the script>` or `handle.exe -a "<key>"`; or a Process Monitor '
    "capture from before the load to after the unload, not filtered"
)

IN_USE: Final = 0x80070020
"""The sharing violation with which a container is refused."""
_SHARING: Final = r"0x80070020|(?<![\d-])-?2147024864\b|\b2147942432\b"
_CONTAINER: Final = (
    r"registry\\+wc\\+silo|systemappdata\\+helium|\bhelium\b|desktop ?appx container"
    r"|appmodel-runtime"
)
_PACKAGE: Final = (
    r"appx|msix|windowsapps|\bpackages\\+[^\\\s]{1,60}_[a-z0-9]{13}\b|desktop ?bridge"
    rf"|{_CONTAINER}"
)
_GONE: Final = (
    r"0x800703fa",
    r"\bmarked for deletion\b",
    r"error_key_deleted|status_hive_unloaded|0xc0000425",
    r"\b(?:error|win32|code|status)[ :=(]{1,4}1018\b",
)
_HIVELIST: Final = "`reg query HKLM\\SYSTEM\\CurrentControlSet\\Control\\hivelist`"

SILO: Final = Sign(
    words=_words(_SHARING),
    beside=_words(_PACKAGE),
    incident="msix-silo",
    says="a packaged app's container could not be built, since a file was in use (0x80070020; the "
    "dialog names the app's folder, which need not be that file): most likely the hives of an "
    "earlier container of it are still mounted. What keeps them so is contested, and the log does "
    "not say it; that no process has a handle on them proves nothing (`regsim run msix-silo` plays "
    "it)",
    collect=(
        f"which hives are mounted: {_HIVELIST}",
        (
            "events 201, 208, 210, 211, 215, 217 of Microsoft-Windows-AppModel-Runtime/Admin, from "
            "before the update on"
        ),
        "which processes are in the job of the old container, asked as administrator",
        (
            "whether it goes away by signing out, then by ending those processes, then by a "
            "restart; do not unload those hives by force, as they are Windows' own"
        ),
    ),
)
"""The container that is refused; AppModel-Runtime's events are judged by this row as well."""

SIGNS: Final = (
    SILO,
    Sign(
        words=_words(r"0x80073d05", r"0x80073d02"),
        beside=_words(_PACKAGE),
        incident="msix-silo",
        says="a package was not registered or removed, since it was in use (0x80073D02) or its old "
        "data could not be deleted (0x80073D05): processes of it still run, or hives of a "
        "container of it are still mounted; which of these the log does not say",
        collect=SILO.collect,
    ),
    Sign(
        words=_words(r"cannot_delete|0xc0000121"),
        beside=_words(_CONTAINER),
        incident="msix-silo",
        says="an unload of a container's hive was refused (0xC0000121): such hives are Windows' "
        "own, and refuse it whether or not a key is open",
        collect=SILO.collect,
    ),
    Sign(
        words=_words(
            rf"(?:{_UNLOAD})[^\n]{{0,300}}(?:\n[^\n]{{0,200}}){{0,3}}?(?:{_DENIED})",
            r"(?:fail|unable|could ?n[o']t|cannot|can't)[^\n]{0,80}\bunload[^\n]{0,40}\b(?:hive"
            r"|regis|hk)",
            r"\bunload[^\n]{0,160}(?:\bfailed|win32 ?error ?(?:code)? ?5\b|0x80070005"
            r"|\b0xc0000121)",
            r"cannot_delete|status_cannot_delete|0xc0000121",
        ),
        unless=_words(_CONTAINER),
        incident="reg-load",
        says="the unload was refused as long as a key of the hive was open; most often the "
        "script's "
        "own process still has one: a key object of PowerShell or .NET that was not closed and "
        "waits "
        "for its finalizer (`regsim run reg-load` plays it). The log does not say who it "
        "was",
        collect=(
            _HOLDER,
            (
                "a second try after closing every key object, then [GC]::Collect() and "
                "[GC]::WaitForPendingFinalizers(): if that succeeds, it was the script itself"
            ),
        ),
    ),
    Sign(
        words=_words(*_GONE),
        beside=_words(r"\bsshd?(?:\.exe)?\b|openssh|wolfssh"),
        incident="second-session",
        says="in a server of sessions (SSH) a key was used whose hive was unloaded under it: "
        "either another session of the same user had ended and its server unloaded the profile "
        "for all (`regsim run second-session` plays it), or the user had logged off; which the "
        "log does not say",
        collect=(
            "whether another session of the same user ended just before, by the server's log",
            "whether it stays away while one other session of that user is kept open",
            "the Application log's events 1530 and 1531 of that time",
        ),
    ),
    Sign(
        words=_words(
            r"(?:ntuser|usrclass)\.dat[^\n]{0,120}(?:in use|being used|locked|\bopen\b)",
            r"loaduserprofile[^\n]{0,120}(?:fail|error|without|never)",
        ),
        beside=_words(r"\bsshd(?:\.exe)?\b|openssh|wolfssh"),
        incident="second-session",
        says="a server of sessions (SSH) leaves a user's hive loaded, or unloads it for all "
        "sessions: each load needs one unload, by the session that loaded it (`regsim run "
        "second-session` plays it); which of these it is the log does not say",
        collect=(
            f"whether the user's hive is loaded though no session is left: {_HIVELIST}",
            "the server's log from the session's begin to its end, with what it loads and unloads",
        ),
    ),
    Sign(
        words=_words(*_GONE),
        incident="q2287297",
        says="a program used a key whose hive was unloaded under it, or that was deleted (error "
        "1018, ERROR_KEY_DELETED, 0x800703FA): mostly a service or COM+ server that kept a user's "
        "key open beyond that user's logoff (`regsim run q2287297` plays it). It is the one "
        "harmed, "
        "and most likely the one that event 1530 named",
        collect=(
            (
                "the Application log's events 1530 from before the failure, for the process that "
                'failed: `wevtutil qe Application /f:xml "/q:*[System[(EventID=1530)]]"`'
            ),
            "whether it goes away when that process is restarted: then its key was the stale one",
        ),
    ),
    Sign(
        words=_words(
            r"\breg(?:\.exe)?[\"']?\s+[\"']?load\b[^\n]{0,300}(?:\n[^\n]{0,200}){0,3}?"
            rf"(?:{_IN_USE}|0x80070020|sharing violation)",
            r"(?:fail|unable|could ?n[o']t|cannot)[^\n]{0,60}\bload[^\n]{0,40}\bhive"
            r"[^\n]{0,200}(?:being used|0x80070020|error ?(?:code)? ?32\b)",
        ),
        incident="reg-load",
        says="the hive's file was in use when it was to be loaded: most likely it is loaded "
        "already, "
        "by its user's session or by an earlier run that could not unload it",
        collect=(f"where it is loaded: {_HIVELIST}",),
    ),
    Sign(
        words=_words(
            r"profilelist\\+s-1-5-21-[\d-]{1,60}\.bak\b",
            r"\busers\\+temp(?:\.[\w-]{1,40})?\.\d{3}\b",
            r"(?:being|is|was) logg(?:ing|ed) (?:you )?on with a temporary profile",
        ),
        beside=_words(
            r"profilelist|\.bak\b",
            r"\busers\\+temp(?:\.[\w-]{1,40})?\.\d{3}\b",
            r"(?s:\btemporary profile.{1,2000}\btemporary profile)",
        ),
        events=frozenset({1511, 1515}),
        incident="temp-profiles",
        says="a user's profile could not be loaded, was set aside (.bak in ProfileList), and the "
        "user was given a temporary one: among the causes is a program, such as an agent, that has "
        "the user's hive or its file open or loaded at logon (`regsim run temp-profiles` plays "
        "it). The log does not say what had it",
        collect=(
            "events 1552, 1545 and 1508 just before: the first two name the process",
            f"whether the user's NTUSER.DAT is loaded at another place: {_HIVELIST}",
            "change nothing in ProfileList before that is clear",
        ),
    ),
)
"""The rows, the most telling first."""

HINTS: Final = (
    *("load", "0x8007", "800703fa", "0xc000", "delet", "1018", "2147"),
    *(".bak", "temporary profile", "users\\temp", ".dat"),
)
"""Of these, in small letters, there is at least one where any row matches."""

SUCCESS: Final = _words(
    r"(?:success\w*|completed)[^\n]{0,60}\bunload\w*",
    rf"(?:{_UNLOAD})[^\n]{{0,300}}(?:\n[^\n]{{0,200}}){{0,2}}?(?:completed successfully|exit "
    rf"?code \[?0\b)",
)
"""What a log writes where an unload succeeded."""

COLLECTED: Final = _words(
    r"garbage collect", r"gc\]?(?:::|\.)collect", r"waitforpendingfinalizers", r"finalizers"
)
"""What a log writes where a script had .NET's collector run."""


def take_reports(snapshot: Snapshot) -> None:
    """Say which incident the profile events of *snapshot* resemble together, if any."""
    numbers = {one.id for one in snapshot.reports if one.source in (PROFSVC, USERENV)}
    for sign in SIGNS:
        if sign.events and sign.events <= numbers:
            snapshot.incident = snapshot.incident or sign.incident
            snapshot.notes.append(sign.says)
            snapshot.next_steps += sign.collect
