"""Executable specifications, one per incident: played with `run`, listed by `names`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from regsim.errors import UnknownNameError

if TYPE_CHECKING:
    from types import ModuleType

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
