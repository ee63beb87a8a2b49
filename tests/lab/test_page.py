"""The page's bytes: what its policy allows, what its data says, and that names cannot leave it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys

import attrs
import pytest
from regsim.models import q179827

from regsim import dialects, models
from regsim.cli import main
from regsim.cli.lab import build, progress
from regsim.errors import NotApplicableError, UnknownNameError
from regsim.kernel.calls import run_call
from regsim.kernel.holding import TABLE_LIMIT
from regsim.report.lab.page import data, lab_html
from regsim.report.lab.runs import frames_of_calls, story_of_run
from regsim.report.lab.stories import Lab, changes
from regsim.report.offline import embed


def hash_of(text):
    """Return the hash of *text* as a policy writes it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_policy_allows_this_script_and_this_style_only(page_file):
    """Nothing may be loaded; one script and one style run, named by their hashes."""
    page = page_file.read_text("utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)[1]
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]

    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == hash_of(script)
    assert rules["style-src"] == hash_of(style)
    assert {rules[name] for name in ("base-uri", "form-action", "trusted-types")} == {"'none'"}
    assert rules["img-src"] == "data:"
    assert rules["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in policy


def test_the_page_names_no_address(page_file):
    """Apart from the name of SVG there is no web address in it, and no markup is ever parsed."""
    page = page_file.read_text("utf-8")

    assert set(re.findall(r"https?://[^\s\"'<]*", page)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b", page)
    assert not re.search(r"\son\w+=|\sstyle=", page)


def test_the_same_incident_gives_the_same_bytes(page_file):
    """Two builds are equal byte for byte."""
    assert lab_html(build("q241572")) == page_file.read_text("utf-8")


def test_the_case_fits_its_budget(page_file):
    """Every system and every fix of the case fit into 500 KB."""
    assert page_file.stat().st_size <= 500_000


@pytest.mark.parametrize("name", ["</script>", "<!--", "]]>", "&lt;", "\u2028", "\ud800"])
def test_embedded_texts_cannot_end_their_element(name):
    """The embedded JSON has no character of markup, and gives the same text back."""
    said = embed({"name": name})

    assert not set("<>&") & set(said)
    assert said.isascii()
    assert json.loads(said)["name"] == name


def test_every_run_is_there(lab):
    """The page holds the outcome of each run, or why there is none."""
    body = data(lab)
    word = {(os, fix): body["runs"][f"{os}/{fix}"] for os, fix in lab.stories}
    for (os, fix), number in word.items():
        if isinstance(number, str):
            with pytest.raises(NotApplicableError, match=re.escape(number)):
                models.run("q241572", os=os, fix=fix)
    stories = body["stories"]
    ends = {key: body["texts"][stories[n][4]] for key, n in word.items() if isinstance(n, int)}

    assert ends["nt4-sp6a", "none"] == "lost"
    assert ends["nt4-sp6a", "hotfix"] == "saved"
    assert ends["xp", "none"] == "late"
    assert ends["win10", "none"] == "holder-broken"
    assert len(ends) > 120


def test_equal_stories_are_stored_once(lab):
    """Runs that do not differ share their story, so the page stays small."""
    body = data(lab)
    told = [number for number in body["runs"].values() if isinstance(number, int)]

    assert len(body["stories"]) < len(told)
    assert body["runs"]["nt4-sp5/none"] == body["runs"]["nt4-sp6/none"]


def test_the_last_frame_agrees_with_the_machine():
    """The table of a frame lists what is open, and who of it blocks."""
    run = models.run("q241572")
    frames = list(frames_of_calls(run.calls))

    assert [(r.process, r.service, r.handle, r.blocks) for r in frames[-1].table] == [
        ("tapisrv.exe", "TapiSrv", 4, True)
    ]
    assert [frame.open_handles for frame in frames] == [0, 1, 2, 2, 1, 1, 1, 2, 3, 3, 2, 1, 1]
    for frame in frames:
        assert sum(row.blocks for row in frame.table) == frame.open_handles


def test_each_frame_says_what_changed():
    """Opens, closes and the unload are told; a frame that changed nothing says nothing."""
    frames = list(frames_of_calls(models.run("q241572", fix="hotfix").calls))
    kinds = [[change.kind for change in frame.changes] for frame in frames]

    assert kinds[0] == ["loaded"]
    assert kinds[7] == ["unasked"]
    assert kinds[3] == []
    assert ["closed"] in kinds
    assert kinds[-1] == ["unloaded"]


def test_a_handle_that_is_taken_away_or_moved_is_told():
    """A forced unload leaves a handle that stands for nothing; UPHClean's stands for another."""
    forced = [
        c for f in frames_of_calls(models.run("q241572", os="win10").calls) for c in f.changes
    ]
    moved = models.run("q241572", fix="uphclean")
    told = [c.text for f in frames_of_calls(moved.calls) for c in f.changes if c.kind == "moved"]

    assert [c.kind for c in forced].count("stale") == 1
    assert told == [
        "0x4 of tapisrv.exe (TapiSrv) now stands for the root of the default user's hive."
    ]


def test_a_wait_of_an_hour_is_one_frame():
    """Attempts that repeat themselves are folded, and the frame says how many they are."""
    run = models.run("q241572", os="win10", fix="disable-force-unload")
    story = story_of_run(run)

    assert len(run.calls) > 3_000
    assert len(story.frames) < 20
    assert sum(frame.times for frame in story.frames) == len(run.calls)


def test_equal_calls_that_leave_other_handles_are_two_frames():
    """Only calls after which the same handles are open are folded into one frame."""
    first, second = models.run("q241572", os="win10").calls[12:14]
    moved = attrs.evolve(second, table=())

    assert [frame.times for frame in frames_of_calls([first, second])] == [2]
    assert [frame.times for frame in frames_of_calls([first, moved])] == [1, 1]


def test_a_leak_of_thousands_is_counted():
    """A table lists so many handles and counts the rest."""
    run = models.run("q179827", os="nt4-sp3")
    frame = next(f for f in frames_of_calls(run.calls) if f.unlisted)

    assert [row.process for row in frame.table].count("extra.exe") == TABLE_LIMIT
    assert {row.process for row in frame.table} == {"extra.exe", "icwconn1.exe"}
    assert frame.unlisted > 65_000
    assert len(list(changes(None, run.calls[-2]))) < 20


@pytest.mark.parametrize(
    ("os", "fix"), [("nt4-sp6a", "none"), ("nt4-sp6a", "hotfix"), ("xp", "none")]
)
def test_the_questions_are_answered_by_the_run(os, fix):
    """What is right comes from the run: the answer of the unload, its blockers, the outcome."""
    run = models.run("q241572", os=os, fix=fix)
    count, unload, holder, end = story_of_run(run).questions

    assert count.options[count.right[0]] == "Two"
    assert unload.right == ((0,) if fix == "hotfix" else (1,))
    names = {holder.options[n] for n in holder.right}
    assert names == (
        {"nobody"} if fix == "hotfix" else {f"{b.process} ({b.service})" for b in run.blockers}
    )
    assert end.options[end.right[0]].startswith(
        "It is lost" if run.outcome.value == "lost" else "It is saved"
    )
    assert [q.at for q in (count, unload, holder, end)] == sorted(
        q.at for q in (count, unload, holder, end)
    )


def test_an_open_that_opens_one_handle_is_counted_so():
    """A service that opens its key by the full path opens one handle, and the answer says so."""
    count = story_of_run(models.run("q241572", fix="explicit-hku")).questions[0]

    assert count.options[count.right[0]] == "One"


def test_a_run_without_calls_has_its_last_question():
    """A story without frames asks about the end alone, and makes a page."""
    story = story_of_run(attrs.evolve(models.run("q241572"), calls=(), blockers=()))

    assert [question.at for question in story.questions] == [0]
    assert "<h1>x</h1>" in lab_html(Lab(title="x", intro="", stories={(): story}))


def test_the_command_writes_one_file(tmp_path, capsys):
    """`regsim lab` writes the page where it is told to, and says so."""
    path = tmp_path / "new" / "page.html"

    assert main(["lab", "q2287297", "-o", str(path)]) == 0
    assert str(path) in capsys.readouterr().out
    assert "A forced unload breaks its holder" in path.read_text("utf-8")
    assert [p.name for p in path.parent.iterdir()] == ["page.html"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nonesuch"], "unknown scenario 'nonesuch'; known: q241572"),
        (["--os", "winnt"], "unknown OS 'winnt'"),
        (["--fix", "magic"], "unknown fix 'magic'"),
        (["--os", "nt31"], "cannot be played on nt31"),
        (["--os", "w2k", "--fix", "hotfix"], "does not exist on w2k"),
    ],
)
def test_what_cannot_be_shown_is_refused(words, said, tmp_path, capsys):
    """A wrong name is one line on stderr and exit code 2, and no file is begun."""
    path = tmp_path / "page.html"

    assert main(["lab", *words, "-o", str(path)]) == 2
    assert said in capsys.readouterr().err
    assert not path.exists()


def test_the_page_begins_where_it_is_told_to():
    """The start of the page is the system and fix that were asked for, else the incident's own."""
    assert build("q241572", "win10", "none").start == ("win10", "none")
    assert build("q2287297").start == ("win7", "none")
    with pytest.raises(UnknownNameError):
        build("q241572", "os2")


def test_a_terminal_sees_how_far_it_is(monkeypatch, capsys):
    """On a terminal a bar on stderr shows the progress; elsewhere stderr stays empty."""
    with progress([1, 2], "Playing") as quiet:
        assert list(quiet) == [1, 2]
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress([1, 2], "Playing") as shown:
        assert list(shown) == [1, 2]
    assert "Playing" in capsys.readouterr().err


def test_a_handle_on_another_hive_blocks_nothing():
    """The root of HKEY_USERS lies in another hive: it is listed, and only the other blocks."""
    tables = [frame.table for frame in frames_of_calls(models.run("reg-load", os="win11").calls)]

    assert [(row.handle, row.blocks) for row in tables[3]] == [(4, False), (8, True)]


def test_thousands_of_opens_read_as_one_by_one(monkeypatch):
    """The page of an incident that leaks is the same, byte for byte, if each open is a call."""
    narrow = {
        name: dialect.with_(refcount_bits=6) if dialect.refcount_bits == 16 else dialect
        for name, dialect in dialects.ALL.items()
    }
    monkeypatch.setattr(dialects, "ALL", narrow)
    monkeypatch.setattr(q179827, "LEAKS", 64)
    at_once = lab_html(build("q179827"))
    made = []

    def one_by_one(machine, tid, call, times):
        made.extend(run_call(machine, tid, call) for _ in range(times))

    monkeypatch.setattr(q179827, "repeat_call", one_by_one)

    assert lab_html(build("q179827")) == at_once
    assert len(made) % 63 == 0
    assert made
