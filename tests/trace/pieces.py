"""Evidence as people post it: the same few facts, written as each tool and each export writes them.

Two users' hives, held by a service host and by an updater, and a hive that a script loaded. Every
piece is made here from the formats' documentation; none is anybody's own.
"""

from __future__ import annotations

import html
import json
from typing import Final, NamedTuple

A: Final = "S-1-5-21-1000000000-2000000000-3000000000-1104"
B: Final = "S-1-5-21-1000000000-2000000000-3000000000-1188"
PROVIDER: Final = "Microsoft-Windows-User Profiles Service"
SVCHOST: Final = r"\Device\HarddiskVolume3\Windows\System32\svchost.exe"
UPDATER: Final = r"\Device\HarddiskVolume3\Program Files (x86)\Contoso 7\updater.exe"
SENTENCE: Final = (
    "Windows detected your registry file is still in use by other applications or services. The "
    "file will be unloaded now. The applications or services that hold your registry file may not "
    "function properly afterwards.  "
)
SETTINGS: Final = r"Software\Microsoft\Windows\CurrentVersion\Internet Settings"


class Piece(NamedTuple):
    """One piece of evidence, and what is right to say of it: (pid, image, end of hive) each."""

    text: str
    verdict: str = "blocked"
    holders: frozenset[tuple[int, str, str]] = frozenset()


ONE: Final = frozenset({(1512, "svchost.exe", A)})
TWO: Final = frozenset({(1512, "svchost.exe", A), (4212, "updater.exe", B)})
BOTH: Final = frozenset({(1512, "svchost.exe", A), (4212, "updater.exe", A)})
LOCKER: Final = frozenset({(1332, "svchost.exe", "")})
LOADED: Final = frozenset({(5320, "powershell.exe", r"HKLM\VDOT_TEMP")})


def detail(sid: str, *held: tuple[int, str, str]) -> str:
    """Return what stands under DETAIL: the count, and a line for each handle."""
    lines = [
        f"Process {pid} ({image}) has opened key \\REGISTRY\\USER\\{sid}{key}"
        for pid, image, key in held
    ]
    head = f" {len(held)} user registry handles leaked from \\Registry\\User\\{sid}:"
    return "\n".join([head, *lines])


DETAIL_A: Final = detail(A, (1512, SVCHOST, ""))
DETAIL_B: Final = detail(B, (4212, UPDATER, "\\Software"))
DETAIL_BOTH: Final = detail(A, (1512, SVCHOST, ""), (4212, UPDATER, f"\\{SETTINGS}"))
MESSAGE_A: Final = f"{SENTENCE}\n\n DETAIL - \n{DETAIL_A}\n"
MESSAGE_B: Final = f"{SENTENCE}\n\n DETAIL - \n{DETAIL_B}\n"
MESSAGE_BOTH: Final = f"{SENTENCE}\n\n DETAIL - \n{DETAIL_BOTH}\n"
LOCKED: Final = (
    "User hive is loaded by another process (Registry Lock) Process name: "
    r"C:\Windows\System32\svchost.exe, PID: 1332, ProfSvc PID: 1732."
)


def copied(message: str, when: str = "11/3/2025 5:12:31 PM", event: int = 1530) -> str:
    """Return an event as the Event Viewer copies it as text."""
    return (
        f"Log Name:      Application\nSource:        {PROVIDER}\nDate:          {when}\n"
        f"Event ID:      {event}\nTask Category: None\nLevel:         Warning\nKeywords:      \n"
        f"User:          SYSTEM\nComputer:      TS01\nDescription:\n{message}\n"
    )


def xml(message: str, when: str = "2025-11-03T16:12:31.0000000Z", *data: tuple[str, str]) -> str:
    """Return an event as `wevtutil qe /f:xml` prints it, on one line."""
    event = 1530 if not data else 1552
    fields = data or (("Detail", message),)
    told = "".join(f"<Data Name='{name}'>{html.escape(text)}</Data>" for name, text in fields)
    return (
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
        f"<Provider Name='{PROVIDER}' Guid='{{89b1e9f0-5aff-44a6-9b44-0a07a7ce5845}}'/>"
        f"<EventID>{event}</EventID><Version>0</Version><Level>3</Level>"
        f"<TimeCreated SystemTime='{when}'/><EventRecordID>5012</EventRecordID>"
        "<Execution ProcessID='1428' ThreadID='1544'/><Channel>Application</Channel>"
        "<Computer>TS01</Computer><Security UserID='S-1-5-18'/></System>"
        f"<EventData Name='EVENT_HIVE_LEAK'>{told}</EventData></Event>"
    )


INTERFERING: Final = (
    ("InterferingImageName", r"C:\Windows\System32\svchost.exe"),
    ("InterferingPID", "1332"),
    ("ProfsvcPID", "1732"),
)


def table_row(time: str, message: str, width: int = 90) -> str:
    """Return an event as a row of Get-WinEvent's table, which cuts its message off."""
    return f"{time}          1530 Warning          {' '.join(message.split())[: width - 3]}..."


def logged(message: str, event: int = 1530) -> dict[str, object]:
    """Return an event as Get-WinEvent gives it to ConvertTo-Json."""
    return {
        "Id": event,
        "Version": 0,
        "Level": 3,
        "ProviderName": PROVIDER,
        "LogName": "Application",
        "ProcessId": 1428,
        "MachineName": "TS01",
        "TimeCreated": "/Date(1762186351000)/",
        "Message": message,
        "RecordId": 5012,
        "Properties": [{"Value": message}],
    }


def clixml(*messages: str) -> str:
    """Return events as Export-Clixml writes them."""
    objects = "".join(
        '<Obj RefId="0"><TN RefId="0"><T>System.Diagnostics.Eventing.Reader.EventLogRecord</T></TN>'
        f'<ToString>x</ToString><Props><I32 N="Id">1530</I32><S N="ProviderName">{PROVIDER}</S>'
        '<S N="MachineName">TS01</S><DT N="TimeCreated">2025-11-03T17:12:31+01:00</DT></Props><MS>'
        f'<S N="Message">{html.escape(message).replace(chr(10), "_x000D__x000A_")}</S></MS></Obj>'
        for message in messages
    )
    return f'<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">{objects}</Objs>'


def quoted(*cells: object) -> str:
    """Return a row of CSV with all fields quoted."""
    return ",".join('"' + str(cell).replace('"', '""') + '"' for cell in cells)


def wrapped_list(message: str, width: int = 120) -> str:
    """Return an event as Get-WinEvent's Format-List shows it in a console of *width* columns."""
    room, pieces = width - 15, []
    for line in message.split("\n"):
        current = ""
        for word in line.split(" "):
            rest = f"{word} "
            while len(rest.rstrip()) > room:
                pieces += [current] if current else []
                current = ""
                pieces.append(rest[:room])
                rest = rest[room:]
            if len(current) + len(rest) > room:
                pieces.append(current)
                current = ""
            current += rest
        pieces.append(current)
    body = ("\n" + " " * 14).join(pieces)
    return f"\n\nTimeCreated : 11/3/2025 5:12:31 PM\nMessage     : {body}\n\n"


EVENTS: Final[dict[str, Piece]] = {
    "the Event Viewer's copy": Piece(copied(MESSAGE_A), holders=ONE),
    "two copies in one paste": Piece(
        copied(MESSAGE_A) + "\n" + copied(MESSAGE_B, "11/3/2025 6:12:31 PM"), holders=TWO
    ),
    "the copy with its XML": Piece(copied(MESSAGE_A) + "Event Xml:\n" + xml(DETAIL_A), holders=ONE),
    "a French copy": Piece(
        copied(MESSAGE_A)
        .replace("Log Name:", "Nom du journal :")
        .replace("Event ID:      ", "ID de l\u2019\u00e9v\u00e9nement :")
        .replace("Source:", "Source :")
        .replace("Description:", "Description :")
        .replace(
            SENTENCE, "Windows a d\u00e9tect\u00e9 que votre fichier de Registre est utilis\u00e9."
        ),
        holders=ONE,
    ),
    "a Japanese copy": Piece(
        copied(MESSAGE_A)
        .replace("Log Name:", "\u30ed\u30b0\u306e\u540d\u524d:")
        .replace("Event ID:", "\u30a4\u30d9\u30f3\u30c8 ID:")
        .replace(
            SENTENCE,
            "\u30ec\u30b8\u30b9\u30c8\u30ea "
            "\u30d5\u30a1\u30a4\u30eb\u306f\u4f7f\u7528\u4e2d\u3067\u3059\u3002",
        ),
        holders=ONE,
    ),
    "no DETAIL, in Spanish": Piece(
        copied("Windows detect\u00f3 que el archivo de Registro est\u00e1 en uso.").replace(
            "Event ID:", "Id. del evento:"
        )
    ),
    "a message alone": Piece(MESSAGE_BOTH, holders=BOTH),
    "DETAIL alone": Piece(DETAIL_BOTH, holders=BOTH),
    "one flat line": Piece(" ".join(copied(MESSAGE_BOTH).split()), holders=BOTH),
    "Format-List at 120 columns": Piece(wrapped_list(MESSAGE_BOTH), holders=BOTH),
    "Format-List at 80 columns": Piece(wrapped_list(MESSAGE_BOTH, 80), holders=BOTH),
    "Format-List of two": Piece(wrapped_list(MESSAGE_A) + wrapped_list(MESSAGE_B), holders=TWO),
    "a forum's HTML": Piece(
        "<html><body><p>"
        + html.escape(MESSAGE_BOTH).replace("\n", "<br/>\n")
        + "</p></body></html>",
        holders=BOTH,
    ),
    "a quoted mail": Piece(
        "\n".join(f"> {line}" for line in copied(MESSAGE_BOTH).splitlines()), holders=BOTH
    ),
    "a forum's code block": Piece(
        f"Hi, I see this:\n\n```\n{copied(MESSAGE_BOTH)}\n```\n", holders=BOTH
    ),
    "wevtutil's XML": Piece(
        xml(DETAIL_A) + "\n" + xml(DETAIL_B, "2025-11-04T16:12:31Z"), holders=TWO
    ),
    "XML with a root": Piece(
        "<?xml version='1.0' encoding='utf-16' standalone='yes'?>\n<Events>"
        + xml(DETAIL_A)
        + xml(DETAIL_B, "2025-11-04T16:12:31Z")
        + "</Events>",
        holders=TWO,
    ),
    "1552 as XML": Piece(xml("", "2025-11-03T16:12:31Z", *INTERFERING), holders=LOCKER),
    "1552 as the Event Viewer copies it": Piece(copied(LOCKED, event=1552), holders=LOCKER),
    "1552 in German": Piece(
        copied(
            "Die Benutzerstruktur wird von einem anderen Prozess geladen (Registrierungssperre). "
            r"Prozessname: C:\Windows\System32\svchost.exe, PID: 1332, ProfSvc-PID: 1732.",
            event=1552,
        ).replace("Event ID:", "Ereignis-ID:"),
        holders=LOCKER,
    ),
    "1552 wrapped in a mail": Piece(
        "> User hive is loaded by another process (Registry Lock) Process\n"
        "> name: C:\\Windows\\System32\\svchost.exe, PID: 1332, ProfSvc\n> PID: 1732.\n",
        holders=LOCKER,
    ),
    "1545": Piece(
        copied(LOCKED.replace("Registry Lock)", "File Lock)."), event=1545), holders=LOCKER
    ),
    "Export-Csv": Piece(
        "#TYPE System.Diagnostics.Eventing.Reader.EventLogRecord\n"
        + quoted("Message", "Id", "ProviderName", "TimeCreated", "MachineName")
        + "\n"
        + quoted(MESSAGE_A, 1530, PROVIDER, "11/3/2025 5:12:31 PM", "TS01")
        + "\n"
        + quoted(MESSAGE_B, 1530, PROVIDER, "11/3/2025 6:12:31 PM", "TS01")
        + "\n",
        holders=TWO,
    ),
    "the Event Viewer's CSV in German": Piece(
        "Ebene,Datum und Uhrzeit,Quelle,Ereignis-ID,Aufgabenkategorie\n"
        f"Warnung,03.11.2025 17:12:31,{PROVIDER},1530,Keine,{quoted(MESSAGE_A)}\n"
        f"Warnung,03.11.2025 18:12:31,{PROVIDER},1530,Keine,{quoted(MESSAGE_B)}\n",
        holders=TWO,
    ),
    "the Event Viewer's tabs": Piece(
        "Level\tDate and Time\tSource\tEvent ID\tTask Category\n"
        f"Warning\t11/3/2025 5:12:31 PM\t{PROVIDER}\t1530\tNone\t{quoted(MESSAGE_A)}\n",
        holders=ONE,
    ),
    "ConvertTo-Json": Piece(json.dumps([logged(MESSAGE_A), logged(MESSAGE_B)]), holders=TWO),
    "ConvertTo-Json of one": Piece(json.dumps(logged(MESSAGE_BOTH), indent=4), holders=BOTH),
    "Export-Clixml": Piece(clixml(MESSAGE_A, MESSAGE_B), holders=TWO),
    "Get-EventLog": Piece(
        json.dumps(
            {
                "EventID": 1530,
                "MachineName": "TS01",
                "Source": PROVIDER,
                "InstanceId": 1530,
                "Message": MESSAGE_BOTH,
                "ReplacementStrings": [DETAIL_BOTH],
                "TimeGenerated": "2025-11-03T17:12:31",
            }
        ),
        holders=BOTH,
    ),
    "Splunk": Piece(
        json.dumps(
            {
                "preview": False,
                "result": {
                    "_raw": f"11/03/2025 05:12:31 PM\nLogName=Application\nEventCode=1530\n"
                    f"SourceName={PROVIDER}\nMessage={MESSAGE_A}",
                    "host": "TS01",
                },
            }
        ),
        holders=ONE,
    ),
    "Splunk's raw text": Piece(
        "11/03/2025 05:12:31 PM\nLogName=Application\nEventCode=1530\nEventType=3\n"
        f"ComputerName=TS01\nSourceName={PROVIDER}\nType=Warning\nMessage={MESSAGE_A}",
        holders=ONE,
    ),
    "Sentinel": Piece(
        json.dumps(
            {
                "tables": [
                    {
                        "rows": [
                            {
                                "TimeGenerated": "2025-11-03T16:12:31Z",
                                "Source": PROVIDER,
                                "EventID": 1530,
                                "Computer": "TS01",
                                "EventData": '<DataItem type="System.XmlData"><EventData><Data '
                                f'Name="Detail">{html.escape(DETAIL_A)}</Data></EventData></DataItem>',
                                "RenderedDescription": SENTENCE,
                            }
                        ]
                    }
                ]
            }
        ),
        holders=ONE,
    ),
    "winlogbeat's 1552": Piece(
        json.dumps(
            {
                "@timestamp": "2025-11-03T16:12:31Z",
                "winlog": {
                    "event_id": "1552",
                    "provider_name": PROVIDER,
                    "event_data": {f"ProfileFailure.{name}": text for name, text in INTERFERING},
                },
            }
        ),
        holders=LOCKER,
    ),
    "Elasticsearch's hits": Piece(
        json.dumps(
            {
                "took": 3,
                "hits": {
                    "total": 2,
                    "hits": [
                        {"_id": "1", "_source": {"event": {"code": 1530}, "message": MESSAGE_A}},
                        {"_id": "2", "_source": {"event": {"code": 1530}, "message": MESSAGE_B}},
                    ],
                },
            }
        ),
        holders=TWO,
    ),
    "a German table of two rows": Piece(
        f"\n   ProviderName: {PROVIDER}\n\n"
        "TimeCreated                     Id LevelDisplayName Message\n"
        "-----------                     -- ---------------- -------\n"
        + table_row("03.11.2025 17:12:31", "Ihre Registrierungsdatei wird noch verwendet. " * 3)
        + "\n"
        + table_row("03.11.2025 07:55:02", "Die Benutzerstruktur ist bereits geladen. " * 3)
        + "\n"
    ),
    "1552 in Japanese": Piece(
        copied(LOCKED, event=1552)
        .replace("Process name: ", "\u30d7\u30ed\u30bb\u30b9\u540d\uff1a")
        .replace(", ", "\u3001"),
        holders=LOCKER,
    ),
    "Userenv 1000 in German": Piece(
        "Ereignistyp:\tFehler\nEreignisquelle:\tUserenv\nEreigniskennung:\t1000\nBeschreibung:\n"
        "Die Registrierungsdatei konnte nicht entladen werden.\n",
        verdict="inconclusive",
    ),
    "Get-EventLog's list": Piece(
        f"\nIndex              : 5012\nMessage            : {SENTENCE}\n{DETAIL_A}\n"
        f"ReplacementStrings : {{{DETAIL_A}\n                     }}\n".replace("\nP", "\n  P")
        + f"Source             : {PROVIDER}\nTimeGenerated      : 11/3/2025 5:12:31 PM\n",
        holders=ONE,
    ),
    "a ticket's table": Piece(
        f"| 2025-11-03 17:12 | 1530 | {' '.join(DETAIL_BOTH.split())} |\n", holders=BOTH
    ),
    "a table that cuts the message": Piece(
        f"\n   ProviderName: {PROVIDER}\n\n"
        "TimeCreated                     Id LevelDisplayName Message\n"
        "-----------                     -- ---------------- -------\n"
        + table_row("11/3/2025 5:12:31 PM", MESSAGE_A)
        + "\n"
    ),
    "1517 and 1524 of XP": Piece(
        "Event Type:\tWarning\nEvent Source:\tUserenv\nEvent Category:\tNone\nEvent ID:\t1517\n"
        "Date:\t\t7/18/2006\nTime:\t\t11:53:20 PM\nUser:\t\tNT AUTHORITY\\SYSTEM\nComputer:\tPC\n"
        "Description:\nWindows saved user PC\\bob registry while an application or service was "
        "still "
        "using the registry during log off.\n\nEvent Type:\tWarning\nEvent Source:\tUserenv\n"
        "Event ID:\t1524\nDescription:\nWindows cannot unload your classes registry file - it is "
        "still in use by other applications or services.\n"
    ),
    "Userenv 1000 of 2000": Piece(
        "Event Type:\tError\nEvent Source:\tUserenv\nEvent ID:\t1000\nDescription:\nWindows cannot "
        "unload your registry file. If you have a roaming profile, your settings are not "
        "replicated."
    ),
    "1511 and 1515 alone": Piece(
        copied(
            "Windows cannot find the local profile and is logging you on with a temporary profile."
            " Changes you make to this profile will be lost when you log off.",
            event=1511,
        )
        + "\n"
        + copied("Windows has backed up this user profile.", event=1515),
        verdict="inconclusive",
    ),
    "1534 alone": Piece(
        copied(
            "Profile notification of event Create for component "
            "{2c86c843-77ae-4284-9722-27d65366543c}"
            " failed, error code is Not implemented.",
            event=1534,
        ),
        verdict="inconclusive",
    ),
    "UPHClean": Piece(
        f"The following handles in user profile hive CONTOSO\\bob ({A}) have been closed "
        f"because they"
        " were preventing the profile from unloading successfully:\n\nsvchost.exe (1512)\n"
        "  HKCU (0x144)\n",
        holders=ONE,
    ),
}
"""Events on users' hives, by how they were wrapped."""

ROWS: Final = (
    (1512, "svchost.exe", rf"\REGISTRY\USER\{A}", 0x9C),
    (1512, "svchost.exe", rf"\REGISTRY\USER\{A}\{SETTINGS}", 0xA0),
    (4212, "updater.exe", rf"\REGISTRY\USER\{B}\Software", 0x1F4),
    (4212, "updater.exe", r"\REGISTRY\MACHINE\SOFTWARE\Contoso", 0x1F8),
)


def hku(key: str) -> str:
    """Return a key as handle.exe writes it."""
    return key.replace(r"\REGISTRY\USER", "HKU").replace(r"\REGISTRY\MACHINE", "HKLM")


def bare(key: str) -> str:
    """Return a key as a memory image names it."""
    return key.removeprefix("\\REGISTRY\\")


def grouped() -> str:
    """Return the rows as `handle.exe -a` prints them."""
    lines: list[str] = ["", "Nthandle v5.0 - Handle viewer", "Copyright (C) 1997-2022", ""]
    for pid, image in ((1512, "svchost.exe"), (4212, "updater.exe")):
        lines += ["-" * 78, f"{image} pid: {pid} NT AUTHORITY\\SYSTEM"]
        lines.append(r"   4C: File  (RW-)   C:\Windows\System32")
        lines += [f"{h:5X}: Key           {hku(key)}" for p, _, key, h in ROWS if p == pid]
    return "\n".join(lines) + "\n"


def found_lines() -> str:
    """Return the rows as a search of handle.exe prints them."""
    return "".join(
        f"{image:<18} pid: {pid:<6} type: Key          {h:4X}: {hku(key)}\n"
        for pid, image, key, h in ROWS
    )


def aligned(head: str, *rows: str) -> str:
    """Return a table of columns that spaces part."""
    return "\n".join([head, *rows]) + "\n"


LISTINGS: Final[dict[str, Piece]] = {
    "handle -a": Piece(grouped(), holders=TWO),
    "handle, a search": Piece("\nNthandle v4.22 - Handle viewer\n\n" + found_lines(), holders=TWO),
    "handle | findstr of keys": Piece(
        "C:\\>handle64 -a | findstr HKU\n"
        + "".join(f"{h:5X}: Key           {hku(key)}\n" for _, _, key, h in ROWS[:2]),
        holders=frozenset({(0, "(process not named)", A)}),
    ),
    "handle -v": Piece(
        "Process,PID,Type,Handle,Name\n"
        + "".join(f"{i},{p},Key,0x{h:08X},{hku(k)}\n" for p, i, k, h in ROWS),
        holders=TWO,
    ),
    "handle -v -u of version 5": Piece(
        "\nNthandle v5.0 - Handle viewer\n\nProcess,PID,User,Handle,Type,Share Flags,Name,Access\n"
        + "".join(f"{i},{p},Key,NT AUTHORITY\\SYSTEM,0x{h:08X},{hku(k)}\n" for p, i, k, h in ROWS),
        holders=TWO,
    ),
    "handle -vt": Piece(
        "Process\tPID\tType\tHandle\tName\n"
        + "".join(f"{i}\t{p}\tKey\t0x{h:08X}\t{hku(k)}\n" for p, i, k, h in ROWS),
        holders=TWO,
    ),
    "System Informer's CSV": Piece(
        '"Process","Type","Name","Handle"\n'
        + "".join(f'"{i} ({p})","Key","{hku(k)}","0x{h:x}"\n' for p, i, k, h in ROWS),
        holders=TWO,
    ),
    "Process Explorer's save": Piece(
        "Process\tCPU\tPrivate Bytes\tWorking Set\tPID\tDescription\tCompany Name\n"
        "svchost.exe\t< 0.01\t4,120 K\t11,004 K\t1512\tHost Process\tMicrosoft\n\n"
        "Process: svchost.exe Pid: 1512\n\nType\tName\n"
        + "".join(f"Key\t{hku(k)}\n" for p, _, k, _ in ROWS if p == 1512),
        holders=ONE,
    ),
    "volatility 2": Piece(
        aligned(
            "Offset(V)             Pid             Handle             Access Type             "
            "Details",
            "------------------ ------ ------------------ ------------------ ---------------- "
            "-------",
            *(
                f"0xfffff8a001f18440   {p}               {h:#x}            0xf003f Key          "
                f"    " + bare(k).upper()
                for p, _, k, h in ROWS
            ),
        ),
        holders=frozenset({(1512, "process 1512", A), (4212, "process 4212", B)}),
    ),
    "volatility 3": Piece(
        "Volatility 3 Framework "
        "2.5.0\n\nPID\tProcess\tOffset\tHandleValue\tType\tGrantedAccess\tName\n\n"
        + "".join(f"{p}\t{i}\t0xa08f\t{h:#x}\tKey\t0xf003f\t{bare(k)}\n" for p, i, k, h in ROWS),
        holders=TWO,
    ),
    "MemProcFS": Piece(
        "PID,Process,Handle,Object,Access,Type,Description\n"
        + "".join(
            f"{p},{i},{h:#x},0xffff8a08,0xf003f,Key,[8a08:00012] {k}\n" for p, i, k, h in ROWS
        ),
        holders=TWO,
    ),
    "osquery": Piece(
        json.dumps(
            [
                {
                    "pid": str(p),
                    "process_name": i,
                    "handle_value": hex(h),
                    "handle_type": "Key",
                    "handle_name": k,
                }
                for p, i, k, h in ROWS
            ]
        ),
        holders=TWO,
    ),
    "osquery's table": Piece(
        "+------+-------------+-------------+--------------+\n"
        "| pid  | process_name | handle_type | handle_name |\n"
        "+------+-------------+-------------+--------------+\n"
        + "".join(f"| {p} | {i} | Key | {k} |\n" for p, i, k, _ in ROWS)
        + "+------+-------------+-------------+--------------+\n",
        holders=TWO,
    ),
    "osquery's own names": Piece(
        "| pid | name | handle | type | object_name |\n"
        + "".join(f"| {p} | {i} | {h:#x} | Key | {k} |\n" for p, i, k, h in ROWS),
        holders=TWO,
    ),
    "Velociraptor": Piece(
        "".join(
            json.dumps(
                {
                    "ProcPid": p,
                    "ProcName": i,
                    "Exe": f"C:\\Windows\\{i}",
                    "Type": "Key",
                    "Name": k,
                    "Handle": h,
                }
            )
            + "\n"
            for p, i, k, h in ROWS
        ),
        holders=TWO,
    ),
    "Velociraptor's CSV": Piece(
        "ProcPid,ProcName,Exe,Type,Name,Handle\n"
        + "".join(f"{p},{i},C:\\Windows\\{i},Key,{k},{h}\n" for p, i, k, h in ROWS),
        holders=TWO,
    ),
    "PowerShell's list": Piece(
        "\n\n".join(
            f"ProcessId   : {p}\nProcessName : {i}\nObjectType  : Key\nHandle      : {h}\nName  "
            f"      : {k}"
            for p, i, k, h in ROWS
        )
        + "\n",
        holders=TWO,
    ),
    "OpenedFilesView": Piece(
        "Filename,Full Path,Handle,Process ID,Process Name,Process Path\n"
        r"NTUSER.DAT,C:\Users\bob\NTUSER.DAT,0x2f0,4,System," + "\n",
        verdict="inconclusive",
    ),
    "the files of System": Piece(
        "System pid: 4 \\<unable to open process>\n  2F0: File  (RWD)   "
        "C:\\Users\\Bob\\NTUSER.DAT\n",
        verdict="inconclusive",
    ),
    "!handle": Piece(
        "0:000> |\n.  0\tid: 5e8\tattach\tname: C:\\Windows\\System32\\svchost.exe\n"
        "0:000> !handle 0 f Key\nHandle 000000000000009c\n  Type         \tKey\n  Attributes   "
        "\t0\n"
        f"  GrantedAccess\t0xf003f:\n  HandleCount  \t2\n  Name         \t\\REGISTRY\\USER\\{A}\n",
        holders=ONE,
    ),
    "!reg hivelist": Piece(
        "kd> !reg hivelist\n\n| HiveAddr |Stable Length|Stable Map|Volatile Length|FileName\n"
        f"| ffff8a08 |       1000  | ffff8a10 |        1000   | \\REGISTRY\\USER\\{A}\n",
        verdict="inconclusive",
    ),
    "!reg openkeys": Piece(
        f"kd> !reg openkeys ffff8a08\n\nHive: \\REGISTRY\\USER\\{A}\n====\n"
        f"Index 3: \t 5f3a2b1c kcb=ffff8a08 cell=00000020 f=00200000 "
        f"\\REGISTRY\\USER\\{A}\\Software\n",
        verdict="inconclusive",
    ),
    "!htrace -diff": Piece(
        "Handle = 0x00000000000003a4 - OPEN\n"
        "Thread ID = 0x0000000000000de4, Process ID = 0x00000000000005e8\n\n"
        "0x00007ffb8a6c0554: ntdll!NtOpenKeyEx+0x0000000000000014\n"
        "0x00007ff61c2a1234: myservice!Settings::Read+0x0000000000000034\n",
        verdict="inconclusive",
    ),
    "hivelist by reg query": Piece(
        "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\hivelist\n"
        "    \\REGISTRY\\MACHINE\\HARDWARE    REG_SZ    \n"
        f"    \\REGISTRY\\USER\\{A}    REG_SZ    "
        f"\\Device\\HarddiskVolume3\\Users\\bob\\NTUSER.DAT\n"
        "    \\REGISTRY\\MACHINE\\OFFLINE    REG_SZ    "
        "\\Device\\HarddiskVolume3\\Mount\\SOFTWARE\n",
        verdict="inconclusive",
    ),
    "a container's hive": Piece(
        "svchost.exe pid: 2120 NT AUTHORITY\\SYSTEM\n"
        "  A3C: Key           \\REGISTRY\\WC\\Silo00f69436-0000-0000-0000-000000000000user_sid\n",
        holders=frozenset({(2120, "svchost.exe", "user_sid")}),
    ),
    "Sandboxie's hive": Piece(
        "SbieSvc.exe        pid: 2120   type: Key           A3C: "
        "HKU\\Sandbox_bob_DefaultBox\\machine\n",
        holders=frozenset({(2120, "SbieSvc.exe", "Sandbox_bob_DefaultBox")}),
    ),
    "a hive that a script loaded": Piece(
        "powershell.exe     pid: 5320   type: Key           A9C: HKLM\\VDOT_TEMP\\Software\n",
        holders=LOADED,
    ),
}
"""Listings of open handles, by the tool that made them."""
