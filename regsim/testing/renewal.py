"""Running modules anew, in place, so that they decide again what they are.

``if sys.platform == "win32":`` at a module's top is decided when it is imported, and no name that
is swapped later changes that. Such a module runs once more while it sees what it is to see: the
module object stays the same, and so do its functions and classes, wherever they were imported to:
they are given the new code. At the end all is as it was. What it makes else is made anew: other
instances, members of other enumerations.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import EnumType
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import (
    CellType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    ModuleType,
    NoneType,
)
from typing import Any, Final

from regsim.testing import statements

_MISSING: Final = object()
_PLAIN: Final = (str, bytes, int, float, NoneType)
_SLOTS: Final = (GetSetDescriptorType, MemberDescriptorType)


class Renewal:
    """Gives the modules that *named* accepts the extra names, and runs some of them anew.

    Args:
        named: whether a module, by its full name, is meant.
        names: what its globals hold from the start, as if builtins.
    """

    def __init__(self, named: Callable[[str], bool], names: Mapping[str, object]) -> None:
        self.named, self.names = named, names
        self.kept: dict[str, ModuleType] = {}
        self._before: dict[str, dict[str, Any]] = {}
        self._specs: dict[str, ModuleSpec | None] = {}
        self._objects: list[Callable[[], object]] = []
        self._recoded: dict[FunctionType, bool] = {}

    def begin(self, differs: Callable[[str, str], bool]) -> None:
        """Run the imported modules anew that ask at their import for what *differs*.

        And those that import these. *differs* is asked of what
        `regsim.testing.statements.asked` gives.
        """
        sys.meta_path.insert(0, self)
        modules = {
            name: module
            for name, module in list(sys.modules.items())
            if isinstance(module, ModuleType) and self.named(name)
        }
        again = _deciding(modules, differs)
        self._before = {name: dict(vars(modules[name])) for name in again}
        self.kept = {name: modules[name] for name in again}
        self._specs = {name: modules[name].__spec__ for name in again}  # none may find a test again
        for name in again:
            del sys.modules[name]
        for name in again:
            importlib.import_module(name)

    def keep_objects(self, module: ModuleType) -> None:
        """Put a module's functions and classes back into it, with the code of the new ones.

        Before another module imports them from it.
        """
        now, before = vars(module), self._before.get(module.__name__, {})
        classes: dict[type, type] = {}
        for name, new in list(now.items()):
            old = before.get(name)
            same = type(old) is type(new) and getattr(old, "__module__", "") == now["__name__"]
            if not same or old is new:
                continue
            if isinstance(old, FunctionType) and self._recode(old, new):
                now[name] = old
            elif isinstance(old, type) and not isinstance(old, EnumType):
                self._remake(old, new)
                now[name] = classes[new] = old
        for value in now.values():
            if type(value) in classes:
                self._set(value, "__class__", classes[type(value)])

    def _recode(self, old: FunctionType, new: FunctionType) -> bool:
        """Give *old* the code of *new*; return whether it closes over the same, so that it can."""
        if old.__code__.co_freevars != new.__code__.co_freevars:
            return False
        if old in self._recoded:  # it has another name, or closes over itself
            return self._recoded[old]
        self._recoded[old] = True
        for before, after in zip(old.__closure__ or (), new.__closure__ or (), strict=True):
            if not self._keep_cell(before, after):
                self._recoded[old] = False
                return False
        for name in ("__code__", "__defaults__", "__kwdefaults__"):
            self._set(old, name, getattr(new, name))
        return True

    def _keep_cell(self, before: CellType, after: CellType) -> bool:
        """Return whether what is closed over is as good as the new, once it has its code."""
        try:
            old, new = before.cell_contents, after.cell_contents
        except ValueError:  # nothing is in it yet
            return False
        if isinstance(old, FunctionType) and isinstance(new, FunctionType):
            return old is new or self._recode(old, new)
        if isinstance(old, type) and isinstance(new, type):
            return (old.__module__, old.__qualname__) == (new.__module__, new.__qualname__)
        return old is new or (isinstance(old, _PLAIN) and type(old) is type(new) and old == new)

    def _remake(self, old: type, new: type) -> None:
        """Give class *old* what *new* has; its functions keep what they close over, such as it."""
        for name, value in vars(new).items():
            mine = vars(old).get(name)
            pairs = list(zip(_functions(mine), _functions(value), strict=False))
            if pairs and type(mine) is type(value):
                if not all(self._recode(before, after) for before, after in pairs):
                    self._set(old, name, value)
            elif not name.startswith("__") and mine != value and not isinstance(value, _SLOTS):
                self._set(old, name, value)

    def _set(self, thing: Any, name: str, value: object) -> None:  # noqa: ANN401 - any object
        before = getattr(thing, name, _MISSING)
        try:
            setattr(thing, name, value)
        except (AttributeError, TypeError):  # it is of a kind that keeps what it has
            return
        if before is _MISSING:
            self._objects.append(lambda: delattr(thing, name))
        else:
            self._objects.append(lambda: setattr(thing, name, before))

    def undo(self) -> None:
        """Put everything back as it was."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        while self._objects:
            self._objects.pop()()
        for name, before in self._before.items():
            module = self.kept[name]
            vars(module).clear()
            vars(module).update(before)
            sys.modules[name] = module

    # -- as a finder of modules -----------------------------------------------------------------

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module that is meant as the other finders do, to prepare it when it is run."""
        if not self.named(name):
            return None
        others = sys.meta_path[sys.meta_path.index(self) + 1 :]
        found = (finder.find_spec(name, path, target) for finder in others)
        spec = next(filter(None, found), self._specs.get(name))
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _Preparing(spec.loader, self)
        return spec


class _Preparing(Loader):
    """A module's own loader, but for what is done before it runs."""

    def __init__(self, loader: Any, renewal: Renewal) -> None:  # noqa: ANN401 - any loader
        self._loader, self._renewal = loader, renewal

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever it has
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module = self._renewal.kept.get(spec.name)
        if module is None:
            made: ModuleType | None = self._loader.create_module(spec)
            return made
        kept = {"__name__": spec.name, "__doc__": None}
        vars(module).clear()
        vars(module).update(kept)
        return module

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        if spec is not None:
            spec.loader = self._loader
        module.__loader__ = self._loader
        vars(module).update(self._renewal.names)
        self._loader.exec_module(module)
        self._renewal.keep_objects(module)


def _functions(member: Any) -> list[FunctionType]:  # noqa: ANN401 - what is in a class
    """Return the functions that a member of a class runs."""
    parts = [getattr(member, name, None) for name in ("fget", "fset", "fdel", "__func__", "func")]
    return [each for each in (member, *parts) if isinstance(each, FunctionType)]


def _deciding(modules: Mapping[str, ModuleType], differs: Callable[[str, str], bool]) -> list[str]:
    """Return which of *modules* decide by what *differs*, or import one that does, in order."""
    trees = {
        name: statements.source_of(module.__spec__)
        for name, module in modules.items()
        if module.__spec__ is not None
    }
    again = {
        name
        for name, tree in trees.items()
        if tree and any(differs(*whence) for whence in statements.asked(tree))
    }
    imported = {
        name: statements.within(tree, _package(modules[name]))
        for name, tree in trees.items()
        if tree and again
    }
    more = set(again)
    while more:
        more = {name for name, names in imported.items() if names & again} - again
        again |= more
    return [name for name in modules if name in again]


def _package(module: ModuleType) -> str:
    return str(getattr(module, "__package__", "") or "")
