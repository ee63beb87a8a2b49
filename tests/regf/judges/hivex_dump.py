"""Print a hive as hivex sees it, one JSON list a line. Runs under Debian's Python."""

import json
import sys

import hivex


def main() -> None:
    """Walk the hive named on the command line."""
    hive = hivex.Hivex(sys.argv[1])
    stack = [("", hive.root())]
    while stack:
        path, node = stack.pop()
        sys.stdout.write(json.dumps(["k", path, hive.node_timestamp(node)]) + "\n")
        for value in hive.node_values(node):
            kind, data = hive.value_value(value)
            sys.stdout.write(
                json.dumps(["v", path, hive.value_key(value), kind, data.hex()]) + "\n"
            )
        below = [(hive.node_name(child), child) for child in hive.node_children(node)]
        prefix = path + "\\" if path else ""
        stack += [(prefix + name, child) for name, child in reversed(below)]


main()
