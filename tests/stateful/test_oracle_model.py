"""The actors' steps, put in every order, reach exactly the states of the published oracle model.

The counts are those that an independent Promela model under SPIN and two other programs agree on:
they come out only if each step does as much as it should and the canonical key tells no more and
no less than what matters.
"""

from __future__ import annotations

import os

import pytest

from regsim import dialects
from regsim.actors import bystanders, winlogon
from regsim.actors.stage import ICW, PENDING, PROFILE, USER_ON
from regsim.actors.telephony import Strategy, worker
from regsim.cases.case import fresh_profile
from regsim.kernel.machine import Machine
from regsim.kernel.steps import Program, advance, enabled
from regsim.types import Tid

Actors = dict[Tid, Program]


def _system(
    workers: int, services: int, queue: int, strategy: Strategy, *, force: bool, stop: bool
) -> tuple[Machine, Actors]:
    machine = Machine(dialects.get("win11"))
    machine.files.write(PROFILE, fresh_profile())
    for var in (PENDING, USER_ON, ICW):
        machine.memory.vars[var.name] = 0
    actors: Actors = {}

    def add(role: str, program: Program, thread: str = "") -> None:
        process = machine.process_named(role) or machine.start_process(role)
        process.memory.vars["nuse"] = 0
        started = machine.start_thread(process, thread or role, pc=program.start)
        started.memory.vars["tries"] = 0
        actors[started.tid] = program

    for number in range(workers):
        add("tapisrv", worker(machine.dialect, strategy), f"worker-{number}")
    for number in range(services):
        add(f"service-{number}", bystanders.service())
    add("session", bystanders.wizard(queue))
    add("winlogon", winlogon.patient(force=force))
    if stop:
        add("services", bystanders.administrator())
    return machine, actors


def explore(machine: Machine, actors: Actors) -> tuple[int, int, int]:
    """Return the number of states, of transitions and of breadth-first layers."""
    seen = {machine.canonical()}
    layer, layers, transitions = [machine], 1, 0
    while layer:
        following = []
        for state in layer:
            for tid, program in actors.items():
                for step in enabled(state, tid, program):
                    transitions += 1
                    after = state.snapshot()
                    advance(after, tid, step)
                    key = after.canonical()
                    if key not in seen:
                        seen.add(key)
                        following.append(after)
        layer = following
        layers += bool(layer)
    return len(seen), transitions, layers


Setting = tuple[int, int, int, Strategy, bool, bool]

SMALL: dict[Setting, tuple[int, int, int]] = {
    (1, 0, 1, Strategy.STOCK, False, False): (63, 141, 18),
    (1, 0, 1, Strategy.STOCK, True, False): (132, 310, 20),
    (2, 1, 2, Strategy.REFCOUNTED, False, False): (1320, 5548, 27),
}
LARGE: dict[Setting, tuple[int, int, int]] = {
    (2, 1, 2, Strategy.STOCK, False, False): (1065, 4423, 27),
    (2, 1, 2, Strategy.UNCACHED, False, False): (1320, 5548, 27),
    (2, 1, 2, Strategy.CLOSE_ROOT, False, False): (2400, 10036, 34),
    (2, 1, 2, Strategy.STOCK, False, True): (3642, 16844, 28),
}
DEEP = os.environ.get("HYPOTHESIS_PROFILE") in ("ci", "nightly")
"""Whether the settings that take their time are explored too."""


@pytest.mark.parametrize(("setting", "counts"), [*SMALL.items(), *(LARGE.items() if DEEP else ())])
def test_counts_are_those_of_the_oracle(setting: Setting, counts: tuple[int, int, int]) -> None:
    """States, transitions and layers agree with SPIN's to the last one."""
    workers, services, queue, strategy, force, stop = setting
    machine, actors = _system(workers, services, queue, strategy, force=force, stop=stop)

    assert explore(machine, actors) == counts
