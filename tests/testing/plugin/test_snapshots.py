"""``registry_snapshot``: what a registry held is kept beside the test, and compared with later."""

from __future__ import annotations

from pathlib import Path

import pytest

from regsim.testing import Registry

pytest_plugins = ["pytester"]

TEST = r"""
import pytest

@pytest.mark.parametrize("colour", ["a/b", "a_b"])
def test_it(registry, registry_snapshot, colour):
    registry.seed({r"HKCU\Software\Mine": {"Colour": "%s" + colour}})
    assert registry.export(r"HKCU\Software\Mine") == registry_snapshot
    registry.seed({r"HKCU\Software\Mine": {"Number": 2}})
    assert registry.export(r"HKCU\Software\Mine") == registry_snapshot
    assert registry.export(r"HKCU\Software\Mine") == registry_snapshot("after")
"""


def _run(pytester: pytest.Pytester, colour: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(test_mine=TEST % colour)
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:syrupy", *options)


def test_it_is_kept_and_compared(pytester: pytest.Pytester) -> None:
    """Nothing is kept unasked; then it is equal until the registry differs, which is shown."""
    result = _run(pytester, "light ü")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*no snapshot yet at *", "*--registry-snapshot-update*"])
    assert not Path("__registry__").exists()

    _run(pytester, "light ü", "--registry-snapshot-update").assert_outcomes(passed=2)
    files = sorted(Path("__registry__/test_mine").iterdir())
    assert len(files) == 6
    assert [file.suffix for file in files] == [".reg"] * 6
    before = {file: file.read_bytes() for file in files}
    _run(pytester, "light ü").assert_outcomes(passed=2)

    result = _run(pytester, "dark")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        ["*the registry is not what is kept at *", '*-"Colour"="light ü*', '*+"Colour"="dark*']
    )
    assert {file: file.read_bytes() for file in files} == before
    _run(pytester, "dark", "--registry-snapshot-update").assert_outcomes(passed=2)
    _run(pytester, "dark").assert_outcomes(passed=2)


def test_a_snapshot_is_a_seed(pytester: pytest.Pytester) -> None:
    """What was kept can be begun with."""
    _run(pytester, "blü ", "--registry-snapshot-update").assert_outcomes(passed=2)
    file = min(Path("__registry__/test_mine").iterdir())
    registry = Registry(seed=file)

    assert registry.export(r"HKCU\Software\Mine") == file.read_text("utf-8-sig")


def test_an_export_is_a_plain_text_for_other_snapshots(registry: Registry) -> None:
    """Whatever compares texts, such as syrupy, compares an export."""
    assert type(registry.export()) is str


def test_syrupy_compares_an_export(pytester: pytest.Pytester) -> None:
    """Where syrupy is installed its own fixture keeps and compares one."""
    pytest.importorskip("syrupy")
    pytester.makepyfile(
        """
        def test_it(registry, snapshot):
            assert registry.export("HKCU\\\\Console") == snapshot
        """
    )
    first = pytester.runpytest_inprocess("-p", "no:cacheprovider", "--snapshot-update")
    first.assert_outcomes(passed=1)
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
