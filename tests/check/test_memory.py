"""How much memory a search may take: what Linux says of it, in files made for the test."""

from __future__ import annotations

from pathlib import Path

import pytest

from regsim.check.memory import budget

resource = pytest.importorskip("resource")  # Windows has none
KB = 1024


def lay_out(root: Path, files: dict[str, str]) -> Path:
    """Write *files* below *root*, by path, and return it."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


MEMINFO = {"proc/meminfo": "MemTotal: 9000 kB\nMemAvailable: 1000 kB\n"}
TWO = {
    "proc/self/cgroup": "0::/a/b\n",
    "sys/fs/cgroup/a/memory.max": "600000\n",
    "sys/fs/cgroup/a/memory.current": "500000\n",
    "sys/fs/cgroup/a/memory.stat": "anon 7\ninactive_file 100000\n",
    "sys/fs/cgroup/a/b/memory.max": "max\n",
    "sys/fs/cgroup/a/b/memory.current": "400000\n",
}
ONE = {
    "proc/self/cgroup": "5:cpu:/x\n9:memory:/c\n",
    "sys/fs/cgroup/memory/c/memory.limit_in_bytes": "300000\n",
    "sys/fs/cgroup/memory/c/memory.usage_in_bytes": "200000\n",
    "sys/fs/cgroup/memory/c/memory.stat": "total_inactive_file 50000\n",
}


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({}, None),
        (MEMINFO, 1000 * KB),
        (MEMINFO | TWO, 200_000),
        (MEMINFO | ONE, 150_000),
        (TWO, 200_000),
        (MEMINFO | TWO | {"sys/fs/cgroup/a/memory.max": "max\n"}, 1000 * KB),
        (MEMINFO | TWO | {"sys/fs/cgroup/a/memory.max": "9\n"}, 0),
        ({"proc/meminfo": "MemAvailable: much\n"}, None),
        (MEMINFO | {"proc/self/cgroup": "gibberish\n"}, 1000 * KB),
    ],
    ids=["none", "free", "v2", "v1", "group", "no-limit", "used-up", "no-number", "gibberish"],
)
def test_the_least_of_what_is_free(tmp_path: Path, files: dict[str, str], free: int | None) -> None:
    """The least of the machine's and of every group's around counts; files in memory are free.

    What cannot be read limits nothing.
    """
    expected = None if free is None else free * 9 // 10

    assert budget(lay_out(tmp_path, files)) == expected


def test_the_address_space_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``ulimit -v`` leaves to the process is a limit where there is one."""
    root = lay_out(tmp_path, MEMINFO | {"proc/self/status": "VmSize:\t 100 kB\n"})
    unlimited = resource.RLIM_INFINITY

    monkeypatch.setattr(resource, "getrlimit", lambda _: (unlimited, unlimited))
    assert budget(root) == 1000 * KB * 9 // 10
    monkeypatch.setattr(resource, "getrlimit", lambda _: (600 * KB, unlimited))
    assert budget(root) == 500 * KB * 9 // 10
