"""What a debugger says: ``!handle``, ``!htrace -diff``, ``!reg openkeys`` and ``!reg hivelist``.

Forms: Microsoft's documentation of the debugger's extensions, which shows an example of each.
"""

from __future__ import annotations

import itertools
import re
from typing import Final

from regsim.trace.evidence import Sighting, Snapshot, text_format
from regsim.trace.readers._rows import key_of
from regsim.trace.readers.event_text import image_of

_BLOCK: Final = re.compile(r"^\s*(?:Handle (?:0x)?([0-9a-fA-F`]+)|([0-9a-fA-F]{4,16}): Object:)")
_FIELD: Final = re.compile(r"^\s*(Type|GrantedAccess|Name|Object Name)[ \t:]++(\S.*)$")
_KERNEL_TYPE: Final = re.compile(r"\bType: \([0-9a-f`]+\) (\w+)", re.IGNORECASE)
_KERNEL_NAME: Final = re.compile(r"\bName: (\\REGISTRY\S.*)$", re.IGNORECASE)
_ATTACHED: Final = re.compile(r"\bid: ([0-9a-f]++)\s.{0,299}?name: (\S.*)$", re.IGNORECASE)
_CID: Final = re.compile(r"\bCid: ([0-9a-f]+)\b", re.IGNORECASE)
_IMAGE: Final = re.compile(r"^\s*+Image: (\S.*)$")


def _is_handles(text: str) -> bool:
    """Return whether *text* is the output of the debugger's ``!handle``."""
    if "Handle " not in text and ": Object:" not in text:
        return False
    lines = [line.rstrip() for line in text.splitlines()[:2000]]
    starts = sum(1 for line in lines if _BLOCK.match(line))
    return starts > 0 and any(_FIELD.match(line) or _KERNEL_TYPE.search(line) for line in lines)


def _read_handles(text: str) -> Snapshot:
    """Return the keys in the output of ``!handle 0 f Key``, or of a kernel debugger's."""
    snapshot = Snapshot("windbg-handle")
    process, pid = "(process not named)", 0
    handle: int | None = None
    fields: dict[str, str] = {}
    for line in [*map(str.rstrip, text.splitlines()), "Handle 0"]:
        block = _BLOCK.match(line)
        if block is not None:
            _block(snapshot, process, pid, handle, fields)
            handle = int((block[1] or block[2]).replace("`", "") or "0", 16)
            fields = {}
        attached, cid, image = _ATTACHED.search(line), _CID.search(line), _IMAGE.match(line)
        if attached is not None:
            process, pid = image_of(attached[2]), int(attached[1], 16)
        if cid is not None:
            pid = int(cid[1], 16)
        process = image[1] if image is not None else process
        fields.update(_fields(line))
    if not pid:
        snapshot.notes.append(
            "the listing does not say of which process it is: add the output of the command |"
        )
    return snapshot


def _fields(line: str) -> dict[str, str]:
    """Return what a line says of a handle, in the form of a user's or of a kernel debugger."""
    field = _FIELD.match(line)
    found = {field[1]: field[2]} if field is not None else {}
    for name, pattern in (("Type", _KERNEL_TYPE), ("Name", _KERNEL_NAME)):
        kernel = pattern.search(line)
        if kernel is not None:
            found[name] = kernel[1]
    return found


def _block(
    snapshot: Snapshot, process: str, pid: int, handle: int | None, fields: dict[str, str]
) -> None:
    if handle is None or not fields:
        return
    snapshot.facts.events += 1
    name = fields.get("Object Name") or fields.get("Name", "")
    if fields.get("Type", "").lower() == "key" and key_of(name):
        access = fields.get("GrantedAccess", "").rstrip(":")
        snapshot.sightings.append(
            Sighting(process=process, pid=pid, key=name, handle=handle or None, access=access)
        )


_TRACED: Final = re.compile(
    r"^Handle = 0x([0-9a-f`]{1,17}) - (OPEN|CLOSE|BAD REF)", re.IGNORECASE | re.MULTILINE
)
_WHOSE: Final = re.compile(r"Process ID = 0x([0-9a-f`]{1,17})", re.IGNORECASE)
_FRAME: Final = re.compile(r"^0x[0-9a-f`]{4,17}: ([^\s+]{1,200})", re.IGNORECASE | re.MULTILINE)
_PLUMBING: Final = re.compile(
    r"^(?:ntdll|kernelbase|kernel32|advapi32|wow64\w*|combase)!", re.IGNORECASE
)
_OPENS: Final = re.compile(
    r"!(?:Nt|Zw)?(?:Open|Create)Key|!(?:Local)?(?:Base)?Reg\w*Key", re.IGNORECASE
)


def _is_htrace(text: str) -> bool:
    return "handle = 0x" in text.lower() and bool(_TRACED.search(text))


def _read_htrace(text: str) -> Snapshot:
    """Return which calls opened what is still open, by ``!htrace -diff``; no key is named by it."""
    snapshot = Snapshot("windbg-htrace")
    starts = [*(found.start() for found in _TRACED.finditer(text)), len(text)]
    opened: list[str] = []
    for at, end in itertools.pairwise(starts):
        part = text[at:end]
        snapshot.facts.events += 1
        said = _opening(part)
        if said:
            opened.append(said)
    snapshot.notes += opened
    if opened:
        handles = " ".join(
            dict.fromkeys(said.partition("handle ")[2].split()[0] for said in opened)
        )
        snapshot.next_steps.append(
            f"which keys these are, in the same debugger: `!handle {handles.split()[0]} f` for each"
        )
    else:
        snapshot.notes.append("no call that opens a key is among the stacks")
    return snapshot


def _opening(part: str) -> str:
    """Return in a sentence which call opened a key, "" where it was none or is closed."""
    traced, whose = _TRACED.search(part), _WHOSE.search(part)
    frames = _FRAME.findall(part)
    if traced is None or traced[2].upper() != "OPEN" or not any(map(_OPENS.search, frames)):
        return ""
    pid = int(whose[1].replace("`", ""), 16) if whose is not None else 0
    caller = next((frame for frame in frames if not _PLUMBING.match(frame)), frames[-1])
    handle = int(traced[1].replace("`", ""), 16)
    return (
        f"process {pid} ({pid:#x}) has handle {handle:#x} open on a key, which {caller} opened "
        "since the last snapshot; the stack does not name the key"
    )


_OPEN_KEYS: Final = re.compile(
    r"\bkcb=[0-9a-f`]+[^\n]{0,120}?(\\REGISTRY\\[^\n]{1,600})", re.IGNORECASE
)
_HIVE_LINE: Final = re.compile(
    r"^\|?[ \t]*+[0-9a-f`]{8,17}[ \t]*+\|[^\n]*?"
    r"(\\REGISTRY\\[^\s|]+|[^\s|\\]*(?:ntuser|usrclass)\.dat)",
    re.IGNORECASE | re.MULTILINE,
)


def _is_reg(text: str) -> bool:
    return bool(
        ("kcb=" in text and _OPEN_KEYS.search(text)) or ("|" in text and _HIVE_LINE.search(text))
    )


def _read_reg(text: str) -> Snapshot:
    """Return what ``!reg openkeys`` and ``!reg hivelist`` list; neither names a process."""
    snapshot = Snapshot("windbg-reg")
    keys = [key.strip() for key in _OPEN_KEYS.findall(text)]
    names = [name for name in _HIVE_LINE.findall(text) if name.startswith("\\")]
    snapshot.facts.events = len(keys) + len(names)
    snapshot.loaded += dict.fromkeys([*keys, *names])
    if keys:
        snapshot.notes.append(
            "the kernel keeps blocks of keys that nobody has open any more for a while, so a "
            "key in "
            "the list may be in use or only remembered"
        )
    snapshot.next_steps.append(
        "which process has one open: `!handle 0 3 0 Key` in a kernel debugger, or handle.exe -a"
    )
    return snapshot


FORMATS: Final = (
    text_format("the debugger's !handle", _is_handles, _read_handles),
    text_format("the debugger's !htrace", _is_htrace, _read_htrace),
    text_format("the debugger's !reg", _is_reg, _read_reg),
)
