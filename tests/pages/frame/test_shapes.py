"""What a page looks like beyond its width: fields that keep their shape on a phone, and rows that
stay rows beside a scroll bar."""

import pytest

from tests.browser import CHROMIUM, REQUIRED

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        CHROMIUM is None and not REQUIRED, reason="NO BROWSER: install Chromium to run this"
    ),
]
FILTERED = (
    "/monitoring/audit/",
    "/providers/accounts/",
    "/providers/keys/",
    "/providers/client-keys/",
    "/users/",
    "/usage/matrix/",
    "/logs/",
)
# A field of one line: neither a box nor a sliver.
MISSHAPEN = """() => [...document.querySelectorAll('main :is(input, select)')]
  .filter((one) => one.offsetParent && !['checkbox', 'radio'].includes(one.type))
  .map((one) => [one.name, one.offsetWidth, one.offsetHeight])
  .filter(([, width, height]) => width < 50 || height > 48)"""
ROWS = "(ones) => [...new Set(ones.map((one) => one.getBoundingClientRect().top))].length"
# A classic scroll bar takes 15 of 1440 pixels; Chromium without a frame shows none.
BESIDE_SCROLL_BAR = {"width": 1425, "height": 900}


@pytest.mark.parametrize("width", [360, 768])
def test_fields_keep_their_shape(visit, world, width):
    page = visit(world.clients["admin"], viewport={"width": width, "height": 800})
    for path in FILTERED:
        page.goto(path)
        assert page.evaluate(MISSHAPEN) == [], path


def test_who_uses_most_is_one_row_beside_a_scroll_bar(visit, world):
    page = visit(world.clients["admin"], viewport=BESIDE_SCROLL_BAR)
    page.goto("/overview/")
    tops = page.locator(".tops > *")
    assert tops.count() == 4
    assert tops.evaluate_all(ROWS) == 1


def test_tiles_of_a_tablet_are_two_rows(visit, world):
    page = visit(world.clients["admin"], viewport={"width": 753, "height": 900})
    page.goto("/overview/")
    assert page.locator(".tiles > *").count() == 7
    assert page.locator(".tiles > *").evaluate_all(ROWS) == 2


def test_names_beside_figures_are_whole(visit, world):
    page = visit(world.clients["admin"], viewport=BESIDE_SCROLL_BAR)
    page.goto("/usage/")
    cut = "(ones) => ones.filter((one) => one.scrollWidth > one.clientWidth).length"
    assert page.locator("#scroll-beside tbody th").evaluate_all(cut) == 0
