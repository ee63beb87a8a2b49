r"""``os.path`` for modules that see Windows: paths of its form by its rules, others as they are.

Files are this computer's, so a path such as ``/tmp/x`` goes on meaning one. A path that begins with
a drive or ``\\``, or has a backslash and does not begin with ``/``, is taken apart and put together
as on Windows.
"""

from __future__ import annotations

import ntpath
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from regsim.testing.windows.standin import StandIn

_FORM: Final = re.compile(r"[A-Za-z]:|[^/].*\\|\\|%\w+%")
_BY_FORM: Final = (
    *("abspath", "basename", "dirname", "isabs", "join", "normcase", "normpath", "realpath"),
    *("relpath", "split", "splitdrive", "splitext", "splitroot"),
)


def is_windows(path: object) -> bool:
    """Return whether *path*, a text or what has one, has Windows' form."""
    try:
        text = os.fspath(path)  # type: ignore[call-overload]
    except TypeError:
        return False
    return bool(_FORM.match(text if isinstance(text, str) else os.fsdecode(text)))


def path_module(environ: Mapping[str, str]) -> StandIn:
    """Return the stand-in of ``os.path``, which finds variables and the home in *environ*."""
    instead: dict[str, Any] = {
        name: _by_form(getattr(ntpath, name), getattr(os.path, name))
        for name in _BY_FORM
        if hasattr(os.path, name)
    }

    def expanduser(path: Any) -> Any:  # noqa: ANN401 - as it came
        text = os.fspath(path)
        home = environ.get("USERPROFILE")
        if not isinstance(text, str) or not re.match(r"~([\\/]|$)", text) or not home:
            return os.path.expanduser(path)  # noqa: PTH111 - it is the module's own
        return home + text[1:]

    def expandvars(path: Any) -> Any:  # noqa: ANN401 - as it came
        text = os.fspath(path)
        if isinstance(text, str):
            text = re.sub("%([^%]+)%", lambda name: environ.get(name[1], name[0]), text)
        return os.path.expandvars(text)

    def commonpath(paths: Any) -> Any:  # noqa: ANN401 - as they came
        every = list(paths)
        return (ntpath if any(map(is_windows, every)) else os.path).commonpath(every)

    homes = {"expanduser": expanduser, "expandvars": expandvars}
    made = StandIn(os.path, {**instead, **homes, "commonpath": commonpath})
    vars(made)["changed"] = frozenset(homes)  # of the others, a module's own files are as they were
    return made


def _by_form(there: Callable[..., Any], here: Callable[..., Any]) -> Callable[..., Any]:
    def call(path: Any, *rest: Any, **named: Any) -> Any:  # noqa: ANN401 - as the real ones
        return (there if is_windows(path) else here)(path, *rest, **named)

    call.__name__ = call.__qualname__ = here.__name__
    call.__doc__ = here.__doc__
    return call
