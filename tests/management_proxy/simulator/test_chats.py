"""Single requests of clients: who may send them, in which protocols, and the event that each
makes."""

import json

import pytest

from management_proxy.client_api.protocols import PROTOCOLS
from management_proxy.simulator.app import SimulatedUpstream
from management_proxy.simulator.http.wire import Request
from management_proxy.simulator.options import Options


@pytest.fixture
def simulated():
    upstream = SimulatedUpstream(Options(clients=2, statistics=True, retention=3600))
    yield upstream
    upstream.state.queue.disable_management()


def key_of(simulated):
    return simulated.state.store.memory["api-keys"][0]


def sent(simulated, protocol, model, key):
    headers = {"authorization": f"Bearer {key}", "user-agent": "curl/8"}
    body = json.dumps(protocol.body(model)).encode()
    path = f"/{protocol.path_of(model)}"
    response = simulated.handle(Request("POST", path, headers=headers, body=body))
    return response.status, json.loads(response.body)


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_every_protocol_serves_every_model_and_makes_one_event(simulated, protocol):
    model = simulated.state.world().by_provider["claude"][0].models[0][1]

    status, body = sent(simulated, protocol, model, key_of(simulated))

    assert (status, protocol.text(body)) == (200, "ok")
    (event,) = (json.loads(raw) for raw in simulated.state.queue.pop(10))
    assert (event["alias"], event["api_key"]) == (model, key_of(simulated))
    assert event["endpoint"].startswith("POST /v1")
    assert event["tokens"]["total_tokens"] == 10


def test_a_strange_key_and_an_unknown_model_are_refused_as_the_real_server_does(simulated):
    chat, messages = PROTOCOLS["chat"], PROTOCOLS["messages"]
    unknown = "unknown provider for model nope"

    assert sent(simulated, chat, "nope", "sk-strange") == (401, {"error": "Invalid API key"})
    assert sent(simulated, chat, "nope", key_of(simulated)) == (
        400,
        {
            "error": {
                "message": unknown,
                "type": "invalid_request_error",
                "code": "model_not_found",
                "param": "model",
            }
        },
    )
    assert sent(simulated, messages, "nope", key_of(simulated)) == (
        400,
        {"type": "error", "error": {"type": "invalid_request_error", "message": unknown}},
    )
    assert simulated.state.queue.pop(10) == []
