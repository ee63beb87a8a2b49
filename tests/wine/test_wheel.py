"""The pure wheel in CPython for Windows, on Wine: commands, consoles, paths, files in use.

`regsim doctor` is not run: Python's ``platform`` asks WMI, which Wine 8.0 lacks.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cpython import Python, windows_path

pytestmark = pytest.mark.usefixtures("known_version")
ENCODINGS = ("cp1252", "utf-8")


def regsim(python: Python, *words: str, encoding: str = "utf-8", cwd: Path | None = None):
    """Run ``regsim`` with *words*; return its exit code, output and errors."""
    done = python.run("-m", "regsim", *words, encoding=encoding, cwd=cwd)
    return done.returncode, done.stdout.decode(encoding), done.stderr.decode(encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("run", "q241572", "--os", "nt4-sp6a"), 1, "RegUnLoadKey"),
        (("run", "q241572", "--os", "nt4-sp6a", "--fix", "hotfix"), 0, "saved"),
        (("check", "q241572", "-p", "variant=buggy"), 1, "violated"),
        (("affected", "--product", "nt4-server", "--sp", "5"), 1, "KB Q241572"),
        (("--help",), 0, "Usage"),
        (("run", "none-such"), 2, "none-such"),
    ],
)
def test_commands(
    python: Python, words: tuple[str, ...], code: int, says: str, encoding: str
) -> None:
    """Each command answers as everywhere, on a console of either encoding, without a traceback."""
    found, out, err = regsim(python, *words, encoding=encoding)

    assert (found, "Traceback" in err) == (code, False), err
    assert says in out + err


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_demo(python: Python, tmp_path: Path, encoding: str) -> None:
    r"""``demo`` writes its pictures below a folder that is named with ``\``."""
    target = tmp_path / "demo of it"

    code, _, err = regsim(python, "demo", "-o", windows_path(target), encoding=encoding)

    assert code == 0, err
    assert {path.suffix for path in target.iterdir()} >= {".svg"}


def test_hives(python: Python, tmp_path: Path) -> None:
    """A hive is made, edited and read, under a name that only UTF-16 can write."""
    file = tmp_path / "h\N{LATIN SMALL LETTER E WITH ACUTE}\N{CYRILLIC SMALL LETTER ZHE}.dat"
    name = windows_path(file)

    made, _, err = regsim(python, "hive", "new", name)
    assert made == 0, err
    code, out, err = regsim(python, "hive", "info", name, "--json")
    assert code == 0, err
    assert json.loads(out)["clean"] is True


def test_evidence(python: Python, tmp_path: Path) -> None:
    """``who`` tells the holder that event 1530 names, in a file with lines of Windows' kind."""
    text = (
        "1 user registry handles leaked from \\Registry\\User\\S-1-5-21-1-2-3-1001:\r\n"
        "Process 812 (\\Device\\HarddiskVolume2\\Windows\\System32\\svchost.exe) has opened key "
        "\\REGISTRY\\USER\\S-1-5-21-1-2-3-1001\\Software\r\n"
    )
    (tmp_path / "event.txt").write_bytes(text.encode())

    code, out, err = regsim(python, "who", "event.txt", "--json", cwd=tmp_path)

    assert code == 1, err
    assert json.loads(out)["hives"][0]["blockers"][0]["pid"] == 812


def test_a_file_in_use(python: Python, tmp_path: Path) -> None:
    """What another program keeps open is refused in one line with exit code 2, and stays whole."""
    file = tmp_path / "held.dat"
    assert regsim(python, "hive", "new", windows_path(file))[0] == 0
    before = file.read_bytes()
    holder = (
        "import ctypes, subprocess, sys\n"
        "k = ctypes.windll.kernel32; k.CreateFileW.restype = ctypes.c_void_p\n"
        "h = k.CreateFileW(sys.argv[1], 0x80000000, 0, None, 3, 0, None)\n"
        "d = subprocess.run([sys.executable, '-m', 'regsim', 'hive', 'info', sys.argv[1]],"
        " capture_output=True, stdin=subprocess.DEVNULL)\n"
        "sys.stdout.buffer.write(d.stderr); sys.exit(d.returncode)\n"
    )

    done = python.run("-c", holder, windows_path(file))

    assert (done.returncode, b"Traceback" in done.stdout) == (2, False), done
    assert b"held.dat" in done.stdout
    assert file.read_bytes() == before
