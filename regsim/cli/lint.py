"""``regsim lint``: source files in, the registry handles that they do not give back out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import click

from regsim import lint
from regsim.cli._hive_output import say
from regsim.cli._names import Naming
from regsim.errors import UsageError
from regsim.lint import LintReport, Told
from regsim.lint.formats import annotations, as_object, sarif
from regsim.lint.rules import rule
from regsim.report.text.console import prose_width, wrap
from regsim.report.words.writing import visible


@click.command("lint", cls=Naming, takes=("--os",))
@click.argument("paths", nargs=-1, metavar="PATH...", type=click.Path(path_type=Path))
@click.option(
    "--os",
    "systems",
    multiple=True,
    default=("win11",),
    show_default=True,
    help="A system to play each fault on; may be given more than once.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif", "github"]),
    default="text",
    show_default=True,
    help="What to print: for people, for programs, for code scanning, for GitHub's own marks.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, as --format json.")
@click.option("--ignore", "unwanted", multiple=True, metavar="RULE", help="Leave a rule out.")
@click.option("--explain", metavar="RULE", help="Say what a rule is about, and look at no file.")
@click.option(
    "--allow-partial", is_flag=True, help="Exit 0, not 3, where only part could be parsed."
)
def command(
    paths: tuple[Path, ...],
    systems: tuple[str, ...],
    form: str,
    unwanted: tuple[str, ...],
    explain: str | None,
    *,
    as_json: bool,
    allow_partial: bool,
) -> int:
    """Find registry-handle faults in PowerShell, C and C++ source files before anyone logs off.

    PATH is a file, or a folder whose files in these languages are looked into. Each fault is played
    on the systems asked for, and what a call answers there is quoted. `# regsim: ignore[RULE]` in a
    comment on the line, or above it, silences a rule there. Exit code: 1 faults, 3 none but some
    lines could not be parsed, 0 none.
    """
    if explain is not None:
        for line in _explained(explain):
            say(line)
        return 0
    if not paths:
        raise UsageError("give a PATH to look into: a file or a folder")
    report = lint.lint(*paths, os=systems, ignore=[rule(name).id for name in unwanted])
    for line in _FORMS["json" if as_json else form](report):
        say(line)
    return report.exit_code(allow_partial=allow_partial)


def _explained(name: str) -> Iterator[str]:
    found = rule(name)
    yield f"{found.id}: {found.title}"
    for text in (found.why, f"Mend: {found.mend}", f"Source: {found.source}."):
        yield ""
        yield from wrap(text, prose_width())


def _text(report: LintReport) -> Iterator[str]:
    width = prose_width()
    for told in report.findings:
        fault = told.fault
        place = f"{visible(fault.path)}:{fault.line}:{fault.column}"
        yield from wrap(f"{place}: {fault.rule} {visible(fault.message)}", width, "", "  ")
        yield from wrap(_becomes(told), width, "  ", "  ")
        yield from wrap(f"Mend: {lint.RULES[fault.rule].mend}", width, "  ", "  ")
    for path, spans in report.partial:
        lines = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)
        yield from wrap(f"{visible(path)}: not looked into, lines {lines}", width, "", "  ")
    yield from wrap(_summary(report), width)


def _becomes(told: Told) -> str:
    if told.consequence is None and not lint.RULES[told.fault.rule].story:
        return "What Windows does then is not known, so no run shows it."
    if told.consequence is None:
        return "None of the systems asked has these functions."
    return f"On {', '.join(told.os)}: {told.consequence.said}."


def _summary(report: LintReport) -> str:
    count, files = len(report.findings), report.files
    faults = "no fault" if not count else "1 fault" if count == 1 else f"{count:,} faults"
    said = f"{faults} in {files:,} {'file' if files == 1 else 'files'}"
    if report.partial:
        unread = len(report.partial)
        said += f"; {unread:,} of them {'was' if unread == 1 else 'were'} not looked into whole"
    return said


_FORMS: Final[dict[str, Callable[[LintReport], Iterator[str]]]] = {
    "text": _text,
    "json": lambda report: iter([json.dumps(as_object(report))]),
    "sarif": lambda report: iter([json.dumps(sarif(report), indent=1)]),
    "github": annotations,
}
