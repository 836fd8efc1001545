"""No page of ordinary users, strangers or a new installation has a finding of axe."""

import pytest

from tests.browser import CHROMIUM, REQUIRED
from tests.factories import make_user
from tests.pages.axe.checking import DESK, findings
from tests.pages.upstreams import DOWN
from tests.pages.world import pages, signed_in

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        CHROMIUM is None and not REQUIRED, reason="NO BROWSER: install Chromium to run this"
    ),
]
# What is shown instead of what the upstream has: a banner, what was known, a page of its own.
ILL = (
    "/providers/keys/",
    "/providers/accounts/",
    "/providers/configuration/",
    "/logs/",
    "/connect/",
)


def test_pages_of_an_ordinary_user(visit, world):
    page = visit(world.clients["user"])
    assert findings(page, [*world.addresses("user"), "/monitoring/"]) == []


def test_pages_without_anything_to_show(visit, live_server):
    ada = signed_in(make_user("ada", staff=True))
    assert findings(visit(ada), pages(ada).values()) == []


def test_pages_of_a_stranger(visit, world):
    paths = ["/login/", "/no/such/page/", "/usage/", *world.unlinked["anonymous"]]
    assert findings(visit(), paths) == []


def test_pages_while_the_upstream_is_down(visit, world, simulator):
    page = visit(world.clients["admin"])
    simulator.control("faults", DOWN)
    assert findings(page, ILL) == []


@pytest.mark.parametrize("path", ["/providers/keys/", "/providers/accounts/"])
def test_open_menu_keeps_its_buttons_colours(visit, world, path):
    page = visit(world.clients["admin"], viewport=DESK)
    page.goto(path)
    summary = page.locator(".menu > summary.primary").first
    colours = "one => [getComputedStyle(one).backgroundColor, getComputedStyle(one).color]"
    closed = summary.evaluate(colours)
    summary.click()
    assert page.locator(".menu[open] > summary.primary").count() == 1
    assert summary.evaluate(colours) == closed
