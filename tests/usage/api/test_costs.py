"""Costs beside the tokens: the same figures in sums, series, groups, events, exports and pages."""

import csv
import io
import json
import re

import pytest

from tests.factories import make_event, make_upstream, make_user, own_price, store
from usage.models import UsageEvent

pytestmark = pytest.mark.django_db
DAYS = {"from": "2026-11-19", "to": "2026-11-20"}
# One attempt of the model "mine" at a tenth off 1, 0.1 and 5 dollars per million tokens.
COST = {"input": 54_000, "cacheRead": 3_600, "cacheWrite": 0, "output": 90_000}
PAID, LISTED = 147_600, 164_000
NO_COST = dict.fromkeys(COST)


@pytest.fixture
def staff(client):
    client.force_login(make_user(staff=True))
    return client


@pytest.fixture
def usage(db):
    """Two attempts that have a price, of which one failed, and one that has none."""
    rates = {"input_rate": 10**6, "cache_read_rate": 10**5, "output_rate": 5 * 10**6}
    own_price("price", model="mine", **rates)
    own_price("discount", model="mine", percent=10)
    store(
        make_upstream(),
        make_event(model="mine", timestamp="2026-11-19T10:00:00Z"),
        make_event(model="mine", timestamp="2026-11-20T10:00:00Z", failed=True),
        make_event(model="nobody knows it", timestamp="2026-11-20T11:00:00Z"),
    )


def get(client, name, **query):
    response = client.get(f"/api/usage/{name}", {**DAYS, **query})
    assert response.status_code == 200, response.content
    return response


def data(client, name, **query):
    return get(client, name, **query).json()["data"]


def test_totals_have_what_was_paid_listed_saved_and_wasted(staff, usage):
    totals = data(staff, "summary")["totals"]
    assert totals["costNanoUsd"] == 2 * PAID == sum(totals["cost"].values())
    assert totals["cost"] == {kind: 2 * cost for kind, cost in COST.items()}
    assert totals["listCostNanoUsd"] == 2 * LISTED
    assert totals["cacheSavingsNanoUsd"] == 2 * (40 * 900 - 3_600)
    assert (totals["failedCostNanoUsd"], totals["unpricedAttempts"]) == (PAID, 1)


def test_what_has_no_price_costs_null_and_not_nothing(staff, usage):
    totals = data(staff, "summary", model="nobody knows it")["totals"]
    names = ("costNanoUsd", "listCostNanoUsd", "cacheSavingsNanoUsd", "failedCostNanoUsd")
    assert {totals[name] for name in names} == {None}
    assert (totals["cost"], totals["unpricedAttempts"]) == (NO_COST, 1)


def test_what_is_free_costs_0(staff):
    own_price("flat", model="gpt-5.4")
    store(make_upstream(), make_event(model="gpt-5.4", timestamp="2026-11-19T10:00:00Z"))
    totals = data(staff, "summary")["totals"]
    assert (totals["costNanoUsd"], totals["listCostNanoUsd"]) == (0, 460_000)


def test_series_and_groups_have_it(staff, usage):
    values = data(staff, "summary", bucket="day")["series"]["values"]
    assert values["costNanoUsd"] == [PAID, PAID]
    assert values["cost"]["input"] == [54_000, 54_000]
    groups = data(staff, "breakdown", group_by="model", order_by="costNanoUsd")["groups"]
    assert [(group["model"]["value"], group["costNanoUsd"]) for group in groups] == [
        ("mine", 2 * PAID),
        ("nobody knows it", None),
    ]
    [group] = data(staff, "series", group_by="model", model="mine", bucket="day")["groups"]
    assert group["values"]["listCostNanoUsd"] == [LISTED, LISTED]


def test_history_has_it_beside_all_its_tokens(staff, usage):
    history = data(staff, "history")
    [key] = history["keys"].values()
    assert history["totals"]["costNanoUsd"] == key["costNanoUsd"] == 2 * PAID
    assert key["models"]["mine"]["costNanoUsd"] == 2 * PAID
    assert key["models"]["nobody knows it"]["costNanoUsd"] is None
    assert [day["costNanoUsd"] for day in history["dailyBreakdown"]] == [PAID, PAID]
    models = {model["model"]: model["cost"] for model in history["modelBreakdown"]}
    assert models["nobody knows it"] == NO_COST
    assert history["requestEvents"][1]["cost"] == {**COST, "reasoning": None}


def test_events_and_exports_have_it_with_the_version(staff, usage):
    event = UsageEvent.objects.order_by("timestamp").first()
    rows = get(staff, "events").json()["events"]
    assert [row["costNanoUsd"] for row in rows] == [None, PAID, PAID]
    assert rows[0]["cost"] == {**NO_COST, "reasoning": None}
    assert (rows[2]["priceVersion"], rows[2]["listCostNanoUsd"]) == (
        event.price_version_id,
        LISTED,
    )
    lines = b"".join(get(staff, "export", format="jsonl").streaming_content).splitlines()
    assert json.loads(lines[0])["cost"] == rows[2]["cost"]
    table = b"".join(get(staff, "export").streaming_content).decode()
    first = next(csv.DictReader(io.StringIO(table)))
    assert (first["costNanoUsd"], first["cacheReadCostNanoUsd"]) == (str(PAID), "3600")
    assert "cost" not in first


def test_pages_show_it(staff, usage):
    page = staff.get("/usage/", DAYS).content.decode()
    assert "$0.0002952 paid, $0.000328 by list price" in " ".join(page.split())
    assert "1 attempts without a price" in page
    event = UsageEvent.objects.order_by("timestamp").first()
    page = staff.get(f"/usage/events/{event.pk[0]}/").content.decode()
    assert "$0.000054" in page
    assert str(event.price_version.digest) in page
    last = UsageEvent.objects.order_by("timestamp").last()
    assert "had no price" in staff.get(f"/usage/events/{last.pk[0]}/").content.decode()


def test_page_of_an_event_is_in_the_language_of_its_reader(staff, usage):
    event = UsageEvent.objects.order_by("timestamp").first()
    page = staff.get(f"/usage/events/{event.pk[0]}/", headers={"Accept-Language": "de"})
    text = page.content.decode()
    assert ">vollständig<" in text
    assert re.search(r"\d,\d\d\s\$</td>", text)
    assert not re.search(r"\$\d", text)
