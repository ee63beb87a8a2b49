"""The parameters of a model: what each means, what it may be, and reading one that was typed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from regsim.check.families import ANY
from regsim.errors import UnknownNameError, UsageError

Setting = int | str


@attrs.frozen
class Parameter:
    """One parameter of a model.

    Attributes:
        name: what it is given by.
        default: its value unless it is given.
        about: what it means, as a phrase.
        choices: the texts it may be; empty for a whole number.
        least: the least number it may be.
        most: the greatest.
        free: whether anything of the default's type will do.
        counts: whether it counts interchangeable processes, so that it may be `ANY`.
    """

    name: str
    default: Setting
    about: str
    choices: tuple[str, ...] = ()
    least: int = 0
    most: int = 0
    free: bool = False
    counts: bool = False

    @property
    def allowed(self) -> str:
        """What it may be, for a person: ``0 to 16`` or ``buggy, refcounted``."""
        if self.free:
            return "any text" if isinstance(self.default, str) else "any whole number"
        if self.choices:
            return ", ".join(self.choices)
        return f"{self.least} to {self.most}" + (f", or {ANY}" if self.counts else "")

    def read(self, value: object) -> Setting:
        """Return *value*, perhaps typed, as the parameter's own type.

        Raises:
            UsageError: it is none that the parameter may be; the text says which it may.
        """
        if isinstance(self.default, str) and not self.counts:
            if not self.free and value not in self.choices:
                raise UnknownNameError(self.name.replace("-", " "), str(value), self.choices)
            return str(value)
        if value == ANY and (self.counts or self.free):
            return ANY
        try:
            found = int(str(value), 10)
        except ValueError:
            raise UsageError(
                f"{self.name} must be a number, {self.allowed}, not {value!r}"
            ) from None
        if not self.free and not self.least <= found <= self.most:
            raise UsageError(f"{self.name} must be {self.allowed}, not {found}")
        return found


def number(name: str, default: int, least: int, most: int, about: str) -> Parameter:
    """Return a whole number from *least* to *most*."""
    return Parameter(name, default, about, (), least, most)


def count(name: str, default: Setting, least: int, most: int, about: str) -> Parameter:
    """Return a number of interchangeable processes, from *least* to *most* or `ANY`."""
    return Parameter(name, default, about, (), least, most, counts=True)


def flag(name: str, about: str, default: int = 0) -> Parameter:
    """Return a number that is 0 for no or 1 for yes."""
    return Parameter(name, default, about, (), 0, 1)


def choice(name: str, default: str, choices: tuple[str, ...], about: str) -> Parameter:
    """Return one of *choices*."""
    return Parameter(name, default, about, choices)


def text(name: str, about: str) -> Parameter:
    """Return any text, empty unless it is given."""
    return Parameter(name, "", about, free=True)


def settings(
    parameters: Iterable[Parameter], given: Mapping[str, object], model: str
) -> dict[str, Setting]:
    """Return every parameter's value: as *given*, else its default.

    Raises:
        UnknownNameError: *given* names a parameter that *model* does not have.
        UsageError: a value is none that its parameter may be.
    """
    known = {parameter.name: parameter for parameter in parameters}
    for name in given:
        if name not in known:
            raise UnknownNameError(f"parameter of {model}", name, known)
    return {
        name: parameter.read(given.get(name, parameter.default))
        for name, parameter in known.items()
    }
