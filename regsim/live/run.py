"""A program run under Wine, in a prefix and with a server of its own, and the log of both."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final

import attrs

from regsim.errors import UsageError
from regsim.live.relay import INCLUDED

_DEBUG: Final = "-all,+relay,+loaddll"
_BOOT: Final = 180.0
_STOP: Final = 30.0
_BLOCK: Final = 1 << 16


class WineMissingError(UsageError):
    """Wine is not installed, or does not start; the text says what to do."""


@attrs.frozen
class Ran:
    """A run that is over.

    ``log`` is the server's and the clients' from the command's start; ``timed_out`` is after how
    many seconds it was ended, None if it ended by itself.
    """

    command: tuple[str, ...]
    log: Path
    prefix: Path
    timed_out: float | None


def run(command: Sequence[str], folder: Path, *, timeout: float, output: IO[bytes]) -> Ran:
    """Run *command*, which starts Wine, with its own prefix and server in *folder*.

    Args:
        command: the program and its arguments, such as ``wine app.exe``.
        folder: an empty folder for the prefix and the log, which the caller removes.
        timeout: after how many seconds the program is ended.
        output: where the program's standard output goes; its standard input is empty.

    Raises:
        WineMissingError: Wine is not installed, or makes no prefix.
        UsageError: the command cannot be started.
    """
    server = shutil.which(os.environ.get("WINESERVER", "wineserver"))
    if server is None or shutil.which("wineboot") is None:
        raise WineMissingError(
            "there is no Wine here (no wineserver and wineboot on the PATH); install it, as with "
            "`apt-get install --no-install-recommends wine wine64`"
        )
    prefix, log = folder / "prefix", folder / "log"
    prefix.mkdir()
    log.touch()
    # A pipe for the server and all clients: its order is that of events, and programs expect one.
    with (
        log.open("ab", buffering=0) as kept,
        _pump(kept) as said,
        _pump(output) as written,
        _server(server, prefix, said) as environment,
    ):
        _boot(environment)
        os.truncate(log, 0)  # what follows is of the command
        end = _program(command, environment, log, (written, said), timeout)
    if end is not None:
        os.truncate(log, end)  # what follows is how the programs were ended
    return Ran(tuple(command), log, prefix, None if end is None else timeout)


@contextlib.contextmanager
def _pump(target: IO[bytes]) -> Iterator[int]:
    """Yield a pipe whose other end is copied to *target* until nobody writes to it any more."""
    reader, writer = os.pipe()

    def copy() -> None:
        with os.fdopen(reader, "rb", 0) as source:
            while data := source.read(_BLOCK):
                target.write(data)

    copier = threading.Thread(target=copy, daemon=True)
    copier.start()
    try:
        yield writer
    finally:
        os.close(writer)
        copier.join(_STOP)


@contextlib.contextmanager
def _server(server: str, prefix: Path, said: int) -> Iterator[dict[str, str]]:
    """Yield the environment of clients of a server that logs to *said*; it ends with them."""
    defaults = {"WINEDLLOVERRIDES": "mscoree,mshtml=", "WINEARCH": "win64"}
    environment = {**defaults, **os.environ, "WINEPREFIX": str(prefix), "WINEDEBUG": "-all"}
    process = subprocess.Popen(  # noqa: S603 - the server that the user has installed
        [server, "-f", "-p", "-d1"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=said,
    )
    try:
        yield environment
    finally:
        subprocess.run(  # noqa: S603 - as above
            [server, "-k"], env=environment, check=False, capture_output=True, timeout=_STOP
        )
        try:
            process.wait(_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _boot(environment: dict[str, str]) -> None:
    """Make the prefix, and have the registry's functions relayed in it."""
    key = r"HKCU\Software\Wine\Debug"
    steps = (
        ["wineboot", "--init"],
        ["wine", "reg", "add", key, "/v", "RelayInclude", "/d", INCLUDED, "/f"],
    )
    for step in steps:
        try:
            # No pipe: what Wine starts here would keep it open for as long as the server runs.
            done = subprocess.run(  # noqa: S603 - as above
                step,
                env=environment,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_BOOT,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise WineMissingError(f"Wine makes no prefix: {error}") from None
        if done.returncode:
            raise WineMissingError(f"Wine makes no prefix: {' '.join(step[:2])} failed")


def _program(
    command: Sequence[str],
    environment: dict[str, str],
    log: Path,
    streams: tuple[int, int],
    timeout: float,
) -> int | None:
    """Run the program to its end, or end it; return how long the log was then, else None."""
    try:
        process = subprocess.Popen(  # noqa: S603 - what the user asks for
            command,
            env={**environment, "WINEDEBUG": _DEBUG},
            stdin=subprocess.PIPE,
            stdout=streams[0],
            stderr=streams[1],
            start_new_session=True,
        )
    except OSError as error:
        raise UsageError(f"{command[0]} cannot be started: {error.strerror}") from None
    try:
        process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        return log.stat().st_size
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return None
