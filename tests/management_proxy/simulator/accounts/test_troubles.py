"""Accounts of a world that has been lived in: one is cooling down, one has to be connected anew."""

import json
from datetime import datetime

import pytest

from management_proxy.simulator import Options, SimulatedUpstream
from management_proxy.simulator.accounts.troubles import TROUBLES
from management_proxy.simulator.presets import lived_in
from tests.management_proxy.simulator.replay import FakeClock, manage, value_of

COOLING, REFUSED = TROUBLES


@pytest.fixture
def app(clock: FakeClock) -> SimulatedUpstream:
    return SimulatedUpstream(Options(clock=clock, reload_window=0.0, preset=lived_in()))


def _listed(app: SimulatedUpstream, name: str) -> dict:
    (entry,) = value_of(manage(app, "GET", f"auth-files?name={name}"))["files"]
    return entry


def _serving(app: SimulatedUpstream) -> set[str]:
    pools = app.state.refresh_traffic().world.by_provider.values()
    return {credential.source for pool in pools for credential in pool}


def test_it_shows_why_and_serves_nothing(app: SimulatedUpstream) -> None:
    cooling, refused = _listed(app, COOLING.file), _listed(app, REFUSED.file)
    assert (cooling["status"], cooling["unavailable"]) == ("error", True)
    assert "usage limit" in cooling["status_message"]
    assert (refused["status"], refused["unavailable"]) == ("error", False)
    assert "next_retry_after" in cooling
    assert "next_retry_after" not in refused
    serving = _serving(app)
    assert not {COOLING.email, REFUSED.email, "mallory@example.com"} & serving
    assert "alice@example.com" in serving


def test_cooling_ends_by_itself_or_is_ended(app: SimulatedUpstream, clock: FakeClock) -> None:
    index = _listed(app, COOLING.file)["auth_index"]
    manage(app, "POST", "reset-quota", {"auth_index": index})
    assert COOLING.email in _serving(app)
    manage(app, "POST", "reset-quota", {"auth_index": _listed(app, REFUSED.file)["auth_index"]})
    assert REFUSED.email not in _serving(app)
    app.reset()
    assert COOLING.email not in _serving(app)
    clock.now += COOLING.lasts + 1
    assert COOLING.email in _serving(app)


def test_new_tokens_end_a_refusal(app: SimulatedUpstream) -> None:
    content = {"type": "xai", "email": REFUSED.email, "access_token": "new"}
    manage(app, "POST", f"auth-files?name={REFUSED.file}", content)
    assert _listed(app, REFUSED.file)["status"] == "active"
    assert REFUSED.email in _serving(app)


def test_the_past_has_their_events_until_then(app: SimulatedUpstream, clock: FakeClock) -> None:
    app.queue_history(4, 2000)
    events = [json.loads(payload) for payload in app.state.queue.pop(100_000)]
    for trouble in TROUBLES:
        own = [event for event in events if event["source"] == trouble.email]
        last = max(datetime.fromisoformat(event["timestamp"]).timestamp() for event in own)
        # Attempts of a request that ended before may have begun long before.
        assert 0 < clock.now - trouble.since - last < 12 * 3600
    logged = value_of(manage(app, "GET", "logs"))["lines"]
    assert any(events[-1]["request_id"] in line for line in logged[-3:])
