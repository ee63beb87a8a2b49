"""What the processes see that the tests' process starts anew, while a registry is simulated there.

A simulated registry is in the memory of one process. A child that is made by a fork has a copy,
which refuses its calls. One that is started anew, by ``multiprocessing`` or ``subprocess``, would
find no ``winreg`` at all, and a program that asks for it politely would take that for the answer.
So a folder stands at the end of its path, by ``sys.path`` or ``PYTHONPATH``, whose modules say what
is the matter. To the tests' own process the folder is empty.

A child that is given neither of the two, and one on Windows, which has a ``winreg`` of its own, are
told nothing.
"""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any, Final

FOLDER: Final = str(Path(__file__).with_name("elsewhere"))
SEEN: Final = "REGSIM_REGISTRY_SEEN_BY"
"""The variable that names the modules that see the registry in the process that has it."""
EVERYBODY: Final = "*"
WHY: Final = (
    "this process was started by one that simulates the registry, and sees nothing of it; run the "
    "code in a thread or in the tests' own process, or begin a fake_winreg() of its own here"
)
_MACHINERY: Final = ("importlib", "_frozen_importlib", "regsim.testing.elsewhere", __name__)


class _Empty:
    """A finder that finds nothing."""

    def find_spec(self, _name: str, _target: object = None) -> None:
        """Find nothing."""


def tell(modules: Iterable[str]) -> Callable[[], None]:
    """Have the processes that are started from now on be told; return what ends that.

    *modules* are those that see the registry; `EVERYBODY` for all.
    """
    path, seen = os.environ.get("PYTHONPATH"), os.environ.get(SEEN)
    sys.path_importer_cache[FOLDER] = _Empty()
    added = FOLDER not in sys.path
    if added:
        sys.path.append(FOLDER)
    if FOLDER not in (path or "").split(os.pathsep):
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (path, FOLDER)))
    os.environ[SEEN] = ",".join(modules)

    def end() -> None:
        if added and FOLDER in sys.path:
            sys.path.remove(FOLDER)
        for name, before in (("PYTHONPATH", path), (SEEN, seen)):
            if before is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = before

    return end


def stand_in(name: str, module: dict[str, Any]) -> None:
    """Fill the globals of *module*, imported as *name* by a child, with what refuses to be called.

    Raises ModuleNotFoundError where the importer would not see the registry in the process that has
    it, and where that cannot be told: the child then is what it would be without.
    """
    importer = _importer(sys._getframe(1))  # noqa: SLF001 - who imports decides
    if EVERYBODY in _seen() and not _standard(importer):
        raise ModuleNotFoundError(f"No module named {name!r}: {WHY}", name=name)
    if not _named(importer):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    from regsim.testing._fake.binding import ElsewhereError  # noqa: PLC0415 - for these alone
    from regsim.testing.placeholder import placeholders  # noqa: PLC0415

    public = vars(placeholders(ElsewhereError, WHY)[name])
    module.update({key: value for key, value in public.items() if not key.startswith("__")})
    _keep_from_others(name)


def _keep_from_others(name: str) -> None:
    """Have the others go on without module *name*, which is in ``sys.modules`` from now on."""
    before = builtins.__import__

    def serve(*args: Any) -> Any:  # noqa: ANN401 - what __import__ takes and gives
        if args[0] != name or _named(_importer(sys._getframe(1))):  # noqa: SLF001
            return before(*args)
        held = sys.modules.pop(name, None)
        try:
            return before(*args)
        finally:
            if held is not None:
                sys.modules[name] = held

    builtins.__import__ = serve  # type: ignore[assignment]


def _seen() -> list[str]:
    if "multiprocessing.forkserver" in sys.modules:  # its environment is that of another time
        return [EVERYBODY]
    return os.environ.get(SEEN, EVERYBODY).split(",")


def _named(importer: str) -> bool:
    return any(importer == each or importer.startswith(each + ".") for each in _seen())


def _standard(importer: str) -> bool:
    return importer.partition(".")[0] in sys.stdlib_module_names


def _importer(frame: FrameType | None) -> str:
    """Return the name of the module that imports what *frame* runs; of a program its file's."""
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if not name.startswith(_MACHINERY) and name not in _ours():
            break
        frame = frame.f_back
    else:
        return ""
    if name not in ("__main__", "__mp_main__"):
        return name
    spec, file = frame.f_globals.get("__spec__"), frame.f_globals.get("__file__")
    return str(spec.name if spec is not None else Path(str(file)).stem)


def _ours() -> list[str]:
    return [file.stem for file in Path(FOLDER).glob("*.py")]
