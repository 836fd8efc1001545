"""Accounts in trouble look as recorded.

Not replayed exchange by exchange: `cooling.jsonl` shows states that real AI traffic brought about
between the requests, so its listings are compared by shape and its rules one by one.
`cooling-clients-saw.jsonl` is what clients of the AI routes got, which the simulator does not
serve.
"""

import json

import pytest

from management_proxy.simulator import Preset, SimulatedUpstream
from tests.management_proxy.simulator.replay import (
    FakeClock,
    auth_file,
    by_name,
    manage,
    recorded_preset,
    recorded_upstream,
    shape,
    value_of,
)

EXCHANGES = by_name("cooling.jsonl")
DANA, SPARE = "54a553a3cac73c26", "9650cb94234a6970"
BROKEN = (
    '{"error": {"message": "The server had an error while processing your request", "type":'
    ' "server_error"}}'
)


@pytest.fixture
def app(clock: FakeClock) -> SimulatedUpstream:
    preset = recorded_preset()
    config = preset.config.replace("disable-cooling: true", "disable-cooling: false")
    spare = ("xai-spare@example.com.json", auth_file("xai", "spare@example.com"))
    return recorded_upstream(clock, preset=Preset(config, (*preset.auth_files, spare)))


def _file(app: SimulatedUpstream, index: str) -> dict[str, object]:
    return value_of(manage(app, "GET", f"auth-files?auth_index={index}"))["files"][0]


def test_listing_in_trouble_has_the_recorded_shape(app: SimulatedUpstream) -> None:
    app.state.results.note(DANA, "grok-4.3", 200, "")
    app.state.results.note(DANA, "grok-4.6", 500, BROKEN)
    app.state.results.note(SPARE, "grok-4.6", 500, BROKEN)
    ours = value_of(manage(app, "GET", "auth-files"))
    assert shape(ours) == shape(json.loads(EXCHANGES["auth files, 500"].body))


def test_account_with_a_working_model_is_not_unavailable(app: SimulatedUpstream) -> None:
    app.state.results.note(DANA, "grok-4.3", 200, "")
    app.state.results.note(DANA, "grok-4.6", 500, BROKEN)
    file = _file(app, DANA)
    assert (file["status"], file["status_message"], file["unavailable"]) == ("error", BROKEN, False)


def test_reset_quota_clears_trouble_and_names_the_models(app: SimulatedUpstream) -> None:
    app.state.results.note(DANA, "grok-4.6", 401, "unauthorized")
    told = value_of(manage(app, "POST", "reset-quota", {"auth_index": DANA}))
    assert told == {"auth_index": DANA, "models": ["grok-4.6"], "status": "ok"}
    assert _file(app, DANA)["status"] == "active"


def test_counters_survive_a_reset_of_the_quota(app: SimulatedUpstream) -> None:
    app.state.results.note(DANA, "grok-4.6", 401, "unauthorized")
    manage(app, "POST", "reset-quota", {"auth_index": DANA})
    assert (_file(app, DANA)["success"], _file(app, DANA)["failed"]) == (0, 1)


def test_a_leaving_client_says_nothing_about_the_account(app: SimulatedUpstream) -> None:
    app.state.results.note(DANA, "grok-4.6", 499, "context canceled")
    assert _file(app, DANA)["status"] == "active"


@pytest.mark.parametrize(("status", "minutes"), [(401, 30), (403, 30), (404, 720), (503, 1)])
def test_cooldown_lasts_as_long_as_the_status_says(
    app: SimulatedUpstream, clock: FakeClock, status: int, minutes: int
) -> None:
    app.state.results.note(SPARE, "grok-4.6", status, "x")
    clock.advance(minutes * 60 - 1)
    assert _file(app, SPARE)["unavailable"] is True
    clock.advance(2)
    assert _file(app, SPARE)["unavailable"] is False
