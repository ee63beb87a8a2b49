"""What a registry may begin with, each by the same argument, and how the rest is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from regsim.errors import DataError, UsageError
from regsim.kernel.tree import Node
from regsim.regf.store import save_tree
from regsim.testing import Registry, fake_winreg
from regsim.types import Value

KEYS: dict[str, Any] = {
    r"HKCU\Software\Mine": {
        "text": "blue",
        "": "default",
        "number": 7,
        "long": 1 << 40,
        "raw": b"\x00\xff",
        "texts": ["a", "b"],
        "path": ("%TEMP%", 2),
    },
    r"HKEY_LOCAL_MACHINE\Software\Empty": None,
    r"HKCR\.mine": {"": "Mine.File"},
}
AS_JSON = json.dumps(
    {
        r"HKCU\Software\Mine": {
            **KEYS[r"HKCU\Software\Mine"],
            "raw": {"type": "REG_BINARY", "data": "00 ff"},
            "path": {"type": "REG_EXPAND_SZ", "data": "%TEMP%"},
        },
        r"HKEY_LOCAL_MACHINE\Software\Empty": {},
        r"HKCR\.mine": {"": "Mine.File"},
    }
)
MINE = r"HKCU\Software\Mine"


def test_a_key_that_cannot_be_deleted_is_an_error_and_ends() -> None:
    r"""``Classes`` is a link to another hive, whose root no call deletes."""
    text = "REGEDIT4\n\n[-HKEY_CURRENT_USER\\{}]\n"
    with pytest.raises(DataError, match=r"line 3: \[-HKEY_CURRENT_USER.Software\]: error \d+"):
        Registry(seed=text.format("Software"))

    registry = Registry(seed=text.format(r"Control Panel"))
    with pytest.raises(FileNotFoundError):
        registry.winreg.OpenKey(registry.winreg.HKEY_CURRENT_USER, "Control Panel")
    registry.seed(text.format("Absent"))


def _read(registry: Registry, key: str, name: str) -> tuple[object, int]:
    winreg = registry.winreg
    root, _, below = key.partition("\\")
    number = {"HKCU": winreg.HKEY_CURRENT_USER, "HKLM": winreg.HKEY_LOCAL_MACHINE}[root]
    with winreg.OpenKey(number, below) as opened:
        found: tuple[object, int] = winreg.QueryValueEx(opened, name)
    return found


def test_a_dict_and_json_are_the_same_keys(tmp_path: Path) -> None:
    """As a dict, as JSON text and as a JSON file, with and without a mark at its start."""
    first = Registry(seed=KEYS)
    plain, marked = tmp_path / "keys.json", tmp_path / "keys"
    plain.write_text(AS_JSON, "utf-8")
    marked.write_text(AS_JSON, "utf-8-sig")

    for seed in (AS_JSON, plain, str(plain), marked):
        again = Registry(seed=seed)
        for key in (MINE, r"HKLM\Software\Empty", r"HKCR\.mine"):
            assert again.export(key) == first.export(key)
    assert [_read(first, MINE, name) for name in ("text", "number", "long")] == [
        ("blue", 1),
        (7, 4),
        (1 << 40, 11),
    ]
    assert [_read(first, MINE, name) for name in ("raw", "texts", "path", "")] == [
        (b"\x00\xff", 3),
        (["a", "b"], 7),
        ("%TEMP%", 2),
        ("default", 1),
    ]
    assert first.leaks() == []


def _hive(file: Path, **below: str) -> Path:
    root = Node("root", last_write=5)
    for name, colour in below.items():
        child = Node(name, last_write=7)
        child.values["COLOUR"] = Value.sz("Colour", colour)
        root.children[name.upper()] = child
    save_tree(root, file)
    return file


def test_a_hive_file_stands_where_its_name_says(tmp_path: Path) -> None:
    """SOFTWARE is the machine's, anything else the user's, with the times that it has."""
    user = Registry(seed=_hive(tmp_path / "any.dat", Software="", Mine="blue"))
    machine = Registry(seed=str(_hive(tmp_path / "Software", Mine="red")))

    assert _read(user, r"HKCU\Mine", "Colour") == ("blue", 1)
    winreg = user.winreg
    with winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Mine") as key:
        assert winreg.QueryInfoKey(key)[2] == 7
    with winreg.CreateKey(winreg.HKEY_CURRENT_USER, r"Software\Classes\.mine"):
        assert "Classes\\.mine]" in user.export("HKCU\\Software\\Classes")
    assert f"[HKEY_USERS\\{user.user}_Classes\\.mine]" in user.export(f"HKU\\{user.user}_Classes")
    assert _read(machine, r"HKLM\Software\Mine", "Colour") == ("red", 1)
    with pytest.raises(FileNotFoundError):
        _read(machine, r"HKLM\Software\Microsoft", "Colour")


def test_a_hive_file_at_a_key(tmp_path: Path) -> None:
    """By a dict, below a key that is there or not, or mounted below HKEY_USERS."""
    file = _hive(tmp_path / "some.dat", Below="blue")
    registry = Registry(
        seed={
            r"HKCU\New\Deep": file,
            r"HKLM\Software\Policies": str(file),
            r"HKU\Loaded": file,
            r"HKCU\New": {"other": 1},
        }
    )

    assert _read(registry, r"HKCU\New\Deep\Below", "Colour") == ("blue", 1)
    assert _read(registry, r"HKLM\Software\Policies\Below", "Colour") == ("blue", 1)
    assert '"Colour"="blue"' in registry.export(r"HKU\Loaded\Below")
    assert _read(registry, r"HKCU\New", "other") == (1, 4)
    assert not registry.is_loaded(r"\REGISTRY\USER\Loaded")


def test_a_system_hive_has_its_current_control_set(tmp_path: Path) -> None:
    """CurrentControlSet leads to the set that Select names, as after a start."""
    root = Node("root")
    for name in ("Select", "ControlSet001", "ControlSet002"):
        root.children[name.upper()] = Node(name)
    root.children["SELECT"].values["CURRENT"] = Value("Current", 4, b"\2\0\0\0")
    root.children["CONTROLSET002"].values["WHICH"] = Value.sz("Which", "second")
    save_tree(root, tmp_path / "SYSTEM")

    registry = Registry(seed=tmp_path / "SYSTEM")
    assert _read(registry, r"HKLM\System\CurrentControlSet", "Which") == ("second", 1)


def test_a_recorded_machine_goes_on_where_it_was() -> None:
    """Its keys, its times, its clock and its loaded hives, but no handle; it stays as it is."""
    first = Registry(seed=KEYS)
    first.advance(10)
    winreg = first.winreg
    kept = winreg.CreateKey(winreg.HKEY_CURRENT_USER, "Later")
    state = first.machine.snapshot()

    second = Registry(seed=state)
    with second.winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Later", 0, winreg.KEY_ALL_ACCESS) as key:
        assert second.winreg.QueryInfoKey(key)[2] == winreg.QueryInfoKey(kept)[2]
        second.winreg.SetValueEx(key, "only here", 0, 1, "x")
    assert second.machine.clock == first.machine.clock
    assert second.export(MINE) == first.export(MINE)
    assert second.leaks() == []
    assert "only here" not in first.export("HKCU\\Later")
    assert "only here" not in Registry(seed=state).export("HKCU\\Later")
    kept.Close()


@pytest.mark.parametrize(
    ("seed", "words"),
    [
        ("no such file.reg", r"cannot read the seed no such file\.reg: No such file"),
        (17, "a seed is a .reg file, a hive or JSON by its path, .* not 17"),
        ({17: {}}, r"the seed, \[17\]: a key is a path such as HKCU"),
        ({"Software\\Mine": {}}, r"\[Software\\Mine\]: a key is a path such as HKCU"),
        ({MINE: 5}, r"\[HKCU\\Software\\Mine\]: values are a dict, or None"),
        ({MINE: {"x": None}}, r"Mine\], value 'x': None is no registry value"),
        ({MINE: {"x": True}}, "value 'x': True is no registry value"),
        ({MINE: {"x": 1.5}}, r"value 'x': 1\.5 is no registry value"),
        ({MINE: {"x": -1}}, "value 'x': -1 does not suit type 11"),
        ({MINE: {"x": 1 << 64}}, "does not suit type 11"),
        ({MINE: {"x": ["a", 1]}}, r"\['a', 1\] does not suit type 7"),
        ({MINE: {"x": ("a", 4)}}, "'a' does not suit type 4"),
        ({MINE: {"x": {"type": "REG_WRONG", "data": ""}}}, "is no registry value"),
        ({MINE: {"x": {"type": "REG_BINARY", "data": "0g"}}}, "'0g' is no hex"),
        ({"HKU\\New": {}}, r"\[HKU\\New\]: error 87"),
        ('{"HKCU": {"a": }}', "the seed is no JSON: Expecting value: line 1 column 16"),
        ({"HKCR\\x": Path("x.dat")}, r"no hive can be at HKCR\\x"),
        ({"HKLM": Path("x.dat")}, "no hive can be at HKLM"),
        ({"HKCU\\x": Path("x.dat")}, r"cannot read the seed x\.dat: No such file"),
    ],
)
def test_what_is_refused(
    seed: Any, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each in one line that says what, where and what would do."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=words) as caught:
        Registry(seed=seed)
    assert "\n" not in str(caught.value)


def test_files_that_break_their_format(tmp_path: Path) -> None:
    """A hive, JSON and what is none of the three are told by content and named."""
    for content, words in (
        (b"regf" + bytes(600), "broken"),
        (b'{"a"', "broken is no JSON"),
        (b"\0\1\2", "broken, line 1"),
    ):
        (tmp_path / "broken").write_bytes(content)
        with pytest.raises((DataError, UsageError), match=words):
            Registry(seed=tmp_path / "broken")


def test_machines_that_cannot_seed() -> None:
    """One of another generation, and one whose user has logged off."""
    other, gone = Registry("win10"), Registry()
    gone.log_off()
    with pytest.raises(UsageError, match="a machine of win10, and this is win11"):
        Registry(seed=other.machine)
    with pytest.raises(UsageError, match="is not logged on"):
        Registry(seed=gone.machine)


def test_a_hive_does_not_replace_keys_in_use(tmp_path: Path) -> None:
    """While a key at or below its place is open; beside it that does no harm."""
    file = _hive(tmp_path / "some.dat", Below="blue")
    registry = Registry()
    winreg = registry.winreg
    with winreg.OpenKey(winreg.HKEY_CURRENT_USER, r"Software\Microsoft"):
        with pytest.raises(UsageError, match="is in use"):
            registry.seed({r"HKCU\Software": file})
        registry.seed({r"HKCU\Beside": file})
    assert _read(registry, r"HKCU\Beside\Below", "Colour") == ("blue", 1)


def test_seeds_of_blocks() -> None:
    """A block takes what a registry does."""
    with fake_winreg(seed={MINE: {"x": 1}}) as registry:
        assert _read(registry, MINE, "x") == (1, 4)


@pytest.mark.shared_data
def test_a_captured_profile() -> None:
    """A real NTUSER.DAT is the user's hive."""
    shared = Path(os.environ.get("REGSIM_SHARED", Path(__file__).parents[4] / "shared"))
    files = sorted(shared.glob("data/**/*NTUSER*.DAT"), key=lambda file: file.stat().st_size)
    if not files:
        pytest.skip("no captured profile here")
    registry = Registry(seed=files[0])
    winreg = registry.winreg
    with winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software") as key:
        assert winreg.QueryInfoKey(key)[0] > 1
    assert registry.foresee().outcome.value == "saved"
