"""Normalising, dropping and selecting entries of the key lists (contract 6.2 to 6.4)."""

from typing import Any

import pytest

from management_proxy.simulator import Options, Preset, SimulatedUpstream
from tests.management_proxy.simulator.replay import FakeClock, ask, manage, value_of

TWINS = [{"api-key": "k", "base-url": "https://a"}, {"api-key": "k", "base-url": "https://b"}]
STRICT = ("gemini-api-key", "interactions-api-key")
LAX = ("claude-api-key", "codex-api-key", "xai-api-key", "vertex-api-key")


@pytest.fixture
def app(clock: FakeClock) -> SimulatedUpstream:
    return SimulatedUpstream(
        Options(clock=clock, reload_window=0.0, preset=Preset("api-keys: [a]\n"))
    )


def _put(app: SimulatedUpstream, route: str, entries: Any) -> list[dict[str, Any]]:
    response = manage(app, "PUT", route, entries)
    assert response.status == 200, response.body
    return _list(app, route)


def _list(app: SimulatedUpstream, route: str) -> list[dict[str, Any]]:
    return value_of(manage(app, "GET", route))[route]


def _bases(entries: list[dict[str, Any]]) -> list[str]:
    return [entry.get("base-url", "") for entry in entries]


@pytest.mark.parametrize("route", ["codex-api-key", "xai-api-key"])
def test_entries_without_base_url_are_dropped(app: SimulatedUpstream, route: str) -> None:
    assert _put(app, route, [{"api-key": "k"}]) == []


def test_claude_neither_drops_nor_dedupes(app: SimulatedUpstream) -> None:
    assert len(_put(app, "claude-api-key", [{"api-key": "k"}, {"api-key": "k"}])) == 2


def test_gemini_dedupes_by_more_than_the_key(app: SimulatedUpstream) -> None:
    entries = [{"api-key": "k"}, {"api-key": " k "}, {"api-key": "k", "prefix": "p"}, {}]
    assert len(_put(app, "gemini-api-key", entries)) == 2


def test_vertex_drops_models_without_both_name_and_alias(app: SimulatedUpstream) -> None:
    whole = {"name": "m", "alias": "a"}
    (entry,) = _put(
        app, "vertex-api-key", [{"api-key": "k", "models": [whole, {"name": "m"}, {"alias": "a"}]}]
    )
    assert entry["models"] == [whole]


def test_fields_are_trimmed_and_unknown_ones_forgotten(app: SimulatedUpstream) -> None:
    wild = {
        "API-Key": " k ",
        "base-url": " https://a ",
        "prefix": "/team/",
        "headers": {" X ": " 1 ", "Y": ""},
        "excluded-models": ["A*", " a* ", ""],
        "auth-index": "0000",
        "new": 1,
    }
    (entry,) = _put(app, "gemini-api-key", [wild])
    index = entry.pop("auth-index", None)
    assert index != "0000"
    expected = {"api-key": "k", "base-url": "https://a", "prefix": "team", "headers": {"X": "1"}}
    assert entry == {**expected, "excluded-models": ["a*"]}


def test_a_prefix_with_a_slash_inside_is_no_prefix(app: SimulatedUpstream) -> None:
    (entry,) = _put(app, "gemini-api-key", [{"api-key": "k", "prefix": "a/b"}])
    assert "prefix" not in entry


@pytest.mark.parametrize(
    "value", [{"foo": 1}, {"items": []}, "x", [1], [{"api-key": 5}], [{"headers": []}]]
)
def test_bad_bodies_are_refused(app: SimulatedUpstream, value: Any) -> None:
    response = manage(app, "PUT", "gemini-api-key", value)
    assert (response.status, response.body) == (400, b'{"error":"invalid body"}')


def test_a_heavy_weight_names_its_place_on_put(app: SimulatedUpstream) -> None:
    response = manage(
        app, "PUT", "codex-api-key", [{"api-key": "k"}, {"api-key": "l", "weight": 1000001}]
    )
    assert value_of(response) == {
        "error": "codex-api-key[1].weight: weight must not exceed 1000000"
    }


@pytest.mark.parametrize("route", STRICT)
def test_strict_delete_wants_exactly_one(app: SimulatedUpstream, route: str) -> None:
    _put(app, route, TWINS)
    ambiguous = manage(app, "DELETE", f"{route}?api-key=k")
    assert value_of(ambiguous) == {"error": "multiple items match api-key; base-url is required"}
    assert manage(app, "DELETE", f"{route}?api-key=k&base-url=https://b").status == 200
    assert manage(app, "DELETE", f"{route}?api-key=k&base-url=https://b").status == 404
    assert _bases(_list(app, route)) == ["https://a"]


@pytest.mark.parametrize("route", LAX)
def test_lax_delete_is_silent_about_nothing(app: SimulatedUpstream, route: str) -> None:
    _put(app, route, TWINS)
    assert manage(app, "DELETE", f"{route}?api-key=k").status == 400
    assert manage(app, "DELETE", f"{route}?api-key=nobody").status == 200
    assert manage(app, "DELETE", f"{route}?api-key=k&base-url=https://b").status == 200
    assert manage(app, "DELETE", f"{route}?api-key=k&base-url=https://b").status == 200
    assert _bases(_list(app, route)) == ["https://a"]


def test_index_tolerates_junk_and_yields_to_the_key(app: SimulatedUpstream) -> None:
    _put(app, "codex-api-key", TWINS)
    assert manage(app, "DELETE", "codex-api-key?index=1abc").status == 200
    assert manage(app, "DELETE", "codex-api-key?index=0&api-key=nobody").status == 200
    assert _bases(_list(app, "codex-api-key")) == ["https://a"]


def test_compat_delete_by_name_removes_all(app: SimulatedUpstream) -> None:
    entries = [
        {"name": "n", "base-url": "https://a"},
        {"name": "n", "base-url": "https://b"},
        {"name": "m", "base-url": "https://c"},
    ]
    _put(app, "openai-compatibility", entries)
    assert manage(app, "DELETE", "openai-compatibility?name=n").status == 200
    assert value_of(manage(app, "DELETE", "openai-compatibility")) == {
        "error": "missing name or index"
    }
    assert _bases(_list(app, "openai-compatibility")) == ["https://c"]


def test_patch_by_match_is_ambiguous_for_gemini_unless_told_apart(app: SimulatedUpstream) -> None:
    _put(app, "gemini-api-key", TWINS)
    change = {"match": "k", "value": {"prefix": "p"}}
    assert value_of(manage(app, "PATCH", "gemini-api-key", change)) == {
        "error": "multiple items match; index is required"
    }
    assert manage(app, "PATCH", "gemini-api-key?base-url=https://b", change).status == 200
    assert [entry.get("prefix") for entry in _list(app, "gemini-api-key")] == [None, "p"]


def test_patch_by_match_takes_the_first_elsewhere(app: SimulatedUpstream) -> None:
    _put(app, "codex-api-key", TWINS)
    manage(app, "PATCH", "codex-api-key", {"match": "k", "value": {"prefix": "p"}})
    assert [entry.get("prefix") for entry in _list(app, "codex-api-key")] == ["p", None]


def test_what_cannot_be_patched_is_ignored_with_success(app: SimulatedUpstream) -> None:
    _put(app, "gemini-api-key", [{"api-key": "k"}])
    before = _list(app, "gemini-api-key")
    change = {"match": "k", "value": {"models": [{"name": "m"}], "priority": 3}}
    assert manage(app, "PATCH", "gemini-api-key", change).status == 200
    assert _list(app, "gemini-api-key") == before


def test_null_clears_weight_and_disable_cooling_only(app: SimulatedUpstream) -> None:
    full = {"api-key": "k", "weight": 2, "disable-cooling": True, "request-retry": 3, "prefix": "p"}
    _put(app, "gemini-api-key", [full])
    nothing = dict.fromkeys(("weight", "disable-cooling", "request-retry", "prefix"))
    manage(app, "PATCH", "gemini-api-key", {"index": 0, "value": nothing})
    (entry,) = _list(app, "gemini-api-key")
    entry.pop("auth-index", None)
    assert entry == {"api-key": "k", "prefix": "p", "request-retry": 3}


def test_disable_cooling_wants_a_boolean(app: SimulatedUpstream) -> None:
    _put(app, "gemini-api-key", [{"api-key": "k"}])
    response = manage(app, "PATCH", "gemini-api-key", {"index": 0, "value": {"disable-cooling": 1}})
    assert value_of(response) == {"error": "disable-cooling must be a boolean or null"}


@pytest.mark.parametrize(
    ("route", "entry", "change"),
    [
        ("gemini-api-key", {"api-key": "k"}, {"api-key": ""}),
        ("codex-api-key", {"api-key": "k", "base-url": "https://a"}, {"base-url": ""}),
        ("vertex-api-key", {"api-key": "k"}, {"api-key": ""}),
        ("openai-compatibility", {"name": "n", "base-url": "https://a"}, {"base-url": ""}),
    ],
)
def test_a_patch_that_empties_an_entry_deletes_it(
    app: SimulatedUpstream, route: str, entry: dict[str, Any], change: dict[str, Any]
) -> None:
    _put(app, route, [entry])
    assert manage(app, "PATCH", route, {"index": 0, "value": change}).status == 200
    assert _list(app, route) == []


def test_an_out_of_range_index_of_a_client_key_falls_through(app: SimulatedUpstream) -> None:
    manage(app, "PATCH", "api-keys", {"index": 9, "value": "v", "old": "a", "new": "b"})
    assert value_of(manage(app, "GET", "api-keys")) == {"api-keys": ["b"]}


def test_null_empties_the_client_keys(app: SimulatedUpstream) -> None:
    assert ask(app, "PUT", "/v0/management/api-keys", b"null").status == 200
    assert value_of(manage(app, "GET", "api-keys")) == {"api-keys": None}


def test_a_map_of_the_wrong_shape_clears(app: SimulatedUpstream) -> None:
    manage(app, "PUT", "oauth-request-scoped-errors", {"codex": [{"status": 400}]})
    assert (
        manage(app, "PUT", "oauth-request-scoped-errors", {"codex": {"status": 400}}).status == 200
    )
    assert value_of(manage(app, "GET", "oauth-request-scoped-errors")) == {
        "oauth-request-scoped-errors": None
    }


def test_maps_are_patched_per_provider(app: SimulatedUpstream) -> None:
    assert (
        manage(
            app, "PATCH", "oauth-excluded-models", {"provider": "Codex", "models": ["A*"]}
        ).status
        == 200
    )
    assert value_of(manage(app, "GET", "oauth-excluded-models")) == {
        "oauth-excluded-models": {"codex": ["a*"]}
    }
    assert (
        manage(app, "PATCH", "oauth-excluded-models", {"provider": "codex", "models": []}).status
        == 200
    )
    assert value_of(manage(app, "DELETE", "oauth-excluded-models?provider=codex")) == {
        "error": "provider not found"
    }
    assert value_of(manage(app, "DELETE", "oauth-excluded-models")) == {"error": "missing provider"}


@pytest.mark.parametrize(("value", "kept"), [(-5, 0), (7, 7)])
def test_numbers_below_zero_are_lifted(app: SimulatedUpstream, value: int, kept: int) -> None:
    manage(app, "PUT", "logs-max-total-size-mb", {"value": value})
    assert value_of(manage(app, "GET", "logs-max-total-size-mb")) == {
        "logs-max-total-size-mb": kept
    }


def test_trailing_data_is_ignored_where_the_server_ignores_it(app: SimulatedUpstream) -> None:
    assert ask(app, "PUT", "/v0/management/debug", b'{"VALUE":true} rest').status == 200
    assert ask(app, "PUT", "/v0/management/api-keys", b'["a"] rest').status == 400
