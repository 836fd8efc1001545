"""History equals plain arithmetic over what was put in, whatever the zone and the rollup that
serves."""

import math
import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.factories import make_client_key, make_event, make_upstream, make_user, store
from usage.api.history_body import history
from usage.history.scope import Scope
from usage.history.windows import Window
from usage.models import UsageDaily
from usage.rollups.histograms import RELATIVE_ERROR, bin_of, duration_of

pytestmark = pytest.mark.django_db
EVERYTHING = Scope(None, sees_everything=True)
# Around the ends of daylight saving time in Berlin (25 October) and New York (1 November) 2026.
FIRST, LAST = date(2026, 10, 20), date(2026, 11, 5)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")


def random_events(seed: int, count: int = 150):
    chance = random.Random(seed)
    start = datetime(2026, 10, 19, tzinfo=UTC)
    events = []
    for _ in range(count):
        failed = chance.random() < 0.2
        parts = [chance.randrange(1000) for _ in range(5)]
        events.append(
            make_event(
                timestamp=start + timedelta(seconds=chance.uniform(0, 19 * 86400)),
                failed=failed,
                latency_ms=chance.choice([0, chance.randrange(1, 90_000)]),
                ttft_ms=chance.choice([0, chance.randrange(1, 9_000)]),
                model=chance.choice(["a", "b", "c"]),
                api_key=chance.choice(["sk-key-one-1111", "sk-key-two-2222", ""]),
                fail={"status_code": chance.choice([400, 429, 500]), "body": ""}
                if failed
                else {"status_code": 200, "body": ""},
                token_breakdown={
                    "quality": "complete",
                    "total_tokens": sum(parts),
                    "unclassified_tokens": 0,
                    "input": {
                        "uncached_tokens": parts[0],
                        "cache_read_tokens": parts[1],
                        "cache_write_tokens": parts[2],
                    },
                    "output": {"non_reasoning_tokens": parts[3], "reasoning_tokens": parts[4]},
                },
            )
        )
    return events


def expected_days(events, zone: ZoneInfo) -> dict[str, tuple[int, int, int]]:
    days: Counter = Counter()
    for event in events:
        day = datetime.fromisoformat(event["timestamp"]).astimezone(zone).date()
        if FIRST <= day <= LAST:
            days[day, "requests"] += 1
            days[day, "failure"] += event["failed"]
            days[day, "tokens"] += event["token_breakdown"]["total_tokens"]
    every = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
    return {
        str(day): (days[day, "requests"], days[day, "failure"], days[day, "tokens"])
        for day in every
    }


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("seed", range(3))
def test_days_totals_keys_and_models_are_exact_in_any_zone(zone, seed):
    events = random_events(seed)
    store(make_upstream(), *events)
    window = Window(FIRST, LAST, ZoneInfo(zone))
    data = history(window, EVERYTHING)["data"]
    days = expected_days(events, ZoneInfo(zone))
    assert {
        d["date"]: (d["requests"], d["failure"], d["tokens"]) for d in data["dailyBreakdown"]
    } == days
    totals = tuple(sum(day[n] for day in days.values()) for n in range(3))
    t = data["totals"]
    assert (t["totalRequests"], t["failureCount"], t["totalTokens"]) == totals
    assert t["inputTokens"] + t["outputTokens"] == t["totalTokens"]
    for groups in (data["keys"].values(), data["modelBreakdown"]):
        assert (sum(g["totalRequests"] for g in groups), sum(g["totalTokens"] for g in groups)) == (
            totals[0],
            totals[2],
        )
    assert sum(f["count"] for f in data["failureBreakdown"]) == totals[1]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kolkata"])
def test_percentiles_are_within_two_percent(zone):
    events = random_events(7, 300)
    store(make_upstream(), *events)
    summary = history(Window(date(2026, 10, 1), date(2026, 11, 30), ZoneInfo(zone)), EVERYTHING)[
        "data"
    ]["latencySummary"]
    exact = sorted(e["latency_ms"] for e in events if e["latency_ms"] > 0)
    assert summary["sampleCount"] == len(exact)
    assert summary["maxMs"] == exact[-1]
    assert summary["averageMs"] == round(sum(exact) / len(exact))
    for percent in (50, 90, 95, 99):
        value = exact[math.ceil(len(exact) * percent / 100) - 1]
        assert summary[f"p{percent}Ms"] == pytest.approx(value, rel=RELATIVE_ERROR, abs=1)


def test_every_duration_is_within_its_bins_error():
    for milliseconds in (*range(1, 3000), 10_000, 123_456, 3_600_000, 10**9):
        assert duration_of(bin_of(milliseconds)) == pytest.approx(
            milliseconds, rel=RELATIVE_ERROR * 1.0001
        )


def test_user_sees_what_their_keys_used_and_nothing_else():
    upstream, owner = make_upstream(), make_user()
    store(
        upstream,
        make_event(api_key="sk-my-own-key-0001"),
        make_event(api_key="sk-others-key-0002"),
        make_event(api_key=""),
    )
    make_user()
    upstream.client_keys.filter(last_four="0001").update(owner=owner)
    window = Window(date(2026, 11, 20), date(2026, 11, 20), ZoneInfo("UTC"))
    mine, everything = history(window, Scope.of(owner)), history(window, EVERYTHING)
    assert (
        mine["data"]["totals"]["totalRequests"],
        everything["data"]["totals"]["totalRequests"],
    ) == (1, 3)
    assert not mine["isAdmin"]
    assert [e["keyName"] for e in mine["data"]["requestEvents"]] == ["…0001"]
    assert "credential" not in mine["data"]["requestEvents"][0]
    assert "unattributed" in everything["data"]["keys"]
    assert history(window, Scope.of(make_user()))["data"]["totals"]["totalRequests"] == 0


def test_deleting_the_owner_keeps_the_history():
    upstream, owner = make_upstream(), make_user("gone")
    make_client_key(upstream, "sk-mine-0001", owner=owner, name="laptop")
    store(upstream, make_event(api_key="sk-mine-0001"))
    owner.delete()
    data = history(Window(date(2026, 11, 20), date(2026, 11, 20), ZoneInfo("UTC")), EVERYTHING)[
        "data"
    ]
    assert [k["keyName"] for k in data["keys"].values()] == ["laptop"]


def test_retries_count_as_one_client_request():
    store(
        make_upstream(),
        *[make_event(request_id="7f3a91c2", latency_ms=n + 1) for n in range(3)],
        make_event(),
    )
    totals = history(Window(date(2026, 11, 20), date(2026, 11, 20), ZoneInfo("UTC")), EVERYTHING)[
        "data"
    ]["totals"]
    assert (totals["totalRequests"], totals["clientRequests"]) == (4, 2)


def test_attempts_of_one_request_in_two_pages_count_once():
    upstream = make_upstream()
    for latency in (5, 6):
        store(upstream, make_event(request_id="7f3a91c2", latency_ms=latency))
    assert sum(UsageDaily.objects.values_list("requests", flat=True)) == 1
