"""Reports in a real browser: choosing, saving, the start page, the copied link, and paper."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from django.test import Client

from tests.browser import CHROMIUM, REQUIRED
from tests.factories import make_event, make_upstream, make_user, store

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        CHROMIUM is None and not REQUIRED, reason="NO BROWSER: install Chromium to run this"
    ),
]
CUT_OFF = """() => [...document.querySelectorAll('.scroll, .card, .tiles')]
    .filter(one => one.offsetParent && one.scrollWidth > one.clientWidth + 1)
    .map(one => one.id || one.className)"""


@pytest.fixture
def page(browser, live_server):
    """A signed-in page over a few days of events of many models."""
    now = datetime.now(UTC)
    events = [
        make_event(
            timestamp=now - timedelta(hours=n),
            provider=("codex", "claude", "openai-compatible-a-long-name")[n % 3],
            model=f"model-with-a-rather-long-name-{n % 14}",
            api_key=f"sk-client-{n % 6}000",
        )
        for n in range(80)
    ]
    unbroken = make_event(timestamp=now, model="o" * 120, api_key="sk-client-0000")
    store(make_upstream(), *events, unbroken)
    client = Client()
    client.force_login(make_user("ada", staff=True))
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value}
    context = browser.new_context(
        base_url=live_server.url,
        viewport={"width": 1280, "height": 900},
        permissions=["clipboard-read", "clipboard-write"],
    )
    host = urlsplit(live_server.url).hostname
    context.add_cookies([cookie | {"domain": host, "path": "/"}])
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    yield page
    assert page.complaints == []
    context.close()


def test_chosen_saved_and_begun_with(page, live_server):
    page.goto("/usage/speed/?range=7d")
    page.select_option("select[name=by]", "model")
    page.wait_for_url("**by=model**")
    page.click("text=Copy link")
    page.wait_for_selector("text=Copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    page.click("#saved-views summary")
    page.fill("#saved-views [name=name]", "Models by speed")
    page.click("text=Save view")
    page.wait_for_selector("text=“Models by speed” is saved.")
    assert "by=model" in page.url
    page.goto("/usage/views/")
    page.click("[aria-label='Start with Models by speed']")
    page.wait_for_selector("text=✓ start page")
    page.click(".brand")
    page.wait_for_url("**/usage/speed/?**")
    assert "range=7d" in page.url
    page.click("nav >> text=Overview")
    page.wait_for_url("**/overview/")


def test_paper_is_dark_on_white_in_the_dark_theme_too(page):
    page.goto("/usage/")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.emulate_media(media="print")
    colour = page.evaluate("getComputedStyle(document.querySelector('.figure')).color")
    assert max(int(part) for part in re.findall(r"\d+", colour)) < 100, colour


@pytest.mark.parametrize("path", ["", "speed/", "matrix/", "compare/"])
def test_on_paper_nothing_is_cut_off_and_charts_have_their_tables(page, path):
    page.goto(f"/usage/{path}?range=7d")
    page.emulate_media(media="print")
    # An A4 page, landscape, between its margins.
    page.set_viewport_size({"width": 1040, "height": 720})
    assert not page.locator(".sidebar").is_visible()
    assert page.locator(".only-print").is_visible()
    assert page.evaluate(CUT_OFF) == []
    for table in page.locator("details[id^=table-] table").all():
        assert table.is_visible()
