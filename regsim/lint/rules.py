"""The rules: what each looks for, why it matters, how to mend it, and where that is known from."""

from __future__ import annotations

from typing import Final

import attrs

from regsim.naming import resolve


@attrs.frozen
class LintRule:
    """A rule of the linter.

    Attributes:
        id: ``PS`` and a number for PowerShell, ``C`` for C and C++, ``CS`` for C#, ``PY`` for
            Python.
        title: what it finds, in a few words.
        why: what happens to whoever runs such code.
        mend: what to do instead.
        source: where that is known from.
        story: the run of `regsim.lint.playing` that shows what becomes of it; empty where what
            Windows does then is not known.
    """

    id: str
    title: str
    why: str
    mend: str
    source: str
    story: str


_CLOSE: Final = "RegCloseKey (Microsoft, winreg.h; documented)"
_PROVIDER: Final = (
    "PowerShell's registry provider, its source; PSAppDeployToolkit issues 30 and 66 (documented)"
)
_WAIT: Final = "ansible issue 38711 and pull request 38912 (observed)"
_LOADING: Final = "RegLoadKey and RegUnLoadKey (Microsoft, winreg.h; documented)"
_CURRENT_USER: Final = (
    "RegOpenCurrentUser and RegDisablePredefinedCacheEx (Microsoft, winreg.h; documented)"
)
_PROFILES: Final = "LoadUserProfile and UnloadUserProfile (Microsoft, userenv.h; documented)"

_ALL: Final = (
    LintRule(
        "PS101",
        "a key below a loaded hive is still open when it is unloaded",
        "What New-Item, Get-Item, Get-ChildItem, OpenSubKey and the like give keeps the key open "
        "until it is closed or its finalizer has run; until then reg unload is refused.",
        "Close what was opened; or drop every variable, then [gc]::Collect() and "
        "[gc]::WaitForPendingFinalizers() before the unload; or write with reg.exe, which holds "
        "nothing.",
        _PROVIDER,
        "held",
    ),
    LintRule(
        "PS102",
        "garbage is collected, but its finalizers are not waited for",
        "[gc]::Collect() only queues the finalizers, which close the keys, on a thread of their "
        "own: whether they have run when reg unload is called is chance.",
        "Call [gc]::WaitForPendingFinalizers() after [gc]::Collect().",
        _WAIT,
        "queued",
    ),
    LintRule(
        "PS103",
        "garbage is collected while a variable still holds the key",
        "What a variable refers to is no garbage, so that its key stays open.",
        "Close the key, or set the variable to $null, before [gc]::Collect().",
        _WAIT,
        "held",
    ),
    LintRule(
        "PS104",
        "a drive or the current location is inside the hive",
        "Whether such a drive holds a key is not known; that it names a key that is about to go "
        "is.",
        "Remove-PSDrive, or Set-Location to a place outside, before the unload.",
        "no source either way; a drive on all of HKEY_USERS is no fault (inferred)",
        "",
    ),
    LintRule(
        "PS105",
        "the exit code of reg unload is not looked at",
        "reg.exe says with its exit code, 1, that the hive stays; nothing is thrown, so the script "
        "goes on as if it had gone. Told only where what was opened in the hive may still be open.",
        "Test $LASTEXITCODE (or the ExitCode of Start-Process -PassThru), and try again or stop.",
        "tiny11builder issue 476, VDOT pull request 70 (observed)",
        "unnoticed",
    ),
    LintRule(
        "PS106",
        "an error skips the unload",
        "After an error between the load and the unload the hive stays loaded, and the next load "
        "of its file is refused.",
        "Unload in the finally of a try that begins after the load.",
        "AutopilotBranding pull request 82 (observed)",
        "skipped",
    ),
    LintRule(
        "PS107",
        "a hive is loaded and on some way not unloaded",
        "The hive stays loaded after the script: the file is in use, and its user may get a "
        "temporary profile.",
        "Unload on every way, best in finally.",
        _LOADING,
        "left",
    ),
    LintRule(
        "PS108",
        "the unload is tried again without a bound",
        "What holds the key may never let go, and then the script never ends.",
        "Count the tries, wait between them, and say in the end that the hive stays.",
        "PSAppDeployToolkit issue 862 (observed)",
        "endless",
    ),
    LintRule(
        "PS109",
        "a job still works in the hive",
        "A job is a process or a runspace of its own: its keys are open while it runs.",
        "Wait-Job and Remove-Job before the unload.",
        _LOADING,
        "job",
    ),
    LintRule(
        "PS110",
        "the hive of the default user stays loaded",
        "While it is loaded its file cannot be copied for users who log on for the first time.",
        "Unload it in finally, and look at the exit code.",
        "VDOT issue 101 (observed)",
        "left",
    ),
    LintRule(
        "C101",
        "a key is not closed on some way",
        "The handle stays open until the process ends; in a service that holds the user's hive at "
        "logoff.",
        "Close it on every way: one exit that closes, or an owner such as wil::unique_hkey.",
        _CLOSE,
        "leak",
    ),
    LintRule(
        "C102",
        "a key is closed twice",
        "Windows gives the number of a closed handle to the next one that is opened: the second "
        "close may close that.",
        "Close once, and set the variable to NULL then.",
        _CLOSE,
        "twice",
    ),
    LintRule(
        "C103",
        "the parameter is closed instead of the key that was opened",
        "The caller's key is gone and one's own stays open.",
        "Close the key that was opened here, and leave the caller's alone.",
        "CS-Remote-OPs-BOF pull request 1 (observed)",
        "parameter",
    ),
    LintRule(
        "C104",
        "a predefined key is closed in a program of several threads",
        "The root behind HKEY_CURRENT_USER is shared by all threads: one that is about to open a "
        "key below it fails.",
        "Open the user's key by RegOpenCurrentUser and close that.",
        "KB Q241572; model q241572, variant naive (inferred)",
        "predefined",
    ),
    LintRule(
        "C105",
        "HKEY_CURRENT_USER is used while impersonating",
        "It is looked up once in a process and kept: it may be another user's, and it keeps that "
        "user's hive loaded after the thread has reverted.",
        "RegOpenCurrentUser, closed afterwards; or RegDisablePredefinedCacheEx at the start.",
        _CURRENT_USER,
        "acting",
    ),
    LintRule(
        "C106",
        "a key is used that may not have been opened",
        "Where the call failed, the variable holds what it held before.",
        "Look at the result before the key is used.",
        "RegOpenKeyEx (Microsoft, winreg.h; documented)",
        "unchecked",
    ),
    LintRule(
        "C107",
        "a profile is loaded and on some way not unloaded",
        "The handle in hProfile keeps the user's hive loaded until the process ends, or longer.",
        "UnloadUserProfile on every way, after all keys in it are closed.",
        _PROFILES,
        "profile",
    ),
    LintRule(
        "C108",
        "RegCloseKey is called on a profile's handle",
        "hProfile belongs to UnloadUserProfile, which then has nothing to close.",
        "UnloadUserProfile.",
        _PROFILES,
        "closed-profile",
    ),
    LintRule(
        "C109",
        "a hive is loaded and on some way not unloaded",
        "It stays loaded after the process has ended: the file is in use.",
        "RegUnLoadKey on every way.",
        _LOADING,
        "mount",
    ),
    LintRule(
        "C110",
        "a hive is unloaded while a key in it is open",
        "The unload is refused, and the hive stays.",
        "Close every key below first.",
        _LOADING,
        "open-below",
    ),
    LintRule(
        "C111",
        "the handle of an application's hive is not closed",
        "The hive goes away when its last handle is closed: until then its file is in use.",
        "Close the handle that RegLoadAppKey gave, and every one below it.",
        "RegLoadAppKey (Microsoft, winreg.h; documented)",
        "application",
    ),
    LintRule(
        "CS101",
        "a RegistryKey is not disposed of on some way",
        "Its handle stays open until the collector finds the object and its finalizer has run, at "
        "a time of its own or never; in a service that holds the user's hive at logoff.",
        "Open it in a using, or Dispose of it in a finally.",
        "RegistryKey (Microsoft, .NET; documented); UniversalDeviceToolkit issue 103 (observed)",
        "object-leak",
    ),
    LintRule(
        "CS102",
        "HKEY_CURRENT_USER is used while impersonating",
        "It is looked up once in a process and kept: it may be another user's, and it keeps that "
        "user's hive loaded after the thread has reverted.",
        "Open HKEY_USERS and the user's SID below it, or RegOpenCurrentUser.",
        _CURRENT_USER,
        "acting",
    ),
    LintRule(
        "PY101",
        "a key is not closed on some way",
        "It stays open as long as anything refers to its object: a traceback or a frame that is "
        "kept, a cycle, on a Python without reference counts until the next collection.",
        "Open it in a with, or close it in a finally.",
        "winreg, handle objects (Python's documentation; documented)",
        "handle-leak",
    ),
    LintRule(
        "PY102",
        "HKEY_CURRENT_USER is used while impersonating",
        "It is looked up once in a process and kept: it may be another user's, and it keeps that "
        "user's hive loaded after the thread has reverted.",
        "Open HKEY_USERS and the user's SID below it, or RegOpenCurrentUser.",
        _CURRENT_USER,
        "acting",
    ),
)
RULES: Final = {rule.id: rule for rule in _ALL}
"""The rules by id."""


def rule(name: str) -> LintRule:
    """Return the rule with the id *name*; `UnknownNameError` lists those that exist."""
    return RULES[resolve("rule", name, RULES)]
