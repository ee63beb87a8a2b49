"""What a registry held once, kept beside the test as a ``.reg`` file, to compare with.

The files can be read, compared by git, and given as a seed.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from pathlib import Path
from typing import Final

from regsim.writing import write_file

FOLDER: Final = "__registry__"
OPTION: Final = "--registry-snapshot-update"


class RegistrySnapshot:
    """What ``registry_snapshot`` gives: equal to the text of a ``.reg`` file that it has kept.

    Each comparison of a test has a file of its own, by number or by the name in
    ``registry_snapshot("after")``.

    Args:
        folder: the folder of the test's file.
        file: the name of that file, without its ending.
        test: the name of the test.
        update: whether what is compared is to be kept from now on, instead.
    """

    def __init__(self, folder: Path, file: str, test: str, *, update: bool) -> None:
        self._folder, self._test, self._update = folder / FOLDER / file, _as_file(test), update
        self._name = ""
        self._count = [0]
        self.told: list[str] = []
        """What is to be said of the comparison that failed last."""

    def __call__(self, name: str) -> RegistrySnapshot:
        """Return the snapshot of that *name*, for a test that has several."""
        named = RegistrySnapshot(self._folder, "", "", update=self._update)
        named._folder, named._test, named._name = self._folder, self._test, _as_file(name)
        return named

    def __eq__(self, text: object) -> bool:
        """Return whether *text* is what was kept, or keep it where that is asked for."""
        if not isinstance(text, str):
            return NotImplemented
        self._count[0] += 1
        number = f".{self._count[0]}" if self._count[0] > 1 else ""
        file = self._folder / f"{self._test}{self._name and '.' + self._name}{number}.reg"
        if self._update:
            if _kept(file) != text:
                file.parent.mkdir(parents=True, exist_ok=True)
                write_file(file, text.encode("utf-8-sig"))
            return True
        kept = _kept(file)
        if kept is None:
            self.told = [f"no snapshot yet at {file}", f"run pytest {OPTION} to keep this one:"]
            self.told += text.splitlines()
        else:
            lines = difflib.unified_diff(
                kept.splitlines(), text.splitlines(), "kept", "now", lineterm=""
            )
            self.told = [f"the registry is not what is kept at {file}", *lines]
        return kept == text

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<registry snapshot {self._test}{self._name and '.' + self._name}>"


def _kept(file: Path) -> str | None:
    return file.read_text("utf-8-sig") if file.is_file() else None


def _as_file(name: str) -> str:
    """Return *name* as a file's, another one for each."""
    plain = re.sub(r"[^\w.\[\]-]+", "_", name)
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
