"""A simulated ``winreg`` under the name of another package's own fake, to run that one's tests."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from regsim.testing import Registry


class Afresh(ModuleType):
    """A module that stands for the ``winreg`` of one registry, until `reset` makes it another's."""

    def __init__(self, name: str, **more: Any) -> None:
        super().__init__(name)
        vars(self).update(more)
        self.reset()

    def reset(self, *_given: object) -> None:
        """Begin with a fresh registry, whatever is given to begin with."""
        vars(self)["registry"] = Registry()

    def __getattr__(self, name: str) -> Any:
        """Return what ``winreg`` has; a little time passes with each use."""
        self.registry.advance(0.001)
        return getattr(self.registry.winreg, name)
