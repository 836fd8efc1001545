"""`make bench-observability`: history and proxied calls with logs and metrics against a server that
has neither, in one run, and a scrape of `/metrics` on a large installation.

Two web servers of one worker on the same database; batches of requests go to them in turn, so that
both see the same machine, and the ratio is that of the medians over all batches. The figures of
`/metrics` are of the reference dataset (50 models, 50 client keys, 3.2 million events) with 20
upstreams; it is made the first time, which takes ten minutes or more (`--events N`: another size).
"""

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx

from tests.bench.arena import arena, percentile
from tests.bench.load import UNCACHED, last_days, make_staff, signed_in
from tests.bench.report import Row, table, write_section
from tests.processes import PROJECT, free_port
from tests.web_server import WebServer, web_server

TOKEN = "metrics-token-of-the-benchmark"
KEY = "bench-management-key"
UPSTREAMS = 20
BATCH = 10
BLIND = {"DJANGO_SETTINGS_MODULE": "tests.bench.observability.blind_settings"}


@contextmanager
def simulator(environment: dict[str, str]) -> Iterator[str]:
    """A simulated upstream in a process of its own; its address."""
    port = free_port()
    command = (sys.executable, "-m", "management_proxy.simulator", "--port", str(port))
    process = subprocess.Popen(
        [*command, "--key", KEY], cwd=PROJECT, env=environment, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout
        process.stdout.readline()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def make_upstreams(address: str) -> None:
    """One that is called, and as many beside the reference dataset's that are 20 together; each has
    traffic of today."""
    from django.utils import timezone

    from tests.factories import give_key, make_event, make_upstream, store

    now = timezone.now().isoformat()
    for number in range(1, UPSTREAMS):
        name = "bench" if number == 1 else f"upstream-{number:02}"
        upstream = make_upstream(name=name, management_url=f"{address}/v0/management")
        give_key(upstream, KEY)
        upstream.save()
        store(
            upstream,
            *(make_event(timestamp=now, model=f"model-{model:02}") for model in range(50)),
        )


def one(http: httpx.Client, path: str, query: dict[str, str]) -> float:
    started = time.perf_counter()
    response = http.get(path, params=query, headers=UNCACHED)
    took = (time.perf_counter() - started) * 1000
    assert response.status_code == 200, response.text
    return took


def compared(seeing: httpx.Client, blind: httpx.Client, path: str, batches: int) -> Row:
    """The medians of both over batches in turn, and their ratio."""
    took: dict[httpx.Client, list[float]] = {seeing: [], blind: []}
    chance = random.Random(path)
    for number in range(batches + 1):
        queries = [_query(path, chance) for _ in range(BATCH)]
        for http in (seeing, blind) if number % 2 else (blind, seeing):
            batch = [one(http, path, query) for query in queries]
            took[http] += batch if number else []  # the first warms up
    on, off = statistics.median(took[seeing]), statistics.median(took[blind])
    slower = (on / off - 1) * 100
    return [f"GET {path}", f"{on:.2f}", f"{off:.2f}", f"{slower:+.1f} % (at most +5 %)"]


def _query(path: str, chance: random.Random) -> dict[str, str]:
    return last_days(30, chance) if "history" in path else {}


def scraped(server: WebServer, times: int) -> list[Row]:
    """How long scrapes take, and how many series they have."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=60) as http:
        took = [one(http, "/metrics", {}) for _ in range(times + 1)][1:]
        text = http.get("/metrics").text
    series = sum(1 for line in text.splitlines() if line and not line.startswith("#"))
    median, p95 = statistics.median(took), percentile(took, 95)
    shown = f"median {median:.0f} ms, p95 {p95:.0f} ms (to reach: 50 ms)"
    return [["scrape of `/metrics`", shown], ["series", f"{series:,} (to reach: under 5,000)"]]


def visit(http: httpx.Client) -> None:
    """Have the pages counted as well, as on an installation in use."""
    for path in ("/usage/", "/monitoring/", "/monitoring/alerts/", "/providers/keys/", "/admin/"):
        http.get(path, follow_redirects=True)


def main() -> None:
    from usage.reference.dataset import EVENTS

    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--batches", type=int, default=24)
    parser.add_argument("--scrapes", type=int, default=20)
    options = parser.parse_args()
    with ExitStack() as stack:
        environment = stack.enter_context(arena(options.events))
        make_staff()
        make_upstreams(stack.enter_context(simulator(environment)))
        logged = {"LOG_LEVEL": "info", "LOG_FORMAT": "json", "METRICS_TOKEN": TOKEN}
        seeing, blind = (
            stack.enter_context(web_server(Path(folder), **{**logged, **more}))
            for folder, more in (
                (stack.enter_context(tempfile.TemporaryDirectory()), {}),
                (stack.enter_context(tempfile.TemporaryDirectory()), BLIND),
            )
        )
        clients = [
            stack.enter_context(closing(signed_in(server.url))) for server in (seeing, blind)
        ]
        paths = ("/api/usage/history", "/api/management/@bench/debug")
        ratios = [compared(clients[0], clients[1], path, options.batches) for path in paths]
        visit(clients[0])
        rows = scraped(seeing, options.scrapes)
    ratio_table = table(["request", "p50 ms, on", "off", "slower"], ratios)
    scrape_table = table([f"{options.events:,} events, {UPSTREAMS} upstreams", "result"], rows)
    write_section("Observability", "make bench-observability", f"{ratio_table}\n\n{scrape_table}")


if __name__ == "__main__":
    main()
