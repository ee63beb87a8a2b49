"""The page of a fleet: it stands alone, counts for what is filtered, and runs no name."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest
from made import FIRST, Held, event_text

from regsim.fleet.page import page_of
from regsim.fleet.ranking import Ranking, Tally

HOSTILE = "</script><img src=x onerror=alert(1)>&\"'\u202e"


class Elements(HTMLParser):
    """Counts elements and keeps texts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the element; none may have a handler or fetch anything."""
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on")
            assert name not in ("src", "action")
            assert name != "href" or value == "data:,"


@pytest.fixture
def page(fleet, run) -> Path:
    """The page of a fleet with a host and a process of hostile names."""
    text = event_text(Held("PCX", "S-1-5-21-1-2-3-1001", "a.exe", 16), FIRST)
    path = fleet / "x.txt"
    path.write_text(text.replace("PCX", HOSTILE).replace("a.exe", "<b>.exe"))
    run("fleet", "-o", "out", "--host-from", "{host}/...")
    return Path("out/index.html").resolve()


def test_names_are_text(page: Path) -> None:
    """No name makes an element, ends the script or asks for anything."""
    elements = Elements()
    text = page.read_text()
    elements.feed(text)

    assert "img" not in elements.tags
    assert "b" not in elements.tags
    assert elements.tags.count("script") == 2
    assert "\u202e" not in text
    assert "&lt;b&gt;.exe" in text


def test_filters_count_again(visit, page: Path) -> None:
    """What is typed or chosen leaves the rows that it is about; without a script all stand."""
    shown = visit().open(page)
    holders = shown.locator("#holders tbody tr")
    every = holders.count()
    shown.fill("#text", "PC00003")
    assert 0 < holders.count() < every
    assert shown.locator("#hosts tbody tr").count() == 1
    shown.fill("#text", "")
    assert holders.count() == every
    week = shown.locator("#week option").nth(1).get_attribute("value")
    shown.select_option("#week", week)
    assert shown.locator("#weeks tbody tr").count() == 1
    shown.fill("#text", "no such thing")
    assert holders.all_inner_texts() == ["nothing"]

    plain = visit(java_script_enabled=False).open(page)
    assert plain.locator("#holders tbody tr").count() == every
    assert not plain.locator("#filters").is_visible()


def test_what_is_counted_of_all_is_not_shown_of_some(visit, page: Path) -> None:
    """Hives, times and proofs are of every week: under a filter these cells are empty."""
    shown = visit().open(page)
    for table, cells in (("holders", (2, 3, 5)), ("hosts", (1, 3))):
        row = shown.locator(f"#{table} tbody tr").first
        assert any(row.locator("td").nth(at).inner_text() for at in cells)
    shown.fill("#text", "PC00003")
    for table, cells in (("holders", (2, 3, 4, 5, 6)), ("hosts", (1, 3))):
        row = shown.locator(f"#{table} tbody tr").first
        assert not any(row.locator("td").nth(at).inner_text() for at in cells)


def test_a_table_that_is_cut_says_so() -> None:
    """More rows than a table of the page has are told of; of fewer nothing is said."""
    for hosts, told in ((501, True), (500, False)):
        ranking = Ranking(hosts={f"PC{n}": Tally() for n in range(hosts)})
        assert ("first 500 rows" in page_of(ranking)) is told
    assert "501 hosts" in page_of(Ranking(hosts={f"PC{n}": Tally() for n in range(501)}))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(visit, faults, page: Path, scheme: str) -> None:
    """The rules of axe-core for WCAG 2.2 AA and good practice; nothing is wider than 360 px."""
    narrow = {"width": 360, "height": 740}
    shown = visit(color_scheme=scheme, bypass_csp=True, viewport=narrow).open(page)

    assert faults(shown) == []
    assert shown.evaluate("document.documentElement.scrollWidth") <= 360
