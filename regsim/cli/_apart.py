"""Running a user's code in a process of its own, so that its end is not taken for our answer.

Code in Python can be kept from ending our process, code in C cannot: a library that calls ``exit``,
a crash, a signal. The exit code that a shell sees is therefore that of a process that runs none of
it, and an answer is one only if it was told through a pipe.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
from collections.abc import Callable
from typing import Final

_LIMITS: Final = ("SIGKILL", "SIGXCPU")
"""How a system ends what takes too much memory or time."""


def answer_of(run: Callable[[], int]) -> tuple[int | None, str]:
    """Return what *run* returns in a child, or None and how the child ended without an answer.

    An interrupt ends the child, and on Linux whatever ends us does. In the child itself this
    returns too, with its answer, so that it ends as any program does.

    Raises:
        KeyboardInterrupt: we were interrupted.
    """
    told, tell = os.pipe()
    alive, life = os.pipe()
    child = os.fork()
    if not child:
        os.close(life)
        return _told(run, tell, alive), ""
    os.close(alive)
    os.close(tell)
    try:
        _, status = os.waitpid(child, 0)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    # Not read to its end: what the user's code has started may keep the pipe open.
    os.set_blocking(told, False)
    try:
        answer = os.read(told, 1)
    except BlockingIOError:
        answer = b""
    return (answer[0], "") if answer else (None, _end(status))


def is_limit(end: str) -> bool:
    """Return whether *end*, of a child without an answer, is how a system sets limits."""
    return end.endswith(_LIMITS)


def _told(run: Callable[[], int], tell: int, alive: int) -> int:
    """Run *run* in the child, and tell its answer; a child of the child's own has none to tell."""
    mine = os.getpid()
    # Ctrl-C goes to both of us: the one who waits says so, once.
    signal.signal(signal.SIGINT, lambda *_: None)
    # Our end closes the other side of this pipe, and the system answers that with SIGIO, which ends
    # the child (documented for Linux: fcntl(2), signal(7)), even in C code that never looks up.
    fcntl.fcntl(alive, fcntl.F_SETOWN, mine)
    fcntl.fcntl(alive, fcntl.F_SETFL, os.O_ASYNC)
    code = run()
    if os.getpid() == mine:
        with contextlib.suppress(OSError):  # the user's code has closed it
            os.write(tell, bytes([code]))
    return code


def _end(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"exit code {code}"
    known = {one.value: one.name for one in signal.Signals}
    return known.get(-code, f"signal {-code}")
