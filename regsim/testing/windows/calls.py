"""How the functions of a simulated library are written: by what each of their parameters is.

A method named as the function, whose parameters are annotated with the types below, becomes a
function that `regsim.testing.windows.library` can call: its arguments are read as these types say.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Final

from regsim.testing._fake.binding import Site
from regsim.testing.windows.library import Code
from regsim.testing.windows.memory import Pointed, Text, number
from regsim.types import as_predefined

Caller = Site | None
"""Where in a program a call is made."""
Hkey = int
"""A handle; a predefined key may be passed as its low 32 bits."""
Dword = int
"""A number of 32 bits without a sign."""
Str = str | None
"""A text that ends with a NUL, in the function's own form; None for NULL."""
Wide = str | None
"""A text of UTF-16 whatever the function's name ends in."""
Out = Pointed | None
"""Memory that is written to, or read as data; None for NULL."""


def hkey(value: Any) -> int:  # noqa: ANN401 - whatever a program passes
    """Return the handle that *value* is."""
    given = number(value)
    low = given & 0xFFFFFFFF
    return low if given >> 32 in {0, 0xFFFFFFFF} and as_predefined(low) is not None else given


_READ: Final[dict[str, Callable[[Any], Any]]] = {
    "Hkey": hkey,
    "Dword": lambda value: number(value) & 0xFFFFFFFF,
    "Wide": Text(wide=True).read,
    "Out": Pointed.of,
}


def works(functions: object, text: Text) -> Iterator[tuple[str, Code]]:
    """Yield what the methods of *functions* become, by their names; *text* reads each `Str`."""
    read = {**_READ, "Str": text.read}
    kind: Any = type(functions)
    for name, kinds in _parameters(kind):
        yield name, _Work(getattr(functions, name), [read[kind] for kind in kinds])


@cache
def _parameters(kind: Any) -> list[tuple[str, list[str]]]:  # noqa: ANN401 - a type
    """Return the methods of *kind* that are functions, and the types of what they take."""
    found = []
    for name in dir(kind):
        method = getattr(kind, name)
        if not name.startswith("_") and inspect.isfunction(method):
            types = {**method.__annotations__}
            del types["return"]
            found.append((name, list(types.values())[1:]))  # the first is the caller
    return found


class _Work:
    """A method as a function of a library."""

    def __init__(self, method: Callable[..., int], kinds: list[Callable[[Any], Any]]) -> None:
        self._method, self._kinds = method, kinds
        self.parameters = len(kinds)

    def __call__(self, site: Caller, *args: Any) -> int:  # noqa: ANN401 - what is passed
        read = [kind(value) for kind, value in zip(self._kinds, args, strict=True)]
        return int(self._method(site, *read))
