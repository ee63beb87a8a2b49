"""The simulator in a page: the folder that a browser plays from, and what it plays."""
