"""In place of the ``pywintypes`` that another process simulates: see `children`."""

from __future__ import annotations

try:
    from regsim.testing.children import stand_in
except ImportError:  # another Python's, which has no regsim
    raise ModuleNotFoundError("No module named 'pywintypes'", name="pywintypes") from None

stand_in("pywintypes", globals())
