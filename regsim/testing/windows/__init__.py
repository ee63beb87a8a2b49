"""What modules under test see of the system when they are to believe that it is Windows.

Stand-ins of ``sys``, ``os``, ``platform`` and ``ctypes``, all of one simulated computer, which
`regsim.testing.patching` puts before the modules that are patched and before nobody else.
"""
