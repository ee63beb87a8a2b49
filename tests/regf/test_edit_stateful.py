"""Random edits against a trivial model: a tree of dictionaries."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from regsim.regf import HiveFile, Key, new_hive, parse_hive
from regsim.regf.hash import sort_key

NAMES = st.one_of(
    st.sampled_from(["a", "B", "Key", "longer name of a key", "\u00fc", "\u65e5\u672c"]),
    st.text(st.characters(exclude_characters="\\\0", exclude_categories=["Cs"]), min_size=1,
            max_size=12),
)  # fmt: skip
SIZES = st.sampled_from([0, 1, 3, 4, 5, 8, 60, 500, 5000, 16344, 16345, 40000])


class Model:
    """What a key should hold."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.below: dict[bytes, Model] = {}
        self.values: dict[bytes, tuple[str, int, bytes]] = {}


class HiveMachine(RuleBasedStateMachine):
    """Creates, sets, renames and deletes; after each step file and model must agree."""

    hive: HiveFile
    model: Model

    @initialize(minor=st.integers(1, 6))
    def start(self, minor: int) -> None:
        """Begin with an empty hive of some version."""
        self.hive = new_hive(minor, root_name="root")
        self.model = Model("root")

    def pick(self, draw: list[int]) -> tuple[Key, Model]:
        """Follow random indices down both trees."""
        key, model = self.hive.root, self.model
        for index in draw:
            if not model.below:
                break
            model = model.below[sorted(model.below)[index % len(model.below)]]
            found = key.subkey(model.name)
            assert found is not None
            key = found
        return key, model

    where = st.lists(st.integers(0, 5), max_size=3)

    @rule(where=where, name=NAMES)
    def create(self, where: list[int], name: str) -> None:
        """Make a key unless it exists."""
        key, model = self.pick(where)
        place = sort_key(name)
        assert (key.subkey(name) is not None) == (place in model.below)
        if place not in model.below:
            key.create_subkey(name)
            model.below[place] = Model(name)

    @rule(
        where=where,
        name=NAMES | st.just(""),
        kind=st.integers(0, 12),
        size=SIZES,
        fill=st.binary(min_size=1, max_size=4),
    )
    def set_value(self, where: list[int], name: str, kind: int, size: int, fill: bytes) -> None:
        """Make or replace a value."""
        key, model = self.pick(where)
        data = (fill * (size // len(fill) + 1))[:size]
        key.set_value(name, kind, data)
        old = model.values.get(sort_key(name))
        model.values[sort_key(name)] = (old[0] if old else name, kind, data)

    @rule(where=where, index=st.integers(0, 5))
    def delete_value(self, where: list[int], index: int) -> None:
        """Delete some value."""
        key, model = self.pick(where)
        if model.values:
            place = sorted(model.values)[index % len(model.values)]
            assert key.delete_value(model.values[place][0])
            del model.values[place]
        else:
            assert not key.delete_value("not there")

    @rule(where=where, index=st.integers(0, 5))
    def delete_key(self, where: list[int], index: int) -> None:
        """Delete some subtree."""
        key, model = self.pick(where)
        if model.below:
            place = sorted(model.below)[index % len(model.below)]
            child = key.subkey(model.below[place].name)
            assert child is not None
            child.delete(recursive=True)
            del model.below[place]

    @rule(where=where, index=st.integers(0, 5), name=NAMES)
    def rename(self, where: list[int], index: int, name: str) -> None:
        """Rename some key unless a sibling is in the way."""
        key, model = self.pick(where)
        if not model.below:
            return
        place = sorted(model.below)[index % len(model.below)]
        if sort_key(name) in model.below and sort_key(name) != place:
            return
        child = key.subkey(model.below[place].name)
        assert child is not None
        child.rename(name)
        moved = model.below.pop(place)
        moved.name = name
        model.below[sort_key(name)] = moved

    @rule(where=where, byte=st.integers(0, 3))
    def secure(self, where: list[int], byte: int) -> None:
        """Give some key another descriptor."""
        self.pick(where)[0].set_security(bytes([byte]) * 24)

    @rule()
    def reload(self) -> None:
        """Go on from the saved bytes."""
        self.hive = parse_hive(self.hive.to_bytes())

    @invariant()
    def agrees(self) -> None:
        """The file holds what the model holds, and is sound to the last cell."""
        if not hasattr(self, "hive"):
            return
        assert _tree(self.hive.root) == _model_tree(self.model)
        assert self.hive.check() == []
        assert self.hive.notes == []
        if self.hive.edits:
            self.hive.editor().allocator.check()


def _tree(key: Key) -> Any:
    values = {sort_key(v.name): (v.name, v.type, v.data) for v in key.values()}
    return key.name, values, [_tree(child) for child in key.subkeys()]


def _model_tree(model: Model) -> Any:
    below = [_model_tree(model.below[place]) for place in sorted(model.below)]
    return model.name, model.values, below


TestHive = HiveMachine.TestCase
TestHive.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
