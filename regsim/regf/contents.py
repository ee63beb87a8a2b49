"""The bytes of an open hive, what was edited in them since, and with which clock.

The keys know their hive by this much of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regsim.errors import UsageError
from regsim.regf.edit import Editor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from regsim.regf.image import Image


class HiveContents:
    """An image, and the edits of it.

    Args:
        image: the bytes and the checks on them.
        clock: gives the FILETIME that edits stamp; by default the hive's own last-written time,
            so that nothing depends on the wall clock.
    """

    def __init__(self, image: Image, *, clock: Callable[[], int] | None = None) -> None:
        self.image = image
        self.edits = 0
        self._values: tuple[int, int, dict[bytes, int]] = (-1, -1, {})
        self._clock = clock
        self._dead: dict[int, int] = {}
        self._editor: Editor | None = None

    def editor(self) -> Editor:
        """Return the object that changes cells, made at the first edit.

        Raises:
            UsageError: the hive is dirty or was opened for salvage.
            HiveFormatError: its bins and cells are not intact.
        """
        if self._editor is None:
            if self.image.salvage:
                msg = "a hive opened for salvage cannot be edited; open it strictly"
                raise UsageError(msg)
            base = self.image.base
            if not base.clean:
                msg = (
                    f"the hive is dirty (sequence numbers {base.primary_seq} and "
                    f"{base.secondary_seq}): recover it with its logs before changing it"
                )
                raise UsageError(msg)
            self._editor = Editor(self.image)
        return self._editor

    def stamp(self, filetime: int | None) -> int:
        """Return *filetime*, or what the clock gives for an edit without one."""
        if filetime is not None:
            return filetime
        return self._clock() if self._clock is not None else self.image.base.last_written

    def changed(self, gone: Iterable[int] = ()) -> None:
        """Note one edit, and the cell offsets of keys that ended with it."""
        self.edits += 1
        for offset in gone:
            self._dead[offset] = self.edits

    def known_values(self, key: int) -> dict[bytes, int] | None:
        """Return the value cells of the key that the last edit set a value of, else None."""
        edits, offset, places = self._values
        return places if (edits, offset) == (self.edits, key) else None

    def remember_values(self, key: int, places: dict[bytes, int]) -> None:
        """Keep the value cells of *key* until the next edit of anything else."""
        self._values = (self.edits, key, places)

    def died_at(self, offset: int) -> int:
        """Return the number of the edit that ended the key at *offset*, or -1."""
        return self._dead.get(offset, -1)

    @property
    def modified(self) -> bool:
        """True when there are edits that are neither saved nor flushed."""
        return self._editor is not None and bool(self._editor.allocator.dirty)
