"""Which product each dialect is an installation of: names, numbers and places, with sources.

A dialect says how a registry behaves. That says nothing of editions, service packs and folders, for
which one installation stands here: the one that was most common when the system was new, in
English, on drive C.
"""

from __future__ import annotations

from typing import Final

import attrs

from regsim.errors import UnknownNameError
from regsim.policy import Evidence, Grade

_VERSIONS: Final = "MSDN, Operating System Version"
_RELEASES: Final = "Microsoft, release information of Windows"


@attrs.frozen(kw_only=True)
class Installation:
    """One installation.

    Attributes:
        product: its name, as the registry has it.
        version: major and minor version and build.
        evidence: who says so.
        service_pack: the number of the last one that is installed; 0 for none.
        edition: the edition's name in the registry; "" where there is no such value.
        release: the name of the yearly release, such as ``22H2``.
        revision: the number of the last update; 0 where the registry does not tell it.
        machine: the processor, as the system names it.
        server: whether it is a server.
        windows: the folder of the system.
        profiles: the folder of the users' profiles; "" where users have none.
        nt: whether it is of the family of NT.
        lean: whether it lacks the copies of the control set and the profiles of services' accounts
            that Microsoft's systems of its version have.
    """

    product: str
    version: tuple[int, int, int]
    evidence: Evidence
    service_pack: int = 0
    edition: str = ""
    release: str = ""
    revision: int = 0
    machine: str = "AMD64"
    server: bool = False
    windows: str = r"C:\Windows"
    profiles: str = r"C:\Users"
    nt: bool = True
    lean: bool = False

    @property
    def build(self) -> int:
        """The number of the build."""
        return self.version[2]

    @property
    def wide(self) -> bool:
        """Whether it is a 64-bit system."""
        return self.machine == "AMD64"

    @property
    def service_pack_text(self) -> str:
        """The service pack as the system writes it: ``Service Pack 1``, or nothing."""
        return f"Service Pack {self.service_pack}" if self.service_pack else ""

    @property
    def service_accounts(self) -> bool:
        """Whether accounts of services have profiles: since Windows XP (KB 243330; documented)."""
        return self.version >= (5, 1, 0) and not self.lean

    @property
    def modern(self) -> bool:
        """Whether profiles are laid out as since Windows Vista."""
        return self.version >= (6, 0, 0)


def _documented(source: str) -> Evidence:
    return Evidence(Grade.DOCUMENTED, source)


def _observed(source: str) -> Evidence:
    return Evidence(Grade.OBSERVED, source)


_NT3 = Installation(
    product="",  # the value is newer
    version=(3, 10, 528),
    evidence=_documented("Microsoft, KB 103657: Windows NT 3.1, build 528 with a service pack"),
    machine="x86",
    windows=r"C:\WINNT",
    profiles="",
)
_NT4 = Installation(
    product="",
    version=(4, 0, 1381),
    evidence=_documented(f"{_VERSIONS}: 4.0.1381; KB 246009 for the text of service pack 6a"),
    machine="x86",
    windows=r"C:\WINNT",
    profiles=r"C:\WINNT\Profiles",
)
_TSE = attrs.evolve(
    _NT4,
    server=True,
    evidence=_documented("Microsoft, KB Q241572 and KB 152734: Terminal Server Edition is NT 4.0"),
)
_W2K = Installation(
    product="Microsoft Windows 2000",
    version=(5, 0, 2195),
    evidence=_documented(f"{_VERSIONS}; KB 260910: build 2195, service pack 4 is the last"),
    service_pack=4,
    machine="x86",
    windows=r"C:\WINNT",
    profiles=r"C:\Documents and Settings",
)
_WIN7 = Installation(
    product="Windows 7 Professional",
    version=(6, 1, 7601),
    evidence=_documented(f"{_VERSIONS}; {_RELEASES}: build 7601 with service pack 1"),
    service_pack=1,
    edition="Professional",
)

SYSTEMS: Final[dict[str, Installation]] = {
    "nt31": _NT3,
    "nt351": attrs.evolve(
        _NT3, version=(3, 51, 1057), evidence=_documented("Microsoft, KB 130640: build 1057")
    ),
    "nt4-rtm": _NT4,
    **{f"nt4-sp{number}": attrs.evolve(_NT4, service_pack=number) for number in range(1, 7)},
    "nt4-sp6a": attrs.evolve(_NT4, service_pack=6),
    "nt4-tse-rtm": attrs.evolve(_TSE, service_pack=3),
    "nt4-tse-sp4": attrs.evolve(_TSE, service_pack=4),
    "nt4-tse-sp5": attrs.evolve(_TSE, service_pack=5),
    "win95": Installation(
        product="Microsoft Windows 95",
        version=(4, 0, 950),
        evidence=_documented("Microsoft, KB 158238: version 4.00.950"),
        machine="x86",
        windows=r"C:\WINDOWS",
        profiles="",
        nt=False,
        lean=True,
    ),
    "w2k": _W2K,
    "xp": attrs.evolve(
        _W2K,
        product="Microsoft Windows XP",
        version=(5, 1, 2600),
        evidence=_documented(f"{_VERSIONS}; {_RELEASES}: build 2600, service pack 3 is the last"),
        service_pack=3,
        windows=r"C:\WINDOWS",
    ),
    "2003": attrs.evolve(
        _W2K,
        product="Microsoft Windows Server 2003",
        version=(5, 2, 3790),
        evidence=_documented(f"{_VERSIONS}; {_RELEASES}: build 3790, service pack 2 is the last"),
        service_pack=2,
        machine="AMD64",
        server=True,
        windows=r"C:\WINDOWS",
    ),
    "vista": attrs.evolve(
        _WIN7,
        product="Windows Vista (TM) Business",
        version=(6, 0, 6002),
        evidence=_documented(f"{_VERSIONS}; {_RELEASES}: build 6002 with service pack 2"),
        service_pack=2,
        edition="Business",
    ),
    "win7": _WIN7,
    "win8.1": attrs.evolve(
        _WIN7,
        product="Windows 8.1 Pro",
        version=(6, 3, 9600),
        evidence=_documented(f"{_VERSIONS}; {_RELEASES}: build 9600"),
        service_pack=0,
    ),
    "win10": attrs.evolve(
        _WIN7,
        product="Windows 10 Pro",
        version=(10, 0, 19045),
        evidence=_documented(f"{_RELEASES}: version 22H2 is build 19045, 3803 of December 2023"),
        service_pack=0,
        release="22H2",
        revision=3803,
    ),
    "win11": attrs.evolve(
        _WIN7,
        product="Windows 10 Pro",  # which the registry of Windows 11 says as well
        version=(10, 0, 22631),
        evidence=_documented(f"{_RELEASES}: version 23H2 is build 22631, 2861 of December 2023"),
        service_pack=0,
        release="23H2",
        revision=2861,
    ),
    "wine": attrs.evolve(
        _WIN7,
        product="Microsoft Windows 7",
        evidence=_observed("a fresh prefix of Wine 8.0, whose default is Windows 7"),
        edition="",
        windows=r"C:\windows",
        profiles=r"C:\users",
        lean=True,
    ),
    "reactos": attrs.evolve(
        _W2K,
        product="ReactOS",
        version=(5, 2, 3790),
        evidence=_observed("ReactOS boot/bootdata/hivesft.inf and sdk/include/reactos/version.h"),
        service_pack=2,
        server=True,
        windows=r"C:\ReactOS",
    ),
}
"""By dialect."""


def system_of(dialect: str) -> Installation:
    """Return the installation that stands for *dialect*.

    Raises `UnknownNameError` for a name that no dialect has.
    """
    if dialect not in SYSTEMS:
        raise UnknownNameError("system", dialect, list(SYSTEMS))
    return SYSTEMS[dialect]
