"""A fleet's tables say what its files say, in however many steps these are read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from made import FIRST as WHEN
from made import KINDS, Held, event_text
from pyarrow import parquet

import regsim.fleet.reading as one_file
from regsim.fleet import collecting
from regsim.fleet.columns import FILES, FINDINGS, STATUSES

NAMES = ("findings.parquet", "files.parquet", "manifest.json", "index.html")
AS_NAMED = ("--host-from", "{host}/...")
DEEP = os.environ.get("HYPOTHESIS_PROFILE") in ("ci", "nightly")


def said(row: dict) -> tuple:
    """Return what a row of the findings says is held."""
    return (row["host"], (row["hive"] or "").rpartition("\\")[2], row["process"], row["pid"])


@pytest.mark.usefixtures("fleet")
def test_each_file_says_in_the_table_what_it_says(run, table, made) -> None:
    """Host, user, process and number of all that is held, of every kind, and nothing else."""
    code, out, _ = run("fleet", "-o", "out", *AS_NAMED)
    found = table(Path("out"))

    assert code == 1
    assert {(row["source"], *said(row)) for row in found} == {
        (f"fleet/{one.path}", *held) for one in made for held in one.held
    }
    assert "48 files of 12 hosts; 48 read to the end" in " ".join(out.split())
    assert {row["status"] for row in table(Path("out"), "files")} == {"read"}


def test_an_event_has_its_own_time_and_a_listing_that_of_its_path(tmp_path, run, table) -> None:
    """What neither tells is null."""
    held = Held("PC1", "S-1-5-21-1-2-3-1001", "a.exe", 16)
    for name in ("2025-10-09/PC1/event.txt", "undated/PC1/event.txt"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True)
        path.write_text(event_text(held, WHEN))
        path.with_name("listing.txt").write_text("a.exe pid: 16 type: Key 8: HKU\\S-1-5-21-7\n")
    run(tmp_path / "in", "-o", tmp_path / "out", "--host-from", "{time}/{host}/*")

    times = {Path(row["source"]).parts[-3:]: row["time"] for row in table(tmp_path / "out")}
    assert times.pop(("undated", "PC1", "listing.txt")) is None
    assert times.pop(("2025-10-09", "PC1", "listing.txt")).isoformat() == "2025-10-09T00:00:00"
    assert set(times.values()) == {WHEN}


@pytest.mark.usefixtures("fleet")
def test_the_columns_are_those_that_are_promised(run) -> None:
    """In name and order; the meaning of each is in the file."""
    run("fleet", "-o", "out")
    findings = parquet.read_schema("out/findings.parquet")
    assert " ".join(findings.names) == (
        "schema_version host time hive hive_kind process pid service key handle count implicit "
        "certain bystander incident verdict source tier"
    )
    assert parquet.read_schema("out/files.parquet").names == ["path", "sha256", "status", "error"]
    for columns, name in ((FINDINGS, "findings"), (FILES, "files")):
        found = parquet.read_schema(f"out/{name}.parquet")
        assert [f.metadata[b"meaning"].decode() for f in found] == [c.meaning for c in columns]


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"a.csv": "clear"}, 0),
        ({"a.csv": "clear", "b.bin": b"\x00\x01nothing"}, 3),
        ({"a.csv": "clear", "c.txt": b"Source: Userenv\nEvent ID: 1531\n"}, 3),
        ({"a.csv": "held", "b.bin": b"\x00\x01nothing"}, 1),
    ],
)
def test_the_exit_code_is_the_verdict_of_all(files, code, tmp_path, run) -> None:
    """1 where some hive is blocked, 0 only where every file was read and each says clear."""
    head = b'"Time of Day","Process Name","PID","Operation","Path","Result","Detail"\n'
    row = b'"10:00:0%d.0000000","a.exe","8","%s","HKU\\S-1-5-21-7","SUCCESS",""\n'
    calls = [b"RegLoadKey", b"RegOpenKey", b"RegCloseKey"]
    captures = {
        "clear": head + b"".join(row % (n, call) for n, call in enumerate(calls)),
        "held": event_text(Held("PC1", "S-1-5-21-7", "a.exe", 8), WHEN).encode(),
    }
    for name, data in files.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(captures[data] if isinstance(data, str) else data)

    assert run(tmp_path / "in", "-o", tmp_path / "out")[0] == code


@pytest.mark.usefixtures("fleet")
def test_json_says_the_same(run) -> None:
    """The object has the ranking and what was not read."""
    Path("fleet/none.bin").write_bytes(b"\x00\x01")
    code, out, _ = run("fleet", "-o", "out", "--json", *AS_NAMED)
    record = json.loads(out)

    assert code == 1
    assert record["hosts"] == 12
    assert record["files"] == {"read": 48, "unknown": 1}
    assert [one["path"] for one in record["unread"]] == ["fleet/none.bin"]
    hosts = [one["hosts"] for one in record["holders"]]
    assert hosts == sorted(hosts, reverse=True)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["nothing"], "there is no file nothing"),
        (["empty"], "empty holds no file"),
        (["http://example.org/x"], "is no address that is read"),
        (["s3://a::file:///etc"], "without '::'"),
        (["fleet", "--host-from", "no"], "a pattern with {host} once"),
        (["fleet", "--host-from", "{host}/{host}"], "a pattern with {host} once"),
        (["fleet", "--os", "win12"], "unknown"),
        (["fleet", "--scheduler", "somewhere"], "--scheduler takes"),
        (["fleet", "--scheduler", "local:0"], "at least one worker"),
    ],
)
@pytest.mark.usefixtures("fleet")
def test_wrong_use_is_one_line_and_2(run, args, said) -> None:
    """Nothing is written."""
    Path("empty").mkdir()
    code, _, error = run(*args, "-o", "out")

    assert code == 2
    assert said in error
    assert error.count("\n") == 1
    assert not Path("out", "findings.parquet").exists()


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(
    ("package", "args"), [("pyarrow", []), ("distributed", ["--scheduler", "local:2"])]
)
def test_a_package_that_is_missing_is_said_before_anything_is_made(
    package, args, run, monkeypatch
) -> None:
    """One line with what to install, exit code 2, and no folder."""
    monkeypatch.setitem(sys.modules, package, None)
    code, _, error = run("fleet", "-o", "out", *args)

    assert code == 2
    assert "pip install 'regsim[" in error
    assert error.count("\n") == 1
    assert not Path("out").exists()


@pytest.mark.usefixtures("fleet")
def test_what_can_be_read_is_though_others_cannot(run, table, made) -> None:
    """A link, a queue, a hive, a script and rubbish have each their row, and nothing waits."""
    os.mkfifo("fleet/queue")
    Path("fleet/link").symlink_to("/etc/passwd")
    Path("fleet/empty.txt").write_bytes(b"")
    Path("fleet/x.ps1").write_text(
        "param($a)\n$b = 1\nforeach ($c in $b) { }\nreg load HKLM\\x y\n"
    )
    Path("fleet/NTUSER.DAT").write_bytes(b"regf" + bytes(4092))
    Path("fleet/cut.xml.gz").write_bytes(b"\x1f\x8b\x08\x00")
    run("fleet", "-o", "out")
    files = {row["path"].removeprefix("fleet/"): row for row in table(Path("out"), "files")}

    assert {name: files[name]["status"] for name in ("queue", "link", "x.ps1", "NTUSER.DAT")} == {
        "queue": "refused",
        "link": "refused",
        "x.ps1": "script",
        "NTUSER.DAT": "hive",
    }
    assert files["empty.txt"]["status"] == files["cut.xml.gz"]["status"] == "unreadable"
    assert files["empty.txt"]["error"] == "is empty"
    assert {row["status"] for row in files.values()} <= set(STATUSES)
    assert sum(row["status"] == "read" for row in files.values()) == len(made)


@pytest.mark.usefixtures("fleet")
def test_a_reader_that_fails_ends_no_other(run, table, monkeypatch) -> None:
    """What regsim itself gets wrong is a row that says so."""

    def broken(source, *_: object) -> object:
        if "xml" in source.name:
            raise ZeroDivisionError("at night")
        return original(source, *_)

    original = one_file.each_host
    monkeypatch.setattr(one_file, "each_host", broken)
    run("fleet", "-o", "out")
    failed = [row for row in table(Path("out"), "files") if row["status"] == "unreadable"]

    assert len(failed) == 48 / len(KINDS)
    assert "ZeroDivisionError: at night" in failed[0]["error"]


def test_case_makes_no_second_host(tmp_path, run, table) -> None:
    """Nor a second holder or hive; a full name may be one, which is said, and only of such."""
    (tmp_path / "in").mkdir()
    names = ("PC1", "pc1", "PC2", "pc2.corp.example")
    for number, name in enumerate(names):
        one = Held(name, "S-1-5-21-7", ("A.exe", "a.exe")[number % 2], 16)
        (tmp_path / "in" / f"{number}.txt").write_text(event_text(one, WHEN))
    _, out, _ = run(tmp_path / "in", "-o", tmp_path / "out", "--json")
    record = json.loads(out)

    assert record["hosts"] == 3
    assert [(one["process"], one["hosts"], one["hives"]) for one in record["holders"]] == [
        ("A.exe", 3, 3)
    ]
    assert [row["host"] for row in table(tmp_path / "out")] == list(names)
    said = "1 host may be counted twice"
    assert said in " ".join(run(tmp_path / "in", "-o", tmp_path / "out")[1].split())
    (tmp_path / "in" / "3.txt").unlink()
    assert "counted twice" not in run(tmp_path / "in", "-o", tmp_path / "out")[1]


@pytest.mark.usefixtures("fleet")
def test_a_folder_that_cannot_be_written_is_named(run, monkeypatch) -> None:
    """The folder itself, not a file in it that nobody asked for."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "out/..lock.x.tmp")

    monkeypatch.setattr(collecting, "write_file", refuse)
    code, _, error = run("fleet", "-o", "out")

    assert code == 2
    assert error == (
        "regsim: error: out cannot be written: Permission denied; name another folder\n"
    )


@pytest.mark.parametrize(("code", "found"), [("0x80070020", {"msix-silo": 2}), ("0x80070005", {})])
def test_an_incident_is_counted_by_its_hosts(code, found, tmp_path, run) -> None:
    """Also one of which no hive is named; another error of the same event is none."""
    for host in ("PC1", "PC2", "pc2"):
        path = tmp_path / "in" / host / "event.xml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            '<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System>'
            '<Provider Name="Microsoft-Windows-AppModel-Runtime"/><EventID>208</EventID>'
            '<TimeCreated SystemTime="2025-11-03T10:00:00.0000000Z"/>'
            f"<Computer>{host}</Computer></System><EventData>"
            f'<Data Name="ErrorCode">{code}</Data><Data Name="PackageName">Contoso.App_1_x64__8we'
            "</Data></EventData></Event>"
        )
    exit_code, out, _ = run(tmp_path / "in", "-o", tmp_path / "out", "--json")

    assert exit_code == 3
    assert json.loads(out)["incidents"] == found
    _, out, _ = run(tmp_path / "in", "-o", tmp_path / "out")
    assert ("resembles msix-silo on 2 hosts" in " ".join(out.split())) is bool(found)


# -- again ---------------------------------------------------------------------------------------


def bytes_of(out: Path) -> dict[str, bytes]:
    """Return the four files of a result."""
    return {name: (out / name).read_bytes() for name in NAMES}


def test_only_what_has_changed_is_read_again(fleet, run, monkeypatch) -> None:
    """A changed and a new file are read, a removed one is gone, the result is as if read anew."""
    read: list[str] = []
    original = one_file.each_host
    monkeypatch.setattr(
        one_file,
        "each_host",
        lambda source, *more: read.append(source.name) or original(source, *more),
    )
    run("fleet", "-o", "out", *AS_NAMED)
    paths = sorted(fleet.rglob("*.txt"))
    paths[0].write_bytes(paths[1].read_bytes())
    paths[2].rename(paths[2].with_name("new.txt"))
    paths[3].touch()
    read.clear()
    run("fleet", "-o", "out", *AS_NAMED)

    assert sorted(read) == sorted(
        str(path.relative_to(fleet.parent)) for path in (paths[0], paths[2].with_name("new.txt"))
    )
    run("fleet", "-o", "anew", *AS_NAMED)
    assert bytes_of(Path("out")) == bytes_of(Path("anew"))
    read.clear()
    run("fleet", "-o", "out", *AS_NAMED, "--os", "win10")
    assert len(read) == 48  # judged by other rules, nothing of it holds any more


@pytest.mark.usefixtures("fleet")
def test_a_result_that_was_changed_is_not_believed(run) -> None:
    """A table that is not the one that the manifest names is read anew."""
    run("fleet", "-o", "out")
    whole = bytes_of(Path("out"))
    Path("out/findings.parquet").write_bytes(whole["findings.parquet"][:-9])
    run("fleet", "-o", "out")

    assert bytes_of(Path("out")) == whole


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills are tried where processes fork")
@pytest.mark.parametrize("moment", range(10 if DEEP else 2))
@pytest.mark.usefixtures("fleet")
def test_a_kill_at_any_moment_loses_nothing(run, moment: int) -> None:
    """The next run goes on, and its result is that of a run that nobody killed."""
    command = [sys.executable, "-m", "regsim", "fleet", "fleet", "-o", "out", *AS_NAMED]
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while len(list(Path("out/parts").glob("*.json"))) <= 2 * moment and started.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.002)
    started.send_signal(signal.SIGKILL)
    killed = started.wait() == -signal.SIGKILL
    run("fleet", "-o", "out", *AS_NAMED)
    run("fleet", "-o", "whole", *AS_NAMED)

    assert killed or moment > 2
    assert bytes_of(Path("out")) == bytes_of(Path("whole"))
    assert not Path("out/parts").exists()


# -- redacted ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("fleet")
def test_a_redacted_result_names_nobody(run, table) -> None:
    """No host, no SID and no path is in any file of it; what was one stays one."""
    Path("fleet/PC00001/broken.txt").write_bytes(b"\x00 PC00001")
    run("fleet", "-o", "out", *AS_NAMED)
    code, told, _ = run("fleet", "-o", "shown", *AS_NAMED, "--redact")
    texts = [told, Path("shown/index.html").read_text(), Path("shown/manifest.json").read_text()]
    texts += [
        str(parquet.read_table(f"shown/{name}.parquet").to_pylist())
        for name in ("findings", "files")
    ]

    assert code == 1
    for text in texts:
        assert "PC0" not in text
        assert "S-1-5-21" not in text
        assert "fleet/" not in text
    plain, hidden = table(Path("out")), table(Path("shown"))
    for field in ("host", "hive", "source"):
        pairs = {(a[field], b[field]) for a, b in zip(plain, hidden, strict=True)}
        assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
    assert {row["process"] for row in hidden} == {row["process"] for row in plain}


def test_what_a_key_names_is_redacted_and_its_hive_stays_what_it_is(tmp_path, run, table) -> None:
    """Short and full names, mail addresses and servers go; kinds, times and other keys stay."""
    parts = [
        "Outlook\\secret.person@corp.example",
        "SECRETPC\\secretpc.corp.example",
        "App\\Users\\secret.person\\secret.person_old",
        "MountPoints2\\##secretfs#share",
        "Terminal Server Client\\Servers\\secretts",
        "Recent\\\\\\secretfs\\share",
        "Microsoft\\Windows",
    ]
    (tmp_path / "in").mkdir()
    for number, part in enumerate(parts):
        one = Held("SECRETPC.corp.example", "S-1-5-21-1-2-3-1001", "a.exe", 16)
        text = event_text(one, WHEN).replace("\\Software\n", f"\\Software\\{part}\n")
        (tmp_path / "in" / f"{number}.txt").write_text(text)
    run(tmp_path / "in", "-o", tmp_path / "out")
    run(tmp_path / "in", "-o", tmp_path / "shown", "--redact")
    plain, hidden = table(tmp_path / "out"), table(tmp_path / "shown")

    assert "secret" in str(plain)
    assert "secret" not in str(hidden).lower()
    assert "corp.example" not in str(hidden)
    assert hidden[-1]["key"].endswith("\\Software\\Microsoft\\Windows")
    names = ("host", "hive", "key", "source")
    assert [{k: v for k, v in row.items() if k not in names} for row in hidden] == [
        {k: v for k, v in row.items() if k not in names} for row in plain
    ]


@pytest.mark.usefixtures("fleet")
def test_a_redacted_result_is_not_put_beside_what_names_people(run) -> None:
    """Into the folder of a run that is not redacted it is refused; into its own it is not."""
    run("fleet", "-o", "out")
    code, _, error = run("fleet", "-o", "out", "--redact")
    assert (code, "not redacted" in error) == (2, True)

    assert run("fleet", "-o", "shown", "--redact")[0] == 1
    assert run("fleet", "-o", "shown", "--redact")[0] == 1
