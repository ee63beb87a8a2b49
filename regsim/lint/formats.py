"""A report as other programs read it: JSON, SARIF 2.1.0, the marks of a GitHub workflow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from regsim._version import __version__
from regsim.lint.linting import LintReport, Told
from regsim.lint.rules import RULES


def as_object(report: LintReport) -> dict[str, Any]:
    """Return what ``regsim lint --json`` prints."""
    return {
        "schema_version": 1,
        "findings": [_finding(told) for told in report.findings],
        "files": report.files,
        "partial": [
            {"path": path, "lines": [list(span) for span in spans]}
            for path, spans in report.partial
        ],
    }


def _finding(told: Told) -> dict[str, Any]:
    fault, shown = told.fault, told.consequence
    return {
        "rule": fault.rule,
        "path": fault.path,
        "line": fault.line,
        "column": fault.column,
        "end_line": fault.end_line,
        "end_column": fault.end_column,
        "message": fault.message,
        "os": list(told.os),
        "status": None if shown is None else {"nt": int(shown.nt), "win32": int(shown.status)},
        "verdict": None if shown is None else shown.verdict,
        "fix": RULES[fault.rule].mend,
    }


def sarif(report: LintReport) -> dict[str, Any]:
    """Return a SARIF 2.1.0 log; lines that were not looked into are its notifications."""
    rules = [
        {
            "id": rule.id,
            "shortDescription": {"text": rule.title},
            "fullDescription": {"text": rule.why},
            "help": {"text": f"{rule.mend} Source: {rule.source}."},
        }
        for rule in RULES.values()
    ]
    driver = {"name": "regsim lint", "version": __version__, "rules": rules}
    notes = [
        {
            "level": "warning",
            "message": {"text": f"lines {first} to {last} were not looked into"},
            "locations": [_location(path, {"startLine": first, "endLine": last})],
        }
        for path, spans in report.partial
        for first, last in spans
    ]
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notes}],
        "results": [_result(told) for told in report.findings],
    }
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }


def _result(told: Told) -> dict[str, Any]:
    fault = told.fault
    region = {
        "startLine": fault.line,
        "startColumn": fault.column,
        "endLine": fault.end_line,
        "endColumn": fault.end_column,
    }
    return {
        "ruleId": fault.rule,
        "level": "warning",
        "message": {"text": _sentence(told)},
        "locations": [_location(fault.path, region)],
    }


def _location(path: str, region: dict[str, int]) -> dict[str, Any]:
    pure = PurePath(path)
    uri = pure.as_uri() if pure.is_absolute() else quote(pure.as_posix())
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}


def _sentence(told: Told) -> str:
    becomes = (
        "" if told.consequence is None else f" ({', '.join(told.os)}: {told.consequence.said})"
    )
    return f"{told.fault.message}{becomes}"


def annotations(report: LintReport) -> Iterator[str]:
    """Yield a line for each fault that has a GitHub workflow mark its place in a pull request."""
    for told in report.findings:
        fault = told.fault
        where = {
            "file": fault.path,
            "line": fault.line,
            "endLine": fault.end_line,
            "col": fault.column,
            "title": f"{fault.rule}: {RULES[fault.rule].title}",
        }
        given = ",".join(f"{name}={_property(str(value))}" for name, value in where.items())
        yield f"::error {given}::{_escaped(_sentence(told))}"
    for path, spans in report.partial:
        for first, last in spans:
            where_to = f"file={_property(path)},line={first},endLine={last}"
            yield f"::notice {where_to}::these lines were not looked into"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
