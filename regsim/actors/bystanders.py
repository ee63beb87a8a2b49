"""The other actors of the case: the wizard, a well-behaved service, an administrator.

Their steps are exactly as small as the calls they stand for, so that an explorer can put others in
between.
"""

from __future__ import annotations

from regsim.actors.stage import ICW, PENDING, USER, USER_ON, USER_PATH
from regsim.actors.winlogon import MOUNTED
from regsim.kernel.expr import HandleVar, both, either
from regsim.kernel.steps import Forget, Program, Set, Step, go, op

HELD = HandleVar("held")


def wizard(queue: int) -> Program:
    """Return the wizard's program: start with a root of its own, call the service, exit.

    At most *queue* requests wait for the service. One label serves: where it stands is in the
    machine's variable, since a logoff ends it from outside.
    """
    start = op("StartProcess", role="icw", image="icwconn1.exe", sid=USER, opens_root=True)
    steps = (
        Step(
            at="user",
            does="icw-start",
            when=both(ICW.is_(0), USER_ON.is_(1)),
            op=start,
            then=(go("user", Set(ICW, 1)),),
            call="(starts; its first call opens HKCU)",
        ),
        Step(
            at="user",
            does="icw-call",
            when=both(ICW.is_(1), PENDING.less(queue)),
            then=(go("user", Set(ICW, 2), Set(PENDING, PENDING.plus(1))),),
            call="(asks the Telephony service for user information)",
        ),
        Step(
            at="user",
            does="icw-exit",
            when=ICW.is_(2),
            op=op("EndProcess", role="icw"),
            then=(go("user", Set(ICW, 0)),),
            call="(ends)",
        ),
    )
    return Program("icw", steps, "user")


def service(*, noisy: bool = False) -> Program:
    """Return a service that opens the user's hive by its full path, works, and closes it.

    A *noisy* one does so after the user has logged off too, as long as the hive is loaded.
    """
    steps = (
        Step(
            at="idle",
            does="open-hive",
            when=both(MOUNTED, either(USER_ON.is_(1), noisy)),
            op=op("NtOpenKey", HELD, root=None, path=USER_PATH),
            then=(go("work"),),
            call="NtOpenKey(HKU\\<SID>)",
        ),
        Step(at="work", does="work", then=(go("close"),), call="(works with the hive)"),
        Step(
            at="close",
            does="close-hive",
            op=op("NtClose", handle=HELD),
            then=(go("idle", Forget(HELD)),),
            call="NtClose(HKU\\<SID>)",
        ),
    )
    return Program("service", steps, "idle")


def administrator() -> Program:
    """Return the administrator's program: stop the Telephony service once, or never."""
    steps = (
        Step(at="decide", does="never-stop", then=(go("done"),), call="(lets the service run)"),
        Step(
            at="decide",
            does="stop-service",
            op=op("EndProcess", role="tapisrv"),
            then=(go("done"),),
            call="net stop TapiSrv",
        ),
        Step(at="done", does="rest", when=False, then=(go("done"),)),
    )
    return Program("scm", steps, "decide")
