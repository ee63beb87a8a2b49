"""Assertions for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from regsim.cases.logoff import Ending
from regsim.errors import UsageError
from regsim.scenario.result import Outcome
from regsim.testing.profile import ProfileSession
from regsim.testing.registry import Registry, table

if TYPE_CHECKING:
    from regsim.check.factored import Factored
    from regsim.check.plain import Model
    from regsim.check.property import Property
    from regsim.check.verify import Result


def assert_unloads(user: Registry | ProfileSession) -> Ending:
    """Return how a logoff of *user* would end now; it must unload the hive and harm nobody.

    Args:
        user: the computer whose user would log off: the fixture ``registry`` or
            ``profile_session``, or what `fake_winreg` gives. It stays as it is.

    Raises:
        AssertionError: the hive would not unload at once, or by force; the text names every holder.
        UsageError: it is neither, or the user has logged off already.
    """
    __tracebackhide__ = True
    registry = user.registry if isinstance(user, ProfileSession) else user
    if not isinstance(registry, Registry):
        raise UsageError(f"assert_unloads takes a registry or a profile_session, not {user!r}")
    ending = registry.foresee()
    if ending.outcome is not Outcome.SAVED:
        leaks = registry.leaks()
        raise AssertionError(table(registry, leaks) if leaks else ending.says())
    return ending


def assert_holds(
    model: Factored | Model[Any, Any] | str,
    property: Property | str,  # noqa: A002 - it is the word
    *,
    parameters: dict[str, object] | None = None,
    **options: Any,  # noqa: ANN401 - see `regsim.check.verify.check_all`
) -> Result:
    """Explore *model*; *property* must hold, in every interleaving.

    Args:
        model: a model, or the name of one of regsim's or of a file with one.
        property: a property, or its name in the model.
        parameters: what a model given by name is made with.
        options: how to search: ``engine``, ``reduce``, ``fairness``, ``max_states``, ….

    Returns:
        The answer, with its counts.

    Raises:
        AssertionError: it is violated, and the text is the counterexample; or a limit was hit
            before the answer was sure.
        UsageError: there is no such model, parameter or property.
    """
    __tracebackhide__ = True  # pytest then shows the caller's line and the counterexample
    from regsim import models  # noqa: PLC0415 - only when asked for
    from regsim.check.property import Verdict  # noqa: PLC0415
    from regsim.check.verify import check  # noqa: PLC0415
    from regsim.report.text.checks import Recipe, result_text  # noqa: PLC0415

    given = dict(parameters or {})
    made = models.model(model, **given) if isinstance(model, str) else model
    result = check(made, property, **options)
    if result.verdict is not Verdict.HOLDS:
        name = model if isinstance(model, str) else made.name
        raise AssertionError(result_text(result, Recipe(name, given)))
    return result
