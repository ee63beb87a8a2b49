# %% [markdown]
# # 5. Every Windows generation
#
# The leak has been the same since NT 4.0. What Windows *does* about it has changed three times. Who
# pays: the user, the memory, or the service?

# %%
import regsim
from regsim import course, dialects

# %% [markdown]
# Predict first: on which of these systems is the profile saved, on which is the hive still loaded
# afterwards, and on which does the service's next call fail?

# %%
course.exercise("e5").stepper()

# %% [markdown]
# ## All of them

# %%
for os in dialects.names():
    try:
        outcome = regsim.run("q241572", os=os, fix="none").outcome.value
    except regsim.RegsimError as reason:
        outcome = f"not applicable: {reason}"
    print(f"{os:14}{outcome}")

# %% [markdown]
# ## On whose word?
#
# Every rule has a source and a grade. How sure are we that Vista and later wait 30 seconds?

# %%
logoff = dialects.get("win10").logoff
print(logoff)
print(dialects.get("win10").evidence["logoff"])
print(dialects.CONTESTED["logoff.grace"])

# %% [markdown]
# Not very; so it is a parameter. Such a number matters where the holder lets go by itself, as in KB
# Q272239, where the service keeps the root for *some* time. Windows 2000 tries once a second, 60
# times, and that is documented. What becomes of the profile if the service lets go after 45 seconds,
# and what after 90?

# %%
for hold in (45, 90):
    run = regsim.run("q272239", os="w2k", fix="none", hold=hold)
    print(f"{hold} s on Windows 2000: {run.outcome.value}")

# %% [markdown]
# ## Whose user is it, anyway?
#
# On no generation does `HKEY_CURRENT_USER` follow a thread's impersonation. Exercise E6 shows that
# the leak has a worse twin: reading the wrong user's data.

# %%
course.exercise("e6").stepper()
