"""The pages in a real browser: with and without scripts, wide and narrow, light and dark."""

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
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
PAGES = (
    "/account/tokens/",
    "/monitoring/audit/",
    "/monitoring/proxy/",
    "/monitoring/policies/?q=delete",
    "/usage/?range=30d",
    "/usage/?range=today",
    "/usage/?from=2026-01-01&to=2026-01-02",
    "/usage/?tz=Mars",
    "/usage/events/?outcome=failed",
    "/monitoring/",
)


@pytest.fixture
def open_page(browser, live_server):
    """Opens a page as a signed-in member of staff; `complaints` collects what the console says."""
    client = Client()
    client.force_login(make_user("ada", staff=True))
    contexts = []

    def opened(path, **options):
        context = browser.new_context(base_url=live_server.url, **options)
        contexts.append(context)
        cookie = {
            "name": "sessionid",
            "value": client.cookies["sessionid"].value,
            "domain": urlsplit(live_server.url).hostname,
            "path": "/",
        }
        context.add_cookies([cookie])
        page = context.new_page()
        page.complaints = []
        page.on(
            "console",
            lambda message: (
                page.complaints.append(message.text)
                if message.type in ("error", "warning")
                else None
            ),
        )
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def usage():
    now = datetime.now(UTC)
    events = [
        make_event(
            timestamp=now - timedelta(days=n % 20, minutes=n),
            model=f"a-model-with-quite-a-long-name-{n % 12}",
            failed=n % 7 == 0,
            alias="alias",
        )
        for n in range(60)
    ]
    store(make_upstream(), *events)


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_no_page_overflows_or_breaks_the_content_policy(open_page, usage, viewport):
    page = open_page(PAGES[0], viewport=viewport)
    for path in PAGES:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
        assert [text for text in page.complaints if "400" not in text] == [], path


def test_tiles_are_low_and_tables_fit_a_wide_screen(open_page, usage):
    page = open_page("/usage/?range=30d", viewport=WIDE)
    assert (
        page.evaluate(
            "Math.max(...[...document.querySelectorAll('.tile')].map(t => t.offsetHeight))"
        )
        <= 80
    )
    assert page.evaluate(
        "[...document.querySelectorAll('.scroll')].every(s => s.scrollWidth <= s.clientWidth)"
    )


def test_reading_needs_no_script(open_page, usage):
    page = open_page("/usage/", java_script_enabled=False, viewport=NARROW)
    page.get_by_role("link", name="30 days").click()
    page.wait_for_url("**range=30d**")
    page.get_by_text("By client key").wait_for()
    assert not page.get_by_role("link", name="Monitoring").is_visible()
    page.get_by_text("Menu", exact=True).click()
    page.get_by_role("link", name="Monitoring").click()
    page.get_by_role("heading", name="Collector runs").wait_for()


def test_bar_leads_to_its_day(open_page, usage):
    page = open_page("/usage/?range=7d&tz=Europe/Berlin", viewport=WIDE)
    page.locator("#table-attempts summary").click()
    page.locator("#table-attempts a").first.click()
    page.wait_for_url("**from=**")
    first = page.locator("[type=date][name=from]").input_value()
    assert first == page.locator("[type=date][name=to]").input_value()
    assert page.locator("[type=text][name=tz]").input_value() == "Europe/Berlin"


def test_filter_is_chosen_and_left_out_again(open_page, usage):
    page = open_page("/usage/?range=30d", viewport=WIDE)
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("Outcome").select_option("failed")
    page.wait_for_url("**outcome=failed**")
    assert "model=" not in page.url
    assert "range=30d" in page.url
    page.get_by_role("link", name="Events", exact=True).last.click()
    page.locator(".events .badge.bad").first.wait_for()
    assert page.locator(".events .badge.good").count() == 0
    assert page.locator(".events .badge.bad").count() > 0
    page.get_by_role("link", name="Remove filter Outcome Failed").click()
    page.locator(".events .badge.good").first.wait_for()


def test_chosen_theme_outlives_the_page(open_page):
    page = open_page("/usage/", viewport=WIDE, color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate(ground) != light
    page.reload()
    assert page.evaluate(ground) != light
    page.get_by_role("button", name="Auto").click()
    assert page.evaluate(ground) == light


def test_poll_keeps_focus_scroll_and_what_is_open(open_page, usage):
    page = open_page("/usage/?range=30d", viewport=WIDE)
    page.locator("#table-tokens summary").click()
    page.evaluate(
        "document.getElementById('scroll-events').scrollTop = 120;"
        " Object.assign(document.getElementById('region').dataset, {old: '', part: 'old'})"
    )
    with page.expect_response(
        lambda response: response.request.headers.get("hx-request") == "true"
    ):
        page.evaluate("document.dispatchEvent(new Event('poll:now'))")
    page.locator("#region[data-old]").wait_for(state="detached")
    assert page.evaluate("document.getElementById('table-tokens').open")
    assert page.evaluate("document.activeElement.matches('#table-tokens summary')")
    assert page.evaluate("document.getElementById('scroll-events').scrollTop") == 120


def test_poll_renews_the_chip_outside_the_region(open_page, usage):
    page = open_page("/usage/", viewport=WIDE)
    page.evaluate(
        "document.querySelector('#as-of time[data-live=as-of]').textContent = 'old';"
        " document.dispatchEvent(new Event('poll:now'))"
    )
    page.locator("#as-of", has_not_text="old").wait_for()


def test_response_that_is_not_the_region_is_not_shown(open_page, usage):
    page = open_page("/usage/", viewport=WIDE)
    page.route(
        "**/usage/",
        lambda route: route.fulfill(
            status=200, content_type="text/html", body="<h1>Proxy login</h1>"
        ),
    )
    page.evaluate("document.dispatchEvent(new Event('poll:now'))")
    page.get_by_text("The server does not respond.").wait_for()
    assert page.get_by_text("By client key").is_visible()
    assert not page.get_by_text("Proxy login").count()


def test_ended_session_leads_to_sign_in_and_back_to_the_filter(open_page, usage):
    page = open_page("/usage/?range=30d&outcome=failed", viewport=WIDE)
    page.context.clear_cookies()
    page.evaluate("document.dispatchEvent(new Event('poll:now'))")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/usage/?range=30d&outcome=failed")


def test_collect_now_shows_how_it_went(open_page):
    page = open_page("/monitoring/", viewport=WIDE)
    page.get_by_role("button", name="Collect now").click()
    page.get_by_text("No upstream is configured or enabled.").wait_for()
