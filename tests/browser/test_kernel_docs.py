"""The examples about kernels in README.md and docs/kernels.md run, and print what they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.kernel_modules import documented_module
from support.pages import Page

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("document", ["README.md", "docs/kernels.md"])
def test_examples(document: str, shared_page: Page, tmp_path: Path) -> None:
    text = (ROOT / document).read_text()
    module = documented_module(ROOT / document, tmp_path)
    (program,) = (
        block
        for block in re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
        if "penny.Kernels(" in block
    )
    expected = re.findall(r"print\(.*# (.*)$", program, re.M)
    assert len(expected) >= 2
    run = shared_page.run(program, files={"kernels.wasm": module})
    assert run.ok().splitlines() == expected
