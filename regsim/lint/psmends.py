"""How a script of PowerShell is mended: garbage is collected, and waited for, before the unload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from regsim.lint.fault import Edit

if TYPE_CHECKING:
    from tree_sitter import Node

_COLLECT: Final = b"[gc]::Collect()"
_WAIT: Final = b"[gc]::WaitForPendingFinalizers()"


def collected(unload: Node, *, again: bool) -> tuple[Edit, ...]:
    """Return the change that has finalizers run before *unload*, after a collection *again*.

    Neither call gives anything to the pipeline or changes an exit code, so that nothing else of
    the script runs otherwise. None where a statement cannot go directly before: in the condition
    of a loop or of an `elseif`; where the statement asks ``$?``, which the calls would set; and in
    a workflow, which may call no method.
    """
    statement = _statement(unload)
    if statement is None or b"$?" in (statement.text or b"") or _in_workflow(statement):
        return ()
    calls = (_COLLECT, _WAIT) if again else (_WAIT,)
    indent, newline = _layout(statement)
    after = newline + indent if newline else b"; "
    at = statement.start_byte
    return (Edit(at, at, b"".join(call + after for call in calls)),)


def _statement(unload: Node) -> Node | None:
    """Return the statement in a list of which *unload* runs once, and first of what it runs."""
    node = unload
    while node.parent is not None and node.parent.type != "statement_list":
        inner, node = node, node.parent
        if node.type.endswith(("_statement", "_clause")) and not (
            node.type == "if_statement" and node.child_by_field_name("condition") == inner
        ):
            return None
    return node if node.parent is not None else None


def _in_workflow(node: Node) -> bool:
    """Return whether *node* lies in a workflow, where methods are refused.

    Source: PowerShell Workflows: Restrictions (devblogs.microsoft.com/scripting, 2013; documented).
    """
    outer = node.parent
    while outer is not None:
        if outer.type == "function_statement" and (outer.text or b"")[:8].lower() == b"workflow":
            return True
        outer = outer.parent
    return False


def _layout(statement: Node) -> tuple[bytes, bytes]:
    """Return what stands before *statement* on its line, and how lines end; "" if it is not alone.

    Where something else is on the line before it, the calls go there too.
    """
    top = statement
    while top.parent is not None:
        top = top.parent
    text, base = top.text or b"", top.start_byte
    begin = statement.start_byte - statement.start_point[1] - base
    if begin < 0:  # the file begins with white space, which no node has
        return b"", b""
    indent = text[begin : statement.start_byte - base]
    if indent.strip():
        return b"", b""
    end = text.find(b"\n", statement.start_byte - base)
    return indent, b"\r\n" if end > 0 and text[end - 1 : end] == b"\r" else b"\n"
