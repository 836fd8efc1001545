"""Requests a minute by page, while a real browser has it open.

Playwright is a library of development; where it or Chromium is missing, pages are not measured and
the capture says so.
"""

import shutil
import time
from typing import Any
from urllib.parse import urlsplit

from usage.baseline.settings import CaptureSettings

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class NoBrowser(Exception):
    """Pages cannot be measured; the message says why."""


def measure(settings: CaptureSettings) -> list[dict[str, Any]]:
    """For each page the requests that follow its load, a minute, and their bytes. Raises
    NoBrowser."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise NoBrowser("Playwright is not installed") from error
    path = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        raise NoBrowser("no Chromium was found")
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            context = browser.new_context()
            context.add_cookies(_cookies(settings))  # type: ignore[arg-type]
            return [_measure(context, settings, page) for page in settings.pages]
    except Error as error:
        raise NoBrowser(str(error).split("\n")[0]) from error


def _cookies(settings: CaptureSettings) -> list[dict[str, str]]:
    pairs = [pair.strip().partition("=") for pair in settings.cookie.split(";") if pair.strip()]
    return [{"name": name, "value": value, "url": settings.url} for name, _, value in pairs]


def _measure(context: Any, settings: CaptureSettings, path: str) -> dict[str, Any]:
    page = context.new_page()
    try:
        page.goto(settings.url + path, wait_until="load")
        ended_at = urlsplit(page.url).path
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        began = time.monotonic()
        page.wait_for_timeout(settings.page_seconds * 1000)
        rate = 60 * len(requests) / (time.monotonic() - began)
    finally:
        page.close()
    return {"page": path, "opened": ended_at, "requests_per_minute": round(rate, 1)}
