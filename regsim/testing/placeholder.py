"""A ``winreg`` that can be imported where there is none, before any test has a registry.

``pytest --registry-install`` puts it in place, so that a test file may import at its top the
program that it tests. Its constants are the real ones; its functions refuse to be called. In a test
whose registry *patches* the program, the program's names for it become the simulated one's.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Final, NoReturn

from regsim.errors import UsageError
from regsim.testing import pywin32
from regsim.testing import winreg as unbound
from regsim.testing._fake.constants import CONSTANTS
from regsim.testing._fake.hkey import HKEYType
from regsim.testing.winreg import FUNCTIONS


class NoRegistryError(UsageError):
    """A program called the placeholder: nobody has given it a registry."""


MISSING: Final = (
    "no registry here; name the module that calls it in the test's "
    "@pytest.mark.registry(patch=[…]), or in fake_winreg(patch=[…])"
)
"""What to do about that."""


def placeholders(
    error: type[Exception] = NoRegistryError, why: str = MISSING
) -> dict[str, ModuleType]:
    """Return ``winreg`` and pywin32's modules, whose functions raise *error* and say *why*."""
    winreg = ModuleType("winreg", __doc__)
    vars(winreg).update(CONSTANTS, HKEYType=HKEYType, error=OSError)
    for each in FUNCTIONS:
        setattr(winreg, each, _refusing(f"winreg.{each}", error, why))
    found = {"winreg": winreg}
    for name, module in pywin32.modules_of(unbound).items():
        found[name] = ModuleType(name, module.__doc__)
        for each in getattr(module, "__all__", vars(module)):
            value = getattr(module, each)
            call = callable(value) and not isinstance(value, type)
            setattr(found[name], each, _refusing(f"{name}.{each}", error, why) if call else value)
    return found


def _refusing(name: str, error: type[Exception], why: str) -> Callable[..., NoReturn]:
    def refuse(*_args: object, **_kwargs: object) -> NoReturn:
        raise error(f"{name}: {why}")

    refuse.__name__ = refuse.__qualname__ = name.rpartition(".")[2]
    return refuse
