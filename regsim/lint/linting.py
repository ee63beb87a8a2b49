"""Looking through source files for faults, and what there is to say of them all together."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs

from regsim import dialects
from regsim.errors import NotApplicableError, UnreadableError, UsageError
from regsim.lint import grammars
from regsim.lint.fault import Fault, settled
from regsim.lint.playing import Consequence, play
from regsim.lint.rules import RULES
from regsim.reading import telling

LARGEST: Final = 4 << 20
"""Bytes of a file that is still looked into; a larger one is said to be unread."""
_WORDS: Final = {
    "powershell": re.compile(rb"reg|hive", re.IGNORECASE),
    "c": re.compile(rb"Reg[A-Z]|(Nt|Zw)\w+Key|UserProfile|HKEY_"),
    "c_sharp": re.compile(rb"Registry|Reg(Open|Create|Load)\w*Key"),
    "python": re.compile(rb"winreg|win32api|win32con"),
}
_IGNORED: Final = re.compile(rb"regsim:\s*ignore(?:\[([\w,\s]*)\])?")
_LOOKERS: Final = {
    "powershell": "psrules",
    "c": "cfile",
    "cpp": "cfile",
    "c_sharp": "csfile",
    "python": "pyfile",
}
_SKIPPED: Final = frozenset({".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv"})


@attrs.frozen(kw_only=True)
class Told:
    """A fault with what the simulator says becomes of it.

    Attributes:
        fault: where and what.
        os: the systems on which it shows, in the order asked; all asked where it shows on none.
        consequence: what a run shows there; none where no system asked has the functions, or where
            what Windows does then is not known.
    """

    fault: Fault
    os: tuple[str, ...]
    consequence: Consequence | None


@attrs.frozen(kw_only=True)
class LintReport:
    """What was found in some files.

    Attributes:
        findings: the faults, by file, line, column and rule.
        files: how many files were looked into.
        partial: the lines that were not, by file.
    """

    findings: tuple[Told, ...]
    files: int
    partial: tuple[tuple[str, tuple[tuple[int, int], ...]], ...]

    def exit_code(self, *, allow_partial: bool = False) -> int:
        """Return 1 for faults, 3 for none where something was not parsed, else 0."""
        if self.findings:
            return 1
        return 3 if self.partial and not allow_partial else 0


def lint(
    *paths: str | os.PathLike[str], os: str | Sequence[str] = ("win11",), ignore: Iterable[str] = ()
) -> LintReport:
    """Look through files and folders for registry handles that are not given back.

    Args:
        paths: files, or folders, of which the files in known languages are taken.
        os: the systems to play each fault on.
        ignore: the ids of rules not to apply.

    Raises:
        UsageError: there is nothing to look into, or a grammar is missing.
        UnreadableError: a file cannot be read.
    """
    systems = tuple(dialects.get(name).name for name in ((os,) if isinstance(os, str) else os))
    unwanted = frozenset(ignore)
    findings: list[Told] = []
    partial = []
    count = 0
    for path, language in found(paths):
        faults, spans = look(path, language)
        count += 1
        findings += [told(f, systems) for f in sorted(faults) if f.rule not in unwanted]
        if spans:
            partial.append((str(path), tuple(spans)))
    return LintReport(findings=tuple(findings), files=count, partial=tuple(partial))


def found(paths: Iterable[str | os.PathLike[str]]) -> Iterator[tuple[Path, str]]:
    """Yield each file to look into, with its language; those of a folder in order.

    Raises:
        UsageError: a file is in no language that a rule looks at, or a folder has none.
    """
    for name in paths:
        path = Path(name)
        if not path.is_dir():
            language = grammars.language_of(str(path))
            if language is None:
                known = " ".join(sorted(grammars.LANGUAGES))
                raise UsageError(f"{path} is in no language that lint reads; it reads {known}")
            yield path, language
            continue
        for folder, folders, files in os.walk(path):
            folders[:] = sorted(set(folders) - _SKIPPED)
            for file in sorted(files):
                language = grammars.language_of(file)
                if language is not None:
                    yield Path(folder, file), language


def look(path: Path, language: str) -> tuple[list[Fault], list[tuple[int, int]]]:
    """Return the faults of one file, and the lines that were not looked into.

    Raises:
        UnreadableError: the file cannot be read.
    """
    with telling(path, "a source file"):
        text = path.read_bytes()
    if text.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = text.decode("utf-16", "replace").encode()
    text = text.removeprefix(b"\xef\xbb\xbf")
    lines = text.split(b"\n")
    if len(text) > LARGEST:
        return [], [(1, len(lines))]
    if not _WORDS["c" if language == "cpp" else language].search(text):
        return [], []
    tree = grammars.parse(language, text)
    looker = importlib.import_module(f"regsim.lint.{_LOOKERS[language]}")
    faults, given_up = looker.look(tree, text, language)
    kept = [settled(f, str(path), lines) for f in faults if not ignored(f, lines)]
    return kept, grammars.joined(grammars.unparsed(tree) + given_up)


def ignored(fault: Fault, lines: Sequence[bytes]) -> bool:
    """Return whether a comment on the fault's line, or alone on the one above, asks for silence."""
    own = _IGNORED.search(lines[fault.line - 1])
    above = lines[fault.line - 2].strip() if fault.line > 1 else b""
    if own is None and above.startswith((b"#", b"//", b"/*")):
        own = _IGNORED.search(above)
    if own is None:
        return False
    named = (own[1] or b"").decode("ascii", "replace").replace(",", " ").split()
    return not named or fault.rule in named


def told(fault: Fault, systems: Sequence[str]) -> Told:
    """Return *fault* with what a run of it shows on *systems*, the worst of them first."""
    shown: dict[str, Consequence] = {}
    story = fault.story or RULES[fault.rule].story
    for name in systems if story else ():
        try:
            shown[name] = play(story, name)
        except NotApplicableError:  # the system has no such function
            continue
    bad = {name: c for name, c in shown.items() if c.verdict != "clear"} or shown
    if not bad:
        return Told(fault=fault, os=tuple(systems), consequence=None)
    first = next(iter(bad.values()))
    return Told(fault=fault, os=tuple(n for n, c in bad.items() if c == first), consequence=first)


__all__ = ["LintReport", "Told", "UnreadableError", "lint"]
