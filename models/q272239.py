"""KB Q272239: the Telephony service holds the user's hive for a time.

The service keeps the root of HKEY_CURRENT_USER open for a time after the program that called it
has quit; a logoff within that time finds the hive in use. Source: the article, 08-AUG-2001;
documented, apart from the time, for which the article gives no figure: a parameter.
"""

from __future__ import annotations

from typing import Final

from regsim.cases.case import Case
from regsim.explore.incident import ROAMING, Incident
from regsim.explore.parameters import number


def run(case: Case, *, hold: int = 45) -> str:
    """Play a service that keeps the root for *hold* seconds; return what to note."""
    thread = case.stage.actor(case.service("TapiSrv", "tapisrv"), "Telephony service")
    case.logon()
    case.change_settings()
    case.impersonate(thread)
    case.use_root(thread)
    case.impersonate(thread, on=False)
    each = None
    if case.fix.name == "stop-service":
        case.stop_service("tapisrv", "net stop TapiSrv")
    elif case.fix.name == "hotfix":
        case.close_root(thread)
    else:
        each = case.after(hold, lambda: case.close_root(thread))
    case.logoff(each=each)
    return f"The hold of {hold} s is a parameter: the article gives no figure."


INCIDENT: Final = Incident(
    name="q272239",
    aliases=("kb272239", "kbq272239"),
    title="The Telephony service holds the hive for a time (KB Q272239)",
    source="KB Q272239, 08-AUG-2001; documented",
    place=20,
    run=run,
    options=(*ROAMING, number("hold", 45, 0, 86_400, "seconds the root is held")),
    fixes=("none", "hotfix", "stop-service"),
    why_not="what decides is how many seconds the root is held, and a model has no clock",
)
