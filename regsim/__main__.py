"""``python -m regsim`` is the command ``regsim``."""

from __future__ import annotations

import sys

from regsim.cli import main

if __name__ == "__main__":
    sys.exit(main())
