"""A module that differs from the real one in some names, and is the real one in all others."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import ModuleType
from typing import Any


class StandIn(ModuleType):
    """Stands for module *real*, with the names of *instead* in place of its own.

    What is assigned to it goes to the real module, but for those names.

    Args:
        real: the module.
        instead: what some names are here.
        without: names that it has not.

    Attributes:
        changed: the names that a program can tell the system by: those that are new or missing
            here, and those that are something else.
        added: the names that are new here.
    """

    def __init__(
        self, real: ModuleType, instead: Mapping[str, object], without: Collection[str] = ()
    ) -> None:
        super().__init__(real.__name__, real.__doc__)
        hidden = {name for name in without if hasattr(real, name)}
        added = frozenset(name for name in instead if not hasattr(real, name))
        public = getattr(real, "__all__", None) or [n for n in vars(real) if not n.startswith("_")]
        names = dict.fromkeys([*public, *added])  # what `import *` gives
        instead = {"__all__": [name for name in names if name not in hidden], **instead}
        kept = {"__spec__": real.__spec__, "__loader__": real.__loader__, **instead}
        vars(self).update(kept, _real=real, _hidden=hidden, added=added)
        vars(self)["changed"] = (frozenset(instead) | hidden) - {"__all__"}

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the real one has
        if name in self._hidden:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(self._real, name)

    def __setattr__(self, name: str, value: object) -> None:
        if name in self.changed:
            self._hidden.discard(name)
            vars(self)[name] = value
        else:
            setattr(self._real, name, value)

    def __delattr__(self, name: str) -> None:
        if name in vars(self):
            del vars(self)[name]
            self._hidden.add(name)
        else:
            delattr(self._real, name)

    def __dir__(self) -> list[str]:
        """List the names of the real module, less what is missing here and with what is new."""
        return sorted({*dir(self._real), *self.added} - self._hidden)
