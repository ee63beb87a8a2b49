"""Looking through source files for faults, and what there is to say of them all together."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from regsim import dialects
from regsim.errors import NotApplicableError, UnreadableError, UsageError
from regsim.lint import grammars
from regsim.lint.baseline import Baseline, GoneFault, fingerprint, read_baseline, relative
from regsim.lint.fault import Fault, settled
from regsim.lint.mending import mended, tried
from regsim.lint.playing import Consequence, play
from regsim.lint.rules import RULES
from regsim.lint.silence import Silence, silences
from regsim.lint.sources import SourceText, UnreadSource, read_source
from regsim.lint.walking import Lintable, SourcePath, found
from regsim.writing import editing

if TYPE_CHECKING:
    from tree_sitter import Tree

_WORDS: Final = {
    "powershell": re.compile(rb"reg|hive", re.IGNORECASE),
    "c": re.compile(rb"Reg[A-Z]|(Nt|Zw)\w+Key|UserProfile|HKEY_"),
    "c_sharp": re.compile(rb"Registry|Reg(Open|Create|Load)\w*Key"),
    "python": re.compile(rb"winreg|win32api|win32con"),
}
_LOOKERS: Final = {
    "powershell": "psrules",
    "c": "cfile",
    "cpp": "cfile",
    "c_sharp": "csfile",
    "python": "pyfile",
}


@attrs.frozen(kw_only=True)
class LintFinding:
    """A fault with what the simulator says becomes of it.

    Attributes:
        fault: where and what.
        os: the systems on which it shows, in the order asked; all asked where it shows on none.
        consequence: what a run shows there; none where no system asked has the functions, or where
            what Windows does then is not known.
        fingerprint: what it is known again by in a later report.
    """

    fault: Fault
    os: tuple[str, ...]
    consequence: Consequence | None
    fingerprint: str

    @property
    def mend(self) -> str:
        """How to mend it, and what of that can be written without a person."""
        by_hand = RULES[self.fault.rule].mend
        if not self.fault.edits:
            return by_hand
        lines = b"\n".join(edit.text for edit in self.fault.edits).decode().splitlines()
        return (
            f"{by_hand} `--fix` writes: {'; '.join(line.strip() for line in lines if line.strip())}"
        )


@attrs.frozen(kw_only=True)
class UnusedSilence:
    """A comment that asks for silence where nothing is said.

    Attributes:
        path: its file.
        line: where it stands.
        rules: those it names that say nothing there; none where it means all.
    """

    path: str
    line: int
    rules: tuple[str, ...]


@attrs.frozen(kw_only=True)
class LintReport:
    """What was found in some files.

    Attributes:
        findings: the faults that are told, by file, line, column and rule.
        files: the files that were looked into.
        partial: what was not.
        unused: comments that silence nothing.
        known: how many faults the baseline has, which are not told.
        gone: faults of the baseline that are no more.
        mended: the files that were mended, each with how many faults that took away.
    """

    findings: tuple[LintFinding, ...] = ()
    files: tuple[str, ...] = ()
    partial: tuple[UnreadSource, ...] = ()
    unused: tuple[UnusedSilence, ...] = ()
    known: int = 0
    gone: tuple[GoneFault, ...] = ()
    mended: tuple[tuple[str, int], ...] = ()

    def exit_code(self, *, allow_partial: bool = False) -> int:
        """Return 1 for faults, 3 for none where something was not looked into, else 0."""
        if self.findings:
            return 1
        return 3 if self.partial and not allow_partial else 0


@attrs.frozen(kw_only=True)
class Looked:
    """What one file holds: faults, what was not looked into, and the comments that silence."""

    faults: tuple[Fault, ...] = ()
    spans: tuple[tuple[int, int], ...] = ()
    silences: tuple[Silence, ...] = ()

    @property
    def heard(self) -> list[Fault]:
        """The faults that no comment silences, in order."""
        return sorted(f for f in self.faults if not any(s.about(f) for s in self.silences))


def lint(
    *given: Lintable,
    os: str | Sequence[str] = ("win11",),
    ignore: Iterable[str] = (),
    exclude: Sequence[str] = (),
    root: str | os.PathLike[str] = ".",
    baseline: str | os.PathLike[str] | None = None,
    fix: bool = False,
) -> LintReport:
    """Look through files and folders for registry handles that are not given back.

    Args:
        given: files, or folders, of which the files in known languages are taken; or texts.
        os: the systems to play each fault on.
        ignore: the ids of rules not to apply.
        exclude: patterns of files and folders to leave out: a name, or a path from *root*.
        root: the folder from which files are called in *exclude* and in fingerprints.
        baseline: an earlier report in JSON; what it has is not told again.
        fix: whether to write the files in which something is mended by what does nothing else.

    Raises:
        UsageError: there is nothing to look into, a grammar is missing, or a file that is mended
            cannot be written.
        UnreadableError: a file that was named, or the baseline, cannot be read.
    """
    systems = tuple(dialects.get(name).name for name in ((os,) if isinstance(os, str) else os))
    accepted = Baseline() if baseline is None else read_baseline(baseline)
    linting = _Linting(systems, frozenset(ignore), Path(root), accepted)
    for each in found(given, exclude, linting.root):
        linting.add(each, fix=fix)
    linting.write()
    return linting.report()


@attrs.define
class _Linting:
    """A report while it is made."""

    systems: tuple[str, ...]
    unwanted: frozenset[str]
    root: Path
    baseline: Baseline
    findings: list[LintFinding] = attrs.field(factory=list)
    files: list[str] = attrs.field(factory=list)
    partial: list[UnreadSource] = attrs.field(factory=list)
    unused: list[UnusedSilence] = attrs.field(factory=list)
    known: int = 0
    mended: list[tuple[str, int]] = attrs.field(factory=list)
    writing: list[tuple[SourceText, SourceText]] = attrs.field(factory=list)

    def add(self, each: SourcePath | SourceText | UnreadSource, *, fix: bool) -> None:
        """Look into one file; one in a folder that cannot be read does not end it all."""
        if isinstance(each, UnreadSource):
            self.partial.append(each)
            return
        try:
            source = each if isinstance(each, SourceText) else read_source(each.path, each.language)
        except UnreadableError as error:
            if isinstance(each, SourcePath) and not each.named:
                reason = error.why or "is not there"
                self.partial.append(UnreadSource(path=str(each.path), lines=(), reason=reason))
                return
            raise
        looked = look(source)
        if fix and isinstance(each, SourcePath) and any(f.edits for f in self._wanted(looked)):
            faults = self._wanted(looked)
            text = mended(source, faults, lambda new: self._wanted(look(new)))
            self.writing.append((source, text))
            looked = look(text)
            # what a mend only keeps from showing, as an exit code that nothing tests, is not mended
            rules = {fault.rule for fault in faults if fault.edits}
            left = sum(fault.rule in rules for fault in self._wanted(looked))
            count = sum(fault.rule in rules for fault in faults) - left
            self.mended.append((source.name, count))
            source = text
        self._tell(source, looked)

    def _wanted(self, looked: Looked) -> list[Fault]:
        return [fault for fault in looked.heard if fault.rule not in self.unwanted]

    def _tell(self, source: SourceText, looked: Looked) -> None:
        self.files.append(source.name)
        if looked.spans:
            reason = source.unread or "could not be parsed"
            self.partial.append(UnreadSource(path=source.name, lines=looked.spans, reason=reason))
        for fault in self._wanted(looked):
            known = fingerprint(fault, source.lines, self.root)
            if self.baseline.has(known):
                self.known += 1
            else:
                self.findings.append(told(fault, self.systems, known))
        for silence in looked.silences:
            idle = self._idle(silence, looked)
            if idle is not None:
                unused = UnusedSilence(path=source.name, line=silence.line, rules=idle)
                self.unused.append(unused)

    def _idle(self, silence: Silence, looked: Looked) -> tuple[str, ...] | None:
        """Return the rules of *silence* that find nothing there; none if it is of use."""
        met = {fault.rule for fault in looked.faults if silence.about(fault)}
        if not silence.rules:
            return None if met else ()
        return tuple(r for r in silence.rules if r not in met | self.unwanted) or None

    def write(self) -> None:
        """Write what was mended, each file whole or not at all.

        Raises:
            UsageError: a file cannot be written, or was changed meanwhile; it is as it was.
        """
        for before, after in self.writing:
            try:
                with editing(before.name) as file:
                    if file.data != before.data:
                        raise UsageError(f"{before.name} was changed meanwhile; lint it again")
                    file.write(after.data)
            except OSError as error:
                why = error.strerror or str(error)
                raise UsageError(f"{before.name} cannot be written: {why}; is it yours?") from None

    def report(self) -> LintReport:
        """Return all that was found."""
        unread = {each.path for each in self.partial}
        whole = [relative(name, self.root) for name in self.files if name not in unread]
        return LintReport(
            findings=tuple(self.findings),
            files=tuple(self.files),
            partial=tuple(self.partial),
            unused=tuple(self.unused),
            known=self.known,
            gone=tuple(self.baseline.gone(whole, self.unwanted, self.root)),
            mended=tuple(self.mended),
        )


def look(source: SourceText) -> Looked:
    """Return what *source* holds; its faults with the changes that mend them, if they are certain.

    Raises:
        UsageError: the grammar is not installed.
    """
    grammars.parse(source.language, b"")  # what is missing is told of every file alike
    text, lines = source.text, source.lines
    if source.unread:
        return Looked(spans=((1, len(lines) + source.beyond),))
    words = _WORDS["c" if source.language == "cpp" else source.language]
    if not words.search(text) and b"regsim:" not in text:
        return Looked()
    tree, faults, spans = _found(source.language, text)
    if any(fault.edits for fault in faults) and source.locked:
        faults = [attrs.evolve(fault, edits=()) for fault in faults]
    else:
        faults = tried(text, faults, lambda new: _found(source.language, new)[1:])
    return Looked(
        faults=tuple(settled(fault, source.name, lines) for fault in faults),
        spans=tuple(spans),
        silences=tuple(silences(tree, lines)),
    )


def _found(language: str, text: bytes) -> tuple[Tree, list[Fault], list[tuple[int, int]]]:
    tree = grammars.parse(language, text)
    looker = importlib.import_module(f"regsim.lint.{_LOOKERS[language]}")
    faults, given_up = looker.look(tree, text)
    return tree, faults, grammars.joined(grammars.unparsed(tree) + given_up)


def told(fault: Fault, systems: Sequence[str], known: str) -> LintFinding:
    """Return *fault* with what a run of it shows on *systems*, the worst of them first."""
    shown: dict[str, Consequence] = {}
    story = fault.story or RULES[fault.rule].story
    for name in systems if story else ():
        try:
            shown[name] = play(story, name)
        except NotApplicableError:  # the system has no such function
            continue
    bad = {name: c for name, c in shown.items() if c.verdict != "clear"} or shown
    first = next(iter(bad.values()), None)
    names = tuple(n for n, c in bad.items() if c == first) or tuple(systems)
    return LintFinding(fault=fault, os=names, consequence=first, fingerprint=known)
