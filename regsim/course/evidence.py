"""Evidence of the case as Windows' own tools would write it, made by the simulator.

The course reads it, and so do the examples of the pages. What it says is simulated.
"""

from __future__ import annotations

import csv
import io

from regsim import keypath
from regsim.course.handles import dump
from regsim.kernel.holding import Holding
from regsim.scenario import CallRecord, Run
from regsim.status import NtStatus
from regsim.types import ObjectId

HEAD = ("Time of Day", "Process Name", "PID", "Operation", "Path", "Result", "Detail")
_RESULTS = {NtStatus.SUCCESS: "SUCCESS", NtStatus.CANNOT_DELETE: "CANNOT DELETE"}
_USER = "\\REGISTRY\\USER\\"


_WINLOGON = 100
"""The process id of the machine's first process, which opens no key and is in no table."""


def capture(run: Run) -> str:
    """Return *run* as Process Monitor would save it with its seven default columns.

    It is a simulation in Process Monitor's clothes: what the kernel saw of each call, and the
    end of a process before the closes that follow from it.
    """
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(HEAD)
    pids = {row.process: row.pid for record in run.calls for row in record.table}
    number = 0
    before: tuple[Holding, ...] = ()
    for record in run.calls:
        rows = [(record.process, *row) for row in _rows(record, run)] + _ended(record, before)
        for process, operation, path, detail in rows:
            number += 1
            clock = f"5:{record.time // 60:02}:{record.time % 60:02}.{number:07} PM"
            good = "SUCCESS" if operation != "RegUnloadKey" else _RESULTS[record.status]
            pid = pids.get(process, _WINLOGON)
            writer.writerow((clock, process, pid, operation, path, good, detail))
        before = record.table
    return "\ufeff" + text.getvalue()


def _ended(record: CallRecord, before: tuple[Holding, ...]) -> list[tuple[str, str, str, str]]:
    """Return the end of each process whose handles a logoff closed, and those closes."""
    if record.step != "logoff":
        return []
    left = {(row.pid, row.handle) for row in record.table}
    rows = []
    for row in before:
        if (row.pid, row.handle) not in left:
            rows.append((row.process, "Process Exit", "", "Exit Status: 0"))
            rows.append((row.process, "RegCloseKey", _written(row.key), ""))
    return rows


def _written(path: str) -> str:
    return path.replace(_USER, "HKU\\")


def _rows(record: CallRecord, run: Run) -> list[tuple[str, str, str]]:
    """Return what *record* shows in a capture: operation, path and detail."""
    path = _written(record.key)
    hive = _written(run.blockers[0].key)
    access = "Maximum Allowed" if record.implicit else "Read"
    match record.step:
        case "logon":
            return [("RegLoadKey", hive, "Hive Path: C:\\Profiles\\user\\NTUSER.DAT")]
        case "open-root" | "open-subkey":
            return [("RegOpenKey", path, f"Desired Access: {access}")]
        case "create-subkey":
            detail = "Desired Access: Read, Disposition: REG_OPENED_EXISTING_KEY"
            return [("RegCreateKey", path, detail)]
        case "close-key" | "close-subkey" | "close-root":
            return [("RegCloseKey", path, "")]
        case "unload":
            return [("RegUnloadKey", hive, "")]
        case _:
            return []


def listing() -> str:
    """Return the handles of exercise E2's twelve processes, as handle.exe prints them."""
    bench, processes = dump()
    lines = ["", "Nthandle v5.0 - Handle viewer", "Made by docs/examples/make.py: a simulation", ""]
    for process in processes:
        lines += ["-" * 78, f"{process.image} pid: {process.pid} NT AUTHORITY\\SYSTEM"]
        for handle, (number, _, _, _) in process.table.items():
            key = bench.machine.key_name(bench.machine.objects[ObjectId(number)].kcb)
            lines.append(f"{handle:>5X}: Key           {keypath.short(key)}")
    return "\r\n".join(lines) + "\r\n"


def event(run: Run) -> str:
    """Return event 1530 as the Event Viewer's text shows it, with the run's holders in it."""
    holder = run.blockers[0]
    root = holder.key.replace("\\REGISTRY\\USER", "\\Registry\\User")
    (logged,) = run.events
    detail = (
        f"{len(run.blockers)} user registry handles leaked from {root}:\r\n"
        f"Process {holder.pid} (\\Device\\HarddiskVolume2\\Windows\\System32\\{holder.process}) "
        f"has opened key {holder.key}\r\n"
    )
    head = f"Log Name:      Application\r\nSource:        {logged.source}\r\n"
    head += f"Event ID:      {logged.id}\r\nLevel:         Warning\r\nDescription:\r\n"
    return f"{head}{logged.message} \r\n\r\n DETAIL - \r\n {detail}"
