"""SPIN as judge: the exported model has the counts and verdicts that the explorer gives."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from toys import Philosophers

from regsim import models
from regsim.check.factored import Factored
from regsim.check.promela import macro, promela
from regsim.check.space import Limits
from regsim.check.verify import check, check_all
from regsim.errors import UsageError

REPO = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("REGSIM_SHARED") or REPO.parent / "shared")
HIVE = SHARED / "data" / "spin" / "hive.pml"
DEEP = os.environ.get("HYPOTHESIS_PROFILE", "quick") != "quick"

needs_spin = pytest.mark.skipif(
    not (shutil.which("spin") and shutil.which("gcc")), reason="spin or gcc is not installed"
)
needs_oracle = pytest.mark.skipif(not HIVE.exists(), reason="no captured hive.pml in shared/data")

VARIANTS = ("buggy", "refcounted", "uncached", "forced", "naive")
SETS = [
    # workers, services, queue, variant, attempts, stop, noisy
    *((1, 0, 1, variant, 0, 0, 0) for variant in VARIANTS),
    *((2, 1, 1, variant, 0, 0, 0) for variant in VARIANTS),
    *((1, 1, 2, variant, 2, 1, 0) for variant in VARIANTS),
    *((2, 1, 2, variant, 0, 0, 1) for variant in VARIANTS),
    *((2, 0, 2, variant, 3, 1, 0) for variant in VARIANTS),
    (3, 1, 1, "buggy", 0, 0, 0),
    (1, 3, 1, "refcounted", 1, 0, 1),
]
COUNTED = SETS if DEEP else [SETS[3]]


def model(given: tuple[int, int, int, str, int, int, int]) -> Factored:
    """Return the case with the parameters *given*, in the oracle's order."""
    names = ("workers", "services", "queue", "variant", "attempts", "stop", "noisy")
    made: Factored = models.model("q241572", **dict(zip(names, given, strict=True)))
    return made


def spin(where: Path, program: Path, defined: list[str], flags: list[str], run: list[str]) -> str:
    """Return what SPIN's verifier of *program* prints."""
    subprocess.run(["spin", "-a", *defined, program], cwd=where, check=True, capture_output=True)
    subprocess.run(
        ["gcc", "-O0", "-w", *flags, "-o", "pan", "pan.c"],
        cwd=where,
        check=True,
        capture_output=True,
    )
    done = subprocess.run(["./pan", *run], cwd=where, check=False, capture_output=True, text=True)
    return done.stdout


def counts(where: Path, program: Path, *defined: str) -> tuple[int, int, int]:
    """Return SPIN's states, transitions and layers of *program*, in our way of counting."""
    flags = ["-DBFS", "-DNOREDUCE", "-DSAFETY"]
    out = spin(where, program, list(defined), flags, ["-E", "-m1000000", "-w20"])
    assert "errors: 0" in out, out
    found = [
        re.search(pattern, out)
        for pattern in (r"(\d+) states, stored", r"(\d+) transitions", r"depth reached (\d+)")
    ]
    states, transitions, depth = (int(match[1]) for match in found if match)
    return states, transitions - 1, depth + 1


def breaks(where: Path, made: Factored, name: str, *run: str) -> bool:
    """Return whether SPIN finds a run that breaks the claim *name* of *made*."""
    program = where / "model.pml"
    program.write_text(promela(made))
    flags = ["-DNOREDUCE", "-DNFAIR=3"]
    out = spin(where, program, [f"-D{macro(name)}"], flags, ["-a", "-E", "-m1000000", *run])
    return "errors: 0" not in out


@needs_spin
@pytest.mark.parametrize("given", COUNTED)
def test_the_export_has_our_counts(
    given: tuple[int, int, int, str, int, int, int], tmp_path: Path
) -> None:
    """SPIN finds as many states, transitions and layers in the export as the engines do."""
    made = model(given)
    found = check(made, "leak", all_states=True)
    program = tmp_path / "model.pml"
    program.write_text(promela(made))

    assert counts(tmp_path, program) == (found.states, found.transitions, found.depth)


@needs_spin
@needs_oracle
@pytest.mark.shared_data
@pytest.mark.parametrize("given", COUNTED)
def test_the_independent_model_has_our_counts(
    given: tuple[int, int, int, str, int, int, int], tmp_path: Path
) -> None:
    """SPIN's counts of the oracle's own Promela model, written without ours, are our counts."""
    found = check(model(given), "leak", all_states=True)
    workers, services, queue, variant, attempts, stop, noisy = given
    numbers = {
        "N": workers,
        "K": services,
        "Q": queue,
        "V": VARIANTS.index(variant),
        "R": attempts,
        "STOP": stop,
        "NOISY": noisy,
    }
    defined = [f"-D{name}={number}" for name, number in numbers.items()]

    assert counts(tmp_path, HIVE, *defined) == (found.states, found.transitions, found.depth)


@needs_spin
@pytest.mark.parametrize("variant", VARIANTS if DEEP else VARIANTS[:1])
def test_spin_gives_our_verdicts(variant: str, tmp_path: Path) -> None:
    """SPIN gives our verdict on safety claims, and on leads-to claims with weak fairness."""
    made = model((1, 1, 1, variant, 0, 0, 1))
    wanted = ["leak", "err", "live", "livesf"] if DEEP else ["leak", "livesf"]
    for result in check_all(made, wanted, fairness="weak"):
        broken = breaks(tmp_path, made, result.property.name, "-f")
        assert broken is (result.verdict.value == "violated"), result.property.name


@needs_spin
@pytest.mark.parametrize("polite", [False, True])
def test_other_models_are_exported_too(polite: bool, tmp_path: Path) -> None:
    """SPIN finds the philosophers' counts, their deadlock, and whether a meal comes to all."""
    made = Philosophers(3, polite=polite)
    found = check(made, "no-deadlock", all_states=True)
    program = tmp_path / "model.pml"
    program.write_text(promela(made))

    assert counts(tmp_path, program) == (found.states, found.transitions, found.depth)
    for name in ("no-deadlock", "first-eats"):
        violated = check(made, name, fairness="weak").verdict.value == "violated"
        assert breaks(tmp_path, made, name, "-f") is violated


def test_what_cannot_be_exported() -> None:
    """A model with more states than the limit is refused as an export."""
    with pytest.raises(UsageError, match="limit of 10 states"):
        promela(model(SETS[0]), Limits(states=10))


def test_the_text_of_an_export() -> None:
    """An export has the variables, an option for each step, the counter and the properties."""
    text = promela(model(SETS[0]))

    assert "byte c0 = 0; /* variable icw */" in text
    assert "#define Z0 (" in text
    assert "active proctype P0_winlogon() {" in text
    assert "#ifdef CHECK_LEAK\nltl leak { [] " in text
