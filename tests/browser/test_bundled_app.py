"""The npm package in an app that Vite has built for production."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver import Chrome
from support.pages import Page
from support.processes import live_workers, wait_until
from support.strangers import HTML, Stranger, build_app, build_npm

pytestmark = pytest.mark.embedding

APP = {
    "package.json": '{"name": "app", "type": "module", "private": true}',
    "tsconfig.json": """{
      "compilerOptions": {
        "strict": true, "noEmit": true, "skipLibCheck": true, "target": "ES2023",
        "lib": ["ES2024", "DOM"], "module": "ESNext", "moduleResolution": "bundler", "types": []
      },
      "include": ["main.ts", "worker.ts"]
    }""",
    "vite.config.js": "export default {worker: {format: 'es'}};",
    "index.html": HTML + '<script type="module" src="/main.ts"></script>',
    "main.ts": """
      import {install, keywords, run, scheduler, type Scheduler} from 'penny-runtime';

      const indexURL = '/pyodide/';
      const printed: string[] = [];

      export async function fromJavaScript() {
        await using s: Scheduler = await scheduler({indexURL, workers: 2});
        s.define('here', 'lambda x, *, factor: (__import__("penny").current_worker(), factor * x)');
        const array = s.array(4, 'int32');
        s.define('fill', 'def fill(a):\\n    a[2] = 7');
        s.define('wrong', 'def wrong():\\n    return {}["no such key"]');
        await s.submit('fill', array);
        const error = await s.submit('wrong').catch(error => [error.name, error.type]);
        const here = await s.submit('here', 14, keywords({factor: 3}));
        return {here, array: [...array.data], error};
      }

      export async function program() {
        const printed: string[] = [];
        const status = await run(`
      import penny
      with penny.Scheduler(workers=1) as s:
          print(s.submit(penny.current_worker).result())
          s.submit(print, "by a task").result()
      `, {
          indexURL,
          dedent: true,
          output: (_stream, text) => { printed.push(text); },
        });
        return [status, printed.join('')];
      }

      export async function ownPyodide() {
        const module = indexURL + 'pyodide.mjs';
        const {loadPyodide}: typeof import('pyodide') = await import(/* @vite-ignore */ module);
        const pyodide = await loadPyodide();
        const output = (_stream: string, text: string) => { printed.push(text); };
        await install(pyodide, {workers: 1, output});
        const value = await pyodide.runPythonAsync(`
      import penny
      async with penny.Scheduler() as s:
          result = [await s.submit(penny.current_worker), s.workers]
          await s.submit(print, "to the app")
      result
      `);
        return [value.toJs(), printed.join('')];
      }

      export async function blockingWorker() {
        const worker = new Worker(new URL('./worker.ts', import.meta.url), {type: 'module'});
        const told = new Promise((resolve, reject) => {
          worker.onmessage = ({data}) => resolve(data);
          worker.onerror = event => reject(new Error(event.message));
        });
        worker.postMessage(new URL(indexURL, location.href).href);
        const found = await told;
        worker.terminate();
        return found;
      }

      Object.assign(globalThis, {app: {fromJavaScript, program, ownPyodide, blockingWorker}});
    """,
    # As in browsers without JSPI. Pyodide looks when it starts.
    "worker.ts": """
      import {install} from 'penny-runtime';
      delete (WebAssembly as {Suspending?: unknown}).Suspending;

      onmessage = async ({data: indexURL}) => {
        const module = indexURL + 'pyodide.mjs';
        const {loadPyodide}: typeof import('pyodide') = await import(/* @vite-ignore */ module);
        const pyodide = await loadPyodide();
        const printed: [string, number | null][] = [];
        await install(pyodide, {
          workers: 1,
          output: (_stream, text, worker) => { printed.push([text, worker]); },
        });
        const value = pyodide.runPython(`
      import penny, pyodide_js
      with penny.Scheduler() as s:
          found = [pyodide_js._module.jspiSupported, s.submit(penny.current_worker).result()]
      found
      `);
        await pyodide.runPythonAsync(`
      async with penny.Scheduler() as s:
          await s.submit(print, "to the app")
      `);
        postMessage([value.toJs(), printed]);
      };
    """,
}


@pytest.fixture(scope="module")
def app(driver: Chrome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("app")
    served = build_app(folder, APP, build_npm(tmp_path_factory.mktemp("npm")))
    with Stranger(served).serving() as server:
        page = Page(driver, server).open("index.html")  # type: ignore[arg-type]
        wait_until(page, lambda: page.js("return 'app' in globalThis"), "the app does not start")
        yield page
        page.close()


def told(page: Page, name: str) -> Any:
    return page.js(f"return await app.{name}()")


def test_from_javascript(app: Page) -> None:
    found = told(app, "fromJavaScript")
    assert found["here"][0] in (0, 1) and found["here"][1] == 42
    assert found["array"] == [0, 0, 7, 0]
    assert found["error"] == ["PythonError", "KeyError"]
    wait_until(app, lambda: not live_workers(app), "workers are left")


def test_program(app: Page) -> None:
    assert told(app, "program") == [0, "0\nby a task\n"]


def test_own_pyodide(app: Page) -> None:
    assert told(app, "ownPyodide") == [[0, 1], "to the app\n"]


def test_worker_without_jspi(app: Page) -> None:
    """There a small worker starts the others, so that the program may block at once."""
    found = app.js("return await app.blockingWorker()", nested=True)
    assert found == [[False, 0], [["to the app\n", 0]]]


def test_nothing_complained(app: Page) -> None:
    assert [entry for entry in app.console() if entry[0] in ("error", "warn", "uncaught")] == []
