"""What plain code asks of the system, what it is told, and how far a run of it has come."""

from __future__ import annotations

from collections.abc import Hashable
from types import MethodType
from typing import Any

import attrs

from regsim.check.families import UnfinishedError
from regsim.errors import DataError
from regsim.explore.standing import Standing
from regsim.kernel.calls import Call
from regsim.kernel.operations import Gives
from regsim.kernel.steps import Update
from regsim.types import Sid
from regsim.win32.plans import Planned


class PlainCodeError(DataError):
    """Plain code that cannot be explored: where it stands, why, and what to do instead."""


class EndlessCodeError(PlainCodeError, UnfinishedError):
    """Plain code that does not come back to where it was with the same values, or not in time."""


class SuspendedError(BaseException):
    """Raised in the user's code where it has come to a call without an answer."""


def written_out(given: object) -> str:
    """Return *given* as an error shows it: by its repr, unless that has an address in it.

    Where the object lies differs from run to run; what is told then is its name or its type.
    """
    text = repr(given)
    if " at 0x" not in text:
        return text
    name = getattr(given, "__qualname__", None)
    if name is None:
        return f"the object of type {type(given).__qualname__}"
    return f"{'method' if isinstance(given, MethodType) else 'function'} {name}"


@attrs.frozen
class Enquiry:
    """What the code asks for where it stands.

    Attributes:
        kind: ``call``, ``end`` where the function is over, or what it is that is no registry
            call: ``wait``, ``work``, ``enter``, ``read``, ``write``, or of an event ``set``,
            ``reset``, ``await``, ``look``.
        name: the call's, or what is waited for.
        place: where the code stands.
        planned: the call, for ``call``.
        value: what is written, for ``write``.
        gives: the name of the handle that it gives; "" where it gives none.
        closes: the name of the handle that it closes; "" where it closes none.
        uses: the names of the handles that it is given.
        auto: whether what it gives is closed with the last reference, as Python's winreg does.
        asked: what a later run recognises it by.
        users: whose each open key that was reached by HKEY_CURRENT_USER is to be, by its name: of
            whom the code acted as, None for itself.
    """

    kind: str
    name: str
    place: Standing
    planned: Planned | None = None
    value: Any = None
    gives: str = ""
    closes: str = ""
    uses: tuple[str, ...] = ()
    auto: bool = False
    asked: Hashable = None
    users: tuple[tuple[str, Sid | None], ...] = ()

    @property
    def gives_handle(self) -> bool:
        """Whether it is a call that gives a handle."""
        if not isinstance(self.planned, Call):
            return False
        steps = (s.op for s in self.planned.plan.steps if s.op is not None)
        result = self.planned.plan.result
        return any(s.operation.gives is not Gives.NOTHING and s.into == result for s in steps)


@attrs.frozen
class Told:
    """What a call answered: its error, and what it stored, where that is no handle."""

    error: int = 0
    value: Any = None
    handle: bool = False


@attrs.frozen
class LogLine:
    """One line of what a run is told: the request, recognised by *asked*, and the answer."""

    kind: str
    name: str
    asked: Hashable
    told: Told
    gives: str = ""


@attrs.frozen
class Reached:
    """Where a run has come to, and what it did on the way since its last answer."""

    request: Enquiry
    updates: tuple[Update, ...]
    log: tuple[LogLine, ...]
