"""What is said of a fleet, on the terminal and on the page alike."""

from __future__ import annotations

import datetime as dt

from regsim.fleet.columns import STATUSES
from regsim.fleet.ranking import NOT_TOLD, HolderName, Ranking, Tally
from regsim.report.words.writing import counted


def headline(ranking: Ranking) -> str:
    """Return the answer in a sentence."""
    blocked = [host for host, tally in ranking.hosts.items() if tally.certain]
    named = [host for host in blocked if host != NOT_TOLD]
    if ranking.verdicts["blocked"]:
        where = f"on {counted(len(named), 'host')}" if named else "on hosts that are not named"
        top = next((holder for holder, _ in ranking.ranked() if holder[0] != NOT_TOLD), None)
        text = f"Hives are held {where}"
        if top is not None:
            hosts = ranking.holders[top].known
            text += f"; named most often: {holder_name(top)}"
            text += f", on {counted(hosts, 'host')}" if hosts else ""
        return f"{text}."
    if ranking.exit_code:
        return "No hive is proven to be held, but not all of the evidence could tell."
    return "No hive is held."


def summary(ranking: Ranking) -> str:
    """Return in sentences what was read, and what was not."""
    files = sum(ranking.statuses.values())
    hosts = len(ranking.seen - {NOT_TOLD})
    whose = counted(hosts, "host") if hosts else "hosts that are not named"
    text = f"{counted(files, 'file')} of {whose}; "
    text += f"{ranking.statuses['read']:,} read to the end"
    others = [
        f"{count:,} {status}"
        for status in STATUSES
        if status != "read" and (count := ranking.statuses[status])
    ]
    text += f" ({', '.join(others)})." if others else "."
    if ranking.not_read:
        text += f" {counted(ranking.not_read, 'file')} may hold more than is told here."
    for incident, where in sorted(ranking.incidents.items()):
        on = len(where - {NOT_TOLD})
        text += f" Evidence resembles {incident}"
        text += f" on {counted(on, 'host')}." if on else ", on hosts that are not named."
    full = {name.partition(".")[0].casefold() for name in ranking.seen if "." in name}
    twice = sum(name.casefold() in full for name in ranking.seen)
    if twice:
        text += (
            f" {counted(twice, 'host')} may be counted twice: by a short name, and by a full one."
        )
    if ranking.too_many:
        text += " There is too much for weeks and versions here: files by these in the tables."
    return text


def holder_name(holder: HolderName) -> str:
    """Return a holder as a person calls it: the process, and its service if that is known."""
    process, service = holder
    return f"{process} ({service})" if service else process


def when(time: dt.datetime | None) -> str:
    """Return a time to the minute; "" for none."""
    return "" if time is None else f"{time:%Y-%m-%d %H:%M}"


def proven(tally: Tally) -> str:
    """Return whether what is counted is proven by the evidence."""
    if not tally.unsure:
        return "yes"
    return "in part" if tally.certain else "no"
