"""What stands beside the table is for the packages' own runs of pytest, not for this one."""

collect_ignore = ["overlays", "programs", "shims"]
