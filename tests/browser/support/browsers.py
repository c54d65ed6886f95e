"""Which browser the tests run in: headless Chromium; or Firefox, if PENNY_TEST_BROWSER says so."""

from __future__ import annotations

import os
from typing import cast

from selenium.webdriver import Chrome

from support.chrome import start_chrome
from support.firefox import Firefox

NAME = os.environ.get("PENNY_TEST_BROWSER", "chromium")


def start_browser() -> Chrome:
    """Start it. Firefox has only as much of Selenium's interface as support/firefox.py."""
    if NAME == "firefox":
        return cast("Chrome", Firefox())
    assert NAME == "chromium", f"PENNY_TEST_BROWSER is chromium or firefox, not {NAME}"
    return start_chrome()


def add_script(browser: Chrome, source: str) -> None:
    """Have a script run in each page of the present tab before the page's own."""
    if isinstance(browser, Firefox):
        browser.add_script(source)
    else:
        browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": source})
