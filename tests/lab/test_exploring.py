"""The tables of the page to explore in: the explorer's graph, and nothing said beyond them."""

from __future__ import annotations

import json
import re
from collections import deque
from pathlib import Path
from typing import Any

import attrs
import pytest

import regsim
from regsim import models
from regsim.check import Verdict, always, check_all, sometimes, state
from regsim.check.factored import Factored
from regsim.check.paths import Walk
from regsim.check.property import PropertyKind
from regsim.check.verify import factored
from regsim.cli import main
from regsim.report.lab.exploring import BEYOND, MOST_BYTES, explorer_html, tables
from regsim.report.lab.states import part_of_state


def service(win: Any) -> None:
    """Open a key of the user's and close it."""
    while win.wait("request"):
        with win.impersonating("user"):
            win.RegCloseKey(win.RegOpenKeyEx(win.HKEY_CURRENT_USER, "Software"))


class Counter:
    """Counts up and down from either end, as a model of one's own may be."""

    name = "counter"
    processes = ("more", "less")
    properties = (
        always("low", state(lambda number: number < 7)),
        sometimes("five", state(lambda number: number == 5)),
    )

    def init_states(self) -> list[int]:
        """Return the two beginnings."""
        return [0, 9]

    def actions(self, number: int, process: int) -> list[str]:
        """Return the steps there are."""
        return [["up"] * (number < 9), ["down"] * (number > 3)][process]

    def next_state(self, number: int, process: int, action: str) -> int:  # noqa: ARG002
        """Return the next number."""
        return number + 1 if action == "up" else number - 1


def plain_code() -> Factored:
    """Return a service in plain code as a model."""
    return regsim.model(os="w2k").service(service, threads=2).user_logs_on_and_off().system()


MODELS = {
    "the case": lambda: models.model("q241572", workers=1, queue=1),
    "forced": lambda: models.model("q241572", workers=1, services=0, variant="forced"),
    "two users": lambda: models.model("two-users", workers=1),
    "plain code": plain_code,
}


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest) -> Factored:
    """A model, small enough to have all its states in a page."""
    return factored(MODELS[request.param]())


def ways(data: dict[str, Any]) -> list[int]:
    """Return how many steps each state is from the beginnings, by the tables alone."""
    steps = [0] * data["initial"] + [-1] * (len(data["states"]) - data["initial"])
    left = deque(range(data["initial"]))
    while left:
        state = left.popleft()
        for target in data["edges"][state][1::2]:
            if target != BEYOND and steps[target] < 0:
                steps[target] = steps[state] + 1
                left.append(target)
    return steps


def test_the_tables_are_the_graph_that_is_checked(model: Factored) -> None:
    """States, transitions, verdicts and the lengths of the shortest paths are the explorer's."""
    data = tables(model)
    results = check_all(model, all_states=True)
    steps = ways(data)
    shown = {claim["name"]: claim for claim in data["claims"]}

    assert len(data["states"]) == results[0].states
    assert sum(len(out) for out in data["edges"]) == 2 * results[0].transitions
    assert max(steps) + 1 == results[0].depth
    for result in results:
        claim, bit = result.property, shown[result.property.name]["bit"]
        if claim.kind is PropertyKind.LEADS_TO:
            assert bit == BEYOND
            continue
        found = [steps[n] for n, marks in enumerate(data["decided"]) if bit in marks]
        decided = (result.verdict is Verdict.VIOLATED) is (claim.kind is PropertyKind.ALWAYS)
        assert bool(found) is decided
        assert result.path is None or min(found) == len(result.path.steps)


def test_a_choice_of_the_page_is_one_of_the_command_line(model: Factored) -> None:
    """The steps of a state stand in the order in which a path's code counts them."""
    data = tables(model)
    walk, state = Walk(model), 0
    for turn in range(12):
        options = walk.options()
        out = data["edges"][state]
        steps = [data["steps"][n] for n in out[::2]]
        assert [(data["actors"][s[0]], s[1]) for s in steps] == options
        if not options:
            break
        choice = turn % len(options)
        walk.choose(choice)
        state = out[2 * choice + 1]


def test_what_is_told_of_a_state_is_so_whichever_way_leads_there(model: Factored) -> None:
    """Each step's answer and each handle is what a machine has that comes by another way."""
    data = tables(model)
    held = [c for c, parts in enumerate(data["parts"]) if any(p and "keys" in p for p in parts)]
    (first,) = model.initial()
    left, seen = [(0, first)], {0}
    while left:  # depth first, as the tables are not
        state, concrete = left.pop()
        values, places = model.vector(concrete), data["states"][state]
        for c in held:
            listed = data["parts"][c][places[c]].get("keys", [])
            assert [[*attrs.astuple(k)] for k in part_of_state(model, c, values[c]).keys] == listed
        out = data["edges"][state]
        for number, target in zip(out[::2], out[1::2], strict=True):
            actor, name, _, answer, bits = data["steps"][number]
            own = values[model.processes[actor].own]
            spec = next(step for step in model.steps(actor, own) if step.name == name)
            told = model.answer(concrete, actor, spec)  # type: ignore[attr-defined]
            assert answer == ("" if told is None else told.text)
            assert bits == (1 if told is None else told.ok | told.implicit << 1)
            if target not in seen:
                seen.add(target)
                left.append((target, model.take(concrete, actor, spec)))
    assert len(seen) == len(data["states"])


def test_handles_are_those_of_the_machine() -> None:
    """After a leak the root is there that nobody asked for, and a normal unload fails of it."""
    data = tables(MODELS["the case"]())
    broken = next(n for n, marks in enumerate(data["decided"]) if 0 in marks)
    keys = [
        key
        for c, value in enumerate(data["states"][broken])
        for key in data["parts"][c][value].get("keys", [])
    ]

    assert keys == [["HKEY_CURRENT_USER", "", "the user's hive", True, True]]
    assert not any("keys" in data["parts"][c][v] for c, v in enumerate(data["states"][0]))


def test_no_handle_is_said_to_block_where_its_counter_may_wrap() -> None:
    """A leak that wraps the counter lets the hive go (KB Q179827), so nothing is said of it."""
    data = tables(models.model("q179827"))
    keys = [k for parts in data["parts"] for p in parts if p for k in p.get("keys", [])]

    assert keys
    assert not any(key[4] for key in keys)


def test_a_model_of_ones_own_is_explored_from_each_beginning() -> None:
    """What is no machine is shown as its values, and may begin in several states."""
    data = tables(factored(Counter()))
    names = [claim["name"] for claim in data["claims"]]

    assert (data["initial"], data["initials"], len(data["states"])) == (2, 2, 10)
    assert data["parts"][0][data["states"][1][0]]["says"] == ["9"]
    assert [names[marks[0]] for marks in data["decided"] if marks].count("low") == 3


def test_beyond_its_bound_the_page_has_nothing() -> None:
    """The states nearest to the beginning are there, and no step leads to one that is not."""
    whole, cut = (tables(MODELS["the case"](), most) for most in (MOST_BYTES, 9_000))
    kept = len(cut["states"])

    assert 1 < kept < len(whole["states"])
    assert cut["states"] == whole["states"][:kept]
    assert len(json.dumps(cut, separators=(",", ":"))) < 12_000
    for less, more in zip(cut["edges"], whole["edges"], strict=False):
        assert less[::2] == more[::2]
        assert less[1::2] == [n if n < kept else BEYOND for n in more[1::2]]
    assert any(BEYOND in out[1::2] for out in cut["edges"])
    assert not any(BEYOND in out[1::2] for out in whole["edges"])
    assert ways(cut) == ways(whole)[:kept]


def test_a_model_without_end_makes_a_page() -> None:
    """A leak at each request has ever more states; the page takes the first and is done."""

    def leaks(win: Any) -> None:
        while win.wait("request"):
            with win.impersonating("user"):
                win.RegOpenCurrentUser()

    endless = regsim.model(os="w2k").service(leaks).user_logs_on_and_off().system()
    data = tables(endless, 60_000)

    assert len(json.dumps(data, separators=(",", ":"))) < 70_000
    assert any(BEYOND in out[1::2] for out in data["edges"])


# -- the command ---------------------------------------------------------------------------------

SERVICE = """import regsim
def service(win):
    '''My service does a little work.'''
    while win.wait("request"):
        win.work("x")
model = regsim.model(os="w2k").service(service).user_logs_on_and_off()
"""


def page_of(path: Path) -> dict[str, Any]:
    """Return the data of the page in *path*."""
    found = re.search(r'type="application/json">(.*?)</script>', path.read_text("utf-8"), re.DOTALL)
    assert found is not None
    body: dict[str, Any] = json.loads(found[1])
    return body


def test_the_command_takes_a_name_and_a_file(tmp_path: Path) -> None:
    """A built-in model, and a user's file whose parameters can be given."""
    file, page = tmp_path / "svc.py", tmp_path / "page.html"
    file.write_text(SERVICE, "utf-8")
    asked = ["lab", "--explore", "-o", str(page), "--model"]

    assert main([*asked, "q241572", "-p", "workers=1", "-p", "queue=1"]) == 0
    assert page_of(page)["command"] == "regsim check q241572 -p workers=1 -p queue=1 --path"
    assert main([*asked, str(file), "-p", "threads=2"]) == 0
    assert "service/service-2" in page_of(page)["components"]
    assert "My service does a little work." in page.read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--explore"], "--explore belongs to --model"),
        (["--explore", "--model", "nonesuch"], "unknown model 'nonesuch'"),
        (["--explore", "--model", "q241572", "-p", "workers=any"], "give one for any"),
    ],
)
def test_what_cannot_be_explored_is_refused(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says what, exit code 2, and no file is begun."""
    page = tmp_path / "page.html"

    assert main(["lab", *words, "-o", str(page)]) == 2
    assert said in capsys.readouterr().err
    assert not page.exists()


def test_the_same_model_gives_the_same_bytes() -> None:
    """Two builds are equal byte for byte."""
    one, two = (
        explorer_html(MODELS["forced"](), title="t", intro="i", command="c") for _ in range(2)
    )

    assert one == two
