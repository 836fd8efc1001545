"""The pages and the JSON of budgets: staff change them, users see their own, bad input is named."""

import pytest
from django.utils import timezone

from monitoring.models import AuditEntry
from providers.models import ClientKey
from tests.factories import make_upstream, make_user
from tests.usage.budgets.making import NANO, make_budget, price_mine, use
from usage.models import Budget, BudgetException

pytestmark = pytest.mark.django_db
GOOD = {
    "name": "Team A",
    "scope": "all",
    "unit": "dollars",
    "limit": "12.50",
    "period": "month",
    "rolling_unit": "1",
    "warn_at": "80, 50",
}


@pytest.fixture
def staff(client):
    client.force_login(make_user("ada", staff=True))
    return client


@pytest.fixture
def upstream():
    return make_upstream(name="primary")


def test_staff_make_change_and_delete_one(staff):
    assert staff.get("/usage/budgets/new/").status_code == 200
    assert staff.post("/usage/budgets/new/", GOOD).status_code == 302
    budget = Budget.objects.get()
    assert (budget.limit, budget.warn_at, budget.period) == (12_500_000_000, [50, 80], "month")
    page = staff.get(f"/usage/budgets/{budget.pk}/").content.decode()
    assert 'value="12.5"' in page
    changed = {**GOOD, "period": "rolling", "rolling": "2", "rolling_unit": "24"}
    assert staff.post(f"/usage/budgets/{budget.pk}/", changed).status_code == 302
    budget.refresh_from_db()
    assert budget.rolling_hours == 48
    assert 'value="2"' in staff.get(f"/usage/budgets/{budget.pk}/").content.decode()
    assert staff.post(f"/usage/budgets/{budget.pk}/delete/").status_code == 302
    assert not Budget.objects.exists()
    actions = AuditEntry.objects.filter(action__startswith="budget.").order_by("pk")
    assert list(actions.values_list("action", flat=True)) == [
        "budget.created",
        "budget.changed",
        "budget.deleted",
    ]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"name": ""}, "This field is required"),
        ({"limit": "0"}, "Expected an amount above $0"),
        ({"limit": "-1"}, "Expected an amount above $0"),
        ({"limit": "1.5", "unit": "tokens"}, "Expected a whole number"),
        ({"limit": "999999999999999"}, "Expected an amount"),
        ({"limit": "NaN"}, "Enter a number"),
        ({"limit": "1e300"}, "digits"),
        ({"scope": "key"}, "This is needed"),
        ({"scope": "provider"}, "This is needed"),
        ({"provider": "claude"}, "Leave it empty"),
        ({"scope": "user", "user": "999"}, "valid choice"),
        ({"period": "rolling"}, "Expected 1 hour to 366 days"),
        ({"period": "rolling", "rolling": "9999999"}, "Expected 1 hour to 366 days"),
        ({"rolling": "3"}, "Leave it empty, or choose"),
        ({"warn_at": "100"}, "Expected numbers from 1 to 99"),
        ({"warn_at": "fifty"}, "Expected numbers from 1 to 99"),
        ({"warn_at": "1,2,3,4,5,6,7,8,9,10,11"}, "too many"),
        ({"removes_keys": "on"}, "Only a budget of a client key or user"),
    ],
)
def test_what_makes_no_budget_is_refused_by_name(staff, wrong, says):
    response = staff.post("/usage/budgets/new/", {**GOOD, **wrong})
    assert response.status_code == 400
    assert says in response.content.decode()
    assert not Budget.objects.exists()


def test_only_a_managed_key_can_be_withheld(staff, upstream):
    use(upstream, 10)
    key = ClientKey.objects.get()
    wanted = {**GOOD, "scope": "key", "client_key": key.pk, "removes_keys": "on"}
    response = staff.post("/usage/budgets/new/", wanted)
    assert "does not manage this key" in response.content.decode()
    ClientKey.objects.update(state="active")
    assert staff.post("/usage/budgets/new/", wanted).status_code == 302
    assert Budget.objects.get().removes_keys


def test_a_name_is_given_once(staff):
    make_budget("Team A")
    response = staff.post("/usage/budgets/new/", GOOD)
    assert (response.status_code, "Another budget" in response.content.decode()) == (400, True)


def test_exceptions_for_a_day(staff):
    budget, today = make_budget(unit="dollars", limit=NANO), timezone.localdate()
    url = f"/usage/budgets/{budget.pk}/exceptions/"
    for wrong in (
        {"day": "2020-01-01", "extra": "5", "reason": "x"},
        {"day": today, "extra": "0", "reason": "x"},
        {"day": today, "extra": "5", "reason": ""},
    ):
        assert staff.post(url, wrong).status_code == 400
    assert not BudgetException.objects.exists()
    good = {"day": today, "extra": "5", "reason": "launch of <b>"}
    assert staff.post(url, good).status_code == 302
    made = BudgetException.objects.get()
    assert (made.extra, made.made_by) == (5 * NANO, "ada")
    assert "with $5.00 more today, by ada" in staff.get("/usage/budgets/").content.decode()
    assert "launch of &lt;b&gt;" in staff.get(f"/usage/budgets/{budget.pk}/").content.decode()
    assert staff.post(f"/usage/budgets/exceptions/{made.pk}/withdraw/").status_code == 302
    assert AuditEntry.objects.filter(action__startswith="budget.exception").count() == 2


def test_a_user_sees_budgets_of_themselves_and_their_keys_alone(client, upstream):
    use(upstream, 10, api_key="sk-anns-key-0001")
    key, ann = ClientKey.objects.get(), make_user("ann")
    ClientKey.objects.update(owner=ann)
    make_budget("of all")
    make_budget("of ann", scope="user", user=ann)
    mine = make_budget("of her key", scope="key", client_key=key)
    make_budget("of bob", scope="user", user=make_user("bob"))
    client.force_login(ann)
    page = client.get("/usage/budgets/").content.decode()
    shown = [name for name in ("of all", "of ann", "of her key", "of bob") if name in page]
    assert shown == ["of ann", "of her key"]
    body = client.get("/api/usage/budgets").json()
    assert [budget["name"] for budget in body["data"]["budgets"]] == ["of ann", "of her key"]
    assert body["isAdmin"] is False
    for method, path in (
        ("get", "new/"),
        ("get", f"{mine.pk}/"),
        ("post", f"{mine.pk}/delete/"),
        ("post", f"{mine.pk}/exceptions/"),
        ("post", f"keys/{key.pk}/give-back/"),
    ):
        assert getattr(client, method)(f"/usage/budgets/{path}").status_code == 403


def test_the_json_of_a_budget(staff, upstream):
    price_mine()
    use(upstream, 900, timezone.now())
    use(upstream, 5, timezone.now(), model="nobody knows it")
    budget = make_budget(unit="dollars", limit=1_000_000, warn_at=[50, 95])
    make_budget("of it", scope="upstream", upstream=upstream)
    data = staff.get("/api/usage/budgets").json()["data"]
    one = data["budgets"][0]
    assert {name: one[name] for name in one if name not in ("period", "id")} == {
        "name": "Team A",
        "scope": {"kind": "all", "id": None, "label": None},
        "unit": "nanoUsd",
        "limit": 1_000_000,
        "limitToday": 1_000_000,
        "spent": 900_000,
        "usedPercent": 90.0,
        "unpricedAttempts": 1,
        "warnAt": [50, 95],
        "reachedLevels": [50],
        "state": "warned",
        "forecast": None,
        "exceptionToday": None,
        "removesKeys": False,
        "withheldKeys": [],
    }
    assert (one["id"], one["period"]["kind"]) == (budget.pk, "month")
    of_it = staff.get("/api/usage/budgets", {"upstream": "primary"}).json()["data"]["budgets"]
    assert [found["name"] for found in of_it] == ["of it"]


def test_strangers_sign_in_first(client):
    assert client.get("/usage/budgets/").status_code == 302
    assert client.get("/api/usage/budgets").status_code == 401
