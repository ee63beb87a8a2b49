"""Real clusters: the same result, whoever reads and whoever is killed meanwhile."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="the extra 'fleet' is absent")

AS_NAMED = ("--host-from", "{host}/...")
NAMES = ("findings.parquet", "files.parquet", "manifest.json", "index.html")
DEEP = os.environ.get("HYPOTHESIS_PROFILE") in ("ci", "nightly")


def bytes_of(out: str) -> dict[str, bytes]:
    """Return the four files of a result."""
    return {name: Path(out, name).read_bytes() for name in NAMES}


def started(out: str, scheduler: str) -> subprocess.Popen[str]:
    """Start a run in a process of its own."""
    command = [sys.executable, "-m", "regsim", "fleet", "fleet", "-o", out, *AS_NAMED]
    return subprocess.Popen(
        [*command, "--scheduler", scheduler],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def workers_of(pid: int) -> list[int]:
    """Return the processes that the cluster of a process has for reading."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                line = (folder / "cmdline").read_bytes()
            except (OSError, ValueError):
                continue
            if parent == pid and b"spawn_main" in line:
                found.append(int(folder.name))
    return found


@pytest.mark.usefixtures("fleet")
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are found in /proc")
def test_workers_that_are_killed_lose_nothing_and_count_nothing_twice(run) -> None:
    """Two workers, each killed once or more while they read, give the bytes of one process."""
    run("fleet", "-o", "alone", *AS_NAMED)
    running = started("out", "local:2")
    killed: set[int] = set()

    def kill() -> None:
        while running.poll() is None and len(killed) < (10 if DEEP else 2):
            for pid in workers_of(running.pid):
                if pid not in killed and list(Path("out/parts").glob("*.json")):
                    killed.add(pid)
                    os.kill(pid, signal.SIGKILL)
                    break
            time.sleep(0.02)

    killer = threading.Thread(target=kill)
    killer.start()
    _, error = running.communicate(timeout=120)
    killer.join()

    assert running.returncode == 1, error
    assert bytes_of("out") == bytes_of("alone")


@pytest.fixture
def scheduler() -> Iterator[str]:
    """The address of a scheduler with one worker, both processes of their own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    python = [sys.executable, "-m", "distributed.cli"]
    commands = (
        [
            f"{python[2]}.dask_scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--no-dashboard",
        ],
        [f"{python[2]}.dask_worker", address, "--nthreads", "1", "--no-dashboard"],
    )
    processes = [subprocess.Popen([*python[:2], *command], **quiet) for command in commands]
    yield address
    for process in reversed(processes):
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.mark.usefixtures("fleet")
def test_a_scheduler_elsewhere_is_asked_by_its_address(scheduler, run) -> None:
    """What its workers write is joined to the same bytes."""
    run("fleet", "-o", "alone", *AS_NAMED)
    running = started("out", scheduler)
    _, error = running.communicate(timeout=120)

    assert running.returncode == 1, error
    assert bytes_of("out") == bytes_of("alone")


@pytest.mark.usefixtures("fleet")
def test_a_client_that_is_killed_is_gone_on_from(run) -> None:
    """Its workers end with it; the next run needs no cluster to go on."""
    run("fleet", "-o", "alone", *AS_NAMED)
    running = started("out", "local:2")
    until = time.monotonic() + 60
    while not list(Path("out/parts").glob("*.json")) and running.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.01)
    workers = workers_of(running.pid)
    running.kill()
    running.communicate()
    while any(Path("/proc", str(pid)).exists() for pid in workers):
        assert time.monotonic() < until
        time.sleep(0.05)
    run("fleet", "-o", "out", *AS_NAMED)

    assert bytes_of("out") == bytes_of("alone")


@pytest.mark.usefixtures("fleet")
def test_no_scheduler_there_is_one_line(run) -> None:
    """After a while of trying, exit code 2."""
    code, _, error = run("fleet", "-o", "out", "--scheduler", "tcp://127.0.0.1:9")

    assert code == 2
    assert "--scheduler tcp://127.0.0.1:9" in error.splitlines()[-1]
