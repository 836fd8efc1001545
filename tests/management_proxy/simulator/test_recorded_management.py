"""The simulator answers the recorded management exchanges as the real server did."""

import json
from collections.abc import Iterator
from typing import NamedTuple

import pytest
import yaml

from management_proxy.simulator.http.wire import Response
from management_proxy.simulator.logs import ErrorLog
from management_proxy.simulator.tools import Canned
from tests.management_proxy.simulator.replay import (
    Exchange,
    FakeClock,
    ask,
    compared_headers,
    headers_of,
    recorded,
    recorded_upstream,
    shape,
    value_of,
)

EXCHANGES = recorded("management.jsonl")
NAMES = [exchange.name for exchange in EXCHANGES]

# Same status, headers and shape, but other values: times, counters of earlier traffic, random
# states, log lines.
SAME_SHAPE_ONLY = {
    "read auth-files",
    "read api-key-usage",
    "read latest-version",
    "read request-error-logs",
    "read model-definitions/codex",
    "auth file models",
    "auth files after uploads",
    "auth files filtered",
    "auth file after disable",
    "auth file after fields",
    "auth files",
    "oauth start codex",
    "oauth start anthropic",
    "oauth start again",
    "logs tail",
    "logs cursor",
    "logs after",
    "logs bad cursor",
    "error logs",
    "api call",
    "reset quota",
    "api key usage",
}
# Compared in a test of its own: a save writes sections about clustering that the simulator does not
# have.
EXCLUDED = {"config yaml": "test_saved_file_means_the_same"}


class Replayed(NamedTuple):
    exchange: Exchange
    response: Response


@pytest.fixture(scope="module")
def replayed() -> dict[str, Replayed]:
    return {one.exchange.name: one for one in _replay()}


def _replay() -> Iterator[Replayed]:
    clock = FakeClock()
    app = recorded_upstream(clock)
    by_name = {exchange.name: exchange for exchange in EXCHANGES}
    app.state.logs.errors = [_error_log(by_name)]
    app.state.tools.canned = [_canned(by_name["api call"])]
    # What the recorded server drew at random, and what the simulator drew in its place.
    drawn: dict[str, str] = {}
    for exchange in EXCHANGES:
        clock.advance(2)
        target, body = exchange.target, exchange.request_body.decode()
        for theirs, ours in drawn.items():
            target, body = target.replace(theirs, ours), body.replace(theirs, ours)
        response = ask(app, exchange.method, target, body, exchange.headers)
        drawn.update(_drawn(exchange, response))
        yield Replayed(exchange, response)


def _error_log(by_name: dict[str, Exchange]) -> ErrorLog:
    exchange = by_name["error log file"]
    return ErrorLog(exchange.target.rpartition("/")[2], exchange.body, 1795426123)


def _canned(exchange: Exchange) -> Canned:
    told = exchange.value
    return Canned("http://127.0.0.1:9100/", told["body"], told["status_code"], told["header"])


def _drawn(exchange: Exchange, response: Response) -> dict[str, str]:
    if exchange.status != 200 or response.status != 200 or not exchange.body.startswith(b"{"):
        return {}
    theirs, ours = exchange.value, json.loads(response.body)
    return {
        theirs[key]: ours[key] for key in ("state", "next-cursor") if key in theirs and key in ours
    }


@pytest.mark.parametrize("name", NAMES)
def test_status_and_headers_are_the_recorded_ones(name: str, replayed: dict[str, Replayed]) -> None:
    exchange, response = replayed[name]
    assert response.status == exchange.status
    assert headers_of(response) == compared_headers(exchange.response_headers)


@pytest.mark.parametrize(
    "name", [name for name in NAMES if name not in SAME_SHAPE_ONLY and name not in EXCLUDED]
)
def test_body_is_the_recorded_one(name: str, replayed: dict[str, Replayed]) -> None:
    exchange, response = replayed[name]
    is_json = exchange.response_headers.get("content-type", "").startswith("application/json")
    if is_json and exchange.body:
        assert value_of(response) == exchange.value
    else:
        assert response.body == exchange.body


@pytest.mark.parametrize("name", sorted(SAME_SHAPE_ONLY))
def test_body_has_the_recorded_shape(name: str, replayed: dict[str, Replayed]) -> None:
    exchange, response = replayed[name]
    assert shape(value_of(response)) == shape(exchange.value)


@pytest.mark.parametrize("name", sorted(EXCLUDED))
def test_saved_file_means_the_same(name: str, replayed: dict[str, Replayed]) -> None:
    exchange, response = replayed[name]
    theirs, ours = yaml.safe_load(exchange.body), yaml.safe_load(response.body)
    written_by_clustering = {"credential-concurrency", "credential-in-flight"}
    written_at_their_defaults = {"ws-auth", "oauth-model-alias"}
    assert ours == {
        key: value
        for key, value in theirs.items()
        if key not in written_by_clustering | written_at_their_defaults
    }
    assert response.body.startswith(b"# configuration of the recorded upstream\n")
