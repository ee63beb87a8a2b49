"""The page in a real browser: it plays by keyboard alone, reads well, fits, and runs no name."""

from __future__ import annotations

import re
from typing import Any

import attrs
import pytest

from regsim.report.lab.page import lab_html
from regsim.report.lab.stories import Lab

END = 14  # the case has 13 steps with no fix, then its verdict
NARROW = {"width": 320, "height": 700}
STATES = ["", "#step=8", f"#step={END}", "#os=win10&fix=none&step=15", "#os=nt4-sp6a&fix=uphclean"]
FOCUS = """() => {
  const node = document.activeElement;
  const style = getComputedStyle(node);
  return [style.outlineStyle, parseFloat(style.outlineWidth), node.id || node.textContent.trim()];
}"""
WIDTH = "document.documentElement.scrollWidth"


def step_of(page: Any) -> int:
    """Return the step that the page's address names, as the page itself knows it.

    Playwright's own `url` is told of a change of the address later.
    """
    found = re.search(r"step=(\d+)", page.evaluate("location.hash"))
    assert found is not None
    return int(found[1])


def until(page: Any, true: str) -> None:
    """Wait until the expression *true* is so; the page's policy keeps playwright from doing it."""
    for _ in range(400):
        if page.evaluate(true):
            return
        page.wait_for_timeout(25)
    pytest.fail(f"never so: {true}")


def answer(page: Any, text: str) -> None:
    """Answer the question on show by the keyboard: from its first choice on with the arrows."""
    labels = page.locator("#question label").all_inner_texts()
    page.keyboard.press("Space")
    for _ in range(labels.index(text)):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")


def play(page: Any, answers: list[str]) -> None:
    """Play the story to its end by the keyboard, giving *answers* in turn."""
    for _ in range(2 * END):
        if step_of(page) == END:
            return
        if page.locator("#question").is_visible():
            answer(page, answers.pop(0))
        else:
            page.keyboard.press("ArrowRight")
    pytest.fail(f"the keyboard leads no further than step {step_of(page)}")


def test_the_case_is_played_by_keyboard_alone(visit, page_file):
    """Who answers every question right, with the keyboard only, reads so at the end."""
    page = visit().open(page_file)
    play(
        page,
        [
            "Two",
            "No, it is refused",
            "tapisrv.exe (TapiSrv)",
            "It is lost: the server keeps the old copy",
        ],
    )

    assert page.locator("#feedback").inner_text().startswith("As you said.")
    assert "You foresaw 4 of 4." in page.locator(".score").inner_text()
    assert page.evaluate(FOCUS)[2] == "end-title"


def test_wrong_answers_are_contradicted_by_the_call(visit, page_file):
    """Who is wrong is told which handle and which call say otherwise, and scores nothing."""
    page = visit().open(page_file)
    play(page, ["One", "Yes, the hive unloads", "nobody", "It is saved at once"])

    assert "You foresaw 0 of 4." in page.locator(".score").inner_text()
    page.keyboard.press("ArrowLeft")
    reply = page.locator("#feedback").inner_text()
    assert "You answered: nobody" in reply
    assert reply.count("Not as you said.") == 2
    assert "tapisrv.exe (TapiSrv) with 0x4 on the root of the user's hive" in reply


def test_no_step_is_shown_before_its_question(visit, page_file):
    """Neither the button, nor the keys, nor the slider pass a question that is not answered."""
    page = visit().open(page_file)
    page.locator("#slider").evaluate(
        "node => { node.value = node.max; node.dispatchEvent(new Event('input')) }"
    )

    assert step_of(page) == 7
    assert page.locator("#question").is_visible()
    assert "CANNOT_DELETE" not in page.locator("main").inner_text()
    page.locator("#pass").click()
    assert step_of(page) == 8


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("fragment", STATES)
def test_axe_finds_nothing(visit, faults, page_file, scheme, fragment):
    """The rules of axe-core for WCAG 2.2 AA and good practice find nothing in any state."""
    page = visit(color_scheme=scheme, bypass_csp=True).open(page_file, fragment)
    if not fragment:
        for _ in range(8):
            page.keyboard.press("ArrowRight")

    assert faults(page) == []


@pytest.mark.parametrize("fragment", STATES)
def test_nothing_is_wider_than_the_narrowest_screen(visit, page_file, fragment):
    """At 320 pixels the page scrolls down only, also with a question and with the comparison."""
    page = visit(viewport=NARROW).open(page_file, fragment)

    assert page.evaluate(WIDTH) <= 320
    for _ in range(0 if fragment else 8):
        page.keyboard.press("ArrowRight")
    assert page.locator("#question").is_visible() is not fragment.startswith("#")
    assert page.evaluate(WIDTH) <= 320


def test_the_focus_is_always_visible(visit, page_file):
    """All that the Tab key reaches is outlined while it has the focus, and it reaches it all."""
    page = visit().open(page_file, "#step=9")
    reached = []
    for _ in range(30):
        page.keyboard.press("Tab")
        style, width, name = page.evaluate(FOCUS)
        if name.startswith("Skip") and reached:
            break
        if page.evaluate("document.activeElement === document.body"):
            continue
        assert (style, width >= 2) == ("solid", True), name
        reached.append(name)

    for control in ("axis-0", "axis-1", "slider", "back", "play", "next"):
        assert control in reached


def test_the_slider_says_where_it_stands(visit, page_file):
    """A screen reader hears the step, who calls what, and what the registry answered."""
    page = visit().open(page_file, "#step=13")

    assert page.locator("#slider").get_attribute("aria-valuetext") == (
        "Step 13 of 13, Winlogon: RegUnLoadKey(HKU, <SID>), unload, CANNOT_DELETE"
    )
    assert page.locator("#live").inner_text().startswith("Step 13 of 13, Winlogon")


def test_the_tree_of_a_screen_reader_makes_sense(visit, page_file):
    """Headings, controls, table and graph have their roles and names."""
    page = visit().open(page_file, "#step=9")
    tree = page.locator("body").aria_snapshot()

    for line in (
        'heading "Roaming profile may not be saved to the server (KB Q241572)" [level=1]',
        'combobox "System"',
        'combobox "Fix"',
        'slider "Step"',
        'button "Next"',
        'heading "Open handles" [level=2]',
        'columnheader "Opened by"',
        'rowheader "tapisrv.exe (TapiSrv) process 104"',
        "img \"tapisrv.exe (TapiSrv) refers by handle 0x4 to the root of the user's hive",
    ):
        assert line in tree, line


def test_a_link_leads_back_to_its_step(visit, page_file):
    """The address names system, fix and step; stepping adds nothing to the Back button's way."""
    page = visit().open(page_file, "#os=win10&fix=none&step=14")

    assert page.locator("#axis-0").input_value() == "win10"
    assert "Step 14 of" in page.locator("#card").inner_text()
    before = page.evaluate("history.length")
    page.keyboard.press("ArrowLeft")
    assert step_of(page) == 13
    assert page.evaluate("history.length") == before


def test_another_fix_tells_another_story(visit, page_file):
    """With the hotfix the same schedule ends well, and the two stand side by side."""
    page = visit().open(page_file, f"#step={END}")

    assert page.locator("#end .word").inner_text() == "lost"
    pairs = page.locator("#compare-table").inner_text()
    assert "unload \u2192 CANNOT_DELETE" in pairs
    assert "unload \u2192 SUCCESS" in pairs
    assert "only with hotfix" in pairs
    page.locator("#axis-1").select_option("hotfix")
    page.evaluate("location.hash = '#os=nt4-sp6a&fix=hotfix&step=15'")
    page.locator("#end .word", has_text="saved").wait_for()


def test_a_fix_that_is_not_there_says_why(visit, page_file):
    """A fix that the system has not got is answered with the reason, and the way back works."""
    page = visit().open(page_file)
    page.locator("#axis-1").select_option("open-current-user")

    assert "does not exist on nt4-sp6a" in page.locator("#absent").inner_text()
    assert page.locator("#lab").is_hidden()
    page.locator("#axis-1").select_option("none")
    assert page.locator("#lab").is_visible()


HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u2028&amp;\"'"


def test_hostile_names_stay_text(visit, lab, tmp_path):
    """A key, a process and a call named like markup are shown as they are, and run nothing."""
    story = lab.stories[lab.start]
    frames = tuple(
        attrs.evolve(
            frame,
            call=HOSTILE,
            note=HOSTILE,
            changes=tuple(attrs.evolve(change, text=HOSTILE) for change in frame.changes),
            table=tuple(
                attrs.evolve(row, key=row.hive + "\\" + HOSTILE, process=HOSTILE, opened_by=HOSTILE)
                for row in frame.table
            ),
        )
        for frame in story.frames
    )
    told = attrs.evolve(story, frames=frames, finding=HOSTILE, verdict=(HOSTILE,), word=HOSTILE)
    path = tmp_path / "hostile.html"
    path.write_text(
        lab_html(Lab(title=HOSTILE, intro=HOSTILE, stories={(): told})), encoding="utf-8"
    )
    one = visit()
    page = one.open(path, "#step=9")

    assert "</script><script>alert(1)</script>" in page.locator("#table").inner_text()
    assert page.locator("script").count() == 2
    assert page.locator("img").count() == 0
    page.evaluate(f"location.hash = '#step={END}'")
    page.wait_for_selector("#end-title")
    assert page.locator("#compare").is_hidden()


def test_the_page_shows_something_at_once(visit, page_file):
    """Its title and what it is about wait for no script, which comes last."""
    page = visit(java_script_enabled=False).open(page_file)

    assert page.locator("h1").is_visible()
    assert page.locator(".intro").is_visible()
    assert page.locator("script ~ :not(script)").count() == 0


def test_no_motion_and_forced_colours_leave_the_blockers_visible(visit, page_file):
    """Without motion nothing moves; forced colours leave the blocker its shape."""
    page = visit(reduced_motion="reduce", forced_colors="active").open(page_file, "#step=13")

    duration = "getComputedStyle(document.querySelector('button')).transitionDuration"
    assert page.evaluate(duration) == "0s"
    assert page.evaluate("document.getAnimations().length") == 0
    assert page.locator("#graph .node.blocks path").count() >= 1
    assert "blocks unload" in page.locator("#graph .tag").first.inner_html()


# -- the cockpit ---------------------------------------------------------------------------------

DESK, PHONE = {"width": 1280, "height": 720}, {"width": 360, "height": 640}
BARS = "[...document.querySelectorAll('.life')].map(bar => parseFloat(bar.style.width))"


@pytest.mark.parametrize("size", [DESK, PHONE])
def test_the_controls_stay_in_view(visit, page_file, size):
    """However far the reader scrolls, Back, Play, Next and the slider are on the screen."""
    page = visit(viewport=size).open(page_file, f"#step={END}")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")

    for control in ("#slider", "#back", "#play", "#next"):
        box = page.locator(control).bounding_box()
        assert box is not None
        assert 0 <= box["y"] <= size["height"] - box["height"], control


def test_story_graph_and_handles_stand_side_by_side(visit, page_file):
    """On a desk's screen all three are above the fold, also while a question about them is open."""
    page = visit(viewport=DESK).open(page_file, "#step=7")
    page.locator("#next").click()
    assert page.locator("#question").is_visible()

    boxes = [page.locator(f".cockpit > :nth-child({n})").bounding_box() for n in (1, 2, 3)]
    drawn = page.locator("#graph svg").bounding_box()
    assert len({box["y"] for box in boxes}) == 1
    assert [box["x"] for box in boxes] == sorted({box["x"] for box in boxes})
    assert drawn["y"] + drawn["height"] <= DESK["height"]


def test_the_graph_is_whole_on_a_telephone(visit, page_file):
    """It is drawn for the room there is: nothing is cut off, and no name runs over its box."""
    page = visit(viewport=PHONE).open(page_file, "#step=9")

    box = page.locator("#graph svg").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE["width"]
    spills = """[...document.querySelectorAll('#graph .node')].filter(node => {
        const [shape, ...texts] = [...node.querySelectorAll('rect, path:not(.lid), text')];
        return texts.some(t => t.getBBox().width > shape.getBBox().width + 1);
    }).length"""
    assert page.evaluate(spills) == 0


def test_the_slider_shows_lives_and_nothing_to_come(visit, page_file):
    """Each handle is a bar from its open to its close; later ones are not there yet."""
    page = visit().open(page_file, "#step=5")
    assert len(page.evaluate(BARS)) == 2
    assert page.locator(".life.open").count() == 1

    page.evaluate("location.hash = '#step=9'")
    until(page, "document.querySelectorAll('.life').length === 4")
    assert page.locator(".life.open").count() == 3
    assert page.locator(".life.blocks").count() == 0
    page.evaluate("location.hash = '#step=13'")
    until(page, "document.querySelectorAll('.life.blocks').length === 1")


def test_a_handle_is_seen_to_die(visit, page_file):
    """The step that closes it shows it once more, as closed; the next one does not."""
    page = visit().open(page_file, "#step=11")
    assert page.locator("#graph .node.closed").count() == 2
    assert page.locator("#table tr.closed td[data-head=State]").inner_text() == (
        "closed by this step"
    )
    assert "2 handles" in page.locator("#table caption").inner_text()

    page.evaluate("location.hash = '#step=12'")
    until(page, "!document.querySelector('#table tr.closed code')?.innerText.includes('0x8')")
    page.evaluate("location.hash = '#step=13'")
    until(page, "!document.querySelector('.closed')")


def test_it_plays_until_it_asks(visit, page_file):
    """Play steps on by itself, pauses at a question, and says there what it waits for."""
    page = visit().open(page_file, "#step=5")
    page.keyboard.press("p")
    assert page.locator("#play").inner_text() == "Pause"
    until(page, "!document.getElementById('question').hidden")
    assert page.locator("#play").inner_text() == "Play"
    assert step_of(page) == 7

    page.locator("#next").click()
    assert "First answer this question" in page.locator("#question .missing").inner_text()
    assert step_of(page) == 7


def test_a_reload_keeps_the_answers(visit, page_file):
    """What was answered is answered after a reload; in another tab it is not."""
    page = visit().open(page_file, "#step=7")
    page.locator("#next").click()
    page.get_by_label("Three or more").check()
    page.get_by_role("button", name="Answer, and see").click()
    reply = page.locator("#feedback").inner_text()
    assert "You answered: Three or more" in reply

    page.reload()
    assert page.locator("#feedback").inner_text() == reply
    again = visit().open(page_file, "#" + page.evaluate("location.href").partition("#")[2])
    assert "You answered" not in again.locator("#feedback").inner_text()


def test_a_cell_of_the_matrix_opens_its_run(visit, page_file):
    """Every system with every fix says how it ends, and is played when it is chosen."""
    page = visit().open(page_file)
    assert page.locator("#cells button").count() == 0
    page.locator("#matrix summary").click()
    cell = page.get_by_role("button", name="saved: win10, uphclean")
    assert cell.count() + page.locator("#cells td").count() > 100

    page.get_by_role("button", name="saved: nt4-sp6a, hotfix").click()
    assert "os=nt4-sp6a&fix=hotfix&step=0" in page.evaluate("location.hash")
    assert page.locator("#axis-1").input_value() == "hotfix"
