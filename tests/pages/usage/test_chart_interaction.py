"""Charts in a real browser: pointed at, by keyboard, zoomed, with series left out, and saved."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.test import Client

from management_proxy.models import Upstream
from tests.browser import CHROMIUM, REQUIRED
from tests.factories import make_event, make_upstream, make_user, store

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        CHROMIUM is None and not REQUIRED, reason="NO BROWSER: install Chromium to run this"
    ),
]
WIDE = {"width": 1440, "height": 900}
TOKENS = "#chart-tokens"


@pytest.fixture
def page(browser, live_server):
    """A signed-in page over three weeks of events."""
    today = datetime.now(UTC).replace(hour=0, minute=30)
    events = [
        make_event(
            timestamp=today - timedelta(days=n % 20), model=f"model-{n % 5}", failed=not n % 7
        )
        for n in range(60)
    ]
    store(make_upstream(), *events)
    client = Client()
    client.force_login(make_user("ada", staff=True))
    host = urlsplit(live_server.url).hostname
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value}
    context = browser.new_context(base_url=live_server.url, viewport=WIDE, accept_downloads=True)
    context.add_cookies([cookie | {"domain": host, "path": "/"}])
    yield watched(context.new_page(), live_server.url)
    context.close()


def watched(page, address):
    """The page, which notes what its console shows and which other hosts it calls."""
    page.complaints, page.strangers = [], []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on(
        "request",
        lambda sent: (
            None
            if sent.url.startswith((address, "data:", "blob:"))
            else page.strangers.append(sent.url)
        ),
    )
    return page


def test_pointing_shows_the_values_of_the_shown_series(page):
    page.goto("/?range=30d")
    tip = page.locator(f"{TOKENS} .tip")
    assert not tip.is_visible()
    page.locator(f"{TOKENS} .legend button", has_text="Input").click()
    page.locator(f"{TOKENS} .plot").hover(position={"x": 300, "y": 20})
    assert "Output:" in tip.inner_text()
    assert "Input:" not in tip.inner_text()
    assert page.locator(f"{TOKENS} rect.kind-input").count() == 0
    assert page.locator(f"{TOKENS} rect.kind-output").count() == 20
    page.locator("h1").hover()
    assert not tip.is_visible()


def test_what_was_left_out_stays_out_over_a_poll(page):
    page.goto("/?range=30d")
    page.locator(f"{TOKENS} .legend button", has_text="Input").click()
    page.evaluate("document.querySelector('usage-chart').dataset.old = ''")
    store(Upstream.objects.get(), make_event(timestamp=datetime.now(UTC)))
    page.evaluate("document.dispatchEvent(new Event('poll:now'))")
    page.locator("usage-chart[data-old]").wait_for(state="detached")
    assert page.locator(f"{TOKENS} rect.kind-input").count() == 0
    assert page.evaluate("document.activeElement.textContent.trim()") == "Input"


def test_keyboard_reads_selects_and_opens(page):
    page.goto("/?range=30d")
    today = datetime.now(UTC).date()
    page.locator(f"{TOKENS} .plot").focus()
    page.keyboard.press("ArrowLeft")
    spoken = page.locator(f"{TOKENS} [aria-live]").inner_text()
    assert spoken.startswith(str(today - timedelta(days=1)))
    assert "Output:" in spoken
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**from={today - timedelta(days=2)}&to={today - timedelta(days=1)}")
    page.locator(f"{TOKENS} .plot").focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.wait_for_url("**/usage/**")


def test_hours_of_the_week_by_arrow_keys(page):
    page.goto("/?range=30d")
    page.locator("#scroll-heat").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    title = page.evaluate("document.activeElement.title")
    assert re.fullmatch(r"Tue 0:00: \d attempts?(, \d failed)?", title)
    page.keyboard.press("Enter")
    page.wait_for_url("**/usage/events/?**hour=2-0")
    page.get_by_role("link", name="Remove filter Hour Tue 0:00").wait_for()


def test_dragging_zooms_and_a_click_opens_the_day(page):
    page.goto("/usage/?range=30d&model=model-1")
    box = page.locator("#chart-attempts svg").bounding_box()
    y = box["y"] + box["height"] - 5
    page.mouse.move(box["x"] + box["width"] * 0.5, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.99, y, steps=3)
    page.mouse.up()
    page.wait_for_url(f"**&to={datetime.now(UTC).date()}")
    assert "model=model-1" in page.url
    assert "range=custom" in page.url


def test_legends_tell_lines_apart_without_colours(page):
    page.goto("/usage/speed/?range=30d")
    dashes = page.evaluate(
        """[...document.querySelectorAll('#chart-latency .legend i')].map(
            (one) => getComputedStyle(one).backgroundImage.replace(/rgb.*?\\)/g, ''))"""
    )
    assert len(set(dashes)) == 3, dashes


@pytest.mark.parametrize("kind", ["csv", "png"])
def test_what_is_shown_is_saved(page, kind):
    page.goto("/?range=7d")
    page.locator("#chart-attempts .legend button", has_text="Failed").click()
    with page.expect_download() as download:
        page.locator(f"#chart-attempts [data-save={kind}]").click()
    assert download.value.suggested_filename == f"attempts-per-day.{kind}"
    content = Path(download.value.path()).read_bytes()
    if kind == "png":
        assert content.startswith(b"\x89PNG")
        return
    head, *days = content.decode().split("\r\n")[:-1]
    assert head == "time,Succeeded"
    assert [day.split(",")[0] for day in days][-1] == str(datetime.now(UTC).date())
    assert page.complaints == []


def test_legend_of_a_saved_picture_takes_the_rows_that_it_needs(page):
    heights = {}
    for width in (1440, 360):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto("/usage/speed/?range=30d&by=model")
        with page.expect_download() as download:
            page.locator("#chart-latency-by [data-save=png]").click()
        picture = Path(download.value.path()).read_bytes()
        heights[width] = int.from_bytes(picture[20:24])
    assert heights[1440] < heights[360] < 1.3 * heights[1440]
