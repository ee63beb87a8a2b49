"""What is read: files, folders, globs, archives and addresses, and nothing that leads elsewhere."""

from __future__ import annotations

import importlib
import io
import os
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from made import files

import regsim.fleet.reading as one_file
from regsim import cli
from regsim.errors import UsageError
from regsim.fleet.places import HostPattern, find

AS_NAMED = ("--host-from", "{host}/...")


def packed(form: str, folder: Path) -> Path:
    """Return an archive of what is in *folder*."""
    path = folder.with_name(f"all.{form}")
    if form == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for each in sorted(folder.rglob("*")):
                archive.write(each, each.relative_to(folder))
    else:
        with tarfile.open(path, f"w:{form.partition('.')[2]}") as archive:
            archive.add(folder, ".")
    return path


def held(found: list[dict]) -> set[tuple]:
    """Return what a table says, but for the files."""
    return {(row["host"], row["hive"], row["process"], row["pid"], row["time"]) for row in found}


@pytest.mark.parametrize("form", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_an_archive_says_what_its_files_say(form, fleet, run, table) -> None:
    """Also one that is packed once more, with the host named by the path within."""
    run("fleet", "-o", "plain", *AS_NAMED)
    path = packed(form, fleet)
    with zipfile.ZipFile("twice.zip", "w") as archive:
        archive.write(path, f"collection/{path.name}")
    run(path, "-o", "out", *AS_NAMED)
    run("twice.zip", "-o", "twice", "--host-from", f"collection/{path.name}/{{host}}/...")

    assert held(table(Path("out"))) == held(table(Path("twice"))) == held(table(Path("plain")))
    statuses = [row["status"] for row in table(Path("twice"), "files")]
    assert statuses[:3] == ["archive", "archive", "read"]


def test_an_archive_a_host(fleet, run, table) -> None:
    """Its name names the host of what is in it; a client's own record is believed first."""
    hosts = sorted(path for path in fleet.iterdir() if path.is_dir())[:3]
    Path("zips").mkdir()
    for host in hosts:
        packed("zip", host).rename(f"zips/{host.name}.zip")
        (fleet / "all.zip").unlink(missing_ok=True)
    with zipfile.ZipFile("zips/X.zip", "w") as archive:
        archive.writestr("client_info.json", '{"ClientId": "C.1", "Fqdn": "told.example"}')
        archive.writestr("results/listing.txt", "a.exe pid: 16 type: Key 8: HKU\\S-1-5-21-7\n")
    for args in (["zips"], sorted(map(str, Path("zips").iterdir())), ["zips/*.zip"]):
        run(*args, "-o", "out", "--host-from", "{host}.zip")
        listings = {row["host"] for row in table(Path("out")) if "listing" in row["source"]}
        assert listings - {"told.example"} <= {host.name for host in hosts}
        assert "told.example" in listings


def hostile_tar(path: Path) -> None:
    """Write a tar of links, devices and names that lead out, and one honest file."""
    with tarfile.open(path, "w") as archive:
        for name, kind in (("l", tarfile.SYMTYPE), ("h", tarfile.LNKTYPE), ("d", tarfile.CHRTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        for name in ("../out.txt", "/abs.txt", "a/../../b.txt", "ok.txt"):
            info = tarfile.TarInfo(name)
            data = b"a.exe pid: 16 type: Key 8: HKU\\S-1-5-21-7\n"
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def hostile_zip(path: Path) -> None:
    """Write a zip of the same."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, mode in (("l", 0o120777), ("d", 0o020666)):
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, mode << 16
            archive.writestr(info, "/etc/passwd")
        for name in ("../out.txt", "/abs.txt", "a/../../b.txt", "C:\\x.txt", "..\\y.txt", "ok.txt"):
            archive.writestr(name, "a.exe pid: 16 type: Key 8: HKU\\S-1-5-21-7\n")


@pytest.mark.parametrize("make", [hostile_tar, hostile_zip])
def test_what_leads_out_of_an_archive_is_refused_and_told(make, tmp_path, run, table) -> None:
    """Each such member has a row; the honest one is read; nothing is written but the result."""
    path = tmp_path / "in" / "a.archive"
    path.parent.mkdir()
    make(path)
    run(path, "-o", tmp_path / "out")
    statuses = {
        row["path"].partition("a.archive/")[2]: row["status"]
        for row in table(tmp_path / "out", "files")
    }

    assert statuses.pop("") == "archive"
    assert statuses.pop("ok.txt") == "read"
    assert set(statuses.values()) == {"refused"}
    assert len(statuses) >= 6
    assert sorted(one.name for one in tmp_path.iterdir()) == ["in", "out"]


def bomb(levels: int) -> bytes:
    """Return a zip of zips, of which the innermost unpacks to far more than it takes."""
    data, name = bytes(64 << 20), "zeros.txt"
    for _ in range(levels):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, data)
        data, name = packed.getvalue(), "inner.zip"
    return data


@pytest.mark.parametrize("levels", [1, 2, 5, 6])
def test_a_bomb_is_refused(levels, tmp_path, run, table) -> None:
    """Whatever it is wrapped in; what stands beside it is read."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bomb.zip").write_bytes(bomb(levels))
    (tmp_path / "in" / "ok.txt").write_text("a.exe pid: 16 type: Key 8: HKU\\S-1-5-21-7\n")
    code, out, _ = run(tmp_path / "in", "-o", tmp_path / "out")
    statuses = [row["status"] for row in table(tmp_path / "out", "files")]

    assert code == 1
    assert "refused" in statuses
    assert statuses[-1] == "read"
    assert "not read, or not to the end" in out


def test_holes_in_a_member_count_as_what_it_unpacks_to(tmp_path, run, table, monkeypatch) -> None:
    """A sparse file of a tar is a bomb if it is large enough, and is read if it is not."""
    monkeypatch.setenv("REGSIM_UNPACK_RATIO", "10")
    monkeypatch.setenv("REGSIM_UNPACK_GIB", "0.001")
    text = b"a.exe pid: 16 type: Key 8: HKU\\S-1-5-21-7\n"
    for size, code, status in ((64 << 20, 3, "refused"), (len(text), 1, "read")):
        path = tmp_path / f"{size}.tar"
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
            info = tarfile.TarInfo("holes.txt")
            info.size = len(text)
            info.pax_headers = {"GNU.sparse.map": f"0,{info.size}", "GNU.sparse.size": str(size)}
            archive.addfile(info, io.BytesIO(text))
        assert run(path, "-o", tmp_path / f"out{size}")[0] == code
        assert table(tmp_path / f"out{size}", "files")[1]["status"] == status


def test_a_name_that_is_no_text_is_damage(tmp_path, run, table) -> None:
    """A zip that calls a name UTF-8 which is none is told of as damaged, and no fault is."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("\u00e9.txt", "x")
    path.write_bytes(path.read_bytes().replace(b"\xc3\xa9", b"\xff\xfe"))
    code, _, _ = run(path, "-o", tmp_path / "out")
    (row,) = table(tmp_path / "out", "files")

    assert (code, row["status"]) == (3, "unreadable")
    assert "damaged archive" in row["error"]


@pytest.mark.parametrize("form", ["zip", "tar.gz", "tar.xz"])
def test_a_damaged_archive_tells_what_could_be_read(form, fleet, run, table) -> None:
    """Cut in the middle it is not read to its end, and says so; nothing else fails."""
    path = packed(form, fleet)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    code, _, _ = run(path, "-o", "out")
    first, *rest = table(Path("out"), "files")

    assert first["status"] in ("partly", "unreadable")
    assert "damaged" in first["error"] or "cut short" in first["error"]
    assert code in (1, 3)
    if form == "tar.gz":
        assert {row["status"] for row in rest} >= {"read"}


def test_a_large_member_is_read_from_no_path_of_its_own(tmp_path, run, table, monkeypatch) -> None:
    """It goes through a file that is gone afterwards; its row is as for a small one."""
    text = "a.exe pid: 16 type: Key 8: HKU\\S-1-5-21-7\n"
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("sub/listing.txt", text)
        archive.writestr("sub/none.txt", "none")
    found = []
    for most in (1, 1 << 20):
        monkeypatch.setattr(one_file, "_IN_MEMORY", most)
        run(tmp_path / "a.zip", "-o", tmp_path / f"out{most}")
        found.append([table(tmp_path / f"out{most}", name) for name in ("findings", "files")])

    assert found[0] == found[1]
    assert "tmp" not in str(found[0][1][2]["error"])


# -- addresses -----------------------------------------------------------------------------------


@pytest.fixture
def bucket():
    """A store in memory that answers to s3 and abfs, as their packages would."""
    fsspec = pytest.importorskip("fsspec", reason="the extra 'fleet' is absent")
    memory = importlib.import_module("fsspec.implementations.memory")

    class Store(memory.MemoryFileSystem):
        protocol = ("s3", "abfs")
        store, pseudo_dirs = {}, [""]

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            rest = path.partition("://")[2] or path
            container, _, inner = rest.partition("/")
            return "/" + "/".join(filter(None, (container.partition("@")[0], inner.strip("/"))))

    known = sys.modules["fsspec.registry"]._registry
    before = dict(known)
    for scheme in ("s3", "abfs"):
        fsspec.register_implementation(scheme, Store, clobber=True)
    yield Store()
    known.clear()
    known.update(before)


@pytest.mark.parametrize("place", ["s3://logs/day", "abfs://logs@account.dfs.core.windows.net/day"])
def test_what_is_at_an_address_is_read(place, bucket, tmp_path, run, table) -> None:
    """A folder and a glob of it; sources are addresses, hosts come from the path below."""
    made = list(files(8, 4))
    for one in made:
        bucket.pipe(f"/logs/day/{one.path}", one.data)
    run(place, "-o", tmp_path / "out", *AS_NAMED)
    found = table(tmp_path / "out")

    assert {(row["host"], row["pid"]) for row in found} == {
        (held.host, held.pid) for one in made for held in one.held
    }
    assert {row["source"] for row in found} == {f"{place}/{one.path}" for one in made}
    code, _, _ = run(f"{place}/PC00001/*", "-o", tmp_path / "some")
    assert code == 1
    assert len(table(tmp_path / "some", "files")) == 2


def test_what_cannot_be_fetched_is_a_row(bucket, tmp_path, run, table, monkeypatch) -> None:
    """The reason is the store's."""
    bucket.pipe("/logs/a.txt", b"x")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("AccessDenied: no")

    monkeypatch.setattr(type(bucket), "open", refuse)
    code, _, _ = run("s3://logs", "-o", tmp_path / "out")

    (row,) = table(tmp_path / "out", "files")
    assert (code, row["status"]) == (3, "unreadable")
    assert "AccessDenied: no" in row["error"]


# -- whose it is ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "path", "host"),
    [
        ("{host}/...", "PC1/a/b.txt", "PC1"),
        ("{host}/\u2026", "PC1/a", "PC1"),
        ("{host}", "PC1/a", "PC1"),
        ("{host}/...", "file.txt", None),
        ("{host}", "PC1", "PC1"),
        ("*/{host}/", "x/PC1/a/b", "PC1"),
        ("**/{host}-handles.txt", "a/b/PC1-handles.txt", "PC1"),
        ("**/{host}-handles.txt", "PC1-handles.txt", "PC1"),
        ("Collection-{host}-????.zip", "Collection-PC-1-2025.zip/x", "PC-1"),
        ("logs/{host}", "other/PC1", None),
        ("{host}.zip/...", "PC1.zip/x", "PC1"),
        ("{host}.zip/...", "PC1.tar/x", None),
        ("a+b/{host}", "a+b/PC(1)", "PC(1)"),
    ],
)
def test_a_pattern_names_the_host(pattern: str, path: str, host: str | None) -> None:
    """Each sign stands for what it does in a glob; a path of another form names none."""
    found = HostPattern(pattern).of(path)

    assert (found and found[0]) == host


@pytest.mark.usefixtures("fleet")
def test_each_file_is_read_once() -> None:
    """However often it is named: by its folder, by itself from the root on, by a glob."""
    every = find(["fleet"])
    same = str(Path(every[0].path).absolute())

    assert [one.path for one in find(["fleet", "fleet/*/*", "./fleet", same])] == [
        one.path for one in every
    ]
    with pytest.raises(UsageError, match="holds no file"):
        find(["fleet/*.nothing"])


def test_the_result_is_no_evidence(fleet, run, table) -> None:
    """A folder that holds the result of an earlier run is read without it, by a link too."""
    os.chdir(fleet)
    Path("../linked").symlink_to(fleet)
    for place in (".", ".", "../linked", "../linked/*"):
        run(place)
        every = table(Path("regsim-fleet"), "files")
        assert len(every) == 48
        assert not any("regsim-fleet" in row["path"] for row in every)


def test_a_glob_of_folders_is_all_that_is_in_them(fleet, run, table) -> None:
    """As a shell that does not know globs hands it on; beside a file, no folder is left out."""
    (fleet / "note.txt").write_text("none")
    (fleet / "away").symlink_to(fleet.parent)
    run("fleet", "-o", "whole", *AS_NAMED)
    for place in ("fleet/*", "fleet/**"):
        run(place, "-o", "out", *AS_NAMED)
        assert table(Path("out")) == table(Path("whole"))
        assert table(Path("out"), "files") == table(Path("whole"), "files")


def test_a_folder_that_cannot_be_listed_is_a_row(fleet, run, table, monkeypatch) -> None:
    """It ends nothing, and nothing is said to be whole."""
    closed = fleet / "PC00001"
    original = os.scandir

    def scandir(path="."):
        if os.fspath(path) == "fleet/PC00001":
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return original(path)

    monkeypatch.setattr(os, "scandir", scandir)
    run("fleet", "-o", "out", *AS_NAMED)
    (row,) = [row for row in table(Path("out"), "files") if row["status"] != "read"]

    assert (row["path"], row["status"]) == ("fleet/PC00001", "unreadable")
    assert row["error"] == "Permission denied"
    assert len(table(Path("out"), "files")) == 48 - len(list(closed.iterdir())) + 1


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize("form", ["zip", "tar.gz", ""])
def test_the_front_door_names_the_command_for_many(form, capsys) -> None:
    """A folder and an archive are one clear line and exit code 2."""
    place = packed(form, Path("fleet")).name if form else "fleet"

    assert cli.main([place] if form else ["who", place]) == 2
    assert "read all that is in it by `regsim fleet`" in capsys.readouterr().err


# -- odd names -----------------------------------------------------------------------------------

LISTING = b"a.exe pid: 16 type: Key 8: HKU\\S-1-5-21-7\n"
ODD = (b"new\nline", b"esc\x1b[31m", b"no-utf8-\xff\xe9", "rtl\u202etxt".encode(), b"plain")


def odd_names(root: Path) -> None:
    """Write a listing and what is none in a folder of each odd name, below *root*."""
    for name in ODD:
        folder = os.path.join(os.fsencode(root), name)  # noqa: PTH118 - of bytes
        try:
            os.makedirs(folder)  # noqa: PTH103
        except OSError:
            pytest.skip("this file system has no such names")
        for file, data in ((b"a.txt", LISTING), (b"b.bin", b"\x00\x01")):
            Path(os.fsdecode(os.path.join(folder, file))).write_bytes(data)  # noqa: PTH118


@pytest.mark.parametrize("more", [(), ("--redact",), ("--json",)])
def test_a_file_of_any_name_is_read(more, tmp_path, run, table) -> None:
    """Bytes that are no UTF-8, line breaks and signs of a terminal lose no file and end nothing."""
    odd_names(tmp_path / "in")
    for _ in range(2):
        code, told, error = run(
            tmp_path / "in", "-o", tmp_path / "out", "--host-from", "{host}/*", *more
        )
        page = (tmp_path / "out" / "index.html").read_text()

        assert (code, error) == (1, "")
        assert not {"\x1b", "\u202e"} & {*told, *page}
        findings, every = (table(tmp_path / "out", name) for name in ("findings", "files"))
        assert len({row["host"] for row in findings}) == len(ODD)
        assert len({row["path"] for row in every}) == 2 * len(ODD)
        if not more:
            assert any(row["host"] == "no-utf8-\\udcff\\udce9" for row in findings)


def test_half_a_character_in_evidence_ends_nothing(tmp_path, run, table) -> None:
    """JSON can name what no text can be, and what this program marks names with."""
    row = (
        '{"ProcPid": 8, "ProcName": "a\\ue000x41\\ue001.exe", "Type": "Key", "Handle": 156, '
        '"Name": "\\\\REGISTRY\\\\USER\\\\S-1-5-21-7\\\\\\ud800", "Fqdn": "PC\\udc00"}\n'
    )
    (tmp_path / "rows.json").write_text(row)
    for more in ((), ("--redact",)):
        code, _, _ = run(tmp_path / "rows.json", "-o", tmp_path / f"out{len(more)}", *more)
        (found,) = table(tmp_path / f"out{len(more)}")
        assert (code, found["verdict"]) == (1, "blocked")
        assert found["host"] == ("<computer-1>" if more else "PC\\udc00")
