"""Claims of any number of interchangeable processes: a proof for all, or a run of a few.

The tables learned from a few members become a counter abstraction (`counting`), which either
engine searches. A claim that no abstract state breaks holds for every number. An abstract state
that breaks it is looked for in models of few members; if none shows it, more counts are told
apart; if that does not help either, the answer is inconclusive.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Final

import attrs

from regsim.check.balance import Relation, relation, unproven
from regsim.check.certificate import (
    Exhausted,
    NoProofError,
    Proof,
    Verified,
    closed,
    relations_of,
    vectors_of,
)
from regsim.check.counting import Counted, CountedLearner
from regsim.check.factored import Factored
from regsim.check.families import (
    FAR,
    Base,
    RefusedError,
    Sized,
    UnfinishedError,
    UnseenError,
    families,
)
from regsim.check.formula import Formula
from regsim.check.learn import Learner
from regsim.check.lift import idle_matter, lift
from regsim.check.paths import path_to
from regsim.check.property import Property, PropertyKind, Verdict
from regsim.check.prove import prover, refuted
from regsim.check.space import NO_LIMITS, Limits, Options, Space
from regsim.check.verify import Inquiry, Reduce, Result, search, target
from regsim.errors import InvariantError, UnknownNameError, UsageError

FEWEST: Final = 2
"""How many members the smaller of the first two sizes has, whose numbers are compared."""
MOST: Final = 5
"""The most members of a family that tables are learned from."""
ENOUGH: Final = 300_000
"""The most states of few members that are explored, unless a limit on states says otherwise."""
SHOWN: Final = 4
"""The most members of a family that a counterexample is looked for with."""
BOUND: Final = 3
"""The greatest count that is ever told from greater ones."""
_EVENTUAL: Final = (
    "says that something will happen: that is decided for a given number only, so give one for "
    "{numbers}"
)

_UNSEEN: Final = (
    f"the abstraction comes to what no run of up to {MOST} threads a family shows, so nothing is "
    "known of any number"
)
_UNSHOWN: Final = (
    f"the abstraction cannot exclude it, and no run of up to {SHOWN} threads a family shows it"
)


@attrs.frozen
class AnyNumber(Sized):
    """A model of any number of processes, as `check` takes it: it answers its claims by itself."""

    @property
    def properties(self) -> Sequence[Property]:
        """What may be asked; of a few members, for those who want to read it."""
        return tuple(self.small().properties)

    def small(self) -> Factored:
        """Return the model with two members in each family, or the least that may be."""
        return self.opaque({name: max(FEWEST, least) for name, least in self.least.items()})

    def safety(self) -> list[str]:
        """Return the names of the claims that can be asked of any number."""
        return [p.name for p in self.properties if p.kind is not PropertyKind.LEADS_TO]

    def left_out(self) -> dict[str, str]:
        """Return the claims that cannot be asked of any number, each with the reason."""
        why = _EVENTUAL.format(numbers=" and ".join(self.least))
        return {p.name: why for p in self.properties if p.kind is PropertyKind.LEADS_TO}

    def answers(self, wanted: Iterable[Property | str] | None, question: Inquiry) -> list[Result]:
        """Return the answers to what is *wanted*, by default all safety claims, in order.

        Raises:
            RefusedError: the model, or a claim, is not one to ask of any number.
        """
        known = {claim.name: claim for claim in self.properties}
        names = self.safety() if wanted is None else [self._named(claim) for claim in wanted]
        left = self.left_out()
        for name in names:
            if name not in known:
                raise UnknownNameError(f"property of {self.name}", name, known)
            if name in left:
                raise RefusedError(f"{self.name}: {name} {left[name]}")
        if not names:
            raise UsageError(f"{self.name} has no property that can be asked of any number")
        return _Asking(self, names, question).answers()

    def verified(self, proof: Proof, engine: str = "auto") -> Verified:
        """Return whether *proof* proves its claims of this model; nothing is searched for.

        Raises:
            RefusedError: the model, or a claim, is not one to ask of any number.
        """
        known = self.safety()
        for name in proof.claims:
            if name not in known:
                raise UnknownNameError(f"claim of {self.name} for any number", name, known)
        found = Verified(proof.claims, "", len(proof.states))
        try:
            base = self._tables(proof, engine)
            leaned_on = relations_of(proof, base)
            by = _by_z3(base, leaned_on)
            asked = abstraction(self, proof.claims, base, proof.bound, leaned_on)
            vectors = vectors_of(proof, asked.counted)
        except NoProofError as error:
            return attrs.evolve(found, why=str(error))
        why, space = closed(
            asked.counted, vectors, asked.targets, lambda made, how: search(made, how, engine)
        )
        if space is None:
            return attrs.evolve(found, why=why)
        return attrs.evolve(
            found, why=why, transitions=space.transitions, engine=space.engine, prover=by
        )

    def _tables(self, proof: Proof, engine: str) -> Base:
        """Return the tables that *proof* is about; raise `NoProofError` where there are none."""
        if not FEWEST < proof.members <= MOST or not 1 <= proof.bound <= BOUND:
            raise NoProofError(
                f"it rests on {proof.members} members and a bound of {proof.bound}: more than "
                "is made here"
            )
        try:
            for base in prepared(self, proof.claims, engine, most=proof.members):
                if base.size == proof.members:
                    return base
        except UnfinishedError as error:
            raise NoProofError(str(error)) from None
        raise NoProofError("its tables cannot be made")

    def _named(self, claim: Property | str) -> str:
        if isinstance(claim, Property):
            if claim not in self.properties:
                raise RefusedError(
                    f"{self.name}: {claim.name} is made for given numbers; ask of any number for "
                    "one of the model's own by its name"
                )
            return claim.name
        return claim


def prepared(
    model: Sized, names: Sequence[str], engine: str, limits: Limits = NO_LIMITS, most: int = MOST
) -> Iterator[Base]:
    """Yield the tables of *model*, learned from more members each time, until a limit is hit.

    Raises:
        RefusedError: the model cannot be asked of any number; the text says why.
        UnfinishedError: a limit was hit.
    """
    base: Base | None = None
    for size in range(FEWEST, most + 1):
        made, found = families(model, size)
        claims = {claim.name: claim for claim in made.properties}
        targets = {name: target(claims[name]) for name in names}

        learner = Learner(made)
        options = Options(targets=targets, symmetry=True, limits=_enough(limits, made))
        space = search(learner, options, engine)
        if not space.complete:
            raise UnfinishedError(f"{space.stopped}, for {size} threads a family alone")
        smaller, base = base, Base(found, size, learner, space, base)
        base.refuse_unlike()
        if smaller is not None:
            yield base


def _by_z3(base: Base, leaned_on: Sequence[Relation]) -> str:
    """Return what proves the relations beside the tables, "" where z3 is missing or none is.

    Raises:
        NoProofError: it finds numbers that break one.
    """
    by = prover() if leaned_on else ""
    for each in leaned_on if by else ():
        step = refuted(base, each)
        if step is not None:
            raise NoProofError(f"{by} finds that a relation is not kept by {step}")
    return by


def _enough(limits: Limits, made: Factored) -> Limits:
    """Return *limits*, of states too: *made*, of few members, may have states without end."""
    most = getattr(made, "most_states", None) or ENOUGH
    return attrs.evolve(limits, states=limits.states or most)


def relations(base: Base) -> list[Relation]:
    """Return the relations found and proved for the numbers of *base* that grow."""
    places = [(i, k) for i, growing in base.growing.items() for k in range(len(growing))]
    found = (relation(base, component, number) for component, number in places)
    return [each for each in found if each is not None and unproven(base, each) is None]


@attrs.frozen
class Abstraction:
    """An abstraction and what is asked of it."""

    counted: Counted
    targets: Mapping[str, Formula]


def abstraction(
    model: Sized, names: Sequence[str], base: Base, bound: int, known: Sequence[Relation]
) -> Abstraction:
    """Return the abstraction of *base* and, by name, the formulas that decide its claims.

    Raises:
        RefusedError: a claim is not one of all members alike.
    """
    least = [model.least[family.name] for family in base.families]
    counted = Counted(base, bound, known, least)
    sizes = {family.name: len(family.members) for family in base.families}
    larger = [
        model.opaque({name: size + more for name, size in sizes.items()}) for more in (1, FAR)
    ]
    targets: dict[str, Formula] = {}
    for name in names:
        try:
            said = [
                lift(target(next(p for p in made.properties if p.name == name)), made, counted)
                for made in (base.model, *larger)
            ]
        except RefusedError as error:
            raise RefusedError(
                f"{model.name}: {name} cannot be asked of any number: {error}"
            ) from None
        if any(other != said[0] for other in said):
            raise RefusedError(
                f"{model.name}: {name} cannot be asked of any number: it says something else of "
                "more threads"
            )
        targets[name] = said[0]
    if not idle_matter(counted, list(targets.values())):
        counted = Counted(base, bound, known, [counted.many] * len(least))
    return Abstraction(counted, targets)


@attrs.define
class _Found:
    """What a search of an abstraction says of a claim: how long the shortest way is, or None.

    ``space`` is None where no abstraction could be searched.
    """

    space: Space | None = None
    steps: int | None = None
    evidence: Exhausted | None = None


class _Asking:
    """One question, until every claim has its answer."""

    def __init__(self, model: AnyNumber, names: Sequence[str], question: Inquiry) -> None:
        self.model, self.names, self.question = model, names, question
        self.started = time.perf_counter()
        self.found: dict[str, _Found] = {}
        self.shown: dict[str, Result] = {}
        self.sizes: list[dict[str, int]] = []
        self.why = _UNSEEN

    def answers(self) -> list[Result]:
        """Return the answers, in the order of the names."""
        try:
            undecided = self._undecided()
        except UnfinishedError as error:
            undecided, self.why = list(self.names), str(error)
        for name in undecided:
            self.found.setdefault(name, _Found())
        if undecided and not self.sizes:
            self._show()
        return [self._result(name) for name in self.names]

    def _undecided(self) -> list[str]:
        """Search abstractions, each finer than the last; return the claims that none decides."""
        undecided, bound = list(self.names), 1
        for base in prepared(self.model, self.names, self.question.engine, self._limits()):
            largest = base.size >= MOST
            while undecided and bound <= BOUND:
                try:
                    self._search(base, bound, undecided)
                except UnseenError:
                    if not largest:
                        break  # larger tables may show it
                else:
                    undecided = [name for name in undecided if not self._decided(name)]
                bound += 1
            if not undecided or bound > BOUND:
                break
        return undecided

    # -- the abstraction --------------------------------------------------------------------

    def _search(self, base: Base, bound: int, names: Sequence[str]) -> None:
        asked = abstraction(self.model, names, base, bound, relations(base))
        options = Options(
            targets=asked.targets,
            to_the_end=self.question.all_states,
            limits=self._limits(),
            progress=self.question.progress,
        )
        learner = CountedLearner(asked.counted)
        space = search(learner, options, self.question.engine)
        evidence = Exhausted(asked.counted, learner, space)
        for name in names:
            hit = space.hits.get(name)
            if hit is None and space.complete and name in base.space.hits:
                raise InvariantError(
                    f"{self.model.name}: {name} is decided by a run of few threads, and by none of "
                    "any number: the abstraction is wrong"
                )
            steps = None
            while hit is not None:
                hit, steps = space.before(hit), 0 if steps is None else steps + 1
            self.found[name] = _Found(space, steps, evidence)

    def _limits(self) -> Limits:
        limits = self.question.limits
        if limits.seconds is None:
            return limits
        return attrs.evolve(limits, seconds=max(0.0, limits.seconds - self._spent()))

    def _spent(self) -> float:
        return time.perf_counter() - self.started

    def _decided(self, name: str) -> bool:
        """Return whether *name* has its answer: nothing is found, or it is shown in a model."""
        found = self.found[name]
        if found.steps is None:
            return found.space is not None
        if not self.sizes:
            self._show()
        return name in self.shown

    # -- showing ----------------------------------------------------------------------------

    def _show(self) -> None:
        """Look for what was found in models of few members, and keep the shortest paths."""
        least = self.model.least
        ranges = [range(low, max(low, SHOWN) + 1) for low in least.values()]
        self.sizes = [dict(zip(least, sizes, strict=True)) for sizes in product(*ranges)]
        self.sizes.sort(key=lambda sizes: (sum(sizes.values()), *sizes.values()))
        for sizes in self.sizes:
            missing = [name for name, found in self.found.items() if self._longer(name, found)]
            if not missing:
                break
            try:
                self._show_with(sizes, missing)
            except UnfinishedError:  # more cannot be made; what fewer show stands
                if sizes is self.sizes[0]:
                    raise
                break

    def _longer(self, name: str, found: _Found) -> bool:
        """Return whether a path as short as the abstraction's is yet to be found for *name*."""
        shown = self.shown.get(name)
        if found.steps is None:
            return found.space is None and shown is None
        return shown is None or _length(shown) > found.steps

    def _show_with(self, sizes: Mapping[str, int], names: Sequence[str]) -> None:
        model = self.model.make(sizes)
        # A model of one member may claim less than one of several.
        claims = {claim.name: claim for claim in model.properties if claim.name in names}
        if not claims:
            return
        learner = Learner(model)
        options = Options(
            targets={name: target(claim) for name, claim in claims.items()},
            to_the_end=False,
            symmetry=True,
            limits=_enough(self._limits(), model),
        )
        space = search(learner, options, self.question.engine)
        for name, claim in claims.items():
            hit = space.hits.get(name)
            if hit is None:
                continue
            path, known = path_to(learner, space, hit), self.shown.get(name)
            steps = self.found[name].steps
            if steps is not None and len(path.steps) < steps:
                raise InvariantError(f"{model.name}: {name} is found sooner than in any number")
            if known is None or len(path.steps) < _length(known):
                self.shown[name] = attrs.evolve(
                    self._answer(claim), path=path, concrete=dict(sizes)
                )

    # -- answers ----------------------------------------------------------------------------

    def _result(self, name: str) -> Result:
        claim = next(p for p in self.model.properties if p.name == name)
        always = claim.kind is PropertyKind.ALWAYS
        found, shown = self.found[name], self.shown.get(name)
        if shown is not None:
            verdict = Verdict.VIOLATED if always else Verdict.HOLDS
            return attrs.evolve(
                shown, verdict=verdict, seconds=self._spent(), reasons=self._longest(found, shown)
            )
        result = self._answer(claim)
        if found.space is None:
            return attrs.evolve(result, reasons=(*result.reasons, self.why))
        if found.steps is not None:
            return attrs.evolve(result, reasons=(*result.reasons, _UNSHOWN))
        if not found.space.complete:
            return result
        verdict = Verdict.HOLDS if always else Verdict.VIOLATED
        return attrs.evolve(result, verdict=verdict, proof=found.evidence)

    def _longest(self, found: _Found, shown: Result) -> tuple[str, ...]:
        """Return what there is to say of a path that may not be the shortest of any number."""
        if _length(shown) == (found.steps or 0):
            return ()
        most = f"up to {SHOWN} threads a family"
        return (f"the path is the shortest of {most}; with more there may be a shorter one",)

    def _answer(self, claim: Property) -> Result:
        """Return the answer to *claim* that its abstraction has, without a verdict yet."""
        space = self.found[claim.name].space
        return Result(
            model=self.model.name,
            property=claim,
            verdict=Verdict.INCONCLUSIVE,
            states=space.states if space else 0,
            transitions=space.transitions if space else 0,
            depth=len(space.layers) if space else 0,
            path=None,
            engine=space.engine if space else "python",
            reduce=Reduce.NONE,
            complete=space.complete if space else False,
            seconds=self._spent(),
            bytes=space.bytes if space else 0,
            reasons=(space.stopped,) if space and space.stopped else (),
            numbers=tuple(self.model.least),
        )


def _length(result: Result) -> int:
    assert result.path is not None  # noqa: S101 - the caller has shown it
    return len(result.path.steps)
