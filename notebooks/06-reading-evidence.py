# %% [markdown]
# # 6. Reading evidence
#
# The machine is the customer's; you have what it recorded. What can each kind of evidence tell, and
# what can it not?

# %%
import os
import tempfile
import zlib
from pathlib import Path

from regsim import course, dialects
from regsim.trace.asking import replay

# %% [markdown]
# ## A capture of the case
#
# `docs/examples/logoff.csv` is the case as Process Monitor would have recorded it. It is made by the
# simulator. Look at the rows: which process opened the root first, and which one kept it?

# %%
here = next(p for p in (Path("docs/examples"), Path("../docs/examples")) if p.is_dir())
for row in (here / "logoff.csv").read_text("utf-8-sig").splitlines():
    print(row[:110])

# %%
verdict = replay(here / "logoff.csv", dialect=dialects.get("nt4-sp6a"))
for blocker in verdict.blockers:
    print(blocker.process, blocker.pid, blocker.opened_at, "implicit:", blocker.implicit)

# %% [markdown]
# ## A real capture
#
# If you have one, put its path here (PML or CSV). Without one the notebook looks for a public
# capture that the developers test with. Real captures are mostly *inconclusive*, because they begin
# in the middle: what was opened before is not in them. A tool that never says so is guessing.

# %%
capture = os.environ.get("CAPTURE", "")
shared = Path(os.environ.get("REGSIM_SHARED", "../shared")) / "data" / "procmon"
packed = shared / "CompressedLogfileTests32bitUTC.CSV.zlib"
with tempfile.TemporaryDirectory() as folder:
    if not capture and packed.exists():
        capture = str(Path(folder) / "real.csv")
        Path(capture).write_bytes(zlib.decompress(packed.read_bytes()))
    if capture:
        real = replay(Path(capture), dialect=dialects.get("win7"))
        print(real.conclusion.value, [(b.process, b.key) for b in real.blockers][:5])
        for root in real.roots:
            print(f"{root.process} kept {root.key} from {root.opened_at} until it ended")
        for reason in real.reasons:
            print("-", reason)
    else:
        print("no real capture here; see docs/how-to/collect-evidence.md for how to make one")

# %% [markdown]
# ## Events
#
# Four customers, four logs. What has each lost, and what do you ask next? Event 1530 frightens
# people most. Should it?

# %%
course.exercise("e7")

# %%
answer = {"a.lost": True, "b.lost": False, "d.next": "stop"}  # the frightened answers
course.check("e7", answer)

# %% [markdown]
# ## The note
#
# The last question of E7 is the one you are paid for: say it to the owner of the service in five
# sentences. The check looks for the facts that the run shows, and runs the remedy that you name.

# %%
note = "Event 1530 is logged when our user logs off. Please set DisableForceUnload."
print(course.check("e7", {"note": note}).results[-1])
