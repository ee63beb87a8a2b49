"""How long `regsim lab` takes, how large its page is, and how soon a browser shows it.

    python benchmarks/lab/page_speed.py [SCENARIO] [-n OPENINGS]

Needs Playwright (``pip install playwright``) and a Chromium, found by name or in REGSIM_CHROMIUM.
Prints one JSON object; the paint is the first contentful one, in milliseconds since the page began
to load, for each opening in a fresh window.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from regsim.cli.lab import build
from regsim.report.lab.page import lab_html

PAINT = "performance.getEntriesByName('first-contentful-paint').map(e => e.startTime)[0] ?? null"


def paint(browser: Browser, address: str) -> float:
    """Open *address* in a fresh window and return its first contentful paint in milliseconds."""
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto(address)
    while (found := page.evaluate(PAINT)) is None:
        page.wait_for_timeout(10)
    context.close()
    return float(found)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("scenario", nargs="?", default="q241572")
    parser.add_argument("-n", type=int, default=15, help="how often the page is opened")
    options = parser.parse_args()
    started = time.perf_counter()
    text = lab_html(build(options.scenario))
    seconds = time.perf_counter() - started
    chromium = os.environ.get("REGSIM_CHROMIUM") or shutil.which("chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "lab.html"
        path.write_text(text, encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        paints = [paint(browser, path.as_uri()) for _ in range(options.n)]
        browser.close()
    print(
        json.dumps(
            {
                "scenario": options.scenario,
                "build_seconds": round(seconds, 2),
                "bytes": len(text.encode()),
                "paint_ms": {
                    "best": min(paints),
                    "median": statistics.median(paints),
                    "worst": max(paints),
                },
            }
        )
    )


if __name__ == "__main__":
    main()
