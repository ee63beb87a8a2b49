"""``.reg`` files: read, written, carried out; faults named by line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regsim.errors import DataError, UsageError
from regsim.regf import (
    HiveFile,
    RegTextError,
    diff_hives,
    export_reg,
    import_reg,
    new_hive,
    parse_hive,
    parse_reg,
)
from regsim.regf.regtext import KeyLine, ValueLine

if TYPE_CHECKING:
    from collections.abc import Callable

V5 = "Windows Registry Editor Version 5.00\r\n\r\n"
V4 = "REGEDIT4\r\n\r\n"
PREFIX = "HKEY_CURRENT_USER"

ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "utf-16-le with mark": lambda text: b"\xff\xfe" + text.encode("utf-16-le"),
    "utf-16-be with mark": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "utf-16-le without mark": lambda text: text.encode("utf-16-le"),
    "utf-8 with mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "ansi": lambda text: text.encode("cp1252"),
}


def values(text: str, **options: Any) -> list[tuple[str, int, bytes | None]]:
    """Return the values of a file with one key."""
    lines = parse_reg(text.encode("cp1252"), **options).lines
    return [(v.name, v.type, v.data) for v in lines if isinstance(v, ValueLine)]


def one(data: str, header: str = V5) -> tuple[int, bytes | None]:
    """Return type and data of one value written as *data*."""
    [(_, kind, found)] = values(f'{header}[HKEY_CURRENT_USER\\k]\r\n"v"={data}\r\n')
    return kind, found


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("newline", ["\r\n", "\n"])
def test_every_encoding_is_read(encoding: str, newline: str) -> None:
    """With a byte order mark or not, UTF-16, UTF-8 or ANSI, CR LF or LF: the same lines."""
    text = (V5 + '[HKEY_CURRENT_USER\\\u00fc]\r\n"n\u00e4me"="v\u00e4lue"\r\n').replace(
        "\r\n", newline
    )
    parsed = parse_reg(ENCODINGS[encoding](text))

    assert parsed.version == 5
    assert parsed.lines == (
        KeyLine(line=3, path="HKEY_CURRENT_USER\\\u00fc"),
        ValueLine(
            line=4,
            path="HKEY_CURRENT_USER\\\u00fc",
            name="n\u00e4me",
            type=1,
            data="v\u00e4lue\0".encode("utf-16-le"),
        ),
    )


@pytest.mark.parametrize(
    ("text", "kind", "data"),
    [
        ('"plain"', 1, "plain\0".encode("utf-16-le")),
        ('"a \\"b\\" \\\\ c"', 1, 'a "b" \\ c\0'.encode("utf-16-le")),
        ('"C:\\windows"', 1, "C:\\windows\0".encode("utf-16-le")),
        ('"x" ; comment', 1, "x\0".encode("utf-16-le")),
        ("dword:0000000a", 4, b"\x0a\0\0\0"),
        ("dword:ff", 4, b"\xff\0\0\0"),
        ("hex:", 3, b""),
        ("hex:01,2,fF", 3, b"\x01\x02\xff"),
        ("hex:01,\\\r\n  02,\\\r\n\t03", 3, b"\x01\x02\x03"),
        ("hex:01, 02 ,03 ; comment", 3, b"\x01\x02\x03"),
        ("hex(0):01", 0, b"\x01"),
        ("hex(2):61,00,00,00", 2, b"a\0\0\0"),
        ("hex(4):01", 4, b"\x01"),
        ("hex(b):01,00,00,00,00,00,00,00", 11, b"\x01" + bytes(7)),
        ("hex(200000):aa", 0x200000, b"\xaa"),
        ("HEX(7):00,00", 7, b"\0\0"),
        ("-", 0, None),
    ],
)
def test_every_kind_of_data_is_read(text: str, kind: int, data: bytes | None) -> None:
    """Strings, numbers, hex of any type with continued lines, and deletion."""
    assert one(text) == (kind, data)


def test_version_4_strings_are_ansi() -> None:
    """hex(2) and hex(7) hold characters in version 4; hex(1) and hex: hold bytes."""
    assert one("hex(2):e9,00", V4) == (2, "\u00e9\0".encode("utf-16-le"))
    assert one("hex(7):61,00,62,00,00", V4) == (7, "a\0b\0\0".encode("utf-16-le"))
    assert one("hex:e9,00", V4) == (3, b"\xe9\0")


def test_the_default_value_and_comments() -> None:
    """@ is the value without a name; comments and blank lines are skipped."""
    text = V5 + '; a comment\r\n[HKEY_CURRENT_USER\\k] ; another\r\n\r\n@="d"\r\n  "n" = "x"\r\n'

    assert [name for name, _, _ in values(text)] == ["", "n"]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 1, "expected"),
        ("REGEDIT5\r\n", 1, "expected"),
        ("\r\n\r\nhello", 3, "expected"),
        (V5 + '"v"="x"', 3, "below the key"),
        (V5 + "[HKEY_CURRENT_USER", 3, 'ends with "]"'),
        (V5 + "[]", 3, "no name"),
        (V5 + "[k]\r\nnonsense", 4, "expected"),
        (V5 + '[k]\r\n"v="x"', 4, 'expected "="'),
        (V5 + '[k]\r\n"v"="x', 4, "closing quote"),
        (V5 + '[k]\r\n"v"="x" y', 4, "behind the closing quote"),
        (V5 + '[k]\r\n"v"', 4, 'expected "="'),
        (V5 + '[k]\r\n"v"=qword:1', 4, "expected"),
        (V5 + '[k]\r\n"v"=dword:123456789', 4, "expected"),
        (V5 + '[k]\r\n"v"=hex:0g', 4, "hex digits"),
        (V5 + '[k]\r\n"v"=hex:01,,02', 4, "hex digits"),
        (V5 + '[k]\r\n"v"=hex:01,\\', 4, "the file ends"),
        (V5 + '[-k]\r\n"v"="x"', 4, "below the key"),
    ],
)
def test_faults_are_named_by_line(text: str, line: int, what: str) -> None:
    """The first fault is one error with the line it is on and the file's name."""
    with pytest.raises(RegTextError, match=what) as caught:
        parse_reg(text.encode(), file="x.reg")

    assert caught.value.line == line
    assert str(caught.value).startswith(f"x.reg, line {line}: ")


def test_bytes_that_are_no_text_are_a_fault_with_a_line() -> None:
    """An undefined byte of the code page is found on its line."""
    with pytest.raises(RegTextError, match="not text in cp1252") as caught:
        parse_reg(V4.encode() + b'[k]\r\n"v"="\x81"')

    assert caught.value.line == 4
    with pytest.raises(RegTextError, match="no code page"):
        parse_reg(V4.encode(), ansi="klingon")


def test_import_creates_sets_and_deletes() -> None:
    """All that a file can say is done, in order, and counted."""
    hive = new_hive(3)
    hive.root.ensure("Old\\Below").set_value("x", 1, b"")
    hive.root.ensure("Keep").set_value("drop", 1, b"")
    text = (
        V5
        + '[HKCU\\New\\Key]\r\n@="d"\r\n"n"=dword:1\r\n'
        + "[-HKEY_CURRENT_USER\\OLD]\r\n[-HKEY_CURRENT_USER\\Nothing]\r\n"
        + '[hkey_current_user\\keep]\r\n"Drop"=-\r\n"never"=-\r\n'
    )
    done = import_reg(hive, parse_reg(text.encode()), prefix=PREFIX)

    assert (done.keys_created, done.keys_deleted) == (2, 1)
    assert (done.values_set, done.values_deleted) == (2, 1)
    assert [path for path, _ in hive.walk()] == ["", "Keep", "New", "New\\Key"]
    assert hive.check() == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[HKEY_LOCAL_MACHINE\\x]", 3),
        ("[-HKEY_CURRENT_USER]", 3),
        ("[HKEY_CURRENT_USER\\" + "x" * 256 + "]", 3),
    ],
)
def test_what_cannot_be_imported_is_a_fault_with_a_line(text: str, line: int) -> None:
    """Another root, deleting the root and impossible names are refused with their line."""
    with pytest.raises(RegTextError) as caught:
        import_reg(new_hive(3), parse_reg((V5 + text).encode()), prefix=PREFIX)

    assert caught.value.line == line


def round_trip(hive: HiveFile, version: int = 5) -> HiveFile:
    """Return a new hive filled from the export of *hive*."""
    text = b"".join(export_reg(hive.root, prefix=PREFIX, version=version))
    other = new_hive(5, root_name="other")
    import_reg(other, parse_reg(text), prefix=PREFIX)
    return other


def differences(one: HiveFile, other: HiveFile) -> list[str]:
    """Return what differs but for class names and flags, which the format cannot hold."""
    return [
        f"{d.key}: {d.name} {d.what}" for d in diff_hives(one, other)
        if d.what not in {"class_name", "flags"}
    ]  # fmt: skip


def test_the_rich_hive_survives_export_and_import(make: Any) -> None:
    """Every name, type and byte comes back."""
    assert differences(make.rich(5), round_trip(make.rich(5))) == []


def test_version_4_holds_what_its_code_page_has() -> None:
    """Latin letters survive version 4; others are refused with a hint to use version 5."""
    hive = new_hive(3)
    key = hive.root.create_subkey("K\u00e9y")
    key.set_value("s", 1, "caf\u00e9\0".encode("utf-16-le"))
    key.set_value("e", 2, "%x%\u00e9\0".encode("utf-16-le"))
    key.set_value("odd", 1, b"\x01\x02\x03")

    assert differences(hive, round_trip(hive, 4)) == []
    key.set_value("bad", 2, "\u65e5\0".encode("utf-16-le"))
    with pytest.raises(DataError, match="version 5"):
        round_trip(hive, 4)
    key.delete_value("bad")
    hive.root.create_subkey("\u65e5")
    with pytest.raises(DataError, match="version 5"):
        round_trip(hive, 4)


def test_names_that_lines_cannot_hold_are_left_out_and_told() -> None:
    """A NUL or a line break in a name keeps nothing else out of the file."""
    hive = new_hive(3)
    hive.root.create_subkey("a\0b").create_subkey("below")
    kept = hive.root.create_subkey("kept")
    kept.set_value("x\ny", 4, bytes(4))
    kept.set_value("z", 4, bytes(4))
    text = b"".join(export_reg(hive.root, prefix=PREFIX)).decode("utf-16")
    again = round_trip(hive, 5)

    assert [path for path, _ in again.walk()] == ["", "kept"]
    assert [value.name for value in dict(again.walk())["kept"].values()] == ["z"]
    assert text.count("; left out") == len(hive.notes) == 3
    assert r"a\x00b" in text
    with pytest.raises(UsageError, match="4 or 5"):
        list(export_reg(hive.root, prefix=PREFIX, version=3))


def test_long_data_is_wrapped_as_regedit_does() -> None:
    """No line is longer than 80 columns, and each that goes on ends in a backslash."""
    hive = new_hive(5)
    hive.root.set_value("data", 3, bytes(range(256)))
    text = b"".join(export_reg(hive.root, prefix=PREFIX)).decode("utf-16")
    lines = text.split("\r\n")

    assert max(map(len, lines)) <= 80
    assert lines[3].startswith('"data"=hex:00,01,')
    assert lines[3].endswith(",\\")
    assert lines[4].startswith("  ")


NAMES = st.text(st.characters(exclude_characters="\r\n\0"), max_size=20)


@settings(max_examples=150, deadline=None)
@given(
    name=NAMES,
    key=NAMES.filter(lambda name: name and "\\" not in name and len(name) < 120),
    kind=st.integers(0, 12) | st.just(0xFFFF0000),
    data=st.binary(max_size=80)
    | st.text(max_size=20).map(lambda t: (t + "\0").encode("utf-16-le", "surrogatepass")),
)
def test_any_value_survives_export_and_import(name: str, key: str, kind: int, data: bytes) -> None:
    """Whatever the name, type and bytes, version 5 loses nothing."""
    hive = new_hive(5)
    hive.root.create_subkey(key).set_value(name, kind, data)

    assert differences(hive, round_trip(hive)) == []


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda t: (V5 + "[k]\r\n" + t).encode()))
def test_any_bytes_are_read_or_refused_with_a_line(data: bytes) -> None:
    """No input brings out another exception."""
    try:
        parse_reg(data)
    except RegTextError as error:
        assert error.line >= 1


@pytest.mark.shared_data
@pytest.mark.parametrize(
    "name", ["regipy__NTUSER.DAT", "plaso__test_data__NTUSER.DAT", "regipy__BCD"]
)
def test_real_profiles_survive_export_and_import(shared: Any, name: str) -> None:
    """Every value of a captured hive comes back through a .reg file."""
    hive = parse_hive(shared(name).read_bytes())

    assert differences(hive, round_trip(hive)) == []
