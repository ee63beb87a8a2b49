"""The handle object: each line of what Windows documents about handles' lifetimes."""

from __future__ import annotations

import _thread
import gc
import time

import pytest

from regsim.errors import UsageError
from regsim.testing._fake.computer import Computer
from regsim.testing.winreg import BoundWinreg, HKEYType, bind
from regsim.win32.api import Api

SUBKEY = r"Software\Example"


def test_truth_and_number(key: HKEYType) -> None:
    """A handle is true and has a number until it is closed; then it is false and 0."""
    assert bool(key) is True
    assert int(key) == key.handle > 0

    key.Close()

    assert bool(key) is False
    assert int(key) == key.handle == 0


@pytest.mark.parametrize("how", ["method", "function", "with", "number"])
def test_close_closes(winreg: BoundWinreg, key: HKEYType, how: str) -> None:
    """Whichever way a handle is closed, its number means nothing afterwards: 6."""
    number = int(key)
    winreg.QueryInfoKey(number)

    if how == "method":
        key.Close()
    elif how == "function":
        winreg.CloseKey(key)
    elif how == "number":
        winreg.CloseKey(number)
    else:
        with key:
            pass

    with pytest.raises(OSError, match="handle is invalid") as caught:
        winreg.QueryInfoKey(number)
    assert caught.value.winerror == 6
    if how == "number":
        key.Detach()


def test_use_after_close(winreg: BoundWinreg, key: HKEYType) -> None:
    """A closed handle object is no handle: 6."""
    key.Close()

    with pytest.raises(OSError, match="handle is invalid") as caught:
        winreg.QueryValueEx(key, "x")
    assert caught.value.winerror == 6


def test_close_twice(winreg: BoundWinreg, key: HKEYType) -> None:
    """Closing the object twice does nothing, closing the number twice is 6."""
    number = int(key)
    key.Close()
    key.Close()
    winreg.CloseKey(key)

    with pytest.raises(OSError, match="handle is invalid") as caught:
        winreg.CloseKey(number)
    assert caught.value.winerror == 6


def test_detach(winreg: BoundWinreg, key: HKEYType) -> None:
    """Detach gives the number once and 0 afterwards; the handle stays open without its object."""
    number = int(key)

    assert key.Detach() == number
    assert key.Detach() == 0
    assert not key
    del key
    gc.collect()
    winreg.QueryInfoKey(number)
    winreg.CloseKey(number)


def test_destruction_closes(computer: Computer, winreg: BoundWinreg) -> None:
    """A handle object that Python lets go of closes its handle, also out of a cycle."""
    before = len(computer.process.table)
    key = winreg.CreateKey(winreg.HKEY_USERS, rf"{computer.sid}\{SUBKEY}")
    holder: list[object] = [key]
    holder.append(holder)
    held = len(computer.process.table)

    del key, holder
    gc.collect()

    assert held == before + 2  # the key, and the root of HKEY_USERS
    assert len(computer.process.table) == before + 1


def test_with_closes_after_an_error(key: HKEYType) -> None:
    """The end of a with statement closes, an exception or not, and lets the exception through."""
    with pytest.raises(ZeroDivisionError), key:
        raise ZeroDivisionError

    assert not key


def test_equality_is_identity(winreg: BoundWinreg, key: HKEYType) -> None:
    """Two handles to one key are two handles; the hash is the object's own."""
    other = winreg.OpenKey(winreg.HKEY_CURRENT_USER, SUBKEY)

    assert key != other
    assert key == key  # noqa: PLR0124 - the point
    assert len({key, other}) == 2
    before = hash(key)
    key.Close()
    assert hash(key) == before


def test_deleted_key(winreg: BoundWinreg, key: HKEYType) -> None:
    """A handle to a deleted key answers 1018 until it is closed, which works."""
    winreg.DeleteKey(winreg.HKEY_CURRENT_USER, SUBKEY)

    for use in (
        lambda: winreg.QueryValueEx(key, "x"),
        lambda: winreg.SetValueEx(key, "x", 0, winreg.REG_SZ, "y"),
        lambda: winreg.CreateKey(key, "below"),
        lambda: winreg.EnumKey(key, 0),
    ):
        with pytest.raises(OSError, match="marked for deletion") as caught:
            use()
        assert caught.value.winerror == 1018
    winreg.CreateKey(winreg.HKEY_CURRENT_USER, SUBKEY).Close()
    with pytest.raises(OSError, match="marked for deletion"):
        winreg.QueryInfoKey(key)
    key.Close()


def test_forced_unload(computer: Computer, winreg: BoundWinreg, key: HKEYType) -> None:
    """After a forced unload a handle, and HKEY_CURRENT_USER itself, answer 1018."""
    system = computer.machine.start_process("winlogon")
    api = Api(computer.machine, computer.machine.start_thread(system))

    status, _ = api.NtUnloadKey2(rf"\REGISTRY\USER\{computer.sid}")

    assert status.ok
    for where in (key, winreg.HKEY_CURRENT_USER):
        with pytest.raises(OSError, match="marked for deletion") as caught:
            winreg.QueryInfoKey(where)
        assert caught.value.winerror == 1018
    key.Close()


@pytest.mark.parametrize(
    ("access", "use"),
    [
        ("KEY_READ", lambda reg, key: reg.SetValueEx(key, "x", 0, reg.REG_SZ, "y")),
        ("KEY_READ", lambda reg, key: reg.DeleteValue(key, "x")),
        ("KEY_WRITE", lambda reg, key: reg.QueryValueEx(key, "x")),
        ("KEY_WRITE", lambda reg, key: reg.EnumKey(key, 0)),
        ("KEY_SET_VALUE", lambda reg, key: reg.QueryInfoKey(key)),
        ("KEY_QUERY_VALUE", lambda reg, key: reg.EnumKey(key, 0)),
    ],
)
def test_access_masks(winreg: BoundWinreg, key: HKEYType, access: str, use) -> None:
    """A handle without the right is refused with 5; one with every right is not."""
    winreg.SetValueEx(key, "x", 0, winreg.REG_SZ, "y")
    winreg.CreateKey(key, "below").Close()
    mask = getattr(winreg, access)

    with winreg.OpenKey(key, None, 0, mask) as weak, pytest.raises(PermissionError) as caught:
        use(winreg, weak)

    assert caught.value.winerror == 5
    use(winreg, key)


def test_other_process(computer: Computer, winreg: BoundWinreg, key: HKEYType) -> None:
    """A handle object used through another process's module is refused, not misread."""
    other = bind(computer.machine, computer.machine.start_process("other"))

    with pytest.raises(UsageError, match="another process"):
        other.QueryInfoKey(key)
    winreg.QueryInfoKey(key)


def test_type_is_sealed() -> None:
    """The type can be neither changed, extended nor called."""
    with pytest.raises(TypeError, match="immutable"):
        HKEYType.foo = 1
    with pytest.raises(TypeError, match="immutable"):
        del HKEYType.Close
    with pytest.raises(TypeError, match="acceptable base"):
        type("Mine", (HKEYType,), {})
    with pytest.raises(TypeError, match="cannot create"):
        HKEYType()
    assert HKEYType.__name__ == "PyHKEY"
    assert "foo" not in vars(HKEYType)


@pytest.mark.parametrize("name", ["OpenKey", "OpenKeyEx", "CreateKey"])
def test_a_call_from_c_has_no_place(winreg: BoundWinreg, name: str) -> None:
    """A thread begun on the function itself calls it without Python code, as atexit does."""
    _thread.start_new_thread(getattr(winreg, name), (winreg.HKEY_CURRENT_USER, "Software"))

    for _ in range(500):
        roots = [handle for handle in winreg.open_handles() if handle.implicit]
        if roots:
            break
        time.sleep(0.01)

    assert [root.source for root in roots] == ["?"]


def test_a_call_from_python_has_its_line(winreg: BoundWinreg) -> None:
    """The place is this file's, of a root that nobody asked for as well."""
    kept = winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software")

    assert [handle.file for handle in winreg.open_handles()] == [__file__, __file__]
    kept.Close()


@pytest.mark.parametrize("name", ["OpenKey", "OpenKeyEx", "CreateKeyEx"])
def test_what_only_equals_an_argument_is_refused(winreg: BoundWinreg, name: str) -> None:
    """A call that went well lets in no float that equals its access; True is 1, in both."""
    function = getattr(winreg, name)
    winreg.CloseKey(winreg.CreateKey(winreg.HKEY_CURRENT_USER, SUBKEY))
    for _ in range(2):
        function(winreg.HKEY_CURRENT_USER, SUBKEY, 0, 1).Close()
        function(winreg.HKEY_CURRENT_USER, SUBKEY, False, True).Close()

        with pytest.raises(TypeError, match="'float' object cannot be interpreted as an integer"):
            function(winreg.HKEY_CURRENT_USER, SUBKEY, 0, 1.0)
        with pytest.raises(TypeError, match="must be str or None, not list"):
            function(winreg.HKEY_CURRENT_USER, [SUBKEY], 0, 1)


def test_a_call_made_again_sees_what_changed(winreg: BoundWinreg) -> None:
    """Creating, opening, reading and dropping as before give what holds now, a deleted key too."""
    user = winreg.HKEY_CURRENT_USER
    seen: list[object] = []
    for text in ("red", "blue"):
        winreg.SetValueEx(winreg.CreateKey(user, SUBKEY), "Colour", 0, winreg.REG_SZ, text)
        with winreg.OpenKey(user, SUBKEY) as key:
            seen += [winreg.QueryValueEx(key, "Colour") for _ in range(2)]
        winreg.DeleteKey(user, SUBKEY)
        with pytest.raises(FileNotFoundError):
            winreg.OpenKey(user, SUBKEY)

    assert seen == [("red", winreg.REG_SZ)] * 2 + [("blue", winreg.REG_SZ)] * 2
    assert [held.implicit for held in winreg.open_handles()] == [True]
