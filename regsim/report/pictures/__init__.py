"""Runs, checks and findings as pictures: our own SVG, and figures by matplotlib."""
