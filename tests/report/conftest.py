"""The article's logoff by hand: with the stock service, and with the fixed one."""

from __future__ import annotations

import sys
from pathlib import Path

import attrs
import pytest

from regsim.kernel.holding import Holding
from regsim.kernel.machine import Event
from regsim.scenario.result import CallRecord, Outcome, Run
from regsim.status import NtStatus

HERE = str(Path(__file__).resolve().parent)
if HERE not in sys.path:  # the oracle beside these tests can be imported by name
    sys.path.append(HERE)

USER = r"\REGISTRY\USER\S-1-5-21-7"
ICW, TAPI, WINLOGON = "ICW", "Telephony service", "Winlogon"
OPEN = r'RegOpenKeyExW(HKEY_CURRENT_USER, "Software\Telephony")'
CLOSE = "RegCloseKey(subkey)"
UNLOAD = "UnloadUserProfile(profile)"


def call(number, actor, process, what, step, operation="", **more):
    """Return a record, successful unless *more* says otherwise."""
    status = more.pop("status", NtStatus.SUCCESS)
    return CallRecord(
        number=number,
        time=0,
        actor=actor,
        process=process,
        call=what,
        step=step,
        operation=operation,
        status=status,
        **more,
    )


def tapi(number, what, step, operation, **more):
    """Return a record of the service."""
    return call(number, TAPI, "tapisrv.exe", what, step, operation, **more)


def tabled(*calls):
    """Return *calls* with the handles that are open after each, as a machine records them."""
    open_now, after = {}, []
    for record in calls:
        slot = (record.process, record.handle)
        if record.handle is not None and record.step.startswith("close"):
            open_now.pop(slot, None)
        elif record.handle is not None:
            open_now[slot] = row_of(record)
        table = tuple(
            attrs.evolve(row, blocks=record.open_handles is not None) for row in open_now.values()
        )
        after.append(attrs.evolve(record, table=table))
    return tuple(after)


def row_of(record):
    """Return the handle that *record* opened."""
    return Holding(
        process=record.process,
        service="TapiSrv",
        pid=204,
        handle=record.handle,
        key=record.key,
        hive=USER,
        opened_by=record.call,
        implicit=record.implicit,
    )


def begin():
    """Return the request that both runs begin with."""
    what = "asks Telephony service for the user's data"
    return call(1, ICW, "icwconn1.exe", what, "request", open_handles=0)


def logoff(number, **more):
    """Return Winlogon's attempt to unload."""
    return call(number, WINLOGON, "winlogon.exe", UNLOAD, "unload-hive", "NtUnloadKey", **more)


@pytest.fixture
def stock() -> Run:
    """The stock service: the root that was resolved for HKCU stays open."""
    sub = USER + r"\Software\Telephony"
    holder = Holding(
        process="tapisrv.exe",
        service="TapiSrv",
        pid=204,
        handle=4,
        key=USER,
        hive=USER,
        opened_by=OPEN,
        implicit=True,
    )
    event = Event("Userenv", 1000, "The profile could not be unloaded.")
    return Run(
        scenario="icw-logoff",
        title="The wizard makes a connection, then the user logs off",
        os="nt4-sp6a",
        os_title="Windows NT 4.0 SP6a",
        fix="stock",
        outcome=Outcome.LOST,
        unloaded=False,
        profile_saved=False,
        status=NtStatus.CANNOT_DELETE,
        blockers=(holder,),
        events=(event,),
        calls=tabled(
            begin(),
            tapi(
                2, OPEN, "open-root", "NtOpenKey", handle=4, key=USER, implicit=True, open_handles=1
            ),
            tapi(3, OPEN, "open-subkey", "NtOpenKey", handle=8, key=sub, open_handles=2),
            tapi(4, CLOSE, "close", "NtClose", handle=8, key=sub, open_handles=1),
            logoff(5, status=NtStatus.CANNOT_DELETE, open_handles=1),
        ),
    )


@pytest.fixture
def fixed() -> Run:
    """The fixed service: it closes the root, too."""
    sub = USER + r"\Software\Telephony"
    return Run(
        scenario="icw-logoff",
        title="The wizard makes a connection, then the user logs off",
        os="nt4-sp6a",
        os_title="Windows NT 4.0 SP6a",
        fix="close-root",
        outcome=Outcome.SAVED,
        unloaded=True,
        profile_saved=True,
        status=NtStatus.SUCCESS,
        blockers=(),
        events=(),
        calls=tabled(
            begin(),
            tapi(
                2, OPEN, "open-root", "NtOpenKey", handle=4, key=USER, implicit=True, open_handles=1
            ),
            tapi(3, OPEN, "open-subkey", "NtOpenKey", handle=8, key=sub, open_handles=2),
            tapi(4, CLOSE, "close", "NtClose", handle=8, key=sub, open_handles=1),
            tapi(
                5,
                "RegCloseKey(HKEY_CURRENT_USER)",
                "close",
                "NtClose",
                handle=4,
                key=USER,
                open_handles=0,
            ),
            logoff(6),
        ),
    )


@pytest.fixture
def rows() -> dict[str, dict[str, Outcome]]:
    """A small matrix with every outcome in it."""
    lost, saved = Outcome.LOST, Outcome.SAVED
    return {
        "nt4-sp6a": {
            "stock": lost,
            "close-root": saved,
            "open-current-user": Outcome.NOT_APPLICABLE,
        },
        "w2k": {"stock": Outcome.LATE, "close-root": saved, "open-current-user": saved},
        "vista": {"stock": Outcome.HOLDER_BROKEN, "close-root": saved, "open-current-user": saved},
    }


@pytest.fixture
def make_call():
    """The maker of records."""
    return call


@pytest.fixture
def golden():
    """The reader of the texts that were checked by eye."""
    return lambda name: (Path(__file__).parent / "golden" / name).read_text(encoding="ascii")
