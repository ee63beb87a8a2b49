"""A ``winreg`` that can be imported where there is none, before any test has a registry.

``pytest --registry-install`` puts it in place, so that a test file may import at its top the
program that it tests. Its constants are the real ones; its functions refuse to be called. In a test
whose registry *patches* the program, the program's names for it become the simulated one's.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import NoReturn

from regsim.errors import UsageError
from regsim.testing._fake.constants import CONSTANTS
from regsim.testing._fake.hkey import HKEYType
from regsim.testing.patching import MODULE, Patch
from regsim.testing.winreg import FUNCTIONS


class NoRegistryError(UsageError):
    """A program called the placeholder: nobody has given it a registry."""


def placed() -> Patch:
    """Return the patch that puts the placeholder in place, everywhere but in Python itself."""
    module = ModuleType(MODULE, __doc__)
    vars(module).update(CONSTANTS, HKEYType=HKEYType, error=OSError)
    for name in FUNCTIONS:
        setattr(module, name, _refusing(name))
    return Patch(module, everywhere=True)


def _refusing(name: str) -> Callable[..., NoReturn]:
    def refuse(*_args: object, **_kwargs: object) -> NoReturn:
        raise NoRegistryError(
            f"winreg.{name}: no registry here; name the module that calls it in the test's "
            "@pytest.mark.registry(patch=[…]), or in fake_winreg(patch=[…])"
        )

    refuse.__name__ = refuse.__qualname__ = name
    return refuse
