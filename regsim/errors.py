"""What regsim itself raises; what Windows would report is returned as a status instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def plain_name(name: str) -> str:
    """Return what counts in *name*: its letters and digits without case; Windows is called Win."""
    plain = "".join(char for char in name.casefold() if char.isalnum())
    return plain.replace("windows", "win")


def _closest(name: str, known: Iterable[str]) -> str | None:
    """Return the one of *known* that is spelled most like *name*; None where none is like it."""
    from difflib import get_close_matches  # noqa: PLC0415 - only to word an error
    from os.path import commonprefix  # noqa: PLC0415

    given, plain = plain_name(name), {plain_name(each): each for each in known}
    alike = get_close_matches(given, plain, 3)
    # Of names equally alike the one that begins alike is meant: win11 for win12, not win8.1.
    begins = {each: len(commonprefix([each, given])) for each in alike}  # noqa: RUF071 - letters
    return plain[max(alike, key=begins.__getitem__)] if alike else None


class RegsimError(Exception):
    """The root of everything regsim raises on purpose."""


class UsageError(RegsimError, ValueError):
    """A call to regsim that cannot mean anything; the text says what to do instead."""


class UnknownNameError(UsageError, LookupError):
    """A name that regsim does not know; the text lists those it does, and which may be meant."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind, self.name, self.known = kind, name, tuple(known)
        close = _closest(name, self.known)
        meant = f" (did you mean {close!r}?)" if close is not None else ""
        super().__init__(f"unknown {kind} {name!r}{meant}; known: {', '.join(self.known)}")


class NotApplicableError(UsageError):
    """A question that has no answer on the chosen Windows generation; the text gives the reason."""


class InvariantError(RegsimError, AssertionError):
    """A machine that broke one of its own invariants: a defect in regsim, please report it."""


class DataError(RegsimError, ValueError):
    """Bytes or text that regsim was given do not have the form they claim."""


class UnreadableError(DataError, UsageError):
    """A file from which nothing can be read; the text says why, and what to give instead.

    Args:
        path: the file, as it was named.
        why: what is wrong with it, as what follows its name.
        what: what to give, such as ``a hive file``.
    """

    def __init__(self, path: object, why: str, what: str) -> None:
        self.path, self.why, self.what = path, why, what
        missing = f"there is no file {path}" if not why else f"{path} {why}"
        super().__init__(f"{missing}; give the path of {what}")


class HiveFormatError(DataError):
    """A hive file breaks the regf layout.

    Args:
        what: the field or structure, as the format's documents name it.
        offset: where it stands, in bytes from the start of the file.
        expected: what the format asks for there.
        actual: what was found.
        file: the file's name where it is known.
    """

    def __init__(
        self,
        what: str,
        *,
        offset: int,
        expected: object,
        actual: object,
        file: str | None = None,
    ) -> None:
        self.what, self.offset, self.expected, self.actual = what, offset, expected, actual
        self.file = file
        where = f"{file}: " if file else ""
        super().__init__(
            f"{where}{what} at {offset:#010x} should be {_show(expected)}, but is {_show(actual)}"
        )


def _show(value: object) -> str:
    return value if isinstance(value, str) else repr(value)
