"""How many retries save a profile that a service holds for a random time?"""

from __future__ import annotations

import random
import sys
from functools import cache
from pathlib import Path
from typing import Any

import attrs

sys.path.insert(0, str(Path(__file__).parent.parent))

import figures
from experiment import Result, interval, main

QUESTION = "How many retries save a profile that a service holds for a random time?"
METHOD = (
    "KB Q272239's service keeps the root of the user's hive for a time after its last call; the "
    "article gives no figure, so the time is drawn from an exponential distribution with a mean of "
    "5, 20, 60 and 180 s, 1,000 logoffs each (seed 272239). Windows 2000 tries to unload 60 times, "
    "1 s apart, and then gives up (ProfileUnloadTimeout); other numbers of tries are played on the "
    "same generation. Each logoff runs in the simulator, once per whole second of hold."
)
MEANS = (5, 20, 60, 180)
TRIES = (1, 5, 15, 30, 60, 120)
DRAWS = 1_000


@cache
def saved(tries: int, hold: int) -> bool:
    """Return whether the profile is saved when the root is held *hold* seconds into the logoff."""
    from regsim import dialects  # noqa: PLC0415 - the figure alone needs no simulator
    from regsim.actors.winlogon import winlogon  # noqa: PLC0415
    from regsim.kernel.steps import advance, enabled  # noqa: PLC0415
    from regsim.testing.session import log_on  # noqa: PLC0415
    from regsim.types import SECOND, PredefinedKey  # noqa: PLC0415

    session = log_on("w2k")
    machine = session.machine
    session.service.impersonate(session.user)
    key = session.service.RegOpenKeyEx(PredefinedKey.CURRENT_USER, "Software").value
    session.service.RegCloseKey(key)
    session.service.revert()
    logoff = attrs.evolve(machine.dialect.logoff, attempts=tries)
    program = winlogon(dialects.get("w2k").with_(logoff=logoff))
    thread = machine.start_thread(machine.start_process("winlogon"), pc="session")
    start = machine.clock
    while thread.pc not in ("saved", "lost"):
        advance(machine, thread.tid, enabled(machine, thread.tid, program)[0])
        if machine.clock - start >= hold * SECOND:
            session.service.RegCloseKey(PredefinedKey.CURRENT_USER)
    return thread.pc == "saved"


def measure() -> Result:
    """Return the share of saved profiles by mean hold and number of tries."""
    shares: dict[str, dict[str, Any]] = {}
    for mean in MEANS:
        chance = random.Random(272239 + mean)  # noqa: S311 - a simulation
        holds = [int(chance.expovariate(1 / mean)) for _ in range(DRAWS)]
        row = shares[str(mean)] = {}
        for tries in TRIES:
            count = sum(saved(tries, min(hold, max(TRIES) + 1)) for hold in holds)
            row[str(tries)] = {"saved": count, "interval": interval(count, DRAWS)}
    return {"draws": DRAWS, "shares": shares}


def finding(result: Result) -> str:
    """Say what Windows 2000's sixty tries are worth."""
    at_60 = {mean: row["60"]["saved"] / result["draws"] for mean, row in result["shares"].items()}
    worth = ", ".join(f"{share:.0%} at a mean of {mean} s" for mean, share in at_60.items())
    once = result["shares"]["20"]["1"]["saved"] / result["draws"]
    return (
        f"Sixty tries save {worth}; a single try saves {once:.0%} at 20 s.\n\n"
        "Retrying helps against a timed hold and not at all against the root of Q241572, which is "
        "held until the service ends: waiting is no fix."
    )


def draw(result: Result) -> Any:  # noqa: ANN401 - matplotlib is optional
    """Return the saved share by number of tries, a line per mean hold."""
    lines = {
        f"held {mean} s on average": [
            (int(tries), cell["saved"] / result["draws"], *cell["interval"])
            for tries, cell in row.items()
        ]
        for mean, row in result["shares"].items()
    }
    return figures.lines(
        lines,
        title="Sixty tries save most timed holds, one try saves few",
        x="tries to unload, 1 s apart",
        y="profiles saved",
        log_x=True,
        share=True,
    )


if __name__ == "__main__":
    main(__file__)
