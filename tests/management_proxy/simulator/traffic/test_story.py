"""The past that a simulator begins with: a model that is new, and an outage with its causes."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

from management_proxy.simulator.app import SimulatedUpstream
from management_proxy.simulator.options import Options
from management_proxy.simulator.traffic.story import NEW_FOR_DAYS, NEW_MODEL

NOW = datetime(2026, 11, 28, 5, 0, tzinfo=UTC)


def past() -> list[dict]:
    app = SimulatedUpstream(Options(seed=1, clock=NOW.timestamp))
    app.queue_history(12, 1500)
    return [json.loads(payload) for payload in app.state.queue.pop(100_000)]


def test_the_past_has_a_new_model_and_an_outage_yesterday():
    events = past()
    instants = {id(event): datetime.fromisoformat(event["timestamp"]) for event in events}
    new = [instants[id(event)] for event in events if event["model"] == NEW_MODEL]
    assert len(new) > 100
    # Attempts of a request that ended just afterwards began before.
    assert min(new) > NOW - timedelta(days=NEW_FOR_DAYS, minutes=10)

    def failed(hour: datetime, provider: str) -> tuple[int, Counter[int]]:
        found = [
            event
            for event in events
            if event["provider"] == provider
            and hour <= instants[id(event)] < hour + timedelta(minutes=60)
        ]
        causes = Counter(event["fail"]["status_code"] for event in found if event["failed"])
        return len(found), causes

    outage = datetime(2026, 11, 27, 10, 25, tzinfo=UTC)
    attempts, causes = failed(outage, "claude")
    assert causes.total() == attempts > 20
    assert len(causes) > 2
    assert min(causes) >= 500
    for hour, provider in ((outage, "codex"), (outage - timedelta(hours=3), "claude")):
        attempts, causes = failed(hour, provider)
        assert 0 < attempts > 2 * causes.total()
