"""The JSON API: contracts, errors that name the field, who may what."""

import pytest
from django.test import Client

from tests.factories import make_event, make_upstream, make_user, store
from usage.collector import by_hand
from usage.collector.collect import RunInProgress

pytestmark = pytest.mark.django_db
HISTORY = "/api/usage/history"


@pytest.fixture
def staff(client):
    client.force_login(make_user(staff=True))
    return client


def test_history_keeps_the_contract(staff):
    store(make_upstream(), make_event(), make_event(failed=True))
    body = staff.get(HISTORY, {"from": "2026-11-18", "to": "2026-11-20"}).json()
    assert body["isAdmin"] is True
    data = body["data"]
    assert {
        "keys",
        "totals",
        "dailyBreakdown",
        "modelBreakdown",
        "requestEvents",
        "latencySeries",
        "latencySummary",
        "period",
        "collectorStatus",
        "truncated",
    } <= data.keys()
    (key,) = data["keys"].values()
    assert {
        "keyName",
        "totalRequests",
        "totalTokens",
        "inputTokens",
        "outputTokens",
        "reasoningTokens",
        "cachedTokens",
        "successCount",
        "failureCount",
        "models",
    } <= key.keys()
    assert (
        key["models"]["gpt-5.4"].items()
        >= {"totalRequests": 2, "totalTokens": 240, "inputTokens": 200, "outputTokens": 40}.items()
    )
    assert (
        data["totals"].items()
        >= {
            "totalRequests": 2,
            "totalTokens": 240,
            "inputTokens": 200,
            "outputTokens": 40,
            "successCount": 1,
            "failureCount": 1,
        }.items()
    )
    assert [d["date"] for d in data["dailyBreakdown"]] == ["2026-11-18", "2026-11-19", "2026-11-20"]
    assert (
        data["dailyBreakdown"][2].items()
        >= {
            "requests": 2,
            "tokens": 240,
            "inputTokens": 200,
            "outputTokens": 40,
            "success": 1,
            "failure": 1,
        }.items()
    )
    assert (
        data["modelBreakdown"][0].items()
        >= {"model": "gpt-5.4", "requests": 2, "tokens": 240}.items()
    )
    assert {
        "timestamp",
        "keyName",
        "model",
        "latencyMs",
        "totalTokens",
        "inputTokens",
        "outputTokens",
        "failed",
    } <= data["requestEvents"][0].keys()
    assert {"timestamp", "keyName", "model", "latencyMs", "failed"} <= data["latencySeries"][
        0
    ].keys()
    assert (
        data["latencySummary"].items()
        >= {"sampleCount": 2, "averageMs": 1500, "maxMs": 1500}.items()
    )
    assert data["latencySummary"]["p95Ms"] == pytest.approx(1500, rel=0.02)
    assert (
        data["period"].items()
        >= {"from": "2026-11-18T00:00:00.000Z", "to": "2026-11-21T00:00:00.000Z"}.items()
    )
    assert data["collectorStatus"] == {"lastCollectedAt": "", "lastStatus": "unknown"}
    assert data["truncated"] is False
    assert "sk-client" not in str(body)


BAD = {
    "from": [
        {"to": "2026-11-20"},
        {"from": "2026-13-01", "to": "2026-11-20"},
        {"from": "20261120", "to": "2026-11-20"},
        {"from": "2026-11-21", "to": "2026-11-20"},
        {"from": "2020-01-01", "to": "2026-11-20"},
        {"from": "0001-01-01", "to": "2026-11-20"},
        {"from": "2026-11-20\x00", "to": "2026-11-20"},
    ],
    "to": [
        {"from": "2026-11-20"},
        {"from": "2026-11-20", "to": "2026-02-30"},
        {"from": "2026-11-20", "to": "now"},
    ],
    "tz": [
        {"from": "2026-11-20", "to": "2026-11-20", "tz": "Mars/Base"},
        {"from": "2026-11-20", "to": "2026-11-20", "tz": "../etc/passwd"},
    ],
}


@pytest.mark.parametrize(
    ("field", "query"), [(field, query) for field, queries in BAD.items() for query in queries]
)
def test_bad_query_is_a_400_that_names_the_field(staff, field, query):
    response = staff.get(HISTORY, query)
    assert response.status_code == 400
    error = response.json()["error"]
    assert f"{field}: expected" in error["message"]
    assert ", got " in error["message"]


def test_strangers_get_401_in_json(client):
    for path in (HISTORY, "/api/usage/collection-status"):
        assert client.get(path).status_code == 401
        assert client.get(path).json()["error"]["code"] == "AUTH_UNAUTHORIZED"
    assert client.post("/api/usage/collect").status_code == 401


def test_collection_status_tells_that_nothing_ran_yet(staff):
    assert (
        staff.get("/api/usage/collection-status").json().items()
        >= {
            "success": True,
            "lastCollectedAt": None,
            "lastStatus": "idle",
            "errorMessage": None,
            "recordsStored": 0,
            "isHealthy": False,
            "consecutiveFailures": 0,
        }.items()
    )


@pytest.mark.parametrize(
    ("header", "status"),
    [("Bearer wrong", 401), ("Bearer collector-key-for-tests", 503), ("Bearer ", 401)],
)
def test_collect_with_a_bearer_key(client, header, status):
    assert (
        client.post("/api/usage/collect", headers={"Authorization": header}).status_code == status
    )


def test_no_configured_collector_key_admits_nobody(client, settings):
    settings.COLLECTOR_API_KEY = ""
    assert (
        client.post("/api/usage/collect", headers={"Authorization": "Bearer "}).status_code == 401
    )


def test_collect_with_a_session_needs_staff_and_csrf():
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user())
    assert client.post("/api/usage/collect").status_code == 403
    client.force_login(make_user(staff=True))
    assert client.post("/api/usage/collect").json()["error"]["message"].startswith("The CSRF token")
    client.get("/usage/")
    token = client.get("/monitoring/").context["csrf_token"]
    assert client.post("/api/usage/collect", headers={"X-CSRFToken": str(token)}).status_code == 503


def test_collect_in_progress_is_a_202_with_the_runs_id(staff, monkeypatch):
    make_upstream()
    monkeypatch.setattr(by_hand, "collect", lambda *_: RunInProgress(None, "host:1:a", 2.5))
    response = staff.post("/api/usage/collect")
    assert response.status_code == 202
    assert (
        response.json().items()
        >= {
            "success": False,
            "runId": None,
            "holder": "host:1:a",
            "ageSeconds": 2.5,
            "lastCollectedAt": None,
        }.items()
    )


def test_collect_is_post_only(staff):
    assert staff.get("/api/usage/collect").status_code == 405
