"""Which files are looked into: those that are named, and those of folders in known languages."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

import attrs

from regsim.errors import UnreadableError, UsageError
from regsim.lint import grammars
from regsim.lint.baseline import relative
from regsim.lint.sources import WANTED, SourceText, UnreadSource

_SKIPPED: Final = frozenset({".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv"})
Lintable = str | os.PathLike[str] | SourceText
"""What can be looked into: a path, or a text that is at hand."""


@attrs.frozen(kw_only=True)
class SourcePath:
    """A file to look into.

    Attributes:
        path: as it was named or found.
        language: as `regsim.lint.grammars` calls it.
        named: whether it was named itself, and not found in a folder.
    """

    path: Path
    language: str
    named: bool


def found(
    given: Iterable[Lintable], exclude: Sequence[str], root: Path
) -> Iterator[SourcePath | SourceText | UnreadSource]:
    """Yield what to look into, each once, in the order *given*; the files of a folder by name.

    A folder in a folder that cannot be listed is yielded as unread.

    A pattern to *exclude* is of a name anywhere, or, with a slash in it, of a path from *root*;
    what lies in a folder that it fits is left out too. Links to folders are not followed.

    Raises:
        UsageError: a file is in no language that a rule looks at, or a folder has none.
        UnreadableError: there is no such file.
    """
    seen = set()
    for each in given:
        if isinstance(each, SourceText):
            yield each
            continue
        for file in _below(Path(each), exclude, root):
            if isinstance(file, UnreadSource):
                yield file
                continue
            place = os.path.normpath(file.path.absolute())
            if place not in seen:
                seen.add(place)
                yield file


def _below(path: Path, exclude: Sequence[str], root: Path) -> Iterator[SourcePath | UnreadSource]:
    if path.is_dir():
        yield from _folder(path, exclude, root)
        return
    if not os.path.lexists(path):
        raise UnreadableError(path, "", f"{WANTED} or a folder")
    language = grammars.language_of(str(path))
    if language is None:
        known = " ".join(sorted(grammars.LANGUAGES))
        raise UsageError(f"{path} is in no language that lint reads; it reads {known}")
    if not excluded(path, exclude, root):
        yield SourcePath(path=path, language=language, named=True)


def _folder(path: Path, exclude: Sequence[str], root: Path) -> Iterator[SourcePath | UnreadSource]:
    empty = True
    failed: list[OSError] = []
    for folder, folders, files in os.walk(path, onerror=failed.append):
        folders[:] = sorted(
            name
            for name in folders
            if name not in _SKIPPED and not excluded(Path(folder, name), exclude, root)
        )
        for name in sorted(files):
            language = grammars.language_of(name)
            if language is None:
                continue
            empty = False
            file = Path(folder, name)
            if not excluded(file, exclude, root):
                yield SourcePath(path=file, language=language, named=False)
    for error in failed:
        reason = f"cannot be read: {error.strerror or error}"
        yield UnreadSource(path=str(error.filename), lines=(), reason=reason)
    if empty and not exclude and not failed:
        known = " ".join(sorted(grammars.LANGUAGES))
        raise UsageError(f"{path} holds no file in a language that lint reads; it reads {known}")


def excluded(path: Path, patterns: Sequence[str], root: Path) -> bool:
    """Return whether one of *patterns* fits *path*, or a folder that it lies in below *root*."""
    if not patterns:
        return False
    parts = relative(str(path), root).split("/")
    folders = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    for pattern in patterns:
        names = folders if "/" in pattern.strip("/") else parts
        if any(fnmatch(name, pattern.strip("/")) for name in names):
            return True
    return False
