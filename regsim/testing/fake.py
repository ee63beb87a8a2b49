"""A fake registry without pytest: one ``with`` statement, or one decorator."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Final, TypeVar

from regsim.testing import blame
from regsim.testing.blame import Leaks
from regsim.testing.patching import Patch
from regsim.testing.registry import Registry, RegistryLeakError, Role, table
from regsim.testing.seeds import Seed
from regsim.testing.sight import patched

T = TypeVar("T")


def fake_winreg(
    *,
    os: str = "win11",
    patch: Iterable[str] = (),
    everywhere: bool = False,
    process: Role = "user",
    seed: Seed | None = None,
    bare: bool = False,
    windows: bool = False,
    looks_like_windows: bool = False,
    leaks: Leaks = None,
) -> Block:
    r"""Give a fresh registry, seen by the modules of *patch*, until the block ends.

    Blocks nest: within the inner one its registry is seen. It makes fixtures of any scope, and is a
    decorator as well: of functions, ``async`` ones too, each call of which has its own registry,
    and of classes, whose ``test*`` methods it decorates, inherited ones too. A method that has a
    decorator of its own keeps that alone. A block that ends with an exception is not searched for
    leaks.

    Args:
        os: the Windows generation.
        patch: names of modules and packages whose ``import winreg`` gives the fake meanwhile, or
            ``module:name`` for one that keeps it under another name; see `patching.Patch`.
        everywhere: whether all modules see it, but those of the standard library.
        process: ``"user"`` for code in a process of the user's session, ``"service"`` for a
            service of LocalSystem that outlives it.
        seed: what to begin with: a ``.reg`` file, a hive or JSON by its path, the text of one, a
            dict or a machine; see `regsim.testing.Registry.seed`.
        bare: whether to begin with hardly a key, instead of with what an installed system has.
        windows: whether the modules of *patch* see Windows: ``sys.platform``, ``os.name``,
            ``platform``, ``ctypes.windll`` and the rest, of the same computer as its registry; see
            `regsim.testing.windows`. Nobody else does.
        looks_like_windows: the same, in the marker's words.
        leaks: what handles left on the user's profile do to a block that ends well: ``"error"`` or
            True fails it, ``"warn"`` warns, ``"off"`` or False does nothing. Without it, what
            ``--registry-leaks`` says in a run of pytest, and else they fail it.

    Raises:
        RegistryLeakError: at the end, where handles were left.
        UsageError: an argument that cannot be, or a module to patch that has no use for it.
        TypeError: it decorates what it cannot: a generator's block would end before its body runs.

    >>> with fake_winreg(os="win10") as reg:
    ...     with reg.winreg.CreateKey(reg.winreg.HKEY_CURRENT_USER, r"Software\Example") as key:
    ...         reg.winreg.SetValueEx(key, "Colour", 0, reg.winreg.REG_SZ, "blue")
    >>> reg.foresee().outcome.value
    'saved'
    """

    def make() -> tuple[Registry, Patch]:
        registry = Registry(os, process=process, seed=seed, bare=bare)
        seen = windows or looks_like_windows
        return registry, patched(registry, patch, everywhere=everywhere, windows=seen)

    return Block(make, leaks=leaks)


class Block:
    """What `fake_winreg` gives: a context manager and a decorator, as often as it is used."""

    def __init__(self, make: Callable[[], tuple[Registry, Patch]], *, leaks: Leaks) -> None:
        self._make, self._leaks = make, blame.level_of(leaks)
        self._open: list[tuple[Registry, Patch]] = []

    # -- as a context manager -----------------------------------------------------------------

    def __enter__(self) -> Registry:
        """Begin with a fresh registry, which is returned."""
        registry, patch = self._make()
        patch.__enter__()
        self._open.append((registry, patch))
        blame.begin(registry)
        return registry

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End; raise `RegistryLeakError` for what is left, unless the block failed itself."""
        __tracebackhide__ = True  # what pytest shows is the line of the block
        registry, patch = self._open.pop()
        patch.__exit__(kind, error, trace)
        level = self._leaks or blame.level()
        leaks = blame.end(registry, level if kind is None else "off")
        if leaks:
            raise RegistryLeakError(table(registry, leaks), leaks)

    # -- as a decorator -----------------------------------------------------------------------

    def __call__(self, target: T) -> T:
        """Return *target*, a function or a class of tests, so that it runs within such a block."""
        made: Any = target
        if isinstance(made, type):
            self._decorate_class(made)
            return target
        if isinstance(made, staticmethod | classmethod):
            made = type(made)(self(made.__func__))
        elif inspect.isgeneratorfunction(made) or inspect.isasyncgenfunction(made):
            raise TypeError(
                f"fake_winreg() cannot decorate the generator {_name(made)}, whose body runs when "
                "the block is over; write `with fake_winreg() as registry:` in it"
            )
        elif inspect.iscoroutinefunction(made):
            made = self._coroutine(made)
        elif inspect.isroutine(made) or isinstance(made, functools.partial):
            made = self._function(made)
        else:
            raise TypeError(f"fake_winreg() decorates functions and classes, not {made!r}")
        return made  # type: ignore[no-any-return]  # of the kind that was given

    def _function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def within(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever it takes and gives
            with self:
                result = function(*args, **kwargs)
                if _runs_later(result):
                    _close(result)
                    raise TypeError(
                        f"{_name(function)} returned a {type(result).__name__}, which would run "
                        "when the block of fake_winreg() is over; decorate the function that it is "
                        "of, below the other decorators"
                    )
                return result

        return _marked(within, self)

    def _coroutine(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        async def within(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as above
            with self:
                return await function(*args, **kwargs)

        return _marked(within, self)

    def _decorate_class(self, made: type) -> None:
        """Decorate the tests of *made*, and of the classes of tests that stand in it."""
        names = [name for name in dir(made) if name.startswith("test") or name == "runTest"]
        found = 0
        for name in names:
            method = inspect.getattr_static(made, name)
            if not isinstance(method, staticmethod | classmethod):
                method = getattr(made, name)
                if not inspect.isroutine(method):
                    continue
            found += 1
            by = getattr(method, _BY, None)
            if by is None or by[1]:  # what a class put on an inherited method, this one replaces
                bare = method.__wrapped__ if by else method
                setattr(made, name, _marked(self(bare), self, by_class=True))
        for name, inner in list(vars(made).items()):
            if isinstance(inner, type) and name.startswith("Test"):
                self._decorate_class(inner)
                found += 1
        if not found:
            raise TypeError(
                f"fake_winreg() decorates a class's test* methods; {_name(made)} has none"
            )


_BY = "_fake_winreg"
"""The attribute of a decorated function: the block, and whether its class was decorated."""


def _marked(function: T, block: Block, *, by_class: bool = False) -> T:
    bare = getattr(function, "__func__", function)
    setattr(bare, _BY, (block, by_class))
    return function


def _name(target: object) -> str:
    return str(getattr(target, "__qualname__", None) or repr(target))


_MANAGERS: Final = (contextlib.AbstractContextManager, contextlib.AbstractAsyncContextManager)


def _runs_later(result: Any) -> bool:  # noqa: ANN401 - whatever a function returns
    """Return whether *result* is code to run: a coroutine, a generator, or contextlib's of one."""
    body = getattr(result, "gen", result) if isinstance(result, _MANAGERS) else result
    return inspect.isawaitable(body) or inspect.isgenerator(body) or inspect.isasyncgen(body)


def _close(result: Any) -> None:  # noqa: ANN401 - a coroutine, a future, a generator
    """Close what will never run, so that nobody warns of that too."""
    close = getattr(result, "close", None) or getattr(result, "cancel", None)
    if close is not None:
        close()
