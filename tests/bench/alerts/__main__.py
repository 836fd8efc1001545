"""How long an evaluation of a hundred rules takes, what evaluations that are killed lose, and how
long a stalled collector goes unnoticed: `make bench-alerts`.

A hundred rules watch the last windows of the field's reference dataset, half of them with a filter
of their own.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench.arena import arena
from tests.bench.report import Row, table, write_section
from tests.bench.watch import collector_loop, served


def rules(count: int) -> None:
    """So many rules over traffic, collection and accounts, and no others."""
    from monitoring.models import AlertRule

    AlertRule.objects.update(is_enabled=False)
    kinds = (
        ("usage.failure_rate", 99.9),
        ("usage.attempts", 1e9),
        ("usage.latency_p95", 9e9),
        ("usage.ttft_p95", 9e9),
        ("usage.attempts_against_usual", 1e9),
    )
    for number in range(count):
        signal, threshold = kinds[number % len(kinds)]
        AlertRule.objects.create(
            name=f"rule {number}",
            signal=signal,
            threshold=threshold,
            window_seconds=(600, 900, 3600)[number % 3],
            filters={"model": f"model-{number % 50:02}"} if number % 2 else {},
        )


def evaluations(repeat: int) -> list[float]:
    """Seconds of each evaluation of a hundred rules, at the newest event."""
    from django.db.models import Max

    from monitoring.alerts.engine import evaluate
    from usage.models import UsageEvent

    newest = UsageEvent.objects.aggregate(at=Max("timestamp"))["at"]
    rules(100)
    evaluate(now=newest)
    took = []
    for _ in range(repeat):
        begun = time.perf_counter()
        done = evaluate(now=newest)
        took.append(time.perf_counter() - begun)
        assert done.errors == {}, done.errors
    return took


def kills(count: int, environment: dict[str, str]) -> dict[str, Any]:
    """What became of the messages of evaluations that were killed."""
    from tests.crashing import nursery
    from tests.monitoring.alerts.killing import assert_nothing_lost, kill_many, make_flipping_rule
    from tests.monitoring.alerts.receiver import make_channel, receiver

    rule = make_flipping_rule()
    with tempfile.TemporaryDirectory() as folder, receiver() as arrived:
        with nursery(environment, Path(folder) / "log") as processes:
            make_channel(arrived.url)
            begun = time.monotonic()
            orders = kill_many(
                processes,
                rule,
                count,
                random.Random(1),
                lambda killed: print(f"{killed} of {count} killed", end="\r", flush=True),
            )
            took = time.monotonic() - begun
        found = assert_nothing_lost(arrived)
    return {
        "killed": count,
        "orders": orders,
        "arrived": sum(found.values()),
        "marked": found[True],
        "seconds": took / count,
    }


def stall(environment: dict[str, str]) -> float:
    """Seconds from the last event of a collector that is killed to the message's arrival, with the
    rules as they are shipped and a web server that takes over."""
    from management_proxy.simulator import running_simulator
    from tests.factories import give_key, make_upstream
    from tests.monitoring.alerts.receiver import make_channel, receiver
    from usage.models import UsageEvent

    networks = {"PRIVATE_PROVIDER_NETWORKS": "127.0.0.0/8"}
    from monitoring.models import AlertRule

    AlertRule.objects.filter(name__startswith="rule ").delete()
    AlertRule.objects.exclude(code="").update(is_enabled=True)
    with running_simulator(statistics=True, retention=60) as simulator, receiver() as arrived:
        upstream = make_upstream(management_url=simulator.management_url)
        give_key(upstream, simulator.key)
        upstream.save()
        make_channel(arrived.url, "stall")
        with (
            served({**environment, **networks}),
            collector_loop({**environment, **networks}) as collector,
        ):
            time.sleep(20)
            simulator.control("generate", {"events": 5, "spread": 1})
            until(UsageEvent.objects.filter(series__upstream=upstream).exists)
            last = time.monotonic()
            collector.process.kill()
            until(lambda: any("Collector stalled" in t for t in arrived.titles("firing")))
            return time.monotonic() - last


def secrets() -> dict[str, str]:
    """Those of this process, which encrypts what its children read."""
    from django.conf import settings

    return {
        "ENCRYPTION_KEYS": ",".join(settings.ENCRYPTION_KEYS),
        "USAGE_HASH_KEY": settings.USAGE_HASH_KEY,
    }


def until(condition: Callable[[], object], seconds: float = 180.0) -> None:
    """Wait for it; fails if it never comes true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=3_205_740)
    parser.add_argument("--repeat", type=int, default=10)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--stall", type=int, default=1)
    options = parser.parse_args()
    rows: list[Row] = []
    with arena(options.events if options.repeat else 0) as inherited:
        environment = {**inherited, **secrets()}
        if options.repeat:
            took = evaluations(options.repeat)
            shown = f"median {statistics.median(took) * 1000:.0f} ms, worst {max(took) * 1000:.0f}"
            about = f"an evaluation of 100 rules, {options.events:,} events (to reach: 500 ms)"
            rows.append([about, f"{shown} ms"])
        if options.kills:
            found = kills(options.kills, environment)
            killed = f"{found['killed']} killed (of {found['orders']} orders)"
            shown = f"{killed}, {found['arrived']} arrived, 0 lost, {found['marked']} marked"
            about = f"{shown} as repeats; {found['seconds']:.1f} s a kill"
            rows.append(["evaluations killed between deciding and sending", about])
        if options.stall:
            seconds = f"{stall(environment):.0f} s"
            rows.append(
                ["last event of a killed collector to the message (to reach: 90 s)", seconds]
            )
    write_section("Alerts", "make bench-alerts", table(["measured", "result"], rows))


if __name__ == "__main__":
    main()
