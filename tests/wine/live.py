"""The live side of the judge: the driver, compiled here and run by Wine in a prefix of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from call_programs import NAMES, ODD_NAMES, VALUES
from lines import filled

HERE = Path(__file__).parent
COMPILER = "x86_64-w64-mingw32-gcc"
MISSING = [name for name in ("wine", COMPILER) if shutil.which(name) is None]
"""What is not installed here of what the judge needs."""

# Each program begins with the same roots open.
_ROOT = "info|hkcr"

# What a program may leave, and how it is taken away; hives first, since keys may be theirs.
_TIDY = (
    *(f"override|{key}|-" for key in ("hkcu", "hklm", "hkcr", "hku", "hkcc")),
    "kill",
    "reset",
    *(f"unload|hku|=@h{number}" for number in range(3)),
    *(f"unload|hklm|=@h{number}" for number in range(3)),
    "priv|backup|1",
    "priv|restore|1",
    *(f"deltree|hkcu|={name}" for name in (*NAMES, *ODD_NAMES)),
    *(f"delval|hkcu|{name}" for name in VALUES),
    "deltree|hkcu|=@",
    r"deltree|hkcu|=Software\Classes\@",
    r"deltree|hklm|=Software\Classes\@",
    r"deltree|hklm|=Software\Classes\CLSID\@",
    r"deltree|hklm|=Software\Classes\Wow6432Node\@",
    r"deltree|hklm|=Software\Classes\Wow6432Node\CLSID\@",
    r"deltree|hklm|=Software\Wow6432Node\@",
    r"deltree|hklm|=Software\@",
    *(rf"rmfile|=C:\@{number}.hiv" for number in range(4)),
    _ROOT,
)


def environment(prefix: Path) -> dict[str, str]:
    """Return the environment in which Wine uses *prefix* and shows nothing.

    What regsim runs there is the wheel without the library, so none is to be asked for.
    """
    left_out = ("DISPLAY", "REGSIM_ACCEL")
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    quiet = {"WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree,mshtml=", "WINEARCH": "win64"}
    return {**kept, **quiet, "WINEPREFIX": str(prefix)}


def make_prefix(folder: Path) -> Path:
    """Make a fresh prefix in *folder* and return it."""
    prefix = folder / "prefix"
    subprocess.run(
        ["wineboot", "--init"],
        check=True,
        env=environment(prefix),
        capture_output=True,
        timeout=120,
    )
    return prefix


def version() -> str:
    """Return Wine's version, such as ``8.0``."""
    said = subprocess.run(["wine", "--version"], check=True, capture_output=True, text=True)
    return said.stdout.split()[0].removeprefix("wine-")


def build(folder: Path) -> Path:
    """Compile the driver into *folder* and return the program."""
    program = folder / "driver.exe"
    command = [COMPILER, "-O1", "-Wall", "-Wextra", "-Werror", str(HERE / "driver.c")]
    subprocess.run([*command, "-o", str(program), "-ladvapi32", "-lntdll"], check=True, timeout=120)
    return program


class Wine:
    """A driver that runs; programs are sent to it one after another."""

    def __init__(self, prefix: Path, program: Path) -> None:
        self.prefix = prefix
        self.process = subprocess.Popen(
            ["wine", str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(prefix),
            cwd=program.parent,
        )
        # The first load of a process leaves a handle of Wine's own behind; it is none of ours.
        try:
            self.send([filled(line, "") for line in (r"load|hku|=none|=C:\none.hiv", _ROOT)])
        except EOFError:
            self.__exit__(None, None, None)
            raise

    def send(self, lines: list[str]) -> list[str]:
        """Return the answers to *lines*; raise EOFError when the driver dies of one."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        text = "".join(line + "\n" for line in (*lines, "sync"))
        try:
            self.process.stdin.write(text.encode("latin-1"))
            self.process.stdin.flush()
        except BrokenPipeError as error:
            raise EOFError("the driver is gone") from error
        answers: list[str] = []
        while len(answers) <= len(lines):
            answer = self.process.stdout.readline().decode().rstrip("\r\n")
            if not answer:
                raise EOFError(lines[len(answers)] if len(answers) < len(lines) else "sync")
            answers.append(answer)
        return answers[:-1]

    def run(self, program: list[str], tag: str) -> list[str]:
        """Return the answers to *program*, whose keys bear *tag*; then tidy up after it.

        EOFError also where a child could not be started: a computer that is busy is not judged.
        """
        lines = [filled(line, tag) for line in program]
        tidy = [filled(line, tag) for line in _TIDY]
        answers = self.send([*lines, *tidy])[: len(lines)]
        if ("spawn", "0") in zip(lines, answers, strict=True):
            raise EOFError("no child was started")
        return answers

    def end(self) -> None:
        """End the driver and its server, which after some 3,000 children starts no other."""
        self.__exit__(None, None, None)
        subprocess.run(["wineserver", "-k"], env=environment(self.prefix), check=False, timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
