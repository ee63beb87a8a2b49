"""``os.path`` for modules that see Windows: as there, but for paths that are this computer's.

Files are this computer's, so a path that begins with ``/`` is taken apart and put together as here,
and any other as on Windows: programs also make keys' paths by these functions. Where the current
directory counts, which is this computer's, only a path with a drive or a backslash is Windows'.
"""

from __future__ import annotations

import ntpath
import os
import re
from collections.abc import Callable
from typing import Any, Final

from regsim.testing.windows.environ import Environ
from regsim.testing.windows.standin import StandIn

_PURE: Final = (
    *("basename", "commonprefix", "dirname", "isabs", "join", "normcase", "normpath"),
    *("split", "splitdrive", "splitext", "splitroot"),
)
_CURRENT: Final = ("abspath", "realpath", "relpath")
"""What looks at the current directory."""
_WINDOWS: Final = re.compile(r"[A-Za-z]:|[^/]*\\")


def _text(path: object) -> str:
    """Return a path as a text; of several paths the first; "" for what is none."""
    if isinstance(path, list | tuple):
        path = path[0] if path else ""
    return os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else "/"


def path_module(environ: Environ) -> StandIn:
    """Return the stand-in of ``os.path``, which finds variables and the home in *environ*."""
    instead: dict[str, Any] = {
        name: _either(name, lambda path: not path.startswith("/"))
        for name in _PURE
        if hasattr(os.path, name)
    }
    instead |= {name: _either(name, lambda path: bool(_WINDOWS.match(path))) for name in _CURRENT}
    instead |= {name: getattr(ntpath, name) for name in ("sep", "altsep", "pathsep")}

    def expanduser(path: Any) -> Any:  # noqa: ANN401 - as it came
        text = os.fspath(path)
        home = environ.get("USERPROFILE")
        if not isinstance(text, str) or not re.match(r"~([\\/]|$)", text) or not home:
            return os.path.expanduser(path)  # noqa: PTH111 - it is the module's own
        return home + text[1:]

    def expandvars(path: Any) -> Any:  # noqa: ANN401 - as it came
        text = os.fspath(path)
        if isinstance(text, str):
            text = environ.expand(text)
        return os.path.expandvars(text)

    def commonpath(paths: Any) -> Any:  # noqa: ANN401 - as they came
        every = list(paths)
        return (os.path if _text(every).startswith("/") else ntpath).commonpath(every)

    homes = {"expanduser": expanduser, "expandvars": expandvars}
    made = StandIn(os.path, {**instead, **homes, "commonpath": commonpath})
    vars(made)["changed"] = frozenset(homes)  # of the others, a module's own files are as they were
    return made


def _either(name: str, is_there: Callable[[str], bool]) -> Callable[..., Any]:
    """Return the function of that name that goes by Windows' rules for paths that *is_there*."""
    there, here = getattr(ntpath, name), getattr(os.path, name)

    def call(path: Any, *rest: Any, **named: Any) -> Any:  # noqa: ANN401 - as the real ones
        return (there if is_there(_text(path)) else here)(path, *rest, **named)

    call.__name__ = call.__qualname__ = here.__name__
    call.__doc__ = here.__doc__
    return call
