r"""regsim finds, explains and proves the fix of registry handles that keep a hive from unloading.

The names below are all that most programs need; each is imported when it is first used. What is a
path or a name may be given as text.

- a machine to call: `Machine`, `Api`, `Process`, `Hive`, `Handle`, `HandleTable`, `PredefinedKey`,
  `Value`
- Windows generations as data: `dialects`, `Dialect`
- an incident played once: `run`, `Run`, `Outcome`; one of your own, each call written down:
  `Scenario`
- every interleaving of a model: `check`, `Verdict`; of a service in plain Python: `model`
- evidence: `who`, `replay`, `Finding`
- source files: `lint`
- hive files: `open_hive`, `Key`
- what regsim raises: `RegsimError`

Beside these names, ``regsim.ANY`` stands for any number of threads.

>>> import regsim
>>> machine = regsim.Machine("nt4-sp6a")
>>> machine.mount_hive(r"\REGISTRY\USER\S-1-5-21-7").handles
0
>>> regsim.check("q241572", "leak", variant="naive", services=0).verdict.value
'holds'
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # importing it from typing would double the cost of this module
if TYPE_CHECKING:
    from regsim import check, dialects, lint
    from regsim._version import __version__ as __version__
    from regsim.accel import HandleTable
    from regsim.check.families import ANY as ANY
    from regsim.check.property import Verdict
    from regsim.errors import RegsimError
    from regsim.explore.service import model
    from regsim.kernel.hive import Hive
    from regsim.kernel.machine import Machine
    from regsim.kernel.process import Process
    from regsim.models import run
    from regsim.policy import Dialect
    from regsim.regf import Key, open_hive
    from regsim.scenario import Outcome, Run, Scenario
    from regsim.trace.asking import replay, who
    from regsim.trace.finding import Finding
    from regsim.types import Handle, PredefinedKey, Value
    from regsim.win32.api import Api

__all__ = [
    "Api",
    "Dialect",
    "Finding",
    "Handle",
    "HandleTable",
    "Hive",
    "Key",
    "Machine",
    "Outcome",
    "PredefinedKey",
    "Process",
    "RegsimError",
    "Run",
    "Scenario",
    "Value",
    "Verdict",
    "check",
    "dialects",
    "lint",
    "model",
    "open_hive",
    "replay",
    "run",
    "who",
]

_HOMES = {
    "ANY": "regsim.check.families",
    "Api": "regsim.win32.api",
    "Dialect": "regsim.policy",
    "Finding": "regsim.trace.finding",
    "Handle": "regsim.types",
    "HandleTable": "regsim.accel",
    "Hive": "regsim.kernel.hive",
    "Key": "regsim.regf",
    "Machine": "regsim.kernel.machine",
    "Outcome": "regsim.scenario.result",
    "PredefinedKey": "regsim.types",
    "Process": "regsim.kernel.process",
    "RegsimError": "regsim.errors",
    "Run": "regsim.scenario.result",
    "Scenario": "regsim.scenario.playing",
    "Value": "regsim.types",
    "Verdict": "regsim.check.property",
    "model": "regsim.explore.service",
    "open_hive": "regsim.regf",
    "replay": "regsim.trace.asking",
    "run": "regsim.models",
    "who": "regsim.trace.asking",
    "__version__": "regsim._version",
}


def __getattr__(name: str) -> object:
    """Import what *name* stands for, once (PEP 562)."""
    if name in ("check", "dialects", "lint"):
        return import_module(f"regsim.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'regsim' has no attribute {name!r}")
    found: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Return the public names, imported or not."""
    return sorted({*globals(), *__all__})
