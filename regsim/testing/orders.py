"""Real code in every order: threads that use ``winreg`` and ``threading``, one step at a time.

`explore` runs them again and again, each time in another order of their steps, until all orders
were run or a bound is hit. Orders that differ only in the places of steps that touch nothing in
common are run once (sleep sets: Godefroid, *Partial-Order Methods*, 1996). Those with the fewest
preemptions come first (Musuvathi and Qadeer, *Iterative context bounding*, 2007); beyond the bound
come orders of random priorities (Burckhardt et al., *A randomized scheduler*, 2010).
"""

from __future__ import annotations

import gc
import inspect
import random
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache, partial, partialmethod, wraps
from heapq import heappop, heappush
from itertools import count, groupby
from types import CellType, FunctionType, ModuleType
from typing import Any, Final, Self, cast

import attrs

from regsim.check.property import Verdict
from regsim.errors import RegsimError, UnknownNameError, UsageError
from regsim.kernel.calls import Call, interpret
from regsim.kernel.machine import Machine
from regsim.kernel.process import Process
from regsim.kernel.steps import FAIL, RETURN, StepTaken
from regsim.report.text.console import table as laid_out
from regsim.report.words.writing import counted
from regsim.status import NtStatus
from regsim.testing import blocking, pywin32, statements
from regsim.testing._fake.binding import Gate, Prepared, gate_of, prepared
from regsim.testing.baton import Baton, Line, Touched, Turn, meet
from regsim.testing.patching import MODULE, Patch
from regsim.testing.registry import Registry, Role, table
from regsim.types import Tid
from regsim.win32.plans import Planned

SCHEDULES: Final = 1_000
"""How many orders are run at most, by default."""
DEPTH: Final = 3
"""How many changes of priority a random order has, and one more thread than that to begin with."""
_REGISTRY: Final[Touched] = frozenset({"registry"})
Threads = Sequence[Callable[..., object]]


class OrderError(RegsimError, AssertionError):
    """An order of the threads' steps in which something goes wrong; the text is a table of it.

    Args:
        found: what was found.
    """

    def __init__(self, found: Exploration) -> None:
        self.found = found
        super().__init__(str(found))


@attrs.frozen(kw_only=True)
class Exploration:
    """What `explore` found.

    Attributes:
        verdict: holds where every order was run and nothing went wrong; violated; inconclusive
            where a bound was hit before.
        schedules: how many orders were run.
        why: what went wrong, or what is not known, in one sentence or a few lines.
        lines: what the threads did in the order in which it went wrong.
        replay: that order, for ``explore(replay=...)``; "" where nothing went wrong.
    """

    verdict: Verdict
    schedules: int
    why: str
    lines: tuple[Line, ...] = ()
    replay: str = ""

    def __str__(self) -> str:
        if not self.replay:
            return f"{self.why} ({counted(self.schedules, 'order')} run)"
        heads = ("#", "thread", "line", "code", "what it did")
        rows = [
            (str(n), line.thread, line.where, line.source, line.what)
            for n, line in enumerate(self.lines, 1)
        ]
        parts = [
            self.why,
            f"order {self.schedules} of those run:",
            *(f"  {line}" for line in laid_out([heads, *rows])),
            f"Replay: explore(..., replay={self.replay!r})",
        ]
        return "\n".join(parts)


@attrs.frozen
class _Node:
    """One choice of a run: who could go on, who was chosen, and who need not be tried."""

    able: tuple[tuple[int, Touched], ...]
    chosen: int
    before: int | None
    asleep: tuple[tuple[int, Touched], ...]


@attrs.frozen
class _Run:
    """One run: the choices, how it ended as `Baton.run` has it, and what was done."""

    nodes: tuple[_Node, ...]
    failure: str
    lines: tuple[Line, ...]
    ended: str
    waited: bool

    @property
    def choices(self) -> tuple[int, ...]:
        return tuple(node.chosen for node in self.nodes)


def explore(
    threads: Threads,
    *,
    os: str = "win11",
    process: Role = "user",
    patch: Iterable[str] = (),
    setup: Callable[..., object] | None = None,
    check: Callable[[Registry], object] | None = None,
    schedules: int = SCHEDULES,
    seed: int = 0,
    replay: str = "",
) -> Exploration:
    r"""Run *threads* in every order of their steps, and return what is known then.

    A step is one of a call of ``winreg`` (a call that resolves HKEY_CURRENT_USER and opens a key
    below it has two, and others act between them), or one use of ``threading``'s locks, events,
    conditions, semaphores and threads, or of ``queue``'s queues. What code does between two steps
    is not taken apart. Each run has a fresh registry; what else threads share, *setup* must make
    anew. A wait with a time limit ends early only where nobody else can go on.

    Args:
        threads: functions without arguments, or that take the `Registry`.
        os: the Windows generation.
        process: as `regsim.testing.fake_winreg` has it.
        patch: modules whose ``winreg``, ``threading``, ``queue`` and ``time`` are the watched ones,
            besides those in which the threads and *setup* are written.
        setup: is called before each run, with the registry if it takes an argument.
        check: is called after each run that went well; what it raises is what went wrong.
        schedules: how many orders are run at most. Three quarters of them are taken in order, and
            the rest at random, if there are that many.
        seed: for those at random.
        replay: run one order only, which an earlier call has printed.

    Raises:
        OrderError: in some order a thread ends by an error, handles are left open on the user's
            profile, threads wait for each other for ever, or *check* raises.
        UsageError: the threads do not do the same when they are run again in the same order, or
            wait for something that is not watched.

    >>> from regsim.testing import winreg
    >>> explore([lambda: None, lambda: None]).verdict.value
    'holds'
    """
    runner = _Runner(tuple(threads), os, process, tuple(patch), setup, check)
    if not runner.threads or not all(callable(each) for each in runner.threads):
        raise UsageError("threads are a list of functions")
    if schedules < 1:
        raise UsageError(f"at least one order is run, not {schedules}")
    if replay:
        run = runner.run(_follow(_read(replay, len(runner.threads))))
        found = (
            _found(run, 1)
            if run.failure
            else Exploration(
                verdict=Verdict.INCONCLUSIVE, schedules=1, why="nothing went wrong in this order"
            )
        )
    else:
        found = _search(runner, schedules, seed)
    if found.verdict is Verdict.VIOLATED:
        raise OrderError(found)
    return found


def explore_test(
    test: Callable[..., object], given: dict[str, Any], options: dict[str, Any]
) -> str:
    """Explore *test*, a test of pytest with *given* fixtures; return what is not known then.

    Each run has a registry and a ``winreg`` of its own, where the test takes them.

    Raises:
        OrderError, UsageError: as `explore` does.
    """

    @wraps(test)
    def body(registry: Registry) -> None:
        ours = {"registry": registry, "winreg": registry.winreg}
        test(**(given | {name: ours[name] for name in ours.keys() & given.keys()}))

    allowed = [name for name in inspect.signature(explore).parameters if name != "threads"]
    for name in options:
        if name not in allowed:
            raise UnknownNameError("argument of registry_orders", name, allowed)
    found = explore([body], **options)
    return "" if found.verdict is Verdict.HOLDS else str(found)


# -- the search ----------------------------------------------------------------------------------


def _search(runner: _Runner, most: int, seed: int) -> Exploration:
    """Return what is found in the orders by their number of preemptions, then at random."""
    ties, waited = count(), False
    left: list[tuple[int, int, tuple[int, ...], tuple[tuple[int, Touched], ...]]] = [(0, 0, (), ())]
    done, ordered = 0, most - most // 4
    long = False
    while left and done < ordered:
        _, _, prefix, asleep = heappop(left)
        done += 1
        run = runner.run(_follow(prefix, asleep))
        if run.failure:
            return _found(_shrunk(runner, run), done)
        waited, long = waited or run.waited, long or run.ended == "long"
        for cost, choices, sleeping in _others(run, len(prefix)):
            heappush(left, (cost, next(ties), choices, sleeping))
    if not left and not long:
        note = " (a wait with a time limit ended early only where nobody else could go on)"
        why = f"nothing goes wrong in any order{note if waited else ''}"
        return Exploration(verdict=Verdict.HOLDS, schedules=done, why=why)
    chance = random.Random(seed)  # noqa: S311 - orders, not secrets
    length = max(len(run.nodes), 1)
    while done < most:
        done += 1
        run = runner.run(_by_priority(chance, length))
        if run.failure:
            return _found(_shrunk(runner, run), done)
    why = "nothing went wrong in the orders that were run; there are more: raise schedules="
    if long:
        why = "nothing went wrong, but some orders have no end and were given up"
    return Exploration(verdict=Verdict.INCONCLUSIVE, schedules=done, why=why)


def _others(
    run: _Run, known: int
) -> Iterator[tuple[int, tuple[int, ...], tuple[tuple[int, Touched], ...]]]:
    """Yield the orders that branch off *run* after its first *known* choices, and their cost."""
    cost = 0
    for at, node in enumerate(run.nodes):
        able = dict(node.able)
        if at >= known:
            tried = [*node.asleep, (node.chosen, able[node.chosen])]
            for number, touches in node.able:
                if number in dict(tried):
                    continue
                sleeping = tuple(each for each in tried if not meet(each[1], touches))
                more = node.before is not None and node.before in able and node.before != number
                yield cost + more, (*run.choices[:at], number), sleeping
                tried.append((number, touches))
        cost += node.before is not None and node.before in able and node.before != node.chosen


class _Choosing:
    """Chooses by a list, then goes on with whoever runs; keeps what there was to choose from."""

    def __init__(
        self, prefix: Sequence[int], asleep: tuple[tuple[int, Touched], ...], *, strict: bool
    ) -> None:
        self.prefix, self.asleep, self.strict = prefix, asleep, strict
        self.nodes: list[_Node] = []
        self.before: int | None = None

    def __call__(self, _baton: Baton, able: list[Turn]) -> Turn | None:
        at, numbers = len(self.nodes), {turn.number: turn for turn in able}
        asleep = self.asleep if at >= len(self.prefix) else ()
        chosen: int | None
        if at < len(self.prefix) and self.prefix[at] in numbers:
            chosen = self.prefix[at]
        elif at < len(self.prefix) and self.strict:
            raise UsageError(
                "the threads do not do the same when they are run again in this order: what they "
                "share must be made anew by setup=, and chance and time must not decide"
            )
        else:
            chosen = self._next(numbers, dict(asleep))
        if chosen is None:
            return None
        touches = numbers[chosen].touches
        offered = tuple((turn.number, turn.touches) for turn in able)
        self.nodes.append(_Node(offered, chosen, self.before, asleep))
        if at >= len(self.prefix):
            self.asleep = tuple(each for each in asleep if not meet(each[1], touches))
        self.before = chosen
        return numbers[chosen]

    def _next(self, numbers: dict[int, Turn], asleep: dict[int, Touched]) -> int | None:
        awake = [number for number in numbers if number not in asleep]
        return self.before if self.before in awake else min(awake, default=None)


def _follow(
    prefix: Sequence[int], asleep: tuple[tuple[int, Touched], ...] = (), *, strict: bool = True
) -> _Choosing:
    return _Choosing(prefix, asleep, strict=strict)


class _ByPriority(_Choosing):
    """Chooses whoever has the highest priority; at some points who runs gets the lowest."""

    def __init__(self, chance: random.Random, length: int) -> None:
        super().__init__((), (), strict=False)
        self.chance, self.order = chance, dict[int, float]()
        self.changes = {chance.randrange(length) for _ in range(DEPTH)}

    def _next(self, numbers: dict[int, Turn], _asleep: dict[int, Touched]) -> int | None:
        for number in numbers:
            self.order.setdefault(number, self.chance.random())
        if len(self.nodes) in self.changes and self.before is not None:
            self.order[self.before] = -float(len(self.nodes))
        return max(numbers, key=self.order.__getitem__, default=None)


def _by_priority(chance: random.Random, length: int) -> _ByPriority:
    return _ByPriority(chance, length)


# -- what was found --------------------------------------------------------------------------------


def _found(run: _Run, schedules: int) -> Exploration:
    return Exploration(
        verdict=Verdict.VIOLATED,
        schedules=schedules,
        why=run.failure,
        lines=run.lines,
        replay=_written(run.choices),
    )


def _shrunk(runner: _Runner, run: _Run) -> _Run:
    """Return a run with as few changes of thread as can be that goes wrong in the same way."""
    kind = run.failure.partition(":")[0]
    smaller = True
    while smaller:
        smaller = False
        blocks = [list(group) for _, group in groupby(run.choices)]
        for at in range(1, len(blocks)):
            without = [n for i, block in enumerate(blocks) if i != at for n in block]
            tried = runner.run(_follow(without, strict=False))
            same = tried.failure.partition(":")[0] == kind
            if same and _switches(tried) < _switches(run):
                run, smaller = tried, True
                break
    return run


def _switches(run: _Run) -> int:
    return len([None for _ in groupby(run.choices)])


def _written(choices: Sequence[int]) -> str:
    return " ".join(f"{number}x{len(list(group))}" for number, group in groupby(choices))


def _read(replay: str, threads: int) -> list[int]:
    """Return the choices that *replay* stands for."""
    choices: list[int] = []
    for part in replay.split():
        number, cross, times = part.partition("x")
        if not (cross and number.isdecimal() and times.isdecimal()):
            raise UsageError(f"replay={replay!r} is no order: give one that explore() has printed")
        choices += [int(number)] * int(times)
    if threads and not choices:
        raise UsageError("the order to replay is empty")
    return choices


# -- one run ---------------------------------------------------------------------------------------


@attrs.frozen
class _Runner:
    """What is run, and where."""

    threads: tuple[Callable[..., object], ...]
    os: str
    process: Role
    patch: tuple[str, ...]
    setup: Callable[..., object] | None
    check: Callable[[Registry], object] | None

    def run(self, choose: _Choosing) -> _Run:
        """Run the threads in the order that *choose* says."""
        baton = Baton(choose)
        registry = Registry(self.os, process=self.process)
        was = gc.isenabled()
        gc.disable()
        try:
            with self._seen(baton, registry), _renewed(baton, self._functions()):
                if self.setup is not None:
                    _given(self.setup, registry)()
                with _Steps(baton, registry) as steps:
                    baton.within = steps.within
                    for name, function in zip(self._names(), self.threads, strict=True):
                        baton.add(_given(function, registry), name)
                    ended = baton.run()
                if baton.foreign is not None:
                    raise baton.foreign
                failure = self._failure(baton, registry, ended)
        finally:
            if was:
                gc.enable()
        return _Run(tuple(choose.nodes), failure, tuple(baton.lines), ended, baton.waited)

    def _names(self) -> list[str]:
        names = [getattr(each, "__name__", "thread").strip("<>") for each in self.threads]
        return [f"{n} {i}" if names.count(n) > 1 else n for i, n in enumerate(names, 1)]

    def _functions(self) -> tuple[Callable[..., object], ...]:
        return self.threads if self.setup is None else (*self.threads, self.setup)

    def _seen(self, baton: Baton, registry: Registry) -> Patch:
        fakes: dict[str, Any] = {MODULE: registry.winreg, **pywin32.modules_of(registry.winreg)}
        fakes |= blocking.modules(baton)
        own = dict.fromkeys(str(getattr(each, "__module__", "")) for each in self._functions())
        named = (each for each in own if each in sys.modules and _uses(each, frozenset(fakes)))
        return Patch(fakes, [*self.patch, *(each for each in named if each not in self.patch)])

    def _failure(self, baton: Baton, registry: Registry, ended: str) -> str:
        """Return what went wrong in the run, or "" for nothing."""
        for turn in baton.turns:
            if turn.error is not None:
                kind = type(turn.error).__name__
                at = f" at {turn.where}: {turn.source}" if turn.where else ""
                return f"{kind} ends thread {turn.name}{at}: {turn.error}"
        if ended == "deadlock":
            return f"deadlock: {baton.stuck}"
        if ended:
            return ""
        leaks = registry.leaks()
        if leaks:
            return f"leak: {table(registry, leaks)}"
        try:
            if self.check is not None:
                self.check(registry)
        except AssertionError as error:
            return f"check: {error or 'it does not hold'}"
        return ""


def _given(function: Callable[..., object], registry: Registry) -> Callable[[], object]:
    """Return *function* with the registry as its argument, if it takes one."""
    try:
        parameters = inspect.signature(function, follow_wrapped=False).parameters.values()
    except (TypeError, ValueError):
        return function
    placed = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    takes = any(each.default is each.empty and each.kind in placed for each in parameters)
    return partial(function, registry) if takes else function


@cache
def _uses(name: str, fakes: frozenset[str]) -> bool:
    """Return whether module *name* has a name for what is faked, or imports it somewhere."""
    module = sys.modules[name]
    real = [sys.modules[each] for each in fakes if each in sys.modules]
    if any(key in fakes or value in real for key, value in vars(module).items() if _named(value)):
        return True
    spec = getattr(module, "__spec__", None)
    tree = statements.source_of(spec) if spec is not None else None
    return tree is not None and statements.imports(tree, set(fakes))


def _named(value: object) -> bool:
    return value is None or isinstance(value, ModuleType)


# -- what is watched -------------------------------------------------------------------------------


class _GateLock:
    """In place of the lock of a machine's gate: to come in is a point."""

    def __init__(self, baton: Baton, gate: Gate) -> None:
        self.baton, self.gate = baton, gate

    def tries(self) -> bool:
        """Come not in: what was dropped waits for a point."""
        return False

    def enter(self) -> bool:
        """Have others go on first; what was dropped is closed before, each as a step."""
        self.flush()
        return self.baton.point("calls the registry", _REGISTRY)

    def flush(self) -> None:
        """Close what the running thread has dropped."""
        while self.gate.dropped:
            self.baton.point("drops a key", _REGISTRY)
            binding, handle = self.gate.dropped.popleft()
            binding.close_dropped(handle)

    def leave(self, _token: None) -> None:
        """Do nothing: the next point lets others in."""

    def __enter__(self) -> bool:
        return self.enter()

    def __exit__(self, *_: object) -> None:
        pass


class _Steps:
    """Has each step of a registry's calls be a point."""

    def __init__(self, baton: Baton, registry: Registry) -> None:
        self.baton, self.gate = baton, gate_of(registry.machine)
        self.lock, self.real = _GateLock(baton, self.gate), self.gate.lock
        self.bindings = list(self.gate.bindings)
        self.start = threading.Thread.start

    def __enter__(self) -> Self:
        self.gate.lock = cast("Any", self.lock)
        threading.Thread.start = partialmethod(_started, self.baton)  # type: ignore[assignment]
        self.baton.flush = self.lock.flush
        for binding in self.bindings:
            binding.enter, binding.leave = self.lock.enter, self.lock.leave
            binding.prepare = self._prepare  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        threading.Thread.start = self.start  # type: ignore[method-assign]
        self.gate.lock = self.real
        for binding in self.bindings:
            binding.enter, binding.leave = self.real.enter, self.real.leave

    def within(self, body: Callable[[], object]) -> Callable[[], object]:
        """Return *body* as a thread is to run it."""

        def watched() -> object:
            for binding in self.bindings:
                binding.calls.api.observer = self._observe
            return body()

        return watched

    def _observe(self, machine: Machine, _tid: Tid, taken: StepTaken) -> None:
        if taken.step.op is None or self.baton.ending:
            return
        self.baton.did(f"{machine.call}: {taken.step.does} -> {taken.status.name}")
        if taken.goto not in (RETURN, FAIL):
            call, site = machine.call, machine.site
            self.baton.point("goes on with the call", _REGISTRY)
            machine.call, machine.site = call, site

    def _prepare(self, planned: Planned) -> Prepared:
        if not isinstance(planned, Call):
            return prepared(planned)

        def step_by_step(
            machine: Machine, _process: Process, caller: Callable[[], Tid]
        ) -> tuple[NtStatus, Any]:
            status, value = interpret(machine, caller(), planned, self._observe)
            return status, getattr(value, "handle", value)

        return step_by_step


def _started(thread: threading.Thread, baton: Baton) -> None:
    baton.start(thread)


@contextmanager
def _renewed(baton: Baton, functions: Iterable[Callable[..., object]]) -> Iterator[None]:
    """Have locks and queues that *functions* can see, made before, be fresh and watched ones."""
    undo: list[Callable[[], None]] = []
    made: dict[int, Any] = {}
    for where, key, before in _seen_by(functions):
        if id(before) not in made:
            made[id(before)] = blocking.instead_of(baton, before)
        if made[id(before)] is not None:
            _put(where, key, made[id(before)])
            undo.append(partial(_put, where, key, before))
    try:
        yield
    finally:
        while undo:
            undo.pop()()


def _put(where: Any, key: str, value: object) -> None:  # noqa: ANN401 - a cell or a module's names
    if isinstance(where, CellType):
        where.cell_contents = value
    else:
        where[key] = value


def _seen_by(functions: Iterable[Callable[..., object]]) -> list[tuple[Any, str, object]]:
    """Return what *functions* see of their modules and closures: where, by which name, and what."""
    found: list[tuple[Any, str, object]] = []
    for function in functions:
        bare = inspect.unwrap(getattr(function, "__func__", function))
        if not isinstance(bare, FunctionType):
            continue
        for cell in bare.__closure__ or ():
            with suppress(ValueError):  # not yet bound
                found.append((cell, "", cell.cell_contents))
        found += [(bare.__globals__, name, value) for name, value in bare.__globals__.items()]
    return found
