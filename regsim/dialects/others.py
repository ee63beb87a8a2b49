"""Windows 95, Wine and ReactOS."""

from __future__ import annotations

from regsim.dialects.facts import after, documented, inferred, observed
from regsim.dialects.nt import NT4_RTM, ONE_TRY
from regsim.dialects.windows import WIN7, WIN2003
from regsim.policy import (
    ClassesView,
    DisabledRoot,
    EmptySubkey,
    HandlePolicy,
    NoHive,
    OverrideHold,
    OverrideNull,
    PerCallRoot,
    PredefClose,
    PredefEmpty,
    Reload,
    UnloadBlockers,
)
from regsim.status import NtStatus, Win32Error

_WINE = "Wine dlls/kernelbase/registry.c"
_WINE_SERVER = "Wine server/registry.c"
_REACTOS = "ReactOS dll/win32/advapi32/reg/reg.c"
_NO_KERNEL = "Windows 95 has no NT kernel"

WIN95 = after(
    NT4_RTM,
    "win95",
    "Windows 95",
    handles=documented(HandlePolicy.SHARED, "KB Q137202"),
    refcount_bits=inferred(32, "nothing is known of a narrower one"),
    close_predefined=inferred(PredefClose.IGNORED, "a predefined key is no object there"),
    open_predefined_empty=documented(PredefEmpty.SAME, "KB Q137202"),
    open_ex_empty=documented(EmptySubkey.SAME_COUNTED, "KB Q137202"),
    open_empty=documented(EmptySubkey.SAME_COUNTED, "KB Q137202"),
    null_key_error=observed(Win32Error.BADKEY, "Wine dlls/advapi32/tests/registry.c"),
    absent=inferred(
        {
            **NT4_RTM.absent,
            **dict.fromkeys(
                ("NtOpenKey", "NtClose", "NtDuplicateObject", "NtLoadKey", "NtUnloadKey"),
                _NO_KERNEL,
            ),
        },
        _NO_KERNEL,
    ),
    logoff=inferred(ONE_TRY, "Windows 95 does not unload a hive with a kernel's counts"),
)

WINE = after(
    WIN7,
    "wine",
    "Wine",
    close_predefined=observed(PredefClose.IGNORED, f"{_WINE}, RegCloseKey"),
    close_any_high_handle=observed(True, f"{_WINE}, RegCloseKey: any value from 0x80000000 up"),
    open_predefined_empty=observed(PredefEmpty.SAME, f"{_WINE}, RegOpenKeyExW"),
    disabled_root=observed(DisabledRoot.CLOSED, f"{_WINE}, RegDisablePredefinedCache"),
    per_call_root=observed(
        PerCallRoot.LEAKED, f"{_WINE}: callers do not close the per-call root (by reading)"
    ),
    no_user_hive=observed(NoHive.NOT_FOUND, f"{_WINE}, RegOpenCurrentUser: no .DEFAULT"),
    classes_root=observed(ClassesView.MACHINE, _WINE),
    user_classes_root=observed(ClassesView.MACHINE, f"{_WINE}, RegOpenUserClassesRoot"),
    classes_hive=inferred(False, "Wine keeps one user hive"),
    unload_blockers=observed(UnloadBlockers.ROOT, f"{_WINE_SERVER}, unload_registry"),
    unloaded_status=observed(NtStatus.KEY_DELETED, _WINE_SERVER),
    absent=inferred(
        dict.fromkeys(("NtUnloadKey2", "NtUnloadKeyEx"), "Wine does not force or defer an unload"),
        "read as stubs",
    ),
    logoff=inferred(ONE_TRY, "Wine has no Winlogon; one try stands for it"),
)

REACTOS = after(
    WIN2003,
    "reactos",
    "ReactOS",
    close_predefined=observed(PredefClose.IGNORED, f"{_REACTOS}, RegCloseKey"),
    open_predefined_empty=inferred(PredefEmpty.SAME, f"{_REACTOS}, not read in full"),
    disabled_root=observed(DisabledRoot.KEPT, f"{_REACTOS}, RegDisablePredefinedCache"),
    per_call_root=observed(PerCallRoot.CLOSED, f"{_REACTOS}, handles tagged by bit 0"),
    override_hold=observed(OverrideHold.BORROWED, f"{_REACTOS}, RegOverridePredefKey"),
    override_null=observed(OverrideNull.REOPENS, f"{_REACTOS}, RegOverridePredefKey"),
    no_user_hive=inferred(NoHive.DEFAULT_USER, "by RtlOpenCurrentUser"),
    user_classes_root=observed(ClassesView.USER, f"{_REACTOS}, RegOpenUserClassesRoot"),
    unload_blockers=observed(
        UnloadBlockers.SUBKEY, "ReactOS ntoskrnl/config/cmapi.c, CmUnloadKey (by reading)"
    ),
    unloaded_status=observed(NtStatus.KEY_DELETED, "ReactOS ntoskrnl/config/ntapi.c"),
    reload=observed(Reload.ACCEPTED, "ReactOS ntoskrnl/config/cmapi.c, CmLoadKey"),
    absent=observed(
        {
            "NtUnloadKeyEx": "ReactOS answers STATUS_NOT_IMPLEMENTED",
            "RegDisablePredefinedCacheEx": "it came with Windows Vista",
            "RegLoadAppKey": "it came with Windows Vista",
        },
        "ReactOS ntoskrnl/config/ntapi.c",
    ),
    logoff=observed(ONE_TRY, "ReactOS dll/win32/userenv/profile.c, UnloadUserProfile"),
)

DIALECTS = (WIN95, WINE, REACTOS)
