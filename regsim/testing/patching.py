"""Putting a fake ``winreg`` where a program looks for it, and taking it away again.

By default only the modules that are named see the fake: their ``import winreg``, at their top or
in a function, and the names they have imported from it already. Nobody else does; least of all the
standard library, which takes the presence of ``winreg`` for being on Windows.
"""

from __future__ import annotations

import builtins
import dis
import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Final

from regsim.errors import UsageError

MODULE: Final = "winreg"
"""What is imported. Python 2 called it ``_winreg``; Python 3 has no such module on Windows."""

NAMES: Final = (MODULE, "_winreg")
"""What programs call it once they have it."""

_FINDERS: Final = frozenset({"import_module", "__import__"})
"""Functions that import what a text names."""

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
        UsageError: a module cannot be found, lacks the name, or has nothing that could see it.
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
        self._swapped: set[str] = set()
        self._finders: tuple[object, object] = (_MISSING, _MISSING)
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
                if not attribute:
                    self._expect_use(name)
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
        before, find = builtins.__import__, importlib.import_module

        def serve(
            name: str,
            globals: dict[str, Any] | None = None,  # noqa: A002 - the name that __import__ has
            locals: Any = None,  # noqa: ANN401, A002 - passed on
            fromlist: Any = (),  # noqa: ANN401 - passed on
            level: int = 0,
        ) -> Any:  # noqa: ANN401 - a module
            rest = (name, globals, locals, fromlist, level)
            if (
                name != MODULE or level or not self._undo
            ):  # of its own package, or the block is over
                return before(*rest)
            caller = globals if globals is not None else sys._getframe(1).f_globals  # noqa: SLF001
            return self._give(caller, before, *rest)

        def served(name: str, package: str | None = None) -> ModuleType:
            if name != MODULE or not self._undo:
                return find(name, package)
            found: ModuleType = self._give(sys._getframe(1).f_globals, find, name, package)  # noqa: SLF001
            return found

        def unserve() -> None:
            if builtins.__import__ is serve:
                builtins.__import__ = before
            if importlib.import_module is served:
                importlib.import_module = find

        builtins.__import__ = serve  # type: ignore[assignment]
        importlib.import_module = served
        self._finders = (find, served)
        self._undo.append(unserve)

    def _give(self, caller: dict[str, Any], before: Callable[..., Any], *args: object) -> Any:  # noqa: ANN401
        """Return the fake to a module, by its globals, that is to see it; else import as before."""
        importer = str(caller.get("__name__", ""))
        if self._sees(importer):
            self._served.add(importer)
            return self.fake
        if self.everywhere and _standard(importer):
            return self._as_before(before, *args)
        return before(*args)

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

    # -- what is of no use ------------------------------------------------------------------

    def _expect_use(self, name: str) -> None:
        """Refuse module *name* where neither it nor one below it was given the fake or can be.

        A module whose code cannot be read, being compiled, may import it in a function.
        """
        seen = {*self._served, *self._swapped}
        if any(each == name or each.startswith(name + ".") for each in seen):
            return
        if not any(code is None or _imports(code) for code in _code_below(name)):
            raise UsageError(
                f"nothing to patch in {name!r}: it has no name winreg and no statement that "
                "imports it; give the module that has one, or 'module:name'"
            )

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
            if getattr(value, "__name__", "") == f"{module.__name__}.{key}":
                continue  # a module of the package's own, whatever it is called
            replacement = self._instead(key, value)
            if replacement is not _MISSING:
                self._set(vars(module), key, replacement)
                if replacement is not self._finders[1]:
                    self._swapped.add(module.__name__)

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
        if value is self._finders[0]:  # it may look for winreg by that
            return self._finders[1]
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


def _code_below(name: str, spec: ModuleSpec | None = None) -> Iterator[CodeType | None]:
    """Yield the code of module *name* and of all below it; None for what has none to read."""
    try:
        spec = spec or importlib.util.find_spec(name)
    except (ImportError, ValueError):  # it was made by hand, or is the program itself
        spec = None
    if spec is None:
        yield None
        return
    yield _code(spec)
    places = spec.submodule_search_locations
    for found in pkgutil.iter_modules(places or (), name + "."):
        yield from _code_below(found.name, PathFinder.find_spec(found.name, places))


def _code(spec: ModuleSpec) -> CodeType | None:
    loader: Any = spec.loader
    try:
        if hasattr(loader, "get_code"):
            code = loader.get_code(spec.name)
        else:  # pytest's own loader of tests, which knows the file alone
            code = compile(Path(str(spec.origin)).read_bytes(), str(spec.origin), "exec")
    except (OSError, ImportError, SyntaxError, ValueError):
        return None
    return code if isinstance(code, CodeType) else None


def _imports(code: CodeType) -> bool:
    """Return whether *code* of a module, or that of a function in it, can import ``winreg``."""
    every = list(_codes(code))
    named = any(MODULE in each.co_consts for each in every)
    finds = any(not _FINDERS.isdisjoint(each.co_names) for each in every)
    return (named and finds) or any(_states(each) for each in every)


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _codes(each)


def _states(code: CodeType) -> bool:
    """Return whether *code* has a statement that imports ``winreg``, not one of its own package."""
    steps = list(dis.get_instructions(code)) if MODULE in code.co_names else []
    return any(
        (step.opname, step.argval, level.argval) == ("IMPORT_NAME", MODULE, 0)
        for level, _, step in zip(steps, steps[1:], steps[2:], strict=False)
    )


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
