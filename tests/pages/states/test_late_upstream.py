"""A page that was shown before its upstream had responded gets its content by itself."""

import pytest
from django.core.cache import cache

from providers.accounts import listed
from tests.browser import CHROMIUM, REQUIRED
from tests.pages.states.test_page_weights import SHIFTS
from tests.pages.upstreams import DOWN, HUNG
from tests.providers.conftest import simulator, upstream  # noqa: F401

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        CHROMIUM is None and not REQUIRED, reason="NO BROWSER: install Chromium to run this"
    ),
]
ACCOUNTS, CUSTOM = "/providers/accounts/", "/providers/custom/"
# The request of the first rendering is not responded to in time, any other at once.
LATE_ONCE = {**HUNG, "seconds": 3, "count": 1, "when": "after"}


@pytest.fixture
def late_page(staff_page, live_server, upstream, simulator, settings):  # noqa: F811
    """A function that opens a page while the upstream does not respond."""
    cache.clear()

    def opened(path, *faults, **options):
        page = staff_page(live_server.url, viewport={"width": 1440, "height": 900}, **options)
        page.goto(path)  # the upstream accepts the key
        page.goto("about:blank")  # nothing is polled meanwhile
        listed._kept.clear()
        settings.PAGE_PATIENCE_SECONDS = 0.2
        for fault in faults:
            simulator.control("faults", fault)
        waiting = []
        page.on("request", lambda sent: waiting.append(sent.headers.get("tollgate-wait")))
        page.goto(path, wait_until="commit")
        page.waiting = waiting
        return page

    return opened


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (ACCOUNTS, "claude-carol@example.com"),
        ("/providers/configuration/", "Save changes"),
        ("/providers/accounts/account/?name=claude-carol@example.com.json", "Claude"),
    ],
)
def test_content_follows_without_a_shift(late_page, path, text):
    page = late_page(path, LATE_ONCE)
    page.locator("main:not([data-read-after])").get_by_text(text).first.wait_for()
    assert "true" in page.waiting
    shifts = page.evaluate(SHIFTS)
    assert round(sum(shift for shift, *_ in shifts), 2) == 0, shifts


def test_editor_works_once_it_is_there(late_page):
    page = late_page("/providers/configuration/file/", LATE_ONCE)
    page.locator(".gutter").wait_for()


def test_content_follows_without_scripts(late_page):
    page = late_page(CUSTOM, LATE_ONCE, java_script_enabled=False)
    page.wait_for_url("**/?wait=1")
    page.get_by_text("openrouter").first.wait_for()


def test_failure_is_said_once_with_a_way_to_try_again(late_page, simulator):  # noqa: F811
    page = late_page(CUSTOM, LATE_ONCE, DOWN)
    trouble = page.locator("main .banner-warning")
    trouble.wait_for()
    assert trouble.count() == 1
    assert "cannot be read now" in trouble.inner_text()
    simulator.control("faults", method="DELETE")
    trouble.get_by_role("link", name="Try again").click()
    trouble.wait_for(state="detached")
    page.get_by_text("openrouter").first.wait_for()
