"""The labs and tables of outcomes in the pages: each run is played while they are built."""

from __future__ import annotations

from functools import cache
from html import escape
from itertools import groupby
from pathlib import Path
from urllib.parse import urlencode

from regsim import dialects, models
from regsim.cases import fixes
from regsim.cli._lab_sources import explorer_of_model
from regsim.cli.lab import build
from regsim.report.lab.page import lab_html
from regsim.report.lab.stories import Lab, Story

TOO_LONG = {"q179827"}
"""Incidents whose runs take minutes together: 65,536 opens each."""
EXPLORED = {"naive": ("q241572", {"workers": 2, "services": 0, "queue": 1, "variant": "naive"})}
"""Models in which the reader chooses who steps next, by the name that a page gives them."""
NOT_HERE = "n/a"
MATRIX = (
    "How each incident that can be played once ends, on every system with each of its fixes. "
    "**Follow a cell into its run**, call by call. *saved*: the hive unloaded, and nobody was "
    "harmed; *late*: only after waiting, or later; *lost*: it did not, or what was to be saved was "
    "not; *holder-broken*: by force, and a holder's next call fails with 1018. Systems that end "
    "alike in every row share a column, whose links lead to the newest."
)
NOT_ALL = (
    "Not here, since it takes minutes: {}. `regsim matrix NAME` prints each table, and with `--os` "
    "and `--fix` says why a cell is n/a; [what the fixes are](fixes.md)."
)


def shown() -> list[str]:
    """Return the incidents that have a lab in the pages."""
    return [name for name in models.names() if name not in TOO_LONG]


@cache
def lab_of(name: str) -> Lab:
    """Return every run of the incident called *name*, played once for table and lab."""
    return build(name)


def address(name: str, os: str, fix: str, depth: int) -> str:
    """Return where the run of *name* on *os* with *fix* is, from a page *depth* folders down."""
    asked = escape(urlencode({"os": os, "fix": fix}))
    return f"{'../' * depth}labs/{name}.html#{asked}"


def write(folder: Path) -> None:
    """Write every lab as a page of its own."""
    folder.mkdir(exist_ok=True)
    for name in shown():
        (folder / f"{name}.html").write_text(lab_html(lab_of(name)), encoding="utf-8")
    for name, (model, given) in EXPLORED.items():
        page = folder / f"explore-{name}.html"
        page.write_text(explorer_of_model(model, given), encoding="utf-8")


# -- the tables -------------------------------------------------------------------------------


def table(name: str, depth: int) -> str:
    """Return the outcomes of the incident called *name* as a table: its fixes by its systems."""
    lab, known = lab_of(name), models.incident(name).fixes
    columns = list(_columns(lab, known))
    lines = ['<div class="table-wrapper matrix"><table class="docutils">', "<thead><tr><th></th>"]
    lines += [f'<th scope="col">{_heading(systems)}</th>' for systems in columns]
    lines.append("</tr></thead><tbody>")
    for fix in known:
        says = escape(fixes.FIXES[fix].says)
        lines.append(f'<tr><th scope="row"><code title="{says}">{fix}</code></th>')
        lines += [_cell(lab, name, systems[-1], fix, depth) for systems in columns]
        lines.append("</tr>")
    return "\n".join([*lines, "</tbody></table></div>"])


def _columns(lab: Lab, known: tuple[str, ...]) -> list[list[str]]:
    """Return the systems on which anything is played, those that end alike together."""

    def ends(os: str) -> tuple[str, ...]:
        return tuple(_word(lab.stories[os, fix]) for fix in known)

    def kind(os: str) -> tuple[bool, tuple[str, ...]]:
        return dialects.get(os).title.startswith("Windows"), ends(os)  # Wine is no Windows' next

    together = [list(alike) for _, alike in groupby(dialects.names(), kind)]
    return [systems for systems in together if set(ends(systems[0])) != {NOT_HERE}]


def _word(story: Story | str) -> str:
    return NOT_HERE if isinstance(story, str) else story.word


def _heading(systems: list[str]) -> str:
    first, last = systems[0], systems[-1]
    return f"<code>{first}</code>" + (f" to <code>{last}</code>" if len(systems) > 1 else "")


def _cell(lab: Lab, name: str, os: str, fix: str, depth: int) -> str:
    story = lab.stories[os, fix]
    if isinstance(story, str):
        return f'<td class="none" title="{escape(story)}">{NOT_HERE}</td>'
    where = address(name, os, fix, depth)
    return f'<td class="{story.mark}"><a href="{where}">{escape(story.word)}</a></td>'


def matrix() -> str:
    """Return the page with the table of every incident that is played."""
    lines = ["# Every system with every fix", "", MATRIX, ""]
    for name in shown():
        lines += [f"## {models.incident(name).title}", ""]
        lines += [f"`{name}`; {models.incident(name).source}.", ""]
        lines += [f"```{{matrix}} {name}", "```", ""]
    lines += [NOT_ALL.format(", ".join(f"`{name}`" for name in sorted(TOO_LONG))), ""]
    return "\n".join(lines)
