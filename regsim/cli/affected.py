"""``regsim affected``: is a system affected by KB Q241572?"""

from __future__ import annotations

import datetime as dt
import json

import attrs
import click

from regsim.dialects.article import LISTINGS, PLATFORMS, Affected, affected, service_packs
from regsim.errors import UsageError
from regsim.report.text.console import terminal_width, wrap

SCHEMA_VERSION = 1
_WIDTH = 78
_MAX_DIGITS = 18


@click.command("affected")
@click.option("--product", help=f"One of {', '.join(LISTINGS)}.")
@click.option("--sp", help="The service pack: rtm, 1 to 6, 6a; for nt4-tse rtm, 4, 5 or 6.")
@click.option("--platform", help=f"One of {', '.join(PLATFORMS)}.")
@click.option("--file-date", help="The date of Tapisrv.exe, as YYYY-MM-DD.")
@click.option("--file-size", help="The size of Tapisrv.exe in bytes.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(
    ctx: click.Context,
    *,
    product: str | None,
    sp: str | None,
    platform: str | None,
    file_date: str | None,
    file_size: str | None,
    as_json: bool,
) -> None:
    """Tell whether a system loses roaming profiles as KB Q241572 describes.

    The articles' own tables answer. Exit code 1 means affected, 0 not affected.
    """
    if product is None:
        raise UsageError(f"--product is missing; known: {', '.join(LISTINGS)}")
    if sp is None:
        raise UsageError(f"--sp is missing; known: {', '.join(service_packs(product))}")
    answer = affected(product, sp, platform, _date(file_date), _size(file_size))
    click.echo(_json(answer) if as_json else _text(answer))
    ctx.exit(1 if answer.affected else 0)


def _date(text: str | None) -> dt.date | None:
    if text is None:
        return None
    try:
        date = dt.date.fromisoformat(text)
    except ValueError:
        date = None
    if date is None or date.isoformat() != text:
        raise UsageError(f"--file-date is a date such as 1999-09-01, but is {text!r}")
    return date


def _size(text: str | None) -> int | None:
    if text is None:
        return None
    digits = text.replace(",", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS):
        raise UsageError(f"--file-size is a number of bytes such as 152848, but is {text!r}")
    return int(digits)


def _json(answer: Affected) -> str:
    return json.dumps({"schema_version": SCHEMA_VERSION, **attrs.asdict(answer)}, indent=2)


def _text(answer: Affected) -> str:
    rows = {
        "Affected": "yes" if answer.affected else "no",
        "Why": answer.reason,
        "Source": answer.source,
        "Remedy": answer.remedy,
        "Workaround": answer.workaround,
    }
    width = min(_WIDTH, terminal_width(_WIDTH))
    lines = (wrap(text, width, f"{name + ':':<12}", " " * 12) for name, text in rows.items())
    return "\n".join(line for one in lines for line in one)
