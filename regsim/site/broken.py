"""Twelve broken systems, made after the incidents and in their order."""

from __future__ import annotations

from typing import Final

from regsim.site.challenges import BySettings, Challenge, Plainly
from regsim.site.straight import StillDone

_LET_GO: Final = ("released", "no-call-breaks", "no-thread-fails", "logoff-ends")
_GIVEN_BACK: Final = (
    "at rest nothing is left open in the user's hive, every logoff ends, the service goes on "
    "serving, and no call breaks"
)
_MODEL: Final = """
model = regsim.model(os="{os}").service({name}{threads}).user_logs_on_and_off()
"""


def _text(code: str, os: str, threads: int = 1) -> str:
    """Return *code*, whose last function is the service, as a file that `regsim check` takes."""
    name = code.rpartition("\ndef ")[2].partition("(")[0]
    many = f", threads={threads}" if threads > 1 else ""
    return f"import regsim\n\n{code}{_MODEL.format(os=os, name=name, threads=many)}"


def _settings(incident: str, about: str, **chosen: object) -> str:
    """Return a file whose function sets the model of *incident* as *chosen*."""
    given = ", ".join(f"{name}={value!r}" for name, value in chosen.items())
    passed = ", ".join(f"{name}={name}" for name in chosen)
    return (
        f"from regsim import models\n\n\ndef Model({given}):\n"
        f'    """Change the values in the line above.\n\n    {about}\n    """\n'
        f'    return models.model("{incident}", {passed})\n'
    )


# -- the Telephony service ---------------------------------------------------------------------

_TELEPHONY = r'''
def telephony(win):
    """Tell the wizard what the user has set."""
    while win.wait("request"):
        with win.impersonating("user"):
            key = win.RegOpenKeyEx(win.HKEY_CURRENT_USER, r"Software\Dialing")
            win.RegCloseKey(key)
'''
_TELEPHONY_NAIVE = r'''
def telephony(win):
    """Tell the wizard what the user has set."""
    while win.wait("request"):
        with win.impersonating("user"):
            key = win.RegOpenKeyEx(win.HKEY_CURRENT_USER, r"Software\Dialing")
            win.RegCloseKey(key)
            win.RegCloseKey(win.HKEY_CURRENT_USER)
'''
_TELEPHONY_MENDED = r'''
def telephony(win):
    """Tell the wizard what the user has set."""
    while win.wait("request"):
        with win.impersonating("user"), win.lock("root"):
            key = win.RegOpenKeyEx(win.HKEY_CURRENT_USER, r"Software\Dialing")
            win.RegCloseKey(key)
            win.RegCloseKey(win.HKEY_CURRENT_USER)
'''
_HELD = r'''
def telephony(win):
    """Keep the user's root for the next caller: it may come soon."""
    held = False
    while win.wait("request"):
        with win.impersonating("user"):
            if held:
                win.RegCloseKey(win.HKEY_CURRENT_USER)
            key = win.RegOpenKeyEx(win.HKEY_CURRENT_USER, r"Software\Dialing")
            win.RegCloseKey(key)
            held = True
'''
_HELD_MENDED = r'''
def telephony(win):
    """Keep nothing: the next caller may never come."""
    while win.wait("request"):
        with win.impersonating("user"):
            key = win.RegOpenKeyEx(win.HKEY_CURRENT_USER, r"Software\Dialing")
            win.RegCloseKey(key)
            win.RegCloseKey(win.HKEY_CURRENT_USER)
'''

# -- forgotten closes --------------------------------------------------------------------------

_PRINTING = r'''
def print_monitor(win):
    """Look up the user's printer."""
    while win.wait("request"):
        with win.impersonating("user"):
            root = win.RegOpenCurrentUser()
            printer = win.RegOpenKeyEx(root, r"Printers\Default")
            win.RegCloseKey(root)
'''
_PRINTING_NAIVE = r'''
def print_monitor(win):
    """Look up the user's printer."""
    while win.wait("request"):
        with win.impersonating("user"):
            root = win.RegOpenCurrentUser()
            printer = win.RegOpenKeyEx(root, r"Printers\Default")
            win.RegCloseKey(printer)
'''
_PRINTING_MENDED = r'''
def print_monitor(win):
    """Look up the user's printer."""
    while win.wait("request"):
        with win.impersonating("user"):
            root = win.RegOpenCurrentUser()
            printer = win.RegOpenKeyEx(root, r"Printers\Default")
            win.RegCloseKey(printer)
            win.RegCloseKey(root)
'''
_TERMINAL = r'''
def terminal(win):
    """Read three settings of the user's terminal."""
    while win.wait("request"):
        with win.impersonating("user"):
            root = win.RegOpenCurrentUser()
            for name in ("Font", "Colour", "Keyboard"):
                key = win.RegOpenKeyEx(root, r"Software\Terminal")
                win.RegQueryValueEx(key, name)
            win.RegCloseKey(key)
            win.RegCloseKey(root)
'''
_TERMINAL_MENDED = r'''
def terminal(win):
    """Read three settings of the user's terminal."""
    while win.wait("request"):
        with win.impersonating("user"):
            root = win.RegOpenCurrentUser()
            for name in ("Font", "Colour", "Keyboard"):
                key = win.RegOpenKeyEx(root, r"Software\Terminal")
                win.RegQueryValueEx(key, name)
                win.RegCloseKey(key)
            win.RegCloseKey(root)
'''
_SETTINGS: Final = tuple(
    StillDone(r"Software\Terminal", name) for name in ("Font", "Colour", "Keyboard")
)
_SCRIPT = r'''
def script(win):
    """Read a setting by the names of Python's winreg."""
    while win.wait("request"):
        with win.impersonating("user"):
            root = win.RegOpenCurrentUser()
            key = win.OpenKey(root, r"Software\Script")
            version = win.QueryValueEx(key, "Version")
            win.CloseKey(root)
'''
_SCRIPT_MENDED = r'''
def script(win):
    """Read a setting by the names of Python's winreg."""
    while win.wait("request"):
        with win.impersonating("user"):
            root = win.RegOpenCurrentUser()
            with win.OpenKey(root, r"Software\Script") as key:
                version = win.QueryValueEx(key, "Version")
            win.CloseKey(root)
'''

# -- an unload by force ------------------------------------------------------------------------

_COMPLUS = r'''
def application(win):
    """Serve calls for the user, even one that comes as they log off."""
    while win.wait("request"):
        with win.impersonating("user"):
            root = win.RegOpenCurrentUser()
            key = win.RegOpenKeyEx(root, r"Software\Shop")
            win.RegCloseKey(key)
            win.RegCloseKey(root)
'''
_COMPLUS_NAIVE = r'''
def application(win):
    """Serve calls for the user, even one that comes as they log off."""
    while win.wait("request"):
        with win.impersonating("user"):
            try:
                root = win.RegOpenCurrentUser()
                key = win.RegOpenKeyEx(root, r"Software\Shop")
                win.RegCloseKey(key)
                win.RegCloseKey(root)
            except OSError:
                return
'''
_COMPLUS_MENDED = r'''
def application(win):
    """Serve calls for the user, even one that comes as they log off."""
    while win.wait("request"):
        with win.impersonating("user"):
            try:
                root = win.RegOpenCurrentUser()
            except OSError:
                continue
            try:
                key = win.RegOpenKeyEx(root, r"Software\Shop")
            except OSError:
                win.RegCloseKey(root)
                continue
            win.RegCloseKey(key)
            win.RegCloseKey(root)
'''

# -- the cache is the process's ----------------------------------------------------------------

_TWO = r'''
def settings(win):
    """Begin with our own defaults, then serve the user."""
    own = win.RegOpenKeyEx(win.HKEY_CURRENT_USER, r"Software\Office")
    win.RegCloseKey(own)
    while win.wait("request"):
        with win.impersonating("user"):
            key = win.RegOpenKeyEx(win.HKEY_CURRENT_USER, r"Software\Office")
            win.RegCloseKey(key)
'''
_TWO_NAIVE = r'''
def settings(win):
    """Begin with our own defaults, then serve the user."""
    own = win.RegOpenKeyEx(win.HKEY_CURRENT_USER, r"Software\Office")
    win.RegCloseKey(own)
    while win.wait("request"):
        with win.impersonating("user"):
            key = win.RegOpenKeyEx(win.HKEY_CURRENT_USER, r"Software\Office")
            win.RegCloseKey(key)
            win.RegCloseKey(win.HKEY_CURRENT_USER)
'''
_TWO_MENDED = r'''
def settings(win):
    """Begin with our own defaults, then serve the user."""
    own = win.RegOpenKeyEx(win.HKEY_CURRENT_USER, r"Software\Office")
    win.RegCloseKey(own)
    while win.wait("request"):
        with win.impersonating("user"):
            root = win.RegOpenCurrentUser()
            key = win.RegOpenKeyEx(root, r"Software\Office")
            win.RegCloseKey(key)
            win.RegCloseKey(root)
'''
_HOST = r'''
def telephony(win):
    """One service: mended, it opens a root of its own."""
    root = win.RegOpenCurrentUser()
    key = win.RegOpenKeyEx(root, r"Software\Dialing")
    win.RegCloseKey(key)
    win.RegCloseKey(root)


def neighbour(win):
    """Another service of the same process, as it was."""
    key = win.RegOpenKeyEx(win.HKEY_CURRENT_USER, r"Software\Neighbour")
    win.RegCloseKey(key)


def host(win):
    """The process that both share."""
    while win.wait("request"):
        with win.impersonating("user"):
            telephony(win)
            neighbour(win)
'''
_HOST_NAIVE = _HOST.replace(
    "            neighbour(win)\n",
    "            neighbour(win)\n            win.RegCloseKey(win.HKEY_CURRENT_USER)\n",
)
_HOST_MENDED = _HOST.replace(
    '    key = win.RegOpenKeyEx(win.HKEY_CURRENT_USER, r"Software\\Neighbour")\n'
    "    win.RegCloseKey(key)\n",
    "    root = win.RegOpenCurrentUser()\n"
    '    key = win.RegOpenKeyEx(root, r"Software\\Neighbour")\n'
    "    win.RegCloseKey(key)\n"
    "    win.RegCloseKey(root)\n",
).replace("as it was", "mended as well")

# -- the twelve --------------------------------------------------------------------------------

ALL: Final = (
    Challenge(
        name="q241572",
        title="The Telephony service keeps the user's hive",
        story=(
            "A user asks the Internet Connection Wizard for a new connection; the Telephony "
            "service looks up what they have set, and closes what it opened. At logoff Winlogon "
            "cannot unload the hive, and the profile is not saved (KB Q241572). Two threads serve."
        ),
        goal=f"{_GIVEN_BACK}, on NT 4.0 SP4 and on Windows 2000.",
        broken=_text(_TELEPHONY, "nt4-sp4", 2),
        hints=(
            "Press Run once and look at the handles that are left. One of them nobody asked for.",
            "HKEY_CURRENT_USER stands for one root for all threads: RegCloseKey takes it, too.",
            'Closing it breaks the other thread\'s call. "with win.lock(...):" lets one in.',
        ),
        solution=_text(_TELEPHONY_MENDED, "nt4-sp4", 2),
        tempting=_text(_TELEPHONY_NAIVE, "nt4-sp4", 2),
        judge=Plainly(
            systems=("nt4-sp4", "w2k"),
            claims=_LET_GO,
            needs=(StillDone(r"Software\Dialing"),),
            threads=2,
        ),
    ),
    Challenge(
        name="q272239",
        title="The root is held for a time",
        story=(
            "This Telephony service does close the root, but not before its next caller: until "
            "then it keeps it, to be quick. Who logs off in the meantime waits (KB Q272239)."
        ),
        goal=f"{_GIVEN_BACK}, on NT 4.0 SP6a.",
        broken=_text(_HELD, "nt4-sp6a"),
        hints=(
            "What holds while the service waits for a request is held at logoff, too.",
            "Close the root in the same request that opened it.",
        ),
        solution=_text(_HELD_MENDED, "nt4-sp6a"),
        judge=Plainly(
            systems=("nt4-sp6a",), claims=_LET_GO, needs=(StillDone(r"Software\Dialing"),)
        ),
    ),
    Challenge(
        name="q325086",
        title="The print monitor closes the wrong handle",
        story=(
            "A print monitor runs in a process that lives as long as the system: what it forgets "
            "is never given back (after KB Q325086)."
        ),
        goal=f"{_GIVEN_BACK}, on Windows 2000.",
        broken=_text(_PRINTING, "w2k"),
        hints=(
            "Count the handles that are opened, and those that are closed.",
            "RegOpenCurrentUser gives a root of one's own; it is closed like any other key.",
        ),
        solution=_text(_PRINTING_MENDED, "w2k"),
        tempting=_text(_PRINTING_NAIVE, "w2k"),
        judge=Plainly(systems=("w2k",), claims=_LET_GO, needs=(StillDone(r"Printers\Default"),)),
    ),
    Challenge(
        name="q179827",
        title="A loop opens, and closes once",
        story=(
            "A terminal program opens the same key again and again, and closes it once. Before NT "
            "4.0 SP4 such leaks could make a key's counter read 0 (KB Q179827); everywhere they "
            "keep the hive."
        ),
        goal=f"{_GIVEN_BACK}, on Windows 2000.",
        broken=_text(_TERMINAL, "w2k"),
        hints=(
            "After the loop, key is the last of three handles.",
            "Close the key inside the loop.",
        ),
        solution=_text(_TERMINAL_MENDED, "w2k"),
        judge=Plainly(systems=("w2k",), claims=_LET_GO, needs=_SETTINGS),
    ),
    Challenge(
        name="q2287297",
        title="The hive is taken away under an application",
        story=(
            "From Vista on Windows unloads the hive by force. A COM+ application that still serves "
            "then gets error 1018, or finds no key, does not expect it, and ends (KB 2287297)."
        ),
        goal=(
            "the application goes on serving after the unload on Windows 7, at rest it holds "
            "nothing in the user's hive, and every logoff ends."
        ),
        broken=_text(_COMPLUS, "win7"),
        hints=(
            "Every call may fail here: an error is an OSError. Go on with the next request then.",
            "If the second open fails, the root is still open: who closes it?",
            "An application that returns at the first error serves nobody any more.",
        ),
        solution=_text(_COMPLUS_MENDED, "win7"),
        tempting=_text(_COMPLUS_NAIVE, "win7"),
        judge=Plainly(
            systems=("win7",),
            claims=("released", "no-thread-fails", "logoff-ends"),
            needs=(StillDone(r"Software\Shop"),),
        ),
    ),
    Challenge(
        name="uphclean-race",
        title="The clean-up comes too late",
        story=(
            "UPHClean frees the hives that services keep. Up to version 1.6 Winlogon does not wait "
            "for it; and a call that was waiting may open the hive anew after the clean-up."
        ),
        goal="no profile is lost, in whatever order they act.",
        broken=_settings(
            "uphclean-race",
            'version: "1.6" or "2.0"; attempts: how often Winlogon tries, 1 to 3.',
            version="1.6",
            attempts=1,
        ),
        hints=(
            "From version 2.0 on Winlogon waits for the clean-up.",
            "Step through what is still lost with 2.0: what comes between clean-up and unload?",
        ),
        solution=_settings(
            "uphclean-race",
            'version: "1.6" or "2.0"; attempts: how often Winlogon tries, 1 to 3.',
            version="2.0",
            attempts=2,
        ),
        tempting=_settings("uphclean-race", "One change is not enough.", version="2.0", attempts=1),
        judge=BySettings(
            incident="uphclean-race",
            claims=("raced", "lost", "live"),
            allowed={"version": ("1.6", "2.0"), "attempts": (1, 2, 3)},
        ),
    ),
    Challenge(
        name="two-users",
        title="One reads what is another's",
        story=(
            "A service reads its own defaults by HKEY_CURRENT_USER as it starts. From then on the "
            "root is cached for all its threads, and who is served reads the service's settings "
            "instead of their own. Two threads serve."
        ),
        goal=f"everybody reads their own data; {_GIVEN_BACK}, on Windows 2000 and XP.",
        broken=_text(_TWO, "w2k", 2),
        hints=(
            "Whose root is it that HKEY_CURRENT_USER stands for after the first call?",
            "A thread can have a root of its own: RegOpenCurrentUser, since Windows 2000.",
        ),
        solution=_text(_TWO_MENDED, "w2k", 2),
        tempting=_text(_TWO_NAIVE, "w2k", 2),
        judge=Plainly(
            systems=("w2k", "xp"),
            claims=(*_LET_GO, "right-users-data"),
            needs=(StillDone(r"Software\Office", own=True), StillDone(r"Software\Office")),
            threads=2,
        ),
    ),
    Challenge(
        name="shared-host",
        title="One of two services in a process is mended",
        story=(
            "The Telephony service was mended, and still the process keeps the hive: a neighbour "
            "lives in it, and the root is the process's. Two threads serve."
        ),
        goal=f"{_GIVEN_BACK}, on Windows 2000.",
        broken=_text(_HOST, "w2k", 2),
        hints=(
            "Which function opens what is left at the end?",
            "To close the root after all is to close it under the other thread.",
        ),
        solution=_text(_HOST_MENDED, "w2k", 2),
        tempting=_text(_HOST_NAIVE, "w2k", 2),
        judge=Plainly(
            systems=("w2k",),
            claims=_LET_GO,
            needs=(StillDone(r"Software\Dialing"), StillDone(r"Software\Neighbour")),
            threads=2,
        ),
    ),
    Challenge(
        name="reg-load",
        title="A key that nobody uses is still referred to",
        story=(
            "A managed runtime closes a key when its last reference goes. This script's variable "
            "refers to one until the next request comes (after the reg unload that says Access is "
            "denied)."
        ),
        goal=f"{_GIVEN_BACK}, on Windows 2000.",
        broken=_text(_SCRIPT, "w2k"),
        hints=(
            "Step to the end: which line opened what is left, and which variable holds it?",
            '"with win.OpenKey(...) as key:" closes at the end of the block; so does key.Close().',
        ),
        solution=_text(_SCRIPT_MENDED, "w2k"),
        judge=Plainly(
            systems=("w2k",), claims=_LET_GO, needs=(StillDone(r"Software\Script", "Version"),)
        ),
    ),
    Challenge(
        name="second-session",
        title="One session unloads for all",
        story=(
            "A server loads a user's profile for the first session and unloads it as that ends: a "
            "second session of the user loses its hive (after wolfSSH PR 1243)."
        ),
        goal="no session loses the hive, and after the last one it is gone.",
        broken=_settings(
            "second-session",
            'server: "first-loads", "own-load", "never-unload".',
            server="first-loads",
        ),
        hints=(
            "A load belongs to an unload, as an open belongs to a close.",
            "Loads are counted: the last unload takes the hive away.",
        ),
        solution=_settings(
            "second-session",
            'server: "first-loads", "own-load", "never-unload".',
            server="own-load",
        ),
        tempting=_settings("second-session", "Keep it for ever.", server="never-unload"),
        judge=BySettings(
            incident="second-session",
            claims=("kept", "left", "used", "together"),
            allowed={"server": ("first-loads", "own-load", "never-unload")},
        ),
    ),
    Challenge(
        name="temp-profiles",
        title="An agent keeps hives, and logons get temporary profiles",
        story=(
            "An agent loads each user's hive to look into it. Who logs on while it is loaded gets "
            "a temporary profile, and loses at logoff what they did (events 1511 and 1515)."
        ),
        goal="no logon gets a temporary profile, whenever it comes.",
        broken=_settings(
            "temp-profiles", 'agent "leaks", "unloads", "skips" or "offline".', agent="leaks"
        ),
        hints=(
            "The agent that unloads is still in the way for a moment. So is one that looks first.",
            "What of a hive can be read without having it loaded at all?",
        ),
        solution=_settings(
            "temp-profiles", 'agent "leaks", "unloads", "skips" or "offline".', agent="offline"
        ),
        tempting=_settings("temp-profiles", "Look first.", agent="skips"),
        judge=BySettings(
            incident="temp-profiles",
            claims=("temporary", "left", "session"),
            allowed={"agent": ("leaks", "unloads", "skips", "offline")},
        ),
    ),
    Challenge(
        name="msix-silo",
        title="The updated app does not start",
        story=(
            "An updated app gets a new container, which mounts the files that the old one still "
            "has mounted: 0x80070020. Here tools that the app started keep the old container; what "
            "keeps real ones is contested."
        ),
        goal="a way out after which the app starts, and no running container loses its hive.",
        broken=_settings(
            "msix-silo",
            'way: "none", "end-members", "stop-packaged-service", "restart-appinfo",\n    '
            '"unload-by-path", "force-unload" or "sign-out".',
            way="none",
        ),
        hints=(
            "Who keeps the old container? What has to end?",
            "An unload by force takes the hive away under whoever uses it.",
        ),
        solution=_settings("msix-silo", "End the tools that the app started.", way="end-members"),
        tempting=_settings("msix-silo", "Take it away.", way="force-unload"),
        judge=BySettings(
            incident="msix-silo",
            claims=("starts", "out", "unharmed", "updated"),
            allowed={
                "way": (
                    *("none", "end-members", "stop-packaged-service", "restart-appinfo"),
                    *("unload-by-path", "force-unload", "sign-out"),
                )
            },
        ),
    ),
)
"""The challenges, in order."""
