"""The step of `action.yml` that answers: annotations, a summary, an output, an exit code.

The inputs are in the environment. What cannot be read, what is no evidence, and a pattern that
matches nothing are errors: a step must not be green for nothing.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from regsim import RegsimError, dialects
from regsim.report.pages import as_ticket
from regsim.report.text.evidence import as_text
from regsim.testing.github import escaped
from regsim.trace.asking import replay
from regsim.trace.finding import Conclusion

GRAVEST = (Conclusion.BLOCKED, Conclusion.INCONCLUSIVE, Conclusion.CLEAR)


def files(patterns: str) -> list[Path]:
    """Return the files that match *patterns*, one a line, each once."""
    found: dict[Path, None] = {}
    for pattern in filter(None, map(str.strip, patterns.splitlines())):
        anchor = Path(pattern).anchor
        matched = Path(anchor or ".").glob(pattern.removeprefix(anchor))
        names = sorted(path for path in matched if path.is_file())
        if not names:
            raise RegsimError(f"no file matches {pattern}")
        found |= dict.fromkeys(names)
    if not found:
        raise RegsimError("no evidence is named")
    return list(found)


def mildness(meaning: str) -> str:
    """Return the level of an annotation about evidence that does not tell."""
    try:
        return {"fail": "error", "pass": "warning"}[meaning]
    except KeyError:
        raise RegsimError(f"the input `inconclusive` is fail or pass, not {meaning}") from None


def answer(file: Path, system: str | None, mild: str) -> tuple[Conclusion, str]:
    """Print what *file* says, with an annotation; return that and a part of the summary."""
    dialect = dialects.get(system) if system else None
    finding = replay(file, dialect=dialect, dialect_of=dialects.get)
    rules = dialects.ALL.get(finding.os or "")
    text = as_text(finding, rules)
    print(f"{file.as_posix()}\n\n{text}", flush=True)
    level = {Conclusion.BLOCKED: "error", Conclusion.INCONCLUSIVE: mild}.get(finding.conclusion)
    if level:
        first = " ".join(text.partition("\n\n")[0].split())
        print(f"::{level} file={escaped(file.as_posix(), ':,')}::{escaped(first)}", flush=True)
    return finding.conclusion, f"## {file.as_posix()}\n\n{as_ticket(finding, rules)}\n"


def add(variable: str, text: str) -> None:
    """Append *text* to the file that *variable* names, where it names one."""
    name = os.environ.get(variable)
    if name:
        with Path(name).open("a", encoding="utf-8") as stream:
            stream.write(text)


def main() -> int:
    """Answer from every file; return the step's exit code: 0, 1 to fail, 2 for wrong input."""
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        level = mildness(os.environ.get("INPUT_INCONCLUSIVE") or "fail")
        system = os.environ.get("INPUT_OS")
        found = [
            answer(file, system, level) for file in files(os.environ.get("INPUT_EVIDENCE", ""))
        ]
    except (RegsimError, OSError) as error:
        print(f"::error::regsim: {escaped(str(error))}")
        return 2
    add("GITHUB_STEP_SUMMARY", "".join(text for _, text in found))
    verdict = min((conclusion for conclusion, _ in found), key=GRAVEST.index)
    add("GITHUB_OUTPUT", f"verdict={verdict.value}\n")
    passing = {Conclusion.CLEAR} | ({Conclusion.INCONCLUSIVE} if level == "warning" else set())
    return 0 if verdict in passing else 1


if __name__ == "__main__":
    sys.exit(main())
