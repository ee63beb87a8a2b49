"""What winreg's functions raise, tell, read and write."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regsim import dialects
from regsim.errors import UnknownNameError
from regsim.regf import open_hive
from regsim.testing import winreg as default
from regsim.testing._fake.computer import Computer, logged_on
from regsim.testing._fake.data import from_bytes, to_bytes
from regsim.testing._fake.oserror import error_text, windows_error
from regsim.testing.pywin32 import error, win32api_of, win32security_of
from regsim.testing.winreg import BoundWinreg, HKEYType, bind

EVENTS: list[tuple[str, tuple[Any, ...]]] = []
LISTENING = [False]


@pytest.fixture
def events() -> Any:
    """The audit events of winreg during a test."""
    if not EVENTS:
        sys.addaudithook(_hear)
    EVENTS[:] = [("begin", ())]
    LISTENING[0] = True
    yield EVENTS
    LISTENING[0] = False


def _hear(event: str, args: tuple[Any, ...]) -> None:
    if LISTENING[0] and event.startswith("winreg."):
        EVENTS.append((event, args))


# -- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind", "number"),
    [
        (2, FileNotFoundError, 2),
        (5, PermissionError, 13),
        (183, FileExistsError, 17),
        (6, OSError, 9),
        (1018, OSError, 22),
        (259, OSError, 22),
        (99999, OSError, 22),
    ],
)
def test_exceptions(code: int, kind: type[OSError], number: int) -> None:
    """Each code has CPython's subclass and errno, and winerror on every platform."""
    raised = windows_error(code)

    assert type(raised) is kind
    assert (raised.winerror, raised.errno) == (code, number)
    assert raised.strerror == error_text(code)


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda reg: reg.OpenKey(None, "x"), TypeError),
        (lambda reg: reg.OpenKey("HKCU", "x"), TypeError),
        (lambda reg: reg.OpenKey([], "x"), TypeError),
        (lambda reg: reg.OpenKey(reg.HKEY_USERS, 1), TypeError),
        (lambda reg: reg.OpenKey(reg.HKEY_USERS, "x", 0, 1.0), TypeError),
        (lambda reg: reg.OpenKey(reg.HKEY_USERS, "x", 0, 131097.0), TypeError),
        (lambda reg: reg.OpenKey(1 << 64, "x"), OverflowError),
        (lambda reg: reg.OpenKey(reg.HKEY_USERS, "x", 0, 1 << 32), OverflowError),
        (lambda reg: reg.OpenKey(reg.HKEY_USERS, "a\0b"), ValueError),
        (lambda reg: reg.DeleteKey(reg.HKEY_USERS, None), TypeError),
        (lambda reg: reg.CloseKey("x"), TypeError),
        (lambda reg: reg.SetValue(reg.HKEY_USERS, "x", reg.REG_DWORD, "1"), TypeError),
        (lambda reg: reg.SetValue(reg.HKEY_USERS, "x", reg.REG_SZ, 1), TypeError),
    ],
)
def test_bad_arguments(winreg: BoundWinreg, call: Callable[[Any], object], kind: type) -> None:
    """Arguments of the wrong kind raise what CPython raises, not OSError."""
    with pytest.raises(kind) as caught:
        call(winreg)

    assert not isinstance(caught.value, OSError)


# -- data ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value", "data"),
    [
        (1, "aé", b"a\0\xe9\0\0\0"),
        (4, 0xFFFFFFFF, b"\xff" * 4),
        (11, 1, b"\1" + bytes(7)),
        (7, ["a", ""], b"a\0\0\0\0\0\0\0"),
        (7, [], b"\0\0"),
        (3, b"xy", b"xy"),
        (99, bytearray(b"xy"), b"xy"),
    ],
)
def test_data(kind: int, value: Any, data: bytes) -> None:
    """Each type has its bytes, and reads back as what was written."""
    assert to_bytes(kind, value) == data
    assert from_bytes(kind, data) == value


@pytest.mark.parametrize(
    ("kind", "data", "value"),
    [
        (4, b"", 0),
        (1, b"a\0\0\0b\0", "a"),
        (1, b"a\0b", "a"),
        (7, b"", []),
        (7, b"a\0\0\0b\0", ["a", "b"]),
        (3, b"", None),
        (5, b"\0\0\0\1", b"\0\0\0\1"),
    ],
)
def test_odd_data(kind: int, data: bytes, value: Any) -> None:
    """Data that does not quite fit its type reads as CPython reads it."""
    assert from_bytes(kind, data) == value


@pytest.mark.parametrize(
    ("kind", "value", "raised"),
    [
        (4, -1, OverflowError),
        (4, 1 << 32, OverflowError),
        (11, 1 << 64, OverflowError),
        (4, "1", ValueError),
        (1, 1, ValueError),
        (7, ["a", 1], ValueError),
        (7, ("a",), ValueError),
        (3, "text", TypeError),
    ],
)
def test_bad_data(kind: int, value: Any, raised: type[Exception]) -> None:
    """A value of the wrong kind is refused as CPython refuses it."""
    with pytest.raises(raised):
        to_bytes(kind, value)


def test_what_was_read_before(winreg: BoundWinreg, key: HKEYType) -> None:
    """A read that was made before tells what the value is now, as numbers and names are used."""
    winreg.SetValueEx(key, "n", 0, winreg.REG_SZ, "blue")
    assert [winreg.QueryValueEx(key, "n") for _ in range(2)] == [("blue", winreg.REG_SZ)] * 2
    winreg.SetValueEx(key, "N", 0, winreg.REG_DWORD, 7)
    assert winreg.QueryValueEx(key, "n") == (7, winreg.REG_DWORD)
    winreg.DeleteValue(key, "n")
    with pytest.raises(FileNotFoundError):
        winreg.QueryValueEx(key, "n")

    winreg.SetValueEx(key, "n", 0, winreg.REG_SZ, "green")
    with winreg.CreateKey(winreg.HKEY_CURRENT_USER, "Other") as other:
        winreg.SetValueEx(other, "n", 0, winreg.REG_SZ, "red")
        for _ in range(2):
            assert [winreg.QueryValueEx(each, "n")[0] for each in (key, other)] == ["green", "red"]
    number = int(key)
    key.Close()
    with winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Other") as again:
        assert int(again) == number
        assert winreg.QueryValueEx(again, "n") == ("red", winreg.REG_SZ)


def test_texts_that_were_read(winreg: BoundWinreg, key: HKEYType) -> None:
    """A list of texts is its caller's own: who changes it changes no later read."""
    winreg.SetValueEx(key, "n", 0, winreg.REG_MULTI_SZ, ["a", "b"])
    for _ in range(2):
        texts, _ = winreg.QueryValueEx(key, "n")
        assert texts == ["a", "b"]
        texts.clear()


# -- audit events --------------------------------------------------------------------------------


def test_audit_events(winreg: BoundWinreg, events: list[Any]) -> None:
    """Each call tells what CPython documents, keys as signed numbers, results of opens too."""
    user = winreg.HKEY_CURRENT_USER
    key = winreg.CreateKey(user, "Mine")
    winreg.SetValueEx(key, "n", 0, 4, 7)
    winreg.QueryValueEx(key, "n")
    number = int(key)
    with pytest.raises(FileNotFoundError):
        winreg.OpenKey(key, "x")
    assert int(winreg.OpenKey(user, None)) == user
    again = winreg.OpenKey(user, "Mine")
    key.Detach()
    winreg.CloseKey(number)
    winreg.FlushKey(user)

    signed = user - (1 << 64)
    assert events[1:] == [
        ("winreg.CreateKey", (signed, "Mine", winreg.KEY_WRITE)),
        ("winreg.OpenKey/result", (number,)),
        ("winreg.SetValue", (number, "n", 4, 7)),
        ("winreg.QueryValue", (number, None, "n")),
        ("winreg.OpenKey", (number, "x", winreg.KEY_READ)),
        ("winreg.OpenKey", (signed, None, winreg.KEY_READ)),
        ("winreg.OpenKey/result", (signed,)),
        ("winreg.OpenKey", (signed, "Mine", winreg.KEY_READ)),
        ("winreg.OpenKey/result", (int(again),)),
        ("winreg.PyHKEY.Detach", (number,)),
    ]


# -- who opened what -----------------------------------------------------------------------------


def test_open_handles(winreg: BoundWinreg) -> None:
    """Each open handle names its key, the line that opened it, and whether it was asked for."""
    key = winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software")
    line = sys._getframe().f_lineno - 1

    root, opened = winreg.open_handles()

    assert (root.implicit, opened.implicit) == (True, False)
    assert root.source == opened.source == f"{__file__}:{line}"
    assert opened.function == "test_open_handles"
    assert opened.key == root.key + r"\Software"
    assert opened.handle == int(key)
    assert opened.opened_by == 'RegOpenKeyEx(HKCU, "Software")'
    key.Close()
    assert [handle.handle for handle in winreg.open_handles()] == [root.handle]


def test_each_open_has_its_own_line(winreg: BoundWinreg) -> None:
    """The same call on two lines is told apart, repeated or not."""
    keys = [winreg.OpenKey(winreg.HKEY_USERS, None)]
    keys += [winreg.OpenKeyEx(winreg.HKEY_USERS, ".DEFAULT")]
    keys += [winreg.OpenKey(winreg.HKEY_USERS, ".DEFAULT")]
    keys += [winreg.OpenKey(winreg.HKEY_USERS, ".DEFAULT")]
    lines = [handle.line for handle in winreg.open_handles() if not handle.implicit]

    assert lines == [lines[0], lines[0] + 1, lines[0] + 2]
    assert len(keys) == 4


# -- files ---------------------------------------------------------------------------------------


def test_hive_files(winreg: BoundWinreg, tmp_path: Path) -> None:
    """SaveKey writes a real hive file; LoadKey mounts it, FlushKey and unloading write it back."""
    file = tmp_path / "saved.hiv"
    with winreg.CreateKey(winreg.HKEY_CURRENT_USER, "Mine") as key:
        winreg.SetValueEx(key, "n", 0, winreg.REG_DWORD, 7)
        winreg.SaveKey(key, str(file))
        with pytest.raises(FileExistsError):
            winreg.SaveKey(key, str(file))
    winreg.LoadKey(winreg.HKEY_USERS, "Loaded", str(file))
    with winreg.OpenKey(winreg.HKEY_USERS, "Loaded", 0, winreg.KEY_ALL_ACCESS) as loaded:
        assert winreg.QueryValueEx(loaded, "n") == (7, winreg.REG_DWORD)
        winreg.SetValueEx(loaded, "more", 0, winreg.REG_SZ, "x")
        winreg.FlushKey(loaded)
        with open_hive(file) as hive:
            assert {value.name for value in hive.root.values()} == {"n", "more"}
        with pytest.raises(error, match="Access is denied") as caught:
            win32api_of(winreg).RegUnLoadKey(winreg.HKEY_USERS, "Loaded")
        assert caught.value.winerror == 5
    win32api_of(winreg).RegUnLoadKey(winreg.HKEY_USERS, "Loaded")


@pytest.mark.skipif(sys.platform == "win32", reason="this computer has such paths")
def test_windows_paths_stay_in_memory(
    winreg: BoundWinreg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path of Windows' form touches no file of a computer that has no such paths."""
    monkeypatch.chdir(tmp_path)
    with winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software") as key:
        winreg.SaveKey(key, r"C:\saved.hiv")
        assert list(tmp_path.iterdir()) == []
        winreg.SaveKey(key, "relative.hiv")
    winreg.LoadKey(winreg.HKEY_USERS, "Loaded", r"C:\saved.hiv")
    assert [file.name for file in tmp_path.iterdir()] == ["relative.hiv"]


def test_privileges(tmp_path: Path) -> None:
    """Without the privileges LoadKey and SaveKey fail with 1314."""
    computer = logged_on(privileges=False)
    winreg = bind(computer.machine, computer.process)

    for call in (
        lambda: winreg.SaveKey(winreg.HKEY_CURRENT_USER, str(tmp_path / "x")),
        lambda: winreg.LoadKey(winreg.HKEY_USERS, "x", str(tmp_path / "x")),
    ):
        with pytest.raises(OSError, match="privilege") as caught:
            call()
        assert caught.value.winerror == 1314
    assert list(tmp_path.iterdir()) == []


# -- users and threads ---------------------------------------------------------------------------


def test_impersonation_is_the_threads(computer: Computer) -> None:
    """A thread that acts as the user pins HKEY_CURRENT_USER; the others go on as themselves."""
    service = bind(
        computer.machine, computer.machine.start_process("service"), accounts=computer.accounts
    )
    security, api = win32security_of(service), win32api_of(service)
    found: list[str] = []

    def who() -> None:
        key = api.RegOpenCurrentUser()
        found.extend(h.key.rsplit("\\", 1)[1] for h in service.open_handles())
        key.Close()

    security.ImpersonateLoggedOnUser(security.LogonUser("user", None, "", 2, 0))
    who()
    thread = threading.Thread(target=who)
    thread.start()
    thread.join()
    service.OpenKey(service.HKEY_CURRENT_USER, "Software").Close()
    security.RevertToSelf()
    service.OpenKey(service.HKEY_CURRENT_USER, "Software").Close()

    assert found == [computer.sid, ".DEFAULT"]
    (root,) = service.open_handles()
    assert root.implicit
    assert root.key.endswith(computer.sid)


def test_unknown_account(winreg: BoundWinreg) -> None:
    """Nobody unknown logs on: 1326."""
    with pytest.raises(error) as caught:
        win32security_of(winreg).LogonUser("nobody", None, "", 2, 0)

    assert caught.value.args[:2] == (1326, "LogonUser")


def test_disabled_cache(computer: Computer) -> None:
    """With the cache disabled at the start nothing stays open."""
    winreg = bind(computer.machine, computer.process)
    winreg.binding.calls.api.RegDisablePredefinedCache()
    winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software").Close()

    assert winreg.open_handles() == []


def test_many_threads(winreg: BoundWinreg, computer: Computer) -> None:
    """Threads may call at once, and drop handles at any time, without harm to the machine."""

    def work() -> None:
        for number in range(150):
            winreg.CreateKey(winreg.HKEY_CURRENT_USER, rf"Many\{number % 7}")
            winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software").Close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [handle.implicit for handle in winreg.open_handles()] == [True]
    computer.machine.check()


def test_a_handle_dropped_during_a_call(winreg: BoundWinreg, key: HKEYType) -> None:
    """A handle object that dies while a call is in progress is closed when that has ended."""
    number = int(key)
    gate = winreg.binding.gate
    with gate.lock:
        winreg.binding.let_go(number)
        assert len(winreg.binding.process.table) == 2

    winreg.QueryInfoKey(winreg.HKEY_CURRENT_USER)

    assert len(winreg.binding.process.table) == 1
    key.Detach()


# -- computers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("os", dialects.names())
def test_every_generation(os: str) -> None:
    """A user can be logged on under every dialect, and their settings written and read."""
    computer = logged_on(os)
    winreg = bind(computer.machine, computer.process)
    with winreg.CreateKey(winreg.HKEY_CURRENT_USER, r"Software\Mine") as key:
        winreg.SetValueEx(key, "x", 0, winreg.REG_SZ, "y")
        assert winreg.EnumValue(key, 0) == ("x", "y", winreg.REG_SZ)
    computer.machine.check()
    assert computer.hive is not None
    assert computer.hive.dirty


def test_unknown_generation() -> None:
    """An unknown dialect is refused with those there are."""
    with pytest.raises(UnknownNameError, match="win11"):
        logged_on("win12")


def test_fresh_machines_are_apart(winreg: BoundWinreg) -> None:
    """What is written on one machine is not on the next."""
    winreg.CreateKey(winreg.HKEY_CURRENT_USER, "Mine").Close()
    other = logged_on()

    fresh = bind(other.machine, other.process)
    with pytest.raises(FileNotFoundError):
        fresh.OpenKey(fresh.HKEY_CURRENT_USER, "Mine")


def test_default_is_lazy() -> None:
    """The module's own process is a user's on Windows 11, made at the first use."""
    path = default.ExpandEnvironmentStrings("%NoSuchName%")

    assert path == "%NoSuchName%"
    with default.OpenKey(default.HKEY_CURRENT_USER, "Software") as key:
        assert default.QueryInfoKey(key)[0] > 0
    assert default.binding.machine.dialect.name == "win11"


def test_delete_tree(winreg: BoundWinreg) -> None:
    """DeleteTree (Python 3.15) takes a key with all below it, or with None what is in the key."""
    delete_tree = winreg.binding.DeleteTree
    key = winreg.CreateKey(winreg.HKEY_CURRENT_USER, "Mine")
    winreg.CreateKey(key, r"a\b\c").Close()
    winreg.SetValueEx(key, "x", 0, winreg.REG_SZ, "y")

    delete_tree(key)
    assert winreg.QueryInfoKey(key)[:2] == (0, 0)
    winreg.CreateKey(key, r"a\b").Close()
    delete_tree(winreg.HKEY_CURRENT_USER, "Mine")

    with pytest.raises(OSError, match="deletion"):
        winreg.QueryInfoKey(key)
    with pytest.raises(FileNotFoundError):
        delete_tree(winreg.HKEY_CURRENT_USER, "Mine")
