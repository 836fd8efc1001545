"""What staff set as JSON: rates of currencies, own prices and statements, refused as the pages
refuse it."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from monitoring.models import AuditEntry
from tests.factories import make_event, make_upstream, make_user, own_price, store
from usage.models import CurrencyRate, OwnPrice, Statement

pytestmark = pytest.mark.django_db
RATES, PRICES, STATEMENTS = (
    f"/api/usage/{name}" for name in ("currency-rates", "own-prices", "statements")
)
RATE = {"currency": "EUR", "rate": 0.92, "holdsFrom": "2026-11-01"}
PRICE = {"kind": "price", "model": "mine", "holdsFrom": "2026-11-01"}
PRICED = PRICE | {"inputPrice": "2.5", "outputPrice": 10}


@pytest.fixture
def staff(client):
    client.force_login(make_user("ada", staff=True))
    return client


def send(client, address, body, status=201, method="post"):
    response = getattr(client, method)(address, body, content_type="application/json")
    assert response.status_code == status, response.content
    return response.json()


def fields_of(refusal):
    return refusal["error"]["details"]["fields"]


def test_a_rate_is_set_listed_and_audited(staff):
    made = send(staff, RATES, RATE)["rate"]
    assert (made["currency"], made["rate"], made["holdsFrom"]) == ("EUR", "0.92", "2026-11-01")
    listed = staff.get(RATES).json()
    assert (listed["default"], listed["rates"]) == ("USD", [made])
    assert AuditEntry.objects.get(action="currency.rate_set").target == "EUR"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"currency": "USD"}, "currency"),
        ({"rate": -1}, "rate"),
        ({"rate": None}, "rate"),
        ({"rate": [1]}, "rate"),
        ({"holdsFrom": "11/20/2026"}, "holdsFrom"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_a_rate_that_is_none_is_refused_by_its_field(staff, wrong, field):
    assert list(fields_of(send(staff, RATES, RATE | wrong, 400))) == [field]
    assert not CurrencyRate.objects.exists()


def test_what_looks_like_a_slip_has_to_be_confirmed(staff):
    send(staff, RATES, RATE)
    slip = RATE | {"rate": 92, "holdsFrom": "2026-11-02"}
    assert "The rate before is 0.92" in fields_of(send(staff, RATES, slip, 400))["confirmed"]
    send(staff, RATES, slip | {"confirmed": True})
    far = PRICED | {"outputPrice": 5_000}
    assert "One price is" in fields_of(send(staff, PRICES, far, 400))["confirmed"]
    send(staff, PRICES, far | {"confirmed": True})


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"inputPrice": -1}, "inputPrice"),
        ({"outputPrice": None}, "outputPrice"),
        ({"lastDay": "2026-10-01"}, "lastDay"),
        ({"clientKey": 7}, "clientKey"),
        ({"kind": "gift"}, "kind"),
        ({"kind": "match", "catalogueModel": "openai/no-such"}, "catalogueModel"),
    ],
)
def test_an_own_price_that_cannot_be_is_refused_by_its_field(staff, wrong, field):
    assert list(fields_of(send(staff, PRICES, PRICED | wrong, 400))) == [field]
    assert not OwnPrice.objects.exists()


def test_own_prices_take_over_end_and_refuse_to_overlap(staff):
    first = send(staff, PRICES, PRICED)
    assert first["ownPrice"]["inputPrice"] == "2.5"
    assert first["takesOverFrom"] is None
    later = send(staff, PRICES, PRICED | {"holdsFrom": "2026-11-10"})
    assert later["takesOverFrom"] == first["ownPrice"]["id"]
    refused = send(staff, PRICES, PRICED | {"holdsFrom": "2026-11-05"}, 409)["error"]
    assert f"#{later['ownPrice']['id']}" in refused["message"]
    assert refused["details"]["otherPrice"] == later["ownPrice"]["id"]
    one = f"{PRICES}/{later['ownPrice']['id']}"
    send(staff, one, {"lastDay": "2026-11-09"}, 400, "patch")
    ended = send(staff, one, {"lastDay": "2026-11-12"}, 200, "patch")
    assert ended["ownPrice"]["lastDay"] == "2026-11-12"
    assert [row["lastDay"] for row in staff.get(PRICES).json()["ownPrices"]] == [
        "2026-11-12",
        "2026-11-09",
    ]


def test_a_price_of_the_future_waits_and_can_be_withdrawn(staff):
    tomorrow = (timezone.localdate() + timedelta(days=1)).isoformat()
    waiting = send(staff, PRICES, PRICED | {"holdsFrom": tomorrow})["ownPrice"]["id"]
    holding = own_price("flat", model="mine").pk
    listed = staff.get(PRICES).json()
    assert "genai-prices" in listed["catalogue"]["source"]
    states = {row["id"]: row["state"] for row in listed["ownPrices"]}
    assert states == {waiting: "waits", holding: "holds"}
    send(staff, f"{PRICES}/{holding}", {}, 409, "delete")
    send(staff, f"{PRICES}/{waiting}", {}, 200, "delete")
    send(staff, f"{PRICES}/{waiting}", {}, 404, "delete")
    assert OwnPrice.objects.get().pk == holding


def test_a_statement_is_made_and_read_like_any_other(staff):
    own_price("price", model="mine", input_rate=10**6, output_rate=10**6)
    store(make_upstream(), make_event(model="mine", timestamp="2026-10-02T00:00:00Z"))
    made = send(staff, STATEMENTS, {"month": "2026-10"})
    assert (made["month"], made["madeBy"], made["isWhole"]) == ("2026-10", "ada", True)
    assert made["totals"]["costNanoUsd"] == 120_000
    assert staff.get(f"{STATEMENTS}/{made['id']}").json() == made
    assert Statement.objects.get().month == date(2026, 10, 1)


@pytest.mark.parametrize(
    "body", [{}, {"month": "2026-13"}, {"month": "9999-01"}, {"month": 202610}]
)
def test_a_month_that_is_none_is_refused(staff, body):
    assert list(fields_of(send(staff, STATEMENTS, body, 400))) == ["month"]
    assert not Statement.objects.exists()


@pytest.mark.parametrize("address", [RATES, PRICES, STATEMENTS])
def test_they_are_for_staff(client, address):
    assert client.get(address).status_code == 401
    client.force_login(make_user())
    assert client.get(address).status_code == 403
    send(client, address, {}, 403)
    assert not AuditEntry.objects.filter(action__in=("own_price.set", "statement.made")).exists()
