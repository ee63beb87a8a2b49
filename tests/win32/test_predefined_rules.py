"""The rules P1 to P10 of the predefined-key cache, each by what only that rule explains."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from regsim import dialects
from regsim.errors import NotApplicableError
from regsim.kernel.calls import Call
from regsim.kernel.predef import root_path
from regsim.policy import DisabledRoot, PredefClose
from regsim.status import NtStatus
from regsim.types import Access, PredefinedKey, Value
from regsim.win32.advapi import RegOpenKeyEx

HKCR = PredefinedKey.CLASSES_ROOT
HKCU = PredefinedKey.CURRENT_USER
HKLM = PredefinedKey.LOCAL_MACHINE
HKU = PredefinedKey.USERS
SYSTEM, USER, OTHER = "S-1-5-18", "S-1-5-21-1", "S-1-5-21-2"
ROOT = rf"\REGISTRY\USER\{USER}"
NT = ["nt4-sp6a", "w2k", "win11", "wine", "reactos"]
WINDOWS = ["nt4-sp6a", "w2k", "win11"]
SINCE_2000 = ["w2k", "win11", "wine", "reactos"]


def whose(api) -> str:
    """Return who the keys behind HKEY_CURRENT_USER belong to, by a value in them."""
    code, handle = api.RegOpenKeyEx(HKCU, "Software")
    assert code == 0
    value = api.RegQueryValueEx(handle, "who").value
    api.RegCloseKey(handle)
    return value.text()


def use(api, key: PredefinedKey = HKCU, subkey: str = "Software") -> None:
    """Open and close a subkey of *key*, as the Telephony service does."""
    code, handle = api.RegOpenKeyEx(key, subkey)
    assert code == 0
    assert api.RegCloseKey(handle).code == 0


# -- P1: the first use opens the root, one slot a process ------------------------------------------


@pytest.mark.parametrize("os_name", NT)
def test_p1_first_use_leaves_a_root(build: Callable, os_name: str) -> None:
    """After the subkey is closed, the root that nobody asked for stays open."""
    world = build(os_name)
    world.api.impersonate(USER)
    before = world.open_handles()
    use(world.api)

    assert (before, world.open_handles(), world.user.handles) == (0, 1, 1)
    (holder,) = world.machine.holders(world.user)
    assert (holder.key, holder.implicit) == (ROOT, True)
    assert holder.opened_by == 'RegOpenKeyEx(HKCU, "Software")'


@pytest.mark.parametrize("os_name", NT)
def test_p1_one_slot_for_all_threads(build: Callable, os_name: str) -> None:
    """A second use, of another thread too, opens no second root."""
    world = build(os_name)
    second = world.thread("second")
    use(world.api)
    use(world.api)
    use(second)

    assert world.open_handles() == 1


@pytest.mark.parametrize("os_name", NT)
def test_p1_one_slot_for_each_process_and_key(build: Callable, os_name: str) -> None:
    """Another process, or another predefined key, has a root of its own."""
    world = build(os_name)
    other = world.start("other")
    use(world.api)
    use(world.api, HKLM)
    use(other)

    assert world.open_handles() == 2
    assert len(world.machine.process_of(other.tid).table) == 1


def test_p1_the_case(build: Callable) -> None:
    """The service that used HKEY_CURRENT_USER as the user keeps its hive loaded (Q241572)."""
    world = build("nt4-sp6a")
    winlogon = world.start("winlogon")
    world.api.impersonate(USER)
    use(world.api)
    world.api.revert()

    assert winlogon.NtUnloadKey(ROOT) == (NtStatus.CANNOT_DELETE, None)
    assert winlogon.RegUnLoadKey(HKU, USER) == (5, None)


# -- P2: the root's access -------------------------------------------------------------------------


@pytest.mark.parametrize("os_name", NT)
def test_p2_root_has_all_access(build: Callable, os_name: str) -> None:
    """The cached root carries all access, so that a later writer can use it."""
    world = build(os_name)
    world.api.impersonate(USER)
    use(world.api)
    ((_, entry),) = world.service.table.items()

    assert entry[2] == Access.ALL
    assert world.api.RegSetValueEx(HKCU, "written", 1, b"") == (0, None)


def test_p2_access_is_policy(build: Callable) -> None:
    """Where the root were opened for reading only, a write through the key would be refused."""
    world = build(dialects.get("win11").with_(cached_root_access=Access.READ))

    assert world.api.RegSetValueEx(HKCU, "written", 1, b"") == (5, None)


# -- P3: whoever came first stays ------------------------------------------------------------------


@pytest.mark.parametrize("os_name", NT)
def test_p3_first_user_is_pinned(build: Callable, os_name: str) -> None:
    """Neither reverting nor impersonating another changes whose keys HKEY_CURRENT_USER shows."""
    world = build(os_name)
    world.api.impersonate(USER)
    first = whose(world.api)
    world.api.revert()
    reverted = whose(world.api)
    world.api.impersonate(OTHER)

    assert (first, reverted, whose(world.api)) == (USER, USER, USER)
    assert whose(world.thread("second")) == USER


@pytest.mark.parametrize("os_name", NT)
def test_p3_own_user_is_pinned(build: Callable, os_name: str) -> None:
    """A service that used the key before it impersonates reads .DEFAULT's keys for the user's."""
    world = build(os_name)
    first = whose(world.api)
    world.api.impersonate(USER)

    assert (first, whose(world.api)) == (".DEFAULT", ".DEFAULT")
    assert world.user.handles == 0


@pytest.mark.parametrize("os_name", WINDOWS)
def test_p3_no_hive_is_default(build: Callable, os_name: str) -> None:
    """Without a loaded hive HKEY_CURRENT_USER is .DEFAULT (KB Q168877)."""
    world = build(os_name)
    world.api.impersonate("S-1-5-21-99")

    assert whose(world.api) == ".DEFAULT"


# -- P4: RegCloseKey of the key --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("os_name", "left", "then"),
    [
        *((name, 0, OTHER) for name in WINDOWS),
        *((name, 1, USER) for name in ("wine", "reactos")),
    ],
)
def test_p4_close(build: Callable, os_name: str, left: int, then: str) -> None:
    """RegCloseKey closes the root and the next use pins anew; Wine and ReactOS close nothing."""
    world = build(os_name)
    world.api.impersonate(USER)
    use(world.api)

    assert world.api.RegCloseKey(HKCU) == (0, None)
    assert world.open_handles() == left
    assert world.user.handles == left
    world.api.impersonate(OTHER)
    assert whose(world.api) == then


@pytest.mark.parametrize("os_name", NT)
def test_p4_close_unused(build: Callable, os_name: str) -> None:
    """RegCloseKey of a predefined key that was never used succeeds."""
    world = build(os_name)

    assert world.api.RegCloseKey(HKCU) == (0, None)
    assert world.open_handles() == 0


@pytest.mark.parametrize(("os_name", "code"), [("wine", 0), ("win11", 6), ("reactos", 6)])
def test_p4_any_high_value(build: Callable, os_name: str, code: int) -> None:
    """Wine answers success to a close of any value from 0x80000000 up."""
    world = build(os_name)

    assert world.api.RegCloseKey(0xCAFEBABE) == (code, None)


# -- P5: the refresh -------------------------------------------------------------------------------


@pytest.mark.parametrize("subkey", [None, ""])
@pytest.mark.parametrize(
    ("os_name", "left", "then"),
    [
        *((name, 0, OTHER) for name in WINDOWS),
        *((name, 1, USER) for name in ("wine", "reactos")),
    ],
)
def test_p5_refresh(
    build: Callable, os_name: str, left: int, then: str, subkey: str | None
) -> None:
    """An empty name gives the same number and closes the root; Wine and ReactOS only the former."""
    world = build(os_name)
    world.api.impersonate(USER)
    use(world.api)

    assert world.api.RegOpenKeyEx(HKCU, subkey) == (0, HKCU)
    assert world.open_handles() == left
    world.api.impersonate(OTHER)
    assert whose(world.api) == then


# -- P6: the cache disabled ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("os_name", "left"), [("w2k", 0), ("win11", 0), ("reactos", 0), ("wine", 2)]
)
def test_p6_no_root_stays(build: Callable, os_name: str, left: int) -> None:
    """With the cache disabled each call closes its own root; Wine leaks one a call."""
    world = build(os_name)
    world.api.impersonate(USER)

    assert world.api.RegDisablePredefinedCache() == (0, None)
    use(world.api)
    use(world.api)
    assert world.open_handles() == left
    assert world.user.handles == left


@pytest.mark.parametrize("os_name", SINCE_2000)
def test_p6_follows_the_user(build: Callable, os_name: str) -> None:
    """With the cache disabled the key shows whoever the thread acts as."""
    world = build(os_name)
    world.api.RegDisablePredefinedCache()
    world.api.impersonate(USER)
    first = whose(world.api)
    world.api.impersonate(OTHER)
    second = whose(world.api)
    world.api.revert()

    assert (first, second, whose(world.api)) == (USER, OTHER, ".DEFAULT")


@pytest.mark.parametrize(
    ("os_name", "left"), [("w2k", 1), ("win11", 1), ("reactos", 1), ("wine", 0)]
)
def test_p6_root_cached_before(build: Callable, os_name: str, left: int) -> None:
    """A root cached before stays open, which is this project's default; Wine closes it."""
    world = build(os_name)
    world.api.impersonate(USER)
    use(world.api)
    world.api.RegDisablePredefinedCache()

    assert world.user.handles == left


def test_p6_root_cached_before_is_policy(build: Callable) -> None:
    """That a cached root is closed instead can be assumed by a parameter."""
    world = build(dialects.get("w2k").with_(disabled_root=DisabledRoot.CLOSED))
    world.api.impersonate(USER)
    use(world.api)
    world.api.RegDisablePredefinedCache()

    assert world.user.handles == 0


def test_p6_only_current_user(build: Callable) -> None:
    """RegDisablePredefinedCache is for HKEY_CURRENT_USER; the Ex form is for every key."""
    world = build("win11")
    world.api.RegDisablePredefinedCache()
    use(world.api, HKLM)
    first = world.open_handles()
    world.api.RegCloseKey(HKLM)
    world.api.RegDisablePredefinedCacheEx()
    use(world.api, HKLM)

    assert (first, world.open_handles()) == (1, 0)


@pytest.mark.parametrize(
    ("os_name", "function"),
    [
        ("nt4-sp6a", "RegDisablePredefinedCache"),
        ("w2k", "RegDisablePredefinedCacheEx"),
        ("nt4-sp6a", "RegOpenCurrentUser"),
    ],
)
def test_p6_minimum_system(build: Callable, os_name: str, function: str) -> None:
    """A generation that lacks a function refuses it with the reason."""
    world = build(os_name)

    with pytest.raises(NotApplicableError, match=function):
        getattr(world.api, function)()


# -- P7: the override ------------------------------------------------------------------------------


@pytest.mark.parametrize("os_name", ["w2k", "win11", "wine"])
def test_p7_own_reference(build: Callable, os_name: str) -> None:
    """The override keeps a handle of its own: the caller may close the one it gave."""
    world = build(os_name)
    _, given = world.api.RegOpenKeyEx(HKU, OTHER)

    assert world.api.RegOverridePredefKey(HKCU, given) == (0, None)
    assert world.api.RegCloseKey(given) == (0, None)
    assert whose(world.api) == OTHER


def test_p7_borrowed(build: Callable) -> None:
    """ReactOS keeps the caller's handle itself: once closed, the key is dangling."""
    world = build("reactos")
    _, given = world.api.RegOpenKeyEx(HKU, OTHER)
    before = world.open_handles()
    world.api.RegOverridePredefKey(HKCU, given)

    assert world.open_handles() == before
    assert whose(world.api) == OTHER
    world.api.RegCloseKey(given)
    assert world.api.RegOpenKeyEx(HKCU, "Software") == (6, 0)


@pytest.mark.parametrize(("os_name", "code"), [("win11", 0), ("wine", 0), ("reactos", 6)])
def test_p7_displaced(build: Callable, os_name: str, code: int) -> None:
    """A second override leaves the first one's handle to its caller; ReactOS closes it."""
    world = build(os_name)
    _, first = world.api.RegOpenKeyEx(HKU, OTHER)
    _, second = world.api.RegOpenKeyEx(HKU, USER)
    world.api.RegOverridePredefKey(HKCU, first)
    world.api.RegOverridePredefKey(HKCU, second)

    assert whose(world.api) == USER
    assert world.api.RegCloseKey(first).code == code


@pytest.mark.parametrize("os_name", SINCE_2000)
def test_p7_null_restores(build: Callable, os_name: str) -> None:
    """NULL makes the key stand for its default again."""
    world = build(os_name)
    _, given = world.api.RegOpenKeyEx(HKU, OTHER)
    world.api.RegOverridePredefKey(HKCU, given)
    world.api.impersonate(USER)

    assert world.api.RegOverridePredefKey(HKCU, None) == (0, None)
    assert whose(world.api) == USER


@pytest.mark.parametrize(
    ("os_name", "opened"), [("w2k", 0), ("win11", 0), ("wine", 0), ("reactos", 1)]
)
def test_p7_null_reopens(build: Callable, os_name: str, opened: int) -> None:
    """NULL empties the slot; on ReactOS it opens the default at once."""
    world = build(os_name)
    world.api.RegOverridePredefKey(HKCU, None)

    assert world.open_handles() == opened


def test_p7_null_reopens_uncached(build: Callable) -> None:
    """With the cache disabled too, ReactOS keeps the default it opened in the slot, unused."""
    world = build("reactos")
    world.api.RegDisablePredefinedCache()

    assert world.api.RegOverridePredefKey(HKCU, None) == (0, None)
    assert world.api.RegOverridePredefKey(HKCU, None) == (0, None)
    assert world.open_handles() == 1
    assert list(world.service.slots) == [HKCU]


@pytest.mark.parametrize(
    ("os_name", "left"), [("w2k", 1), ("win11", 1), ("wine", 1), ("reactos", 0)]
)
def test_p7_null_displaces(build: Callable, os_name: str, left: int) -> None:
    """NULL leaves the handle that was given to its caller; ReactOS, which borrowed it, does not."""
    world = build(os_name)
    _, given = world.api.RegOpenKeyEx(HKU, OTHER)
    world.api.RegOverridePredefKey(HKCU, given)
    world.api.RegOverridePredefKey(HKCU, None)

    assert world.machine.hive_at(rf"\REGISTRY\USER\{OTHER}").handles == left


@pytest.mark.parametrize("os_name", ["w2k", "win11", "reactos"])
def test_p7_override_outlasts_a_disabled_cache(build: Callable, os_name: str) -> None:
    """An overridden key stands for what it was given, although the cache is disabled."""
    world = build(os_name)
    world.api.impersonate(USER)
    world.api.RegDisablePredefinedCache()
    _, given = world.api.RegOpenKeyEx(HKU, OTHER)
    world.api.RegOverridePredefKey(HKCU, given)

    assert whose(world.api) == OTHER


def test_p7_closing_the_root_leaves_what_was_borrowed(build: Callable) -> None:
    """Where RegCloseKey closes the root, a handle that the slot only borrows stays its caller's."""
    world = build(dialects.get("reactos").with_(close_predefined=PredefClose.CLOSES_ROOT))
    _, given = world.api.RegOpenKeyEx(HKU, OTHER)
    world.api.RegOverridePredefKey(HKCU, given)

    assert world.api.RegCloseKey(HKCU).code == 0
    assert HKCU not in world.service.slots
    assert world.api.RegCloseKey(given).code == 0


def test_p7_bad_handles(build: Callable) -> None:
    """Overriding what is no predefined key, or by a handle that is not open, is 6."""
    world = build("win11")
    _, given = world.api.RegOpenKeyEx(HKU, OTHER)

    assert world.api.RegOverridePredefKey(given, given).code == 6
    assert world.api.RegOverridePredefKey(HKCU, 0x7FC).code == 6


# -- P8: RegOpenCurrentUser ------------------------------------------------------------------------


@pytest.mark.parametrize("os_name", SINCE_2000)
def test_p8_past_the_cache(build: Callable, os_name: str) -> None:
    """RegOpenCurrentUser gives the thread's user whatever is cached, and caches no user.

    On Wine it is a use of HKEY_USERS, whose root stays open (run on Wine 8.0).
    """
    world = build(os_name)
    use(world.api)
    world.api.impersonate(USER)
    code, handle = world.api.RegOpenCurrentUser()

    assert (code, world.where(handle)) == (0, ROOT)
    assert world.api.RegCloseKey(handle) == (0, None)
    assert world.user.handles == 0
    assert world.open_handles() == (2 if os_name == "wine" else 1)


def test_p8_with_the_access_asked_for(build: Callable) -> None:
    """RegOpenCurrentUser asks for the access it is given: a handle to read with does not write."""
    world = build("win11")
    world.api.impersonate(USER)
    _, reading = world.api.RegOpenCurrentUser(access=Access.READ)
    _, writing = world.api.RegOpenCurrentUser(access=Access.WRITE)

    assert world.api.RegSetValueEx(reading, "v", 1, b"").code == 5
    assert world.api.RegSetValueEx(writing, "v", 1, b"").code == 0


@pytest.mark.parametrize(
    ("os_name", "code"), [("w2k", 0), ("win11", 0), ("reactos", 0), ("wine", 2)]
)
def test_p8_no_hive(build: Callable, os_name: str, code: int) -> None:
    """Without a loaded hive it opens .DEFAULT; on Wine it is 2."""
    world = build(os_name)
    world.api.impersonate("S-1-5-21-99")
    reply = world.api.RegOpenCurrentUser()

    assert reply.code == code
    assert reply.value == 0 or world.where(reply.value) == r"\REGISTRY\USER\.DEFAULT"


# -- P9: the classes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("os_name", "opens"),
    [("nt4-sp6a", False), ("w2k", True), ("win11", True), ("wine", False)],
)
def test_p9_classes_root(build: Callable, os_name: str, opens: bool) -> None:
    """HKEY_CLASSES_ROOT shows the user's classes over the machine's from Windows 2000."""
    world = build(os_name)
    world.api.impersonate(USER)

    assert world.api.RegOpenKeyEx(HKCR, ".txt").code == 0
    assert (world.api.RegOpenKeyEx(HKCR, ".mine").code == 0) is opens


@pytest.mark.parametrize(
    ("os_name", "mine", "machine"),
    [("w2k", 0, 0), ("win11", 0, 0), ("wine", 2, 0)],
)
def test_p9_user_classes(build: Callable, os_name: str, mine: int, machine: int) -> None:
    """RegOpenUserClassesRoot is merged on Windows, the machine's classes on Wine."""
    world = build(os_name)
    world.api.impersonate(USER)
    code, root = world.api.RegOpenUserClassesRoot()
    names = []
    while (reply := world.api.RegEnumKeyEx(root, len(names))).code == 0:
        names.append(reply.value)

    assert code == 0
    assert (".mine" in names, ".txt" in names) == (mine == 0, machine == 0)


def test_p9_reactos(build: Callable) -> None:
    """ReactOS opens the user's classes alone, and has none where only one hive is loaded."""
    world = build("reactos")
    world.api.impersonate(USER)
    missing = world.api.RegOpenUserClassesRoot().code
    hive = world.machine.mount_hive(ROOT + "_Classes")
    code, root = world.api.RegOpenUserClassesRoot()

    assert (missing, code, hive.handles) == (2, 0, 1)
    assert world.where(root) == ROOT + "_Classes"
    assert world.api.RegEnumKeyEx(root, 0) == (259, None)


def test_p9_merged_value(build: Callable) -> None:
    """A value of the user's class hides the machine's; one that is missing shows the machine's."""
    world = build("win11")
    world.api.impersonate(USER)
    _, machine = world.api.RegOpenKeyEx(HKLM, r"Software\Classes\CLSID", access=Access.ALL)
    _, mine = world.api.RegOpenKeyEx(HKU, rf"{USER}_Classes\CLSID", access=Access.ALL)
    for name in ("both", "machine"):
        world.api.RegSetValueEx(machine, name, 1, b"machine")
    world.api.RegSetValueEx(mine, "both", 1, b"mine")
    _, merged = world.api.RegOpenKeyEx(HKCR, "CLSID")

    assert world.api.RegQueryValueEx(merged, "both") == (0, Value("both", 1, b"mine"))
    assert world.api.RegQueryValueEx(merged, "machine") == (0, Value("machine", 1, b"machine"))


# -- P10: the hive goes under the root -------------------------------------------------------------


@pytest.mark.parametrize("os_name", ["2003", "win11", "reactos"])
def test_p10_forced_unload(build: Callable, os_name: str) -> None:
    """After the hive is gone every use of the key is 1018, also when the hive is loaded again."""
    world = build(os_name)
    world.api.impersonate(USER)
    use(world.api)
    file = world.user.file
    world.api.revert()
    world.api.NtUnloadKey2(ROOT)
    gone = world.api.RegOpenKeyEx(HKCU, "Software")
    world.api.NtLoadKey(ROOT, file)

    assert gone == (1018, 0)
    assert world.api.RegOpenKeyEx(HKCU, "Software") == (1018, 0)
    assert world.api.RegSetValueEx(HKCU, "x", 1, b"") == (1018, None)


@pytest.mark.parametrize("cure", ["close", "refresh"])
@pytest.mark.parametrize(("os_name", "then"), [("2003", 0), ("win11", 0), ("reactos", 1018)])
def test_p10_cure(build: Callable, os_name: str, cure: str, then: int) -> None:
    """Closing or refreshing the key ends it, where that closes the root."""
    world = build(os_name)
    world.api.impersonate(USER)
    use(world.api)
    world.api.revert()
    world.api.NtUnloadKey2(ROOT)
    if cure == "close":
        world.api.RegCloseKey(HKCU)
    else:
        world.api.RegOpenKeyEx(HKCU, None)

    assert world.api.RegOpenKeyEx(HKCU, "Software").code == then
    world.machine.check()


@pytest.mark.parametrize("os_name", ["wine", "win11"])
def test_p10_override_in_an_unloaded_hive(build: Callable, os_name: str) -> None:
    """An override into a hive that went away is 1018 (Raymond Chen, 2025-01-03)."""
    world = build(os_name)
    _, given = world.api.RegOpenKeyEx(HKU, rf"{USER}\Software")
    world.api.RegOverridePredefKey(HKCU, given)
    if os_name == "wine":  # a subkey does not block there
        world.api.RegUnLoadKey(HKU, USER)
    else:
        world.api.NtUnloadKey2(ROOT)

    assert world.api.RegOpenKeyEx(HKCU, "App") == (1018, 0)


# -- the steps -------------------------------------------------------------------------------------


def test_a_call_resolves_then_uses(build: Callable) -> None:
    """RegOpenKeyEx(HKCU, sub) is two steps, the first of which opens the root."""
    world = build("nt4-sp6a")
    call = RegOpenKeyEx(world.machine.dialect, HKCU, "Software")

    assert isinstance(call, Call)
    assert [step.does for step in call.plan.steps][:2] == ["open-root", "open-subkey"]


@pytest.mark.parametrize(
    ("key", "path"),
    [
        (PredefinedKey.CURRENT_USER_LOCAL_SETTINGS, ROOT + r"\Software\Classes\Local Settings"),
        (HKCU, ROOT),
        (PredefinedKey.DYN_DATA, r"\REGISTRY\DynData"),
        (PredefinedKey.PERFORMANCE_DATA, None),
    ],
)
def test_what_a_predefined_key_stands_for(
    build: Callable, key: PredefinedKey, path: str | None
) -> None:
    """The user's roots lie in the hive of whom the thread acts as; performance data is no key."""
    world = build("win11")
    world.api.impersonate(USER)

    assert root_path(world.machine, world.api.tid, key) == path


def test_a_predefined_key_that_is_no_key(build: Callable) -> None:
    """What lies below HKEY_PERFORMANCE_DATA cannot be opened, and asking leaves nothing open."""
    world = build("win11")

    assert world.api.RegOpenKeyEx(PredefinedKey.PERFORMANCE_DATA, "Global") == (6, 0)
    assert world.open_handles() == 0
