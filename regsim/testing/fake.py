"""A fake registry without pytest: one ``with`` statement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from regsim.testing.patching import Patch
from regsim.testing.registry import Registry, Role


@contextmanager
def fake_winreg(
    *,
    os: str = "win11",
    patch: Iterable[str] = (),
    everywhere: bool = False,
    process: Role = "user",
    seed: str | Path | None = None,
    leaks: bool = True,
) -> Iterator[Registry]:
    r"""Give a fresh registry, seen by the modules of *patch*, until the block ends.

    Blocks nest: within the inner one its registry is seen. It is a decorator as well, and makes
    fixtures of any scope. A block that ends with an exception is not searched for leaks.

    Args:
        os: the Windows generation.
        patch: names of modules and packages whose ``import winreg`` gives the fake meanwhile, or
            ``module:name`` for one that keeps it under another name; see `patching.Patch`.
        everywhere: whether all modules see it, but those of the standard library.
        process: ``"user"`` for code in a process of the user's session, ``"service"`` for a
            service of LocalSystem that outlives it.
        seed: the path of a ``.reg`` file, or its text, to begin with.
        leaks: whether a block that ends well fails for handles left on the user's profile.

    Raises:
        RegistryLeakError: at the end, where handles were left.
        UsageError: an argument that cannot be.

    >>> with fake_winreg(os="win10") as reg:
    ...     with reg.winreg.CreateKey(reg.winreg.HKEY_CURRENT_USER, r"Software\Example") as key:
    ...         reg.winreg.SetValueEx(key, "Colour", 0, reg.winreg.REG_SZ, "blue")
    >>> reg.foresee().outcome.value
    'saved'
    """
    registry = Registry(os, process=process, seed=seed)
    with Patch(registry.winreg, patch, everywhere=everywhere):
        yield registry
    if leaks:
        registry.assert_no_leaks()
