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
# The simulator has that computer, and draws what blocks the unload of Anna's hive. Is the one you
# named there? Whose handles are the others?

# %%
from regsim.course.bench import ANNA
from regsim.kernel.holding import open_handles
from regsim.report.pictures.references import references_svg

bench, processes = dump()
picture = references_svg(open_handles(bench.machine, [bench.hive(ANNA)]))
try:
    from IPython import display

    display.display(display.SVG(picture))
except ImportError:
    print(len(picture), "characters of SVG; a notebook would draw them")

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
