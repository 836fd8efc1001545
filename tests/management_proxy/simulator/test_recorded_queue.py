"""The queue and the older versions answer as recorded; recorded events go through unchanged."""

import json

import pytest

from management_proxy.simulator import Options, SimulatedUpstream
from management_proxy.simulator.traffic.generator import Traffic
from tests.management_proxy.simulator.replay import (
    RECORDED_KEY,
    Exchange,
    FakeClock,
    ask,
    compared_headers,
    headers_of,
    recorded,
    recorded_preset,
    recorded_upstream,
    shape,
    value_of,
)

OLDER = ("6.10.8", "7.0.7", "7.1.40")
QUEUES = (
    "usage-queue.jsonl",
    "usage-queue-hostile.jsonl",
    *(f"older/usage-queue-v{version}.jsonl" for version in OLDER),
)
# Sums that the upstream completes only where it has them; absent here says nothing about the shape.
OPTIONAL_EVENT_KEYS = {"response_headers", "access_token_sha256", "response_service_tier"}


def _profile(file: str) -> str:
    return next((version for version in OLDER if version in file), "7.2.140")


def _elements(body: bytes) -> list[bytes]:
    """Return the elements of a recorded page, cut at the places where an event begins."""
    inner = body[1:-1]
    return [b'{"timestamp":' + part.rstrip(b",") for part in inner.split(b'{"timestamp":')[1:]]


@pytest.mark.parametrize("file", QUEUES)
def test_exchanges_are_answered_as_recorded(file: str) -> None:
    app = recorded_upstream(FakeClock(), profile=_profile(file))
    exchanges = recorded(file)
    for exchange in exchanges:
        if "page" in exchange.name:
            app.state.queue.push(_elements(exchange.body))
        response = ask(app, exchange.method, exchange.target, headers=exchange.headers)
        assert response.status == exchange.status, exchange.name
        assert headers_of(response) == compared_headers(exchange.response_headers), exchange.name
        _compare_body(exchange, response.body)


def _compare_body(exchange: Exchange, body: bytes) -> None:
    if exchange.name == "auth files":
        assert _without_accounts(shape(json.loads(body))) == _without_accounts(
            shape(exchange.value)
        )
    else:
        assert body == exchange.body


def _without_accounts(listing: dict) -> list[list[str]]:
    return [sorted(entry) for entry in listing["files"]]


@pytest.mark.parametrize("version", OLDER)
def test_old_files_have_the_recorded_index(version: str) -> None:
    exchange = next(
        one for one in recorded(f"older/usage-queue-v{version}.jsonl") if one.name == "auth files"
    )
    app = recorded_upstream(FakeClock(), profile=version)
    theirs = {file["name"]: file["auth_index"] for file in exchange.value["files"]}
    ours = {
        file["name"]: file["auth_index"]
        for file in value_of(ask(app, "GET", "/v0/management/auth-files"))["files"]
    }
    assert {name: ours[name] for name in theirs if name in ours} == {
        name: theirs[name] for name in theirs if name in ours
    }


@pytest.mark.parametrize("file", ["usage-queue.jsonl", *QUEUES[2:]])
def test_generated_events_have_the_recorded_keys_in_order(file: str) -> None:
    page = next(one for one in recorded(file) if one.name == "traffic page 1").value
    event = next(one for one in page if "response_headers" in one or _profile(file) in OLDER[:2])
    app = SimulatedUpstream(Options(profile=_profile(file), clock=FakeClock()))
    app.generate(300)
    ours = json.loads(ask(app, "GET", "/v0/management/usage-queue?count=300").body)
    wanted = [key for key in event if key not in OPTIONAL_EVENT_KEYS]
    assert all([key for key in one if key not in OPTIONAL_EVENT_KEYS] == wanted for one in ours)
    assert all(list(one["tokens"]) == list(event["tokens"]) for one in ours)


def test_queue_is_empty_while_somebody_subscribes() -> None:
    exchange = recorded("usage-queue-while-subscribed.jsonl")[0]
    app = recorded_upstream(FakeClock())
    ask(app, "POST", "/__control/subscriber", b'{"reading":true}')
    app.generate(5)
    response = ask(app, exchange.method, exchange.target, headers=exchange.headers)
    assert (response.status, response.body) == (exchange.status, exchange.body)


def test_recorded_server_and_ours_name_credentials_alike() -> None:
    app = SimulatedUpstream(Options(key=RECORDED_KEY, preset=recorded_preset(), clock=FakeClock()))
    indexes = {key.index for key in app.state.keys}
    assert {
        "98c72221108f2081",
        "bc69b6e83e511f5b",
        "dd0e9d0a9d213a0e",
        "4bca8d472178c994",
    } <= indexes
    assert isinstance(app.state.traffic, Traffic)
