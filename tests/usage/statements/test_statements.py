"""Monthly statements: exact sums, what they were priced by, when and by whom they are made."""

import csv
import io
from datetime import date
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from monitoring.models import AuditEntry
from providers.models import ClientKey
from tests.factories import make_event, make_upstream, make_user, own_price, store
from usage.models import PriceVersion, PrunedMonth, Statement
from usage.statements.actions import is_due, last_month, make, make_last_month
from usage.upkeep import recompute

pytestmark = pytest.mark.django_db
OCTOBER = date(2026, 10, 1)


@pytest.fixture
def staff(client):
    client.force_login(make_user("ada", staff=True))
    return client


@pytest.fixture
def usage(db):
    """In October three attempts of two keys of ann's and one of nobody's, one of them without a
    price; and one in November."""
    own_price("price", model="mine", input_rate=1_234_567, output_rate=7_000_001)
    keys = ("sk-anns-key-0001", "sk-anns-key-0002", "sk-else-key-0003")
    store(
        make_upstream(),
        make_event(model="mine", timestamp="2026-10-01T00:00:00Z", api_key=keys[0]),
        make_event(model="mine", timestamp="2026-10-31T23:59:59Z", api_key=keys[1]),
        make_event(model="mine", timestamp="2026-10-15T00:00:00Z", api_key=keys[2]),
        make_event(model="nobody knows it", timestamp="2026-10-15T01:00:00Z", api_key=keys[2]),
        make_event(model="mine", timestamp="2026-11-01T00:00:00Z", api_key=keys[0]),
    )
    user = make_user("=ann")
    ClientKey.objects.exclude(last_four="0003").update(owner=user)


def rows(client, made, grouping):
    response = client.get(f"/usage/statements/{made.pk}/csv/", {"by": grouping})
    assert response.status_code == 200
    return list(csv.DictReader(io.StringIO(response.content.decode())))


def cost_of_page(client, **query):
    days = {"from": "2026-10-01", "to": "2026-10-31"}
    data = client.get("/api/usage/summary", {**days, **query}).json()["data"]
    return data["totals"]["costNanoUsd"]


@pytest.mark.parametrize("grouping", ["user", "key"])
def test_lines_add_up_to_the_total_and_to_what_the_usage_page_shows(staff, usage, grouping):
    *lines, total = rows(staff, make(OCTOBER, None), grouping)
    assert len(lines) == {"user": 2, "key": 3}[grouping]
    assert sum(Decimal(line["cost_usd"]) for line in lines) == Decimal(total["cost_usd"])
    assert Decimal(total["cost_usd"]).scaleb(9) == cost_of_page(staff)
    assert (total["user"], total["attempts"], total["unpriced_attempts"]) == ("Total", "4", "1")


def test_each_line_is_what_the_usage_page_shows_of_it(staff, usage):
    for line in rows(staff, make(OCTOBER, None), "key")[:-1]:
        key = ClientKey.objects.get(last_four=line["key"].removeprefix("…"))
        assert Decimal(line["cost_usd"]).scaleb(9) == cost_of_page(staff, key=key.pk)


def test_a_name_is_no_formula_of_a_spreadsheet(staff, usage):
    users = {line["user"] for line in rows(staff, make(OCTOBER, None), "user")}
    assert users == {"'=ann", "Nobody", "Total"}


def test_what_no_user_owns_is_named_in_the_readers_language(staff, usage):
    made = make(OCTOBER, None)
    page = staff.get(f"/usage/statements/{made.pk}/", headers={"Accept-Language": "zh-hans"})
    assert '<th scope="row">无归属</th>' in page.content.decode()


def test_a_user_without_any_price_costs_nothing_that_could_be_added(staff):
    store(make_upstream(), make_event(model="unknown", timestamp="2026-10-02T00:00:00Z"))
    line, total = rows(staff, make(OCTOBER, None), "user")
    assert (line["cost_usd"], total["cost_usd"], total["unpriced_attempts"]) == ("", "", "1")


def test_it_names_the_versions_that_were_used(staff, usage):
    made = make(OCTOBER, None)
    [version] = made.versions
    assert (version["id"], version["attempts"]) == (PriceVersion.objects.get().pk, 3)
    page = staff.get(f"/usage/statements/{made.pk}/").content.decode()
    assert str(PriceVersion.objects.get().digest) in page


def test_without_events_it_states_that_versions_are_unknown(staff, usage):
    PrunedMonth.objects.create(month=OCTOBER, events=4, pruned_at="2026-11-02T00:00:00Z")
    made = make(OCTOBER, None)
    assert made.versions is None
    assert "were dropped" in staff.get(f"/usage/statements/{made.pk}/").content.decode()


def test_what_is_recomputed_later_leaves_a_statement_as_it_was(staff, usage):
    first = make(OCTOBER, None)
    own_price("discount", percent=50, model="mine")
    made = recompute.request(OCTOBER, date(2026, 10, 31), (), None)
    recompute.carry_on(made)
    recompute.approve(made, make_user(staff=True))
    recompute.carry_on(made)
    second = make(OCTOBER, None)
    costs = [Decimal(rows(staff, one, "user")[-1]["cost_usd"]) for one in (first, second)]
    assert costs[1] < costs[0]
    assert costs[1].scaleb(9) == cost_of_page(staff)


def test_the_last_month_is_made_once():
    assert is_due()
    assert "Made the statement" in make_last_month()
    assert not is_due()
    assert "exists" in make_last_month()
    made = Statement.objects.get()
    assert (made.month, made.is_whole, made.made_by) == (last_month(), True, "")


def test_staff_make_one_and_it_is_audited(staff, usage):
    response = staff.post("/usage/statements/", {"month": "2026-10"})
    made = Statement.objects.get()
    assert response["Location"] == f"/usage/statements/{made.pk}/"
    assert (made.made_by, AuditEntry.objects.filter(action="statement.made").count()) == ("ada", 1)
    assert "2026-10 no." in staff.get("/usage/statements/").content.decode()


@pytest.mark.parametrize("month", ["", "2026-13", "october", "9999-01", "1700-01", "2026-10-01"])
def test_a_month_that_is_none_is_refused(staff, month):
    response = staff.post("/usage/statements/", {"month": month})
    assert response.status_code == 400
    assert not Statement.objects.exists()


def test_other_groupings_and_numbers_are_not_found(staff, usage):
    made = make(OCTOBER, None)
    assert staff.get(f"/usage/statements/{made.pk}/", {"by": "model"}).status_code == 404
    assert staff.get(f"/usage/statements/{made.pk + 1}/").status_code == 404


def test_only_staff_see_statements(client, usage):
    made = make(OCTOBER, None)
    client.force_login(make_user())
    for path in ("", f"{made.pk}/", f"{made.pk}/csv/"):
        assert client.get(f"/usage/statements/{path}").status_code == 403


def test_a_statement_cannot_be_changed(usage):
    made = make(OCTOBER, None)
    for change in (lambda: Statement.objects.update(lines=[]), made.delete):
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
            change()


def test_a_statement_is_of_a_month():
    with pytest.raises(IntegrityError), transaction.atomic():
        Statement.objects.create(month="2026-10-02", zone="UTC", is_whole=True, lines=[])
