"""``ctypes`` on Windows: its libraries, its types of the sizes they have there, its errors."""

from __future__ import annotations

import builtins
import ctypes
import importlib.util
import re
from collections.abc import Callable, Mapping
from functools import cache
from types import ModuleType
from typing import Any

from regsim.errors import UsageError
from regsim.testing._fake.oserror import error_text, windows_error
from regsim.testing.windows.library import HRESULT, Code, Function, LastError, Library
from regsim.testing.windows.memory import size_of
from regsim.testing.windows.standin import StandIn

_TYPES: dict[str, object] = {
    "c_long": ctypes.c_int32,
    "c_ulong": ctypes.c_uint32,
    "HRESULT": HRESULT,
    "sizeof": size_of,
}
"""What is otherwise than on Unix: a long has four bytes there, a wide character two."""


@cache
def wintypes() -> ModuleType:
    """Return ``ctypes.wintypes`` as Python's own code makes it of the types above."""
    types = StandIn(ctypes, _TYPES)

    def import_(name: str, *rest: Any) -> Any:  # noqa: ANN401 - a module
        return types if name == "ctypes" else __import__(name, *rest)

    module = ModuleType("ctypes.wintypes")
    spec = importlib.util.find_spec("ctypes.wintypes")
    loader: Any = spec.loader if spec is not None else None
    vars(module).update(__builtins__={**vars(builtins), "__import__": import_}, __spec__=spec)
    exec(loader.get_code("ctypes.wintypes"), vars(module))  # noqa: S102 - the standard library's
    return module


class Loader:
    """``ctypes.windll``: libraries as attributes, each the same every time."""

    def __init__(self, load: Callable[[str], Library]) -> None:
        self._load = load

    def __getattr__(self, name: str) -> Library:
        if name.startswith("__"):
            raise AttributeError(name)
        found = self._load(name)
        setattr(self, name, found)
        return found

    def __getitem__(self, name: str) -> Library:
        """Return the library of that name."""
        found: Library = getattr(self, name)
        return found

    def LoadLibrary(self, name: str) -> Library:
        """Return the library of that name, another one each time."""
        return self._load(name)


def ctypes_of(
    functions: Mapping[str, Mapping[str, Code]], last: LastError
) -> dict[str, ModuleType]:
    """Return the stand-ins of ``ctypes`` and ``ctypes.wintypes`` with *functions* by library."""

    def load(name: str, *_rest: Any, use_last_error: bool = False, **_named: Any) -> Library:  # noqa: ANN401 - as WinDLL takes
        bare = re.split(r"[\\/]", str(name))[-1].lower().removesuffix(".dll")
        if bare not in functions:
            raise FileNotFoundError(
                f"Could not find module '{name}': the simulated computer has "
                f"{', '.join(sorted(functions))}"
            )
        return Library(bare, functions[bare], last, keeps_error=use_last_error)

    def swap(code: int) -> int:
        before, last.private = last.private, code
        return before

    def error(code: int | None = None, descr: str | None = None) -> OSError:
        made = windows_error(last.system if code is None else code)
        if descr is not None:
            made.strerror = descr
        return made

    windll = Loader(load)
    instead = {
        **_TYPES,
        "wintypes": wintypes(),
        "WinDLL": load,
        "OleDLL": load,
        "windll": windll,
        "oledll": windll,
        "WINFUNCTYPE": _prototype,
        "WinError": error,
        "FormatError": lambda code=None: error_text(last.system if code is None else code),
        "GetLastError": lambda: last.system,
        "get_last_error": lambda: last.private,
        "set_last_error": swap,
    }
    return {"ctypes": StandIn(ctypes, instead), "ctypes.wintypes": wintypes()}


def _prototype(restype: Any, *argtypes: Any, **_flags: Any) -> Callable[..., Any]:  # noqa: ANN401 - types of ctypes
    """Return a maker of functions: of a library's, by name, or of ones that call Python."""
    callback = ctypes.CFUNCTYPE(restype, *argtypes)

    def make(what: Any, *rest: Any) -> Any:  # noqa: ANN401 - a function
        if not isinstance(what, tuple) or not isinstance(what[1], Library):
            return callback(what, *rest)
        if rest and rest[0] is not None:
            raise UsageError(f"{what[0]}: parameter flags of a prototype are not simulated")
        function: Function = what[1][what[0]]
        function.argtypes, function.restype = argtypes, restype
        return function

    return make
