"""How much memory a search may take where nobody says: what is free, before the system kills.

A search that asks for more than there is is not refused on Linux: pages are given when they are
first written to, and who writes when none are left is killed. So the question is asked first.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

_PART = (9, 10)
"""How much of what is free a search takes: others, and the rest of this process, grow meanwhile."""
_GROUPS = "sys/fs/cgroup"


def budget(root: Path = Path("/")) -> int | None:
    """Return how many bytes a search may take; None where the system does not tell.

    Args:
        root: where ``proc`` and ``sys`` are looked for, as Linux lays them out.
    """
    known = [size for size in (_free(root), _in_group(root), _in_process(root)) if size is not None]
    return max(0, min(known)) * _PART[0] // _PART[1] if known else None


def out_of_memory(states: int) -> str:
    """Return the sentence that says why a search ended after *states*."""
    return f"there is no memory for more than {states:,} states"


def _numbers(path: Path) -> dict[str, int]:
    """Return the numbers of a file whose lines are ``name number``; none if it cannot be read."""
    found = {}
    with contextlib.suppress(OSError, UnicodeError):
        for line in path.read_text("utf-8").splitlines():
            words = line.replace(":", " ").split()
            if len(words) > 1 and words[1].isdecimal():
                found[words[0]] = int(words[1])
    return found


def _number(path: Path) -> int | None:
    """Return the number that a file holds; None for another word, or where it cannot be read."""
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text("utf-8"))
    return None


def _free(root: Path) -> int | None:
    """Return what Linux says a new program could take without swapping (``proc(5)``)."""
    kilobytes = _numbers(root / "proc/meminfo").get("MemAvailable")
    return None if kilobytes is None else kilobytes * 1024


def _in_group(root: Path) -> int | None:
    """Return what is left to this process's control group and those that hold it.

    Version 2 as the kernel's ``cgroup-v2.rst`` describes it, version 1 as its ``memory.rst``. What
    files have left in memory counts as used there, but is given up when it is needed.
    """
    found = []
    with contextlib.suppress(OSError, ValueError):
        for line in (root / "proc/self/cgroup").read_text("utf-8").splitlines():
            _, kinds, path = line.split(":", 2)
            if kinds not in ("", "memory"):
                continue
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            if not kinds:
                names = ("memory.max", "memory.current", "inactive_file")
            at = Path(path.strip("/"))
            groups = (root / _GROUPS / kinds / group for group in (at, *at.parents))
            found += [_left(group, *names) for group in groups]
    known = [size for size in found if size is not None]
    return min(known) if known else None


def _left(group: Path, most: str, used: str, cached: str) -> int | None:
    limit, taken = _number(group / most), _number(group / used)
    if limit is None or taken is None:
        return None
    return limit - taken + _numbers(group / "memory.stat").get(cached, 0)


def _in_process(root: Path) -> int | None:
    """Return what is left of the address space that this process may have (``ulimit -v``)."""
    if sys.platform in ("win32", "emscripten"):
        return None
    import resource  # noqa: PLC0415 - neither of these has it

    most = resource.getrlimit(resource.RLIMIT_AS)[0]
    kilobytes = _numbers(root / "proc/self/status").get("VmSize")
    if most == resource.RLIM_INFINITY or kilobytes is None:
        return None
    return most - kilobytes * 1024
