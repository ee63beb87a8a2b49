"""Random models of any number of processes, and what they do for given numbers, by brute force."""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import product

import attrs

from regsim.check.anynumber import AnyNumber
from regsim.check.factored import Component, Instance, StepSpec
from regsim.check.formula import Atom, Formula, Zero, every, some
from regsim.check.property import Property, always, sometimes

PLACES = 4
KINDS = ("ant", "bee")
State = tuple[int, ...]
"""The flag, the tally, where the boss stands, and where each ant and each bee does."""
FLAG, TALLY, BOSS, FIRST = 0, 1, 2, 3


@attrs.frozen
class Rule:
    """A step: guards, and what becomes of the parts.

    Attributes:
        goto: where the one that takes it stands afterwards.
        flag: the flag before and after, or None.
        below: the tally must be less than this, or None.
        above: the tally must be more than this, or None.
        shift: what is added to the tally.
        zero: whether the counter must stand at zero, or must not; None for neither.
        sweep: what becomes of all others' places, or None.
        swept: the kind that is swept.
    """

    goto: int
    flag: tuple[int, int] | None = None
    below: int | None = None
    above: int | None = None
    shift: int = 0
    zero: bool | None = None
    sweep: tuple[int, ...] | None = None
    swept: str = "ant"


@attrs.frozen
class Throng:
    """A model of some ants and some bees, a boss, a flag and a tally that may grow."""

    sizes: tuple[int, int]
    rules: Mapping[str, Sequence[Sequence[Rule]]] = attrs.field(hash=False)
    weights: tuple[int, ...]
    said: Sequence[str]
    name: str = "throng"
    counters: Sequence[str] = ("held",)

    @property
    def kinds(self) -> list[str]:
        """The kind of each process, the boss first."""
        return ["boss", *(k for k, n in zip(KINDS, self.sizes, strict=True) for _ in range(n))]

    @property
    def components(self) -> list[Component]:
        """The flag, the tally, and where each process stands."""
        own = [Component(f"{k} {i}", k) for i, k in enumerate(self.kinds)]
        return [Component("flag", "flag"), Component("tally", "tally"), *own]

    @property
    def processes(self) -> list[Instance]:
        """The boss, the ants and the bees."""
        return [Instance(f"{k} {i}", k, BOSS + i) for i, k in enumerate(self.kinds)]

    @property
    def symmetry(self) -> list[list[tuple[int, ...]]]:
        """The ants, and the bees, where there are several."""
        groups = [[(i,) for i in self.of(kind)] for kind in KINDS]
        return [group for group in groups if len(group) > 1]

    def of(self, kind: str) -> list[int]:
        """Return the components of *kind*."""
        return [BOSS + i for i, other in enumerate(self.kinds) if other == kind]

    def initial(self) -> Iterable[State]:
        """Yield the state where everything is 0."""
        yield (0, 0, 0) + (0,) * sum(self.sizes)

    def vector(self, concrete: State) -> tuple[Hashable, ...]:
        """Return the parts as words, so that no value is its own number."""
        return tuple(f"<{value}>" for value in concrete)

    def weight(self, counter: int, component: int, value: Hashable) -> int:  # noqa: ARG002
        """Return what a place adds to the counter."""
        return self.weights[int(str(value)[1:-1])] if component >= FIRST else 0

    def numbers(self, component: int, value: Hashable) -> tuple[Hashable, tuple[int, ...]]:
        """Return the tally as the number that it is."""
        return (None, (int(str(value)[1:-1]),)) if component == TALLY else (value, ())

    def alike(self, component: int) -> tuple[int, ...]:
        """Return from where on no rule tells the tally from greater ones."""
        every_rule = [rule for kind in self.rules.values() for rules in kind for rule in rules]
        below = [rule.below or 0 for rule in every_rule]
        above = [0 if rule.above is None else rule.above + 1 for rule in every_rule]
        return (max(*below, *above, 0),) if component == TALLY else ()

    def steps(self, process: int, own: Hashable) -> Sequence[StepSpec]:
        """Return the rules of the place *own*."""
        kind, where = self.kinds[process], BOSS + process
        found = []
        for number, rule in enumerate(self.rules[kind][int(str(own)[1:-1])]):
            reads = (where,) + ((FLAG,) if rule.flag else ())
            told = rule.shift or rule.below is not None or rule.above is not None
            maps = tuple(i for i in self.of(rule.swept) if i != where) if rule.sweep else ()
            zeros = () if rule.zero is None else (0,)
            reads += (TALLY,) if told else ()
            found.append(StepSpec(f"rule-{number}", reads, zeros, maps, token=rule))
        return found

    def take(self, concrete: State, process: int, step: StepSpec) -> State | None:
        """Return the state after *step*, or None where its guards are false."""
        rule: Rule = step.token
        after, where = list(concrete), BOSS + process
        held = any(self.weights[place] for place in concrete[FIRST:])
        if rule.zero is not None and rule.zero is held:
            return None
        if rule.flag is not None and concrete[FLAG] != rule.flag[0]:
            return None
        if rule.below is not None and concrete[TALLY] >= rule.below:
            return None
        if rule.above is not None and concrete[TALLY] <= rule.above:
            return None
        after[FLAG] = concrete[FLAG] if rule.flag is None else rule.flag[1]
        after[TALLY] += rule.shift
        for i in self.of(rule.swept) if rule.sweep is not None else ():
            after[i] = rule.sweep[concrete[i]] if rule.sweep else concrete[i]
        after[where] = rule.goto
        return tuple(after)

    @property
    def properties(self) -> list[Property]:
        """What may be asked: of all ants or all bees alike."""
        return [made for text in self.said for made in self._claims(text)]

    def _claims(self, text: str) -> list[Property]:
        kind, place = text.split()
        at = [self._at(i, f"<{place}>") for i in self.of(kind)]
        flag = Atom("flag", lambda value: value == "<1>", "flag")
        boss = self._at(BOSS, "<1>")
        formulas: dict[str, Formula] = {
            "some": some(at),
            "every": every(at),
            "some-flag": some(at) & flag,
            "every-boss": every(at) & boss,
            "held": every(at) & ~Zero("held"),
            "mixed": every(one | flag for one in at) & ~flag,
            "away": ~some(at) & boss,
        }
        return [
            made
            for name, formula in formulas.items()
            for made in (
                always(f"never {name} {text}", ~formula),
                sometimes(f"sometimes {name} {text}", formula),
            )
        ]

    def _at(self, component: int, value: str) -> Atom:
        return Atom(self.components[component].name, lambda found: found == value, value)


def throng(dice: random.Random) -> AnyNumber:
    """Return a random model of any number of ants, and of bees now and then."""
    places = dice.randint(2, PLACES)
    tallied = [dice.choice([0, 0, 1]) for _ in range(places)]
    tallied[0] = 0
    weights = tuple(dice.choice([0, 0, 1]) for _ in range(places))
    rules = {
        kind: [
            [_rule(dice, kind, places, place, tallied) for _ in range(dice.choice([1, 1, 2]))]
            for place in range(places)
        ]
        for kind in ("boss", *KINDS)
    }
    least = {"ants": dice.choice([0, 1])}
    if dice.random() < 0.3:
        least["bees"] = 0
    bees = dice.choice([0, 1, 2])
    said = [f"ant {dice.randrange(places)}", f"{'bee' if 'bees' in least else 'ant'} 0"]
    said = list(dict.fromkeys(said))

    def make(sizes: Mapping[str, int]) -> Throng:
        counts = (len(range(sizes["ants"])), len(range(sizes.get("bees", bees))))
        return Throng(counts, rules, weights, said)

    return AnyNumber("throng", make, least)


def _rule(dice: random.Random, kind: str, places: int, place: int, tallied: Sequence[int]) -> Rule:
    goto = dice.randrange(places)
    shift = 0 if kind == "boss" else tallied[goto] - tallied[place]
    if dice.random() < 0.03:
        shift += dice.choice([-1, 1])
    below = dice.choice([None, None, None, 1, 2]) if shift <= 0 else dice.choice([None, None, 2])
    above = 0 if shift < 0 else dice.choice([None, None, None, 0, 1])
    sweep = None
    if kind == "boss" and dice.random() < 0.25:
        sweep = tuple(dice.randrange(places) for _ in range(places))
    return Rule(
        goto,
        dice.choice([None, None, (0, 1), (1, 0), (0, 0), (1, 1)]),
        below,
        above,
        shift,
        dice.choice([None, None, None, None, True, False]),
        sweep,
        dice.choice(KINDS),
    )


def reached(model: Throng, most: int) -> dict[State, int]:
    """Return the states of *model*, likes sorted, with how many steps lead there: *most* at most.

    One that has more is cut off: what is found there may still be told of.
    """
    depth = dict.fromkeys(model.initial(), 0)
    cut = FIRST + model.sizes[0]
    for state in (queue := list(depth)):
        if len(depth) >= most:
            break
        for process in range(len(model.processes)):
            own = f"<{state[BOSS + process]}>"
            for step in model.steps(process, own):
                after = model.take(state, process, step)
                if after is None:
                    continue
                after = (*after[:FIRST], *sorted(after[FIRST:cut]), *sorted(after[cut:]))
                if after not in depth:
                    depth[after] = depth[state] + 1
                    queue.append(after)
    return depth


def sizes_up_to(model: AnyNumber, most: int) -> Iterable[dict[str, int]]:
    """Yield every choice of numbers up to *most* that the model may have."""
    ranges = [range(least, most + 1) for least in model.least.values()]
    for sizes in product(*ranges):
        yield dict(zip(model.least, sizes, strict=True))
