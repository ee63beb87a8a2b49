"""Which fixes save the profile, on which generation?"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import figures
from experiment import Result, main

QUESTION = "Which fixes save the profile, on which generation?"
METHOD = (
    "The case of KB Q241572 is played once per generation and fix: logon, one request of the "
    "wizard to the Telephony service, logoff, and one request more in the next session. No other "
    "thread interferes; for that see the experiment on the naive fix."
)


def measure() -> Result:
    """Return the outcome of every cell."""
    from regsim import models  # noqa: PLC0415 - the figure alone needs no simulator

    rows = models.incident("q241572").outcomes()
    return {"rows": {os: {fix: o.value for fix, o in row.items()} for os, row in rows.items()}}


def finding(result: Result) -> str:
    """Say which fixes hold wherever they exist, and what the stock service costs."""
    columns: dict[str, Counter[str]] = {}
    for row in result["rows"].values():
        for fix, outcome in row.items():
            columns.setdefault(fix, Counter())[outcome] += 1
    sound = [
        fix
        for fix, seen in columns.items()
        if not set(seen) - {"saved", "late", "not-applicable"} and len(seen) > 1
    ]
    stock = columns["none"]
    return (
        f"Wherever they exist, {', '.join(f'`{fix}`' for fix in sound)} save the profile.\n\n"
        f"Without a fix the profile is lost on {stock['lost']} systems, saved late on "
        f"{stock['late']}, saved by breaking the holder on {stock['holder-broken']} and saved on "
        f"{stock['saved']}; {stock['not-applicable']} have no such case."
    )


def draw(result: Result) -> Any:  # noqa: ANN401 - matplotlib is optional
    """Return the table of outcomes, a word in each cell."""
    return figures.table(
        result["rows"],
        title="Without a fix the profile is lost, late, or saved at its holder's cost",
    )


if __name__ == "__main__":
    main(__file__)
