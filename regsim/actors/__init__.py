"""The actors of the cases: services, Winlogon, and who uses them."""
