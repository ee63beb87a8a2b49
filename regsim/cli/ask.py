"""The front door: ``regsim FILE…`` and ``regsim -``, whatever it is that people have in hand."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from regsim.cli._evidence_output import Manner, evidence_options, note_other, show, worst
from regsim.cli._hive_output import say, tell
from regsim.cli._names import Naming
from regsim.errors import RegsimError, UnreadableError
from regsim.report.text.console import prose_width, wrap
from regsim.trace.inputs import is_archive, is_hive, script_language
from regsim.trace.source import EVIDENCE, Source, open_source, pasted

_STDIN = "-"
_MANY = f"{EVIDENCE}, or read all that is in it by `regsim fleet`"


@click.command("ask", cls=Naming, takes=("--os",))
@click.argument("files", nargs=-1, required=True, type=click.Path())
@evidence_options
def command(files: tuple[str, ...], **options: Any) -> int:  # noqa: ANN401 - those of `Manner`
    """Answer from FILE, whatever it is: who keeps the hive loaded?

    FILE may be an event's text, a log (EVTX, XML, CSV, JSON), a listing of handles, a capture, a
    script's log, a hive file, a script or program to be linted, which is never run; - is what is
    pasted or piped in. The content tells what it is. Exit code: 0 nothing blocks, 1 something does,
    2 it cannot be read, 3 the evidence does not tell; of several files 2, 1, 3, 0, whichever occurs
    first.
    """
    how = Manner(**options)
    return worst([_answered(name, how, several=len(files) > 1) for name in files])


def source_named(name: str) -> Source:
    """Return the source that a command's argument names; ``-`` is standard input.

    Raises:
        UnreadableError: it cannot be read, or is a folder or an archive of what can be.
    """
    if name == _STDIN:
        return pasted(sys.stdin.buffer.read(), "standard input")
    if Path(name).is_dir():
        raise UnreadableError(name, "is a folder", _MANY)
    source = open_source(name)
    if is_archive(source):
        raise UnreadableError(name, "is an archive", _MANY)
    return source


def _answered(name: str, how: Manner, *, several: bool) -> int:
    """Answer from one input; where there are several, one that fails does not end the others."""
    try:
        source = source_named(name)
        if several and not how.as_object:
            say(f"== {name}")
        code = answer(source, how, several=several)
    except (RegsimError, OSError) as error:
        if how.as_object:
            text = " ".join(str(error).split())
            say(json.dumps({"schema_version": 1, "kind": "unknown", "file": name, "error": text}))
        if not several:
            raise
        tell(f"regsim: error: {' '.join(str(error).split())}")
        code = 2
    if several and not how.as_object:
        say("")
    return code


def answer(source: Source, how: Manner, *, several: bool = False, wanted: str = "") -> int:
    """Answer from one input as `who`, `replay` or `hive info` would, and return the exit code.

    *wanted* is the kind that the command is for; another is answered too, with a line that says so.
    """
    if is_hive(source):
        return _hive(source, how)
    language = script_language(source)
    if language:
        return _script(source, language, how)
    try:
        finding = how.find(source)
    except RegsimError:
        # A program in a text that is none as a whole, or one whose name tells.
        code = _linted(source, script_language(source, anywhere=True), how)
        if code is None:
            raise
        return code
    if wanted:
        note_other(finding, wanted)
    inputs = () if source.content is not None else (source.path,)
    return show(finding, how, *inputs, compact=several)


def _hive(source: Source, how: Manner) -> int:
    from regsim.cli.hive import described, show_description  # noqa: PLC0415 - only for a hive

    with described(source.path, source.content) as (opened, record):
        if how.as_object:
            say(json.dumps({"schema_version": 1, "kind": "hive", **record}))
        else:
            _say(f"{source.name} is a hive file; `regsim hive` looks into it and changes it.")
            show_description(opened, record)
    return 0


def _script(source: Source, language: str, how: Manner) -> int:
    """Answer from the text of a program as `regsim lint` would; it is never run."""
    code = _linted(source, language, how)
    if code is not None:
        return code
    said = (
        "a program's text is no evidence of what was open: give its log, or a capture or a listing "
        "of handles taken while it runs"
    )
    if how.as_object:
        record = {"schema_version": 1, "kind": "script", "language": language, "reasons": [said]}
        say(json.dumps(record))
    else:
        _say(f"{source.name} is a script ({language}), and is not run. No verdict: {said}.")
    return 3


def _linted(source: Source, language: str, how: Manner) -> int | None:
    """Answer from the text of a program; none where no rule is for its language, or it is none."""
    from regsim.cli.lint import answered  # noqa: PLC0415 - only for a script

    systems = () if how.os_name is None else (how.os_name,)
    return answered(source, language, systems, as_json=how.as_object)


def _say(text: str) -> None:
    for line in wrap(text, prose_width()):
        say(line)


def answered_as(name: Path, wanted: str, options: dict[str, Any]) -> int:
    """Answer for a command that is for one kind of evidence."""
    return answer(source_named(str(name)), Manner(**options), wanted=wanted)
