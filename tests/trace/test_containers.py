"""AppModel-Runtime's events on apps' containers, in every form that events come in.

Nothing is claimed of a failure with another error, of a log without one, or of mounted hives alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import evtx_files
import pytest
from mangling import MANGLES
from regsim.models import run
from regsim.models.temp_profiles import EVENT_1511, EVENT_1515

import regsim
from regsim.errors import UnreadableError
from regsim.report.text.evidence import as_text
from regsim.trace.finding import Conclusion, Finding
from regsim.trace.readers._container_events import code_of

LOG = "Microsoft-Windows-AppModel-Runtime"
OLD = "Contoso.App_1.0.0.0_x64__8wekyb3d8bbwe"
NEW = "Contoso.App_2.0.0.0_x64__8wekyb3d8bbwe"
GUID = "0b1e0000-0000-4000-8000-00000000000"
MESSAGES = {
    201: f"Created process 4242 for application App in package {NEW}.",
    208: f"0x80070020: Cannot create the process for package {NEW} because an error was "
    "encountered while configuring runtime. [LaunchProcess]",
    210: f"Created Desktop AppX container {{{GUID}2}} for package {NEW}.",
    215: f"0x80070020: Cannot create the Desktop AppX container for package {NEW} because an error "
    "was encountered converting the job.",
    217: f"Destroyed Desktop AppX container {{{GUID}2}} for package {NEW}.",
}
REFUSED = (215, 217, 208)
IN_USE = 0x80070020
TIME = "9/12/2026 8:51:30 AM"


def viewer(number: int) -> str:
    """Return an event as the Event Viewer copies it."""
    return (
        f"Log Name:      {LOG}/Admin\nSource:        {LOG}\nDate:          {TIME}\n"
        f"Event ID:      {number}\nTask Category: None\nLevel:         Error\nUser:          "
        f"SYSTEM\nComputer:      PC1\nDescription:\n{MESSAGES[number]}\n"
    )


def xml(number: int, code: int = IN_USE) -> str:
    """Return an event as ``wevtutil`` writes it, the error as a number."""
    data = {"PackageFullName": NEW}
    data |= {"ContainerName": f"{{{GUID}2}}"} if number == 217 else {"ErrorCode": str(code)}
    listed = "".join(f"<Data Name='{name}'>{text}</Data>" for name, text in data.items())
    return (
        f"<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider "
        f"Name='{LOG}' Guid='{{f1ef270a-0d32-4352-ba52-dbab41e1d859}}'/><EventID>{number}</EventID>"
        "<TimeCreated SystemTime='2026-09-12T08:51:30.1Z'/><Computer>PC1</Computer></System>"
        f"<EventData>{listed}</EventData></Event>"
    )


def record(number: int) -> dict[str, object]:
    """Return an event as a record of PowerShell's."""
    return {
        "Id": number,
        "ProviderName": LOG,
        "TimeCreated": "2026-09-12T08:51:30Z",
        "Message": MESSAGES[number],
    }


def beat(number: int) -> dict[str, object]:
    """Return an event as winlogbeat nests it, without its message."""
    data = {"PackageFullName": NEW, **({} if number == 217 else {"ErrorCode": str(IN_USE)})}
    return {"winlog": {"provider_name": LOG, "event_id": number, "event_data": data}}


def listed(number: int) -> str:
    """Return an event as Get-WinEvent lists it."""
    return (
        f"TimeCreated  : {TIME}\nProviderName : {LOG}\nId           : {number}\n"
        f"Message      : {MESSAGES[number]}\n"
    )


def table(numbers: Iterable[int]) -> str:
    """Return events as Get-WinEvent tabulates them, their messages cut short."""
    rows = [f"{TIME}            {one} Error            {MESSAGES[one][:52]}..." for one in numbers]
    head = (
        f"   ProviderName: {LOG}\n\nTimeCreated                      Id LevelDisplayName Message\n"
    )
    return head + "-----------                      -- ---------------- -------\n" + "\n".join(rows)


def csv(numbers: Iterable[int]) -> str:
    """Return events as PowerShell's CSV."""
    rows = [f'"{MESSAGES[one]}","{one}","{LOG}","{TIME}"' for one in numbers]
    return "\n".join(('"Message","Id","ProviderName","TimeCreated"', *rows, ""))


def viewer_csv(numbers: Iterable[int]) -> str:
    """Return events as the Event Viewer's CSV, in which messages have no column."""
    rows = [f'Fehler,{TIME},{LOG},{one},Keine,"{MESSAGES[one]}"' for one in numbers]
    return "\n".join(("Ebene,Datum und Uhrzeit,Quelle,Ereignis-ID,Aufgabenkategorie", *rows, ""))


FORMS = {
    "copies": "\n".join(map(viewer, REFUSED)),
    "a list": "\n".join(map(listed, REFUSED)),
    "a table": table(REFUSED),
    "CSV": csv(REFUSED),
    "the Event Viewer's CSV": viewer_csv(REFUSED),
    "XML": f"<Events>{''.join(map(xml, REFUSED))}</Events>",
    "JSON": json.dumps([record(one) for one in REFUSED]),
    "winlogbeat": "\n".join(json.dumps(beat(one)) for one in REFUSED),
    "a timeline": "\n".join(f"08:51:30  {LOG}/Admin {one}: {MESSAGES[one]}" for one in REFUSED),
    "numbers in brackets": "\n".join(
        f"10:10:36.606 [{one}] AppModel-Runtime: {MESSAGES[one]}" for one in REFUSED
    ),
    "messages alone": "\n".join(MESSAGES[one] for one in REFUSED),
    "a message in lines": viewer(215).replace(" because an", "\nbecause an") + viewer(208),
    "another language": (
        f"Protokollname: {LOG}/Admin\nQuelle: {LOG}\nEreignis-ID: 215\nBeschreibung:\n0x80070020: "
        f"Der Desktop-AppX-Container f\u00fcr {NEW} kann nicht erstellt werden.\n"
    ),
    "somebody's words": (
        "The Event Viewer has AppModel-Runtime 215 and 208 whenever I start it, and the dialog "
        "says 0x80070020, another program is using this file."
    ),
}
"""A refused start of the new version, in the forms that people have it in."""


@pytest.mark.parametrize("form", FORMS)
def test_a_refused_container_is_recognised(form: str) -> None:
    """In every form it resembles the incident, for no certain; nobody is named, nothing decided."""
    found = regsim.who(FORMS[form])

    assert (found.conclusion, found.hives) == (Conclusion.INCONCLUSIVE, ())
    assert (found.incident, found.incident_certain) == ("msix-silo", False)
    said = " ".join(found.reasons)
    assert "AppModel-Runtime" in said
    assert "with 0x80070020" in said
    assert "contested" in said
    assert found.next_steps
    assert "it resembles the incident msix-silo" in as_text(found).replace("\n", " ")


@pytest.mark.parametrize("mangle", ["quoted", "quoted twice", "filled to 72"])
@pytest.mark.parametrize("form", ["copies", "a list", "a timeline", "messages alone"])
def test_a_mailed_event_is_recognised(form: str, mangle: str) -> None:
    """Quoted or wrapped it says the same."""
    assert regsim.who(MANGLES[mangle](FORMS[form])).incident == "msix-silo"


@pytest.mark.parametrize("form", [form for form in FORMS if "words" not in form])
def test_a_refused_container_is_told_with_its_package(form: str) -> None:
    """Where the evidence has the package's whole name the answer has it."""
    whole = any(NEW in text for text in (FORMS[form],))

    assert (NEW in " ".join(regsim.who(FORMS[form]).reasons)) is whole


def test_an_event_log_file_is_read(tmp_path: Path) -> None:
    """EVTX, the error as a decimal in data without names."""
    pytest.importorskip("evtx")
    chunk = evtx_files.Chunk()
    for number in REFUSED:
        code = [] if number == 217 else [str(IN_USE)]
        chunk.event(LOG, number, [NEW, *code])
    path = tmp_path / "AppModel.evtx"
    path.write_bytes(evtx_files.evtx_file(chunk))
    found = regsim.who(path)

    assert (found.format, found.incident) == ("evtx", "msix-silo")
    assert (
        f"208 and 215 with 0x80070020 at 2020-01-01T00:00:00.000000Z, of {NEW}"
        in (found.reasons[0])
    )


def reasons(*texts: str) -> tuple[Finding, str]:
    """Return the finding on pasted *texts*, and what it says."""
    found = regsim.who("\n".join(texts))
    return found, " ".join(found.reasons)


@pytest.mark.parametrize(
    ("code", "means"),
    [(0x80070002, "a file was not found"), (0x80073CFC, "needs to be repaired"), (0x80070003, "")],
)
def test_another_error_is_another_fault(code: int, means: str) -> None:
    """The same two events with another error resemble nothing that is known here."""
    for text in (
        viewer(215).replace("0x80070020", f"{code:#010x}"),
        f"<Events>{xml(215, code)}{xml(208, code)}</Events>",
    ):
        found, said = reasons(text)
        assert found.incident is None
        assert f"with {code:#010x}" in said
        assert means in said
        assert "another fault" in said


def test_a_number_that_is_no_error_is_none() -> None:
    """Only Win32's errors are errors here, as hexadecimal and as either decimal."""
    for text in ("0x80070020", "-2147024864", "2147942432"):
        assert code_of(f"it says {text}.") == IN_USE
    for text in ("2147483650", "0x80131500", "215", "12147942432"):
        assert code_of(f"it says {text}.") is None
    assert code_of("2147483650 -2147024864") == IN_USE


def test_a_text_that_only_mentions_the_log_is_no_event() -> None:
    """It is refused as any other text is, or tells what its words tell."""
    with pytest.raises(UnreadableError, match="no evidence"):
        reasons(f"Where is the log {LOG}?", "I cannot find it.")
    assert reasons(f"{LOG} is full of 0x80070020.", "Why?")[0].incident == "msix-silo"


def test_an_error_far_from_its_event_counts() -> None:
    """Somebody may tell of the event first, and of the error a page later."""
    found, _ = reasons(f"{LOG} event 215 again.", "word " * 200, "The error is 0x80070020.")

    assert found.incident == "msix-silo"


def test_a_failure_without_its_error_tells_nothing() -> None:
    """What is missing is said, and asked for."""
    found, said = reasons(viewer(215).replace("0x80070020: ", ""))

    assert found.incident is None
    assert "no error could be read of it" in said
    assert any("begins with the error" in step for step in found.next_steps)


def test_containers_that_come_and_go_are_no_failure() -> None:
    """A log of containers made and ended, or a single end, resembles no incident."""
    for numbers in ((210, 201), (217,)):
        found, said = reasons(*map(viewer, numbers))
        assert found.incident is None
        assert "of none that was refused" in said


def test_which_container_has_ended_is_told_apart() -> None:
    """A 217 of the new version is the thrown away one; one of the old version is what matters."""
    _, thrown = reasons(*map(viewer, REFUSED))
    assert "217 of the refused package's own version" in thrown
    assert "no 217 of another version's container is in it" in thrown

    _, ended = reasons(viewer(217).replace(NEW, OLD).replace("0002}", "0001}"), viewer(215))
    assert f"the container of {OLD} ended" in ended
    assert "thrown away" not in ended
    assert "no 217" not in ended


def test_a_later_start_is_told() -> None:
    """That a process of the package was made after the refusal is said, and not before it."""
    _, after = reasons(viewer(215), viewer(201))
    _, before = reasons(viewer(201), viewer(215))

    assert "was started later (201)" in after
    assert "was started later" not in before


def test_many_refusals_are_counted() -> None:
    """Fifty-four tries are one sentence."""
    found, said = reasons(*[viewer(215)] * 54)

    assert "(54 events)" in said
    assert found.events == 54


def test_mounted_hives_alone_are_no_incident() -> None:
    """A list of hives with containers' in it counts these, by container, and claims no failure."""
    rows = [
        f"    \\REGISTRY\\WC\\Silo{GUID}{silo}{name}    REG_SZ    \\Device\\H3\\{name}.dat"
        for silo in (1, 2)
        for name in ("user_sid", "user_classes", "software", "com")
    ]
    text = "HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\hivelist\n" + "\n".join(rows)
    found, said = reasons(text)

    assert (found.incident, found.conclusion) == (None, Conclusion.INCONCLUSIVE)
    assert "each with up to four: 2." in said


def test_an_unload_of_another_hive_is_the_scripts() -> None:
    """The status alone means a script's own handle; of a container's hive it does not."""
    refused = "NtUnloadKey(%s): 0xC0000121 STATUS_CANNOT_DELETE\n"
    other, own = reasons(refused % "\\REGISTRY\\MACHINE\\TEMP")
    container, windows = reasons(refused % f"\\REGISTRY\\WC\\Silo{GUID}1user_sid")

    assert (other.incident, container.incident) == ("reg-load", "msix-silo")
    assert "the script's own process" in own
    assert "script" not in windows
    assert "Windows' own" in windows


@pytest.mark.parametrize("fix", ["none", "end-members"])
def test_what_the_incident_logs_is_recognised(fix: str) -> None:
    """The events of a run, pasted, resemble the incident that was played; a clean run's do not."""
    played = run("msix-silo", os="win11", fix=fix)
    lines = [f"[{event.id}] {event.source}: {event.message}" for event in played.events]
    clean = [line for line in lines if line[:5] not in ("[215]", "[208]")]

    assert regsim.who("\n".join(lines)).incident == "msix-silo"
    assert regsim.who("\n".join((*clean, ""))).incident is None


PROFILE = {1511: EVENT_1511, 1515: EVENT_1515}


def profile_event(number: int) -> str:
    """Return a profile event as the Event Viewer copies it."""
    return (
        "Log Name:      Application\nSource:        Microsoft-Windows-User Profiles Service\n"
        f"Date:          {TIME}\nEvent ID:      {number}\nComputer:      PC1\nDescription:\n"
        f"{PROFILE[number]}\n"
    )


def test_a_profile_set_aside_and_a_temporary_one_are_an_incident() -> None:
    """1515 with 1511 is; either alone is a consequence of something, and resembles nothing."""
    found, said = reasons(profile_event(1515), profile_event(1511))
    assert (found.incident, found.conclusion) == ("temp-profiles", Conclusion.INCONCLUSIVE)
    assert "does not say what had it" in said

    for number in (1511, 1515):
        assert reasons(profile_event(number))[0].incident is None
