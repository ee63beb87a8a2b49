"""What tells its owner when nobody has it any more: the base of handle objects, and its twin."""

from __future__ import annotations

from typing import Any, Self


class PyOwned:
    """A number that its owner gave out, 0 when it is given back.

    Who makes one sets both. Python may destroy it at any moment, at its own end too; then the
    owner's ``let_go`` is called with the number, unless that is 0. Objects are made of classes that
    are made of this one, not of itself.
    """

    __slots__ = ("_handle", "_owner")

    _handle: int
    _owner: Any

    def __enter__(self) -> Self:
        """Return the object itself."""
        return self

    def __del__(self) -> None:
        """Have the owner take back what nobody else can give back any more."""
        if self._handle:
            self._owner.let_go(self._handle)
