"""JSON of reports: percentiles over time, the matrix, comparisons."""

from datetime import UTC, datetime, timedelta

import pytest

from management_proxy.tokens.actions import create_token
from tests.factories import make_client_key, make_event, make_upstream, make_user, store

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client):
    client.force_login(make_user("ada", staff=True))
    return client


@pytest.fixture
def keys():
    upstream = make_upstream(name="main")
    bob = make_user("bob")
    keys = [
        make_client_key(upstream, f"sk-{n}000", name=f"key-{n}", owner=bob if n == 0 else None)
        for n in range(2)
    ]
    now = datetime.now(UTC)
    store(
        upstream,
        *[
            make_event(
                timestamp=now - timedelta(minutes=n),
                api_key=f"sk-{n % 2}000",
                model=f"model-{n % 4}",
                latency_ms=1000,
            )
            for n in range(12)
        ],
    )
    return keys


def data(client, path, **query):
    response = client.get(f"/api/usage/{path}", query)
    assert response.status_code == 200, response.content
    return response.json()["data"]


def test_series_has_percentiles_and_speed_of_all_and_by_dimension(staff, keys):
    query = {"percentiles": "latency,ttft", "bucket": "day"}
    (whole,) = data(staff, "series", **query)["groups"]
    assert {"p50Ms", "p90Ms", "p95Ms", "p99Ms"} <= set(whole["values"]["latency"])
    assert whole["values"]["latency"]["p95Ms"][-1] == 993
    assert whole["values"]["tokensPerSecond"][-1]
    groups = data(staff, "series", group_by="provider", **query)["groups"]
    assert groups[0]["values"]["ttft"]["p99Ms"][-1]


def test_matrix_has_cells_and_sums(staff, keys):
    found = data(staff, "matrix", group_by="key,model", order_by="requests", currency="EUR")
    assert [row["label"] for row in found["rows"]] == ["key-0", "key-1"]
    assert [column["label"] for column in found["columns"]] == [f"model-{n}" for n in range(4)]
    attempts = [[cell and cell["attempts"] for cell in row] for row in found["cells"]]
    assert attempts == [[3, None, 3, None], [None, 3, None, 3]]
    assert found["totals"]["requests"] == 12
    assert set(found["totals"]) == {
        "attempts",
        "requests",
        "failed",
        "totalTokens",
        "costNanoUsd",
        "converted",
    }
    rest = data(staff, "matrix", group_by="key,model", top="1")["columns"][-1]
    assert (rest["groups"], rest["totals"]["attempts"], "value" in rest) == (3, 9, False)


@pytest.mark.parametrize("group_by", ["", "key", "key,model,user", "key,credentials"])
def test_matrix_wants_two_dimensions(staff, group_by):
    response = staff.get("/api/usage/matrix", {"group_by": group_by})
    assert response.status_code == 400
    assert "group_by" in response.json()["error"]["details"]["fields"]


def test_comparison_has_both_sides(staff, keys):
    one, other = data(
        staff, "comparison", against="key", key=keys[0].pk, other=keys[1].pk, model="model-0"
    )["sides"]
    assert one["filters"] == {"key": [str(keys[0].pk)], "model": ["model-0"]}
    assert other["filters"] == {"key": [str(keys[1].pk)], "model": ["model-0"]}
    assert (one["totals"]["attempts"], other["totals"]["attempts"]) == (3, 0)
    assert one["totals"]["latency"]["p95Ms"] == 993
    assert len(one["series"]["starts"]) == len(one["series"]["values"]["attempts"]) == 7
    before = data(staff, "comparison")
    assert before["against"] == "previous"
    assert before["sides"][1]["period"]["to"] == before["sides"][0]["period"]["from"]
    assert before["sides"][1]["totals"]["attempts"] == 0


@pytest.mark.parametrize(
    "query", [{"against": "key"}, {"against": "moon"}, {"against": "key", "other": "x"}]
)
def test_comparison_names_what_is_wrong(staff, query):
    assert staff.get("/api/usage/comparison", query).status_code == 400


def test_users_see_their_own(client, keys):
    client.force_login(keys[0].owner)
    assert data(client, "matrix", group_by="key,model")["totals"]["attempts"] == 6
    sides = data(client, "comparison", against="key", other=keys[1].pk)["sides"]
    assert [side["totals"]["attempts"] for side in sides] == [6, 0]
    assert client.get("/api/usage/matrix", {"group_by": "credential,key"}).status_code == 400


def test_token_of_one_upstream_compares_with_no_other(client, keys):
    reached, other = keys[0].upstream, make_upstream(name="other")
    _, secret = create_token(make_user("ada", staff=True), "one", "read", upstreams=[reached])
    headers = {"Authorization": f"Bearer {secret}"}
    query = {"upstream": "main", "against": "upstream", "other": other.name}
    response = client.get("/api/usage/comparison", query, headers=headers)
    assert response.status_code == 403
    response = client.get("/api/usage/comparison", {"upstream": "main"}, headers=headers)
    assert response.status_code == 200
