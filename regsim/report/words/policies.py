"""What a policy of a dialect says, in words."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

from regsim.policy import LogoffPolicy


def said(value: Any) -> str:  # noqa: ANN401 - the value of any policy
    """Return a policy's value as a table says it."""
    match value:
        case LogoffPolicy():
            return _logoff(value)
        case bool():
            return "yes" if value else "no"
        case enum.IntFlag():
            return value.name or f"{int(value):#x}"
        case enum.Enum():
            return value.name if isinstance(value, int) else str(value.value)
        case Mapping():
            return "; ".join(f"{name} ({why})" for name, why in value.items()) or "nothing"
        case frozenset():
            return (
                ", ".join(sorted(str(getattr(item, "value", item)) for item in value)) or "nothing"
            )
        case "":
            return "they can"
        case _:
            return str(value)


def _logoff(policy: LogoffPolicy) -> str:
    tries = "one try" if policy.attempts == 1 else f"{policy.attempts} tries"
    if policy.interval:
        tries += f", {policy.interval} s apart"
    where = f" as {policy.service}" if policy.service else ""
    parts = [f"{policy.actor} in {policy.image}{where}", tries, f"then {policy.on_failure.value}"]
    if policy.grace:
        parts.append(f"after {policy.grace} s")
    if policy.session_wait:
        parts.append(f"waits {policy.session_wait} s for the session's processes first")
    return ", ".join(parts)
