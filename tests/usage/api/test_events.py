"""`/api/usage/events`: contract, links, errors that name the field, conditional requests."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.factories import make_client_key, make_event, make_upstream, make_user, store
from usage.models import UsageEvent

pytestmark = pytest.mark.django_db
EVENTS = "/api/usage/events"


@pytest.fixture
def staff(client):
    client.force_login(make_user(staff=True))
    return client


def some_events(count=5, **fields):
    now = datetime.now(UTC)
    store(
        make_upstream(),
        *[make_event(timestamp=now - timedelta(minutes=n), **fields) for n in range(count)],
    )


def test_events_call_a_key_by_its_display_name(staff):
    upstream, now = make_upstream(), datetime.now(UTC)
    keys = [
        make_client_key(upstream, "sk-named-0001", name="laptop"),
        make_client_key(upstream, "sk-plain-0002"),
        make_client_key(upstream, "sk-short-0003"),
    ]
    texts = ("sk-named-0001", "sk-plain-0002", "sk-short-0003", "")
    store(upstream, *[make_event(timestamp=now, api_key=text) for text in texts])
    keys[-1].last_four = ""
    keys[-1].save()
    names = {event["keyName"] for event in staff.get(EVENTS).json()["events"]}
    assert names == {*(key.display_name for key in keys), "No key"}
    assert names == {"laptop", "…0002", f"Key {keys[-1].pk}", "No key"}


def test_an_event_has_its_public_fields(staff):
    store(
        make_upstream(name="east"),
        make_event(failed=True, timestamp=datetime.now(UTC), service_tier="priority"),
    )
    body = staff.get(EVENTS).json()
    (event,) = body["events"]
    assert (
        event.items()
        >= {
            "upstream": "east",
            "keyName": "…am-a",
            "username": None,
            "model": "gpt-5.4",
            "provider": "codex",
            "credential": "alice@example.com",
            "endpoint": "POST /v1/responses",
            "serviceTier": "priority",
            "failed": True,
            "failureClass": "provider_fault",
            "failureGroup": "upstream_error",
            "failStatus": 500,
            "latencyMs": 1500,
            "ttftMs": 300,
            "totalTokens": 120,
            "inputTokens": 100,
            "outputTokens": 20,
            "cacheReadTokens": 40,
            "isFirstAttempt": True,
        }.items()
    )
    assert body["next"] is body["previous"] is None
    assert body["asOf"].endswith("Z")
    assert body["lagSeconds"] is None
    assert "sk-client" not in str(body)


def test_links_lead_through_the_whole_list_and_back(staff):
    some_events(5)
    first = staff.get(EVENTS, {"limit": 2, "model": "gpt-5.4"})
    seen, response = [], first
    while True:
        seen += [event["id"] for event in response.json()["events"]]
        links = dict(re.findall(r'<([^>]+)>; rel="(\w+)"', response.headers.get("Link", "")))
        following = {rel: url for url, rel in links.items()}
        if "next" not in following:
            break
        response = staff.get(following["next"])
    assert seen == [str(e.id) for e in UsageEvent.objects.order_by("-timestamp", "-id")]
    assert [
        e["id"]
        for e in staff.get(staff.get(following["prev"]).json() and following["prev"]).json()[
            "events"
        ]
    ] == seen[2:4]
    assert "prev" not in first.headers["Link"]


WRONG = {
    "limit": ["0", "501", "many", "-1"],
    "cursor": ["x", "AAAA"],
    "hour": ["14", "0-1", "1-24", "1-01"],
    "from": ["yesterday", "2019-01-01"],
    "tz": ["Mars/Base"],
    "request_id": ["a" * 65],
    "outcome": ["maybe"],
    "failure_class": ["bad luck"],
    "key": ["x", "-1"],
    "model": ["a\nb"],
    "user": ["me"],
}


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in WRONG.items() for value in values]
)
def test_bad_query_is_a_400_that_names_the_field(staff, field, value):
    response = staff.get(EVENTS, {field: value})
    assert response.status_code == 400
    assert f"{field}: expected" in response.json()["error"]["message"]
    assert list(response.json()["error"]["details"]["fields"]) == [field]


def test_too_long_a_window_is_refused(staff):
    assert (
        "from: expected at most 366 days"
        in staff.get(EVENTS, {"from": "2024-01-01", "to": "2026-01-01"}).json()["error"]["message"]
    )


def test_unchanged_events_are_not_sent_again(staff):
    some_events()
    response = staff.get(EVENTS)
    same = staff.get(EVENTS, headers={"If-None-Match": response.headers["ETag"]})
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["ETag"] == response.headers["ETag"]
    some_events(1)
    assert staff.get(EVENTS, headers={"If-None-Match": response.headers["ETag"]}).status_code == 200


def test_one_event_with_all_that_is_known_of_it(staff):
    store(
        make_upstream(),
        *[
            make_event(
                request_id="7f3a91c2",
                latency_ms=n,
                failed=n == 1,
                response_headers={"Retry-After": ["7"], "Set-Cookie": ["a=b"]},
            )
            for n in (1, 2)
        ],
    )
    store(
        make_upstream(),
        make_event(request_id="7f3a91c2", api_key="sk-another-key-0001", latency_ms=3),
    )
    failed = UsageEvent.objects.get(latency_ms=1)
    body = staff.get(f"{EVENTS}/{failed.id}").json()
    assert body["event"]["failBody"] == "upstream failed"
    assert body["event"]["reportedCachedTokens"] == 40
    assert body["event"]["details"] == {
        "client_ip": "10.0.0.12",
        "user_agent": "curl/8",
        "headers": {"Retry-After": "7"},
    }
    assert [attempt["latencyMs"] for attempt in body["attempts"]] == [2, 1]
    assert staff.get(f"{EVENTS}/999999").status_code == 404


def test_user_sees_own_events_without_the_account_that_served_them(client):
    upstream, owner = make_upstream(), make_user()
    make_client_key(upstream, "sk-mine-0001", owner=owner)
    store(
        upstream,
        make_event(api_key="sk-mine-0001", response_headers={"Retry-After": ["7"]}),
        make_event(api_key="sk-others-0002"),
    )
    client.force_login(owner)
    (mine,) = client.get(EVENTS).json()["events"]
    assert not {"credential", "credentialId", "username"} & mine.keys()
    details = client.get(f"{EVENTS}/{mine['id']}").json()["event"]["details"]
    assert details == {"client_ip": "10.0.0.12", "user_agent": "curl/8"}
    others = UsageEvent.objects.exclude(id=mine["id"]).get()
    assert client.get(f"{EVENTS}/{others.id}").status_code == 404
    response = client.get(EVENTS, {"credential": "1"})
    assert response.status_code == 400
    assert "credential: expected nothing, as only staff" in response.json()["error"]["message"]
