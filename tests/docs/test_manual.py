"""The manual page says what the commands say, and troff has nothing to say about it."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import click
import pytest

from regsim.cli import cli

DOCS = Path(__file__).parents[2] / "docs"
GROFF = shutil.which("groff")
pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="no pages here")


@pytest.fixture(scope="module")
def manual() -> ModuleType:
    """The program that makes the page."""
    spec = importlib.util.spec_from_file_location("manual", DOCS / "manual.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_as_it_is_made(manual: ModuleType) -> None:
    """What is in the repository is what the program writes: run `python docs/manual.py`."""
    assert manual.PAGE.read_text(encoding="utf-8") == manual.page()


def sections(page: str) -> dict[str, str]:
    """Return the text below each heading of *page*, by the heading in small letters."""
    parts = re.split(r'^\.S[HS] "?([^"\n]+)"?$', page, flags=re.MULTILINE)
    return {
        name.lower(): text.replace("\\-", "-")
        for name, text in zip(parts[1::2], parts[2::2], strict=True)
    }


def test_each_command_has_its_options(manual: ModuleType) -> None:
    """Every option of a command is in that command's section, and no other."""
    found = sections(manual.page())
    top = click.Context(cli, info_name="regsim", **cli.context_settings)
    todo = list(manual.children(cli, top))
    seen = 0
    for command, context in todo:
        if isinstance(command, click.Group):
            todo += manual.children(command, context)
        told = re.findall(r"^\.TP\n\.B ([^\n]*)", found[context.command_path], re.MULTILINE)
        names = [name.split()[0] for line in told for name in line.split(", ")]
        params = [p for p in command.get_params(context) if isinstance(p, click.Option)]
        declared = [o for p in params if "--help" not in p.opts for o in p.opts + p.secondary_opts]
        assert sorted(names) == sorted([*declared, "-h", "--help"])
        seen += len(names)
    assert seen > 100


@pytest.mark.parametrize(
    ("text", "troff"),
    [
        (".x", r"\&.x"),
        ("'x", r"\&'x"),
        (r"HKLM\X", r"HKLM\eX"),
        ("--json", r"\-\-json"),
        ("Maß", r"Ma\[u00DF]"),
    ],
)
def test_what_means_something_to_troff_is_escaped(
    manual: ModuleType, text: str, troff: str
) -> None:
    """A backslash, a hyphen that is typed, a line that begins like a request, another letter."""
    assert manual.plain(text) == troff


@pytest.mark.skipif(GROFF is None, reason="judge groff is not installed")
def test_troff_warns_of_nothing(manual: ModuleType) -> None:
    """The page is set with every warning on, and without a word; a broken one is told."""

    def warnings(text: str) -> str:
        command = [str(GROFF), "-ww", "-man", "-Tutf8", "-z"]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        return done.stderr

    assert warnings(manual.page()) == ""
    assert warnings(".TH A 1\n.NOSUCH\n") != ""
