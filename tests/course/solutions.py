"""The answers as a person who knows the subject gives them, beside what the simulator finds."""

from __future__ import annotations

NOTE = (
    "At logoff Windows 10 logs event 1530: TapiSrv in svchost.exe holds the root of "
    "HKEY_CURRENT_USER. To see it, have the service call RegOpenKeyEx(HKEY_CURRENT_USER) while it "
    "impersonates the user, close the key, and log off. Until it is mended, stop the service "
    "before the logoff; the mend is RegOpenCurrentUser and a close. Meanwhile its calls in the "
    "next session fail with error 1018."
)
SOLUTIONS: dict[str, dict[str, object]] = {
    "e1": {
        "after-1": 2,  # the root, and a
        "after-2": 3,
        "after-3": 4,
        "after-4": 4,  # RevertToSelf closes nothing
        "after-5": 3,
        "after-6": 2,
        "objects": 3,  # b and c share one
        "keys": 2,
        "survivor": "the root",
        "unloads": False,
    },
    "e2": {"unloads": False, "holder": "backup.exe:136", "classes": 2},
    "e3": {
        "nt4-before": "saved",
        "nt4-between": "saved",
        "nt4-late": "lost",
        "w2k-20": "late",
        "w2k-70": "lost",
    },
    "e4": {
        "close-twice": False,
        "revert": False,
        "close-root": True,
        "own-root": False,
        "own-root-closed": True,
        "neighbour": "close-root",
    },
    "e5": {
        **{f"{os}.saved": False for os in ("nt4-sp6a", "w2k")},
        **{f"{os}.saved": True for os in ("xp", "vista", "win11")},
        **{f"{os}.loaded": True for os in ("nt4-sp6a", "w2k", "xp")},
        **{f"{os}.loaded": False for os in ("vista", "win11")},
        **{f"{os}.broken": False for os in ("nt4-sp6a", "w2k", "xp")},
        **{f"{os}.broken": True for os in ("vista", "win11")},
    },
    "e6": {
        "first": "anna",
        "second": "anna",  # cached at the first use
        "blocked": "anna",
        "own": "bert",
        "closed": "bert",
        "reverted": "bert",  # cached anew, as Bert
        "early": "system",
    },
    "e7": {
        "a.system": "win10",
        "a.lost": False,
        "a.next": "broken",
        "b.system": "w2k",
        "b.lost": True,
        "b.next": "stop",
        "c.system": "nt4-sp6a",
        "c.lost": True,
        "c.next": "stop",
        "d.system": "xp",
        "d.lost": False,
        "d.next": "memory",
        "note": NOTE,
    },
    "e8": {
        "tested": True,
        "buggy-leak": False,
        "naive-leak": True,
        "naive-alone": True,
        "naive-err": False,
        "counted-err": True,
        "counted-leak": True,
        "one-try": False,
        "shortest": 9,
        "schedule": "1 1 1 1 1 2 2 1 2",
    },
}
