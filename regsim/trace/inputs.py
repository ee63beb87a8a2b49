"""What somebody has in hand, told by its content: a hive, a script, or else evidence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from regsim.trace.source import Source

HIVE: Final = b"regf"
"""How a hive file begins."""

_SCRIPTS: Final = {
    "PowerShell": re.compile(
        r"^\s*+(?:param\s*\(|function\s+[\w:-]+\s*[({]|\$[\w:]+\s*=[^=]|(?:foreach|if|while)\s*\(\s*"
        r"(?:!?\s*\$|-not\b|\[\w|\(\s*[$\[]|(?:test|get|compare)-\w)"
        r"|#requires\b|\[cmdletbinding|import-module\s|(?:get|set|new|remove)-item\w*\s+[-\"'$]"
        r"|(?:&\s*)?reg(?:\.exe)?\s+(?:un)?load\s+[\"']?hk)",
        re.IGNORECASE | re.MULTILINE,
    ),
    "batch": re.compile(
        r"^\s*+@?(?:echo off\b|setlocal\b|rem\s|goto :?\w+$|set \w+=)", re.IGNORECASE | re.MULTILINE
    ),
    "C or C++": re.compile(
        r"^\s*+(?:#\s*include\s*[<\"]|#\s*(?:define|ifdef|ifndef|undef)\s+\w+|using namespace\s"
        r"|(?:[\w*&]{1,40}\s{1,4}){0,4}\w{1,60}::~?\w{1,60}\s?\("
        r"|(?:static |extern )?(?:int|void|BOOL|LONG|HRESULT|DWORD|NTSTATUS|LSTATUS)"
        r"\s+\w+\s*\([^;\n]*\)?\s*\{?$)",
        re.MULTILINE,
    ),
    "C#": re.compile(
        r"^\s*+(?:using\s+[\w.]+;|namespace\s+[\w.]+|(?:public|private|internal|protected)\s+"
        r"(?:static\s+|sealed\s+|async\s+)*(?:class|void|int|string|bool|struct|record)\b"
        r"|(?:static\s+|sealed\s+)*class\s+\w+\s*(?::\s*\w+\s*)?\{)",
        re.MULTILINE,
    ),
    "Python": re.compile(
        r"^\s*+(?:import\s+[\w.]+(?:\s+as\s+\w+)?(?:,\s*\w+)*$|from\s+[\w.]+\s+import\s"
        r"|(?:async\s+)?def\s+\w+\(.*:$|class\s+\w+.*:$|with\s+\S.*:$|@[\w.]+(?:\(.*\))?$"
        r"|(?:\w+\s*=\s*|print\()winreg\.\w)",
        re.MULTILINE,
    ),
}
_ENOUGH: Final = 2
_SHARE: Final = 0.12
_LOOKED_AT: Final = 80


def is_hive(source: Source) -> bool:
    """Return whether *source* is a hive file."""
    return source.head.startswith(HIVE)


def is_archive(source: Source) -> bool:
    """Return whether *source* is a zip or a tar, which may hold evidence but is none."""
    return source.head.startswith((b"PK\x03\x04", b"PK\x05\x06")) or (
        source.head[257:262] == b"ustar"
    )


def script_language(source: Source, *, anywhere: bool = False) -> str:
    """Return the language of the program text that *source* is; "" if it is none.

    A text in Markdown is one if its fenced blocks of that language are most of it, or, *anywhere*,
    if it has any that tell.
    """
    if b"\0" in source.head:
        return ""
    lines = source.head.decode("utf-8-sig", "replace").splitlines()
    places = _places(lines)
    outside = _told(lines, [info is None for info in places])
    if outside or all(info is None for info in places):
        return outside
    for language in _SCRIPTS:
        inside = [_is_of(info, language) for info in places]
        if _told(lines, inside) == language and (anywhere or 2 * sum(inside) >= len(lines)):
            return language
    return ""


def program_lines(data: bytes, language: str) -> bytes:
    """Return the text *data* with nothing on the lines that are no program of that *language*.

    These are what stands around the fenced blocks of a text in Markdown, and other blocks.
    """
    raw = data.splitlines(keepends=True)
    lines = [line.decode("utf-8-sig", "replace").rstrip("\r\n") for line in raw]
    places = _places(lines)
    if language not in _SCRIPTS or all(info is None for info in places):
        return data
    if _told(lines, [info is None for info in places]):
        return data  # the fences stand in a comment of the program
    return b"".join(
        line if _is_of(info, language) else line[len(line.rstrip(b"\r\n")) :]
        for line, info in zip(raw, places, strict=True)
    )


def _told(lines: Sequence[str], looked_at: Sequence[bool]) -> str:
    """Return the language of those *lines* that are *looked_at*, "" where they are no program.

    Of the first of them at least two, and one in eight, or else three must be such as only that
    language has: the log of a script repeats some of its lines.
    """
    kept = [line for line, look in zip(lines, looked_at, strict=True) if look and line.strip()]
    text = "\n".join(kept[:_LOOKED_AT])
    count = len(kept[:_LOOKED_AT]) or 1
    counts = {name: len(pattern.findall(text)) for name, pattern in _SCRIPTS.items()}
    best = max(counts, key=counts.__getitem__)
    enough = counts[best] >= min(_ENOUGH, count) and (
        counts[best] >= _SHARE * count or counts[best] > _ENOUGH
    )
    return best if enough and counts[best] else ""


def _places(lines: Sequence[str]) -> list[str | None]:
    """Return by line what is written at the fence of the block that it is in; None outside."""
    places: list[str | None] = []
    fence, info = "", None
    for line in lines:
        found = _FENCE.match(line)
        if found is None or (fence and not (found[1].startswith(fence) and not found[2])):
            places.append(info)
            continue
        fence, info = ("", None) if fence else (found[1], found[2].lower())
        places.append(None)
    return places


def _is_of(info: str | None, language: str) -> bool:
    """Return whether a line is in a block that may be of that *language*, by its fence."""
    return info is not None and (not info or info in _CALLED[language])


_FENCE: Final = re.compile(r"[ ]{0,3}(`{3,}|~{3,})[ \t]*([\w+#-]*)[^`]*$")
_CALLED: Final = {
    "PowerShell": ("powershell", "ps", "ps1", "pwsh"),
    "batch": ("bat", "batch", "cmd", "dos"),
    "C or C++": ("c", "cpp", "c++", "cc", "cxx", "h", "hpp"),
    "C#": ("cs", "csharp", "c#"),
    "Python": ("py", "python", "python3"),
}
"""What a language is called at a fence."""
