"""Where notebooks run: JupyterLab and marimo, each as a program of its own, in a real browser."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("[0-9]*.ipynb"))
EXECUTED = os.environ.get("REGSIM_NOTEBOOKS") == "execute"
"""Whether to start the programs, which takes its time; `.ci/run` does."""
SHOTS = os.environ.get("REGSIM_SHOTS", "")
"""The folder for a picture of each notebook, for somebody to look at."""
WIDGET = "application/vnd.jupyter.widget-view+json"
RUN = """async (path) => {
  const app = window.jupyterapp;
  const panel = await app.commands.execute('docmanager:open', { path });
  await panel.context.ready;
  await panel.sessionContext.ready;
  await app.commands.execute('notebook:run-all-cells');
  return panel.content.model.toJSON().cells;
}"""
MARIMO = """import marimo
app = marimo.App()

@app.cell
def _():
    import regsim
    from regsim import course
    return regsim, course

@app.cell
def _(regsim):
    regsim.run("q241572").stepper()

@app.cell
def _(course):
    course.exercise("e1").stepper()
"""

pytestmark = [
    pytest.mark.skipif(not EXECUTED, reason="starts programs: REGSIM_NOTEBOOKS=execute"),
    pytest.mark.filterwarnings("default"),
]


@contextmanager
def serving(folder: Path, alive: str, *command: str) -> Iterator[str]:
    """Run a server on a port of this machine alone, and give its address once *alive* answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    own = {f"{name}_DIR": str(folder / name) for name in ("JUPYTER_CONFIG", "JUPYTER_DATA")}
    with (folder / "log").open("w", encoding="utf-8") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", *(part.format(port=port) for part in command)],
            env={**os.environ, **own, "IPYTHONDIR": str(folder / "ipython")},
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        for _ in range(600):
            try:
                urlopen(address + alive, timeout=5).close()  # noqa: S310 - our own server
                break
            except (URLError, OSError):
                assert server.poll() is None, (folder / "log").read_text("utf-8")
                time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="module")
def tab(browser) -> Iterator[Any]:
    """A page of a window as wide as a laptop's, which collects what goes wrong in it."""
    page = browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    page.set_default_timeout(60_000)
    page.wrong = []
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    yield page
    page.context.close()


@pytest.fixture(scope="module")
def jupyterlab(tab, tmp_path_factory) -> Iterator[Any]:
    """JupyterLab in that page, on a copy of the notebooks far from the checkout."""
    pytest.importorskip("jupyterlab")
    folder = tmp_path_factory.mktemp("lab")
    for path in NOTEBOOKS:
        shutil.copy(path, folder)
    token = secrets.token_hex()
    options = [
        "--no-browser --allow-root --port={port} --LabApp.expose_app_in_browser=True",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate --LabApp.news_url=",
        f"--ServerApp.root_dir={folder} --IdentityProvider.token={token}",
    ]
    command = ["jupyterlab", *" ".join(options).split()]
    with serving(folder, "/api", *command) as address:
        tab.goto(f"{address}/lab?reset&token={token}")
        tab.wait_for_function("window.jupyterapp")
        tab.evaluate("window.jupyterapp.restored")
        tab.folder = folder
        yield tab


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_jupyterlab_runs_the_notebook(jupyterlab, path: Path) -> None:
    """No cell fails, each stepper plays in its cell, and its tables are there beside it."""
    cells = [c for c in jupyterlab.evaluate(RUN, path.name) if c["cell_type"] == "code"]
    shown = [output for cell in cells for output in cell["outputs"]]
    assert [output for output in shown if output["output_type"] == "error"] == []
    beside = [output["data"] for output in shown if WIDGET in output.get("data", {})]
    asked = [cell for cell in cells if "".join(cell["source"]).endswith(".stepper()")]
    assert len(beside) == len(asked) > 0
    assert all("<b>" in "".join(one["text/html"]) for one in beside)

    panel = jupyterlab.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    first = panel.locator(".host").first
    first.scroll_into_view_if_needed()
    if SHOTS:
        jupyterlab.screenshot(path=str(Path(SHOTS, f"{path.stem}.png")))
    button = first.locator("button.strong").first
    assert button.is_visible()
    assert jupyterlab.wrong == []


def test_jupyterlab_asks_the_kernel(jupyterlab) -> None:
    """An answer goes to the kernel, and what the simulator says of it comes back."""
    path = shutil.copy(NOTEBOOKS[0], jupyterlab.folder / "again.ipynb")
    jupyterlab.evaluate(RUN, path.name)
    host = jupyterlab.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .host").first
    host.locator(".line").fill("1")
    host.locator(".line").press("Enter")
    host.get_by_text("Not as you said.").wait_for()
    assert "Call 1, a = RegOpenKeyEx" in host.locator(".feedback").inner_text()


def test_marimo_asks_its_kernel(tab, tmp_path: Path) -> None:
    """A stepper is the last line of a cell there too; it steps, and an exercise is judged."""
    pytest.importorskip("marimo")
    program = tmp_path / "program.py"
    program.write_text(MARIMO, encoding="utf-8")
    options = f"-q run {program} --headless --no-token --host 127.0.0.1 -p {{port}}"
    with serving(tmp_path, "/health", "marimo", *options.split()) as address:
        tab.goto(address)
        run, exercise = tab.locator(".host").nth(0), tab.locator(".host").nth(1)
        run.locator("#next").click()
        assert run.locator(".count").inner_text().startswith("Step 1 of 13")
        exercise.locator(".line").fill("1")
        exercise.locator(".line").press("Enter")
        exercise.get_by_text("Not as you said.").wait_for()
