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
# A test has one order. For a service with several threads, write down its steps and have every order
# looked at. This one acts as the user, opens `HKEY_CURRENT_USER\Software`, and closes it; nothing
# else. Will the claim hold that nothing is left once it is idle?

# %%
from regsim.actors.stage import USER, USER_ON
from regsim.actors.winlogon import patient
from regsim.check.property import always
from regsim.check.verify import check
from regsim.explore.scene import Scene
from regsim.kernel.calls import inline
from regsim.kernel.expr import HandleVar
from regsim.kernel.process import Token
from regsim.kernel.steps import Forget, Program, Step, go
from regsim.types import PredefinedKey
from regsim.win32 import advapi

SUB = HandleVar("sub")


def my_service(dialect):
    opening = advapi.RegOpenKeyEx(dialect, PredefinedKey.CURRENT_USER, "Software")
    closing = advapi.RegCloseKey(dialect, SUB)
    failed = (go("idle"),)
    steps = (
        Step(at="idle", does="asked", when=USER_ON.is_(1), then=(go("open"),)),
        *inline(opening, at="open", returns=go("close"), fails=failed, into=SUB),
        *inline(closing, at="close", returns=go("idle", Forget(SUB)), fails=failed),
    )
    return Program("my-service", steps, "idle")


scene = Scene("win11")
scene.add("winlogon", patient(), variables={"tries": 0})
scene.add("my-service", my_service(scene.dialect), token=Token(USER))
left = scene.at("winlogon", "unloading") & scene.at("my-service", "idle") & ~scene.clear
model = scene.system("my-service", always("released", ~left))
check(model, "released")

# %% [markdown]
# The checker found the implicit root by itself: the plan of `RegOpenKeyEx` has two steps, and the
# program closes one handle. Now write the service with `advapi.RegOpenCurrentUser`, and prove it.
#
# You have reached the end of the course. `regsim course` keeps the exercises at hand in a terminal;
# objective 10, the escalation note, is the one to practise with your next real case.
