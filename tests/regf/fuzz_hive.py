"""Nightly fuzzing with Atheris: whatever the bytes, only regsim's own errors come out.

The first byte of an input chooses what is done with the rest. A night's run::

    python tests/regf/make_hives.py corpus
    python tests/regf/fuzz_hive.py corpus -max_len=60000 -timeout=5 -max_total_time=3600

``python fuzz_hive.py --replay corpus`` runs every file of a corpus once, without Atheris.
"""

from __future__ import annotations

import contextlib
import struct
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from regsim.errors import RegsimError  # noqa: E402
from regsim.regf import Mode, export_reg, parse_hive, parse_reg, recover  # noqa: E402
from regsim.regf.baseblock import checksum  # noqa: E402


def healed(data: bytes) -> bytes:
    """Return *data* with the parts of its base block right that hide all else when wrong."""
    block = bytearray(data)
    if len(block) >= 8192:
        block[0:4] = b"regf"
        block[4:12] = struct.pack("<II", 7, 7)
        block[20:24] = struct.pack("<I", 1)
        block[28:36] = struct.pack("<II", 0, 1)
        size = (len(block) - 4096) // 4096 * 4096
        block[40:44] = struct.pack("<I", size)
        block[508:512] = struct.pack("<I", checksum(block))
    return bytes(block)


def read(data: bytes, mode: Mode) -> None:
    """Read and judge everything."""
    hive = parse_hive(data, mode=mode)
    for _, key in hive.walk():
        _ = key.class_name, key.security, key.flags, key.last_written, key.name
        key.subkey("software")
        for value in key.values():
            _ = value.name, value.data
    hive.check()
    for problem in hive.problems:
        str(problem)


def edit(data: bytes) -> None:
    """Change a hive that opens strictly, then read what came of it."""
    hive = parse_hive(data)
    root = hive.root
    root.set_value("fuzz", 3, b"x" * 20000)
    key = root.create_subkey("fuzz key")
    key.set_value("v", 1, b"12345678")
    for child in list(root.subkeys()):
        with contextlib.suppress(RegsimError):
            child.rename(child.name + "2")
        with contextlib.suppress(RegsimError):
            child.set_security(b"s" * 24)
        with contextlib.suppress(RegsimError):
            child.delete(recursive=True)
    read(hive.to_bytes(), Mode.SALVAGE)


def apply_log(data: bytes) -> None:
    """Take the input for a hive and its log."""
    half = len(data) // 2 // 512 * 512
    done = recover(data[:half], [("log", data[half:])])
    read(done.data, Mode.SALVAGE)


def convert(data: bytes) -> None:
    """Export what can be salvaged."""
    hive = parse_hive(data, mode=Mode.SALVAGE)
    for version in (4, 5):
        with contextlib.suppress(RegsimError):
            for _ in export_reg(hive.root, prefix="HKCU", version=version):
                pass


ACTIONS = (
    lambda data: read(healed(data), Mode.STRICT),
    lambda data: read(healed(data), Mode.SALVAGE),
    lambda data: read(data, Mode.STRICT),
    lambda data: read(data, Mode.SALVAGE),
    lambda data: edit(healed(data)),
    apply_log,
    lambda data: convert(healed(data)),
    parse_reg,
)


def one_input(data: bytes) -> None:
    """Run one input; anything but a RegsimError is a finding."""
    if data:
        with contextlib.suppress(RegsimError):
            ACTIONS[data[0] % len(ACTIONS)](data[1:])


def main() -> None:
    """Replay a corpus, or fuzz with Atheris."""
    if sys.argv[1:2] == ["--replay"]:
        for path in sorted(Path(sys.argv[2]).iterdir()):
            one_input(path.read_bytes())
        return
    import atheris  # noqa: PLC0415 - only the nightly job has it

    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
