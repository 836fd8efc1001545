"""A simulated upstream with two client keys of its own, one of which ada has."""

from collections.abc import Iterator

import pytest

from management_proxy.models import Upstream
from management_proxy.simulator import RunningSimulator, running_simulator
from management_proxy.simulator.http.faults import read_fault
from providers.models import ClientKey
from tests.factories import give_key, make_client_key, make_upstream, make_user


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSimulator]:
    with running_simulator(clients=2, statistics=True, retention=3600) as simulator:
        yield simulator


@pytest.fixture
def simulator(running: RunningSimulator) -> Iterator[RunningSimulator]:
    yield running
    running.app.faults.clear()


@pytest.fixture
def upstream(simulator: RunningSimulator, db: None) -> Upstream:
    upstream = make_upstream(name="main", management_url=simulator.management_url)
    give_key(upstream, simulator.key)
    upstream.save()
    return upstream


@pytest.fixture
def text(simulator: RunningSimulator) -> str:
    """Ada's key, as the upstream lists it."""
    return str(simulator.app.state.store.memory["api-keys"][0])


@pytest.fixture
def row(upstream: Upstream, text: str) -> ClientKey:
    return make_client_key(
        upstream, text, owner=make_user("ada"), name="laptop", state=ClientKey.State.ACTIVE
    )


@pytest.fixture
def model(simulator: RunningSimulator) -> str:
    return str(simulator.app.state.world().by_provider["claude"][0].models[0][1])


def fault(simulator: RunningSimulator, **fields: object) -> None:
    """The next request of a client goes wrong."""
    simulator.app.faults.add(read_fault({"path": "/v1/chat/*", **fields}))
