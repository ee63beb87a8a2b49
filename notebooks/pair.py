"""Write the notebooks: each ``NN-name.py`` is paired with an ``NN-name.ipynb``, outputs cleared.

Edit the scripts (or the notebooks in Jupyter with jupytext, which keeps the pair), then run
``python notebooks/pair.py``. Same script, same bytes.
"""

from __future__ import annotations

import json
from pathlib import Path

import jupytext

HERE = Path(__file__).parent
METADATA = {
    "jupytext": {"formats": "ipynb,py:percent", "notebook_metadata_filter": "-all"},
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
}


def notebook(script: str) -> str:
    """Return the notebook that is paired with *script*, a percent script."""
    made = jupytext.reads(script, fmt="py:percent")
    made.metadata.clear()
    made.metadata.update(METADATA)
    for number, cell in enumerate(made.cells, 1):
        cell["id"] = f"cell-{number:02}"
        cell.metadata.clear()
    text = json.loads(jupytext.writes(made, fmt="ipynb"))
    return json.dumps(text, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write every notebook beside its script."""
    for path in sorted(HERE.glob("[0-9]*.py")):
        made = notebook(path.read_text(encoding="utf-8"))
        path.with_suffix(".ipynb").write_text(made, encoding="utf-8")


if __name__ == "__main__":
    main()
