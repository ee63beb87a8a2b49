"""Finding what a person means by a name, however it is spelled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from regsim.errors import UnknownNameError, plain_name


def resolve(
    kind: str, given: str, names: Iterable[str], aliases: Mapping[str, str] | None = None
) -> str:
    """Return the one of *names* that *given* means: case, spaces, dashes and the like do not count.

    Args:
        kind: what it is the name of, for the error.
        given: the name as it was typed.
        names: those that exist.
        aliases: other names, and which of *names* each means.

    Raises:
        UnknownNameError: it means none; the text says which was probably meant, and lists them.

    >>> resolve("fix", "Stop Service", ["none", "stop-service"])
    'stop-service'
    """
    known = list(names)
    if given in known:
        return given
    means = {plain_name(other): name for other, name in (aliases or {}).items()}
    means |= {plain_name(name): name for name in known}
    try:
        return means[plain_name(given)]
    except KeyError:
        raise UnknownNameError(kind, given, known) from None
