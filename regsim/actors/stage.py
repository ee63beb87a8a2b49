"""The names that the actors of a case share: the user, the files, the variables between them."""

from __future__ import annotations

from typing import Final

from regsim import keypath
from regsim.kernel.expr import Scope, Var
from regsim.types import Sid

USER: Final = Sid("S-1-5-21-1004336348-1177238915-682003330-1001")
"""The user with a roaming profile."""
SECOND_USER: Final = Sid("S-1-5-21-1004336348-1177238915-682003330-1002")
"""Another user, where two are logged on at once."""
USER_PATH: Final = keypath.user_root(USER)
PROFILE: Final = r"C:\Profiles\user\NTUSER.DAT"
"""The local copy of the user's hive."""
SERVER: Final = r"\\server\profiles\user\NTUSER.DAT"
"""The roaming copy on the file server."""
SUBKEY: Final = r"Software\Microsoft\Internet Connection Wizard"
"""The key below HKEY_CURRENT_USER that the service is asked to read."""

PENDING: Final = Var("pend", Scope.MACHINE)
"""Requests that wait for the Telephony service."""
USER_ON: Final = Var("user", Scope.MACHINE)
"""1 while the user is logged on."""
ICW: Final = Var("icw", Scope.MACHINE)
"""0 no wizard, 1 started, 2 it has called the service."""


def asked_by(user: str) -> Var:
    """Return where the requests of *user* are counted, where several users are logged on."""
    return Var(f"asked by {user}", Scope.MACHINE)
