"""The gate: forms of the key, the ban per claimed address, what is exempt."""

import json

import pytest

from management_proxy.simulator import Options, Preset, SimulatedUpstream
from management_proxy.simulator.clock import go_duration
from tests.management_proxy.simulator.replay import FakeClock, ask, headers_of, manage

DEBUG = "/v0/management/debug"
WRONG = {"authorization": "Bearer wrong"}


@pytest.fixture
def app(clock: FakeClock) -> SimulatedUpstream:
    return SimulatedUpstream(Options(clock=clock, key="right"))


def _fail(app: SimulatedUpstream, times: int, headers: dict[str, str] = WRONG) -> None:
    for _ in range(times):
        assert ask(app, "GET", DEBUG, headers=headers).status == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer right"},
        {"authorization": "bEARER right"},
        {"authorization": "right"},
        {"x-management-key": "right"},
    ],
)
def test_every_form_of_the_key_opens(app: SimulatedUpstream, headers: dict[str, str]) -> None:
    assert ask(app, "GET", DEBUG, headers=headers).status == 200


def test_basic_authorization_is_a_wrong_key(app: SimulatedUpstream) -> None:
    response = ask(
        app, "GET", DEBUG, headers={"authorization": "Basic cmlnaHQ=", "x-management-key": "right"}
    )
    assert (response.status, response.body) == (401, b'{"error":"invalid management key"}')


def test_the_sixth_request_after_five_failures_is_banned(app: SimulatedUpstream) -> None:
    _fail(app, 5)
    response = manage(app, "GET", "debug")
    assert response.status == 403
    assert json.loads(response.body)["error"].endswith("Try again in 30m0s")


def test_a_success_resets_the_count(app: SimulatedUpstream) -> None:
    _fail(app, 4)
    manage(app, "GET", "debug")
    _fail(app, 4)
    assert manage(app, "GET", "debug").status == 200


def test_failures_without_a_success_add_up_over_hours_of_use(
    app: SimulatedUpstream, clock: FakeClock
) -> None:
    for _ in range(5):
        _fail(app, 1)
        clock.advance(3600)
    assert manage(app, "GET", "debug").status == 200, "the ban has expired an hour later"
    for _ in range(5):
        clock.advance(1700)
        _fail(app, 1)
    assert manage(app, "GET", "debug").status == 403


def test_the_ban_is_not_extended_and_ends(app: SimulatedUpstream, clock: FakeClock) -> None:
    _fail(app, 5)
    clock.advance(1735)
    response = ask(app, "GET", DEBUG, headers=WRONG)
    assert json.loads(response.body)["error"].endswith("Try again in 1m5s")
    clock.advance(65)
    assert manage(app, "GET", "debug").status == 200


def test_after_a_ban_the_count_starts_anew(app: SimulatedUpstream, clock: FakeClock) -> None:
    _fail(app, 5)
    clock.advance(1801)
    _fail(app, 4)
    assert manage(app, "GET", "debug").status == 200


def test_addresses_are_banned_one_by_one_and_anybody_may_claim_one(app: SimulatedUpstream) -> None:
    _fail(app, 5)
    claimed = {
        "authorization": "Bearer right",
        "x-forwarded-for": "nonsense, 198.51.100.7, 203.0.113.9",
    }
    assert ask(app, "GET", DEBUG, headers=claimed).status == 200
    _fail(app, 5, {**WRONG, "x-real-ip": "198.51.100.8"})
    assert (
        ask(
            app, "GET", DEBUG, headers={"authorization": "right", "x-real-ip": "198.51.100.8"}
        ).status
        == 403
    )


def test_a_claimed_remote_address_is_refused_where_remote_is_not_allowed(clock: FakeClock) -> None:
    preset = Preset("remote-management:\n  allow-remote: false\n")
    app = SimulatedUpstream(Options(clock=clock, key="right", key_in_config=True, preset=preset))
    claimed = {"authorization": "right", "x-forwarded-for": "198.51.100.7"}
    response = ask(app, "GET", DEBUG, headers=claimed)
    assert (response.status, response.body) == (403, b'{"error":"remote management disabled"}')
    assert manage(app, "GET", "debug").status == 200


def test_unknown_path_needs_the_key_first(app: SimulatedUpstream) -> None:
    assert ask(app, "GET", "/v0/management/nope", headers=WRONG).status == 401
    response = manage(app, "GET", "nope")
    assert (response.status, response.body) == (404, b"")
    assert headers_of(response)["x-cpa-version"] == "7.2.140"


def test_old_versions_answer_unknown_paths_without_asking(clock: FakeClock) -> None:
    app = SimulatedUpstream(Options(clock=clock, profile="7.1.40"))
    response = ask(app, "GET", "/v0/management/nope", headers={})
    assert (response.status, response.body) == (404, b"404 page not found")
    assert app.state.bans.failed_logins == 0


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_oauth_callback_needs_no_key(app: SimulatedUpstream, method: str) -> None:
    response = ask(app, method, "/v0/management/oauth-callback", b"{}", headers={})
    assert response.status == 400
    assert "x-cpa-version" not in headers_of(response)


def test_disabled_management_answers_nothing_and_forgets_the_queue(clock: FakeClock) -> None:
    app = SimulatedUpstream(Options(clock=clock, key=""))
    app.generate(3)
    response = ask(app, "GET", DEBUG, headers=WRONG)
    assert (response.status, response.body) == (404, b"")
    assert "x-cpa-version" not in headers_of(response)
    assert len(app.state.queue) == 0


def test_dropping_the_secret_first_refuses_and_then_disables(clock: FakeClock) -> None:
    app = SimulatedUpstream(Options(clock=clock, key="right", key_in_config=True))
    assert ask(app, "PUT", "/v0/management/config.yaml", "debug: true\n").status == 200
    assert manage(app, "GET", "debug").body == b'{"error":"remote management key not set"}'
    clock.advance(1)
    assert manage(app, "GET", "debug").status == 404


@pytest.mark.parametrize("path", ["/v0/management/debug", "/anything", "/healthz"])
def test_options_is_answered_without_a_key(app: SimulatedUpstream, path: str) -> None:
    response = ask(app, "OPTIONS", path, headers={})
    assert (response.status, response.body) == (204, b"")
    assert headers_of(response)["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(("method", "status"), [("GET", 301), ("PUT", 307)])
def test_a_trailing_slash_is_redirected(app: SimulatedUpstream, method: str, status: int) -> None:
    response = ask(app, method, "/v0/management/debug/?a=1", headers={})
    assert response.status == status
    assert ("Location", "/v0/management/debug?a=1") in response.headers


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_health_needs_no_key_and_is_never_banned(app: SimulatedUpstream, method: str) -> None:
    _fail(app, 5)
    response = ask(app, method, "/healthz", headers={})
    assert (response.status, response.body) == (200, b'{"status":"ok"}' if method == "GET" else b"")


def test_models_are_for_client_keys_and_for_everybody_once_there_are_none(
    app: SimulatedUpstream,
) -> None:
    key = app.state.store.memory["api-keys"][0]
    assert ask(app, "GET", "/v1/models", headers={}).body == b'{"error":"Missing API key"}'
    assert (
        ask(app, "GET", "/v1/models", headers={"x-api-key": "no"}).body
        == b'{"error":"Invalid API key"}'
    )
    assert ask(app, "GET", f"/v1/models?key={key}", headers={}).status == 200
    manage(app, "PUT", "api-keys", [])
    assert ask(app, "GET", "/v1/models", headers={}).status == 200


@pytest.mark.parametrize(
    ("seconds", "text"), [(1800, "30m0s"), (65, "1m5s"), (45, "45s"), (3661, "1h1m1s")]
)
def test_durations_read_as_in_go(seconds: int, text: str) -> None:
    assert go_duration(seconds) == text
