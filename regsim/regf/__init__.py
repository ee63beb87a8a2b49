"""Hive files: the regf format, read, written and recovered."""
