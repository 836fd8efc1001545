"""Days that are over are read once, and again when anything of them changes."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from management_proxy.models import Upstream
from providers.models import ClientKey
from tests.factories import make_event, make_upstream, make_user, own_price, store
from usage.costs.price_book import PriceBook
from usage.history import queries
from usage.history.dimensions import Dimension
from usage.history.past import kept, split
from usage.history.past.kept import reading_anew
from usage.history.queries import Query
from usage.history.scope import Scope
from usage.history.snapshot import one_instant
from usage.history.windows import Bucket, Period
from usage.models import UsageDailyByKey
from usage.upkeep.rebuild import rebuild
from usage.upkeep.repricing import Stretch, reprice

pytestmark = pytest.mark.django_db

EVERYTHING = Scope(None, sees_everything=True)
UTC_ZONE = ZoneInfo("UTC")
PERIOD = Period.of_days(date(2026, 11, 1), date(2026, 11, 20), UTC_ZONE)
PAST, NOW = "2026-11-10T10:00:00Z", "2026-11-20T10:00:00Z"


@pytest.fixture(autouse=True)
def upstream(monkeypatch) -> Upstream:
    """One event of a day that is over, one of the present one."""
    monkeypatch.setattr(split, "present_day", lambda _: date(2026, 11, 20))
    monkeypatch.setattr(queries, "_LEAST_SUMS_KEPT", 0)
    monkeypatch.setattr(queries, "_LEAST_RANKED_KEPT", 0)
    upstream = make_upstream()
    store(upstream, make_event(timestamp=PAST), make_event(timestamp=NOW, latency_ms=90))
    return upstream


def query(group: Dimension | None = Dimension.MODEL, scope: Scope = EVERYTHING) -> Query:
    return Query([PERIOD], scope, groups=(group,) if group else ())


def sums(of: Query) -> tuple[list[dict[str, Any]], int]:
    """The rows of a query, and how many statements it took for them."""
    with CaptureQueriesContext(connection) as captured:
        found = of.sums(("attempts", "total_tokens", "input_cost"))
    return found, _count(captured, "sums")


def median(of: Query, shown: str) -> tuple[int, int]:
    """The bin of half the latencies of a value, and how many statements it took."""
    with CaptureQueriesContext(connection) as captured:
        found = of.percentiles(("latency",), [[shown]])
    return found[0, 1]["latency"][50], _count(captured, "percentiles")


def _count(captured: CaptureQueriesContext, name: str) -> int:
    return sum(f"/* usage.history.{name} */" in (one["sql"] or "") for one in captured)


def test_only_the_present_day_is_read_again():
    assert [row["attempts"] for row in sums(query())[0]] == [2]
    assert sums(query())[1] == 1
    first = median(query(), "gpt-5.4")
    assert (first[1], median(query(), "gpt-5.4")) == (2, (first[0], 1))


def test_days_that_are_all_over_are_not_read_at_all():
    over = Query(
        [Period.of_days(date(2026, 11, 1), date(2026, 11, 12), ZoneInfo("UTC"))], EVERYTHING
    )
    assert sums(over)[1] == 1
    assert sums(over) == ([{**sums(over)[0][0], "attempts": 1}], 0)


def test_an_interval_that_is_past_in_part_is_added_up_and_ranked(upstream):
    store(upstream, *(make_event(timestamp=NOW, model="other", alias="other") for _ in range(3)))
    weeks = Query(list(Bucket.WEEK.cut(PERIOD)), EVERYTHING, groups=(Dimension.MODEL,))
    for _ in range(2):
        found = [(row["number"], row["group_1"], row["attempts"]) for row in sums(weeks)[0]]
        assert found == [(2, "gpt-5.4", 1), (3, "other", 3), (3, "gpt-5.4", 1)]


def ranks(top: int = 1) -> tuple[list[tuple[Any, ...]], int, int]:
    """Models by rank, and how many statements it took that read and that rank all days."""
    with CaptureQueriesContext(connection) as captured:
        found = query().ranked_sums(top, "attempts")
    rows = [(row["rank"], row["group_1"], row["groups"], row["attempts"]) for row in found]
    return rows, _count(captured, "sums"), _count(captured, "ranked_sums")


def test_groups_are_ranked_by_all_days_without_reading_the_past(upstream):
    for model in ("b", "b", "b", "c"):
        store(upstream, make_event(timestamp=PAST, model=model, alias=model))
    expected = [(1, "b", 1, 3), (2, None, 2, 3)]
    assert ranks() == (expected, 2, 0)
    assert ranks() == (expected, 1, 0)
    store(upstream, *(make_event(timestamp=NOW) for _ in range(5)))
    assert ranks() == ([(1, "gpt-5.4", 1, 7), (2, None, 2, 4)], 1, 0)


def test_too_many_groups_are_ranked_by_the_database(upstream, monkeypatch):
    monkeypatch.setattr(queries, "_MOST_SUMS_KEPT", 1)
    store(upstream, make_event(timestamp=PAST, model="b", alias="b"))
    expected = [(1, "gpt-5.4", 1, 2), (2, None, 1, 1)]
    assert ranks() == (expected, 1, 1)
    assert ranks() == (expected, 0, 1)


def test_an_event_of_the_present_day_is_seen_without_reading_the_past(upstream):
    sums(query())
    store(upstream, make_event(timestamp=NOW))
    found, statements = sums(query())
    assert (found[0]["attempts"], statements) == (3, 1)


def test_a_late_event_is_seen_at_once(upstream):
    before = sums(query())[0], median(query(), "gpt-5.4")[0]
    store(upstream, *(make_event(timestamp=PAST, latency_ms=9000) for _ in range(2)))
    after = sums(query())[0], median(query(), "gpt-5.4")[0]
    assert after[0][0]["attempts"] == before[0][0]["attempts"] + 2
    assert after[1] > before[1]


def test_new_costs_are_seen_at_once():
    before = sums(query())[0][0]["input_cost"]
    own_price("price", model="gpt-5.4", input_rate=77_000_000, output_rate=77_000_000)
    changed = reprice(PriceBook.newest(), Stretch(PERIOD.start, PERIOD.end), apply=True)
    assert changed.events
    assert sums(query())[0][0]["input_cost"] > before


def test_a_rebuilt_rollup_is_seen_at_once():
    UsageDailyByKey.objects.update(attempts=100)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE usage_usagedailyoverall SET attempts = attempts")
    assert sums(query(Dimension.KEY))[0][0]["attempts"] == 200
    rebuild(PERIOD.start, PERIOD.end)
    assert sums(query(Dimension.KEY))[0][0]["attempts"] == 2


def test_a_rebuild_ends_with_the_rollup_that_says_so():
    sums(query(Dimension.KEY))
    with CaptureQueriesContext(connection) as captured:
        rebuild(datetime(2026, 11, 10, tzinfo=UTC), datetime(2026, 11, 11, tzinfo=UTC))
    locked = [one["sql"] for one in captured if "IN EXCLUSIVE MODE" in one["sql"]]
    assert "usage_usagedailyoverall" in locked[-1]


def test_an_owner_counts_from_the_moment_that_he_is_named():
    user = make_user()
    own = Scope(user.pk, sees_everything=False)
    assert sums(query(Dimension.USER))[0][0]["group_1"] == ""
    assert sums(query(Dimension.KEY, own))[0] == []
    ClientKey.objects.update(owner=user)
    assert sums(query(Dimension.USER))[0][0]["group_1"] == str(user.pk)
    assert sums(query(Dimension.KEY, own))[0][0]["attempts"] == 2


def test_a_new_name_of_an_upstream_is_seen_at_once(upstream):
    sums(query(Dimension.UPSTREAM))
    Upstream.objects.update(name="renamed")
    assert [row["group_1"] for row in sums(query(Dimension.UPSTREAM))[0]] == ["renamed"]


def test_who_wants_it_fresh_has_everything_read():
    sums(query())
    with reading_anew(wanted=True):
        assert sums(query())[1] == 2
    assert sums(query())[1] == 1


def test_nothing_is_cached_where_the_operator_wants_no_cache(settings):
    settings.HISTORY_CACHE_SECONDS = 0
    assert [sums(query())[1] for _ in range(2)] == [1, 1]


def test_what_is_large_is_not_cached(monkeypatch):
    monkeypatch.setattr(kept, "MOST_BYTES", 10)
    assert [sums(query())[1] for _ in range(2)] == [2, 2]


def test_unreachable_cache_is_no_cache(monkeypatch):
    def fail(*args):
        raise ConnectionError("refused")

    monkeypatch.setattr(cache, "get", fail)
    monkeypatch.setattr(cache, "set", fail)
    assert [sums(query())[1] for _ in range(2)] == [2, 2]
    assert sums(query())[0][0]["attempts"] == 2


@pytest.mark.django_db(transaction=True)
def test_a_cache_in_the_database_does_not_break_the_reading(settings):
    backend = "django.core.cache.backends.db.DatabaseCache"
    # Of so few entries some are deleted at each that is added.
    options = {"MAX_ENTRIES": 1, "CULL_FREQUENCY": 1}
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": "kept", "OPTIONS": options}}
    call_command("createcachetable", verbosity=0)
    cache.set_many({"one": 1, "two": 2})
    found = []
    for _ in range(2):
        with one_instant():
            found.append(sums(query(Dimension.MODEL)))
            found.append(sums(query(Dimension.KEY)))
    assert [statements for _, statements in found] == [2, 2, 1, 1]
    assert found[:2] == [(rows, 2) for rows, _ in found[2:]]
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE kept")
