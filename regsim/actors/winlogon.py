"""Logon and logoff of a user with a roaming profile, as each generation does it.

``off`` nobody is logged on, ``session`` the user is, ``unloading`` the hive is being unloaded,
``saved`` the profile is on the server, ``lost`` it is not.
"""

from __future__ import annotations

import attrs

from regsim.actors.stage import ICW, PROFILE, SERVER, USER_ON, USER_PATH
from regsim.kernel.expr import Ask, HandleVar, Var, both, negate
from regsim.kernel.steps import Act, Branch, Forget, Program, Set, Step, go, ok, op
from regsim.policy import Dialect, HiveModel, MountedBy, UnloadFailure
from regsim.status import NtStatus
from regsim.types import Access

TRIES = Var("tries")
MOUNTED = Ask("mounted", (USER_PATH,))
UNLOADABLE = Ask("unloadable", (USER_PATH,))
COPY = r"C:\Profiles\user\ntuser.tmp"
SESSION_RUNNING = Ask("session_running")
WAITED = Var("waited")
_ROOT = HandleVar("root")
_UPLOAD = Act("upload", (PROFILE, SERVER))
_UNLOAD = op("NtUnloadKey", path=USER_PATH)
_UNLOAD_CALL = "RegUnLoadKey(HKU, <SID>)"
_FORCE_CALL = "NtUnloadKey2(HKU\\<SID>, REG_FORCE_UNLOAD)"
_AGAIN = "(is ready for the next logon)"

EVENT_1517 = (
    "Windows saved user COMPUTER\\User registry while an application or service was still using "
    "the registry during log off. The memory used by the user's registry has not been freed. The "
    "registry will be unloaded when it is no longer in use."
)
EVENT_1530 = (
    "Windows detected your registry file is still in use by other applications or services. The "
    "file will be unloaded now. The applications or services that hold your registry file may "
    "not function properly afterwards."
)


def session_steps(wait: int = 0, *, saves: bool = False) -> tuple[Step, ...]:
    """Return logon and the start of logoff, which with *saves* writes the user's hive to its file.

    With *wait*, CSRSS first waits that many seconds for the session's processes to end by
    themselves (``ProcessTerminateTimeout``, KB Q234606; documented).
    """
    on = go("session", Set(USER_ON, 1))
    load = op("NtLoadKey", path=USER_PATH, file=PROFILE, by=MountedBy.PROFILE_SERVICE)
    return (
        Step(
            at="off",
            does="logon",
            when=negate(MOUNTED),
            op=load,
            then=(on,),
            call="LoadUserProfile()",
        ),
        Step(
            at="off",
            does="logon-again",
            when=MOUNTED,
            then=(on,),
            call="(logs the user on; the hive is loaded still)",
        ),
        *_ending(wait, saves=saves),
        *(Step(at=end, does="again", then=(go("off"),), call=_AGAIN) for end in ("saved", "lost")),
    )


def _ending(wait: int, *, saves: bool) -> tuple[Step, ...]:
    end = op("EndSession")
    writes = (Act("write-back", (USER_PATH,)),) if saves else ()
    ended = go("unloading", Set(USER_ON, 0), Set(ICW, 0), Set(TRIES, 0), *writes)
    if not wait:
        return (Step(at="session", does="logoff", op=end, then=(ended,)),)
    late = both(SESSION_RUNNING, WAITED.less(wait))
    text = "CSRSS waits for the session's processes"
    one_more = go("ending", Act("sleep", (1,)), Set(WAITED, WAITED.plus(1)))
    return (
        Step(at="session", does="ask-to-end", then=(go("ending", Set(WAITED, 0)),)),
        Step(at="ending", does="wait", when=late, then=(one_more,), call=text),
        Step(at="ending", does="logoff", when=negate(late), op=end, then=(ended,)),
    )


def winlogon(dialect: Dialect) -> Program:
    """Return the program that logs a user on and off by the dialect's `LogoffPolicy`.

    Where an unload writes nothing, what stands for Winlogon saves the hive first.
    """
    policy = dialect.logoff
    lost = go("lost", Act("log", ("Userenv", 1000, dialect.unsaved_text)), Set(TRIES, 0))
    after: dict[UnloadFailure, Branch] = {
        UnloadFailure.GIVE_UP: lost,
        UnloadFailure.SAVE_COPY: go("copying"),
        UnloadFailure.FORCE: go("forcing", Act("sleep", (policy.grace,))),
        UnloadFailure.WAIT: go("unloading", Act("sleep", (1,)), Set(TRIES, TRIES.plus(1))),
    }
    again = go(
        "unloading",
        Act("sleep", (policy.interval,)),
        Set(TRIES, TRIES.plus(1)),
        when=TRIES.less(policy.attempts - 1),
    )
    unload = Step(
        at="unloading",
        does="unload",
        op=_UNLOAD,
        then=(ok("saved", _UPLOAD, Set(TRIES, 0)), again, after[policy.on_failure]),
        call=_UNLOAD_CALL,
    )
    extra = {UnloadFailure.SAVE_COPY: _copying(), UnloadFailure.FORCE: _forcing()}
    saves = dialect.hives is HiveModel.GRAFTED
    steps = (
        *session_steps(policy.session_wait, saves=saves),
        unload,
        *extra.get(policy.on_failure, ()),
    )
    return Program("winlogon", steps, "off")


def patient(*, attempts: int = 0, force: bool = False) -> Program:
    """Return Winlogon as the oracle model has it: one step to unload, and nothing else.

    It gives up after *attempts* tries; with 0 it waits for ever, the step existing only once it
    would succeed. With *force* it invalidates the handles at once.
    """
    saved = go("saved", _UPLOAD, Set(TRIES, 0))
    unload = Step(
        at="unloading",
        does="unload",
        when=UNLOADABLE,
        op=_UNLOAD,
        then=(saved,),
        call=_UNLOAD_CALL,
    )
    steps: tuple[Step, ...] = (unload,)
    if force:
        forced = attrs.evolve(
            unload,
            does="force-unload",
            when=negate(UNLOADABLE),
            op=op("NtUnloadKey2", path=USER_PATH),
            call=_FORCE_CALL,
        )
        steps = (unload, forced)
    elif attempts:
        again = go("unloading", Set(TRIES, TRIES.plus(1)), when=TRIES.less(attempts - 1))
        branches = (ok("saved", _UPLOAD, Set(TRIES, 0)), again, go("lost", Set(TRIES, 0)))
        steps = (attrs.evolve(unload, when=True, then=branches),)
    return Program("winlogon", (*session_steps(), *steps), "off")


def _copying() -> tuple[Step, ...]:
    """Return how XP and 2003 save: a copy of the open hive, and an unload for later."""
    access = Access.READ
    return (
        Step(
            at="copying",
            does="open-copy",
            op=op("NtOpenKey", _ROOT, root=None, path=USER_PATH, access=access),
            then=(go("copying.save"),),
            call="RegSaveKey(HKU\\<SID>)",
        ),
        Step(
            at="copying.save",
            does="save-copy",
            op=op("NtSaveKey", handle=_ROOT, file=COPY),
            then=(go("copying.close", Act("upload", (COPY, SERVER))),),
            call="RegSaveKey(HKU\\<SID>)",
        ),
        Step(
            at="copying.close",
            does="close-copy",
            op=op("NtClose", handle=_ROOT),
            then=(go("deferring", Forget(_ROOT)),),
            call="RegCloseKey(HKU\\<SID>)",
        ),
        Step(
            at="deferring",
            does="unload-later",
            op=op("NtUnloadKeyEx", path=USER_PATH, event="profile-unloaded"),
            then=(go("saved", Act("log", ("Userenv", 1517, EVENT_1517))),),
            call="NtUnloadKeyEx(HKU\\<SID>)",
        ),
    )


def _forcing() -> tuple[Step, ...]:
    """Return how Vista and later end: try once more, then invalidate every handle."""
    source = "Microsoft-Windows-User Profiles Service"
    return (
        Step(
            at="forcing",
            does="unload",
            op=_UNLOAD,
            then=(ok("saved", _UPLOAD), go("forced")),
            call=_UNLOAD_CALL,
        ),
        Step(
            at="forced",
            does="force-unload",
            op=op("NtUnloadKey2", path=USER_PATH),
            then=(
                go("saved", _UPLOAD, Act("log", (source, 1530, EVENT_1530)), on=NtStatus.SUCCESS),
                go("lost"),
            ),
            call=_FORCE_CALL,
        ),
    )
