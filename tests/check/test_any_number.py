"""Claims of any number of threads: what abstraction proves, bounded runs must never break."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping
from itertools import product

import attrs
import pytest
from throngs import KINDS, Rule, Throng, reached, sizes_up_to, throng

from regsim import accel, models
from regsim.check import Result, Verdict, check, check_all
from regsim.check.anynumber import AnyNumber, prepared, relations
from regsim.check.balance import unproven
from regsim.check.certificate import Certificate, Proof, from_json, proofs_of, to_json
from regsim.check.families import RefusedError
from regsim.check.formula import Atom, every, holds, some
from regsim.check.property import Property, PropertyKind, always
from regsim.check.prove import refuted
from regsim.errors import DataError, UnknownNameError

NATIVE = accel.NATIVE is not None
LARGE = pytest.mark.skipif(not NATIVE, reason="the C engine is not built: it takes minutes")
Q1 = {"workers": "any", "services": "any", "queue": 1}

# The independent prototype's numbers (c = 1, queue 1, no reductions), and the shortest paths.
PROTOTYPE = {
    "buggy": (44_713, 9, None),
    "refcounted": (132_872, None, None),
    "uncached": (132_872, None, None),
    "naive": (754_888, None, 15),
    "forced": (1_890_928, 9, 8),
}


def steps(result: Result) -> int | None:
    """Return how many steps the path of *result* has."""
    return None if result.path is None else len(result.path.steps)


@pytest.mark.parametrize(
    "variant", ["buggy", "refcounted", "uncached", pytest.param("naive", marks=LARGE)]
)
def test_the_case_agrees_with_the_prototype(variant: str) -> None:
    """Verdicts, shortest paths and abstract states are those of a program written apart."""
    leak, err = check_all(
        models.model("q241572", variant=variant, **Q1), ["leak", "err"], all_states=True
    )
    states, leaks, errs = PROTOTYPE[variant]
    assert (leak.states, steps(leak), steps(err)) == (states, leaks, errs)
    assert leak.verdict is (Verdict.HOLDS if leaks is None else Verdict.VIOLATED)
    assert err.verdict is (Verdict.HOLDS if errs is None else Verdict.VIOLATED)


def test_a_forced_unload_breaks_a_call_in_flight() -> None:
    """Forced: leaks after 9 steps and errs after 8, each shown by a model of given numbers."""
    leak, err = check_all(models.model("q241572", variant="forced", **Q1), ["leak", "err"])
    assert (steps(leak), steps(err)) == (9, 8)
    assert leak.concrete == {"workers": 1, "services": 0}
    assert err.path is not None
    again = check("q241572", "err", variant="forced", queue=1, **(err.concrete or {}))
    assert again.path is not None
    assert again.path.code == err.path.code


@pytest.mark.parametrize(
    ("variant", "lost"),
    [("buggy", 5), ("uncached", 5), pytest.param("forced", None, marks=LARGE)],
)
def test_two_attempts_may_lose_a_profile(variant: str, lost: int | None) -> None:
    """With two attempts a profile can be lost, unless the unload is forced."""
    found = check("q241572", "lost", variant=variant, attempts=2, **Q1)
    assert steps(found) == lost
    assert found.verdict is (Verdict.HOLDS if lost is None else Verdict.VIOLATED)


def test_both_engines_find_the_same() -> None:
    """The engine in Python counts as the one in C does, and finds paths as long."""
    given = {**Q1, "services": 0}
    for variant in ("naive",):
        model = models.model("q241572", variant=variant, **given)
        python, c = (check_all(model, engine=engine) for engine in ("python", "auto"))
        for one, other in zip(python, c, strict=True):
            assert (one.verdict, one.states, one.transitions) == (
                (other.verdict, other.states, other.transitions)
            )
            assert steps(one) == steps(other)


@pytest.mark.parametrize(
    ("name", "given", "claim"),
    [
        ("uphclean-race", {"attempts": 0}, "raced"),
        ("uphclean-race", {"attempts": 2}, "raced"),
        ("uphclean-race", {"version": "2.0"}, "lost"),
        ("two-users", {}, "mixed"),
        ("two-users", {"strategy": "closed"}, "err"),
        ("two-users", {"strategy": "cached"}, "err"),
    ],
)
def test_other_incidents_agree_with_three_workers(
    name: str, given: dict[str, object], claim: str
) -> None:
    """What is said of any number is what is found with three workers."""
    assert check(name, claim, workers="any", **given).verdict is (
        check(name, claim, workers=3, **given).verdict
    )


# -- random models -----------------------------------------------------------------------------


def breaks(model: AnyNumber, results: list[Result], most: int) -> dict[str, int]:
    """Return, by claim that a run of up to *most* breaks, the fewest steps of such a run."""
    found: dict[str, int] = {}
    for sizes in sizes_up_to(model, most):
        made = model.make(sizes)
        assert isinstance(made, Throng)
        names = [component.name for component in made.components]
        states = reached(made, 1_000)
        claims = {claim.name: claim for claim in made.properties}
        for result in results:
            claim = claims[result.property.name]
            if claim.kind is PropertyKind.ALWAYS:
                for state, depth in states.items():
                    values = dict(zip(names, made.vector(state), strict=True))
                    held = sum(made.weights[place] for place in state[3:])
                    if not holds(claim.goal, values.__getitem__, lambda _, n=held: n):
                        found[claim.name] = min(depth, found.get(claim.name, depth))
                        break
    return found


@pytest.mark.parametrize("first", range(0, 60, 10))
def test_never_holds_where_a_bounded_run_breaks_it(first: int) -> None:
    """Of random models up to 6 threads: no proof of what a run breaks, no path but the shortest.

    Beside each "never" its "sometimes" is answered too, and just the other way.
    """
    said: Counter[Verdict] = Counter()
    for seed in range(first, first + 10):
        model = throng(random.Random(seed))
        results = check_all(model, max_states=400)
        broken = breaks(model, results, 6 if len(model.least) == 1 else 3)
        answers = {result.property.name: result for result in results}
        for name, result in answers.items():
            if not name.startswith("never"):
                continue
            said[result.verdict] += 1
            assert name not in broken or result.verdict is not Verdict.HOLDS, (seed, name)
            if result.path is not None and not result.reasons:
                assert steps(result) <= broken.get(name, 99), (seed, name)
            other = answers[name.replace("never", "sometimes", 1)]
            turned = {Verdict.HOLDS: Verdict.VIOLATED, Verdict.VIOLATED: Verdict.HOLDS}
            assert other.verdict is turned.get(result.verdict, Verdict.INCONCLUSIVE)
    assert said[Verdict.HOLDS]
    assert said[Verdict.VIOLATED]


class Gated(Throng):
    """Ants that gather at place 1 until the boss closes the gate, and then go on one by one."""

    @property
    def properties(self) -> list[Property]:
        """One is never ahead of another; nobody ever stands nowhere but at place 1."""
        ants = self.of("ant")
        flag = Atom("flag", lambda value: value == "<1>", "closed")
        waits, ahead, gone = ([self._at(i, f"<{n}>") for i in ants] for n in (1, 2, 3))
        return [
            always("together", ~(flag & some(waits) & some(ahead))),
            always("some elsewhere", ~every(gone)),
        ]


def gated(least: int) -> AnyNumber:
    """Return the model of *least* ants or more before a gate."""
    rules = {
        "boss": [[Rule(1, flag=(0, 1))], [], [], []],
        "ant": [[Rule(1, flag=(0, 0))], [Rule(2, flag=(1, 1))], [], []],
        "bee": [[], [], [], []],
    }

    def make(sizes: Mapping[str, int]) -> Gated:
        return Gated((len(range(sizes["ants"])), 0), rules, (0, 0, 0, 0), ())

    return AnyNumber("gated", make, {"ants": least})


def test_two_may_stand_where_one_does() -> None:
    """Where one has left another may remain; that takes two, and four steps."""
    found = check(gated(1), "together")
    assert found.verdict is Verdict.VIOLATED
    assert found.concrete == {"ants": 2}
    assert steps(found) == 4


def test_no_thread_at_all_is_a_number_too() -> None:
    """What holds of many that never step need not hold of none."""
    none, one = (check(gated(least), "some elsewhere") for least in (0, 1))
    assert (none.verdict, none.concrete) == (Verdict.VIOLATED, {"ants": 0})
    assert one.verdict is Verdict.HOLDS


# -- what is refused -----------------------------------------------------------------------------

LONE = {kind: [[Rule(1)], [Rule(0)]] for kind in ("boss", *KINDS)}


@attrs.frozen
class Saying(Throng):
    """A throng that claims something else."""

    claims: tuple[str, ...] = ()

    @property
    def properties(self) -> list[Property]:
        """What is claimed, by what it says."""
        ants = [self._at(i, "<1>") for i in self.of("ant")]
        pairs = [a & b for n, a in enumerate(ants) for b in ants[:n]]
        formulas = {
            "the first": ~ants[0],
            "all but one": ~every(ants[1:]),
            "two together": ~some(pairs),
            "the first three": ~some(ants[:3]),
            "another of many": ~every(ants) if len(ants) < 9 else ~some(ants),
            "each": ~every(ants),
            "a grown number": Atom("tally", lambda value: value != "<9>"),
        }
        return [always(name, formulas[name]) for name in self.claims]


def saying(claim: str, rules: Mapping[str, list[list[Rule]]] | None = None) -> AnyNumber:
    """Return a model of any number of ants that claims *claim*."""

    def make(sizes: Mapping[str, int]) -> Saying:
        counts = (len(range(sizes["ants"])), 0)
        return Saying(counts, rules or LONE, (0, 0), (), claims=(claim,))

    return AnyNumber("saying", make, {"ants": 1})


@pytest.mark.parametrize(
    "claim", ["the first", "all but one", "two together", "the first three", "another of many"]
)
def test_a_claim_that_tells_threads_apart_is_refused(claim: str) -> None:
    """It says something of each number for itself, and nothing of any."""
    with pytest.raises(RefusedError, match=f"{claim} cannot be asked of any number: it"):
        check(saying(claim), claim)


def test_a_claim_of_all_alike_is_not_refused() -> None:
    """The same model answers a claim that goes through all of its threads."""
    assert check(saying("each"), "each").verdict is Verdict.VIOLATED


def test_a_claim_about_a_number_without_end_is_refused() -> None:
    """A claim may tell any two of its values apart, so that no bound is enough."""
    rules = {**LONE, "ant": [[Rule(1, shift=1)], [Rule(0, shift=-1)]]}
    with pytest.raises(RefusedError, match="a number that grows without end"):
        check(saying("a grown number", rules), "a grown number")


def test_liveness_is_refused_with_the_reason() -> None:
    """Where all is asked it is left out, and said to be."""
    model = models.model("q241572", **Q1)
    with pytest.raises(RefusedError, match="livesf says that something will happen"):
        check(model, "livesf")
    with pytest.raises(UnknownNameError, match="leak"):
        check(model, "lake")
    assert set(model.left_out()) == {"live", "livew", "livesf"}


@pytest.mark.parametrize(
    "compute",
    [
        lambda n: n > 5,
        lambda n: n + 1,
        lambda n: n == 3,
        bool,
        lambda n: f"{n}",
        lambda n: {n},
        lambda n: n // 2,
    ],
)
def test_a_model_that_computes_with_the_number_is_refused(compute: object) -> None:
    """What is shown for a few would say nothing of others."""
    assert callable(compute)

    def make(sizes: Mapping[str, int]) -> Throng:
        compute(sizes["ants"])
        return Throng((len(range(sizes["ants"])), 0), LONE, (0, 0), ("ant 1",))

    with pytest.raises(RefusedError, match="compares or computes with the number"):
        check_all(AnyNumber("computing", make, {"ants": 1}))


def test_a_number_that_counts_no_threads_is_refused() -> None:
    """The requests that can wait are no interchangeable threads."""
    source = models.source("q241572")

    def make(sizes: Mapping[str, int]) -> object:
        return source.make(**{**source.settings({}), "queue": [*range(sizes["queue"] + 0)][-1]})

    with pytest.raises(RefusedError, match="computes with the number"):
        check_all(AnyNumber("queue", make, {"queue": 1}), ["leak"])  # type: ignore[arg-type]


# -- certificates --------------------------------------------------------------------------------


USERS = {
    "boss": [[Rule(0)], [Rule(0)]],
    "bee": [[Rule(0)], [Rule(0)]],
    "ant": [
        [Rule(1, flag=(0, 1), shift=1), Rule(1, flag=(1, 1), shift=1)],
        [Rule(0, flag=(1, 0), below=2, shift=-1), Rule(0, flag=(1, 1), above=1, shift=-1)],
    ],
}
"""The refcounted fix in small: the first ant opens what the last one closes."""
NAIVE = {**USERS, "ant": [USERS["ant"][0], [Rule(0, flag=(1, 0), shift=-1)]]}
LEAKY = {**USERS, "ant": [USERS["ant"][0], [Rule(0, flag=(1, 1), shift=-1)]]}


class Opening(Throng):
    """What is open is what an ant uses."""

    @property
    def properties(self) -> list[Property]:
        """Nothing is left open, and nothing that is used is closed."""
        used = [self._at(i, "<1>") for i in self.of("ant")]
        flag = Atom("flag", lambda value: value == "<1>", "open")
        return [
            always("leak", ~(flag & ~some(used))),
            always("err", ~(~flag & some(used))),
            always("opened", ~flag),
        ]


def opening(rules: Mapping[str, list[list[Rule]]]) -> AnyNumber:
    """Return the model of any number of ants that open and close by *rules*."""

    def make(sizes: Mapping[str, int]) -> Opening:
        return Opening((len(range(sizes["ants"])), 0), rules, (0, 0), ())

    return AnyNumber("opening", make, {"ants": 0})


@pytest.fixture(scope="module")
def certified() -> tuple[AnyNumber, Proof]:
    """The refcounted fix in small, and the proof that it neither leaks nor errs."""
    model = opening(USERS)
    results = check_all(model)
    assert [r.verdict.value for r in results] == ["holds", "holds", "violated"]
    (proof,) = proofs_of(results)
    assert proof.claims == ("leak", "err")
    return model, proof


def test_a_certificate_is_read_as_it_was_written(certified: tuple[AnyNumber, Proof]) -> None:
    """Nothing is lost on the way through the file."""
    whole = Certificate("q241572", {"workers": "any"}, (certified[1],))
    assert from_json(to_json(whole), "here") == whole
    assert to_json(whole) == to_json(from_json(to_json(whole), "here"))


@pytest.mark.parametrize("engine", ["python", "auto"])
def test_a_certificate_is_verified(certified: tuple[AnyNumber, Proof], engine: str) -> None:
    """By the steps out of its states; with both engines the same."""
    model, proof = certified
    found = model.verified(proof, engine)
    assert found.why == ""
    assert found.transitions > found.states == len(proof.states)


def mutants(proof: Proof) -> dict[str, Proof]:
    """Return what *proof* becomes when one thing in it is changed."""
    (relation,) = proof.relations
    name, number, constant, weights = relation
    less = (name, number, constant, weights[1:])
    doubled = (name, number, constant, tuple((f, p, 2 * w) for f, p, w in weights))
    more = (name, number, constant + 1, weights)
    return {
        "no first state": attrs.evolve(proof, states=proof.states[1:]),
        "no last state": attrs.evolve(proof, states=proof.states[:-1]),
        "no states": attrs.evolve(proof, states=()),
        "no relation": attrs.evolve(proof, relations=()),
        "a weight less": attrs.evolve(proof, relations=(less,)),
        "weights doubled": attrs.evolve(proof, relations=(doubled,)),
        "another constant": attrs.evolve(proof, relations=(more,)),
        "another bound": attrs.evolve(proof, bound=2),
        "more members than are made": attrs.evolve(proof, members=6),
        "another part": attrs.evolve(proof, parts=proof.parts[::-1]),
        "a claim that is broken": attrs.evolve(proof, claims=("leak", "opened")),
    }


def test_mutated_certificates_prove_nothing(certified: tuple[AnyNumber, Proof]) -> None:
    """A state or a weight more or less, and it is no proof any more."""
    model, proof = certified
    for what, mutant in mutants(proof).items():
        assert model.verified(mutant).why, what


def test_no_state_can_be_left_out(certified: tuple[AnyNumber, Proof]) -> None:
    """Whichever it is: it is one of the beginning, or some step leads to it."""
    model, proof = certified
    for gone in range(len(proof.states)):
        mutant = attrs.evolve(proof, states=proof.states[:gone] + proof.states[gone + 1 :])
        assert re.search("leads out of|beginning", model.verified(mutant).why)


def test_a_state_that_breaks_a_relation_is_noticed(certified: tuple[AnyNumber, Proof]) -> None:
    """No number of threads agrees with it, so that no step leads out of it either."""
    model, proof = certified
    values = [len(v) for _, v in proof.parts] + [len(v) for _, _, v in proof.counts]
    others = set(product(*map(range, values))) - set(proof.states)
    whys = {model.verified(attrs.evolve(proof, states=(*proof.states, o))).why for o in others}
    assert "a state of it breaks a relation that it leans on" in whys


@pytest.mark.parametrize("rules", [NAIVE, LEAKY], ids=["naive", "leaky"])
def test_mutated_fixes_lose_their_proof(
    certified: tuple[AnyNumber, Proof], rules: Mapping[str, list[list[Rule]]]
) -> None:
    """A fix that closes too early, or never, has no use for the certificate of the right one."""
    assert opening(rules).verified(certified[1]).why
    broken = {r.property.name for r in check_all(opening(rules)) if r.verdict is Verdict.VIOLATED}
    assert broken & set(certified[1].claims)


def test_the_refcounted_fix_is_certified() -> None:
    """Its certificate is verified, and is none of the stock service, nor of another fix."""
    given = {**Q1, "services": 0}
    model = models.model("q241572", variant="refcounted", **given)
    (proof,) = proofs_of(check_all(model, ["leak", "err"]))
    assert model.verified(proof).why == ""
    for variant in ("buggy", "naive"):
        assert models.model("q241572", variant=variant, **given).verified(proof).why


def test_z3_agrees_about_relations(certified: tuple[AnyNumber, Proof]) -> None:
    """It proves the right one, and finds numbers that break each wrong one; so do the tables."""
    pytest.importorskip("z3", reason="z3 proves them where regsim[prove] is")
    model, _ = certified
    assert model.verified(certified[1]).prover.startswith("z3 ")
    base = next(prepared(model, ["leak"], "auto"))
    (found,) = relations(base)
    assert refuted(base, found) is None
    (place,) = found.weights
    for wrong in (
        attrs.evolve(found, weights={}),
        attrs.evolve(found, weights={place: 2}),
        attrs.evolve(found, constant=1),
        attrs.evolve(found, weights={(0, 0): 1, place: 1}),
    ):
        assert refuted(base, wrong)
        assert unproven(base, wrong)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no JSON"),
        ("[]", "no kind"),
        ('{"kind": "certificate", "schema_version": 2}', "schema 2"),
        ('{"kind": "certificate", "schema_version": 1}', "damaged"),
        (
            '{"kind": "certificate", "schema_version": 1, "parameters": {}, "proofs": []}',
            "proves nothing",
        ),
    ],
)
def test_what_is_no_certificate_is_said(text: str, why: str) -> None:
    """In one line, with the file and what is wrong with it."""
    with pytest.raises(DataError, match=f"^here is .*{why}"):
        from_json(text, "here")


def test_a_cut_certificate_is_said_to_be_damaged(certified: tuple[AnyNumber, Proof]) -> None:
    """Wherever its states are cut or changed: it is never read as another certificate."""
    text = to_json(Certificate("q241572", {}, (certified[1],)))
    for old, new in (('"states": "e', '"states": "f'), ('"bound": 1', '"bound": "1"')):
        with pytest.raises(DataError, match="damaged"):
            from_json(text.replace(old, new), "here")
