"""Comments that silence rules: ``regsim: ignore[RULE]``, in whatever way a language comments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import attrs

from regsim.lint.grammars import nodes

if TYPE_CHECKING:
    from tree_sitter import Node, Tree

    from regsim.lint.fault import Fault

_ASKED: Final = re.compile(rb"regsim:\s*ignore\b(?!\s*\[[^\]]*$)(?:\s*\[([^\]]*)\])?")


@attrs.frozen(kw_only=True)
class Silence:
    """A comment that silences rules.

    Attributes:
        line: where it stands, from 1.
        rules: those it names, in capitals; none where it means all.
        covers: the line that it is about: its own, or, where it stands alone, the next with code.
    """

    line: int
    rules: tuple[str, ...]
    covers: int

    def about(self, fault: Fault) -> bool:
        """Return whether it silences *fault*, which begins or ends on the line it is about."""
        named = not self.rules or fault.rule in self.rules
        return named and self.covers in (fault.line, fault.end_line)


def silences(tree: Tree, lines: Sequence[bytes]) -> list[Silence]:
    """Return the comments of *tree* that silence rules; *lines* are those of its text."""
    if not any(b"regsim:" in line for line in lines):
        return []
    comments = [node for node in nodes(tree.root_node) if node.type == "comment"]
    alone = {number for node in comments for number in _alone(node, lines)}
    found = []
    for node in comments:
        for asked in _ASKED.finditer(node.text or b""):
            line = node.start_point[0] + (node.text or b"")[: asked.start()].count(b"\n")
            covers = line
            while covers in alone:
                covers += 1
            named = (asked[1] or b"").decode("ascii", "replace").upper()
            rules = tuple(re.findall(r"[^\s,]+", named))
            found.append(Silence(line=line + 1, rules=rules, covers=covers + 1))
    return found


def _alone(node: Node, lines: Sequence[bytes]) -> Iterable[int]:
    """Return the lines, from 0, on which there is only the comment *node*."""
    (first, start), (last, end) = node.start_point, node.end_point
    if lines[first][:start].strip() or (last < len(lines) and lines[last][end:].strip()):
        return ()
    return range(first, last + (end > 0))
