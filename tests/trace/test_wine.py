"""Wine's logs: handle-exact pairing on real ones, and the server's grammar on small ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from regsim import dialects
from regsim.trace.asking import replay
from regsim.trace.evidence import Fidelity
from regsim.trace.finding import Conclusion, Finding
from regsim.trace.readers.wine import unescape

SERVER = "wine/wineserver-d1_wine8.0_regtest.log"
CLIENT = "wine/winedebug_timestamp_pid_reg_wine8.0.log"
USER = r"\Registry\User\S-1-5-21-0-0-0-1000"


def verdict_on(path: Path, at: str | None = None) -> Finding:
    """Return the verdict by Wine's rules."""
    return replay(path, dialect_of=dialects.get, at=at)


@pytest.mark.shared_data
def test_every_close_finds_its_open(captured: Callable[[str], Path]) -> None:
    """With handle values no close is left over: 1,700 opens, 1,542 closes of keys."""
    verdict = verdict_on(captured(SERVER))

    assert verdict.fidelity is Fidelity.HANDLES
    assert (verdict.opens, verdict.closes, verdict.unmatched_closes) == (1700, 1542, 0)
    assert verdict.os == "wine"


@pytest.mark.shared_data
def test_each_process_keeps_its_user_root(captured: Callable[[str], Path]) -> None:
    """Each of the ten processes caches one root of the user's hive and keeps it until it ends."""
    verdict = verdict_on(captured(SERVER))
    asked = {  # the lines of the requests with Maximum Allowed; the answer is a line further
        *(715, 3137, 4260, 8453, 10755, 15947, 22262, 24856, 28709, 33264),
    }

    assert len({root.pid for root in verdict.roots}) == len(verdict.roots) == 10
    assert {root.event - 1 for root in verdict.roots} <= asked
    assert {root.key for root in verdict.roots} == {USER}
    assert all(root.closed_at is not None for root in verdict.roots)
    assert verdict.blockers == ()


@pytest.mark.shared_data
def test_while_they_run_they_block(captured: Callable[[str], Path]) -> None:
    """At an event in the middle the processes of that moment hold the hive by its root."""
    verdict = verdict_on(captured(SERVER), at="#30000")

    assert verdict.conclusion is Conclusion.BLOCKED
    assert "services.exe" in {blocker.process for blocker in verdict.blockers}
    assert "explorer.exe" in {held.process for held in verdict.held}
    assert all(blocker.implicit and blocker.handle for blocker in verdict.blockers)


@pytest.mark.shared_data
def test_client_log_has_no_closes(captured: Callable[[str], Path]) -> None:
    """The client's log shows the roots that each process opens, and proves nothing."""
    verdict = verdict_on(captured(CLIENT))
    roots = {blocker.pid for blocker in verdict.blockers if blocker.implicit}

    assert verdict.conclusion is Conclusion.INCONCLUSIVE
    assert verdict.opens == 1700
    assert len(roots) == 10
    assert not any(blocker.certain for blocker in verdict.blockers)


PROLOGUE = [
    "wineserver: starting (pid=1)",
    "0024: init_first_thread( unix_pid=1, unix_tid=1 )",
    "0024: init_first_thread() = 0 { pid=0020, tid=0024 }",
]


def log(*calls: str) -> bytes:
    """Return a server's log with *calls* of the first thread."""
    lines = [*PROLOGUE, *(f"0024: {call}" for call in calls), "wineserver: exiting (pid=1)"]
    return "\n".join(lines).encode() + b"\n"


def opened(name: str, handle: str, parent: str = "0000", access: str = "00020019") -> list[str]:
    """Return a request to open a key and its answer."""
    name = name.replace("\\", "\\\\")
    asked = f'open_key( parent={parent}, access={access}, attributes=00000040, name=L"{name}" )'
    return [asked, f"open_key() = 0 {{ hkey={handle} }}"]


def closed(handle: str) -> list[str]:
    """Return a request to close a handle and its answer."""
    return [f"close_handle( handle={handle} )", "close_handle() = 0"]


def judged(tmp_path: Path, *calls: str) -> Finding:
    """Return the verdict on a small log."""
    path = tmp_path / "log"
    path.write_bytes(log(*calls))
    return verdict_on(path)


def test_relative_names(tmp_path: Path) -> None:
    """A name is relative to the key that the parent handle is open on."""
    verdict = judged(
        tmp_path, *opened(USER, "0030"), *opened("Software", "0034", "0030"), *closed("0030")
    )
    assert verdict.opens == 2
    assert verdict.closes == 1
    # Wine lets only an open root refuse an unload, so the subkey does not block it.
    assert verdict.blockers == ()


def test_held_root_blocks(tmp_path: Path) -> None:
    """The root kept open blocks, by its handle, since its line."""
    verdict = judged(tmp_path, *opened(USER, "0030"), *opened(USER, "0034"), *closed("0034"))
    (blocker,) = verdict.blockers
    assert (blocker.pid, blocker.handle, blocker.opened_at) == (0x20, 0x30, "line 5")
    assert blocker.balance == (1, 1)
    assert not blocker.implicit


@pytest.mark.parametrize(
    "calls",
    [
        ["open_key() = 0 { hkey=0030 }"],
        ['open_key( parent=0000, access=1, name=L"x" )', "create_key() = 0 { hkey=0030 }"],
        [f'open_key( parent=0000, name=L"{USER}" )', "open_key() = ACCESS_DENIED { hkey=0000 }"],
        ["close_handle( handle=0030 )", "close_handle() = 0"],
        ["garbage", "open_key(", "*killed* exit_code=0"],
    ],
)
def test_what_opens_nothing(tmp_path: Path, calls: list[str]) -> None:
    """Answers without a request, failures and closes of other things open and close nothing."""
    verdict = judged(tmp_path, *calls)
    assert (verdict.opens, verdict.closes, verdict.unmatched_closes) == (0, 0, 0)


def test_duplicates_count(tmp_path: Path) -> None:
    """A duplicated handle holds the hive after its source is closed."""
    verdict = judged(
        tmp_path,
        *opened(USER, "0030"),
        "dup_handle( src_process=ffffffff, src_handle=0030, dst_process=ffffffff, options=0 )",
        "dup_handle() = 0 { handle=0038 }",
        *closed("0030"),
    )
    (blocker,) = verdict.blockers
    assert blocker.handle == 0x38


def test_a_process_ends_with_its_last_thread(tmp_path: Path) -> None:
    """Its keys are closed then, although the server keeps it for whoever refers to it."""
    last = [*opened(USER, "0030"), "*killed* exit_code=0", 'get_key( name=L"x" )']
    kept = judged(
        tmp_path, "new_thread( process=ffffffff )", "new_thread() = 0 { tid=0028 }", *last
    )

    assert judged(tmp_path, *last).blockers == ()
    assert [blocker.handle for blocker in kept.blockers] == [0x30]


def test_unfinished_log_is_marked(tmp_path: Path) -> None:
    """A log that ends before the server does is partial, and says so."""
    path = tmp_path / "log"
    path.write_bytes(log(*opened(USER, "0030")).replace(b"wineserver: exiting (pid=1)\n", b""))
    assert "the log ends before the server does" in verdict_on(path).reasons


def test_escapes() -> None:
    """Wine's escapes are undone."""
    assert unescape(rb"a\\b\"c\x00e9") == 'a\\b"c\u00e9'
    assert unescape(rb"\n\101") == "\nA"
