"""The programs, writers and operations beside these tests can be imported by name."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

HERE = str(Path(__file__).resolve().parent)
if HERE not in sys.path:
    sys.path.append(HERE)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how often each verdict was reached on whole captures, and what the truth was."""
    seen: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed"):
        if "soundness" in report.nodeid:
            seen.update({name: int(str(count)) for name, count in report.user_properties})
    if seen:
        found = ", ".join(f"{name} {count:,}" for name, count in sorted(seen.items()))
        terminalreporter.write_line(f"verdicts on whole captures: {found}")
