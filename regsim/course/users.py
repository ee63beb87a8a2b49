"""E6: one process, two users, one cached root."""

from __future__ import annotations

from regsim import keypath
from regsim.course.bench import ANNA, BERT, DESKTOP, HKCU, Bench, listed
from regsim.course.questions import Exercise, Question, Truth, found
from regsim.types import Handle, PredefinedKey
from regsim.win32.api import Api

WHOSE = ("anna", "bert", "system")
BLOCKED = ("anna", "bert", "both", "neither")
_OS = "w2k"


def _wallpaper(api: Api, key: int = HKCU) -> str:
    """Return whose wallpaper *api* reads below *key*; the handles it asks for are closed."""
    _, handle = api.RegOpenKeyEx(key, DESKTOP)
    _, value = api.RegQueryValueEx(handle, "Wallpaper")
    api.RegCloseKey(handle)
    return str(value.text()).removesuffix(".bmp")


def _scene() -> str:
    return (
        "Windows 2000. Anna's wallpaper is anna.bmp, Bert's is bert.bmp, that of .DEFAULT is\n"
        "system.bmp. A service that runs as LocalSystem, and has used no registry yet, reads\n"
        f'RegOpenKeyEx(HKEY_CURRENT_USER, "{DESKTOP}") -> Wallpaper and closes the key:\n\n'
        "  1. ImpersonateLoggedOnUser(Anna); read; RevertToSelf()\n"
        "  2. ImpersonateLoggedOnUser(Bert); read\n"
        "  3. RegOpenCurrentUser(&own); read below own; RegCloseKey(own)   (still as Bert)\n"
        "  4. RegCloseKey(HKEY_CURRENT_USER); read                         (still as Bert)\n"
        "  5. RevertToSelf(); read\n\n"
        "Another service reads once as LocalSystem before it first impersonates Anna."
    )


def _work() -> dict[str, Truth]:
    bench = Bench(_OS)
    api = bench.service()
    findings = {}

    def note(name: str, key: int = HKCU, call: str = "HKEY_CURRENT_USER") -> None:
        whose = _wallpaper(api, key)
        because = f"RegQueryValueEx below {call} answered {whose}.bmp; the service holds "
        findings[name] = found(whose, because + listed(bench.holders(api)) + ".")

    api.impersonate(ANNA)
    note("first")
    api.revert()
    api.impersonate(BERT)
    note("second")
    findings["blocked"] = _blocked(bench)
    own: Handle = api.RegOpenCurrentUser().value
    note("own", own, "the handle that RegOpenCurrentUser gave")
    api.RegCloseKey(own)
    api.RegCloseKey(PredefinedKey.CURRENT_USER)
    note("closed")
    api.revert()
    note("reverted")
    findings["early"] = _early()
    return findings


def _blocked(bench: Bench) -> Truth:
    answers = {
        name: bench.unload(keypath.user_root(sid)) for sid, name in ((ANNA, "anna"), (BERT, "bert"))
    }
    refused = [name for name, status in answers.items() if not status.ok]
    value = {0: "neither", 2: "both"}.get(len(refused), "".join(refused))
    told = ", ".join(f"{name}'s hive {status.name}" for name, status in answers.items())
    return found(value, f"After step 2 NtUnloadKey answers: {told}.")


def _early() -> Truth:
    bench = Bench(_OS)
    api = bench.service()
    _wallpaper(api)
    api.impersonate(ANNA)
    whose = _wallpaper(api)
    held = listed(bench.holders(api))
    return found(
        whose, f"As Anna, RegQueryValueEx answers {whose}.bmp: the service has cached {held}."
    )


E6 = Exercise(
    name="e6",
    title="Two users: whose value is read?",
    scene=_scene,
    questions=(
        Question("first", "whose wallpaper does step 1 read?", 4, WHOSE),
        Question("second", "whose wallpaper does step 2 read?", 4, WHOSE),
        Question("blocked", "both log off after step 2: whose hive stays loaded?", 4, BLOCKED),
        Question("own", "whose wallpaper does step 3 read?", 4, WHOSE),
        Question("closed", "whose wallpaper does step 4 read?", 4, WHOSE),
        Question("reverted", "whose wallpaper does step 5 read?", 4, WHOSE),
        Question("early", "whose wallpaper does the other service read as Anna?", 4, WHOSE),
    ),
    work=_work,
    explanation=(
        "HKEY_CURRENT_USER is resolved with the token in effect at its first use in the process, "
        "and kept for all threads. A later impersonation does not change it, RevertToSelf neither: "
        "so this is a wrong-user bug as well as a leak. Closing the predefined key has the next "
        "use resolve it anew, RegOpenCurrentUser does not use the cache at all."
    ),
)
