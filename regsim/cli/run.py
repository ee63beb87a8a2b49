"""``regsim run``: one scenario, call by call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from regsim import models
from regsim.cli._colour import OUTCOMES, echo
from regsim.cli._files import hive_read, written
from regsim.cli._names import Naming
from regsim.errors import UsageError
from regsim.explore.incident import Incident
from regsim.explore.parameters import Parameter, settings
from regsim.report.text.runs import run_text
from regsim.scenario import Run
from regsim.writing import refuse_inputs, write_file


def _asked() -> dict[Parameter, list[str]]:
    """Return what the incidents that are played can be given, with the names of those."""
    found: dict[Parameter, list[str]] = {}
    for name in models.names():
        for option in models.incident(name).options:
            found.setdefault(option, []).append(name)
    return found


class _Command(Naming):
    """A command with the options of every incident that is played."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's own parameters, and those of the incidents."""
        asked = [
            click.Option([f"--{option.name}"], help=f"{', '.join(whose)}: {option.about}.")
            for option, whose in _asked().items()
        ]
        return [*super().get_params(ctx), *asked]


@click.command("run", cls=_Command, takes=("SCENARIO", "--os", "--fix"))
@click.argument("scenario")
@click.option("--os", "os_name", help="The system; the one that it is about by default.")
@click.option("--fix", default="none", show_default=True, help="The fix that is in place.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    scenario: str, os_name: str | None, fix: str, as_json: bool, **options: str | None
) -> int:
    """Play SCENARIO call by call and say whether the profile is saved.

    Exit code 0 when it is saved and nobody is harmed, 1 when not.
    """
    incident = models.incident(scenario)
    given = {name.replace("_", "-"): value for name, value in options.items() if value is not None}
    chosen: dict[str, Any] = _chosen(incident, given)
    profile, server = (given.get(name) for name in ("profile", "server"))
    if profile is None and server is not None:
        raise UsageError("--server needs --profile: the hive to log on with")
    if profile is not None:
        from regsim.regf.store import load_tree  # noqa: PLC0415 - only with a real hive

        with hive_read(Path(profile)):
            chosen["profile"] = load_tree(Path(profile))
    result = incident.play(os_name or incident.os, fix, **chosen)
    if server is not None and profile is not None:
        with written(Path(server) / "NTUSER.DAT"):
            _first_copy(Path(profile), Path(server))
            if result.profile_saved:
                _publish(result, Path(profile), Path(server))
    if as_json:
        click.echo(json.dumps(result.as_json()))
    else:
        echo(run_text(result), OUTCOMES)
    return 0 if result.outcome.good else 1


def _chosen(incident: Incident, given: Mapping[str, str]) -> dict[str, object]:
    """Return what *incident* is played with besides the profile; refuse what it does not take."""
    for option, whose in _asked().items():
        if option.name in given and option not in incident.options:
            raise UsageError(f"--{option.name} belongs to {', '.join(whose)}")
    values = settings(incident.options, given, incident.name)
    paths = ("profile", "server")
    return {name.replace("-", "_"): v for name, v in values.items() if name not in paths}


def _first_copy(profile: Path, server: Path) -> None:
    """Have the server hold the profile as it was before this session, unless it has a copy."""
    target = server / "NTUSER.DAT"
    refuse_inputs(target, [profile])
    if not target.exists():
        write_file(target, profile.read_bytes())


def _publish(result: Run, profile: Path, server: Path) -> None:
    """Have the server hold the profile as the logoff saved it."""
    from regsim.regf.store import save_tree  # noqa: PLC0415 - only with a real hive

    if result.server_copy is not None:
        save_tree(result.server_copy, server / "NTUSER.DAT", base=profile)
