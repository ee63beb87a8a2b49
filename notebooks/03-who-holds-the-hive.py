# %% [markdown]
# # 3. Who holds the hive?
#
# On a real machine you do not see calls. You see a listing of handles, and somebody in it is to
# blame. Most of it is innocent. What makes a handle a *blocker*?

# %%
import regsim
from regsim import course
from regsim.course.evidence import listing
from regsim.course.handles import dump

# %%
course.exercise("e2").stepper()

# %% [markdown]
# ## The same twelve, drawn
#
# The simulator has that computer, and draws what in it blocks an unload. Is the one you named there,
# and is Bert's desktop marked as well? To whom does that matter?

# %%
bench, processes = dump()
bench.machine

# %% [markdown]
# ## By regsim
#
# The listing of a real machine is a file, from `handle.exe -a`; `regsim who handles.txt` reads it.
# What does it say of the twelve, and what does it ask for that you did not miss?

# %%
finding = regsim.who(listing(), dialect=regsim.dialects.get("win10"))
finding

# %%
finding.stepper()
