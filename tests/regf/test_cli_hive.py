"""``regsim hive``: every sub-command, its JSON, its exit code, and nothing half-written."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from regsim.cli import _hive_output
from regsim.cli.hive import hive as command
from regsim.errors import RegsimError
from regsim.regf import open_hive, parse_hive

REPO = Path(__file__).resolve().parents[2]

# What the program's main does with errors: one line on stderr, exit code 2.
MAIN = """
import sys
from regsim.cli.hive import hive
from regsim.errors import RegsimError
try:
    sys.exit(hive.main(args=sys.argv[1:], standalone_mode=False, prog_name="regsim hive"))
except (RegsimError, OSError) as error:
    print(f"regsim: error: {error}", file=sys.stderr)
    sys.exit(2)
"""


class Result:
    """Exit code and output of one call."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        """The one JSON object printed."""
        assert self.code in {0, 1}, self.err
        record = json.loads(self.out)
        assert record["schema_version"] == 1
        return record


def run(*args: object) -> Result:
    """Call the command in this process, errors mapped as the program's main does."""
    result = CliRunner().invoke(command, [str(arg) for arg in args])
    if isinstance(result.exception, RegsimError | OSError):
        return Result(2, result.stdout, f"regsim: error: {result.exception}\n")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Result(result.exit_code, result.stdout, result.stderr)


def run_process(*args: object, encoding: str = "utf-8") -> subprocess.CompletedProcess[bytes]:
    """Call the command in a process of its own, with a console of some encoding."""
    env = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": str(REPO)}
    return subprocess.run(
        [sys.executable, "-c", MAIN, *map(str, args)], capture_output=True, check=False, env=env
    )


@pytest.fixture
def file(tmp_path: Path, make: Any) -> Path:
    """A good hive on a disk."""
    path = tmp_path / "NTUSER.DAT"
    make.rich(3).save(path)
    return path


def test_info_says_what_the_file_is(file: Path) -> None:
    """Version, state, counts and size, as text and as JSON."""
    record = run("info", file, "--json").json

    assert record["version"] == "1.3"
    assert record["clean"] is True
    assert record["sequence"] == [2, 2]
    assert record["root"] == "Root"
    assert (record["keys"], record["values"]) == (18, 24)
    assert record["bytes"] == file.stat().st_size
    assert record["problems"] == []
    assert "state:         clean" in run("info", file).out


def test_info_lists_problems_of_a_broken_hive(file: Path) -> None:
    """A hive that strict reading refuses still gets an answer, each problem with its offset."""
    data = bytearray(file.read_bytes())
    data[200] ^= 1
    file.write_bytes(data)
    record = run("info", file, "--json").json

    assert record["problems"] == [
        {"what": "checksum", "offset": 508, "expected": "the XOR of bytes 0 to 507",
         "actual": "another"}
    ]  # fmt: skip
    assert record["clean"] is False


def test_ls_lists_one_key(file: Path) -> None:
    """Subkeys and values of a key, the root by default; case does not count."""
    record = run("ls", file, "software", "--json").json

    assert record["key"] == "Software"
    assert record["subkeys"][:2] == ["Key00", "Key01"]
    assert "Kinds\\" in run("ls", file).out
    assert "(default) = REG_SZ: default" in run("ls", file, "Kinds").out


def test_ls_recursive_prints_one_object_a_line(file: Path, items: Any) -> None:
    """Keys and values as the issue fixed them, parents first, equal to what is stored."""
    lines = [json.loads(line) for line in run("ls", file, "-r", "--json").out.splitlines()]
    keys = [line for line in lines if "last_written" in line]
    values = [line for line in lines if "name" in line]

    assert all(set(line) == {"key", "last_written"} for line in keys)
    assert all(set(line) == {"key", "name", "type", "data"} for line in values)
    ours = [
        [line["key"], line["last_written"]]
        if "last_written" in line
        else [line["key"], line["name"], line["type"], line["data"]]
        for line in lines
    ]
    assert ours == [item[1:] for item in items(file)]


def test_ls_of_a_subtree_keeps_whole_paths(file: Path) -> None:
    """Below KEY, paths still count from the root."""
    lines = run("ls", file, "Software", "--recursive", "--json").out.splitlines()

    assert json.loads(lines[0])["key"] == "Software"
    assert json.loads(lines[1])["key"] == "Software\\Key00"


def test_cat_prints_one_value(file: Path) -> None:
    """As text, as JSON, and raw to the byte; the default value without a name."""
    assert run("cat", file, "Software\\Key05", "value5").out == "5\n"
    assert run("cat", file, "Kinds").out == "default\n"
    assert run("cat", file, "Kinds", "multi").out == "one | two\n"
    assert run("cat", file, "Kinds", "size 5", "--json").json["data"] == "0001020304"
    assert run_process("cat", file, "Kinds", "size 100", "--raw").stdout == bytes(range(100))


def test_new_set_delete_and_diff(tmp_path: Path) -> None:
    """A hive made, filled, emptied; diff tells equal (0) from different (1)."""
    one, two = tmp_path / "one", tmp_path / "two"
    assert run("new", one, "--version", "1.5", "--timestamp", "7", "--json").json["bytes"] == 8192
    assert run("set", one, "Software\\A", "name", "text").code == 0
    assert run("set", one, "Software\\A", "number", "0x10", "--type", "dword").code == 0
    two.write_bytes(one.read_bytes())
    assert run("diff", one, two).code == 0
    assert run("delete", two, "Software\\A", "number").code == 0
    assert run("set", two, "Empty").code == 0
    result = run("diff", one, two, "--json")

    assert result.code == 1
    assert result.json["differences"] == [
        {"change": "added", "key": "Empty", "name": None, "what": ""},
        {"change": "removed", "key": "Software\\A", "name": "number", "what": ""},
    ]
    assert run("diff", one, two).out == "+ Empty\\\n- Software\\A\\ : number\n"
    assert run("delete", two, "Software").code == 2
    assert run("delete", two, "Software", "-r").code == 0


@pytest.mark.parametrize(
    ("kind", "text", "number", "data"),
    [
        ("sz", "x", 1, b"x\0\0\0"),
        ("REG_EXPAND_SZ", "%x%", 2, b"%\0x\0%\0\0\0"),
        ("multi-sz", "a|b", 7, b"a\0\0\0b\0\0\0\0\0"),
        ("multi-sz", "", 7, b"\0\0"),
        ("dword", "4294967295", 4, b"\xff" * 4),
        ("dword-big-endian", "1", 5, b"\0\0\0\1"),
        ("qword", "1", 11, b"\1" + bytes(7)),
        ("binary", "01 ff", 3, b"\x01\xff"),
        ("none", "", 0, b""),
        ("0x200000", "aa", 0x200000, b"\xaa"),
    ],
)
def test_set_knows_every_type(file: Path, kind: str, text: str, number: int, data: bytes) -> None:
    """Each type's text becomes the bytes Windows would store."""
    assert run("set", file, "K", "v", text, "--type", kind).code == 0
    with open_hive(file) as hive:
        value = hive.find("K").value("v")

        assert (value.type, value.data) == (number, data)


def test_changes_are_stamped_with_now_or_the_given_time(file: Path) -> None:
    """Only the command line reads the clock, and --timestamp replaces it."""
    run("set", file, "A")
    run("set", file, "B", "--timestamp", "1234567")
    with open_hive(file) as hive:
        assert hive.find("A").last_written > 0x01DA000000000000
        assert hive.find("B").last_written == 1234567


def test_export_and_import(file: Path, tmp_path: Path) -> None:
    """A hive through a .reg file into another: class names and flags apart, the same."""
    reg, other = tmp_path / "out.reg", tmp_path / "other"
    assert run("export", file, "-o", reg, "--json").json["output"] == str(reg)
    assert reg.read_bytes()[:2] == b"\xff\xfe"
    run("new", other)
    counts = run("import", other, reg, "--json").json

    assert (counts["keys_created"], counts["values_set"]) == (17, 24)
    result = run("diff", file, other, "--json")
    assert {each["what"] for each in result.json["differences"]} == {"class_name", "flags"}
    assert run_process("export", file).stdout == reg.read_bytes()
    old = run_process("export", file, "Software", "--reg-version", "4").stdout
    assert old.startswith(b"REGEDIT4\r\n\r\n[HKEY_CURRENT_USER\\Software]\r\n")


def test_a_faulty_reg_file_changes_nothing(file: Path, tmp_path: Path) -> None:
    """The good lines before the fault are not carried out either."""
    reg = tmp_path / "bad.reg"
    reg.write_text('REGEDIT4\n\n[HKEY_CURRENT_USER\\x]\n"v"="x"\n"w"=oops\n')
    before = file.read_bytes()
    result = run("import", file, reg)

    assert result.code == 2
    assert f"{reg}, line 5: expected" in result.err
    assert file.read_bytes() == before


@pytest.fixture
def dirty(tmp_path: Path) -> tuple[Path, Path, bytes]:
    """A dirty hive with its log, and the recovered state."""
    from regsim.regf import FileType, new_hive  # noqa: PLC0415 - one use

    path, log = tmp_path / "dirty", tmp_path / "dirty.LOG1"
    hive = new_hive(3, last_written=1)
    hive.save(path)
    clean = path.read_bytes()
    hive.root.create_subkey("x")
    hive.flush(path, log=log, kind=FileType.LOG_NEW)
    done = path.read_bytes()
    marked = bytearray(clean)
    import attrs  # noqa: PLC0415 - one use

    base = parse_hive(clean).image.base
    attrs.evolve(base, primary_seq=base.primary_seq + 1).pack_into(marked)
    path.write_bytes(marked)
    return path, log, done


def test_recover_writes_elsewhere_and_says_what_it_did(
    dirty: tuple[Path, Path, bytes], tmp_path: Path
) -> None:
    """The source is untouched, the result is what the flush meant to write."""
    path, log, done = dirty
    before, out = path.read_bytes(), tmp_path / "out"
    record = run("recover", path, "--log", log, "-o", out, "--json").json

    assert out.read_bytes()[4096:] == done[4096:]
    assert path.read_bytes() == before
    assert record["applied"] == [f"{log}: entry 1, 1 pages"]
    assert record["problems"] == []
    assert run("info", out, "--json").json["clean"] is True
    again = run("recover", out, "--log", log, "-o", tmp_path / "copy")
    assert again.code == 0
    assert "is clean" in again.out


def test_recover_never_writes_over_its_sources(dirty: tuple[Path, Path, bytes]) -> None:
    """-o naming the hive or a log, by whatever path, is refused."""
    path, log, _ = dirty
    before = path.read_bytes(), log.read_bytes()

    for target in (path, log, path.parent / "." / path.name):
        assert run("recover", path, "--log", log, "-o", target).code == 2
    assert (path.read_bytes(), log.read_bytes()) == before


def test_a_dirty_hive_is_not_edited(dirty: tuple[Path, Path, bytes]) -> None:
    """Changing it before recovery would lose the log's content."""
    path, _, _ = dirty
    before = path.read_bytes()
    result = run("set", path, "k", "v", "x")

    assert result.code == 2
    assert "dirty" in result.err
    assert path.read_bytes() == before


COMMANDS = {
    "info": ["info", "FILE"],
    "ls": ["ls", "FILE", "-r"],
    "cat": ["cat", "FILE", "Kinds"],
    "export": ["export", "FILE", "-o", "OUT"],
    "import": ["import", "FILE", "REG"],
    "recover": ["recover", "FILE", "--log", "FILE", "-o", "OUT"],
    "diff": ["diff", "FILE", "FILE"],
    "set": ["set", "FILE", "k", "v", "x"],
    "delete": ["delete", "FILE", "Kinds"],
}
BAD = ["missing", "directory", "empty", "text", "truncated", "log", "forbidden"]


@pytest.fixture(scope="module")
def large(make: Any) -> bytes:
    """A good hive long enough to be cut."""
    data: bytes = make.big(3).to_bytes()
    return data


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_one_line_and_exit_2(
    name: str, kind: str, tmp_path: Path, large: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is wrong with FILE: one clear line, exit 2, and no file made or changed."""
    good = large
    path = tmp_path / "bad.dat"
    (tmp_path / "x.reg").write_text("REGEDIT4\n\n[HKEY_CURRENT_USER\\x]\n")
    if kind == "directory":
        path.mkdir()
    elif kind == "log":
        path.write_bytes(_as_log(good))
    elif kind != "missing":
        path.write_bytes({"empty": b"", "text": b"no hive " * 2000, "truncated": good[:-4096],
                          "forbidden": good}[kind])  # fmt: skip
    if kind == "forbidden":
        _forbid(path, monkeypatch)
    before = sorted(tmp_path.iterdir())
    places = {"FILE": path, "OUT": tmp_path / "out", "REG": tmp_path / "x.reg"}
    result = run(*(places.get(arg, arg) for arg in COMMANDS[name]))

    assert result.code == 2
    assert result.err.startswith("regsim: error: ")
    assert result.err.count("\n") == 1
    assert "bad.dat" in result.err
    assert sorted(tmp_path.iterdir()) == before


def _as_log(good: bytes) -> bytes:
    import attrs  # noqa: PLC0415 - one use

    block = bytearray(good)
    attrs.evolve(parse_hive(good).image.base, file_type=6).pack_into(block)
    return bytes(block)


def _forbid(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make opening *path* fail as it does without permission; root ignores modes, so by hand."""
    real = Path.open

    def refuse(self: Path, *args: Any, **options: Any) -> Any:
        if self == path:
            raise PermissionError(13, "Permission denied", str(self))
        return real(self, *args, **options)

    def read(self: Path) -> bytes:
        with refuse(self, "rb") as file:
            data: bytes = file.read()
            return data

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(Path, "read_bytes", read)


def test_a_console_without_the_letters_is_no_crash(file: Path) -> None:
    """On a cp1252 console a Japanese name is escaped; the exit code is still 0."""
    for args in (["ls", file], ["ls", file, "-r"], ["ls", file, "-r", "--json"], ["info", file]):
        done = run_process(*args, encoding="cp1252")

        assert done.returncode == 0, done.stderr
        assert done.stderr == b""
    assert rb"\u65e5\u672c" in run_process("ls", file, encoding="cp1252").stdout


def test_names_cannot_drive_the_terminal(tmp_path: Path) -> None:
    """Control characters in a key's name are shown escaped."""
    path = tmp_path / "hive"
    run("new", path)
    run("set", path, "evil\x1b[2Jname")

    assert "\x1b" not in run("ls", path).out
    assert "evil\\x1b[2Jname" in run("ls", path).out


def test_salvage_reads_on_and_lists_on_stderr(file: Path) -> None:
    """Without --salvage a broken key is exit 2; with it the rest is shown."""
    with open_hive(file) as hive:
        at = hive.find("Kinds").offset + 4100
    data = bytearray(file.read_bytes())
    data[at] = ord("x")
    file.write_bytes(data)
    salvaged = run("ls", file, "--salvage")

    assert run("ls", file).code == 2
    assert salvaged.code == 0
    assert "Software\\" in salvaged.out
    assert "problem: key signature" in salvaged.err


def test_new_does_not_replace_a_file(file: Path) -> None:
    """An existing file is only replaced with --force."""
    before = file.read_bytes()

    assert run("new", file).code == 2
    assert file.read_bytes() == before
    assert run("new", file, "--force").code == 0
    assert file.stat().st_size == 8192


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["ls", "FILE", "No\\Such"], "there is no key 'No\\\\Such'"),
        (["cat", "FILE", "Kinds", "nope"], "has no value 'nope'"),
        (["delete", "FILE", "Kinds", "nope"], "has no value 'nope'"),
        (["set", "FILE", "k", "v", "zz", "--type", "dword"], "not a number of 32 bits"),
        (["set", "FILE", "k", "v", "1", "--type", "bogus"], "the types are sz"),
        (["set", "FILE", "x" * 300], "1 to 255"),
    ],
)
def test_wrong_wishes_are_one_line(file: Path, args: list[str], message: str) -> None:
    """An unknown key, value, type or number says so and changes nothing."""
    before = file.read_bytes()
    done = run_process(*(str(file) if arg == "FILE" else arg for arg in args))

    assert done.returncode == 2
    assert message in done.stderr.decode()
    assert done.stderr.count(b"\n") in {1, 2, 3}
    assert file.read_bytes() == before


class Terminal(io.StringIO):
    """A stderr that is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_progress_is_for_terminals_and_long_work_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe sees nothing; a terminal sees a count once a second has passed, wiped at the end."""
    clock = iter([0.0, 0.5, 1.5, 1.6, 3.0])
    monkeypatch.setattr(_hive_output.time, "monotonic", lambda: next(clock))
    terminal, pipe = Terminal(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    assert list(_hive_output.with_progress("abc", "letters")) == ["a", "b", "c"]
    monkeypatch.setattr(sys, "stderr", terminal)
    assert list(_hive_output.with_progress("ab", "letters")) == ["a", "b"]

    assert pipe.getvalue() == ""
    assert "2 letters ..." in terminal.getvalue()
    assert "1 letters ..." not in terminal.getvalue()
    assert terminal.getvalue().endswith("\r")


@pytest.mark.parametrize(
    ("kind", "data", "shown"),
    [
        (1, "text\0".encode("utf-16-le"), "text"),
        (1, b"odd", "6f 64 64"),
        (7, "a\0b\0\0".encode("utf-16-le"), "a | b"),
        (4, b"\x0a\0\0\0", "10"),
        (11, b"\x0a" + bytes(7), "10"),
        (4, b"\x0a", "0a"),
        (3, b"\x01\x02", "01 02"),
        (0x200000, b"\xff", "ff"),
        (3, b"", ""),
    ],
)
def test_data_is_shown_as_people_read_it(kind: int, data: bytes, shown: str) -> None:
    """Text, numbers and lists where the bytes are that, hex where they are not."""
    assert _hive_output.show_data(kind, data) == shown


def test_type_names_are_microsofts_or_the_number() -> None:
    """Twelve types have names; others are shown in hex."""
    assert _hive_output.type_name(1) == "REG_SZ"
    assert _hive_output.type_name(0x200000) == "0x200000"


def test_a_time_no_calendar_holds_is_shown_as_its_number(tmp_path: Path) -> None:
    """A FILETIME of the year 60000 is no crash."""
    path = tmp_path / "hive"
    run("new", path, "--timestamp", str(2**64 - 1))

    assert str(2**64 - 1) in run("info", path).out


def test_diff_of_broken_hives_needs_salvage(file: Path, tmp_path: Path) -> None:
    """Strictly the damage is exit 2; with --salvage the rest is compared, problems on stderr."""
    other = tmp_path / "other"
    data = bytearray(file.read_bytes())
    with open_hive(file) as hive:
        data[hive.find("Kinds").offset + 4100] = ord("x")
    other.write_bytes(data)
    salvaged = run("diff", file, other, "--salvage", "--json")

    assert run("diff", file, other).code == 2
    assert salvaged.code == 1
    assert {each["key"] for each in salvaged.json["differences"]} == {"Kinds"}
    assert "problem: key signature" in salvaged.err


def test_export_of_a_broken_hive_writes_no_half_file(file: Path, tmp_path: Path) -> None:
    """A fault in the middle of the walk leaves no output file behind."""
    data = bytearray(file.read_bytes())
    with open_hive(file) as hive:
        data[hive.find("Secured").offset + 4100] = ord("x")
    file.write_bytes(data)
    out = tmp_path / "out.reg"

    assert run("export", file, "-o", out).code == 2
    assert not out.exists()
    assert run("export", file, "-o", out, "--salvage").code == 0
    assert out.exists()


def test_set_with_output_leaves_the_source_alone(file: Path, tmp_path: Path) -> None:
    """-o writes the changed hive elsewhere."""
    before, out = file.read_bytes(), tmp_path / "out"

    assert run("set", file, "New", "v", "x", "-o", out, "--json").json["changed"] is True
    assert file.read_bytes() == before
    with open_hive(out) as hive:
        assert hive.find("New") is not None
    assert run("delete", file, "Software", "-r", "-o", out).code == 0
    assert file.read_bytes() == before


def test_setting_nothing_changes_nothing(file: Path) -> None:
    """Making a key that exists keeps the file byte for byte."""
    before = file.read_bytes()

    assert run("set", file, "Software", "--json").json["changed"] is False
    assert file.read_bytes() == before


def test_help_names_every_sub_command() -> None:
    """The group's help lists all ten."""
    text = run("--help").out

    for name in ("info", "ls", "cat", "export", "import", "recover", "new", "diff", "set",
                 "delete"):  # fmt: skip
        assert f"\n  {name} " in text
        assert run(name, "--help").code == 0


# -- several writers, and kills --------------------------------------------------------------

REGSIM = [sys.executable, "-m", "regsim", "hive"]
EDITS = 500 if os.environ.get("REGSIM_NIGHTLY") else 8
KILLS = 1_000 if os.environ.get("REGSIM_NIGHTLY") else 16


def test_no_edit_of_several_writers_is_lost(tmp_path: Path) -> None:
    """Edits at once are all there in the end; 500 in the nightly run."""
    path = tmp_path / "hive"
    assert run("new", path).code == 0
    for first in range(0, EDITS, 8):
        several = range(first, min(first + 8, EDITS))
        writers = [
            subprocess.Popen([*REGSIM, "set", str(path), f"Many\\{n}", "v", "x"]) for n in several
        ]
        assert [each.wait() for each in writers] == [0] * len(writers)

    record = run("ls", path, "Many", "--json").json
    assert sorted(map(int, record["subkeys"])) == list(range(EDITS))


# A loop of edits in one process, so that a kill falls into one of them and not into a start.
LOOP = """
import sys
from regsim.cli import main
path = sys.argv[1]
while True:
    assert main(["hive", "import", path, path + ".reg"]) == 0
    assert main(["hive", "delete", path, "Deep", "--recursive"]) == 0
    assert main(["hive", "set", path, "Deep2\\\\x", "v", "x" * 3000]) == 0
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("links", [1, 2])
def test_a_kill_at_any_moment_leaves_a_whole_hive(tmp_path: Path, links: int) -> None:
    """While keys are imported, set and deleted with all below; 1,000 moments in the nightly run."""
    path = tmp_path / "hive"
    lines = [f'[HKEY_CURRENT_USER\\Deep\\{n}\\x]\n"v"="{"y" * 500}"\n' for n in range(60)]
    (tmp_path / "hive.reg").write_text("REGEDIT4\n" + "".join(lines))
    assert run("new", path).code == 0
    if links > 1:
        (tmp_path / "other").hardlink_to(path)
    command = [sys.executable, "-c", LOOP, str(path)]
    for moment in range(KILLS // 2):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as running:
            before = path.stat().st_mtime_ns
            while path.stat().st_mtime_ns == before and running.poll() is None:
                time.sleep(0.005)
            time.sleep(0.0007 * (moment % 100))
            running.kill()
        # The next edit finishes what a kill has cut off in a file with several names.
        assert run("set", path, "After", "v", str(moment)).code == 0
        with open_hive(path) as hive:
            assert hive.check() == []
            assert hive.clean

    assert not [each for each in tmp_path.iterdir() if each.name.endswith((".tmp", ".new"))]


@pytest.mark.parametrize("name", ["set", "delete", "import", "export", "recover"])
def test_no_output_replaces_an_input_or_what_is_no_file(
    name: str, file: Path, tmp_path: Path
) -> None:
    """-o naming what is read, by any of its names, or a FIFO, is refused; nothing changes."""
    good = file.read_bytes()
    reg, other, fifo = tmp_path / "x.reg", tmp_path / "other", tmp_path / "fifo"
    reg.write_text("REGEDIT4\n\n[HKEY_CURRENT_USER\\x]\n")
    other.hardlink_to(file)
    os.mkfifo(fifo)
    commands = {
        "set": ["set", file, "k"],
        "delete": ["delete", file, "Software", "-r"],
        "import": ["import", file, reg],
        "export": ["export", file],
        "recover": ["recover", file, "--log", reg],
    }
    inputs = [file, other, fifo, *([reg] if name in {"import", "recover"} else [])]
    for output in inputs:
        assert run(*commands[name], "-o", output).code == 2

    assert file.read_bytes() == good
    assert fifo.is_fifo()
    assert reg.read_text().startswith("REGEDIT4")


@pytest.mark.parametrize("output", ["-", "/dev/stdout"])
def test_a_dash_writes_to_standard_output(output: str, file: Path) -> None:
    """The bytes of the file and nothing else; --json has its object there and is refused."""

    def call(*args: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([*REGSIM, *args], check=False, capture_output=True)

    done, plain = call("export", str(file), "-o", output), call("export", str(file))
    changed = call("set", str(file), "New", "-o", output)

    assert done.returncode == changed.returncode == 0
    assert done.stdout == plain.stdout
    assert parse_hive(changed.stdout).find("New") is not None
    assert run("export", file, "-o", output, "--json").code == 2


def test_a_hive_that_does_not_end_is_refused() -> None:
    """A device is read no further than a hive could be long."""
    assert run("info", "/dev/zero").code == 2
