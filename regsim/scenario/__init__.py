"""Scenarios: an incident played once, call by call, on one OS with one fix."""
