"""One browser for all pages' tests of a process, and a world to look at."""

import os
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from management_proxy.models import Upstream
from management_proxy.simulator import RunningSimulator
from tests.browser import ARGUMENTS, WITHOUT_FRAME
from tests.pages.world import World, furnish
from tests.providers.conftest import simulator, upstream  # noqa: F401


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    assert WITHOUT_FRAME, "TOLLGATE_REQUIRE_BROWSER=1, but there is no Chromium"
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Synchronous Playwright runs a loop in this thread, which Django would take for an
        # asynchronous view.
        patch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=WITHOUT_FRAME, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def world(upstream: Upstream, simulator: RunningSimulator, settings: Settings) -> World:  # noqa: F811
    """Something to show on every page."""
    settings.UPSTREAM_IS_SIMULATED = True
    return furnish(upstream, simulator)


@pytest.fixture
def visit(browser: Browser, live_server: LiveServer) -> Iterator[Callable[..., Page]]:
    """A function that opens a page of the live server, signed in as a client is."""
    contexts = []

    def opened(client: Client | None = None, **options: object) -> Page:
        context = browser.new_context(base_url=live_server.url, **options)  # type: ignore[arg-type]
        contexts.append(context)
        if client and (cookie := client.cookies.get("sessionid")):
            host = urlsplit(live_server.url).hostname
            context.add_cookies(
                [{"name": "sessionid", "value": cookie.value, "domain": host, "path": "/"}]
            )
        return context.new_page()

    yield opened
    for context in contexts:
        context.close()
