"""The explorer: every interleaving of any model; it knows no registry.

The names below are what a caller needs; each is imported when it is first used.

>>> from regsim.check import Walk, always, check, state
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from regsim.check.families import ANY
    from regsim.check.paths import Path, Walk, follow
    from regsim.check.plain import Model, state
    from regsim.check.property import (
        Fairness,
        Property,
        Verdict,
        always,
        eventually,
        leads_to,
        sometimes,
    )
    from regsim.check.verify import Reduce, Result, Results, check, check_all

__all__ = [
    "ANY",
    "Fairness",
    "Model",
    "Path",
    "Property",
    "Reduce",
    "Result",
    "Results",
    "Verdict",
    "Walk",
    "always",
    "check",
    "check_all",
    "eventually",
    "follow",
    "leads_to",
    "sometimes",
    "state",
]

_HOMES = {
    "ANY": "families",
    **dict.fromkeys(("Path", "Walk", "follow"), "paths"),
    **dict.fromkeys(("Model", "state"), "plain"),
    **dict.fromkeys(("Reduce", "Result", "Results", "check", "check_all"), "verify"),
}


def __getattr__(name: str) -> object:
    """Import what *name* stands for, once (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'regsim.check' has no attribute {name!r}")
    found: object = getattr(import_module(f"regsim.check.{_HOMES.get(name, 'property')}"), name)
    globals()[name] = found
    return found


class _Callable(ModuleType):
    """This package itself, which can be called: ``regsim.check(...)`` is `check` of its own."""

    def __call__(self, *args: Any, **options: Any) -> Result | Results:  # noqa: ANN401 - as there
        """Return what `verify.check` answers."""
        found: Result | Results = self.check(*args, **options)
        return found


sys.modules[__name__].__class__ = _Callable


def __dir__() -> list[str]:
    """Return the public names, imported or not."""
    return sorted({*globals(), *__all__})
