"""Random programs for the judge: seeded, and weighted to the states where registries differ.

Most calls go to the last few keys that are open. Deleted keys, closed handles, odd numbers and
names, rights that do not suffice, links, hives and watched keys come up far more often than chance
would have it. With two processes, handles are given to a child or inherited by it, and it ends.
Each method of `Program` adds a call or two, and says in its name which.
"""

# ruff: noqa: D102

from __future__ import annotations

import random
from collections.abc import Callable

from lines import SID

ALL, READ = "0xf003f", "0x20019"
ACCESS = (
    *(READ, "0x2000000", "0x1", "0x0", "0x2", "0x10000", "0x20006", "0x8", "0x10", "0x100f003f"),
    *("0x80000000", "0x10000000", "0x40000000", "0x20000000"),
)
NAMES = ("a", "b", "A", "c")
ODD_NAMES = ("%00E9", "%00C9", "%00DF", "%0131", "%01C5", "%01C6", "%10D0", "%1C90", "%D801%DC00")
VALUES = ("-", "=", "=v", "=V", "=w", "=%00E9", "=%00C9", "=SymbolicLinkValue")
DATA = (
    *((1, ""), (1, "61000000"), (1, "6100"), (1, "61"), (2, "25000000"), (3, ""), (3, "00")),
    *((3, "0102030405"), (4, "01000000"), (4, "01"), (4, ""), (7, "610000000000"), (7, "")),
    *((11, "0102030405060708"), (0, "aa"), (99, "bb"), (4294967295, "cc")),
)
ODD_KEYS = ("-", "#1234", "#cafebabe", "#80000099", "#7fff1234")
FEATURES = ("hive", "override", "link", "watch", "rights", "odd", "tree", "native", "view")
VIEWED = (
    *(("hklm", "=Software\\"), ("hklm", "=Software\\Classes\\"), ("hkcr", "=")),
    *(("hklm", "=Software\\Wow6432Node\\"), ("hklm", "=Software\\Classes\\CLSID\\")),
)
SLOTS = 90


class Program:
    """One program in the making; ``lines`` is what there is of it."""

    def __init__(self, seed: int, length: int, *, processes: int) -> None:
        self.random = random.Random(f"{seed}:{processes}")
        self.lines = ["hbase", f"create|hkcu|=@|{ALL}|0|-|0"]
        self.live, self.dead, self.slot = [0], list[int](), 1
        self.links: list[int] = []
        self.features = [name for name in FEATURES if self.random.random() < 0.5]
        self.overridden = False
        self.child = False
        self.two = processes > 1
        choices = self._choices()
        calls, weights = [call for call, _ in choices], [weight for _, weight in choices]
        while len(self.lines) < length and self.slot < SLOTS - 2:
            self.random.choices(calls, weights)[0]()

    def _choices(self) -> list[tuple[Callable[[], None], int]]:
        plain = [
            (self.open, 14),
            (self.create, 20),
            (self.close, 6),
            (self.write, 10),
            (self.read, 6),
            (self.delete, 10),
            (self.look, 14),
            (self.duplicate, 3),
            (self.open_empty, 3),
        ]
        special = {
            "hive": (self.hive, 12),
            "override": (self.override, 5),
            "link": (self.link, 6),
            "watch": (self.watch, 8),
            "rights": (self.right, 3),
            "odd": (self.odd, 4),
            "tree": (self.tree, 3),
            "native": (self.native, 6),
            "view": (self.view, 8),
        }
        both = [(self.other, 16)] if self.two else []
        return [*plain, *(special[name] for name in self.features), *both]

    # -- parts of calls -----------------------------------------------------------------------

    def pick(self, among: tuple[str, ...] | list[int]) -> str:
        return str(self.random.choice(among))

    def new(self) -> str:
        self.live.append(self.slot)
        self.slot += 1
        return str(self.slot - 1)

    def apart(self) -> str:
        """Return a new slot that only calls for links use."""
        self.links.append(self.slot)
        self.slot += 1
        return str(self.slot - 1)

    def key(self) -> str:
        chance = self.random.random()
        if "odd" in self.features and chance < 0.03:
            return self.pick(ODD_KEYS)
        if self.dead and chance < 0.2 and "override" not in self.features:
            return f"${self.pick(self.dead)}"
        return f"${self.pick(self.live[-6:])}" if self.live else "$0"

    def path(self) -> str:
        names = [
            self.pick(NAMES if self.random.random() < 0.85 else ODD_NAMES)
            for _ in range(self.random.choice((1, 1, 1, 2, 2, 3)))
        ]
        return "=" + "\\".join(names)

    def access(self) -> str:
        return self.pick(ACCESS) if self.random.random() < 0.25 else ALL

    def base(self) -> str:
        """Return a key to open or read below, which an override may stand behind."""
        return "hkcu" if self.overridden and self.random.random() < 0.4 else self.key()

    def add(self, *words: str) -> None:
        self.lines.append("|".join(words))

    # -- calls --------------------------------------------------------------------------------

    def open(self) -> None:
        self.add("open", self.base(), self.path(), self.access(), "0", self.new())

    def create(self) -> None:
        option = self.pick(("0", "0", "0", "0", "1"))
        self.add("create", self.key(), self.path(), self.access(), option, "-", self.new())

    def close(self) -> None:
        if len(self.live) > 1:
            slot = self.random.choice(self.live)
            self.live.remove(slot)
            self.dead.append(slot)
            self.add("close", f"${slot}")

    def write(self) -> None:
        kind, data = self.random.choice(DATA)
        self.add("set", self.key(), self.pick(VALUES), str(kind), data)

    def read(self) -> None:
        if self.random.random() < 0.3:
            room = self.pick(("0", "1", "2", "4", "5", "100"))
            self.add("querysz", self.key(), self.pick(VALUES), room)
        else:
            self.add("query", self.base(), self.pick(VALUES))

    def delete(self) -> None:
        if self.random.random() < 0.2:
            self.add("delval", self.key(), self.pick(VALUES))
        else:
            self.add("del", self.key(), self.path())

    def look(self) -> None:
        call = self.pick(("subs", "vals", "info", "info", "enumk", "enumv", "flush", "hcount"))
        if call == "hcount":
            self.add(call)
        elif call.startswith("enum"):
            self.add(call, self.key(), self.pick(("0", "1", "2", "5")))
        else:
            self.add(call, self.key())

    def duplicate(self) -> None:
        self.add("dup", self.key(), self.new())

    def open_empty(self) -> None:
        name, access = self.pick(("-", "=")), self.access()
        if self.random.random() < 0.5:
            self.add("open", self.key(), name, access, "0", self.new())
        else:
            self.add("opn", self.key(), self.pick((name, self.path())), self.new())

    def hive(self) -> None:
        mount, file = f"=@h{self.random.randrange(2)}", rf"=C:\@{self.random.randrange(2)}.hiv"
        chance = self.random.random()
        if chance < 0.25:
            self.add("save", self.key(), file)
        elif chance < 0.5:
            self.add("load", "hku", mount, file)
        elif chance < 0.7:
            self.add("unload", "hku", mount)
        elif chance < 0.92:
            self.add("open", "hku", mount + self.pick(("", r"\a")), self.access(), "0", self.new())
        elif chance < 0.95:
            self.add("exists", file)
        else:
            self.add("create", "hku", rf"{mount}\{self.pick(NAMES)}", ALL, "0", "-", self.new())

    def override(self) -> None:
        self.overridden = self.random.random() < 0.7
        self.add("override", "hkcu", self.key() if self.overridden else "-")

    def link(self) -> None:
        """Use links; what is opened as one stays apart: a path below it crashes some Windows."""
        chance, target = self.random.random(), rf"LINK{{{self.pick(NAMES)}}}"
        if 0 not in self.live:
            return
        if chance < 0.35:
            self.add("create", "$0", f"={self.pick(NAMES)}", ALL, "2", "-", self.apart())
            self.add("set", f"${self.slot - 1}", "=SymbolicLinkValue", "6", target)
        elif chance < 0.55:
            self.add("open", "$0", self.path(), ALL, "8", self.apart())
        elif chance < 0.7:
            self.add("create", "$0", self.path(), ALL, "8", "-", self.apart())
        elif chance < 0.85 and self.links:
            call = self.pick(("vals", "info", "subs", "close"))
            self.add(call, f"${self.pick(self.links)}")
        else:
            key = f"${self.pick(self.links)}" if self.links else self.key()
            self.add("set", key, self.pick(VALUES), "6", target)

    def watch(self) -> None:
        event = str(self.random.randrange(6))
        if self.random.random() < 0.5:
            subtree, what = self.pick(("0", "1")), self.pick(("1", "4", "5", "15"))
            self.add("notify", self.key(), event, subtree, what)
        else:
            self.add("sig", event)

    def right(self) -> None:
        self.add("priv", self.pick(("backup", "restore")), self.pick(("0", "1", "1")))

    def odd(self) -> None:
        calls = (
            ("ocu", self.access(), str(SLOTS)),
            ("close", f"${SLOTS}"),
            ("close", self.key()),
            ("del", self.key(), "="),
            ("del", self.key(), "-"),
            ("open", self.key(), r"=\a", ALL, "0", self.new()),
            ("create", self.key(), "=a\\\\b\\", self.access(), "0", "=cls", self.new()),
            ("set", self.key(), "=LONG{v,16384}", "4", "01"),
            ("create", self.key(), "=LONG{k,257}", ALL, "0", "-", self.new()),
            ("open", self.key(), "=LONG{k,257}", ALL, "0", self.new()),
        )
        self.add(*self.random.choice(calls))

    def tree(self) -> None:
        if self.random.random() < 0.5:
            if self.random.random() < 0.4 and 0 in self.live:
                self.add("deltree", "$0", self.pick(("-", "=")))
            else:
                self.add("deltree", self.key(), self.path())
        else:
            source = self.pick(("-", self.path()))
            self.add("setkv", self.key(), source, self.pick(VALUES[:5]), "4", "07000000")

    def native(self) -> None:
        chance = self.random.random()
        inherit = "0x42" if self.random.random() < 0.3 else "0x40"
        if chance < 0.4:
            self.add("ntopen", self.key(), self.path(), self.access(), inherit, self.new())
        elif chance < 0.6:
            full = rf"=\Registry\User\{SID}\@\{self.pick(NAMES)}"
            self.add("ntopen", "-", full, self.access(), inherit, self.new())
        elif chance < 0.75:
            self.add("ntcreate", self.key(), self.path(), self.access(), "0", self.new())
        elif chance < 0.9:
            self.add("ntname", self.key())
        else:
            self.add("ntdelete", self.key())

    def view(self) -> None:
        """Ask for the 32-bit or the 64-bit view of the computer's keys, from afar and from near.

        Not of HKEY_CLASSES_ROOT: Wine leaves a root open each time, which takes a handle's value.
        """
        root, start = self.random.choice(VIEWED)
        name = start + self.pick(("@", "@", rf"@\{self.pick(NAMES)}"))
        flags = "0" if root == "hkcr" else self.pick(("0x100", "0x200", "0x200", "0"))
        access = hex(int(ALL, 16) | int(flags, 16))
        chance = self.random.random()
        if chance < 0.45:
            self.add("create", root, name, access, "0", "-", self.new())
        elif chance < 0.75:
            self.add("open", root, name, access, "0", self.new())
        elif chance < 0.9:
            self.add("open", self.key(), self.path(), access, "0", self.new())
        else:
            self.add("delx", root, name, flags, "0")

    def other(self) -> None:
        """Start the child, give it a handle, or end it; and unload what it may hold."""
        chance, mount = self.random.random(), f"=@h{self.random.randrange(2)}"
        if not self.child and chance < 0.3:
            self.child = True
            self.add("spawn")
        elif self.child and chance < 0.45:
            self.add("give", self.key())
        elif self.child and chance < 0.6:
            self.child = False
            self.add("kill")
        elif chance < 0.7:
            self.add("unload", "hku", mount)
        elif chance < 0.8:
            self.add("load", "hku", mount, rf"=C:\@{self.random.randrange(2)}.hiv")
        elif chance < 0.9:
            full = rf"=\Registry\User\@h0{self.pick(('', chr(92) + 'a'))}"
            self.add("ntopen", "-", full, ALL, "0x42", self.new())
        else:
            self.add("save", self.key(), rf"=C:\@{self.random.randrange(2)}.hiv")


def program(seed: int, *, length: int = 36, processes: int = 1) -> list[str]:
    """Return the program of *seed*, of one process or two."""
    return Program(seed, length, processes=processes).lines
