# %% [markdown]
# # 1. What a handle is
#
# A user has logged off, and Windows says that the registry is *still in use*. In use by whom, and
# what does "use" mean? Before we look at logs, let us get the four things apart that are easily
# taken for one: the **handle**, the **key object**, the **key** and the **hive**.
#
# In this course you are asked before you are shown. Guess; a wrong guess costs nothing and is worth
# more than a right one that you have read. The exercises ask in their cells, and the simulator plays
# the calls when you answer; no answer is stored anywhere. Where your notebook runs no widgets you
# see the questions as a table: answer with `course.check("e1", {"after-1": 2})`.

# %%
import regsim
from regsim import course

# %%
course.exercise("e1").stepper()

# %% [markdown]
# ## A machine to look into
#
# What you have counted, drawn. A service of a simulated Windows NT 4.0 acts as the user and opens
# one key twice. Which of the boxes did it ask for?

# %%
USER = "S-1-5-21-7"
machine = regsim.Machine("nt4-sp6a")
hive = machine.mount_hive(rf"\REGISTRY\USER\{USER}", file="NTUSER.DAT")
service = machine.start_process("tapisrv", services=("TapiSrv",))
api = regsim.Api(machine, machine.start_thread(service))
api.impersonate(USER)
code, first = api.RegCreateKeyEx(regsim.PredefinedKey.CURRENT_USER, "Software")
code, second = api.RegOpenKeyEx(regsim.PredefinedKey.CURRENT_USER, "Software")
machine

# %% [markdown]
# Close everything that was asked for, and stop acting as the user. What does the drawing still show?

# %%
api.RegCloseKey(first.handle)
api.RegCloseKey(second)
api.revert()
machine

# %% [markdown]
# And an unload of the hive answers?

# %%
api.NtUnloadKey(rf"\REGISTRY\USER\{USER}").status

# %% [markdown]
# In Win32 that is error 5, "Access is denied". It has nothing to do with permissions: one handle is
# open.
