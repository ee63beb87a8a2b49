"""The former name of `regsim.models.reg_load`, for those who import it."""

from __future__ import annotations

from regsim.models.reg_load import FIXES, GARBAGE, INCIDENT, KEY, TRIES, model, run

__all__ = ["FIXES", "GARBAGE", "INCIDENT", "KEY", "TRIES", "model", "run"]
