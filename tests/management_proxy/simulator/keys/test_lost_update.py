"""A write inside the window of a reload is answered, saved, and lost (contract 6.5-3)."""

import pytest
import yaml

from management_proxy.simulator import Options, SimulatedUpstream
from management_proxy.simulator.http.wire import Response
from tests.management_proxy.simulator.replay import FakeClock, ask, manage, value_of

WINDOW = 0.05


@pytest.fixture
def app(clock: FakeClock) -> SimulatedUpstream:
    return SimulatedUpstream(
        Options(clock=clock, sleep=clock.advance, reload_window=WINDOW, clients=2)
    )


def _append(app: SimulatedUpstream, key: str) -> Response:
    return manage(app, "PATCH", "api-keys", {"old": "absent", "new": key})


def _keys(app: SimulatedUpstream) -> list[str]:
    return value_of(manage(app, "GET", "api-keys"))["api-keys"]


def _saved(app: SimulatedUpstream) -> list[str]:
    return yaml.safe_load(ask(app, "GET", "/v0/management/config.yaml").body)["api-keys"]


def test_a_quick_second_write_is_answered_and_saved_and_vanishes(
    app: SimulatedUpstream, clock: FakeClock
) -> None:
    assert _append(app, "first").status == _append(app, "second").status == 200
    assert "second" in _keys(app)
    clock.advance(WINDOW)
    assert "first" in _keys(app)
    assert "second" not in _keys(app)
    assert "second" in _saved(app)


def test_the_next_write_erases_the_lost_one_from_the_file(
    app: SimulatedUpstream, clock: FakeClock
) -> None:
    _append(app, "first")
    _append(app, "second")
    clock.advance(WINDOW)
    _append(app, "third")
    assert "second" not in _saved(app)
    assert {"first", "third"} <= set(_saved(app))


def test_a_write_after_the_window_is_kept(app: SimulatedUpstream, clock: FakeClock) -> None:
    for key in ("first", "second", "third"):
        _append(app, key)
        clock.advance(WINDOW)
    assert _keys(app)[-3:] == ["first", "second", "third"]


def test_lists_of_different_kinds_lose_each_other(app: SimulatedUpstream, clock: FakeClock) -> None:
    entry = value_of(manage(app, "GET", "claude-api-key"))["claude-api-key"][0]
    manage(app, "PATCH", "claude-api-key", {"match": entry["api-key"], "value": {"prefix": "x"}})
    _append(app, "second")
    clock.advance(WINDOW)
    assert "second" not in _keys(app)
    assert value_of(manage(app, "GET", "claude-api-key"))["claude-api-key"][0]["prefix"] == "x"


def test_without_a_pause_about_half_is_lost_and_a_patient_client_keeps_all(
    clock: FakeClock,
) -> None:
    app = SimulatedUpstream(Options(clock=clock, sleep=clock.advance, clients=0))
    for number in range(40):
        _append(app, f"key-{number}")
        clock.advance(0.0005)
    clock.advance(1)
    assert 10 <= len(_keys(app)) <= 35
    manage(app, "PUT", "api-keys", ["one"])
    for number in range(40):
        clock.advance(0.02)
        _append(app, f"patient-{number}")
    clock.advance(1)
    assert len(_keys(app)) == 41


def test_window_grows_with_the_configuration_and_twice_the_write_is_enough(
    clock: FakeClock,
) -> None:
    app = SimulatedUpstream(Options(clock=clock, sleep=clock.advance, clients=2))
    small = app.state.store.write_seconds()
    manage(app, "PUT", "api-keys", [f"sk-{number:0120d}" for number in range(600)])
    clock.advance(1)
    large = app.state.store.write_seconds()
    assert small < 0.005 < 0.02 < large < 0.1
    for number in range(30):
        before = clock()
        _append(app, f"key-{number}")
        clock.advance(2 * (clock() - before))
    assert len(_keys(app)) == 630


def test_auth_index_appears_only_after_the_reload(app: SimulatedUpstream, clock: FakeClock) -> None:
    manage(app, "PUT", "xai-api-key", [{"api-key": "k", "base-url": "https://x.example.com"}])
    assert "auth-index" not in value_of(manage(app, "GET", "xai-api-key"))["xai-api-key"][0]
    clock.advance(WINDOW)
    assert "auth-index" in value_of(manage(app, "GET", "xai-api-key"))["xai-api-key"][0]


def test_a_write_races_with_a_replaced_file_too(app: SimulatedUpstream, clock: FakeClock) -> None:
    text = ask(app, "GET", "/v0/management/config.yaml").body
    assert ask(app, "PUT", "/v0/management/config.yaml", text).status == 200
    _append(app, "second")
    clock.advance(1)
    assert "second" not in _keys(app)


def test_statistics_switch_takes_effect_with_the_reload(
    app: SimulatedUpstream, clock: FakeClock
) -> None:
    manage(app, "PUT", "usage-statistics-enabled", {"value": False})
    app.generate(1)
    clock.advance(WINDOW)
    app.state.settle()
    app.generate(1)
    assert (len(app.state.queue), app.state.queue.not_recorded) == (1, 1)


def test_an_empty_file_is_taken_and_not_noticed_by_the_runtime(
    app: SimulatedUpstream, clock: FakeClock
) -> None:
    assert ask(app, "PUT", "/v0/management/config.yaml", b"").status == 200
    clock.advance(10)
    assert value_of(manage(app, "GET", "api-keys")) == {"api-keys": None}
    app.generate(1)
    assert len(app.state.queue) == 1


def test_a_plain_secret_is_hashed_in_the_file(app: SimulatedUpstream) -> None:
    ask(app, "PUT", "/v0/management/config.yaml", "remote-management:\n  secret-key: plain\n")
    text = ask(app, "GET", "/v0/management/config.yaml").body
    assert b"plain" not in text
    assert yaml.safe_load(text)["remote-management"]["secret-key"].startswith("$2a$10$")


def test_a_file_keeps_its_line_ends_until_the_server_saves_it(
    app: SimulatedUpstream, clock: FakeClock
) -> None:
    sent = b"port: 8317\r\napi-keys: [sk-a] # mine\r\n"
    assert ask(app, "PUT", "/v0/management/config.yaml", body=sent).status == 200
    assert ask(app, "GET", "/v0/management/config.yaml").body == sent
    clock.advance(1)
    manage(app, "PUT", "debug", {"value": True})
    saved = ask(app, "GET", "/v0/management/config.yaml").body
    assert saved == b"port: 8317\napi-keys: [sk-a] # mine\ndebug: true\n"
