"""Plain code against all orders of itself, run one by one on machines."""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from brute import Brute, TooManyError

from regsim.check.property import PropertyKind, Verdict
from regsim.explore.service import ServiceModel, model

SYSTEMS = ("w2k", "win11")


def violated(found: ServiceModel, engine: str = "auto") -> set[str]:
    """Return the claims about every state that *found* violates."""
    answers = found.check(engine=engine, max_states=100_000)
    safety = [a for a in answers if a.property.kind is PropertyKind.ALWAYS]
    assert all(answer.verdict is not Verdict.INCONCLUSIVE for answer in safety)
    return {answer.property.name for answer in safety if answer.verdict is Verdict.VIOLATED}


class Writer:
    """Writes a program at random, of calls that may fail, leak or be in each other's way."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.open: list[str] = []
        self.locked = False
        self.count = 0

    def text(self) -> str:
        """Return the source of a service."""
        lines = ["def service(win):"]
        if self.random.random() < 0.2:
            lines += self.opening("    ", "win.RegOpenKeyEx(win.HKEY_CURRENT_USER, 'Software')")
        lines.append("    win.wait('request')")
        body: list[str] = []
        for _ in range(self.random.randint(1, 4)):
            body += self.statement("        ")
        return "\n".join([*lines, "    with win.impersonating('user'):", *body, ""])

    def opening(self, indent: str, call: str) -> list[str]:
        """Return the lines of a *call* that opens a key."""
        self.count += 1
        name = f"key{self.count}"
        self.open.append(name)
        if self.random.random() < 0.5:
            return [f"{indent}{name} = {call}"]
        lines = [f"{indent}try:", f"{indent}    {name} = {call}", f"{indent}except OSError:"]
        return [*lines, f"{indent}    return"]

    def statement(self, indent: str) -> list[str]:
        """Return the lines of one statement, or of a compound one."""
        choose = self.random.random()
        if choose < 0.3:
            call = "win.RegOpenKeyEx(win.HKEY_CURRENT_USER, 'Software')"
            return self.opening(indent, call)
        if choose < 0.4:
            return self.opening(indent, "win.RegOpenCurrentUser()")
        if choose < 0.6 and self.open:
            return [f"{indent}win.RegCloseKey({self.open.pop()})"]
        if choose < 0.75:
            return [f"{indent}win.RegCloseKey(win.HKEY_CURRENT_USER)"]
        if choose < 0.85:
            return [f"{indent}win.shared.n += 1"]
        if choose < 0.92:
            before = list(self.open)
            inner = self.statement(indent + "    ") if not self.locked else []
            self.open = [name for name in before if name in self.open]  # it may have no value
            return [f"{indent}if win.shared.n == 1:", *(inner or [f"{indent}    win.work('x')"])]
        if self.locked:
            return [f"{indent}win.work('reads')"]
        self.locked = True
        inner = self.statement(indent + "    ")
        self.locked = False
        return [f"{indent}with win.lock('a'):", *inner]


def written(text: str, folder: Path) -> Callable[[Any], object]:
    """Return the service whose source is *text*, from a file in *folder*."""
    path = folder / "service.py"
    path.write_text(text, "utf-8")
    spec = importlib.util.spec_from_file_location(f"written_{abs(hash(text))}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.service


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 6, 7, 9, 11, 12, 13])
def test_random_services_fail_as_in_every_order(seed: int, tmp_path: Path) -> None:
    """What is violated by a service written at random is what some order of its calls violates."""
    text = Writer(seed).text()
    found = model(os=SYSTEMS[seed % 2]).service(written(text, tmp_path), threads=2)
    found = found.user_logs_on_and_off()
    try:
        judge = Brute(found)
    except TooManyError:
        pytest.skip("it has too many orders to be run one by one")

    assert violated(found) == judge.found, text
