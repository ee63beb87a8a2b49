"""Executable specifications, one file an incident; each file ends in its `Incident`.

An incident is played once with `run` (`names` lists those that can be), or explored in every
interleaving as a `model` (`explored` lists those that can be).
"""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from regsim.errors import UnknownNameError
from regsim.naming import resolve

if TYPE_CHECKING:
    from regsim.explore.incident import Incident
    from regsim.explore.sources import ModelSource
    from regsim.scenario import Run

CASE: Final = "q241572"
"""The incident that is shown where none is asked for."""


@cache
def incidents() -> dict[str, Incident]:
    """Return every incident by its name, in the order of their places."""
    modules = (import_module(f"{__name__}.{file.name}") for file in pkgutil.iter_modules(__path__))
    found = sorted((module.INCIDENT for module in modules), key=lambda each: each.place)
    return {each.name: each for each in found}


def names() -> list[str]:
    """Return the incidents that can be run."""
    return [name for name, each in incidents().items() if each.run is not None]


def explored() -> list[str]:
    """Return the incidents that can be explored with `model`."""
    return [name for name, each in incidents().items() if each.model is not None]


def incident(name: str, kind: str = "scenario") -> Incident:
    """Return the incident that *name* means; `UnknownNameError` lists them, saying *kind*, else."""
    aliases = {alias: each.name for each in incidents().values() for alias in each.aliases}
    return incidents()[resolve(kind, name, incidents(), aliases)]


def run(scenario: str, *, os: str | None = None, fix: str = "none", **options: Any) -> Run:  # noqa: ANN401 - each incident has its own
    """Play *scenario* on *os*, the system that it is about by default, and return the `Run`.

    >>> run("Q241572", os="nt4-sp6a", fix="none").outcome.value
    'lost'
    """
    found = incident(scenario)
    return found.play(os or found.os, fix, **options)


def source(name: str) -> ModelSource:
    """Return the model called *name* with its parameters, not made yet.

    It is an incident's, or the user's own in a file: ``./my_service.py[:Model]``.

    Raises:
        UnknownNameError: there is no such incident, or the file has nothing of that name.
        NotApplicableError: the incident has no model; the text says why.
        DataError: the file cannot be run.
    """
    from regsim.explore import sources  # noqa: PLC0415 - only when a model is wanted

    if name.endswith(".py") or ".py:" in name:
        return sources.source_in_file(name)
    try:
        found = incident(name, "model")
    except UnknownNameError as error:
        known = (*error.known, "FILE.py", "FILE.py:NAME")
        raise UnknownNameError("model", name, known) from None
    return sources.source_of_incident(found)


def model(name: str, **given: object) -> Any:  # noqa: ANN401 - a user's may be any factored model
    """Return the model called *name*, or in a file, with the parameters *given*, typed or as text.

    >>> model("q241572", workers=1, variant="refcounted").name
    'q241572'
    """
    return source(name).build(given)
