"""Make the files that the pages' examples read: evidence of the case, a hive after a crash.

Run it in any folder: ``python docs/examples/make.py FOLDER``. Same program, same bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

from regsim import models
from regsim.course.evidence import capture, event, listing
from regsim.regf import FileType, new_hive
from regsim.regf import flush as flushing
from regsim.regf.flush import Target


def crashed() -> dict[str, bytes]:
    """Return a hive whose last change reached its log but not the file, and that log."""
    hive = new_hive(5, last_written=0x01CA15175DF0618A)
    desktop = hive.root.ensure("Control Panel\\Desktop")
    desktop.set_value("Wallpaper", 1, "old.bmp\0".encode("utf-16-le"))
    hive.editor().allocator.dirty.clear()
    primary = bytearray(hive.to_bytes())
    desktop.set_value("Wallpaper", 1, "new.bmp\0".encode("utf-16-le"))
    steps = flushing.plan(hive.image, hive.editor().allocator.dirty, 0, FileType.LOG_NEW)
    log = bytearray()
    marked = False
    for step in steps:
        if step.data is None:
            continue
        if step.target is Target.LOG:
            log.extend(bytes(max(0, step.offset + len(step.data) - len(log))))
            log[step.offset : step.offset + len(step.data)] = step.data
        elif not marked:  # the base block is marked dirty, and then the power fails
            primary[step.offset : step.offset + len(step.data)] = step.data
            marked = True
    return {"NTUSER.DAT": bytes(primary), "ntuser.dat.LOG1": bytes(log)}


def files() -> dict[str, bytes]:
    """Return every file of the examples by its name."""
    lost = capture(models.run("q241572", os="nt4-sp6a", fix="none"))
    forced = event(models.run("q241572", os="win10", fix="none"))
    texts = {"logoff.csv": lost, "handles.txt": listing(), "event-1530.txt": forced}
    return {name: text.encode() for name, text in texts.items()} | crashed()


def main(folder: Path) -> None:
    """Write the files into *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files().items():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
