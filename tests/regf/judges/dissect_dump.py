"""Print a hive as dissect.regf sees it, one JSON list a line."""

import json
import logging
import sys
from pathlib import Path

from dissect.regf import regf


class Complaints(logging.Handler):
    """Turns a warning of the reader into an exit code."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print the complaint; the checksum one is a known defect (it fires on valid hives)."""
        text = record.getMessage()
        if "hecksum" not in text:
            sys.exit(f"dissect complains: {text}")


def main() -> None:
    """Walk the hive named on the command line."""
    logging.getLogger().addHandler(Complaints(logging.WARNING))
    with Path(sys.argv[1]).open("rb") as file:
        hive = regf.RegistryHive(file)
        stack = [("", hive.root())]
        while stack:
            path, key = stack.pop()
            sys.stdout.write(json.dumps(["k", path, int(key.cell.LastWriteTime)]) + "\n")
            for value in key.values():
                name = value.name if value.cell.NameLength else ""
                sys.stdout.write(
                    json.dumps(["v", path, name, int(value.type), value.data.hex()]) + "\n"
                )
            prefix = path + "\\" if path else ""
            below = list(key.subkeys())
            stack += [(prefix + child.name, child) for child in reversed(below)]


main()
