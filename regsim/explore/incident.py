"""One incident: what happened, on whose word, how it is played once, and how it is explored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from regsim import dialects
from regsim.cases import fixes
from regsim.cases.case import Case
from regsim.display import Listed, Summary
from regsim.errors import NotApplicableError
from regsim.explore.parameters import Parameter, text
from regsim.naming import resolve
from regsim.scenario import Outcome, Run

if TYPE_CHECKING:
    from regsim.explore.service import ServiceModel
    from regsim.explore.system import System
    from regsim.kernel.tree import Node

T = TypeVar("T")
HIVE: Final = text("profile", "a real NTUSER.DAT to log on with")
ROAMING: Final = (HIVE, text("server", "the folder of the roaming copy"))
"""What an incident with a roaming profile can be given on the command line: two paths."""


@attrs.frozen
class Cell:
    """One cell: an OS, a fix, the outcome, and why it is what it is where that is not obvious."""

    os: str
    fix: str
    outcome: Outcome
    reason: str


@attrs.frozen(kw_only=True, repr=False)
class Incident(Listed):
    """An incident, as the file in ``models/`` that ends in it describes it.

    Attributes:
        name: what it is called everywhere.
        aliases: what it may be called too.
        title: what happens, in a line.
        source: who says so.
        place: where it stands in lists: the lowest first.
        os: the system it is about.
        run: plays it on a `Case` with the ``options``, and returns a note for the reader.
        options: what ``run`` takes besides the case, and what a command line may give with it.
        fixes: the fixes it can be played with.
        model: makes the model of every interleaving, from the ``parameters``.
        parameters: what ``model`` takes.
        plain: makes the model with its service in plain code, which `regsim fix` edits.
        why_not: why it has no ``run``, or no ``model``; empty where it has both.
    """

    name: str
    title: str
    source: str
    place: int
    aliases: tuple[str, ...] = ()
    os: str = "nt4-sp6a"
    run: Callable[..., str] | None = None
    options: tuple[Parameter, ...] = ()
    fixes: tuple[str, ...] = fixes.CASE
    model: Callable[..., System] | None = None
    parameters: tuple[Parameter, ...] = ()
    plain: Callable[[], ServiceModel] | None = None
    why_not: str = ""

    def summary(self) -> Summary:
        """Return what it is, on whose word, and what it can be given."""
        about = [self.source, f"It is about {dialects.get(self.os).title}."]
        if self.run is not None:
            about.append(f"It is played with the fixes {', '.join(self.fixes)}.")
        if self.why_not:
            about.append(f"Not all can be done with it: {self.why_not}.")
        parts = [("run", one) for one in self.options] + [("model", p) for p in self.parameters]
        rows = [(one.name, part, str(one.default), one.about) for part, one in parts]
        heads = ("parameter", "of its", "default", "what it means")
        return Summary(f"{self.name}: {self.title}", tuple(about), heads, tuple(rows))

    def part(self, part: Callable[..., T] | None, done: str) -> Callable[..., T]:
        """Return its *part*; `NotApplicableError` says why it is not *done* where there is none."""
        if part is None:
            raise NotApplicableError(f"{self.name} is not {done}: {self.why_not}")
        return part

    def play(
        self,
        os: str,
        fix: str = "none",
        *,
        profile: Node | None = None,
        **options: Any,  # noqa: ANN401 - those of `run`
    ) -> Run:
        """Play it once on *os* with *fix* and return what that leaves.

        Raises:
            UnknownNameError: there is no such system or fix.
            NotApplicableError: it cannot be played, there, or with that fix; the text says why.
        """
        run = self.part(self.run, "played once")
        chosen = fixes.get(fix)
        if chosen.name not in self.fixes:
            raise NotApplicableError(
                f"{self.name} has no fix {chosen.name!r}; it has: {', '.join(self.fixes)}"
            )
        dialect = dialects.get(os)
        if dialect.excluded:
            raise NotApplicableError(
                f"{self.name} cannot be played on {dialect.name}: {dialect.excluded}"
            )
        fixes.require(chosen, dialect)
        case = Case(dialect.name, chosen, profile=profile)
        note = run(case, **options)
        return case.finish(self.name, self.title, note)

    def tried(self, os: str, fix: str) -> Run | str:
        """Return what `play` leaves, or why it cannot be played so."""
        try:
            return self.play(os, fix)
        except NotApplicableError as error:
            return str(error)

    def matrix(self, systems: Iterable[str] = (), mended: Iterable[str] = ()) -> Iterator[Cell]:
        """Yield how it ends on every system with each of its fixes, row by row in order of age.

        Where *systems* or the fixes in *mended* are named, only those; in the same order.

        Raises:
            NotApplicableError: it is not played at all.
            UnknownNameError: there is no such system, or it has no such fix.
        """
        self.part(self.run, "played once")
        asked = {dialects.get(name).name for name in systems}
        wanted = {resolve("fix", name, self.fixes) for name in mended}
        for os, fix in product(dialects.names(), self.fixes):
            if (asked and os not in asked) or (wanted and fix not in wanted):
                continue
            found = self.tried(os, fix)
            if isinstance(found, str):
                yield Cell(os, fix, Outcome.NOT_APPLICABLE, found)
            else:
                yield Cell(os, fix, found.outcome, found.note)

    def outcomes(self) -> dict[str, dict[str, Outcome]]:
        """Return the outcomes of `matrix` by system and fix."""
        table: dict[str, dict[str, Outcome]] = {}
        for cell in self.matrix():
            table.setdefault(cell.os, {})[cell.fix] = cell.outcome
        return table
