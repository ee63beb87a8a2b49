"""Plans as Python functions: what `calls.interpret` does step by step, without asking each step.

The function is written out from the plan alone, so there is nothing to keep in agreement by hand;
tests run every call both ways and compare the machines. It is text that is compiled, because that
turns the plan's variables into local ones and its branches into ``if``: of what the interpreter
spends on a call, most goes into looking up what the plan has already decided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from regsim.errors import UsageError
from regsim.kernel.expr import Apply, Arg, Ask, Expr, HandleVar, Root, Scope, Var
from regsim.kernel.steps import FAIL, RETURN, STATUS, Act, Branch, Forget, Op, Set, Step
from regsim.status import NtStatus
from regsim.types import Handle, Tid

if TYPE_CHECKING:
    from regsim.kernel.calls import Plan
    from regsim.kernel.machine import Machine

Runner = Callable[["Machine", Tid, Mapping[str, Any]], tuple[NtStatus, Any]]
"""A plan as a function of machine, thread and arguments."""

_JOINED: Final = {"and": " and ", "or": " or "}


def compile_plan(plan: Plan) -> Runner | None:
    """Return *plan* as a function, or None when it has a part that only the interpreter knows.

    Those are acts, questions to the kernel, and variables that outlive the call.
    """
    writer = _Writer(plan)
    try:
        source = "\n".join(writer.function())
    except _NotCompiledError:
        return None
    code = compile(source, f"<plan {plan.name}>", "exec")
    exec(code, writer.known)  # noqa: S102 - our own text, made of the plan's structure only
    runner: Runner = writer.known["run"]
    return runner


class _NotCompiledError(UsageError):
    """The plan has a part that is not compiled."""


def _handle_in(value: Any) -> Handle:  # noqa: ANN401 - any result
    return Handle(getattr(value, "handle", value))


def _lost(does: str, status: NtStatus) -> UsageError:
    return UsageError(f"step {does!r} has no branch for {status.name}")


class _Writer:
    """Writes the function of one plan; objects that it mentions are kept in ``known``."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.labels = {step.at: number for number, step in enumerate(plan.steps)}
        self.variables: dict[Var | HandleVar, str] = {}
        self.known: dict[str, Any] = {
            "NtStatus": NtStatus,
            "SUCCESS": NtStatus.SUCCESS,
            "handle_in": _handle_in,
            "lost": _lost,
        }

    def function(self) -> Iterator[str]:
        several = len(self.plan.steps) > 1
        body = [line for step in self.plan.steps for line in self.step(step, several)]
        yield "def run(machine, tid, args):"
        for number, name in enumerate(self.plan.params):
            yield f" a{number} = args[{name!r}]"
        for variable, name in self.variables.items():
            yield f" {name} = {0 if isinstance(variable, HandleVar) else None}"
        if several:
            yield " at = 0"
        yield " while True:"
        yield from body

    def step(self, step: Step, several: bool) -> Iterator[str]:
        yield f"  if at == {self.labels[step.at]}:" if several else "  if True:"
        if step.op is None:
            yield "   status = SUCCESS"
        else:
            yield from self.operation(step.op)
        if step.status is not None:
            yield f"   status = NtStatus({self.expr(step.status)})"
        yield "   if False: pass"
        for branch in step.then:
            test = self.condition(branch)
            yield f"   elif {test}:" if test else "   else:"
            yield from self.branch(branch)
            if not test:
                return
        yield f"   else: raise lost({step.does!r}, status)"

    def operation(self, op: Op) -> Iterator[str]:
        self.known[f"do_{op.name}"] = op.operation.run
        args = "".join(f", {name}={self.expr(expr)}" for name, expr in op.args)
        yield "   machine.serial += 1"
        yield f"   status, value = do_{op.name}(machine, tid{args})"
        if op.into is not None:
            into, value = self.variable(op.into), "value"
            if isinstance(op.into, HandleVar):
                value = "value if value.__class__ is int else handle_in(value)"
            yield f"   if value is not None: {into} = {value}"

    def condition(self, branch: Branch) -> str:
        tests = []
        if branch.on == frozenset({NtStatus.SUCCESS}):
            tests.append("status is SUCCESS")
        elif branch.on is not None:
            sure = "status is SUCCESS or " if NtStatus.SUCCESS in branch.on else ""
            tests.append(f"({sure}status in {self.constant(branch.on)})")
        if branch.when is not True:
            tests.append(self.expr(branch.when))
        return " and ".join(tests)

    def branch(self, branch: Branch) -> Iterator[str]:
        for update in branch.set:
            if isinstance(update, Act):
                raise _NotCompiledError(f"the act {update.name}")
            if isinstance(update, Forget):
                yield f"    {self.variable(update.var)} = 0"
            elif isinstance(update, Set):
                value = "int(status)" if update.value == STATUS else self.expr(update.value)
                yield f"    {self.variable(update.var)} = {value}"
        if branch.goto == RETURN:
            yield f"    return status, {self.expr(self.plan.result)}"
        elif branch.goto == FAIL:
            yield "    return status, None"
        else:
            yield f"    at = {self.labels[branch.goto]}"

    def expr(self, expr: Expr) -> str:
        """Return *expr* as Python text."""
        if isinstance(expr, Arg):
            return f"a{self.plan.params.index(expr.name)}"
        if isinstance(expr, Var | HandleVar):
            return self.variable(expr)
        if isinstance(expr, Root):
            own, key = self.variable(expr.own), self.expr(expr.key)
            return f"({own} or machine.slot_handle(machine.process_of(tid), {key}))"
        if isinstance(expr, Apply):
            return self.apply(expr)
        if isinstance(expr, Ask):
            raise _NotCompiledError(f"the question {expr.question}")
        return self.constant(expr)

    def apply(self, expr: Apply) -> str:
        parts = [self.expr(operand) for operand in expr.operands]
        if expr.op in _JOINED:
            return f"bool({_JOINED[expr.op].join(parts)})"
        return f"(not {parts[0]})" if expr.op == "not" else f"({parts[0]} {expr.op} {parts[1]})"

    def variable(self, variable: Var | HandleVar) -> str:
        if variable.scope is not Scope.THREAD:
            raise _NotCompiledError(f"{variable.name} outlives the call")
        return self.variables.setdefault(variable, f"v{len(self.variables)}")

    def constant(self, value: object) -> str:
        if type(value) in (int, str, bool, type(None)):
            return repr(value)
        name = f"c{len(self.known)}"
        self.known[name] = value
        return name
