"""Trying a model of a real CLIProxyAPI; only where `CLIPROXYAPI_BINARY` names one (see
tests/usage/collector/test_real_upstream.py)."""

from collections.abc import Iterator

import pytest

from management_proxy.client_api.protocols import PROTOCOLS
from management_proxy.client_api.requests import ServedModel
from management_proxy.models import Upstream
from tests.factories import make_client_key, make_upstream, make_user
from tests.real_upstream import BINARY, CLIENT, KEY, Server, real_server
from usage.connect.served import served_by
from usage.connect.trial import try_model

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not BINARY, reason="CLIPROXYAPI_BINARY names no server"),
]


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    with real_server(tmp_path) as server:
        yield server


@pytest.fixture
def upstream(server) -> Upstream:
    upstream = make_upstream(management_url=f"{server.url}/v0/management")
    upstream.store_key(KEY)
    upstream.save()
    return upstream


def test_its_models_are_served_in_every_protocol_and_no_others(upstream):
    user, text = make_user("ada"), CLIENT["Authorization"].removeprefix("Bearer ")
    row = make_client_key(upstream, text, owner=user, state="active")

    assert ServedModel("glm", "relay") in served_by(upstream).models
    for protocol in PROTOCOLS.values():
        trial = try_model(row, user, protocol, "glm")
        assert (trial.status, trial.text, trial.reason) == (200, "ok", None), protocol.slug
    unknown = try_model(row, user, PROTOCOLS["messages"], "nope")
    assert unknown.reason
    assert unknown.reason.code == "unsupported_model"
