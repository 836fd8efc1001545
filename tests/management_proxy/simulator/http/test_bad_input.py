"""Nothing that a client sends breaks the simulator; wrong configuration files are refused in Go's
words."""

import http.client
import json

import pytest

from management_proxy.simulator import Options, SimulatedUpstream, running_simulator
from tests.management_proxy.simulator.replay import FakeClock, ask, value_of

BODIES = (
    b"",
    b"null",
    b"[",
    b"{}x",
    b"\xff",
    b"9" * 5000,
    b"[" * 3000,
    b'"s"',
    b"NaN",
    b'[{"api-key":{}}]',
    b'{"value":{"models":5}}',
)


@pytest.fixture
def app(clock: FakeClock) -> SimulatedUpstream:
    return SimulatedUpstream(Options(clock=clock, sleep=clock.advance, reload_window=0.0))


@pytest.mark.parametrize("body", BODIES)
def test_every_route_answers_whatever_comes(app: SimulatedUpstream, body: bytes) -> None:
    for method, path in app.state.routes:
        route = f"{path}x" if path.endswith("/") else path
        target = f"/v0/management/{route}?name=x.json&state=x&index=1&provider=x"
        response = ask(app, method, target, body)
        assert 200 <= response.status <= 502
        assert not response.body.startswith(b"{") or json.loads(response.body)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("api-keys: 5", "line 1: cannot unmarshal !!int `5` into []string"),
        ("api-keys: [{a: b}]", "line 1: cannot unmarshal !!map into string"),
        (
            "debug: true\nremote-management: 5",
            "line 2: cannot unmarshal !!int `5` into config.RemoteManagement",
        ),
        ("remote-management: {allow-remote: 3}", "line 1: cannot unmarshal !!int `3` into bool"),
        ("claude-api-key: {a: 1}", "line 1: cannot unmarshal !!map into []config.ClaudeApiKey"),
        ("codex-api-key: [5]", "line 1: cannot unmarshal !!int `5` into config.CodexApiKey"),
        ("oauth-excluded-models: [a]", "line 1: cannot unmarshal !!seq into map[string][]string"),
        ("oauth-excluded-models: {codex: 5}", "line 1: cannot unmarshal !!int `5` into []string"),
        ("request-retry: 1.5", "line 1: cannot unmarshal !!float `1.5` into int"),
        ("- 1", "line 1: cannot unmarshal !!seq into config.Config"),
        ("? [a]\n: b", "line 1: cannot unmarshal !!seq into string"),
        ("gemini-api-key: [{api-key: [1]}]", "yaml: unmarshal errors: gemini-api-key"),
    ],
)
def test_a_value_of_the_wrong_type_is_told(app: SimulatedUpstream, text: str, told: str) -> None:
    before = app.state.store.text
    response = ask(app, "PUT", "/v0/management/config.yaml", text)
    assert (response.status, value_of(response)["error"]) == (400, "invalid_yaml")
    assert told in value_of(response)["message"]
    assert app.state.store.text == before


def test_a_weight_that_is_too_heavy_is_invalid_configuration(app: SimulatedUpstream) -> None:
    text = "claude-api-key: [{api-key: k, weight: 1000001}]"
    response = ask(app, "PUT", "/v0/management/config.yaml", text)
    assert (response.status, value_of(response)["error"]) == (422, "invalid_config")


@pytest.mark.parametrize("length", ["many", "-1"])
def test_a_bad_length_is_a_bad_request(length: str) -> None:
    with running_simulator() as sim:
        connection = http.client.HTTPConnection(sim.host, sim.port, timeout=60)
        connection.request(
            "POST", "/v0/management/oauth-callback", headers={"Content-Length": length}
        )
        response = connection.getresponse()
        assert (response.status, response.read()) == (400, b"400 Bad Request")
        connection.close()


HEAD = "port: 18317\napi-keys: [sk-clientkey-1]\n"


@pytest.mark.parametrize(
    ("text", "status", "problem"),
    [
        ('x: !!python/object/apply:os.system ["id"]', 200, ""),
        ("x: !!binary 'zzz*'", 200, ""),
        ("x: !!int foo", 200, ""),
        ("x: {<<: 3}", 200, ""),
        ("x: {a: 1, a: 2}", 200, ""),
        ("x: {? [a] : 1}", 200, ""),
        ("=: 2", 200, ""),
        ("x: 2001-99-99", 200, ""),
        ("debug: !foo true", 400, "line 3: cannot unmarshal !foo `true` into bool"),
        ("port: 1", 400, 'line 3: mapping key "port" already defined at line 1'),
        ("? [a]\n: 1", 400, "line 3: cannot unmarshal !!seq into string"),
        ("x: *nope", 400, "nope"),
        ("a: &a [*a]", 400, "line 3"),
    ],
)
def test_a_configuration_is_taken_or_refused_as_the_real_server_does(
    app: SimulatedUpstream, text: str, status: int, problem: str
) -> None:
    response = ask(app, "PUT", "/v0/management/config.yaml", f"{HEAD}{text}\n")
    assert response.status == status
    assert problem in response.body.decode().replace('\\"', '"')
