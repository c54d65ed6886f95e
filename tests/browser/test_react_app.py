"""The npm package in a React app under development: mounted twice, and reloaded hot."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from support import browsers
from support.pages import Page
from support.processes import live_workers, wait_until
from support.strangers import HTML, ROOT, build_npm, unpack_npm

from penny.cli.pyodide import find_pyodide

pytestmark = pytest.mark.embedding

EDITS = 10

APP = {
    "package.json": '{"name": "app", "type": "module", "private": true}',
    "vite.config.js": """
      import react from '@vitejs/plugin-react';
      export default {
        plugins: [react()],
        server: {
          headers: {
            'Cross-Origin-Opener-Policy': 'same-origin',
            'Cross-Origin-Embedder-Policy': 'require-corp',
          },
        },
      };
    """,
    "index.html": HTML + '<div id="root"></div><script type="module" src="/main.jsx"></script>',
    "main.jsx": """
      import {StrictMode} from 'react';
      import {createRoot} from 'react-dom/client';
      import {Cleaned, Forgotten} from './App.jsx';
      createRoot(document.getElementById('root')).render(
        <StrictMode><Forgotten /><Cleaned /></StrictMode>
      );
    """,
}

COMPONENTS = """
import {useEffect, useState} from 'react';
import {scheduler} from 'penny-runtime';

const options = {indexURL: '/pyodide/', workers: 1};
const version = 'VERSION';

// Says nothing when it is unmounted, and has the last scheduler in its state.
export function Forgotten() {
  const [pool, setPool] = useState(null);
  const [told, tell] = useState('');
  useEffect(() => {
    scheduler(options).then(async s => {
      setPool(s);
      tell(`${version} ${await s.submit('penny.current_worker')}`);
    });
  }, [version]);
  return <p id="forgotten">{pool && told}</p>;
}

// As the documentation has it.
export function Cleaned() {
  const [told, tell] = useState('');
  useEffect(() => {
    const opening = scheduler(options);
    opening.then(s => s.submit('penny.current_worker')).then(
      worker => tell(`${version} ${worker}`),
      () => {}, // it was shut down
    );
    return () => void opening.then(s => s.shutdown({now: true}));
  }, [version]);
  return <p id="cleaned" data-version={version}>{told}</p>;
}
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the app."""
    folder = tmp_path_factory.mktemp("react")
    for name, source in APP.items():
        (folder / name).write_text(source)
    edit(folder, 0)
    shutil.copytree(find_pyodide(), folder / "public" / "pyodide")
    modules = folder / "node_modules"
    unpack_npm(build_npm(tmp_path_factory.mktemp("npm")), modules)
    for name in ("react", "react-dom", "scheduler", "vite", "@vitejs"):
        (modules / name).symlink_to(ROOT / "node_modules" / name)
    return folder


def edit(folder: Path, version: int) -> None:
    (folder / "App.jsx").write_text(COMPONENTS.replace("VERSION", f"version {version}, worker"))


@pytest.fixture
def page(driver: Chrome, app: Path) -> Iterator[Page]:
    if browsers.NAME == "firefox":
        pytest.skip("gc() is there for Chromium only")
    command = ["node", ROOT / "node_modules/vite/bin/vite.js", "--host", "127.0.0.1", "--port", "0"]
    with subprocess.Popen(command, cwd=app, stdout=subprocess.PIPE, text=True) as vite:
        assert vite.stdout is not None
        plain = (re.sub(r"\x1b\[[0-9;]*m", "", line) for line in vite.stdout)
        url = next(found[0] for line in plain if (found := re.search(r"http://\S+/", line)))
        page = Page(driver, None)  # type: ignore[arg-type]
        try:
            yield page.open(url)
        finally:
            page.close()
            vite.terminate()


SHOWN = """
const [text] = args;
const shown = () => ['forgotten', 'cleaned'].every(
  id => document.getElementById(id)?.textContent === text);
await new Promise(resolve => {
  const look = () => { if (shown()) resolve(); };
  const all = {subtree: true, childList: true, characterData: true};
  new MutationObserver(look).observe(document, all);
  look();
});
"""


def test_hot_reloads_leave_no_workers(page: Page, app: Path) -> None:
    page.js(SHOWN, "version 0, worker 0")
    page.js("globalThis.same = true")
    for version in range(1, EDITS + 1):
        edit(app, version)
        page.js(SHOWN, f"version {version}, worker 0")
    assert page.js("return same"), "it was loaded anew: no hot reload"

    def one_each() -> bool:
        page.js("gc()")
        return live_workers(page) == ["penny worker 0"] * 2

    wait_until(page, one_each, "workers are left")
