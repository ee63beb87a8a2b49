# %% [markdown]
# # 6. Reading evidence
#
# The machine is the customer's; you have what it recorded. What can each kind of evidence tell, and
# what can it not?

# %%
import os

import regsim
from regsim import course
from regsim.course.evidence import capture

# %% [markdown]
# ## A capture of the case
#
# This is the case as Process Monitor would have recorded it; the simulator makes it. Look at the
# rows: which process opened the root first, and which one kept it?

# %%
recorded = capture(regsim.run("q241572", os="nt4-sp6a", fix="none")).removeprefix("\ufeff")
for row in recorded.splitlines():
    print(row[:110])

# %%
finding = regsim.replay(recorded, dialect=regsim.dialects.get("nt4-sp6a"))
finding.stepper()

# %% [markdown]
# The same as a table, for pandas or polars: `finding.to_dataframe()`.
#
# ## A real capture
#
# If you have one (PML or CSV), put its path here. Real captures are mostly *inconclusive*, because
# they begin in the middle: what was opened before is not in them. A tool that never says so is
# guessing. How to make one: docs/how-to/collect-evidence.md.

# %%
path = os.environ.get("CAPTURE", "")
if path:
    print(regsim.replay(path, dialect=regsim.dialects.get("win7")))

# %% [markdown]
# ## Events
#
# Four customers, four logs. What has each lost, and what do you ask next? Event 1530 frightens
# people most. Should it? The last question is the one you are paid for: say it to the owner of the
# service in five sentences. The check looks for the facts that the run shows, and runs the remedy
# that you name.

# %%
course.exercise("e7").stepper()
