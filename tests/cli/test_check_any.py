"""``regsim check`` of any number of threads: texts, JSON, certificates, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

import regsim
from regsim import cli

SCHEMA = json.loads((Path(regsim.__file__).parent / "schemas" / "check.json").read_text("utf-8"))
ANY = ("q241572", "-p", "workers=any", "-p", "services=0", "-p", "queue=1")
FIXED = (*ANY, "-p", "variant=refcounted")

SERVICE = '''
from regsim.actors import bystanders, winlogon
from regsim.check import always
from regsim.check.formula import every, some
from regsim.explore.scene import Scene

def model(threads: int = 2, others: int = 0, kept: int = 0):
    """Services that open the hive and close it."""
    scene = Scene("win11")
    scene.add("winlogon", winlogon.patient())
    scene.add("icw", bystanders.wizard({queue}), process="session")
    names = scene.add("service", bystanders.service(), count=threads)
    work = [scene.at(name, "work") for name in names]
    gone = ~scene.mounted(r"\\\\REGISTRY\\\\USER\\\\S-1-5-21-1004336348-1177238915-682003330-1001")
    return scene.system("svc", always("held", ~(some(work) & gone)), {claim})
'''


def run(
    capsys: pytest.CaptureFixture[str], *args: str, model: tuple[str, ...]
) -> tuple[int, str, str]:
    """Return the exit code and the two outputs of ``regsim check`` with *model* and *args*."""
    code = cli.main(["check", *model, *args])
    out = capsys.readouterr()
    return code, out.out, out.err


def service(tmp_path: Path, claim: str = "always('free', every(work))", queue: str = "1") -> str:
    """Return the file of a user's model that claims *claim* too."""
    file = tmp_path / "svc.py"
    file.write_text(SERVICE.replace("{claim}", claim).replace("{queue}", queue), encoding="utf-8")
    return str(file)


def test_a_bounded_verdict_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """And how to ask about any number; one that a path shows says nothing of bounds."""
    model = ("q241572", "-p", "services=1", "-p", "queue=1")
    _, out, _ = run(capsys, "--property", "err", model=model)
    assert "For up to 2 workers, 1 service; for any number: add" in " ".join(out.split())
    assert "`-p workers=any -p services=any`" in " ".join(out.split())
    _, out, _ = run(capsys, model=model)
    assert " ".join(out.split()).count("for any number: add") == 1
    _, out, _ = run(capsys, "--property", "leak", model=model)
    assert "any number" not in out


def test_a_proof_and_a_path(capsys: pytest.CaptureFixture[str]) -> None:
    """A proof is for any number; a path is of given numbers, and its last line replays it."""
    code, out, _ = run(capsys, "--property", "leak", model=FIXED)
    assert code == 0
    assert "abstract states" in out
    assert "For any number of workers." in out
    code, out, _ = run(capsys, "--property", "leak", model=ANY)
    assert code == 1
    assert "Shown with 1 worker; asked of any number." in out
    replay = " ".join(out.replace("\\\n", " ").rsplit("Replay: ", 1)[1].split()).split()
    assert run(capsys, model=tuple(replay[2:]))[0] == 1


def test_json_of_any_number(capsys: pytest.CaptureFixture[str]) -> None:
    """``parameters`` says any, ``concrete`` of what the path is; what is left out has a reason."""
    code, out, _ = run(capsys, "--json", model=ANY)
    found = json.loads(out)
    assert code == 1
    assert found["parameters"]["workers"] == "any"
    assert found["concrete"] == {"workers": 1}
    assert len(found["path"]) == 9
    assert sorted(found["left_out"]) == ["live", "livesf", "livew"]
    proof = next(each for each in found["properties"] if each["property"] == "err")
    assert (proof["verdict"], proof["path"], proof["concrete"]) == ("holds", [], None)
    _, out, _ = run(capsys, "--property", "leak", "--json", model=(*ANY[:1], *ANY[3:]))
    assert "concrete" not in json.loads(out)


def test_json_is_as_the_schema_says(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Of one property, of all, and of a certificate."""
    file = str(tmp_path / "proof.json")
    asked = [
        (*FIXED, "--property", "err", "--certificate-out", file),
        FIXED,
        ("--certificate", file),
        ("q241572", "-p", "variant=buggy", "--certificate", file),
    ]
    for model in asked:
        _, out, err = run(capsys, "--json", model=model)
        assert err == ""
        jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(out))


def test_a_certificate_is_written_and_verified(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """0 for a proof; 3 where the model is another one, or a state is gone."""
    file = tmp_path / "proof.json"
    assert run(capsys, "--property", "leak", "--certificate-out", str(file), model=FIXED)[0] == 0
    code, out, _ = run(capsys, model=("--certificate", str(file)))
    assert code == 0
    assert out.startswith("q241572: leak: proved for any number of workers\n")
    code, out, _ = run(capsys, model=("q241572", "-p", "variant=naive", "--certificate", str(file)))
    assert code == 3
    assert "no proof" in out
    body = json.loads(file.read_text(encoding="utf-8"))
    body["proofs"][0]["relations"] = []
    file.write_text(json.dumps(body), encoding="utf-8")
    assert run(capsys, model=("--certificate", str(file)))[0] == 3


def test_what_is_violated_has_no_certificate(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """No file is written, and that is said; the exit code is the verdict's."""
    file = tmp_path / "proof.json"
    code, _, err = run(capsys, "--property", "leak", "--certificate-out", str(file), model=ANY)
    assert (code, file.exists()) == (1, False)
    assert "nothing was proved" in err


def test_a_certificate_runs_no_program_unasked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A certificate of a user's file is verified where that file is named, and only there."""
    svc, proof = service(tmp_path), str(tmp_path / "proof.json")
    asked = (svc, "-p", "threads=any", "--property", "held", "--certificate-out", proof)
    assert run(capsys, model=asked)[0] == 0
    code, out, err = run(capsys, model=("--certificate", proof))
    assert (code, out) == (2, "")
    assert "a program: name it" in err
    assert run(capsys, model=(svc, "--certificate", proof))[0] == 0


def test_a_users_own_model_of_any_number(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A number that is only a count may be any: of what holds, and of what does not."""
    svc = service(tmp_path)
    assert run(capsys, "--property", "held", model=(svc, "-p", "threads=any"))[0] == 0
    code, out, _ = run(capsys, "--property", "free", model=(svc, "-p", "threads=any"))
    assert code == 1
    assert "Shown with 1 thread" in out


@pytest.mark.parametrize(
    ("given", "queue", "said"),
    [
        ("others=any", "1", "others cannot be any number"),
        ("threads=any", "threads", "compares or computes with the number"),
        ("threads=any", "len(range(threads))", "is not the same"),
        ("threads=many", "1", "threads must be a number"),
    ],
)
def test_a_number_that_is_more_than_a_count_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, given: str, queue: str, said: str
) -> None:
    """In one line, with exit code 2."""
    svc = service(tmp_path, queue=queue)
    code, out, err = run(capsys, "--property", "held", model=(svc, "-p", given))
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((*ANY, "--property", "livesf"), "livesf says that something will happen"),
        ((*ANY, "--path", "0"), "give numbers"),
        ((*ANY, "--export", "dot"), "give numbers"),
        ((*ANY[:2], "workers=few"), "or any"),
        (("q241572", "-p", "queue=any"), "queue must be a number"),
        ((), "name a MODEL"),
        (("--certificate", "no.json"), "there is no file no.json"),
        ((*ANY, "--certificate", "a", "--certificate-out", "b"), "give one"),
        ((*ANY, "--certificate-out", "-", "--json"), "both want standard output"),
    ],
)
def test_what_cannot_be_asked_is_said(
    capsys: pytest.CaptureFixture[str], args: tuple[str, ...], said: str
) -> None:
    """In one line, with exit code 2."""
    code, out, err = run(capsys, model=args)
    assert (code, out) == (2, "")
    assert said in err
