"""The simulated kernel: hives, key objects, handles, processes; the one semantics."""
