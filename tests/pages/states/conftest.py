"""A signed-in browser."""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page

from tests.factories import make_user


@pytest.fixture
def staff_page(browser: Browser, db: None) -> Iterator[Callable[..., Page]]:
    """A function that opens an empty cache's page of a server, signed in as staff."""
    client = Client()
    client.force_login(make_user("ada", staff=True))
    contexts = []

    def opened(url: str, **options: object) -> Page:
        context = browser.new_context(base_url=url, **options)  # type: ignore[arg-type]
        contexts.append(context)
        value, host = client.cookies["sessionid"].value, urlsplit(url).hostname
        context.add_cookies([{"name": "sessionid", "value": value, "domain": host, "path": "/"}])
        return context.new_page()

    yield opened
    for context in contexts:
        context.close()
