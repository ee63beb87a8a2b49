"""The processes that evidence tells of, each with a number of its own, whatever it is known by."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import attrs


@attrs.define(kw_only=True)
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
        self._all: list[ProcessInfo] = []
        self._present: dict[Hashable, int] = {}

    def __len__(self) -> int:
        return len(self._all)

    def __getitem__(self, number: int) -> ProcessInfo:
        return self._all[number]

    def find(self, name: Hashable) -> int | None:
        """Return the number of the process that *name* stands for at present, None if unknown."""
        return self._present.get(name)

    def add(self, name: Hashable, info: ProcessInfo) -> int:
        """Return the number of a process seen first, for which *name* stands from now on."""
        number = self._present[name] = len(self._all)
        self._all.append(info)
        return number

    def of_pid(self, pid: int, image: str = "", *, fresh: bool = False) -> int:
        """Return the number of the process with *pid*; *fresh* says that a new one begins."""
        number = None if fresh else self._present.get(pid)
        if number is None:
            number = self.add(pid, ProcessInfo(pid=pid, image=image or f"process {pid}"))
        return number

    def numbers_of(self, names: Sequence[Hashable], unknown: str) -> list[int]:
        """Return the number for each of *names*; one that stands for nobody is a new process.

        Of that nothing is known but the name, which its image gives after the word *unknown*.
        """
        present = self._present
        for name in set(names).difference(present):
            self.add(name, ProcessInfo(pid=0, image=f"{unknown} {name}"))
        return [present[name] for name in names]

    def forget(self, name: Hashable) -> None:
        """Let *name* stand for nobody: the next process with it is another."""
        self._present.pop(name, None)
