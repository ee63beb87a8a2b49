"""The jobs of `.ci/run` as sessions of nox: ``nox -l`` names them, ``nox -s NAME`` runs one.

The table of jobs is in `.ci/run`; what a job needs is run before it.
"""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path

import nox

RUN = Path(__file__).parent / ".ci" / "run"
nox.options.default_venv_backend = "none"  # the jobs make the environments that they need


def job(session: nox.Session, name: str) -> None:
    """Run the job *name*; the session fails where it does."""
    session.run("bash", str(RUN), name, external=True)


for line in subprocess.run(
    ["bash", str(RUN), "--list"], check=True, capture_output=True, text=True
).stdout.splitlines():
    name, text = line.split(maxsplit=1)
    run = partial(job, name=name)
    run.__doc__ = text
    nox.session(run, name=name, default=False)
