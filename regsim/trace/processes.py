"""The processes that evidence tells of, each with a number of its own, whatever it is known by."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Final

import attrs

from regsim.trace.texts import new_texts, packed, unpacked

Name = int | tuple[str, int | str]
"""What evidence knows a process by: its pid or a record's number, or its image and its pid."""


@attrs.frozen(kw_only=True)
class ProcessInfo:
    """One process of the evidence; what the evidence does not tell is None or empty."""

    pid: int
    image: str
    user: str = ""
    session: int | None = None
    command_line: str = ""
    services: str = ""
    started: int | None = None  # ticks; None: before the capture, or unknown
    ended: int | None = None

    @property
    def service(self) -> str:
        """The services it runs; else the group or service that an svchost's command line names.

        >>> ProcessInfo(pid=1, image="svchost.exe", command_line="x -k netsvcs").service
        'netsvcs'
        """
        if self.services or self.image.lower() != "svchost.exe":
            return self.services
        words = self.command_line.split()
        for flag in ("-s", "-k"):
            if flag in words[:-1]:
                return words[words.index(flag) + 1]
        return ""


class ProcessTable:
    """The processes of a capture by number, and the one that each name stands for at present.

    A format knows a process by its pid, by its pid and image, or by the number of a record. Windows
    gives a pid anew once its process has ended, so a name may stand for one process after the other
    while the numbers given here stay.
    """

    def __init__(self) -> None:
        # Of most, evidence may tell no more than pid and image; it may name a million.
        self._pids = array("I")
        self._images = array("I")
        self._texts = new_texts()
        self._more: dict[int, ProcessInfo] = {}
        self._names = new_texts()
        self._present = array("I")  # by the number of a name: whom it stands for, from 1
        self._recent: dict[Name, int] = {}

    def __len__(self) -> int:
        return len(self._pids)

    def __getitem__(self, number: int) -> ProcessInfo:
        info = self._more.get(number)
        if info is None:
            image = unpacked(self._texts[self._images[number]])
            info = ProcessInfo(pid=self._pids[number], image=image)
        return info

    def pid(self, number: int) -> int:
        """Return the pid of a process."""
        info = self._more.get(number)
        return self._pids[number] if info is None else info.pid

    def started(self, number: int) -> int | None:
        """Return when a process began; None: before the capture, or unknown."""
        info = self._more.get(number)
        return None if info is None else info.started

    def find(self, name: Name) -> int | None:
        """Return the number of the process that *name* stands for at present, None if unknown."""
        number = self._recent.get(name)
        if number is None:
            at = self._names.find(_as_text(name))
            if at < 0 or not self._present[at]:
                return None
            number = self._present[at] - 1
            self._remember(name, number)
        return number

    def _remember(self, name: Name, number: int) -> None:
        if len(self._recent) >= _MOST_RECENT:
            self._recent.clear()
        self._recent[name] = number

    def add(self, name: Name, info: ProcessInfo) -> int:
        """Return the number of a process seen first, for which *name* stands from now on."""
        number = len(self)
        plain = 0 <= info.pid < 1 << 32
        self._pids.append(info.pid if plain else 0)
        self._images.append(self._texts.number(packed(info.image)))
        more = (info.session, info.started, info.ended)
        said = info.user or info.command_line or info.services
        if said or more != (None, None, None) or not plain:
            self._more[number] = info
        self._stand(name, number + 1)
        self._remember(name, number)
        return number

    def _stand(self, name: Name, process: int) -> None:
        at = self._names.number(_as_text(name))
        if at == len(self._present):
            self._present.append(process)
        else:
            self._present[at] = process

    def call(self, number: int, image: str) -> None:
        """Give a process the image that is learnt only after its start."""
        self._images[number] = self._texts.number(packed(image))
        if number in self._more:
            self._more[number] = attrs.evolve(self._more[number], image=image)

    def end(self, number: int, moment: int) -> None:
        """Note that a process has ended at *moment*, as the format counts."""
        self._more[number] = attrs.evolve(self[number], ended=moment)

    def of_pid(self, pid: int, image: str = "", *, fresh: bool = False) -> int:
        """Return the number of the process with *pid*; *fresh* says that a new one begins."""
        number = None if fresh else self.find(pid)
        if number is None:
            number = self.add(pid, ProcessInfo(pid=pid, image=image or f"process {pid}"))
        return number

    def numbers_of(self, names: Sequence[int], unknown: str) -> list[int]:
        """Return the number for each of *names*; one that stands for nobody is a new process.

        Of that nothing is known but the name, which its image gives after the word *unknown*.
        """
        found = {name: self.find(name) for name in dict.fromkeys(names)}
        for name, number in found.items():
            if number is None:
                found[name] = self.add(name, ProcessInfo(pid=0, image=f"{unknown} {name}"))
        return [found[name] for name in names]  # type: ignore[misc]

    def forget(self, name: Name) -> None:
        """Let *name* stand for nobody: the next process with it is another."""
        self._stand(name, 0)
        self._recent.pop(name, None)


_MOST_RECENT: Final = 4_096


def _as_text(name: Name) -> bytes:
    return b"%d" % name if isinstance(name, int) else packed(f"{name[0]}\0{name[1]}")
