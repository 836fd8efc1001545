"""The pages of recomputations: nothing changes before it was seen and approved."""

import pytest

from tests.factories import make_event, make_upstream, make_user, own_price, store
from usage.models import Recomputation, UsageEvent
from usage.upkeep import recompute

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client):
    client.force_login(make_user(staff=True))
    return client


def test_a_preview_shows_what_changes_and_approval_applies_it(staff):
    store(make_upstream(), make_event(model="mine", timestamp="2026-11-05T10:00:00Z"))
    own_price("price", model="mine", input_rate=10**6, output_rate=10**6)
    response = staff.post(
        "/usage/prices/recomputations/", {"first": "2026-11-01", "last": "2026-11-10"}
    )
    made = Recomputation.objects.get()
    address = f"/usage/prices/recomputations/{made.pk}/"
    assert response["Location"] == address
    assert "Previewing" in staff.get(address).content.decode()
    recompute.take_turn()
    page = staff.get(address).content.decode()
    assert "2026-11-05" in page
    assert "mine" in page
    assert "$0.00012" in page
    assert UsageEvent.objects.get().input_cost is None
    staff.post(f"{address}approve/")
    recompute.take_turn()
    assert UsageEvent.objects.get().input_cost == 60_000
    assert "Done" in staff.get(address).content.decode()
    staff.post(f"{address}cancel/")
    made.refresh_from_db()
    assert made.status == "done"


def test_a_cancelled_one_is_not_done(staff):
    staff.post("/usage/prices/recomputations/", {"first": "2026-11-01", "last": "2026-11-10"})
    made = Recomputation.objects.get()
    staff.post(f"/usage/prices/recomputations/{made.pk}/cancel/")
    assert not recompute.is_waiting()
    staff.post(f"/usage/prices/recomputations/{made.pk}/approve/")
    made.refresh_from_db()
    assert made.status == "cancelled"


@pytest.mark.parametrize(
    ("first", "last"), [("2026-11-10", "2026-11-01"), ("2199-01-01", "2199-01-02"), ("x", "")]
)
def test_days_that_are_none_are_refused(staff, first, last):
    response = staff.post("/usage/prices/recomputations/", {"first": first, "last": last})
    assert response.status_code == 400
    assert not Recomputation.objects.exists()
