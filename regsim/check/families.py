"""Models with any number of interchangeable processes, and the tables learned from a few of them.

A `Sized` model can be made with as many members of each of its families as one likes. `Base` is
one so made, explored to the end: its tables say what a member does at each place where it can
stand, and what becomes of the shared parts. `counting` turns them into an abstraction.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Final, NoReturn, Protocol, runtime_checkable

import attrs

from regsim.check.factored import Factored
from regsim.check.learn import Effect, Learner, LocalStep, Situation
from regsim.check.space import Space
from regsim.errors import UsageError

ANY: Final = "any"
"""The value of a parameter that stands for any number."""
FAR: Final = 24
"""How many members more a model is made with, to see that it is the same but for them."""


class RefusedError(UsageError):
    """The model, or a claim, is not one that any number can be asked of; the text says why."""


class UnseenError(Exception):
    """The abstraction comes to what no run of the sizes explored has shown."""


class UnfinishedError(Exception):
    """The tables cannot be learned within a limit; the text says which."""


@attrs.frozen
class Sized:
    """A model that can be made with any number of the members of its families.

    Attributes:
        name: what it is called.
        make: makes it with so many members, by the name of a family's number, such as ``workers``.
        least: by that name, the least that a number may be.
    """

    name: str
    make: Callable[[Mapping[str, int]], Factored]
    least: Mapping[str, int] = attrs.field(hash=False)

    def opaque(self, sizes: Mapping[str, int]) -> Factored:
        """Return the model made with numbers that it cannot compute with: so it is one for all.

        Raises:
            RefusedError: it does more with a number than to make so many.
        """
        return self.make({name: Opaque(size) for name, size in sizes.items()})


class Opaque(int):
    """A number of members: one can make so many, but neither compare it nor compute with it.

    A model made with it is the same for every number, but for how many members it has.
    """

    def _refused(self, *_: object) -> NoReturn:
        raise RefusedError(
            "the model compares or computes with the number of its threads, so that what is shown "
            "for a few says nothing of others; pass it on as the count alone"
        )

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refused
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __mod__ = __rmod__ = _refused
    __floordiv__ = __rfloordiv__ = __truediv__ = __rtruediv__ = __pow__ = __rpow__ = _refused
    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = __divmod__ = __neg__ = _refused
    __abs__ = __pos__ = __invert__ = __lshift__ = __rshift__ = __bool__ = __hash__ = _refused
    __str__ = __repr__ = __format__ = __int__ = __float__ = _refused


class Several(tuple[str, ...]):
    """The names of an opaque number of members: one can go through them, and no more.

    So a claim is made of each alike.
    """

    __slots__ = ()

    def _refused(self, *_: object) -> NoReturn:
        raise RefusedError(
            "the model counts its threads or picks one of them, so that what is shown for a few "
            "says nothing of any number; go through all of them alike"
        )

    __len__ = __getitem__ = __contains__ = __add__ = __radd__ = __mul__ = __rmul__ = _refused
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = __bool__ = _refused
    count = index = _refused


def several(names: Sequence[str]) -> bool:
    """Return whether *names* are of more than one; of any number they may be, so that it is so."""
    return isinstance(names, Several) or len(names) > 1


@runtime_checkable
class Numbered(Protocol):
    """A model of which some components hold numbers that steps only compare and shift."""

    def numbers(self, component: int, value: Hashable) -> tuple[Hashable, tuple[int, ...]]:
        """Return *value* of *component* without its numbers, and those.

        No counter weighs them.
        """

    def alike(self, component: int) -> tuple[int, ...]:
        """Return for each number of *component* the least from which on all are treated alike.

        A step whose situation holds such a number, or a greater one, adds the same to it and does
        otherwise the same.
        """


@attrs.frozen
class Crew:
    """Interchangeable processes of a model.

    Attributes:
        name: what their number is called.
        kind: the kind of the components they stand in.
        members: these components.
        processes: their processes, in the same order.
    """

    name: str
    kind: str
    members: tuple[int, ...]
    processes: tuple[int, ...]


def families(model: Sized, size: int) -> tuple[Factored, tuple[Crew, ...]]:
    """Return *model* with *size* members in each family, and the families.

    Raises:
        RefusedError: a number is not one of interchangeable processes that differ in nothing.
    """
    sizes = {name: max(size, least) for name, least in model.least.items()}
    made = model.opaque(sizes)
    _refuse_other(made, model.opaque({name: count + FAR for name, count in sizes.items()}))
    found = []
    for name, count in sizes.items():
        larger = model.opaque({**sizes, name: count + 1})
        kind = _grown(name, made, larger)
        group = next((g for g in made.symmetry if made.components[g[0][0]].kind == kind), ())
        if len(group) != count or any(len(member) != 1 for member in group):
            raise RefusedError(
                f"{model.name}: {name} cannot be any number: the {kind!r} are not interchangeable "
                "processes, each in one part of its own"
            )
        members = tuple(member[0] for member in group)
        owners = [[n for n, p in enumerate(made.processes) if p.own == m] for m in members]
        if any(len(owner) != 1 for owner in owners):
            raise RefusedError(f"{model.name}: {name}: a part of theirs belongs to no one of them")
        found.append(Crew(name, kind, members, tuple(owner[0] for owner in owners)))
    if len({family.kind for family in found}) < len(found):
        raise RefusedError(f"{model.name}: two numbers, {', '.join(sizes)}, count one family")
    return made, tuple(found)


def _grown(name: str, made: Factored, larger: Factored) -> str:
    """Return the kind of which *larger* has one component more; refuse any other difference."""
    before = [component.kind for component in made.components]
    after = [component.kind for component in larger.components]
    more = [kind for kind in dict.fromkeys(after) if after.count(kind) != before.count(kind)]
    same = [[k for k in kinds if k not in more] for kinds in (before, after)]
    if len(more) != 1 or len(after) != len(before) + 1 or same[0] != same[1]:
        raise RefusedError(
            f"{made.name}: {name} cannot be any number: it does not count one family of "
            "interchangeable processes"
        )
    return more[0]


def _refuse_other(made: Factored, larger: Factored) -> None:
    """Refuse a model that is another one for other numbers: other programs, another beginning."""
    if _beginning(made) != _beginning(larger):
        raise RefusedError(
            f"{made.name}: with more threads what is counted, what somebody does or how it begins "
            "is not the same, so what is shown for a few says nothing of any number"
        )


def _beginning(model: Factored) -> tuple[object, ...]:
    """Return what *model* begins with, threads that begin alike taken together."""
    names = [component.kind for component in model.components]
    starts = [frozenset(zip(names, model.vector(s), strict=True)) for s in model.initial()]
    return (tuple(model.counters), getattr(model, "programs", ()), starts)


class Base:
    """A model with a few members in each family, explored to the end, and what its tables say.

    What `numbers` it holds grow where they exceed those of a *smaller* one.

    Attributes:
        model: the model.
        families: its families.
        size: how many members each has, unless it must have more.
        learner: its tables.
        space: what the exploration found.
        growing: by component, which of its numbers grow with the sizes.
    """

    def __init__(
        self,
        found: tuple[Crew, ...],
        size: int,
        learner: Learner,
        space: Space,
        smaller: Base | None,
    ) -> None:
        model = learner.model
        self.model, self.families, self.size = model, found, size
        self.learner, self.space = learner, space
        self.of = {i: family for family in found for i in family.members}
        self.shared = tuple(i for i in range(len(model.components)) if i not in self.of)
        self.known: dict[int, dict[tuple[Hashable, tuple[int, ...]], int]] = {}
        self._numbered = model if isinstance(model, Numbered) else None
        self._splits: dict[tuple[int, int], tuple[Hashable, tuple[int, ...]]] = {}
        self._alike: dict[int, tuple[int, ...]] = {}
        self.most = {i: self._most(i) for i in self.shared if self._numbered is not None}
        self.growing: dict[int, tuple[int, ...]] = {}
        self.names = {model.components[i].name: i for i in self.shared}
        if smaller is not None:
            self._grow(smaller)

    def _most(self, component: int) -> tuple[int, ...]:
        """Return the greatest that each number of *component* has been."""
        assert self._numbered is not None  # noqa: S101 - asked only then
        found: tuple[int, ...] = ()
        for number in range(self.learner.known(component)):
            _, counts = self._numbered.numbers(component, self.learner.value(component, number))
            found = tuple(map(max, found, counts)) if found and counts else found or counts
        return found

    def _grow(self, smaller: Base) -> None:
        before = {smaller.model.components[i].name: most for i, most in smaller.most.items()}
        for i, most in self.most.items():
            less = before.get(self.model.components[i].name, ())
            places = tuple(k for k, n in enumerate(most) if k >= len(less) or n > less[k])
            if places:
                self.growing[i] = places
                self.known[i] = self._by_numbers(i)

    # -- numbers that grow ------------------------------------------------------------------

    def split(self, component: int, number: int) -> tuple[Hashable, tuple[int, ...]]:
        """Return what *number* stands for in *component*: the rest, and the numbers that grow."""
        known = self._splits.get((component, number))
        if known is None:
            known = self._splits[component, number] = self._split(component, number)
        return known

    def _split(self, component: int, number: int) -> tuple[Hashable, tuple[int, ...]]:
        assert self._numbered is not None  # noqa: S101 - something grows
        value = self.learner.value(component, number)
        rest, counts = self._numbered.numbers(component, value)
        places = self.growing[component]
        if not counts:
            return (rest, ()), ()
        others = tuple(n for k, n in enumerate(counts) if k not in places)
        return (rest, others), tuple(counts[k] for k in places)

    def alike(self, component: int) -> tuple[int, ...]:
        """Return, for each number of *component* that grows, from where on all are alike."""
        if component not in self._alike:
            assert self._numbered is not None  # noqa: S101 - something grows
            every = self._numbered.alike(component)
            self._alike[component] = tuple(every[k] for k in self.growing[component])
        return self._alike[component]

    def _by_numbers(self, component: int) -> dict[tuple[Hashable, tuple[int, ...]], int]:
        """Return the least value that shows each rest with each numbers, clipped."""
        found: dict[tuple[Hashable, tuple[int, ...]], int] = {}
        parts = [(self.split(component, n), n) for n in range(self.learner.known(component))]
        alike = self.alike(component)
        for (rest, counts), number in sorted(parts, key=lambda part: part[0][1]):
            clipped = tuple(map(min, counts, alike)) if counts else ()
            found.setdefault((rest, clipped), number)
        return found

    def clip(self, component: int, rest: Hashable, counts: tuple[int, ...]) -> int:
        """Return the number that stands for *rest* with *counts*, or with all that are alike."""
        clipped = tuple(map(min, counts, self.alike(component))) if counts else ()
        number = self.known[component].get((rest, clipped))
        if number is None:
            raise UnseenError
        return number

    # -- tables -----------------------------------------------------------------------------

    def steps(self, process: int, own: int) -> tuple[LocalStep, ...]:
        """Return the steps of *process* where its own component has number *own*."""
        return self.learner.steps(process, own)

    def places(self, family: Crew) -> range:
        """Return the numbers of the places where a member of *family* may stand."""
        return range(self.learner.known(family.members[0]))

    def entries(self) -> Iterator[tuple[LocalStep, Situation, Effect]]:
        """Yield everything learned of a step that can be taken, of one member for each family."""
        for step in self.every_step():
            for key, effect in step.table.items():
                if effect is not None:
                    yield step, key, effect

    def every_step(self) -> Iterator[LocalStep]:
        """Yield the steps of every process wherever it may stand, of one member for each family."""
        for process in range(len(self.model.processes)):
            if self._speaks(process):
                for number in range(self.learner.known(self.model.processes[process].own)):
                    yield from self.steps(process, number)

    def _speaks(self, process: int) -> bool:
        """Return whether *process* is the first member of its family, or in none."""
        family = self.of.get(self.model.processes[process].own)
        return family is None or process == family.processes[0]

    def refuse_unlike(self) -> None:
        """Refuse a model a step of which looks at members one by one.

        Raises:
            RefusedError: a step reads another member, or changes some of them and not others.
        """
        for step in self.every_step():
            own = step.spec.reads[0]
            told = [i for i in step.spec.reads if i in self.of and i != own]
            swept = {i for i in step.spec.maps if i in self.of}
            for family in self.families:
                mine = {i for i in family.members if i in swept}
                if mine and mine | {own} != {*family.members, own}:
                    told += mine
            if told:
                raise RefusedError(
                    f"{self.model.name}: step {step.spec.name!r} of "
                    f"{self.model.processes[step.process].name!r} looks at "
                    f"{self.model.components[told[0]].name!r} by itself, so it is not asked of "
                    "any number"
                )

    def classes(self, family: Crew) -> list[list[int]]:
        """Return the places of *family*, those together that one step may turn into each other."""
        parent = list(self.places(family))

        def find(place: int) -> int:
            while parent[place] != place:
                place = parent[place]
            return place

        for _, _, effect in self.entries():
            for place, image in effect.images.get(family.kind, {}).items():
                low, high = sorted((find(place), find(image)))
                parent[high] = low
        found: dict[int, list[int]] = {}
        for place in self.places(family):
            found.setdefault(find(place), []).append(place)
        return list(found.values())
