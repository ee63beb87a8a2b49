"""The columns of ``findings.parquet`` and ``files.parquet``: their names, types and meanings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from regsim.trace.extras import need

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_VERSION: Final = 1
"""The version of both tables; a column that is added or means something else raises it."""


class Column(NamedTuple):
    """A column: its name, the name of its type in Arrow, and what it means; null is "not told"."""

    name: str
    type: str
    meaning: str


FINDINGS: Final = (
    Column("schema_version", "int32", "the version of these columns"),
    Column("host", "string", "the computer: as the evidence names it, else by --host-from"),
    Column(
        "time",
        "timestamp[us]",
        "of the event, of the listing, or the end of the capture: UTC where the evidence tells "
        "from when it counts, else by the clock of its writer",
    ),
    Column("hive", "string", "the hive, such as HKU\\S-1-5-21-...; null: a user's, not named"),
    Column(
        "hive_kind",
        "string",
        "user, classes (the second hive of a user), container (of an app), or loaded (by a program "
        "at a key of its own); null: no hive is named",
    ),
    Column("process", "string", "the image name of what holds it; null: not told"),
    Column("pid", "int64", "the number of that process"),
    Column("service", "string", "the service in that process, where the evidence names it"),
    Column("key", "string", "the key that is open; null: it is only told that the hive was"),
    Column("handle", "int64", "the value of the handle, or of the first of several"),
    Column("count", "int64", "how many handles are open at least; null where none is told of"),
    Column("implicit", "bool", "Windows opened it unasked, as the root of a predefined key"),
    Column("certain", "bool", "the evidence proves that it is open"),
    Column("bystander", "bool", "it is open and none of the culprits: it ends with the session"),
    Column("incident", "string", "the incident that the evidence resembles, by its name here"),
    Column("verdict", "string", "of that hive, or event: blocked, clear or inconclusive"),
    Column("source", "string", "the file, as in the table of files"),
    Column("tier", "string", "what the evidence can show: A handles, B keys, C paths, D a moment"),
)
"""One row is one key that a process has open; a hive of which no holder is told has a row too."""

FILES: Final = (
    Column("path", "string", "the file, that it lies in before it: archive.zip/name"),
    Column("sha256", "string", "of its content, in small hexadecimal; null where it was not read"),
    Column("status", "string", "what became of it, as `STATUSES` has it"),
    Column("error", "string", "why it was not read, or not to its end; null for none"),
)
"""One row is one file, in an archive or not."""

STATUSES: Final = {
    "read": "evidence, read to its end",
    "partly": "evidence that is damaged or cut short; what could be read is in the findings",
    "archive": "opened; what is in it has rows of its own",
    "hive": "a hive file, which tells nothing about handles",
    "script": "a program's text, which is not run",
    "unknown": "nothing that regsim knows",
    "unreadable": "it could not be read",
    "refused": "not opened: a link, a device, a path that leads out, or beyond a limit",
}
"""What can become of a file."""

UNREAD: Final = frozenset({"partly", "unknown", "unreadable", "refused"})
"""After these it is not said that nothing blocks."""


def schema(columns: tuple[Column, ...]) -> pa.Schema:
    """Return the Arrow schema of *columns*."""
    arrow: Any = need("pyarrow", "the tables of a fleet")
    types = {"timestamp[us]": arrow.timestamp("us"), "bool": arrow.bool_()}
    fields = [
        arrow.field(
            one.name,
            types.get(one.type) or getattr(arrow, one.type)(),
            metadata={"meaning": one.meaning},
        )
        for one in columns
    ]
    made: pa.Schema = arrow.schema(fields)
    return made
