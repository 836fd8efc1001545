"""Remembered answers: asked once, seen by nobody else, never older than said."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import connection

from tests.factories import make_client_key, make_event, make_upstream, make_user, store
from usage.history.result_cache import cached
from usage.history.scope import Scope
from usage.models import CollectorRun

EVERYTHING = Scope(1, sees_everything=True)
HISTORY = "/api/usage/history?from=2026-11-18&to=2026-11-20"


class Reader:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> int:
        self.times += 1
        return self.times


@pytest.mark.django_db
def test_equal_question_is_told_what_is_known():
    asked = Reader()
    first, second = (cached("summary", ("2026", "UTC"), EVERYTHING, asked) for _ in range(2))
    assert first == second
    assert asked.times == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "question", "scope"),
    [
        ("series", "q", EVERYTHING),
        ("summary", "another", EVERYTHING),
        ("summary", "q", Scope(1, sees_everything=False)),
        ("summary", "q", Scope(2, sees_everything=False)),
    ],
)
def test_another_question_or_scope_is_asked_anew(name, question, scope):
    asked = Reader()
    cached("summary", "q", EVERYTHING, asked)
    assert cached(name, question, scope, asked).value == 2


@pytest.mark.django_db
def test_administrators_share_what_is_known():
    asked = Reader()
    cached("summary", "q", EVERYTHING, asked)
    assert cached("summary", "q", Scope(2, sees_everything=True), asked).value == 1


@pytest.mark.django_db
def test_new_event_is_seen_at_once():
    asked = Reader()
    cached("summary", "q", EVERYTHING, asked)
    store(make_upstream(), make_event())
    assert cached("summary", "q", EVERYTHING, asked).value == 2


@pytest.mark.django_db
def test_nothing_is_told_longer_than_said(settings, monkeypatch):
    asked, times = Reader(), []
    monkeypatch.setattr(cache, "set", lambda key, value, timeout: times.append(timeout))
    settings.HISTORY_CACHE_SECONDS = 7
    cached("summary", "q", EVERYTHING, asked)
    assert times == [7]


@pytest.mark.django_db
def test_asking_afresh_is_answered_by_the_database_and_remembered():
    asked = Reader()
    cached("summary", "q", EVERYTHING, asked)
    assert cached("summary", "q", EVERYTHING, asked, fresh=True).value == 2
    assert cached("summary", "q", EVERYTHING, asked).value == 2


@pytest.mark.django_db
def test_unreachable_cache_is_no_cache(monkeypatch):
    def fail(*args):
        raise ConnectionError("refused")

    monkeypatch.setattr(cache, "get", fail)
    monkeypatch.setattr(cache, "set", fail)
    asked = Reader()
    assert [cached("summary", "q", EVERYTHING, asked).value for _ in range(2)] == [1, 2]


@pytest.mark.django_db
def test_answer_is_remembered_in_the_database_too(settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.db.DatabaseCache",
            "LOCATION": "tollgate_cache",
        }
    }
    from usage.apps import make_cache_table

    make_cache_table(using="default")
    asked = Reader()
    first, second = (cached("summary", "q", EVERYTHING, asked) for _ in range(2))
    assert first == second
    assert asked.times == 1


class Slow(Reader):
    """Answers once everybody has come to ask."""

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
    from usage.history import result_cache as module

    settings.HISTORY_CACHE_SECONDS = 0  # so that only the flight can answer
    slow = Slow(8)

    def ask(_):
        try:
            return cached("summary", "q", EVERYTHING, slow).value
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        answers = [threads.submit(ask, n) for n in range(8)]
        assert slow.waiting.acquire(timeout=30)
        (flight,) = module._flights.values()
        wait_until(lambda: len(flight._condition._waiters) == 7)
        slow.may_go.set()
        assert {answer.result(30) for answer in answers} == {1}
    assert slow.times == 1
    assert module._flights == {}


def wait_until(condition):
    deadline = datetime.now(UTC) + timedelta(seconds=30)
    while not condition():
        assert datetime.now(UTC) < deadline
        threading.Event().wait(0.01)


@pytest.mark.django_db
def test_failed_question_leaves_no_flight_behind():
    from usage.history import result_cache as module

    with pytest.raises(ZeroDivisionError):
        cached("summary", "q", EVERYTHING, lambda: 1 // 0)
    assert module._flights == {}
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
        ended_at=now - timedelta(seconds=-1),
        status="succeeded",
    )
    answer = client.get(HISTORY)
    assert answer.json()["lagSeconds"] == 0
    assert answer.json()["data"]["totals"]["totalRequests"] == 1
    assert answer.headers["Cache-Control"] == "private, no-cache"
    etag = answer.headers["ETag"]
    assert client.get(HISTORY, headers={"If-None-Match": etag}).status_code == 304
    afresh = client.get(HISTORY, headers={"If-None-Match": etag, "Cache-Control": "no-cache"})
    assert afresh.status_code == 304  # asked again, and nothing had changed
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
