"""What is known and accepted: an earlier report, against which only what is new is told."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from regsim.errors import UsageError
from regsim.lint.fault import Fault
from regsim.reading import contents

_WANTED: Final = "what `regsim lint --json -o FILE` wrote"


def relative(name: str, root: Path) -> str:
    """Return the file *name* as it is called from *root*, with slashes."""
    try:
        return Path(os.path.relpath(name, root)).as_posix()
    except ValueError:  # another drive
        return Path(name).as_posix()


def fingerprint(fault: Fault, lines: Sequence[bytes], root: Path) -> str:
    """Return what *fault* is known again by when other lines move: file, rule, and its own line.

    The file is named from *root*, so that it does not count where the linter runs. Faults of the
    same rule on lines that read alike have the same fingerprint.
    """
    line = b" ".join(lines[fault.line - 1].split())
    return f"{relative(fault.path, root)}:{fault.rule}:{hashlib.sha256(line).hexdigest()[:16]}"


@attrs.frozen(kw_only=True)
class GoneFault:
    """A fault of a baseline that is there no more.

    Attributes:
        path: its file, from the root.
        rule: its rule.
        message: what was said of it.
    """

    path: str
    rule: str
    message: str


@attrs.define
class Baseline:
    """The faults of an earlier report that were not met again yet, by fingerprint.

    Attributes:
        left: how many of each there still are.
        said: what was said of each.
    """

    left: Counter[str] = attrs.field(factory=Counter)
    said: dict[str, str] = attrs.field(factory=dict)

    def has(self, known: str) -> bool:
        """Return whether a fault of this fingerprint is left, and take it from what is."""
        if self.left[known] <= 0:
            return False
        self.left[known] -= 1
        return True

    def gone(self, looked: Iterable[str], unwanted: Iterable[str], root: Path) -> list[GoneFault]:
        """Return the faults left in the files *looked* into whole, or of which there is no file.

        Of the other files, and of the rules *unwanted*, nothing is known.
        """
        there, silent = frozenset(looked), frozenset(unwanted)
        found = []
        for known, count in sorted(self.left.items()):
            path, rule, _ = known.rsplit(":", 2)
            if rule not in silent and (path in there or not Path(root, path).exists()):
                found += [GoneFault(path=path, rule=rule, message=self.said[known])] * count
        return found


def read_baseline(path: str | os.PathLike[str]) -> Baseline:
    """Return the baseline in the file at *path*.

    Raises:
        UnreadableError: it cannot be read, or is empty.
        UsageError: it is no report of this linter.
    """
    data = contents(path, _WANTED)
    try:
        findings: list[dict[str, Any]] = json.loads(data)["findings"]
        said = {each["fingerprint"]: str(each["message"]) for each in findings}
        left = Counter(str(each["fingerprint"]) for each in findings)
    except (ValueError, TypeError, LookupError):
        raise UsageError(f"{path} is no report of the linter; give {_WANTED}") from None
    wrong = next((known for known in left if known.count(":") < 2), None)
    if wrong is not None:
        raise UsageError(f"{path} has a fingerprint that is none, {wrong!r}; give {_WANTED}")
    return Baseline(left=left, said=said)
