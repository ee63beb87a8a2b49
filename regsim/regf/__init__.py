"""Hive files: the regf format, read, written and recovered."""

from __future__ import annotations

from regsim.regf.hive import HiveFile, open_hive, parse_hive
from regsim.regf.key import KeyNode
from regsim.regf.layout import KeyFlag, Mode
from regsim.regf.problems import Problem
from regsim.regf.value import Value

__all__ = [
    "HiveFile",
    "KeyFlag",
    "KeyNode",
    "Mode",
    "Problem",
    "Value",
    "open_hive",
    "parse_hive",
]
