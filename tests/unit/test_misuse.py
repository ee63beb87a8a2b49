"""A path or a user in another form than the kernel's is refused with what to write instead."""

from __future__ import annotations

import re

import pytest

from regsim import dialects
from regsim.errors import UsageError
from regsim.kernel.machine import Machine
from regsim.kernel.process import Token
from regsim.types import Sid
from regsim.win32.api import Api


@pytest.mark.parametrize(
    ("path", "write"),
    [
        (r"HKU\S-1-5-21-7", r"\REGISTRY\USER\S-1-5-21-7"),
        (r"hkey_users\S-1-5-21-7", r"\REGISTRY\USER\S-1-5-21-7"),
        (r"HKLM\Software", r"\REGISTRY\MACHINE\Software"),
        ("S-1-5-21-7", r"\REGISTRY\USER\<SID>"),
        ("", r"\REGISTRY\USER\<SID>"),
    ],
)
def test_mounting_at_an_alias_says_the_path(path: str, write: str) -> None:
    """A hive is mounted at no alias, since the namespace has none; the refusal gives the path."""
    machine = Machine(dialects.get("win10"))
    hives = len(machine.hives)

    with pytest.raises(UsageError, match=re.escape(f"write {write} for")):
        machine.mount_hive(path)
    assert len(machine.hives) == hives
    machine.check()


@pytest.mark.parametrize("path", [r"\REGISTRY\USER\S-1-5-21-7", r"\registry\user\S-1-5-21-7"])
def test_mounting_at_the_path_is_fine(path: str) -> None:
    """A kernel path is taken, however its case."""
    machine = Machine(dialects.get("win10"))

    assert machine.hive_at(path) is None
    assert machine.hive_at(r"\REGISTRY\USER\S-1-5-21-7") is not machine.mount_hive(path)
    assert machine.hive_at(r"\REGISTRY\USER\S-1-5-21-7") is not None


@pytest.mark.parametrize("name", ["anna", "", "COMPUTER\\anna", "S-1"])
def test_a_user_name_is_no_sid(name: str) -> None:
    """To act as a user by name is refused, in a call and in a token; nobody is impersonated."""
    machine = Machine(dialects.get("win10"))
    api = Api(machine, machine.start_thread(machine.start_process("service")))

    with pytest.raises(UsageError, match="no SID: give one such as S-1-5-21"):
        api.impersonate(name)
    with pytest.raises(UsageError, match="no SID"):
        Token(Sid(name))
    assert machine.threads[api.tid].token is None


@pytest.mark.parametrize("sid", ["S-1-5-21-7", "s-1-5-18"])
def test_a_sid_is_a_sid(sid: str) -> None:
    """A SID is taken, however its case."""
    machine = Machine(dialects.get("win10"))
    api = Api(machine, machine.start_thread(machine.start_process("service")))

    api.impersonate(sid)

    token = machine.threads[api.tid].token
    assert token is not None
    assert token.sid == sid
