"""An operator raises a price from next Monday on: last week stays as it was and next week differs,
in pages, JSON, exports and statements alike."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from tests.factories import make_event, make_upstream, make_user, store
from usage.models import OwnPrice, UsageEvent
from usage.statements.actions import make
from usage.upkeep import recompute

pytestmark = pytest.mark.django_db

# Of one event in dollars: 60 tokens of input, 40 of cache like input, 20 of output.
BEFORE, AFTER = Decimal("0.20"), Decimal("0.30")


class Weeks:
    """The last week and the next, which begins with the day of the raise."""

    def __init__(self, today: date) -> None:
        self.monday = today + timedelta(days=7 - today.weekday())
        self.last = self.monday - timedelta(days=14)

    @staticmethod
    def noons(first: date) -> list[datetime]:
        """An instant on each day of a week, its first and last ones included."""
        days = [datetime.combine(first + timedelta(days=n), time(12), UTC) for n in range(7)]
        midnight = datetime.combine(first, time(), UTC)
        return [midnight, *days, midnight + timedelta(days=7, seconds=-1)]

    @staticmethod
    def query(first: date) -> dict[str, str]:
        """The week as a filter."""
        return {"from": f"{first}", "to": f"{first + timedelta(days=6)}", "range": "custom"}


@pytest.fixture
def staff(client):
    client.force_login(make_user(staff=True))
    return client


def set_price(staff, holds_from, input_price, output_price):
    fields = {"input_price": input_price, "output_price": output_price}
    response = staff.post(
        "/usage/prices/new/",
        {"kind": "price", "model": "mine", "holds_from": f"{holds_from}", **fields},
    )
    assert response.status_code == 302, response.content.decode()


def figures(staff, first: date) -> Iterator[Decimal]:
    """The cost of a week in dollars, everywhere."""
    query = Weeks.query(first)
    totals = staff.get("/api/usage/summary", query).json()["data"]["totals"]
    yield Decimal(totals["costNanoUsd"]) / 10**9
    history = staff.get("/api/usage/history", query).json()["data"]
    yield Decimal(sum(day["costNanoUsd"] or 0 for day in history["dailyBreakdown"])) / 10**9
    events = staff.get("/api/usage/events", query).json()["events"]
    yield Decimal(sum(event["costNanoUsd"] for event in events)) / 10**9
    table = b"".join(staff.get("/api/usage/export", query).streaming_content).decode()
    rows = csv.DictReader(io.StringIO(table))
    yield Decimal(sum(int(row["costNanoUsd"]) for row in rows)) / 10**9


def pages(staff, first: date) -> Iterator[str]:
    for address in ("/usage/", "/usage/events/"):
        yield staff.get(address, Weeks.query(first)).content.decode()


def test_last_week_stays_and_next_week_differs(staff, monkeypatch):
    weeks, upstream = Weeks(timezone.localdate()), make_upstream()
    last, following = Weeks.noons(weeks.last), Weeks.noons(weeks.monday)
    set_price(staff, "2026-01-01", "1000", "5000")
    store(upstream, *(make_event(model="mine", timestamp=at) for at in last[:5]))
    set_price(staff, weeks.monday, "1500", "7500")
    assert "waits" in staff.get("/usage/prices/").content.decode()
    assert OwnPrice.objects.get(holds_from="2026-01-01").holds_until == weeks.monday
    store(upstream, *(make_event(model="mine", timestamp=at) for at in last[5:]))

    later = timezone.now() + timedelta(days=15)
    monkeypatch.setattr("django.utils.timezone.now", lambda: later)
    staff.force_login(make_user(staff=True))
    store(upstream, *(make_event(model="mine", timestamp=at) for at in following))
    costs = {weeks.last: BEFORE * len(last), weeks.monday: AFTER * len(following)}
    for first, cost in costs.items():
        assert list(figures(staff, first)) == [cost] * 4
        usage, events = pages(staff, first)
        assert f"${cost:.2f}" in usage
        assert events.count(f"${cost / 9:.4f}") == 9

    made = recompute.request(weeks.last, timezone.localdate(), (), None)
    recompute.carry_on(made)
    assert (made.events, made.changed) == (len(last) + len(following), 0)

    months = {at.date().replace(day=1) for at in (*last, *following)}
    statements = [staff.get(f"/usage/statements/{make(month, None).pk}/csv/") for month in months]
    found = [list(csv.DictReader(io.StringIO(sent.content.decode()))) for sent in statements]
    assert sum(Decimal(rows[-1]["cost_usd"]) for rows in found) == sum(costs.values())
    versions = UsageEvent.objects.values_list("price_version_id", flat=True).distinct()
    assert len(set(versions)) == 2
