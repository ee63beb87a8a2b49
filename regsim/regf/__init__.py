"""Hive files: the regf format, read, written and recovered."""

from __future__ import annotations

from regsim.regf.bridge import load_tree, save_tree
from regsim.regf.copying import copy_tree
from regsim.regf.create import new_hive
from regsim.regf.diff import Difference, diff_hives
from regsim.regf.hive import HiveFile, open_hive, parse_hive
from regsim.regf.key import Key
from regsim.regf.layout import FileType, KeyFlag, Mode
from regsim.regf.problems import Problem
from regsim.regf.recover import Recovery, RecoveryError, recover
from regsim.regf.regtext import RegText, RegTextError, parse_reg
from regsim.regf.regwrite import Imported, export_reg, import_reg
from regsim.regf.store import FileStore
from regsim.regf.value import StoredValue

__all__ = [
    "Difference",
    "FileStore",
    "FileType",
    "HiveFile",
    "Imported",
    "Key",
    "KeyFlag",
    "Mode",
    "Problem",
    "Recovery",
    "RecoveryError",
    "RegText",
    "RegTextError",
    "StoredValue",
    "copy_tree",
    "diff_hives",
    "export_reg",
    "import_reg",
    "load_tree",
    "new_hive",
    "open_hive",
    "parse_hive",
    "parse_reg",
    "recover",
    "save_tree",
]
