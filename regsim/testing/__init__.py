"""What other projects use in their tests; each name is imported when it is first used."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # importing it from typing costs more than this module
if TYPE_CHECKING:
    from regsim.testing.audit import trace_winreg
    from regsim.testing.fake import fake_winreg
    from regsim.testing.orders import Exploration, OrderError, explore
    from regsim.testing.registry import Registry, RegistryLeakError
    from regsim.testing.verdicts import assert_holds, assert_unloads

__all__ = [
    "Exploration",
    "OrderError",
    "Registry",
    "RegistryLeakError",
    "assert_holds",
    "assert_unloads",
    "explore",
    "fake_winreg",
    "trace_winreg",
]

_HOMES = {
    "Exploration": "orders",
    "OrderError": "orders",
    "Registry": "registry",
    "RegistryLeakError": "registry",
    "assert_holds": "verdicts",
    "assert_unloads": "verdicts",
    "explore": "orders",
    "fake_winreg": "fake",
    "trace_winreg": "audit",
}


def __getattr__(name: str) -> object:
    """Import what *name* stands for, once (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'regsim.testing' has no attribute {name!r}")
    found: object = getattr(import_module(f"regsim.testing.{_HOMES[name]}"), name)
    globals()[name] = found
    return found
