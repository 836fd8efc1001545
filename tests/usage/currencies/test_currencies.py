"""Amounts in another currency: at the rate of their day, which pages state; dollars without one."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from monitoring.models import AuditEntry
from monitoring.templatetags.figures import amount, exact_money, money
from monitoring.web.currency import Currency, showing
from tests.factories import make_event, make_upstream, make_user, own_price, store
from usage.currencies.queries import currency_on
from usage.models import CurrencyRate, DisplayCurrency, UsageEvent

pytestmark = pytest.mark.django_db
PAGE = "/usage/currencies/"
DAYS = {"from": "2026-11-19", "to": "2026-11-20"}


@pytest.fixture
def staff(client):
    client.force_login(make_user(staff=True))
    return client


@pytest.fixture
def usage(db):
    """30 cents on the 20th of November."""
    own_price("price", model="mine", input_rate=5 * 10**9, cache_read_rate=0, output_rate=0)
    store(make_upstream(), make_event(model="mine", timestamp="2026-11-20T10:00:00Z"))


def rate(currency="EUR", day="2026-11-01", units="0.92"):
    return CurrencyRate.objects.create(
        currency=currency, holds_from=day, rate=Decimal(units), created_by="ada"
    )


def text(client, address, **query):
    response = client.get(address, query)
    assert response.status_code == 200
    return " ".join(response.content.decode().split()).replace("\N{NO-BREAK SPACE}", " ")


def send(client, **fields):
    given = {"currency": "EUR", "rate": "0.92", "holds_from": "2026-11-01"} | fields
    return client.post(f"{PAGE}new/", given)


def test_a_day_has_the_last_earlier_rate_and_of_several_the_newest():
    rate(day="2026-10-01", units="0.9")
    rate(day="2026-11-10", units="0.8")
    rate(day="2026-11-10", units="0.91")
    assert currency_on("EUR", date(2026, 9, 30)).is_missing
    assert currency_on("EUR", date(2026, 11, 9)).rate == Decimal("0.9")
    found = currency_on("EUR", date(2026, 11, 20))
    assert (found.code, found.rate, found.since) == ("EUR", Decimal("0.91"), date(2026, 11, 10))
    assert currency_on("CHF", date(2026, 11, 20)).code == "USD"


def test_a_rate_of_the_future_waits():
    today = timezone.localdate()
    rate(day=today, units="0.9")
    rate(day=today + timedelta(days=1), units="0.5")
    assert currency_on("EUR", today + timedelta(days=30)).rate == Decimal("0.9")


def test_amounts_are_converted_each_by_itself_and_rounded_once():
    with showing(lambda: Currency("EUR", Decimal("0.925"), date(2026, 11, 1))):
        assert money(2_000_000_000) == "EUR\N{NO-BREAK SPACE}1.85"
        assert money(-2_000_000_000) == "-EUR\N{NO-BREAK SPACE}1.85"
        assert money(1) == "< EUR\N{NO-BREAK SPACE}0.0001"
        assert exact_money(1_000) == "EUR\N{NO-BREAK SPACE}0.000000925"
        assert amount(2_000_000_000) == "EUR\N{NO-BREAK SPACE}2.00"
        assert money(None) == "–"
    assert money(2_000_000_000) == "$2.00"


def test_a_rate_is_never_changed():
    made = rate()
    for change in (made.delete, lambda: CurrencyRate.objects.update(rate=2)):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


@pytest.mark.parametrize("wrong", [{"currency": "USD"}, {"currency": "eur"}, {"units": "0"}])
def test_the_schema_refuses_nonsense(wrong):
    with pytest.raises(IntegrityError):
        rate(**wrong)


def test_staff_set_rates_and_users_choose_what_they_see(staff):
    assert send(staff).status_code == 302
    entry = AuditEntry.objects.get(action="currency.rate_set")
    assert (entry.target, entry.detail) == ("EUR", {"rate": "0.92", "holds_from": "2026-11-01"})
    user = make_user()
    staff.force_login(user)
    assert send(staff).status_code == 403
    staff.post(f"{PAGE}choice/", {"show": "EUR"})
    assert DisplayCurrency.objects.get(user=user).currency == "EUR"
    staff.post(f"{PAGE}choice/", {"show": "CHF"})
    assert DisplayCurrency.objects.get(user=user).currency == "EUR"
    staff.post(f"{PAGE}choice/", {"show": "USD"})
    assert not DisplayCurrency.objects.exists()


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"currency": "USD"}, "need no rate"),
        ({"currency": "eur"}, "Three capital letters"),
        ({"currency": ""}, "required"),
        ({"rate": "0"}, "greater than or equal to"),
        ({"rate": "-1"}, "greater than or equal to"),
        ({"rate": "nan"}, "Enter a number"),
        ({"rate": "1e20"}, "no more than"),
        ({"holds_from": "1999-01-01"}, "Expected a day between"),
        ({"holds_from": "soon"}, "Enter a valid date"),
    ],
)
def test_nonsense_is_refused_with_a_reason(staff, fields, why):
    response = send(staff, **fields)
    assert response.status_code == 400
    assert why in response.content.decode()
    assert not CurrencyRate.objects.exists()


def test_a_rate_far_from_the_one_before_has_to_be_confirmed(staff):
    rate(units="0.92")
    response = send(staff, rate="92")
    assert response.status_code == 400
    assert "The rate before is 0.92" in response.content.decode()
    assert send(staff, rate="92", confirmed="on").status_code == 302


def test_pages_show_amounts_at_the_rate_of_their_last_day(staff, usage):
    rate(day="2026-11-01", units="0.5")
    rate(day="2026-11-21", units="0.25")
    staff.post(f"{PAGE}choice/", {"show": "EUR"})
    event = UsageEvent.objects.get()
    for address in ("/usage/", "/usage/events/", f"/usage/events/{event.pk[0]}/"):
        page = text(staff, address, **DAYS)
        assert "EUR 0.15" in page, address
        assert "a dollar is 0.5, the rate of 2026-11-01" in page
    page = text(staff, "/usage/", **DAYS | {"to": "2026-11-22"})
    assert "EUR 0.075" in page
    assert "the rate of 2026-11-21" in page


def test_without_a_rate_pages_show_dollars_and_say_so(staff, usage, settings):
    settings.CURRENCY = "CHF"
    page = text(staff, "/usage/", **DAYS)
    assert "$0.30" in page
    assert "Amounts are in US dollars: CHF has no rate for this time." in page
    settings.CURRENCY = "USD"
    assert "footnote" not in text(staff, "/usage/", **DAYS)


def test_pages_without_amounts_have_no_note(staff, settings):
    settings.CURRENCY = "CHF"
    assert "footnote" not in text(staff, "/monitoring/doctor/")
