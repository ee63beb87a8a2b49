"""A key and its values, decoded when they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from regsim.accel import NATIVE
from regsim.errors import HiveFormatError, UsageError
from regsim.regf import nk, sk, subkeys, vk
from regsim.regf.hash import sort_key
from regsim.regf.layout import PREDEF_HANDLE, KeyFlag
from regsim.regf.value import StoredValue, read_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from regsim.regf.contents import HiveContents


_BY_WALK: Final = -1
"""Stands in `Key._charged` for the list of subkeys: the walk has counted it."""
_NONE: Final[AbstractSet[int]] = frozenset()
WALKED: Final = frozenset({_BY_WALK})
_READ: Final = frozenset({_BY_WALK, 0})


class Key:
    """One key of a hive file.

    The object stands for the cell it was read from. After an edit it reads itself anew; once its
    key is deleted, or renamed through another object, every use raises
    :class:`~regsim.errors.UsageError`.
    """

    __slots__ = (
        "_charged",
        "_credit",
        "_given",
        "_hive",
        "_known",
        "_name",
        "_seen",
        "offset",
        "parent",
    )

    def __init__(self, hive: HiveContents, offset: int, parent: Key | None = None) -> None:
        self._hive, self.offset, self.parent = hive, offset, parent
        self._seen = hive.edits
        self._known: nk.KeyCell | None
        self._known, self._name = nk.parse(hive.image, offset)
        self._given: Sequence[StoredValue] | None = None
        self._credit = None if parent is None else parent.credit
        self._charged: AbstractSet[int] = _NONE

    def met(
        self,
        hive: HiveContents,
        parent: Key | None,
        offset: int,
        name: str,
        given: Sequence[StoredValue] | None = None,
        credit: list[int] | None = None,
        charged: AbstractSet[int] = _NONE,
    ) -> Key:
        """Be the key of *hive* at *offset*, made without a look at it, and return it.

        What has met it has read its name and its values, which are *given* (None: they were not
        read), and has *charged* lists of it to the *credit* of the walk that it is met in.
        """
        self._hive = hive
        self.offset, self.parent = offset, parent
        self._seen = hive.edits
        self._known = None
        self._name, self._given = name, given
        self._credit, self._charged = credit, charged
        return self

    @property
    def credit(self) -> list[int] | None:
        """How many list elements the walk that found this key may still read, in a list of one."""
        return self._credit

    @credit.setter
    def credit(self, credit: list[int]) -> None:
        """Set what :func:`regsim.regf.walk.walk` grants itself."""
        self._credit = credit

    def _charge(self, count: int, where: int) -> None:
        """Count the elements of a list, the first time it is read, against the walk's credit.

        Raises:
            HiveFormatError: the hive's lists hold more than the hive has room for: keys share
                lists, or lists overlap, and reading on could take for ever.
        """
        credit = self._credit
        if credit is not None and where not in self._charged:
            self._charged = {where, *self._charged}
            credit[0] -= count
            if credit[0] < 0:
                image = self._hive.image
                raise image.error("list elements", where, "what the hive has room for", "more")

    @property
    def cell(self) -> nk.KeyCell:
        """The stored fields, current as of the last edit."""
        known = self._known
        if known is None or self._seen != self._hive.edits:
            known = self._reload()
        return known

    def _reload(self) -> nk.KeyCell:
        if self._hive.image.closed:
            msg = f"the hive of the key {self._name!r} is closed; ask the key before that"
            raise UsageError(msg)
        if self._hive.died_at(self.offset) > self._seen:
            msg = f"the key {self._name!r} is gone: deleted or renamed since it was read"
            raise UsageError(msg)
        self._known, self._name = nk.parse(self._hive.image, self.offset)
        if self._seen != self._hive.edits:
            self._seen, self._given = self._hive.edits, None
        return self._known

    def _living(self) -> int:
        """Return the key's cell offset, once it is sure that the key is still there."""
        _ = self.cell
        return self.offset

    @property
    def hive(self) -> HiveContents:
        """The hive the key lives in."""
        return self._hive

    @property
    def name(self) -> str:
        """The key's own name; the root's is whatever its writer chose."""
        if self._seen != self._hive.edits:
            self._reload()
        return self._name

    @property
    def path(self) -> str:
        r"""Names from below the root down to this key, joined by ``\``; ``""`` for the root."""
        names = []
        node = self
        while node.parent is not None:
            names.append(node.name)
            node = node.parent
        return "\\".join(reversed(names))

    @property
    def last_written(self) -> int:
        """FILETIME of the last change: 100 ns units since 1601 UTC."""
        return self.cell.last_written

    @property
    def flags(self) -> KeyFlag:
        """The stored flags; bits that are not named keep their value."""
        return KeyFlag(self.cell.flags)

    @property
    def is_symlink(self) -> bool:
        """True when opening the key leads to the path in its value ``SymbolicLinkValue``."""
        return bool(self.cell.flags & KeyFlag.SYM_LINK)

    @property
    def class_name(self) -> str:
        """The class name, ``""`` when there is none."""
        image = self._hive.image
        try:
            return nk.class_name(image, self.cell)
        except HiveFormatError as error:
            image.report(error)
            return ""

    @property
    def security(self) -> bytes:
        """The self-relative security descriptor, shared with other keys on disk."""
        image = self._hive.image
        try:
            return sk.parse(image, self.cell.security)[1]
        except HiveFormatError as error:
            image.report(error)
            return b""

    @property
    def subkey_count(self) -> int:
        """How many subkeys the key claims."""
        return self.cell.subkeys

    @property
    def value_count(self) -> int:
        """How many values the key claims; none for a predefined-handle key."""
        cell = self.cell
        return 0 if cell.flags & PREDEF_HANDLE else cell.values

    def subkeys(self) -> Iterator[Key]:
        """Yield the subkeys in stored order, sorted by upper-case name.

        Make a list before editing this key. In salvage mode what cannot be read is listed among
        the hive's problems and left out.
        """
        image = self._hive.image
        cell = self.cell
        for offset in self._listed(cell):
            try:
                child = self._child(offset)
            except HiveFormatError as error:
                image.report(error)
            else:
                yield child

    def _child(self, offset: int) -> Key:
        child = Key(self._hive, offset, self)
        if child.cell.parent != self.offset:
            image, actual = self._hive.image, hex(child.cell.parent)
            image.report(image.error("parent of key", offset, hex(self.offset), actual))
        return child

    def _listed(self, cell: nk.KeyCell) -> tuple[int, ...]:
        image = self._hive.image
        try:
            found = subkeys.offsets(image, cell.subkey_list, cell.subkeys)
            if _BY_WALK not in self._charged:
                self._charge(len(found), cell.subkey_list)
        except HiveFormatError as error:
            image.report(error)
            return ()
        return found

    def subkey(self, name: str) -> Key | None:
        """Return the subkey of that name, ignoring case, or None.

        The sorted list is searched by halves, as Windows does, so a key out of order is not
        found; in salvage mode, and among names beyond ASCII, whose order depends on the release
        of Windows, every name is looked at.
        """
        wanted = sort_key(name)
        image = self._hive.image
        if not image.salvage and name.isascii():
            offset, certain = self._search(wanted)
            if offset is not None:
                return self._child(offset)
            if certain:
                return None
        return next((k for k in self.subkeys() if sort_key(k.name) == wanted), None)

    def _search(self, wanted: bytes) -> tuple[int | None, bool]:
        """Return the cell of the subkey *wanted*, and whether None means there is none."""
        image, cell = self._hive.image, self.cell
        keys: list[int] = []
        if cell.subkeys:
            for leaf in subkeys.leaves(image, cell.subkey_list):
                keys += leaf.keys
        low, high, certain = 0, len(keys), True
        while low < high:
            middle = (low + high) // 2
            name = nk.name_at(image, keys[middle])
            here = sort_key(name)
            if here == wanted:
                return keys[middle], True
            certain = certain and name.isascii()
            if here < wanted:
                low = middle + 1
            else:
                high = middle
        return None, certain

    def find(self, path: str) -> Key | None:
        r"""Return the key at *path* (names joined by ``\``) below this one, or None.

        An empty path is this key; a leading or doubled ``\`` is skipped.
        """
        if self._credit is None and path.strip("\\"):
            return find(self._hive, self._living(), path, self)
        return by_level(self, path)

    def values(self) -> Iterator[StoredValue]:
        """Iterate over the values in stored order; the default value's name is ``""``."""
        given = self._given
        if given is not None and self._seen == self._hive.edits:
            if given and self._charged is WALKED and self._credit is not None:
                self._charged = _READ
                self._credit[0] -= len(given)  # no more than what the walk has found room for
            return iter(given)
        cell = self.cell
        if not cell.values or cell.flags & PREDEF_HANDLE:
            return iter(())
        return read_all(self._hive.image, self._value_offsets(cell))

    def _value_offsets(self, cell: nk.KeyCell) -> tuple[int, ...]:
        image = self._hive.image
        try:
            found = vk.offsets(image, cell.value_list, cell.values)
            self._charge(len(found), cell.value_list)
            if len(set(found)) != len(found):
                what, where = "value list", cell.value_list
                image.report(image.error(what, where, "each value once", "one is repeated"))
                found = tuple(dict.fromkeys(found))
        except HiveFormatError as error:
            image.report(error)
            return ()
        return found

    def value(self, name: str) -> StoredValue | None:
        """Return the value of that name, ignoring case, or None; ``""`` is the default value."""
        image = self._hive.image
        if self._given is None and self._credit is None and image.plain and name.isascii():
            where = self._living(), image.data_size
            found: StoredValue | Literal[False] | None = NATIVE.find_value(  # type: ignore[union-attr]
                StoredValue, image, image.buffer, *where, name
            )
            if found is not False:
                return found
        return among(self, name)

    # -- editing ----------------------------------------------------------------------------

    def create_subkey(
        self,
        name: str,
        *,
        class_name: str = "",
        security: bytes | None = None,
        flags: int = 0,
        last_written: int | None = None,
    ) -> Key:
        """Add a subkey and return it; without *security* it shares this key's descriptor.

        Raises:
            UsageError: the name is empty, too long, holds a backslash, or exists already.
        """
        if self.subkey(name) is not None:
            raise _taken(self, name)
        editor = self._hive.editor()
        stamp = self._hive.stamp(last_written)
        offset = editor.create_key(self.cell, self.offset, name, stamp, flags=flags)
        if class_name:
            editor.set_class(offset, class_name)
        if security is not None:
            editor.set_security(offset, security)
        self._hive.changed()
        return Key(self._hive, offset, self)

    def ensure(self, path: str, *, last_written: int | None = None) -> Key:
        r"""Return the key at *path* below this one, creating what is missing."""
        node = self
        for name in filter(None, path.split("\\")):
            below = node.subkey(name)
            node = below or node.create_subkey(name, last_written=last_written)
        return node

    def set_value(
        self, name: str, kind: int, data: bytes, *, last_written: int | None = None
    ) -> None:
        """Create or replace a value; only the cells that must change are written.

        Raises:
            UsageError: the name is longer than 16,383 units, or *kind* is no 32-bit number.
        """
        places = self._places()
        place = sort_key(name)
        stamp = self._hive.stamp(last_written)
        editor = self._hive.editor()
        offset = editor.set_value(self.offset, name, kind, data, places.get(place), stamp)
        self._hive.changed()
        places[place] = offset
        self._hive.remember_values(self.offset, places)

    def _places(self) -> dict[bytes, int]:
        """Return where each value's cell is, kept between sets so that many stay quick."""
        known = self._hive.known_values(self._living())
        if known is None:
            known = {}
            for value in self.values():
                known.setdefault(sort_key(value.name), value.offset)
        return known

    def delete_value(self, name: str, *, last_written: int | None = None) -> bool:
        """Delete a value; return False when there is none of that name."""
        old = self.value(name)
        if old is None:
            return False
        stamp = self._hive.stamp(last_written)
        self._hive.editor().delete_value(self.offset, old.offset, stamp)
        self._hive.changed()
        return True

    def delete(self, *, recursive: bool = False, last_written: int | None = None) -> None:
        """Delete this key, its values, and with *recursive* everything below it.

        Raises:
            UsageError: it is the root, or has subkeys and *recursive* is false.
        """
        if self.parent is None:
            msg = "the root of a hive cannot be deleted"
            raise UsageError(msg)
        if self.subkey_count and not recursive:
            msg = f"the key {self.path!r} has {self.subkey_count} subkeys; delete recursively"
            raise UsageError(msg)
        stamp = self._hive.stamp(last_written)
        gone = self._hive.editor().delete_key(self.offset, self.cell.parent, stamp)
        self._hive.changed(gone)

    def rename(self, name: str, *, last_written: int | None = None) -> None:
        """Give the key another name; its subtree stays where it is.

        This object follows the key; others that were read for the same key end.

        Raises:
            UsageError: it is the root, the name is invalid, or a sibling has it.
        """
        if self.parent is None:
            msg = "the root of a hive cannot be renamed"
            raise UsageError(msg)
        above = Key(self._hive, self.cell.parent)
        other = above.subkey(name)
        if other is not None and other.offset != self.offset:
            raise _taken(above, name)
        stamp = self._hive.stamp(last_written)
        offset = self._hive.editor().rename_key(self.offset, above.offset, name, stamp)
        self._hive.changed([self.offset])
        self.offset, self._seen, self._given = offset, self._hive.edits, None
        self._reload()

    def set_security(self, descriptor: bytes) -> None:
        """Give the key another security descriptor; equal ones share one cell, counted."""
        self._hive.editor().set_security(self._living(), descriptor)
        self._hive.changed()

    def set_class_name(self, name: str) -> None:
        """Set or (with ``""``) drop the class name."""
        self._hive.editor().set_class(self._living(), name)
        self._hive.changed()

    def set_last_written(self, filetime: int) -> None:
        """Set the FILETIME of the last change."""
        self._hive.editor().set_last_written(self._living(), filetime)
        self._hive.changed()

    def set_flags(self, flags: int) -> None:
        """Set the flags, keeping the bit that says how the name is stored.

        Raises:
            UsageError: the flags do not fit 16 bits, or would make the key volatile.
        """
        self._hive.editor().set_flags(self._living(), flags)
        self._hive.changed()

    def __repr__(self) -> str:
        return f"<Key {self.path!r} at {self.offset:#x}>"


def _taken(above: Key, name: str) -> UsageError:
    return UsageError(f"the key {above.name!r} already has a subkey {name!r}")


def find(hive: HiveContents, offset: int, path: str, start: Key | None = None) -> Key | None:
    """Return the key at *path* below the one at *offset*, which is *start*, or None.

    C looks first, and gives up at the first thing that is odd.
    """
    image = hive.image
    if image.plain and path.isascii():
        line = NATIVE.find_key(image.buffer, offset, image.data_size, path)  # type: ignore[union-attr]
        if line is None:
            return None
        if line:
            key, new = start, Key.__new__
            for number, (at, name) in enumerate(line):
                if number or key is None:
                    key = new(Key).met(hive, key, at, name)
            if key is not None:
                _ = key.cell  # what was asked for outlives the hive's file
            return key
    return by_level(start or Key(hive, offset), path)


def by_level(start: Key, path: str) -> Key | None:
    """Do what `Key.find` does, level by level: this is what it means."""
    node: Key | None = start
    for name in filter(None, path.split("\\")):
        node = node.subkey(name) if node is not None else None
    return node


def among(key: Key, name: str) -> StoredValue | None:
    """Do what `Key.value` does, one value after the other: this is what it means."""
    wanted = sort_key(name)
    # What is ASCII equals nothing that is longer or shorter: see `regsim.regf.hash.upcase`.
    length = len(name) if name.isascii() else None
    for value in key.values():
        if length in (None, len(value.name)) and sort_key(value.name) == wanted:
            return value
    return None
