"""The course: eight exercises to predict, run and understand, judged by the simulator.

>>> from regsim import course
>>> course.check("e6", {"first": "anna", "second": "bert"}).right
1
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from regsim.course.questions import OBJECTIVES, Exercise, Feedback, Question
from regsim.errors import UnknownNameError

__all__ = ["OBJECTIVES", "Exercise", "Feedback", "Question", "check", "exercise", "names"]

_HOMES: Final = {
    "e1": "handles",
    "e2": "handles",
    "e3": "logoffs",
    "e4": "patches",
    "e5": "logoffs",
    "e6": "users",
    "e7": "events",
    "e8": "proof",
}


def names() -> list[str]:
    """Return the names of the exercises, in their order."""
    return list(_HOMES)


def exercise(name: str) -> Exercise:
    """Return the exercise called *name*; raise `UnknownNameError`, which lists them, otherwise.

    It shows itself as its scene and its questions.
    """
    if name not in _HOMES:
        raise UnknownNameError("exercise", name, _HOMES)
    found: Exercise = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name.upper())
    return found


def check(name: str, answer: Mapping[str, object]) -> Feedback:
    """Run the simulator and return what it says of *answer* to the exercise called *name*.

    Args:
        name: such as ``"e1"``.
        answer: predictions by the name of the question; yes and no may be True and False. What
            is left out counts as not answered yet.

    The truth is what the simulator does now; no answer is stored. Feedback names the call that
    contradicts a prediction. Raises `UsageError` for a question that does not exist or an answer
    that can be none.
    """
    return exercise(name).judge(answer)
