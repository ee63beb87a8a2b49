"""Windows NT 3.1 to 4.0, and Terminal Server Edition."""

from __future__ import annotations

import attrs

from regsim.dialects.facts import after, documented, first, inferred, observed
from regsim.policy import (
    DIFFERENCING,
    ClassesView,
    DisabledRoot,
    ElementSizes,
    EmptySubkey,
    HandlePolicy,
    HiveModel,
    ListOrder,
    LogoffPolicy,
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
    UnloadFailure,
    Unmounts,
    View32,
)
from regsim.status import NtStatus, Win32Error
from regsim.types import Access, Privilege

TESTS = "Wine dlls/advapi32/tests/registry.c, which also runs on Windows"
NT_TESTS = "Wine dlls/ntdll/tests/reg.c, which also runs on Windows"
CHEN_ROOT = "Raymond Chen, The Old New Thing, 2021-07-23"
MSDN = "MSDN, Registry Functions"
SYSCALLS = "the system calls of each build as tabled in j00ru/windows-syscalls, x86/csv/nt.csv"

SINCE_2000 = dict.fromkeys(
    (
        "RegOpenCurrentUser",
        "RegDisablePredefinedCache",
        "RegOverridePredefKey",
        "RegOpenUserClassesRoot",
    ),
    "it came with Windows 2000 (MSDN, minimum supported system)",
)
SINCE_VISTA = dict.fromkeys(
    (
        *("RegDisablePredefinedCacheEx", "RegLoadAppKey"),
        *("RegDeleteTree", "RegCopyTree", "RegSetKeyValue", "RegRenameKey"),
    ),
    "it came with Windows Vista (MSDN, minimum supported system)",
)
SINCE_XP = {
    "NtUnloadKeyEx": f"it came with Windows XP ({SYSCALLS})",
    **dict.fromkeys(
        ("RegDeleteKeyEx", "RegGetValue"),
        "it came with the 64-bit Windows XP and Server 2003 (MSDN, minimum supported system)",
    ),
}
SINCE_10 = {
    DIFFERENCING: "they came with Windows 10 version 1607 (Project Zero, The Windows Registry "
    "Adventure)"
}
SINCE_2003 = {"NtUnloadKey2": f"it came with Windows Server 2003 ({SYSCALLS})"}

ONE_TRY = LogoffPolicy(actor="Winlogon", attempts=1, interval=0, on_failure=UnloadFailure.GIVE_UP)

NT4_RTM = first(
    "nt4-rtm",
    "Windows NT 4.0",
    handles=documented(HandlePolicy.UNIQUE, "KB Q137202"),
    refcount_bits=documented(16, "KB Q179827"),
    cached_root_access=inferred(
        Access.MAXIMUM_ALLOWED,
        "Wine dlls/kernelbase/registry.c, get_special_root_hkey, and ReactOS "
        "dll/win32/advapi32/reg/reg.c, OpenPredefinedKey, ask for it",
    ),
    close_predefined=documented(PredefClose.CLOSES_ROOT, f"{CHEN_ROOT}; KB Q229675"),
    close_any_high_handle=inferred(
        False, "RegCloseKey of a value that is no handle gives 6 (KB Q137202)"
    ),
    open_predefined_empty=documented(PredefEmpty.REFRESH, f"{CHEN_ROOT}; {TESTS}"),
    open_ex_empty=documented(EmptySubkey.NEW_HANDLE, f"{CHEN_ROOT}; {TESTS}"),
    open_empty=documented(EmptySubkey.SAME, f"{CHEN_ROOT}; KB Q137202"),
    disabled_root=inferred(
        DisabledRoot.KEPT, "unspecified: MSDN asks to call it before the first use"
    ),
    per_call_root=documented(PerCallRoot.CLOSED, f"{MSDN}, RegDisablePredefinedCache"),
    override_hold=documented(OverrideHold.DUPLICATED, f"{MSDN}, RegOverridePredefKey"),
    override_null=documented(OverrideNull.CLEARS, f"{MSDN}, RegOverridePredefKey"),
    no_user_hive=documented(NoHive.DEFAULT_USER, f"{MSDN}, RegOpenCurrentUser; KB Q168877"),
    classes_root=documented(ClassesView.MACHINE, f"{MSDN}: the merged view came with 2000"),
    user_classes_root=documented(ClassesView.MERGED, f"{MSDN}, RegOpenUserClassesRoot"),
    classes_hive=inferred(False, "NT 4.0 has one hive a user; UsrClass.dat came with 2000"),
    lists=observed(ListOrder.HIVE, f"{TESTS}, test_rw_order; the order of subkeys in a hive"),
    hives=documented(HiveModel.SEPARATE, f"{MSDN}, RegLoadKey, RegUnLoadKey"),
    info_rights=documented(Access.QUERY_VALUE, f"{MSDN}, RegQueryInfoKey"),
    subkeys_status=observed(
        NtStatus.CANNOT_DELETE, "ReactOS ntoskrnl/config/cmapi.c, CmDeleteKey; the same Win32 code"
    ),
    null_key_result=observed(NullKey.CREATE_NULLS, f"{TESTS}, test_reg_open_key"),
    no_rights=observed(NoRights.REFUSED, f"{NT_TESTS}, test_NtOpenKey"),
    limits=documented(
        ElementSizes(key_name=256, value_name=16_383, data=1 << 20, levels=512, levels_at_once=32),
        f"{MSDN}, Registry Element Size ElementSizes (255 characters of a key's name; "
        f"{NT_TESTS}, test_long_value_name, has the value name; the rest and the codes inferred)",
    ),
    link_loop_status=observed(NtStatus.NAME_TOO_LONG, f"{NT_TESTS}, test_symlinks"),
    view32=observed(
        View32(exists=False, refusal=Win32Error.ACCESS_DENIED),
        f"{TESTS}, test_reg_open_key: NT 4.0 and Windows 2000 refuse the flags",
    ),
    counters_are_keys=observed(False, f"{TESTS}, test_RegQueryValueExPerformanceData"),
    expanding_error=observed(
        Win32Error.INVALID_PARAMETER, f"{TESTS}, test_get_value: before Windows 8"
    ),
    unload_blockers=documented(UnloadBlockers.ANY, "KB Q241572, Q234606, Q187453"),
    unloaded_status=inferred(
        NtStatus.KEY_DELETED, "as 2003 answers; this generation cannot force an unload"
    ),
    default_unload_status=observed(NtStatus.ACCESS_DENIED, TESTS),
    deferred_status=inferred(NtStatus.PENDING, "contested; this generation cannot defer an unload"),
    reload=observed(Reload.REFUSED, TESTS),
    unmounts=documented(
        Unmounts(), f"{MSDN}, RegUnLoadKey, RegLoadAppKey; silos where they are, as from Windows 10"
    ),
    load_privileges=observed(
        frozenset({Privilege.RESTORE}),
        f"{TESTS}: test_reg_load_key loads with SeBackup switched off; MSDN names both",
    ),
    null_key_error=observed(Win32Error.INVALID_HANDLE, TESTS),
    absent=documented(
        {**SINCE_2000, **SINCE_VISTA, **SINCE_XP, **SINCE_2003, **SINCE_10},
        f"{MSDN}, minimum supported system; {SYSCALLS}",
    ),
    logoff=documented(ONE_TRY, "UPHClean readme: NT 4.0 gives up immediately"),
    unsaved_text=documented(
        "The update of your roaming profile failed. Please contact your Network Administrator. (5)",
        "KB Q185198",
    ),
    hosted_services=documented(False, "KB Q241572: the Telephony service is a Tapisrv.exe"),
    corrected=documented(
        frozenset(), "KB Q241572: the hotfix was never shipped in a service pack of NT 4.0"
    ),
    excluded=documented("", "KB Q241572 lists Windows NT 4.0"),
)
_AS_NT4 = "as NT 4.0; no article speaks of it"

NT351 = after(
    NT4_RTM,
    "nt351",
    "Windows NT 3.51",
    refcount_bits=inferred(16, "KB Q179827 speaks of NT 4.0 only"),
    unload_blockers=inferred(UnloadBlockers.ANY, "as NT 4.0; KB Q148129 tells of unsaved profiles"),
    logoff=inferred(ONE_TRY, "the UPHClean readme speaks of NT 4.0 only"),
    unsaved_text=inferred(NT4_RTM.unsaved_text, _AS_NT4),
    hosted_services=inferred(False, _AS_NT4),
    corrected=inferred(frozenset(), _AS_NT4),
    excluded=inferred(
        "Windows NT 3.51 has no Telephony service of this kind", "TAPI came to NT with NT 4.0"
    ),
)
NT31 = after(
    NT351,
    "nt31",
    "Windows NT 3.1",
    open_ex_empty=documented(EmptySubkey.BAD_KEY, CHEN_ROOT),
    unload_blockers=inferred(UnloadBlockers.ANY, "as NT 4.0; no article speaks of NT 3.1"),
    excluded=inferred(
        "Windows NT 3.1 has no roaming profiles and no Telephony service",
        "roaming profiles came with NT 3.5, TAPI with NT 4.0",
    ),
)
NT4_SP1 = after(NT4_RTM, "nt4-sp1", "Windows NT 4.0 SP1")
NT4_SP2 = after(NT4_RTM, "nt4-sp2", "Windows NT 4.0 SP2")
NT4_SP3 = after(NT4_RTM, "nt4-sp3", "Windows NT 4.0 SP3")
_WIDE = inferred(32, "KB Q179827: fixed in SP4; the new width is not stated")
NT4_SP4 = after(NT4_RTM, "nt4-sp4", "Windows NT 4.0 SP4", refcount_bits=_WIDE)
NT4_SP5 = after(NT4_SP4, "nt4-sp5", "Windows NT 4.0 SP5")
NT4_SP6 = after(NT4_SP4, "nt4-sp6", "Windows NT 4.0 SP6")
NT4_SP6A = after(NT4_SP4, "nt4-sp6a", "Windows NT 4.0 SP6a")

TSE_RTM = after(NT4_RTM, "nt4-tse-rtm", "Windows NT 4.0 Terminal Server Edition")
TSE_SP4 = after(
    TSE_RTM, "nt4-tse-sp4", "Windows NT 4.0 Terminal Server Edition SP4", refcount_bits=_WIDE
)
TSE_SP5 = after(
    TSE_SP4,
    "nt4-tse-sp5",
    "Windows NT 4.0 Terminal Server Edition SP5",
    logoff=documented(
        attrs.evolve(ONE_TRY, session_wait=10),
        "KB Q234606: CSRSS waits ProcessTerminateTimeout, 10,000 ms unless set",
    ),
    corrected=documented(
        frozenset({"q241572"}),
        "KB Q241572: first corrected in Service Pack 5 of Terminal Server Edition",
    ),
)

DIALECTS = (
    *(NT31, NT351, NT4_RTM, NT4_SP1, NT4_SP2, NT4_SP3, NT4_SP4, NT4_SP5, NT4_SP6, NT4_SP6A),
    *(TSE_RTM, TSE_SP4, TSE_SP5),
)
