"""The page on fleets says what the tables are, and its questions can be asked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from made import FIRST, Held, event_text

from regsim.fleet.columns import FINDINGS, STATUSES

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "fleet.md"
pytestmark = pytest.mark.skipif(not PAGE.is_file(), reason="no pages here")


def test_the_page_has_every_column_and_status() -> None:
    """With its type and meaning, in the order of the table."""
    text = PAGE.read_text(encoding="utf-8").replace("\u2026", "...")
    listed = re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE)

    assert listed == [
        *((one.name, f"{one.type} | {one.meaning}") for one in FINDINGS),
        *STATUSES.items(),
    ]


@pytest.mark.usefixtures("fleet")
def test_each_question_has_an_answer(run) -> None:
    """DuckDB answers all but the last, for which every file was read."""
    duckdb = pytest.importorskip("duckdb", reason="no duckdb here")
    for user in (1_001, 1_002):
        held = Held("PC1", f"S-1-5-21-1-2-3-{user}", "a.exe", 16)
        Path(f"fleet/{user}.txt").write_text(event_text(held, FIRST))
    run("fleet", "-o", "out", "--host-from", "{host}/...")
    Path("out").rename("fleet/fleet")
    questions = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    answers = [
        duckdb.sql(each.replace("'fleet/", "'fleet/fleet/")).fetchall() for each in questions
    ]

    assert [bool(one) for one in answers] == [True, True, True, False]
