"""Putting a fake ``winreg`` where a program looks for it, and taking it away again.

By default only the modules that are named see the fake: their ``import winreg``, at their top or
in a function, and the names they have imported from it already. Nobody else does; least of all the
standard library, which takes the presence of ``winreg`` for being on Windows. Other modules can be
stood in for in the same way and at the same time: see `regsim.testing.windows`.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any, Final

from regsim.errors import UsageError
from regsim.testing import statements
from regsim.testing.children import EVERYBODY, tell
from regsim.testing.renewal import Renewal
from regsim.testing.statements import Whence

MODULE: Final = "winreg"
"""What is imported. Python 2 called it ``_winreg``; Python 3 has no such module on Windows."""

NAMES: Final = (MODULE, "_winreg")
"""What programs call it once they have it."""

_MISSING: Final = object()


class Patch:
    """A fake in place of ``winreg`` for some modules, while the ``with`` block lasts.

    Args:
        fakes: the module-like object to give for ``winreg``, or what to give by the names that
            modules are imported by.
        modules: the modules that are to see it, imported already or not. Of a package, all modules
            below it see it too. ``module:name`` swaps that name, where a module keeps ``winreg``
            under one of its own. What is imported only while the block lasts has seen the fake and
            is forgotten at its end; the next import starts afresh.
        everywhere: whether every module sees it, and ``sys.modules`` holds it; the standard
            library's own modules still do not.
        names: builtins that the modules have besides. Where any are given, a module that was
            imported before and looked then for what it now sees otherwise runs anew, as
            `regsim.testing.renewal` says.

    Raises:
        UsageError: a module cannot be found, lacks the name, or has nothing that could see it.
    """

    def __init__(
        self,
        fakes: ModuleType | Mapping[str, ModuleType],
        modules: Iterable[str] = (),
        *,
        everywhere: bool = False,
        names: Mapping[str, object] | None = None,
    ) -> None:
        given = list(modules) if isinstance(modules, Iterable) else [modules]
        if isinstance(modules, str) or not all(isinstance(name, str) for name in given):
            raise UsageError(f"modules to patch are a list of names, not {modules!r}")
        self.fakes = {MODULE: fakes} if isinstance(fakes, ModuleType) else dict(fakes)
        self.everywhere = everywhere
        self.modules = [name.partition(":") for name in given]
        self.names = dict(names or {})
        self._undo: list[Callable[[], None]] = []
        self._served: set[str] = set()
        self._swapped: set[str] = set()
        self._finders: tuple[object, object] = (_MISSING, _MISSING)
        self._real = {name: sys.modules.get(name) for name in self.fakes}
        self._roots = {name.partition(".")[0] for name in self.fakes}

    def __enter__(self) -> ModuleType:
        """Put the fake in place and return it; nothing is left changed where that fails."""
        before = set(sys.modules)
        self._undo.append(lambda: _forget(self._new(before)))
        seen = [name for name, _, _ in self.modules] if not self.everywhere else [EVERYBODY]
        try:
            self._undo.append(tell(seen))
            self._serve_imports()
            if self.everywhere:
                for name, fake in self.fakes.items():
                    self._set(sys.modules, name, fake)
            if self.names:
                renewal = Renewal(self._named, self.names)
                self._undo.append(renewal.undo)
                renewal.begin(self._differs)
            for name, _, attribute in self.modules:
                self._patch(name, attribute)
                if not attribute:
                    self._expect_use(name)
        except BaseException:
            self._restore()
            raise
        return self.fakes[MODULE]

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
            if level or not self._serves(name):  # of its own package, or of no concern
                return before(*rest)
            caller = globals if globals is not None else sys._getframe(1).f_globals  # noqa: SLF001
            given = name if fromlist else name.partition(".")[0]
            return self._give(name, given, caller, before, *rest)

        def served(name: str, package: str | None = None) -> ModuleType:
            if not self._serves(name):
                return find(name, package)
            caller = sys._getframe(1).f_globals  # noqa: SLF001
            found: ModuleType = self._give(name, name, caller, find, name, package)
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

    def _serves(self, name: str) -> bool:
        return name.partition(".")[0] in self._roots and bool(self._undo)

    def _give(
        self,
        name: str,
        given: str,
        caller: dict[str, Any],
        before: Callable[..., Any],
        *args: object,
    ) -> Any:  # noqa: ANN401 - a module
        """Give a module, by its globals, the fake of *given*, or what importing *name* gave before.

        ``import os.path`` imports that and gives ``os``.
        """
        importer = str(caller.get("__name__", ""))
        if self._sees(importer):
            self._served.add(importer)
            found = self.fakes.get(name) or before(*args)
            return self.fakes.get(given, found)
        if self.everywhere and _standard(importer):
            return self._as_before(name, before, *args)
        return before(*args)

    def _sees(self, importer: str) -> bool:
        return (self.everywhere and not _standard(importer)) or self._named(importer)

    def _named(self, module: str) -> bool:
        return any(module == name or module.startswith(name + ".") for name, _, _ in self.modules)

    def _new(self, before: set[str]) -> list[str]:
        """Return the modules imported meanwhile that were to see the fake, or have."""
        new = (name for name in sys.modules if name not in before)
        return [name for name in new if name in self._served or self._named(name)]

    def _as_before(self, name: str, before: Callable[..., Any], *args: Any) -> Any:  # noqa: ANN401
        """Import as if ``sys.modules`` had never held the fake."""
        held, real = sys.modules.pop(name, None), self._real.get(name)
        try:
            if real is not None:
                sys.modules[name] = real
            return before(*args)
        finally:
            sys.modules.pop(name, None)
            if held is not None:
                sys.modules[name] = held

    # -- what is of no use ------------------------------------------------------------------

    def _expect_use(self, name: str) -> None:
        """Refuse module *name* where neither it nor one below it was given a fake or can be.

        A module whose source cannot be read may import one in a function.
        """
        seen = {*self._served, *self._swapped}
        if any(each == name or each.startswith(name + ".") for each in seen):
            return
        below = statements.source_below(name)
        if not any(tree is None or statements.imports(tree, self._roots) for tree in below):
            raise UsageError(
                f"nothing to patch in {name!r}: it has no name winreg and no statement that "
                "imports it or pywin32's modules; give the module that has one, or 'module:name'"
            )

    def _differs(self, module: str, name: str) -> bool:
        """Return whether *name* of *module* is another one than without the patch.

        With "" for the name whether *module* can be imported, or is a name in one, that it has not.
        """
        if module == "builtins":
            return name in self.names
        if name:
            fake, real = self.fakes.get(module), self._real.get(module)
            return name in getattr(fake, "changed", ()) and fake is not real
        above, _, last = module.rpartition(".")
        if module in self.fakes:
            return not above and self._real[module] is None and not _importable(module)
        return above in self.fakes and last in vars(self.fakes[above]).get("added", ())

    # -- names ------------------------------------------------------------------------------

    def _patch(self, name: str, attribute: str) -> None:
        module = sys.modules.get(name) or self._import(name)
        if attribute and not hasattr(module, attribute):
            raise UsageError(f"module {name!r} has no name {attribute!r} to patch")
        if attribute:
            self._set(vars(module), attribute, self.fakes[MODULE])
        self._swap(module)
        for other, below in list(sys.modules.items()):
            if other.startswith(name + ".") and isinstance(below, ModuleType):
                self._swap(below)

    def _swap(self, module: ModuleType) -> None:
        spec = getattr(module, "__spec__", None)
        tree = statements.source_of(spec) if spec is not None else None
        origins = statements.origins(tree) if tree is not None else {}
        for key, value in list(vars(module).items()):
            own = f"{module.__name__}.{key}"
            if isinstance(value, ModuleType) and value.__name__ == own:
                continue  # a module of the package's own, whatever it is called
            replacement = self._instead(key, value, origins.get(key, ("", "")))
            if replacement is not _MISSING:
                self._set(vars(module), key, replacement)
                if replacement is not self._finders[1]:
                    self._swapped.add(module.__name__)
        for key, value in self.names.items():
            if key not in vars(module):
                self._set(vars(module), key, value)

    def _import(self, name: str) -> ModuleType:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is not None and (error.name == name or name.startswith(error.name + ".")):
                raise UsageError(
                    f"no module {name!r} to patch; give the full name of one that can be imported"
                ) from error
            self._advise(name, error)
            raise
        except (ImportError, AttributeError) as error:
            self._advise(name, error)
            raise

    def _advise(self, name: str, error: Exception) -> None:
        """Say to whom sees *error*, of the module's own import, that it may look for Windows."""
        if not self.names:
            error.add_note(
                f"this is from importing {name!r}, to patch it; where that needs more of Windows "
                "than winreg, looks_like_windows=True has it"
            )

    def _instead(self, key: str, value: object, origin: Whence) -> object:
        """Return what module global *key*, of *origin*, is to become, or `_MISSING` to leave it."""
        if any(value is fake for fake in self.fakes.values()):
            return _MISSING
        if value is self._finders[0]:  # it may look for winreg by that
            return self._finders[1]
        name = MODULE if key in NAMES else key
        if name in self.fakes and (
            value is None or (key in NAMES and isinstance(value, ModuleType))
        ):
            return self.fakes[name]
        if isinstance(value, ModuleType) and value.__name__ in self.fakes:
            return self.fakes[value.__name__]
        source, name = origin
        if source in self.fakes:
            instead = getattr(self.fakes[source], name, _MISSING) if name else self.fakes[source]
            return _MISSING if instead is value else instead
        real = self._real.get(MODULE)
        if real is not None and callable(value) and getattr(real, key, None) is value:
            return getattr(self.fakes[MODULE], key, _MISSING)
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


def _importable(module: str) -> bool:
    """Return whether there is a *module* at all."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return module in sys.modules


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
