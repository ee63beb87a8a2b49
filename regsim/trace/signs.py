r"""The signs by which a log shows that a hive could not be unloaded, loaded or used, as a table.

A sign is words that a program or Windows writes, and what they most likely mean: which incident the
log resembles, how sure that is, and what to collect to know. A log names no holder, so none is made
up. A later incident adds a row. Error texts: Microsoft's system error codes (documented).
"""

from __future__ import annotations

import re
from typing import Final

import attrs


@attrs.frozen(kw_only=True)
class Sign:
    """What a log may show.

    ``words`` match what it writes, and where they do, ``beside`` must match somewhere as well.
    ``incident`` is the name of the one that it resembles, None for none; ``says`` is what it means.
    """

    words: re.Pattern[str]
    beside: re.Pattern[str] | None = None
    incident: str | None
    says: str
    collect: tuple[str, ...] = ()


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

SIGNS: Final = (
    Sign(
        words=_words(
            rf"(?:{_UNLOAD})[^\n]{{0,300}}(?:\n[^\n]{{0,200}}){{0,3}}?(?:{_DENIED})",
            r"(?:fail|unable|could ?n[o']t|cannot|can't)[^\n]{0,80}\bunload[^\n]{0,40}\b(?:hive"
            r"|regis|hk)",
            r"\bunload[^\n]{0,160}(?:\bfailed|win32 ?error ?(?:code)? ?5\b|0x80070005"
            r"|\b0xc0000121)",
            r"cannot_delete|status_cannot_delete|0xc0000121",
        ),
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
        words=_words(
            r"0x800703fa",
            r"\bmarked for deletion\b",
            r"error_key_deleted|status_hive_unloaded|0xc0000425",
            r"\b(?:error|win32|code|status)[ :=(]{1,4}1018\b",
        ),
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
        words=_words(r"0x80070020", r"0x80073d02", r"0x80073cf6", r"0x80073d05"),
        beside=_words(r"appx|msix|windowsapps|\bpackages?\\|helium|silo|desktop ?bridge|appmodel"),
        incident="msix-silo",
        says="a packaged app's container could not be built or removed, since a file of its hives "
        "was in use (0x80070020 is a sharing violation; the dialog names the app's folder, not the "
        "file): most likely a container of the app, perhaps of its earlier version, is still "
        "mounted. The log does not say what keeps it",
        collect=(
            (
                "which hives are mounted: `reg query "
                "HKLM\\SYSTEM\\CurrentControlSet\\Control\\hivelist`"
            ),
            "events 208, 210, 211, 215, 217 of Microsoft-Windows-AppModel-Runtime/Admin",
            (
                "whether it goes away by signing out, then by a restart; do not unload those hives "
                "by force, as they are Windows' own"
            ),
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
        collect=(
            "where it is loaded: `reg query HKLM\\SYSTEM\\CurrentControlSet\\Control\\hivelist`",
        ),
    ),
)
"""The rows, the most telling first."""

HINTS: Final = ("load", "0x8007", "800703fa", "0xc000", "delet", "1018")
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
