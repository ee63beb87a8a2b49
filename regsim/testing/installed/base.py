"""The registry of an installed system, made from facts that name their source.

`parts` gives the keys of each hive, in parts of one source each, and `trees` builds the hives. What
is not known of a generation, or is different on every computer, is not there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from regsim import keypath
from regsim.kernel.tree import Node, grow
from regsim.policy import Evidence, Grade
from regsim.testing.installed import folders, zones
from regsim.testing.installed.system import Installation
from regsim.types import Sid, Value, ValueType

SOFTWARE, SYSTEM, USER, CLASSES, HARDWARE = "SOFTWARE", "SYSTEM", "user", "classes", "HARDWARE"
"""The hives that parts are of."""

SERVICES: Final = {Sid("S-1-5-19"): "LocalService", Sid("S-1-5-20"): "NetworkService"}
"""The accounts of services that have a hive of their own, and their folders."""
SYSTEM_SID: Final = Sid("S-1-5-18")

_NT: Final = r"Microsoft\Windows NT\CurrentVersion"
_WINDOWS: Final = r"Microsoft\Windows\CurrentVersion"
_OLD_BUILD: Final = "1.511.1 () (Obsolete data - do not use)"
"""What CurrentBuild says from NT 3.51 to Server 2003, where CurrentBuildNumber counts."""
_INSTALLED: Final = 1_701_388_800
"""When the system was installed, in seconds since 1970: a month before its clock stands."""
_GUID: Final = "5e3c2f0a-7d41-4b8e-9a6c-1f2d3b4c5d6e"
_KIT: Final = "Windows 2000 Resource Kit, Registry"
_EXPLORER: Final = rf"Software\{_WINDOWS}\Explorer"

Values = tuple[Value, ...]


@attrs.frozen(kw_only=True)
class KnownKeys:
    """Keys of one hive that are known from one source.

    Attributes:
        hive: the hive.
        keys: paths below its root, with their values.
        evidence: who says so.
    """

    hive: str
    keys: Mapping[str, Values]
    evidence: Evidence


def _documented(source: str) -> Evidence:
    return Evidence(Grade.DOCUMENTED, source)


def _expand(name: str, text: str) -> Value:
    return attrs.evolve(Value.sz(name, text), type=ValueType.EXPAND_SZ)


def _texts(values: Mapping[str, str]) -> Values:
    """Return *values* as the system writes them: with a ``%``, as REG_EXPAND_SZ."""
    return tuple(
        _expand(name, text) if "%" in text else Value.sz(name, text)
        for name, text in values.items()
        if text
    )


def _sid_bytes(sid: Sid) -> bytes:
    revision, authority, *rest = (int(number) for number in sid.split("-")[1:])
    head = bytes([revision, len(rest)]) + authority.to_bytes(6, "big")
    return head + b"".join(struct.pack("<I", number) for number in rest)


# -- SOFTWARE -----------------------------------------------------------------------------------


def _version(system: Installation) -> Values:
    r"""Return the values of ``Windows NT\CurrentVersion`` that name the system."""
    major, minor, build = system.version
    shown = {(3, 10): "3.1", (10, 0): "6.3"}.get((major, minor), f"{major}.{minor}")
    texts = {
        "ProductName": system.product,
        "CurrentVersion": shown,
        "CurrentBuildNumber": str(build),
        "CurrentBuild": str(build) if system.modern else _OLD_BUILD,
        "CSDVersion": system.service_pack_text,
        "CurrentType": "Multiprocessor Free",
        "EditionID": system.edition,
        "InstallationType": "Client" if system.version >= (6, 1, 0) and system.edition else "",
        "SystemRoot": system.windows,
        "PathName": system.windows if system.version >= (5, 0, 0) else "",
        "RegisteredOwner": folders.USER,
        "ReleaseId": "2009" if system.release else "",
        "DisplayVersion": system.release,
    }
    values = (*_texts(texts), Value.dword("InstallDate", _INSTALLED))
    if system.release:
        numbers = {"CurrentMajorVersionNumber": major, "CurrentMinorVersionNumber": minor}
        numbers["UBR"] = system.revision
        values += tuple(Value.dword(name, number) for name, number in numbers.items())
    return values


def _windows(system: Installation) -> Values:
    places = folders.program_files(system)
    names = {"ProgramFilesDir": "ProgramFiles", "CommonFilesDir": "CommonProgramFiles"}
    for name, variable in list(names.items()):
        names[f"{name} (x86)"] = f"{variable}(x86)"
    texts = {name: places.get(variable, "") for name, variable in names.items()}
    if not system.nt:
        version = "{}.{:02}.{}".format(*system.version)
        texts |= {"ProductName": system.product, "Version": "Windows 95", "VersionNumber": version}
        texts |= {"SystemRoot": system.windows}
    return _texts(texts)


def _profile_list(system: Installation, user: Sid) -> dict[str, Values]:
    """Return the list of profiles."""
    top = rf"{_NT}\ProfileList"
    modern = system.modern
    users = r"%SystemDrive%\Users" if modern else r"%SystemDrive%\Documents and Settings"
    texts = {"ProfilesDirectory": users if system.version >= (5, 0, 0) else ""}
    if modern:
        texts |= {"Default": rf"{users}\Default", "Public": rf"{users}\Public"}
        texts |= {"ProgramData": r"%SystemDrive%\ProgramData"}
    elif texts["ProfilesDirectory"]:
        texts |= {"AllUsersProfile": "All Users", "DefaultUserProfile": "Default User"}
    places = {user: folders.profile(system)}
    if system.service_accounts:
        places[SYSTEM_SID] = r"%systemroot%\system32\config\systemprofile"
        for sid, name in SERVICES.items():
            places[sid] = service_profile(system, name, "%systemroot%", users)
    keys = {top: _texts(texts)}
    for sid, place in places.items():
        values = (
            _expand("ProfileImagePath", place),
            Value("Sid", ValueType.BINARY, _sid_bytes(sid)),
        )
        keys[rf"{top}\{sid}"] = (*values, Value.dword("Flags", 0 if sid == user else 12))
    return keys


def service_profile(system: Installation, name: str, windows: str, users: str) -> str:
    """Return the folder of the account *name* of services, below the folders that are given."""
    return rf"{windows}\ServiceProfiles\{name}" if system.modern else rf"{users}\{name}"


def _zones(system: Installation) -> dict[str, Values]:
    top = rf"{_NT}\Time Zones"
    keys: dict[str, Values] = {top: ()}
    for zone in zones.ZONES:
        if zone.name == zones.UTC and not system.modern:
            continue
        std, dlt = zone.titles
        texts = _texts({"Display": zone.display, "Dlt": dlt, "Std": std})
        keys[rf"{top}\{zone.key}"] = (*texts, Value("TZI", ValueType.BINARY, zone.tzi()))
    return keys


def _software(system: Installation, user: Sid) -> Iterable[KnownKeys]:
    names = (
        "Explorer",
        "Policies",
        "Run",
        "RunOnce",
        "Uninstall",
        "App Paths",
        "Internet Settings",
    )
    keys: dict[str, Values] = {_WINDOWS: _windows(system), r"Classes\CLSID": (), "Policies": ()}
    keys |= {rf"{_WINDOWS}\{name}": () for name in names}
    if system.wide:
        keys |= {rf"WOW6432Node\{_WINDOWS}\{name}": () for name in names}
    yield KnownKeys(hive=SOFTWARE, keys=keys, evidence=_documented("MSDN, Registry Reference"))
    if system.nt:
        named = {_NT: _version(system)}
        if system.wide:
            named[rf"WOW6432Node\{_NT}"] = _version(system)
        yield KnownKeys(hive=SOFTWARE, keys=named, evidence=system.evidence)
    if system.version >= (5, 1, 0):
        guid = (Value.sz("MachineGuid", _GUID),)
        evidence = Evidence(Grade.OBSERVED, "Wine 8.0, dlls/rsaenh; it is in the 64-bit view alone")
        yield KnownKeys(hive=SOFTWARE, keys={r"Microsoft\Cryptography": guid}, evidence=evidence)
    if system.nt and system.profiles:
        evidence = _documented("MSDN, Profiles Directory; KB 214636, KB 314478, KB 947215")
        yield KnownKeys(hive=SOFTWARE, keys=_profile_list(system, user), evidence=evidence)
    if system.version >= (5, 0, 0):
        yield KnownKeys(hive=SOFTWARE, keys=_zones(system), evidence=zones.SOURCE)
    shared = folders.common(system)
    if shared:
        explorer = rf"{_WINDOWS}\Explorer"
        keys = {rf"{explorer}\{name}": _texts(shared) for name in _FOLDERS}
        evidence = Evidence(Grade.INFERRED, "MSDN, CSIDL; as the users' own folders are listed")
        yield KnownKeys(hive=SOFTWARE, keys=keys, evidence=evidence)


# -- SYSTEM and HARDWARE ------------------------------------------------------------------------


def control(system: Installation) -> str:
    """Return the path of the control set that is in use; others lead to it by a link."""
    return "CurrentControlSet" if system.lean else "ControlSet001"


def _system(system: Installation) -> Iterable[KnownKeys]:
    top = control(system)
    name = (Value.sz("ComputerName", folders.COMPUTER),)
    host = {"Hostname": folders.COMPUTER, "NV Hostname": folders.COMPUTER}
    kind = "ServerNT" if system.server else "WinNT"
    keys = {
        rf"{top}\Control\ComputerName\ComputerName": name,
        rf"{top}\Control\ComputerName\ActiveComputerName": name,
        rf"{top}\Control\ProductOptions": (Value.sz("ProductType", kind),),
        rf"{top}\Services\Tcpip\Parameters": _texts(host),
        rf"{top}\Hardware Profiles\0001": (),
        rf"{top}\Enum": (),
    }
    yield KnownKeys(
        hive=SYSTEM, keys=keys, evidence=_documented("Windows 2000 Resource Kit, Registry")
    )
    variables = _texts(folders.machine_environment(system))
    if system.nt:
        place = rf"{top}\Control\Session Manager\Environment"
        yield KnownKeys(
            hive=SYSTEM,
            keys={place: variables},
            evidence=_documented("MSDN, Environment Variables"),
        )
    if not system.lean:
        numbers = {"Current": 1, "Default": 1, "Failed": 0, "LastKnownGood": 2}
        select = tuple(Value.dword(name, number) for name, number in numbers.items())
        yield KnownKeys(
            hive=SYSTEM,
            keys={"Select": select},
            evidence=_documented("Microsoft, KB 100010: control sets"),
        )
    if system.version >= (5, 0, 0):
        place = rf"{top}\Control\TimeZoneInformation"
        yield KnownKeys(hive=SYSTEM, keys={place: _zone(system)}, evidence=zones.SOURCE)


def _zone(system: Installation) -> Values:
    """Return the zone of the computer: UTC, or what came nearest before there was one."""
    names = (zones.UTC,) if system.modern else ("Greenwich",)
    zone = next(each for each in zones.ZONES if each.name in names)
    std, dlt = zone.titles
    numbers = {"Bias": 0, "ActiveTimeBias": 0, "StandardBias": 0, "DaylightBias": 0}
    texts = {"StandardName": std, "DaylightName": dlt}
    if system.modern:
        texts["TimeZoneKeyName"] = zone.key
    return (*_texts(texts), *(Value.dword(name, number) for name, number in numbers.items()))


def _hardware(system: Installation) -> Iterable[KnownKeys]:
    texts = {"Identifier": folders.processor(system), "VendorIdentifier": "GenuineIntel"}
    speed = 600
    if system.wide:
        texts["ProcessorNameString"] = "Intel(R) Core(TM) i7-8700 CPU @ 3.20GHz"
        speed = 3192
    values = (*_texts(texts), Value.dword("~MHz", speed))
    top = r"DESCRIPTION\System"
    keys = {top: (), rf"{top}\CentralProcessor\0": values, r"DEVICEMAP": (), "RESOURCEMAP": ()}
    evidence = _documented(f"{_KIT}: HKLM\\HARDWARE\\DESCRIPTION")
    yield KnownKeys(hive=HARDWARE, keys=keys, evidence=evidence)


# -- users ----------------------------------------------------------------------------------------

_DESKTOP: Final = {"CursorBlinkRate": "530", "MenuShowDelay": "400", "WheelScrollLines": "3"}
_INTERNATIONAL: Final = {
    "LocaleName": "en-US",
    "sCountry": "United States",
    "sLanguage": "ENU",
    "iCountry": "1",
    "sShortDate": "M/d/yyyy",
    "sTimeFormat": "h:mm:ss tt",
    "sShortTime": "h:mm tt",
    "sDecimal": ".",
    "sThousand": ",",
    "sList": ",",
    "sDate": "/",
    "sTime": ":",
    "iMeasure": "1",
}
_FOLDERS: Final = ("Shell Folders", "User Shell Folders")


def _user(system: Installation) -> Iterable[KnownKeys]:
    evidence, shell = folders.layout(system)
    names = ("Explorer", "Policies", "Internet Settings")
    keys: dict[str, Values] = {rf"Software\{_WINDOWS}\{name}": () for name in names}
    keys |= dict.fromkeys(("Console", "Environment", "Printers", r"Control Panel\Desktop"), ())
    if system.version >= (5, 0, 0):
        keys[rf"Software\{_WINDOWS}\Internet Settings"] = (Value.dword("ProxyEnable", 0),)
        keys[r"Control Panel\Desktop"] = _texts(_DESKTOP)
    yield KnownKeys(hive=USER, keys=keys, evidence=evidence)
    yield from _folders(system, shell, evidence)
    keys = {rf"Software\{_WINDOWS}\{name}": () for name in ("Run", "RunOnce")}
    yield KnownKeys(hive=USER, keys=keys, evidence=_documented("MSDN, Run and RunOnce Keys"))
    if system.modern:
        keys = {r"Control Panel\International": _texts(_INTERNATIONAL)}
        yield KnownKeys(hive=USER, keys=keys, evidence=folders.NEW_PROFILE)
    keys = {r"Keyboard Layout\Preload": (Value.sz("1", "00000409"),)}
    keys[r"Control Panel\International"] = (Value.sz("Locale", "00000409"),)
    yield KnownKeys(hive=USER, keys=keys, evidence=_documented(f"{_KIT}: language identifiers"))
    if system.release:
        themes = ("AppsUseLightTheme", "SystemUsesLightTheme", "EnableTransparency")
        light = tuple(Value.dword(name, 1) for name in themes)
        yield KnownKeys(
            hive=USER,
            keys={
                rf"Software\{_WINDOWS}\Themes\Personalize": light,
                rf"Software\{_WINDOWS}\Uninstall": (),
            },
            evidence=Evidence(Grade.INFERRED, "the settings' page of colours, on Light; OneDrive"),
        )


def _folders(
    system: Installation, shell: Mapping[str, str], evidence: Evidence
) -> Iterable[KnownKeys]:
    """Return the shell folders, as full paths and by their variable, and those for files."""
    if shell:
        home = folders.profile(system)
        there = {name: rf"{home}\{place}" for name, place in shell.items()}
        here = there if not system.nt else {n: rf"%USERPROFILE%\{p}" for n, p in shell.items()}
        both = (there, here)
        keys = {rf"{_EXPLORER}\{n}": _texts(v) for n, v in zip(_FOLDERS, both, strict=True)}
        yield KnownKeys(hive=USER, keys=keys, evidence=evidence)
    if folders.temporary(system):
        place = rf"%USERPROFILE%\{folders.temporary(system)}"
        keys = {"Environment": _texts({"TEMP": place, "TMP": place})}
        yield KnownKeys(hive=USER, keys=keys, evidence=evidence)


def _classes(_system: Installation) -> Iterable[KnownKeys]:
    keys: dict[str, Values] = {"CLSID": (), r"Local Settings\Software\Microsoft\Windows": ()}
    yield KnownKeys(hive=CLASSES, keys=keys, evidence=_documented("MSDN, HKEY_CLASSES_ROOT Key"))


def parts(system: Installation, user: Sid) -> list[KnownKeys]:
    """Return all that is known of *system*'s registry on a computer where *user* has a profile."""
    found = [*_software(system, user), *_system(system), *_hardware(system)]
    return [*found, *_user(system), *_classes(system)]


def trees(system: Installation, user: Sid, time: int) -> dict[str, Node]:
    """Return the trees of the hives, by the hives' names; *time* is when all was last written."""
    roots = {name: Node(name) for name in (SOFTWARE, SYSTEM, USER, CLASSES, HARDWARE)}
    for part in parts(system, user):
        for path, values in part.keys.items():
            node = grow(roots[part.hive], keypath.split(path))
            for value in values:
                node.values[keypath.fold_name(value.name)] = value
    if not system.lean:
        _link(roots[SYSTEM], "CurrentControlSet", rf"\REGISTRY\MACHINE\SYSTEM\{control(system)}")
    _link(
        grow(roots[SYSTEM], (control(system), "Hardware Profiles")),
        "Current",
        rf"\REGISTRY\MACHINE\SYSTEM\{control(system)}\Hardware Profiles\0001",
    )
    for name, text in folders.volatile_environment(system).items():
        node = grow(roots[USER], ("Volatile Environment",))
        node.volatile = True
        node.values[keypath.fold_name(name)] = Value.sz(name, text)
    return _written(roots, time)


_BARE: Final[Mapping[str, tuple[str, ...]]] = {
    SOFTWARE: (
        *(rf"{_WINDOWS}\{name}" for name in ("Explorer", "Run", "RunOnce", "Uninstall")),
        *(rf"{_WINDOWS}\Policies", rf"{_NT}\ProfileList", r"Classes\CLSID", "Policies"),
        "WOW6432Node",
    ),
    SYSTEM: (
        r"CurrentControlSet\Control\Session Manager\Environment",
        r"CurrentControlSet\Hardware Profiles\Current",
        r"CurrentControlSet\Services",
    ),
    USER: (
        *(rf"Software\{_WINDOWS}\{name}" for name in ("Explorer", "Run", "RunOnce", "Policies")),
        *("Console", r"Control Panel\Desktop", "Environment", "Volatile Environment"),
    ),
    CLASSES: ("CLSID", r"Local Settings\Software\Microsoft\Windows"),
}


def bare_trees(time: int) -> dict[str, Node]:
    """Return trees of hives that have little more than the keys that programs begin at."""
    roots = {name: Node(name) for name in _BARE}
    for name, paths in _BARE.items():
        for path in paths:
            grow(roots[name], keypath.split(path))
    places = {"ProgramFilesDir": r"C:\Program Files"}
    places["CommonFilesDir"] = rf"{places['ProgramFilesDir']}\Common Files"
    node = grow(roots[SOFTWARE], keypath.split(_WINDOWS))
    for value in _texts(places):
        node.values[keypath.fold_name(value.name)] = value
    return _written(roots, time)


def _written(roots: dict[str, Node], time: int) -> dict[str, Node]:
    for root in roots.values():
        for _, node in root.walk():
            node.last_write = time
    return roots


def _link(parent: Node, name: str, to: str) -> None:
    grow(parent, (name,)).link = to
