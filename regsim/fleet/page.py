"""The page of a fleet: who holds hives, by week and by Windows, and which hosts to look at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from regsim.fleet.ranking import NOT_TOLD, HolderName, Occurrence, Ranking, Tally
from regsim.fleet.words import headline, holder_name, proven, summary, when
from regsim.report import offline
from regsim.report.words.writing import counted, markup, visible

_ROWS: Final = 500
_TOP: Final = 3


def page_of(ranking: Ranking) -> str:
    """Return the page: tables that stand by themselves, and filters that count them again."""
    style, script = (offline.asset("regsim.fleet", name) for name in ("fleet.css", "fleet.js"))
    holders = ranking.ranked()
    hosts = ranking.to_look_at()
    body = {
        "HOLDERS": _rows(
            (
                holder_name(holder),
                tally.known,
                len(tally.hives),
                *_times(tally),
                proven(tally),
                ", ".join(sorted(tally.incidents)),
            )
            for holder, tally in holders[:_ROWS]
        ),
        "WEEKS": _rows(_grouped(ranking, 2)),
        "SYSTEMS": _rows(_grouped(ranking, 3)),
        "HOSTS": _rows(
            (host, len(tally.hives), _few(sorted(tally.others)), _times(tally)[1])
            for host, tally in hosts[:_ROWS]
        ),
        "UNREAD": _unread(ranking),
        "MORE": "",
    }
    lengths = (
        len(holders),
        len(hosts),
        *(len({fact[n] for fact in ranking.facts}) for n in (2, 3)),
    )
    if max(lengths) > _ROWS:
        body["MORE"] = (
            f"<p>A table here has the first {_ROWS} rows; all of them are in findings.parquet: "
            f"{counted(len(holders), 'holder')}, {counted(len(hosts), 'host')}.</p>"
        )
    texts = {
        **body,
        "POLICY": offline.policy(style, script),
        "HEADLINE": markup(headline(ranking)),
        "SUMMARY": markup(summary(ranking)),
        "DATA": offline.embed(_data(ranking, holders, hosts)),
        "STYLE": style,
        "SCRIPT": script,
    }
    return offline.filled(offline.asset("regsim.fleet", "fleet.html"), texts)


def _data(
    ranking: Ranking,
    holders: Sequence[tuple[HolderName, Tally]],
    hosts: Sequence[tuple[str, Tally]],
) -> dict[str, object]:
    """Return what the page's script counts: names once, and facts by their numbers."""
    if ranking.too_many:
        return {}
    weeks = sorted({fact[2] for fact in ranking.facts}, key=lambda week: (week != NOT_TOLD, week))
    systems = sorted({fact[3] for fact in ranking.facts})
    numbers = [
        {name: n for n, name in enumerate(names)}
        for names in ([one for one, _ in holders], [one for one, _ in hosts], weeks, systems)
    ]
    facts = sorted(
        [table[name] for table, name in zip(numbers, fact, strict=True)] for fact in ranking.facts
    )
    return {
        "rows": _ROWS,
        "names": {
            "holders": [visible(holder_name(one)) for one, _ in holders],
            "hosts": [visible(one) for one, _ in hosts],
            "weeks": weeks,
            "systems": [visible(one) for one in systems],
        },
        "holders": [
            [len(t.hives), *_times(t), proven(t), ", ".join(sorted(t.incidents))]
            for _, t in holders
        ],
        "hosts": [[len(t.hives), _times(t)[1]] for _, t in hosts],
        "facts": facts,
    }


def _grouped(ranking: Ranking, part: int) -> Iterable[tuple[str, int, str]]:
    """Yield for each week (2) or system (3) how many hosts it has, and its first holders."""
    groups: dict[str, dict[HolderName, set[str]]] = {}
    for fact in ranking.facts:
        groups.setdefault(_name(fact, part), {}).setdefault(fact[0], set()).add(fact[1])
    counted = [(name, len(set().union(*group.values())), group) for name, group in groups.items()]
    if part == 2:
        counted.sort(key=lambda one: (one[0] != NOT_TOLD, one[0]), reverse=True)
    else:
        counted.sort(key=lambda one: (-one[1], one[0]))
    for name, hosts, group in counted[:_ROWS]:
        first = sorted(group.items(), key=lambda one: (-len(one[1]), one[0]))[:_TOP]
        text = ", ".join(f"{holder_name(holder)} ({len(on):,})" for holder, on in first)
        yield name, hosts, text


def _name(fact: Occurrence, part: int) -> str:
    return str(fact[part])


def _few(names: Sequence[str]) -> str:
    more = f", and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def _times(tally: Tally) -> tuple[str, str]:
    return when(tally.first), when(tally.last)


def _rows(rows: Iterable[Sequence[str | int]]) -> str:
    """Return rows of a table: numbers at the right, all else as text."""
    lines = []
    for row in rows:
        cells = (
            f'<td class="n">{cell:,}</td>' if isinstance(cell, int) else f"<td>{markup(cell)}</td>"
            for cell in row
        )
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return "\n".join(lines) or "<tr><td>nothing</td></tr>"


def _unread(ranking: Ranking) -> str:
    if not ranking.not_read:
        return "<p>Every file was read to its end.</p>"
    rows = _rows((path, status, error) for path, status, error in ranking.unread[:_ROWS])
    more = ranking.not_read - min(len(ranking.unread), _ROWS)
    rest = f"<p>And {more:,} more, in files.parquet.</p>" if more else ""
    return (
        '<div class="scroll" tabindex="0" role="region" aria-labelledby="unread-title"><table>'
        '<thead><tr><th scope="col">File</th><th scope="col">Status</th><th scope="col">Why</th>'
        f"</tr></thead><tbody>{rows}</tbody></table></div>{rest}"
    )
