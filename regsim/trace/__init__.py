"""Evidence in, findings out: traces and snapshots of registry handles, whoever recorded them."""

from __future__ import annotations
