"""The lab: one HTML file that steps through stories, with no server and no network."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Final

import attrs

from regsim import keypath
from regsim.kernel.holding import Holding
from regsim.report import offline
from regsim.report.lab.stories import Lab, Story, StoryFrame, StoryQuestion
from regsim.report.words import places
from regsim.report.words import runs as words
from regsim.report.words.writing import markup, visible

FORMAT: Final = 1
"""The version of the data in the page; its script reads this one."""

_ALONE: Final = """
playLab(document, JSON.parse(document.getElementById("data").textContent), { page: true });
"""


def lab_html(lab: Lab) -> str:
    """Return *lab* as one self-contained page."""
    style = asset("lab.css")
    script = asset("lab.js") + _ALONE
    texts = {
        "POLICY": offline.policy(style, script),
        "TITLE": markup(lab.title),
        "INTRO": markup(lab.intro),
        "COCKPIT": asset("cockpit.html"),
        "KEPT": "The address keeps the step, this tab the answers.",
        "DATA": offline.embed(data(lab)),
        "STYLE": style,
        "SCRIPT": script,
    }
    return offline.filled(asset("lab.html"), texts)


def asset(name: str) -> str:
    """Return the text of the lab's own file called *name*: a script, a style or markup."""
    return offline.asset("regsim.report.lab", name)


def data(lab: Lab) -> dict[str, object]:
    """Return what the page's script reads: every text, row and frame once, then by its number."""
    packer = _Packer()
    runs: dict[str, object] = {}
    for key, story in lab.stories.items():
        name = "/".join(key)
        runs[name] = story if isinstance(story, str) else packer.story(story)
    return {
        "format": FORMAT,
        "axes": [attrs.asdict(axis) for axis in lab.axes],
        "start": list(lab.start),
        "runs": runs,
        "stories": packer.stories.items,
        "frames": packer.frames.items,
        "rows": packer.rows.items,
        "texts": packer.texts.items,
    }


class _Pool:
    """Values that are kept once and named by their number."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._numbers: dict[Hashable, int] = {}

    def number(self, key: Hashable, value: object) -> int:
        """Return the number of *value*, which *key* is equal to."""
        if key not in self._numbers:
            self._numbers[key] = len(self.items)
            self.items.append(value)
        return self._numbers[key]


class _Packer:
    """Turns stories into numbers; the script of the page has the order of the fields again."""

    def __init__(self) -> None:
        self.texts, self.rows, self.frames, self.stories = _Pool(), _Pool(), _Pool(), _Pool()

    def _text(self, text: str) -> int:
        return self.texts.number(text, visible(text))

    def _row(self, row: Holding) -> int:
        below = places.key_below(row)
        packed = (
            *map(self._text, (row.process, row.service or "")),
            row.pid,
            row.handle,
            *map(self._text, (below, keypath.short(row.hive), places.hive_name(row.hive))),
            self._text(row.opened_by),
            row.implicit | row.live << 1 | row.blocks << 2,
        )
        return self.rows.number(packed, packed)

    def _frame(self, frame: StoryFrame) -> int:
        packed = (
            frame.time,
            *map(self._text, (frame.actor, frame.call, frame.step, frame.answer)),
            frame.ok | frame.implicit << 1 | words.is_unload(frame) << 2,
            frame.handle,
            frame.open_handles,
            tuple(map(self._row, frame.table)),
            frame.unlisted,
            tuple((change.kind, self._text(change.text)) for change in frame.changes),
            frame.times,
            self._text(frame.note),
        )
        return self.frames.number(packed, packed)

    def _question(self, question: StoryQuestion) -> tuple[object, ...]:
        options = tuple(map(self._text, question.options))
        ask, why = self._text(question.ask), self._text(question.why)
        return question.at, ask, options, question.right, why

    def story(self, story: Story) -> int:
        """Return the number of *story*."""
        packed = (
            tuple(map(self._frame, story.frames)),
            tuple(map(self._question, story.questions)),
            self._text(story.finding),
            tuple(map(self._text, story.verdict)),
            self._text(story.word),
            story.mark,
            tuple(map(self._text, story.events)),
        )
        return self.stories.number(packed, packed)
