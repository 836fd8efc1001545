"""The bulkhead: how much of a process the calls to an ill upstream can take."""

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from management_proxy.proxy.limits.bulkhead import Bulkhead, Full
from tests.factories import make_upstream
from tests.management_proxy.proxied import browser, wait_until
from tests.management_proxy.scripted import Conversation, scripted_upstream
from tests.web_server import WebServer, web_server


def fill(bulkhead: Bulkhead, upstream: int) -> int:
    """Take slots until there are none; how many there were."""
    taken = 0
    try:
        while True:
            bulkhead.take(upstream)
            taken += 1
    except Full:
        return taken


@pytest.mark.parametrize(
    ("threads", "one", "all_together"), [(1, 1, 1), (2, 1, 1), (4, 2, 3), (8, 4, 6), (16, 8, 12)]
)
def test_one_upstream_gets_half_and_all_together_leave_a_quarter(threads, one, all_together):
    bulkhead = Bulkhead(threads)
    assert fill(bulkhead, 1) == one
    assert fill(bulkhead, 2) == all_together - one


def test_slot_that_is_given_back_is_taken_by_who_waits():
    # On this clock nothing is stalled, however busy the machine is.
    bulkhead = Bulkhead(2, itertools.count(0.0, 1e-6).__next__)
    bulkhead.most_held = 2
    bulkhead.take(1)
    threading.Timer(0.05, bulkhead.give_back, [1]).start()
    assert bulkhead.take(1) > 0
    assert bulkhead.occupancy(1).in_flight == 1


def test_no_call_waits_where_nothing_moves():
    now = [0.0]
    bulkhead = Bulkhead(8, lambda: now[0])
    for _ in range(bulkhead.slots):
        bulkhead.take(1)
    now[0] = 0.3
    with pytest.raises(Full):
        bulkhead.take(1)


@pytest.fixture
def server(transactional_db, tmp_path) -> Iterator[WebServer]:
    with web_server(tmp_path) as server:
        yield server


def test_fifty_hanging_calls_leave_the_pages_alone(server):
    hanging, release = threading.Semaphore(0), threading.Event()

    def script(call: Conversation) -> None:
        hanging.release()
        release.wait(120)
        call.respond(b'{"debug":false}')

    with (
        scripted_upstream(script) as upstream,
        browser(server) as staff,
        ThreadPoolExecutor(50) as callers,
    ):
        make_upstream(management_url=upstream.management_url)
        calls = [callers.submit(staff.get, "debug", timeout=60) for _ in range(50)]
        for _ in range(8):
            assert hanging.acquire(timeout=60)
        wait_until(lambda: sum(call.done() for call in calls) == 42)
        assert httpx.get(f"{server.url}/login/", timeout=30).status_code == 200
        release.set()
        statuses = [call.result().status_code for call in calls]
    assert (statuses.count(200), statuses.count(503), len(upstream.requests)) == (8, 42, 8)
    refused = next(call.result() for call in calls if call.result().status_code == 503)
    assert (refused.json()["error"]["code"], refused.headers["Retry-After"]) == (
        "BULKHEAD_FULL",
        "2",
    )
