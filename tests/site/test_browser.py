"""The playground in a real browser: it runs without a network, and by the keyboard alone."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from regsim.site.broken import ALL

CASE = ALL[0]
AXE = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDTH = "document.documentElement.scrollWidth"


def done(page: Any) -> str:
    """Return what the page says once its work is over."""
    page.locator("#stop").wait_for(state="hidden")
    return str(page.locator("#status").inner_text())


def frame(page: Any) -> Any:
    """Return the frame that has the steps."""
    return page.frame_locator("#frame")


def test_a_service_is_checked_and_its_break_played(bench: Any) -> None:
    """Check finds what is violated; the steps to it play beside, by the lab's own page."""
    page = bench()
    page.locator("#check").click()
    assert done(page).startswith("Violated: 120 states")
    assert page.locator("#claims tr.bad").count() == 2
    assert "released" in page.locator("#claims").inner_text()
    for _ in range(2):
        frame(page).locator("#next").click()
    assert "Step 2 of 7" in frame(page).locator("#card").inner_text()
    frame(page).locator("#play").click()
    frame(page).locator("#question").wait_for()
    assert "open-root" in frame(page).locator("#calls").inner_text()


def test_a_run_is_stepped_through(bench: Any) -> None:
    """One run has its handles, and what it broke."""
    page = bench("#work=q241572")
    page.locator("#run").click()
    assert done(page).startswith("One run of telephony")
    page.locator("#claims").get_by_text("broken at step 12").wait_for()
    frame(page).locator("#next").wait_for()


def test_a_challenge_is_solved_and_the_score_kept(bench: Any) -> None:
    """What does not solve it is told by its claims; what does counts, and outlasts a reload."""
    page = bench("#work=q241572")
    page.locator("#judge").click()
    assert done(page).startswith("Not solved yet: released")
    for _ in range(len(CASE.hints) + 1):
        page.locator("#hint").click()
    assert page.locator("#hints pre").inner_text().strip() == CASE.solution.strip()
    page.locator("#text").fill(CASE.solution)
    page.locator("#judge").click()
    assert done(page).startswith("Solved: ")
    assert page.locator("#score").inner_text().startswith("1 of 12 solved")
    page.reload()
    assert page.locator("#score").inner_text().startswith("1 of 12 solved")
    page.locator("#score button").click()
    assert page.locator("#score").inner_text().startswith("0 of 12 solved")


def test_code_in_a_link_is_shown_and_not_run(bench: Any) -> None:
    """A link's text stands in the page, under a warning, until the reader runs it."""
    text = "import js\njs.fetch('https://example.org/stolen')\n"
    code = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    page = bench(f"#work=&text={code}")
    assert page.locator("#text").input_value() == text
    assert page.locator("#shared").is_visible()
    page.wait_for_timeout(300)
    assert page.locator("#claims").inner_text() == ""
    assert page.locator("#error").inner_text() == ""


def test_code_reaches_nothing_outside(bench: Any) -> None:
    """What runs in the page cannot send anything to any other place, not even by its worker."""
    page = bench()
    page.locator("#text").fill(
        "import js\nimport regsim\n"
        "x = js.XMLHttpRequest.new()\nx.open('GET', 'http://127.0.0.1:9/stolen', False)\nx.send()\n"
    )
    page.locator("#run").click()
    done(page)
    assert "NetworkError" in page.locator("#error").inner_text()
    told = [each for each in page.told if "Content Security Policy" in each]
    assert told
    page.told.clear()


def test_a_link_that_is_made_leads_back(bench: Any) -> None:
    """The address holds the text, whatever letters are in it; a broken one is said to be broken."""
    page = bench()
    page.locator("#text").fill("# na\u00efve \u2713 ? & = +\n")
    page.locator("#link").click()
    page.locator("#status").get_by_text("It holds the text itself").wait_for()
    made = page.url.partition("#")[2]
    again = bench(f"#{made}", ready=False)
    assert again.locator("#text").input_value() == "# na\u00efve \u2713 ? & = +\n"
    cut = bench("#text=%%%", ready=False)
    assert "cannot be read" in cut.locator("#error").inner_text()


def test_an_endless_loop_is_stopped(bench: Any) -> None:
    """The simulator is ended and begins anew; the page goes on as before."""
    page = bench()
    own = page.locator("#text").input_value()
    page.locator("#text").fill("while True:\n    pass\n")
    page.locator("#run").click()
    page.wait_for_timeout(300)
    page.locator("#stop").click()
    page.locator("#status").get_by_text("Stopped.").wait_for()
    page.locator("#text").fill(own)
    page.locator("#check").click()
    assert done(page).startswith("Violated")


def test_an_error_names_its_line(bench: Any) -> None:
    """What is wrong stands below the buttons, and its line is marked."""
    page = bench()
    page.locator("#text").fill("import regsim\n\nx = (\n")
    page.locator("#check").click()
    done(page)
    assert "was never closed" in page.locator("#error").inner_text()
    assert page.locator("#lines b").inner_text() == "3"


def test_by_the_keyboard_alone(bench: Any) -> None:
    """From the choice of the challenge to its solution without a mouse; Tab leaves the text."""
    page = bench()
    page.locator("#work").focus()
    page.keyboard.press("ArrowDown")
    assert page.locator("#text-title").inner_text() == CASE.title
    page.locator("#text").focus()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(CASE.solution)
    page.keyboard.press("Control+Enter")
    assert done(page).startswith("Solved: ")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") != "text"
    page.locator("#text").focus()
    page.keyboard.press("Control+End")
    page.keyboard.type("if 1:\nx")
    assert page.locator("#text").input_value().endswith("if 1:\n    x")
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")
    assert page.locator("#text").input_value().endswith("if 1:\n")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(bench: Any, scheme: str) -> None:
    """The rules of axe-core for WCAG 2.2 AA and good practice find nothing, before and after."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe here")
    page = bench("#work=q241572", color_scheme=scheme, bypass_csp=True)
    for what in ("", "judge"):
        if what:
            page.locator("#hint").click()
            page.locator(f"#{what}").click()
            done(page)
        found = axe.Axe().run(page, options={"runOnly": AXE})
        assert [(v["id"], v["nodes"][0]["html"]) for v in found.response["violations"]] == []


def test_it_fits_a_phone(bench: Any) -> None:
    """At 360 pixels nothing but the text scrolls sideways."""
    page = bench(viewport={"width": 360, "height": 740})
    assert page.evaluate(WIDTH) <= 360
    page.locator("#check").click()
    done(page)
    assert page.evaluate(WIDTH) <= 360


def test_without_webassembly_the_stories_stand_in(bench: Any) -> None:
    """The page says why, and each story opens and plays."""
    page = bench(ready=False, java_script_enabled=False)
    assert page.locator("#labs li").count() == len(ALL)
    off = bench(ready=False)
    off.context.add_init_script("delete globalThis.WebAssembly")
    off.reload()
    assert "WebAssembly" in off.locator("#absent").inner_text()
    assert not off.locator("#play").is_visible()
    off.locator("#labs a").first.click()
    off.locator("#next").wait_for()


def test_from_a_file_the_stories_stand_in(visit: Any, playground: Path) -> None:
    """Opened from the disk the page says how it runs, and its links lead to stories."""
    page = visit().open(playground / "index.html")
    assert "--serve" in page.locator("#absent").inner_text()
    assert page.locator("#labs a").first.is_visible()
