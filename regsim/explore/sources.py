"""What a model is made from: an incident, or a user's own file."""

from __future__ import annotations

import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NoReturn

import attrs

from regsim import dialects
from regsim.check.anynumber import FEWEST, AnyNumber
from regsim.check.families import ANY, Opaque
from regsim.errors import (
    DataError,
    NotApplicableError,
    RegsimError,
    UnknownNameError,
    UsageError,
)
from regsim.explore.asking import written_out
from regsim.explore.incident import Incident
from regsim.explore.learned import PlainProgram
from regsim.explore.parameters import Parameter, Setting, choice, count, settings
from regsim.explore.service import ServiceModel
from regsim.explore.service import model as begun
from regsim.reading import contents

MOST_THREADS: Final = 64
"""The most threads of a service in plain code that can be asked for by number."""


@attrs.frozen
class ModelSource:
    """A model that can be made: its name, what it is about, and its parameters.

    ``parameters`` lists those of an incident; a user's function takes what it declares. ``file``
    is where a user's model stands, None for an incident. ``plain`` makes the same in plain code,
    where an incident has that.
    """

    name: str
    about: str
    parameters: tuple[Parameter, ...]
    make: Callable[..., Any]
    file: Path | None = None
    plain: Callable[[], ServiceModel] | None = None

    def service(self, given: Mapping[str, object]) -> ServiceModel:
        """Return the model in plain code, a user's with the parameters *given*.

        Raises:
            NotApplicableError: it is none in plain code.
            UsageError: a name or a value that the model does not allow.
        """
        if self.plain is not None:
            if given:
                raise UsageError(f"{self.name} in plain code has no parameters: leave out -p")
            return self.plain()
        found = None if self.file is None else self.make(**self.settings(given))
        if not isinstance(found, ServiceModel):
            raise NotApplicableError(
                f"{self.name} is no service in plain code, whose source could be edited: see "
                "regsim.model in the guide"
            )
        return found

    def settings(self, given: Mapping[str, object]) -> dict[str, Setting]:
        """Return every parameter's value: as *given*, else its default.

        Raises:
            UsageError: a name or a value that the model does not allow.
        """
        return settings(self.parameters, given, self.name)

    def counted(self, found: Mapping[str, Setting]) -> dict[str, Setting]:
        """Return, of the settings *found*, those that count interchangeable processes."""
        return {p.name: found[p.name] for p in self.parameters if p.counts}

    def build(self, given: Mapping[str, object]) -> Any:  # noqa: ANN401 - any factored model
        """Return the model with the parameters *given*; see `settings`.

        Where one is `ANY`, it is an `AnyNumber` that makes it with as many as are asked for.
        """
        found = self.settings(given)
        numbers = [p for p in self.parameters if p.counts or isinstance(p.default, int)]
        least = {p.name: p.least for p in numbers if found[p.name] == ANY}
        if least:
            return self._unbounded(found, least)
        made = self.make(**found)
        if not isinstance(made, ServiceModel):
            return made
        if ANY in made.numbers.values():
            raise UsageError(
                f"{self.name} makes a model of {ANY} number of threads: let it take the number, as "
                f"in `def Model(threads=2)`, so that `-p threads={ANY}` and one number can be asked"
            )
        return made.system()

    def _unbounded(self, found: Mapping[str, Any], least: Mapping[str, int]) -> AnyNumber:
        """Return what makes the model with any number of what has a *least* number."""
        learned: dict[str, PlainProgram] = {}

        def sized(sizes: Mapping[str, int]) -> Any:  # noqa: ANN401 - any factored model
            made = self.make(**{**found, **sizes})
            return made.system(learned) if isinstance(made, ServiceModel) else made

        if isinstance(self.make(**{**found, **dict.fromkeys(least, Opaque(FEWEST))}), ServiceModel):
            least = {name: max(1, number) for name, number in least.items()}
        made = AnyNumber(self.name, sized, least)
        return attrs.evolve(made, name=made.small().name)

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """Tell in one line what fails in the user's file while it is explored.

        Raises:
            DataError: in place of an error that came from or through a line of the file.
        """
        try:
            with _exit_refused():
                yield
        except (RegsimError, KeyboardInterrupt, MemoryError):
            raise
        except BaseException as error:
            # SystemExit and click's Exit among them: a user's code must not choose our exit code.
            line = None if self.file is None else _line_in(self.file, error)
            if line is None:
                raise
            raise DataError(f"{self.file}, line {line}, fails: {_named(error)}") from error


def source_of_incident(incident: Incident) -> ModelSource:
    """Return the model of *incident*; raise `NotApplicableError` with the reason if it has none."""
    make = incident.part(incident.model, "explored as a model")
    about = _first_line(sys.modules[make.__module__])
    return ModelSource(incident.name, about, incident.parameters, make, plain=incident.plain)


def source_in_file(name: str) -> ModelSource:
    """Return the model in a user's file: ``./my_service.py[:Model]``, run as it is found.

    It is a service in plain code, a `System`, or any other model the engines take, or a function
    that returns one; without a name it is ``Model`` or ``model``, or the one service in plain code.

    Raises:
        UnknownNameError: the file has nothing of that name.
        DataError: the file cannot be run.
    """
    file, _, attribute = name.rpartition(":") if ".py:" in name else (name, "", "")
    path = Path(file)
    module = _run(path)
    wanted = (attribute,) if attribute else ("Model", "model")
    for each in wanted:
        if getattr(module, each, begun) is not begun:
            return attrs.evolve(_of_object(f"{path.name}:{each}", getattr(module, each)), file=path)
    plain = [each for each, value in vars(module).items() if isinstance(value, ServiceModel)]
    if len(plain) == 1 and not attribute:
        found = _of_object(f"{path.name}:{plain[0]}", getattr(module, plain[0]))
        return attrs.evolve(found, file=path)
    own = [each for each, value in vars(module).items() if _may_be_model(value, module)]
    raise UnknownNameError(f"model in {path}", " or ".join(wanted), own or ["none"])


def _line_in(file: Path, error: BaseException) -> int | None:
    """Return the last line of *file* that *error* came through, None if it came through none."""
    lines = [
        number
        for frame, number in traceback.walk_tb(error.__traceback__)
        if Path(frame.f_code.co_filename) == file.absolute()
    ]
    return lines[-1] if lines else None


def _first_line(thing: object) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def _may_be_model(value: object, module: ModuleType) -> bool:
    """Return whether *value* may be meant by a name: not what *module* only imports."""
    made = callable(value) and getattr(value, "__module__", "") == module.__name__
    return made or _is_model(value)


def _is_model(found: object) -> bool:
    """Return whether *found* is a model, not the class of one."""
    known = (
        isinstance(found, ServiceModel)
        or hasattr(found, "components")
        or hasattr(found, "next_state")
    )
    return known and not isinstance(found, type)


def _run(path: Path) -> ModuleType:
    contents(path, "a Python file with a model")
    spec = spec_from_file_location(f"regsim_user_model_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise DataError(f"{path} cannot be loaded as Python")
    module = module_from_spec(spec)
    sys.modules[module.__name__] = module
    try:
        with _exit_refused():
            spec.loader.exec_module(module)
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException as error:
        raise DataError(f"{path} fails as it is run: {_named(error)}") from error
    return module


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


@contextmanager
def _exit_refused() -> Iterator[None]:
    """Have what ends our process raise while a user's code runs: 0 would be taken for an answer.

    That is `os._exit`, and the two calls behind all that put another program in our place.
    """
    ways, process = {name: getattr(os, name) for name in ("_exit", "execv", "execve")}, os.getpid()

    def refusing(name: str) -> Callable[..., NoReturn]:
        def refused(*arguments: Any) -> NoReturn:  # noqa: ANN401 - those of any of the calls
            if os.getpid() != process:  # a child that the user's code has forked
                ways[name](*arguments)
            raise SystemExit(f"os.{name}({arguments[0] if arguments else ''})")

        return refused

    for name in ways:
        setattr(os, name, refusing(name))
    try:
        yield
    finally:
        for name, real in ways.items():
            setattr(os, name, real)


def _of_object(name: str, found: Any) -> ModelSource:  # noqa: ANN401 - whatever the user's file has
    if isinstance(found, ServiceModel):
        return _of_service(name, found)
    if _is_model(found):
        return ModelSource(name, found.name, (), lambda: found)
    if not callable(found):
        raise UsageError(
            f"{name} is {written_out(found)}: neither a model nor a function that returns one"
        )
    return ModelSource(name, _first_line(found), tuple(_declared(name, found)), found)


def _of_service(name: str, found: ServiceModel) -> ModelSource:
    """Return a service in plain code, whose generation and numbers of threads can be others."""
    about = "how many threads run the service"
    systems = choice("os", found.os, tuple(dialects.names()), "the Windows generation")
    counts = [count(each, number, 1, MOST_THREADS, about) for each, number in found.numbers.items()]

    def make(os: str, **numbers: int | str) -> ServiceModel:
        return attrs.evolve(found, os=os).numbered(numbers)

    return ModelSource(name, found.about, (systems, *counts), make)


def _declared(name: str, function: Callable[..., Any]) -> list[Parameter]:
    """Return the parameters that a user's function declares, by their defaults."""
    found = []
    for parameter in inspect.signature(function).parameters.values():
        default = parameter.default
        if isinstance(default, str):
            found.append(Parameter(parameter.name, default, "text", free=True))
        elif isinstance(default, int):
            found.append(Parameter(parameter.name, default, "a whole number", free=True))
        else:
            raise UsageError(
                f"{name}: parameter {parameter.name!r} needs a number or a text as its default"
            )
    return found
