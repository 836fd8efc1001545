"""`/api/client-keys`: made and shown once, named, bound, rotated, revoked; adopted where somebody
else made them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from providers.client_keys import consumption
from providers.client_keys.actions import remove_due
from providers.client_keys.consumption import Consumption
from providers.digests import client_key_digest
from providers.models import ClientKey, Intent
from tests.factories import make_event, make_user, store
from tests.providers.conftest import foreign, keys_of
from tests.providers.keys.test_api import Caller

pytestmark = pytest.mark.django_db
URL = "/api/client-keys"


@pytest.fixture
def api(upstream):
    return Caller(make_user("ada", staff=True))


def make(api, **body):
    return api("POST", URL, {"name": "Team A", **body}).json()["data"]


def row(key):
    return ClientKey.objects.get(digest=client_key_digest(key))


def test_a_key_is_made_and_shown_once(api, client):
    response = api("POST", URL, {"name": "Team A"})
    assert response.status_code == 201
    key = response.json()["data"]["key"]
    assert keys_of(client)[-1] == key
    (listed,) = [
        shown for shown in api("GET", URL).json()["data"]["keys"] if shown["state"] != "seen"
    ]
    assert (listed["name"], listed["state"], listed["listed"], listed["ownerUsername"]) == (
        "Team A",
        "active",
        True,
        "ada",
    )
    assert key not in str(listed) + api("GET", "/api/providers/changes").content.decode()


def test_revoking_removes_it_and_keeps_its_row_and_the_others(api, client):
    others = keys_of(client)
    made = make(api)
    assert api("DELETE", f"{URL}/{made['id']}").status_code == 200
    assert keys_of(client) == others
    assert row(made["key"]).state == "revoked"


def test_the_last_key_is_not_revoked(api, simulator, client):
    made = make(api)
    foreign(simulator, api_keys=[made["key"]])
    response = api("DELETE", f"{URL}/{made['id']}")
    assert (response.status_code, response.json()["error"]["code"]) == (409, "LAST_CLIENT_KEY")
    assert keys_of(client) == [made["key"]]


def test_rotation_lets_both_live_for_the_overlap(api, client):
    old = make(api, monthlyTokens=1000)
    new = api("POST", f"{URL}/{old['id']}/rotate", {"overlapHours": 2}).json()["data"]
    assert {old["key"], new["key"]} <= set(keys_of(client))
    assert timedelta(hours=1.9) < row(old["key"]).expires_at - timezone.now() <= timedelta(hours=2)
    assert (row(new["key"]).name, row(new["key"]).monthly_tokens, row(new["key"]).replaces_id) == (
        "Team A",
        1000,
        old["id"],
    )


def test_rotation_without_overlap_ends_the_old_one_at_once(api, client):
    old = make(api)
    new = api("POST", f"{URL}/{old['id']}/rotate", {"overlapHours": 0}).json()["data"]
    assert old["key"] not in keys_of(client)
    assert new["key"] in keys_of(client)


def test_an_expired_key_is_removed(api, upstream, client):
    made = make(api, expiresAt=(timezone.now() + timedelta(hours=1)).isoformat())
    assert remove_due(upstream) == []
    ClientKey.objects.filter(pk=made["id"]).update(expires_at=timezone.now() - timedelta(seconds=1))
    (intent,) = remove_due(upstream)
    assert (intent.state, intent.reason, intent.actor_name) == (
        "verified",
        "its time is over",
        "Tollgate",
    )
    assert made["key"] not in keys_of(client)


@pytest.mark.parametrize(("removes", "expected"), [(True, "revoked"), (False, "active")])
def test_a_soft_limit_warns_and_removes_only_where_requested(
    api, upstream, monkeypatch, removes, expected
):
    made = make(api, monthlyRequests=10, removesAtLimit=removes)
    monkeypatch.setattr(
        consumption, "_sources", [lambda ids: {made["id"]: Consumption(requests=10)}]
    )
    assert api("GET", f"{URL}/{made['id']}").json()["data"]["standing"] == "over"
    remove_due(upstream)
    assert row(made["key"]).state == expected


def test_use_of_the_month_and_the_last_use_come_from_usage(api, upstream):
    made = make(api, monthlyTokens=1000)
    store(upstream, *(make_event(api_key=made["key"], timestamp=timezone.now()) for _ in range(3)))
    key = api("GET", f"{URL}/{made['id']}").json()["data"]
    assert (key["requestsThisMonth"], key["tokensThisMonth"]) == (3, 360)
    assert key["lastUsedAt"]


def test_a_key_that_another_client_made_is_adopted_with_name_and_owner(api, upstream, simulator):
    make_user("bob")
    foreign(simulator, api_keys=["sk-made-by-hand-0001"])
    adopted = ClientKey.objects.create(
        upstream=upstream, digest=client_key_digest("sk-made-by-hand-0001"), last_four="0001"
    )
    response = api("PATCH", f"{URL}/{adopted.pk}", {"name": "By hand", "owner": "bob"})
    assert (response.json()["data"]["state"], response.json()["data"]["ownerUsername"]) == (
        "active",
        "bob",
    )


def test_a_foreign_key_is_never_dropped(api, client, simulator):
    foreign(simulator, api_keys=["sk-made-by-hand-0001", "sk-made-by-hand-0002"])
    made = [make(api, name=f"Team {n}") for n in range(3)]
    api("DELETE", f"{URL}/{made[1]['id']}")
    assert keys_of(client) == [
        "sk-made-by-hand-0001",
        "sk-made-by-hand-0002",
        made[0]["key"],
        made[2]["key"],
    ]


def test_people_see_and_manage_their_own_only(api, upstream):
    made = make(api)
    bob = Caller(make_user("bob"))
    assert bob("GET", URL).json()["data"]["keys"] == []
    assert bob("DELETE", f"{URL}/{made['id']}").status_code == 404
    assert bob("POST", URL, {"name": "Mine"}).status_code == 201


def test_the_limit_of_a_user_holds(api, settings):
    settings.MAX_CLIENT_KEYS_PER_USER = 1
    bob = Caller(make_user("bob"))
    assert bob("POST", URL, {"name": "One"}).status_code == 201
    assert bob("POST", URL, {"name": "Two"}).json()["error"]["code"] == "LIMIT_REACHED"


BAD = [
    ({}, "name"),
    ({"name": "x" * 101}, "name"),
    ({"name": "a\x00b"}, "name"),
    ({"name": "x", "key": "short"}, "key"),
    ({"name": "x", "key": "sk-with a blank inside it"}, "key"),
    ({"name": "x", "key": "sk-\x07-bell-bell-bell-bell"}, "key"),
    ({"name": "x", "key": "k" * 100_000}, "key"),
    ({"name": "x", "key": 7}, "key"),
    ({"name": "x", "expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
    ({"name": "x", "expiresAt": "soon"}, "expiresAt"),
    ({"name": "x", "monthlyTokens": 0}, "monthlyTokens"),
    ({"name": "x", "monthlyTokens": "many"}, "monthlyTokens"),
    ({"name": "x", "monthlyRequests": 2**63}, "monthlyRequests"),
    ({"name": "x", "removesAtLimit": True}, "removesAtLimit"),
    ({"name": "x", "owner": "nobody-here"}, "owner"),
    ({"name": "x", "extra": 1}, "extra"),
]


@pytest.mark.parametrize(("body", "field"), BAD, ids=lambda value: str(value)[:50])
def test_bad_input_is_refused_with_the_fields_name_and_changes_nothing(api, body, field):
    response = api("POST", URL, body)
    assert (response.status_code, list(response.json()["error"]["details"]["fields"])) == (
        400,
        [field],
    )
    assert not ClientKey.objects.exists()
    assert not Intent.objects.exists()


def test_the_same_key_twice_is_a_conflict(api, client):
    make(api, key="sk-chosen-by-the-operator")
    response = api("POST", URL, {"name": "Again", "key": "sk-chosen-by-the-operator"})
    assert (response.status_code, response.json()["error"]["code"]) == (409, "KEY_ALREADY_EXISTS")
    assert keys_of(client).count("sk-chosen-by-the-operator") == 1


def test_a_key_is_called_by_name_last_characters_or_number():
    keys = (ClientKey(pk=7, name="ci", last_four="cdef"), ClientKey(pk=7, last_four="cdef"))
    assert [str(key) for key in (*keys, ClientKey(pk=7))] == ["ci", "…cdef", "Key 7"]
