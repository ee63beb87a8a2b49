"""What somebody has in hand, told by its content: a hive, a script, or else evidence."""

from __future__ import annotations

import re
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


def script_language(source: Source) -> str:
    """Return the language of the program text that *source* is; "" if it is none.

    Of its first lines at least two, and one in eight, or else three must be such as only that
    language has: the log of a script repeats some of its lines.
    """
    if b"\0" in source.head:
        return ""
    first = [
        line for line in source.head.decode("utf-8-sig", "replace").splitlines() if line.strip()
    ]
    text = "\n".join(first[:_LOOKED_AT])
    lines = len(first[:_LOOKED_AT]) or 1
    counts = {name: len(pattern.findall(text)) for name, pattern in _SCRIPTS.items()}
    best = max(counts, key=counts.__getitem__)
    enough = counts[best] >= min(_ENOUGH, lines) and (
        counts[best] >= _SHARE * lines or counts[best] > _ENOUGH
    )
    return best if enough and counts[best] else ""
