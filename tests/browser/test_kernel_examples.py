"""The examples of kernels run, and check themselves."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from support.kernel_modules import kernel_module
from support.pages import Page
from support.servers import Server

EXAMPLES = Path(__file__).parents[2] / "examples" / "kernels"

SIZES = {"blur": 120, "mandelbrot": 150, "matmul": 100, "mergesort": 100_000, "nbody": 200}


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """All that is in their folder, and the modules, each built as its source says at its top."""
    found = {path.name: path.read_bytes() for path in EXAMPLES.iterdir() if path.suffix != ".wasm"}
    for name in SIZES:
        source = EXAMPLES / f"{name}.c"
        (options,) = re.findall(
            rf"^ \*   penny kernel build {name}.c(.*)$", source.read_text(), re.M
        )
        found[f"{name}.wasm"] = kernel_module(source, *options.split())
    return found


def test_scripts(shared_page: Page, files: dict[str, bytes]) -> None:
    run = shared_page.run(
        f"import runpy, sys\nfor name, size in {SIZES!r}.items():\n"
        "    sys.argv[1:] = [str(size)]\n"
        "    runpy.run_path(f'{name}.py', run_name='__main__')\n",
        files=files,
    )
    assert set(SIZES) == {name.removesuffix(".py") for name in files if name.endswith(".py")}
    lines = run.ok().splitlines()
    assert lines[0].startswith("120 x 80 pixels in ") and lines[0].endswith(" of them checked")
    assert lines[1].startswith("150 x 100 pixels in ") and lines[1].endswith("500 of them checked")
    assert lines[2].startswith("100 x 100: ") and lines[2].endswith(" GFLOP/s, checked")
    assert lines[3].startswith("100000 doubles in ") and lines[3].endswith("sorted() has them")
    assert lines[4].startswith("200 bodies, 10 steps: ")
    assert len(lines) == 5


def test_the_page_shows_what_is_being_drawn(
    new_page: Callable[..., Page], server: Server, files: dict[str, bytes]
) -> None:
    for name in "mandelbrot.html", "mandelbrot.py", "mandelbrot.wasm":
        server.write(name, files[name])
    page = new_page("mandelbrot.html")
    drawn, partial = page.js(
        """
        const canvas = document.getElementById('canvas');
        const status = document.getElementById('status');
        const frames = () => new Promise(requestAnimationFrame);
        while (!status.value.startsWith('Drawn')) {
          if (status.value.includes('rror')) throw new Error(status.value);
          await frames();
        }
        const context = canvas.getContext('2d');
        const colours = [[540, 300], [210, 300], [0, 0]].map(
          ([x, y]) => [...context.getImageData(x, y, 1, 1).data]);
        // Frames with some pixels only: it may be drawn between two of them, so look again.
        let partial = false;
        const put = context.putImageData.bind(context);
        context.putImageData = (image, x, y) => {
          const rows = Array.from({length: 600}, (_, y) => image.data[4 * 900 * y + 3]);
          partial ||= rows.includes(255) && rows.includes(0);
          put(image, x, y);
        };
        while (!partial) {
          status.value = '';
          canvas.click();
          while (!status.value.startsWith('Drawn')) await frames();
        }
        return [colours, partial];
        """
    )
    black = [0, 0, 0, 255]
    assert drawn[:2] == [black, black], "the cardioid, and the disc beside it"
    assert drawn[2] != black and drawn[2][3] == 255
    assert partial
    assert not [entry for entry in page.console() if entry[0] in ("error", "uncaught")]
