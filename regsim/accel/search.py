"""The C search, where there is one: importing this module fails where there is not.

Its twin in Python is `regsim.check.search.Search`, which works on a model's own tables; this one
is given numbers only. See ``native/core_search.h`` for what it is given and how it answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regsim.accel import NATIVE, REASON

if NATIVE is None:
    raise ImportError(REASON)

if TYPE_CHECKING:
    from regsim.accel._native import CSearch
else:
    CSearch = NATIVE.CSearch

__all__ = ["CSearch"]
