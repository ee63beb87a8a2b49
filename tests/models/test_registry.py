"""Finding models: the incidents by name with their parameters, and a user's own file."""

from __future__ import annotations

import inspect
import pkgutil
from pathlib import Path

import pytest
from regsim.models import explored, incidents, model, names, source

from regsim import dialects, models
from regsim.cases import fixes
from regsim.errors import DataError, NotApplicableError, UnknownNameError, UsageError
from regsim.explore.incident import ROAMING, Incident
from regsim.explore.parameters import Parameter, choice, number
from regsim.explore.system import System

OWN = """
from regsim.explore.scene import Scene
from regsim.actors import winlogon
from regsim.check.property import always, sometimes
from regsim.kernel.expr import HandleVar
from regsim.kernel.steps import Forget, Program, Step, go, op
from regsim.actors.stage import USER_PATH

KEY = HandleVar("key")
def service(closes):
    forget = (Forget(KEY),)
    steps = (
        Step(at="idle", does="open", when=winlogon.MOUNTED, then=(go("close"),),
             op=op("NtOpenKey", KEY, root=None, path=USER_PATH)),
        Step(at="close", does="close", then=(go("idle", *forget),),
             op=op("NtClose", handle=KEY) if closes else None),
    )
    return Program("my-service", steps, "idle")

def Model(closes=1):
    '''My service must let the hive go.'''
    scene = Scene("win11")
    scene.add("winlogon", winlogon.patient())
    scene.add("mine", service(closes))
    stuck = scene.at("winlogon", "unloading") & scene.at("mine", "idle") & ~scene.clear
    busy = scene.at("winlogon", "unloading") & scene.at("mine", "close")
    return scene.system("mine", always("released", ~stuck), sometimes("busy", busy))

ready = Model()
number = 3
def odd(what=None): pass
"""


@pytest.fixture
def own(tmp_path: Path) -> str:
    """The path of a user's file with a model."""
    path = tmp_path / "my_service.py"
    path.write_text(OWN, "utf-8")
    return str(path)


def test_incidents_can_be_listed() -> None:
    """What can be explored has a name, a line about it, and parameters with their defaults."""
    assert explored()[0] == "q241572"
    assert {"q179827", "reg-load"} <= set(names()) & set(explored())
    for name in explored():
        found = source(name)
        assert found.name == name
        assert found.about.endswith((".", "?"))
        assert all(p.about and p.allowed for p in found.parameters)
        assert found.settings({}) == {p.name: p.default for p in found.parameters}
        declared = inspect.signature(found.make).parameters.values()
        assert found.settings({}) == {p.name: p.default for p in declared}


INCIDENTS = list(incidents().values())
each = pytest.mark.parametrize("found", INCIDENTS, ids=lambda found: found.name)


def test_incidents_stand_in_their_order() -> None:
    """Every file of ``models/`` ends in an incident of its name; the case itself comes first."""
    files = {file.name.replace("_", "-") for file in pkgutil.iter_modules(models.__path__)}
    aliases = {alias for found in INCIDENTS for alias in found.aliases}

    assert set(incidents()) == files - aliases
    assert next(iter(incidents())) == models.CASE
    assert len({found.place for found in INCIDENTS}) == len(INCIDENTS)


def test_a_former_name_is_a_name_everywhere() -> None:
    """What `reg-load` was called means it still: where it is named, imported, played, explored."""
    from regsim.models import managed_handles, reg_load  # noqa: PLC0415 - this is what is tried

    assert managed_handles.INCIDENT is reg_load.INCIDENT is models.incident("managed_handles")
    assert (managed_handles.run, managed_handles.model) == (reg_load.run, reg_load.model)
    assert set(managed_handles.__all__) <= vars(reg_load).keys()
    assert models.run("managed-handles", os="win11").as_json()["scenario"] == "reg-load"
    assert model("managed-handles").name == source("managed-handles").name == "reg-load"


@each
def test_an_incident_is_whole(found: Incident) -> None:
    """It is played or explored, and says why where it is not both."""
    assert found.title
    assert found.source
    assert found.run or found.model
    assert bool(found.why_not) is (found.run is None or found.model is None)
    assert found.options == () or found.run is not None
    assert found.parameters == () or found.model is not None
    assert set(found.fixes) <= set(fixes.FIXES)
    dialects.get(found.os)


@each
def test_options_are_what_its_run_takes(found: Incident) -> None:
    """Each option besides the two paths is a keyword of ``run``, with its default."""
    if found.run is None:
        return
    _, *declared = inspect.signature(found.run).parameters.values()
    own = [option for option in found.options if option not in ROAMING]

    assert [option.name.replace("-", "_") for option in own] == [p.name for p in declared]
    assert [option.default for option in own] == [
        getattr(p.default, "value", p.default) for p in declared
    ]


@each
def test_what_is_not_there_is_refused_with_the_reason(found: Incident) -> None:
    """Playing what is only explored, and exploring what is only played, says why not."""
    if found.run is None:
        with pytest.raises(
            NotApplicableError, match=f"{found.name} is not played.*{found.why_not}"
        ):
            models.run(found.name)
        with pytest.raises(NotApplicableError, match=found.why_not):
            found.outcomes()
    if found.model is None:
        with pytest.raises(NotApplicableError, match=f"{found.name} is not exp.*{found.why_not}"):
            source(found.name)


@pytest.mark.parametrize(
    "given", ["q241572", "Q241572", "kb241572", "KB Q241572", "KB241572", " q 241572 "]
)
def test_a_name_forgives_case_and_spelling(given: str) -> None:
    """However it is written, it is the same incident, played or explored, under its own name."""
    assert models.run(given, os="Windows NT 4.0 SP6a", fix="Stop Service").scenario == "q241572"
    assert source(given).name == "q241572"


def test_a_run_is_called_by_the_names_that_are_listed() -> None:
    """A run says its system and fix as the lists do, however they were written."""
    run = models.run("Reg Load", os="WIN_11", fix="None")

    assert (run.scenario, run.os, run.fix) == ("reg-load", "win11", "none")


def test_a_fix_that_an_incident_has_not_is_refused() -> None:
    """With those it has; the matrix has no others."""
    with pytest.raises(NotApplicableError, match="q325086 has no fix 'uphclean'; it has: none, ho"):
        models.run("q325086", fix="uphclean")
    assert list(models.incident("q325086").outcomes()["nt4-sp6a"]) == ["none", "hotfix"]


def test_parameters_are_read_as_typed() -> None:
    """A number may be typed as text; the model is that of the numbers."""
    typed = source("q241572").settings({"workers": "3", "variant": "naive"})

    assert typed["workers"] == 3
    assert typed["variant"] == "naive"
    assert typed["queue"] == 2
    assert len(model("q241572", workers="3").processes) == len(
        model("q241572", workers=3).processes
    )


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"workers": "many"}, "workers must be a number, 1 to 16, or any, not 'many'"),
        ({"workers": 0}, "workers must be 1 to 16, or any, not 0"),
        ({"workers": "17"}, "17"),
        ({"stop": 2}, "0 to 1"),
        ({"variant": "fixed"}, "known: buggy, refcounted, uncached, forced, naive"),
        ({"worker": 1}, "unknown parameter of q241572 'worker' .*'workers'.*; known: workers"),
    ],
)
def test_bad_parameters_are_refused(given: dict, text: str) -> None:
    """A wrong name or value is refused with what is allowed."""
    with pytest.raises(UsageError, match=text):
        source("q241572").settings(given)


def test_bounds_are_allowed() -> None:
    """The least and the greatest number are allowed."""
    parameter = number("n", 2, 1, 3, "a number")

    assert [parameter.read(value) for value in (1, "2", 3)] == [1, 2, 3]
    assert choice("c", "a", ("a", "b"), "a letter").read("b") == "b"
    assert Parameter("free", 1, "any", free=True).read("-7") == -7
    assert Parameter("free", "x", "any", free=True).read("y") == "y"
    assert Parameter("free", "x", "any", free=True).allowed == "any text"


def test_unknown_model_lists_those_there_are() -> None:
    """An unknown name is refused with the incidents, and how a file is given."""
    with pytest.raises(UnknownNameError, match=r"did you mean 'q241572'.*shared-host.*FILE\.py"):
        source("q241573")


def test_own_file_is_a_model(own: str, explore) -> None:
    """A file's function makes a model, with the parameters that it declares."""
    found = source(own)

    assert found.about == "My service must let the hive go."
    assert [(p.name, p.default) for p in found.parameters] == [("closes", 1)]
    good = explore(found.build({}))
    assert "released" not in good.lengths
    assert good.lengths["busy"] == 3
    leaking = found.build({"closes": "0"})  # has states without end: it leaks again and again
    assert explore(leaking, only="released").lengths == {"released": 4}


def test_own_file_names_what_it_has(own: str) -> None:
    """After a colon stands the name in the file: of a model, or of what makes one."""
    assert isinstance(model(f"{own}:ready"), System)
    assert isinstance(model(f"{own}:Model", closes=0), System)
    with pytest.raises(UnknownNameError, match=r"known: .*ready"):
        model(f"{own}:missing")
    with pytest.raises(UsageError, match="neither a model nor a function"):
        model(f"{own}:number")
    with pytest.raises(UsageError, match="'what' needs a number or a text"):
        model(f"{own}:odd")
    with pytest.raises(UnknownNameError, match="parameter"):
        model(f"{own}:ready", closes=1)


def test_bad_files_are_refused(tmp_path: Path) -> None:
    """A file that is not there, or that fails, is refused in one line that names it."""
    with pytest.raises(UsageError, match=r"there is no file .*gone\.py"):
        model(str(tmp_path / "gone.py"))
    broken = tmp_path / "broken.py"
    broken.write_text("import nothing_of_this_name\n", "utf-8")
    with pytest.raises(DataError, match=r"broken\.py fails .*ModuleNotFoundError"):
        model(str(broken))


def test_own_service_takes_twenty_lines() -> None:
    """The actor, the machine and the property of a user's own service are a page at most."""
    lines = OWN[: OWN.index("ready =")].splitlines()
    written = [line for line in lines if line.strip() and "import" not in line]

    assert len(written) <= 20
