"""Registry systems as models whose every interleaving can be explored."""
