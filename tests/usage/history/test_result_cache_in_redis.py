"""Answers that several processes share in a real Redis; skipped where there is no
`redis-server`."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from django.conf import settings as django_settings
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError as NotReached
from redis.retry import Retry

from tests.factories import make_event, make_upstream, make_user, store
from tests.processes import free_port
from tests.web_server import web_server

HISTORY = "/api/usage/history?from=2026-11-18&to=2026-11-20"
PROGRAM = shutil.which("redis-server")

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        not PROGRAM and not os.environ.get("TOLLGATE_REQUIRE_REDIS"),
        reason="redis-server is not installed: apt-get install redis-server",
    ),
]


class RunningRedis(NamedTuple):
    """A Redis of the test's own."""

    process: "subprocess.Popen[bytes]"
    url: str


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RunningRedis]:
    port = free_port()
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(tmp_path)]
    server = subprocess.Popen([PROGRAM or "redis-server", *options], stdout=subprocess.DEVNULL)
    with Redis(
        port=port, retry=Retry(ConstantBackoff(0.05), 200), retry_on_error=[NotReached]
    ) as probe:
        probe.ping()
    yield RunningRedis(server, f"redis://127.0.0.1:{port}/0")
    server.kill()
    server.wait()


@pytest.fixture
def clients(redis, tmp_path, client) -> Iterator[list[httpx.Client]]:
    """A member of staff at two web servers that share the database and the Redis."""
    store(make_upstream(), make_event(timestamp="2026-11-19T10:00:00Z"))
    client.force_login(make_user(staff=True))
    cookies = {
        django_settings.SESSION_COOKIE_NAME: client.cookies[
            django_settings.SESSION_COOKIE_NAME
        ].value
    }
    with ExitStack() as stack:
        clients = []
        for name in ("one", "two"):
            (folder := tmp_path / name).mkdir()
            server = stack.enter_context(
                web_server(folder, CACHE_URL=redis.url, HISTORY_CACHE_SECONDS="120")
            )
            clients.append(stack.enter_context(httpx.Client(base_url=server.url, cookies=cookies)))
        yield clients


def as_of_and_count(http: httpx.Client) -> tuple[str, int]:
    """The instant of a response, and how many requests it counts."""
    body = http.get(HISTORY).raise_for_status().json()
    return body["asOf"], body["data"]["totals"]["totalRequests"]


def test_processes_share_answers_until_there_is_news_and_do_without_when_redis_is_gone(
    clients, redis
):
    with ThreadPoolExecutor(8) as threads:
        first = set(threads.map(as_of_and_count, clients * 4))
    assert len(first) <= len(clients)  # each process read once at most
    known = as_of_and_count(clients[0])
    assert as_of_and_count(clients[1]) == known

    store(make_upstream(), make_event(timestamp="2026-11-19T11:00:00Z"))
    assert [as_of_and_count(http)[1] for http in clients] == [2, 2]
    assert as_of_and_count(clients[0]) == as_of_and_count(clients[1]) != known

    redis.process.kill()
    redis.process.wait()
    assert [as_of_and_count(http)[1] for http in clients] == [2, 2]
