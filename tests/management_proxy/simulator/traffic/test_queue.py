"""Retention, subscribers and counts of the queue (contract 2.1 to 2.3, 4)."""

import json
from datetime import datetime
from typing import Any

import pytest

from management_proxy.simulator import Options, SimulatedUpstream
from management_proxy.simulator.traffic.queue import Subscriber, UsageQueue, clamp_retention
from tests.management_proxy.simulator.replay import FakeClock, ask, control, manage


@pytest.fixture
def queue(clock: FakeClock) -> UsageQueue:
    queue = UsageQueue(clock)
    queue.statistics_enabled = True
    return queue


@pytest.mark.parametrize(
    ("seconds", "kept"), [(0, 60), (-1, 60), (59, 59), (3600, 3600), (9999, 3600)]
)
def test_retention_is_clamped(seconds: int, kept: int) -> None:
    assert clamp_retention(seconds) == kept


def test_what_is_older_than_the_retention_is_gone(queue: UsageQueue, clock: FakeClock) -> None:
    queue.push([b"1"])
    clock.advance(30)
    queue.push([b"2"])
    clock.advance(31)
    assert queue.pop(5) == [b"2"]
    assert queue.pruned == 1


def test_a_push_prunes_too(queue: UsageQueue, clock: FakeClock) -> None:
    queue.push([b"1"])
    clock.advance(61)
    queue.push([b"2"])
    assert len(queue) == 1


def test_stock_is_handed_out_first_and_outlives_the_retention(
    queue: UsageQueue, clock: FakeClock
) -> None:
    queue.stock([b"1", b"2"])
    queue.push([b"3"])
    clock.advance(61)
    queue.push([b"4"])
    assert len(queue) == 3
    assert queue.pop(1) + queue.pop(5) == [b"1", b"2", b"4"]


@pytest.mark.parametrize("options", [{"retention": 60}, {"statistics": False}])
def test_history_stays_until_it_is_popped(clock: FakeClock, options: dict[str, Any]) -> None:
    app = SimulatedUpstream(Options(clock=clock, **options))
    queued = app.queue_history(2, 50)
    clock.advance(5000)
    events = json.loads(manage(app, "GET", "usage-queue?count=1000").body)
    instants = [datetime.fromisoformat(event["timestamp"]) for event in events]
    assert len(events) == queued >= 100
    assert instants == sorted(instants)
    counters = control(app, "GET", "state")["counters"].values()
    assert sum(one["success"] + one["failed"] for one in counters) == queued


def test_nothing_is_recorded_while_statistics_are_off(queue: UsageQueue) -> None:
    queue.statistics_enabled = False
    queue.push([b"1"])
    assert (len(queue), queue.not_recorded) == (0, 1)


def test_switching_off_keeps_what_is_queued(queue: UsageQueue) -> None:
    queue.push([b"1"])
    queue.statistics_enabled = False
    assert queue.pop(1) == [b"1"]


def test_a_subscriber_gets_events_instead_of_the_queue(queue: UsageQueue) -> None:
    queue.push([b"before"])
    subscriber = Subscriber("usage")
    queue.subscribe(subscriber, b"hello")
    queue.push([b"after"])
    assert [subscriber.take(0), subscriber.take(0), subscriber.take(0)] == [
        b"hello",
        b"after",
        None,
    ]
    assert queue.pop(5) == [b"before"]


def test_a_full_subscriber_is_dropped_with_the_overflowing_event(queue: UsageQueue) -> None:
    subscriber = Subscriber("usage")
    queue.subscribe(subscriber, b"hello")
    queue.push([b"%d" % number for number in range(300)])
    # The greeting takes one of 256 places, so the 256th event overflows and is lost; later ones are
    # queued again.
    assert subscriber.buffered == 256
    assert queue.pop(100) == [b"%d" % number for number in range(256, 300)]
    assert queue.subscriber_count() == 0


def test_a_competitor_that_does_not_read_swallows_what_its_buffers_hold(clock: FakeClock) -> None:
    app = SimulatedUpstream(Options(clock=clock))
    control(app, "POST", "subscriber", {"reading": False, "absorbs": 100})
    app.generate(1000)
    assert len(app.state.queue) == 1000 - 356


def test_a_reading_competitor_leaves_nothing_until_it_goes(clock: FakeClock) -> None:
    app = SimulatedUpstream(Options(clock=clock))
    control(app, "POST", "subscriber", {"reading": True})
    app.generate(10)
    assert manage(app, "GET", "usage-queue?count=100").body == b"[]"
    control(app, "DELETE", "subscriber")
    app.generate(10)
    assert len(json.loads(manage(app, "GET", "usage-queue?count=100").body)) == 10
    assert control(app, "GET", "state")["swallowed"] == 10


@pytest.mark.parametrize(
    ("count", "left"), [("+2", 3), ("%202%20", 3), ("99999999999", 0), ("", 4)]
)
def test_count_is_read_as_the_server_reads_it(clock: FakeClock, count: str, left: int) -> None:
    app = SimulatedUpstream(Options(clock=clock))
    app.generate(5)
    assert manage(app, "GET", f"usage-queue?count={count}").status == 200
    assert len(app.state.queue) == left


@pytest.mark.parametrize("count", ["0", "-1", "ten", "1.5", "1_0", "9223372036854775808", "0x5"])
def test_a_bad_count_pops_nothing(clock: FakeClock, count: str) -> None:
    app = SimulatedUpstream(Options(clock=clock))
    app.generate(5)
    response = manage(app, "GET", f"usage-queue?count={count}")
    assert (response.status, response.body) == (
        400,
        b'{"error":"count must be a positive integer"}',
    )
    assert len(app.state.queue) == 5


@pytest.mark.parametrize("method", ["HEAD", "POST", "DELETE"])
def test_only_get_pops(clock: FakeClock, method: str) -> None:
    app = SimulatedUpstream(Options(clock=clock))
    app.generate(5)
    assert manage(app, method, "usage-queue?count=5").status == 404
    assert len(app.state.queue) == 5


def test_a_payload_that_is_no_json_appears_as_a_string(clock: FakeClock) -> None:
    app = SimulatedUpstream(Options(clock=clock))
    headers = {"content-type": "application/x-ndjson"}
    ask(app, "POST", "/__control/events", b'{"a":1}\nnot <json>\n', headers)
    assert manage(app, "GET", "usage-queue?count=2").body == b'[{"a":1},"not \\u003cjson\\u003e"]'


def test_legacy_version_has_an_aggregate_and_no_queue(clock: FakeClock) -> None:
    app = SimulatedUpstream(Options(clock=clock, profile="6.9.49"))
    app.record(event for _, event in app.state.traffic.request(int(clock() * 1e9)))
    assert manage(app, "GET", "usage-queue").body == b"404 page not found"
    told = json.loads(manage(app, "GET", "usage").body)
    assert (
        told["usage"]["total_requests"]
        == told["usage"]["success_count"] + told["failed_requests"]
        > 0
    )


def test_pops_are_logged_by_connection_and_instant(clock: FakeClock) -> None:
    app = SimulatedUpstream(Options(clock=clock, statistics=True, sleep=clock.advance))
    control(app, "POST", "generate", {"events": 3})
    app.latency = 2.0
    manage(app, "GET", "usage-queue?count=2")
    pops = control(app, "GET", "pops")
    assert [(pop["events"], pop["taken"] - pop["arrived"]) for pop in pops] == [(2, 2.0)]
    control(app, "DELETE", "pops")
    assert control(app, "GET", "pops") == []
