"""Installed distributions as wheels without compiled code, for the page to unpack."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

NEEDED: Final = ("attrs",)
"""What regsim's simulator imports beside the standard library; a test holds it to this."""
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_COMPILED: Final = (".so", ".pyd", ".pyc", ".c", ".h")
_OF_THE_INSTALL: Final = ("INSTALLER", "REQUESTED", "direct_url.json")
"""What an installer adds to what a wheel has."""


def own_wheel() -> tuple[str, bytes]:
    """Return regsim as it runs here, less its C library, as a wheel: the file's name and the file.

    The modules are byte for byte those of the wheel that is built without the library.
    """
    own = metadata.distribution("regsim")
    files = dict(_walked("regsim", resources.files("regsim")))
    files |= dict(_walked("regsim/models", resources.files("regsim.models")))
    folder = f"regsim-{own.version}.dist-info"
    files[f"{folder}/METADATA"] = (
        own.read_text("METADATA") or own.read_text("PKG-INFO") or ""
    ).encode()
    for name in ("LICENSE", "NOTICE"):
        files[f"{folder}/licenses/{name}"] = _licence(own, name)
    return f"regsim-{own.version}-py3-none-any.whl", packed(files)


def _licence(own: metadata.Distribution, name: str) -> bytes:
    """Return file *name* of *own*, from where it is installed or from the checkout it stands for.

    In a checkout Python finds the ``egg-info`` that an editable install leaves there, which tells
    of no licences: they lie beside it.
    """
    text = own.read_text(f"licenses/{name}")
    return text.encode() if text else Path(str(own.locate_file(name))).read_bytes()


def _walked(place: str, folder: Traversable) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        inside = f"{place}/{entry.name}"
        if entry.is_dir():
            if entry.name not in ("__pycache__", "models") or place != "regsim":
                yield from _walked(inside, entry)
        elif not entry.name.endswith(_COMPILED):
            yield inside, entry.read_bytes()


def wheel_of(name: str) -> tuple[str, bytes]:
    """Return the installed distribution *name* as a wheel: the file's name, and the file.

    Its licences are in it, as in the wheel that was installed.
    """
    found = metadata.distribution(name)
    files = {
        str(file): file.read_binary()
        for file in found.files or ()
        if ".." not in file.parts
        and not file.name.endswith(_COMPILED)
        and file.name not in _OF_THE_INSTALL
    }
    return f"{name}-{found.version}-py3-none-any.whl", packed(files)


def packed(files: Mapping[str, bytes]) -> bytes:
    """Return *files* as an archive; the same files give the same bytes, whenever that is."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name], compresslevel=9)
    return out.getvalue()
