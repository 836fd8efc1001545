"""Changes of auth files beyond what was recorded (contract 5)."""

import json
from typing import Any

import pytest

from management_proxy.simulator import Options, SimulatedUpstream
from tests.management_proxy.simulator.replay import FakeClock, ask, manage, value_of

NAME = "claude-carol@example.com.json"


@pytest.fixture
def app(clock: FakeClock) -> SimulatedUpstream:
    return SimulatedUpstream(Options(clock=clock, reload_window=0.0))


def _content(app: SimulatedUpstream, name: str = NAME) -> dict[str, Any]:
    return json.loads(manage(app, "GET", f"auth-files/download?name={name}").body)


def _patch(app: SimulatedUpstream, **fields: Any) -> Any:
    return value_of(manage(app, "PATCH", "auth-files/fields", {"name": NAME, **fields}))


def test_all_wins_over_names_and_erases_everything(app: SimulatedUpstream) -> None:
    told = value_of(manage(app, "DELETE", f"auth-files?name={NAME}&all=1"))
    assert told == {"deleted": 11, "status": "ok"}
    assert value_of(manage(app, "GET", "auth-files")) == {"files": []}


def test_filters_are_anded(app: SimulatedUpstream) -> None:
    index = value_of(manage(app, "GET", f"auth-files?name={NAME}"))["files"][0]["auth_index"]
    assert (
        len(value_of(manage(app, "GET", f"auth-files?name={NAME}&auth_index={index}"))["files"])
        == 1
    )
    assert value_of(manage(app, "GET", f"auth-files?name=other.json&auth_index={index}")) == {
        "files": []
    }


def test_hyphenated_and_nested_fields(app: SimulatedUpstream) -> None:
    assert _patch(app, **{"proxy-url": "direct", "a.b": 1, "headers": {"X": "1", "Y": ""}}) == {
        "status": "ok"
    }
    content = _content(app)
    assert (content["proxy_url"], content["a"], content["headers"]) == (
        "direct",
        {"b": 1},
        {"X": "1"},
    )


def test_the_canonical_spelling_wins_and_equal_rank_is_refused(app: SimulatedUpstream) -> None:
    _patch(app, **{"proxy-url": "a", "proxy_url": "b"})
    assert _content(app)["proxy_url"] == "b"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"weight": 1000001}, "weight must not exceed 1000000"),
        ({"weight.x": 1}, "weight does not support nested fields"),
        ({"request_retry": "x"}, "request_retry must be an integer or null"),
        ({"a..b": 1}, "invalid field path: a..b"),
        ({"": 1}, "field name is required"),
    ],
)
def test_bad_fields_are_refused(app: SimulatedUpstream, fields: dict[str, Any], text: str) -> None:
    assert _patch(app, **fields) == {"error": text}


def test_null_removes_numbers_and_stays_null_elsewhere(app: SimulatedUpstream) -> None:
    _patch(app, weight=3, note="n")
    _patch(app, weight=None, note=None, request_retry=-1)
    content = _content(app)
    assert "weight" not in content
    assert content["note"] is None


def test_the_listing_shows_a_codex_plan(app: SimulatedUpstream) -> None:
    files = value_of(manage(app, "GET", "auth-files"))["files"]
    plans = {file["email"]: file["id_token"]["plan_type"] for file in files if "id_token" in file}
    assert plans["erin@example.com"] == "pro"


def test_counters_survive_changes_but_not_a_new_life(app: SimulatedUpstream) -> None:
    raw = manage(app, "GET", f"auth-files/download?name={NAME}").body
    index = value_of(manage(app, "GET", f"auth-files?name={NAME}"))["files"][0]["auth_index"]
    app.state.results.note(index, "m", 200, "")
    _patch(app, note="n")
    assert app.state.results.total(index) == (1, 0)
    manage(app, "DELETE", f"auth-files?name={NAME}")
    ask(app, "POST", f"/v0/management/auth-files?name={NAME}", raw)
    assert app.state.results.total(index) == (0, 0)


def test_a_key_of_the_configuration_is_disabled_by_excluding_all_models(
    app: SimulatedUpstream,
) -> None:
    from management_proxy.simulator.configuration.entries import credential_id
    from management_proxy.simulator.configuration.families import FAMILIES

    entry = app.state.store.memory["claude-api-key"][0]
    name = credential_id(FAMILIES["claude-api-key"], entry)
    told = value_of(manage(app, "PATCH", "auth-files/status", {"name": name, "disabled": True}))
    assert told == {
        "disabled": True,
        "excluded_pattern": "*",
        "status": "ok",
        "via": "config:excluded-models",
    }
    shown = value_of(manage(app, "GET", "claude-api-key"))["claude-api-key"][0]
    assert shown["excluded-models"] == ["*"]
    manage(app, "PATCH", "auth-files/status", {"name": name, "disabled": False})
    assert (
        "excluded-models" not in value_of(manage(app, "GET", "claude-api-key"))["claude-api-key"][0]
    )


def test_vertex_import(app: SimulatedUpstream) -> None:
    account = json.dumps({"project_id": "p", "client_email": "s@p.example.com", "private_key": "x"})
    form = (
        '--b\r\nContent-Disposition: form-data; name="file";'
        f' filename="s.json"\r\n\r\n{account}\r\n--b--\r\n'
    )
    headers = {
        "authorization": f"Bearer {app.options.key}",
        "content-type": "multipart/form-data; boundary=b",
    }
    told = value_of(ask(app, "POST", "/v0/management/vertex/import", form, headers))
    assert told["auth-file"] == "/CLIProxyAPI/auths/vertex-p.json"
    assert (told["location"], told["project_id"]) == ("us-central1", "p")
