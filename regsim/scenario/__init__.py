"""Scenarios: an incident played once, call by call, on one OS with one fix."""

from __future__ import annotations

from regsim.scenario.result import CallRecord, Outcome, Run
from regsim.scenario.stage import Stage

__all__ = ["CallRecord", "Outcome", "Run", "Stage"]
