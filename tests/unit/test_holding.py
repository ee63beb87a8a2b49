"""What blocks an unload is said once: the kernel, the replay and the explorer follow it."""

from __future__ import annotations

import attrs
import pytest

from regsim import dialects
from regsim.explore.system import _refusing
from regsim.kernel.hive import Hive
from regsim.kernel.holding import (
    Holding,
    Holdings,
    blockers,
    blocks,
    count_handles,
    holding,
    holdings,
    open_handles,
)
from regsim.kernel.unload import flush
from regsim.policy import UnloadBlockers
from regsim.status import NtStatus
from regsim.testing.session import Session, log_on
from regsim.trace.by_handle import policy_of
from regsim.types import PredefinedKey
from regsim.win32.api import Api

RULES = {
    UnloadBlockers.ANY: (True, True),
    UnloadBlockers.ROOT: (True, False),
    UnloadBlockers.SUBKEY: (False, True),
}
"""Whether an open root and an open key below it refuse the unload."""

EVERY = [*dialects.names()]


def session_with(policy: UnloadBlockers, os: str = "nt4-sp6a") -> tuple[Session, Hive]:
    """Return a session whose service holds the user's root unasked and the key Software.

    A process of the user's has a key of another hive open, which never matters.
    """
    session = log_on(os)
    session.machine.dialect = session.machine.dialect.with_(unload_blockers=policy)
    session.service.impersonate(session.user)
    session.service.RegCreateKeyEx(PredefinedKey.CURRENT_USER, "Software")
    session.service.revert()
    session.desktop.NtOpenKey(r"\REGISTRY\MACHINE")
    hive = session.machine.hive_at(session.path)
    assert hive is not None
    return session, hive


@pytest.mark.parametrize("policy", RULES)
def test_rule_is_the_policys(policy: UnloadBlockers) -> None:
    """Any open key refuses, or the root alone, or only what lies below it."""
    assert (blocks(policy, is_root=True), blocks(policy, is_root=False)) == RULES[policy]


def test_alike_handles_are_a_sequence() -> None:
    """Handles that are described once are each there, by number, by slice and one by one."""
    one = Holding(
        process="a.exe",
        service=None,
        pid=4,
        handle=4,
        key="K",
        hive="H",
        opened_by="open",
        implicit=False,
    )
    other = attrs.evolve(one, handle=16, blocks=True)
    held = Holdings(((one, (4, 8, 12)), (other, (16,))))
    each = (*(attrs.evolve(one, handle=handle) for handle in (4, 8, 12)), other)

    assert (len(held), tuple(held), held[:], held[-1], held[1]) == (4, each, each, other, each[1])
    assert held == each
    assert held == Holdings(tuple((row, (row.handle,)) for row in each))
    assert hash(held) == hash(each)
    assert held != each[:3]
    assert (held.blocking(), Holdings()) == ((other,), ())
    with pytest.raises(IndexError):
        held[4]


@pytest.mark.parametrize("policy", RULES)
def test_kernel_follows_the_rule(policy: UnloadBlockers) -> None:
    """The blocks that refuse, and the handles said to, are those that the rule names."""
    session, hive = session_with(policy)
    root, below = RULES[policy]
    wanted = [path for path, refuses in (((), root), (("SOFTWARE",), below)) if refuses]
    found = list(holdings(session.machine, hive))

    assert [kcb.path for kcb in blockers(session.machine, hive)] == wanted
    assert sorted((one.key == session.path, one.blocks) for one in found) == [
        (False, below),
        (True, root),
    ]
    assert not session.unload()


@pytest.mark.parametrize("name", EVERY)
def test_replay_has_the_rule_of_the_dialect(name: str) -> None:
    """The two flags that a replay is given say what the rule says, for every dialect."""
    dialect = dialects.get(name)
    policy = policy_of(dialect)

    assert (policy.root_blocks, policy.subkeys_block) == RULES[dialect.unload_blockers]


def test_each_rule_is_some_dialects() -> None:
    """There are dialects for each of the three rules."""
    assert {dialects.get(name).unload_blockers for name in EVERY} == set(RULES)


@pytest.mark.parametrize("policy", RULES)
def test_explorer_follows_the_rule(policy: UnloadBlockers) -> None:
    """The explorer counts the keys that refuse: the root and what is below, never a neighbour."""
    refuses = _refusing(("USER", "A"), policy)
    keys = ("USER", "A"), ("USER", "A", "B"), ("USER",), ("USER", "AB")

    assert [refuses(key) for key in keys] == [*RULES[policy], False, False]


def test_holding_tells_whose_handle_it_is() -> None:
    """A record names process, service, key, hive and the call; that nobody asked is said too."""
    session, hive = session_with(UnloadBlockers.ANY)
    root, below = holdings(session.machine, hive)
    process = session.machine.process_of(session.service.tid)

    assert (root.process, root.service, root.pid) == ("svchost.exe", "Service", process.pid)
    assert (root.key, root.hive, root.implicit) == (session.path, session.path, True)
    assert (below.key, below.hive) == (rf"{session.path}\Software", session.path)
    assert (below.opened_by, below.implicit) == ('RegCreateKeyEx(HKCU, "Software")', False)
    assert holding(session.machine, process, below.handle).blocks is False


def test_handle_outlives_its_key() -> None:
    """After a forced unload the handle is listed, no longer live, and blocks nothing."""
    session, hive = session_with(UnloadBlockers.ANY, "win11")
    before = open_handles(session.machine, [hive])
    assert session.service.NtUnloadKey2(session.path).status is NtStatus.SUCCESS
    after = open_handles(session.machine, [])

    assert [(one.live, one.blocks) for one in before] == [(True, True)] * 2 + [(True, False)]
    assert [(one.live, one.blocks) for one in after] == [(False, False)] * 2 + [(True, False)]
    assert [(one.key, one.hive) for one in after] == [(one.key, one.hive) for one in before]


def test_list_has_the_first_of_each_process() -> None:
    """With a limit each process is listed up to it, in order of handle."""
    session, hive = session_with(UnloadBlockers.ANY)
    every = open_handles(session.machine, [hive])

    assert open_handles(session.machine, [hive], limit=1) == (every[0], every[2])
    assert count_handles(session.machine) == len(every) == 3


def test_a_long_table_is_listed_in_part() -> None:
    """Without a limit of its own a list has the first 64 handles of each process; all count."""
    session, hive = session_with(UnloadBlockers.ANY)
    for _ in range(70):
        session.desktop.NtOpenKey(r"\REGISTRY\MACHINE")

    assert len(open_handles(session.machine, [hive])) == 2 + 64
    assert count_handles(session.machine) == 3 + 70


def test_a_hive_is_written_once_and_only_to_a_file() -> None:
    """A flush writes what has changed, once; a hive without a file stays as it is."""
    session, hive = session_with(UnloadBlockers.ANY)
    session.machine.mount_hive(r"\REGISTRY\USER\S-1-5-21-77")
    homeless = session.machine.hive_at(r"\REGISTRY\USER\S-1-5-21-77")
    assert homeless is not None
    files = session.machine.files
    assert hive.file is not None
    files.write(hive.file, None)
    hive.dirty = homeless.dirty = True
    flush(session.machine, hive)
    written = files.read(hive.file)
    files.write(hive.file, None)
    flush(session.machine, hive)
    flush(session.machine, homeless)

    assert written is not None
    assert (files.read(hive.file), hive.dirty, homeless.dirty) == (None, False, False)


def test_a_deleted_key_is_held_by_nobody() -> None:
    """A handle whose key was deleted is no holding of its hive any more; the others still are."""
    session, hive = session_with(UnloadBlockers.ANY)
    before = list(holdings(session.machine, hive))
    _, made = session.service.RegCreateKeyEx(before[1].handle, "Gone")
    with_it = list(holdings(session.machine, hive))
    assert session.service.NtDeleteKey(made.handle).status is NtStatus.SUCCESS

    assert [one.handle for one in with_it] == [one.handle for one in before] + [made.handle]
    assert list(holdings(session.machine, hive)) == before


def test_services_of_one_process_are_listed() -> None:
    """A process that hosts several services is said to run each of them."""
    session, _ = session_with(UnloadBlockers.ANY)
    process = session.machine.start_process("svchost", services=("Dhcp", "Schedule"))
    thread = session.machine.start_thread(process)
    _, handle = Api(session.machine, thread).NtOpenKey(r"\REGISTRY\MACHINE")

    assert holding(session.machine, process, handle).service == "Dhcp, Schedule"


def test_a_record_blocks_only_where_it_is_said_to() -> None:
    """A record made of the evidence's words alone is of a live key and blocks nothing."""
    plain = Holding(
        process="a.exe",
        service=None,
        pid=1,
        handle=4,
        key=r"\REGISTRY\USER\A",
        hive=r"\REGISTRY\USER\A",
        opened_by="",
        implicit=False,
    )

    assert (plain.live, plain.blocks) == (True, False)
