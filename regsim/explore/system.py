"""Machines and actor programs as a model that every interleaving of can be explored.

A state is a machine; its components are the parts of the machine's own description
(`regsim.kernel.canonical`), so equal vectors are equal machines. What a step touches is what
`regsim.kernel.footprint` declares for it. Nothing of what a registry call does is said here.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol, runtime_checkable

import attrs

from regsim import keypath
from regsim.check.factored import Component, Instance, StepAnswer, StepSpec
from regsim.check.property import Property
from regsim.errors import UsageError
from regsim.explore.numbers import alike_from
from regsim.kernel.canonical import Described, ProcessPart, ThreadPart, describe, handle_place
from regsim.kernel.expr import Ask, Scope, Var
from regsim.kernel.footprint import expressions, footprint, plain
from regsim.kernel.holding import blocks
from regsim.kernel.machine import Machine
from regsim.kernel.operations import Operation, UnloadKind
from regsim.kernel.spots import Actor, Footprint, Place, Spot, Variable
from regsim.kernel.steps import Program, Step, StepTaken, advance, allowed, candidates
from regsim.kernel.tree import Node
from regsim.policy import UnloadBlockers, Unmount
from regsim.scenario.playing import handle_between, slots
from regsim.types import Tid

NAMESPACE = "namespace"
SIGNALS = "signals"
KEYS_THAT_BLOCK = "keys that block "
"""How the counter of what blocks a hive begins, where that is not every handle on it."""


def variable_name(name: str) -> str:
    """Return the component that holds the machine's variable *name*."""
    return f"variable {name}"


def process_name(role: str) -> str:
    """Return the component that holds what the threads of process *role* share."""
    return f"{role} (process)"


def thread_name(role: str, thread: str) -> str:
    """Return the component that holds *thread* of process *role*."""
    return thread if role == thread else f"{role}/{thread}"


class Lone(NamedTuple):
    """A process with one thread that runs a program, and that thread."""

    thread: ThreadPart
    process: ProcessPart | None
    others: tuple[ThreadPart, ...]


class Host(NamedTuple):
    """A process apart from its threads that run a program; None while there is no such process."""

    process: ProcessPart | None
    others: tuple[ThreadPart, ...]


@attrs.frozen
class ActorThread:
    """A thread that runs a program.

    Attributes:
        name: the thread's role: what paths call it; unique in the model.
        tid: the thread.
        process: the role of its process.
        program: what it runs.
        family: players of one family are interchangeable; by default each is its own.
    """

    name: str
    tid: Tid
    process: str
    program: Program
    family: str = ""

    @property
    def component(self) -> str:
        """The component it stands in."""
        return thread_name(self.process, self.name)


@runtime_checkable
class Learning(Protocol):
    """A program that finds out where a step leads once the step is taken."""

    def settle(self, machine: Machine, tid: Tid, taken: StepTaken) -> None:
        """Have thread *tid*, which has *taken* a step, stand where that leads."""


class Content:
    """A tree's content, hashed once."""

    __slots__ = ("_hash", "value")

    def __init__(self, value: Hashable) -> None:
        self.value = value
        self._hash = hash(value)

    def __hash__(self) -> int:
        """Return the hash of the content."""
        return self._hash

    def __eq__(self, other: object) -> bool:
        """Return whether the other content is equal."""
        if self is other:
            return True
        return isinstance(other, Content) and self.value == other.value

    def __repr__(self) -> str:
        """Show what tells contents apart; all of it would be a whole hive."""
        return f"<content {zlib.crc32(repr(self.value).encode()):08x}>"


class _Contents(dict[int, tuple[Node, Content]]):
    """Contents by the identity of their trees, which no state of a model changes in place."""

    MOST = 4096

    def of(self, root: Node) -> Content:
        """Return the content of the tree at *root*."""
        known = self.get(id(root))
        if known is None:
            if len(self) >= self.MOST:
                self.clear()
            known = self[id(root)] = (root, Content(root.content()))
        return known[1]


class System:
    """A machine and the programs that its threads run, as the engines want a model.

    Build one with `regsim.explore.scene.Scene`, or from parts.

    Args:
        name: what the model is called.
        machine: where every run begins; the model works on a snapshot of it.
        players: the threads that run programs.
        hives: hives whose open handles are counted, by what a reader calls them.
        properties: what may be asked.
        most_states: as the attribute.

    Attributes:
        programs: what the players run.
        most_states: how many states are explored unless somebody says otherwise; None for all.
        plain: whether each step has a footprint of its own; else each is run in every state, and
            nothing is symmetric.

    Raises:
        UsageError: two players have one name.
    """

    def __init__(
        self,
        name: str,
        machine: Machine,
        players: Sequence[ActorThread],
        *,
        hives: Mapping[str, str],
        properties: Sequence[Property] = (),
        most_states: int | None = None,
    ) -> None:
        self.name, self.most_states = name, most_states
        self.properties = tuple(properties)
        self._start = machine.snapshot()
        self._players = tuple(players)
        self.programs = tuple({id(p.program): p.program for p in players}.values())
        self._contents = _Contents()
        names = [player.name for player in players]
        if len(set(names)) < len(names):
            raise UsageError(f"{name}: two players have one name among {', '.join(names)}")
        self.plain = plain(self.programs, machine.dialect) and _simple(self._start)
        self._lay_out()
        self._count(hives)
        self.symmetry = tuple(self._groups())
        self.processes = tuple(
            Instance(p.name, self._kinds[p.name], self._index[p.component]) for p in players
        )

    @property
    def players(self) -> tuple[ActorThread, ...]:
        """The threads that run programs."""
        return self._players

    # -- components ---------------------------------------------------------------------------

    def _lay_out(self) -> None:
        machine, players = self._start, self._players
        self._kinds = self._kinds_of_players()
        self._tids = frozenset(player.tid for player in players)
        crew: dict[str, list[ActorThread]] = {}
        for player in players:
            crew.setdefault(player.process, []).append(player)
        roles = [process.role for process in machine.processes.values()]
        self._started = [role for role in _started(self.programs) if role not in roles]
        lone = {role for role, members in crew.items() if len(members) == 1}
        self._variables = sorted({*machine.memory.vars, *_machine_variables(self.programs)})
        self._hosts = [role for role in (*roles, *self._started) if role not in lone]
        self._lone = [player.process in lone for player in players]
        self.components = (
            *(Component(variable_name(v), variable_name(v)) for v in self._variables),
            Component(NAMESPACE, NAMESPACE),
            Component(SIGNALS, SIGNALS),
            *(Component(process_name(role), process_name(role)) for role in self._hosts),
            *(Component(p.component, self._kinds[p.name]) for p in players),
        )
        self._index = {component.name: i for i, component in enumerate(self.components)}

    def _kinds_of_players(self) -> dict[str, str]:
        """Return each player's kind: its family, unless a program speaks of one by name.

        Where parts depend on each other each is of its own kind: they tell who came first.
        """
        spoken = set(_spoken(self.programs))
        named = {p.family for p in self._players if p.process in spoken and p.process == p.name}
        alike = {p.family for p in self._players if p.family} - named if self.plain else set()
        return {p.name: p.family if p.family in alike else p.component for p in self._players}

    def _groups(self) -> Iterator[tuple[tuple[int, ...], ...]]:
        """Yield the families of two and more, each member one component."""
        families: dict[str, list[int]] = {}
        for player in self._players:
            kind = self._kinds[player.name]
            families.setdefault(kind, []).append(self._index[player.component])
        for members in families.values():
            if len(members) > 1:
                yield tuple((component,) for component in members)

    def initial(self) -> Iterable[Machine]:
        """Yield the one machine that every run begins with."""
        return (self._start,)

    def vector(self, concrete: Machine) -> tuple[Hashable, ...]:
        """Return the parts of *concrete*, in the order of the components."""
        parts = describe(concrete, self._contents.of)
        others: dict[str, tuple[ThreadPart, ...]] = {}
        if len(parts.threads) > len(self._tids):
            others = self._others(concrete, parts.threads)
        variables = dict(parts.vars)
        values: list[Hashable] = [variables.get(name) for name in self._variables]
        values += (parts.namespace, parts.signals)
        values += [Host(parts.processes.get(r), others.get(r, ())) for r in self._hosts]
        for player, lone in zip(self._players, self._lone, strict=True):
            thread, role = parts.threads[player.tid], player.process
            values.append(
                Lone(thread, parts.processes.get(role), others.get(role, ())) if lone else thread
            )
        return tuple(values)

    def _others(
        self, machine: Machine, threads: Mapping[Tid, ThreadPart]
    ) -> dict[str, tuple[ThreadPart, ...]]:
        """Return the threads that run no program, by the role of their process."""
        found: dict[str, tuple[ThreadPart, ...]] = {}
        for tid, part in threads.items():
            if tid not in self._tids:
                role = machine.process_of(tid).role
                found[role] = (*found.get(role, ()), part)
        return found

    # -- counters -----------------------------------------------------------------------------

    def _count(self, hives: Mapping[str, str]) -> None:
        """Set up a counter for each hive, and what blocks it where not every handle does."""
        policy = self._start.dialect.unload_blockers
        weights: dict[str, Callable[[keypath.Parts], bool]] = {}
        self._blockers: dict[str, int] = {}
        asked = [path for path in _asked(self.programs) if path not in hives.values()]
        for label, path in (*hives.items(), *((keypath.short(path), path) for path in asked)):
            parts = keypath.fold(keypath.split(path))
            weights[counter_name(label)] = _refusing(parts, UnloadBlockers.ANY)
            if policy is not UnloadBlockers.ANY:
                weights[KEYS_THAT_BLOCK + label] = _refusing(parts, policy)
            self._blockers[path] = len(weights) - 1
        self.counters = tuple(weights)
        self._counted = tuple(weights.values())

    def weight(self, counter: int, component: int, value: Hashable) -> int:  # noqa: ARG002
        """Return how many handles that *value* describes *counter* counts."""
        counted = self._counted[counter]
        places = (handle_place(handle) for handle in handles_of(value))
        return sum(place is not None and counted(place) for place in places)

    # -- numbers that may grow ----------------------------------------------------------------

    @cached_property
    def _uniform(self) -> dict[tuple[Scope, str], int]:
        # Of a program that is more than its steps, the steps do not say all that it asks.
        whole = all(type(program) is Program for program in self.programs)
        return alike_from(self.programs) if whole else {}

    def _uniform_in(self, component: int) -> tuple[tuple[Scope, str], ...]:
        """Return the variables of *component* that programs only compare and shift."""
        name = self.components[component].name
        if component < len(self._variables):
            return tuple(w for w in self._uniform if w == (Scope.MACHINE, name.partition(" ")[2]))
        return tuple(sorted((w for w in self._uniform if w[0] is Scope.PROCESS), key=str))

    def alike(self, component: int) -> tuple[int, ...]:
        """Return for each number of *component* from where on its values are treated alike."""
        return tuple(self._uniform[where] for where in self._uniform_in(component))

    def numbers(self, component: int, value: Hashable) -> tuple[Hashable, tuple[int, ...]]:
        """Return *value* without the numbers that programs only compare and shift, and those."""
        names = [name for _, name in self._uniform_in(component)]
        if component < len(self._variables):
            return (None, (value,)) if names and isinstance(value, int) else (value, ())
        if not names or not isinstance(value, Lone | Host) or value.process is None:
            return value, ()
        known = dict(value.process.vars)
        found = {name: n for name in names if isinstance(n := known.get(name), int)}
        rest = tuple(pair for pair in value.process.vars if pair[0] not in found)
        process = value.process._replace(vars=rest)
        return (value._replace(process=process), tuple(found)), tuple(
            found.get(name, 0) for name in names
        )

    # -- steps --------------------------------------------------------------------------------

    def steps(self, process: int, own: Hashable) -> Sequence[StepSpec]:
        """Return the steps that *process* has where it stands, whatever their guards say."""
        thread = thread_of(own)
        found: dict[str, StepSpec] = {}
        for step in candidates(self._players[process].program, thread.pc, alive=thread.alive):
            if step.when is False:
                continue
            name = step.does
            while name in found:
                name += "'"
            found[name] = self._spec(process, name, step, thread)
        return tuple(found.values())

    def take(self, concrete: Machine, process: int, step: StepSpec) -> Machine | None:
        """Return the machine after *process* takes *step*, or None where its guard is false."""
        tid = self._players[process].tid
        if not allowed(concrete, tid, step.token):
            return None
        after = concrete.snapshot()
        self._advance(after, process, step.token)
        return after

    def _advance(self, machine: Machine, process: int, step: Step) -> StepTaken:
        player = self._players[process]
        taken = advance(machine, player.tid, step)
        if isinstance(player.program, Learning):
            player.program.settle(machine, player.tid, taken)
        return taken

    def answer(self, concrete: Machine, process: int, step: StepSpec) -> StepAnswer | None:
        """Return what the kernel tells *step*, and the handle it gives; None for local work."""
        if step.token.op is None:
            return None
        after = concrete.snapshot()
        status = self._advance(after, process, step.token).status
        before, now = (slots(machine, *machine.processes) for machine in (concrete, after))
        handle, _, implicit = handle_between(before, now, step.token.op.operation)
        return StepAnswer(status.name, status.ok, handle, implicit)

    def _spec(self, process: int, name: str, step: Step, thread: ThreadPart) -> StepSpec:
        own = self.processes[process].own
        known = footprint(step, thread, self._start.dialect) if self.plain else None
        if known is None or not known.blockers <= set(self._blockers):
            others = (i for i in range(len(self.components)) if i != own)
            return StepSpec(name, (own, *others), token=step, call=step.call)
        return self._touching(process, StepSpec(name, (own,), token=step, call=step.call), known)

    def _touching(self, process: int, spec: StepSpec, known: Footprint) -> StepSpec:
        own = spec.reads[0]
        mine = self._mine(process)
        places = {i for spot in known.reads for i in self._places(process, spot)}
        first = (own, mine) if mine in places - {own} else (own,)
        reads = places - {*first}
        maps = {i for spot in known.maps for i in self._members(spot)} - {*first, *reads}
        zeros = tuple(sorted(self._blockers[path] for path in known.blockers))
        return attrs.evolve(
            spec, reads=(*first, *sorted(reads)), zeros=zeros, maps=tuple(sorted(maps))
        )

    def _mine(self, process: int) -> int:
        """Return the component that *process*'s threads share: its own where it has only one."""
        player = self._players[process]
        name = player.component if self._lone[process] else process_name(player.process)
        return self._index[name]

    def _places(self, process: int, spot: Spot) -> Iterable[int]:
        """Return the components that reading *spot* means for *process*."""
        if isinstance(spot, Variable):
            return (self._index[variable_name(spot.name)],)
        if isinstance(spot, Actor):
            return self._shared(spot.role)
        if spot is Place.THREAD:
            return (self.processes[process].own,)
        if spot is Place.PROCESS:
            return (self._mine(process),)
        if spot is Place.SESSION:
            return tuple(i for role in self._session() for i in self._shared(role))
        return (self._index[NAMESPACE if spot is Place.NAMESPACE else SIGNALS],)

    def _members(self, spot: Spot) -> Iterable[int]:
        """Return the components that mapping *spot* means, besides those that reading it does."""
        if spot is Place.HOLDERS:
            names = (process_name(role) for role in self._hosts)
            yield from (self._index[name] for name in names)
            yield from (instance.own for instance in self.processes)
            return
        roles = self._session() if spot is Place.SESSION else ()
        if isinstance(spot, Actor):
            roles = (spot.role,)
        for player in self._players:
            if player.process in roles:
                yield self._index[player.component]

    def _shared(self, role: str) -> tuple[int, ...]:
        """Return the component of process *role*; none where no such process ever runs."""
        for number, player in enumerate(self._players):
            if player.process == role:
                return (self._mine(number),)
        found = self._index.get(process_name(role))
        return () if found is None else (found,)

    def _session(self) -> tuple[str, ...]:
        """Return the roles that may belong to the user's session."""
        begun = (p.role for p in self._start.processes.values() if p.user)
        return (*begun, *self._started)


def counter_name(label: str) -> str:
    """Return the counter of the handles that are open on the hive called *label*."""
    return f"handles on {label}"


def thread_of(value: object) -> ThreadPart:
    """Return the thread that the value of a player's component describes."""
    if isinstance(value, Lone):
        return value.thread
    if isinstance(value, ThreadPart):
        return value
    raise UsageError(f"no thread is described by {value!r}")


def handles_of(value: object) -> Iterator[Described]:
    """Yield the handles that the value of a component describes; see `handle_place`."""
    if isinstance(value, ThreadPart):
        yield from (handle for _, handle in value.handles)
    elif isinstance(value, Lone | Host):
        for part in (value.process, *value.others, getattr(value, "thread", None)):
            if isinstance(part, ThreadPart):
                yield from handles_of(part)
            elif part is not None:
                yield from (slot[3] for slot in part.slots)
                yield from (handle for _, handle in part.handles)
                yield from part.unnamed


def _refusing(hive: keypath.Parts, policy: UnloadBlockers) -> Callable[[keypath.Parts], bool]:
    """Return the test whether a key is one of *hive* that refuses its unload under *policy*."""
    depth = len(hive)
    return lambda key: key[:depth] == hive and blocks(policy, is_root=len(key) == depth)


def _simple(machine: Machine) -> bool:
    """Return whether *machine* has none of what makes parts of it depend on each other."""
    hives = machine.hives.values()
    if any(process.silo or process.jobs for process in machine.processes.values()):
        return False
    if any(hive.ends is not Unmount.ASKED or hive.pending is not None for hive in hives):
        return False
    if any(
        obj.handles > obj.opens or obj.shared > 1 or obj.watch for obj in machine.objects.values()
    ):
        return False
    parts = describe(machine)
    described = (*parts.threads.values(), *(Host(p, ()) for p in parts.processes.values()))
    return all(
        handle[0] not in ("same", "gone") for part in described for handle in handles_of(part)
    )


# -- what programs speak of -------------------------------------------------------------------


def _operations(programs: Iterable[Program]) -> Iterator[tuple[Operation, dict[str, object]]]:
    """Yield each kernel operation that a program may do, with its arguments."""
    for step in (step for program in programs for step in program.steps):
        if step.op is not None:
            yield step.op.operation, dict(step.op.args)


def _expressions(programs: Iterable[Program]) -> Iterator[object]:
    for step in (step for program in programs for step in program.steps):
        yield from expressions(step)


def _questions(programs: Iterable[Program], question: str) -> Iterator[str]:
    """Yield what a program asks *question* of."""
    for expr in _expressions(programs):
        if isinstance(expr, Ask) and expr.question == question:
            yield str(expr.args[0])


def _machine_variables(programs: Iterable[Program]) -> Iterator[str]:
    for expr in _expressions(programs):
        if isinstance(expr, Var) and expr.scope is Scope.MACHINE:
            yield expr.name


def _started(programs: Iterable[Program]) -> list[str]:
    """Return the roles of the processes that a program may start, each once."""
    started = (args for operation, args in _operations(programs) if operation.starts)
    return list(dict.fromkeys(str(args["role"]) for args in started))


def _spoken(programs: Iterable[Program]) -> Iterator[str]:
    """Yield the roles that a program names."""
    yield from (str(args["role"]) for _, args in _operations(programs) if "role" in args)
    yield from _questions(programs, "running")


def _asked(programs: Iterable[Program]) -> list[str]:
    r"""Return the full paths of hives of which a step asks whether they would unload, each once."""
    every = _operations(programs)
    unloads = (args for operation, args in every if operation.unloads is UnloadKind.NORMAL)
    full = (a["path"] for a in unloads if a.get("root") is None and isinstance(a["path"], str))
    return list(dict.fromkeys([*map(str, full), *_questions(programs, "unloadable")]))
