"""The npm package in an app of webpack's: built for production, and from its development server."""

from __future__ import annotations

import contextlib
import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from installed import NODE_MODULES, PRINTED
from selenium.webdriver import Chrome
from support.pages import Page
from support.strangers import HTML, Stranger, build_npm

from penny.cli.pyodide import find_pyodide

APP = {
    "package.json": '{"name": "app", "type": "module", "private": true}',
    "webpack.config.js": """
      export default {
        entry: './main.js',
        performance: {hints: false}, // of sizes: Pyodide is larger than they like
        output: {filename: 'main.js', publicPath: '/'},
        devServer: {
          port: 0, host: '127.0.0.1', hot: false, client: false, open: false,
          static: {directory: 'public', watch: false},
          headers: {
            'Cross-Origin-Opener-Policy': 'same-origin',
            'Cross-Origin-Embedder-Policy': 'require-corp',
          },
        },
      };
    """,
    "main.js": """
      import {install, scheduler} from 'penny-runtime';

      export async function python(source) {
        const {loadPyodide} = await import(/* webpackIgnore: true */ '/pyodide/pyodide.mjs');
        const printed = [];
        const pyodide = await loadPyodide({stdout: line => printed.push(`${line}\\n`)});
        await install(pyodide, {output: (_stream, text) => printed.push(text)});
        await pyodide.runPythonAsync(source);
        return printed.join('');
      }

      export async function where() {
        const s = await scheduler({indexURL: '/pyodide/', workers: 1});
        s.define('where', 'import penny\\ndef where(): return penny.current_worker()');
        const found = await s.submit('where');
        await s.shutdown();
        return found;
      }

      globalThis.app = {python, where};
    """,
}


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("webpack")
    for name, source in APP.items():
        (folder / name).write_text(source)
    modules = folder / "node_modules"
    modules.mkdir()
    with tarfile.open(build_npm(tmp_path_factory.mktemp("npm"))) as tar:
        tar.extractall(modules, filter="data")
    (modules / "package").rename(modules / "penny-runtime")
    public = folder / "public"
    public.mkdir()
    (public / "index.html").write_text(HTML + '<script type="module" src="/main.js"></script>')
    (public / "pyodide").symlink_to(find_pyodide())
    return folder


@contextlib.contextmanager
def development(folder: Path) -> Iterator[str]:
    """Its development server's URL."""
    command = ["node", NODE_MODULES / "webpack-dev-server" / "bin" / "webpack-dev-server.js"]
    with subprocess.Popen(
        [*command, "--mode", "development"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            url, said = "", ""
            for line in server.stdout:
                said += line
                if found := re.search(r"http://(127\.0\.0\.1|localhost):\d+/", line):
                    url = found[0]
                if url and "compiled" in said:
                    break
            assert url and "compiled successfully" in said, said
            yield url
        finally:
            server.terminate()


@contextlib.contextmanager
def production(folder: Path) -> Iterator[str]:
    """URL of what is built."""
    command = ["node", NODE_MODULES / "webpack" / "bin" / "webpack.js", "--mode", "production"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    said = f"{done.stdout}\n{done.stderr}"
    assert done.returncode == 0 and "compiled successfully" in said, said
    (folder / "dist" / "index.html").write_text((folder / "public" / "index.html").read_text())
    with Stranger(folder / "dist").serving() as server:
        yield server.url


@pytest.mark.parametrize("serving", [development, production])
def test_program(driver: Chrome, sources: Path, program: str, serving) -> None:  # type: ignore[no-untyped-def]
    with serving(sources) as url:
        page = Page(driver, None)  # type: ignore[arg-type]
        page.timeout = 120  # it boots four Pythons
        try:
            page.open(url + "index.html")
            assert page.js("return await app.where()") == 0
            assert page.js("return await app.python(args[0])", program) == PRINTED
            noise = [entry for entry in page.console() if entry[0] in ("error", "uncaught")]
            assert noise == []
        finally:
            page.close()
