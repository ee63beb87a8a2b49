"""Hive files: the regf format, read, written and recovered."""

from __future__ import annotations

from regsim.regf.create import new_hive
from regsim.regf.hive import HiveFile, open_hive, parse_hive
from regsim.regf.key import KeyNode
from regsim.regf.layout import FileType, KeyFlag, Mode
from regsim.regf.problems import Problem
from regsim.regf.recover import Recovery, RecoveryError, recover
from regsim.regf.value import Value

__all__ = [
    "FileType",
    "HiveFile",
    "KeyFlag",
    "KeyNode",
    "Mode",
    "Problem",
    "Recovery",
    "RecoveryError",
    "Value",
    "new_hive",
    "open_hive",
    "parse_hive",
    "recover",
]
