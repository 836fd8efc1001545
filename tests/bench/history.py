"""How long queries of history take on the reference dataset: `make bench-history`.

Real gunicorn (two workers), real HTTP, the embedded database, all on one machine; nothing is served
from a cache unless a row names it. `python -m tests.bench.history [parts] --events N` measures some
parts, or another size. With 32,057,400 events, ten times the reference, the seeding alone takes
hours; `growth` compares with a tenth of the events instead.
"""

import argparse
import random
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.bench.arena import arena, percentile
from tests.bench.load import (
    UNCACHED,
    Query,
    last_days,
    make_staff,
    once,
    polled,
    signed_in,
    timed,
    together,
    workers_memory,
)
from tests.bench.report import Row, table, write_section
from tests.bench.watch import served

HEAD = ["request", "p50 ms", "p95 ms", "p99 ms", "target"]


Choose = Callable[[random.Random], Query]


def days(count: int, **more: str) -> Choose:
    return lambda chance: last_days(count, chance, **more)


def of_a_key(count: int) -> Choose:
    from providers.models import ClientKey

    keys = list(ClientKey.objects.values_list("pk", flat=True))
    return lambda chance: last_days(count, chance, key=str(chance.choice(keys)))


def cases() -> list[tuple[str, str, Choose, int | None]]:
    """The requests: name, path, query, and the target for p95 in milliseconds."""
    pairs = days(30, group_by="key,model", top="1000")
    credentials = days(30, group_by="credential,model")
    failures = days(30, group_by="credential", outcome="failed")
    latency = days(30, group_by="model", percentiles="latency")
    return [
        ("history, 7 days", "history", days(7), 50),
        ("history, 30 days", "history", days(30), 80),
        ("history, 90 days", "history", days(90), 120),
        ("history, 30 days in Europe/Berlin", "history", days(30, tz="Europe/Berlin"), None),
        ("summary with series, 30 days", "summary", days(30), 40),
        ("summary with series, 30 days of one key", "summary", of_a_key(30), 25),
        ("percentiles by model, 30 days", "breakdown", latency, 80),
        ("breakdown by key and model, 30 days", "breakdown", pairs, None),
        ("breakdown by credential and model, 30 days", "breakdown", credentials, None),
        ("series of ten models by day, 30 days", "series", days(30, group_by="model"), None),
        ("failures by credential, 30 days", "breakdown", failures, None),
    ]


def cold(url: str, _: argparse.Namespace) -> list[Row]:
    """The first requests after a start, each by a session that was there before."""
    rows: list[Row] = []
    with closing(signed_in(url)) as http:
        for name, path, query, target in cases()[1:5:3]:
            took = once(http, f"/api/usage/{path}", query(random.Random(1)), UNCACHED)
            most = f"{3 * (target or 0)} ms"
            rows.append([f"first after the start: {name}", "", f"{took:.0f}", "", most])
    return rows


def responses(url: str, options: argparse.Namespace) -> list[Row]:
    with closing(signed_in(url)) as http:
        rows = [
            _row(name, timed(http, f"/api/usage/{path}", query, options.requests), target)
            for name, path, query, target in cases()
        ]
        same = last_days(30, random.Random(1))
        took = timed(http, "/api/usage/history", lambda _: same, options.requests, {})
    return [*rows, _row("history, 30 days, cached", took, 8)]


def overview(url: str, options: argparse.Namespace) -> list[Row]:
    """The Overview's region: read anew each time, as it is polled while events arrive, and from the
    cache; and what one query of history takes at the same time."""
    headers = {"HX-Request": "true"}
    rows: list[Row] = []
    with closing(signed_in(url)) as http:
        for count in (7, 30, 90):
            took = timed(http, "/", days(count), options.requests, {**headers, **UNCACHED})
            rows.append(_row(f"Overview, {count} days", took, 60))
            took = polled(http, "/", days(count), options.requests)
            rows.append(_row(f"Overview, {count} days, polled", took, 60))
        same = last_days(7, random.Random(1))
        took = timed(http, "/", lambda _: same, options.requests, headers)
        rows.append(_row("Overview, 7 days, cached", took, 60))
        took = timed(http, "/api/usage/history", days(7), options.requests)
    return [*rows, _row("history, 7 days, beside these", took, None)]


def reports(url: str, options: argparse.Namespace) -> list[Row]:
    """The regions of Usage, Speed, Matrix and Compare, read anew each time, and as they are polled
    while events arrive; and what one query of history takes at the same time."""
    headers = {"HX-Request": "true", **UNCACHED}
    rows: list[Row] = []
    with closing(signed_in(url)) as http:
        for name, path, more in (
            ("Usage", "/usage/", {}),
            ("Speed", "/usage/speed/", {}),
            ("Speed", "/usage/speed/", {"by": "model"}),
            ("Matrix", "/usage/matrix/", {}),
            ("Compare", "/usage/compare/", {}),
            ("Compare", "/usage/compare/", {"against": "model", "other": "gpt-5.4"}),
        ):
            for count in (7, 30, 90):
                query = days(count, **more)
                what = f"{' '.join([name, *more.values()])}, {count} days"
                took = timed(http, path, query, options.requests, headers)
                rows.append(_row(what, took, 60))
                rows.append(
                    _row(f"{what}, polled", polled(http, path, query, options.requests), 60)
                )
        took = timed(http, "/api/usage/history", days(7), options.requests)
    return [*rows, _row("history, 7 days, beside these", took, None)]


def clients(url: str, options: argparse.Namespace) -> list[Row]:
    rows: list[Row] = []
    for name, path in (
        ("history, 30 days", "history"),
        ("summary with series, 30 days", "summary"),
    ):
        took, rate = together(url, 8, f"/api/usage/{path}", days(30), options.requests)
        rows.append([f"8 clients: {name}", *_percentiles(took), f"{rate:.0f}/s (at least 40/s)"])
    return rows


def bare(url: str, options: argparse.Namespace) -> list[Row]:
    """The statements of `history` on the rollups alone, without the rest of the response."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        _history(30)
    statements = [sql for query in captured if "/* usage.history." in (sql := query["sql"] or "")]
    took = []
    for _ in range(60):
        started = time.perf_counter()
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
                cursor.fetchall()
        took.append((time.perf_counter() - started) * 1000)
    with closing(signed_in(url)) as http:
        whole = timed(http, "/api/usage/history", days(30), 60)
    ratio = percentile(whole, 50) / percentile(took, 50)
    return [
        [
            f"bare SQL of history, 30 days ({len(statements)} statements)",
            *_percentiles(took),
            f"HTTP response {ratio:.1f} times that (at most 3)",
        ]
    ]


def today(url: str, options: argparse.Namespace) -> list[Row]:
    """The present dashboard's way on the same data: fetch the rows with their joins, at most
    25,000, and add them up in a loop."""
    with closing(signed_in(url)) as http:
        ours = percentile(timed(http, "/api/usage/history", days(30), 60), 50)
    rows: list[Row] = []
    for name, limit in (
        ("25,000 rows, as it does", 25_001),
        ("all rows, as an exact result needs", 10**9),
    ):
        started = time.perf_counter()
        read = _fetch_and_loop(limit)
        took = (time.perf_counter() - started) * 1000
        rows.append(
            [
                f"fetch the rows and loop, 30 days: {name} ({read:,})",
                f"{took:,.0f}",
                "",
                "",
                f"{took / ours:,.0f} times ours",
            ]
        )
    return rows


def _fetch_and_loop(limit: int) -> int:
    from django.db import connection, transaction

    end = datetime.now(UTC)
    sums: dict[Any, list[int]] = {}
    read = 0
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(
            """
            SELECT e."timestamp", k.id, k.name, s.model, e.latency_ms, e.total_tokens, s.failed
            FROM usage_event AS e
            JOIN usage_usageseries AS s ON s.id = e.series_id
            LEFT JOIN providers_clientkey AS k ON k.id = e.client_key_id
            WHERE e."timestamp" >= %s AND e."timestamp" < %s
            ORDER BY e."timestamp" DESC LIMIT %s
            """,
            [end - timedelta(days=30), end, limit],
        )
        for at, key, _name, model, latency, tokens, failed in cursor:
            read += 1
            for group in (("day", at.date()), ("key", key), ("model", model), ("pair", key, model)):
                held = sums.setdefault(group, [0, 0, 0, 0])
                held[0] += 1
                held[1] += tokens or 0
                held[2] += failed
                held[3] += latency
    return read


def memory(url: str, options: argparse.Namespace) -> list[Row]:
    held = []
    for count in (500, options.calls - 500):
        together(url, 8, "/api/usage/history", days(30), count)
        held.append(workers_memory())
    growth = 100 * (held[1] / held[0] - 1)
    return [
        [
            f"memory of two workers after 500 and {options.calls:,} history calls",
            f"{held[0] / 2**20:.0f} and {held[1] / 2**20:.0f} MiB",
            "",
            "",
            f"{growth:+.1f} % (at most 5 %)",
        ]
    ]


def growth(url: str, options: argparse.Namespace) -> list[Row]:
    """p95 of history here, against that on a tenth of the events, which `main` has measured
    before."""
    with closing(signed_in(url)) as http:
        took = percentile(timed(http, "/api/usage/history", days(30), options.requests), 95)
    return [
        [
            "history, 30 days: ten times the events",
            "",
            f"{took:.1f} after {options.before:.1f}",
            "",
            f"{took / options.before:.2f} times (at most 1.3)",
        ]
    ]


def _history(count: int) -> None:
    from zoneinfo import ZoneInfo

    from usage.api.history_body import history
    from usage.history.scope import Scope
    from usage.history.windows import Window

    last = datetime.now(UTC).date()
    history(
        Window(last - timedelta(days=count - 1), last, ZoneInfo("UTC")),
        Scope(None, sees_everything=True),
    )


def _row(name: str, took: list[float], target: int | None) -> Row:
    return [name, *_percentiles(took), f"{target} ms" if target else ""]


def _percentiles(took: list[float]) -> list[str]:
    return [f"{percentile(took, p):.1f}" for p in (50, 95, 99)]


Part = Callable[[str, argparse.Namespace], list[Row]]
PARTS: dict[str, Part] = {
    "cold": cold,
    "responses": responses,
    "overview": overview,
    "reports": reports,
    "clients": clients,
    "bare": bare,
    "today": today,
    "memory": memory,
    "growth": growth,
}


def measure(parts: list[str], events: int, options: argparse.Namespace) -> list[Row]:
    rows: list[Row] = []
    with arena(events) as environment:
        make_staff()
        with served(environment) as url:
            for part in parts:
                print(f"{part} ...", flush=True)
                rows += PARTS[part](url, options)
                print(table(HEAD, rows), flush=True)
    return rows


def measure_before(events: int, options: argparse.Namespace) -> float:
    """p95 of history in milliseconds, on so many events."""
    with arena(events) as environment:
        make_staff()
        with served(environment) as url, closing(signed_in(url)) as http:
            return percentile(timed(http, "/api/usage/history", days(30), options.requests), 95)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.history", description=__doc__)
    names = f"of {', '.join(PARTS)}; all if not given"
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="PART", help=names)
    parser.add_argument("--events", type=int, default=3_205_740)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--calls", type=int, default=10_000)
    options = parser.parse_args()
    parts = options.parts or list(PARTS)
    if "growth" in parts:
        options.before = measure_before(options.events // 10, options)
    body = table(HEAD, measure(parts, options.events, options))
    heading = parts[0].capitalize() if parts in (["overview"], ["reports"]) else "History"
    command = f"make bench-{heading.lower()}"
    write_section(heading, command, f"{options.events:,} events of 90 days.\n\n{body}")


if __name__ == "__main__":
    main()
