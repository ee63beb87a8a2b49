"""``regsim hive``: look into hive files, change, convert, compare and recover them."""

from __future__ import annotations

import datetime as dt
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from regsim.cli import _hive_output as out
from regsim.cli._files import HIVE, hive_read, is_stdout, put, refuse_both, written
from regsim.errors import UsageError
from regsim.reading import contents, telling
from regsim.regf import (
    HiveFile,
    Key,
    Mode,
    diff_hives,
    export_reg,
    import_reg,
    new_hive,
    open_hive,
    parse_hive,
    parse_reg,
    recover,
)
from regsim.regf.create import DEFAULT_ROOT
from regsim.regf.walk import DataBudget
from regsim.report.text.console import terminal_width, wrap
from regsim.report.words.writing import visible
from regsim.writing import editing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from regsim.regf import StoredValue

_ENDLESS = 1_000_000
_EPOCH_1601 = 116444736000000000

_file = click.argument("file", type=click.Path(path_type=Path))
_as_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
_salvage = click.option(
    "--salvage", is_flag=True, help="Read all that can be read; list problems on stderr."
)
_output = click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Write here instead."
)
_time = click.option(
    "--timestamp", type=int, metavar="FILETIME", help="Stamp changes with this time, not now."
)
_prefix = click.option(
    "--prefix",
    default="HKEY_CURRENT_USER",
    show_default=True,
    help="The path that stands for the hive's root in the .reg file.",
)
_ansi = click.option(
    "--code-page", default="cp1252", show_default=True, help="Code page of .reg version 4."
)


class _Group(click.Group):
    """A group whose help page says of each command all that its first sentence says."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        told = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, one.get_short_help_str(_ENDLESS)) for name, one in told if one is not None]
            )


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
def hive() -> None:
    """Hive files: registry hives as Windows keeps them on a disk."""


def _open(file: Path, *, salvage: bool = False) -> HiveFile:
    with hive_read(file):
        return open_hive(file, mode=Mode.SALVAGE if salvage else Mode.STRICT)


@contextmanager
def _changing(
    file: Path, output: Path | None, timestamp: int | None, *inputs: Path
) -> Iterator[HiveFile]:
    """Give the hive in *file*; write it to *output*, or in place, if the block ends well.

    In place the file is held from the reading to the writing, so that no other edit is lost; what
    is not changed is not written.
    """
    clock = _clock(timestamp)
    with ExitStack() as stack:
        with hive_read(file):
            held = stack.enter_context(editing(file)) if output is None else None
            data = file.read_bytes() if held is None else held.data
            hive = parse_hive(data, name=str(file), clock=clock)
        yield hive
        if output is not None:
            put(output, hive.to_bytes(), file, *inputs)
        elif held is not None and hive.modified:
            with written(file):
                note = held.write(hive.to_bytes())
            if note:
                out.tell(f"{file}: {note}")


def _clock(timestamp: int | None) -> Callable[[], int]:
    now = time.time_ns() // 100 + _EPOCH_1601 if timestamp is None else timestamp
    return lambda: now


def _key(opened: HiveFile, path: str) -> Key:
    key = opened.find(path)
    if key is None:
        msg = f"there is no key {path!a} in {opened.image.file}"
        raise UsageError(msg)
    return key


def _when(filetime: int) -> str:
    """Return a FILETIME as a date, or the number where no date fits it."""
    start = dt.datetime(1601, 1, 1, tzinfo=dt.UTC)
    try:
        moment = start + dt.timedelta(microseconds=filetime // 10)
    except OverflowError:
        return str(filetime)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


# -- looking --------------------------------------------------------------------------------


@hive.command()
@_file
@click.option("--salvage", is_flag=True, help="Accept a file that was cut short.")
@_as_json
def info(file: Path, *, salvage: bool, as_json: bool) -> None:
    """Say what FILE is: version, state, size, and every violation of the format."""
    with described(file, salvage=salvage) as (opened, record):
        if as_json:
            out.say_json(record)
        else:
            show_description(opened, record)


@contextmanager
def described(
    file: Path, content: bytes | None = None, *, salvage: bool = False
) -> Iterator[tuple[HiveFile, dict[str, Any]]]:
    """Give a hive, of a file or of bytes in memory, and what `regsim hive info` says of it."""
    with (
        _open(file, salvage=True) if content is None else parse_hive(content, mode=Mode.SALVAGE)
    ) as opened:
        if not salvage:
            opened.image.require_whole()
        keys = values = 0
        for _, key in out.with_progress(opened.walk(), "keys"):
            keys += 1
            values += sum(1 for _ in key.values())
        opened.check()
        yield (
            opened,
            {
                "version": opened.version,
                "clean": opened.clean,
                "sequence": list(opened.sequence),
                "root": opened.root.name,
                "keys": keys,
                "values": values,
                "bytes": len(opened.image.buffer),
                "last_written": opened.image.base.last_written,
                "problems": [problem.as_dict() for problem in opened.problems],
                "notes": [note.as_dict() for note in opened.notes],
            },
        )


def show_description(opened: HiveFile, record: dict[str, Any]) -> None:
    """Print what `described` gives, a line for each."""
    first, second = opened.sequence
    state = "clean" if opened.clean else "dirty: recover it with its logs"
    rows = {
        "version": record["version"],
        "state": f"{state} (sequence numbers {first} and {second})",
        "root": record["root"],
        "last written": _when(record["last_written"]),
        **{name: record[name] for name in ("keys", "values", "bytes")},
        "problems": len(opened.problems) + opened.image.problems.dropped,
    }
    for name, value in rows.items():
        _say_folded(str(value), f"{name + ':':<15}", " " * 15)
    for problem in opened.problems:
        _say_folded(str(problem), "  ", "    ")
    for note in opened.notes:
        _say_folded(str(note), "note: ", "  ")


def _say_folded(text: str, first: str, rest: str) -> None:
    """Print *text* folded where the terminal is too narrow; what is piped on is as it is."""
    width = terminal_width(_ENDLESS)
    if len(first + text) <= width:
        out.say(first + text)
        return
    for line in wrap(visible(text), width, first, rest):
        out.say(line)


@hive.command()
@_file
@click.argument("key", default="")
@click.option("-r", "--recursive", is_flag=True, help="Everything below KEY too.")
@_salvage
@_as_json
def ls(file: Path, key: str, *, recursive: bool, salvage: bool, as_json: bool) -> None:
    r"""List the subkeys and values of KEY (names joined by \; the root by default).

    With --recursive --json: one JSON object a line, keys and their values, parents first.
    """
    with _open(file, salvage=salvage) as opened:
        start = _key(opened, key)
        if recursive:
            _list_all(opened, start, as_json=as_json)
        elif as_json:
            below = [child.name for child in start.subkeys()]
            values = [_value_record(start.path, value) for value in start.values()]
            head = {"key": start.path, "last_written": start.last_written}
            out.say_json({**head, "subkeys": below, "values": values})
        else:
            for child in start.subkeys():
                _say_key(child, child.name)
            for value in start.values():
                _say_value(value, value.data, "")
        out.tell_problems(opened)


def _list_all(opened: HiveFile, start: Key, *, as_json: bool) -> None:
    budget = DataBudget(opened.image)
    for path, key in out.with_progress(opened.walk(start), "keys"):
        if as_json:
            out.say_json_line({"key": path, "last_written": key.last_written})
        else:
            _say_key(key, path)
        for value in key.values():
            data = budget.take(value)
            if as_json:
                out.say_json_line(_value_record(path, value, data))
            else:
                _say_value(value, data, "    ")


def _value_record(path: str, value: StoredValue, data: bytes | None = None) -> dict[str, Any]:
    data = value.data if data is None else data
    return {"key": path, "name": value.name, "type": value.type, "data": data.hex()}


def _say_key(key: Key, name: str) -> None:
    _say_folded(f"{name}\\", f"{_when(key.last_written)}  ", "  ")


def _say_value(value: StoredValue, data: bytes, inset: str) -> None:
    shown = out.show_data(value.type, data)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    text = f"{value.name or '(default)'} = {out.type_name(value.type)}: {shown}"
    _say_folded(text, inset, inset + "  ")


@hive.command()
@_file
@click.argument("key")
@click.argument("name", default="")
@click.option("--raw", is_flag=True, help="Write the data's bytes as they are.")
@_salvage
@_as_json
def cat(file: Path, key: str, name: str, *, raw: bool, salvage: bool, as_json: bool) -> None:
    """Print the data of the value NAME (the default value, if not given) of KEY."""
    with _open(file, salvage=salvage) as opened:
        found = _key(opened, key)
        value = found.value(name)
        if value is None:
            msg = f"the key {key!a} has no value {name!a}"
            raise UsageError(msg)
        if as_json:
            out.say_json(_value_record(found.path, value))
        elif raw:
            out.say_bytes(value.data)
        else:
            out.say(out.show_data(value.type, value.data))
        out.tell_problems(opened)


@hive.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--times", is_flag=True, help="Compare last-written times too.")
@click.option("--security", is_flag=True, help="Compare security descriptors too.")
@_salvage
@_as_json
@click.pass_context
def diff(
    context: click.Context,
    old: Path,
    new: Path,
    *,
    times: bool,
    security: bool,
    salvage: bool,
    as_json: bool,
) -> None:
    """Compare the hives OLD and NEW key by key; exit 1 when they differ."""
    with _open(old, salvage=salvage) as left, _open(new, salvage=salvage) as right:
        pairs = diff_hives(left, right, times=times, security=security)
        found = list(out.with_progress(pairs, "differences"))
        if as_json:
            records = [each.as_dict() for each in found]
            out.say_json({"different": bool(found), "differences": records})
        else:
            for each in found:
                mark = {"added": "+", "removed": "-", "changed": "*"}[each.change]
                name = "" if each.name is None else f" : {each.name or '(default)'}"
                what = f" ({each.what})" if each.what else ""
                out.say(f"{mark} {each.key}\\{name}{what}")
        out.tell_problems(left)
        out.tell_problems(right)
    context.exit(1 if found else 0)


# -- converting -----------------------------------------------------------------------------


@hive.command()
@_file
@click.argument("key", default="")
@_output
@_prefix
@click.option("--reg-version", type=click.Choice(["4", "5"]), default="5", show_default=True)
@_ansi
@_salvage
@_as_json
def export(
    file: Path,
    key: str,
    *,
    output: Path | None,
    prefix: str,
    reg_version: str,
    code_page: str,
    salvage: bool,
    as_json: bool,
) -> None:
    """Write KEY and all below as a .reg file, to stdout or to the file given with -o."""
    refuse_both(output, as_json=as_json)
    with _open(file, salvage=salvage) as opened:
        start = _key(opened, key)
        pieces = export_reg(start, prefix=prefix, version=int(reg_version), ansi=code_page)
        data = b"".join(out.with_progress(pieces, "keys"))
        if output is not None:
            put(output, data, file)
        if as_json:
            text = data.decode("utf-16" if reg_version == "5" else code_page, "surrogatepass")
            shown = {"output": str(output)} if output is not None else {"text": text}
            out.say_json({"key": start.path, "bytes": len(data), **shown})
        elif output is None:
            out.say_bytes(data)
        out.tell_problems(opened)
        for note in opened.notes:
            out.tell(f"note: {note}")


@hive.command(name="import")
@_file
@click.argument("reg", type=click.Path(path_type=Path))
@_output
@_prefix
@_ansi
@_time
@_as_json
def import_(
    file: Path,
    reg: Path,
    *,
    output: Path | None,
    prefix: str,
    code_page: str,
    timestamp: int | None,
    as_json: bool,
) -> None:
    """Carry out the .reg file REG on the hive FILE: all of it, or on a fault nothing."""
    refuse_both(output, as_json=as_json)
    text = parse_reg(contents(reg, "a .reg file"), ansi=code_page, file=str(reg))
    with _changing(file, output, timestamp, reg) as edited:
        done = import_reg(edited, text, prefix=prefix)
    counts = {
        "keys_created": done.keys_created,
        "keys_deleted": done.keys_deleted,
        "values_set": done.values_set,
        "values_deleted": done.values_deleted,
    }
    if as_json:
        out.say_json({"output": str(output or file), **counts})
    else:
        said = ", ".join(f"{name.replace('_', ' ')}: {n}" for name, n in counts.items())
        (out.tell if is_stdout(output) else out.say)(said)


@hive.command(name="recover")
@_file
@click.option(
    "--log",
    "logs",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="A transaction log of FILE; repeat for the second. Their order does not matter.",
)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Write here.")
@_as_json
def recover_(file: Path, *, logs: tuple[Path, ...], output: Path, as_json: bool) -> None:
    """Apply its logs to the dirty hive FILE, as Windows does at load; FILE is not changed."""
    refuse_both(output, as_json=as_json)
    read = [(str(log), _log(log)) for log in logs]
    done = recover(contents(file, HIVE), read, str(file))
    result = parse_hive(done.data, mode=Mode.SALVAGE, name=str(file))
    result.image.require_whole()
    problems = result.check()
    say = put(output, done.data, file, *logs)
    if as_json:
        record = {"output": str(output), "applied": done.applied, "ignored": done.ignored}
        out.say_json({**record, "problems": [problem.as_dict() for problem in problems]})
        return
    for text in done.applied:
        say(f"applied: {text}")
    for text in done.ignored:
        out.tell(f"ignored: {text}")
    if not done.applied:
        say(f"{file} is clean; {output} is a copy")
    out.tell_problems(result)


def _log(file: Path) -> bytes:
    """Return the content of a hive's log; Windows keeps one that is empty beside most hives."""
    with telling(file, "a log of the hive, such as NTUSER.DAT.LOG1"):
        return file.read_bytes()


# -- changing -------------------------------------------------------------------------------


@hive.command()
@_file
@click.option(
    "--version",
    "version",
    type=click.Choice(["1.1", "1.2", "1.3", "1.4", "1.5", "1.6"]),
    default="1.3",
    show_default=True,
    help="1.3 is what user hives have from NT 4 to Windows 8.",
)
@click.option("--root-name", default=DEFAULT_ROOT, help="The root key's own name.")
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@_time
@_as_json
def new(
    file: Path, *, version: str, root_name: str, force: bool, timestamp: int | None, as_json: bool
) -> None:
    """Make FILE, an empty hive."""
    refuse_both(file, as_json=as_json)
    if not is_stdout(file) and not force and (file.exists() or file.is_symlink()):
        msg = f"{file} exists; choose another name or give --force"
        raise UsageError(msg)
    made = new_hive(
        int(version[2:]),
        root_name=root_name,
        last_written=_clock(timestamp)(),
        file_name=file.name,
    )
    say = put(file, made.to_bytes())
    if as_json:
        out.say_json({"output": str(file), "version": version, "bytes": len(made.to_bytes())})
    else:
        say(f"made {file}, version {version}")


@hive.command(name="set")
@_file
@click.argument("key")
@click.argument("name", required=False)
@click.argument("data", required=False)
@click.option("--type", "kind", default="sz", show_default=True, help="sz, dword, binary, ...")
@_output
@_time
@_as_json
def set_(
    file: Path,
    key: str,
    name: str | None,
    data: str | None,
    *,
    kind: str,
    output: Path | None,
    timestamp: int | None,
    as_json: bool,
) -> None:
    """Set the value NAME of KEY to DATA, making what is missing; without NAME only the key.

    DATA is text, a number, hex for binary, or parts joined by | for multi-sz. The default value
    has the name "".
    """
    refuse_both(output, as_json=as_json)
    with _changing(file, output, timestamp) as edited:
        before = edited.edits
        target = edited.root.ensure(key)
        if name is not None:
            number, raw = out.parse_data(kind, data or "")
            target.set_value(name, number, raw)
        record = _record(output or file, target.path, name)
        changed = edited.edits > before
    _done(record, as_json=as_json, changed=changed)


@hive.command()
@_file
@click.argument("key")
@click.argument("name", required=False)
@click.option("-r", "--recursive", is_flag=True, help="Delete a key that has subkeys.")
@_output
@_time
@_as_json
def delete(
    file: Path,
    key: str,
    name: str | None,
    *,
    recursive: bool,
    output: Path | None,
    timestamp: int | None,
    as_json: bool,
) -> None:
    """Delete the value NAME of KEY, or without NAME the key itself."""
    refuse_both(output, as_json=as_json)
    with _changing(file, output, timestamp) as edited:
        target = _key(edited, key)
        path = target.path
        if name is None:
            target.delete(recursive=recursive)
        elif not target.delete_value(name):
            msg = f"the key {key!a} has no value {name!a}"
            raise UsageError(msg)
    _done(_record(output or file, path, name), as_json=as_json, changed=True)


def _record(output: Path, key: str, name: str | None) -> dict[str, Any]:
    return {"output": str(output), "key": key, "name": name}


def _done(record: dict[str, Any], *, as_json: bool, changed: bool) -> None:
    if as_json:
        out.say_json({**record, "changed": changed})
    elif sys.stderr.isatty():
        out.tell(f"{record['output']}: {'saved' if changed else 'unchanged'}")
