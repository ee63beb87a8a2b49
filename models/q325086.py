"""KB Q325086: Print Job Monitor keeps HKEY_CURRENT_USER open until CSRSS exits.

Print Job Monitor runs in CSRSS, which lives as long as the system: the root that it opens as the
user, and never closes, keeps the hive loaded. Source: the article; documented.
"""

from __future__ import annotations

from typing import Final

from regsim.cases.case import Case
from regsim.explore.incident import ROAMING, Incident


def run(case: Case) -> str:
    """Play a root that CSRSS keeps, and return what to note."""
    thread = case.stage.actor(case.machine.start_process("csrss"), "Print Job Monitor in CSRSS")
    case.logon()
    case.change_settings()
    case.impersonate(thread)
    case.use_root(thread)
    if case.fix.name == "hotfix":
        case.close_root(thread)
    case.impersonate(thread, on=False)
    case.logoff()
    return "The fix is Winspool.drv 4.0.1381.7177 of 9 July 2002."


INCIDENT: Final = Incident(
    name="q325086",
    aliases=("kb325086", "kbq325086"),
    title="Print Job Monitor keeps the hive open (KB Q325086)",
    source="KB Q325086; documented",
    place=30,
    run=run,
    options=ROAMING,
    fixes=("none", "hotfix"),
    why_not="its holder never lets go, whatever the order of the steps",
)
