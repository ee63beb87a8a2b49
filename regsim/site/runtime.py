"""Pyodide, which is CPython for WebAssembly: the one version that is supported, file by file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from regsim.errors import UsageError

VERSION: Final = "314.0.7"
"""The version of the npm package ``pyodide`` (CPython 3.14) that the page has been tested with."""
HOW: Final = f"npm install pyodide@{VERSION}, then give --pyodide node_modules/pyodide"
"""What to type to have it."""
FILES: Final = {
    "pyodide.mjs": "6f1d60f7bf529beb300f0f47983c921d3982363640ba20af0e38efdddbc66109",
    "pyodide.asm.mjs": "f7cdc8ece80678ceb712f8e65ebe6d3a83203a180c399865f49612a051693635",
    "pyodide.asm.wasm": "cc36e3cab04fdfc9a63ff13eb52eae2b911bf46c025cc7b281f394bd3de1d5e6",
    "python_stdlib.zip": "fa1957e5777068fc4f7437f96d860ae2fbe9c19732ba06c84e004ec16dd7dd7a",
    "pyodide-lock.json": "5dc2fc119108bc148c7457dc86e7675b5c87e1cafd420b9c34c1eaef7b36c010",
}
"""The files that the page loads, each with its SHA-256."""


def runtime_in(folder: Path | None) -> dict[str, bytes]:
    """Return the runtime's files out of *folder*, checked, by their names.

    Raises:
        UsageError: there is no folder, a file of it is missing or is of another version; the text
            has the line that gets the right one.
    """
    if folder is None:
        raise UsageError(f"the page needs Pyodide {VERSION}, which regsim does not contain: {HOW}")
    return {name: _checked(folder / name, digest) for name, digest in FILES.items()}


def _checked(file: Path, digest: str) -> bytes:
    try:
        data = file.read_bytes()
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError(f"{file} cannot be read ({why}); the page needs it: {HOW}") from None
    if hashlib.sha256(data).hexdigest() != digest:
        raise UsageError(f"{file} is not that of Pyodide {VERSION} (its SHA-256 differs): {HOW}")
    return data
