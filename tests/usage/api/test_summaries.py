"""Summary, series and breakdown: what they return, for whom, and how wrong queries are refused."""

from datetime import UTC, date, datetime

import pytest
from django.db import connection

from providers.models import ClientKey
from tests.factories import make_event, make_upstream, make_user, store
from usage.history.dimensions import Dimension, Filters, InvalidQuery
from usage.history.queries import Query
from usage.history.scope import Scope
from usage.history.windows import Interval
from usage.models import PrunedMonth, RollupCalendar

pytestmark = pytest.mark.django_db
EVERYTHING = Scope(None, sees_everything=True)


@pytest.fixture
def staff(client):
    client.force_login(make_user(staff=True))
    return client


@pytest.fixture
def owner(db):
    """Who owns key `0001` of four events: three of model a, of which one failed, and one of model b
    by nobody's key."""
    user, upstream = make_user("ann"), make_upstream(name="main")
    store(
        upstream,
        make_event(
            timestamp="2026-11-19T23:30:00Z",
            model="a",
            api_key="sk-anns-key-0001",
            latency_ms=1000,
            ttft_ms=100,
        ),
        make_event(
            timestamp="2026-11-20T10:00:00Z",
            model="a",
            api_key="sk-anns-key-0001",
            latency_ms=3000,
            ttft_ms=200,
        ),
        make_event(
            timestamp="2026-11-20T11:00:00Z",
            model="a",
            api_key="sk-anns-key-0001",
            failed=True,
            latency_ms=9000,
        ),
        make_event(timestamp="2026-11-20T12:00:00Z", model="b", api_key="sk-else-key-0002"),
    )
    ClientKey.objects.filter(last_four="0001").update(owner=user, name="laptop")
    return user


def get(client, name: str, **query):
    response = client.get(f"/api/usage/{name}", {"from": "2026-11-19", "to": "2026-11-20", **query})
    assert response.status_code == 200, response.content
    return response.json()["data"]


def test_summary_tells_totals_speed_and_percentiles(staff, owner):
    totals = get(staff, "summary", model="a")["totals"]
    assert (
        totals["attempts"],
        totals["succeeded"],
        totals["failed"],
        totals["totalTokens"],
        totals["outputTokens"],
    ) == (3, 2, 1, 360, 60)
    assert totals["tokensPerSecond"] == 10.0  # 40 tokens in the 4 seconds of the two successes
    assert (totals["latency"]["sampleCount"], totals["latency"]["maxMs"]) == (3, 9000)
    assert totals["latency"]["p50Ms"] == pytest.approx(3000, rel=0.02)
    assert totals["ttft"]["p99Ms"] == pytest.approx(300, rel=0.02)


def test_summary_has_a_series_in_the_zone_that_is_asked_for(staff, owner):
    data = get(staff, "summary", bucket="day", tz="Europe/Berlin")
    assert data["series"]["starts"] == ["2026-11-18T23:00:00Z", "2026-11-19T23:00:00Z"]
    assert data["series"]["values"]["attempts"] == [0, 4]
    assert data["series"]["values"]["totalTokens"] == [0, 480]


def test_summary_compares_with_the_period_before(staff, owner):
    data = get(staff, "summary", **{"from": "2026-11-20", "compare": "previous"})
    assert (data["totals"]["attempts"], data["previous"]["totals"]["attempts"]) == (3, 1)
    assert data["previous"]["period"]["from"] == "2026-11-19T00:00:00.000Z"
    assert "previous" not in get(staff, "summary")


def test_series_tells_the_largest_groups_apart_and_sums_the_rest(staff, owner):
    data = get(staff, "series", group_by="model", top="1", bucket="day", percentiles="latency")
    assert [group["model"] for group in data["groups"]] == [{"value": "a", "label": "a"}]
    assert data["groups"][0]["values"]["attempts"] == [1, 2]
    assert data["groups"][0]["values"]["latency"]["p50Ms"] == pytest.approx([1000, 3000], rel=0.02)
    assert data["rest"]["values"]["attempts"] == [0, 1]


def test_breakdown_by_two_dimensions_names_values_as_filters_want_them(staff, owner):
    data = get(staff, "breakdown", group_by="user,key")
    first, second = data["groups"]
    key = ClientKey.objects.get(name="laptop")
    assert (first["user"], first["key"]) == (
        {"value": str(owner.pk), "label": "ann"},
        {"value": str(key.pk), "label": "laptop"},
    )
    assert second["user"] == {"value": "unattributed", "label": "Nobody"}
    assert data["totals"]["attempts"] == first["attempts"] + second["attempts"] == 4
    assert (
        get(staff, "summary", key=first["key"]["value"])["totals"]["attempts"] == first["attempts"]
    )


def test_breakdown_sums_the_rest_exactly_and_says_of_how_many_groups(staff, owner):
    data = get(
        staff, "breakdown", group_by="key", top="1", order_by="failed", percentiles="latency,ttft"
    )
    assert (data["rest"]["groups"], data["rest"]["attempts"], data["top"], data["orderBy"]) == (
        1,
        1,
        1,
        "failed",
    )
    assert data["rest"]["latency"]["p99Ms"] == pytest.approx(1500, rel=0.02)
    assert get(staff, "breakdown", group_by="key")["rest"] is None


def test_breakdown_names_outcomes_classes_upstreams_and_what_was_not_reported(staff, owner):
    def names(dimension: str) -> list[dict]:
        return [group[dimension] for group in get(staff, "breakdown", group_by=dimension)["groups"]]

    assert names("outcome") == [
        {"value": "succeeded", "label": "Succeeded"},
        {"value": "failed", "label": "Failed"},
    ]
    assert names("failure_class")[1] == {"value": "provider_fault", "label": "provider fault"}
    assert names("upstream") == [{"value": "main", "label": "main"}]
    assert names("reasoning_effort") == [{"value": "(empty)", "label": "Not reported"}]


@pytest.mark.parametrize("name", ["summary", "series", "breakdown"])
def test_nothing_is_told_as_nothing(staff, name):
    data = get(staff, name)
    assert (data["totals"]["attempts"] if "totals" in data else data["groups"]) in (0, [])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["history", "summary", "series", "breakdown"])
def test_a_new_installation_answers_in_a_transaction_that_may_not_write(staff, name):
    assert get(staff, name)["period"]["from"] == "2026-11-19T00:00:00.000Z"


@pytest.mark.parametrize("name", ["summary", "series", "breakdown"])
def test_users_see_what_their_own_keys_used(client, owner, name):
    client.force_login(owner)
    data = get(client, name, **({} if name == "summary" else {"group_by": "key"}))
    shown = (
        data["totals"]["attempts"]
        if name == "summary"
        else [group["key"]["label"] for group in data["groups"]]
    )
    assert shown in (3, ["laptop"])


@pytest.mark.parametrize("query", [{"group_by": "credential"}, {"credential": "1"}])
def test_users_may_not_ask_by_credential(client, owner, query):
    client.force_login(owner)
    response = client.get("/api/usage/breakdown", query)
    assert response.status_code == 400
    assert list(response.json()["error"]["details"]["fields"]) == list(query)


@pytest.mark.parametrize(
    ("name", "query", "field", "expected"),
    [
        ("summary", {"from": "yesterday"}, "from", "YYYY-MM-DD"),
        ("summary", {"to": "2026-13-01T00:00:00Z"}, "to", "YYYY-MM-DD"),
        ("summary", {"from": "2026-11-21"}, "from", "before `to`"),
        ("summary", {"from": "2025-01-01"}, "from", "at most 366 days"),
        ("summary", {"tz": "Mars/Olympus"}, "tz", "IANA"),
        ("summary", {"bucket": "minute"}, "bucket", "hour, day, week, month"),
        ("summary", {"bucket": "hour", "from": "2026-06-01"}, "bucket", "at most 1500 parts"),
        ("summary", {"group_by": "model"}, "group_by", "at most 0"),
        ("summary", {"compare": "never"}, "compare", "previous"),
        ("summary", {"outcome": "maybe"}, "outcome", "succeeded"),
        ("series", {"group_by": "colour"}, "group_by", "upstream, user, key"),
        ("series", {"top": "51"}, "top", "1 to 50"),
        ("breakdown", {"group_by": "model,key,user"}, "group_by", "at most 2"),
        ("breakdown", {"top": "0"}, "top", "1 to 1000"),
        ("breakdown", {"order_by": "beauty"}, "order_by", "attempts"),
        ("breakdown", {"percentiles": "size"}, "percentiles", "latency, ttft"),
    ],
)
def test_wrong_queries_are_refused_by_the_name_of_their_field(staff, name, query, field, expected):
    response = staff.get(f"/api/usage/{name}", {"from": "2026-11-19", "to": "2026-11-20", **query})
    assert response.status_code == 400
    fields = response.json()["error"]["details"]["fields"]
    assert list(fields) == [field]
    assert expected in fields[field]


def test_history_accepts_filters(staff, owner):
    data = get(staff, "history", outcome="failed")
    assert (
        data["totals"]["totalRequests"],
        [event["failed"] for event in data["requestEvents"]],
    ) == (1, [True])
    assert (
        sum(day["requests"] for day in data["dailyBreakdown"])
        == sum(model["requests"] for model in data["modelBreakdown"])
        == 1
    )
    assert (
        staff.get(
            "/api/usage/history", {"from": "2026-11-19", "to": "2026-11-20", "key": "x"}
        ).status_code
        == 400
    )


def prune(month: date) -> None:
    PrunedMonth.objects.create(month=month, events=4, pruned_at=datetime(2026, 12, 5, tzinfo=UTC))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM usage_event")


def test_rollups_answer_as_before_when_events_were_pruned(owner):
    RollupCalendar.objects.update_or_create(pk=1, defaults={"zone": "UTC"})
    days = [
        Interval(datetime(2026, 11, day, tzinfo=UTC), datetime(2026, 11, day + 1, tzinfo=UTC))
        for day in (19, 20)
    ]
    queries = [
        Query(days, EVERYTHING, groups=(one, other))
        for one in Dimension
        for other in Dimension
        if one is not other
    ]
    before = [query.sums() for query in queries]
    prune(date(2026, 11, 1))
    assert [query.sums() for query in queries] == before


def test_what_only_pruned_events_could_answer_is_refused(owner, staff):
    prune(date(2026, 11, 1))
    response = staff.get(
        "/api/usage/breakdown",
        {"from": "2026-11-19T10:10:00Z", "to": "2026-11-21", "group_by": "credential"},
    )
    assert response.status_code == 400
    assert "2026-12-01T00:00Z" in response.json()["error"]["details"]["fields"]["from"]


def test_a_time_before_the_first_event_needs_no_events(owner):
    prune(date(2026, 11, 1))
    early = Interval(datetime(2026, 11, 1, 0, 7, tzinfo=UTC), datetime(2026, 11, 18, tzinfo=UTC))
    assert Query([early], EVERYTHING, groups=(Dimension.CREDENTIAL,)).sums() == []
    late = Interval(datetime(2026, 11, 20, 0, 7, tzinfo=UTC), datetime(2026, 11, 20, 9, tzinfo=UTC))
    with pytest.raises(InvalidQuery):
        Query([late], EVERYTHING, Filters({Dimension.CREDENTIAL: (1,)})).sums()
