# %% [markdown]
# # 8. Your own service
#
# The case is from 1999. The bug is in services written this year. Here is how to ask the same
# questions of your own code: with a test, and with a model.

# %%
from regsim.testing import Registry, RegistryLeakError, assert_unloads

# %% [markdown]
# ## A test
#
# `Registry` is a simulated computer with a logged-on user. A service on it gets a `winreg` module
# like Python's. In pytest the fixture `registry` gives you the same (docs/how-to/test-in-ci.md).

# %%
registry = Registry("win11")
winreg = registry.service("MyService")


def wallpaper_colour(winreg):
    with winreg.OpenKey(winreg.HKEY_CURRENT_USER, "Software"):
        return "blue"


with registry.acting_as_user(winreg):
    wallpaper_colour(winreg)

# %% [markdown]
# Everything that was opened was closed; `with` saw to that. Does the hive unload?

# %%
try:
    assert_unloads(registry)
    registry.assert_no_leaks()
except (AssertionError, RegistryLeakError) as report:
    print(report)

# %% [markdown]
# No. Mend `wallpaper_colour` in the cell below: open the user's key below `HKEY_USERS`, and close it.

# %%
mended = Registry("win11")
winreg = mended.service("MyService")


def wallpaper_colour_mended(winreg, sid):
    with winreg.OpenKey(winreg.HKEY_USERS, rf"{sid}\Software"):
        return "blue"


with mended.acting_as_user(winreg):
    wallpaper_colour_mended(winreg, mended.user)
assert_unloads(mended)

# %% [markdown]
# ## A model
#
# A test has one order. For a service with several threads, write down what it does as plain Python,
# and have every order looked at. This one acts as the user, opens a key below `HKEY_CURRENT_USER`,
# and closes it; nothing else. Will the claim hold that nothing is left once it rests?

# %%
import regsim


def my_service(win):
    while win.wait("request"):
        with win.impersonating("user"):
            key = win.RegOpenKeyEx(win.HKEY_CURRENT_USER, "Software")
            win.RegCloseKey(key)


model = regsim.model(os="win11").service(my_service, threads=2).user_logs_on_and_off()
model.check("released").stepper()

# %% [markdown]
# The checker found the implicit root by itself: the call has two steps, and the code closes one
# handle. Now write the service with `win.RegOpenCurrentUser`, and prove it.
#
# You have reached the end of the course. `regsim course` keeps the exercises at hand in a terminal;
# writing the escalation note is the one to practise with your next real case.
