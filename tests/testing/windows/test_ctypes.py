"""The registry through ``ctypes``, as programs for Windows call it, on the handles of winreg."""

from __future__ import annotations

import ctypes as real_ctypes
import threading
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from regsim import dialects
from regsim.errors import UsageError
from regsim.testing import fake_winreg
from regsim.testing.registry import Registry
from regsim.testing.windows.modules import modules_of

READ, ALL = 0x20019, 0xF003F
HKCU = 0x80000001
SUCCESS, NOT_FOUND, BAD_HANDLE, INVALID, MORE, NO_MORE = 0, 2, 6, 87, 234, 259


class Windows:
    """What a module under test would see: ``ctypes``, its libraries, ``wintypes``, ``winreg``."""

    def __init__(self, registry: Registry) -> None:
        found = modules_of(registry.winreg)
        self.registry = registry
        self.ctypes: Any = found["ctypes"]
        self.types: Any = found["ctypes.wintypes"]
        self.winreg: Any = found["winreg"]
        self.advapi32 = self.ctypes.windll.advapi32
        self.kernel32 = self.ctypes.windll.kernel32

    def key(self, name: str = r"Software\Mine") -> Any:
        """Make a key of the user and return its handle as ctypes has it."""
        handle = self.types.HKEY()
        made = (0, None, 0, ALL, None, real_ctypes.byref(handle), None)
        assert self.advapi32.RegCreateKeyExW(HKCU, name, *made) == SUCCESS
        return handle

    def put(self, key: Any, name: str, kind: int, data: bytes) -> None:
        """Write a value."""
        assert self.advapi32.RegSetValueExW(key, name, 0, kind, data, len(data)) == SUCCESS


@pytest.fixture
def windows() -> Windows:
    """A Windows 11."""
    return Windows(Registry())


@pytest.mark.parametrize("root", [HKCU, 0xFFFFFFFF80000001, -0x7FFFFFFF])
def test_a_key_is_opened_and_closed(windows: Windows, root: int) -> None:
    """Whether the predefined key is passed as 32 bits or sign-extended; the handle is winreg's."""
    handle = windows.types.HKEY()
    opened = windows.advapi32.RegOpenKeyExW(root, "Software", 0, READ, real_ctypes.byref(handle))

    assert opened == SUCCESS
    assert windows.winreg.QueryInfoKey(handle.value)[0] > 0
    assert windows.advapi32.RegCloseKey(handle) == SUCCESS
    assert windows.advapi32.RegCloseKey(handle) == BAD_HANDLE
    with windows.winreg.OpenKey(windows.winreg.HKEY_CURRENT_USER, "Software") as key:
        assert windows.advapi32.RegCloseKey(key.handle) == SUCCESS
        key.Detach()


def test_a_missing_key_is_told_by_the_code_and_leaves_null(windows: Windows) -> None:
    """And WinError makes of the code what winreg would have raised."""
    handle = windows.types.HKEY(7)
    code = windows.advapi32.RegOpenKeyExA(HKCU, b"Nowhere", 0, READ, real_ctypes.byref(handle))

    assert (code, handle.value) == (NOT_FOUND, None)
    error = windows.ctypes.WinError(code)
    assert isinstance(error, FileNotFoundError)
    assert error.winerror == NOT_FOUND
    assert windows.ctypes.FormatError(code) == "The system cannot find the file specified"


@pytest.mark.parametrize("system", ["win11", "wine"])
def test_a_null_key_leaves_what_the_system_leaves(system: str) -> None:
    """NULL from the wide function, and what was there from the ANSI one."""
    windows = Windows(Registry(system))
    for suffix, left in (("W", None), ("A", 7)):
        handle = windows.types.HKEY(7)
        open_key = getattr(windows.advapi32, f"RegOpenKeyEx{suffix}")
        name = "x" if suffix == "W" else b"x"
        assert open_key(None, name, 0, READ, real_ctypes.byref(handle)) == BAD_HANDLE
        assert handle.value == left


def test_creating_tells_whether_the_key_is_new(windows: Windows) -> None:
    """1 for a key that was made, 2 for one that was there; 1010 without a place for the result."""
    types, create = windows.types, windows.advapi32.RegCreateKeyExW
    told = []
    for _ in range(2):
        handle, new = types.HKEY(), types.DWORD()
        out = (real_ctypes.byref(handle), real_ctypes.byref(new))
        assert create(HKCU, r"Software\New", 0, None, 0, ALL, None, *out) == SUCCESS
        windows.advapi32.RegCloseKey(handle)
        told.append(new.value)

    assert told == [1, 2]
    assert create(HKCU, r"Software\New", 0, None, 0, ALL, None, None, None) == 1010


def test_what_is_left_open_is_a_leak_with_its_line(windows: Windows) -> None:
    """The line of the program that made the call, as for winreg's own functions."""
    windows.key()

    leak = windows.registry.leaks()[0]
    assert leak.handle.key.endswith(r"Software\Mine")
    assert leak.handle.function == "Windows.key"


@pytest.mark.parametrize("suffix", ["W", "A"])
def test_texts_are_of_the_function_s_own_kind(windows: Windows, suffix: str) -> None:
    """What is written by a function of either kind reads right by both, and by winreg."""
    key = windows.key()
    wide = suffix == "W"
    name, text = ("n", "grün") if wide else (b"n", "grün".encode("cp1252"))
    data = text if wide else text + b"\0"
    size = 2 * (len(text) + 1) if wide else len(data)
    write = getattr(windows.advapi32, f"RegSetValueEx{suffix}")

    assert write(key, name, 0, windows.winreg.REG_SZ, data, size) == SUCCESS
    assert windows.winreg.QueryValueEx(key.value, "n") == ("grün", windows.winreg.REG_SZ)
    kind, count = windows.types.DWORD(), windows.types.DWORD(100)
    read = getattr(windows.advapi32, f"RegQueryValueEx{suffix}")
    buffer = (
        windows.ctypes.create_unicode_buffer(50)
        if wide
        else windows.ctypes.create_string_buffer(100)
    )
    references = (real_ctypes.byref(kind), buffer, real_ctypes.byref(count))
    assert read(key, name, None, *references) == SUCCESS
    assert (buffer.value, kind.value, count.value) == (text, 1, size)


def test_a_wide_text_for_a_function_of_bytes_is_read_as_its_bytes(windows: Windows) -> None:
    """So it ends after its first letter, which is a mistake that programs make on Windows too."""
    handle = windows.types.HKEY()
    windows.key("S").value  # noqa: B018 - it is there now

    code = windows.advapi32.RegOpenKeyExA(HKCU, "Software", 0, READ, real_ctypes.byref(handle))

    assert code == SUCCESS
    assert windows.registry.leaks()[-1].handle.key.endswith("\\S")


def test_the_two_calls_of_a_read(windows: Windows) -> None:
    """Without a buffer the size is told, with a short one too and 234; a buffer needs its size."""
    key = windows.key()
    windows.put(key, "v", windows.winreg.REG_BINARY, b"12345")
    query, types = windows.advapi32.RegQueryValueExW, windows.types
    count, buffer = types.DWORD(), (types.BYTE * 5)()

    assert query(key, "v", None, None, None, real_ctypes.byref(count)) == SUCCESS
    assert count.value == 5
    count.value = 4
    assert query(key, "v", None, None, buffer, real_ctypes.byref(count)) == MORE
    assert (count.value, bytes(buffer)) == (5, bytes(5))
    assert query(key, "v", None, None, buffer, real_ctypes.byref(count)) == SUCCESS
    assert bytes(buffer) == b"12345"
    assert query(key, "v", None, None, buffer, None) == INVALID
    assert query(key, "v", buffer, None, None, None) == INVALID
    assert query(key, "gone", None, None, buffer, real_ctypes.byref(count)) == NOT_FOUND


def test_no_call_writes_beyond_a_buffer(windows: Windows) -> None:
    """A size that claims more than there is counts as what there is."""
    key = windows.key()
    windows.put(key, "v", windows.winreg.REG_BINARY, b"12345678")
    count, buffer = windows.types.DWORD(8), (windows.types.BYTE * 4)()

    query = windows.advapi32.RegQueryValueExW
    assert query(key, "v", None, None, buffer, real_ctypes.byref(count)) == MORE
    assert bytes(buffer) == bytes(4)
    short = (real_ctypes.c_ubyte * 8)()
    start = (real_ctypes.c_ubyte * 4).from_buffer(short)
    assert windows.ctypes.windll.shell32.SHGetFolderPathA(None, 0x1C, None, 0, start) == 0
    assert bytes(short) == b"C:\\U" + bytes(4)


def test_no_call_reads_beyond_a_buffer(windows: Windows) -> None:
    """Of data that should be longer than it is, what there is is written."""
    key = windows.key()
    long = (real_ctypes.c_ubyte * 8)(*b"12345678")
    data = (real_ctypes.c_ubyte * 4).from_buffer(long)
    binary = windows.winreg.REG_BINARY

    assert windows.advapi32.RegSetValueExW(key, "v", 0, binary, data, 8) == SUCCESS
    assert windows.winreg.QueryValueEx(key.value, "v")[0] == b"1234"


def test_a_number_is_no_pointer(windows: Windows) -> None:
    """Passed by itself, without types that say so, it would be an address; 0 is NULL."""
    key, number = windows.key(), windows.types.DWORD(7)
    query = windows.advapi32.RegQueryValueExW
    with pytest.raises(real_ctypes.ArgumentError, match="passed as an address"):
        query(key, "v", None, number, None, None)
    assert query(key, "v", windows.types.DWORD(0), None, None, None) == NOT_FOUND


@pytest.mark.parametrize("how", ["byref", "pointer", "cast", "cast of a cast", "instance"])
def test_every_way_to_pass_a_pointer(windows: Windows, how: str) -> None:
    """By ``byref``, ``pointer``, ``cast``; by itself where the function's types say a pointer."""
    key = windows.key()
    windows.put(key, "n", windows.winreg.REG_DWORD, (77).to_bytes(4, "little"))
    types, number, count = windows.types, windows.types.DWORD(), windows.types.DWORD(4)
    passed: Any = real_ctypes.byref(number)
    query = windows.ctypes.WinDLL("advapi32").RegQueryValueExW
    if how == "pointer":
        passed = real_ctypes.pointer(number)
    elif how.startswith("cast"):
        passed = windows.ctypes.cast(real_ctypes.byref(number), types.LPBYTE)
        if how != "cast":
            passed = windows.ctypes.cast(passed, real_ctypes.c_void_p)
    elif how == "instance":
        pointer = windows.ctypes.POINTER(types.DWORD)
        query.argtypes = [types.HKEY, types.LPCWSTR, pointer, pointer, pointer, pointer]
        passed = number

    assert query(key, "n", None, None, passed, real_ctypes.byref(count)) == SUCCESS
    assert number.value == 77


def test_a_cast_of_a_text_s_buffer_is_still_that_buffer(windows: Windows) -> None:
    """Its characters are as wide as here, and are counted as on Windows."""
    key = windows.key()
    windows.put(key, "t", windows.winreg.REG_SZ, "abc\0".encode("utf-16-le"))
    buffer = windows.ctypes.create_unicode_buffer(4)
    count = windows.types.DWORD(windows.ctypes.sizeof(buffer))
    data = windows.ctypes.cast(buffer, windows.types.LPBYTE)

    query = windows.advapi32.RegQueryValueExW
    assert count.value == 8
    assert query(key, "t", None, None, data, real_ctypes.byref(count)) == SUCCESS
    assert buffer.value == "abc"


def test_types_have_the_sizes_of_windows(windows: Windows) -> None:
    """A long is four bytes, a character two, a handle eight."""
    size, types = windows.ctypes.sizeof, windows.types
    kinds = (types.DWORD, types.LONG, types.WCHAR, types.HKEY)
    assert [size(each) for each in kinds] == [4, 4, 2, 8]
    assert size(windows.ctypes.c_long) == size(windows.ctypes.c_ulong()) == 4
    assert size(types.FILETIME) == 8


def test_declared_types_are_regarded(windows: Windows) -> None:
    """An argument of another type is refused; ``restype`` and ``errcheck`` make the result."""
    open_key = windows.ctypes.WinDLL("Advapi32.dll").RegOpenKeyExW
    types, handle = windows.types, windows.types.HKEY()
    open_key.argtypes = [
        *(types.HKEY, types.LPCWSTR, types.DWORD, types.DWORD),
        windows.ctypes.POINTER(types.HKEY),
    ]
    with pytest.raises(real_ctypes.ArgumentError, match="argument 2"):
        open_key(HKCU, b"Software", 0, READ, real_ctypes.byref(handle))
    with pytest.raises(TypeError, match=r"at least 5 arguments \(1 given\)"):
        open_key(HKCU)

    def check(result: int, function: object, arguments: tuple[object, ...]) -> int:
        assert function is open_key
        assert arguments[1] == "Nowhere"
        raise windows.ctypes.WinError(result)

    open_key.restype, open_key.errcheck = types.LONG, check
    with pytest.raises(FileNotFoundError):
        open_key(HKCU, "Nowhere", 0, READ, real_ctypes.byref(handle))
    open_key.restype, open_key.errcheck = None, None
    assert open_key(HKCU, "Nowhere", 0, READ, real_ctypes.byref(handle)) is None


def test_libraries_share_functions_as_ctypes_does(windows: Windows) -> None:
    """An attribute of ``windll`` is the same for everybody; a WinDLL of one's own has its own."""
    assert windows.ctypes.windll.advapi32.RegCloseKey is windows.advapi32.RegCloseKey
    assert windows.ctypes.WinDLL("advapi32").RegCloseKey is not windows.advapi32.RegCloseKey
    with pytest.raises(AttributeError, match="function 'RegOpenKeyEx' not found"):
        _ = windows.advapi32.RegOpenKeyEx
    with pytest.raises(FileNotFoundError, match=r"nothing\.dll"):
        windows.ctypes.WinDLL("nothing.dll")


@pytest.mark.parametrize("system", dialects.names())
def test_a_generation_has_the_functions_it_has(system: str) -> None:
    """One that came later is not found, as GetProcAddress would say."""
    registry = Registry(system)
    library = modules_of(registry.winreg)["ctypes"].windll.advapi32
    for name in ("RegOpenKeyExW", "RegQueryValueExA", "RegCloseKey", "RegNotifyChangeKeyValue"):
        assert hasattr(library, name)
    for name, suffix in (("RegDeleteTree", "W"), ("RegOpenCurrentUser", ""), ("RegGetValue", "A")):
        assert hasattr(library, name + suffix) == registry.machine.dialect.has(name)


def test_keys_and_values_are_listed(windows: Windows) -> None:
    """Names with their lengths, until 259; a short buffer is 234; times are those of the keys."""
    key = windows.key()
    for name in ("a", "bb"):
        windows.advapi32.RegCloseKey(windows.key(rf"Software\Mine\{name}"))
        windows.put(key, name, windows.winreg.REG_SZ, b"")
    types, found = windows.types, []
    for function in (windows.advapi32.RegEnumKeyExW, windows.advapi32.RegEnumValueW):
        for index in range(3):
            name, count = windows.ctypes.create_unicode_buffer(10), types.DWORD(10)
            code = function(key, index, name, real_ctypes.byref(count), *[None] * 4)
            found.append((code, name.value, count.value))

    assert found == 2 * [(0, "a", 1), (0, "bb", 2), (NO_MORE, "", 10)]
    short, count = windows.ctypes.create_unicode_buffer(10), types.DWORD(2)
    listing = (real_ctypes.byref(count), *[None] * 4)
    assert windows.advapi32.RegEnumKeyExW(key, 1, short, *listing) == MORE


def test_a_key_tells_what_is_in_it(windows: Windows) -> None:
    """Counts, the longest names, and the time, as QueryInfoKey does; so does a listing of keys."""
    windows.advapi32.RegCloseKey(windows.key(r"Software\Mine\below"))
    key = windows.key()
    windows.put(key, "value", windows.winreg.REG_BINARY, b"123")
    numbers = [windows.types.DWORD() for _ in range(6)]
    when, listed = windows.types.FILETIME(), windows.types.FILETIME()
    keys, longest, _, values, name, data = map(real_ctypes.byref, numbers)
    told = (keys, longest, None, values, name, data, None, real_ctypes.byref(when))

    assert windows.advapi32.RegQueryInfoKeyW(key, None, None, None, *told) == SUCCESS
    assert [number.value for number in numbers] == [1, 5, 0, 1, 5, 3]
    info = windows.winreg.QueryInfoKey(key.value)
    assert (when.dwHighDateTime << 32) + when.dwLowDateTime == info[2]
    text, count = windows.ctypes.create_unicode_buffer(9), windows.types.DWORD(9)
    listing = (text, real_ctypes.byref(count), None, None, None, real_ctypes.byref(listed))
    assert windows.advapi32.RegEnumKeyExW(key, 0, *listing) == SUCCESS
    assert listed.dwHighDateTime == when.dwHighDateTime
    assert [leak.handle.handle for leak in windows.registry.leaks()] == [key.value]


def test_the_rest_of_what_is_called(windows: Windows) -> None:
    """Values of a key below, trees, other names, and the older functions."""
    api, winreg = windows.advapi32, windows.winreg
    key = windows.key()
    number = windows.types.DWORD(5)
    reference = real_ctypes.byref(number)
    assert api.RegSetKeyValueW(key, "sub", "n", winreg.REG_DWORD, reference, 4) == SUCCESS
    got, count = windows.types.DWORD(), windows.types.DWORD(4)
    out = (None, real_ctypes.byref(got), real_ctypes.byref(count))
    assert api.RegGetValueW(key, "sub", "n", 0x10, *out) == SUCCESS
    assert got.value == 5
    assert api.RegGetValueW(key, "sub", "n", 0x02, *out) == 1630
    assert api.RegRenameKey(key, "sub", "renamed") == SUCCESS
    assert api.RegDeleteKeyValueW(key, "renamed", "n") == SUCCESS
    assert api.RegSetValueW(key, "renamed", winreg.REG_SZ, "text", 8) == SUCCESS
    text, size = windows.ctypes.create_unicode_buffer(9), windows.types.LONG(18)
    assert api.RegQueryValueW(key, "renamed", text, real_ctypes.byref(size)) == SUCCESS
    assert (text.value, size.value) == ("text", 10)
    assert winreg.QueryValue(key.value, "renamed") == "text"
    assert api.RegDeleteKeyW(key, "renamed") == SUCCESS
    assert api.RegDeleteTreeW(key, None) == SUCCESS
    assert api.RegFlushKey(key) == SUCCESS
    assert winreg.QueryInfoKey(key.value)[:2] == (0, 0)
    assert [leak.handle.handle for leak in windows.registry.leaks()] == [key.value]


def test_data_is_taken_with_the_nul_that_follows_it(windows: Windows) -> None:
    """A text whose size leaves its NUL out is stored with it where it is there in memory."""
    key = windows.key()
    for data, size, stored in (("abc", 6, 8), ("abc", 8, 8), ("abcd", 6, 6)):
        write = windows.advapi32.RegSetValueExW
        assert write(key, "t", 0, windows.winreg.REG_SZ, data, size) == SUCCESS
        count = windows.types.DWORD()
        query = windows.advapi32.RegQueryValueExW
        query(key, "t", None, None, None, real_ctypes.byref(count))
        assert count.value == stored


def test_a_change_signals_an_event(windows: Windows) -> None:
    """Not before it is made; an event made to be reset by hand stays signalled until it is."""
    kernel, key = windows.kernel32, windows.key()
    event = kernel.CreateEventW(None, True, False, None)
    watch = windows.advapi32.RegNotifyChangeKeyValue

    assert watch(key, False, 4, event, True) == SUCCESS
    assert kernel.WaitForSingleObject(event, 0) == 0x102
    windows.put(key, "v", windows.winreg.REG_SZ, b"")
    assert [kernel.WaitForSingleObject(event, 0xFFFFFFFF) for _ in range(2)] == [0, 0]
    assert kernel.ResetEvent(event) == 1
    assert kernel.WaitForSingleObject(event, 1) == 0x102
    assert (kernel.CloseHandle(event), kernel.CloseHandle(event)) == (1, 0)
    assert windows.ctypes.GetLastError() == BAD_HANDLE
    assert watch(key, False, 4, event, True) == BAD_HANDLE
    assert watch(key, False, 4, None, True) == INVALID


def test_a_thread_waits_for_a_change(windows: Windows) -> None:
    """A call that does not return at once returns when another thread writes."""
    key, codes = windows.key(), []

    def wait() -> None:
        codes.append(windows.advapi32.RegNotifyChangeKeyValue(key, False, 4, None, False))

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    time.sleep(0.05)
    assert codes == []
    windows.put(key, "v", windows.winreg.REG_SZ, b"")
    waiting.join(5)

    assert codes == [SUCCESS]


def test_the_last_error_has_a_copy_of_its_own(windows: Windows) -> None:
    """A library that keeps it exchanges the two around a call; others leave ctypes' copy alone."""
    kept = windows.ctypes.WinDLL("kernel32", use_last_error=True)
    windows.ctypes.set_last_error(5)
    assert kept.CloseHandle(1) == 0

    assert windows.ctypes.get_last_error() == BAD_HANDLE
    assert windows.ctypes.GetLastError() == 0
    windows.kernel32.SetLastError(7)
    assert (windows.ctypes.GetLastError(), windows.ctypes.get_last_error()) == (7, BAD_HANDLE)


def test_the_version_and_the_folders_are_the_system_s(windows: Windows) -> None:
    """RtlGetVersion fills a structure; shell32 knows the folders that the registry names."""
    types = windows.types

    class Version(real_ctypes.Structure):
        _fields_ = [(name, types.DWORD) for name in ("size", "major", "minor", "build", "platform")]

    version = Version(size=20)
    assert windows.ctypes.windll.ntdll.RtlGetVersion(real_ctypes.byref(version)) == 0
    assert (version.major, version.minor, version.build) == (10, 0, 22631)
    text = windows.ctypes.create_unicode_buffer(260)
    shell = windows.ctypes.windll.shell32
    assert shell.SHGetFolderPathW(None, 0x1C, None, 0, text) == 0
    assert text.value == r"C:\Users\user\AppData\Local"
    assert windows.kernel32.GetWindowsDirectoryW(text, 260) == len(r"C:\Windows")
    assert windows.kernel32.ExpandEnvironmentStringsW("%windir%", text, 260) == 11


def test_a_prototype_makes_a_function_of_a_library(windows: Windows) -> None:
    """Or one that calls Python, as everywhere; flags of parameters are refused by name."""
    types = windows.types
    close = windows.ctypes.WINFUNCTYPE(types.LONG, types.HKEY)

    assert close(("RegCloseKey", windows.advapi32))(windows.key()) == SUCCESS
    assert close(lambda _key: 7)(None) == 7
    with pytest.raises(UsageError, match="parameter flags"):
        close(("RegCloseKey", windows.advapi32), ((1, "key"),))


@pytest.fixture
def patched(program: Any) -> Iterator[ModuleType]:
    """A module that imports each of these in its own way, patched."""
    name = program(
        """
        import ctypes
        import ctypes.wintypes
        import ctypes.wintypes as alias
        from ctypes import WinError, windll, wintypes
        from ctypes.wintypes import HKEY
        import winreg
        """
    )
    with fake_winreg(patch=[name], windows=True):
        yield __import__(name)


def test_every_import_gives_the_same_stand_in(patched: Any) -> None:
    """And not the real module, which everybody else goes on having."""
    assert patched.alias is patched.wintypes is patched.ctypes.wintypes
    assert patched.HKEY is patched.wintypes.HKEY
    assert patched.windll is patched.ctypes.windll
    assert patched.ctypes is not real_ctypes
    assert not hasattr(real_ctypes, "windll")
