"""Run CPython's own ``test_winreg`` with `regsim.testing.winreg` in the place of ``winreg``.

Run by another test with any installed interpreter; prints one JSON object.
"""

import io
import json
import os
import platform
import sys
import unittest

from regsim.testing import winreg


def pretend() -> None:
    """Supply what the suite takes from Windows."""
    sys.modules["winreg"] = winreg
    sys.getwindowsversion = lambda: (10, 0, 22631, 2, "")  # type: ignore[attr-defined]
    platform.machine = lambda: "AMD64"
    platform.win32_edition = lambda: "Professional"
    os.environ.setdefault("windir", r"C:\Windows")


def main() -> None:
    """Load the suite, run it, and say how each test ended."""
    pretend()
    suite = unittest.defaultTestLoader.loadTestsFromName("test.test_winreg")
    result = unittest.TextTestRunner(io.StringIO(), verbosity=0).run(suite)
    report = {
        "python": sys.version.split()[0],
        "file": sys.modules["test.test_winreg"].__file__,
        "run": result.testsRun,
        "skipped": [test.id().split(".")[-1] for test, _ in result.skipped],
        "bad": [f"{test.id()}: {trace}" for test, trace in result.failures + result.errors],
    }
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main()
