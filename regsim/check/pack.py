"""A state as one Python integer: each component a field of bits, wide enough for its values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import attrs

from regsim.check.learn import State

FIRST_WIDTH = 4
"""The bits that a component starts with."""


@attrs.frozen
class BitLayout:
    """Where each component's field lies.

    Attributes:
        widths: bits per component.
        shifts: the lowest bit of each.
        order: the components from the lowest field to the highest.
    """

    widths: tuple[int, ...]
    order: tuple[int, ...]
    shifts: tuple[int, ...] = attrs.field(init=False)

    @shifts.default
    def _shifts(self) -> tuple[int, ...]:
        shifts, at = [0] * len(self.widths), 0
        for component in self.order:
            shifts[component] = at
            at += self.widths[component]
        return tuple(shifts)

    @property
    def bits(self) -> int:
        """The bits of a whole state."""
        return sum(self.widths)

    def mask(self, components: Iterable[int]) -> int:
        """Return the bits of *components*."""
        return sum(((1 << self.widths[i]) - 1) << self.shifts[i] for i in set(components))

    def fits(self, component: int, number: int) -> bool:
        """Return whether *number* fits into *component*'s field."""
        return number >> self.widths[component] == 0

    def pack(self, state: State) -> int:
        """Return *state* as one integer; each number must fit."""
        packed = 0
        for number, shift in zip(state, self.shifts, strict=True):
            packed |= number << shift
        return packed

    def unpack(self, packed: int) -> State:
        """Return the numbers that make up *packed*."""
        return tuple(
            (packed >> shift) & ((1 << width) - 1)
            for shift, width in zip(self.shifts, self.widths, strict=True)
        )

    def get(self, packed: int, component: int) -> int:
        """Return the number in *component*'s field."""
        return (packed >> self.shifts[component]) & ((1 << self.widths[component]) - 1)

    def widened(self, component: int) -> BitLayout:
        """Return a layout with room for twice the bits in *component*."""
        widths = list(self.widths)
        widths[component] *= 2
        return BitLayout(tuple(widths), self.order)


def first_layout(count: int, symmetry: Sequence[Sequence[tuple[int, ...]]]) -> BitLayout:
    """Return the layout to start from: the fields of a symmetric member side by side."""
    grouped = [i for group in symmetry for member in group for i in member]
    order = grouped + [i for i in range(count) if i not in set(grouped)]
    return BitLayout((FIRST_WIDTH,) * count, tuple(order))


def unfolded(state: State) -> State:
    """Return *state* itself: what stands for it when nothing is reduced."""
    return state


def folding(symmetry: Sequence[Sequence[tuple[int, ...]]]) -> Callable[[State], State]:
    """Return the function from a state to the one that stands for it and all its permutations.

    It sorts each group's members by their numbers, the last component first, as their packed
    fields compare.
    """

    def fold(state: State) -> State:
        folded = list(state)
        for group in symmetry:
            members = sorted(tuple(state[i] for i in reversed(member)) for member in group)
            for member, numbers in zip(group, members, strict=True):
                for i, number in zip(reversed(member), numbers, strict=True):
                    folded[i] = number
        return tuple(folded)

    return fold
