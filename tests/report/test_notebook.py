"""What a machine, a process, a hive and a run show of themselves, in text and in a notebook."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from types import ModuleType
from xml.etree import ElementTree as ET

import attrs
import pytest

from regsim import course, dialects, models
from regsim.errors import UsageError
from regsim.kernel.machine import Machine
from regsim.report import notebook
from regsim.status import NtStatus, Win32Error
from regsim.trace.asking import who
from regsim.types import PredefinedKey
from regsim.win32.api import Api

USER = r"\REGISTRY\USER\S-1-5-21-7"
HOSTILE = "<script>alert(1)</script>\x1b[2J"


HELD = f"""Log Name: Application
Source: Microsoft-Windows-User Profiles Service
Event ID: 1530
Description: Windows detected your registry file is still in use by other applications or services.
 DETAIL - 1 user registry handles leaked from \\Registry\\User\\S-1-5-21-7-8-9-1001:
Process 624 (\\Device\\HarddiskVolume1\\tapisrv.exe) has opened key {USER}-8-9-1001\\{HOSTILE[:25]}
"""


@pytest.fixture
def machine() -> Machine:
    """A machine on which a service has opened a key of a user, and so the root as well."""
    made = Machine(dialects.get("nt4-sp6a"))
    made.mount_hive(USER, file="NTUSER.DAT")
    service = made.start_process("tapisrv", services=("TapiSrv",))
    api = Api(made, made.start_thread(service))
    api.impersonate("S-1-5-21-7")
    api.RegCreateKeyEx(PredefinedKey.CURRENT_USER, HOSTILE)
    return made


@pytest.fixture
def shown(machine, stock):
    """One of each kind that shows itself."""
    return {
        "machine": machine,
        "process": machine.process_named("tapisrv"),
        "hive": machine.hive_at(USER),
        "run": stock,
        "finding": who(HELD),
        "dialect": dialects.get("xp"),
        "incident": models.incident("q241572"),
        "exercise": course.exercise("e2"),
        "feedback": course.check("e6", {"first": "anna", "second": "bert"}),
    }


class Tags(HTMLParser):
    """Counts the elements of a fragment, and whether each is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):  # noqa: ARG002 - the parser's
        """Note that an element begins."""
        self.seen.append(tag)
        if tag not in ("img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        """Note that an element ends, which must be the one that began last."""
        assert self.open.pop() == tag


KINDS = ["machine", "process", "hive", "run"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_html_is_tables_with_headers(shown, kind):
    """Each is well-formed: captions, column and row headers, and nothing that runs."""
    body = shown[kind]._repr_html_()
    tags = Tags()
    tags.feed(body)

    assert tags.open == []
    assert {"caption", "th", "td"} <= set(tags.seen)
    assert set(tags.seen) <= {
        *("table", "caption", "thead", "tbody", "tr", "th", "td", "p", "b", "img", "pre"),
    }
    assert 'scope="col"' in body
    assert 'scope="row"' in body


@pytest.mark.parametrize("kind", [*KINDS, "finding"])
def test_hostile_names_are_text_everywhere(shown, kind):
    """A key with markup and control characters in its name is shown, and does nothing."""
    held = shown[kind]

    assert "<script" not in held._repr_html_()
    assert "\x1b" not in held._repr_html_() + repr(held)
    if kind in ("machine", "hive", "finding"):
        assert "&lt;script&gt;" in held._repr_html_()
        assert "<script>alert(1)" in repr(held)


@pytest.mark.parametrize("kind", KINDS)
def test_the_text_says_what_the_html_says(shown, kind):
    """Every cell of the HTML stands in the plain text too."""
    cells = re.findall(r"<t[dh][^>]*>([^<]*)</t[dh]>", shown[kind]._repr_html_())
    said = " ".join(repr(shown[kind]).split())

    for cell in cells:
        plain = cell.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"')
        plain = plain.replace("&#x27;", "'").replace("&amp;", "&")
        if plain in HEADS_OF_A_RUN or (kind == "run" and len(plain) > 16):
            continue  # the text folds a run's columns and heads them more shortly
        assert plain in said, plain


HEADS_OF_A_RUN = ("step", "open handles", "what happened", "not loaded")


@pytest.mark.parametrize("kind", ["machine", "run"])
def test_the_picture_is_an_image_with_words(shown, kind):
    """What has a picture gives it as SVG, and as an image with a text inside its HTML."""
    svg = shown[kind]._repr_svg_()
    found = re.search(
        r'src="data:image/svg\+xml;base64,([^"]*)" alt="([^"]+)"', shown[kind]._repr_html_()
    )

    assert base64.b64decode(found[1]).decode() == svg
    assert "tapisrv.exe" in found[2]
    assert ET.fromstring(svg).tag.endswith("svg")  # noqa: S314


def test_what_has_no_picture_gives_none(shown):
    """A hive and a process are told by tables alone."""
    assert shown["hive"]._repr_svg_() is None
    assert shown["process"]._repr_svg_() is None


def test_the_machine_names_its_blockers(machine):
    """The text says who blocks which hive, by process, handle and key."""
    said = repr(machine)

    assert "2 of 2 handles block the unload: 0x4 in tapisrv.exe (TapiSrv) and 1 more" in said
    assert "HKEY_CURRENT_USER = 0x4" in said
    assert "blocks the unload, nobody asked for it" in said
    assert "2             yes" in said


def test_an_empty_machine_shows_itself():
    """A machine where nothing runs is shown, without a table of handles."""
    empty = Machine(dialects.get("win11"))

    assert "Windows 11" in repr(empty)
    assert "No handle is open" in repr(empty)
    assert "Open handles" not in empty._repr_html_()


def test_long_tables_are_cut_and_say_so(machine):
    """Fifty rows are listed, and the rest counted."""
    process = machine.process_named("tapisrv")
    api = Api(machine, machine.start_thread(process))
    for _ in range(100):
        api.NtOpenKey(USER)

    for kind in (machine, process):
        assert "showing 50 of 102" in repr(kind)
        assert "<p>showing 50 of 102</p>" in kind._repr_html_()


def test_a_hive_shows_its_keys_in_order(machine):
    """The keys of a hive come parents first, each with its values and subkeys."""
    hive = machine.hive_at(USER)
    lines = repr(hive).splitlines()

    assert (
        lines[0]
        == "Hive HKU\\S-1-5-21-7, file NTUSER.DAT: 2 open handles, changed since it was saved"
    )
    assert lines[3].split() == ["(root)", "0", "1"]


def test_another_object_is_shown_plainly():
    """What has no renderer is shown as Python shows it, escaped."""
    thing = object()

    assert notebook.text(thing) == repr(thing)
    assert notebook.html(thing).startswith("<pre>&lt;object object")
    assert notebook.svg(thing) is None


def test_a_changed_run_shows_its_change(stock):
    """What is shown is made from the data: another outcome gives another heading."""
    saved = attrs.evolve(stock, unloaded=True, profile_saved=True, blockers=())

    assert "No handle is left open" in saved._repr_html_()
    assert "No handle is left open" not in stock._repr_html_()


def test_showing_costs_nothing_until_something_is_shown():
    """Importing the machine does not import the reports."""
    code = (
        "import sys, regsim; regsim.Machine; print('regsim.report' in sys.modules);"
        "repr(regsim.Machine(regsim.dialects.get('xp'))); print('regsim.report' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "True"]


# -- evidence ------------------------------------------------------------------------------------


def test_a_finding_shows_what_who_says() -> None:
    """On a console and in a notebook, who holds the hive is the first that is said."""
    found = who(HELD)
    assert "tapisrv.exe" in repr(found)
    assert "tapisrv.exe" in found._repr_html_()
    assert "HeldKey(" not in repr(found)


def test_calls_and_held_keys_become_data_frames(stock, monkeypatch) -> None:
    """A row a call, a row a held key, with the columns of the JSON."""
    polars = ModuleType("polars")
    polars.DataFrame = dict
    monkeypatch.setitem(sys.modules, "pandas", None)
    monkeypatch.setitem(sys.modules, "polars", polars)
    calls, held = stock.to_dataframe(), who(HELD).to_dataframe()

    assert list(calls["number"]) == list(range(1, len(stock.calls) + 1))
    assert list(calls["status"])[-1] == "CANNOT_DELETE"
    assert list(held["pid"]) == [624]
    assert list(held["open_at_least"]) == [1]


def test_without_a_library_a_data_frame_is_refused(stock, monkeypatch) -> None:
    """One line says what to install."""
    for name in ("pandas", "polars"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match="pip install pandas"):
        stock.to_dataframe()


def test_statuses_print_as_names() -> None:
    """In a text and in a list, with their number beside it there."""
    assert f"{NtStatus.CANNOT_DELETE}" == "CANNOT_DELETE"
    assert repr([NtStatus.CANNOT_DELETE]) == "[<CANNOT_DELETE 0xc0000121>]"
    assert repr(Win32Error.ACCESS_DENIED) == "<ACCESS_DENIED 5>"


def test_a_dialect_shows_every_rule_with_its_word(shown) -> None:
    """Each rule with its value, the grade and the source; a change counts as an assumption."""
    dialect = shown["dialect"]
    for said in (repr(dialect), dialect._repr_html_()):
        text = unescape(" ".join(said.split()))
        assert "Windows XP" in text
        for name, proof in dialect.evidence.items():
            assert name in text
            assert proof.source in text
    changed = dialect.with_(refcount_bits=16)
    assert "refcount_bits: 16; inferred; the caller's assumption" in repr(changed)
    assert "refcount_bits: 16" not in repr(dialect)


def test_an_incident_shows_what_it_can_be_given(shown) -> None:
    """Its title, its source, its fixes, and each parameter with what it means."""
    incident = shown["incident"]
    for said in (repr(incident), unescape(incident._repr_html_())):
        assert incident.title in said
        assert incident.source in said
        assert ", ".join(incident.fixes) in said
        for parameter in (*incident.options, *incident.parameters):
            assert parameter.about in said


def test_an_exercise_shows_its_scene_and_its_questions(shown) -> None:
    """In HTML as in text, and nothing of what explains them."""
    exercise = shown["exercise"]
    said = unescape(exercise._repr_html_())
    assert exercise.scene() in said
    for question in exercise.questions:
        assert question.text in said
        assert question.answers in said
    assert exercise.explanation not in said + repr(exercise)


def test_feedback_shows_its_marks_in_html(shown) -> None:
    """What was answered, right or wrong, with the call; what is open is not judged."""
    said = unescape(shown["feedback"]._repr_html_())
    assert "<b>right</b> first = anna. RegQueryValueEx" in said
    assert "<b>wrong</b> second = bert. RegQueryValueEx" in said
    assert said.count("<li>") == 2
    assert "1 of 7 right" in said
    answers = {question.name: "anna" for question in course.exercise("e6").questions}
    whole = course.check("e6", answers | {"blocked": "both"})
    assert whole.explanation in unescape(whole._repr_html_())
