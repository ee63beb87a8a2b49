"""Decide, before anything is built, whether this regsim gets its C extension; then build.

``REGSIM_EXT`` says what is wanted: ``auto`` (the default) builds it where a probe compiles,
``require`` fails where it does not, ``off`` leaves it out. Without it the wheel is py3-none-any.

The sdist of one tree is the same bytes whoever builds it, and when. ``SOURCE_DATE_EPOCH`` is the
time of everything in it, in seconds since 1970; without it that is the first moment of 1980.
"""

import gzip
import os
import shutil
import sys
import sysconfig
import tarfile
import tempfile
from pathlib import Path

from setuptools import Distribution, Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.editable_wheel import editable_wheel
from setuptools.command.sdist import sdist

CHOICES = ("auto", "require", "off")
NATIVE = Path("regsim/accel/native")
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
MSVC = sys.platform == "win32" and "MSC" in sys.version
WARNINGS = ["-Wall", "-Wextra", "-Wconversion"]
FLAGS = ["/std:c11", "/O2"] if MSVC else ["-std=c11", "-O3", "-fvisibility=hidden", *WARNINGS]
PROBE = """\
#include <Python.h>
#include <stdatomic.h>
#include <stdint.h>
_Static_assert(sizeof(uint64_t) == 8, "C11");
PyMODINIT_FUNC PyInit_probe(void) { return NULL; }
"""


class Sdist(sdist):
    """The sdist as setuptools lays it out, in an archive that tells nothing of who packed it."""

    def make_archive(self, base_name: str, format: str, **at: str) -> str:  # noqa: A002 - its name
        """Pack the folder *at* names into *base_name*.tar.gz and return that name."""
        if format != "gztar":
            sys.exit(f"regsim: an sdist is a .tar.gz, not {format!r}")
        epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or 315532800)

        def without_traces(entry: tarfile.TarInfo) -> tarfile.TarInfo:
            entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = epoch, 0, 0, "", ""
            entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
            return entry

        name = f"{base_name}.tar.gz"
        with (
            open(name, "wb") as raw,  # noqa: PTH123
            gzip.GzipFile("", "wb", fileobj=raw, mtime=epoch) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            archive.add(at["base_dir"], filter=without_traces)
        return name


def extension(name: str, sources: list[str]) -> Extension:
    """Return an extension module under the limited API, where the interpreter has one."""
    macros = [] if FREE_THREADED else [("Py_LIMITED_API", "0x030B0000")]
    return Extension(
        name,
        sources,
        define_macros=macros,
        extra_compile_args=FLAGS,
        depends=sorted(map(str, NATIVE.glob("*.h"))),
        py_limited_api=not FREE_THREADED,
    )


def why_not() -> str | None:
    """Compile and link a probe; return what went wrong, or None when it worked."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "probe.c"
        source.write_text(PROBE, encoding="utf-8")
        command = build_ext(Distribution({"ext_modules": [extension("probe", [str(source)])]}))
        command.build_lib = command.build_temp = folder
        try:
            command.ensure_finalized()
            command.run()
        except Exception as error:  # noqa: BLE001 - each compiler fails in a way of its own
            return str(error) or type(error).__name__
    return None


def wanted() -> bool:
    """Return whether to build the extension; end the build where that cannot be answered."""
    choice = os.environ.get("REGSIM_EXT") or "auto"
    if choice not in CHOICES:
        sys.exit(f"REGSIM_EXT={choice!r}: expected one of {', '.join(CHOICES)}")
    if choice == "off":
        return False
    reason = why_not()
    if reason and choice == "require":
        sys.exit(f"REGSIM_EXT=require, but the probe does not compile: {reason}")
    if reason:
        print(f"regsim: building without the C extension: {reason}", file=sys.stderr)
    return reason is None


class Editable(editable_wheel):
    """An editable install that type checkers can read: they follow no finder, but paths.

    They take a folder ``regsim-stubs`` for regsim's types, which Python itself never imports.
    """

    def _install_namespaces(self, installation_dir: str, pth_prefix: str) -> None:
        super()._install_namespaces(installation_dir, pth_prefix)
        here = Path(__file__).parent.resolve()
        types = here / "build" / "types" / "regsim-stubs"
        shutil.rmtree(types, ignore_errors=True)
        types.mkdir(parents=True)
        parts = [part for part in (here / "regsim").iterdir() if part.name != "__pycache__"]
        try:
            for part in (*parts, here / "models"):
                (types / part.name).symlink_to(part)
        except OSError as error:  # as on Windows, for those who may not make links
            print(f"regsim: type checkers will not find it: {error}", file=sys.stderr)
            return
        (Path(installation_dir) / "__editable__.regsim-types.pth").write_text(f"{types.parent}\n")


COMMANDS = {"editable_wheel": Editable, "sdist": Sdist}

if wanted():
    setup(
        cmdclass=COMMANDS,
        ext_modules=[extension("regsim.accel._native", sorted(map(str, NATIVE.glob("*.c"))))],
        options={} if FREE_THREADED else {"bdist_wheel": {"py_limited_api": "cp311"}},
    )
else:
    setup(cmdclass=COMMANDS)
