"""A small copy of the oracle model (one worker, one request, the stock service), for its picture.

Logon, the wizard asks, the worker serves, logoff; 63 states, 141 transitions, 18 layers.
"""

from __future__ import annotations

from collections.abc import Iterator

State = tuple[int, ...]
NAMES = ("loaded", "user", "pend", "icw", "wl", "root", "pc", "sub")
INITIAL: State = (0, 0, 0, 0, 0, 0, 0, 0)


def steps(state: State) -> Iterator[tuple[str, State]]:
    """Yield each step that is enabled in *state*, by name, with where it leads."""
    loaded, user, pend, icw, wl, root, pc, sub = state
    free = not ((icw > 0) + root + sub)
    rules = (
        ("dequeue", pc == 0 and pend, {"pend": pend - 1, "pc": 1}),
        ("open-root", pc == 1 and (root or loaded), {"root": 1, "pc": 2}),
        ("find-no-hive", pc == 1 and not (root or loaded), {"pc": 0}),
        ("open-subkey", pc == 2, {"sub": 1, "pc": 3}),
        ("work", pc == 3, {"pc": 4}),
        ("close-subkey", pc == 4, {"sub": 0, "pc": 0}),
        ("icw-start", icw == 0 and user, {"icw": 1}),
        ("icw-call", icw == 1 and not pend, {"icw": 2, "pend": 1}),
        ("icw-exit", icw == 2, {"icw": 0}),
        ("logon", wl == 0, {"loaded": 1, "user": 1, "wl": 1}),
        ("logoff", wl == 1, {"user": 0, "icw": 0, "wl": 2}),
        ("unload", wl == 2 and free, {"loaded": 0, "wl": 3}),
        ("again", wl == 3, {"wl": 0}),
    )
    for name, enabled, new in rules:
        if enabled:
            yield name, tuple(new.get(n, old) for n, old in zip(NAMES, state, strict=True))


def leaks(state: State) -> bool:
    """Return whether nothing is at work and the hive is held all the same."""
    _, _, pend, icw, wl, root, pc, sub = state
    return wl == 2 and (icw > 0) + root + sub > 0 and not pend and pc == 0


def explored() -> tuple[tuple[int, ...], tuple[tuple[int, int], ...], list[str], list[int]]:
    """Return the sizes of the layers, the edges, and the path to the leak by steps and states."""
    number, came = {INITIAL: 0}, {INITIAL: (INITIAL, "")}
    layers, edges = [[INITIAL]], []
    while layers[-1]:
        layers.append([])
        for state in layers[-2]:
            for name, there in steps(state):
                if there not in number:
                    number[there] = len(number)
                    came[there] = (state, name)
                    layers[-1].append(there)
                edges.append((number[state], number[there]))
    at = next(state for state in number if leaks(state))
    names, route = [], [number[at]]
    while at != INITIAL:
        at, name = came[at]
        names.append(name)
        route.append(number[at])
    return tuple(map(len, layers[:-1])), tuple(edges), names[::-1], route[::-1]
