# %% [markdown]
# # 3. Who holds the hive?
#
# On a real machine you do not see calls. You see a listing of handles, and somebody in it is to
# blame. Most of it is innocent. What makes a handle a *blocker*?

# %%
import regsim
from regsim import course

# %% [markdown]
# A machine with two users, and three services that each hold one key. Which of them keep Anna's
# hive, `...-1001`, loaded?

# %%
machine = regsim.Machine(regsim.dialects.get("win10"))
for sid in ("S-1-5-21-7-1001", "S-1-5-21-7-1001_Classes", "S-1-5-21-7-1002"):
    machine.mount_hive(rf"\REGISTRY\USER\{sid}", file=f"{sid}.dat")
keys = {
    "themes": r"\REGISTRY\USER\S-1-5-21-7-1001_Classes",
    "schedule": r"\REGISTRY\USER",
    "backup": r"\REGISTRY\USER\S-1-5-21-7-1001",
}
for name, key in keys.items():
    process = machine.start_process(name, services=(name,))
    regsim.Api(machine, machine.start_thread(process)).NtOpenKey(key)
machine

# %% [markdown]
# Only `backup`. `_Classes` is a hive of its own, with its own unload; and `\REGISTRY\USER` itself
# belongs to neither user's. To be sure, ask each question of the simulator: end one process, and try.

# %%
for name in keys:
    trial = machine.snapshot()
    trial.end_process(trial.process_named(name))
    winlogon = regsim.Api(trial, trial.start_thread(trial.start_process("winlogon")))
    print(name, "ended:", winlogon.NtUnloadKey(r"\REGISTRY\USER\S-1-5-21-7-1001").status.name)

# %% [markdown]
# ## Exercise E2
#
# Twelve processes, as handle.exe lists them.

# %%
course.exercise("e2")

# %%
answer = {"holder": "svchost.exe:124"}  # TapiSrv was it last time; is it now?
course.check("e2", answer)

# %% [markdown]
# A listing on a real machine: `regsim who handles.txt` does what you have just done by eye.
