"""The npm package in one app, of webpack's and of Vite's: built, and from development servers."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from installed import NODE_MODULES, PRINTED
from selenium.webdriver import Chrome
from support.pages import Page
from support.strangers import HTML, ROOT, Stranger, build_npm, unpack_npm

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
    "vite.config.js": """
      export default {
        clearScreen: false,
        server: {
          port: 0, host: '127.0.0.1', hmr: false, watch: null,
          headers: {
            'Cross-Origin-Opener-Policy': 'same-origin',
            'Cross-Origin-Embedder-Policy': 'require-corp',
          },
        },
      };
    """,
    "main.js": """
      import {install, scheduler} from 'penny-runtime';

      // Absolute: to what begins with a slash Vite's development server appends a query.
      const pyodideURL = new URL('/pyodide/pyodide.mjs', location.href).href;

      export async function python(source) {
        const {loadPyodide} = await import(/* webpackIgnore: true */ /* @vite-ignore */ pyodideURL);
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


Serving = Callable[[Path], contextlib.AbstractContextManager[str]]


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("app")
    for name, source in APP.items():
        (folder / name).write_text(source)
    unpack_npm(build_npm(tmp_path_factory.mktemp("npm")), folder / "node_modules")
    public = folder / "public"
    public.mkdir()
    # webpack looks for it there, Vite at the top.
    for place in public, folder:
        (place / "index.html").write_text(HTML + '<script type="module" src="/main.js"></script>')
    (public / "pyodide").symlink_to(find_pyodide())
    return folder


@contextlib.contextmanager
def development(command: list[str | Path], folder: Path, ready: str) -> Iterator[str]:
    """URL of a development server, which says when it is ready."""
    with subprocess.Popen(
        ["node", *command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            url, said = "", ""
            for line in server.stdout:
                said += re.sub(r"\x1b\[[0-9;]*m", "", line)
                if found := re.search(r"http://(127\.0\.0\.1|localhost):\d+/", said):
                    url = found[0]
                if url and re.search(ready, said):
                    break
            assert url and re.search(ready, said), said
            yield url
        finally:
            server.terminate()


def webpack_serve(folder: Path) -> contextlib.AbstractContextManager[str]:
    server = NODE_MODULES / "webpack-dev-server" / "bin" / "webpack-dev-server.js"
    return development([server, "--mode", "development"], folder, r"compiled successfully")


def vite_serve(folder: Path) -> contextlib.AbstractContextManager[str]:
    return development([ROOT / "node_modules/vite/bin/vite.js"], folder, r"ready in")


@contextlib.contextmanager
def webpack_build(folder: Path) -> Iterator[str]:
    """URL of what it builds. Vite's is in tests/browser/test_bundled_app.py."""
    command = ["node", NODE_MODULES / "webpack" / "bin" / "webpack.js", "--mode", "production"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    said = f"{done.stdout}\n{done.stderr}"
    assert done.returncode == 0 and "compiled successfully" in said, said
    (folder / "dist" / "index.html").write_text((folder / "public" / "index.html").read_text())
    with Stranger(folder / "dist").serving() as server:
        yield server.url


@pytest.mark.parametrize("serving", [webpack_serve, webpack_build, vite_serve])
def test_program(driver: Chrome, sources: Path, program: str, serving: Serving) -> None:
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
