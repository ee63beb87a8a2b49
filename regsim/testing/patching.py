"""Putting a fake ``winreg`` where a program looks for it, and taking it away again.

By default only the modules that are named see the fake: their ``import winreg``, at their top or
in a function, and the names they have imported from it already. Nobody else does; least of all the
standard library, which takes the presence of ``winreg`` for being on Windows.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any, Final

from regsim.errors import UsageError

NAMES: Final = ("winreg", "_winreg")
"""What programs call the module, the second since Python 2."""

_MISSING: Final = object()


class Patch:
    """A fake in place of ``winreg`` for some modules, while the ``with`` block lasts.

    Args:
        fake: the module-like object to give.
        modules: the modules that are to see it, imported already or not. Of a package, all modules
            below it see it too. ``module:name`` swaps that name, where a module keeps ``winreg``
            under one of its own. What is imported only while the block lasts has seen the fake and
            is forgotten at its end; the next import starts afresh.
        everywhere: whether every module sees it, and ``sys.modules`` holds it; the standard
            library's own modules still do not.

    Raises:
        UsageError: a module cannot be found, or lacks the name.
    """

    def __init__(
        self, fake: ModuleType, modules: Iterable[str] = (), *, everywhere: bool = False
    ) -> None:
        names = list(modules) if isinstance(modules, Iterable) else [modules]
        if isinstance(modules, str) or not all(isinstance(name, str) for name in names):
            raise UsageError(f"modules to patch are a list of names, not {modules!r}")
        self.fake, self.everywhere = fake, everywhere
        self.modules = [name.partition(":") for name in names]
        self._undo: list[Callable[[], None]] = []
        self._served: set[str] = set()
        self._real = sys.modules.get("winreg")

    def __enter__(self) -> ModuleType:
        """Put the fake in place and return it; nothing is left changed where that fails."""
        before = set(sys.modules)
        self._undo.append(lambda: _forget(self._new(before)))
        try:
            self._serve_imports()
            if self.everywhere:
                self._set(sys.modules, "winreg", self.fake)
            for name, _, attribute in self.modules:
                self._patch(name, attribute)
        except BaseException:
            self._restore()
            raise
        return self.fake

    def __exit__(self, *exc: object) -> None:
        """Put everything back as it was."""
        self._restore()

    def _restore(self) -> None:
        while self._undo:
            self._undo.pop()()

    # -- imports ----------------------------------------------------------------------------

    def _serve_imports(self) -> None:
        before = builtins.__import__

        def serve(
            name: str,
            globals: dict[str, Any] | None = None,  # noqa: A002 - the name that __import__ has
            *args: Any,  # noqa: ANN401 - passed on
            **kwargs: Any,  # noqa: ANN401 - passed on
        ) -> Any:  # noqa: ANN401 - a module
            if name in NAMES and self._undo:  # else the block is over
                importer = str((globals or {}).get("__name__", ""))
                if self._sees(importer):
                    self._served.add(importer)
                    return self.fake
                if self.everywhere and _standard(importer):
                    return self._as_before(before, name, globals, *args, **kwargs)
            return before(name, globals, *args, **kwargs)

        def unserve() -> None:
            if builtins.__import__ is serve:
                builtins.__import__ = before

        builtins.__import__ = serve  # type: ignore[assignment]
        self._undo.append(unserve)

    def _sees(self, importer: str) -> bool:
        return (self.everywhere and not _standard(importer)) or self._named(importer)

    def _named(self, module: str) -> bool:
        return any(module == name or module.startswith(name + ".") for name, _, _ in self.modules)

    def _new(self, before: set[str]) -> list[str]:
        """Return the modules imported meanwhile that were to see the fake, or have."""
        new = (name for name in sys.modules if name not in before)
        return [name for name in new if name in self._served or self._named(name)]

    def _as_before(self, before: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Import as if ``sys.modules`` had never held the fake."""
        held = sys.modules.pop("winreg", None)
        try:
            if self._real is not None:
                sys.modules["winreg"] = self._real
            return before(*args, **kwargs)
        finally:
            sys.modules.pop("winreg", None)
            if held is not None:
                sys.modules["winreg"] = held

    # -- names ------------------------------------------------------------------------------

    def _patch(self, name: str, attribute: str) -> None:
        module = sys.modules.get(name) or self._import(name)
        if attribute and not hasattr(module, attribute):
            raise UsageError(f"module {name!r} has no name {attribute!r} to patch")
        if attribute:
            self._set(vars(module), attribute, self.fake)
        self._swap(module)
        for other, below in list(sys.modules.items()):
            if other.startswith(name + ".") and isinstance(below, ModuleType):
                self._swap(below)

    def _swap(self, module: ModuleType) -> None:
        for key, value in list(vars(module).items()):
            replacement = self._instead(key, value)
            if replacement is not _MISSING:
                self._set(vars(module), key, replacement)

    def _import(self, name: str) -> ModuleType:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is not None and (error.name == name or name.startswith(error.name + ".")):
                raise UsageError(
                    f"no module {name!r} to patch; give the full name of one that can be imported"
                ) from error
            raise

    def _instead(self, key: str, value: object) -> object:
        """Return what module global *key* is to become, or `_MISSING` to leave it."""
        if value is self.fake:
            return _MISSING
        if key in NAMES and (value is None or isinstance(value, ModuleType)):
            return self.fake
        if self._real is None:
            return _MISSING
        if value is self._real:
            return self.fake
        if callable(value) and getattr(self._real, key, None) is value:
            return getattr(self.fake, key, _MISSING)
        return _MISSING

    def _set(self, where: dict[str, Any], key: str, value: object) -> None:
        before = where.get(key, _MISSING)

        def undo() -> None:
            if before is _MISSING:
                where.pop(key, None)
            else:
                where[key] = before

        where[key] = value
        self._undo.append(undo)


def _standard(importer: str) -> bool:
    return importer.partition(".")[0] in sys.stdlib_module_names


def _forget(names: Iterable[str]) -> None:
    """Take modules out of ``sys.modules`` and out of their packages."""
    for name in names:
        module = sys.modules.pop(name, None)
        parent, _, last = name.rpartition(".")
        package = sys.modules.get(parent)
        if package is not None and vars(package).get(last) is module:
            delattr(package, last)
