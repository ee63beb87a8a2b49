"""The dialects: complete, sourced, and each generation's differences one by one."""

from __future__ import annotations

import attrs
import pytest

from regsim import dialects
from regsim.dialects.facts import POLICIES, after, documented, first, inferred, observed
from regsim.errors import UnknownNameError, UsageError
from regsim.policy import (
    ClassesView,
    Dialect,
    DisabledRoot,
    EmptySubkey,
    Evidence,
    Grade,
    HandlePolicy,
    HiveModel,
    LogoffPolicy,
    NoHive,
    OverrideHold,
    OverrideNull,
    PerCallRoot,
    PredefClose,
    PredefEmpty,
    Reload,
    UnloadBlockers,
    UnloadFailure,
    Unmounts,
)
from regsim.status import NtStatus, Win32Error
from regsim.types import Access, Privilege

NT = [
    *("nt31", "nt351", "nt4-rtm", "nt4-sp1", "nt4-sp2", "nt4-sp3", "nt4-sp4", "nt4-sp5"),
    *("nt4-sp6", "nt4-sp6a", "nt4-tse-rtm", "nt4-tse-sp4", "nt4-tse-sp5"),
]
WIN32 = ["w2k", "xp", "2003", "vista", "win7", "win8.1", "win10", "win11"]
NAMES = [*NT, "win95", *WIN32, "wine", "reactos"]
WINDOWS_NT = [*NT, *WIN32]

every = pytest.mark.parametrize("name", NAMES)


def of(policy: str) -> dict[str, object]:
    """Return the value of *policy* on each Windows NT generation."""
    return {name: getattr(dialects.get(name), policy) for name in WINDOWS_NT}


def split_at(policy: str, name: str) -> tuple[set[object], set[object]]:
    """Return the values of *policy* before generation *name*, and those from it on."""
    values = list(of(policy).values())
    cut = WINDOWS_NT.index(name)
    return set(values[:cut]), set(values[cut:])


# -- complete and sourced --------------------------------------------------------------------


def test_names() -> None:
    """The dialects are those of the design, in order of age."""
    assert dialects.names() == NAMES
    assert list(dialects.ALL) == NAMES


@every
def test_each_name_finds_its_dialect(name: str) -> None:
    """A dialect is found by its name and has a title for people."""
    found = dialects.get(name)

    assert found.name == name
    assert found.title
    assert found is dialects.ALL[name]


def test_titles_differ() -> None:
    """No two dialects have one title."""
    assert len({dialects.get(name).title for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize("name", ["", "nt4", "Vista SP1", "win12", "Windows"])
def test_unknown_name_lists_all(name: str) -> None:
    """An unknown name is refused with every name there is."""
    with pytest.raises(UnknownNameError) as caught:
        dialects.get(name)

    assert str(caught.value).startswith(f"unknown OS {name!r}")
    assert str(caught.value).endswith(f"; known: {', '.join(NAMES)}")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("NT4-SP6A", "nt4-sp6a"),
        ("Win10", "win10"),
        ("Windows 10", "win10"),
        ("WIN_10", "win10"),
        ("windows 8.1", "win8.1"),
        ("Windows NT 4.0 SP6a", "nt4-sp6a"),
        ("Windows NT 4.0 Terminal Server Edition SP5", "nt4-tse-sp5"),
        ("Win XP", "xp"),
    ],
)
def test_a_name_forgives_case_and_spelling(given: str, name: str) -> None:
    """A system is found however its name, or its title, is written."""
    assert dialects.get(given) is dialects.ALL[name]


@every
def test_a_title_is_a_name_too(name: str) -> None:
    """Each system is found by its title, and by no other system's."""
    assert dialects.get(dialects.ALL[name].title).name == name


def test_policies_are_all_fields_but_the_labels() -> None:
    """Every field of a Dialect is a policy, apart from its name, title and evidence."""
    fields = [field.name for field in attrs.fields(Dialect)]

    assert set(fields) - set(POLICIES) == {"name", "title", "evidence"}


@every
@pytest.mark.parametrize("policy", POLICIES)
def test_each_policy_is_sourced(name: str, policy: str) -> None:
    """Every policy of every dialect has a grade and a source that can be read."""
    evidence = dialects.get(name).evidence[policy]

    assert isinstance(evidence.grade, Grade)
    assert evidence.source.strip() == evidence.source != ""


@every
def test_no_evidence_for_what_is_no_policy(name: str) -> None:
    """Evidence is given for policies only."""
    assert set(dialects.get(name).evidence) == set(POLICIES)


@every
def test_each_absence_has_a_reason(name: str) -> None:
    """A function that a generation lacks is given with the reason."""
    assert all(reason.strip() for reason in dialects.get(name).absent.values())


def test_contested_are_real_fields() -> None:
    """What is called contested is a policy, or a field of a policy that has some, with a text."""
    fields = {f"logoff.{field.name}" for field in attrs.fields(LogoffPolicy)}
    fields |= {f"unmounts.{field.name}" for field in attrs.fields(Unmounts)}

    assert set(dialects.CONTESTED) <= set(POLICIES) | fields
    assert all(dialects.CONTESTED.values())


@pytest.mark.parametrize(
    ("policy", "name"),
    [
        ("disabled_root", "w2k"),
        ("deferred_status", "win11"),
        ("refcount_bits", "nt4-sp6a"),
        ("refcount_bits", "2003"),
        ("unloaded_status", "vista"),
        ("logoff", "nt31"),
        ("logoff", "nt351"),
        ("unmounts.silo", "win11"),
    ],
)
def test_contested_is_graded_inferred(policy: str, name: str) -> None:
    """A contested default never passes for a documented fact."""
    assert policy in dialects.CONTESTED
    assert dialects.get(name).evidence[policy.partition(".")[0]].grade is Grade.INFERRED


@pytest.mark.parametrize("name", ["wine", "reactos"])
def test_open_sources_are_named_by_function(name: str) -> None:
    """What was observed in an open source names its file."""
    for policy, evidence in dialects.get(name).evidence.items():
        if evidence.grade is Grade.OBSERVED and evidence.source.startswith(("Wine", "ReactOS ")):
            assert ".c" in evidence.source or ".h" in evidence.source, policy


# -- changing and asking ---------------------------------------------------------------------


def test_with_changes_a_copy() -> None:
    """A changed dialect has the new value as the caller's assumption; the original is as before."""
    old = dialects.get("win11")
    new = old.with_(refcount_bits=16, reload=Reload.ACCEPTED)

    assert (new.refcount_bits, new.reload) == (16, Reload.ACCEPTED)
    assert (old.refcount_bits, old.reload) == (32, Reload.REFUSED)
    assert new.evidence["reload"] == Evidence(Grade.INFERRED, "the caller's assumption")
    assert new.evidence["handles"] == old.evidence["handles"]
    assert new.name == "win11"


def test_with_refuses_what_is_no_policy() -> None:
    """A change of something that does not exist is refused with what does."""
    with pytest.raises(UnknownNameError, match="unknown policy 'colour'; known: name, title, hand"):
        dialects.get("xp").with_(colour=1)


def test_has_and_require() -> None:
    """A function that is there is granted; one that is not is refused with title and reason."""
    old, new = dialects.get("nt4-sp6a"), dialects.get("w2k")

    assert new.has("RegOpenCurrentUser")
    assert not old.has("RegOpenCurrentUser")
    new.require("RegOpenCurrentUser")
    with pytest.raises(UsageError) as caught:
        old.require("RegOpenCurrentUser")
    assert str(caught.value) == (
        "Windows NT 4.0 SP6a has no RegOpenCurrentUser: it came with Windows 2000 "
        "(MSDN, minimum supported system)"
    )


def test_dialect_is_frozen() -> None:
    """A dialect cannot be changed in place."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        dialects.get("xp").name = "xp2"


def test_facts_carry_their_grade() -> None:
    """Each way to write a fact down gives its grade."""
    grades = [make(1, "s").evidence for make in (documented, observed, inferred)]

    assert [evidence.grade.value for evidence in grades] == ["documented", "observed", "inferred"]
    assert {evidence.source for evidence in grades} == {"s"}


def test_first_dialect_needs_every_fact() -> None:
    """A dialect written from nothing names the facts that are missing."""
    with pytest.raises(TypeError, match="x: no fact for refcount_bits, cached_root_access"):
        first("x", "X", handles=documented(HandlePolicy.UNIQUE, "s"))


def test_later_dialect_keeps_the_rest() -> None:
    """A dialect after another keeps its values and their sources, but for what differs."""
    base = dialects.get("xp")
    later = after(base, "x", "X", refcount_bits=observed(8, "s"))

    assert (later.name, later.title, later.refcount_bits) == ("x", "X", 8)
    assert later.evidence["refcount_bits"] == Evidence(Grade.OBSERVED, "s")
    assert {p for p in POLICIES if getattr(later, p) != getattr(base, p)} == {"refcount_bits"}
    with pytest.raises(TypeError):
        after(base, "x", "X", colour=observed(8, "s"))


# -- what all Windows NT generations share ----------------------------------------------------


@pytest.mark.parametrize("name", WINDOWS_NT)
def test_predefined_keys_on_windows_nt(name: str) -> None:
    """A predefined key is closed and refreshed by the documented calls (rules P2, P4, P5).

    Source: Raymond Chen, The Old New Thing, 2021-07-23; KB Q229675.
    """
    dialect = dialects.get(name)

    assert dialect.cached_root_access is Access.MAXIMUM_ALLOWED
    assert dialect.close_predefined is PredefClose.CLOSES_ROOT
    assert dialect.open_predefined_empty is PredefEmpty.REFRESH
    assert dialect.close_any_high_handle is False


@pytest.mark.parametrize("name", WINDOWS_NT)
def test_cache_control_on_windows(name: str) -> None:
    """Disabling, overriding and RegOpenCurrentUser do as MSDN says (rules P6, P7, P8).

    Source: MSDN, RegDisablePredefinedCache, RegOverridePredefKey, RegOpenCurrentUser.
    """
    dialect = dialects.get(name)

    assert dialect.disabled_root is DisabledRoot.KEPT
    assert dialect.per_call_root is PerCallRoot.CLOSED
    assert dialect.override_hold is OverrideHold.DUPLICATED
    assert dialect.override_null is OverrideNull.CLEARS
    assert dialect.no_user_hive is NoHive.DEFAULT_USER
    assert dialect.user_classes_root is ClassesView.MERGED


@pytest.mark.parametrize("name", WINDOWS_NT)
def test_handles_and_hives_on_windows_nt(name: str) -> None:
    """Opens give handles of their own, any open key blocks an unload, loading asks for SeRestore.

    Source: KB Q137202; KB Q241572, Q234606, Q187453; Wine dlls/advapi32/tests/registry.c.
    """
    dialect = dialects.get(name)

    assert dialect.handles is HandlePolicy.UNIQUE
    assert dialect.open_empty is EmptySubkey.SAME
    assert dialect.unload_blockers is UnloadBlockers.ANY
    assert dialect.reload is Reload.REFUSED
    assert dialect.load_privileges == {Privilege.RESTORE}
    assert dialect.null_key_error is Win32Error.INVALID_HANDLE
    assert dialect.deferred_status is NtStatus.PENDING


# -- what differs, one by one -----------------------------------------------------------------


def test_null_subkey_on_nt31() -> None:
    """RegOpenKeyEx(handle, NULL) is ERROR_BADKEY on NT 3.1 and a new handle from 3.5 on.

    Source: Raymond Chen, The Old New Thing, 2021-07-23.
    """
    assert split_at("open_ex_empty", "nt351") == ({EmptySubkey.BAD_KEY}, {EmptySubkey.NEW_HANDLE})


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        *((name, 16) for name in ("nt31", "nt351", "nt4-rtm", "nt4-sp1", "nt4-sp2", "nt4-sp3")),
        *((name, 32) for name in ("nt4-sp4", "nt4-sp5", "nt4-sp6", "nt4-sp6a")),
        *(("nt4-tse-rtm", 16), ("nt4-tse-sp4", 32), ("nt4-tse-sp5", 32)),
        *((name, 32) for name in WIN32),
    ],
)
def test_width_of_the_counter(name: str, bits: int) -> None:
    """The counter of opens has 16 bits before SP4 and no longer wraps after.

    Source: KB Q179827, which names NT 4.0 and Terminal Server Edition; fixed in SP4 of either.
    """
    assert dialects.get(name).refcount_bits == bits


def test_classes_from_2000_on() -> None:
    """HKEY_CLASSES_ROOT is the merged view, and the classes a hive of their own, since 2000.

    Source: MSDN, HKEY_CLASSES_ROOT Key; the text of event 1524.
    """
    assert split_at("classes_root", "w2k") == ({ClassesView.MACHINE}, {ClassesView.MERGED})
    assert split_at("classes_hive", "w2k") == ({False}, {True})


@pytest.mark.parametrize(
    ("function", "since"),
    [
        ("RegOpenCurrentUser", "w2k"),
        ("RegDisablePredefinedCache", "w2k"),
        ("RegOverridePredefKey", "w2k"),
        ("RegOpenUserClassesRoot", "w2k"),
        ("NtUnloadKeyEx", "xp"),
        ("NtUnloadKey2", "2003"),
        ("RegDisablePredefinedCacheEx", "vista"),
        ("RegLoadAppKey", "vista"),
    ],
)
def test_function_came_with(function: str, since: str) -> None:
    """A function is absent before the generation it came with and there from it on.

    Source: MSDN, minimum supported system; j00ru/windows-syscalls, x86/csv/nt.csv.
    """
    have = [name for name in WINDOWS_NT if dialects.get(name).has(function)]

    assert have == WINDOWS_NT[WINDOWS_NT.index(since) :]


@pytest.mark.parametrize("name", WINDOWS_NT)
@pytest.mark.parametrize("function", ["RegOpenKeyEx", "RegCloseKey", "RegUnLoadKey", "NtUnloadKey"])
def test_function_was_always_there(name: str, function: str) -> None:
    """What NT 3.1 had every generation has."""
    assert dialects.get(name).has(function)


@pytest.mark.parametrize("name", NT)
def test_logoff_on_nt4(name: str) -> None:
    """Winlogon tries once and gives up; the profile stays unsaved.

    Source: UPHClean readme: NT 4.0 gives up immediately.
    """
    logoff = dialects.get(name).logoff

    assert (logoff.actor, logoff.attempts, logoff.interval) == ("Winlogon", 1, 0)
    assert logoff.on_failure is UnloadFailure.GIVE_UP
    assert logoff.grace == 0


def test_only_terminal_server_sp5_waits_for_the_session() -> None:
    """From SP5 CSRSS waits up to 10 s for the session's processes; nothing else does.

    Source: KB Q234606, ProcessTerminateTimeout, default 10,000 ms.
    """
    waits = {name: dialects.get(name).logoff.session_wait for name in NAMES}

    assert waits == {**dict.fromkeys(NAMES, 0), "nt4-tse-sp5": 10}


def test_logoff_on_2000() -> None:
    """Windows 2000 tries 60 times, a second apart, and then gives up.

    Source: UPHClean readme; ProfileUnloadTimeout, default 0x3C.
    """
    assert dialects.get("w2k").logoff == LogoffPolicy(
        actor="Winlogon", attempts=60, interval=1, on_failure=UnloadFailure.GIVE_UP
    )


@pytest.mark.parametrize("name", ["xp", "2003"])
def test_logoff_on_xp(name: str) -> None:
    """XP and 2003 do not wait: they save a copy and unload later.

    Source: UPHClean readme; the text of event 1517.
    """
    assert dialects.get(name).logoff == LogoffPolicy(
        actor="Winlogon", attempts=1, interval=0, on_failure=UnloadFailure.SAVE_COPY
    )


@pytest.mark.parametrize("name", ["vista", "win7", "win8.1", "win10", "win11"])
def test_logoff_from_vista_on(name: str) -> None:
    """The User Profile Service waits about 30 s and then forces the unload.

    Source: the text of event 1530; Raymond Chen, 2025-01-02, for the wait.
    """
    logoff = dialects.get(name).logoff

    assert logoff.actor == "User Profile Service"
    assert logoff.on_failure is UnloadFailure.FORCE
    assert (logoff.attempts, logoff.grace) == (1, 30)


@pytest.mark.parametrize("name", NAMES)
def test_who_unloads(name: str) -> None:
    """Winlogon unloads in its own process; from Vista on the User Profile Service in svchost.exe.

    Source: the event log of event 1530, which is the User Profile Service's.
    """
    logoff = dialects.get(name).logoff
    hosted = ("svchost.exe", "ProfSvc")

    assert (logoff.image, logoff.service) == (
        hosted if logoff.actor == "User Profile Service" else ("winlogon.exe", "")
    )


def test_services_share_a_host_from_2000_on() -> None:
    """The Telephony service is a program of its own on NT 4.0, and in svchost.exe from 2000 on.

    Source: KB Q241572, which replaces Tapisrv.exe; KB 250320.
    """
    assert split_at("hosted_services", "w2k") == ({False}, {True})
    assert not any(dialects.get(name).hosted_services for name in ("win95", "wine", "reactos"))


def test_event_1000_is_worded_anew_in_2000() -> None:
    """What event 1000 says of an unsaved profile has two wordings, and 2000 is the first to differ.

    Source: KB Q185198 for NT 4.0; KB Q255113 for Windows 2000.
    """
    older, newer = split_at("unsaved_text", "w2k")
    ((old,), (new,)) = older, newer

    assert old.startswith("The update of your roaming profile failed.")
    assert new.startswith("Windows cannot unload your registry file.")
    assert dialects.get("win95").unsaved_text == old


def test_terminal_server_sp5_carries_the_correction() -> None:
    """Only Service Pack 5 of Terminal Server Edition corrects Q241572.

    Source: KB Q241572.
    """
    corrected = {name: dialects.get(name).corrected for name in NAMES}

    assert corrected == {**dict.fromkeys(NAMES, frozenset()), "nt4-tse-sp5": {"q241572"}}


def test_three_systems_have_no_incident() -> None:
    """Where a profile does not roam, or no handle is counted, nothing can happen."""
    assert [name for name in NAMES if dialects.get(name).excluded] == ["nt31", "nt351", "win95"]


def test_status_after_a_forced_unload() -> None:
    """A handle answers KEY_DELETED up to Vista, and HIVE_UNLOADED from Windows 7 on.

    Source: Procmon captures of Windows 7 and later; ReactOS rostests for 2003.
    """
    assert split_at("unloaded_status", "win7") == (
        {NtStatus.KEY_DELETED},
        {NtStatus.HIVE_UNLOADED},
    )


def test_unloading_default() -> None:
    """Unloading .DEFAULT is ACCESS_DENIED everywhere but on 2003, which says CANNOT_DELETE.

    Source: Wine dlls/advapi32/tests/registry.c, observed on Windows.
    """
    expected = dict.fromkeys(WINDOWS_NT, NtStatus.ACCESS_DENIED)

    assert of("default_unload_status") == {**expected, "2003": NtStatus.CANNOT_DELETE}


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("win8.1", {"expanding_error"}),
        ("win10", {"expanding_error", "link_loop_status", "absent"}),
        ("win11", {"expanding_error", "link_loop_status", "absent"}),
    ],
)
def test_what_has_changed_since_windows_7(name: str, changed: set[str]) -> None:
    """Since Windows 7 two rare answers are known to have changed, and containers have come."""
    older, newer = dialects.get("win7"), dialects.get(name)

    assert {p for p in POLICIES if getattr(older, p) != getattr(newer, p)} == changed


@pytest.mark.parametrize("name", ["nt4-sp1", "nt4-sp2", "nt4-sp3"])
def test_early_service_packs_are_as_nt4(name: str) -> None:
    """The service packs before SP4 change no policy."""
    older, newer = dialects.get("nt4-rtm"), dialects.get(name)

    assert {p for p in POLICIES if getattr(older, p) != getattr(newer, p)} == set()


# -- Windows 95, Wine, ReactOS ----------------------------------------------------------------


def test_handles_on_windows_95() -> None:
    """On Windows 95 an open key is given out again, counted once more, also for a NULL subkey.

    Source: KB Q137202.
    """
    dialect = dialects.get("win95")

    assert dialect.handles is HandlePolicy.SHARED
    assert dialect.open_predefined_empty is PredefEmpty.SAME
    assert dialect.open_ex_empty is EmptySubkey.SAME_COUNTED
    assert dialect.open_empty is EmptySubkey.SAME_COUNTED
    assert dialect.close_predefined is PredefClose.IGNORED


def test_windows_95_is_no_nt() -> None:
    """Windows 95 has no kernel functions, no privileges, and says BADKEY for a NULL key.

    Source: Wine dlls/advapi32/tests/registry.c for the error.
    """
    dialect = dialects.get("win95")

    assert dialect.null_key_error is Win32Error.BADKEY
    assert dialect.load_privileges == frozenset()
    for function in ("NtOpenKey", "NtClose", "NtLoadKey", "NtUnloadKey", "NtDuplicateObject"):
        assert not dialect.has(function)
    assert dialect.has("RegOpenKeyEx")


def test_predefined_keys_on_wine() -> None:
    """Wine closes and refreshes no predefined key, and ignores any value from 0x80000000 up.

    Source: Wine dlls/kernelbase/registry.c, RegCloseKey and RegOpenKeyExW; advapi32, RegOpenKeyW.
    """
    dialect = dialects.get("wine")

    assert dialect.close_predefined is PredefClose.IGNORED
    assert dialect.close_any_high_handle is True
    assert dialect.open_predefined_empty is PredefEmpty.SAME
    assert dialect.open_ex_empty is EmptySubkey.NEW_HANDLE
    assert dialect.open_empty is EmptySubkey.SAME


def test_cache_control_on_wine() -> None:
    """Disabling the cache closes the root, and leaks one for each later call.

    Source: Wine dlls/kernelbase/registry.c, DisablePredefinedHandleTableInternal,
    create_special_root_hkey, RemapPredefinedHandleInternal, RegOpenCurrentUser.
    """
    dialect = dialects.get("wine")

    assert dialect.disabled_root is DisabledRoot.CLOSED
    assert dialect.per_call_root is PerCallRoot.LEAKED
    assert dialect.override_hold is OverrideHold.DUPLICATED_DEAD
    assert dialect.override_null is OverrideNull.CLEARS
    assert dialect.no_user_hive is NoHive.NOT_FOUND


def test_hives_on_wine() -> None:
    """Only the root's handles block an unload; a second load of one place finds it taken.

    Source: Wine server/registry.c, unload_registry and load_registry; run on Wine 8.0.
    """
    dialect = dialects.get("wine")

    assert dialect.unload_blockers is UnloadBlockers.ROOT
    assert dialect.unloaded_status is NtStatus.KEY_DELETED
    assert dialect.reload is Reload.COLLIDES
    assert dialect.hives is HiveModel.GRAFTED
    assert dialect.classes_root is ClassesView.MACHINE
    assert dialect.user_classes_root is ClassesView.PSEUDO
    assert dialect.classes_hive is False


@pytest.mark.parametrize(
    "function",
    [
        *("NtUnloadKey2", "NtUnloadKeyEx", "RegDisablePredefinedCacheEx", "RegLoadAppKey"),
        *("RegRestoreKey", "RegReplaceKey", "NtRestoreKey", "NtReplaceKey"),
    ],
)
def test_wine_lacks(function: str) -> None:
    """What Wine exports as a stub, or not at all, is absent.

    Source: Wine dlls/ntdll/ntdll.spec, dlls/ntdll/unix/registry.c, dlls/kernelbase/registry.c.
    """
    assert not dialects.get("wine").has(function)


def test_predefined_keys_on_reactos() -> None:
    """ReactOS closes and refreshes no predefined key; RegOpenKey(handle, NULL) opens anew.

    Source: ReactOS dll/win32/advapi32/reg/reg.c, RegCloseKey, RegOpenKeyExW, RegOpenKeyW.
    """
    dialect = dialects.get("reactos")

    assert dialect.close_predefined is PredefClose.IGNORED
    assert dialect.close_any_high_handle is False
    assert dialect.open_predefined_empty is PredefEmpty.SAME
    assert dialect.open_ex_empty is EmptySubkey.NEW_HANDLE
    assert dialect.open_empty is EmptySubkey.NEW_HANDLE


def test_cache_control_on_reactos() -> None:
    """Disabling keeps the old root, an override borrows, and RegOpenCurrentUser falls back.

    Source: ReactOS dll/win32/advapi32/reg/reg.c; sdk/lib/rtl/registry.c, RtlOpenCurrentUser.
    """
    dialect = dialects.get("reactos")

    assert dialect.disabled_root is DisabledRoot.KEPT
    assert dialect.per_call_root is PerCallRoot.CLOSED
    assert dialect.override_hold is OverrideHold.BORROWED
    assert dialect.override_null is OverrideNull.REOPENS
    assert dialect.no_user_hive is NoHive.DEFAULT_USER


def test_hives_on_reactos() -> None:
    """A lone root blocks no unload, and loading what is loaded at one place succeeds.

    Source: ReactOS ntoskrnl/config/cmapi.c, CmUnloadKey, CmpEnumerateOpenSubKeys, CmLoadKey.
    """
    dialect = dialects.get("reactos")

    assert dialect.unload_blockers is UnloadBlockers.SUBKEY
    assert dialect.unloaded_status is NtStatus.KEY_DELETED
    assert dialect.reload is Reload.ACCEPTED
    assert dialect.deferred_status is NtStatus.NOT_IMPLEMENTED


def test_classes_on_reactos() -> None:
    """HKEY_CLASSES_ROOT is merged from the one hive a user has.

    Source: ReactOS dll/win32/advapi32/reg/hkcr.c, OpenHKCRKey; userenv/profile.c.
    """
    dialect = dialects.get("reactos")

    assert dialect.classes_root is ClassesView.MERGED
    assert dialect.user_classes_root is ClassesView.USER
    assert dialect.classes_hive is False


@pytest.mark.parametrize(
    "function",
    [
        *("NtUnloadKeyEx", "RegDisablePredefinedCacheEx", "RegLoadAppKey"),
        *("RegRestoreKey", "RegReplaceKey", "NtRestoreKey", "NtReplaceKey"),
    ],
)
def test_reactos_lacks(function: str) -> None:
    """What ReactOS does not implement or export is absent; forcing an unload is there.

    Source: ReactOS ntoskrnl/config/ntapi.c; dll/win32/advapi32/advapi32.spec.
    """
    assert not dialects.get("reactos").has(function)
    assert dialects.get("reactos").has("NtUnloadKey2")


@pytest.mark.parametrize("name", ["win95", "wine", "reactos"])
def test_others_try_once(name: str) -> None:
    """Where there is no Winlogon of Windows, one try stands for it.

    Source: ReactOS dll/win32/userenv/profile.c, UnloadUserProfile.
    """
    logoff = dialects.get(name).logoff

    assert (logoff.attempts, logoff.on_failure) == (1, UnloadFailure.GIVE_UP)
