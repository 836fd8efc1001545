"""Cached results: read once, seen by no other user, never older than promised."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import connection

from tests.factories import make_client_key, make_event, make_upstream, make_user, store
from usage.history import result_cache
from usage.history.result_cache import cached
from usage.history.scope import Scope
from usage.models import CollectorRun

EVERYTHING = Scope(1, sees_everything=True)
HISTORY = "/api/usage/history?from=2026-11-18&to=2026-11-20"


class Reader:
    """Counts how often it is called."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> int:
        self.times += 1
        return self.times


@pytest.mark.django_db
def test_an_equal_query_gets_the_cached_result():
    reader = Reader()
    first, second = (cached("summary", ("2026", "UTC"), EVERYTHING, reader) for _ in range(2))
    assert first == second
    assert reader.times == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "query", "scope"),
    [
        ("series", "q", EVERYTHING),
        ("summary", "another", EVERYTHING),
        ("summary", "q", Scope(1, sees_everything=False)),
        ("summary", "q", Scope(2, sees_everything=False)),
    ],
)
def test_another_query_or_scope_is_read_anew(name, query, scope):
    reader = Reader()
    cached("summary", "q", EVERYTHING, reader)
    assert cached(name, query, scope, reader).value == 2


@pytest.mark.django_db
def test_a_version_with_another_layout_reads_anew(monkeypatch):
    reader = Reader()
    cached("summary", "q", EVERYTHING, reader)
    monkeypatch.setattr(result_cache, "_LAYOUT", result_cache._LAYOUT + 1)
    assert cached("summary", "q", EVERYTHING, reader).value == 2


@pytest.mark.django_db
def test_administrators_share_what_is_known():
    reader = Reader()
    cached("summary", "q", EVERYTHING, reader)
    assert cached("summary", "q", Scope(2, sees_everything=True), reader).value == 1


@pytest.mark.django_db
def test_new_event_is_seen_at_once():
    reader = Reader()
    cached("summary", "q", EVERYTHING, reader)
    store(make_upstream(), make_event())
    assert cached("summary", "q", EVERYTHING, reader).value == 2


@pytest.mark.django_db
def test_nothing_is_cached_longer_than_set(settings, monkeypatch):
    reader, times = Reader(), []
    monkeypatch.setattr(cache, "set", lambda key, value, timeout: times.append(timeout))
    settings.HISTORY_CACHE_SECONDS = 7
    cached("summary", "q", EVERYTHING, reader)
    assert times == [7]


@pytest.mark.django_db
def test_a_fresh_result_is_read_from_the_database_and_cached():
    reader = Reader()
    cached("summary", "q", EVERYTHING, reader)
    assert cached("summary", "q", EVERYTHING, reader, fresh=True).value == 2
    assert cached("summary", "q", EVERYTHING, reader).value == 2


@pytest.mark.django_db
def test_unreachable_cache_is_no_cache(monkeypatch):
    def fail(*args):
        raise ConnectionError("refused")

    monkeypatch.setattr(cache, "get", fail)
    monkeypatch.setattr(cache, "set", fail)
    reader = Reader()
    assert [cached("summary", "q", EVERYTHING, reader).value for _ in range(2)] == [1, 2]


@pytest.mark.django_db
def test_a_result_is_cached_in_the_database_too(settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.db.DatabaseCache",
            "LOCATION": "tollgate_cache",
        }
    }
    from usage.apps import make_cache_table

    make_cache_table(using="default")
    reader = Reader()
    first, second = (cached("summary", "q", EVERYTHING, reader) for _ in range(2))
    assert first == second
    assert reader.times == 1


class Slow(Reader):
    """Returns once all callers wait for it."""

    def __init__(self, everybody: int) -> None:
        super().__init__()
        self.may_go = threading.Event()
        self.waiting = threading.Semaphore(0)

    def __call__(self) -> int:
        super().__call__()
        self.waiting.release()
        assert self.may_go.wait(30)
        return self.times


@pytest.mark.django_db(transaction=True)
def test_question_in_flight_is_asked_once_across_threads(settings):
    settings.HISTORY_CACHE_SECONDS = 0  # so that only the flight can have it
    slow = Slow(8)

    def call(_):
        try:
            return cached("summary", "q", EVERYTHING, slow).value
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        results = [threads.submit(call, n) for n in range(8)]
        assert slow.waiting.acquire(timeout=30)
        (flight,) = result_cache._flights.values()
        wait_until(lambda: len(flight._condition._waiters) == 7)
        slow.may_go.set()
        assert {result.result(30) for result in results} == {1}
    assert slow.times == 1
    assert result_cache._flights == {}


def wait_until(condition):
    deadline = datetime.now(UTC) + timedelta(seconds=30)
    while not condition():
        assert datetime.now(UTC) < deadline
        threading.Event().wait(0.01)


@pytest.mark.django_db
def test_reading_that_ends_after_a_look_into_the_cache_is_not_done_again(monkeypatch):
    look, looks = result_cache._kept, []

    def look_just_before_another_reads(key):
        found = look(key)
        if not looks:
            looks.append(key)
            assert cached("summary", "q", EVERYTHING, lambda: "first").value == "first"
        return found

    monkeypatch.setattr(result_cache, "_kept", look_just_before_another_reads)
    assert cached("summary", "q", EVERYTHING, lambda: "second").value == "first"


@pytest.mark.django_db
def test_failed_question_leaves_no_flight_behind():
    with pytest.raises(ZeroDivisionError):
        cached("summary", "q", EVERYTHING, lambda: 1 // 0)
    assert result_cache._flights == {}
    assert cached("summary", "q", EVERYTHING, lambda: "well").value == "well"


@pytest.mark.django_db
def test_history_says_how_fresh_it_is_and_is_not_sent_twice(client):
    client.force_login(make_user(staff=True))
    upstream = make_upstream()
    store(upstream, make_event())
    now = datetime.now(UTC)
    CollectorRun.objects.create(
        upstream=upstream,
        trigger="loop",
        holder="h",
        token=1,
        started_at=now,
        ended_at=now + timedelta(hours=1),
        status="succeeded",
    )
    response = client.get(HISTORY)
    assert response.json()["lagSeconds"] == 0
    assert response.json()["data"]["totals"]["totalRequests"] == 1
    assert response.headers["Cache-Control"] == "private, no-cache"
    etag = response.headers["ETag"]
    assert client.get(HISTORY, headers={"If-None-Match": etag}).status_code == 304
    afresh = client.get(HISTORY, headers={"If-None-Match": etag, "Cache-Control": "no-cache"})
    assert afresh.status_code == 304  # read again, and nothing had changed
    assert client.get(HISTORY + "&tz=Asia/Kolkata").headers["ETag"] != etag


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("address", [HISTORY, "/api/usage/summary", "/usage/"])
def test_new_installation_can_be_read_before_anything_is_written(client, address):
    client.force_login(make_user(staff=True))
    assert client.get(address).status_code == 200


@pytest.mark.django_db
def test_only_staff_may_ask_afresh(client, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "usage.api.conditional.cached",
        lambda *args, fresh: seen.append(fresh) or cached(*args, fresh=fresh),
    )
    owner = make_user()
    make_client_key(make_upstream(), "sk-mine-0001", owner=owner)
    for user in (owner, make_user(staff=True)):
        client.force_login(user)
        client.get(HISTORY, headers={"Cache-Control": "no-cache"})
    assert seen == [False, True]
