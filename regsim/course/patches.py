"""E4: five patches to the service, of which one is right."""

from __future__ import annotations

from collections.abc import Callable

from regsim import keypath, models
from regsim.check import verify
from regsim.course.bench import ANNA, HKCU, Bench, listed
from regsim.course.questions import YES_NO, Exercise, Question, Truth, found
from regsim.win32.api import Api

_Patch = Callable[[Api], str]
"""Serves one request as the user, and returns the last call with its answer."""
_OWN = 'RegOpenCurrentUser(&own); RegOpenKeyEx(own, "Software", &sub); RegCloseKey(sub)'
_OPEN = 'RegOpenKeyEx(HKEY_CURRENT_USER, "Software", &sub)'


def _answer(call: str, code: object) -> str:
    return f"{call} answered {getattr(code, 'name', code)}"


def _stock(api: Api) -> int:
    """Open and close a key below HKEY_CURRENT_USER; return the number of the closed handle."""
    _, sub = api.RegOpenKeyEx(HKCU, "Software")
    api.RegCloseKey(sub)
    return int(sub)


def _close_twice(api: Api) -> str:
    return _answer("the second RegCloseKey(sub)", api.RegCloseKey(_stock(api)).code)


def _revert(api: Api) -> str:
    _stock(api)
    api.revert()
    return "RevertToSelf() closed nothing"


def _close_root(api: Api) -> str:
    _stock(api)
    return _answer("RegCloseKey(HKEY_CURRENT_USER)", api.RegCloseKey(HKCU).code)


def _own(api: Api, *, close: bool) -> str:
    _, own = api.RegOpenCurrentUser()
    _, sub = api.RegOpenKeyEx(own, "Software")
    code = api.RegCloseKey(sub).code
    if not close:
        return _answer("RegCloseKey(sub)", code)
    return _answer("RegCloseKey(own)", api.RegCloseKey(own).code)


PATCHES: dict[str, tuple[str, _Patch]] = {
    "close-twice": (f"{_OPEN}; RegCloseKey(sub); RegCloseKey(sub)", _close_twice),
    "revert": (f"{_OPEN}; RegCloseKey(sub); RevertToSelf()", _revert),
    "close-root": (f"{_OPEN}; RegCloseKey(sub); RegCloseKey(HKEY_CURRENT_USER)", _close_root),
    "own-root": (
        _OWN,
        lambda api: _own(api, close=False),
    ),
    "own-root-closed": (
        f"{_OWN}; RegCloseKey(own)",
        lambda api: _own(api, close=True),
    ),
}
"""The patches by name: the calls that serve a request, and how the simulator makes them."""
_VARIANTS = {"close-root": "naive", "own-root-closed": "uncached"}
"""What the patches that free the hive are called in the model of the case."""


def _scene() -> str:
    rows = "\n".join(
        f"  {name}:\n      " + calls.replace("; ", ";\n      ")
        for name, (calls, _) in PATCHES.items()
    )
    return (
        "Windows 2000. Five colleagues offer a patch for the service. Each serves one request\n"
        f"while it acts as Anna; then Anna logs off.\n\n{rows}\n\n"
        "The service serves its requests with several threads of one process."
    )


def _work() -> dict[str, Truth]:
    findings = {}
    for name, (_, serve) in PATCHES.items():
        bench = Bench("w2k")
        api = bench.service()
        api.impersonate(ANNA)
        last = serve(api)
        status = bench.unload(keypath.user_root(ANNA))
        because = (
            f"{last[:1].upper()}{last[1:]}; the service then holds {listed(bench.holders(api))}. "
            f"NtUnloadKey answered {status.name}."
        )
        findings[name] = found(status.ok, because)
    return findings | {"neighbour": _neighbour()}


def _neighbour() -> Truth:
    """Look at every interleaving of two threads under each patch that frees the hive."""
    shown = {}
    for name, variant in _VARIANTS.items():
        model = models.model("q241572", variant=variant, workers=2, services=0)
        shown[name] = verify.check(model, "err").path
    breaks = [name for name, path in shown.items() if path is not None]
    path = shown[breaks[0]]
    assert path is not None  # noqa: S101 - it was just asked
    steps = [f"{step.actor} {step.step}" for step in path.steps[-5:]]
    because = (
        f"Under {breaks[0]} the shortest failure has {len(path.steps)} steps and ends "
        f"{', '.join(steps)}: one thread closes the root that another has just looked up."
    )

    def against(given: str) -> str:
        if given in shown:
            return f"No interleaving of two threads fails a call under {given}. {because}"
        return f"{given} does not free the hive in the first place. {because}"

    return found(breaks[0], because, against)


E4 = Exercise(
    name="e4",
    title="Five patches, one right",
    scene=_scene,
    questions=(
        *(Question(name, f"{name}: does Anna's hive unload?", 5, YES_NO) for name in PATCHES),
        Question(
            "neighbour",
            "which of those that free the hive can fail a call of another thread?",
            5,
            tuple(PATCHES),
        ),
    ),
    work=_work,
    explanation=(
        "A second close of a closed handle is an error (6), and a danger: the number may by then "
        "name something else. Reverting changes whom the thread acts as, not what is open. Closing "
        "the root works for a lone thread, but the root belongs to the whole process: a neighbour "
        "may be between looking it up and using it. RegOpenCurrentUser gives a root of one's own, "
        "and it leaks just as well if it is not closed."
    ),
)
