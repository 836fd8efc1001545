"""Generated traffic: deterministic, consistent with the configuration, and counted."""

import json
import re
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from management_proxy.simulator import Options, SimulatedUpstream, Traffic
from management_proxy.simulator.clock import go_timestamp
from management_proxy.simulator.serving.live import finished
from management_proxy.simulator.traffic.failures import FAILURES
from management_proxy.simulator.traffic.generator import is_counted
from management_proxy.simulator.traffic.rhythm import shares
from tests.management_proxy.simulator.replay import FakeClock, control, manage, value_of

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def _app(clock: FakeClock, **options: Any) -> SimulatedUpstream:
    return SimulatedUpstream(Options(clock=clock, **options))


def _pop(app: SimulatedUpstream, count: int) -> list[dict[str, Any]]:
    return json.loads(manage(app, "GET", f"usage-queue?count={count}").body)


def _history(app: SimulatedUpstream, days: int = 3, per_day: int = 200) -> list[dict[str, Any]]:
    traffic = Traffic(app.state.world(), seed=7)
    return list(traffic.history(days, per_day, NOW))


@pytest.fixture(scope="module")
def history() -> list[dict[str, Any]]:
    return _history(_app(FakeClock()), days=5, per_day=1500)


def test_same_seed_same_events(clock: FakeClock) -> None:
    assert _history(_app(clock)) == _history(_app(clock))


def test_history_is_in_order_of_time_and_has_the_asked_number_of_requests(clock: FakeClock) -> None:
    events = _history(_app(clock))
    instants = [datetime.fromisoformat(event["timestamp"]) for event in events]
    assert instants == sorted(instants)
    assert len({event["request_id"] for event in events}) == 600
    assert (NOW - instants[0]).total_seconds() <= 3 * 86400


def test_nights_and_weekends_are_quieter(history: list[dict[str, Any]]) -> None:
    hours = Counter(event["timestamp"][11:13] for event in history)
    assert hours["18"] > 3 * hours["03"]


def test_breakdown_adds_up_and_agrees_with_the_raw_counters(history: list[dict[str, Any]]) -> None:
    for event in history:
        tokens, parts = event["tokens"], event["token_breakdown"]
        used, given = parts["input"], parts["output"]
        assert (
            used["total_tokens"]
            == used["uncached_tokens"] + used["cache_read_tokens"] + used["cache_write_tokens"]
        )
        assert given["total_tokens"] == given["non_reasoning_tokens"] + given["reasoning_tokens"]
        assert (
            parts["total_tokens"]
            == used["total_tokens"] + given["total_tokens"]
            == tokens["total_tokens"]
        )


@pytest.mark.parametrize(
    ("provider", "input_part", "output_part"),
    [
        ("codex", "total_tokens", "total_tokens"),
        ("claude", "uncached_tokens", "total_tokens"),
        ("gemini", "total_tokens", "non_reasoning_tokens"),
    ],
)
def test_raw_counters_mean_what_the_family_says(
    history: list[dict[str, Any]], provider: str, input_part: str, output_part: str
) -> None:
    for event in (one for one in history if one["provider"] == provider):
        parts = event["token_breakdown"]
        assert event["tokens"]["input_tokens"] == parts["input"][input_part]
        assert event["tokens"]["output_tokens"] == parts["output"][output_part]


def test_retries_images_and_abandoned_streams_occur(history: list[dict[str, Any]]) -> None:
    attempts = Counter(event["request_id"] for event in history)
    assert max(attempts.values()) >= 2
    image = next(event for event in history if event["model"] == "gpt-image-2")
    parent = next(
        event
        for event in history
        if event["request_id"] == image["request_id"] and event["model"] != "gpt-image-2"
    )
    assert image["timestamp"] == parent["timestamp"]
    assert any(not event["failed"] and event["tokens"]["total_tokens"] == 0 for event in history)


def test_every_kind_of_failure_occurs_in_the_end(clock: FakeClock) -> None:
    app = _app(clock, failure_rate=1.0)
    seen = {
        (event["fail"]["status_code"], event["fail"]["body"][:20])
        for number in range(9000)
        for _, event in app.state.traffic.request(number)
    }
    wanted = {
        (failure.status, failure.body[:20]) for failure in FAILURES if "{" not in failure.body[1:20]
    }
    assert wanted <= seen
    assert {failure.status for failure in FAILURES} == {status for status, _ in seen}


def test_turns_of_a_websocket_session_share_its_id(history: list[dict[str, Any]]) -> None:
    sessions: dict[str, list[dict[str, Any]]] = {}
    for event in history:
        if event["endpoint"] == "GET /v1/responses":
            sessions.setdefault(event["request_id"], []).append(event)
    assert max(len(turns) for turns in sessions.values()) >= 4
    assert all(
        event["executor_type"] == "CodexWebsocketsExecutor"
        for turns in sessions.values()
        for event in turns
    )


def test_traffic_belongs_to_the_configuration(clock: FakeClock) -> None:
    app = _app(clock)
    app.generate(2000)
    events = _pop(app, 2000)
    indexes = {file["auth_index"] for file in value_of(manage(app, "GET", "auth-files"))["files"]}
    for route in ("gemini-api-key", "claude-api-key", "codex-api-key", "vertex-api-key"):
        indexes |= {entry["auth-index"] for entry in value_of(manage(app, "GET", route))[route]}
    for entry in value_of(manage(app, "GET", "openai-compatibility"))["openai-compatibility"]:
        indexes |= {item["auth-index"] for item in entry["api-key-entries"]}
    assert {event["auth_index"] for event in events} <= indexes
    assert {event["api_key"] for event in events} <= set(
        value_of(manage(app, "GET", "api-keys"))["api-keys"]
    )


def test_counters_equal_the_events_but_those_that_clients_broke_off_and_images(
    clock: FakeClock,
) -> None:
    app = _app(clock)
    app.generate(1500)
    app.record([event for number in range(200) for _, event in app.state.traffic.request(number)])
    outcomes = Counter(
        (event["auth_index"], event["failed"]) for event in _pop(app, 5000) if is_counted(event)
    )
    for index, counts in control(app, "GET", "state")["counters"].items():
        assert counts == {"success": outcomes[index, False], "failed": outcomes[index, True]}


def test_both_listings_show_the_counters(clock: FakeClock) -> None:
    app = _app(clock)
    app.generate(1500)
    files = value_of(manage(app, "GET", "auth-files"))["files"]
    usage = value_of(manage(app, "GET", "api-key-usage"))
    shown = [*files, *(one for provider in usage.values() for one in provider.values())]
    assert sum(one["success"] + one["failed"] for one in shown) == sum(
        is_counted(event) for event in _pop(app, 1500)
    )
    assert all(
        sum(bucket["success"] for bucket in one["recent_requests"]) == one["success"]
        for one in shown
    )
    assert all(len(one["recent_requests"]) == 20 for one in shown)


def test_the_past_is_counted_in_the_ten_minutes_in_which_it_was(clock: FakeClock) -> None:
    app = _app(clock)
    app.queue_history(1, 2000)
    for one in value_of(manage(app, "GET", "auth-files"))["files"]:
        recent = [bucket["success"] for bucket in one["recent_requests"]]
        assert 0 < sum(recent) < one["success"] / 2
        assert max(recent) < sum(recent)


@pytest.mark.parametrize("events", [1, 7, 3500])
def test_generate_queues_exactly_that_many_distinct_events(clock: FakeClock, events: int) -> None:
    app = _app(clock)
    app.generate(events)
    page = manage(app, "GET", "usage-queue?count=10000").body
    assert len(json.loads(page)) == events
    assert len(set(app.state.queue.pop(1))) == 0
    assert len({json.dumps(event) for event in json.loads(page)}) == events


def test_a_removed_credential_gets_no_more_traffic(clock: FakeClock) -> None:
    app = _app(clock)
    file = value_of(manage(app, "GET", "auth-files"))["files"][0]
    manage(app, "PATCH", "auth-files/status", {"name": file["name"], "disabled": True})
    app.generate(1000)
    assert file["auth_index"] not in {event["auth_index"] for event in _pop(app, 1000)}


def test_live_requests_end_when_they_are_queued(clock: FakeClock) -> None:
    traffic = _app(clock).state.traffic
    now = int(clock() * 1e9)
    for _ in range(50):
        last = finished(traffic, now)[-1]
        started = datetime.fromisoformat(last["timestamp"])
        assert abs(started.timestamp() + last["latency_ms"] / 1000 - clock()) < 0.01


def test_instants_have_trimmed_fractions_and_an_offset() -> None:
    assert go_timestamp(1_500_000_000, 480) == "1970-01-01T08:00:01.5+08:00"
    assert go_timestamp(1_000_000_001, -210) == "1969-12-31T20:30:01.000000001-03:30"
    assert re.fullmatch(r"1970-01-01T00:00:00Z", go_timestamp(0, 0))


def test_shares_add_up() -> None:
    assert shares(10, [1.0, 1.0, 1.0]) == [4, 3, 3]
    assert sum(shares(1000, [0.35, 2.2, 1.1])) == 1000


def test_request_ids_do_not_come_again_after_a_restart(clock: FakeClock) -> None:
    seen: Counter[str] = Counter()
    for days in (2, 0, 0):
        app = _app(clock, seed=1, statistics=True)
        app.queue_history(days, 500)
        app.generate(60, 0.0)
        seen.update({event["request_id"] for event in _pop(app, 10_000)})
        clock.advance(30)
    assert len(seen) > 1000
    assert {identity for identity, times in seen.items() if times > 1} == set()


def test_thirty_days_are_there_in_a_moment(clock: FakeClock) -> None:
    before = time.process_time()
    app = _app(clock, seed=1)
    assert app.queue_history(30, 1500) > 45_000
    while _pop(app, 5000):
        pass
    assert time.process_time() - before < 5
