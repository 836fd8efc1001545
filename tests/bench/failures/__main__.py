"""How long the Failures page takes on the reference dataset: `make bench-failures`.

Real gunicorn, real HTTP, the embedded database; nothing is served from a cache unless a row names
it. The first row is a breakdown that `make bench-history` measures too, so that runs on machines of
different load can be compared.
"""

import argparse
import os
import random
from collections.abc import Callable, Iterator
from contextlib import closing

import httpx

from tests.bench.arena import arena, percentile
from tests.bench.load import UNCACHED, Query, last_days, make_staff, signed_in, timed
from tests.bench.report import Row, table, write_section
from tests.bench.watch import served

EVENTS, DAYS = 3_205_740, 30
HEAD = ["request", "p50 ms", "p95 ms", "p99 ms", "p50 against the first row", "target"]
REGION = {"HX-Request": "true"}
UNKNOWN = "/usage/failures/unknown/"


def last_month(chance: random.Random) -> Query:
    return last_days(DAYS, chance)


def by_credential(chance: random.Random) -> Query:
    return last_days(DAYS, chance, group_by="credential", outcome="failed")


Case = tuple[str, str, Callable[[random.Random], Query], dict[str, str], str]
CASES: tuple[Case, ...] = (
    ("failures by credential", "/api/usage/breakdown", by_credential, UNCACHED, ""),
    ("the same figures as JSON", "/api/usage/failures", last_month, UNCACHED, "p95 60 ms"),
    ("polled region", "/usage/failures/", last_month, {**REGION, **UNCACHED}, "p95 60 ms"),
    ("polled region, cached", "/usage/failures/", last_month, REGION, "p95 60 ms"),
    ("whole page", "/usage/failures/", last_month, UNCACHED, "p95 60 ms"),
    ("whole page, cached", "/usage/failures/", last_month, {}, "p95 60 ms"),
    ("unknown bodies, cached", UNKNOWN, last_month, {}, ""),
)


def rows(http: httpx.Client, requests: int) -> Iterator[Row]:
    scale = 0.0
    for name, path, query, headers, target in CASES:
        took = timed(http, path, query, requests, headers)
        scale = scale or percentile(took, 50)
        shown = [f"{percentile(took, p):.1f}" for p in (50, 95, 99)]
        yield [f"{name}, {DAYS} days", *shown, f"{percentile(took, 50) / scale:.2f}", target]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.failures", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--requests", type=int, default=100)
    options = parser.parse_args()
    with arena(options.events) as environment:
        make_staff()
        with served(environment) as url, closing(signed_in(url)) as http:
            body = table(HEAD, list(rows(http, options.requests)))
    load = f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    introduction = f"{options.events:,} events of 90 days; {load}."
    write_section("Failures", "make bench-failures", f"{introduction}\n\n{body}")


if __name__ == "__main__":
    main()
