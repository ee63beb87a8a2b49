"""KB 2287297: a forced unload breaks a COM+ application that outlives the session.

From Vista on a logoff takes the hive away by force. An application that runs under the user's
identity and is still there afterwards, for COM+ keeps it for three minutes after its last call,
gets error 1018 from its next call on the registry. Source: the article, and the distributed
services blog of 2009-11-06; documented.
"""

from __future__ import annotations

from typing import Final

from regsim.actors.stage import USER
from regsim.cases.case import WIZARD_KEY, Case
from regsim.cases.logoff import BROKEN
from regsim.explore.incident import ROAMING, Incident
from regsim.explore.parameters import number
from regsim.kernel.process import Token
from regsim.types import PredefinedKey
from regsim.win32 import advapi


def run(case: Case, *, idle: int = 180) -> str:
    """Play an application that ends *idle* seconds after its last call; return what to note."""
    process = case.machine.start_process("dllhost", token=Token(USER))
    thread = case.stage.actor(process, "COM+ application")
    case.logon()
    case.change_settings()
    case.use_root(thread)
    case.logoff(each=case.after(idle, lambda: case.machine.end_process(process)))
    if not thread.alive or not case.unloaded_at_logoff:
        return ""
    opening = advapi.RegOpenKeyEx(case.dialect, PredefinedKey.CURRENT_USER, WIZARD_KEY)
    status, _ = case.call(thread, opening)
    case.broken = status in BROKEN
    return f"The application's next call fails with 1018 ({status.name})." if case.broken else ""


INCIDENT: Final = Incident(
    name="q2287297",
    aliases=("kb2287297", "kbq2287297", "2287297"),
    title="A forced unload breaks its holder (KB 2287297)",
    source="KB 2287297; documented",
    place=50,
    os="win7",
    run=run,
    options=(
        *ROAMING,
        number("idle", 180, 0, 86_400, "seconds after its last call that the application ends"),
    ),
    fixes=("none", "disable-force-unload"),
    why_not="what decides is how many seconds the application stays, and a model has no clock",
)
