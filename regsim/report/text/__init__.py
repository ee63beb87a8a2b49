"""Runs, checks and findings as text for a terminal, or for a page that draws text."""
