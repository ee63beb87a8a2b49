"""A wheel's tag says what is in it; asked of the wheels that `.ci/run` has built."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from regsim.site.packing import own_wheel

FOLDER = os.environ.get("REGSIM_WHEELS")
WHEELS = sorted(Path(FOLDER).glob("*.whl")) if FOLDER else []

pytestmark = pytest.mark.skipif(not FOLDER, reason="no wheels were built to look into")


def names(wheel: Path) -> list[str]:
    """Return the names of the files in *wheel*."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def libraries(wheel: Path) -> list[str]:
    """Return the shared libraries in *wheel*."""
    return [name for name in names(wheel) if name.endswith((".so", ".pyd", ".dylib"))]


def test_both_kinds_were_built() -> None:
    """There is one wheel with the library, under the limited API, and one for any platform."""
    tags = sorted(wheel.stem.split("-", 2)[2].rsplit("-", 1)[0] for wheel in WHEELS)

    assert tags == ["cp311-abi3", "py3-none"]


@pytest.mark.parametrize("wheel", WHEELS, ids=lambda wheel: wheel.name)
def test_tag_tells_the_content(wheel: Path) -> None:
    """A py3-none-any wheel has no library; any other has the one, named for the limited API."""
    found = libraries(wheel)

    if wheel.name.endswith("-py3-none-any.whl"):
        assert found == []
    else:
        (name,) = found
        assert name.startswith("regsim/accel/_native.")
        assert "abi3" in name or name.endswith(".pyd")


@pytest.mark.parametrize("wheel", WHEELS, ids=lambda wheel: wheel.name)
def test_no_sources_of_the_library(wheel: Path) -> None:
    """No wheel carries C sources, and each carries the types and the schemas."""
    found = names(wheel)

    assert [name for name in found if name.endswith((".c", ".h", ".o"))] == []
    assert "regsim/py.typed" in found
    assert any(name.startswith("regsim/schemas/") for name in found)


def test_the_playground_carries_the_wheel_without_the_library() -> None:
    """What `regsim site` packs of an installed regsim has that wheel's modules, byte for byte."""

    def modules(archive: zipfile.ZipFile) -> dict[str, bytes]:
        return {n: archive.read(n) for n in archive.namelist() if n.startswith("regsim/")}

    (pure,) = (wheel for wheel in WHEELS if wheel.name.endswith("-py3-none-any.whl"))
    with zipfile.ZipFile(pure) as built, zipfile.ZipFile(io.BytesIO(own_wheel()[1])) as packed:
        assert modules(packed) == modules(built)
