"""The readers of evidence, one file a format: each knows its own files and yields their rows."""
