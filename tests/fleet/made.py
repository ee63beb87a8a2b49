"""Evidence of a fleet made here: eight kinds of files on many hosts, and what is true of them."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Iterator
from typing import NamedTuple

SERVICES = ("svchost.exe", "updater.exe", "spoolsv.exe", "agent.exe", "backup.exe", "msiexec.exe")
FIRST = dt.datetime.fromisoformat("2025-09-01T08:00")
PROVIDER = "Microsoft-Windows-User Profiles Service"


class Held(NamedTuple):
    """What a file says: on which host, in whose hive, which process, by which kind of file."""

    host: str
    sid: str
    process: str
    pid: int


class Made(NamedTuple):
    """A file: its path below the root, its content, and all that it says is held."""

    path: str
    data: bytes
    held: tuple[Held, ...]


def _sid(host: int, user: int) -> str:
    return f"S-1-5-21-1000000000-2000000000-{host}-{1_000 + user}"


def _message(held: Held) -> str:
    return (
        "Windows detected your registry file is still in use by other applications or services. "
        "The file will be unloaded now.\n\n DETAIL - \n 1 user registry handles leaked from "
        f"\\Registry\\User\\{held.sid}:\nProcess {held.pid} (\\Device\\HarddiskVolume3\\Windows\\"
        f"System32\\{held.process}) has opened key \\REGISTRY\\USER\\{held.sid}\\Software\n"
    )


def event_text(held: Held, when: dt.datetime) -> str:
    """Return the event as the Event Viewer copies it."""
    hour = when.hour % 12 or 12
    half = "PM" if when.hour > 11 else "AM"
    return (
        f"Log Name:      Application\nSource:        {PROVIDER}\nDate:          {when.month}/"
        f"{when.day}/{when.year} {hour}:{when:%M:%S} {half}\nEvent ID:      1530\n"
        f"Level:         Warning\nComputer:      {held.host}\nDescription:\n{_message(held)}"
    )


def event_xml(held: Held, when: dt.datetime) -> str:
    """Return the event as wevtutil and the Event Viewer's details show it."""
    lines = _message(held).partition("DETAIL - \n")[2].replace("\n", "&#xD;\n")
    return (
        '<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System>'
        f'<Provider Name="{PROVIDER}"/><EventID>1530</EventID>'
        f'<TimeCreated SystemTime="{when:%Y-%m-%dT%H:%M:%S}.0000000Z"/>'
        f"<Computer>{held.host}</Computer></System>"
        f'<EventData Name="EVENT_HIVE_LEAK"><Data Name="Detail">{lines}</Data></EventData></Event>'
    )


def event_csv(each: list[tuple[Held, dt.datetime]]) -> str:
    """Return an export of the events of several computers, a row each."""
    rows = ['"TimeCreated","Id","ProviderName","MachineName","Message"']
    for held, when in each:
        message = _message(held).replace('"', '""')
        rows.append(f'"{when:%Y-%m-%d %H:%M:%S}","1530","{PROVIDER}","{held.host}","{message}"')
    return "\r\n".join(rows) + "\r\n"


def event_json(each: list[tuple[Held, dt.datetime]]) -> str:
    """Return events as a log store exports them, one to a line."""
    return "".join(
        json.dumps(
            {
                "TimeCreated": f"{when:%Y-%m-%dT%H:%M:%SZ}",
                "Id": 1530,
                "ProviderName": PROVIDER,
                "MachineName": held.host,
                "Message": _message(held),
            }
        )
        + "\n"
        for held, when in each
    )


def listing(held: Held) -> str:
    """Return what handle.exe prints; it names no computer."""
    return (
        "\nNthandle v4.22 - Handle viewer\nCopyright (C) 1997-2019 Mark Russinovich\n"
        "Sysinternals - www.sysinternals.com\n\n"
        f"{held.process:<18} pid: {held.pid:<6} type: Key            1C4: HKU\\{held.sid}\n"
    )


def agent_rows(each: list[Held]) -> str:
    """Return a hunt's rows of handles, each with the computer it is from."""
    return "".join(
        json.dumps(
            {
                "ProcPid": held.pid,
                "ProcName": held.process,
                "Exe": f"C:\\Windows\\System32\\{held.process}",
                "Type": "Key",
                "Name": f"\\REGISTRY\\USER\\{held.sid}\\Software",
                "Handle": 156,
                "Fqdn": held.host,
            }
        )
        + "\n"
        for held in each
    )


def capture(held: Held, when: dt.datetime) -> str:
    """Return a Process Monitor capture in which the key is opened and stays open."""
    clock = f"{when:%Y-%m-%d %H:%M:%S}"
    who = f'"{held.process}","{held.pid}"'
    key = f"HKU\\{held.sid}\\Software"
    rows = [
        '"Date & Time","Process Name","PID","Operation","Path","Result","Detail"',
        f'"{clock}.1000000",{who},"Process Start","","SUCCESS","Parent PID: 4, Command line: x"',
        f'"{clock}.2000000",{who},"RegOpenKey","{key}","SUCCESS","Desired Access: Read"',
    ]
    return "\r\n".join(rows) + "\r\n"


def old_event(held: Held, when: dt.datetime) -> str:
    """Return UPHClean's event of the XP days."""
    return (
        f"Event Type:\tInformation\nEvent Source:\tUPHClean\nEvent ID:\t1401\n"
        f"Date:\t\t{when:%Y-%m-%d}\nTime:\t\t{when:%H:%M:%S}\nUser:\t\tN/A\nComputer:\t{held.host}\n"
        "Description:\nThe following handles in user profile hive CORP\\u "
        f"({held.sid}) have been remapped because they were preventing the profile from "
        f"unloading successfully:\n\n{held.process} ({held.pid})\n  HKCU (0x1c4)\n"
    )


KINDS = ("text", "xml", "csv", "json", "listing", "rows", "capture", "uphclean")


def files(count: int, hosts: int, seed: int = 1) -> Iterator[Made]:
    """Yield *count* files on *hosts* hosts, each host's in a folder of its name."""
    rng = random.Random(seed)
    for number in range(count):
        kind, host = KINDS[number % len(KINDS)], number % hosts

        def held(at: int) -> Held:
            name = f"PC{at:05}"
            return Held(
                name, _sid(at, rng.randrange(2)), rng.choice(SERVICES), rng.randrange(4, 9999) * 4
            )

        when = FIRST + dt.timedelta(minutes=rng.randrange(60 * 24 * 60))
        one = held(host)
        folder = f"{one.host}/{kind}"
        if kind in ("csv", "json", "rows"):
            many = [one, *(held(rng.randrange(hosts)) for _ in range(2))]
            dated = [(each, when) for each in many]
            text = {
                "csv": lambda dated=dated: event_csv(dated),
                "json": lambda dated=dated: event_json(dated),
                "rows": lambda many=many: agent_rows(many),
            }[kind]()
            yield Made(f"{folder}-{number}.{kind}", text.encode(), tuple(many))
        else:
            text = {
                "text": lambda one=one, when=when: event_text(one, when),
                "xml": lambda one=one, when=when: event_xml(one, when),
                "listing": lambda one=one: listing(one),
                "capture": lambda one=one, when=when: capture(one, when),
                "uphclean": lambda one=one, when=when: old_event(one, when),
            }[kind]()
            yield Made(f"{folder}-{number}.txt", text.encode(), (one,))
