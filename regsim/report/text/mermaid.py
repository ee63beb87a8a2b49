"""A run as the text of a Mermaid sequence diagram, which GitHub draws."""

from __future__ import annotations

from regsim.report.pictures.canvas import grouped
from regsim.report.words import runs as words
from regsim.scenario.result import Run

_SPOKEN = {
    "&": "#amp;",
    "<": "#lt;",
    ">": "#gt;",
    ";": "#59;",
    "#": "#35;",
    "%": "#37;",
    "`": "#96;",
    '"': "#quot;",
}


def sequence_mermaid(run: Run) -> str:
    """Return *run* as a ``sequenceDiagram``; a handle nobody asked for is a dotted arrow."""
    actors = list(dict.fromkeys(record.actor for record in run.calls))
    names = {actor: f"a{number}" for number, actor in enumerate(actors)}
    lines = ["sequenceDiagram"]
    lines += [f"  participant {names[actor]} as {_safe(actor)}" for actor in actors]
    lines.append("  participant reg as registry")
    call = ("", "")
    for record, times in grouped(run.calls):
        here = names[record.actor]
        if (record.actor, record.call) != call:
            lines.append(f"  Note over {here}: {_safe(record.call)}")
            call = (record.actor, record.call)
        again = f" ({times} times)" if times > 1 else ""
        if not record.operation:
            lines.append(f"  {here}->>{here}: {_safe(record.step)}{again}")
            continue
        arrow = "-->>" if record.implicit else "->>" if record.status.ok else "-x"
        handle = f", handle {record.handle:#x}" if record.handle is not None else ""
        said = f"{record.step}: {record.status.name}{handle}{again}"
        lines.append(f"  {here}{arrow}reg: {_safe(said)}")
        if record.implicit and not record.step.startswith("close"):
            lines.append(f"  Note over {here},reg: {words.UNASKED}")
    lines.append(f"  Note over reg: {_safe(words.finding(run))}")
    return "\n".join(lines) + "\n"


def _safe(text: str) -> str:
    return "".join(_SPOKEN.get(c, c) for c in words.visible(text)) or " "
