"""Where an installed system keeps a user's folders, and what its environment says of them."""

from __future__ import annotations

from typing import Final

from regsim.policy import Evidence, Grade
from regsim.testing.installed.system import Installation

USER: Final = "user"
"""The account that is logged on."""
COMPUTER: Final = "DESKTOP-REGSIM"
"""The computer's name."""

OLD_PROFILE: Final = Evidence(
    Grade.OBSERVED, "a captured NTUSER.DAT of Windows XP (log2timeline/plaso, test_data)"
)
NEW_PROFILE: Final = Evidence(
    Grade.OBSERVED, "a captured NTUSER.DAT of Windows 7 (mkorman90/regipy, regipy_tests/data)"
)
FLAT_PROFILE: Final = Evidence(
    Grade.INFERRED, "Windows 95 and NT 4.0 resource kits; only names that both sides of 2000 share"
)

_MICROSOFT: Final = r"AppData\Roaming\Microsoft\Windows"
_NEW: Final = {
    "AppData": r"AppData\Roaming",
    "Cache": r"AppData\Local\Microsoft\Windows\Temporary Internet Files",
    "Cookies": rf"{_MICROSOFT}\Cookies",
    "Desktop": "Desktop",
    "Favorites": "Favorites",
    "History": r"AppData\Local\Microsoft\Windows\History",
    "Local AppData": r"AppData\Local",
    "My Music": "Music",
    "My Pictures": "Pictures",
    "My Video": "Videos",
    "NetHood": rf"{_MICROSOFT}\Network Shortcuts",
    "Personal": "Documents",
    "PrintHood": rf"{_MICROSOFT}\Printer Shortcuts",
    "Programs": rf"{_MICROSOFT}\Start Menu\Programs",
    "Recent": rf"{_MICROSOFT}\Recent",
    "SendTo": rf"{_MICROSOFT}\SendTo",
    "Startup": rf"{_MICROSOFT}\Start Menu\Programs\Startup",
    "Start Menu": rf"{_MICROSOFT}\Start Menu",
    "Templates": rf"{_MICROSOFT}\Templates",
    "{374DE290-123F-4565-9164-39C4925E467B}": "Downloads",
}
_SINCE_8: Final = {
    "Cache": r"AppData\Local\Microsoft\Windows\INetCache",
    "Cookies": r"AppData\Local\Microsoft\Windows\INetCookies",
}
_FLAT: Final = {
    "AppData": "Application Data",
    "Desktop": "Desktop",
    "Favorites": "Favorites",
    "NetHood": "NetHood",
    "Personal": "Personal",
    "Programs": r"Start Menu\Programs",
    "Recent": "Recent",
    "SendTo": "SendTo",
    "Start Menu": "Start Menu",
    "Startup": r"Start Menu\Programs\Startup",
}
_OLD: Final = {
    **_FLAT,
    "PrintHood": "PrintHood",
    "Templates": "Templates",
    "Personal": "My Documents",
    "Cookies": "Cookies",
    "My Pictures": r"My Documents\My Pictures",
    "Local Settings": "Local Settings",
    "Local AppData": r"Local Settings\Application Data",
    "Cache": r"Local Settings\Temporary Internet Files",
    "History": r"Local Settings\History",
}
_COMMON_NEW: Final = {
    "Common AppData": "",
    "Common Desktop": r"..\Public\Desktop",
    "Common Documents": r"..\Public\Documents",
    "Common Programs": r"Microsoft\Windows\Start Menu\Programs",
    "Common Start Menu": r"Microsoft\Windows\Start Menu",
    "Common Startup": r"Microsoft\Windows\Start Menu\Programs\Startup",
    "Common Templates": r"Microsoft\Windows\Templates",
}
_COMMON_OLD: Final = {
    "Common AppData": "Application Data",
    "Common Desktop": "Desktop",
    "Common Documents": "Documents",
    "Common Programs": r"Start Menu\Programs",
    "Common Start Menu": "Start Menu",
    "Common Startup": r"Start Menu\Programs\Startup",
    "Common Templates": "Templates",
}


def profile(system: Installation, user: str = USER) -> str:
    """Return the folder of *user*'s profile; the system's own where users have none."""
    return rf"{system.profiles}\{user}" if system.profiles else system.windows


def layout(system: Installation) -> tuple[Evidence, dict[str, str]]:
    """Return the shell folders by their values' names, below the profile, and who says so.

    None for systems older than the shell that has them.
    """
    if system.modern:
        newer = _SINCE_8 if system.version >= (6, 2, 0) else {}
        return NEW_PROFILE, {**_NEW, **newer}
    if system.version >= (5, 0, 0):
        return OLD_PROFILE, _OLD
    return FLAT_PROFILE, _FLAT if system.version >= (4, 0, 0) else {}


def common(system: Installation) -> dict[str, str]:
    """Return the folders that all users share by their values' names, as full paths."""
    if system.version < (5, 0, 0):
        return {}
    if system.modern:
        public = rf"{system.profiles}\Public"
        return {
            name: place.replace("..\\Public", public)
            if place.startswith("..")
            else rf"C:\ProgramData\{place}".rstrip("\\")
            for name, place in _COMMON_NEW.items()
        }
    return {name: rf"{system.profiles}\All Users\{place}" for name, place in _COMMON_OLD.items()}


def program_files(system: Installation) -> dict[str, str]:
    """Return the folders of programs by the names of the environment's variables."""
    found = {
        "ProgramFiles": r"C:\Program Files",
        "CommonProgramFiles": r"C:\Program Files\Common Files",
    }
    if system.wide:
        found["ProgramFiles(x86)"] = r"C:\Program Files (x86)"
        found["CommonProgramFiles(x86)"] = r"C:\Program Files (x86)\Common Files"
        if system.version >= (6, 1, 0):
            found["ProgramW6432"] = found["ProgramFiles"]
            found["CommonProgramW6432"] = found["CommonProgramFiles"]
    return found


def machine_environment(system: Installation) -> dict[str, str]:
    """Return the variables that the registry has for all processes, as it has them."""
    level = "6"
    found = {
        "ComSpec": r"%SystemRoot%\system32\cmd.exe",
        "NUMBER_OF_PROCESSORS": "1",
        "OS": "Windows_NT",
        "Path": r"%SystemRoot%\system32;%SystemRoot%",
        "PROCESSOR_ARCHITECTURE": system.machine,
        "PROCESSOR_IDENTIFIER": f"{processor(system)}, GenuineIntel",
        "PROCESSOR_LEVEL": level,
        "PROCESSOR_REVISION": "9e0a" if system.wide else "0803",
        "windir": "%SystemRoot%",
    }
    if system.version >= (5, 0, 0):
        found["PATHEXT"] = ".COM;.EXE;.BAT;.CMD;.VBS;.VBE;.JS;.JSE;.WSF;.WSH"
        found["TEMP"] = found["TMP"] = r"%SystemRoot%\TEMP"
    if system.modern:
        found["PATHEXT"] += ";.MSC"
        found["Path"] += r";%SystemRoot%\System32\Wbem"
        found["USERNAME"] = "SYSTEM"
    return found


def processor(system: Installation) -> str:
    """Return how the system names the kind of the processor."""
    if system.wide and system.modern:
        return "Intel64 Family 6 Model 158 Stepping 10"
    return (
        "EM64T Family 6 Model 15 Stepping 6" if system.wide else "x86 Family 6 Model 8 Stepping 3"
    )


def volatile_environment(system: Installation) -> dict[str, str]:
    """Return the variables that a logon makes, which the registry has until the logoff."""
    home = profile(system)
    found = {"LOGONSERVER": rf"\\{COMPUTER}"}
    if system.version >= (5, 0, 0):
        found |= {"HOMEDRIVE": "C:", "HOMEPATH": home[2:], "APPDATA": appdata(system)}
    if system.modern:
        found |= {
            "USERPROFILE": home,
            "LOCALAPPDATA": rf"{home}\AppData\Local",
            "USERDOMAIN": COMPUTER,
            "USERNAME": USER,
        }
        if system.version >= (6, 1, 0):
            found["USERDOMAIN_ROAMINGPROFILE"] = COMPUTER
    return found


def appdata(system: Installation) -> str:
    """Return the folder of the user's application data."""
    return rf"{profile(system)}\{layout(system)[1]['AppData']}"


def temporary(system: Installation) -> str:
    """Return the user's folder for temporary files, below the profile; "" where it has none."""
    if system.modern:
        return r"AppData\Local\Temp"
    return r"Local Settings\Temp" if system.version >= (5, 0, 0) else ""
