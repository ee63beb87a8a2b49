"""The real pywin32, in CPython for Windows on Wine, against `regsim.testing.pywin32`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from cpython import Python, windows_path
from pywin32_side import CALLS, answers

from regsim.testing import Registry
from regsim.testing.pywin32 import modules_of

PACKAGE = "pywin32==312"
WHEEL = ("--platform", "win_amd64", "--python-version", "3.13", "--only-binary", ":all:")
NAMES = next(call for call in CALLS if call.startswith("[(e[0]"))
KNOWN = {
    # Wine's processes have no privilege switched on until they ask for it.
    'A.RegUnLoadKey(C.HKEY_USERS, "none")': "raises error(1314, 'RegUnLoadKey')",
    # Windows tells what it changed (MSDN AdjustTokenPrivileges); Wine repeats what it was given.
    "S.AdjustTokenPrivileges(t, False, [(18, 0)])": "((18, 0),)",
    "S.AdjustTokenPrivileges(t, 0, [(18, 2)])": "((18, 2),)",
    # Wine forgets to say whether a key was new where it has no name, and what class a subkey has.
    "A.RegCreateKeyEx(k, None, C.KEY_READ)[1]": "1",
    NAMES: "[('sub', 0, '', 'datetime', True, True)]",
    # ReactOS refuses the argument (87), Wine the handle.
    "A.RegNotifyChangeKeyValue(k, 1, 4, None, True)": "raises error(6, 'RegNotifyChangeKeyValue')",
}
"""Where Wine says otherwise, and what."""
UNTOLD = ('S.ConvertStringSidToSid("S-1-5-18")', "A.RegEnumKeyEx(k)")
"""What has an address in its text, or the time of the run."""


@pytest.mark.skipif(not os.environ.get("REGSIM_NIGHTLY"), reason="one of the long runs")
def test_calls_are_answered_as_pywin32_does(python: Python, tmp_path: Path) -> None:
    """Results, kinds of exceptions, codes and the names of functions are those of the real one."""
    words = ["download", "-q", "--no-deps", *WHEEL, "--dest", str(tmp_path), PACKAGE]
    subprocess.run([sys.executable, "-m", "pip", *words], check=False, timeout=300)
    wheels = list(tmp_path.glob("*.whl"))
    if not wheels:
        pytest.skip(f"judge {PACKAGE} cannot be had")
    with zipfile.ZipFile(wheels[0]) as archive:
        archive.extractall(tmp_path / "real")
    for library in (tmp_path / "real" / "pywin32_system32").iterdir():
        shutil.copy(library, python.home)
    script = f"import sys; sys.path[:0] = {_paths(tmp_path / 'real')}; import runpy; "
    script += f"sys.argv = ['', {windows_path(tmp_path / 'real.json')!r}]; "
    side = Path(__file__).with_name("pywin32_side.py")
    script += f"runpy.run_path({windows_path(side)!r}, run_name='__main__')"
    done = python.run("-c", script)
    assert done.returncode == 0, done.stderr.decode()

    real = json.loads((tmp_path / "real.json").read_text("ascii"))
    fake = modules_of(Registry("wine").winreg)
    ours = answers(
        A=fake["win32api"], C=fake["win32con"], S=fake["win32security"], E=fake["win32event"]
    )
    assert {call: said for call, said in zip(CALLS, real, strict=True) if call in KNOWN} == KNOWN
    wrong = [
        f"{call}: real {said}, simulated {mine}"
        for call, said, mine in zip(CALLS, real, ours, strict=True)
        if said != mine and call not in (*KNOWN, *UNTOLD)
    ]
    assert wrong == []


def _paths(real: Path) -> list[str]:
    return [windows_path(real / part) for part in ("win32", "win32/lib", ".")]
