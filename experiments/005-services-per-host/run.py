"""How often is a hive blocked as the services in one host process grow?"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import figures
from experiment import Result, interval, main

QUESTION = "How often is a hive blocked as the services in one host process grow?"
METHOD = (
    "Each of S services uses HKEY_CURRENT_USER once during a session, in random order, and closes "
    "the key it opened; one in five does so while it impersonates the user, as the Telephony "
    "service does. They run each in a process of its own, or all in one host process, where they "
    "share one cached root. 1,000 sessions each on Windows 2000 (seed 241572); then the user logs "
    "off and one normal unload is tried. A shared root that is pinned to LocalSystem gives an "
    "impersonating service the wrong user's data; that is counted too."
)
SERVICES = (1, 2, 4, 8, 16, 32)
CHANCE = 0.2
SESSIONS = 1_000


def session(services: int, *, shared: bool, chance: random.Random) -> tuple[bool, bool]:
    """Play one session; return whether the hive was blocked, and whether any read was wrong."""
    from regsim.testing.session import log_on  # noqa: PLC0415
    from regsim.types import PredefinedKey  # noqa: PLC0415
    from regsim.win32.api import Api  # noqa: PLC0415

    played = log_on("w2k")
    machine, host = played.machine, played.machine.start_process("host")
    wrong = False
    for number in range(services):
        process = host if shared else machine.start_process(f"service-{number}")
        api = Api(machine, machine.start_thread(process, f"thread-{number}"))
        acts = chance.random() < CHANCE
        if acts:
            api.impersonate(played.user)
        key = api.RegOpenKeyEx(PredefinedKey.CURRENT_USER, "Software")
        if key.code:
            wrong = wrong or acts
        else:
            held = machine.lookup(process, key.value)
            assert held is not None  # noqa: S101 - it was opened just now
            wrong = wrong or acts is not (played.user in machine.key_name(held[0].kcb))
            api.RegCloseKey(key.value)
    return not played.unload(), wrong


def measure() -> Result:
    """Return by layout and number of services how many sessions were blocked, and read wrong."""
    rows: dict[str, dict[str, Any]] = {}
    for layout in ("own process each", "one shared host"):
        chance = random.Random(241572)  # noqa: S311 - a simulation
        rows[layout] = {}
        for services in SERVICES:
            ends = [
                session(services, shared=layout == "one shared host", chance=chance)
                for _ in range(SESSIONS)
            ]
            blocked, wrong = (sum(column) for column in zip(*ends, strict=True))
            rows[layout][str(services)] = {
                "blocked": blocked,
                "wrong": wrong,
                "interval": interval(blocked, SESSIONS),
            }
    return {"sessions": SESSIONS, "chance": CHANCE, "rows": rows}


def finding(result: Result) -> str:
    """Say how the two layouts differ."""
    own, host = (result["rows"][k]["32"] for k in ("own process each", "one shared host"))
    share = {
        k: v / result["sessions"] for k, v in (("own", own["blocked"]), ("h", host["blocked"]))
    }
    wrong = host["wrong"] / result["sessions"]
    return (
        f"With 32 services, {share['own']:.0%} of the sessions are blocked when each has a process "
        f"of its own, and {share['h']:.0%} when they share one.\n\n"
        "In a shared host only the first use counts: its root serves all. That blocks less often, "
        f"and is worse: in {wrong:.0%} of the sessions some service then read another user's keys."
    )


def draw(result: Result) -> Any:  # noqa: ANN401 - matplotlib is optional
    """Return the blocked share by number of services, a line per layout."""
    lines = {
        layout: [
            (int(services), cell["blocked"] / result["sessions"], *cell["interval"])
            for services, cell in row.items()
        ]
        for layout, row in result["rows"].items()
    }
    return figures.lines(
        lines,
        title="Sharing a process hides the leak behind wrong data",
        x="services",
        y="sessions whose hive is blocked",
        log_x=True,
        share=True,
    )


if __name__ == "__main__":
    main(__file__)
