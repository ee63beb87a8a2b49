"""Its own network, which the simulated registry has none of."""


def configure_network_resolver(_resolver: object) -> None:
    """Do nothing."""
