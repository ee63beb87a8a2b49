"""Executable specifications, one per incident."""
