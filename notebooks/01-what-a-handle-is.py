# %% [markdown]
# # 1. What a handle is
#
# A user has logged off, and Windows says that the registry is *still in use*. In use by whom, and
# what does "use" mean? Before we look at logs, let us get the four things apart that are easily
# taken for one: the **handle**, the **key object**, the **key** and the **hive**.
#
# In this course you are asked before you are shown. Guess; a wrong guess costs nothing and is worth
# more than a right one that you have read.

# %%
import regsim
from regsim import course

# %% [markdown]
# ## A machine to look into
#
# A simulated Windows NT 4.0, with one user's hive loaded, and one service.

# %%
machine = regsim.Machine(regsim.dialects.get("nt4-sp6a"))
hive = machine.mount_hive(r"\REGISTRY\USER\S-1-5-21-7", file="NTUSER.DAT")
service = machine.start_process("tapisrv", services=("TapiSrv",))
api = regsim.Api(machine, machine.start_thread(service))
machine

# %% [markdown]
# Nothing is open. Now the service acts as the user and asks for *one* key. How many handles will its
# table hold: none, one, or two?

# %%
api.impersonate("S-1-5-21-7")
code, created = api.RegCreateKeyEx(regsim.PredefinedKey.CURRENT_USER, "Software")
service

# %% [markdown]
# Two. One for the key that was asked for, and one for the **root** of the user's hive.
# `HKEY_CURRENT_USER` is no handle: it is the number 0x80000001, and the process had to find out what
# it stands for. It keeps what it found.
#
# Open the same key once more. How many handles now? And does the second have the same number?

# %%
code, second = api.RegOpenKeyEx(regsim.PredefinedKey.CURRENT_USER, "Software")
service

# %% [markdown]
# Three. On Windows NT each open gives a handle of its own, on a key object of its own. All objects
# on one key share the kernel's record of that key, the *key control block*, and that belongs to the
# hive. So to the question "is the hive in use?" the kernel counts opens.
#
# Close everything that was asked for, and stop acting as the user. What is left?

# %%
api.RegCloseKey(created.handle)
api.RegCloseKey(second)
api.revert()
[(hex(holder.handle), holder.key, holder.implicit) for holder in machine.holders(hive)]

# %% [markdown]
# Would an unload of the hive succeed?

# %%
api.NtUnloadKey(r"\REGISTRY\USER\S-1-5-21-7").status

# %% [markdown]
# `CANNOT_DELETE`; in Win32 that is error 5, "Access is denied". It has nothing to do with
# permissions: one handle is open.
#
# ## Exercise E1
#
# Read the scene, put your predictions into `answer`, and run the check. The simulator plays the
# calls when you ask; no answer is stored anywhere.

# %%
course.exercise("e1")

# %%
answer = {"after-1": 1, "after-2": 2}  # what most people say first; change it, and add the others
course.check("e1", answer)
