"""Files that are cut, damaged or made to tire the linter: it ends, and says what it left out."""

from __future__ import annotations

import random

import pytest

pytest.importorskip("tree_sitter", reason="needs regsim[lint]")

from lint_forms import C_SAFE, PS, PS_SAFE, C
from managed_forms import PAIRS

from regsim.lint.grammars import LANGUAGES
from regsim.lint.linting import look
from regsim.lint.sources import LARGEST, read_source

_TEXTS = [
    *((".c", text) for texts in C.values() for text in texts),
    *((".cpp", text) for text in C_SAFE),
    *((".ps1", text) for texts in PS.values() for text in texts),
    *((".ps1", text) for text in PS_SAFE),
    *((ending, before) for _, ending, _, before, _ in PAIRS),
]
_OPEN = b'void f(void) { HKEY key; RegOpenKeyW(HKEY_USERS, L"a", &key); '


def _looked(tmp_path, ending, text):
    path = tmp_path / f"a{ending}"
    path.write_bytes(text)
    looked = look(read_source(path, LANGUAGES[ending]))
    return sorted(looked.faults), [tuple(span) for span in looked.spans]


def _damaged(seed):
    """One of the forms, cut, doubled, flipped and filled at places that *seed* chooses."""
    chance = random.Random(seed)
    ending, text = chance.choice(_TEXTS)
    data = bytearray(text.encode())
    for _ in range(chance.randrange(1, 5)):
        first, last = sorted(chance.randrange(len(data) + 1) for _ in range(2))
        how = chance.randrange(5)
        if how == 0:
            del data[first:]
        elif how == 1:
            del data[first:last]
        elif how == 2:
            data[first:first] = data[first:last]
        elif how == 3 and first < len(data):
            data[first] ^= 1 << chance.randrange(8)
        else:
            data[first:first] = chance.choice((b"{", b"}", b"(", b'"', b"\n", b"#if\n", b"$"))
    return ending, bytes(data)


def test_no_damage_stops_it(tmp_path) -> None:
    """Each damaged form is looked into, twice with the same answer."""
    for seed in range(200):
        ending, text = _damaged(seed)

        assert _looked(tmp_path, ending, text) == _looked(tmp_path, ending, text)


@pytest.mark.parametrize(
    ("ending", "text"),
    [
        (".c", _OPEN + b"(" * 20_000 + b")" * 20_000 + b"; }"),
        (".c", _OPEN + b"{" * 20_000 + b"}" * 20_000 + b"}"),
        (".c", _OPEN + b"\n#if A\ng();\n" * 5_000 + b"#endif\n" * 5_000 + b"}"),
        (".cs", b'class A { void F() { var k = Registry.Users.OpenSubKey("a"); ' + b"{" * 20_000),
        (
            ".py",
            b"import winreg\ndef f():\n    k = winreg.OpenKey(a, b)\n    x = "
            + b"(" * 20_000
            + b")" * 20_000,
        ),
    ],
)
def test_what_lies_too_deep_is_said_to_be_left_out(tmp_path, ending, text) -> None:
    """Code that lies deeper than it is followed is named as not looked into, and is not clean."""
    assert _looked(tmp_path, ending, text)[1]


def test_many_calls_of_a_script_end(tmp_path) -> None:
    """Functions that call each other twice, thirty deep, are not followed without a bound."""
    calls = "".join(f"function f{i} {{ f{i + 1}; f{i + 1}; ni HKU:\\T }}\n" for i in range(30))

    assert _looked(tmp_path, ".ps1", f"{calls}reg load HKU\\T f\nf0\nreg unload HKU\\T\n".encode())


def test_a_file_too_large_is_said_to_be_left_out(tmp_path) -> None:
    """A larger file is not looked into, and each of its lines is named; a small one is."""
    assert _looked(tmp_path, ".c", _OPEN + b"}" + b"\n" * LARGEST) == ([], [(1, LARGEST + 1)])
    assert _looked(tmp_path, ".c", _OPEN + b"}\n")[1] == []
