"""Test files that are run under the plugin, and what their JUnit file tells."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

HEAD = """
import asyncio
import unittest
import pytest
from regsim.testing import fake_winreg

KEPT = []

def use(winreg, keep):
    key = winreg.CreateKey(winreg.HKEY_CURRENT_USER, "Mine")
    if keep:
        KEPT.append(key)
    key = None
"""


def run(pytester: pytest.Pytester, source: str, *options: str) -> pytest.RunResult:
    """Run *source*, after `HEAD`, as a test file under the installed plugin."""
    pytester.makepyfile(HEAD + source)
    # Whether pytest comes too late to rewrite what is imported depends on what ran before.
    late = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", *options, *late)


def told(pytester: pytest.Pytester) -> dict[str, tuple[int, int]]:
    """Return how many leaks and how many failures the JUnit file has, by test."""
    root = ET.parse(pytester.path / "out.xml").getroot()  # noqa: S314 - our own
    found = {}
    for case in root.iter("testcase"):
        leaks = [entry for entry in case.iter("property") if entry.get("name") == "registry_leak"]
        wrong = len(case.findall("failure")) + 10 * len(case.findall("error"))
        assert case.get("name") not in found
        found[str(case.get("name"))] = (len(leaks), wrong)
    return found
