"""The page to explore in, in a real browser: whoever reads chooses, undoes, is shown the way."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regsim import models
from regsim.check import Verdict, always, check_all, state
from regsim.check.factored import Factored
from regsim.check.paths import follow
from regsim.check.property import PropertyKind
from regsim.check.verify import factored
from regsim.report.lab.exploring import MOST_BYTES, explorer_html

LEAK = "011011000"
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u2028&amp;\"'"
SHORTEST = """() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const t = readTables(data);
  const found = t.distances(0);
  return [t.whole, data.claims.map((c) => {
    const way = c.bit < 0 ? null : t.way(found, c.bit);
    return [c.name, way && way.length, way && pathCode(data, 0, way)];
  })];
}"""

EDGE = """() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const t = readTables(data);
  const found = t.distances(0);
  const choices = [];
  let state = found.queue.find((n) => t.out[n].some((edge) => edge.to === t.BEYOND));
  for (; found.via[state]; [state] = found.via[state]) choices.unshift(found.via[state][1]);
  return pathCode(data, 0, choices);
}"""


def case() -> Factored:
    """Return the case, small."""
    made: Factored = models.model("q241572", services=0, queue=1)
    return made


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes the page of the case, whole or cut off at so many bytes."""
    folder = tmp_path_factory.mktemp("explore")

    def make(most: int = MOST_BYTES) -> Path:
        path = folder / f"{most}.html"
        if not path.exists():
            page = explorer_html(
                case(), title="case", intro="Explore.", command="check --path", most_bytes=most
            )
            path.write_text(page, encoding="utf-8")
        return path

    return make


def way(page: Any) -> str:
    """Return the way that the page's address names."""
    found = re.search(r"way=(\w*)", page.evaluate("location.hash"))
    assert found is not None
    return found[1]


def claim(page: Any, name: str) -> Any:
    """Return the item of the claim called *name*."""
    return page.locator("#claims > li", has=page.locator("b", has_text=re.compile(f"^{name}$")))


def test_the_pages_own_search_finds_the_explorers_paths(visit, pages):
    """Its shortest way to each claim is as long as the path that a check gives, and one of them."""
    page = visit().open(pages())
    whole, found = page.evaluate(SHORTEST)
    results = {r.property.name: r for r in check_all(case())}

    assert whole
    for name, length, code in found:
        path = results[name].path
        safety = results[name].property.kind is not PropertyKind.LEADS_TO
        assert length == (len(path.steps) if path is not None and safety else None)
        if length is not None:
            page.evaluate(f"location.hash = '#way={code}'")
            page.locator("#where", has_text=f"After {length} step").wait_for()


def test_a_claim_turns_red_by_keyboard_alone(visit, pages):
    """The digits choose, the arrow undoes, Home restarts; the claim is red in that state alone."""
    page = visit().open(pages())
    result = next(r for r in check_all(case(), ["leak"]))
    for choice in result.path.code:
        assert "not broken here" in claim(page, "leak").inner_text()
        page.keyboard.press(str(int(choice) + 1))

    assert "leak is broken here" in page.locator("#where").inner_text()
    assert page.locator("#live").inner_text().startswith("leak is broken here.")
    assert "bad" in claim(page, "leak").get_attribute("class")
    assert "nobody asked for it; blocks a normal unload" in page.locator("#table").inner_text()
    page.keyboard.press("ArrowLeft")
    assert "no claim about a state is broken here" in page.locator("#where").inner_text()
    page.keyboard.press("Home")
    assert way(page) == ""


def test_the_shortest_way_is_shown_from_here(visit, pages):
    """It is found from wherever the reader is; the arrow goes along it, or another step leaves."""
    page = visit().open(pages(), "#way=01")
    button = claim(page, "leak").locator("button")
    button.click()
    assert page.locator("#options .onway").count() == 1
    left = int(re.search(r"(\d+) steps? from here", claim(page, "leak").inner_text())[1])
    for _ in range(left):
        page.keyboard.press("ArrowRight")

    assert "leak is broken here" in page.locator("#where").inner_text()
    assert len(way(page)) == 2 + left
    assert page.locator("#onward").is_disabled()


def test_the_code_of_the_way_replays_on_the_command_line(visit, pages):
    """What the page shows below the way is the path of `regsim check --path`."""
    code = check_all(case(), ["leak"])[0].path.code
    page = visit().open(pages(), f"#way={code}")

    assert page.locator("#replay").inner_text() == f"check --path {code}"
    walk = follow(case(), code)
    calls = page.locator("#calls li").all_inner_texts()
    assert [text.split()[0] for text in calls] == [step.actor for step in walk.path.steps]
    assert walk.verdict(next(p for p in case().properties if p.name == "leak")) is Verdict.VIOLATED


def test_beyond_the_tables_nothing_is_said(visit, pages):
    """A step that leads beyond cannot be taken, and no claim is said to hold, or not to be so."""
    page = visit().open(pages(4_500))
    whole, found = page.evaluate(SHORTEST)
    text = page.locator("#claims").inner_text() + page.locator("#extent").inner_text()

    assert not whole
    assert "it holds" not in text
    assert "it can never be" not in text
    assert "what lies beyond is not explored here" in text
    assert "of those nothing is said" in text
    assert ["leak", None, None] in found
    page.evaluate(f"location.hash = '#way={page.evaluate(EDGE)}'")
    beyond = page.locator("#options button:disabled")
    beyond.first.wait_for()
    assert "leads beyond what is explored here" in beyond.first.inner_text()
    assert "No way leads there" not in page.locator("#claims").inner_text()


def test_a_whole_page_says_what_holds(visit, pages):
    """Where every state is there, what none of them breaks is said to hold."""
    page = visit().open(pages())

    assert "it holds" in claim(page, "err").inner_text()
    assert "regsim check answers it" in claim(page, "live").inner_text()


@pytest.mark.parametrize(
    ("scheme", "most", "fragment"),
    [
        ("light", MOST_BYTES, f"#way={LEAK}"),
        ("dark", MOST_BYTES, f"#way={LEAK}"),
        ("dark", 4_500, "#way=01"),
    ],
)
def test_axe_finds_nothing(visit, faults, pages, scheme, most, fragment):
    """The rules of axe-core for WCAG 2.2 AA and good practice find nothing in any state."""
    page = visit(color_scheme=scheme, bypass_csp=True).open(pages(most), fragment)

    assert faults(page) == []


@pytest.mark.parametrize("fragment", ["", "#way=01101100"])
def test_nothing_is_wider_than_the_narrowest_screen(visit, pages, fragment):
    """At 320 pixels the page scrolls down only, and the moves stay in view."""
    page = visit(viewport={"width": 320, "height": 700}).open(pages(), fragment)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.evaluate("scrollTo(0, document.body.scrollHeight)")

    for control in ("#undo", "#again", "#onward"):
        box = page.locator(control).bounding_box()
        assert 0 <= box["y"] <= 700 - box["height"], control


def test_the_focus_stays_where_one_chooses(visit, pages):
    """Who presses Enter on a step has the focus on the next choice, or on what undoes it."""
    page = visit().open(pages())
    page.locator("#options button").first.focus()
    for _ in range(3):
        page.keyboard.press("Enter")

    assert len(way(page)) == 3
    assert page.evaluate("document.activeElement.closest('#options') !== null")


class Hostile:
    """A model whose names are markup."""

    name = "hostile"
    processes = (HOSTILE,)
    properties = (always(HOSTILE, state(lambda number: number < 2), HOSTILE),)

    def init_states(self) -> list[int]:
        """Return the beginning."""
        return [0]

    def actions(self, number: int, process: int) -> list[str]:  # noqa: ARG002
        """Return the one step."""
        return [HOSTILE] * (number < 3)

    def next_state(self, number: int, process: int, action: str) -> int:  # noqa: ARG002
        """Return the next number."""
        return number + 1


def test_hostile_names_stay_text(visit, tmp_path):
    """An actor, a step and a claim named like markup are shown as they are, and run nothing."""
    path = tmp_path / "hostile.html"
    made = explorer_html(factored(Hostile()), title=HOSTILE, intro=HOSTILE, command=HOSTILE)
    path.write_text(made, encoding="utf-8")
    page = visit().open(path, "#way=00")

    assert "</script><script>alert(1)</script>" in page.locator("#options").inner_text()
    assert "broken here" in page.locator("#where").inner_text()
    assert page.locator("script").count() == 2
    assert page.locator("img").count() == 0
