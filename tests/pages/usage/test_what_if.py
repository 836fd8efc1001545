"""The page "What if": the same tokens at another model's list prices."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from providers.models import ClientKey
from tests.factories import make_event, make_upstream, make_user, store
from usage.costs.price_book import PriceBook
from usage.history.dimensions import Filters
from usage.history.scope import Scope
from usage.history.windows import Window
from usage.models import UsageEvent
from usage.web.what_if import other_model, total, what_if

pytestmark = pytest.mark.django_db
DAYS = {"from": "2026-11-19", "to": "2026-11-20"}
WINDOW = Window(date(2026, 11, 19), date(2026, 11, 20), ZoneInfo("UTC"))
EVERYTHING = Scope(None, sees_everything=True)


@pytest.fixture
def usage(db):
    store(
        make_upstream(),
        make_event(model="gpt-5.4", timestamp="2026-11-19T10:00:00Z"),
        make_event(model="nobody knows it", timestamp="2026-11-20T10:00:00Z"),
    )


def at(reference):
    other = other_model(PriceBook.newest(), reference, timezone.now())
    return what_if(WINDOW, EVERYTHING, Filters(), other)


def test_a_model_at_its_own_prices_costs_what_it_costs(usage):
    found = {row.model: row for row in at("openai/gpt-5.4")}
    cost = UsageEvent.objects.get(series__model="gpt-5.4").list_cost
    assert (found["gpt-5.4"].cost, found["gpt-5.4"].difference) == (cost, 0)


def test_what_has_no_price_has_one_there_and_no_difference(usage):
    models = at("openai/gpt-5.4")
    unknown = next(row for row in models if row.model == "nobody knows it")
    assert (unknown.cost, unknown.difference) == (None, None)
    assert unknown.other == next(row.other for row in models if row.model == "gpt-5.4")
    assert total(models) == (unknown.other, unknown.other)


def test_the_page_compares(client, usage):
    client.force_login(make_user(staff=True))
    page = client.get("/usage/what-if/", {**DAYS, "as_model": "openai/gpt-5.4"})
    assert page.status_code == 200
    assert "would have been" in page.content.decode()
    assert "nobody knows it" in page.content.decode()


@pytest.mark.parametrize("reference", ["openai/none", "gpt-5.4", "/", "x" * 251])
def test_a_model_that_is_none_is_refused(client, usage, reference):
    client.force_login(make_user(staff=True))
    page = client.get("/usage/what-if/", {**DAYS, "as_model": reference})
    assert page.status_code == 400
    assert "<strong>as_model</strong>" in page.content.decode()


def test_users_see_their_own_traffic_alone(client, usage):
    user = make_user()
    client.force_login(user)
    query = {**DAYS, "as_model": "openai/gpt-5.4"}
    assert "No attempt in this time" in client.get("/usage/what-if/", query).content.decode()
    ClientKey.objects.update(owner=user)
    assert "nobody knows it" in client.get("/usage/what-if/", query).content.decode()
