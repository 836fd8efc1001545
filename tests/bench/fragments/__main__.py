"""What the polled region of each usage page costs in CPU, and each other page that reads much, on
the reference dataset: read anew each time as on first sight, and as it is polled while events
arrive, when days that are over are known: `make bench-fragments`.

In one process with Django's test client, so that it says something on a busy machine too: the CPU
of this process and of its database process. What a reader waits for on an idle machine is about
their sum.
"""

import argparse
import random
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import psutil

from tests.bench.arena import arena
from tests.bench.load import Query, draw_event_number, last_days
from tests.bench.report import Row, table, write_section

HEAD = [
    *("region", "ours, ms", "database, ms", "together"),
    *("polled: ours, ms", "database, ms", "together", "target"),
]
ANEW = {"Cache-Control": "no-cache"}
PAGES: tuple[tuple[str, str, Query], ...] = (
    ("Overview", "/", {}),
    ("Usage", "/usage/", {}),
    ("Speed by provider", "/usage/speed/", {}),
    ("Speed by model", "/usage/speed/", {"by": "model"}),
    ("Matrix", "/usage/matrix/", {}),
    ("Compare with the time before", "/usage/compare/", {}),
    ("Compare with a model", "/usage/compare/", {"against": "model", "other": "gpt-5.4"}),
    ("Failures", "/usage/failures/", {}),
)
# Pages that have no period, or for which it matters little.
OTHERS = {
    "Events": "/usage/events/",
    "Unknown bodies": "/usage/failures/unknown/",
    "What if": "/usage/what-if/",
    "Prices": "/usage/prices/",
    "Budgets": "/usage/budgets/",
    "Statements": "/usage/statements/",
    "Users": "/users/",
    "A user": "/users/1/",
    "Monitoring": "/monitoring/",
    "Doctor": "/monitoring/doctor/",
    "Alerts": "/monitoring/alerts/",
    "Audit": "/monitoring/audit/",
    "Proxy": "/monitoring/proxy/",
}
TARGET = "60 ms"
# Queries are of one of three windows.
WARMING = 8


class Reader:
    """A member of staff in this process, and the CPU that it and its database process have used."""

    def __init__(self) -> None:
        from django.conf import settings
        from django.contrib.auth.models import User
        from django.db import connection
        from django.test import Client

        settings.ALLOWED_HOSTS.append("testserver")
        self._client = Client()
        self._client.force_login(User.objects.create_superuser("bench"))
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            self._database = psutil.Process(cursor.fetchone()[0])

    def read(self, path: str, query: Query) -> None:
        self._read(path, query, ANEW)

    def poll(self, path: str, query: Query) -> None:
        """Read after an event has arrived, so that no result is cached."""
        draw_event_number()
        self._read(path, query, {})

    def _read(self, path: str, query: Query, headers: dict[str, str]) -> None:
        response: Any = self._client.get(path, query, headers={"HX-Request": "true", **headers})
        assert response.status_code == 200, response.content

    def used(self) -> tuple[float, float]:
        """Seconds of this process and of the database's."""
        database = self._database.cpu_times()
        return time.process_time(), database.user + database.system


def measured(read: Callable[[], None], reader: Reader, requests: int) -> list[str]:
    """Milliseconds of a read: ours, the database's, together; after some that do not count."""
    for _ in range(WARMING):
        read()
    before = reader.used()
    for _ in range(requests):
        read()
    ours, database = (
        1000 * (now - then) / requests for now, then in zip(reader.used(), before, strict=True)
    )
    return [f"{ours:.0f}", f"{database:.0f}", f"{ours + database:.0f}"]


def of_days(reader: Reader, page: tuple[str, str, Query], days: int, requests: int) -> Row:
    """The row of a page over so many days."""
    name, path, more = page
    row = [f"{name}, {days} days"]
    for read in (reader.read, reader.poll):
        chance = random.Random(name)
        row += measured(partial(_of_days, read, path, days, chance, more), reader, requests)
    return [*row, TARGET]


def _of_days(
    read: Callable[[str, Query], None], path: str, days: int, chance: random.Random, more: Query
) -> None:
    read(path, last_days(days, chance, **more))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fragments", description=__doc__)
    parser.add_argument("--events", type=int, default=3_205_740)
    parser.add_argument("--requests", type=int, default=20)
    options = parser.parse_args()
    with arena(options.events):
        reader = Reader()
        rows = [
            of_days(reader, page, days, options.requests) for page in PAGES for days in (7, 30, 90)
        ]
        rows += [
            [
                name,
                *measured(partial(reader.read, path, {}), reader, options.requests),
                *("", "", "", TARGET),
            ]
            for name, path in OTHERS.items()
        ]
    body = f"{options.events:,} events of 90 days.\n\n{table(HEAD, rows)}"
    write_section("Regions, by CPU", "make bench-fragments", body)


if __name__ == "__main__":
    main()
