"""What holds a user's hive, and what lets it go, over any program: both directions.

The cached root is the whole of the matter: a program that never uses HKEY_CURRENT_USER under the
user's token and closes what it opens leaves nothing; one whose first use is under that token
leaves exactly one handle, and only closing the root or ending the process gives it back.
"""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from regsim.testing import strategies as rs
from regsim.testing.session import Session, log_on
from regsim.testing.stateful import UserHiveMachine, describe
from regsim.types import Access, ObjectId, PredefinedKey

HKCU, HKLM = PredefinedKey.CURRENT_USER, PredefinedKey.LOCAL_MACHINE
SYSTEMS = ("nt4-sp6a", "w2k", "xp", "win7", "win11")
systems = st.sampled_from(SYSTEMS)
elsewhere = rs.programs(rs.api_calls(HKLM))
as_user = rs.programs(rs.api_calls(HKCU, closes_roots=False), size=8)
first_use = st.builds(
    rs.ApiCall,
    st.sampled_from(("RegOpenKeyEx", "RegCreateKeyEx")),
    st.tuples(st.just(HKCU), st.sampled_from(rs.SUBKEYS)),
)


def close_all(session: Session) -> None:
    """Close every handle that the service asked for and has not closed yet."""
    machine = session.machine
    for handle, entry in list(machine.process_of(session.service.tid).table.items()):
        if not machine.objects[ObjectId(entry[0])].origin.implicit:
            session.service.RegCloseKey(handle)


def impersonated(os: str, before: list, first: rs.ApiCall, after: list) -> Session:
    """Return a session whose service used HKCU first as the user, and closed all it was given."""
    session = log_on(os)
    rs.play(session.service, before)
    session.service.impersonate(session.user)
    rs.play(session.service, [first, *after])
    close_all(session)
    session.service.revert()
    return session


REUSED = [
    rs.ApiCall("RegOpenKeyEx", (HKLM, "Software")),
    rs.ApiCall("RegCloseKey", (rs.Given(0),)),
]
"""Leaves a free number, which the root that comes next takes."""


@given(systems, elsewhere, first_use, as_user)
@example("nt4-sp6a", REUSED, rs.ApiCall("RegOpenKeyEx", (HKCU, "Software")), [])
def test_a_first_use_as_the_user_blocks_though_all_is_closed(os, before, first, after) -> None:
    """What is left is one handle, on the root, that nobody asked for; the unload is refused."""
    session = impersonated(os, before, first, after)

    left = [h for h in session.holders() if h.process == "svchost.exe"]

    assert [(h.key, h.implicit) for h in left] == [(session.path, True)]
    assert not session.unload()


@given(systems, first_use, as_user, st.booleans())
def test_closing_the_root_or_ending_the_process_lets_it_go(os, first, after, ends) -> None:
    """The same programs leave nothing once the root is closed, or the process has ended."""
    session = impersonated(os, [], first, after)
    if ends:
        session.machine.end_process(session.machine.process_of(session.service.tid))
    else:
        session.service.RegCloseKey(HKCU)

    assert session.unload()


@given(systems, elsewhere)
def test_a_service_that_keeps_away_from_the_user_blocks_nothing(os, program) -> None:
    """Whatever it leaves open elsewhere."""
    session = log_on(os)
    session.service.impersonate(session.user)
    rs.play(session.service, program)

    assert session.unload()


@given(systems, first_use, as_user)
def test_a_first_use_as_itself_pins_another_root(os, first, after) -> None:
    """A service that used HKCU as LocalSystem before it acts as the user never holds the user's."""
    session = log_on(os)
    session.service.RegOpenKeyEx(HKCU, "")
    session.service.RegOpenKeyEx(HKCU, "Software")
    session.service.impersonate(session.user)
    rs.play(session.service, [first, *after])

    assert session.holders() == [h for h in session.holders() if h.process != "svchost.exe"]
    assert session.unload()


@settings(max_examples=30)
@given(systems.filter(lambda os: os != "nt4-sp6a"), as_user)
def test_the_users_own_root_opened_and_closed_leaves_nothing(os, program) -> None:
    """RegOpenCurrentUser gives a root of one's own; below it any program may work."""
    session = log_on(os)
    session.service.impersonate(session.user)
    root = session.service.RegOpenCurrentUser(access=Access.ALL).value
    below = [
        rs.ApiCall(call.name, tuple(root if arg is HKCU else arg for arg in call.args))
        for call in program
    ]
    rs.play(session.service, below)
    close_all(session)

    assert session.holders() == []
    assert session.unload()


class ClosesAll(UserHiveMachine):
    """A service that works below a root of its own and closes what it opens."""

    closes = True

    @initialize()
    def become(self) -> None:
        """Act as the user from the start."""
        self.session.service.impersonate(self.session.user)

    @rule(path=st.sampled_from(rs.SUBKEYS))
    def use(self, path: str) -> None:
        """Open a key, read a value, close the key."""
        api = self.session.service
        root = api.RegOpenCurrentUser(access=Access.READ).value
        key = api.RegOpenKeyEx(root, path).value
        api.RegQueryValueEx(key, "a")
        api.RegCloseKey(key)
        if self.closes:
            api.RegCloseKey(root)


class ForgetsTheRoot(ClosesAll):
    """The same service without the last call."""

    closes = False


QUICK = settings(max_examples=10, stateful_step_count=5, deadline=None)


def test_a_machine_of_sound_calls_passes() -> None:
    """Any order of a service's calls passes when each gives back what it took."""
    run_state_machine_as_test(ClosesAll, settings=QUICK)


def test_a_machine_that_forgets_a_handle_fails_and_says_who() -> None:
    """The failure names the process, the key, the handle and the call."""
    with pytest.raises(AssertionError, match=r"(?s)does not unload.*RegOpenCurrentUser"):
        run_state_machine_as_test(ForgetsTheRoot, settings=QUICK)


def test_the_failure_says_what_nobody_asked_for() -> None:
    """A cached root is named as one."""
    session = log_on("win11")
    session.service.impersonate(session.user)
    session.service.RegOpenKeyEx(HKCU, "Software")

    assert "which nobody asked for" in describe(session)
    assert str(session.user) in describe(session)
