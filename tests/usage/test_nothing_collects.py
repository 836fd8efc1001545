"""No page triggers a collection: not when it is opened, and not when it renews itself."""

import pytest

from management_proxy.simulator import RunningSimulator
from tests.config.test_every_address import ADDRESSES
from tests.factories import make_user
from tests.providers.conftest import simulator, upstream  # noqa: F401
from usage.models import CollectorRun, UsageEvent

pytestmark = pytest.mark.django_db
POLL = {"HX-Request": "true", "HX-Poll": "true"}


def queued(simulator: RunningSimulator) -> int:  # noqa: F811
    state = simulator.control("state")
    return int(state["queued"])


@pytest.mark.parametrize("headers", [{}, POLL], ids=["opened", "renewed"])
def test_no_get_takes_anything_off_the_queue(client, simulator, upstream, headers):  # noqa: F811
    client.force_login(make_user("ada", staff=True))
    simulator.control("generate", {"events": 20, "spread": 0})
    before = queued(simulator)
    for address in ADDRESSES:
        response = client.get(address, headers=headers)
        if response.streaming:
            response.getvalue()  # an export holds a transaction until it is read
    assert simulator.control("pops") == []
    assert queued(simulator) == before
    assert not CollectorRun.objects.exists()
    assert not UsageEvent.objects.exists()
