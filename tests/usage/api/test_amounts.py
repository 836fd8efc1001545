"""Costs in another currency, by request and by token, in statements and at other prices."""

import csv
import io
import json
from datetime import date
from decimal import Decimal

import pytest

from tests.factories import make_event, make_upstream, make_user, own_price, store
from usage.models import CurrencyRate, UsageEvent
from usage.statements.actions import make

pytestmark = pytest.mark.django_db
DAYS = {"from": "2026-11-19", "to": "2026-11-20"}
PAID, LISTED = 147_600, 164_000
EURO = {"requested": "EUR", "code": "EUR", "rate": "0.5", "rateDay": "2026-11-01"}
STATEMENTS = "/api/usage/statements"


@pytest.fixture
def staff(client):
    client.force_login(make_user(staff=True))
    return client


@pytest.fixture
def usage(db):
    """An attempt that has a price, a tenth off the list, and one that has none; and a rate."""
    rates = {"input_rate": 10**6, "cache_read_rate": 10**5, "output_rate": 5 * 10**6}
    own_price("price", model="mine", **rates)
    own_price("discount", model="mine", percent=10)
    store(
        make_upstream(),
        make_event(model="mine", timestamp="2026-11-19T10:00:00Z"),
        make_event(model="nobody knows it", timestamp="2026-11-20T11:00:00Z"),
    )
    CurrencyRate.objects.create(
        currency="EUR", holds_from="2026-11-01", rate=Decimal("0.5"), created_by="ada"
    )


def get(client, address, status=200, **query):
    response = client.get(address, query)
    assert response.status_code == status, response.content
    return response


def data(client, name, **query):
    return get(client, f"/api/usage/{name}", **DAYS, **query).json()["data"]


def test_a_currency_is_added_beside_dollars(staff, usage):
    found = data(staff, "summary", bucket="day", currency="EUR")
    assert found["currency"] == EURO
    assert found["totals"]["costNanoUsd"] == PAID
    converted = found["totals"]["converted"]
    assert (converted["costNano"], converted["listCostNano"]) == (PAID // 2, LISTED // 2)
    assert sum(converted["cost"].values()) == PAID // 2
    assert found["series"]["values"]["converted"]["costNano"] == [PAID // 2, None]
    groups = data(staff, "breakdown", group_by="model", currency="EUR")["groups"]
    assert [group["converted"]["costNano"] for group in groups] == [PAID // 2, None]


def test_history_and_events_have_it(staff, usage):
    history = data(staff, "history", currency="EUR")
    [key] = history["keys"].values()
    assert key["models"]["mine"]["converted"]["costNano"] == PAID // 2
    assert history["dailyBreakdown"][0]["converted"]["costNano"] == PAID // 2
    body = get(staff, "/api/usage/events", currency="EUR", **DAYS).json()
    assert body["currency"] == EURO
    assert [event["converted"]["costNano"] for event in body["events"]] == [None, PAID // 2]
    event = UsageEvent.objects.order_by("timestamp").first()
    body = get(staff, f"/api/usage/events/{event.pk[0]}", currency="EUR").json()
    assert body["event"]["converted"]["cost"]["input"] == 27_000


def test_exports_have_it(staff, usage):
    table = b"".join(get(staff, "/api/usage/export", currency="EUR", **DAYS).streaming_content)
    first, second = csv.DictReader(io.StringIO(table.decode()))
    assert (first["currency"], first["costNano"]) == ("EUR", str(PAID // 2))
    assert (second["currency"], second["costNano"]) == ("EUR", "")
    lines = get(staff, "/api/usage/export", currency="CHF", format="jsonl", **DAYS)
    line = json.loads(b"".join(lines.streaming_content).splitlines()[0])
    assert (line["currency"], line["costNano"]) == ("USD", PAID)


def test_without_a_rate_it_is_dollars_and_says_so(staff, usage):
    found = data(staff, "summary", currency="CHF")
    assert found["currency"] == {
        "requested": "CHF",
        "code": "USD",
        "rate": None,
        "rateDay": None,
    }
    assert found["totals"]["converted"]["costNano"] == PAID


def test_unrequested_it_is_not_there(staff, usage):
    assert "currency" not in data(staff, "summary")
    totals = data(staff, "summary")["totals"]
    assert not {"converted", "costFigures"} & totals.keys()


def test_figures_are_by_request_by_token_and_below_the_list(staff, usage):
    found = data(staff, "summary", bucket="day", figures="costs", currency="EUR")
    figures = found["totals"]["costFigures"]
    assert figures == {
        "perThousandRequestsNanoUsd": PAID * 500,
        "perMillionTokensNanoUsd": PAID * 10**6 // 240,
        "belowListNanoUsd": LISTED - PAID,
        "converted": {
            "perThousandRequestsNano": PAID * 250,
            "perMillionTokensNano": PAID * 10**6 // 480,
            "belowListNano": (LISTED - PAID) // 2,
        },
    }
    columns = found["series"]["values"]["costFigures"]
    assert columns["perThousandRequestsNanoUsd"] == [PAID * 1_000, None]


@pytest.mark.parametrize(
    "wrong", [{"currency": "euro"}, {"currency": "EUR'"}, {"figures": "tokens"}]
)
@pytest.mark.parametrize("name", ["history", "summary", "events", "breakdown"])
def test_nonsense_is_refused_by_name(staff, name, wrong):
    body = get(staff, f"/api/usage/{name}", 400, **DAYS, **wrong).json()
    assert set(body["error"]["details"]["fields"]) == set(wrong)


def test_statements_are_json_with_lines_totals_and_versions(staff, usage):
    made = make(date(2026, 11, 1), None)
    [listed] = get(staff, STATEMENTS).json()["statements"]
    assert (listed["id"], listed["month"]) == (made.pk, "2026-11")
    assert (
        listed["totals"]["costNanoUsd"] == PAID == data(staff, "summary")["totals"]["costNanoUsd"]
    )
    body = get(staff, f"{STATEMENTS}/{made.pk}", by="key", currency="EUR").json()
    [line] = body["lines"]
    assert (line["costNanoUsd"], line["converted"]["costNano"]) == (PAID, PAID // 2)
    assert line["cost"] == {"input": 54_000, "cacheRead": 3_600, "cacheWrite": 0, "output": 90_000}
    assert [version["attempts"] for version in body["priceVersions"]] == [1]
    assert "key" not in get(staff, f"{STATEMENTS}/{made.pk}").json()["lines"][0]
    get(staff, f"{STATEMENTS}/{made.pk}", 400, by="model")
    get(staff, f"{STATEMENTS}/{made.pk + 1}", 404)
    for address in (STATEMENTS, f"{STATEMENTS}/{made.pk}"):
        staff.force_login(make_user())
        get(staff, address, 403)
        staff.logout()
        get(staff, address, 401)


def test_the_file_of_a_statement_has_the_currency_of_its_reader(staff, usage):
    made = make(date(2026, 11, 1), None)
    address = f"/usage/statements/{made.pk}/csv/"
    assert "rate_day" not in get(staff, address).content.decode()
    staff.post("/usage/currencies/choice/", {"show": "EUR"})
    row = next(csv.DictReader(io.StringIO(get(staff, address).content.decode())))
    assert (row["currency"], row["rate"], row["rate_day"]) == ("EUR", "0.5", "2026-11-01")
    assert (row["cost_usd"], row["cost"]) == ("0.000147600", "0.000073800")


def test_what_it_would_have_cost_is_json(staff, usage):
    found = data(staff, "what-if", as_model="openai/gpt-5.4", currency="EUR")
    mine, other = found["models"]
    assert (mine["model"], mine["costNanoUsd"]) == ("mine", PAID)
    assert mine["differenceNanoUsd"] == mine["otherCostNanoUsd"] - PAID
    assert other["costNanoUsd"] is None
    assert found["totals"]["otherCostNanoUsd"] == mine["otherCostNanoUsd"]
    assert mine["converted"]["costNano"] == PAID // 2
    for wrong in ({}, {"as_model": "openai/none"}):
        get(staff, "/api/usage/what-if", 400, **DAYS, **wrong)


def test_the_second_chart_of_the_page_is_of_costs_where_that_is_chosen(staff, usage):
    own_price("price", model="dear", input_rate=10**9, output_rate=0)
    store(make_upstream(), make_event(model="dear", timestamp="2026-11-19T10:00:00Z"))
    query = DAYS | {"bucket": "day", "measure": "cost"}
    page = get(staff, "/usage/", **query).content.decode()
    assert "Cost per" in page
    assert "Input: $0.0601\nCache read: $0.0400" in page
    staff.post("/usage/currencies/choice/", {"show": "EUR"})
    page = get(staff, "/usage/", **query).content.decode()
    assert "Input: EUR\N{NO-BREAK SPACE}0.0300\n" in page
    assert "Tokens per" in get(staff, "/usage/", **query | {"measure": "tokens"}).content.decode()
