"""Every example on every page: run, with its output compared.

A block fenced as ``console`` is a shell session: each ``$ regsim ...`` is run in a folder that
holds the files of ``docs/examples``, and what follows must be its output. There a line ``...``
stands for any lines, and three dots within a line for any characters. ``$ echo $?`` shows the last
exit code. What has ``>>>`` is run by doctest, all of one page in one go.
"""

from __future__ import annotations

import doctest
import importlib.util
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from regsim import cli

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
PAGES = sorted(
    page
    for page in (*ROOT.glob("docs/**/*.md"), ROOT / "README.md")
    if page.is_file() and not {"_generated", "changes"} & set(page.parts)
)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SETUP = ("python", "pip", "cd ", "git ", ".venv")
"""Beginnings of commands that set a reader up; `.ci/run` runs the README's."""

pytestmark = pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="no pages here")


def sessions(page: Path) -> list[tuple[str, str]]:
    """Return the commands of *page* with the output that stands below each.

    A block whose first line is ``# file: NAME`` is a file that the reader writes: ``write NAME``.
    """
    found = []
    for language, body in BLOCK.findall(page.read_text(encoding="utf-8")):
        first, _, rest = body.partition("\n")
        if first.startswith("# file: "):
            found.append((f"write {first.removeprefix('# file: ')}", rest))
        elif language == "console":
            for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
                command, _, output = part.partition("\n")
                while command.endswith("\\"):
                    more, _, output = output.partition("\n")
                    command = command[:-1] + more.removeprefix("> ")
                found.append((command, output.rstrip("\n")))
    return found


def matches(wanted: str, got: str) -> bool:
    """Return whether *got* is *wanted*, where a line ``...`` stands for any lines."""
    pattern = ""
    for line in wanted.splitlines():
        if line.strip() == "...":
            pattern += "(?:.*\n)*?"
        else:
            pattern += re.escape(line.rstrip()).replace(r"\.\.\.", ".*") + " *\n"
    return re.fullmatch(pattern, got.rstrip("\n") + "\n" if got.strip() else "") is not None


class Shell:
    """What a reader's terminal does with the commands of one page."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.code = folder, 0

    def run(self, command: str) -> str:
        """Return what *command* prints."""
        if command == "echo $?":
            return f"{self.code}\n"
        words = shlex.split(command)
        if words[0] == "cat":
            return (self.folder / words[1]).read_text(encoding="utf-8")
        if words[0] == "pytest":
            return self.pytest(words[1:])
        target = None
        if ">" in words:
            target = self.folder / words[words.index(">") + 1]
            words = words[: words.index(">")]
        assert words[0] == "regsim", command
        both = io.StringIO()
        with redirect_stdout(both), redirect_stderr(both):
            self.code = cli.main(words[1:])
        if target is None:
            return both.getvalue()
        target.write_text(both.getvalue(), encoding="utf-8")
        return ""

    def pytest(self, words: list[str]) -> str:
        """Return what pytest prints in a process of its own, in the reader's folder."""
        # where pytest says more than to a reader
        ours = ("GITHUB_", "CI", "BUILD_NUMBER", "PYTEST_")
        env = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        line = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", *words]
        done = subprocess.run(
            [*line, "-c", os.devnull, "--rootdir", "."],
            cwd=self.folder,
            env={**env, "PYTHONPATH": ".", "COLUMNS": "80", "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        self.code = done.returncode
        return done.stdout


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the examples' files, and the current folder."""
    for path in EXAMPLES.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    return tmp_path


def named(page: Path) -> str:
    """Return what a test calls *page*."""
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", [p for p in PAGES if sessions(p)], ids=named)
def test_shell_examples(page: Path, folder: Path) -> None:
    """Each command prints what the page says, from top to bottom."""
    shell = Shell(folder)
    for command, wanted in sessions(page):
        if command.startswith(SETUP):
            continue
        shown = folder / command.removeprefix("cat ")
        if command.startswith("cat ") and not shown.exists():
            shown.write_text(wanted + "\n", encoding="utf-8")  # the reader has such a file
        if command.startswith("write "):
            (folder / command.removeprefix("write ")).write_text(wanted, encoding="utf-8")
            continue
        got = shell.run(command)
        if wanted.strip() or command.startswith("echo"):
            assert matches(wanted, got), f"$ {command}\n{got}"
        else:
            assert shell.code == 0, f"$ {command}\n{got}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_python_examples(page: Path, folder: Path) -> None:  # noqa: ARG001 - the current folder
    """Each Python session gives what the page says."""
    failed, _ = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert not failed


def programs(page: Path) -> list[str]:
    """Return the Python blocks of *page* that have no prompts and are no file of the reader's."""
    return [
        body
        for language, body in BLOCK.findall(page.read_text(encoding="utf-8"))
        if language == "python" and ">>>" not in body and not body.startswith("# file: ")
    ]


@pytest.mark.parametrize("page", [p for p in PAGES if programs(p)], ids=named)
def test_programs_run(page: Path, folder: Path) -> None:
    """What is shown without an output at least runs, from top to bottom."""
    names: dict[str, object] = {"__name__": "example"}
    with redirect_stdout(io.StringIO()):
        for number, body in enumerate(programs(page), 1):
            exec(compile(body, f"{page.name}, block {number}", "exec"), names)  # noqa: S102 - ours
    assert folder.is_dir()


def test_the_pages_have_examples() -> None:
    """Guards the two above: there is something to run, and something to compare."""
    commands = [(c, o) for page in PAGES for c, o in sessions(page)]
    assert len(commands) >= 15
    assert sum(bool(output) for _, output in commands) >= 12
    assert any(">>>" in page.read_text(encoding="utf-8") for page in PAGES)


@pytest.mark.parametrize(
    ("wanted", "got", "same"),
    [
        ("a\nb", "a\nb\n", True),
        ("a\nb", "a\nc\n", False),
        ("a\n...\nd", "a\nb\nc\nd\n", True),
        ("a\n...\nd", "b\nd\n", False),
        ("...", "", True),
        ("a", "a\nb\n", False),
        ("a.c", "abc\n", False),
        ("in ...", "in 3 s\n", True),
        ("in ...", "on 3 s\n", False),
    ],
)
def test_output_is_compared(wanted: str, got: str, same: bool) -> None:
    """A line too much, too few or other is seen; three dots stand for any lines."""
    assert matches(wanted, got) is same


def test_the_files_are_those_that_the_program_makes() -> None:
    """``docs/examples/make.py`` makes every file there, byte for byte."""
    spec = importlib.util.spec_from_file_location("make", EXAMPLES / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    there = {
        p.name: p.read_bytes() for p in EXAMPLES.iterdir() if p.is_file() and p.suffix != ".py"
    }
    assert there == module.files()


def test_every_page_is_in_the_contents() -> None:
    """In the index by its name or its folder; Sphinx refuses to build otherwise."""
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8").splitlines()
    for page in PAGES:
        if page.is_relative_to(ROOT / "docs") and page.name != "index.md":
            path = page.relative_to(ROOT / "docs").with_suffix("")
            assert {path.as_posix(), f"{path.parent.as_posix()}/*"} & set(index), path


def test_each_guide_ends_in_what_next() -> None:
    """Its last section leads to other pages."""
    guides = [*ROOT.glob("docs/how-to/*.md"), *ROOT.glob("docs/guide/*.md")]

    assert len(guides) > 10
    for page in [*guides, ROOT / "docs" / "tutorial.md"]:
        last = page.read_text(encoding="utf-8").rpartition("\n## ")[2]
        assert last.startswith("What next\n"), page.name
        assert re.search(r"\]\([\w/.-]+\.md\)", last), page.name


def test_links_lead_somewhere() -> None:
    """A relative link names a file of the checkout; one to the generated reference is Sphinx's."""
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            path = Path(os.path.normpath(page.parent / target))
            generated = "_generated" in target
            assert generated or path.exists(), f"{page.name}: {target}"


def test_the_pictures_are_those_that_the_program_makes() -> None:
    """``docs/pictures.py`` makes the README's picture, byte for byte."""
    spec = importlib.util.spec_from_file_location("pictures", ROOT / "docs" / "pictures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, text in module.pictures().items():
        path = ROOT / "docs" / "_static" / name
        assert path.read_text(encoding="utf-8") == text, "run `python docs/pictures.py`"


def test_the_first_verdict_comes_within_two_screens() -> None:
    """At 80 columns; on the way there are one picture and how long the tests take."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    before, verdict, _ = text.partition("\nBLOCKED: ")
    rows = sum(max(1, -(-len(line) // 80)) for line in before.splitlines())

    assert verdict
    assert rows <= 100
    assert re.findall(r"\]\((docs/_static/[\w-]+\.svg)\)", before) == ["docs/_static/case.svg"]
    assert re.search(r"Pass the tests, which takes about .* hour", before)
