"""pytest-pyodide's page, with Penny installed into its Pyodide.

pytest-pyodide wants a dist folder of Pyodide's files, on a server of its own, which sends no
isolation headers. Here Penny's server serves them, from the folder that tests may write to.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest_pyodide
from pytest_pyodide import SeleniumChromeRunner
from selenium.webdriver import Chrome

from penny.cli.pyodide import FILES as PYODIDE_FILES
from penny.cli.pyodide import find_pyodide
from support.browsers import start_browser
from support.in_pyodide import FILES, INLINE
from support.pages import TIMEOUT, archive
from support.servers import Server


class PennyRunner(SeleniumChromeRunner):
    """pytest-pyodide's driver of a page, in a browser of its own like that of the other tests."""

    script_timeout = TIMEOUT

    def get_driver(self, jspi: bool = False) -> Chrome:
        return start_browser()


def start(server: Server) -> PennyRunner:
    """Open the page. Its Pyodide has Penny, and tblib, which brings tracebacks over here."""
    _write_dist_folder(server)
    address = urlsplit(server.url)
    runner = PennyRunner(server_port=address.port, server_hostname=address.hostname)
    try:
        _install_penny(runner)
    except BaseException:
        runner.quit()
        raise
    return runner


def _install_penny(runner: PennyRunner) -> None:
    archives = archive(FILES), archive(_package("tblib"))
    runner.run_js(
        f"const archives = {json.dumps(archives)};"
        """
        await new Promise((resolve, reject) => {
            const script = document.createElement('script');
            Object.assign(script, {src: 'penny.js', onload: resolve, onerror: reject});
            document.head.append(script);
        });
        const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
        const files = archives.map(text => bytes(text).buffer);
        for (const zip of files) pyodide.unpackArchive(zip.slice(), 'zip');
        await Penny.install(pyodide, {files: [files[0]]});
        """
        f"pyodide.runPython({json.dumps(INLINE)});"
    )


def _write_dist_folder(server: Server) -> None:
    pyodide = find_pyodide()
    for name in PYODIDE_FILES:
        server.write(name, (pyodide / name).read_bytes())
    # With no packages in it: what a test imports would else be fetched from a CDN.
    lock = json.loads((pyodide / "pyodide-lock.json").read_text())
    server.write("pyodide-lock.json", json.dumps({**lock, "packages": {}}))
    templates = Path(pytest_pyodide.__file__).with_name("_templates")
    server.write("module_test.html", (templates / "module_test.html").read_bytes())


def _package(name: str) -> dict[str, str]:
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0])
    return {f"{name}/{path.name}": path.read_text() for path in folder.glob("*.py")}
