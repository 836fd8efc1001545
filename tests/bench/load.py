"""Requests to a web server as staff, one after the other or by several clients at once, and how
long they take."""

import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import psutil

UNCACHED = {"Cache-Control": "no-cache"}
Query = dict[str, str]


def make_staff() -> None:
    from django.contrib.auth.models import User

    User.objects.create_superuser("bench", "", "bench-password")


def signed_in(url: str) -> httpx.Client:
    """A client with the session of a member of staff."""
    http = httpx.Client(base_url=url, timeout=120)
    token = http.get("/login/").cookies["csrftoken"]
    http.post(
        "/login/",
        data={"username": "bench", "password": "bench-password", "csrfmiddlewaretoken": token},
    )
    return http


def draw_event_number() -> None:
    """What an event that is stored does to cached results."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('usage_event_id_seq')")


def last_days(days: int, chance: random.Random, **more: str) -> Query:
    """So many days that end within the last three, so that no two queries in a row are the
    same."""
    last = datetime.now(UTC).date() - timedelta(days=chance.randrange(3))
    return {"from": str(last - timedelta(days=days - 1)), "to": str(last), **more}


def once(http: httpx.Client, path: str, query: Query, headers: dict[str, str]) -> float:
    """Milliseconds until the response has arrived."""
    started = time.perf_counter()
    response = http.get(path, params=query, headers=headers)
    took = (time.perf_counter() - started) * 1000
    assert response.status_code == 200, response.text
    return took


def timed(
    http: httpx.Client,
    path: str,
    query: Callable[[random.Random], Query],
    count: int,
    headers: dict[str, str] | None = None,
) -> list[float]:
    """Milliseconds of each of `count` requests, after five that do not count."""
    chance = random.Random(path)
    headers = UNCACHED if headers is None else headers
    return [once(http, path, query(chance), headers) for _ in range(count + 5)][5:]


def polled(
    http: httpx.Client, path: str, query: Callable[[random.Random], Query], count: int
) -> list[float]:
    """The same of a region that is polled while events arrive: no result is cached, but days that
    are over are, by each worker. Twenty do not count."""
    chance, took = random.Random(path), []
    for _ in range(count + 20):
        draw_event_number()
        took.append(once(http, path, query(chance), {"HX-Request": "true"}))
    return took[20:]


def together(
    url: str, clients: int, path: str, query: Callable[[random.Random], Query], count: int
) -> tuple[list[float], float]:
    """Milliseconds of each request of several clients at once, and their responses per second."""
    took: list[float] = []
    sessions = [signed_in(url) for _ in range(clients)]

    def send(number: int) -> None:
        chance = random.Random(number)
        for _ in range(count // clients):
            took.append(once(sessions[number], path, query(chance), UNCACHED))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(clients)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took, len(took) / (time.monotonic() - started)


def workers_memory() -> int:
    """Resident bytes of the workers of this process's web server together."""
    masters = [
        child for child in psutil.Process().children() if "gunicorn" in " ".join(child.cmdline())
    ]
    return sum(worker.memory_info().rss for master in masters for worker in master.children())
