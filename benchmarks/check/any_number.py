"""Decide Q241572 for any number of workers and services with each engine; print times.

    python benchmarks/check/any_number.py [ROUNDS]

Two claims, ``leak`` and ``err``, one request waiting at most, every abstract state counted. Each
round runs each contender once, in a process of its own, from nothing: the tables of few threads,
the relation, the abstraction and the shortest concrete path are all in it. ``verify`` verifies the
certificate of the refcounted fix. CPU seconds are the process's, imports not counted.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

STATES = {"buggy": 44_713, "refcounted": 132_872, "naive": 754_888, "forced": 1_890_928}
CONTENDERS = (
    *(f"c {variant}" for variant in STATES),
    "python buggy",
    "python refcounted",
    "c verify",
    "python verify",
)


def decide(contender: str) -> None:
    """Decide once, in this process, and print what it took as JSON."""
    from regsim import models  # noqa: PLC0415 - the process that starts the rounds does without
    from regsim.check import check_all  # noqa: PLC0415
    from regsim.check.certificate import proofs_of  # noqa: PLC0415

    engine, variant = contender.split()
    fix = "refcounted" if variant == "verify" else variant
    model = models.model("q241572", workers="any", services="any", queue=1, variant=fix)
    proofs = ()
    if variant == "verify":
        proofs = proofs_of(check_all(model, ["leak", "err"]))
    cpu, clock = time.process_time(), time.perf_counter()
    if proofs:
        assert all(model.verified(proof, engine).why == "" for proof in proofs)
    else:
        found = check_all(model, ["leak", "err"], engine=engine, all_states=True)
        assert [result.states for result in found] == [STATES[fix]] * 2
    took = {"cpu": time.process_time() - cpu, "clock": time.perf_counter() - clock}
    print(json.dumps(took))


def main() -> None:
    """Run the rounds and print a table."""
    if len(sys.argv) > 2 and sys.argv[1] == "--one":
        decide(sys.argv[2])
        return
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    took: dict[str, list[dict[str, float]]] = {contender: [] for contender in CONTENDERS}
    for _ in range(rounds):
        for contender, times in took.items():
            command = [sys.executable, __file__, "--one", contender]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            times.append(json.loads(done.stdout))
    print("| | CPU s | least - most | clock s |\n|---|---|---|---|")
    for contender, times in took.items():
        cpu = [each["cpu"] for each in times]
        clock = statistics.median(each["clock"] for each in times)
        spread = f"{min(cpu):.2f} - {max(cpu):.2f}"
        print(f"| {contender} | {statistics.median(cpu):.2f} | {spread} | {clock:.2f} |")


if __name__ == "__main__":
    main()
