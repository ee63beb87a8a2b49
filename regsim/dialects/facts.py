"""How a dialect is written down: each policy with the word it rests on."""

from __future__ import annotations

from typing import Any

import attrs

from regsim.policy import Dialect, Evidence, Grade

_LABELS = ("name", "title", "evidence")
POLICIES = tuple(field.name for field in attrs.fields(Dialect) if field.name not in _LABELS)
"""The fields of a Dialect that are facts, each of which must be sourced."""


@attrs.frozen
class Fact:
    """A policy's value with the evidence for it."""

    value: Any
    evidence: Evidence


def documented(value: object, source: str) -> Fact:
    """Return a fact that the vendor, or a member of its staff, has written down."""
    return Fact(value, Evidence(Grade.DOCUMENTED, source))


def observed(value: object, source: str) -> Fact:
    """Return a fact seen on the system itself, or read in the source of an open one."""
    return Fact(value, Evidence(Grade.OBSERVED, source))


def inferred(value: object, source: str) -> Fact:
    """Return a fact that follows from others, or a stated default where nothing is known."""
    return Fact(value, Evidence(Grade.INFERRED, source))


def first(name: str, title: str, **facts: Fact) -> Dialect:
    """Return a dialect of which every policy is given."""
    missing = [policy for policy in POLICIES if policy not in facts]
    if missing:
        raise TypeError(f"{name}: no fact for {', '.join(missing)}")
    return Dialect(
        name=name,
        title=title,
        **{policy: fact.value for policy, fact in facts.items()},
        evidence={policy: fact.evidence for policy, fact in facts.items()},
    )


def after(base: Dialect, name: str, title: str, **facts: Fact) -> Dialect:
    """Return a dialect that differs from *base* by *facts* and keeps the rest with its sources."""
    changed = {policy: fact.value for policy, fact in facts.items()}
    evidence = {policy: fact.evidence for policy, fact in facts.items()}
    return attrs.evolve(
        base, name=name, title=title, **changed, evidence={**base.evidence, **evidence}
    )
