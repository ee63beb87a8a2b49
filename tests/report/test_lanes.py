"""A verdict and its path: as text, as tables, and as a picture with a lane for each process."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import attrs
import pytest

from regsim.check.formula import TRUE
from regsim.check.paths import Path, PathStep
from regsim.check.property import Verdict, always
from regsim.check.verify import Reduce, Result
from regsim.report.pictures.lanes import described, path_svg

NS = "{http://www.w3.org/2000/svg}"
HOSTILE = "</svg><script>x</script>\x07"


def step(actor, name, opened=0):
    """Return one step that leaves *opened* handles."""
    return PathStep(actor, name, 0, (opened,), (), (), ())


PATH = Path(
    model="q241572",
    actors=("winlogon", "worker-1"),
    components=(),
    counters=("opens",),
    initial=0,
    initials=1,
    start=(0,),
    values=(),
    steps=(
        step("winlogon", "logon"),
        step("worker-1", "open-root", 1),
        step("winlogon", "logoff", 1),
    ),
)
RESULT = Result(
    model="q241572",
    property=always("leak", TRUE, "No handle is left when nobody works"),
    verdict=Verdict.VIOLATED,
    states=63,
    transitions=141,
    depth=18,
    path=PATH,
    engine="python",
    reduce=Reduce.NONE,
    complete=True,
    seconds=0.5,
    bytes=1000,
    reasons=("the counts are those of the whole space",),
)


def texts(svg):
    """Return the written texts of a picture."""
    return [node.text or "" for node in ET.fromstring(svg).iter(f"{NS}text")]  # noqa: S314


def test_a_verdict_shows_itself_with_its_path():
    """Text, HTML and picture say what is violated, in how many states, by which steps."""
    for shown in (repr(RESULT), RESULT._repr_html_()):
        assert "q241572: leak is violated" in shown
        assert "63 states, 141 transitions" in shown
        assert "the counts are those of the whole space" in shown
        assert shown.index("logon") < shown.index("open-root") < shown.index("logoff")
    svg = RESULT._repr_svg_()
    assert texts(svg)[0] == "q241572: leak is violated after 3 steps"
    assert "3. logoff" in texts(svg)
    assert svg == RESULT._repr_svg_()


@pytest.mark.parametrize(
    ("verdict", "said"),
    [(Verdict.HOLDS, "leak holds"), (Verdict.INCONCLUSIVE, "leak is undecided")],
)
def test_a_verdict_without_a_path_has_no_picture(verdict, said):
    """What holds or is undecided says so in words; a limit never reads as a proof."""
    result = attrs.evolve(RESULT, verdict=verdict, path=None)

    assert said in repr(result)
    assert said in result._repr_html_()
    assert result._repr_svg_() is None
    assert ("holds" in repr(result)) is (verdict is Verdict.HOLDS)


def test_the_step_that_breaks_the_claim_is_an_octagon():
    """The last step of a counterexample differs in shape; a witness's does not."""
    eight = re.compile(r'<path d="M[^L"]*(?:L[^L"Z]*){7} Z"')

    assert len(eight.findall(path_svg(PATH, "x"))) == 1
    assert len(eight.findall(path_svg(PATH, "x", bad=False))) == 0


@pytest.mark.parametrize(
    ("loop", "said"),
    [(None, ""), (1, "then for ever again from step 2"), (3, "then no process can step")],
)
def test_how_a_path_ends_is_said(loop, said):
    """A loop and a deadlock are named in the text, the HTML, the picture and its description."""
    path = attrs.evolve(PATH, loop=loop)
    shown = (repr(path), path._repr_html_(), " ".join(texts(path._repr_svg_())), described(path))

    for one in shown:
        assert (said in one) if said else ("then " not in one)


def test_a_path_without_steps_is_shown():
    """An initial state that breaks the claim needs no step, and is no error."""
    path = attrs.evolve(PATH, steps=())

    assert "0 steps" in repr(path)
    ET.fromstring(path._repr_svg_())  # noqa: S314
    assert described(path) == "No step is needed"


def test_hostile_names_stay_text():
    """Names with markup add no element, and no control character."""
    path = attrs.evolve(PATH, model=HOSTILE, steps=(step(HOSTILE, HOSTILE),))
    tags = {n.tag.removeprefix(NS) for n in ET.fromstring(path._repr_svg_()).iter()}  # noqa: S314

    assert tags == {"svg", "title", "desc", "rect", "path", "text"}
    assert "<script" not in path._repr_html_()
    assert "\x07" not in path._repr_html_() + repr(path)
