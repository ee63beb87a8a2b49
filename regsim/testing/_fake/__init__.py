"""How `regsim.testing.winreg` works: Python's calls on one side, the simulated kernel's below."""
