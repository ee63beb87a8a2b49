"""Print a hive as libregf sees it, one JSON list a line."""

import json
import sys

import pyregf


def main() -> None:
    """Walk the hive named on the command line."""
    file = pyregf.file()
    file.open(sys.argv[1])
    if file.is_corrupted():
        sys.exit("libregf calls the file corrupted")
    stack = [("", file.get_root_key())]
    while stack:
        path, key = stack.pop()
        sys.stdout.write(json.dumps(["k", path, key.get_last_written_time_as_integer()]) + "\n")
        for index in range(key.number_of_values):
            value = key.get_value(index)
            data = value.get_data() or b""
            sys.stdout.write(
                json.dumps(["v", path, value.name or "", value.type, data.hex()]) + "\n"
            )
        prefix = path + "\\" if path else ""
        below = [key.get_sub_key(index) for index in range(key.number_of_sub_keys)]
        stack += [(prefix + child.name, child) for child in reversed(below)]


main()
