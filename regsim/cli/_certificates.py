"""What ``regsim check`` does with certificates: writes one, and verifies one without a search."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from regsim import models
from regsim.check.anynumber import AnyNumber
from regsim.check.certificate import Certificate, Verified, from_json, proofs_of, to_json
from regsim.check.families import ANY
from regsim.check.verify import Result
from regsim.cli._check_options import model_files
from regsim.cli._files import is_stdout, put
from regsim.errors import UsageError
from regsim.reading import contents


def write(
    out: Path, model: str, settings: Mapping[str, int | str], results: Sequence[Result]
) -> bool:
    """Write the certificate of what *results* prove to *out*, or say that they prove nothing.

    Returns:
        Whether it went to standard output, so that nothing else can.
    """
    proofs = proofs_of(results)
    if not proofs:
        click.echo(f"{out} is not written: nothing was proved for any number", err=True)
        return False
    put(out, to_json(Certificate(model, settings, proofs)).encode(), *model_files(model))
    return is_stdout(out)


def verify(
    file: Path, model: str | None, given: Mapping[str, object], engine: str, *, as_json: bool
) -> int:
    """Verify the certificate in *file* and return the exit code: 0 for a proof, 3 for none.

    *model* and what is *given* are asked about instead of what the certificate is about.

    Raises:
        UsageError: it is of a user's file, which is a program, and nobody has said to run that.
        DataError: it is damaged.
    """
    started = time.perf_counter()
    text = contents(file, "a certificate").decode("utf-8", errors="replace")
    certificate = from_json(text, str(file))
    if model is None and model_files(certificate.model):
        raise UsageError(
            f"{file} is a certificate of {certificate.model}, a program: name it, as in "
            f"`regsim check {certificate.model} --certificate {file}`, to have it run"
        )
    source = models.source(model or certificate.model)
    settings = source.settings({**certificate.parameters, **given})
    with source.blamed():
        made = source.build(settings)
        if not isinstance(made, AnyNumber):
            raise UsageError(f"a certificate is of any number of threads: give -p NAME={ANY}")
        found = [made.verified(proof, engine) for proof in certificate.proofs]
    seconds = time.perf_counter() - started
    if as_json:
        click.echo(json.dumps(_json(made.name, settings, file, found, seconds)))
    else:
        for each in found:
            click.echo(_text(made.name, " and ".join(made.least), each))
    return 0 if all(not each.why for each in found) else 3


def _text(model: str, numbers: str, found: Verified) -> str:
    claims = ", ".join(found.claims)
    if found.why:
        return f"{model}: {claims}: no proof: {found.why}"
    by = f", relations also by {found.prover}" if found.prover else ""
    return (
        f"{model}: {claims}: proved for any number of {numbers}\n"
        f"  {found.states:,} abstract states, none of which decides them otherwise; no step of "
        f"{found.transitions:,} leads out ({found.engine} engine{by})"
    )


def _json(
    model: str,
    settings: Mapping[str, int | str],
    file: Path,
    found: Sequence[Verified],
    seconds: float,
) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "model": model,
        "parameters": dict(settings),
        "certificate": str(file),
        "verdict": "holds" if all(not each.why for each in found) else "inconclusive",
        "proofs": [
            {
                "claims": list(each.claims),
                "verdict": "inconclusive" if each.why else "holds",
                "reasons": [each.why] if each.why else [],
                "states": each.states,
                "transitions": each.transitions,
                "engine": each.engine or None,
                "prover": each.prover or None,
            }
            for each in found
        ],
        "seconds": round(seconds, 6),
    }
