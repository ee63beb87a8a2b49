"""Evidence taken from systems that run: programs under Wine, and the handles of a live Windows."""
