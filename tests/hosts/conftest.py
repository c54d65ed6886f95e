"""Fixtures of the tests in hosts that others have made; `make test-hosts` installs these."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from support.chrome import start_chrome
from support.firefox import Firefox
from support.strangers import build_wheel, repack

HERE = Path(__file__).parent


@pytest.fixture(scope="session", params=["chromium", "firefox"])
def driver(request: pytest.FixtureRequest) -> Iterator[Chrome | Firefox]:
    """A headless browser: each test that asks for it runs in both."""
    driver = start_chrome() if request.param == "chromium" else Firefox()
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Penny's wheel and what it depends on, as a stranger has them."""
    folder = tmp_path_factory.mktemp("wheels")
    return [build_wheel(folder), repack("cloudpickle", folder)]


@pytest.fixture(scope="session")
def program() -> str:
    """A cell that runs program.py."""
    return (HERE / "program.py").read_text() + "\nawait program()\n"
