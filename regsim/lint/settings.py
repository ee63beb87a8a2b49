"""How a project wants to be linted: the table `[tool.regsim.lint]` of its pyproject.toml."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import attrs

from regsim.errors import UsageError
from regsim.reading import contents

_FILE: Final = "pyproject.toml"
_TABLE: Final = "[tool.regsim.lint]"


@attrs.frozen(kw_only=True)
class LintSettings:
    """What a project asks for.

    Attributes:
        root: the folder from which the patterns and the baseline's files are named.
        ignore: rules to leave out.
        os: the systems to play faults on; none where that is left open.
        exclude: patterns of files and folders to leave out.
        baseline: the report of what is known; none where there is none.
        allow_partial: whether what could not be parsed is allowed.
    """

    root: Path = attrs.field(factory=Path)
    ignore: tuple[str, ...] = ()
    os: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    baseline: Path | None = None
    allow_partial: bool = False


def settings_for(paths: Iterable[str | os.PathLike[str]]) -> LintSettings:
    """Return what the nearest pyproject.toml with the table asks for.

    It is looked for in the folder that all *paths* lie in, and above.

    Raises:
        UsageError: a pyproject.toml on the way is no TOML, or the table holds what is not known.
    """
    places = [str(Path(path).absolute()) for path in paths]
    start = Path(os.path.commonpath(places)) if _joined(places) else Path.cwd()
    for folder in (start, *start.parents):
        file = folder / _FILE
        if file.is_file():
            table = _table(file)
            if table is not None:
                return _settings(file, table)
    return LintSettings()


def _joined(places: list[str]) -> bool:
    """Return whether there are paths, and all on one drive."""
    return bool(places) and len({os.path.splitdrive(place)[0] for place in places}) == 1


def _table(file: Path) -> dict[str, Any] | None:
    try:
        table: Any = tomllib.loads(contents(file, "a project's settings").decode())
    except ValueError as error:
        raise UsageError(f"{file} is no TOML: {error}; mend it") from None
    for name in ("tool", "regsim", "lint"):
        table = table.get(name) if isinstance(table, dict) else None
    return table if isinstance(table, dict) else None


def _settings(file: Path, table: dict[str, Any]) -> LintSettings:
    given: dict[str, Any] = {"root": file.parent}
    for key, value in table.items():
        if key not in _KEYS:
            raise UsageError(f"{file}: {_TABLE} knows no {key!r}; it knows {', '.join(_KEYS)}")
        form, convert = _KEYS[key]
        converted = convert(value)
        if converted is None:
            raise UsageError(f"{file}: {key} in {_TABLE} is to be {form}, not {value!r}")
        given[key.replace("-", "_")] = converted
    if "baseline" in given:
        given["baseline"] = file.parent / given["baseline"]
    return LintSettings(**given)


def _texts(value: object) -> tuple[str, ...] | None:
    several = [value] if isinstance(value, str) else value
    if not isinstance(several, list) or not all(isinstance(each, str) for each in several):
        return None
    return tuple(several)


_KEYS: Final[dict[str, tuple[str, Callable[[Any], Any]]]] = {
    "ignore": ("a list of rules", _texts),
    "os": ("a list of systems", _texts),
    "exclude": ("a list of patterns", _texts),
    "baseline": ("the path of a file", lambda value: value if isinstance(value, str) else None),
    "allow-partial": ("true or false", lambda value: value if isinstance(value, bool) else None),
}
