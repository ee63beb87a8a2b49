"""What commands that make a model read alike."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from regsim.errors import UsageError


def parameters_of(given: Sequence[str]) -> dict[str, object]:
    """Return the parameters typed as ``NAME=VALUE``; raise `UsageError` for any other text."""
    found: dict[str, object] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"-p takes NAME=VALUE, not {text!r}")
        found[name] = value
    return found


def model_files(model: str | None) -> list[Path]:
    """Return the file that *model* names, ``FILE.py`` or ``FILE.py:NAME``: what is not written."""
    return [Path(model[: model.rindex(".py") + 3])] if model and ".py" in model else []
