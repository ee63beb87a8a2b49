"""The evidence of many machines, read by one process or a cluster and joined to one ranking.

`collecting` is the way in: `places` finds what to read, `reading` answers from one file (with
`archives` for those that hold others), `engines` share the files out, `parts` keep what was read,
`joining` makes the tables and `ranking` counts what the page and the terminal show.
"""
