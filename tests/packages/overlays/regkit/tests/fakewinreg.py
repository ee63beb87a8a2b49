"""In place of the package's own fake: the simulated registry, with the two helpers it had."""

import sys

from afresh import Afresh

_EPOCH = 116_444_736_000_000_000
"""1970 as a FILETIME."""

sys.modules[__name__] = Afresh(
    __name__, filetime_to_time_ns=lambda filetime: (filetime - _EPOCH) * 100
)
