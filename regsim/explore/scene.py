"""Setting up a model: a computer, who acts on it, and what is claimed of every interleaving.

A user's own service is a model in a few lines::

    scene = Scene("win11")
    scene.add("winlogon", winlogon.patient())
    scene.add("my-service", my_program)
    stuck = scene.at("winlogon", "unloading") & scene.at("my-service", "idle") & ~scene.clear
    model = scene.system("my-service", always("released", ~stuck))
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import index

from regsim import dialects, keypath
from regsim.actors.stage import PROFILE, USER_PATH
from regsim.cases.case import fresh_profile
from regsim.check.families import Opaque, Several
from regsim.check.formula import Atom, Formula, Zero
from regsim.check.property import Property
from regsim.errors import UnknownNameError, UsageError
from regsim.explore.system import (
    NAMESPACE,
    ActorThread,
    System,
    counter_name,
    thread_name,
    thread_of,
    variable_name,
)
from regsim.kernel.expr import Frame, Var
from regsim.kernel.footprint import expressions
from regsim.kernel.machine import Machine
from regsim.kernel.process import SYSTEM_TOKEN, Scalar, Thread, Token
from regsim.kernel.steps import STATUS, Program
from regsim.policy import Dialect
from regsim.types import PredefinedKey

USER_HIVE = r"HKU\<SID>"
"""What the hive of the roaming user is called in counters and reports."""


class Scene:
    r"""A computer with one roaming user who is logged off, and the actors put onto it.

    Args:
        dialect: the generation, by name or as it is.
        hives: the hives whose open handles count, by what a reader calls them; by default the
            roaming user's as ``HKU\<SID>``.
    """

    def __init__(
        self, dialect: str | Dialect = "win11", *, hives: Mapping[str, str] | None = None
    ) -> None:
        self.dialect = dialects.get(dialect) if isinstance(dialect, str) else dialect
        self.hives = dict(hives) if hives is not None else {USER_HIVE: USER_PATH}
        self.machine = Machine(self.dialect)
        self.machine.files.write(PROFILE, fresh_profile())
        self._players: dict[str, ActorThread] = {}

    def add(
        self,
        name: str,
        program: Program,
        *,
        count: int | None = None,
        process: str | None = None,
        token: Token = SYSTEM_TOKEN,
        variables: Mapping[str, Scalar] | None = None,
    ) -> tuple[str, ...]:
        """Have *program* run and return the names of the threads that run it.

        Every variable that the program speaks of begins at 0, if it has no value yet.

        Args:
            name: the thread's name; with *count* the threads are ``name-1``, ``name-2``, ...
            program: what it runs.
            count: how many interchangeable ones there are; None for one of its own kind.
            process: the process they are threads of; by default each has a process of its own.
            token: whom a process that is started for them acts as.
            variables: other values for the thread's variables to begin with.

        Raises:
            UsageError: there is a thread of that name already, or *count* is negative.
        """
        family = "" if count is None else name
        if count is None:
            names: tuple[str, ...] = (name,)
        else:
            # Only an index is asked of a count: it may be one that cannot be computed with.
            number = index(count)
            if number < 0:
                raise UsageError(f"{name}: there cannot be {number} of it")
            names = tuple(f"{name}-{i + 1}" for i in range(number))
        for thread in names:
            started = self._start(thread, program, process or thread, token)
            started.memory.vars.update(variables or {})
            self._begin_at_zero(started, program)
            self._players[thread] = ActorThread(
                thread, started.tid, process or thread, program, family
            )
        # Of any number one can neither tell how many there are nor pick one.
        return Several(names) if isinstance(count, Opaque) else names

    def _start(self, name: str, program: Program, role: str, token: Token) -> Thread:
        if name in self._players:
            raise UsageError(f"there is an actor {name!r} already; give this one another name")
        process = self.machine.process_named(role)
        if process is None:
            process = self.machine.start_process(role, token=token)
        return self.machine.start_thread(process, name, pc=program.start)

    def _begin_at_zero(self, thread: Thread, program: Program) -> None:
        frame = Frame(self.machine, thread.tid, thread.memory, {})
        for step in program.steps:
            for expr in expressions(step):
                if isinstance(expr, Var) and expr != STATUS:
                    frame.memory_of(expr.scope).vars.setdefault(expr.name, 0)

    def disable_cache(self, role: str) -> None:
        """Have process *role* begin with its cache of HKEY_CURRENT_USER disabled (rule P6)."""
        process = self.machine.process_named(role)
        if process is None:
            raise UsageError(f"there is no process {role!r} yet; add an actor to it first")
        process.uncached |= {PredefinedKey.CURRENT_USER}

    def system(self, name: str, *properties: Property, most_states: int | None = None) -> System:
        """Return the model called *name* that claims *properties*.

        It is explored up to *most_states* unless somebody says otherwise; None: to the end.
        """
        players = tuple(self._players.values())
        return System(
            name,
            self.machine,
            players,
            hives=self.hives,
            properties=properties,
            most_states=most_states,
        )

    # -- formulas ---------------------------------------------------------------------------

    def component(self, name: str) -> str:
        """Return the component that actor *name* stands in; see `system.thread_of` for its value.

        Raises:
            UnknownNameError: there is no such actor; the text lists those there are.
        """
        if name not in self._players:
            raise UnknownNameError("actor", name, self._players)
        player = self._players[name]
        return thread_name(player.process, player.name)

    def at(self, name: str, *labels: str) -> Formula:
        """Return the formula that actor *name* stands at one of *labels*."""
        component = self.component(name)
        program = self._players[name].program
        for label in labels:
            if label not in program.by_label:
                raise UnknownNameError(f"label of {program.name}", label, program.by_label)
        text = f"{name} at {' or '.join(labels)}"
        return Atom(component, lambda value: thread_of(value).pc in labels, text)

    def ended(self, name: str) -> Formula:
        """Return the formula that the process of actor *name* has ended."""
        test = f"{name}'s process has ended"
        return Atom(self.component(name), lambda value: not thread_of(value).alive, test)

    def variable(self, var: Var, value: Scalar) -> Formula:
        """Return the formula that the machine's variable *var* is *value*."""
        text = f"{var.name} = {value}"
        return Atom(variable_name(var.name), lambda found: found == value, text)

    def mounted(self, path: str) -> Formula:
        """Return the formula that a hive is mounted at *path*."""
        parts = keypath.fold(keypath.split(path))
        text = f"{keypath.short(path)} is loaded"
        return Atom(NAMESPACE, lambda value: any(h[0] == parts for h in value.hives), text)

    @property
    def corrupt(self) -> Formula:
        """The formula that the kernel has freed a key under open handles (KB Q179827)."""
        return Atom(NAMESPACE, lambda value: value.corrupt, "the pool is corrupt")

    def released(self, label: str) -> Formula:
        """Return the formula that no handle is open on the hive called *label*."""
        if label not in self.hives:
            raise UnknownNameError("hive", label, self.hives)
        return Zero(counter_name(label))

    @property
    def clear(self) -> Formula:
        """The formula that no handle is open on the first of the hives that count."""
        return self.released(next(iter(self.hives)))
