"""The bridge from hive files to the kernel's trees, and the store that a machine works on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regsim import dialects
from regsim.errors import DataError, HiveFormatError, UsageError
from regsim.kernel.hive import HiveStore, MemoryStore
from regsim.kernel.machine import Machine
from regsim.kernel.tree import Node, grow
from regsim.regf import (
    FileStore,
    RecoveryError,
    diff_hives,
    load_tree,
    open_hive,
    parse_hive,
    save_tree,
)
from regsim.regf.bridge import packed, tree_of
from regsim.types import Access, CreateOption, PredefinedKey, Privilege, Value, ValueType
from regsim.win32.api import Api

if TYPE_CHECKING:
    from types import ModuleType

MINORS = (1, 3, 4, 5, 6)
MINE = "S-1-5-21-7"


def times(root: Node) -> list[tuple[object, ...]]:
    """Return path, spelling and last-write time of each key."""
    return [(path, node.name, node.last_write) for path, node in root.walk()]


def changes(old: Path | bytes, new: Path | bytes) -> list[tuple[str, str, str | None]]:
    """Return what differs between two hive files, security included, times left out."""
    one, other = (
        parse_hive(each if isinstance(each, bytes) else each.read_bytes()) for each in (old, new)
    )
    return [(d.change, d.key, d.name) for d in diff_hives(one, other, security=True)]


def owned(node: Node) -> Node:
    """Return a tree that may be written to, all of it a copy."""
    twin = node.copy(None)
    twin.children = {name: owned(child) for name, child in node.children.items()}
    return twin


@pytest.fixture
def rich(tmp_path: Path, make: ModuleType) -> Path:
    """A file with every kind of structure."""
    path = tmp_path / "rich.hiv"
    make.rich().save(path)
    return path


# -- trees ----------------------------------------------------------------------------------


def test_a_tree_holds_all_that_the_file_does(rich: Path) -> None:
    """Names as written, every type, class, security, link target, times."""
    root = load_tree(rich)
    assert root.name == "Root"
    kinds = root.children["KINDS"]
    assert kinds.class_name == "a class"
    assert kinds.values["MULTI"] == Value("multi", 7, "one\0two\0\0".encode("utf-16-le"))
    assert kinds.values["ODD TYPE"] == Value("odd type", 0x200000, b"odd")
    assert kinds.values[""].text() == "default"
    assert root.children["LINK"].link == "\\REGISTRY\\MACHINE"
    assert root.children["SECURED"].security != root.security
    with open_hive(rich) as hive:
        for path, key in hive.walk():
            node = root.find(tuple(name.upper() for name in path.split("\\") if name))
            assert node is not None
            assert (node.name, node.last_write) == (key.name, key.last_written)
            assert node.security == key.security
            assert len(node.values) == key.value_count
            assert (node.link is not None) == key.is_symlink


@pytest.mark.parametrize("minor", MINORS)
@pytest.mark.parametrize("name", ["rich", "big"])
def test_a_tree_survives_a_new_file(
    name: str, minor: int, make: ModuleType, tmp_path: Path
) -> None:
    """Into a fresh hive of each version and back, times and spelling included."""
    tree = tree_of(getattr(make, name)(minor))
    save_tree(tree, tmp_path / "new", minor=minor)
    with open_hive(tmp_path / "new") as hive:
        assert hive.version == f"1.{minor}"
        assert hive.check() == []
    back = load_tree(tmp_path / "new")
    assert back.content() == tree.content()
    assert times(back) == times(tree)


@pytest.mark.parametrize("name", ["rich", "big"])
def test_an_unchanged_tree_is_the_file_byte_for_byte(
    name: str, make: ModuleType, tmp_path: Path
) -> None:
    """Also through a copy of the tree, which shares no node with the one that was read."""
    base = tmp_path / "base"
    getattr(make, name)().save(base)
    save_tree(owned(load_tree(base)), tmp_path / "copy", base=base)
    assert (tmp_path / "copy").read_bytes() == base.read_bytes()


def test_changing_one_value_changes_only_that(rich: Path, tmp_path: Path) -> None:
    """Read back equal everywhere else; cells that did not change stay where they were."""
    tree = owned(load_tree(rich))
    tree.children["KINDS"].values["SIZE 4"] = Value("size 4", 3, b"\xff\xee\xdd\xcc")
    save_tree(tree, tmp_path / "new", base=rich)
    assert changes(rich, tmp_path / "new") == [("changed", "Kinds", "size 4")]
    old, new = rich.read_bytes(), (tmp_path / "new").read_bytes()
    assert len(old) == len(new)
    places = [at for at in range(4096, len(old)) if old[at] != new[at]]
    assert len(places) == 4
    assert load_tree(tmp_path / "new").content() == tree.content()


def test_every_kind_of_change(rich: Path, tmp_path: Path) -> None:
    """Keys and values made, removed, respelt; class, security and links."""
    tree = owned(load_tree(rich))
    stamp = tree.last_write + 50
    grow(tree, ("New", "Below")).values["X"] = Value.sz("x", "text")
    del tree.children["SOFTWARE"].children["KEY03"]
    tree.children["KINDS"].class_name = ""
    tree.children["KINDS"].values["MULTI"] = Value.dword("MULTI", 7)
    tree.children["SECURED"].security = tree.security
    tree.children["SECURED"].last_write = stamp
    tree.children["SOFTWARE"].children["KEY05"].name = "KEY05"
    link = tree.children["NEW"].children["LINK"] = Node("Link")
    link.link = "\\REGISTRY\\USER"
    tree.children["LINK"].link = None
    save_tree(tree, tmp_path / "new", base=rich)
    with open_hive(tmp_path / "new") as hive:
        assert hive.check() == []
        assert hive.image.base.last_written == stamp
    back = load_tree(tmp_path / "new")
    assert back.children["SOFTWARE"].children["KEY05"].name == "KEY05"
    assert back.children["KINDS"].values["MULTI"].name == "MULTI"
    assert back.children["NEW"].children["LINK"].link == "\\REGISTRY\\USER"
    assert back.children["LINK"].link is None
    assert back.children["SECURED"].security == tree.security
    assert back.children["SECURED"].last_write == stamp
    assert "KEY03" not in back.children["SOFTWARE"].children
    assert back.children["NEW"].security == tree.security  # inherited, since none was given


def test_times_never_go_back(rich: Path, tmp_path: Path) -> None:
    """A simulated clock starts long before the file was written."""
    before = load_tree(rich)
    tree = owned(before)
    tree.children["KINDS"].values["N"] = Value.dword("n", 1)
    for _, node in tree.walk():
        node.last_write = 5
    save_tree(tree, tmp_path / "new", base=rich)
    assert times(load_tree(tmp_path / "new")) == times(before)


def test_volatile_keys_stay_out(tmp_path: Path) -> None:
    """With all that is below them."""
    tree = Node("root")
    grow(tree, ("keep", "inner"))
    grow(tree, ("lose", "inner")).values["X"] = Value.dword("x", 1)
    tree.children["LOSE"].volatile = True
    save_tree(tree, tmp_path / "new")
    back = load_tree(tmp_path / "new")
    assert [path for path, _ in back.walk()] == [(), ("KEEP",), ("KEEP", "INNER")]


def test_a_dirty_hive_is_recovered_with_the_logs_beside_it(
    make: ModuleType, tmp_path: Path
) -> None:
    """In memory: loading changes no file. Without its log it cannot be loaded."""
    data, log = make.dirty()
    path = tmp_path / "NTUSER.DAT"
    path.write_bytes(data)
    with pytest.raises(RecoveryError, match="there is no log"):
        load_tree(path)
    (tmp_path / "ntuser.dat.LOG1").write_bytes(log)
    tree = load_tree(path)
    assert "FLUSHED" in tree.children
    assert path.read_bytes() == data
    save_tree(tree, path, base=path)
    with open_hive(path) as hive:
        assert hive.clean
        assert hive.find("flushed") is not None


@pytest.mark.parametrize("data", [b"", b"regf", b"not a hive" * 1000])
def test_a_bad_base_leaves_the_target_alone(data: bytes, tmp_path: Path) -> None:
    """What is no hive cannot be changed into one."""
    base, target = tmp_path / "base", tmp_path / "target"
    base.write_bytes(data)
    target.write_bytes(b"old")
    with pytest.raises(DataError):
        save_tree(Node("root"), target, base=base)
    assert target.read_bytes() == b"old"
    with pytest.raises(HiveFormatError):
        load_tree(base)


NAMES = st.sampled_from(["a", "A", "b", "\u00e9", "\u65e5", "long name " * 5])
VALUES = st.builds(Value, NAMES, st.sampled_from([0, 1, 3, 4, 7, 99]), st.binary(max_size=40))


def _tree(values: list[Value], below: list[Node], name: str, time: int) -> Node:
    node = Node(name, last_write=time)
    node.values = {value.name.upper(): value for value in values}
    node.children = {child.name.upper(): child for child in below}
    return node


TREES = st.recursive(
    st.builds(_tree, st.lists(VALUES, max_size=3), st.just([]), NAMES, st.integers(0, 2**60)),
    lambda below: st.builds(
        _tree,
        st.lists(VALUES, max_size=3),
        st.lists(below, max_size=4),
        NAMES,
        st.integers(0, 2**60),
    ),
    max_leaves=12,
)


@given(old=TREES, new=TREES, minor=st.sampled_from(MINORS))
@settings(max_examples=60, deadline=None)
def test_any_tree_can_become_any_other(
    old: Node, new: Node, minor: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """By edits of the first one's file, which stays a sound hive; both ways equal in content."""
    base = tmp_path_factory.mktemp("any") / "hive"
    save_tree(old, base, minor=minor)
    new.security = load_tree(base).security
    hive = parse_hive(packed(new, base))
    assert hive.check() == []
    back = tree_of(hive)
    for _, node in (*back.walk(), *new.walk()):
        node.security = b""
    assert back.content() == new.content()
    assert [(p, n.name) for p, n in back.walk() if p] == [(p, n.name) for p, n in new.walk() if p]


# -- the store ------------------------------------------------------------------------------


def test_windows_paths_lie_below_a_directory(tmp_path: Path) -> None:
    """Drive, separators and case are the machine's matter."""
    (tmp_path / "Users" / "Me").mkdir(parents=True)
    store = FileStore(tmp_path)
    assert store.file("C:\\users\\ME\\ntuser.dat") == tmp_path / "Users" / "Me" / "ntuser.dat"
    assert store.file("\\users/./me\\x") == tmp_path / "Users" / "Me" / "x"
    for wrong in ("", "C:", "..\\x", "a\\..\\..\\x", "a\\b:stream"):
        with pytest.raises(UsageError, match="names no file below"):
            store.file(wrong)


def test_a_mapping_names_each_file(tmp_path: Path) -> None:
    """A path without a file of its own is the caller's mistake, and says which there are."""
    store = FileStore({"C:\\NTUSER.DAT": tmp_path / "a"})
    assert store.file("c:\\ntuser.dat") == tmp_path / "a"
    with pytest.raises(UsageError, match="those that have one: C:"):
        store.read("D:\\NTUSER.DAT")
    with pytest.raises(UsageError, match="stand for one file"):
        FileStore({"A": tmp_path / "a", "B": tmp_path / "a"})
    with pytest.raises(UsageError, match=r"1\.1 to 1\.6"):
        FileStore(tmp_path, minor=7)


def test_the_store_keeps_the_kernels_contract(tmp_path: Path) -> None:
    """What the kernel's store in memory does, the one over files does."""
    kinds: tuple[HiveStore, ...] = (MemoryStore(), FileStore(tmp_path))
    for store in kinds:
        assert store.read("A") is None
        assert not store.exists("a")
        tree = Node("root", last_write=9)
        tree.values["X"] = Value.dword("x", 1)
        store.write("A", tree)
        assert store.exists("a")
        back = store.read("a")
        assert back is not None
        assert back.values == tree.values
        assert [path for path, *_ in store.content()] == ["A"]  # type: ignore[misc]


def test_an_equal_tree_touches_no_file(rich: Path) -> None:
    """Not even its time; and a tree is read once while the file does not change."""
    store = FileStore({"H": rich})
    before = rich.stat()
    tree = store.read("h")
    assert tree is not None
    assert store.read("H") is tree
    store.write("H", owned(tree))
    assert rich.stat() == before
    assert store.snapshot() is store
    save_tree(Node("other"), rich)
    fresh = store.read("H")
    assert fresh is not None
    assert fresh.name == "other"


def test_a_file_that_is_no_hive_is_not_overwritten(tmp_path: Path) -> None:
    """Writing to it is refused as reading it is."""
    (tmp_path / "x").write_text("a letter")
    store = FileStore(tmp_path)
    with pytest.raises(HiveFormatError):
        store.write("x", Node("root"))
    assert (tmp_path / "x").read_text() == "a letter"


# -- a machine on files ---------------------------------------------------------------------


def caller(store: FileStore, os: str = "nt4-sp6a") -> Api:
    """Return the calls of an administrator's thread on a machine over *store*."""
    machine = Machine(dialects.get(os), files=store)
    api = Api(machine, machine.start_thread(machine.start_process("reg")))
    api.impersonate("S-1-5-18", Privilege.BACKUP, Privilege.RESTORE)
    return api


def test_win32_calls_change_a_real_file(rich: Path, tmp_path: Path) -> None:
    """Load, set, flush, save, unload: the file shows exactly the changed values."""
    old = rich.read_bytes()
    api = caller(FileStore({"C:\\u.dat": rich, "C:\\copy.dat": tmp_path / "copy"}))
    users = PredefinedKey.USERS
    assert api.RegLoadKey(users, MINE, "C:\\u.dat").code == 0
    assert rich.read_bytes() == old
    code, key = api.RegOpenKeyEx(users, f"{MINE}\\Software\\key01", access=Access.ALL)
    assert code == 0
    assert api.RegSetValueEx(key, "added", ValueType.DWORD, b"\1\0\0\0").code == 0
    assert rich.read_bytes() == old
    assert api.RegFlushKey(key).code == 0
    assert changes(old, rich) == [("added", "Software\\Key01", "added")]
    code, made = api.RegCreateKeyEx(key, "temporary", options=CreateOption.VOLATILE)
    assert code == 0
    assert api.RegSetValueEx(made.handle, "gone", ValueType.SZ, b"").code == 0
    assert api.RegSetValueEx(key, "value1", ValueType.DWORD, b"\2\0\0\0").code == 0
    assert api.RegSaveKey(key, "C:\\copy.dat").code == 0
    with open_hive(tmp_path / "copy") as copy:
        assert [(v.name, v.data) for v in copy.root.values()] == [
            ("value1", b"\2\0\0\0"),
            ("added", b"\1\0\0\0"),
        ]
        assert copy.root.subkey_count == 0
        assert copy.version == "1.3"
    assert api.RegSaveKey(key, "C:\\copy.dat").code == 183
    assert api.RegUnLoadKey(users, MINE).code == 5
    assert api.RegCloseKey(made.handle).code == 0
    assert api.RegCloseKey(key).code == 0
    assert api.RegUnLoadKey(users, MINE).code == 0
    assert changes(old, rich) == [
        ("added", "Software\\Key01", "added"),
        ("changed", "Software\\Key01", "value1"),
    ]
    api.machine.check()


def test_loading_what_is_not_there_makes_a_hive(tmp_path: Path) -> None:
    """MSDN RegLoadKey; NT 4 makes version 1.3."""
    api = caller(FileStore(tmp_path))
    assert api.RegLoadKey(PredefinedKey.USERS, MINE, "C:\\Profiles\\me\\NTUSER.DAT").code == 0
    with open_hive(tmp_path / "Profiles" / "me" / "NTUSER.DAT") as hive:
        assert hive.version == "1.3"
        assert hive.root.subkey_count == 0
        assert hive.check() == []


@pytest.mark.parametrize("data", [b"", b"regf" + bytes(8188), b"x" * 9000])
def test_a_corrupt_file_gives_1015(data: bytes, tmp_path: Path) -> None:
    """ERROR_REGISTRY_CORRUPT, and the file is left as it was."""
    (tmp_path / "bad").write_bytes(data)
    api = caller(FileStore(tmp_path))
    assert api.RegLoadKey(PredefinedKey.USERS, MINE, "bad").code == 1015
    assert (tmp_path / "bad").read_bytes() == data


def test_a_torn_bin_gives_1015(rich: Path) -> None:
    """A good base block with garbage behind it."""
    data = bytearray(rich.read_bytes())
    data[4096 + 32 :] = bytes(len(data) - 4096 - 32)
    rich.write_bytes(data)
    api = caller(FileStore({"H": rich}))
    assert api.RegLoadKey(PredefinedKey.USERS, MINE, "H").code == 1015


@pytest.mark.shared_data
@pytest.mark.parametrize(
    "name", ["plaso__test_data__NTUSER.DAT", "winreg-kb__test_data__NTUSER.DAT"]
)
def test_a_real_profile(
    name: str, shared: Any, items: Any, judge_named: Any, agree: Any, tmp_path: Path
) -> None:
    """Set one value in a real NTUSER.DAT by Win32 calls: hivex finds that one and no other."""
    path = tmp_path / "NTUSER.DAT"
    old = shared(name).read_bytes()
    path.write_bytes(old)
    api = caller(FileStore({"C:\\NTUSER.DAT": path}))
    users = PredefinedKey.USERS
    code = api.RegLoadKey(users, MINE, "C:\\NTUSER.DAT").code
    assert code == 0
    code, key = api.RegOpenKeyEx(users, f"{MINE}\\Software", access=Access.ALL)
    assert code == 0
    assert api.RegSetValueEx(key, "regsim", ValueType.SZ, "here\0".encode("utf-16-le")).code == 0
    assert api.RegCloseKey(key).code == 0
    assert api.RegUnLoadKey(users, MINE).code == 0
    assert changes(old, path) == [("added", "Software", "regsim")]
    judge = judge_named("hivex")
    agree(judge, judge.read(path, tmp_path), items(path))


@pytest.mark.shared_data
@pytest.mark.parametrize(
    "name", ["plaso__test_data__NTUSER.DAT", "regipy__NTUSER.DAT", "yarp__UnicodeHive"]
)
def test_a_real_hive_survives_unchanged(name: str, shared: Any, tmp_path: Path) -> None:
    """Byte for byte through the tree, and in content through a new file."""
    path = shared(name)
    tree = load_tree(path)
    save_tree(owned(tree), tmp_path / "same", base=path)
    assert (tmp_path / "same").read_bytes() == path.read_bytes()
    save_tree(tree, tmp_path / "new", minor=5)
    back = load_tree(tmp_path / "new")
    assert back.content() == tree.content()
    assert times(back) == times(tree)
