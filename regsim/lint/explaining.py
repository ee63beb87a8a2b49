"""What there is to know of a rule: why, what a run shows on each system, the mend, the source."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from regsim import dialects
from regsim.errors import NotApplicableError
from regsim.lint.playing import play
from regsim.lint.rules import LintRule


def explained(rule: LintRule) -> Iterator[str]:
    """Yield the paragraphs on *rule*, plain text each, without its title.

    >>> from regsim.lint.rules import RULES
    >>> next(explained(RULES["C102"])).startswith("Windows gives the number of a closed handle")
    True
    """
    yield rule.why
    if not rule.story:
        yield "What Windows does then is not known, so no run shows it."
    runs = shown(rule.story)
    for said, systems in runs.items():
        yield f"On {', '.join(systems)}: {said}."
    if rule.story and sum(map(len, runs.values())) < len(dialects.names()):
        yield "The other systems have no such function, or no PowerShell."
    yield f"Mend: {rule.mend}"
    yield f"Source: {rule.source}."


def shown(story: str) -> dict[str, list[str]]:
    """Return what the run *story* shows, with the systems on which it does; nothing for no run.

    Systems that lack what the run calls are left out.
    """
    found: dict[str, list[str]] = {}
    for name in dialects.names() if story else ():
        with suppress(NotApplicableError):
            found.setdefault(play(story, name).said, []).append(name)
    return found
