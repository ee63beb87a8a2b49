"""Optional packages, asked for when a format needs them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from regsim.errors import RegsimError


class MissingExtraError(RegsimError):
    """A format that needs a package which is not installed; the text says what to install."""


def need(package: str, what: str) -> Any:  # noqa: ANN401 - a module
    """Return the imported *package*, or raise `MissingExtraError`: *what* needs it."""
    try:
        return import_module(package)
    except ImportError:
        raise MissingExtraError(
            f"{what} need {package}, which is not installed: pip install 'regsim[trace]'"
        ) from None


def have(package: str) -> bool:
    """Return whether *package* can be imported."""
    try:
        import_module(package)
    except ImportError:
        return False
    return True
