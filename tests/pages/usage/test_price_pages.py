"""Prices in a real browser: from “no price” to a price, and a recomputation that is seen before it
is approved."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.browser import CHROMIUM, REQUIRED
from tests.factories import make_event, make_upstream, store
from tests.pages.frame.test_in_browser import open_page  # noqa: F401
from usage.models import OwnPrice, UsageEvent
from usage.upkeep import recompute

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        CHROMIUM is None and not REQUIRED, reason="NO BROWSER: install Chromium to run this"
    ),
]
WIDE = {"width": 1440, "height": 900}


@pytest.fixture
def usage():
    yesterday = timezone.now() - timedelta(days=1)
    store(make_upstream(), make_event(model="my-llama", timestamp=yesterday))


def fill(page, **fields):
    """Fill in the form and send it; the next page is there afterwards."""
    for name, value in fields.items():
        page.fill(f"[name={name}]", value)
    follow(page, "main button[type=submit]")


def follow(page, selector):
    """Click on what leads to the next page, and wait for it."""
    with page.expect_navigation():
        page.click(selector)


def test_from_no_price_to_a_recomputed_cost(open_page, usage):  # noqa: F811
    page = open_page("/usage/prices/", viewport=WIDE)
    assert "▲ no price" in page.inner_text("#scroll-models")
    follow(page, "text=Set a price")
    assert page.input_value("[name=model]") == "my-llama"
    past = f"{timezone.localdate() - timedelta(days=7)}"
    fill(page, holds_from=past, input_price="1000", output_price="5000")
    assert "holds" in page.inner_text("#scroll-own")
    assert "▲ no price" not in page.inner_text("#scroll-models")
    assert "keeps its cost until it is recomputed" in page.inner_text(".banner-success")

    page.goto("/usage/prices/recomputations/")
    fill(page, first=past)
    recompute.take_turn()
    page.reload()
    assert "would have a new cost" in page.inner_text("#region")
    assert "$0.20" in page.inner_text("#region")
    assert UsageEvent.objects.get().input_cost is None
    follow(page, "text=Apply it")
    recompute.take_turn()
    page.reload()
    assert re.search("1 of 1 events\\s+have a new cost", page.inner_text("#region"))
    page.goto("/usage/")
    assert "$0.20" in page.inner_text("section.tiles")
    assert page.complaints == []


def test_what_looks_wrong_is_refused_or_asked_about(open_page, usage):  # noqa: F811
    page = open_page("/usage/prices/new/?model=gpt-5.4", viewport=WIDE)
    fill(page, input_price="-1", output_price="15")
    assert "greater than or equal to 0" in page.inner_text("main")
    fill(page, input_price="2500", output_price="15")
    assert "Send it again if it is meant" in page.inner_text("main")
    assert not OwnPrice.objects.exists()
    follow(page, "text=Yes, set it")
    other = OwnPrice.objects.get()
    page.goto("/usage/prices/new/?model=gpt-5.4")
    fill(page, input_price="2", output_price="15", holds_from=f"{other.holds_from}")
    assert f"own price #{other.pk}" in page.inner_text("main")
    future = other.holds_from + timedelta(days=3)
    fill(page, holds_from=f"{future}")
    row = page.inner_text("#scroll-own tbody tr:first-child")
    assert "waits" in row
    assert f"{future}" in row


def test_what_is_wrong_in_a_field_that_is_hidden_again_is_shown(open_page, usage):  # noqa: F811
    page = open_page("/usage/prices/new/?model=gpt-5.4", viewport=WIDE)
    page.select_option("[name=kind]", OwnPrice.Kind.DISCOUNT)
    page.fill("[name=percent]", "250")
    page.select_option("[name=kind]", OwnPrice.Kind.FLAT)
    assert not page.is_visible("[name=percent]")
    follow(page, "main button[type=submit]")
    assert page.is_visible("[name=percent]")
    assert "less than or equal to 100" in page.inner_text("main")
    assert not OwnPrice.objects.exists()
