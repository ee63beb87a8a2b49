"""Where the evidence of a fleet is: files, folders, globs and addresses, and whose it is."""

from __future__ import annotations

import datetime as dt
import functools
import glob
import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from regsim.errors import RegsimError, UnreadableError, UsageError
from regsim.trace.times import moment_of

SCHEMES: Final = ("s3", "abfs", "sftp")
"""The schemes of addresses that are read, each by fsspec with the package that it asks for."""
_ADDRESS: Final = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+)://")
_EVIDENCE: Final = "evidence, a folder or an archive of it"


@attrs.frozen
class Item:
    """One file to read: its path or address, its path below what was named, and its bytes.

    ``inside`` says that it was named by itself: then what it holds, if it is an archive, is looked
    for by *--host-from* as if that were the root. ``refused`` is why it cannot be read, if so, and
    ``status`` what becomes of it then.
    """

    path: str
    below: str
    size: int
    inside: bool = False
    refused: str = ""
    status: str = "refused"

    @property
    def is_remote(self) -> bool:
        """Whether fsspec has to fetch it."""
        return _ADDRESS.match(self.path) is not None


def order(path: str) -> tuple[str, ...]:
    """Return what sorts paths so that what lies in a folder or an archive follows it at once."""
    return tuple(path.split("/"))


def find(places: Sequence[str]) -> list[Item]:
    """Return all that *places* name, each once, in order.

    Raises:
        UsageError: one names nothing, or is an address of a scheme that is not read.
    """
    found: dict[str, Item] = {}
    for place in places:
        here = list(_at_address(place) if _ADDRESS.match(place) else _local(place))
        if not here:
            raise UsageError(f"{place} holds no file; give {_EVIDENCE}")
        for item in here:
            found.setdefault(item.path if item.is_remote else _normal(item.path), item)
    return sorted(found.values(), key=lambda item: order(item.path))


def _local(place: str) -> Iterator[Item]:
    path = Path(place)
    if not path.exists() and glob.has_magic(place):
        yield from _matched(place)
        return
    if path.is_dir():
        yield from _walk(path, path)
    elif path.exists():
        yield _item(place, path.name, named=True)
    else:
        raise UnreadableError(place, "", _EVIDENCE)


def _matched(pattern: str) -> Iterator[Item]:
    """Yield what a glob matches, of folders all that is in them; links are not followed."""
    root = Path(_root(pattern))
    try:
        each = sorted(root.glob(str(Path(pattern).relative_to(root))))
    except ValueError as error:
        raise UsageError(f"{pattern} is no pattern of paths: {error}") from None
    done: set[Path] = set()
    for one in each:
        within = [one, *one.parents][: len(one.parts) - len(root.parts)]
        path = next((part for part in reversed(within) if part.is_symlink()), one)
        if done.isdisjoint((path, *within)):
            done.add(path)
            if path.is_dir() and not path.is_symlink():
                yield from _walk(path, root)
            else:
                yield _item(str(path), os.path.relpath(path, root), named=False)


def _root(pattern: str) -> str:
    """Return the folder before the first part of a glob that stands for many."""
    parts = pattern.replace("\\", "/").split("/") if os.sep == "\\" else pattern.split("/")
    plain = next((n for n, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return "/".join(parts[:plain]) or ("/" if pattern.startswith("/") else "")


def _walk(top: Path, root: Path) -> Iterator[Item]:
    """Yield the files below *top*, and folders that cannot be listed; links are not followed."""
    failed: list[OSError] = []
    for folder, inner, names in os.walk(top, onerror=failed.append):
        links = [name for name in inner if os.path.islink(os.path.join(folder, name))]  # noqa: PTH114, PTH118
        for name in (*names, *links):
            path = str(Path(folder, name))
            yield _item(path, os.path.relpath(path, root), named=False)
    for error in failed:
        path = str(error.filename)
        yield _unread(path, os.path.relpath(path, root), False, error)


def _item(path: str, below: str, *, named: bool) -> Item:
    """Return the item for a file that is there; *named* by itself it may be a link."""
    posix = path.replace(os.sep, "/").removeprefix("./")
    try:
        told = os.stat(path) if named else os.lstat(path)  # noqa: PTH116
    except OSError as error:
        return _unread(path, below, named, error)
    if stat.S_ISLNK(told.st_mode):
        return Item(posix, below, 0, named, "it is a symbolic link")
    if not stat.S_ISREG(told.st_mode):
        return Item(posix, below, 0, named, "it is no regular file")
    return Item(posix, below.replace(os.sep, "/"), told.st_size, named)


def _unread(path: str, below: str, named: bool, error: OSError) -> Item:
    posix = path.replace(os.sep, "/").removeprefix("./")
    return Item(posix, below, 0, named, error.strerror or str(error), "unreadable")


def _normal(path: str) -> str:
    """Return one spelling of the path of a file, however it was named."""
    return os.path.normcase(os.path.abspath(path))  # noqa: PTH100 - links stay what they are


# -- addresses -----------------------------------------------------------------------------------


def file_system(address: str) -> Any:  # noqa: ANN401 - of a package that need not be there
    """Return fsspec's file system for *address*.

    Raises:
        UsageError: its scheme is not one of `SCHEMES`, or it chains several.
    """
    scheme = _ADDRESS.match(address)
    if "::" in address or scheme is None or scheme[1].lower() not in SCHEMES:
        raise UsageError(
            f"{address} is no address that is read: give one of {', '.join(SCHEMES)}, without '::'"
        )
    try:
        import fsspec  # noqa: PLC0415 - an extra

        return fsspec.filesystem(scheme[1].lower(), **_options(fsspec, address))
    except ImportError as error:
        raise MissingPackageError(
            f"addresses of {scheme[1]} need a package that is not installed ({error}): "
            "pip install 'regsim[fleet]' and the one that it names"
        ) from None


class MissingPackageError(RegsimError):
    """An address whose file system needs a package that is not installed."""


def _options(fsspec: Any, address: str) -> dict[str, Any]:  # noqa: ANN401
    """Return what the address itself tells, such as the host and the user of sftp."""
    kind = fsspec.get_filesystem_class(address.partition("://")[0].lower())
    told: dict[str, Any] = kind._get_kwargs_from_urls(address)  # noqa: SLF001 - fsspec's own way
    return told


def _at_address(address: str) -> Iterator[Item]:
    system = file_system(address)
    try:
        plain = system._strip_protocol(address).strip("/")  # noqa: SLF001 - as fsspec does
        if glob.has_magic(plain):
            root, found = _root(plain), dict(system.glob(address, detail=True))
            for folder in [name for name, told in found.items() if told["type"] == "directory"]:
                found |= system.find(folder, detail=True)
        else:
            root, found = plain, system.find(address, detail=True)
    except Exception as error:  # noqa: BLE001 - of whatever package reads it
        why = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(f"{address} cannot be listed: {why}") from None
    for listed, told in found.items():
        if told.get("type") != "directory":
            name = listed.strip("/")
            below = name.removeprefix(root).lstrip("/")
            size, last = int(told.get("size") or 0), name.rpartition("/")[2]
            yield Item(_address(address, plain, name), below or last, size, not below)


def _address(given: str, plain: str, name: str) -> str:
    """Return the address of what fsspec calls *name*, where it calls the one *given* *plain*.

    The account of Azure's addresses, which stands before the path, is in neither name.
    """
    before, found, _ = given.rpartition(plain)
    if found:
        return f"{before}{name}"
    scheme, _, rest = given.partition("://")
    container = plain.partition("/")[0]
    inner = name.removeprefix(container).lstrip("/")
    return f"{scheme}://{rest.partition('/')[0]}/{inner}"


# -- whose it is ---------------------------------------------------------------------------------

_TOKEN: Final = re.compile(r"\{(\w*)\}|(\*\*/?)|(\*)|(\?)")
_REST: Final = re.compile(r"/?(?:\.\.\.|\u2026)$")


@attrs.frozen
class HostPattern:
    """A pattern of paths that names the host, and perhaps the time, of what lies below.

    ``{host}`` stands for it and ``{time}`` for a date or time, each within one part of the path;
    ``*``, ``?`` and ``**`` are as in a glob. Anything may follow the last part, and something must
    where the pattern ends in ``/`` or ``/...``: so a file beside the folders is of no host.
    """

    text: str

    def __attrs_post_init__(self) -> None:
        names = [found[1] for found in _TOKEN.finditer(self.text) if found[1] is not None]
        if "host" not in names or len(set(names)) < len(names) or set(names) > {"host", "time"}:
            raise UsageError(
                f"--host-from takes a pattern with {{host}} once, and {{time}} if paths tell it, "
                f"such as '{{host}}/...', not {self.text!r}"
            )

    def of(self, path: str) -> tuple[str, dt.datetime | None] | None:
        """Return the host and the time that *path* names, None where it is not of the pattern."""
        found = _compiled(self.text).match(path)
        if found is None:
            return None
        told = found.groupdict()
        return told["host"], _moment(told["time"]) if told.get("time") else None


@functools.lru_cache(maxsize=8)
def _compiled(text: str) -> re.Pattern[str]:
    plain = _REST.sub("", text).rstrip("/")
    below, text = "/.+" if plain != text else "(?:/.*)?", plain
    pieces, at = [], 0
    for found in _TOKEN.finditer(text):
        pieces.append(re.escape(text[at : found.start()]))
        at = found.end()
        if found[1] is not None:
            pieces.append(f"(?P<{found[1]}>[^/]+?)")
        else:
            pieces.append("(?:.*/)?" if found[2] == "**/" else _piece(found[0]))
    whole = "".join(pieces) + re.escape(text[at:])
    return re.compile(rf"(?:{whole}){below}$", re.DOTALL)


def _piece(text: str) -> str:
    """Return what a sign of a glob means, as a piece of a regular expression."""
    return {"**": ".*", "*": "[^/]*"}.get(text, "[^/]")


def _moment(text: str) -> dt.datetime | None:
    """Return a time as a file's name has it: any form, with other signs than : between its parts.

    >>> _moment("2025-11-03_17-12-31")
    datetime.datetime(2025, 11, 3, 17, 12, 31)
    """
    parted = re.fullmatch(
        r"(\d{4})[-_.]?(\d\d)[-_.]?(\d\d)(?:[T_ .-]?(\d\d)[-_.:]?(\d\d)(?:[-_.:]?(\d\d))?Z?)?", text
    )
    if parted is None:
        return moment_of(text)
    try:
        return dt.datetime(*(int(one) for one in parted.groups() if one is not None))  # type: ignore[arg-type] # noqa: DTZ001 - of no zone
    except ValueError:
        return None
