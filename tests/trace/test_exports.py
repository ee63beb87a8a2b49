"""XML from Process Monitor, and tracerpt's CSV and XML.

No public sample of these registry traces is known; these are written after the formats' documents.
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from regsim import dialects
from regsim.trace.asking import replay
from regsim.trace.evidence import Fidelity
from regsim.trace.finding import Conclusion, Finding
from regsim.trace.times import filetime_text, iso_ticks

HIVE = r"\REGISTRY\USER\S-1-5-21-7"


def judged(tmp_path: Path, text: str | bytes) -> Finding:
    """Return the verdict on a file with *text*."""
    path = tmp_path / "trace"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return replay(path, dialect_of=dialects.get)


PROCESSES = """<processlist><process><ProcessIndex>7</ProcessIndex><ProcessId>40</ProcessId>
<Owner>NT AUTHORITY\\SYSTEM</Owner><ProcessName>svchost.exe</ProcessName>
<CommandLine>svchost.exe -k netsvcs</CommandLine><CompanyName>Microsoft Corporation</CompanyName>
<Version>6.1.7600.16385 (win7)</Version>
<modulelist><module><Path>C:\\x.dll</Path><Version>1.0</Version></module></modulelist>
</process></processlist>"""


def event(operation: str, path: str, result: str = "SUCCESS", detail: str = "") -> str:
    """Return one event of Procmon's XML."""
    fields = {
        "ProcessIndex": "7",
        "Time_of_Day": "10:00:01.0000000",
        "Process_Name": "svchost.exe",
        "PID": "40",
        "Operation": operation,
        "Path": path,
        "Result": result,
        "Detail": detail,
    }
    return "<event>" + "".join(f"<{k}>{escape(v)}</{k}>" for k, v in fields.items()) + "</event>"


def procmon(*events: str) -> str:
    """Return a file of Procmon's XML."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<procmon>{PROCESSES}<eventlist>'
        f"{''.join(events)}</eventlist></procmon>"
    )


def test_procmon_xml(tmp_path: Path) -> None:
    """Opens and closes are paired by path, and the list of processes tells whose they are."""
    verdict = judged(
        tmp_path,
        procmon(
            event("RegOpenKey", r"HKCU\a&b", detail="Desired Access: Read"),
            event("RegOpenKey", r"HKCU\X", "NAME NOT FOUND"),
            event("RegOpenKey", r"HKCU", detail="Desired Access: Maximum Allowed"),
            event("RegCloseKey", "HKCU\\A&B\\"),
        ),
    )
    (blocker,) = verdict.blockers

    assert (verdict.format, verdict.events, verdict.opens, verdict.closes) == (
        "procmon-xml",
        4,
        2,
        1,
    )
    assert (blocker.process, blocker.pid, blocker.service) == ("svchost.exe", 40, "netsvcs")
    assert blocker.user == r"NT AUTHORITY\SYSTEM"
    assert blocker.implicit
    assert verdict.os == "win7"


def test_cut_xml_is_partial(tmp_path: Path) -> None:
    """A file that ends too early gives what it has, and says so."""
    text = procmon(event("RegOpenKey", "HKCU"), event("RegCloseKey", "HKLM"), event("x", "y"))
    verdict = judged(tmp_path, text[: text.rindex("<event>") + 20])
    assert verdict.conclusion is Conclusion.BLOCKED
    assert any("damaged or cut short at line" in reason for reason in verdict.reasons)


def test_bomb_is_refused(tmp_path: Path) -> None:
    """A document type, with which entities could grow without bound, ends the reading."""
    bomb = '<!DOCTYPE a [<!ENTITY b "xxxx"><!ENTITY c "&b;&b;">]>'
    verdict = judged(
        tmp_path, procmon(event("RegOpenKey", "HKCU")).replace("<procmon>", bomb + "<procmon>")
    )
    assert any("a document type is declared" in reason for reason in verdict.reasons)
    assert verdict.events == 0


CSV_HEADER = (
    "      Event Name,       Type,   Event ID,    Version,    Channel,      Level,     Opcode,"
    "       Task,            Keyword,        PID,        TID, Processor Number,        Instance ID,"
    " Parent Instance ID,    Activity ID, Related Activity ID,         Clock-Time, Kernel(ms),"
    "   User(ms), User Data\n"
)


def row(kind: str, key: str, name: str, status: str = "0x00000000", pid: str = "0x00000028") -> str:
    """Return one registry event of tracerpt's CSV."""
    head = (
        f"        Registry, {kind:>10}, 0, 2, 0, 0, 11, 0, 0x0000000000000000, {pid}, 0x1, 0, , , "
    )
    return f'{head}, , 132389587943062614, 0, 0, 12345, {status}, 0, {key}, "{name}"\n'


def test_etw_csv(tmp_path: Path) -> None:
    """Names are put together from key control blocks; a failed open holds nothing."""
    verdict = judged(
        tmp_path,
        CSV_HEADER.lstrip()
        + row("KCBCreate", "0xA0", HIVE)
        + row("Open", "0xA0", "Software")
        + row("Open", "0x0", rf"{HIVE}\Console")
        + row("Open", "0xA0", "Nope", status="0xC0000034")
        + row("KCBCreate", "0xB0", rf"{HIVE}\Console")
        + row("Close", "0xB0", "")
        + row("Query", "0xB0", ""),
    )
    (blocker,) = verdict.blockers

    assert (verdict.format, verdict.fidelity) == ("etw-csv", Fidelity.OBJECTS)
    assert (verdict.events, verdict.opens, verdict.closes) == (7, 2, 1)
    assert blocker.key == rf"{HIVE}\Software"
    assert blocker.pid == 40
    assert blocker.opened_at == filetime_text(132389587943062614)


def test_etw_names_may_be_missing(tmp_path: Path) -> None:
    """Opens and closes whose key was named before the trace are counted as unknown."""
    text = CSV_HEADER.lstrip() + row("Open", "0xC0", "Sub") + row("Close", "0xC0", "")
    verdict = judged(tmp_path, text)
    assert "2 opens and closes name no key: its name is not in the trace" in verdict.reasons


def modern(number: int, pid: int = 40, **data: str) -> str:
    """Return one event of Microsoft-Windows-Kernel-Registry in tracerpt's XML."""
    fields = "".join(f'<Data Name="{name}">{value}</Data>' for name, value in data.items())
    return (
        '<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System>'
        f'<Provider Name="Microsoft-Windows-Kernel-Registry"/><EventID>{number}</EventID>'
        '<TimeCreated SystemTime="2020-07-11T16:33:14.306261400Z"/>'
        f'<Execution ProcessID="{pid}" ThreadID="1"/></System>'
        f"<EventData>{fields}</EventData></Event>"
    )


def test_etw_xml(tmp_path: Path) -> None:
    """The manifest's provider names a key once, at its open; its close names the object."""
    text = "<Events>" + "".join(
        [
            modern(
                2, KeyObject="0xA", BaseObject="0x0", BaseName="", Status="0x0", RelativeName=HIVE
            ),
            modern(2, KeyObject="0xB", BaseObject="0xA", Status="0x0", RelativeName="Software"),
            modern(2, KeyObject="0x0", BaseObject="0xA", Status="0xC0000034", RelativeName="No"),
            modern(13, KeyObject="0xA", Status="0x0", KeyName=""),
        ]
    )
    verdict = judged(tmp_path, text + "</Events>")
    (blocker,) = verdict.blockers

    assert (verdict.format, verdict.opens, verdict.closes) == ("etw-xml", 2, 1)
    assert blocker.key == rf"{HIVE}\Software"
    assert blocker.opened_at == "2020-07-11 16:33:14.3062614"


@pytest.mark.parametrize(
    ("text", "ticks"),
    [
        ("2020-07-11T16:33:14.306261400Z", 132389587943062614),
        ("2020-07-11T16:33:14Z", 132389587940000000),
        ("", 0),
        ("now", 0),
    ],
)
def test_times_of_xml(text: str, ticks: int) -> None:
    """Nine digits of a fraction are read to the tick; what is no time is 0."""
    assert iso_ticks(text) == ticks
