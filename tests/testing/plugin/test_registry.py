"""The registry under test: its processes, its seed, what it calls a leak, and how it ends."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from regsim.errors import UnknownNameError, UsageError
from regsim.regf.regtext import RegTextError
from regsim.scenario.result import Outcome
from regsim.testing import RegistryLeakError, assert_unloads, fake_winreg
from regsim.testing.profile import ProfileSession
from regsim.testing.registry import Registry, table

SEED = r"""Windows Registry Editor Version 5.00

[HKEY_CURRENT_USER\Software\Example]
"Colour"="blue"
"Gone"="soon"
@=dword:00000007

[HKLM\Software\Vendor\Deep]
"Path"=hex(2):25,00,00,00

[HKEY_CURRENT_USER\Software\Example]
"Gone"=-

[-HKEY_CURRENT_USER\Control Panel]
"""


def leave_root(registry: Registry) -> None:
    """Have a service use HKEY_CURRENT_USER as the user, and close what it opened."""
    service = registry.service("TapiSrv")
    with registry.acting_as_user(service):
        service.CloseKey(service.OpenKey(service.HKEY_CURRENT_USER, "Software"))


def test_a_seed_is_carried_out_line_by_line(tmp_path: Path) -> None:
    """Keys and values are made, changed and deleted, from a text or a file."""
    file = tmp_path / "seed.reg"
    file.write_text(SEED, encoding="utf-16")
    for seed in (SEED, file, str(file)):
        registry = Registry(seed=seed)
        winreg = registry.winreg
        with winreg.OpenKey(winreg.HKEY_CURRENT_USER, r"Software\Example") as key:
            assert winreg.QueryValueEx(key, "Colour") == ("blue", winreg.REG_SZ)
            assert winreg.QueryValueEx(key, "") == (7, winreg.REG_DWORD)
            with pytest.raises(FileNotFoundError):
                winreg.QueryValueEx(key, "Gone")
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"Software\Vendor\Deep") as key:
            assert winreg.QueryInfoKey(key)[1] == 1
        with pytest.raises(FileNotFoundError):
            winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Control Panel")
        assert registry.leaks() == []


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        ("REGEDIT4\n\n[HKEY_NOWHERE\\A]\n", "line 3: no predefined key 'HKEY_NOWHERE'"),
        ("not a reg file\n", "line 1"),
        ("REGEDIT4\n\n[HKEY_USERS\\New]\n", "line 3: .*error"),
    ],
)
def test_a_seed_that_cannot_be_names_its_line(seed: str, message: str) -> None:
    """Format, root and refusal alike."""
    with pytest.raises(RegTextError, match=message):
        Registry(seed=seed)


def test_unknown_names_are_refused() -> None:
    """Of a generation, and of a kind of process; the message lists those there are."""
    with pytest.raises(UnknownNameError, match="win11"):
        Registry("win12")
    with pytest.raises(UsageError, match="'user' or 'service'"):
        Registry(process="robot")  # type: ignore[arg-type]


def test_a_service_that_acts_as_the_user_leaks_one_root() -> None:
    """It is implicit, it survives the session, and the line that caused it is known."""
    registry = Registry()
    leave_root(registry)

    (leak,) = registry.leaks()

    assert (leak.process, leak.survives, leak.handle.implicit) == ("TapiSrv", True, True)
    assert leak.handle.source.startswith(__file__)
    with pytest.raises(RegistryLeakError, match="nobody asked for it") as caught:
        registry.assert_no_leaks()
    assert caught.value.leaks == [leak]


def test_each_way_out_of_the_leak_is_seen() -> None:
    """Closing the root, ending the service, and the user's own root each leave nothing."""
    closes, ends, own = Registry(), Registry(), Registry()
    for registry in (closes, ends):
        service = registry.service()
        with registry.acting_as_user(service):
            service.CloseKey(service.OpenKey(service.HKEY_CURRENT_USER, "Software"))
        if registry is closes:
            service.CloseKey(service.HKEY_CURRENT_USER)
        else:
            registry.stop(service)
    service = own.service()
    service.CloseKey(service.OpenKey(service.HKEY_USERS, rf"{own.user}\Software"))

    for registry in (closes, ends, own):
        assert registry.leaks() == []
        assert assert_unloads(registry).outcome is Outcome.SAVED


def test_a_program_of_the_user_leaks_only_what_it_asked_for() -> None:
    """Its root ends with it."""
    registry = Registry()
    program = registry.program()
    program.CloseKey(program.OpenKey(program.HKEY_CURRENT_USER, "Software"))
    assert registry.leaks() == []

    kept = program.OpenKey(program.HKEY_CURRENT_USER, "Software")

    assert [leak.handle.handle for leak in registry.leaks()] == [int(kept)]
    assert assert_unloads(registry).outcome is Outcome.SAVED


def test_a_profile_session_is_asked_as_its_registry_is() -> None:
    """Both ways round."""
    sound, broken = ProfileSession(Registry()), ProfileSession(Registry())
    leave_root(broken.registry)

    assert assert_unloads(sound) == sound.registry.foresee()
    with pytest.raises(AssertionError, match="nobody asked for it"):
        assert_unloads(broken)


@pytest.mark.parametrize(
    ("os", "fails"), [("nt4-sp6a", True), ("w2k", True), ("xp", False), ("win11", True)]
)
def test_a_session_must_save_the_profile(os: str, fails: bool) -> None:
    """Late will do; lost will not, nor saved at the cost of who held the hive."""
    session = ProfileSession(Registry(os))
    leave_root(session.registry)

    if fails:
        with pytest.raises(AssertionError, match="nobody asked for it"):
            session.finish()
    else:
        assert session.finish().outcome is Outcome.LATE
    assert session.finish() is session.ending


@pytest.mark.parametrize("fails", [False, True])
def test_acting_as_the_user_ends_with_the_block(fails: bool) -> None:
    """However it ends: HKEY_CURRENT_USER, first used afterwards, is the service's own."""
    registry = Registry()
    service = registry.service()
    with contextlib.suppress(ZeroDivisionError), registry.acting_as_user(service):
        assert fails is False or 1 / 0

    service.CloseKey(service.OpenKey(service.HKEY_CURRENT_USER, "Software"))

    assert registry.leaks() == []


def test_what_has_no_user_is_refused() -> None:
    """A SID alone does not say on which computer."""
    with pytest.raises(UsageError, match=r"takes a registry or a profile_session, not 'S-1-5-"):
        assert_unloads(Registry().user)


@pytest.mark.parametrize("below", [True, False])
def test_the_table_is_relative_to_where_one_stands(tmp_path, monkeypatch, below: bool) -> None:
    """A file below the current directory is named from there, another one in full."""
    registry = Registry()
    kept = registry.winreg.OpenKey(registry.winreg.HKEY_CURRENT_USER, "Software")
    here = Path(__file__)
    monkeypatch.chdir(here.parent if below else tmp_path)

    text = table(registry, registry.leaks())

    assert (f"  {here.name}:" in text) is below
    assert (f"  {here}:" in text) is not below
    kept.Close()


@pytest.mark.parametrize(
    ("os", "outcome", "attempts", "event", "broken"),
    [
        ("nt4-sp6a", Outcome.LOST, 1, 1000, 0),
        ("w2k", Outcome.LOST, 60, 1000, 0),
        ("xp", Outcome.LATE, 1, 1517, 0),
        ("win11", Outcome.HOLDER_BROKEN, 2, 1530, 1),
    ],
)
def test_the_ending_is_the_generations(os, outcome, attempts, event, broken) -> None:
    """The same leak: lost, retried, saved from a copy, or taken by force."""
    registry = Registry(os)
    leave_root(registry)

    ending = registry.foresee()

    assert (ending.outcome, ending.attempts, ending.broken) == (outcome, attempts, broken)
    assert [found.id for found in ending.events] == [event]
    with pytest.raises(AssertionError, match="nobody asked for it"):
        assert_unloads(registry)


def test_foreseeing_changes_nothing_and_logging_off_does() -> None:
    """The one asks a copy."""
    registry = Registry()
    leave_root(registry)
    before = registry.machine.snapshot()

    foreseen = registry.foresee()
    assert registry.machine.same_as(before)

    assert registry.log_off() == foreseen
    assert registry.computer.hive is None
    with pytest.raises(UsageError, match="not logged on"):
        registry.foresee()
    assert registry.leaks() == []


def test_a_block_that_leaves_a_handle_fails_at_its_end() -> None:
    """Unless it was told not to care, or fails by itself."""
    kept = []
    with pytest.raises(RegistryLeakError, match="1 handle"), fake_winreg() as reg:
        kept.append(reg.winreg.OpenKey(reg.winreg.HKEY_CURRENT_USER, "Software"))
    with fake_winreg(leaks=False) as reg:
        kept.append(reg.winreg.OpenKey(reg.winreg.HKEY_CURRENT_USER, "Software"))
    with pytest.raises(FileNotFoundError), fake_winreg() as reg:
        kept.append(reg.winreg.OpenKey(reg.winreg.HKEY_CURRENT_USER, "Nowhere"))


@pytest.mark.parametrize("root", ["HKEY_LOCAL_MACHINE", "HKEY_USERS"])
def test_a_handle_on_a_loaded_hive_is_a_leak_until_it_is_closed(root: str) -> None:
    """A hive that `LoadKey` mounted cannot be unloaded while a key of it is open."""
    with fake_winreg(process="service") as reg:
        winreg = reg.winreg
        winreg.LoadKey(getattr(winreg, root), "OFFLINE", r"C:\Users\Default\NTUSER.DAT")
        winreg.CloseKey(getattr(winreg, root))
        key = winreg.CreateKey(getattr(winreg, root), r"OFFLINE\Software\App")

        assert [leak.handle.key.rpartition("OFFLINE")[2] for leak in reg.leaks()] == [
            r"\Software\App"
        ]
        with pytest.raises(AssertionError, match="left open on a loaded hive"):
            reg.assert_no_leaks()
        key.Close()
        winreg.CloseKey(getattr(winreg, root))
        assert reg.leaks() == []


# -- .reg files in and out, the clock, other processes -----------------------------------------


def test_an_export_seeds_the_same_registry() -> None:
    """Whole roots and single keys, by short names and long ones."""
    first = Registry(seed=SEED.replace(r"[-HKEY_CURRENT_USER\Control Panel]", ""))
    for key in ("HKCU", r"HKLM\Software", "HKEY_USERS", "HKCR", r"hkcu\Software\Example"):
        text = first.export(key)
        assert Registry(seed=text).export(key) == text
    text = first.export(r"HKCU\Software\Example")
    assert text.splitlines()[2] == r"[HKEY_CURRENT_USER\Software\Example]"
    assert "@=dword:00000007" in text
    assert "\r" not in text
    assert first.export().startswith(
        "Windows Registry Editor Version 5.00\n\n[HKEY_CURRENT_USER]\n"
    )
    assert first.leaks() == []


def test_an_export_leaves_out_what_no_line_can_hold() -> None:
    """A comment stands in its place, so that the rest can be read back."""
    registry = Registry()
    winreg = registry.winreg
    with winreg.CreateKey(winreg.HKEY_CURRENT_USER, "Mine") as key:
        winreg.SetValueEx(key, "two\nlines", 0, winreg.REG_SZ, "a")
        winreg.SetValueEx(key, "one", 0, winreg.REG_SZ, 'q"\\')
        winreg.CreateKey(key, "a\nb").Close()
    text = registry.export(r"HKCU\Mine")

    assert text.count("; left out, as no line can hold its name: ") == 2
    assert r'"one"="q\"\\"' in Registry(seed=text).export(r"HKCU\Mine")
    with pytest.raises(UsageError, match=r"cannot export 'HKCU\\\\Nowhere': error 2"):
        registry.export(r"HKCU\Nowhere")
    with pytest.raises(UsageError, match="cannot export 'Software'"):
        registry.export("Software")


WHOLE = r"""Windows Registry Editor Version 5.00

[HKEY_CLASSES_ROOT\.mine]
@="mine"

[HKEY_LOCAL_MACHINE\BCD00000000\Objects]
"C"="x"

[HKEY_LOCAL_MACHINE\SOFTWARE\Mine]
"A"="kept"

[HKEY_USERS\S-1-5-21-1-2-3-500\Console]
"B"="x"

[-HKEY_USERS\S-1-5-21-1-2-3-500\Environment]

[HKEY_PERFORMANCE_DATA]
"D"="x"

[HKEY_DYN_DATA]

[HKCC\Mine]
"E"="kept"
"""


def test_an_export_of_a_whole_registry_seeds_what_has_a_place() -> None:
    """The rest is left out, in one warning that names each root and hive once with its line."""
    names = (
        r"no HKEY_LOCAL_MACHINE\\BCD00000000 \(line 6\), "
        r"HKEY_USERS\\S-1-5-21-1-2-3-500 \(line 12\), "
        r"HKEY_PERFORMANCE_DATA \(line 17\), HKEY_DYN_DATA \(line 20\): left out"
    )
    with pytest.warns(UserWarning, match=names) as told:
        registry = Registry(seed=WHOLE)

    assert len(told) == 1
    assert '"A"="kept"' in registry.export(r"HKLM\Software\Mine")
    assert '"E"="kept"' in registry.export(r"HKCC\Mine")
    assert '@="mine"' in registry.export(r"HKCR\.mine")


def test_the_clock_stands_until_it_is_moved() -> None:
    """Then what is written has the later time, and what is not keeps its own."""
    registry = Registry()
    winreg = registry.winreg

    def written(key: str, root: int = winreg.HKEY_CURRENT_USER) -> int:
        with winreg.OpenKey(root, key) as opened:
            return winreg.QueryInfoKey(opened)[2]

    before = written("Console")
    registry.advance(1.5)
    registry.advance(0)
    winreg.CreateKey(winreg.HKEY_CURRENT_USER, "Mine").Close()

    assert written("Mine") - before == 15_000_000
    assert written("Console") == before
    assert winreg.QueryInfoKey(winreg.HKEY_LOCAL_MACHINE)[2] == before
    assert winreg.QueryInfoKey(winreg.HKEY_USERS)[2] == before
    for wrong in (-1, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="time goes forward"):
            registry.advance(wrong)


FORKS = r"""
import os
from regsim.testing import fake_winreg

with fake_winreg() as registry:
    winreg = registry.winreg
    key = winreg.CreateKey(winreg.HKEY_CURRENT_USER, "Software")
    if os.fork() == 0:
        for call in (
            lambda: winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software"),
            lambda: winreg.SetValueEx(key, "a", 0, 1, "b"),
            lambda: winreg.CloseKey(key),
            registry.leaks,
        ):
            try:
                call()
            except Exception as error:
                print(type(error).__name__, str(error).partition(",")[0], flush=True)
        with fake_winreg(everywhere=True) as own:
            own.winreg.CreateKey(own.winreg.HKEY_CURRENT_USER, "Mine").Close()
        del key
        print("own is fine", flush=True)
        os._exit(0)
    os.wait()
    winreg.SetValueEx(key, "a", 0, 1, "b")
    key.Close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_is_told_that_it_has_a_copy() -> None:
    """No call there reads, writes or closes what nobody would see; one of its own works."""
    done = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, check=True)
    refused = "ElsewhereError this process is a fork of the one with the simulated registry"
    assert done.stdout.splitlines() == [refused] * 4 + ["own is fine"]
    assert done.stderr == ""
