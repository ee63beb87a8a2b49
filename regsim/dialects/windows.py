"""Windows 2000 to Windows 11."""

from __future__ import annotations

import attrs

from regsim.dialects.facts import after, documented, inferred, observed
from regsim.dialects.nt import (
    MSDN,
    NT4_SP6A,
    NT_TESTS,
    SINCE_10,
    SINCE_2003,
    SINCE_VISTA,
    SINCE_XP,
    SYSCALLS,
    TESTS,
)
from regsim.policy import (
    ClassesView,
    ElementSizes,
    LogoffPolicy,
    UnloadFailure,
    Unmounts,
    View32,
)
from regsim.status import NtStatus, Win32Error

UPHCLEAN = "UPHClean readme (Robin Caron, Microsoft)"
_MINIMUM = f"{MSDN}, minimum supported system; {SYSCALLS}"

_AFFECTED = f"{MSDN}, Registry Keys Affected by WOW64"


def _paths(*written: str) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(path.upper().split("\\")) for path in written)


REFLECTED = View32(
    exists=True,
    shared=_paths(
        *(r"Microsoft\SystemCertificates", r"Microsoft\Cryptography\Services"),
        *(r"Microsoft\Windows NT\CurrentVersion\Perflib", r"Microsoft\COM3", r"Microsoft\OLE"),
        *(r"Microsoft\EventSystem", r"Microsoft\RPC", r"Microsoft\EnterpriseCertificates"),
        *(r"Microsoft\Windows\CurrentVersion\Group Policy", "Policies"),
        *(r"Microsoft\Windows\CurrentVersion\Setup", r"Microsoft\MSMQ"),
        *(r"Microsoft\Windows\CurrentVersion\Telephony\Locations", r"Microsoft\TermServLicensing"),
        *(
            rf"Microsoft\Windows NT\CurrentVersion\{name}"
            for name in (
                *("FontDpi", "FontMapper", "Fonts", "FontSubstitutes", "NetworkCards"),
                *("Print", "Ports", "Time Zones"),
            )
        ),
    ),
)
SHARED = attrs.evolve(
    REFLECTED,
    shared=REFLECTED.shared
    | _paths(
        *("Clients", "RegisteredApplications", r"Microsoft\Shared Tools\MSInfo"),
        *(r"Microsoft\CTF\SystemShared", r"Microsoft\CTF\TIP", r"Microsoft\DFS"),
        *(r"Microsoft\Driver Signing", r"Microsoft\Non-Driver Signing", r"Microsoft\RAS"),
        *(r"Microsoft\Notepad\DefaultFonts", r"Microsoft\Transaction Server"),
        *(r"Microsoft\Cryptography\Calais\Current", r"Microsoft\Cryptography\Calais\Readers"),
        *(
            rf"Microsoft\Windows\CurrentVersion\{name}"
            for name in (
                *(r"Control Panel\Cursors\Schemes", r"Explorer\AutoplayHandlers", "Policies"),
                *(r"Explorer\DriveIcons", r"Explorer\KindMap", "PreviewHandlers"),
            )
        ),
        *(
            rf"Microsoft\Windows NT\CurrentVersion\{name}"
            for name in (
                *("Console", "FontLink", "Gre_Initialize", "LanguagePack", "ProfileList"),
                "Image File Execution Options",
            )
        ),
    ),
    redirected_classes=_paths("CLSID", "DirectShow", "Interface", "Media Type", "MediaFoundation"),
)
"""From Windows 7 on; before, what is redirected below the classes was reflected too: the system
copied from one view to the other when a key was closed. That copy is taken as one key."""

W2K = after(
    NT4_SP6A,
    "w2k",
    "Windows 2000",
    classes_root=documented(ClassesView.MERGED, f"{MSDN}, HKEY_CLASSES_ROOT Key"),
    classes_hive=documented(True, "the text of event 1524; KB 221833"),
    absent=documented({**SINCE_VISTA, **SINCE_XP, **SINCE_2003, **SINCE_10}, _MINIMUM),
    logoff=documented(
        LogoffPolicy(actor="Winlogon", attempts=60, interval=1, on_failure=UnloadFailure.GIVE_UP),
        f"{UPHCLEAN}: 60 tries, one a second; ProfileUnloadTimeout, default 0x3C",
    ),
    unsaved_text=documented(
        "Windows cannot unload your registry file. If you have a roaming profile, your settings "
        "are not replicated. Contact your administrator. DETAIL: Access is denied.",
        "KB Q255113",
    ),
    hosted_services=documented(True, "KB 250320: Svchost.exe in Windows 2000 hosts TapiSrv"),
    corrected=inferred(frozenset(), "no article says that a later system corrects it"),
    excluded=inferred("", "the services and the count of open keys are as on NT 4.0"),
)
XP = after(
    W2K,
    "xp",
    "Windows XP",
    absent=documented({**SINCE_VISTA, **SINCE_2003, **SINCE_10}, _MINIMUM),
    limits=documented(
        ElementSizes(key_name=256, value_name=16_383, data=None, levels=512, levels_at_once=32),
        f"{MSDN}, Registry Element Size ElementSizes: data in the latest format of hives has none",
    ),
    view32=documented(REFLECTED, f"{_AFFECTED}: of the 64-bit Windows XP; copies taken as shared"),
    deferred_status=inferred(
        NtStatus.PENDING, "contested: the function takes an event; its answer is written nowhere"
    ),
    logoff=documented(
        LogoffPolicy(actor="Winlogon", attempts=1, interval=0, on_failure=UnloadFailure.SAVE_COPY),
        f"{UPHCLEAN}; the text of event 1517",
    ),
)
WIN2003 = after(
    XP,
    "2003",
    "Windows Server 2003",
    absent=documented({**SINCE_VISTA, **SINCE_10}, _MINIMUM),
    default_unload_status=observed(NtStatus.CANNOT_DELETE, TESTS),
    unloaded_status=observed(NtStatus.KEY_DELETED, "ReactOS rostests, accepted on Windows 2003"),
)
VISTA = after(
    WIN2003,
    "vista",
    "Windows Vista",
    absent=documented(SINCE_10, _MINIMUM),
    default_unload_status=observed(NtStatus.ACCESS_DENIED, TESTS),
    unloaded_status=inferred(NtStatus.KEY_DELETED, "unknown for Vista; 2003's answer is taken"),
    refcount_bits=documented(32, "public symbols: CM_KEY_CONTROL_BLOCK.RefCount is a ULONG"),
    logoff=documented(
        LogoffPolicy(
            actor="User Profile Service",
            attempts=1,
            interval=1,
            on_failure=UnloadFailure.FORCE,
            grace=30,
            image="svchost.exe",
            service="ProfSvc",
        ),
        "MSDN dsnotes blog 2014-03-25; the wait is 'around 30 s, but I'm not sure' "
        "(Raymond Chen, 2025-01-02)",
    ),
)
WIN7 = after(
    VISTA,
    "win7",
    "Windows 7",
    unloaded_status=observed(NtStatus.HIVE_UNLOADED, "Procmon captures; ReactOS rostests"),
    view32=documented(SHARED, _AFFECTED),
)
WIN81 = after(
    WIN7,
    "win8.1",
    "Windows 8.1",
    expanding_error=observed(
        Win32Error.UNSUPPORTED_TYPE, f"{TESTS}, test_get_value: from Windows 8 on"
    ),
)
SILOS = (
    "anthropics/claude-code issues 53247, 73107, 93220: with the last process in the container's "
    "job AppModel-Runtime 217 is written and the hives go"
)
WIN10 = after(
    WIN81,
    "win10",
    "Windows 10",
    absent=documented({}, _MINIMUM),
    unmounts=inferred(Unmounts(), f"{SILOS}; contested"),
    link_loop_status=observed(
        NtStatus.INVALID_PARAMETER, f"{NT_TESTS}, test_symlinks: from version 1607 on"
    ),
)
WIN11 = after(WIN10, "win11", "Windows 11")

DIALECTS = (W2K, XP, WIN2003, VISTA, WIN7, WIN81, WIN10, WIN11)
