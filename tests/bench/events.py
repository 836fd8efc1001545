"""How long a page of events takes anywhere in the list, and how fast and flat an export is: `make
bench-events`.

Real gunicorn (two workers), real HTTP, the embedded database with the reference dataset, all on one
machine. Pages hold 50 events, as those of the field's best collector that were measured; each
begins somewhere else.
"""

import argparse
import random
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta

import httpx

from tests.bench.arena import arena, percentile
from tests.bench.load import Query, last_days, make_staff, signed_in, timed, workers_memory
from tests.bench.report import Row, table, write_section
from tests.bench.watch import served

EVENTS = "/api/usage/events"
PAGE, DAYS = "50", 90


def somewhere(choose: Callable[[random.Random], Query]) -> Callable[[random.Random], Query]:
    """A page that begins at any time of the dataset, and leads to older or newer ones."""
    from usage.events.query import Cursor

    now = datetime.now(UTC)

    def query(chance: random.Random) -> Query:
        at = now - timedelta(seconds=chance.uniform(0, DAYS * 86_400))
        return {
            "limit": PAGE,
            "cursor": str(Cursor(at, 1, is_newer=chance.random() < 0.3)),
            **choose(chance),
        }

    return query


def pages(http: httpx.Client, requests: int) -> list[Row]:
    from providers.models import ClientKey, Credential

    keys, credentials = (
        list(model.objects.values_list("pk", flat=True)) for model in (ClientKey, Credential)
    )
    rare = rare_pairs()
    single: dict[str, Callable[[random.Random], Query]] = {
        "of one client key": lambda chance: {"key": str(chance.choice(keys))},
        "of one model": lambda chance: {"model": f"model-{chance.randrange(50):02}"},
        "of one credential": lambda chance: {"credential": str(chance.choice(credentials))},
        "of a failure class": lambda chance: {
            "failure_class": chance.choice(
                ("wrong_key", "plan_limit", "rate_limited", "provider_fault")
            )
        },
        "failed only": lambda chance: {"outcome": "failed"},
        "of one endpoint": lambda chance: {
            "endpoint": chance.choice(("POST /v1/messages", "POST /v1/responses"))
        },
        "of one effort": lambda chance: {"reasoning_effort": chance.choice(("low", "high"))},
    }

    def of(*names: str) -> Callable[[random.Random], Query]:
        return lambda chance: {
            name: value for part in names for name, value in single[part](chance).items()
        }

    cases: dict[str, Callable[[random.Random], Query]] = {
        "unfiltered": lambda chance: {},
        **single,
        "of one client key, failed only": of("of one client key", "failed only"),
        "of a client key and a model": of("of one client key", "of one model"),
        "of a client key and a model that it rarely requests": lambda chance: chance.choice(rare),
        "of a credential and a model": of("of one credential", "of one model"),
        "of a client key and an endpoint": of("of one client key", "of one endpoint"),
        "of three filters at random": lambda chance: of(*chance.sample(sorted(single), 3))(chance),
        "500 a page": lambda chance: {"limit": "500"},
    }
    return [
        _row(f"page of events, {name}", timed(http, EVENTS, somewhere(choose), requests), "30 ms")
        for name, choose in cases.items()
    ]


def rare_pairs() -> list[Query]:
    """Client keys and models that go together at least once, but not once a day."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT u.client_key_id::text, s.model
            FROM usage_usagedailybykeyandmodel AS u
            JOIN usage_usageseries AS s ON s.id = u.series_id
            GROUP BY 1, 2 HAVING sum(u.attempts) < {DAYS}
            """
        )
        return [{"key": key, "model": model} for key, model in cursor.fetchall()]


def cached(http: httpx.Client, requests: int) -> list[Row]:
    took = timed(
        http,
        "/api/usage/history",
        lambda chance: last_days(30, random.Random(1)),
        requests,
        headers={},
    )
    return [_row("history of 30 days, cached", took, "8 ms")]


def export(http: httpx.Client, file_format: str) -> Row:
    started, lines, largest = time.perf_counter(), 0, 0
    with http.stream("GET", "/api/usage/export", params={"format": file_format}) as response:
        for number, chunk in enumerate(response.iter_raw()):
            lines += chunk.count(b"\n")
            if number % 200 == 0:
                largest = max(largest, workers_memory())
    rate = lines / (time.perf_counter() - started)
    return [
        f"export of {lines:,} lines, {file_format}",
        f"{rate:,.0f} lines/s",
        f"{largest / 2**20 / 2:.0f} MiB a worker",
        "",
        "50,000 lines/s, 120 MiB",
    ]


def _row(name: str, took: list[float], target: str) -> Row:
    return [name, *(f"{percentile(took, p):.1f}" for p in (50, 95, 99)), target]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=3_205_740)
    parser.add_argument("--requests", type=int, default=200)
    options = parser.parse_args()
    with arena(options.events) as environment:
        make_staff()
        with served(environment) as url, closing(signed_in(url)) as http:
            rows = [
                *pages(http, options.requests),
                *cached(http, options.requests),
                *(export(http, name) for name in ("csv", "jsonl")),
            ]
    body = table(["request", "p50 ms", "p95 ms", "p99 ms", "target"], rows)
    write_section(
        "Events and export", "make bench-events", f"{options.events:,} events of 90 days.\n\n{body}"
    )


if __name__ == "__main__":
    main()
