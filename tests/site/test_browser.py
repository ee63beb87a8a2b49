"""The playground in a real browser: it runs without a network, and by the keyboard alone."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

from regsim.site.broken import ALL

CASE = ALL[0]
WIDTH = "document.documentElement.scrollWidth"
Bench = Callable[..., Any]


def done(page: Any) -> str:
    """Return what the page says once its work is over."""
    page.locator("#stop").wait_for(state="hidden")
    return str(page.locator("#status").inner_text())


def steps(page: Any) -> Any:
    """Return what has the steps."""
    return page.locator("#steps")


def test_a_service_is_checked_and_its_break_played(bench: Bench) -> None:
    """Check finds what is violated; the steps to it play beside, by the lab's own page."""
    page = bench()
    page.locator("#check").click()
    assert done(page).startswith("Violated: 120 states")
    assert page.locator("#claims tr.bad").count() == 2
    assert "released" in page.locator("#claims").inner_text()
    for _ in range(2):
        steps(page).locator("#next").click()
    assert "Step 2 of 7" in steps(page).locator("#card").inner_text()
    steps(page).locator("#play").click()
    steps(page).locator("#question").wait_for()
    assert "open-root" in steps(page).locator("#calls").inner_text()


def test_a_run_is_stepped_through(bench: Bench) -> None:
    """One run has its handles, and what it broke."""
    page = bench(CASE.name)
    page.locator("#run").click()
    assert done(page).startswith("One run of telephony")
    page.locator("#claims").get_by_text("broken at step 12").wait_for()
    steps(page).locator("#next").wait_for()


def test_a_challenge_is_solved_and_the_score_kept(bench: Bench, desk: Any) -> None:
    """What does not solve it is told by its claims; what does counts, and outlasts the page."""
    page = bench(CASE.name)
    page.locator("#judge").click()
    assert done(page).startswith("Not solved yet: released")
    for _ in range(len(CASE.hints) + 1):
        page.locator("#hint").click()
    assert page.locator("#hints pre").inner_text().strip() == CASE.solution.strip()
    page.locator("#text").fill(CASE.solution)
    page.locator("#judge").click()
    assert done(page).startswith("Solved: ")
    other = desk.open()
    assert other.locator("#score").inner_text().startswith("1 of 12 solved")
    other.locator("#score button").click()
    assert other.locator("#score").inner_text().startswith("0 of 12 solved")
    other.close()


def test_code_in_a_link_is_shown_and_not_run(desk: Any) -> None:
    """A link's text stands in the page, under a warning, until the reader runs it."""
    text = "raise SystemExit('it ran')\n"
    code = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    page = desk.open(f"#work=&text={code}")
    page.locator("body[data-ready]").wait_for()
    page.wait_for_timeout(200)
    assert page.locator("#text").input_value() == text
    assert page.locator("#shared").is_visible()
    assert page.locator("#status").inner_text() == "Ready."
    assert page.locator("#error").inner_text() == ""
    page.close()


def test_code_reaches_nothing_outside(bench: Bench, desk: Any) -> None:
    """What runs in the page cannot send anything to any other place; a page that may, is caught."""
    page = bench()
    page.locator("#text").fill(
        "import js\nx = js.XMLHttpRequest.new()\n"
        "x.open('GET', 'https://example.org/stolen', False)\nx.send()\n"
    )
    page.locator("#run").click()
    done(page)
    assert "NetworkError" in page.locator("#error").inner_text()
    assert ("https://example.org/stolen", "csp") in desk.refused
    assert desk.sent == []
    other = desk.context.new_page()
    other.set_content('<img src="https://example.org/sent">')
    other.wait_for_timeout(100)
    other.close()
    assert desk.sent == ["https://example.org/sent"]
    desk.told()


def test_a_link_that_is_made_leads_back(bench: Bench, desk: Any) -> None:
    """The address holds the text, whatever letters are in it; a broken one is said to be broken."""
    page = bench()
    page.locator("#text").fill("# na\u00efve \u2713 ? & = +\n")
    page.locator("#link").click()
    page.locator("#status").get_by_text("It holds the text itself").wait_for()
    again = desk.open("#" + page.evaluate("location.href").partition("#")[2])
    assert again.locator("#text").input_value() == "# na\u00efve \u2713 ? & = +\n"
    again.close()
    cut = desk.open("#text=%25%25%25")
    assert "cannot be read" in cut.locator("#error").inner_text()
    cut.close()


def test_an_error_names_its_line(bench: Bench) -> None:
    """What is wrong stands below the buttons, and its line is marked."""
    page = bench()
    page.locator("#text").fill("import regsim\n\nx = (\n")
    page.locator("#check").click()
    done(page)
    assert "was never closed" in page.locator("#error").inner_text()
    assert page.locator("#lines b").inner_text() == "3"


def test_by_the_keyboard_alone(bench: Bench) -> None:
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
    page.locator("#text").focus()
    page.keyboard.press("Control+End")
    page.keyboard.type("if 1:\nx")
    assert page.locator("#text").input_value().endswith("if 1:\n    x")
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")
    assert page.locator("#text").input_value().endswith("if 1:\n")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") != "text"


def test_it_fits_a_phone(bench: Bench) -> None:
    """At 360 pixels nothing but the text scrolls sideways."""
    page = bench()
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate(WIDTH) <= 360
    page.locator("#check").click()
    done(page)
    assert page.evaluate(WIDTH) <= 360


def test_an_exercise_of_the_course_is_asked_and_judged(bench: Bench) -> None:
    """The page has the course's own exercises; each answer is judged by the simulator at once."""
    page = bench("e1")
    assert not page.locator("#text").is_visible()
    page.locator("#exercise input, #exercise .line").first.wait_for()
    choices = page.locator("#exercise .option")
    if choices.count():
        choices.first.click()
    else:
        page.locator("#exercise .line").fill("many")
        page.locator("#exercise button[type=submit]").click()
        page.locator("#exercise .missing").get_by_text("number").wait_for()
        page.locator("#exercise .line").fill("1")
    page.locator("#exercise button[type=submit]").click()
    page.locator("#exercise .reply").wait_for()


def test_a_fix_is_taken_into_the_text(bench: Bench) -> None:
    """What is found is put where its patch says, and then holds; a changed text takes none."""
    page = bench(ALL[1].name)
    page.locator("#fix").click()
    assert "found to make every claim hold" in done(page)
    take = page.locator("#fixes button").first
    own = page.locator("#text").input_value()
    page.locator("#text").fill("# another\n")
    take.click()
    assert "has changed" in page.locator("#status").inner_text()
    page.locator("#text").fill(own)
    take.click()
    page.locator("#judge").click()
    assert done(page).startswith("Solved: ")


def test_an_endless_loop_is_stopped(bench: Bench) -> None:
    """The simulator is ended and begins anew; the page goes on as before."""
    page = bench()
    page.locator("#text").fill("while True:\n    pass\n")
    page.locator("#run").click()
    page.wait_for_timeout(300)
    page.locator("#stop").click()
    page.locator("#status").get_by_text("Stopped.").wait_for()
    page.locator("#again").click()
    page.locator("#check").click()
    assert done(page).startswith("Violated")


def test_an_answer_counts_for_what_was_asked_alone(bench: Bench) -> None:
    """Who turns to other work while the simulator runs gives the question up: nothing is solved."""
    page = bench(CASE.name)
    page.locator("#text").fill(CASE.solution)
    before = page.locator("#score").inner_text()
    page.evaluate(
        "document.getElementById('judge').click();"
        "const work = document.getElementById('work');"
        f"work.value = {ALL[2].name!r}; work.dispatchEvent(new Event('change'));"
    )
    page.locator("#stop").wait_for(state="hidden")
    page.locator("#judge").click()
    assert done(page).startswith("Not solved yet: released")
    assert page.locator("#score").inner_text() == before


def test_axe_finds_nothing(windows: Callable[..., Any], faults: Callable[..., Any]) -> None:
    """The rules of axe-core for WCAG 2.2 AA and good practice find nothing, in light and dark."""
    page = windows(bypass_csp=True).open(f"#work={CASE.name}")

    def nothing() -> None:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert faults(page) == []

    nothing()
    for _ in range(len(CASE.hints) + 1):
        page.locator("#hint").click()
    page.locator("#judge").click()
    assert "Not solved" in done(page)
    nothing()
    page.locator("#work").select_option("e1")
    nothing()


def test_without_webassembly_the_stories_stand_in(windows: Callable[..., Any]) -> None:
    """The page says why, and each story opens and plays; without scripts there are links, too."""
    silent = windows(java_script_enabled=False).open()
    assert silent.locator("#labs li").count() == len(ALL)
    desk = windows()
    page = desk.open(before="delete globalThis.WebAssembly")
    assert "WebAssembly" in page.locator("#absent").inner_text()
    assert not page.locator("#play").is_visible()
    page.locator("#labs a").first.click()
    page.locator("#next").wait_for()
    assert desk.told() == []


def test_from_a_file_the_stories_stand_in(visit: Any, playground: Path) -> None:
    """Opened from the disk the page says how it runs, and its links lead to stories."""
    page = visit().open(playground / "index.html")
    assert "--serve" in page.locator("#absent").inner_text()
    assert page.locator("#labs a").first.is_visible()
