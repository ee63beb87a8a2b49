"""Whatever people have in hand: every wrapping names the same holders, or says what it lacks."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from logs import LOGS
from mangling import MANGLES
from pieces import BOTH, DETAIL_BOTH, EVENTS, LISTINGS, MESSAGE_A, MESSAGE_BOTH, Piece, copied

import regsim
from regsim.report.text.evidence import as_text
from regsim.trace.finding import Conclusion, Finding
from regsim.trace.readers.event_text import read_events

PIECES = {**EVENTS, **LISTINGS}
TEXTS = {
    "a message": MESSAGE_BOTH,
    "DETAIL alone": DETAIL_BOTH,
    "a copy": copied(MESSAGE_BOTH),
    "two copies": EVENTS["two copies in one paste"].text,
    "1552": EVENTS["1552 as the Event Viewer copies it"].text,
    "UPHClean": EVENTS["UPHClean"].text,
}


def named(found: Finding) -> set[tuple[int, str, str]]:
    """Return who has what open, by number, image and hive."""
    return {(held.pid, held.process, held.hive) for held in found.held}


@pytest.mark.parametrize("name", PIECES)
def test_a_piece_names_its_holders_and_nobody_else(name: str) -> None:
    """Each process in its hive, and the verdict that the piece carries."""
    piece: Piece = PIECES[name]
    found = regsim.who(piece.text)

    assert found.conclusion.value == piece.verdict
    got = named(found)
    for pid, image, hive in piece.holders:
        assert any(
            (pid, image) == one[:2] and one[2].upper().endswith(hive.upper()) for one in got
        ), got
    assert {one[:2] for one in got} == {one[:2] for one in piece.holders}
    said = as_text(found)
    if piece.holders:
        assert "not told by whom" not in said
        assert "does not say by whom" not in said
    if found.conclusion is not Conclusion.INCONCLUSIVE:
        assert "no event in it says" not in said


@pytest.mark.parametrize("name", LOGS)
def test_a_log_resembles_an_incident_and_names_nobody(name: str) -> None:
    """It is inconclusive, with what to collect next where it shows a failure."""
    text, incident = LOGS[name]
    found = regsim.who(text)

    assert (found.conclusion, found.incident) == (Conclusion.INCONCLUSIVE, incident)
    assert found.hives == ()
    assert bool(found.next_steps) is (incident is not None)


def holders_of(text: str) -> tuple[Counter[tuple[str, int, str]], list[str]]:
    """Return each holder in the events of a text as often as it is listed, and what is unread."""
    found: Counter[tuple[str, int, str]] = Counter()
    unread = []
    for report in read_events(text):
        unread += [report.unread] if report.unread else []
        for one in report.sightings:
            sid = re.search(r"S-1-5-21[\d-]*", one.key)
            found[one.process.lower(), one.pid, sid[0] if sid else one.key] += 1
    return found, unread


@pytest.mark.parametrize("mangle", MANGLES.values(), ids=MANGLES)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_mangled_text_names_the_same_holders(text: str, mangle: Callable[[str], str]) -> None:
    """Never fewer without a word, and never another."""
    whole, _ = holders_of(text)
    found, unread = holders_of(mangle(text))

    assert whole
    assert not found - whole
    assert found == whole or unread


@pytest.mark.parametrize("first", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("second", TEXTS.values(), ids=TEXTS)
def test_texts_one_after_the_other_name_the_holders_of_both(first: str, second: str) -> None:
    """Whatever follows, an event keeps its own."""
    together, _ = holders_of(f"{first}\n{second}")

    assert together == holders_of(first)[0] + holders_of(second)[0]


@pytest.mark.parametrize("at", range(60, len(copied(MESSAGE_A)), 7))
def test_a_text_cut_short_names_nobody_else(at: int) -> None:
    """Cut anywhere, it names its holder, or nobody and never "not by whom" beside an image."""
    text = copied(MESSAGE_A)[:at]
    whole, _ = holders_of(copied(MESSAGE_A))
    found, unread = holders_of(text)

    assert {one[:2] for one in found} <= {one[:2] for one in whole}
    if not found and ".exe" in text:
        assert unread


def test_two_equal_lines_are_two_handles() -> None:
    """A list counts handles, so a key that stands in it twice is open twice."""
    lines = DETAIL_BOTH.splitlines()
    (hive,) = regsim.who(
        "\n".join([lines[0].replace("2", "3"), lines[1], lines[1], lines[2]])
    ).hives

    assert sorted(held.balance[0] for held in hive.blockers) == [1, 2]


def test_what_is_counted_is_compared_with_what_is_listed() -> None:
    """More counted than listed is said; as many is not."""
    more = as_text(regsim.who(DETAIL_BOTH.replace("2 user", "5 user")))

    assert "it counts 5 handles and lists 2" in " ".join(more.split())
    assert "it counts" not in as_text(regsim.who(DETAIL_BOTH))


def test_a_logoff_is_a_section_of_its_own_and_the_newest_comes_first() -> None:
    """Each with its time; who is named again and again is counted."""
    days = [copied(MESSAGE_BOTH, f"11/{day}/2025 5:12:31 PM") for day in (3, 5, 4)]
    found = regsim.who("\n".join(days))

    assert [one.at for one in found.occasions] == [f"11/{day}/2025 5:12:31 PM" for day in (5, 4, 3)]
    assert all(len(one.blockers) == 2 for one in found.occasions)
    assert "svchost.exe: 3 of 3 events at logoff" in " ".join(as_text(found).split())
    assert "How often" not in as_text(regsim.who(days[0]))


@pytest.mark.parametrize("started", [True, False])
def test_boots_are_kept_apart(started: bool) -> None:
    """A start of the profile service between two logoffs is said, and none where there was none."""
    days = [copied(MESSAGE_A, f"11/{day}/2025 5:12:31 PM") for day in (3, 5)]
    between = "The User Profile Service has started successfully."
    paste = "\n".join([*days, copied(between, "11/4/2025 8:00:00 AM", 1531 if started else 1534)])
    found = regsim.who(paste)

    assert [one.boot for one in found.occasions if one.held] == ([1, 0] if started else [None] * 2)
    assert ("may mean another process" in " ".join(as_text(found).split())) is started
    assert "(2 events 1530)" in " ".join(as_text(found).split())


@pytest.mark.parametrize(
    ("texts", "system"),
    [
        ([copied(MESSAGE_A)], "Windows Vista or later"),
        ([EVENTS["1552 as the Event Viewer copies it"].text], "Windows 10 version 1809"),
        ([EVENTS["1517 and 1524 of XP"].text], "Windows XP or Server 2003"),
        ([EVENTS["1511 and 1515 alone"].text], ""),
        ([copied(MESSAGE_A), EVENTS["1517 and 1524 of XP"].text], ""),
    ],
)
def test_the_system_is_told_as_far_as_the_events_tell_it(texts: list[str], system: str) -> None:
    """An event that more than one generation writes tells none, nor do two that none writes."""
    found = regsim.who("\n".join(texts))

    assert found.os is None
    assert found.os_title.startswith(system)
    assert bool(found.os_title) == bool(system)


@pytest.mark.parametrize(
    ("image", "stop"),
    [("lsass.exe", False), ("winlogon.exe", False), ("MsMpEng.exe", False), ("backup.exe", True)],
)
def test_nobody_is_told_to_stop_a_part_of_windows(image: str, stop: bool) -> None:
    """Nor a security program; any other may be stopped."""
    said = " ".join(as_text(regsim.who(MESSAGE_A.replace("svchost.exe", image))).split())

    assert ("stop or restart" in said) is stop
    assert ("leave it running" in said) is not stop


def test_an_advice_names_no_more_programs_than_can_be_read() -> None:
    """Eight, and how many more there are; the blockers are all of them."""
    row = {"op": "open", "key": "HKU\\S-1-5-21-7\\A", "handle": 4}
    for count, more in ((8, ""), (10, " and 2 more")):
        pids = range(10, 10 + count)
        rows = [json.dumps({**row, "pid": pid, "process": f"p{pid}.exe"}) for pid in pids]
        found = regsim.replay("\n".join(rows))
        said = " ".join(as_text(found).split())

        eight = ", ".join(f"p{pid}.exe" for pid in range(10, 18))
        assert f"until then stop or restart {eight}{more} before the unload." in said
        assert len(found.blockers) == count


def test_rows_of_a_table_are_events_of_their_own() -> None:
    """Each has its time, and that its message is cut off is not taken for silence."""
    found = regsim.who(EVENTS["a German table of two rows"].text)

    assert [one.at for one in found.occasions] == ["03.11.2025 17:12:31", "03.11.2025 07:55:02"]
    assert all("could not be read to the end" in one.said for one in found.occasions)
    foreign = EVENTS["a German table of two rows"].text.replace("User Profiles", "Other")
    with pytest.raises(regsim.RegsimError, match="no evidence"):
        regsim.who(foreign)


@pytest.mark.parametrize("name", ["Get-EventLog's list", "a ticket's table"])
def test_what_stands_twice_or_behind_a_key_is_not_added(name: str) -> None:
    """A message told again as its strings is one event; a table's border is no part of a key."""
    found = regsim.who(EVENTS[name].text)

    assert len(found.occasions) == 1
    assert all("|" not in one.key for one in found.blockers)


@pytest.mark.parametrize("mangle", [m for name, m in MANGLES.items() if name.startswith("cut at")])
def test_a_console_breaks_lines_within_keys(mangle: Callable[[str], str]) -> None:
    """Wherever it does, also beside a space, the whole name is put together again."""
    keys = sorted(one.key for one in regsim.who(mangle(MESSAGE_BOTH)).held)

    assert keys == sorted(one.key for one in regsim.who(MESSAGE_BOTH).held)


def test_a_service_host_is_not_the_service() -> None:
    """The evidence does not say which service it was, so how to find it is said."""
    assert 'tasklist /svc /fi "pid eq 1512"' in " ".join(as_text(regsim.who(MESSAGE_A)).split())


def test_the_shell_is_a_bystander_in_a_listing_and_a_holder_at_logoff() -> None:
    """It ends with the session; where an event names it, it had not ended."""
    line = LISTINGS["handle, a search"].text.replace("updater.exe", "explorer.exe")
    (listed,) = (hive for hive in regsim.who(line).hives if hive.hive.endswith("1188"))
    (told,) = regsim.who(MESSAGE_A.replace("svchost.exe", "explorer.exe")).hives

    assert [one.process for one in listed.bystanders] == ["explorer.exe"]
    assert (listed.blockers, listed.conclusion) == ((), Conclusion.BLOCKED)
    assert [one.process for one in told.blockers] == ["explorer.exe"]


def test_a_hive_loaded_elsewhere_is_judged_where_it_is_asked_about() -> None:
    """`--hive KEY`: a key that is no hive by its place alone."""
    line = "a.exe   pid: 7   type: Key   10: HKLM\\SOFTWARE\\Loaded\\X\n"

    assert regsim.who(line).hives == ()
    (hive,) = regsim.who(line, mounts=["HKLM\\SOFTWARE\\Loaded"]).hives
    assert (hive.hive.upper(), hive.conclusion) == ("HKLM\\SOFTWARE\\LOADED", Conclusion.BLOCKED)


def test_on_wine_what_does_not_block_is_named_all_the_same() -> None:
    """Open keys below the root are bystanders there, each with why."""
    records = [
        {"op": "load", "pid": 4, "process": "System", "key": "HKU\\S-1-5-21-7"},
        {"op": "start", "pid": 9, "process": "a.exe", "session": 1},
        {"op": "open", "pid": 9, "key": "HKU\\S-1-5-21-7\\Software", "handle": 4},
    ]
    text = "".join(json.dumps(record) + "\n" for record in records)
    found = regsim.replay(text, dialect=regsim.dialects.get("wine"))
    (held,) = found.hives[0].bystanders

    assert (held.process, held.blocks, found.conclusion) == ("a.exe", False, Conclusion.CLEAR)
    assert "a.exe" in as_text(found)
    assert regsim.replay(text, dialect=regsim.dialects.get("win10")).hives[0].held[0].blocks


def test_paths_and_texts_are_told_apart(tmp_path: Path) -> None:
    """A text with a line break, or with many words, is read as it stands; else it is a path."""
    path = tmp_path / "an event.txt"
    path.write_text(MESSAGE_BOTH)

    assert named(regsim.who(str(path))) == named(regsim.who(MESSAGE_BOTH))
    assert {one[:2] for one in named(regsim.who(MESSAGE_BOTH))} == {one[:2] for one in BOTH}
    with pytest.raises(regsim.RegsimError, match="there is no file"):
        regsim.who("event.txt")
