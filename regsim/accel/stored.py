"""What a hive stores of one value: the record that the walk in C makes, and its pure twin."""

from __future__ import annotations


class PyStored:
    """The stored fields of a value; its data is read at the first use.

    Args:
        image: what the data is read from.
        offset: the offset of the value's cell; ``size`` and ``where`` are what that says of the
            data, as it says it.
    """

    __slots__ = ("_data", "_image", "_size", "_where", "name", "offset", "type")

    def __init__(
        self, image: object, offset: int, name: str, kind: int, size: int, where: int
    ) -> None:
        self._image = image
        self.offset = offset
        self.name = name
        self.type = kind
        self._size = size
        self._where = where
        self._data: bytes | None = None

    @property
    def data(self) -> bytes:
        """The data, read once."""
        data = self._data
        if data is None:
            data = self._data = self._read()
        return data

    def _read(self) -> bytes:
        """Return the data; a hive's value knows how."""
        raise NotImplementedError
