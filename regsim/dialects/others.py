"""Windows 95, Wine and ReactOS."""

from __future__ import annotations

import attrs

from regsim.dialects.facts import after, documented, inferred, observed
from regsim.dialects.nt import NT4_RTM, ONE_TRY
from regsim.dialects.windows import WIN7, WIN2003
from regsim.policy import (
    DIFFERENCING,
    ClassesView,
    DisabledRoot,
    ElementSizes,
    EmptySubkey,
    HandlePolicy,
    HiveModel,
    ListOrder,
    NoHive,
    NoRights,
    NullKey,
    OverrideHold,
    OverrideNull,
    PerCallRoot,
    PredefClose,
    PredefEmpty,
    Reload,
    UnloadBlockers,
    View32,
)
from regsim.status import NtStatus, Win32Error
from regsim.types import Access, Privilege

_WINE = "Wine dlls/kernelbase/registry.c"
_WINE_ADVAPI = "Wine dlls/advapi32/registry.c"
_WINE_SERVER = "Wine server/registry.c"
_WINE_NTDLL = "Wine dlls/ntdll/unix/registry.c"
_REACTOS = "ReactOS dll/win32/advapi32/reg/reg.c"
_REACTOS_CM = "ReactOS ntoskrnl/config/cmapi.c"
_REACTOS_NT = "ReactOS ntoskrnl/config/ntapi.c"
_NO_KERNEL = "Windows 95 has no NT kernel"
_RESTORE = frozenset({Privilege.RESTORE})

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
    no_rights=inferred(NoRights.OPENS, "Windows 95 has no rights"),
    limits=documented(
        ElementSizes(key_name=255, value_name=255, data=16_300, levels=512, levels_at_once=32),
        "MSDN, Registry Element Size ElementSizes",
    ),
    link_loop_status=inferred(NtStatus.NAME_TOO_LONG, "Windows 95 has no links"),
    view32=inferred(View32(exists=False), "Windows 95 has no 64-bit programs and no rights"),
    unload_blockers=inferred(UnloadBlockers.ANY, "as on NT; no article speaks of Windows 95"),
    load_privileges=inferred(frozenset(), "Windows 95 has no privileges"),
    null_key_error=observed(Win32Error.BADKEY, "Wine dlls/advapi32/tests/registry.c"),
    absent=inferred(
        {
            **NT4_RTM.absent,
            **dict.fromkeys(
                (
                    *("NtOpenKey", "NtCreateKey", "NtDeleteKey", "NtQueryKey", "NtClose"),
                    *("NtDuplicateObject", "NtLoadKey", "NtUnloadKey"),
                ),
                _NO_KERNEL,
            ),
        },
        _NO_KERNEL,
    ),
    logoff=inferred(ONE_TRY, "Windows 95 does not unload a hive with a kernel's counts"),
    unsaved_text=inferred(NT4_RTM.unsaved_text, "as NT 4.0; Windows 95 has no event log"),
    hosted_services=inferred(False, "Windows 95 has no service control manager"),
    corrected=inferred(frozenset(), "the articles do not list Windows 95"),
    excluded=inferred(
        "Windows 95 has no NT kernel: no hive is unloaded by counting handles", _NO_KERNEL
    ),
)

WINE = after(
    WIN7,
    "wine",
    "Wine 8.0",
    handles=observed(HandlePolicy.UNIQUE, f"{_WINE_SERVER}, open_key: a handle for each open"),
    refcount_bits=observed(32, "Wine server/object.h: handle_count is an unsigned int"),
    cached_root_access=observed(Access.MAXIMUM_ALLOWED, f"{_WINE}, get_special_root_hkey"),
    close_predefined=observed(PredefClose.IGNORED, f"{_WINE}, RegCloseKey"),
    close_any_high_handle=observed(True, f"{_WINE}, RegCloseKey: any value from 0x80000000 up"),
    open_predefined_empty=observed(PredefEmpty.SAME, f"{_WINE}, RegOpenKeyExW"),
    open_ex_empty=observed(EmptySubkey.NEW_HANDLE, f"{_WINE}, RegOpenKeyExW and open_key"),
    open_empty=observed(EmptySubkey.SAME, f"{_WINE_ADVAPI}, RegOpenKeyW"),
    disabled_root=observed(
        DisabledRoot.CLOSED, f"{_WINE}, DisablePredefinedHandleTableInternal closes the slot"
    ),
    per_call_root=observed(
        PerCallRoot.LEAKED,
        f"{_WINE}: create_special_root_hkey opens a root that no caller of it closes",
    ),
    override_hold=observed(
        OverrideHold.DUPLICATED_DEAD,
        f"{_WINE}, RemapPredefinedHandleInternal duplicates it; run on 8.0",
    ),
    override_null=observed(
        OverrideNull.CLEARS, f"{_WINE}, RemapPredefinedHandleInternal empties the slot"
    ),
    no_user_hive=observed(
        NoHive.NOT_FOUND, f"{_WINE}, RegOpenCurrentUser: HKU\\<SID> only; run on 8.0"
    ),
    classes_root=observed(ClassesView.MACHINE, f"{_WINE}, root_key_names"),
    user_classes_root=observed(ClassesView.PSEUDO, f"{_WINE}, RegOpenUserClassesRoot; run on 8.0"),
    classes_hive=inferred(False, "Wine keeps one user hive"),
    lists=observed(
        ListOrder.LOWERED, f"{_WINE_SERVER}, find_subkey and find_value: sorted, case ignored"
    ),
    hives=observed(
        HiveModel.GRAFTED,
        f"{_WINE_SERVER}, load_registry, unload_registry, save_registry, delete_key; run on 8.0",
    ),
    info_rights=observed(Access.NONE, f"{_WINE_SERVER}, enum_key: a handle will do; run on 8.0"),
    subkeys_status=observed(NtStatus.ACCESS_DENIED, f"{_WINE_SERVER}, delete_key; run on 8.0"),
    null_key_result=observed(NullKey.OPEN_NULLS, f"{_WINE}, RegCreateKeyExW; run on 8.0"),
    no_rights=observed(NoRights.OPENS, "Wine dlls/ntdll/tests/reg.c, test_NtOpenKey: todo_wine"),
    limits=observed(
        ElementSizes(key_name=256, value_name=16_383, data=None, levels=None, levels_at_once=None),
        f"{_WINE_SERVER}, MAX_NAME_LEN and MAX_VALUE_LEN",
    ),
    link_loop_status=observed(
        NtStatus.INVALID_PARAMETER, f"{_WINE_SERVER}, follow_symlink; run on 8.0"
    ),
    view32=observed(
        attrs.evolve(WIN7.view32, from_root=True, redirected_classes=frozenset({()})),
        f"{_WINE}, open_key and is_wow6432node; run on 8.0",
    ),
    counters_are_keys=observed(True, f"{_WINE}, RegOpenKeyExW, RegEnumValueW; run on 8.0"),
    expanding_error=observed(Win32Error.INVALID_PARAMETER, f"{_WINE}, RegGetValueW"),
    unload_blockers=observed(
        UnloadBlockers.ROOT, f"{_WINE_SERVER}, unload_registry looks at the root's handle_count"
    ),
    unloaded_status=observed(
        NtStatus.KEY_DELETED, f"{_WINE_SERVER}, unload_registry deletes the tree under its handles"
    ),
    default_unload_status=observed(
        NtStatus.SUCCESS, f"{_WINE_SERVER}, unload_registry: a key like any other; run on 8.0"
    ),
    reload=observed(Reload.COLLIDES, f"{_WINE_SERVER}, load_registry; run on 8.0"),
    load_privileges=observed(_RESTORE, f"{_WINE_SERVER}, load_registry and unload_registry"),
    absent=observed(
        {
            "NtUnloadKey2": "Wine's ntdll does not export it",
            "NtUnloadKeyEx": "a stub in Wine's ntdll",
            "RegDisablePredefinedCacheEx": "a stub in Wine's kernelbase",
            "RegLoadAppKey": "a stub in Wine's kernelbase that gives a number which is no handle",
            DIFFERENCING: "Wine has no containers of apps",
            **dict.fromkeys(
                ("RegRestoreKey", "RegReplaceKey", "NtRestoreKey", "NtReplaceKey"),
                "a stub in Wine that answers success and does nothing",
            ),
        },
        f"{_WINE}; {_WINE_ADVAPI}; {_WINE_NTDLL}; Wine dlls/ntdll/ntdll.spec; "
        "Wine dlls/kernelbase/kernelbase.spec",
    ),
    logoff=inferred(ONE_TRY, "Wine has no Winlogon; one try stands for it"),
    unsaved_text=inferred(
        WIN7.unsaved_text, "Wine logs no such event; Windows 2000's stands for it"
    ),
    hosted_services=inferred(False, "a service of the case is taken to be a program of its own"),
    corrected=inferred(frozenset(), "Wine has no Tapisrv.exe"),
    excluded=inferred("", "a program of Windows that is run there does what it does on Windows"),
)

REACTOS = after(
    WIN2003,
    "reactos",
    "ReactOS",
    cached_root_access=observed(Access.MAXIMUM_ALLOWED, f"{_REACTOS}, OpenPredefinedKey"),
    close_predefined=observed(PredefClose.IGNORED, f"{_REACTOS}, RegCloseKey"),
    close_any_high_handle=observed(
        False, f"{_REACTOS}, RegCloseKey: only values from 0x80000000 to 0x8FFFFFFF"
    ),
    open_predefined_empty=observed(PredefEmpty.SAME, f"{_REACTOS}, RegOpenKeyExW"),
    open_ex_empty=observed(EmptySubkey.NEW_HANDLE, f"{_REACTOS}, RegOpenKeyExW"),
    open_empty=observed(
        EmptySubkey.NEW_HANDLE, f"{_REACTOS}, RegOpenKeyW passes it on to RegOpenKeyExW"
    ),
    disabled_root=observed(DisabledRoot.KEPT, f"{_REACTOS}, RegDisablePredefinedCache"),
    per_call_root=observed(
        PerCallRoot.CLOSED, f"{_REACTOS}, MapDefaultKey tags bit 0 and ClosePredefKey closes it"
    ),
    override_hold=observed(OverrideHold.BORROWED, f"{_REACTOS}, RegOverridePredefKey"),
    override_null=observed(OverrideNull.REOPENS, f"{_REACTOS}, RegOverridePredefKey"),
    no_user_hive=observed(
        NoHive.DEFAULT_USER,
        f"{_REACTOS}, RegOpenCurrentUser; ReactOS sdk/lib/rtl/registry.c, RtlOpenCurrentUser",
    ),
    classes_root=observed(
        ClassesView.MERGED, "ReactOS dll/win32/advapi32/reg/hkcr.c, OpenHKCRKey: the user's first"
    ),
    user_classes_root=observed(
        ClassesView.USER, f"{_REACTOS}, RegOpenUserClassesRoot: HKU\\<SID>_Classes"
    ),
    classes_hive=observed(
        False, "ReactOS dll/win32/userenv/profile.c, LoadUserProfileW loads one hive a user"
    ),
    no_rights=inferred(NoRights.OPENS, "nothing in ReactOS' parse routine refuses it"),
    view32=inferred(View32(exists=False), "ReactOS has no WOW64"),
    counters_are_keys=inferred(False, "as Windows"),
    unload_blockers=observed(
        UnloadBlockers.SUBKEY, f"{_REACTOS_CM}, CmUnloadKey counts by CmpEnumerateOpenSubKeys"
    ),
    unloaded_status=observed(
        NtStatus.KEY_DELETED, f"{_REACTOS_CM}, CmUnloadKey marks the control blocks deleted"
    ),
    deferred_status=observed(NtStatus.NOT_IMPLEMENTED, f"{_REACTOS_NT}, NtUnloadKeyEx"),
    default_unload_status=inferred(
        NtStatus.CANNOT_DELETE,
        f"{_REACTOS_CM}, CmUnloadKey has no rule for it; keys below are open",
    ),
    reload=observed(Reload.ACCEPTED, f"{_REACTOS_CM}, CmLoadKey"),
    load_privileges=observed(_RESTORE, f"{_REACTOS_NT}, NtUnloadKey2 checks SeRestore only"),
    absent=observed(
        {
            "RegDisablePredefinedCacheEx": "ReactOS' advapi32 does not export it",
            DIFFERENCING: "ReactOS has no containers of apps",
            "RegLoadAppKey": "ReactOS' advapi32 does not export it",
            **dict.fromkeys(
                ("NtUnloadKeyEx", "NtRestoreKey", "NtReplaceKey", "RegRestoreKey", "RegReplaceKey"),
                "ReactOS answers STATUS_NOT_IMPLEMENTED",
            ),
        },
        f"{_REACTOS_NT}; ReactOS dll/win32/advapi32/advapi32.spec",
    ),
    logoff=observed(ONE_TRY, "ReactOS dll/win32/userenv/profile.c, UnloadUserProfile"),
    unsaved_text=inferred(
        WIN2003.unsaved_text, "ReactOS logs no such event; Windows 2000's stands for it"
    ),
    hosted_services=inferred(False, "a service of the case is taken to be a program of its own"),
    corrected=inferred(frozenset(), "ReactOS has no Tapisrv.exe of Microsoft's"),
    excluded=inferred("", "a program of Windows that is run there does what it does on Windows"),
)
