"""Collection against a real CLIProxyAPI; only where `CLIPROXYAPI_BINARY` names one.

unshare -n bash -c 'ip link set lo up; CLIPROXYAPI_BINARY=... .venv/bin/python -m pytest
tests/usage/collector/test_real_upstream.py'
"""

import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from management_proxy.client.usage import counters
from management_proxy.models import CollectionMode, Upstream
from management_proxy.upstreams.clients import client_for
from management_proxy.upstreams.observation import examine
from monitoring.health import findings
from tests.factories import make_upstream, make_user
from tests.processes import eventually
from tests.real_upstream import BINARY, KEY, Server, real_server
from usage.collector.loop import UpstreamThread
from usage.completeness import measure as completeness
from usage.models import UsageEvent
from usage.models.completeness import CompletenessInterval, CounterSample

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


@pytest.fixture
def collecting(upstream, monkeypatch) -> Iterator[None]:
    monkeypatch.setattr(completeness, "MEASURE_EVERY", timedelta(seconds=2))
    stop = threading.Event()
    thread = UpstreamThread(Upstream.objects.get(), stop, 0.2)
    thread.start()
    yield
    stop.set()
    thread.join(30)


def counted(upstream: Upstream) -> int:
    return sum(counter.success + counter.failed for counter in counters(client_for(upstream)))


def measured() -> int:
    return sum(CompletenessInterval.objects.values_list("counted", flat=True))


@pytest.mark.usefixtures("collecting")
def test_all_that_was_counted_is_collected_and_said_so(server, upstream):
    eventually(CounterSample.objects.exists)
    server.chat(40)
    eventually(lambda: UsageEvent.objects.count() == counted(upstream) == 40)
    eventually(lambda: measured() == 40, 30)
    assert not any(interval.is_loss for interval in CompletenessInterval.objects.all())


@pytest.mark.usefixtures("collecting")
def test_subscriber_that_does_not_read_is_found(server, upstream):
    server.chat(5)
    eventually(lambda: UsageEvent.objects.count() == 5)
    with socket.create_connection(("127.0.0.1", server.port)) as mute:
        mute.sendall(
            b"*2\r\n$4\r\nAUTH\r\n$%d\r\n%b\r\n*2\r\n$9\r\nSUBSCRIBE\r\n$5\r\nusage\r\n"
            % (len(KEY), KEY.encode())
        )
        time.sleep(0.5)
        if b"unknown command" in mute.recv(1000):
            pytest.skip("this version has no subscribers")
        server.chat(60)
        eventually(
            lambda: CompletenessInterval.objects.filter(cause="another_consumer").exists(), 30
        )


@pytest.mark.usefixtures("collecting")
def test_pushed_and_pulled_in_turn_with_a_restart_in_between(server, upstream):
    for mode in (CollectionMode.PUSH, CollectionMode.PULL, CollectionMode.PUSH):
        Upstream.objects.update(collection_mode=mode)
        before = UsageEvent.objects.count()
        server.chat(60)
        eventually(lambda n=before: UsageEvent.objects.count() == n + 60, 30)
    server.stop()
    server.start()
    before = UsageEvent.objects.count()
    server.chat(30)
    eventually(lambda: UsageEvent.objects.count() == before + counted(upstream) == before + 30, 60)


@pytest.mark.usefixtures("collecting")
def test_statistics_that_are_off_are_told_and_switched_on_by_the_button(server, upstream, client):
    def buttons() -> list[str]:
        return [
            f.action.url for f in findings() if "switched off upstream" in f.summary and f.action
        ]

    server.switch_statistics(on=False)
    time.sleep(2)  # the server reads its file again within a second, and nothing says when
    server.chat(3)
    assert examine(upstream)
    (button,) = buttons()
    client.force_login(make_user("ada", staff=True))
    assert "Usage statistics are on" in client.post(button, follow=True).content.decode()
    assert buttons() == []
    server.chat(5)
    eventually(lambda: UsageEvent.objects.count() == 5, 30)
