"""Run every experiment again and say what changed: ``python experiments/run_all.py [NNN ...]``.

Ends with 1 when a result differs from the one that was kept.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from experiment import folders, run, write


def main(chosen: list[str]) -> int:
    """Run those whose folder begins with one of *chosen*, or all; return the exit code."""
    different = False
    for folder in folders():
        if chosen and not folder.name.startswith(tuple(chosen)):
            continue
        changed = run(folder)
        different = different or bool(changed)
        print(f"{folder.name}: {'; '.join(changed[:5]) if changed else 'nothing changed'}")
        if len(changed) > 5:
            print(f"  and {len(changed) - 5} more")
    write(Path(__file__).parent / "README.md", index())
    return int(different)


def index() -> str:
    """Return the list of experiments: each question with the first sentence of its finding."""
    lines = ["# Experiments", "", "`python experiments/run_all.py` runs them all again.", ""]
    for folder in folders():
        page = (folder / "README.md").read_text() if (folder / "README.md").exists() else ""
        question = page.split("\n")[0].removeprefix("# ")
        finding = page.partition("## Finding\n\n")[2].split("\n")[0]
        lines.append(f"- [{question}]({folder.name}/README.md) {finding}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
