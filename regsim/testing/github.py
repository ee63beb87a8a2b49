"""Telling GitHub of handles left open: annotations at their lines, and a table for the step."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

PROPERTY = "registry_leak"
"""The name of the JUnit property that a test has per handle it left."""
BY, AT = "; by ", "; opened at "
"""What stands in it before who opened the handle, where that is not the test, and where."""


class Annotations:
    """Collects leaks from the reports of all workers and tells them to GitHub at the end."""

    def __init__(self) -> None:
        self.leaks: list[tuple[str, str, str]] = []
        self._failed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect what a test left, once, at its teardown."""
        if report.failed:
            self._failed.add(report.nodeid)
        if report.when == "teardown":
            level = "error" if report.nodeid in self._failed else "warning"
            self._failed.discard(report.nodeid)
            for name, value in report.user_properties:
                if name == PROPERTY:
                    self.leaks.append((level, report.nodeid, str(value)))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write an annotation per leak, and a table into the step's summary."""
        if not self.leaks:
            return
        terminalreporter.ensure_newline()
        for level, test, value in self.leaks:
            terminalreporter.write_line(annotation(level, test, value))
        summary = os.environ.get("GITHUB_STEP_SUMMARY")
        if summary:
            with Path(summary).open("a", encoding="utf-8") as stream:
                stream.write(_markdown([leak[1:] for leak in self.leaks]))


def annotation(level: str, test: str, value: str) -> str:
    """Return the workflow command for one leak: *level* is error or warning.

    It stands at the line that opened the handle where that is in the workspace; elsewhere, as in
    an installed package, GitHub has no line to show it at, and the text names the place.
    """
    what, _, source = value.partition(AT)
    what, _, other = what.partition(BY)
    name, _, line = source.rpartition(":")
    file = _in_workspace(name) if line.isdigit() else None
    who = f"{other}, at the end of {test}," if other else test
    where = "" if file else f"{AT}{source}"
    message = f"{who} leaves a registry handle open: {what}{where}"
    place = f" file={escaped(file, ':,')},line={line}" if file else ""
    return f"::{level}{place}::{escaped(message)}"


def _in_workspace(file: str) -> str | None:
    """Return *file* relative to the root of the checkout, or None where it is not below it."""
    root = Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd()).resolve()
    path = Path(file).resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else None


def escaped(text: str, more: str = "") -> str:
    """Return *text* as the data, or with *more* a property, of a workflow command.

    As GitHub's own toolkit writes them (packages/core/src/command.ts; documented).
    """
    for letter in "%\r\n" + more:
        text = text.replace(letter, f"%{ord(letter):02X}")
    return text


def _markdown(leaks: list[tuple[str, str]]) -> str:
    lines = ["### Registry handles left open", "", "| test | handle |", "|---|---|"]
    lines += [f"| `{_cell(test)}` | `{_cell(value)}` |" for test, value in leaks]
    return "\n".join(lines) + "\n\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("`", "'").replace("\n", " ")
