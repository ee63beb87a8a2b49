"""How an object shows itself, on a console and in a notebook, without knowing who draws it.

What is shown is made by ``regsim.report``, far above this layer. It is looked up by name when
something is first shown, so that importing regsim costs nothing for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import attrs

_RENDERER = "regsim.report.notebook"
_STEPPER = "regsim.report.lab.widget"


def _render(form: str, shown: object) -> Any:  # noqa: ANN401 - a text, or None
    return getattr(import_module(_RENDERER), form)(shown)


def dataframe(shown: object) -> Any:  # noqa: ANN401 - pandas' or polars'
    """Return *shown* as a data frame of pandas, or of polars where only that is installed."""
    return _render("frame", shown)


class Displayed:
    """What gives its subclasses a text for consoles, and HTML and a picture for notebooks.

    The text says all that the others say.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return str(_render("text", self))

    def _repr_html_(self) -> str:
        return str(_render("html", self))

    def _repr_svg_(self) -> str | None:
        picture = _render("svg", self)
        return None if picture is None else str(picture)


class Stepped(Displayed):
    """What can be stepped through too: each turn asks what comes next, then shows it."""

    __slots__ = ()

    def stepper(self) -> Any:  # noqa: ANN401 - a widget of anywidget
        """Return a widget for JupyterLab, marimo and their like that goes step by step.

        Where anywidget is not installed (`pip install 'regsim[notebook]'`) it is this object
        itself, which shows itself as tables; so does the widget where no widgets run.
        """
        return import_module(_STEPPER).stepper(self)


@attrs.frozen
class Summary:
    """What is to be told of an object: a title, sentences, and a table under *heads*."""

    title: str
    about: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


class Listed(Displayed):
    """What shows itself as a `Summary`, which it makes."""

    __slots__ = ()

    def summary(self) -> Summary:
        """Return what to tell; the subclass says what."""
        raise NotImplementedError
