"""One browser for all pages' tests of a process."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser import ARGUMENTS, CHROMIUM


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "TOLLGATE_REQUIRE_BROWSER=1, but there is no Chromium"
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Synchronous Playwright runs a loop in this thread, which Django would take for an
        # asynchronous view.
        patch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()
