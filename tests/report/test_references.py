"""The picture of who refers to what: four columns, blockers told by shape, label and line."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import attrs
import pytest

from regsim import models
from regsim.kernel.holding import Holding
from regsim.report.pictures.references import (
    DRAWN,
    described,
    finding,
    reference_graph,
    references_dot,
    references_of_run_svg,
    references_svg,
)

NS = "{http://www.w3.org/2000/svg}"
USER = r"\REGISTRY\USER\S-1-5-21-7"
HOSTILE = '</svg><script>x</script>\x07"'


def row(handle=4, **more):
    """Return a handle of the Telephony service on a user's root."""
    fields = {
        "process": "tapisrv.exe",
        "service": "TapiSrv",
        "pid": 104,
        "handle": handle,
        "key": USER,
        "hive": USER,
        "opened_by": "RegOpenKeyEx(HKCU)",
        "implicit": False,
    }
    return Holding(**{**fields, **more})


BLOCKER = row(implicit=True, blocks=True)
BYSTANDER = row(8, key=USER + "_Classes\\x", hive=USER + "_Classes")


def texts(svg):
    """Return the written texts of a picture."""
    return [node.text or "" for node in ET.fromstring(svg).iter(f"{NS}text")]  # noqa: S314


def test_a_blocker_differs_in_shape_label_and_line():
    """The blocker alone is an octagon with a thick line and the words; colour comes on top."""
    blocked, free = references_svg([BLOCKER]), references_svg([BYSTANDER])
    eight = re.compile(r'<path d="M[^L"]*(?:L[^L"Z]*){7} Z"')

    assert (len(eight.findall(blocked)), len(eight.findall(free))) == (1, 0)
    assert 'stroke-width="4"' in blocked
    assert 'stroke-width="4"' not in free
    assert "blocks unload, not asked for" in texts(blocked)
    assert not [text for text in texts(free) if text.startswith("blocks")]


def test_the_four_columns_are_named():
    """Process, handle, key and hive stand over their columns, from left to right."""
    assert texts(references_svg([BLOCKER]))[1:5] == ["process", "handle", "key", "hive"]


def test_the_title_is_the_finding():
    """The title counts the blockers and names the first; without one it says so."""
    assert finding([BLOCKER, BYSTANDER]) == (
        "1 of 2 handles blocks the unload: 0x4 in tapisrv.exe (TapiSrv)"
    )
    assert finding([BYSTANDER], 9) == "10 handles open, and none blocks the unload of a hive"
    assert finding([]) == "No handle is open"


def test_the_description_names_each_reference():
    """Who cannot see the picture is told each handle, its key, and whether it blocks."""
    said = described([BLOCKER, row(8, live=False)], 3)

    assert "handle 0x4 to the root of the user's hive of HKU\\S-1-5-21-7, and blocks" in said
    assert "which is gone" in said
    assert said.endswith("3 more handles are open.")


def test_many_handles_are_counted():
    """A leak of thousands is not a hairball: the blockers are drawn first, the rest counted."""
    rows = [*(row(n, key=USER, blocks=False) for n in range(4, 200, 4)), row(400, blocks=True)]
    svg = references_svg(rows, unlisted=1_000)

    assert f"{DRAWN} of 1,050 handles are drawn." in texts(svg)
    assert "0x190" in texts(svg)


def test_no_box_stands_on_another():
    """Boxes of a column never overlap, whatever refers to what."""
    rows = [row(4 * n, key=f"{USER}\\k{n % 5}", pid=100 + n % 3) for n in range(1, 12)]
    svg = references_svg(rows)
    boxes = [
        (float(m[1]), float(m[2]))
        for m in re.finditer(r'<path d="M([\d.]+) ([\d.]+)L[^"]* Z"', svg.replace(" L", "L"))
    ]

    assert len(boxes) > 15
    for x, y in boxes:
        assert not [b for b in boxes if b != (x, y) and b[0] == x and abs(b[1] - y) < 40]


def test_hostile_names_stay_text():
    """Names with markup add no element to the picture, and leave no quotes in the graph's text."""
    rows = [attrs.evolve(BLOCKER, key=f"{USER}\\{HOSTILE}", process=HOSTILE, service=HOSTILE)]
    tags = {n.tag.removeprefix(NS) for n in ET.fromstring(references_svg(rows)).iter()}  # noqa: S314

    assert tags == {"svg", "title", "desc", "rect", "path", "text"}
    for line in references_dot(rows).splitlines():
        assert len(re.findall(r'(?<!\\)(?:\\\\)*"', line)) % 2 == 0
        assert "\x07" not in line


def test_the_bytes_are_stable():
    """Drawing twice gives the same text."""
    rows = models.run("q241572").calls[8].table

    assert references_svg(rows) == references_svg(rows)
    assert references_dot(rows) == references_dot(rows)


def test_the_graph_for_networkx_has_the_same_four_columns():
    """Each node knows its kind, its column and whether it blocks; edges lead one column on."""
    pytest.importorskip("networkx", reason="no figures here: the extra `plot` is absent")
    graph = reference_graph([BYSTANDER, BLOCKER])

    assert sorted(data["kind"] for _, data in graph.nodes(data=True)) == [
        *("handle", "handle", "hive", "hive", "key", "key", "process"),
    ]
    assert {n for n, data in graph.nodes(data=True) if data["blocks"]} == {
        *("process 104", "104:0x4", f"key {USER}", f"hive {USER}"),
    }
    for a, b in graph.edges:
        assert graph.nodes[b]["layer"] == graph.nodes[a]["layer"] + 1


@pytest.mark.parametrize(("fix", "blocks"), [("none", True), ("hotfix", False)])
def test_a_run_is_drawn_at_its_deciding_moment(fix, blocks):
    """With no fix that is the refused unload, with the hotfix the end, where nothing is open."""
    svg = references_of_run_svg(models.run("q241572", fix=fix))

    assert any("blocks unload" in text for text in texts(svg)) is blocks
    assert ("No process has a key open." in texts(svg)) is not blocks


def test_a_run_without_calls_is_drawn(stock):
    """An empty run gives a picture, not an error."""
    ET.fromstring(references_of_run_svg(attrs.evolve(stock, calls=())))  # noqa: S314
