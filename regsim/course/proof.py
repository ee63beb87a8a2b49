"""E8: break a fix by an order of steps, and tell a test from a proof."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import attrs

from regsim import models
from regsim.check import verify
from regsim.course.logoffs import last_unload, told
from regsim.course.questions import YES_NO, Exercise, Question, Truth, found
from regsim.errors import UsageError
from regsim.explore.system import System
from regsim.kernel.machine import Machine

PREFIX = ("winlogon", *("icw",) * 5)
"""Logon, and two requests to the service: what happens before the learner's order begins."""
THREADS = {"1": "worker-1", "2": "worker-2"}
_CLAIMS = {
    "buggy-leak": ("buggy", "leak", 2, "the stock service: leak"),
    "naive-leak": ("naive", "leak", 2, "close-root: leak"),
    "naive-alone": ("naive", "err", 1, "close-root, one thread: err"),
    "naive-err": ("naive", "err", 2, "close-root, two threads: err"),
    "counted-err": ("refcounted", "err", 2, "counted, two threads: err"),
    "counted-leak": ("refcounted", "leak", 2, "counted, two threads: leak"),
}
"""The claims to judge: variant, property, threads, and the words of the question."""


@attrs.frozen
class Played:
    """One step of an order that was played: the thread, what it did, and where it then stood."""

    actor: str
    step: str
    at: str


def _model(variant: str, workers: int, **more: int) -> System:
    given = {"variant": variant, "workers": workers, "services": 0, **more}
    found_model: System = models.model("q241572", **given)
    return found_model


def play(order: str) -> Iterator[Played]:
    """Have two threads of a service with the naive fix take their steps in *order*.

    *order* names a thread for each step, such as ``1121``; blanks and commas count for nothing.
    Raises `UsageError` for another character, and where the named thread cannot take a step.
    """
    model = _model("naive", len(THREADS))
    place = {process.name: number for number, process in enumerate(model.processes)}
    machine: Machine = next(iter(model.initial()))
    digits = [digit for digit in order if digit not in ", "]
    for digit in digits:
        if digit not in THREADS:
            raise UsageError(f"schedule: an order is made of 1 and 2, but has {digit!r}")
    for number, name in enumerate((*PREFIX, *(THREADS[digit] for digit in digits))):
        process = place[name]
        own = model.vector(machine)[model.processes[process].own]
        for spec in model.steps(process, own):
            after = model.take(machine, process, spec)
            if after is not None:
                machine = after
                break
        else:
            step = number - len(PREFIX) + 1
            raise UsageError(f"schedule: at step {step} {name} waits and cannot take a step")
        if number >= len(PREFIX):
            yield Played(name, spec.name, _place_of(machine, name))


def _place_of(machine: Machine, name: str) -> str:
    return next(thread.pc for thread in machine.threads.values() if thread.role == name)


def _schedule_fault(order: str) -> str:
    taken = []
    try:
        for one in play(order):
            taken.append(one)
            if one.at == "error":
                return ""
    except UsageError as error:
        return f"{error}."
    shown = ", ".join(f"{one.actor} {one.step}" for one in taken) or "nothing"
    return f"The order was played and no call failed: {shown}."


@cache
def _result(variant: str, claim: str, workers: int, attempts: int = 0) -> verify.Result:
    return verify.check(_model(variant, workers, attempts=attempts), claim)


def _told(result: verify.Result) -> str:
    if result.path is None:
        return f"all {result.states} states were looked at, and it holds in each"
    last = result.path.steps[-3:]
    steps = ", ".join(f"{step.actor} {step.step}" for step in last)
    return f"a run of {len(result.path.steps)} steps contradicts it; it ends {steps}"


def _claim(variant: str, claim: str, workers: int, attempts: int = 0) -> Truth:
    result = _result(variant, claim, workers, attempts)
    shown = _told(result)
    return found(result.verdict.value == "holds", shown[:1].upper() + shown[1:] + ".")


def _work() -> dict[str, Truth]:
    findings = {
        name: _claim(variant, claim, workers)
        for name, (variant, claim, workers, _) in _CLAIMS.items()
    }
    leak = _result("buggy", "leak", 2).path
    assert leak is not None  # noqa: S101 - the stock service leaks
    steps = ", ".join(f"{step.actor} {step.step}" for step in leak.steps)
    run = models.run("q241572", os="nt4-sp6a", fix="close-root")
    tested = f"In `regsim run` {told(last_unload(run))}: {run.outcome.value}."
    return findings | {
        "one-try": _claim("refcounted", "lost", 1, attempts=1),
        "tested": found(run.outcome.good, tested),
        "shortest": found(len(leak.steps), f"The shortest run into the leak is: {steps}."),
        "schedule": Truth("The order was played, and a call failed.", _schedule_fault),
    }


def _scene() -> str:
    return (
        "The model of KB Q241572 has a user who logs on and off, a wizard that asks the service,\n"
        "a service with one or two threads, and Winlogon, which waits till the hive is free. Each\n"
        "takes its steps in any order. Three services: the stock one; one that closes the root of\n"
        "HKEY_CURRENT_USER after every request (close-root); one that counts who uses the root\n"
        "and closes it with the last (counted). Two claims:\n\n"
        "  leak: once every call has returned, no handle on the hive is left\n"
        "  err:  no request fails because its root was closed under it\n\n"
        "`regsim check q241572` looks at every order. A request takes a thread these steps:\n"
        "dequeue, open-root, open-subkey, work, close-subkey, close-root. open-root uses the\n"
        "root that is open, if there is one; open-subkey reads the process's root anew.\n\n"
        "For `schedule`, break close-root yourself: two requests wait, no thread has begun; write\n"
        "which thread takes the next step, such as 1 1 2 1 ..., so that a call fails."
    )


E8 = Exercise(
    name="e8",
    title="Break it: proof against test",
    scene=_scene,
    questions=(
        Question("tested", "close-root, played once by `regsim run`: is it saved?", 9, YES_NO),
        *(
            Question(name, f"{words}: does it hold?", 9, YES_NO)
            for name, (_, _, _, words) in _CLAIMS.items()
        ),
        Question("one-try", "counted, Winlogon tries once: is the profile never lost?", 9, YES_NO),
        Question("shortest", "how many steps has the shortest run into the leak?", 2, (), True),
        Question("schedule", "an order of steps that fails a call under close-root", 9),
    ),
    work=_work,
    explanation=(
        "One run that ends well shows that one order ends well. The checker looks at every order, "
        "for the threads, requests and services that the model has: that is its bound, and the "
        "claim goes no further. A counterexample needs no bound, for it can be replayed. And a "
        "true fix does not promise that no logoff ever loses a profile: with a single try, a call "
        "that is still in progress is enough."
    ),
)
