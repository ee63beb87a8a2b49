"""Random programs of ``winreg`` calls: right ones, and arguments of every wrong kind."""

from __future__ import annotations

import random

Call = tuple[str | None, str]
"""A name for the result, or None, and the expression."""

ODD = (
    *("None", "0", "-1", "1.5", "True", "'x'", "b'x'", "2**31", "2**32", "2**64", "2**70"),
    *("[]", "object", "''", "'a\\0b'", "'\\ud800'", "'\\xe9'", "'\\\\'"),
    *("'a\\\\b'", "'a'", "'b'", "float('nan')", "W.HKEYType", "bytearray(b'ab')"),
    *("memoryview(b'ab')", "['a','b']", "['a', None]", "('a','b')", "['', 'x']", "'%PATH%'"),
    "10**400",
)
NAMES = ("'a'", "'b'", "'A'", "'a\\\\b'", "None", "''", "'\\xe9'", "'c'")
ODD_KEYS = (
    *("0", "None", "-1", "1234", "k0.handle", "int(k0)", "'x'", "2**64"),
    *("1.0", "True"),
)
DATA = {
    "REG_SZ": ("'v'", "''", "None", "'a\\0b'", "'\\xe9\\u20ac'", "1", "b'x'"),
    "REG_EXPAND_SZ": ("'%a%'", "None", "''"),
    "REG_DWORD": ("0", "1", "2**32-1", "2**32", "-1", "None", "'x'", "True", "1.0"),
    "REG_QWORD": ("0", "2**64-1", "2**64", "-1", "None", "'x'"),
    "REG_MULTI_SZ": (
        *("[]", "['a']", "['a','']", "['']", "['','b']", "['a','b','c']", "None", "'ab'"),
        *("('a',)", "['a',1]", "[b'x']"),
    ),
    "REG_BINARY": (
        *("b''", "b'abc'", "None", "'x'", "bytearray(b'q')", "memoryview(b'zz')", "1", "[]"),
    ),
    "REG_NONE": ("None", "b'n'", "b''", "'x'"),
    "REG_LINK": ("b'l'", "'x'", "None"),
    "REG_DWORD_BIG_ENDIAN": ("b'1234'", "5", "None"),
    "REG_RESOURCE_LIST": ("b'r'", "None"),
    **dict.fromkeys(("99", "-1", "2**31", "2**32-1", "2**32", "2**40", "'x'", "None"), ("b'u'",)),
}
ACCESS = (
    *("KEY_READ", "KEY_ALL_ACCESS", "KEY_WRITE", "KEY_QUERY_VALUE", "KEY_SET_VALUE"),
    *("KEY_ENUMERATE_SUB_KEYS", "KEY_READ|KEY_WOW64_32KEY", "KEY_READ|KEY_WOW64_64KEY"),
    *("0x80000000", "0x10000000", "0x2000000", "-1", "2**32", "'x'", "None", "0"),
)
INDEXES = ("0", "0", "1", "2", "-1", "99", "None", "2**31", "2**32", "1.0")
OF_HANDLES = (
    *("{k}.Close()", "bool({k})", "{k}.__enter__()", "hash({k}) != 0", "{k} == {k}", "{k} + 1"),
    *("str({k})[:11]", "{k} < {k}", "-{k}", "{k}.handle > 0", "{k}.x", "W.HKEYType()", "len({k})"),
)
SOME = (
    *("W.ConnectRegistry(None, HKEY_CURRENT_USER)", "W.ConnectRegistry(None, HKEY_LOCAL_MACHINE)"),
    *("W.ConnectRegistry(1, HKEY_LOCAL_MACHINE)", "W.ConnectRegistry(None, k0)"),
    *("W.ExpandEnvironmentStrings('a%nope%b')", "W.ExpandEnvironmentStrings(1)"),
    *("W.ExpandEnvironmentStrings(None)", "W.ExpandEnvironmentStrings('a\\0b')"),
    *("W.ExpandEnvironmentStrings('')", "W.CreateKeyEx(key=k0, sub_key='kw')"),
    "W.OpenKeyEx(key=k0, sub_key='kw', reserved=0, access=KEY_READ)",
    "W.DeleteKeyEx(key=k0, sub_key='kw', access=256, reserved=0)",
    *("W.QueryValueEx(key=k0, name='x')", "W.SaveKey(k0, None)", "W.LoadKey(k0, 'x', None)"),
)
FUNCTIONS = (
    *("CreateKey", "OpenKey", "QueryValueEx", "SetValueEx", "DeleteKey", "EnumKey", "CloseKey"),
    *("QueryInfoKey", "DeleteKeyEx", "DisableReflectionKey", "EnumValue", "SetValue", "QueryValue"),
    *("DeleteValue", "FlushKey", "OpenKeyEx", "CreateKeyEx", "ConnectRegistry"),
)


PREDEFINED = ("2**31",)
"""Keys that are not listed: they are fuller on one side."""


class _Writer:
    def __init__(self, seed: int, length: int) -> None:
        self.random = random.Random(f"winreg:{seed}")
        self.calls: list[Call] = [("k0", f"W.CreateKey(HKEY_CURRENT_USER, 'wr{seed}')")]
        self.keys = ["k0"]
        kinds = (
            *((self.made, 26), (self.set, 22), (self.read, 12), (self.listed, 12)),
            *((self.deleted, 10), (self.closed, 6), (self.anything, 5), (self.some, 7)),
        )
        for _ in range(length):
            self.random.choices([kind for kind, _ in kinds], [w for _, w in kinds])[0]()

    def pick(self, among: tuple[str, ...] | list[str]) -> str:
        return self.random.choice(among)

    def key(self) -> str:
        chance = self.random.random()
        if chance < 0.82:
            return self.pick(self.keys)
        return self.pick(ODD_KEYS if chance < 0.9 else ODD)

    def access(self) -> str:
        return self.pick(ACCESS) if self.random.random() < 0.5 else "KEY_ALL_ACCESS"

    def do(self, source: str) -> None:
        self.calls.append((None, source))

    def made(self) -> None:
        key, name = self.key(), self.pick(NAMES)
        access, zero = self.access(), self.pick(("0", "0", "0", "1", "None"))
        tail = self.pick(("", f", 0, {access}", f", access={access}", ", 1", ", 8", ", sam=1"))
        source = self.pick(
            [
                f"W.CreateKey({key}, {name})",
                f"W.CreateKeyEx({key}, {name}, {zero}, {access})",
                f"W.OpenKey({key}, {name}{tail})",
                f"W.OpenKeyEx({key}, {name}{tail})",
            ]
        )
        self.keys.append(f"k{len(self.keys)}")
        self.calls.append((self.keys[-1], source))

    def set(self) -> None:
        kind = self.pick(list(DATA))
        data = self.pick(DATA[kind] if self.random.random() < 0.9 else ODD)
        key, name = self.key(), self.pick(NAMES)
        if self.random.random() < 0.15:
            kind = self.pick(("REG_SZ", "REG_SZ", "REG_DWORD", "2**32", "2**32+1"))
            self.do(f"W.SetValue({key}, {name}, {kind}, {self.pick(DATA['REG_SZ'])})")
        else:
            reserved = self.pick(("0", "0", "None", "1", "[]"))
            self.do(f"W.SetValueEx({key}, {name}, {reserved}, {kind}, {data})")

    def read(self) -> None:
        function = self.pick(("QueryValueEx", "QueryValueEx", "QueryValueEx", "QueryValue"))
        self.do(f"W.{function}({self.key()}, {self.pick(NAMES)})")

    def listed(self) -> None:
        call, key = self.pick(("EnumValue", "EnumKey", "QueryInfoKey")), self.key()
        if key in PREDEFINED:
            return
        if call == "QueryInfoKey":
            self.do(f"W.QueryInfoKey({key})[:2]")
        else:
            self.do(f"W.{call}({key}, {self.pick(INDEXES)})")

    def deleted(self) -> None:
        key, name = self.key(), self.pick(NAMES)
        more = self.pick(("", ", 0", ", KEY_WOW64_64KEY", ", access=0", ", 0, 1", ", 0, 0"))
        self.do(
            self.pick(
                [
                    f"W.DeleteValue({key}, {name})",
                    f"W.DeleteKey({key}, {name})",
                    f"W.DeleteKeyEx({key}, {name}{more})",
                ]
            )
        )

    def closed(self) -> None:
        if self.random.random() < 0.5:
            self.do(f"W.CloseKey({self.key()})")
        else:
            self.do(self.pick(OF_HANDLES).format(k=self.pick(self.keys)))

    def anything(self) -> None:
        count = self.random.randrange(6)
        words = [self.pick([*ODD, *self.keys]) for _ in range(count)]
        if not words or words[0] not in PREDEFINED:
            self.do(f"W.{self.pick(FUNCTIONS)}({', '.join(words)})")

    def some(self) -> None:
        self.do(f"W.FlushKey({self.key()})" if self.random.random() < 0.3 else self.pick(SOME))


def program(seed: int, *, length: int = 24) -> list[Call]:
    """Return the program of *seed*: calls that begin with a key of its own."""
    return _Writer(seed, length).calls
