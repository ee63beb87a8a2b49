"""Modules that a child of the tests' process finds, at the end of its path; see `children`."""
