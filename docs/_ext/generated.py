"""The pages that are made from the code: the evidence, the commands, the rules, the modules."""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import labs

import regsim
from regsim import cli, course, dialects
from regsim.cases import fixes
from regsim.dialects.facts import POLICIES
from regsim.lint.explaining import explained
from regsim.lint.rules import RULES
from regsim.policy import Dialect, Grade
from regsim.report.words.policies import said

DOCS = Path(__file__).parents[1]
GRADES = {
    Grade.DOCUMENTED: "the vendor, or a member of its staff, has written it down",
    Grade.OBSERVED: "seen on the system itself, or read in the source of an open one",
    Grade.INFERRED: "follows from other facts, or is a stated default where nothing is known",
}
PACKAGES = (
    ("regsim", "The public face"),
    ("regsim.kernel", "The machine: handles, keys, hives, processes"),
    ("regsim.win32", "The registry's functions"),
    ("regsim.dialects", "Windows generations as data"),
    ("regsim.regf", "Hive files"),
    ("regsim.trace", "Evidence in, events out"),
    ("regsim.actors", "Who acts in a case"),
    ("regsim.scenario", "A case played once"),
    ("regsim.cases", "The story that cases share"),
    ("regsim.explore", "Registry systems as models"),
    ("regsim.models", "The incidents, to play and to explore"),
    ("regsim.check", "The explorer"),
    ("regsim.report", "Texts, pictures, the lab"),
    ("regsim.live", "Systems that run"),
    ("regsim.testing", "For your own tests"),
    ("regsim.lint", "Faults in source files"),
    ("regsim.course", "The exercises"),
    ("regsim.site", "The playground"),
)
SINGLE = (
    *("errors", "keypath", "naming", "policy", "reading", "status", "types", "upcase", "writing"),
)


def pages() -> dict[str, str]:
    """Return every generated page by its name."""
    made = {
        "evidence.md": evidence(),
        "commands.md": commands(),
        "fixes.md": remedies(),
        "matrix.md": labs.matrix(),
        "changelog.md": changelog(),
        "rules.md": rules(),
        "exercises.md": exercises(),
    }
    made |= {
        f"api-{name.removeprefix('regsim.')}.rst": modules(name, title) for name, title in PACKAGES
    }
    made["api.md"] = contents()
    return made


def write(folder: Path) -> None:
    """Write every page that is not there already as it should be; drop the others."""
    folder.mkdir(exist_ok=True)
    made = pages()
    for path in folder.iterdir():
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


# -- the evidence -----------------------------------------------------------------------------


def groups(policy: str) -> dict[tuple[str, str, str], list[Dialect]]:
    """Return the systems by what they do under *policy*, the grade of that, and its source."""
    found: dict[tuple[str, str, str], list[Dialect]] = {}
    for dialect in dialects.ALL.values():
        proof = dialect.evidence[policy]
        key = (said(getattr(dialect, policy)), proof.grade.value, proof.source)
        found.setdefault(key, []).append(dialect)
    return found


INTRODUCTION = (
    "What regsim holds of {} systems: {} policies each, {} facts in all. This page is made from "
    "the data that the simulator runs on, `regsim/dialects/`, whenever the documentation is built. "
    "A fact that two systems share word for word stands in one row."
)


def evidence() -> str:
    """Return the page that lists every fact of every dialect with its source and grade."""
    grades = Counter(e.grade for d in dialects.ALL.values() for e in d.evidence.values())
    total = sum(grades.values())
    lines = [
        "# The evidence",
        "",
        INTRODUCTION.format(len(dialects.ALL), len(POLICIES), total),
        "",
        "| grade | means | facts |",
        "|---|---|---|",
    ]
    lines += [f"| {g.value} | {GRADES[g]} | {grades[g]} |" for g in Grade]
    lines += ["", "## What is unknown or contested", "", *_contested(), ""]
    for policy in POLICIES:
        lines += _policy(policy)
    return "\n".join(lines) + "\n"


def _contested() -> Iterator[str]:
    yield (
        "Each has a stated default; `Dialect.with_` changes it, and a change counts as the "
        "caller's own assumption."
    )
    yield ""
    yield "| policy | what is unknown, and what is taken |"
    yield "|---|---|"
    for policy, text in dialects.CONTESTED.items():
        yield f"| `{policy}` | {cell(text)} |"


def _policy(policy: str) -> list[str]:
    lines = [f"## {policy}", "", f"{MEANINGS[policy]}", ""]
    lines += ["| what | grade | source | systems |", "|---|---|---|---|"]
    for (what, grade, source), systems in groups(policy).items():
        names = ", ".join(dialect.name for dialect in systems)
        lines.append(f"| {cell(what)} | {grade} | {cell(source)} | {names} |")
    return [*lines, ""]


def cell(text: str) -> str:
    """Return *text* so that it stands in a table as it is."""
    for char in "\\`*_<>|[]":
        text = text.replace(char, "\\" + char)
    return " ".join(text.split())


MEANINGS = {
    "handles": "What a second open of an open key gives.",
    "refcount_bits": "How wide a key control block's count of opens is.",
    "cached_root_access": "With which access a predefined key's root is opened.",
    "close_predefined": "What RegCloseKey does with a predefined key.",
    "close_any_high_handle": "Whether RegCloseKey takes any number above 0x80000000 for one.",
    "open_predefined_empty": "What RegOpenKeyEx(predefined, NULL) does.",
    "open_ex_empty": "What RegOpenKeyEx(ordinary, NULL) gives.",
    "open_empty": "What RegOpenKey(ordinary, NULL) gives.",
    "disabled_root": "What becomes of a cached root when the cache is disabled.",
    "per_call_root": "What a call does with its own root once the cache is disabled.",
    "override_hold": "How RegOverridePredefKey keeps the key it is given.",
    "override_null": "What RegOverridePredefKey(key, NULL) does.",
    "no_user_hive": "What RegOpenCurrentUser does when the user's hive is not loaded.",
    "classes_root": "What HKEY_CLASSES_ROOT shows.",
    "user_classes_root": "What RegOpenUserClassesRoot shows.",
    "classes_hive": "Whether a user has a second hive for classes.",
    "lists": "In which order subkeys and values are listed.",
    "hives": "What a loaded hive is.",
    "info_rights": "Which rights RegQueryInfoKey asks for.",
    "subkeys_status": "What deleting a key with subkeys answers.",
    "null_key_result": "What opening below a NULL key leaves in the caller's variable.",
    "no_rights": "What opening a key with no right asked for gives.",
    "limits": "How long names, how large data and how deep trees may be.",
    "link_loop_status": "What links that turn in a circle answer.",
    "view32": "What the 32-bit view of the registry shows elsewhere.",
    "counters_are_keys": "Whether HKEY_PERFORMANCE_DATA is opened and listed as a key is.",
    "expanding_error": "What RegGetValue answers when asked for a text to be expanded, unexpanded.",
    "unload_blockers": "Which open keys refuse a normal unload.",
    "unloaded_status": "What a handle answers after a forced unload.",
    "default_unload_status": "What an unload of .DEFAULT answers.",
    "deferred_status": "What an unload that waits for the last close answers.",
    "reload": "What loading a file that is loaded at the same place gives.",
    "unmounts": "What takes a hive out of the namespace, by who mounted it.",
    "load_privileges": "Which privileges loading and unloading ask for.",
    "null_key_error": "What a call on a NULL key answers.",
    "absent": "Which functions the system lacks.",
    "logoff": "How it logs a user off.",
    "unsaved_text": "What event 1000 says of a profile that is not saved.",
    "hosted_services": "Whether services share a host, svchost.exe.",
    "corrected": "Which incidents the system carries the correction of.",
    "excluded": "Why none of the incidents can happen there.",
}
"""Each policy in a sentence; a test holds the two lists together."""


# -- fixes and commands -----------------------------------------------------------------------


def remedies() -> str:
    """Return the page of the fixes: what each is, and where it exists."""
    lines = ["# Fixes and workarounds", "", "| name | is | exists on |", "|---|---|---|"]
    lines += [
        f"| `{fix.name}` | {cell(fix.says)} | {cell(fix.where)} |" for fix in fixes.FIXES.values()
    ]
    lines += [
        "",
        "[Every system with every fix](matrix.md) tells how each ends.",
        "",
    ]
    return "\n".join(lines)


EXERCISES_INTRODUCTION = (
    "What `regsim course`, the [notebooks](../how-to/notebooks.md) and this page ask. The scenes "
    "are simulated anew for it. Answers are stored nowhere: the simulator judges yours, in a "
    "terminal (`regsim course e1`) or in a notebook."
)


def exercises() -> str:
    """Return the page of the course: what one learns, and each exercise with what it asks."""
    lines = ["# The exercises", "", EXERCISES_INTRODUCTION, "", "## What you can do afterwards", ""]
    told = [course.exercise(name) for name in course.names()]
    for number, objective in course.OBJECTIVES.items():
        where = ", ".join(one.name.upper() for one in told if number in one.objectives)
        lines.append(f"{number}. {cell(objective)} ({where})")
    for one in told:
        lines += ["", f"## {one.name.upper()}. {cell(one.title)}", "", "```text"]
        lines += [one.scene().rstrip(), "```", ""]
        lines += ["| question | asks | answer with |", "|---|---|---|"]
        lines += [f"| `{q.name}` | {cell(q.text)} | {cell(q.answers)} |" for q in one.questions]
        lines += ["", "<details><summary>What to take along, for after the answers</summary>", ""]
        lines += [cell(one.explanation), "", "</details>"]
    return "\n".join(lines) + "\n"


RULES_INTRODUCTION = (
    "What `regsim lint --explain RULE` says of each; [how to lint](../how-to/lint.md) shows them "
    "at work. What a call answers is what it answers in a run on the simulated system, made anew "
    "for this page."
)


def rules() -> str:
    """Return the page of the linter's rules: of each what `regsim lint --explain` says."""
    lines = [
        "# The rules of the linter",
        "",
        RULES_INTRODUCTION,
        "",
    ]
    for rule in RULES.values():
        lines += [f"## {rule.id}", "", f"**{cell(rule.title[0].upper() + rule.title[1:])}.**", ""]
        for text in explained(rule):
            lines += [cell(text), ""]
    return "\n".join(lines)


def commands() -> str:
    """Return the page of the command line, as ``--help`` says it."""
    lines = [
        "# The commands",
        "",
        "What `--help` says of each, written when this page was built.",
        "",
    ]
    context = click.Context(cli.cli, info_name="regsim", **cli.cli.context_settings)
    for name in cli.cli.list_commands(context):
        command = cli.cli.get_command(context, name)
        if command is not None:
            lines += _command(command, context, name)
    return "\n".join(lines) + "\n"


def _command(command: click.Command, parent: click.Context, name: str) -> Iterable[str]:
    context = click.Context(command, info_name=name, parent=parent, max_content_width=88)
    context.terminal_width = 88
    yield f"## {context.command_path}"
    yield ""
    yield "```text"
    yield command.get_help(context)
    yield "```"
    yield ""
    if isinstance(command, click.Group):
        for sub in command.list_commands(context):
            found = command.get_command(context, sub)
            if found is not None:
                yield from _command(found, context, sub)


def changelog() -> str:
    """Return the changelog, with what the next release will add to it at its head."""
    text = (DOCS.parent / "CHANGELOG.md").read_text(encoding="utf-8")
    head, _, rest = text.partition("<!-- towncrier release notes start -->\n")
    lines = [head.rstrip(), "", "## Newest, not released yet", ""]
    for kind in ("added", "changed", "fixed", "removed"):
        told = [
            path.read_text(encoding="utf-8") for path in sorted(DOCS.glob(f"changes/*.{kind}.md"))
        ]
        items = [each.strip() if each.startswith("- ") else _item(each) for each in told]
        lines += [f"### {kind.title()}", "", *items, ""] if items else []
    return "\n".join(lines) + rest


def _item(text: str) -> str:
    return "- " + text.strip().replace("\n", "\n  ")


# -- the modules ------------------------------------------------------------------------------


def submodules(package: str) -> list[str]:
    """Return the public modules of *package*, itself first."""
    module = importlib.import_module(package)
    names = [
        info.name
        for info in pkgutil.walk_packages(module.__path__, f"{package}.", onerror=lambda _: None)
        if "._" not in info.name
    ]
    if package == "regsim":
        names = [f"regsim.{name}" for name in SINGLE]
    return [package, *(name for name in names if _importable(name))]


def _importable(name: str) -> bool:
    """Return whether *name* can be imported here; what needs the C library may not."""
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def modules(package: str, title: str) -> str:
    """Return the page of *package*: every public name with its docstring."""
    lines = [title, "=" * len(title), ""]
    for name in submodules(package):
        lines += [name, "-" * len(name), "", f".. automodule:: {name}", *_options(name), ""]
    return "\n".join(lines) + "\n"


def _options(name: str) -> list[str]:
    """Return what keeps a name from being described twice: where it is offered, and where made."""
    if name == "regsim":
        return ["   :no-index:"]
    if name == "regsim.regf":
        return ["   :exclude-members: recover"]  # the function of the module of that name
    return []


def contents() -> str:
    """Return the page that lists the packages."""
    lines = [
        "# The library",
        "",
        f"regsim {regsim.__version__}, package by package, from the bottom up. `import regsim` "
        "offers: " + ", ".join(f"`{name}`" for name in regsim.__all__) + ".",
        "",
        "```{toctree}",
        ":maxdepth: 1",
        "",
        *(f"api-{name.removeprefix('regsim.')}" for name, _ in PACKAGES),
        "```",
        "",
    ]
    return "\n".join(lines)
