"""Shorter ways to what the kernel does anyway: compiled plans, and opens that are made again."""
