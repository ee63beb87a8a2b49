"""A finding as something to hand on: Markdown for a ticket, and one page with the picture."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from regsim.policy import Dialect
from regsim.report.pictures.evidence import evidence_svg
from regsim.report.text.evidence import Paragraph, paragraphs
from regsim.report.words.writing import counted, markup, visible
from regsim.trace.evidence import Fidelity
from regsim.trace.finding import Finding

_SPECIAL: Final = re.compile(r"([*_|<>\[\]#`])")
_CODE: Final = re.compile(
    r"(?:HK(?:LM|U|CU)|\\REGISTRY)\\[^\s,;]+(?:\\[^\s,;]+)*|[\w.+-]+\.exe \(\d+\)|`[^`]+`",
    re.IGNORECASE,
)


def as_ticket(finding: Finding, dialect: Dialect | None = None) -> str:
    """Return the finding in Markdown: the verdict as a heading, the rest in lists."""
    lines: list[str] = []
    for number, (first, _, text) in enumerate(paragraphs(finding, dialect)):
        if number == 0:
            word, _, rest = text.partition(": ")
            lines += [f"### {word}", "", _markdown(rest)]
        elif not text:
            lines.append("")
        else:
            lines.append(_item(first, text))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def _item(first: str, text: str) -> str:
    """Return one paragraph: a labelled one in bold, an indented one as an item of a list."""
    label = first.strip()
    if label:
        return f"- **{label.rstrip(':')}:** {_markdown(text)}"
    depth = (len(first) - len(first.lstrip())) // 2
    return f"{'  ' * (depth - 1)}- {_markdown(text)}" if depth else f"\n{_markdown(text)}\n"


def _markdown(text: str) -> str:
    """Return *text* with names in code spans, and nothing else that Markdown would take for its."""
    pieces: list[str] = []
    at = 0
    for found in _CODE.finditer(visible(text)):
        pieces.append(_SPECIAL.sub(r"\\\1", text[at : found.start()]))
        # What ends a sentence is none of the key's name; within backticks all is meant.
        name = found[0] if found[0][0] == "`" else found[0].rstrip(".,:;")
        pieces.append(f"`{name.strip('`')}`")
        at = found.start() + len(name)
    return "".join([*pieces, _SPECIAL.sub(r"\\\1", visible(text)[at:])])


_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color-scheme:light dark}h1{font-size:1.4rem}dt{font-weight:600;margin-top:.6rem}"
    "dd{margin:0 0 0 1rem}.in{margin-left:1.5rem}.in2{margin-left:3rem}"
    ".bar{display:inline-block;height:.7rem;background:#d55e00}"
    "p,dd{overflow-wrap:anywhere}svg{max-width:100%;height:auto;background:#fff}"
)


def as_page(finding: Finding, dialect: Dialect | None = None) -> str:
    """Return one HTML page that needs nothing else: the verdict, the picture, the whole text."""
    said = list(paragraphs(finding, dialect, verbose=True))
    headline = said[0][2]
    title = markup(headline.partition(": ")[0].lower())
    body = "\n".join(_blocks(said[1:]))
    captured = finding.fidelity is not Fidelity.SNAPSHOT
    picture = evidence_svg(finding) if captured else "\n".join(_bars(finding))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>regsim: {title}</title>\n<style>{_STYLE}</style></head>\n"
        f"<body><main>\n<h1>{markup(headline)}</h1>\n{picture}\n{body}\n</main></body></html>\n"
    )


def _bars(finding: Finding) -> Iterator[str]:
    """Yield a bar for each holder that a listing or an event names, by its handles."""
    counts: Counter[str] = Counter()
    for held in finding.held:
        counts[held.holder] += held.balance[0]
    most = max(counts.values(), default=1)
    for name, count in counts.most_common(_MOST_BARS):
        share = max(2, round(100 * count / most))
        bar = f'<span class="bar" style="width:{share}%"></span>'
        yield f"<p>{markup(name)}: {counted(count, 'handle')}<br>{bar}</p>"


_MOST_BARS: Final = 20


def _blocks(said: list[Paragraph]) -> Iterator[str]:
    """Yield the paragraphs as HTML: labelled ones as terms with what is said of them."""
    listed = False
    for first, _, text in said:
        label = first.strip().rstrip(":")
        if label and not listed:
            yield "<dl>"
        elif listed and not label:
            yield "</dl>"
        listed = bool(label)
        if label:
            yield f"<dt>{markup(label)}</dt><dd>{markup(text)}</dd>"
        elif text:
            depth = (len(first) - len(first.lstrip())) // 2
            kind = {0: "", 1: ' class="in"'}.get(depth, ' class="in2"')
            yield f"<p{kind}>{markup(text)}</p>"
    if listed:
        yield "</dl>"
