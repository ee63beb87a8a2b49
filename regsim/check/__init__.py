"""The explorer: every interleaving of any model; it knows no registry."""
