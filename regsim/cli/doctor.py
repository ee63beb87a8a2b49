"""``regsim doctor``: what is installed and in use, for a bug report or a first look."""

from __future__ import annotations

import json
import platform
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from typing import Any

import click

from regsim import accel
from regsim._version import __version__
from regsim.report.text.console import WIDTH, terminal_width, wrap

EXTRAS = {
    "plot": ("matplotlib", "networkx"),
    "trace": ("numpy", "pyarrow", "evtx"),
    "lint": (
        *("tree_sitter", "tree_sitter_powershell", "tree_sitter_c", "tree_sitter_cpp"),
        *("tree_sitter_c_sharp", "tree_sitter_python"),
    ),
    "fleet": ("distributed", "pyarrow"),
    "prove": ("z3-solver",),
    "docs": ("sphinx", "furo"),
    "notebook": ("jupytext", "ipykernel", "anywidget"),
    "test": ("pytest", "hypothesis", "jsonschema"),
}
"""The optional packages by the extra that brings them; most are imported by these names."""


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(*, as_json: bool) -> None:
    """Say which version this is, on what it runs, and which extras are present."""
    found = record()
    click.echo(json.dumps(found, indent=2) if as_json else _text(found))


def record() -> dict[str, Any]:
    """Return what ``regsim doctor --json`` prints. Optional packages are looked for, not loaded."""
    return {
        "schema_version": 1,
        "version": __version__,
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
        "encoding": sys.stdout.encoding or "unknown",
        "backend": accel.BACKEND,
        "backend_reason": accel.REASON,
        "requires": {name: _version(name) for name in ("attrs", "click", "rich")},
        "extras": {
            extra: {name: _version(name) for name in names}
            for extra, names in EXTRAS.items()
            if extra in _declared()
        },
    }


def _declared() -> set[str]:
    """Return the extras that this regsim was built with; all where it is not installed."""
    try:
        lines = requires("regsim") or []
    except PackageNotFoundError:
        return set(EXTRAS)
    return {line.partition("extra ==")[2].strip(" '\"") for line in lines}


def _version(name: str) -> str | None:
    """Return the installed version of a package, or None when it cannot be imported."""
    module = {"attrs": "attr", "z3-solver": "z3"}.get(name, name)
    try:
        return version(name) if find_spec(module) else None
    except PackageNotFoundError:
        return "unknown"


def _text(found: dict[str, Any]) -> str:
    rows = [
        ("regsim", found["version"]),
        ("Python", f"{found['python']} ({found['implementation']})"),
        ("platform", found["platform"]),
        ("backend", f"{found['backend']} ({found['backend_reason']})"),
    ]
    rows += [(name, number or "missing") for name, number in found["requires"].items()]
    for extra, packages in found["extras"].items():
        parts = ", ".join(f"{name} {number or 'missing'}" for name, number in packages.items())
        rows.append((f"[{extra}]", parts))
    width = terminal_width(WIDTH)
    folded = [wrap(text, width, f"{name:<11}", " " * 11) for name, text in rows]
    return "\n".join(line for lines in folded for line in lines)
