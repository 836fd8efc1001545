"""Login flows from start to end (contract 7)."""

from typing import Any

import pytest

from management_proxy.simulator import Options, SimulatedUpstream
from tests.management_proxy.simulator.replay import FakeClock, control, manage, value_of


@pytest.fixture
def app(clock: FakeClock) -> SimulatedUpstream:
    return SimulatedUpstream(Options(clock=clock))


def _start(app: SimulatedUpstream, provider: str) -> str:
    return str(value_of(manage(app, "GET", f"{provider}-auth-url"))["state"])


def _poll(app: SimulatedUpstream, state: str) -> Any:
    return value_of(manage(app, "GET", f"get-auth-status?state={state}"))


def _deliver(app: SimulatedUpstream, **body: str) -> Any:
    return value_of(manage(app, "POST", "oauth-callback", body))


def _emails(app: SimulatedUpstream) -> set[str]:
    return {file["email"] for file in value_of(manage(app, "GET", "auth-files"))["files"]}


def test_a_login_waits_succeeds_and_is_forgotten(app: SimulatedUpstream, clock: FakeClock) -> None:
    before, state = _emails(app), _start(app, "codex")
    assert _poll(app, state) == {"status": "wait"}
    pasted = f"http://localhost:1455/auth/callback?code=c&state={state}"
    assert _deliver(app, provider="openai", redirect_url=pasted) == {"status": "ok"}
    clock.advance(1)
    assert _poll(app, state) == {"status": "ok"}
    assert len(_emails(app) - before) == 1
    assert _deliver(app, state=state, code="c") == {
        "error": "oauth flow is already completed",
        "status": "error",
    }
    clock.advance(61)
    assert _poll(app, state) == {"error": "unknown or expired state", "status": "error"}


def test_a_bad_code_fails(app: SimulatedUpstream, clock: FakeClock) -> None:
    state = _start(app, "anthropic")
    _deliver(app, state=state, code="bad")
    clock.advance(1)
    assert _poll(app, state)["error"] == "Failed to exchange authorization code for tokens"


def test_nobody_comes(app: SimulatedUpstream, clock: FakeClock) -> None:
    state = _start(app, "antigravity")
    clock.advance(301)
    assert _poll(app, state) == {"error": "Timeout waiting for OAuth callback", "status": "error"}


@pytest.mark.parametrize("provider", ["kimi", "xai"])
def test_a_device_flow_is_approved(app: SimulatedUpstream, clock: FakeClock, provider: str) -> None:
    told = value_of(manage(app, "GET", f"{provider}-auth-url"))
    assert told["flow"] == "device"
    control(app, "POST", "oauth", {"state": told["state"], "outcome": "ok"})
    clock.advance(1)
    assert _poll(app, told["state"]) == {"status": "ok"}


def test_old_versions_say_ok_of_a_state_they_do_not_know(clock: FakeClock) -> None:
    app = SimulatedUpstream(Options(clock=clock, profile="7.1.40"))
    assert _poll(app, "ffff") == {"status": "ok"}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"code": "c"}, "state is required"),
        ({"state": "a b", "code": "c"}, "invalid state"),
        ({"state": "abc", "code": "c", "provider": "x"}, "unsupported provider"),
    ],
)
def test_bad_callbacks(app: SimulatedUpstream, body: dict[str, str], text: str) -> None:
    assert _deliver(app, **body) == {"error": text, "status": "error"}
