"""The pictures: well-formed, the same bytes every time, harmless, and told in words as well."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import attrs
import pytest

from regsim.report.pictures import colours
from regsim.report.pictures.canvas import Canvas, fold, measure, shorten
from regsim.report.pictures.runs import lifetimes_svg, matrix_svg, openings_svg
from regsim.report.pictures.sequence import sequence_svg
from regsim.report.text.mermaid import sequence_mermaid
from regsim.scenario.result import Outcome

NS = "{http://www.w3.org/2000/svg}"
HOSTILE = "</script>&\"'\x00\x1b\ud800\uffff<b>"


def texts(svg):
    """Return the written texts of a picture."""
    return [node.text or "" for node in ET.fromstring(svg).iter(f"{NS}text")]  # noqa: S314


def beside(run):
    """Return the openings of a run beside themselves."""
    return openings_svg(run, run)


@pytest.mark.parametrize("draw", [sequence_svg, lifetimes_svg, beside])
def test_a_picture_is_told_in_words(stock, draw):
    """The description names the holder, the handle, and what it did."""
    root = ET.fromstring(draw(stock))  # noqa: S314

    assert root[0].tag == f"{NS}title"
    assert root[1].tag == f"{NS}desc"
    assert "tapisrv.exe (TapiSrv), process 204, holds handle 0x4" in (root[1].text or "")


@pytest.mark.parametrize("draw", [sequence_svg, lifetimes_svg, beside])
def test_a_picture_has_stable_bytes(stock, draw):
    """Drawing twice gives the same text."""
    assert draw(stock) == draw(stock)


@pytest.mark.parametrize("draw", [sequence_svg, lifetimes_svg, beside])
def test_hostile_names_stay_text(stock, draw):
    """Names with markup and control characters add no element and no control character."""
    calls = tuple(
        attrs.evolve(
            record,
            actor=record.actor + HOSTILE,
            call=record.call + HOSTILE,
            process=record.process + HOSTILE,
            step=record.step + HOSTILE,
            key=record.key + HOSTILE,
        )
        for record in stock.calls
    )
    holder = attrs.evolve(stock.blockers[0], process=HOSTILE, key=HOSTILE)
    svg = draw(attrs.evolve(stock, calls=calls, title=HOSTILE, fix=HOSTILE, blockers=(holder,)))
    tags = {node.tag.removeprefix(NS) for node in ET.fromstring(svg).iter()}  # noqa: S314

    assert tags == {"svg", "title", "desc", "rect", "path", "text"}
    assert "</script" not in svg
    assert re.search(r"[^\n\x20-\x7e]", svg) is None


@pytest.mark.parametrize("draw", [sequence_svg, lifetimes_svg, beside])
def test_texts_stay_inside_the_picture(stock, draw):
    """No text begins left of the picture or ends right of it, however long the names are."""
    calls = tuple(
        attrs.evolve(record, actor=record.actor * 3, key=record.key + r"\Deep" * 30)
        for record in stock.calls
    )
    root = ET.fromstring(draw(attrs.evolve(stock, calls=calls)))  # noqa: S314
    width = float(root.get("width", "0"))
    shares = {"start": 0.0, "middle": 0.5, "end": 1.0}
    for node in root.iter(f"{NS}text"):
        bold = node.get("font-weight") == "bold"
        wide = measure(node.text or "", float(node.get("font-size", "0")), bold=bold)
        left = float(node.get("x", "0")) - wide * shares[node.get("text-anchor", "start")]

        assert left >= 0
        assert left + wide <= width


def test_the_sequence_shows_what_nobody_asked_for(stock, fixed):
    """The implicit open is dashed and labelled, the failed unload says so."""
    svg = sequence_svg(stock)

    assert "nobody asked for this" in texts(svg)
    assert 'stroke-dasharray="7 4"' in svg
    assert "unload-hive: CANNOT_DELETE, the hive stays loaded" in texts(svg)
    assert "unload-hive: SUCCESS" in texts(sequence_svg(fixed))


def test_retries_are_drawn_once(stock):
    """Forty attempts that fail alike are one arrow with a number."""
    tries = tuple(attrs.evolve(stock.calls[-1], number=5 + n, time=n) for n in range(40))
    run = attrs.evolve(stock, calls=(*stock.calls[:4], *tries))

    assert any("(40 times)" in text for text in texts(sequence_svg(run)))
    assert "unload: CANNOT_DELETE (40 times)" in texts(lifetimes_svg(run))


def test_the_lifetimes_show_what_is_still_open(stock, fixed):
    """The bar of the root is open at the end with the stock service, closed with the fixed."""
    assert texts(lifetimes_svg(stock)).count("still open") == 1
    assert "0x4  the root" in texts(lifetimes_svg(stock))
    assert "still open" not in texts(lifetimes_svg(fixed))
    assert {"closed in 4", "closed in 5"} <= set(texts(lifetimes_svg(fixed)))


def test_a_run_without_calls_is_drawn(stock):
    """An empty run gives pictures, not errors."""
    empty = attrs.evolve(stock, calls=())

    for draw in (sequence_svg, lifetimes_svg, beside):
        ET.fromstring(draw(empty))  # noqa: S314
    assert sequence_mermaid(empty).startswith("sequenceDiagram\n")


def test_the_openings_compare_two_runs(stock, fixed):
    """The title says what each run leaves open."""
    root = ET.fromstring(openings_svg(stock, fixed))  # noqa: S314

    assert root[0].text == "With stock 1 handle stays open; with close-root the hive unloads"


def test_the_matrix_has_a_word_in_every_cell(rows):
    """Each outcome is written in its cell, and the title says which fix does best."""
    svg = matrix_svg(rows)
    root = ET.fromstring(svg)  # noqa: S314

    assert [texts(svg).count(word) for word in ("lost", "late", "holder-broken", "n/a")] == [1] * 4
    assert texts(svg).count("saved") == 5
    assert root[0].text == (
        "With stock the profile is lost or a holder broken on 2 of 3 systems; "
        "with close-root on none of 3"
    )
    assert svg == matrix_svg(rows)


def test_an_empty_matrix_is_drawn():
    """A matrix without rows, or without a fix that applies, is no error."""
    for rows in ({}, {"xp": {"stock": Outcome.NOT_APPLICABLE}}):
        ET.fromstring(matrix_svg(rows))  # noqa: S314


def test_the_sequence_as_mermaid(stock, golden):
    """GitHub gets the same story as text."""
    assert sequence_mermaid(stock) == golden("sequence.mmd")


def test_mermaid_text_is_escaped(stock):
    """No name ends its line or starts markup."""
    calls = tuple(attrs.evolve(r, call=f"{HOSTILE}\n;%%") for r in stock.calls)
    said = sequence_mermaid(attrs.evolve(stock, calls=calls))

    assert len(said.splitlines()) == len(sequence_mermaid(stock).splitlines()) - 1
    assert "<" not in said.replace("-->>", "")
    assert "%%" not in said


def test_folded_lines_fit_and_lose_nothing():
    """A path that is too long is cut, and its pieces make it again."""
    path = r"\REGISTRY\USER\S-1-5-21-7\Software\Microsoft\Windows"
    lines = fold(path, 150)

    assert "".join(lines) == path
    assert all(measure(line) <= 150 for line in lines)
    assert measure(shorten(path, 150)) <= 150


def test_the_canvas_grows_with_its_text():
    """A long text makes the picture wide."""
    canvas = Canvas()
    canvas.text(0, 10, "x" * 1000)

    assert canvas.width >= measure("x" * 1000)


def luminance(colour):
    """Return how light *colour* is, from 0 to 1, as WCAG 2.2 reckons it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * p for weight, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    """Return the contrast of two colours."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_a_picture_can_be_read_in_light_and_dark(rows, stock):
    """Texts have a contrast of 4.5:1 on either ground, and shapes 3:1 on the dark one."""
    ground, dark = colours.WHITE, colours.DARK[colours.WHITE]
    inks = (colours.INK, colours.GREY, colours.RED_INK, colours.BLUE)
    assert min(contrast(ink, ground) for ink in inks) >= 4.5
    assert min(contrast(colours.DARK[ink], dark) for ink in inks) >= 4.5
    shapes = (colours.GREEN, colours.ORANGE, colours.RED, colours.SKY)
    assert min(contrast(shape, dark) for shape in shapes) >= 3
    for svg in (matrix_svg(rows), openings_svg(stock, stock), lifetimes_svg(stock)):
        on_ground = {n.get("fill") for n in ET.fromstring(svg).iter(f"{NS}text")}  # noqa: S314
        assert on_ground <= {*inks, colours.BLACK}


def test_a_dark_picture_is_the_same_picture(stock):
    """But for a rule for those whose system is dark, which names each colour that changes."""
    svg = lifetimes_svg(stock)
    both = colours.adapting(svg)

    assert re.sub(r"<style>@media \(prefers-color-scheme:dark\).*</style>\n", "", both) == svg
    for light, dark in colours.DARK.items():
        assert f'[fill="{light}"]{{fill:{dark}}}' in both
