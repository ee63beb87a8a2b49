"""Edits of plain code: which of them make every claim hold, and what single faults of one do."""
