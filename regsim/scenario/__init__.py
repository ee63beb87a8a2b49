"""Scenarios: an incident played once, call by call, on one OS with one fix."""

from __future__ import annotations

from regsim.scenario.playing import Scenario
from regsim.scenario.result import About, CallRecord, Outcome, Run

__all__ = ["About", "CallRecord", "Outcome", "Run", "Scenario"]
