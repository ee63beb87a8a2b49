"""``regsim check``: exit codes, texts, JSON, paths."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import regsim
from regsim import cli

SCHEMA = json.loads((Path(regsim.__file__).parent / "schemas" / "check.json").read_text("utf-8"))
SMALL = ["q241572", "-p", "workers=1", "-p", "services=0"]


def run(
    capsys: pytest.CaptureFixture[str], *args: str, model: tuple[str, ...] = tuple(SMALL)
) -> tuple[int, str, str]:
    """Return the exit code and the two outputs of ``regsim check`` with *args*."""
    code = cli.main(["check", *model, *args])
    out = capsys.readouterr()
    return code, out.out, out.err


def record(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the JSON object, which is as the schema says."""
    code, out, err = run(capsys, *args, "--json")
    found: dict[str, Any] = json.loads(out)
    jsonschema.Draft202012Validator(SCHEMA).validate(found)
    assert err == ""
    return code, found


def test_the_leak(capsys: pytest.CaptureFixture[str]) -> None:
    """Nine steps, the last of which leaves one handle that blocks the unload."""
    code, out, err = run(capsys, "--property", "leak")

    assert code == 1
    assert err == ""
    lines = out.splitlines()
    assert lines[0] == "q241572: leak (always): violated"
    assert lines[-4].split()[:3] == ["9", "worker-1", "RegCloseKey(sub)"]
    assert lines[-4].endswith(" 1")
    assert "--path" in lines[-1]


@pytest.mark.parametrize(
    ("args", "code", "verdict"),
    [
        (["--property", "leak", "-p", "variant=refcounted"], 0, "holds"),
        (["--property", "leak"], 1, "violated"),
        (["--property", "leak", "--max-states", "9"], 3, "inconclusive"),
        (["--property", "live", "--max-seconds", "0"], 3, "inconclusive"),
        (["--property", "saved"], 0, "holds"),
    ],
)
def test_exit_codes(
    capsys: pytest.CaptureFixture[str], args: list[str], code: int, verdict: str
) -> None:
    """0 holds, 1 is violated, 3 is not known; a limit never reads as "holds"."""
    got, found = record(capsys, *args)

    assert (got, found["verdict"]) == (code, verdict)
    assert found["parameters"]["workers"] == 1


def test_all_states(capsys: pytest.CaptureFixture[str]) -> None:
    """The counts of the oracle model, and the path all the same."""
    _, found = record(capsys, "--property", "leak", "--all-states", "-p", "queue=1")

    assert (found["states"], found["transitions"], found["depth"]) == (63, 141, 18)
    assert len(found["path"]) == 9


def test_every_property(capsys: pytest.CaptureFixture[str]) -> None:
    """Without --property all are checked, and the worst verdict is the whole's."""
    code, found = record(capsys)
    verdicts = {each["property"]: each["verdict"] for each in found["properties"]}

    assert code == 1
    assert found["property"] is None
    assert verdicts["leak"] == verdicts["live"] == "violated"
    assert verdicts["err"] == verdicts["saved"] == "holds"
    _, out, _ = run(capsys)
    assert all(name in out for name in verdicts)


def test_a_path_is_replayed(capsys: pytest.CaptureFixture[str]) -> None:
    """From its code, to the same steps and the same verdict."""
    _, found = record(capsys, "--property", "leak")
    code, again = record(capsys, "--property", "leak", "--path", found["code"])

    assert code == 1
    assert again["path"] == found["path"]
    code, shown, _ = run(capsys, "--property", "leak", "--path", found["code"])
    assert code == 1
    assert shown.endswith("leak (always) on this path: violated\n")


def test_one_path_proves_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """A run that does not break a claim leaves it open; without a claim it is just shown."""
    assert record(capsys, "--property", "leak", "--path", "00")[0] == 3
    assert record(capsys, "--path", "00")[0] == 0


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--property", "leek"], "known: leak, err"),
        (["-p", "wokers=2"], "known: workers"),
        (["-p", "workers"], "NAME=VALUE"),
        (["-p", "variant=best"], "known: buggy"),
        (["--engine", "d"], "known: auto, python, c"),
        (["--reduce", "some"], "known: none, symmetry"),
        (["--fairness", "some"], "known: none, weak, strong"),
        (["--format", "png"], "known: text, json"),
        (["--path", "0!"], "no path code"),
        (["--path", "z"], "asks for choice"),
        (["--property", "err", "--format", "mermaid"], "no path to show"),
        (["--json", "--format", "mermaid"], "exclude each other"),
        (["--path", "0", "--export", "dot"], "exclude each other"),
        (["--max-seconds", "nan"], "not nan"),
    ],
)
def test_wrong_usage(capsys: pytest.CaptureFixture[str], args: list[str], said: str) -> None:
    """One line that says what exists, and exit code 2."""
    code, out, err = run(capsys, *args)

    assert code == 2
    assert out == ""
    assert said in err
    assert err.count("\n") == 1


def test_unknown_models(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A name that is none, and a file that is not there."""
    code, _, err = run(capsys, model=("q999",))
    assert code == 2
    assert "known: q241572" in err
    code, _, err = run(capsys, model=(str(tmp_path / "none.py"),))
    assert code == 2
    assert "there is no file" in err


@pytest.mark.parametrize(
    ("style", "start"),
    [("mermaid", "sequenceDiagram"), ("shiviz", "winlogon {"), ("python", "from regsim import")],
)
def test_formats(capsys: pytest.CaptureFixture[str], style: str, start: str) -> None:
    """The counterexample in each notation, found or replayed."""
    code, out, _ = run(capsys, "--property", "leak", "--format", style)
    assert code == 1
    assert out.startswith(start)
    code, again, _ = run(capsys, "--property", "leak", "--format", style, "--path", "011011000")
    assert (code, again) == (1, out)


def test_the_program_gives_numbers_as_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    """Though they were typed."""
    _, out, _ = run(capsys, "--property", "leak", "--format", "python")
    assert "models.model('q241572', workers=1, services=0)" in out


def test_exports(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """To the screen or into a file."""
    code, out, _ = run(capsys, "--export", "promela")
    assert code == 0
    assert "active proctype" in out
    code, out, _ = run(capsys, "--export", "dot", "--property", "leak", "-o", str(tmp_path / "x"))
    assert (code, out) == (0, "")
    assert "style=bold" in (tmp_path / "x").read_text()
    code, out, _ = run(capsys, "--export", "json", "-p", "queue=1")
    assert len(json.loads(out)["nodes"]) == 63


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--export", "tla"], "known: promela, dot, json"),
        (["-o", "x"], "--output needs --export"),
        (["--export", "dot", "--max-states", "10"], "more than 10 states"),
        (["--export", "dot", "--property", "leek"], "known: leak"),
    ],
)
def test_wrong_exports(capsys: pytest.CaptureFixture[str], args: list[str], said: str) -> None:
    """One line, exit code 2, and nothing written."""
    code, out, err = run(capsys, *args)
    assert code == 2
    assert out == ""
    assert said in err


PROGRAM = """
from regsim.check.plain import state
from regsim.check.property import always, leads_to

class Light:
    name, processes = "light", ("switch",)
    properties = (always("two-valued", state(lambda s: s in "on off".split())),
                  leads_to("goes-off", state(lambda s: s == "on"), state(lambda s: s == "off")))
    def init_states(self): return ["off"]
    def actions(self, state, process): return ["press"]
    def next_state(self, state, process, action): return "on" if state == "off" else "off"

Model = Light
"""


def test_a_users_own_model(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """From a Python file."""
    file = tmp_path / "light.py"
    file.write_text(PROGRAM)
    code, out, _ = run(capsys, model=(str(file),))

    assert code == 0
    assert "2 states, 2 transitions, depth 2" in out


BROKEN = """
from regsim.check import always, state
class Model:
    name, processes = "broken", ("it",)
    properties = (always("low", state(lambda n: n < 3)),)
    def init_states(self): return [0]
    def actions(self, n, process): return ["go"]
    def next_state(self, n, process, action): return AFTER
"""


@pytest.mark.parametrize("more", [(), ("--export", "promela"), ("--path", "0")])
def test_what_fails_in_a_users_file_is_told_with_its_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, more: tuple[str, ...]
) -> None:
    """In one line, and with the code of wrong input: 1 would read as violated."""
    file = tmp_path / "broken.py"
    file.write_text(BROKEN.replace("AFTER", "n // 0"))
    code, out, err = run(capsys, *more, model=(str(file),))

    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert f"{file}, line 8, fails: ZeroDivisionError" in err


def test_a_function_that_fails_to_make_a_model(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Is the file's failure too."""
    file = tmp_path / "failing.py"
    file.write_text("def Model(n=1):\n    raise KeyError(n)\n")
    code, _, err = run(capsys, model=(str(file),))

    assert code == 2
    assert "line 2, fails: KeyError: 1" in err


def test_a_state_that_cannot_be_told_from_others(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Is refused with what to use instead."""
    file = tmp_path / "listed.py"
    file.write_text(BROKEN.replace("AFTER", "[n]"))
    code, _, err = run(capsys, model=(str(file),))

    assert code == 2
    assert "the value of 'state' must be hashable, such as a tuple" in err


def test_an_unknown_name_in_a_file_lists_what_may_be_meant(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Not what the file imports; and a model that is already made can be named."""
    file = tmp_path / "light.py"
    file.write_text(f"from pathlib import Path\n{PROGRAM}\nmade = Model()\nnumber = 3\n")
    code, _, err = run(capsys, model=(f"{file}:Nope",))

    assert code == 2
    assert err.endswith("known: Light, Model, made\n")
    assert run(capsys, model=(f"{file}:made",))[0] == 0
    assert run(capsys, model=(f"{file}:number",))[0] == 2


def test_a_replayed_path_names_every_parameter(capsys: pytest.CaptureFixture[str]) -> None:
    """As a search does, the defaults too."""
    _, searched = record(capsys, "--property", "leak")
    _, replayed = record(capsys, "--path", searched["code"])

    assert replayed["parameters"] == searched["parameters"]
    assert replayed["path"] == searched["path"]


def test_progress_is_shown_on_a_terminal_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On stderr, never among the results."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    _, out, err = run(capsys, "--property", "err")

    assert "states/s" in err
    assert "states/s" not in out


MODEL = """
from regsim.check import always, state
class Model:
    name, processes = "m", ("a",)
    properties = (always("p", state(lambda s: s < 3)),)
    def init_states(self): return [0]
    def actions(self, s, p): return ["x"]
    def next_state(self, s, p, a):
        {body}
class Empty(Model):
    def init_states(self): return []
    def next_state(self, s, p, a): return s + 1
def made():
    {body}
{top}
"""


def ran(*command: object) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    words = [sys.executable, "-m", "regsim", *map(str, command)]
    return subprocess.run(words, check=False, capture_output=True, text=True)


@pytest.mark.parametrize("engine", ["python", "auto"])
@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ("import sys; sys.exit(0)", {2}),
        ("import sys; sys.exit(1)", {2}),
        ("import os; os._exit(0)", {2}),
        ("import os; os.execl('/bin/true', 'true')", {2}),
        ("import os; os.execvpe('true', ['true'], {})", {2}),
        ("from click.exceptions import Exit; raise Exit(0)", {2}),
        ("raise BrokenPipeError", {2}),
        ("raise GeneratorExit", {2}),
        ("return 1 // 0", {2}),
        ("raise MemoryError", {3}),
        ("raise KeyboardInterrupt", {130}),
    ],
)
def test_what_a_users_model_does_is_never_a_verdict(
    body: str, codes: set[int], engine: str, tmp_path: Path
) -> None:
    """An end, an exception or no memory in a user's code: an error in one line, never 0 or 1.

    Memory that runs out while states are explored is a limit as others are, with what was found.
    """
    path = tmp_path / "user.py"
    path.write_text(MODEL.format(body=body, top=""))
    for name in ("Model", "made"):
        command = ["check", f"{path}:{name}", "--engine", engine]
        done = ran(*command)
        assert done.returncode in codes
        explored = "there is no memory for more than 1 states" in done.stdout
        assert explored == (body == "raise MemoryError" and name == "Model")
        assert explored == bool(done.stdout)
        assert explored == ("inconclusive" in done.stdout)
        assert "\n" not in done.stderr.strip(), done.stderr
    path.write_text(MODEL.format(body="return s", top=body.replace("return ", "")))
    assert cli.main(["check", str(path)]) in codes


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the user's code runs in our process here")
@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("import ctypes; ctypes.CDLL(None)._exit(0)", 2),
        ("import ctypes; ctypes.string_at(0)", 2),
        ("import os; os.kill(os.getpid(), 9)", 3),
        ("import os; os.closerange(3, 99); return s + 1", 2),
        ("import threading as t; t.Thread(target=exit).start(); return s + 1", 1),
    ],
)
def test_an_end_that_python_cannot_refuse_is_no_verdict_either(
    body: str, code: int, tmp_path: Path
) -> None:
    """Code in C, a crash, a signal: the process that answers is another; a thread's end is none."""
    path = tmp_path / "user.py"
    path.write_text(MODEL.format(body=body, top=""))
    done = ran("check", path)

    assert done.returncode == code
    if code != 1:
        assert done.stderr.startswith("regsim: error: what ran the file's code ended")
        assert "\n" not in done.stderr.strip(), done.stderr


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc to look into")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_the_process_of_a_users_code_ends_with_ours(number: int, tmp_path: Path) -> None:
    """Whatever ends us while we wait for its answer, nothing goes on behind our back."""
    path, said = tmp_path / "user.py", tmp_path / "pid"
    body = f"import os; os.symlink(str(os.getpid()), {str(said)!r}); any(iter(int, 1))"
    path.write_text(MODEL.format(body=body, top=""))
    ours = subprocess.Popen(
        [sys.executable, "-m", "regsim", "check", path],
        stderr=subprocess.DEVNULL,
        # What a shell starts in the background ignores Ctrl-C, and hands that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads
    )
    try:
        until = time.monotonic() + 30
        while not said.is_symlink() and time.monotonic() < until:
            time.sleep(0.02)
        child = int(said.readlink().name)
        ours.send_signal(number)
        assert ours.wait(30) == (130 if number == signal.SIGINT else -number)
    finally:
        ours.kill()
        ours.wait()
    assert ended(child)


def ended(pid: int) -> bool:
    """Return whether a process ends within some seconds; one that nobody has waited for has."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("engine", ["python", "auto"])
def test_a_model_without_an_initial_state_proves_nothing(
    engine: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No run begins anywhere: that is wrong usage, and no claim holds."""
    path = tmp_path / "user.py"
    path.write_text(MODEL.format(body="return s", top=""))
    assert cli.main(["check", f"{path}:Empty", "--engine", engine]) == 2
    assert "no initial state" in capsys.readouterr().err
