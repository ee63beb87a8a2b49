"""The stand-ins of a simulated computer, by the names that they are imported by."""

from __future__ import annotations

import builtins
import importlib.util
import os
import platform
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any, Final, Self, cast

from regsim.testing.installed import folders
from regsim.testing.installed.system import Installation, system_of
from regsim.testing.windows import advapi32, kernel32
from regsim.testing.windows.ctypes_module import ctypes_of
from regsim.testing.windows.environ import Environ
from regsim.testing.windows.library import LastError
from regsim.testing.windows.paths import path_module
from regsim.testing.windows.standin import StandIn
from regsim.testing.winreg import BoundWinreg

NAMES: Final = {"WindowsError": OSError}
"""The builtins that Python has on Windows alone."""

_UNIX_OS: Final = (
    *("chown", "chroot", "confstr", "confstr_names", "ctermid", "environb", "fchmod", "fchown"),
    *("fchdir", "fork", "forkpty", "fpathconf", "fstatvfs", "getegid", "getenvb", "geteuid"),
    *("getgid", "getgrouplist", "getgroups", "getloadavg", "getpgid", "getpgrp", "getpriority"),
    *("getresgid", "getresuid", "getsid", "getuid", "getxattr", "initgroups", "killpg", "lchown"),
    *("listxattr", "lockf", "major", "makedev", "minor", "mkfifo", "mknod", "nice", "openpty"),
    *("pathconf", "posix_fadvise", "posix_spawn", "posix_spawnp", "pread", "pwrite", "readv"),
    *("removexattr", "sched_getaffinity", "sched_setaffinity", "sched_yield", "setegid"),
    *("seteuid", "setgid", "setgroups", "setpgid", "setpriority", "setregid", "setreuid"),
    *("setsid", "setuid", "setxattr", "statvfs", "sync", "sysconf", "sysconf_names", "tcgetpgrp"),
    *("tcsetpgrp", "ttyname", "uname", "uname_result", "wait", "wait3", "wait4", "waitid"),
    *("writev", "WNOHANG", "WIFEXITED", "WEXITSTATUS", "WIFSIGNALED", "WTERMSIG"),
)
"""What ``os`` has on Unix alone (Python's documentation of ``os``, *Availability*; documented)."""
_UNIX_SYS: Final = ("abiflags", "getdlopenflags", "setdlopenflags")

_COPIED: Final = (
    *("architecture", "machine", "node", "platform", "processor", "release", "system"),
    *("uname", "version", "win32_edition", "win32_is_iot", "win32_ver", "python_compiler"),
)
"""The functions of ``platform`` that speak of the system."""


class WindowsVersion(tuple[Any, ...]):  # noqa: SLOT001 - it has attributes
    """What ``sys.getwindowsversion()`` returns: five items, and attributes for these and more."""

    major: int
    minor: int
    build: int
    platform: int
    service_pack: str
    platform_version: tuple[int, int, int]
    service_pack_major: int
    service_pack_minor: int
    suite_mask: int
    product_type: int

    def __new__(cls, system: Installation) -> Self:
        """Return the version of *system*."""
        kind = 2 if system.nt else 1  # VER_PLATFORM_WIN32_NT, VER_PLATFORM_WIN32_WINDOWS
        self = super().__new__(cls, (*system.version, kind, system.service_pack_text))
        self.major, self.minor, self.build, self.platform, self.service_pack = self
        self.platform_version = system.version
        self.service_pack_major, self.service_pack_minor = system.service_pack, 0
        self.suite_mask = 0x100  # VER_SUITE_SINGLEUSERTS: remote desktop for one user
        self.product_type = 3 if system.server else 1  # VER_NT_SERVER, VER_NT_WORKSTATION
        return self

    def __repr__(self) -> str:
        names = ("major", "minor", "build", "platform", "service_pack")
        fields = (f"{name}={value!r}" for name, value in zip(names, self, strict=True))
        return f"sys.getwindowsversion({', '.join(fields)})"


def modules_of(winreg: BoundWinreg) -> dict[str, ModuleType]:
    """Return the stand-ins for code in *winreg*'s process, and *winreg*, by name."""
    system = system_of(winreg.binding.machine.dialect.name)
    environ = winreg.binding.environ
    found: dict[str, ModuleType] = {"winreg": cast("ModuleType", winreg), "sys": _sys(system)}
    found |= {"os.path": path_module(environ)}
    found["os"] = _os(environ, found["os.path"])
    found["platform"] = _platform(found, system)
    last = LastError()
    libraries, events = kernel32.libraries(winreg.binding, system, environ, last)
    libraries["advapi32"] = advapi32.functions(winreg.binding, environ, events.names)
    return found | ctypes_of(libraries, last)


def _sys(system: Installation) -> StandIn:
    shape = "64 bit (AMD64)" if sys.maxsize > 2**32 else "32 bit (Intel)"
    instead = {
        "platform": "win32",
        "getwindowsversion": lambda: WindowsVersion(system),
        "winver": "{}.{}".format(*sys.version_info),
        "dllhandle": 0x7FFA00000000,
        "version": f"{sys.version.partition('[')[0]}[MSC v.1943 {shape}]",
    }
    return StandIn(sys, instead, _UNIX_SYS)


def _os(environ: Environ, path: ModuleType) -> StandIn:
    instead = {
        "name": "nt",
        "environ": environ,
        "getenv": lambda key, default=None: environ.get(key, default),
        "getlogin": lambda: environ["USERNAME"],
        "path": path,
        "linesep": "\r\n",
        **{name: getattr(path, name) for name in ("sep", "altsep", "pathsep")},
        "supports_bytes_environ": False,
    }
    made = StandIn(os, instead, _UNIX_OS)
    vars(made)["changed"] -= {"path"}  # which says itself what differs in it
    return made


def _platform(found: dict[str, ModuleType], system: Installation) -> StandIn:
    """Return ``platform`` as Python's own code makes it of the other stand-ins, once asked."""
    copy: dict[str, Any] = {}

    def asked(name: str) -> Callable[..., Any]:
        def function(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the real one
            if not copy:
                _run_platform(found, copy, system)
            return copy[name](*args, **kwargs)

        real = getattr(platform, name)
        function.__name__ = function.__qualname__ = name
        function.__doc__ = real.__doc__
        return function

    return StandIn(platform, {name: asked(name) for name in _COPIED if hasattr(platform, name)})


def _run_platform(
    found: dict[str, ModuleType], names: dict[str, Any], system: Installation
) -> None:
    """Fill *names* with those of a copy of ``platform`` that runs on the stand-ins."""
    text = "Microsoft Windows [Version {}.{}.{}]".format(*system.version)
    ver = SimpleNamespace(
        check_output=lambda *_args, **_kwargs: text,
        DEVNULL=-3,
        CalledProcessError=OSError,
    )
    socket = SimpleNamespace(gethostname=lambda: folders.COMPUTER)
    given: dict[str, object] = {**found, "socket": socket, "subprocess": ver}

    def import_(name: str, *rest: Any) -> Any:  # noqa: ANN401 - a module
        if name in {"_wmi", "vms_lib"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return given[name] if name in given else __import__(name, *rest)

    spec = importlib.util.find_spec("platform")
    loader: Any = spec.loader if spec is not None else None
    names.update(__name__="platform", __builtins__={**vars(builtins), "__import__": import_})
    exec(loader.get_code("platform"), names)  # noqa: S102 - the standard library's own
