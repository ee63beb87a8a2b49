"""The picture that moves: what it shows when, that it ends, and that it can stand still."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from regsim import models
from regsim.report.pictures.moving import moving_svg
from regsim.report.words import runs as words

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def runs() -> tuple:
    """The case, stock and fixed."""
    return tuple(models.run("q241572", os="nt4-sp6a", fix=fix) for fix in ("none", "hotfix"))


@pytest.fixture(scope="module")
def picture(runs) -> ET.Element:
    """The picture of both."""
    return ET.fromstring(moving_svg(runs))  # noqa: S314 - ours


def shown(picture: ET.Element, name: str) -> list[str]:
    """Return the texts, and for each shape its fill, that come with the class *name*."""
    return [
        part.text or part.get("fill", "")
        for group in picture.iter(f"{SVG}g")
        if group.get("class") == name
        for part in group
    ]


def test_each_call_is_told_when_it_happens(runs, picture: ET.Element) -> None:
    """Its caption has its number; a handle comes with the call that opened it."""
    for run in runs:
        for record in run.calls:
            said = " ".join(shown(picture, f"c{record.number}"))
            assert record.actor in said
        for life in words.lives(run):
            assert any(f"{life.handle:#x}" in text for text in shown(picture, f"s{life.opened}"))


def test_the_end_tells_both_outcomes(runs, picture: ET.Element) -> None:
    """Each run's verdict comes after its last call, in a word and in a sentence."""
    for run in runs:
        end = shown(picture, f"s{run.calls[-1].number + 1}")
        assert run.outcome.value.upper() in end
        assert " ".join(end).find(words.finding(run)[:40]) >= 0


def test_without_motion_all_but_the_captions_is_shown(picture: ET.Element) -> None:
    """Every rule that moves is for those who have no objection; it ends after a few times."""
    (style,) = picture.iter(f"{SVG}style")
    still, moving, rest = re.split(r"@media \(([^)]*)\)", style.text or "")
    classes = {group.get("class") for group in picture.iter(f"{SVG}g")}

    assert still.split() == ["[class^=c]{opacity:0}"]
    assert moving == "prefers-reduced-motion:no-preference"
    assert "infinite" not in rest
    for name in classes:
        assert f"@keyframes {name}{{" in rest
        assert f".{name}{{animation-name:{name}}}" in rest


def test_the_bytes_are_stable(runs) -> None:
    """The same runs give the same bytes."""
    assert moving_svg(runs) == moving_svg(runs)
