"""What a process is by its image: what may be done about it, and whether it ends with a session.

Only the name tells, so nothing is claimed beyond what every process of the name has in common.
Names and what they are: Microsoft's documentation of Windows' own processes, the makers' for
theirs. A process that is not listed is a program like any other.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final


class Nature(enum.Enum):
    """What a process is, as far as it decides what to do about it."""

    PROGRAM = "a program or a service"
    SERVICES = "a host of services"
    WINDOWS = "a part of Windows"
    GUARD = "a security program"
    INDEXER = "an indexer"
    SHELL = "a part of the user's own session"


_IMAGES: Final[Mapping[Nature, str]] = {
    Nature.SERVICES: "svchost taskhost taskhostw taskhostex dllhost",
    Nature.WINDOWS: (
        "system registry smss csrss wininit winlogon services lsass lsm lsaiso secsystem "
        "fontdrvhost"
        " dwm logonui spoolsv wmiprvse wudfhost memcompression trustedinstaller tiworker msiexec"
        " ntoskrnl vmms vmwp"
    ),
    Nature.GUARD: (
        "msmpeng mpdefendercoreservice nissrv mssense sensecncproxy securityhealthservice ccsvchst"
        " rtvscan smc mcshield mfemms mfetp mfefire mfevtps masvc macmnsvc frameworkservice "
        "ekrn avp"
        " avpsus klnagent savservice sophosfs sophosfilescanner sophosntpservice sedservice "
        "hmpalert"
        " sspservice csfalconservice csfalconcontainer sentinelagent sentinelservicehost cylancesvc"
        " cb cbdefense repmgr repux tmccsf ntrtscan tmlisten pccntmon coreserviceshell ds_agent"
        " bdservicehost epsecurityservice epprotectedservice fshoster32 fshoster64 fsav32 wrsa"
        " avastsvc avgsvc aswidsagent mbamservice cyserver cyvera traps xagt taniumclient"
        " elastic-endpoint cortex-xdr-payload"
    ),
    Nature.INDEXER: "searchindexer searchprotocolhost searchfilterhost",
    Nature.SHELL: (
        "explorer sihost userinit runtimebroker startmenuexperiencehost shellexperiencehost ctfmon"
        " searchui searchapp searchhost textinputhost systemsettings applicationframehost"
        " backgroundtaskhost rdpclip widgets smartscreen lockapp"
    ),
}
_NATURES: Final = {name: nature for nature, names in _IMAGES.items() for name in names.split()}

STOPPABLE: Final = frozenset({Nature.PROGRAM, Nature.SERVICES})
"""What may be stopped or restarted, once it is known which service or program it is."""


def nature_of(image: str) -> Nature:
    """Return what a process is, by its image's name.

    >>> nature_of("LSASS.EXE"), nature_of("backup.exe")
    (<Nature.WINDOWS: 'a part of Windows'>, <Nature.PROGRAM: 'a program or a service'>)
    """
    return _NATURES.get(image.lower().removesuffix(".exe"), Nature.PROGRAM)


def ends_with_session(image: str, session: int | None) -> bool:
    """Return whether a process ends when its user logs off, before the user's hive is unloaded.

    Services run in session 0 since Windows Vista (documented); where no session is told, only the
    parts of the shell are known by their names.
    """
    return session > 0 if session is not None else nature_of(image) is Nature.SHELL
