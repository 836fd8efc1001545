"""Own prices: set, confirmed, refused, taken over, ended; and what their page shows."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from monitoring.models import AuditEntry
from tests.factories import make_event, make_upstream, make_user, own_price, store
from usage.models import OwnPrice, UsageEvent
from usage.upkeep import recompute

pytestmark = pytest.mark.django_db

MONDAY = "2026-11-30"


@pytest.fixture
def staff(client):
    client.force_login(make_user(staff=True))
    return client


def send(client, **fields):
    given = {"kind": "price", "model": "mine", "holds_from": "2026-11-01"} | fields
    return client.post("/usage/prices/new/", given)


def priced(client, **fields):
    response = send(client, **{"input_price": "1", "output_price": "5"} | fields)
    assert response.status_code == 302, response.content.decode()
    return OwnPrice.objects.latest("pk")


@pytest.mark.parametrize("path", ["", "new/", "recomputations/"])
def test_only_staff_see_prices(client, path):
    assert client.get(f"/usage/prices/{path}").status_code == 302
    client.force_login(make_user())
    assert client.get(f"/usage/prices/{path}").status_code == 403


def test_a_model_without_a_price_is_listed_with_a_button_to_set_one(staff):
    now = timezone.now()
    store(
        make_upstream(),
        make_event(model="my llama/7b", timestamp=now),
        make_event(model="gpt-5.4(high)", timestamp=now),
    )
    page = staff.get("/usage/prices/").content.decode()
    assert "/usage/prices/new/?kind=price&amp;model=my%20llama%2F7b" in page
    assert "openai/gpt-5.4" in page
    assert "without the level of thinking “(high)”" in page
    staff.post("/language/", {"language": "de"})
    assert "ohne die Denkstufe „(high)“" in staff.get("/usage/prices/").content.decode()
    staff.post("/language/", {"language": "en"})
    assert page.index("my llama/7b") < page.index("openai/gpt-5.4")
    assert "50.0 %" in page


def test_a_price_is_set_and_new_events_cost_it(staff):
    price = priced(staff, cache_read_price="0.1")
    assert (price.input_rate, price.cache_read_rate, price.output_rate) == (10**6, 10**5, 5 * 10**6)
    store(make_upstream(), make_event(model="mine"))
    event = UsageEvent.objects.get()
    assert (event.input_cost, event.cache_read_cost, event.output_cost) == (60_000, 4_000, 100_000)
    assert event.price_version.own_prices == [price.pk]
    assert AuditEntry.objects.filter(action="own_price.set").exists()


def test_a_price_from_next_monday_leaves_last_week_as_it_was(staff):
    first = priced(staff, holds_from="2026-11-01")
    second = priced(staff, holds_from=MONDAY, input_price="10", output_price="50")
    first.refresh_from_db()
    assert (first.holds_until, second.holds_until) == (date(2026, 11, 30), None)
    store(
        make_upstream(),
        make_event(model="mine", timestamp="2026-11-29T23:59:59Z"),
        make_event(model="mine", timestamp="2026-11-30T00:00:00Z"),
    )
    costs = list(UsageEvent.objects.order_by("timestamp").values_list("input_cost", flat=True))
    assert costs == [60_000, 600_000]
    made = recompute.request(date(2026, 11, 1), date(2026, 11, 30), (), None)
    recompute.carry_on(made)
    assert made.changed == 0


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"input_price": "-1"}, "greater than or equal to 0"),
        ({"input_price": "nan"}, "Enter a number"),
        ({"input_price": "1e30"}, "less than or equal to"),
        ({"input_price": ""}, "This is needed"),
        ({"kind": "discount", "percent": "101"}, "less than or equal to 100"),
        ({"kind": "discount", "percent": ""}, "This is needed"),
        ({"kind": "match", "catalogue_model": "openai/none"}, "no such model"),
        ({"kind": "match", "model": "", "catalogue_model": "openai/gpt-5.4"}, "This is needed"),
        ({"holds_from": "2026-11-05", "last_day": "2026-11-04"}, "before the first day"),
        ({"holds_from": "31.12.2026"}, "Enter a valid date"),
        ({"kind": "gift"}, "Select a valid choice"),
        ({"model": "x" * 201}, "at most 200"),
    ],
)
def test_nonsense_is_refused_with_a_reason(staff, fields, why):
    response = send(staff, **{"input_price": "1", "output_price": "5"} | fields)
    assert response.status_code == 400
    assert why in response.content.decode()
    assert not OwnPrice.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "gpt-5.4", "input_price": "2500", "output_price": "15"},
        {"model": "gpt-5.4", "input_price": "2.5", "output_price": "0.015"},
        {"input_price": "0.001", "output_price": "5"},
        {"kind": "discount", "percent": "-900"},
    ],
)
def test_what_looks_like_a_slip_has_to_be_confirmed(staff, fields):
    response = send(staff, **fields)
    assert response.status_code == 400
    assert "Send it again if it is meant" in response.content.decode()
    assert not OwnPrice.objects.exists()
    assert send(staff, confirmed="on", **fields).status_code == 302
    assert OwnPrice.objects.count() == 1


def test_what_costs_nothing_is_no_slip(staff):
    assert priced(staff, model="gpt-5.4", input_price="0", output_price="0").input_rate == 0


@pytest.mark.parametrize("first_day", ["2026-11-05", "2026-11-01", "2026-10-01"])
def test_overlapping_prices_are_refused_with_the_other_named(staff, first_day):
    other = priced(staff, holds_from="2026-11-05", last_day="2026-11-20")
    response = send(staff, input_price="2", output_price="5", holds_from=first_day)
    assert response.status_code == 400
    assert f"own price #{other.pk}" in response.content.decode()
    assert OwnPrice.objects.count() == 1


def test_prices_of_other_scopes_or_other_days_are_no_overlap(staff):
    priced(staff, holds_from="2026-11-05", last_day="2026-11-20")
    priced(staff, holds_from="2026-11-21")
    priced(staff, holds_from="2026-11-01", last_day="2026-11-04")
    priced(staff, model="other")
    priced(staff, provider="codex")
    assert OwnPrice.objects.count() == 5


def test_a_price_that_waits_can_be_withdrawn_and_one_that_holds_be_ended(staff):
    today = timezone.localdate()
    waits = priced(staff, holds_from=(today + timedelta(days=3)).isoformat())
    holds = priced(staff, model="other", holds_from=(today - timedelta(days=3)).isoformat())
    page = staff.get("/usage/prices/").content.decode()
    assert "waits" in page
    assert "holds" in page
    staff.post(f"/usage/prices/{holds.pk}/withdraw/")
    assert OwnPrice.objects.filter(pk=holds.pk).exists()
    staff.post(f"/usage/prices/{waits.pk}/withdraw/")
    assert not OwnPrice.objects.filter(pk=waits.pk).exists()
    for day in ("", "yesterday", holds.holds_from.isoformat()):
        staff.post(f"/usage/prices/{holds.pk}/end/", {"day": day})
        holds.refresh_from_db()
        assert holds.holds_until is None
    staff.post(f"/usage/prices/{holds.pk}/end/", {"day": today.isoformat()})
    holds.refresh_from_db()
    assert holds.holds_until == today


def test_the_narrowest_scope_counts():
    upstream = make_upstream()
    store(upstream, make_event(model="gpt-5.4"))
    key = UsageEvent.objects.get().client_key
    user = make_user()
    key.owner = user
    key.save()
    prices = [
        own_price("discount", percent=10),
        own_price("discount", percent=20, model="gpt-*"),
        own_price("discount", percent=30, model="gpt-5.4"),
        own_price("discount", percent=40, provider="codex"),
        own_price("discount", percent=50, user=user),
        own_price("flat", client_key=key),
    ]
    expected = [0, 75_000, 90_000, 105_000, 120_000, 135_000, 150_000]
    for cost in expected:
        store(upstream, make_event(model="gpt-5.4"))
        event = UsageEvent.objects.latest("id")
        assert (event.input_cost, event.list_cost) == (cost, 460_000)
        if prices:
            prices.pop().delete()


def test_a_model_can_be_priced_like_another(staff):
    assert (
        send(
            staff, kind="match", model="my-proxy-*", catalogue_model="anthropic/claude-opus-5"
        ).status_code
        == 302
    )
    store(make_upstream(), make_event(model="my-proxy-large"))
    version = UsageEvent.objects.get().price_version
    assert version.catalogue_model == "anthropic/claude-opus-5"
    assert version.own_prices == [OwnPrice.objects.get().pk]
