"""``.reg`` files against hivexregedit (Debian ``libwin-hivex-perl``), both ways."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from regsim.regf import (
    HiveFile,
    diff_hives,
    export_reg,
    import_reg,
    new_hive,
    parse_hive,
    parse_reg,
)

if TYPE_CHECKING:
    from pathlib import Path

PREFIX = "HKEY_CURRENT_USER"


@pytest.fixture(scope="module")
def hivexregedit() -> str:
    """The judge's program; skips when it is not installed."""
    program = shutil.which("hivexregedit")
    if program is None:
        pytest.skip("judge hivexregedit is not installed (apt-get install libwin-hivex-perl)")
    return program


def sample() -> HiveFile:
    """Return a hive with every type and awkward letters in names and strings."""
    hive = new_hive(5)
    key = hive.root.ensure("Software\\Vendor [x]\\App; 1")
    key.set_value("", 1, "default\0".encode("utf-16-le"))
    key.set_value('quo"te\\', 1, 'C:\\a "b"\0'.encode("utf-16-le"))
    key.set_value("number", 4, b"\x01\x02\x03\x04")
    key.set_value("multi", 7, "a\0b\0\0".encode("utf-16-le"))
    key.set_value("expand", 2, "%x%\0".encode("utf-16-le"))
    key.set_value("long", 3, bytes(range(256)))
    key.set_value("empty", 3, b"")
    key.set_value("odd", 1, b"abc")
    key.set_value("q", 11, bytes(range(8)))
    return hive


def changes(one: HiveFile, other: HiveFile) -> list[str]:
    """Return what differs but for what a .reg file cannot hold."""
    return [
        f"{d.change} {d.key}: {d.name} {d.what}"
        for d in diff_hives(one, other)
        if d.what not in {"class_name", "flags"}
    ]


def merged(program: str, hive: HiveFile, scratch: Path) -> HiveFile:
    """Return what the judge makes of our export, merged into an empty hive of ours."""
    reg, target = scratch / "x.reg", scratch / "x.hiv"
    text = b"".join(export_reg(hive.root, prefix=PREFIX)).decode("utf-16")
    reg.write_text(text, encoding="utf-8", newline="")
    new_hive(5).save(target)
    subprocess.run(
        [program, "--merge", "--prefix", PREFIX, str(target), str(reg)],
        check=True, capture_output=True,
    )  # fmt: skip
    return parse_hive(target.read_bytes())


def exported(program: str, hive: HiveFile, scratch: Path) -> HiveFile:
    """Return what we make of the judge's export of our hive."""
    source = scratch / "y.hiv"
    hive.save(source)
    done = subprocess.run(
        [program, "--export", "--prefix", PREFIX, str(source), "\\"],
        check=True, capture_output=True,
        env={**os.environ, "PERL_UNICODE": "S"},  # else it prints some names in Latin-1
    )  # fmt: skip
    target = new_hive(5)
    import_reg(target, parse_reg(done.stdout, ansi="utf-8"), prefix=PREFIX)
    return target


def test_the_judge_reads_our_export(hivexregedit: str, tmp_path: Path) -> None:
    """Merging our text with hivexregedit gives the hive we exported."""
    assert changes(sample(), merged(hivexregedit, sample(), tmp_path)) == []


def test_we_read_the_judges_export(hivexregedit: str, tmp_path: Path) -> None:
    """Importing hivexregedit's text gives the hive it exported."""
    assert changes(sample(), exported(hivexregedit, sample(), tmp_path)) == []


@pytest.mark.shared_data
@pytest.mark.parametrize(
    "name", ["regipy__BCD", "plaso__test_data__NTUSER.DAT", "winreg-kb__test_data__NTUSER.DAT"]
)
def test_real_hives_through_the_judges_export(
    hivexregedit: str, shared: Any, tmp_path: Path, name: str
) -> None:
    """A whole profile exported by hivexregedit and imported by us loses nothing."""
    hive = parse_hive(shared(name).read_bytes())

    assert changes(hive, exported(hivexregedit, hive, tmp_path)) == []
