"""The playground's folder: whole or not at all, complete in itself, and closed to the outside."""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import re
import threading
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

import regsim
from regsim import cli
from regsim.errors import UsageError
from regsim.site import folder, packing, runtime, serving
from regsim.site.folder import StoryPage, files_of, write

LABS = (StoryPage("one", "A story <of> one", "<!doctype html><title>one</title>"),)


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """The folder's files, with something else in place of Pyodide."""
    return files_of(dict.fromkeys(runtime.FILES, b"stands for it"), LABS, ())


@pytest.fixture
def pretended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is taken for Pyodide's."""
    place = tmp_path / "pyodide"
    place.mkdir()
    digest = hashlib.sha256(b"it").hexdigest()
    for name in runtime.FILES:
        (place / name).write_bytes(b"it")
        monkeypatch.setitem(runtime.FILES, name, digest)
    return place


def test_each_link_leads_to_a_file(files: dict[str, bytes]) -> None:
    """What the page links and loads is in the folder, and none of it is elsewhere."""
    page = files["index.html"].decode()
    links = re.findall(r'(?:href|src)="([^"#][^"]*)"', page)
    assert "labs/one.html" in links
    assert [link for link in links if link not in files and not link.startswith("data:")] == []
    body = json.loads(page.partition('type="application/json">')[2].partition("</script>")[0])
    assert {f"wheels/{name}" for name in body["wheels"]} == {n for n in files if "wheels/" in n}
    assert len(body["challenges"]) == 12
    assert not re.findall(r"https?://(?!www\.w3\.org)", page)
    assert "A story &lt;of&gt; one" in page


def test_the_page_allows_itself_no_more_than_it_needs(files: dict[str, bytes]) -> None:
    """The policy has no host, no inline code but by its hash, no eval but WebAssembly's."""
    page = files["index.html"].decode()
    found = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert found is not None
    rules = dict(rule.strip().partition(" ")[::2] for rule in found[1].split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["connect-src"] == "'self'"
    assert rules["worker-src"] == "blob:"
    assert rules["require-trusted-types-for"] == "'script'"
    assert "'wasm-unsafe-eval'" in rules["script-src"].split()
    assert not re.search(r"unsafe-inline|'unsafe-eval'|https?:|\*", found[1])


def test_the_same_is_written_again(files: dict[str, bytes]) -> None:
    """Two folders of the same inputs are the same bytes, and the manifest has each file's hash."""
    assert files_of(dict.fromkeys(runtime.FILES, b"stands for it"), LABS, ()) == files
    listed = json.loads(files[folder.MANIFEST])["files"]
    assert listed.keys() == files.keys() - {folder.MANIFEST}
    assert all(hashlib.sha256(files[name]).hexdigest() == sha for name, sha in listed.items())


def test_the_wheels_are_whole_and_pure(files: dict[str, bytes]) -> None:
    """They have every module of regsim and of attrs, their licences, and nothing compiled."""
    names: set[str] = set()
    for place in (each for each in files if each.endswith(".whl")):
        with zipfile.ZipFile(io.BytesIO(files[place])) as archive:
            assert archive.testzip() is None
            names |= set(archive.namelist())
    root = Path(regsim.__file__).parent
    own = {f"regsim/{path.relative_to(root).as_posix()}" for path in root.rglob("*.py")}
    assert own <= names
    assert {
        "regsim/models/q241572.py",
        "regsim/report/lab/static/lab.js",
        "attr/__init__.py",
    } <= names
    assert any(re.match(r"attrs-.*LICENSE", name) for name in names)
    assert not [name for name in names if name.endswith((".so", ".pyd", ".pyc", ".c"))]


def test_regsims_wheel_has_its_licence(files: dict[str, bytes]) -> None:
    """Who takes the folder has the licence of each part of it."""
    assert files["NOTICE.txt"].decode().count("MIT") >= 2
    name, data = packing.own_wheel()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        told = archive.read(f"regsim-{regsim.__version__}.dist-info/licenses/LICENSE")
    assert told.startswith(b"MIT License"), name


def test_without_pyodide_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and the line that gets it."""
    out = tmp_path / "site"
    assert cli.main(["site", "-o", str(out)]) == 2
    said = capsys.readouterr().err
    assert f"npm install pyodide@{runtime.VERSION}" in said
    assert said.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize("how", ["absent", "changed"])
def test_another_pyodide_is_refused(
    how: str, pretended: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is missing or has another hash is named, with the version that is supported."""
    wrong = pretended / "pyodide.asm.wasm"
    wrong.unlink()
    if how == "changed":
        wrong.write_bytes(b"of another version")
    out = tmp_path / "site"
    assert cli.main(["site", "-o", str(out), "--pyodide", str(pretended)]) == 2
    said = capsys.readouterr().err
    assert "pyodide.asm.wasm" in said
    assert runtime.VERSION in said
    assert not out.exists()


def test_the_command_says_what_it_wrote(
    pretended: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As its schema says; the pages that stand in are the case's and one for each incident."""
    command = importlib.import_module("regsim.cli.site")
    monkeypatch.setattr(command, "_stand_ins", lambda: iter(LABS))
    out = tmp_path / "site"
    assert cli.main(["site", "-o", str(out), "--pyodide", str(pretended), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    schema = json.loads((Path(regsim.__file__).parent / "schemas" / "site.json").read_text())
    jsonschema.validate(record, schema)
    assert {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} == {
        *record["files"],
        folder.MANIFEST,
    }
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**record, "more": 1}, schema)


def test_an_earlier_playground_is_replaced_whole(tmp_path: Path) -> None:
    """What a newer one no longer has is gone; nothing else is left beside it."""
    out = tmp_path / "site"
    write(out, {folder.MANIFEST: b"{}", "labs/old.html": b"old"})
    write(out, {folder.MANIFEST: b"{}", "new.html": b"new"})
    assert sorted(path.name for path in out.rglob("*")) == [folder.MANIFEST, "new.html"]
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_somebodys_folder_is_left_alone(tmp_path: Path) -> None:
    """A folder with other files, or a file, is refused and stays as it was."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    for place in ("mine", "mine/letter.txt"):
        with pytest.raises(UsageError, match="name a"):
            write(tmp_path / place, {folder.MANIFEST: b"{}"})
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_write_that_fails_leaves_the_old(tmp_path: Path) -> None:
    """Where a file cannot be written the folder is as it was, and no part of the new is there."""
    out = tmp_path / "site"
    write(out, {folder.MANIFEST: b"{}", "old.html": b"old"})
    with pytest.raises(OSError, match="a"):
        write(out, {folder.MANIFEST: b"{}", "a": b"1", "a/b": b"2"})
    assert sorted(path.name for path in out.iterdir()) == [folder.MANIFEST, "old.html"]
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_it_is_served_to_this_computer_alone(tmp_path: Path) -> None:
    """On the loopback, with the types that a browser asks of modules and of WebAssembly."""
    (tmp_path / "a.mjs").write_text("")
    (tmp_path / "a.wasm").write_bytes(b"")
    seen: dict[str, str] = {}

    def started(address: str) -> None:
        def ask() -> None:
            for name in ("a.mjs", "a.wasm"):
                with urllib.request.urlopen(f"{address}{name}") as reply:  # noqa: S310
                    seen[name] = reply.headers["Content-Type"]
            seen["address"] = address
            _interrupt()

        threading.Thread(target=ask, daemon=True).start()

    _interrupt = interrupting(serving, monkey := pytest.MonkeyPatch())
    try:
        serving.serve(tmp_path, started)
    finally:
        monkey.undo()
    assert seen["address"].startswith("http://127.0.0.1:")
    assert seen["a.mjs"] == "text/javascript"
    assert seen["a.wasm"] == "application/wasm"


def interrupting(module: object, monkey: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what ends the next server of *module* as Ctrl-C does."""
    running: list[serving.ThreadingHTTPServer] = []

    class Server(serving.ThreadingHTTPServer):
        def serve_forever(self, poll_interval: float = 0.01) -> None:
            running.append(self)
            super().serve_forever(poll_interval)
            raise KeyboardInterrupt

    monkey.setattr(module, "ThreadingHTTPServer", Server)
    return lambda: running[0].shutdown()  # noqa: PLW0108 - it runs once there is one
