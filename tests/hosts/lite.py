"""A site of JupyterLite, and a notebook in it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from installed import HOSTS, VENV, distribution
from support.pages import Page

SETTINGS = {
    "jupyter-lite-schema-version": 0,
    "jupyter-config-data": {
        "exposeAppInBrowser": True,
        "litePluginSettings": {
            "@jupyterlite/pyodide-kernel-extension:kernel": {
                "pyodideUrl": "/pyodide/pyodide.mjs",
                "disablePyPIFallback": True,
            }
        },
    },
}

# A kernel may answer before the page begins to wait. Then Atomics.waitAsync has a plain value at
# once, which JupyterLite (its coincident 1.2.3) takes for a promise, and the cell never ends. It
# needs no Penny for that, just busy processors. docs/embedding.md tells users.
WAIT_ASYNC = """\
<script>
  const {waitAsync} = Atomics;
  Atomics.waitAsync = (...where) => {
    const {async, value} = waitAsync(...where);
    return {async, value: Promise.resolve(value)};
  };
</script>
"""

_OPEN = """
while (!globalThis.jupyterapp) await new Promise(soon => setTimeout(soon, 50)); // nothing tells
await jupyterapp.restored;
const {commands} = jupyterapp;
globalThis.panel = await commands.execute('notebook:create-new', {kernelName: 'python', cwd: ''});
await panel.sessionContext.ready;
"""

# The new cell below becomes the active one, and the next to run.
_RUN = """
const cell = panel.content.activeCell;
cell.model.sharedModel.setSource(args[0]);
await jupyterapp.commands.execute('notebook:run-cell-and-insert-below');
return cell.model.outputs.toJSON();
"""


class CellError(Exception):
    """A cell has raised."""


class Notebook:
    """A notebook of JupyterLab, on a page of its own."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.open("lab/index.html")
        page.js(_OPEN)

    def outputs(self, cell: str) -> list[dict[str, Any]]:
        """What is below the cell once it has run."""
        found: list[dict[str, Any]] = self.page.js(_RUN, cell, nested=True)
        for output in found:
            if output["output_type"] == "error":
                raise CellError("\n".join(output["traceback"]))
        return found

    def printed(self, cell: str) -> str:
        """What the cell has printed, to be seen below it."""
        return "".join(o["text"] for o in self.outputs(cell) if o.get("name") == "stdout")

    def restart(self) -> None:
        """Restart its kernel."""
        self.page.js("await panel.sessionContext.session.kernel.restart()")


def build(folder: Path, wheels: Sequence[Path]) -> tuple[Path, Path]:
    """Build the site.

    Args:
        folder: Where to put it.
        wheels: What `%pip install` is to find there.

    Returns:
        Its folder, and that of the Pyodide which it looks for at /pyodide/.
    """
    source, out = folder / "lite", folder / "out"
    source.mkdir()
    (source / "jupyter-lite.json").write_text(json.dumps(SETTINGS))
    own = [wheel for wheel in (HOSTS / "wheels").iterdir() if wheel.name.startswith("comm-")]
    command: list[str | Path] = [VENV / "bin" / "jupyter", "lite", "build", "--apps", "lab"]
    command += ["--lite-dir", source, "--output-dir", out]
    for wheel in [*wheels, *own]:
        command += ["--piplite-wheels", wheel]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    index = out / "lab" / "index.html"
    html = index.read_text()
    assert html.count("<head>\n") == 1
    index.write_text(html.replace("<head>\n", "<head>\n" + WAIT_ASYNC))
    return out, distribution(folder / "pyodide")
