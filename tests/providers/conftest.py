"""A simulated upstream that loses quick writes as the real one does, and changes of its client
keys."""

from collections.abc import Iterator

import pytest

from management_proxy.client.http import ManagementClient
from management_proxy.client.lists import read_client_keys
from management_proxy.models import Upstream
from management_proxy.simulator import RunningSimulator, running_simulator
from providers.client_keys.changes import AddClientKey, RemoveClientKey
from providers.digests import client_key_digest
from providers.models import ClientKey
from tests.factories import give_key, make_upstream


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    with running_simulator(clients=2) as simulator:
        yield simulator


@pytest.fixture
def upstream(simulator: RunningSimulator, db: None) -> Upstream:
    upstream = make_upstream(management_url=simulator.management_url)
    give_key(upstream, simulator.key)
    upstream.save()
    return upstream


@pytest.fixture
def client(simulator: RunningSimulator) -> ManagementClient:
    """A client of the upstream that goes past the funnel, as a foreign one does."""
    return ManagementClient(simulator.management_url, simulator.key)


def add_key(upstream: Upstream, key: str) -> AddClientKey:
    row, _ = ClientKey.objects.get_or_create(
        upstream=upstream,
        digest=client_key_digest(key),
        defaults={"state": ClientKey.State.REQUESTED},
    )
    return AddClientKey(client_key_id=row.pk, key=key)


def remove_key(upstream: Upstream, key: str) -> RemoveClientKey:
    row, _ = ClientKey.objects.get_or_create(upstream=upstream, digest=client_key_digest(key))
    return RemoveClientKey(
        client_key_id=row.pk, digest=client_key_digest(key), label=f"…{key[-4:]}"
    )


def keys_of(client: ManagementClient) -> list[str]:
    return read_client_keys(client)


def foreign(simulator: RunningSimulator, **lists: object) -> None:
    """Lists as another program left them some time ago; underscores become hyphens."""
    simulator.app.state.store.force(
        {name.replace("_", "-"): value for name, value in lists.items()}
    )
