"""The lab in a cell of a notebook: a widget that plays stories by the script of the lab's page.

It needs anywidget, and what runs its widgets: JupyterLab, Jupyter Notebook, marimo, VS Code. Where
none run, as on a page of nbconvert or GitHub, the tables of what is shown stand in.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

from regsim.report.lab.page import asset, data
from regsim.report.lab.shown import lab_of

Judge = Callable[[str, str], dict[str, Any]]
"""Says of an answer to the question of that name what came of it, as a reply of the script."""


def stepper(shown: Any) -> Any:  # noqa: ANN401 - what is shown, a widget
    """Return a widget that steps through *shown*; see `regsim.display.Stepped.stepper`."""
    lab = lab_of(shown)
    return widget(shown, {"lab": data(lab), "title": lab.title, "intro": lab.intro})


def widget(shown: Any, told: dict[str, Any], judge: Judge | None = None) -> Any:  # noqa: ANN401
    """Return a widget of *told*, the data of the script `widget.js`; *shown* stands in for it.

    Where anywidget is not installed it is *shown* itself. *judge* is asked what the script cannot
    know, and the widget's ``marks`` keep what it said, by the name of the question.
    """
    try:
        kind = _kind()
    except ImportError:
        return shown
    made = kind(told=told)
    made.shown = shown
    if judge is not None:

        def answer(change: Any) -> None:  # noqa: ANN401 - of traitlets
            asked = change["new"]
            said = judge(asked["name"], asked["answer"])
            made.marks = {**made.marks, asked["name"]: {**asked, **said}}

        made.observe(answer, "asked")
    return made


def script() -> str:
    """Return the widget's script, a module: the lab's own, what asks, and what draws them."""
    return "\n".join(map(asset, ("lab.js", "exercise.js", "widget.js")))


def markup() -> str:
    """Return what the script fills: the cockpit of the lab's page."""
    return asset("widget.html").replace("@COCKPIT@", asset("cockpit.html"))


@cache
def _kind() -> Any:  # noqa: ANN401 - a class of anywidget's, which is looked for only now
    base = import_module("anywidget").AnyWidget
    traits = import_module("traitlets")

    def bundle(self: Any, **more: object) -> tuple[dict[str, Any], dict[str, Any]]:  # noqa: ANN401
        """Return the widget, and beside it what is shown where no widgets run."""
        found, about = base._repr_mimebundle_(self, **more)
        plain = {"text/plain": repr(self.shown), "text/html": self.shown._repr_html_()}
        return {**found, **plain}, about

    def kept() -> Any:  # noqa: ANN401 - a trait
        return traits.Dict().tag(sync=True)

    return type(
        "Stepper",
        (base,),
        {
            "__doc__": "Steps through what is told; `marks` has what came of each answer.",
            "__module__": __name__,
            "_esm": script(),
            "_repr_mimebundle_": bundle,
            "look": traits.Unicode(asset("lab.css")).tag(sync=True),
            "markup": traits.Unicode(markup()).tag(sync=True),
            "told": kept(),
            "asked": kept(),
            "marks": kept(),
        },
    )
