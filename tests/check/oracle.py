"""The published model of Q241572 as plain tuples: a second semantics, written without the kernel.

Workers N, services K, queue Q, variant V, attempts R. A state is (loaded, user, refs, pend, icw,
winlogon, tries, root, users of the root, scm, alive, workers, services); a worker is (place, its
subkey's handle, its own root), a service (place, handle); a handle is 0 none, 1 live, 2 stale.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

BUGGY, REFCOUNTED, UNCACHED, FORCED, NAIVE = range(5)
VARIANTS = ("buggy", "refcounted", "uncached", "forced", "naive")


@attrs.define
class At:
    """One state, open for change; `key` is what it is remembered by."""

    loaded: int = 0
    user: int = 0
    refs: int = 0
    pend: int = 0
    icw: int = 0
    winlogon: int = 0
    tries: int = 0
    root: int = 0
    users: int = 0
    scm: int = 0
    alive: int = 1
    workers: tuple[tuple[int, int, int], ...] = ()
    services: tuple[tuple[int, int], ...] = ()

    def key(self) -> tuple[object, ...]:
        """Return all of it as a tuple."""
        return attrs.astuple(self, recurse=False)


@attrs.frozen
class Oracle:
    """The model with its parameters."""

    workers: int = 1
    services: int = 0
    queue: int = 1
    variant: int = BUGGY
    attempts: int = 0
    stop: int = 0
    noisy: int = 0

    def initial(self) -> At:
        """Return the state that runs begin in."""
        return At(workers=((0, 0, 0),) * self.workers, services=((0, 0),) * self.services)

    def successors(self, at: At) -> Iterator[At]:
        """Yield the state after every step of every process instance."""
        for number in range(self.workers):
            yield from self._worker(at, number)
        for number in range(self.services):
            yield from self._service(at, number)
        yield from self._wizard(at)
        yield from self._winlogon(at)
        if self.stop and not at.scm:
            yield attrs.evolve(at, scm=1)
            yield self._stopped(at)

    # -- the Telephony service ------------------------------------------------------------------

    def _worker(self, at: At, number: int) -> Iterator[At]:  # noqa: C901 - as the page has it
        place, sub, own = at.workers[number]

        def to(place: int, sub: int = sub, own: int = own, **more: int) -> At:
            workers = list(at.workers)
            workers[number] = (place, sub, own)
            return attrs.evolve(at, workers=tuple(workers), **more)

        if not at.alive:
            if place != 7:
                yield to(7)
        elif place == 0:
            if at.pend:
                yield to(1, pend=at.pend - 1)
        elif place == 1:
            yield self._root(at, to)
        elif place == 2:
            good = own == 1 if self.variant == UNCACHED else at.root == 1
            yield to(3, sub=1, refs=at.refs + 1) if good else to(6)
        elif place == 3:
            yield to(4)
        elif place == 4:
            last = 0 if self.variant in (BUGGY, FORCED) else 5
            yield to(last, sub=0, refs=at.refs - (sub == 1))
        elif place == 5:
            yield self._release(at, to)
        elif place == 6:
            yield to(0)

    def _root(self, at: At, to: object) -> At:
        """Open or find the root of HKEY_CURRENT_USER."""
        assert callable(to)
        if self.variant == UNCACHED:
            return to(2, own=1, refs=at.refs + 1) if at.loaded else to(0)
        users = at.users + (self.variant == REFCOUNTED)
        if at.root == 1:
            return to(2, users=users)
        if at.root == 2:
            return to(6)
        return to(2, root=1, refs=at.refs + 1, users=users) if at.loaded else to(0)

    def _release(self, at: At, to: object) -> At:
        """Close what the variant closes at the end of a call."""
        assert callable(to)
        if self.variant == UNCACHED:
            return to(0, own=0, refs=at.refs - 1)
        users = at.users - (self.variant == REFCOUNTED)
        if at.root == 1 and users == 0:
            return to(0, users=users, root=0, refs=at.refs - 1)
        return to(0, users=users)

    def _stopped(self, at: At) -> At:
        gone = sum((sub == 1) + own for _, sub, own in at.workers) + (at.root == 1)
        workers = tuple((place, 0, 0) for place, _, _ in at.workers)
        refs = at.refs - gone
        return attrs.evolve(at, scm=1, alive=0, refs=refs, workers=workers, root=0, users=0)

    # -- the others -----------------------------------------------------------------------------

    def _service(self, at: At, number: int) -> Iterator[At]:
        place, handle = at.services[number]

        def to(service: tuple[int, int], refs: int) -> At:
            services = list(at.services)
            services[number] = service
            return attrs.evolve(at, services=tuple(services), refs=refs)

        if place == 0:
            if at.loaded and (at.user or self.noisy):
                yield to((1, 1), at.refs + 1)
        elif place == 1:
            yield to((2, handle), at.refs)
        else:
            yield to((0, 0), at.refs - (handle == 1))

    def _wizard(self, at: At) -> Iterator[At]:
        if at.icw == 0 and at.user:
            yield attrs.evolve(at, icw=1, refs=at.refs + 1)
        elif at.icw == 1 and at.pend < self.queue:
            yield attrs.evolve(at, icw=2, pend=at.pend + 1)
        elif at.icw == 2:
            yield attrs.evolve(at, icw=0, refs=at.refs - 1)

    def _winlogon(self, at: At) -> Iterator[At]:
        if at.winlogon == 0:
            yield attrs.evolve(at, loaded=1, user=1, winlogon=1)
        elif at.winlogon == 1:
            yield attrs.evolve(at, user=0, icw=0, refs=at.refs - (at.icw > 0), winlogon=2)
        elif at.winlogon > 2:
            yield attrs.evolve(at, winlogon=0)
        elif at.refs == 0:
            yield attrs.evolve(at, loaded=0, tries=0, winlogon=3)
        elif self.variant == FORCED:
            yield self._forced(at)
        elif self.attempts:
            more = at.tries + 1 < self.attempts
            tries, winlogon = (at.tries + 1, 2) if more else (0, 4)
            yield attrs.evolve(at, tries=tries, winlogon=winlogon)

    def _forced(self, at: At) -> At:
        def stale(handle: int) -> int:
            return 2 if handle == 1 else handle

        return attrs.evolve(
            at,
            loaded=0,
            refs=0,
            root=stale(at.root),
            workers=tuple((place, stale(sub), own) for place, sub, own in at.workers),
            services=tuple((place, stale(handle)) for place, handle in at.services),
            winlogon=3,
        )


def count(oracle: Oracle) -> tuple[int, int, int]:
    """Return the states, transitions and breadth-first layers of *oracle*."""
    layer = [oracle.initial()]
    seen = {layer[0].key()}
    transitions = layers = 0
    while layer:
        layers += 1
        following = []
        for at in layer:
            for after in oracle.successors(at):
                transitions += 1
                key = after.key()
                if key not in seen:
                    seen.add(key)
                    following.append(after)
        layer = following
    return len(seen), transitions, layers
