"""``regsim lint``: source files in, the registry handles that they do not give back out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import click

from regsim import lint
from regsim.cli._files import put
from regsim.cli._hive_output import say
from regsim.cli._names import Naming
from regsim.errors import UnreadableError, UsageError
from regsim.lint import LintFinding, LintReport, SourceText
from regsim.lint.explaining import explained
from regsim.lint.formats import as_object, github, remarks, sarif
from regsim.lint.grammars import language_of
from regsim.lint.rules import rule
from regsim.lint.settings import LintSettings, settings_for
from regsim.lint.sources import WANTED
from regsim.report.text.console import prose_width, wrap
from regsim.report.words.writing import visible
from regsim.trace.inputs import program_lines, script_language
from regsim.trace.source import Source, pasted

_STDIN: Final = "-"
_OS: Final = ("win11",)
_PAGE: Final = 100
"""How wide a text is in a file."""


@click.command("lint", cls=Naming, takes=("--os",))
@click.argument("paths", nargs=-1, metavar="PATH...")
@click.option(
    "--os",
    "systems",
    multiple=True,
    help="A system to play each fault on; may be given more than once.  [default: win11]",
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
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write that to a file.",
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Tell only what is not in FILE, which --json -o FILE wrote, and what of it is gone.",
)
@click.option("--fix", is_flag=True, help="Mend what can be mended with nothing else changed.")
@click.option("--ignore", "unwanted", multiple=True, metavar="RULE", help="Leave a rule out.")
@click.option("--explain", metavar="RULE", help="Say what a rule is about, and look at no file.")
@click.option(
    "--allow-partial", is_flag=True, help="Exit 0, not 3, where only part could be looked into."
)
def command(
    paths: tuple[str, ...],
    form: str,
    explain: str | None,
    *,
    as_json: bool,
    **options: Any,  # noqa: ANN401 - those of `_linted`
) -> int:
    """Find registry-handle faults in source files before anyone logs off.

    PATH is a file of PowerShell, C, C++, C# or Python, a folder whose files in these languages are
    looked into, or - for what is piped in. Each fault is played on the systems asked for, and what
    a call answers there is quoted. `# regsim: ignore[RULE]` in a comment on the line, or alone
    above it, silences a rule there; the table [tool.regsim.lint] of the nearest pyproject.toml sets
    ignore, os, exclude, baseline and allow-partial. Exit code: 1 faults, 3 none but something could
    not be looked into, 0 none.
    """
    if explain is not None:
        found = rule(explain)
        say(f"{found.id}: {found.title}")
        for text in explained(found):
            say("")
            for line in wrap(text, prose_width()):
                say(line)
        return 0
    if not paths:
        raise UsageError("give a PATH to look into: a file or a folder")
    if options["fix"] and _STDIN in paths:
        raise UsageError("--fix writes files, and what is piped in is none: name it")
    settings = settings_for(path for path in paths if path != _STDIN)
    form = "json" if as_json else form
    report = _linted(paths, settings, form, **options)
    output = options["output"]
    width = prose_width() if output is None else _PAGE
    told = "\n".join(_FORMS[form](report, width)) + "\n"
    if output is None:
        say(told.removesuffix("\n"))
    else:
        tell_it = put(output, told.encode(), *map(Path, report.files))
        for line in wrap(_summary(report), prose_width()):
            tell_it(line)
    allowed = options["allow_partial"] or settings.allow_partial
    return report.exit_code(allow_partial=allowed)


def _linted(
    paths: Sequence[str],
    settings: LintSettings,
    form: str,
    *,
    systems: Sequence[str] = (),
    unwanted: Sequence[str] = (),
    baseline: Path | None = None,
    output: Path | None = None,
    fix: bool = False,
    **_: object,
) -> LintReport:
    """Return the report of *paths*; what the command line says counts before the *settings*.

    The baseline is not held against a report that is written over it: that is the next baseline.
    """
    accepted = baseline or settings.baseline
    if accepted is not None and output is not None and accepted.resolve() == output.resolve():
        if form != "json":
            raise UsageError(f"{output} is the baseline, which --json writes; name another file")
        accepted = None
    return lint.lint(
        *(_piped() if path == _STDIN else path for path in paths),
        os=systems or settings.os or _OS,
        ignore=[rule(name).id for name in (*unwanted, *settings.ignore)],
        exclude=settings.exclude,
        root=settings.root,
        baseline=accepted,
        fix=fix,
    )


def _piped() -> SourceText:
    data = sys.stdin.buffer.read()
    if not data:
        raise UnreadableError("standard input", "is empty", WANTED)
    source = pasted(data, "standard input")
    text = _source_text(source, script_language(source, anywhere=True))
    if text is None:
        raise UsageError("standard input is in no language that lint can tell; name a file")
    return text


def _source_text(source: Source, language: str) -> SourceText | None:
    """Return *source*, whose content shows *language*, as a text to lint; none if no rule can."""
    grammar = language_of(source.name) or _GRAMMARS.get(language)
    if grammar is None or (not language and b"\0" in source.head):
        return None
    with source.open() as file:
        data = program_lines(file.read(), language)
    return SourceText(name=source.name, language=grammar, data=data)


_GRAMMARS: Final = {
    "PowerShell": "powershell",
    "C or C++": "cpp",
    "C#": "c_sharp",
    "Python": "python",
}
"""The grammar for what `script_language` tells; C is read as C++, which has it nearly all."""
_SPOKEN: Final = {"c": "C or C++", **{grammar: name for name, grammar in _GRAMMARS.items()}}


def answered(source: Source, language: str, systems: Sequence[str], *, as_json: bool) -> int | None:
    """Answer for the front door from a program's text, whose *language* is "" where its name tells.

    None where no rule is for the language, or it is no text.
    """
    text = _source_text(source, language)
    if text is None:
        return None
    language = language or _SPOKEN[text.language]
    settings = settings_for([] if source.content is not None else [source.path])
    report = lint.lint(
        text,
        os=systems or settings.os or _OS,
        ignore=[rule(name).id for name in settings.ignore],
        root=settings.root,
        baseline=settings.baseline,
    )
    if as_json:
        say(json.dumps({**as_object(report), "kind": "script", "language": language}))
    else:
        first = (
            f"{source.name} holds a program ({language}), which is not run; `regsim lint` finds:"
        )
        for line in (*wrap(first, prose_width()), *as_text(report, prose_width())):
            say(line)
    return report.exit_code(allow_partial=settings.allow_partial)


def as_text(report: LintReport, width: int) -> Iterator[str]:
    """Yield the lines of *report* for people, at most *width* wide."""
    for told in report.findings:
        fault = told.fault
        place = f"{visible(fault.path)}:{fault.line}:{fault.column}"
        yield from wrap(f"{place}: {fault.rule} {visible(fault.message)}", width, "", "  ")
        yield from wrap(_becomes(told), width, "  ", "  ")
        yield from wrap(f"Mend: {told.mend}", width, "  ", "  ")
    for _, path, first, last, text in remarks(report):
        lines = "" if not first else f":{first}" if first == last else f":{first}-{last}"
        yield from wrap(f"{visible(path)}{lines}: {text}", width, "", "  ")
    for gone in report.gone:
        text = f"{visible(gone.path)}: {gone.rule} of the baseline is gone: {visible(gone.message)}"
        yield from wrap(text, width, "", "  ")
    for path, count in report.mended:
        yield from wrap(f"{visible(path)}: written, with {_faults(count)} mended", width, "", "  ")
    yield from wrap(_summary(report), width)


def _becomes(told: LintFinding) -> str:
    if told.consequence is None and not lint.RULES[told.fault.rule].story:
        return "What Windows does then is not known, so no run shows it."
    if told.consequence is None:
        return "None of the systems asked has these functions."
    return f"On {', '.join(told.os)}: {told.consequence.said}."


def _faults(count: int) -> str:
    return "no fault" if not count else "1 fault" if count == 1 else f"{count:,} faults"


def _summary(report: LintReport) -> str:
    files = len(report.files)
    said = f"{_faults(len(report.findings))} in {files:,} {'file' if files == 1 else 'files'}"
    if report.known:
        said += f", beside {report.known:,} of the baseline"
    unread = len({each.path for each in report.partial})
    if unread:
        said += f"; {unread:,} {'was' if unread == 1 else 'were'} not looked into whole"
    return said


_FORMS: Final[dict[str, Callable[[LintReport, int], Iterator[str]]]] = {
    "text": as_text,
    "json": lambda report, _: iter([json.dumps(as_object(report))]),
    "sarif": lambda report, _: iter([json.dumps(sarif(report), indent=1)]),
    "github": lambda report, _: github(report),
}
