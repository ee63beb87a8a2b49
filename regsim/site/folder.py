"""The folder of the playground: all of it, or nothing."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

from regsim import dialects
from regsim._version import __version__
from regsim.errors import UsageError
from regsim.report import offline
from regsim.report.lab import page as lab
from regsim.report.lab.widget import markup as stepper_markup
from regsim.report.words.writing import markup
from regsim.site import player
from regsim.site.packing import NEEDED, own_wheel, wheel_of
from regsim.site.runtime import VERSION

MANIFEST: Final = "manifest.json"
"""The file that tells a folder of ours: every other file with its SHA-256."""
_OWN_TEXT: Final = '''import regsim


def service(win):
    """Read a setting of the user at each request."""
    while win.wait("request"):
        with win.impersonating("user"):
            key = win.RegOpenKeyEx(win.HKEY_CURRENT_USER, r"Software\\Vendor")
            win.RegCloseKey(key)


model = regsim.model(os="w2k").service(service, threads=2).user_logs_on_and_off()
'''
_OWN_STORY: Final = (
    "A service with two threads reads a setting of whoever asks. It closes what it opens; does it "
    "let the user's hive go at logoff? Change it as you like; regsim check takes the file, too."
)
_NOTICE: Final = f"""What this folder holds of third parties, and their licences

regsim                  MIT; wheels/, with its licence
attrs                   MIT; wheels/, with its licence
Pyodide {VERSION}         MPL-2.0; pyodide/, unchanged; source: https://github.com/pyodide/pyodide
  in it: CPython        PSF-2.0
  in it: Emscripten     MIT or NCSA
"""


@attrs.frozen
class StoryPage:
    """A page that plays where the simulator cannot: its file's name, its title, its text."""

    name: str
    title: str
    page: str


def files_of(
    runtime: Mapping[str, bytes],
    stand_ins: Sequence[StoryPage],
    exercises: Sequence[Mapping[str, object]],
) -> dict[str, bytes]:
    """Return every file of the playground by its place.

    It is made of *runtime*, Pyodide's files; the pages that play where the simulator cannot; and
    the sheets of the course's *exercises*.

    The same inputs give the same bytes.
    """
    wheels = dict([own_wheel(), *map(wheel_of, NEEDED)])
    files = {f"pyodide/{name}": data for name, data in runtime.items()}
    files |= {f"wheels/{name}": data for name, data in wheels.items()}
    files |= {f"labs/{each.name}.html": each.page.encode() for each in stand_ins}
    files["index.html"] = _page(sorted(wheels), stand_ins, exercises).encode()
    files["NOTICE.txt"] = _NOTICE.encode()
    about = {
        "regsim": __version__,
        "pyodide": VERSION,
        "files": {name: hashlib.sha256(files[name]).hexdigest() for name in sorted(files)},
    }
    files[MANIFEST] = (json.dumps(about, indent=1) + "\n").encode()
    return files


def _page(
    wheels: Sequence[str],
    stand_ins: Sequence[StoryPage],
    exercises: Sequence[Mapping[str, object]],
) -> str:
    style, script, worker, page = (
        offline.asset("regsim.site", name)
        for name in ("site.css", "site.js", "worker.js", "site.html")
    )
    style = lab.asset("lab.css") + style
    script = "".join((lab.asset("lab.js"), lab.asset("exercise.js"), script))
    links = "".join(
        f'<li><a href="labs/{each.name}.html">{markup(each.title)}</a></li>' for each in stand_ins
    )
    body = {
        "wheels": wheels,
        "worker": worker,
        "own": {"text": _OWN_TEXT, "story": _OWN_STORY},
        "systems": [(d.name, d.title) for d in map(dialects.get, dialects.names())],
        "challenges": player.offered(),
        "exercises": exercises,
    }
    texts = {
        "POLICY": policy(style, script),
        "STEPPER": stepper_markup(),
        "STYLE": style,
        "SCRIPT": script,
        "DATA": offline.embed(body),
        "LABS": links,
        "VERSION": markup(__version__),
    }
    return offline.filled(page, texts)


def policy(style: str, script: str) -> str:
    """Return what the page may do: its own files and WebAssembly, that style and that script.

    The worker comes from a blob, which the page's policy holds for as well, so that no code in it
    reaches any other place either.
    """
    return (
        f"default-src 'none'; script-src 'self' 'wasm-unsafe-eval' {offline.hash_of(script)}; "
        f"style-src {offline.hash_of(style)}; img-src data:; connect-src 'self'; "
        "worker-src blob:; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'; trusted-types regsim"
    )


def write(output: Path, files: Mapping[str, bytes]) -> None:
    """Make *files* the content of the folder *output*, which is new, empty, or an earlier one.

    Raises:
        UsageError: it has something else in it, or is no folder; nothing is changed.
        OSError: it cannot be written; nothing is changed.
    """
    target = Path(os.path.realpath(output))
    if target.exists() and not target.is_dir():
        raise UsageError(f"{output} is a file; name a folder to write")
    if target.is_dir() and any(target.iterdir()) and not (target / MANIFEST).is_file():
        raise UsageError(f"{output} has other files in it; name a new folder, or an empty one")
    target.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        for name, data in files.items():
            place = made / "new" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        if target.exists():
            target.rename(made / "old")
        try:
            (made / "new").rename(target)
        except OSError:
            with contextlib.suppress(FileNotFoundError):
                (made / "old").rename(target)
            raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
