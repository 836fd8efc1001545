"""What collecting costs and how fast it is: `make bench-ingest`.

Everything on one machine: the embedded database, a simulated upstream (in this process) and a
collector of its own. Each part has its section, written as it ends; `python -m tests.bench.ingest
drain --events 20000` is one part, smaller.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx

from management_proxy.simulator import RunningSimulator, running_simulator
from tests.bench.arena import arena, percentile
from tests.bench.load import UNCACHED, make_staff, signed_in
from tests.bench.report import Row, table, write_section
from tests.bench.watch import Watched, collector_loop, served

# Work that comes once a minute falls into it once.
IDLE_SECONDS = 60


@contextmanager
def stage(stored: int = 0, **changed: str) -> Iterator[tuple[dict[str, str], RunningSimulator]]:
    with (
        arena(stored) as environment,
        running_simulator(retention=3600, statistics=True) as simulator,
    ):
        url = {
            "CLIPROXYAPI_MANAGEMENT_URL": simulator.management_url,
            "MANAGEMENT_API_KEY": simulator.key,
        }
        yield {**environment, **url, "COLLECTOR_TIME_BUDGET_SECONDS": "600", **changed}, simulator


def rolled_up() -> int:
    """Attempts in the smallest rollup, which is written last but for those by day."""
    from django.db.models import Sum

    from usage.models import UsageQuarterHourly

    return int(UsageQuarterHourly.objects.aggregate(n=Sum("attempts"))["n"] or 0)


def assert_sums_equal(events: int) -> None:
    """Every rollup counts what is stored."""
    from django.db import connection

    from usage.models import UsageEvent
    from usage.rollups.tables import GRANULARITIES

    assert UsageEvent.objects.count() == events
    with connection.cursor() as cursor:
        for granularity in GRANULARITIES:
            cursor.execute(f"SELECT sum(attempts) FROM {granularity.table}")
            assert cursor.fetchone()[0] == events, granularity.table


def drain(options: argparse.Namespace, events: int = 0) -> list[Row]:
    events = events or options.events
    with stage() as (environment, simulator):
        simulator.control("generate", {"events": events, "spread": 86_400})
        started = time.monotonic()
        watched = Watched([sys.executable, "manage.py", "collect_usage", "--json"], environment)
        run = json.loads(watched.process.communicate()[0])
        elapsed = time.monotonic() - started
        assert run["stored"] == events, run
        assert_sums_equal(events)
    rate = events / run["durationMs"] * 1000
    return [
        [
            f"drain of {events:,}, rollups included",
            f"{rate:,.0f} events/s ({events / elapsed:,.0f} with the start of the process)",
            "10,000 events/s",
        ],
        [
            f"collector's memory after draining {events:,}",
            f"{watched.largest / 2**20:.0f} MiB at most",
            "150 MiB",
        ],
    ]


def memory(options: argparse.Namespace) -> list[Row]:
    return drain(options, options.events * 5)


def sustained(options: argparse.Namespace) -> list[Row]:
    """Offer events at a steady rate on top of the reference dataset; the lag is what the rollups
    are behind the upstream."""
    with (
        stage(options.stored) as (environment, simulator),
        collector_loop(environment) as collector,
    ):
        before, queue = rolled_up(), simulator.app.state.queue
        cpu, started, lags = collector.cpu_seconds, time.monotonic(), []
        simulator.control("settings", {"bulk_rate": options.rate})
        while time.monotonic() < started + options.seconds:
            time.sleep(1)
            lags.append((queue.pushed - (rolled_up() - before)) / options.rate)
        simulator.control("settings", {"bulk_rate": 0})
        stopped = time.monotonic()
        offered = queue.pushed
        while rolled_up() - before < offered and time.monotonic() < stopped + 120:
            time.sleep(0.02)
        lag = time.monotonic() - stopped
        busy = (collector.cpu_seconds - cpu) / (stopped - started)
        assert queue.pruned == 0
        assert_sums_equal(before + offered)
    rate = offered / (stopped - started)
    return [
        [
            (
                f"{rate:,.0f} events/s for {options.seconds:.0f} s with {options.stored:,} stored:"
                " lag at the end"
            ),
            f"{lag:.1f} s, none lost",
            "3 s",
        ],
        [
            "the same: lag meanwhile, p50 / p95 / most",
            f"{percentile(lags, 50):.1f} / {percentile(lags, 95):.1f} / {max(lags):.1f} s",
            "",
        ],
        [
            "the same: collector's CPU and memory",
            f"{busy:.0%} of a core, {collector.largest / 2**20:.0f} MiB at most",
            "150 MiB",
        ],
    ]


def visible(options: argparse.Namespace) -> list[Row]:
    """One event at a time, at random instants; the history API is polled until it is there."""
    rows: list[Row] = []
    with (
        stage() as (environment, simulator),
        collector_loop(environment),
        served(environment) as url,
    ):
        make_staff()
        with closing(signed_in(url)) as http:
            for mode, wanted in (("pulling", "3 s"), ("pushed", "1 s")):
                if mode == "pushed":
                    _subscribe(simulator)
                took = [
                    _until_visible(http, simulator, len(rows) * options.samples + count)
                    for count in range(options.samples)
                ]
                figures = f"{percentile(took, 50):.2f} / {percentile(took, 95):.2f} s"
                way = "from finished upstream to visible in the history API"
                rows.append([f"{way}, {mode}, p50 / p95", figures, wanted])
    return rows


def _subscribe(simulator: RunningSimulator) -> None:
    from management_proxy.models import CollectionMode, Upstream

    Upstream.objects.update(collection_mode=CollectionMode.PUSH)
    while simulator.control("state")["subscribers"] != 1:
        time.sleep(0.1)


def _until_visible(http: httpx.Client, simulator: RunningSimulator, count: int) -> float:
    time.sleep(random.uniform(0, 2))
    simulator.control("generate", {"events": 1, "spread": 0})
    started, today = time.monotonic(), f"{datetime.now(UTC):%Y-%m-%d}"
    while True:
        query = {"from": today, "to": today}
        response = http.get("/api/usage/history", params=query, headers=UNCACHED)
        assert response.status_code == 200, response.text
        if response.json()["data"]["totals"]["totalRequests"] > count:
            return time.monotonic() - started
        time.sleep(0.02)


def idle(_options: argparse.Namespace) -> list[Row]:
    """CPU and statements of a collector whose upstream becomes idle: the first minute measures a
    pause, the second an idle period.

    What a new installation does once in its first seconds, the nightly tasks, is left out.
    """
    rows: list[Row] = []
    with (
        stage() as (environment, simulator),
        _statements_logged() as statements,
        collector_loop(environment) as collector,
    ):
        from monitoring.models import PeriodicTask

        while (
            not PeriodicTask.objects.exists() or PeriodicTask.objects.filter(ended_at=None).exists()
        ):
            time.sleep(1)
        simulator.control("generate", {"events": 1, "spread": 0})
        time.sleep(5)
        for name in ("just now", "for long"):
            cpu, before, started = collector.cpu_seconds, statements(), time.monotonic()
            time.sleep(IDLE_SECONDS)
            elapsed = time.monotonic() - started
            busy = (collector.cpu_seconds - cpu) / elapsed
            queries = (statements() - before) / elapsed
            figures = f"{busy:.2%} of a core, {queries:.1f} queries/s"
            rows.append([f"collector idle {name}", figures, "1 %, 1 query/s"])
    return rows


@contextmanager
def _statements_logged() -> Iterator[Callable[[], int]]:
    from django.conf import settings
    from django.db import connection

    name, log = connection.settings_dict["NAME"], Path(settings.VAR_DIR) / "postgres" / "server.log"
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} SET log_statement = 'all'")
    start = log.stat().st_size

    def count() -> int:
        with log.open("rb") as lines:
            lines.seek(start)
            return sum(b"LOG:  statement:" in line or b"LOG:  execute " in line for line in lines)

    yield count


PARTS: dict[str, Callable[[argparse.Namespace], list[Row]]] = {
    "drain": drain,
    "memory": memory,
    "visible": visible,
    "idle": idle,
    "sustained": sustained,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.ingest", description=__doc__)
    parser.add_argument(
        "parts",
        nargs="*",
        choices=[[], *PARTS],
        metavar="PART",
        help=f"of {', '.join(PARTS)}; all if not given",
    )
    parser.add_argument(
        "--events",
        type=int,
        default=200_000,
        help="backlog to drain; five times as many for the memory",
    )
    parser.add_argument(
        "--stored", type=int, default=3_205_740, help="events stored before the sustained load"
    )
    parser.add_argument("--rate", type=int, default=3000)
    parser.add_argument("--seconds", type=float, default=300, help="of the sustained load")
    parser.add_argument(
        "--samples", type=int, default=40, help="of the way from upstream to history"
    )
    options = parser.parse_args()
    command = " ".join(["python -m tests.bench.ingest", *sys.argv[1:]])
    if not sys.argv[1:]:
        command = "make bench-ingest"
    for part in options.parts or PARTS:
        body = table(["figure", "measured", "wanted"], PARTS[part](options))
        write_section(f"Ingest: {part}", command, body)


if __name__ == "__main__":
    main()
