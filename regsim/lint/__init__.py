"""Registry-handle faults in source files, each with what the simulator says becomes of it.

The names below are what a caller needs; the package itself can be called as `lint` is.

>>> from regsim.lint import RULES, lint
>>> RULES["C102"].title
'a key is closed twice'
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from regsim.lint.fault import Fault
from regsim.lint.linting import LintFinding, LintReport, lint
from regsim.lint.rules import RULES, LintRule
from regsim.lint.sources import SourceText

__all__ = ["RULES", "Fault", "LintFinding", "LintReport", "LintRule", "SourceText", "lint"]


class _Callable(ModuleType):
    """This package itself, which can be called: ``regsim.lint(...)`` is `lint` of its own."""

    def __call__(self, *args: Any, **options: Any) -> LintReport:  # noqa: ANN401 - as there
        """Return what `linting.lint` answers."""
        return lint(*args, **options)


sys.modules[__name__].__class__ = _Callable
