"""Calls through a credential: what is refused and what is answered from the table (contract
8.8)."""

import json
from typing import Any

import pytest

from management_proxy.simulator import Options, Preset, SimulatedUpstream
from tests.management_proxy.simulator.replay import FakeClock, auth_file, control, manage, value_of

URL = "https://quota.example.com/usage"
BEARER = {"Authorization": "Bearer $TOKEN$"}
TOKENLESS = json.dumps({"type": "claude", "email": "empty@example.com"}).encode()


@pytest.fixture
def app(clock: FakeClock) -> SimulatedUpstream:
    files = (("claude-a.json", auth_file("claude", "a@example.com")), ("claude-b.json", TOKENLESS))
    return SimulatedUpstream(Options(clock=clock, preset=Preset("remote-management: {}\n", files)))


def _index(app: SimulatedUpstream, name: str) -> str:
    return value_of(manage(app, "GET", f"auth-files?name={name}"))["files"][0]["auth_index"]


def _call(app: SimulatedUpstream, **body: Any) -> tuple[int, Any]:
    response = manage(
        app, "POST", "api-call", {"method": "GET", "url": URL, "header": BEARER, **body}
    )
    return response.status, value_of(response)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"method": " "}, "missing method"),
        ({"url": ""}, "missing url"),
        ({"url": "no-scheme"}, "invalid url"),
        ({"url": "http://[broken"}, "invalid url"),
        ({"proxy_url": "nowhere"}, "invalid proxy_url"),
        ({"header": [1]}, "invalid body"),
    ],
)
def test_bad_calls_are_refused(app: SimulatedUpstream, body: dict[str, Any], problem: str) -> None:
    assert _call(app, **body) == (400, {"error": problem})


@pytest.mark.parametrize("spelling", ["auth_index", "authIndex", "AuthIndex"])
def test_a_credential_without_a_token_is_refused(app: SimulatedUpstream, spelling: str) -> None:
    assert _call(app, **{spelling: _index(app, "claude-b.json")}) == (
        400,
        {"error": "auth token not found"},
    )


@pytest.mark.parametrize("name", ["claude-a.json", None])
def test_a_call_is_answered_from_the_table(app: SimulatedUpstream, name: str | None) -> None:
    control(
        app,
        "POST",
        "api-call",
        {"url": URL, "status": 429, "header": {"Retry-After": ["30"]}, "body": "slow down"},
    )
    index = _index(app, name) if name else "0123456789abcdef"
    status, told = _call(app, auth_index=index, proxy_url="direct")
    assert (status, told["status_code"], told["body"]) == (200, 429, "slow down")
    assert told["header"]["Retry-After"] == ["30"]
