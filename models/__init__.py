"""Executable specifications, one per incident.

An incident is played once with `run` (`names` lists those that can be), or explored in every
interleaving as a `model` (`explored` lists those that can be).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from regsim.errors import UnknownNameError

if TYPE_CHECKING:
    from types import ModuleType

    from regsim.models.registry import Source

    from regsim.scenario import Run

_MODULES: Final = {
    "q241572": "q241572",
    "q272239": "siblings",
    "q325086": "siblings",
    "q179827": "siblings",
    "q2287297": "siblings",
    "managed-handles": "siblings",
}


def names() -> list[str]:
    """Return the incidents that can be run."""
    return list(_MODULES)


def module_of(name: str) -> ModuleType:
    """Return the module of the incident; raise `UnknownNameError` listing them otherwise."""
    if name not in _MODULES:
        raise UnknownNameError("scenario", name, _MODULES)
    return import_module(f"regsim.models.{_MODULES[name]}")


def run(scenario: str, *, os: str = "nt4-sp6a", fix: str = "none", **options: Any) -> Run:  # noqa: ANN401 - each incident has its own
    """Play *scenario* on *os* with *fix* and return the `Run`.

    >>> run("q241572", os="nt4-sp6a", fix="none").outcome.value
    'lost'
    """
    module = module_of(scenario)
    play = module.run if scenario == "q241572" else module.PLAYS[scenario]
    result: Run = play(os, fix, **options)
    return result


def explored() -> list[str]:
    """Return the incidents that can be explored with `model`."""
    found: list[str] = _registry().explored()
    return found


def source(name: str) -> Source:
    """Return the model called *name* with its parameters, not made yet; see `registry.source`."""
    found: Source = _registry().source(name)
    return found


def model(name: str, **given: object) -> Any:  # noqa: ANN401 - a user's may be any factored model
    """Return the model called *name*, or in a file, with the parameters *given*.

    >>> model("q241572", workers=1, variant="refcounted").name
    'q241572'
    """
    return _registry().model(name, **given)


def _registry() -> Any:  # noqa: ANN401 - a module, loaded when it is first needed
    return import_module("regsim.models.registry")
