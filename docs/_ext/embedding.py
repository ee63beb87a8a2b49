"""What a page can hold of what `labs` makes: ``lab``, a run to step through, and ``matrix``."""

from __future__ import annotations

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
        title = escape(models.incident(name).title)
        return (
            f'<figure class="lab"><iframe src="{where}" title="{title}" loading="lazy"></iframe>'
            f'<figcaption><a href="{where}">Step through it on a page of its own</a>: '
            "every system, every fix.</figcaption></figure>"
        )


def setup(app: Sphinx) -> dict[str, bool]:
    """Offer the directives, and write the labs beside the pages."""
    app.add_directive("lab", Embedded)
    app.add_directive("matrix", Matrix)

    def finished(app: Sphinx, error: Exception | None) -> None:
        if error is None and app.builder.format == "html":
            labs.write(Path(app.outdir) / "labs")

    app.connect("build-finished", finished)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
