"""The lab and the exercises in a cell of a notebook: what is told, and the script in a browser."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import regsim
from regsim import course
from regsim.report.lab import widget
from regsim.report.lab.page import asset, data
from regsim.report.lab.shown import lab_of
from regsim.report.lab.stories import Story
from regsim.report.offline import embed

HELD = (
    "svchost.exe pid: 624 NT AUTHORITY\\SYSTEM\n"
    "    4: Key           HKU\\S-1-5-21-7-8-9-1001\\Software\n"
)
MODEL = """
const model = (state) => {
  const heard = new Set();
  return {
    get: (name) => state[name],
    set: (name, value) => { state[name] = value; },
    on: (name, call) => heard.add(call),
    off: (name, call) => heard.delete(call),
    save_changes: () => setTimeout(() => {
      const { name, answer } = state.asked;
      const said = state.told.right[name];
      const came = said === undefined ? { error: `${name}: no answer` }
        : { right: said === answer, because: `It is ${said}.` };
      state.marks = { ...state.marks, [name]: { ...state.asked, ...came } };
      for (const call of [...heard]) call();
    }, 5),
  };
};
for (const state of JSON.parse(document.getElementById("states").textContent)) {
  const el = document.createElement("div");
  document.body.append(el);
  render({ model: model(state), el });
}
"""


def cells(path: Path, *told: dict[str, Any], style: str = "") -> Path:
    """Write a page with a cell for each of *told*, on which the widget's script runs."""
    common = {"look": asset("lab.css"), "markup": widget.markup(), "marks": {}}
    states = embed([{**common, "told": one} for one in told])
    path.write_text(
        f"<!doctype html><html lang=en><title>cells</title><style>{style}</style><body><main>"
        f"<h1>cells</h1></main><script id=states type=application/json>{states}</script>"
        f"<script type=module>{widget.script()}{MODEL}</script></body></html>",
        encoding="utf-8",
    )
    return path


def of(shown: object) -> dict[str, Any]:
    """Return what the widget of *shown* is told."""
    lab = lab_of(shown)
    return {"lab": data(lab), "title": lab.title, "intro": lab.intro}


SHEET = {
    "name": "e0",
    "title": "A sheet",
    "scene": "A scene.",
    "explanation": "That is why.",
    "questions": [
        {"name": "who", "text": "who holds it?", "choices": ["anna", "bert"], "number": False},
        {"name": "many", "text": "how many?", "choices": [], "number": True},
        {"name": "note", "text": "say it", "choices": [], "number": False},
    ],
}


# -- what is told ---------------------------------------------------------------------------------


def test_each_kind_has_steps() -> None:
    """A run, evidence, a path, an answer and several: each has frames, and says what it is."""
    leak = regsim.check("q241572", "leak", workers=1, services=0)
    every = regsim.check("q241572", workers=1, services=0)
    assert leak.path is not None
    for shown in (regsim.run("q241572"), regsim.who(HELD), leak.path, leak, every):
        lab = lab_of(shown)
        story = lab.stories[lab.start]
        assert isinstance(story, Story)
        assert story.frames
        assert lab.title
    assert [option[0] for option in lab.axes[0].options] == [one.property.name for one in every]


def test_what_has_no_steps_is_refused() -> None:
    """A machine stands still."""
    with pytest.raises(TypeError, match="Machine has no steps"):
        lab_of(regsim.Machine("xp"))


def test_without_anywidget_tables_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was to be stepped through is given back, and shows itself."""
    widget._kind.cache_clear()
    monkeypatch.setitem(sys.modules, "anywidget", None)
    run, exercise = regsim.run("q241572"), course.exercise("e1")
    assert run.stepper() is run
    assert exercise.stepper() is exercise
    assert "<table" in exercise._repr_html_()


def test_the_widget_has_its_tables_beside_it() -> None:
    """A page that runs no widgets shows HTML, a console the text."""
    pytest.importorskip("anywidget")
    run = regsim.run("q241572")
    shown, _ = run.stepper()._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in shown
    assert shown["text/html"] == run._repr_html_()
    assert shown["text/plain"] == repr(run)


def test_the_kernel_judges_an_exercise() -> None:
    """Each answer has its mark with what the simulator found; what can be none says so."""
    pytest.importorskip("anywidget")
    asking = course.exercise("e1").stepper()
    asking.asked = {"name": "after-1", "answer": "1", "number": 1}
    asking.asked = {"name": "after-2", "answer": "x", "number": 2}
    marks = asking.marks
    assert marks["after-1"]["right"] is False
    assert marks["after-1"]["because"].startswith("Call 1, a = RegOpenKeyEx")
    assert "whole number" in marks["after-2"]["error"]
    assert "right" not in marks["after-2"]


# -- in a browser ---------------------------------------------------------------------------------


def test_two_cells_do_not_meet(visit, tmp_path) -> None:
    """Each steps by itself, from its own keys, and leaves the page's names and address alone."""
    one = of(regsim.run("q241572"))
    page = visit().open(cells(tmp_path / "cells.html", one, one))
    first, second = page.locator(".host").all()
    first.locator("#next").click()
    first.locator("#next").press("ArrowRight")

    assert first.locator(".count").inner_text().startswith("Step 2 of 13")
    assert second.locator(".count").inner_text().startswith("Before the first")
    page.locator("h1").click()
    page.keyboard.press("ArrowRight")
    assert first.locator(".count").inner_text().startswith("Step 2 of 13")
    assert page.evaluate("document.getElementById('next')") is None
    assert "#" not in page.evaluate("location.href")


def test_a_cell_asks_before_it_shows(visit, tmp_path) -> None:
    """Play stops at a question, and an answer is compared with what happened."""
    page = visit().open(cells(tmp_path / "cells.html", of(regsim.run("q241572"))))
    while page.locator("#question").is_hidden():
        page.locator("#next").click()
    page.get_by_text("One", exact=True).click()
    page.get_by_text("Answer, and see").click()

    assert page.locator("#feedback").inner_text().startswith("Not as you said.")


def test_an_exercise_is_asked_and_judged(visit, tmp_path) -> None:
    """One question at a time; the explanation comes once all is answered, and no earlier."""
    told = {"exercise": SHEET, "right": {"who": "bert", "note": "it"}}
    page = visit().open(cells(tmp_path / "cells.html", told))
    page.get_by_text("anna", exact=True).click()
    page.get_by_text("Answer, and see").click()
    page.get_by_text("(2 of 3) how many?").wait_for()
    assert "It is bert." in page.locator(".feedback").inner_text()

    page.locator(".line").fill("x")
    page.locator(".line").press("Enter")
    page.get_by_text("many: no answer").wait_for()
    page.get_by_text("Leave it open").click()
    page.locator(".line").fill("it")
    page.get_by_text("Answer, and see").click()
    page.get_by_text("1 of 3 right.").wait_for()
    assert "That is why." not in page.locator(".end").inner_text()

    page.get_by_text("Ask the 1 that are open").click()
    assert page.get_by_text("(2 of 3) how many?").is_visible()


def test_all_answers_bring_the_explanation(visit, tmp_path) -> None:
    """And nothing is left to ask but all of it again."""
    right = {"who": "anna", "many": "2", "note": "it"}
    told = {"exercise": SHEET, "right": right}
    page = visit().open(cells(tmp_path / "cells.html", told))
    for answer in right.values():
        if answer == "anna":
            page.get_by_text("anna", exact=True).click()
        else:
            page.locator(".line").fill(answer)
        page.get_by_text("Answer, and see").click()
        page.get_by_text(f"You answered: {answer}").first.wait_for()

    assert "3 of 3 right." in page.locator(".end").inner_text()
    assert "That is why." in page.locator(".end").inner_text()
    page.get_by_text("Ask all of it again").click()
    assert page.get_by_text("(1 of 3) who holds it?").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_a_cell(visit, faults, tmp_path, scheme) -> None:
    """On a light notebook and on a dark one, whatever the system prefers."""
    paper = {"light": "#fff", "dark": "#111"}[scheme]
    told = [of(regsim.run("q241572")), {"exercise": SHEET, "right": {}}]
    other = {"light": "dark", "dark": "light"}[scheme]
    page = visit(color_scheme=other).open(
        cells(tmp_path / "cells.html", *told, style=f"body {{ background: {paper}; color: #888 }}")
    )
    page.locator("#next").click()
    assert page.locator(".host").first.evaluate("n => getComputedStyle(n).colorScheme") == scheme
    assert faults(page, whole=False) == []


def test_a_cell_fits_a_telephone(visit, tmp_path) -> None:
    """At 320 px nothing is cut."""
    told = [of(regsim.run("q241572")), {"exercise": course.exercise("e2").sheet(), "right": {}}]
    page = visit(viewport={"width": 320, "height": 700}).open(
        cells(tmp_path / "cells.html", *told, style="body { margin: 0 }")
    )
    for _ in range(3):
        page.locator("#next").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
