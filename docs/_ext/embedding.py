"""What a page can hold: ``lab`` and ``explore`` to step through, ``matrix``, ``playground``."""

from __future__ import annotations

import shutil
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import labs
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

from regsim import models

if TYPE_CHECKING:
    from sphinx.application import Sphinx

WAY = (
    '<p><a href="playground/index.html">The playground</a> has the simulator itself in your '
    "browser: write what a service does, and have every order of its calls explored.</p>"
)


class _Raw(SphinxDirective):
    required_arguments = 1

    @property
    def depth(self) -> int:
        """How many folders down the page is that this stands on."""
        return self.env.docname.count("/")

    def html(self) -> str:
        """Return what the page is to show."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """Return that as a node."""
        return [nodes.raw("", self.html(), format="html")]


class Matrix(_Raw):
    """The outcomes of an incident: every fix on every system."""

    def html(self) -> str:
        """Return the table."""
        return labs.table(self.arguments[0], self.depth)


class Embedded(_Raw):
    """A lab in its frame; a page too narrow for it, and paper, show the way to it instead."""

    option_spec: ClassVar = {"os": directives.unchanged, "fix": directives.unchanged}

    def html(self) -> str:
        """Return the frame and the link."""
        name = self.arguments[0]
        start = labs.lab_of(name).start
        os, fix = self.options.get("os", start[0]), self.options.get("fix", start[1])
        if isinstance(labs.lab_of(name).stories[os, fix], str):
            raise self.error(f"{name} has no run on {os} with {fix}")
        where = labs.address(name, os, fix, self.depth)
        return framed(where, models.incident(name).title, "every system, every fix")


class Explored(_Raw):
    """A model in which the reader chooses who steps next, in such a frame."""

    def html(self) -> str:
        """Return the frame and the link."""
        name = self.arguments[0]
        if name not in labs.EXPLORED:
            raise self.error(f"no model is called {name}; there are: {', '.join(labs.EXPLORED)}")
        where = f"{'../' * self.depth}labs/explore-{name}.html"
        return framed(where, "Choose who steps next", "every order of the steps")


def framed(where: str, title: str, what: str) -> str:
    """Return a frame with the page at *where*, and the way to *what* it has."""
    return (
        f'<figure class="lab"><iframe src="{where}" title="{escape(title)}" loading="lazy">'
        f'</iframe><figcaption><a href="{where}">Step through it on a page of its own</a>: {what}.'
        "</figcaption></figure>"
    )


class Playground(SphinxDirective):
    """The way to the playground, if ``regsim site`` has written it into the folder of the pages."""

    def run(self) -> list[nodes.Node]:
        """Return it, or nothing."""
        return [nodes.raw("", WAY, format="html")] if _playground(self.env.srcdir).is_dir() else []


def _playground(source: str | Path) -> Path:
    return Path(source) / "playground"


def setup(app: Sphinx) -> dict[str, bool]:
    """Offer the directives, and write the labs beside the pages."""
    app.add_directive("lab", Embedded)
    app.add_directive("explore", Explored)
    app.add_directive("matrix", Matrix)
    app.add_directive("playground", Playground)

    def finished(app: Sphinx, error: Exception | None) -> None:
        if error is None and app.builder.format == "html":
            labs.write(Path(app.outdir) / "labs")
            made = _playground(app.srcdir)
            if made.is_dir():
                shutil.copytree(made, Path(app.outdir) / "playground", dirs_exist_ok=True)

    app.connect("build-finished", finished)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
