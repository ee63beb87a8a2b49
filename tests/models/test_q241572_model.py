"""The model of Q241572 against the published results of an independent Promela model."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from regsim.models import model

from regsim.check.verify import check

DEEP = os.environ.get("HYPOTHESIS_PROFILE") in ("ci", "nightly")
"""Whether the settings that take their time are explored too."""


def settings(workers: int, services: int, queue: int, variant: str, stop: int = 0) -> dict:
    """Return the parameters of a row of the published table."""
    return {
        "workers": workers,
        "services": services,
        "queue": queue,
        "variant": variant,
        "stop": stop,
    }


ROWS = [
    (settings(1, 0, 1, "buggy"), (63, 141, 18), 63),
    (settings(1, 0, 1, "forced"), (132, 310, 20), 132),
    (settings(2, 1, 2, "buggy"), (1_065, 4_423, 27), 663),
    (settings(2, 1, 2, "refcounted"), (1_320, 5_548, 27), 774),
    (settings(2, 1, 2, "uncached"), (1_320, 5_548, 27), 774),
    (settings(2, 1, 2, "naive"), (2_400, 10_036, 34), 1_314),
    (settings(2, 1, 2, "buggy", stop=1), (3_642, 16_844, 28), 2_208),
    (settings(3, 2, 2, "refcounted"), (23_376, 142_104, 37), 4_056),
]
LARGE = [
    (settings(3, 2, 2, "forced"), (116_096, 725_557, 37), 19_095),
    (settings(4, 4, 2, "refcounted"), (1_259_808, 11_162_912, 49), 22_710),
]
NAIVE = ROWS[:4] if DEEP else ROWS[:2]


@pytest.mark.parametrize(("given", "counts", "symmetric"), ROWS + (LARGE if DEEP else []))
def test_counts_are_the_published_ones(
    explore: Callable, given: dict, counts: tuple[int, int, int], symmetric: int
) -> None:
    """States, transitions, layers and symmetric states agree with SPIN's to the last one."""
    found = model("q241572", **given)

    assert explore(found).counts == counts
    assert explore(found, symmetry=True).states == symmetric


@pytest.mark.parametrize(("given", "counts", "symmetric"), NAIVE)
def test_tables_change_nothing(
    explore: Callable, explore_naively: Callable, given: dict, counts: object, symmetric: int
) -> None:
    """Without tables and vectors, machine by machine, all comes out the same."""
    found = model("q241572", **given)
    naive = explore_naively(found)

    assert naive.counts == counts
    assert naive == explore(found)
    assert symmetric <= naive.states


@pytest.mark.parametrize("variant", ["buggy", "refcounted", "uncached", "forced", "naive"])
@pytest.mark.parametrize(("workers", "services"), [(1, 0), (2, 0), (2, 1), (3, 1)])
def test_safety_verdicts(explore: Callable, variant: str, workers: int, services: int) -> None:
    """Who leaks and who breaks a neighbour, by the shortest path, whatever the numbers."""
    given = settings(workers, services, 2, variant)
    lengths = explore(model("q241572", **given)).lengths

    assert lengths.get("leak") == (9 if variant in ("buggy", "forced") else None)
    broken = {"forced": 8, "naive": 15 if workers > 1 else None}
    assert lengths.get("err") == broken.get(variant)
    assert "lost" not in lengths


@pytest.mark.parametrize("variant", ["buggy", "refcounted", "uncached", "naive"])
@pytest.mark.parametrize(("services", "length"), [(0, 7), (1, 4)])
def test_one_attempt_can_lose_the_profile(
    explore: Callable, variant: str, services: int, length: int
) -> None:
    """With one attempt a call in flight at logoff loses the profile, whatever the fix."""
    given = settings(2, services, 2, variant)
    lengths = explore(model("q241572", **given, attempts=1)).lengths

    assert lengths["lost"] == length


def test_forcing_ignores_the_attempts(explore: Callable) -> None:
    """A forced unload loses no profile, however few attempts Winlogon is given."""
    once = explore(model("q241572", **settings(2, 1, 2, "forced"), attempts=1))
    ever = explore(model("q241572", **settings(2, 1, 2, "forced")))

    assert once == ever
    assert "lost" not in once.lengths


@pytest.mark.parametrize("variant", ["buggy", "refcounted", "uncached", "forced", "naive"])
@pytest.mark.parametrize("stop", [0, 1])
def test_every_claim_has_its_witness(explore: Callable, variant: str, stop: int) -> None:
    """Each "sometimes" beside the claims is reached, so no claim holds for want of a case."""
    found = model("q241572", **settings(2, 1, 2, variant, stop))
    reached = explore(found).lengths
    witnesses = {p.name for p in found.properties if p.kind.value == "sometimes"}

    assert witnesses <= reached.keys()
    assert {"idle-unload", "served", "saved", "logoff"} <= witnesses
    assert ("stopped" in witnesses) is bool(stop)


def test_noisy_services_use_the_hive_after_logoff(explore: Callable) -> None:
    """With noisy services there are more states, and the fix still leaves nothing behind."""
    quiet = explore(model("q241572", **settings(2, 1, 2, "refcounted")))
    noisy = explore(model("q241572", **settings(2, 1, 2, "refcounted"), noisy=1))

    assert noisy.transitions > quiet.transitions
    assert "leak" not in noisy.lengths


VARIANTS = ["buggy", "refcounted", "uncached", "forced", "naive"]
LIVE = [
    ("live", {}, {"buggy"}),
    ("live", {"noisy": 1}, {"buggy", "refcounted", "uncached", "naive"}),
    ("live", {"attempts": 3}, {"buggy", "refcounted", "uncached", "naive"}),
    ("livew", {"stop": 1}, set()),
    ("livesf", {}, {"buggy"}),
    ("livesf", {"noisy": 1}, {"buggy"}),
]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("claim", "given", "violated"), LIVE)
def test_liveness_verdicts(claim: str, given: dict, violated: set[str], variant: str) -> None:
    """Whose logoff ends in a save, under weak fairness, as the published results have it."""
    found = model("q241572", **settings(1 if given.get("stop") else 2, 1, 2, variant) | given)

    verdict = check(found, claim, engine="python").verdict.value
    assert verdict == ("violated" if variant in violated else "holds")
