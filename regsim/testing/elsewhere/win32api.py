"""In place of the ``win32api`` that another process simulates: see `children`."""

from __future__ import annotations

try:
    from regsim.testing.children import stand_in
except ImportError:  # another Python's, which has no regsim
    raise ModuleNotFoundError("No module named 'win32api'", name="win32api") from None

stand_in("win32api", globals())
