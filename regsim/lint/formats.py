"""A report as other programs read it: JSON, SARIF 2.1.0, the marks of a GitHub workflow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

import attrs

from regsim._version import __version__
from regsim.lint.linting import LintFinding, LintReport
from regsim.lint.rules import RULES


def as_object(report: LintReport) -> dict[str, Any]:
    """Return what ``regsim lint --json`` prints."""
    return {
        "schema_version": 1,
        "findings": [_finding(told) for told in report.findings],
        "files": len(report.files),
        "partial": [
            {
                "path": each.path,
                "lines": [list(span) for span in each.lines],
                "reason": each.reason,
            }
            for each in report.partial
        ],
        "unused": [
            {"path": each.path, "line": each.line, "rules": list(each.rules)}
            for each in report.unused
        ],
        "mended": [{"path": path, "faults": count} for path, count in report.mended],
        "known": report.known,
        "gone": [attrs.asdict(each) for each in report.gone],
    }


def _finding(told: LintFinding) -> dict[str, Any]:
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
        "fix": told.mend,
        "fingerprint": told.fingerprint,
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
            "level": level,
            "message": {"text": text},
            "locations": [_location(path, _lines(first, last))],
        }
        for level, path, first, last, text in remarks(report)
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


def remarks(report: LintReport) -> Iterator[tuple[str, str, int, int, str]]:
    """Yield what is no finding: how grave, where (line 0 for all of a file), and what there is."""
    for each in report.partial:
        for first, last in each.lines or ((0, 0),):
            yield "warning", each.path, first, last, f"not looked into: {each.reason}"
    for unused in report.unused:
        rules = f" of {', '.join(unused.rules)}" if unused.rules else ""
        text = f"there is nothing{rules} here to ignore"
        yield "note", unused.path, unused.line, unused.line, text


def _lines(first: int, last: int) -> dict[str, int] | None:
    return {"startLine": first, "endLine": last} if first else None


def _result(told: LintFinding) -> dict[str, Any]:
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
        "partialFingerprints": {"regsimLint/v1": told.fingerprint},
    }


def _location(path: str, region: dict[str, int] | None) -> dict[str, Any]:
    pure = PurePath(path)
    uri = pure.as_uri() if pure.is_absolute() else quote(pure.as_posix())
    place: dict[str, Any] = {"artifactLocation": {"uri": uri}}
    return {"physicalLocation": place if region is None else {**place, "region": region}}


def _sentence(told: LintFinding) -> str:
    becomes = (
        "" if told.consequence is None else f" ({', '.join(told.os)}: {told.consequence.said})"
    )
    return f"{told.fault.message}{becomes}"


def github(report: LintReport) -> Iterator[str]:
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
    for level, path, first, last, text in remarks(report):
        lines = f",line={first},endLine={last}" if first else ""
        mark = "warning" if level == "warning" else "notice"
        yield f"::{mark} file={_property(path)}{lines}::{_escaped(text)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
