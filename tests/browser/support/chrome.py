"""Headless Chromium, driven through Selenium."""

from __future__ import annotations

import os
import shutil

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--no-first-run",
    # No traffic of its own; and whatever should leave this machine fails, loudly.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--host-resolver-rules=MAP insecure.test 127.0.0.1 , MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    # Tabs in the background are as fast as the one in front.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    # gc() for tests of what is freed
    "--js-flags=--expose-gc",
)

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def browser_path() -> str:
    """The browser, which Selenium would otherwise look for on the network."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert found is not None, f"none of {', '.join(BROWSERS)} is installed: `make setup`"
    return found


def driver_path() -> str:
    found = os.environ.get("SE_CHROMEDRIVER") or shutil.which("chromedriver")
    assert found is not None, "chromedriver is not installed: `make setup`"
    return found


def start_chrome() -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    options.binary_location = browser_path()
    for flag in FLAGS:
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=Service(driver_path()))
