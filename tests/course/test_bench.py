"""The small computers that exercises are played on."""

from __future__ import annotations

import pytest

from regsim import keypath
from regsim.course.bench import ANNA, BERT, DESKTOP, HKCU, PEOPLE, Bench, listed
from regsim.status import NtStatus

A, B = keypath.user_root(ANNA), keypath.user_root(BERT)


@pytest.fixture
def bench() -> Bench:
    """A computer under Windows 2000."""
    return Bench("w2k")


def test_both_users_are_logged_on(bench: Bench) -> None:
    """Each has a hive with a wallpaper of their own, and .DEFAULT has one too."""
    api = bench.service()
    names = {**{keypath.user_root(sid): name.lower() for sid, name in PEOPLE.items()}}
    names[r"\REGISTRY\USER\.DEFAULT"] = "system"
    for path, name in names.items():
        _, handle = api.NtOpenKey(f"{path}\\{DESKTOP}")
        assert api.RegQueryValueEx(handle, "wallpaper").value.text() == f"{name}.bmp"


@pytest.mark.parametrize(("os", "there"), [("nt4-sp6a", False), ("w2k", True), ("win11", True)])
def test_the_classes_are_a_hive_where_they_are_one(os: str, there: bool) -> None:
    """From Windows 2000 on; NT 4.0 has one hive a user."""
    found = Bench(os).machine.hive_at(f"{A}_Classes")
    assert (found is not None) is there


def test_nothing_is_open_at_first(bench: Bench) -> None:
    """So whatever is listed later comes from the exercise's calls."""
    assert bench.hive(ANNA).handles == bench.hive(BERT).handles == 0
    assert listed(bench.holders(bench.service())) == "nothing"


def test_a_trial_leaves_no_trace(bench: Bench) -> None:
    """Neither a try to unload that works, nor one that is refused, nor the end of a process."""
    api = bench.service()
    api.NtOpenKey(A)
    before = bench.machine.snapshot()
    assert bench.unload(B) is NtStatus.SUCCESS
    assert bench.unload(A) is NtStatus.CANNOT_DELETE
    assert bench.unload(A, ended=[bench.process(api)]) is NtStatus.SUCCESS
    assert bench.machine.same_as(before)


def test_what_is_held_is_listed_in_order(bench: Bench) -> None:
    """By handle; what nobody asked for says so, what was asked for does not."""
    api = bench.service()
    api.impersonate(BERT)
    api.RegOpenKeyEx(HKCU, "Software")
    text = listed(bench.holders(api))
    first, second = text.split("; ")
    assert first == f"0x4 on HKU\\{BERT} (nobody asked for it)"
    assert second == f"0x8 on HKU\\{BERT}\\Software"


def test_only_the_asked_process_is_listed(bench: Bench) -> None:
    """What another holds is not its."""
    one, two = bench.service("one"), bench.service("two", name="")
    one.NtOpenKey(A)
    assert len(bench.holders(one)) == 1
    assert bench.holders(two) == []
    assert bench.process(two).services == ()
