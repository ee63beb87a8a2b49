"""Plain code against all orders of itself, run one by one on machines."""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from brute import Brute

from regsim.check.property import PropertyKind, Verdict
from regsim.explore.asking import PlainCodeError
from regsim.explore.service import ServiceModel, model

SYSTEMS = ("w2k", "win11")


def violated(found: ServiceModel, engine: str = "auto") -> set[str]:
    """Return the claims about every state that *found* violates."""
    answers = found.check(engine=engine, max_states=100_000)
    safety = [a for a in answers if a.property.kind is PropertyKind.ALWAYS]
    assert all(answer.verdict is not Verdict.INCONCLUSIVE for answer in safety)
    return {answer.property.name for answer in safety if answer.verdict is Verdict.VIOLATED}


SEEDS_WITH_DROPS = (4, 14, 31, 38)
OPENS = "win.RegOpenKeyEx(win.HKEY_CURRENT_USER, 'Software')"
HELPER = """
def close(win, key):
    try:
        win.RegCloseKey(key)
    finally:
        win.shared.closed = 1

"""


class Writer:
    """Writes a program at random, of calls that may fail, leak or be in each other's way."""

    def __init__(self, seed: int, *, drops: bool = False) -> None:
        self.random, self.dropping = random.Random(seed), drops
        self.open: list[str] = []
        self.depth = self.count = 0

    def text(self) -> str:
        """Return the source of a service."""
        lines = ["def service(win):"]
        if self.random.random() < 0.2:
            lines += self.opening("    ", OPENS)
        lines.append("    win.wait('request')")
        body: list[str] = []
        for _ in range(self.random.randint(1, 4)):
            body += self.statement("        ")
        return HELPER + "\n".join([*lines, "    with win.impersonating('user'):", *body, ""])

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
        if self.dropping and self.random.random() < 0.4:
            return self.drops(indent)
        kinds = (self.opens, self.opens, self.own, self.closes, self.closes, self.root, self.root)
        nested = (self.counts, self.within, self.loop, self.locked, self.looks)
        chosen = self.random.choice(kinds if self.depth else (*kinds, *nested))
        return chosen(indent)

    def nested(self, indent: str) -> list[str]:
        """Return a statement within another; what it opens has perhaps no value afterwards."""
        before = list(self.open)
        self.depth += 1
        lines = self.statement(indent + "    ")
        self.depth -= 1
        self.open = [name for name in before if name in self.open]
        return lines

    def opens(self, indent: str) -> list[str]:
        """Open a key below the root."""
        return self.opening(indent, OPENS)

    def own(self, indent: str) -> list[str]:
        """Open a root of one's own."""
        return self.opening(indent, "win.RegOpenCurrentUser()")

    def closes(self, indent: str) -> list[str]:
        """Close what was opened last, itself or by another function."""
        if not self.open or (self.depth and self.random.random() < 0.5):
            return [f"{indent}win.work('x')"]
        key = self.open.pop()
        call = f"close(win, {key})" if self.random.random() < 0.5 else f"win.RegCloseKey({key})"
        return [f"{indent}{call}"]

    def root(self, indent: str) -> list[str]:
        """Close the root."""
        return [f"{indent}win.RegCloseKey(win.HKEY_CURRENT_USER)"]

    def counts(self, indent: str) -> list[str]:
        """Count in a shared variable."""
        return [f"{indent}win.shared.n += 1"]

    def looks(self, indent: str) -> list[str]:
        """Do something if a shared variable says so."""
        return [f"{indent}if win.shared.n == 1:", *self.nested(indent)]

    def within(self, indent: str) -> list[str]:
        """Have a key open for one statement."""
        opened = f"{indent}with win.OpenKey(win.HKEY_CURRENT_USER, 'Software'):"
        return [opened, *self.nested(indent)]

    def drops(self, indent: str) -> list[str]:
        """Open a key that closes with its last reference, and perhaps drop it before the end."""
        self.count += 1
        name = f"dropped{self.count}"
        base = self.random.choice([*self.open, "win.HKEY_CURRENT_USER"])
        lines = [f"{indent}{name} = win.OpenKey({base}, 'Software')"]
        if not self.depth:
            lines += [f"{indent}if True:", *self.nested(indent)]
        last = self.random.choice([f"del {name}", f"{name} = None", "win.work('y')"])
        return [*lines, f"{indent}{last}"]

    def loop(self, indent: str) -> list[str]:
        """Do something twice, in one of two ways to write that."""
        kept, self.open = self.open, []  # a key is not to be closed twice
        body = self.nested(indent)
        self.open = kept
        if self.random.random() < 0.5:
            return [f"{indent}for _ in range(2):", *body]
        return [f"{indent}n = 0", f"{indent}while n < 2:", f"{indent}    n += 1", *body]

    def locked(self, indent: str) -> list[str]:
        """Do something in a critical section."""
        return [f"{indent}with win.lock('a'):", *self.nested(indent)]


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


@pytest.mark.parametrize("seed", [2, 3, 7, 12, 13, 15, 17, 20, 22, 27, 29, 33])
def test_random_services_fail_as_in_every_order(seed: int, tmp_path: Path) -> None:
    """What is violated by a service written at random is what some order of its calls violates."""
    text = Writer(seed).text()
    found = model(os=SYSTEMS[seed % 2]).service(written(text, tmp_path), threads=2)
    found = found.user_logs_on_and_off()
    judge = Brute(found)

    assert violated(found) == judge.found, text


@pytest.mark.parametrize("seed", SEEDS_WITH_DROPS)
def test_random_services_that_drop_keys_fail_as_in_every_order(seed: int, tmp_path: Path) -> None:
    """A key closed with its last reference breaks what it breaks in some order, and no more."""
    text = Writer(seed, drops=True).text()
    found = model(os=SYSTEMS[seed % 2]).service(written(text, tmp_path)).user_logs_on_and_off()

    assert violated(found) == Brute(found).found, text


def test_the_judge_tells_a_leak_from_a_right_service(tmp_path: Path) -> None:
    """What runs every order finds a key that is left open, and nothing where it is closed."""
    opens = "def service(win):\n    win.wait('request')\n    with win.impersonating('user'):\n"
    leaks = opens + "        key = win.RegOpenCurrentUser()\n"
    found = [
        Brute(model(os="w2k").service(written(text, tmp_path)).user_logs_on_and_off()).found
        for text in (leaks, leaks + "        win.RegCloseKey(key)\n")
    ]

    assert found == [{"released"}, set()]


def test_a_file_that_has_changed_is_not_taken_for_the_code(tmp_path: Path) -> None:
    """Where the file is no longer what runs, states are told apart by their past, as they must."""
    text = "def service(win):\n    while win.wait('request'):\n        win.work('x')\n"
    kept = written(text, tmp_path)
    found = model(os="w2k").service(kept).user_logs_on_and_off().check("served", all_states=True)
    (tmp_path / "service.py").write_text(text.replace("'x'", "win.event"), "utf-8")
    changed = model(os="w2k").service(kept).user_logs_on_and_off()

    assert found.complete
    with pytest.raises(PlainCodeError, match="the source of the code"):
        changed.check("served", all_states=True)
