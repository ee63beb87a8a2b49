"""Exports of log stores and agents: the rows of many computers, told apart by a column."""

from __future__ import annotations

import csv
import io
import json

import attrs
import pytest

from regsim import dialects
from regsim.trace.asking import each_host
from regsim.trace.evidence import Reading
from regsim.trace.finding import Finding
from regsim.trace.source import pasted

PROVIDER = "Microsoft-Windows-User Profiles Service"
LEAK = (
    "1 user registry handles leaked from \\Registry\\User\\S-1-5-21-7:\nProcess 8 "
    "(\\Device\\HarddiskVolume3\\a.exe) has opened key \\REGISTRY\\USER\\S-1-5-21-7\\Software\n"
)
STORES = {
    "Wazuh": lambda pc: {
        "agent": {"id": "001", "name": pc},
        "data": {"win": {"system": {"providerName": PROVIDER, "eventID": "1530"}}},
        "full": LEAK,
        "manager": {"name": "collector"},
    },
    "Elastic": lambda pc: {
        "_source": {
            "host": {"name": pc},
            "winlog": {"event_id": "1530", "provider_name": PROVIDER},
            "message": LEAK,
        }
    },
    "Elastic, flat": lambda pc: {
        "host.name": pc,
        "winlog.event_id": "1530",
        "winlog.provider_name": PROVIDER,
        "message": LEAK,
    },
    "Elastic, forwarded": lambda pc: {
        "host.name": "collector",
        "winlog.computer_name": pc,
        "winlog.event_id": "1530",
        "winlog.provider_name": PROVIDER,
        "message": LEAK,
    },
    "Velociraptor": lambda pc: {
        "System": {
            "Provider": {"Name": PROVIDER},
            "EventID": {"Value": 1530},
            "TimeCreated": {"SystemTime": 1762189951.5},
        },
        "Message": LEAK,
        "Fqdn": pc,
    },
    "an event of no hive": lambda pc: {
        "MachineName": pc,
        "Id": 1531,
        "ProviderName": PROVIDER,
        "Message": "The User Profile Service has started successfully.",
    },
    "AppModel-Runtime": lambda pc: {
        "MachineName": pc,
        "Id": 215,
        "ProviderName": "Microsoft-Windows-AppModel-Runtime",
        "Message": f"0x80070020: Cannot create the container for package {pc}_1.0.0.0_x64__p.",
    },
}


def each_of(text: str) -> list[Finding]:
    """Return what an export says of each computer."""
    return each_host(pasted(text), Reading(), None, dialects.get)


@pytest.mark.parametrize("store", STORES)
def test_an_export_is_told_apart_by_its_computers(store: str) -> None:
    """Each event is of the computer that its own record names, and of no other."""
    records = [STORES[store](pc) for pc in ("PC1", "PC2")]
    found = each_of("".join(json.dumps(one) + "\n" for one in records))

    assert [one.host for one in found] == ["PC1", "PC2"]
    assert not any("PC2" in str(attrs.asdict(one)) for one in found[:1])
    assert found[0].conclusion is found[1].conclusion
    if all(not isinstance(value, dict) for value in records[0].values()):
        out = io.StringIO()
        writer = csv.DictWriter(out, list(records[0]))
        writer.writeheader()
        writer.writerows(records)
        assert [one.host for one in each_of(out.getvalue())] == ["PC1", "PC2"]


def test_seconds_since_1970_are_a_time() -> None:
    """As Velociraptor and Splunk write them; what the text of an event counts is none."""
    (found,) = each_of(json.dumps(STORES["Velociraptor"]("PC1")))
    assert found.occasions[0].at == "2025-11-03T17:12:31Z"
    (found,) = each_of(json.dumps({**STORES["Velociraptor"]("PC1"), "System": {"EventID": 1530}}))
    assert not found.occasions[0].at
