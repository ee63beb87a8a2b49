r"""Take out of a finding what tells whose computer it was, so that it can be shown around.

SIDs of users, account names, mail addresses, the computer's name, in full or short, servers of UNC
paths and the names of profile folders are replaced, the same by the same: what is one user in the
finding stays one user. Accounts that every Windows has,
such as ``NT AUTHORITY\SYSTEM``, stay.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

import attrs

from regsim.trace.finding import Finding

_SID: Final = re.compile(r"S-1-(?:5-21|12-1)(?:-\d+)+", re.IGNORECASE)
_FOLDER: Final = re.compile(
    r"(?:[\\/](?:Users|Documents and Settings|Profiles|home))[\\/]([^\\/:*?\"<>|\r\n,]+)",
    re.IGNORECASE,
)
_MAIL: Final = re.compile(r"[\w.+'-]+@[A-Za-z][\w-]*(?:\.[\w-]+)*")
_SERVER: Final = re.compile(  # as a path, as MountPoints2 spells one, as Remote Desktop keeps them
    r"(?:(?<![:\w\\])|(?<=\\))\\\\(\w[\w.-]*)\\|##(\w[^#\\]*)#|\\Servers\\(\w[^\\\s]*)"
)
_NO_SERVER: Final = frozenset({"registry", "device", "hku", "hklm", "hkcu", "localhost"})
_SHARED_FOLDERS: Final = frozenset({"public", "default", "all users", "default user"})
_OF_SYSTEM: Final = frozenset(
    {
        "nt authority",
        "nt service",
        "nt virtual machine",
        "window manager",
        "font driver host",
        "iis apppool",
        "builtin",
        "workgroup",
        "autorite nt",
        "nt-autorit\u00e4t",
    }
)
_KEPT: Final = frozenset({"format", "process", "service", "os", "os_title"})
_SHORTEST: Final = 2

Part = TypeVar("Part")
Alias = Callable[[str, str], str]
"""From the kind of a name, such as "user", and the name in small letters to what replaces it."""


def redacted(finding: Finding, alias: Alias | None = None) -> Finding:
    """Return *finding* with the names of people and computers replaced.

    By default they are numbered within it; *alias* replaces them in another way, such as the same
    in many findings.
    """
    return _Redactor(finding, alias or _numbered()).apply(finding)


def _numbered() -> Alias:
    """Return what numbers the names of each kind; the computer itself has no number."""
    counts: Counter[str] = Counter()

    def alias(kind: str, _: str) -> str:
        counts[kind] += 1
        return "<computer>" if kind == "computer" else f"<{kind}-{counts[kind]}>"

    return alias


class _Redactor:
    """The names to replace, found by a first pass over a finding, and what replaces them."""

    def __init__(self, finding: Finding, alias: Alias) -> None:
        self.alias = alias
        self.sids: dict[str, str] = {}
        self.users: dict[str, str] = {}
        self.hosts: dict[str, str] = {}
        texts = list(_texts(attrs.asdict(finding)))
        if finding.host:
            self._learn_host(finding.host)
        for _, text in texts:
            for sid in _SID.findall(text):
                if sid.upper() not in self.sids:
                    self.sids[sid.upper()] = self.alias("SID", sid.upper())
            self._learn_others(text)
        for user in sorted({text for name, text in texts if name == "user" and text}):
            self._learn_account(user)
        for _, text in texts:
            for folder in _FOLDER.findall(text):
                if folder.strip().lower() not in _SHARED_FOLDERS:
                    self._learn_user(folder.strip())

    def _learn_others(self, text: str) -> None:
        """Learn the mail addresses in *text*, and the servers that paths in it lead to."""
        for mail in _MAIL.findall(text):
            self._learn(self.users, "user", mail)
        for server in (name for found in _SERVER.findall(text) for name in found if name):
            if server.lower() not in _NO_SERVER:
                self._learn(self.hosts, "server", server)

    def _learn_host(self, host: str) -> None:
        """Learn a computer's name; of a full one the first part is it too, the rest a domain."""
        self._learn(self.hosts, "computer", host)
        short, _, domain = host.lower().partition(".")
        if "." in domain and not host.replace(".", "").isdecimal():
            self._learn(self.hosts, "domain", domain)
        if len(short) >= _SHORTEST and domain and not short.isdecimal():
            self.hosts.setdefault(short, self.hosts[host.lower()])

    def _learn_account(self, account: str) -> None:
        domain, slash, name = account.rpartition("\\")
        if domain.lower() in _OF_SYSTEM or (not slash and name.upper() == "SYSTEM"):
            return
        if domain:
            self._learn(self.hosts, "domain", domain)
        self._learn_user(name)

    def _learn_user(self, name: str) -> None:
        if len(name) >= _SHORTEST and not name.startswith("<"):
            self._learn(self.users, "user", name)

    def _learn(self, known: dict[str, str], kind: str, name: str) -> None:
        if name.lower() not in known:
            known[name.lower()] = self.alias(kind, name.lower())

    def apply(self, part: Part) -> Part:
        """Return *part*, all of whose texts are replaced."""
        done: Any = part
        if isinstance(part, str):
            done = self.text(part)
        elif isinstance(part, tuple):
            done = tuple(self.apply(one) for one in part)
        elif attrs.has(type(part)):
            record: Any = part
            names = [field.name for field in attrs.fields(type(record)) if field.name not in _KEPT]
            done = attrs.evolve(record, **{n: self.apply(getattr(record, n)) for n in names})
        typed: Part = done
        return typed

    def text(self, text: str) -> str:
        """Return *text* with every known name in it replaced."""
        text = _SID.sub(lambda found: self.sids[found[0].upper()], text)
        names = {**self.hosts, **self.users}
        for name in sorted(names, key=lambda name: (-len(name), name)):
            pattern = rf"(?<![^\W_])(?<![<-]){re.escape(name)}(?![^\W_]|>)"
            text = re.sub(pattern, names[name].replace("\\", r"\\"), text, flags=re.IGNORECASE)
        return text


def _texts(node: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text in *node*, each with the name of the field that it stands in."""
    if isinstance(node, str):
        yield name, node
    elif isinstance(node, dict):
        for field, value in node.items():
            yield from _texts(value, field)
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from _texts(value, name)
