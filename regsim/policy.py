"""The Dialect record: every way in which registries differ, as data the kernel is handed.

No Windows version is named here. What a dialect is, and on whose word, is in `regsim.dialects`.
"""

from __future__ import annotations

import enum
from importlib import import_module
from typing import TYPE_CHECKING, Any

import attrs

from regsim.display import Displayed
from regsim.errors import NotApplicableError, UnknownNameError
from regsim.status import NtStatus, Win32Error
from regsim.types import Access, Privilege

if TYPE_CHECKING:
    from collections.abc import Mapping


class Grade(enum.Enum):
    """How well a fact is known."""

    DOCUMENTED = "documented"
    OBSERVED = "observed"
    INFERRED = "inferred"


@attrs.frozen
class Evidence:
    """Who says so: the grade of a fact and where it can be read."""

    grade: Grade
    source: str


class HandlePolicy(enum.Enum):
    """What a second open of an open key gives."""

    UNIQUE = "unique"  # a handle of its own
    SHARED = "shared"  # the same handle, counted once more


class PredefClose(enum.Enum):
    """What RegCloseKey does with a predefined key (rule P4)."""

    CLOSES_ROOT = "closes the cached root"
    IGNORED = "closes nothing"


class PredefEmpty(enum.Enum):
    """What RegOpenKeyEx(predefined, NULL or "") does (rule P5)."""

    REFRESH = "closes the cached root and gives back the same number"
    SAME = "gives back the same number and does nothing else"


class EmptySubkey(enum.Enum):
    """What opening a NULL or empty subkey of an ordinary handle gives."""

    NEW_HANDLE = "a handle of its own"
    SAME = "the same handle, uncounted"
    SAME_COUNTED = "the same handle, counted once more"
    BAD_KEY = "ERROR_BADKEY"


class DisabledRoot(enum.Enum):
    """What becomes of a root that was cached when the cache is disabled (rule P6)."""

    KEPT = "stays open"
    CLOSED = "is closed"


class PerCallRoot(enum.Enum):
    """What a call does with its own root once the cache is disabled (rule P6)."""

    CLOSED = "closed when the call returns"
    LEAKED = "never closed"


class OverrideHold(enum.Enum):
    """How RegOverridePredefKey keeps the key it is given (rule P7)."""

    DUPLICATED = "a handle of its own"
    DUPLICATED_DEAD = "a handle of its own, to a deleted key too"
    BORROWED = "the caller's handle"


class OverrideNull(enum.Enum):
    """What RegOverridePredefKey(key, NULL) does (rule P7)."""

    CLEARS = "empties the slot; the next use opens it"
    REOPENS = "opens the default at once"


class NoHive(enum.Enum):
    """What RegOpenCurrentUser does when the user's hive is not loaded (rule P8)."""

    DEFAULT_USER = "opens .DEFAULT"
    NOT_FOUND = "fails with ERROR_FILE_NOT_FOUND, having opened the user below HKEY_USERS"


class ClassesView(enum.Enum):
    """What HKEY_CLASSES_ROOT, or RegOpenUserClassesRoot, shows (rule P9)."""

    MACHINE = "the machine's classes"
    MERGED = "the user's classes over the machine's"
    USER = "the user's classes"
    PSEUDO = "the number HKEY_CLASSES_ROOT itself"


class UnloadBlockers(enum.Enum):
    """Which open keys refuse a normal unload."""

    ANY = "any open key of the hive"
    ROOT = "only the hive's root"
    SUBKEY = "only keys below the root"


class Reload(enum.Enum):
    """What loading a file that is already loaded at the same place gives."""

    REFUSED = "a sharing violation"
    ACCEPTED = "success"
    COLLIDES = "that the name is taken"


class HiveModel(enum.Enum):
    """What a loaded hive is.

    Grafted, a file may be loaded twice, below any key, and is not written back; a file that is not
    there is not made, one that is there is saved over; any key can be unloaded, which deletes it,
    and a hive's root be deleted; keys are created directly below the users and the machine.
    """

    SEPARATE = "a file of its own, written back"
    GRAFTED = "a copy of the file's keys in the one tree of all"


DIFFERENCING = "differencing hives"
"""What a system must not lack for an app's container to have hives of its own."""


class MountedBy(enum.Enum):
    """Who mounted a hive."""

    SYSTEM = "the system"
    PROFILE_SERVICE = "what logs users on"
    LOAD_KEY = "a program, by RegLoadKey"
    APP_KEY = "a program, by RegLoadAppKey"
    SILO = "the silo of an app's container"


class Unmount(enum.Enum):
    """What takes a mounted hive out of the namespace, besides force and a restart."""

    ASKED = "an unload that nothing blocks"
    LAST_HANDLE = "the close of its last handle"
    LAST_MEMBER = "the end of its silo's last process"
    JOB_CLOSED = "the end of its silo's last process, and the last handle to the silo's job"
    NOTHING = "nothing"


@attrs.frozen(kw_only=True)
class Unmounts:
    """What takes a hive out of the namespace, by who mounted it."""

    system: Unmount = Unmount.ASKED
    profile_service: Unmount = Unmount.ASKED
    load_key: Unmount = Unmount.ASKED
    app_key: Unmount = Unmount.LAST_HANDLE
    silo: Unmount = Unmount.LAST_MEMBER

    def of(self, by: MountedBy) -> Unmount:
        """Return what takes out a hive that *by* has mounted."""
        found: Unmount = getattr(self, by.name.lower())
        return found

    def __str__(self) -> str:
        """Say it as a table does."""
        return "; ".join(f"mounted by {by.value}: {self.of(by).value}" for by in MountedBy)


class NullKey(enum.Enum):
    """What RegCreateKeyEx, and RegOpenKey, of a NULL key leave where the result goes."""

    CREATE_NULLS = "NULL, and what was there"
    OPEN_NULLS = "what was there, and NULL"


class ListOrder(enum.Enum):
    """In which order the subkeys and the values of a key are listed."""

    HIVE = "subkeys by upcased name, values as they were made"
    LOWERED = "both by lowered name"


class NoRights(enum.Enum):
    """What opening a key with no right asked for gives."""

    REFUSED = "access denied"
    OPENS = "a handle that may do nothing"


@attrs.frozen(kw_only=True)
class ElementSizes:
    """How much fits: names in UTF-16 units, data in bytes, keys above each other; None: no end.

    ``levels_at_once`` is how many keys one call creates below each other.
    """

    key_name: int
    value_name: int
    data: int | None
    levels: int | None
    levels_at_once: int | None

    def __str__(self) -> str:
        """Say it as a table does."""
        return ", ".join(
            f"{name.replace('_', ' ')} {'any' if size is None else f'{size:,}'}"
            for name, size in attrs.asdict(self).items()
        )


@attrs.frozen(kw_only=True)
class View32:
    r"""The 32-bit view of the registry, as folded paths.

    Below ``HKLM\\SOFTWARE`` all but what is *shared* is elsewhere in it; of the classes, which are
    shared, what is in *redirected_classes*. ``refusal`` is what asking for a view gives where there
    is none; None where it is asked for in vain. With *from_root* only a path that itself names
    ``SOFTWARE`` or its ``Classes`` is looked up there, not one below a handle to it, and a user's
    classes have no such view.
    """

    exists: bool
    shared: frozenset[tuple[str, ...]] = frozenset()
    redirected_classes: frozenset[tuple[str, ...]] = frozenset()
    refusal: Win32Error | None = None
    from_root: bool = False

    def __str__(self) -> str:
        """Say it as a table does."""
        if not self.exists:
            return "none, and the flags are " + ("of no effect" if not self.refusal else "refused")
        where = "named in full" if self.from_root else "named or opened"
        shared, classes = (
            "; ".join(sorted("\\".join(path) for path in paths)) or "nothing"
            for paths in (self.shared, self.redirected_classes)
        )
        return f"keys {where}; shared: {shared}; redirected classes: {classes}"


class UnloadFailure(enum.Enum):
    """What logoff does when the last normal unload has failed."""

    GIVE_UP = "leaves the profile unsaved"
    SAVE_COPY = "saves a copy and unloads later"
    FORCE = "invalidates the handles and unloads"
    WAIT = "waits for the handles to be closed"


@attrs.frozen(kw_only=True)
class LogoffPolicy:
    """How a generation logs a user off.

    ``attempts`` normal unloads are tried, ``interval`` seconds apart; then ``on_failure`` happens,
    for FORCE after ``grace`` seconds. ``session_wait`` is how long, in seconds, the session's
    processes are awaited first; 0 where nothing waits. The *actor* runs in a process of *image*,
    as *service* where it is one.
    """

    actor: str
    attempts: int
    interval: int
    on_failure: UnloadFailure
    grace: int = 0
    session_wait: int = 0
    image: str = "winlogon.exe"
    service: str = ""


_DIALECTS = "regsim.dialects"
"""Where names are looked up: above this layer, and not before somebody gives one."""


@attrs.frozen(kw_only=True, repr=False)
class Dialect(Displayed):
    """One registry's behaviour as policies; each field has its `Evidence` in ``evidence``.

    ``refcount_bits`` is the width of a key control block's count of opens: 16 wraps.
    ``absent`` maps a function that this generation lacks to the reason; ``corrected`` names the
    incidents whose correction it carries, ``excluded`` says why none can happen there (empty where
    they can), and ``unsaved_text`` is what event 1000 says of a profile that is not saved.
    """

    name: str
    title: str
    handles: HandlePolicy
    refcount_bits: int
    cached_root_access: Access
    close_predefined: PredefClose
    close_any_high_handle: bool
    open_predefined_empty: PredefEmpty
    open_ex_empty: EmptySubkey
    open_empty: EmptySubkey
    disabled_root: DisabledRoot
    per_call_root: PerCallRoot
    override_hold: OverrideHold
    override_null: OverrideNull
    no_user_hive: NoHive
    classes_root: ClassesView
    user_classes_root: ClassesView
    classes_hive: bool
    lists: ListOrder
    hives: HiveModel
    info_rights: Access
    subkeys_status: NtStatus
    null_key_result: NullKey
    no_rights: NoRights
    limits: ElementSizes
    link_loop_status: NtStatus
    view32: View32
    counters_are_keys: bool
    expanding_error: Win32Error
    unload_blockers: UnloadBlockers
    unloaded_status: NtStatus
    default_unload_status: NtStatus
    deferred_status: NtStatus
    reload: Reload
    unmounts: Unmounts
    load_privileges: frozenset[Privilege]
    null_key_error: Win32Error
    absent: Mapping[str, str] = attrs.field(hash=False)
    logoff: LogoffPolicy
    unsaved_text: str
    hosted_services: bool
    corrected: frozenset[str]
    excluded: str
    evidence: Mapping[str, Evidence] = attrs.field(hash=False, repr=False, eq=False)

    @staticmethod
    def named(wanted: Dialect | str) -> Dialect:
        """Return *wanted* itself, or the dialect that the text names; see `regsim.dialects.get`.

        Raises:
            UnknownNameError: there is none of that name; the text lists them.
        """
        if isinstance(wanted, Dialect):
            return wanted
        found: Dialect = import_module(_DIALECTS).get(wanted)
        return found

    def with_(self, **changes: Any) -> Dialect:  # noqa: ANN401 - one type per field
        """Return a dialect with *changes* made; they count as the caller's own assumption.

        >>> from regsim import dialects
        >>> dialects.get("win11").with_(refcount_bits=16).refcount_bits
        16
        """
        known = [field.name for field in attrs.fields(Dialect)]
        for name in changes:
            if name not in known:
                raise UnknownNameError("policy", name, known)
        mine = Evidence(Grade.INFERRED, "the caller's assumption")
        evidence = {**self.evidence, **dict.fromkeys(changes, mine)}
        return attrs.evolve(self, **changes, evidence=evidence)

    def has(self, function: str) -> bool:
        """Return whether this generation has *function*."""
        return function not in self.absent

    def require(self, function: str) -> None:
        """Raise `NotApplicableError` with the reason if this generation lacks *function*."""
        if function in self.absent:
            raise NotApplicableError(f"{self.title} has no {function}: {self.absent[function]}")
