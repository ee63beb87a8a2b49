# %% [markdown]
# # 4. Fixes, true and false
#
# Everybody has a remedy. Some work, some work by accident, some do nothing and look as if they did.

# %%
import regsim
from regsim import course
from regsim.cases import fixes

# %%
for fix in fixes.FIXES.values():
    print(f"{fix.name:26}{fix.says} [{fix.where}]")

# %% [markdown]
# ## The workaround, and its time
#
# Stop the Telephony service. *When?* Before the logoff; after it failed; while Windows is still
# trying? Predict for NT 4.0 and for Windows 2000.

# %%
course.exercise("e3").stepper()

# %% [markdown]
# ## Five patches
#
# Which let the hive unload, and which of those may hurt somebody else?

# %%
course.exercise("e4").stepper()

# %% [markdown]
# The most instructive is `close-root`: right in every test with one thread. Notebook 7 takes it apart.
#
# ## A policy that looks like a fix
#
# "Do not forcefully unload the users registry at user logoff" makes event 1530 go away. What becomes
# of the profile?

# %%
regsim.run("q241572", os="win10", fix="disable-force-unload").outcome
