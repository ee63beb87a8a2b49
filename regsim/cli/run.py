"""``regsim run``: one scenario, call by call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from regsim import models
from regsim.actors.telephony import Strategy
from regsim.errors import UnknownNameError, UsageError
from regsim.models import q241572
from regsim.report.text.runs import run_text
from regsim.scenario import Run
from regsim.writing import refuse_inputs, write_file


@click.command("run")
@click.argument("scenario")
@click.option("--os", "os_name", default="nt4-sp6a", show_default=True, help="The system.")
@click.option("--fix", default="none", show_default=True, help="The fix that is in place.")
@click.option("--hotfix-strategy", default="refcounted", help="What the hotfix is assumed to do.")
@click.option("--hold", type=click.IntRange(min=0), help="q272239: seconds the root is held.")
@click.option(
    "--profile", type=click.Path(path_type=Path), help="A real NTUSER.DAT to log on with."
)
@click.option("--server", type=click.Path(path_type=Path), help="The folder of the roaming copy.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    scenario: str,
    os_name: str,
    fix: str,
    hotfix_strategy: str,
    hold: int | None,
    profile: Path | None,
    server: Path | None,
    as_json: bool,
) -> int:
    """Play SCENARIO call by call and say whether the profile is saved.

    Exit code 0 when it is saved and nobody is harmed, 1 when not.
    """
    options: dict[str, Any] = _options(scenario, fix, hotfix_strategy, hold)
    if server is not None and profile is None:
        raise UsageError("--server needs --profile: the hive to log on with")
    if profile is not None:
        from regsim.regf.store import load_tree  # noqa: PLC0415 - only with a real hive

        options["profile"] = load_tree(profile)
    result = models.run(scenario, os=os_name, fix=fix, **options)
    if server is not None and profile is not None:
        _first_copy(profile, server)
        if result.profile_saved:
            _publish(result, profile, server)
    click.echo(json.dumps(result.as_json()) if as_json else run_text(result))
    return 0 if result.outcome.good else 1


def _options(scenario: str, fix: str, strategy: str, hold: int | None) -> dict[str, Any]:
    known = [choice.value for choice in q241572.HOTFIXES]
    if strategy not in known:
        raise UnknownNameError("hotfix strategy", strategy, known)
    options: dict[str, Any] = {}
    if scenario == q241572.NAME and fix == "hotfix":
        options["hotfix"] = Strategy(strategy)
    if hold is not None:
        if scenario != "q272239":
            raise UsageError("--hold belongs to q272239")
        options["hold"] = hold
    return options


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
