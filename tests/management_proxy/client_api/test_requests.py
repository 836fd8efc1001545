"""What clients get of an upstream, requested by Tollgate: models, one word, and every way in which
that fails."""

import pytest
from django.core.exceptions import ValidationError

from management_proxy.client.errors import KeyRejected, NotReached, ResponseTooLarge, Unintelligible
from management_proxy.client_api.addresses import public_address, root_of
from management_proxy.client_api.protocols import PROTOCOLS
from management_proxy.client_api.requests import error_text, send_tiny, served_models
from management_proxy.models import Access, Upstream
from management_proxy.models.upstreams import validate_public_url
from management_proxy.simulator import running_simulator
from management_proxy.simulator.http.faults import read_fault
from tests.factories import make_upstream

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def running():
    with running_simulator(clients=2) as simulator:
        yield simulator


@pytest.fixture
def simulator(running):
    yield running
    running.app.faults.clear()


@pytest.fixture
def upstream(simulator):
    return make_upstream(management_url=simulator.management_url)


@pytest.fixture
def key(simulator):
    return simulator.app.state.store.memory["api-keys"][0]


def fault(simulator, **fields):
    simulator.app.faults.add(read_fault(fields))


def test_models_are_listed_with_their_owners(upstream, key):
    models = served_models(upstream, key)

    assert models == sorted(models, key=lambda model: (model.owner, model.name))
    assert "claude" in {model.owner for model in models}


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_one_word_comes_back_in_every_protocol(upstream, key, protocol):
    model = served_models(upstream, key)[0].name

    reply = send_tiny(upstream, key, protocol, model)

    assert (reply.status, reply.text(protocol)) == (200, "ok")
    assert 0 < reply.seconds < 40


def test_a_refused_client_key_leaves_our_own_access_as_it_is(upstream):
    with pytest.raises(KeyRejected):
        served_models(upstream, "sk-strange")
    reply = send_tiny(upstream, "sk-strange", PROTOCOLS["chat"], "any")

    assert (reply.status, error_text(reply.body)) == (401, ("Invalid API key", True))
    assert Upstream.objects.get().access == Access.OPEN


def test_a_key_that_no_header_can_carry_is_not_sent(upstream):
    with pytest.raises(KeyRejected, match="cannot be sent"):
        served_models(upstream, "sk-ü")


def test_a_response_of_another_form_or_size_is_refused(upstream, simulator, key):
    fault(simulator, kind="garbage", path="/v1/*", body='{"choices": []}')
    with pytest.raises(Unintelligible, match="Chat Completions"):
        send_tiny(upstream, key, PROTOCOLS["chat"], "any").text(PROTOCOLS["chat"])
    fault(simulator, kind="huge", path="/v1/*", bytes=2_000_000)
    with pytest.raises(ResponseTooLarge):
        send_tiny(upstream, key, PROTOCOLS["chat"], "any")


def test_a_server_that_is_gone_is_not_reached(key):
    with pytest.raises(NotReached):
        served_models(make_upstream(management_url="http://127.0.0.1:9/v0/management"), key)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"error":"Missing API key"}', ("Missing API key", True)),
        (b'{"error":{"message":"slow down"}}', ("slow down", False)),
        (b'{"error":null}', ("", False)),
        (b"<html>", ("", False)),
        (b"[]", ("", False)),
    ],
)
def test_the_message_of_an_error_is_found_or_left_out(body, expected):
    assert error_text(body) == expected


def test_requests_go_to_the_server_of_the_management_url_whatever_clients_use(settings):
    settings.CLIPROXYAPI_PUBLIC_URL = "https://llm.example.com"
    own = make_upstream(from_environment=True, management_url="http://cpa:8317/base/v0/management")
    other = make_upstream(public_url="https://other.example.com/")

    assert root_of(own) == "http://cpa:8317/base"
    assert public_address(own) == "https://llm.example.com"
    assert public_address(other) == "https://other.example.com"
    assert public_address(make_upstream()) == ""


@pytest.mark.parametrize(
    "url",
    [
        "llm.example.com",
        "ftp://llm.example.com",
        "https://",
        "https://user@llm.example.com",
        "https://llm.example.com/?a=b",
        'https://llm.example.com/"; rm -rf ~',
        "https://llm.example.com/$(id)",
        "https://llm.example.com/v1",
        "https://llm.example.com:99999",
    ],
)
def test_an_address_that_no_snippet_could_hold_is_refused(url):
    with pytest.raises(ValidationError):
        validate_public_url(url)


def test_addresses_with_port_path_and_ipv6_are_accepted():
    for url in ("http://10.0.0.7:8317", "https://example.com/llm", "http://[::1]:8317/"):
        validate_public_url(url)
