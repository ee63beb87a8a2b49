# %% [markdown]
# # 2. The case, call by call
#
# Microsoft's article Q241572, of 1999: on Windows NT 4.0 a user opens the Internet Connection
# Wizard, chooses "I want to set up a new connection on this computer", and later logs off. The
# roaming profile is not saved to the server.
#
# The wizard asks the Telephony service for user information; the service opens a key below
# `HKEY_CURRENT_USER` and closes it. Before you run it: *at which call does it go wrong?* Where it
# shows, or earlier?

# %%
import regsim

# %%
stock = regsim.run("q241572", os="nt4-sp6a", fix="none")
stock.stepper()

# %% [markdown]
# The unload at the end is where it shows. It went wrong at the call that took two steps and told its
# caller of one: `open-root`, marked as what nobody asked for.
#
# The user's own program, `icwconn1.exe`, opened a root too. Why does *that* not matter?

# %%
[(call.number, call.actor, call.step, call.handle) for call in stock.calls if call.implicit]

# %% [markdown]
# It ends with the session, and the end of a process closes all it holds. The service goes on.
#
# The article says that only one option of the wizard leads to the trouble. Let us try another.

# %%
regsim.run("q241572", os="nt4-sp6a", fix="none", option="existing-connection").outcome

# %% [markdown]
# ## The same in pictures
#
# `regsim demo` writes them to files; here is one. Before you look: how many handles on the hive are
# open one step before the logoff, in the stock service and in the fixed one?

# %%
from regsim.report.pictures.runs import openings_svg

fixed = regsim.run("q241572", os="nt4-sp6a", fix="hotfix")
picture = openings_svg(stock, fixed)
try:
    from IPython import display

    display.display(display.SVG(picture))
except ImportError:
    print(len(picture), "characters of SVG; a notebook would draw them")
