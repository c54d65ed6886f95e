"""Pages of somebody who has never heard of Penny: plain Pyodide, and what a package brings."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from penny.cli import bundle
from penny.cli.pyodide import find_pyodide
from penny.cli.server import application, background
from support.pages import BLANK, Page

ROOT = Path(__file__).parents[3]

HTML = """\
<!doctype html>
<meta charset="utf-8">
<title>A page with nothing of Penny's</title>
<link rel="icon" href="data:,">
"""

# Runs on a page, and as the script of a worker, which stands for a notebook's kernel.
KERNEL = """\
import {loadPyodide} from '/pyodide/pyodide.mjs';
export async function start(wheels) {
  // As browsers without JSPI are. Pyodide looks when it starts.
  if (new URL(import.meta.url).search === '?blocks') delete WebAssembly.Suspending;
  globalThis.pyodide = await loadPyodide();
  const urls = wheels.map(wheel => new URL(wheel, location.origin).href);
  await pyodide.loadPackage(urls, {messageCallback() {}});
}
export const execute = cell => pyodide.runPythonAsync(cell);

// Names of the workers that are started from here.
globalThis.started = [];
globalThis.Worker = class extends Worker {
  constructor(script, options) {
    super(script, options);
    started.push(options.name);
  }
};

if (!globalThis.document)
  onmessage = async ({data: {wheels, cell}}) => {
    try {
      if (wheels) await start(wheels);
      postMessage({value: cell && (await execute(cell))});
    } catch (error) {
      postMessage({error: String(error?.stack ?? error)});
    }
  };
"""


class Folders:
    """A site of folders by URL path; see `penny.cli.site.Site.find`."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = folders

    def find(self, path: str) -> Path | None:
        for prefix, folder in self._folders.items():
            file = folder / path.removeprefix(prefix)
            if path.startswith(prefix) and file.is_file():
                return file
        return None


class Stranger:
    """A server of files that a stranger has; `url` ends in `/`.

    Args:
        folder: Of these files.
        isolated: Whether it sends the headers of cross-origin isolation.
        folders: More, by URL path with slashes around. /pyodide/ is that of Penny's own tests
            otherwise.
    """

    def __init__(
        self, folder: Path, *, isolated: bool = True, folders: Mapping[str, Path] | None = None
    ) -> None:
        self.folder = folder
        self.isolated = isolated
        self._folders = {"/pyodide/": find_pyodide(), **(folders or {}), "/": folder}
        self.url = ""
        (folder / BLANK).write_text(HTML)
        (folder / "kernel.mjs").write_text(KERNEL)

    @contextlib.contextmanager
    def serving(self) -> Iterator[Stranger]:
        folders = Folders(self._folders)
        with background(application(folders, isolated=self.isolated)) as self.url:  # type: ignore[arg-type]
            yield self


class Kernel:
    """A Pyodide with the wheels, on a page or in a worker of it, as notebooks have one."""

    def __init__(self, page: Page, wheels: list[str], *, worker: str | None) -> None:
        self.page = page
        self._ask = "return await kernel.execute(args[0])"
        self._nested = worker is not None
        if worker:
            self._ask = "return await ask({cell: args[0]})"
            page.js(
                """
                const [script, ...wheels] = args;
                const kernel = new Worker(script, {type: 'module', name: 'kernel'});
                globalThis.restart = () => kernel.terminate();
                globalThis.tell = message => kernel.postMessage(message);
                globalThis.ask = message => new Promise((resolve, reject) => {
                  kernel.onmessage = ({data: {error, value}}) =>
                    error ? reject(new Error(error)) : resolve(value);
                  kernel.onerror = event => reject(new Error(event.message));
                  kernel.postMessage(message);
                });
                await ask({wheels});
                """,
                worker,
                *wheels,
            )
        else:
            page.js(
                "globalThis.kernel = await import('/kernel.mjs'); await kernel.start(args)", *wheels
            )

    def run(self, cell: str) -> Any:
        """The value of the cell's last expression."""
        return self.page.js(self._ask, cell, nested=self._nested)

    def workers(self) -> list[str]:
        """Names of those that were started until now."""
        names: list[str] = json.loads(self.run("import js; js.JSON.stringify(js.started)"))
        return names


def build_wheel(folder: Path) -> Path:
    """Build the wheel, as `make wheel` does."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    _run(build, ROOT)
    (wheel,) = folder.glob("penny_runtime-*.whl")
    return wheel


def build_npm(folder: Path) -> Path:
    """Build the npm package, as `make npm` does: a tarball."""
    make = ["make", "-s", "npm", f"NPM={folder / 'npm'}", f"DIST={folder}"]
    _run(make, ROOT)
    (tarball,) = folder.glob("penny-runtime-*.tgz")
    return tarball


def unpack_npm(tarball: Path, modules: Path) -> None:
    """Unpack the npm package where an app looks for it, `node_modules`."""
    modules.mkdir(exist_ok=True)
    with tarfile.open(tarball) as tar:
        tar.extractall(modules, filter="data")
    (modules / "package").rename(modules / "penny-runtime")


def build_app(folder: Path, sources: Mapping[str, str], tarball: Path) -> Path:
    """Build an app with Vite, for production, that has the package; and check its types.

    Returns:
        The folder of what is to be served.
    """
    for name, source in sources.items():
        (folder / name).write_text(source)
    modules = folder / "node_modules"
    modules.mkdir()
    (modules / "pyodide").symlink_to(find_pyodide())
    unpack_npm(tarball, modules)
    tools = ROOT / "node_modules"
    warned = _run(["node", tools / "vite/bin/vite.js", "build", "--logLevel", "warn"], folder)
    assert warned == "", warned
    _run(["node", tools / "typescript/bin/tsc", "-p", folder], folder)
    return folder / "dist"


def _run(command: Sequence[str | Path], folder: Path) -> str:
    """What it says on stderr."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stderr


def repack(distribution: str, folder: Path) -> Path:
    """Write the wheel of a distribution that is installed here, pure Python as it must be."""
    found = metadata.distribution(distribution)
    paths = [path for path in found.files or () if ".." not in path.parts]
    files = {str(p): p.locate().read_bytes() for p in paths if p.suffix != ".pyc"}
    wheel = folder / f"{distribution}-{found.version}-py3-none-any.whl"
    wheel.write_bytes(bundle.pack(files))
    return wheel
