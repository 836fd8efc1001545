"""Random usage and random queries about it, checked by plain SQL over the events: what the query
layer must equal.

Events lie thickly around changes of clocks and exactly on the edges of quarters, hours and days.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from unittest.mock import patch
from zoneinfo import ZoneInfo

from django.db import connection

from providers.models import ClientKey, Credential
from tests.factories import make_event, make_upstream, make_user, own_price, store
from usage.history import queries
from usage.history.dimensions import EMPTY, UNATTRIBUTED, Dimension, Filters
from usage.history.histograms.tally import PERCENTILES
from usage.history.measures import DURATIONS
from usage.history.past import split
from usage.history.queries import Query
from usage.history.scope import Scope
from usage.history.source_sql import COUNTS, MAXIMA, MEASURES, SUMS
from usage.history.windows import Bucket, Interval, Period
from usage.models import COST_KINDS, RollupCalendar
from usage.rollups.histograms import RELATIVE_ERROR, duration_of

T = TypeVar("T")
Pick = Callable[[Sequence[T]], T]
Row = dict[str, Any]

FIRST, LAST = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 6, tzinfo=UTC)
# Clocks change in all of these within that time, or stand at a half or quarter of an hour.
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Havana",
    "Asia/Beirut",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "Pacific/Chatham",
)
_CHANGES = (
    datetime(2026, 10, 3, 15, 30, tzinfo=UTC),
    datetime(2026, 10, 24, 21, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 11, 1, 4, tzinfo=UTC),
    datetime(2026, 11, 1, 5, tzinfo=UTC),
    datetime(2026, 11, 1, 6, tzinfo=UTC),
)
_KEYS = ("sk-random-one-0001", "sk-random-two-0002", "sk-random-three-0003", "")
# Those that narrow rollups have come more often.
_DIMENSIONS = (
    (
        Dimension.KEY,
        Dimension.USER,
        Dimension.MODEL,
        Dimension.CREDENTIAL,
        Dimension.UPSTREAM,
        Dimension.OUTCOME,
        Dimension.FAILURE_CLASS,
    ),
    tuple(Dimension),
)
_LENGTHS = (
    timedelta(minutes=40),
    timedelta(hours=5),
    timedelta(days=1),
    timedelta(days=3, hours=7, minutes=15),
    timedelta(days=7),
    timedelta(days=15),
    timedelta(days=30),
    timedelta(days=40),
)
_ORDERS = ("attempts", "requests", "failed", "total_tokens", "cost_nano_usd")
# Real models have a price in the catalogue, one of them one by time of day; others have none.
_MODELS = ("gpt-5.4", "claude-sonnet-4-5-20250929", "deepseek-v4-flash", "m1", "m2")


@dataclass(frozen=True)
class Known:
    """What queries can name: the calendar's zone, accepted values of each dimension, as filters
    have them, and the users."""

    calendar: str
    values: dict[Dimension, list[Any]]
    users: list[int]


def fill(seed: int, events: int = 250) -> Known:
    """Store random events of two upstreams in a random calendar, page by page through the real
    ingest, under random own prices."""
    chance = random.Random(seed)
    calendar = chance.choice(ZONES)
    RollupCalendar.objects.update_or_create(pk=1, defaults={"zone": calendar})
    upstreams = [make_upstream(), make_upstream()]
    _set_own_prices(chance)
    elements = [_element(chance) for _ in range(events)]
    while elements:
        size = chance.choice((1, 7, 60))
        store(chance.choice(upstreams), *elements[:size])
        del elements[:size]
    users = [make_user().pk, make_user().pk]
    for key in ClientKey.objects.all():
        key.owner_id = chance.choice([*users, None])
        key.save()
    return Known(calendar, _values(), users)


def _set_own_prices(chance: random.Random) -> None:
    day = (FIRST + timedelta(days=chance.randrange(36))).date()
    own_price("price", model="m1", holds_from=day, input_rate=1_234_567, output_rate=7_000_001)
    own_price("discount", provider="claude", holds_from=day, percent=33)
    own_price("flat", model="gpt-*", holds_from=day)


def _element(chance: random.Random) -> Row:
    failed = chance.random() < 0.3
    parts = [chance.randrange(chance.choice((1000, 300_000))) for _ in range(5)]
    return make_event(
        timestamp=_instant(chance),
        request_id=f"{chance.randrange(90):08x}",
        api_key=chance.choice(_KEYS),
        failed=failed,
        auth_index=chance.choice(("a1", "a2", "")),
        source=chance.choice(("x@example.com", "")),
        provider=chance.choice(("codex", "claude")),
        model=chance.choice(_MODELS),
        alias=chance.choice(("m1", "other")),
        endpoint=chance.choice(("POST /v1/messages", "POST /v1/responses", "")),
        auth_type=chance.choice(("oauth", "apikey")),
        service_tier=chance.choice(("auto", "priority")),
        response_service_tier=chance.choice(("", "default", "priority", "flex")),
        reasoning_effort=chance.choice(("", "none", "high")),
        latency_ms=chance.choice((0, 1, chance.randrange(1, 90_000))),
        ttft_ms=chance.choice((0, chance.randrange(1, 9_000))),
        fail=(
            {"status_code": chance.choice((400, 401, 429, 500)), "body": ""}
            if failed
            else {"status_code": 200, "body": ""}
        ),
        token_breakdown={
            "quality": "complete",
            "total_tokens": sum(parts),
            "unclassified_tokens": 0,
            "input": {
                "uncached_tokens": parts[0],
                "cache_read_tokens": parts[1],
                "cache_write_tokens": parts[2],
            },
            "output": {"non_reasoning_tokens": parts[3], "reasoning_tokens": parts[4]},
        },
    )


def _instant(chance: random.Random) -> datetime:
    around = chance.choice((None, *_CHANGES))
    instant = (
        FIRST + timedelta(seconds=chance.uniform(0, 36 * 86_400))
        if around is None
        else around + timedelta(hours=chance.uniform(-26, 26))
    )
    if chance.random() < 0.4:
        quarter = timedelta(minutes=15)
        instant -= (instant - FIRST) % quarter
        instant += timedelta(microseconds=chance.choice((0, 0, -1, 1)))
    return instant


def _values() -> dict[Dimension, list[Any]]:
    values: dict[Dimension, list[Any]] = {
        Dimension.KEY: [None, *ClientKey.objects.values_list("pk", flat=True)],
        Dimension.CREDENTIAL: [None, *Credential.objects.values_list("pk", flat=True)],
        Dimension.USER: [
            None,
            *ClientKey.objects.exclude(owner=None).values_list("owner", flat=True),
        ],
    }
    with connection.cursor() as cursor:
        for dimension in set(Dimension) - values.keys():
            cursor.execute(
                f"SELECT DISTINCT {VALUE[dimension]} FROM usage_usageseries AS s JOIN"
                " management_proxy_upstream AS o ON o.id = s.upstream_id WHERE s.level = 'full'"
            )
            values[dimension] = [dimension.parse(row[0]) for row in cursor.fetchall() if row[0]]
    return values


def random_query(pick: Pick[Any], known: Known) -> Query:
    """Any period and buckets in any zone, up to three filters, up to two groups, of anybody."""
    zone = ZoneInfo(pick((known.calendar, pick(ZONES))))
    groups = tuple(dict.fromkeys(pick(pick(_DIMENSIONS)) for _ in range(pick((0, 1, 1, 2)))))
    filtered = [pick(pick(_DIMENSIONS)) for _ in range(pick((0, 0, 1, 1, 2, 3)))]
    filters = {
        dimension: _accepted(pick, known.values[dimension])
        for dimension in filtered
        if known.values[dimension]
    }
    scope = (
        Scope(pick(known.users), sees_everything=False)
        if pick(range(5)) == 0
        else Scope(None, sees_everything=True)
    )
    return Query(_intervals(pick, zone), scope, Filters(filters), groups)


def _accepted(pick: Pick[Any], values: list[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(pick(values) for _ in range(pick((1, 1, 2)))))


def _intervals(pick: Pick[Any], zone: ZoneInfo) -> list[Interval]:
    day = datetime(2026, 10, 1, tzinfo=zone) + timedelta(days=pick(range(-2, 36)))
    ragged = (
        timedelta(0)
        if pick((True, False))
        else pick((timedelta(hours=1), timedelta(minutes=15), timedelta(minutes=1, microseconds=1)))
        * pick(range(96))
    )
    length = pick(_LENGTHS)
    period = Period((day + ragged).astimezone(UTC), (day + ragged + length).astimezone(UTC), zone)
    bucket = pick([None, *Bucket])
    if bucket is None or period.start >= period.end or (bucket is Bucket.HOUR and length.days > 7):
        return [period]
    return list(bucket.cut(period))


# The value of each dimension as a filter writes it, over events `e`, series `s`, their upstream `o`
# and client key `k`.
VALUE = {
    **{
        dimension: f"CASE s.{dimension.value} WHEN '' THEN '{EMPTY}' ELSE s.{dimension.value} END"
        for dimension in Dimension
    },
    Dimension.UPSTREAM: "o.name",
    Dimension.USER: f"coalesce(k.owner_id::text, '{UNATTRIBUTED}')",
    Dimension.KEY: f"coalesce(e.client_key_id::text, '{UNATTRIBUTED}')",
    Dimension.CREDENTIAL: f"coalesce(e.credential_id::text, '{UNATTRIBUTED}')",
    Dimension.OUTCOME: "CASE WHEN s.failed THEN 'failed' ELSE 'succeeded' END",
    Dimension.FAILURE_CLASS: "s.failure_class",
}
_PLAIN = {
    "attempts": "count(*)",
    "requests": "sum(e.is_first_attempt::int)",
    "failed": "sum(s.failed::int)",
    **{
        name: f"sum(e.{name})"
        for name in SUMS
        if name.endswith("_tokens") and name != "generated_tokens"
    },
    **{
        name: f"sum(e.{name})"
        for name in ("input_cost", "cache_read_cost", "cache_write_cost", "list_cost")
    },
    "cache_savings": "sum(e.cache_savings)",
    "output_cost": "sum(e.output_cost + coalesce(e.reasoning_cost, 0))",
    "priced": "count(e.price_version_id)",
    "failed_cost": (
        "coalesce(sum(e.input_cost + e.cache_read_cost + e.cache_write_cost + e.output_cost"
        " + coalesce(e.reasoning_cost, 0)) FILTER (WHERE s.failed), 0)"
    ),
    "generated_tokens": (
        "coalesce(sum(e.non_reasoning_output_tokens + e.reasoning_tokens) FILTER (WHERE NOT"
        " s.failed), 0)"
    ),
    "generation_ms": "coalesce(sum(e.latency_ms) FILTER (WHERE NOT s.failed), 0)",
    **{f"{m}_count": f"count(*) FILTER (WHERE e.{m}_ms > 0)" for m in ("latency", "ttft")},
    **{f"{m}_sum_ms": f"coalesce(sum(e.{m}_ms), 0)" for m in ("latency", "ttft")},
    **{f"{m}_max_ms": f"coalesce(max(e.{m}_ms), 0)" for m in ("latency", "ttft")},
}


def plain_rows(query: Query, columns: dict[str, str]) -> dict[tuple[Any, ...], Row]:
    """`columns` by number of the interval and values of the groups, from the events alone."""
    conditions = [
        f"{VALUE[dimension]} = ANY(%({dimension.value})s)" for dimension in query.filters.values
    ]
    if not query.scope.sees_everything:
        conditions.append("k.owner_id = %(owner)s")
    parameters: dict[str, Any] = {
        d.value: [d.written(value) for value in accepted]
        for d, accepted in query.filters.values.items()
    }
    parameters |= {
        "owner": query.scope.owner_id,
        "starts": [i.start for i in query.intervals],
        "ends": [i.end for i in query.intervals],
    }
    keys = ", ".join(
        [
            "(i.number - 1)::int AS number",
            *(f"{VALUE[group]} AS group_{n}" for n, group in enumerate(query.groups, 1)),
        ]
    )
    places = ", ".join(str(n + 1) for n in range(len(query.groups) + 1))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT {keys}, {", ".join(f"{sql} AS {name}" for name, sql in columns.items())}
            FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[])
                WITH ORDINALITY AS i (first, last, number)
            JOIN usage_event AS e ON e."timestamp" >= i.first AND e."timestamp" < i.last
            JOIN usage_usageseries AS s ON s.id = e.series_id
            JOIN management_proxy_upstream AS o ON o.id = s.upstream_id
            LEFT JOIN providers_clientkey AS k ON k.id = e.client_key_id
            WHERE {" AND ".join(conditions) or "TRUE"} GROUP BY {places}""",
            parameters,
        )
        count = len(query.groups) + 1
        return {
            row[:count]: dict(zip(columns, row[count:], strict=True)) for row in cursor.fetchall()
        }


def check_ranked_sums(query: Query, top: int, order: str) -> None:
    """Assert that the layer's sums, ranks and rest are those of the events."""
    plain, found = plain_rows(query, _PLAIN), query.ranked_sums(top, order)
    totals = _by_group(plain, order)
    shown = {row["rank"]: _values_of(query, row) for row in found if row["rank"] <= top}
    assert set(shown) == set(range(1, min(top, len(totals)) + 1))
    ranked = [totals[shown[rank]] for rank in sorted(shown)]
    others = [totals[group] for group in totals.keys() - shown.values()]
    assert ranked == sorted(ranked, reverse=True)
    assert not others or min(ranked) >= max(others)
    groups = {group: rank for rank, group in shown.items()}
    expected: dict[tuple[int, int], list[Row]] = {}
    for key, row in plain.items():
        expected.setdefault((key[0], groups.get(key[1:], top + 1)), []).append(row)
    assert {
        (row["number"], row["rank"]): {name: row[name] for name in _PLAIN} for row in found
    } == {key: _summed(rows) for key, rows in expected.items()}
    # The rest is as many groups in every interval, also where some of them have nothing.
    assert {(row["rank"] > top, row["groups"]) for row in found} <= {
        (False, 1),
        (True, len(others)),
    }


def check_sums(query: Query, measures: Sequence[str], shown: int | None) -> None:
    """Assert that the layer's sums of each group are those of the events, each once; with `shown`
    those of so many groups alone."""
    plain = plain_rows(query, {name: _PLAIN[name] for name in measures})
    values = None
    if shown is not None and query.groups:
        groups = sorted({key[1:] for key in plain})[:shown]
        plain = {key: row for key, row in plain.items() if key[1:] in groups}
        values = [_raw_values(query, group) for group in groups]
    found = query.sums(measures, values)
    assert len(found) == len(plain)
    assert {
        (row["number"], *_values_of(query, row)): {name: row[name] for name in measures}
        for row in found
    } == plain


def check_percentiles(
    query: Query, measure: str, measures: Sequence[str], most_packed: float
) -> None:
    """Assert that the layer's percentiles of a measure, read among `measures`, are within the
    promised error of the exact ones; histograms of more than `most_packed` rows are added up by the
    database."""
    exact = plain_rows(
        query,
        {
            f"p{p}": (
                f"percentile_disc({p / 100}) WITHIN GROUP (ORDER BY e.{measure}_ms) FILTER (WHERE"
                f" e.{measure}_ms > 0)"
            )
            for p in PERCENTILES
        },
    )
    exact = {key: row for key, row in exact.items() if row["p50"] is not None}
    groups = sorted({key[1:] for key in exact})
    shown = [_raw_values(query, values) for values in groups]
    with patch.object(queries, "MOST_ROWS_PACKED", most_packed):
        bins = query.percentiles(measures, shown) if groups else {}
    found = {
        (number, *groups[rank - 1]): of_measures[measure]
        for (number, rank), of_measures in bins.items()
        if measure in of_measures
    }
    assert found.keys() == exact.keys()
    for key, row in exact.items():
        for p in PERCENTILES:
            assert (
                abs(duration_of(found[key][p]) - row[f"p{p}"])
                <= RELATIVE_ERROR * row[f"p{p}"] * 1.0001
            ), (key, p)


_LEAST_KEPT = ("_LEAST_SUMS_KEPT", "_LEAST_RANKED_KEPT", "_LEAST_HISTOGRAMS_KEPT")


def check_at_random(pick: Pick[Any], known: Known) -> None:
    """One random query: its percentiles, its sums, or its ranked sums; on any day, and again with
    all that is cached of days that are over."""
    query, seed = random_query(pick, known), pick(range(1000))
    today = (FIRST + timedelta(days=pick(range(-3, 40)))).date()
    keeps = pick((True, False))
    least: dict[str, Any] = dict.fromkeys(_LEAST_KEPT, 0 if keeps else 10**9)
    least["_MOST_SUMS_KEPT"] = pick((5, 2_000))
    with patch.multiple(queries, **least), patch.object(split, "present_day", lambda _: today):
        for _ in range(2 if keeps else 1):
            _check(random.Random(seed).choice, query)


def _check(pick: Pick[Any], query: Query) -> None:
    if (kind := pick(range(4))) == 0:
        measure = pick(DURATIONS)
        check_percentiles(
            query, measure, pick(((measure,), DURATIONS)), pick((0, queries.MOST_ROWS_PACKED))
        )
    elif kind == 1:
        check_sums(query, pick((COUNTS, MEASURES)), pick((None, 1, 3)))
    else:
        check_ranked_sums(query, pick((1, 2, 5, 10**6)), pick(_ORDERS))


def _by_group(plain: dict[tuple[Any, ...], Row], order: str) -> dict[tuple[Any, ...], int]:
    totals: dict[tuple[Any, ...], list[int | None]] = {}
    for key, row in plain.items():
        totals.setdefault(key[1:], []).append(_ordered_by(row, order))
    # What has no price comes after all that is free.
    return {
        group: -1 if (total := _sum(values)) is None else total for group, values in totals.items()
    }


def _ordered_by(row: Row, order: str) -> int | None:
    if order == "cost_nano_usd":
        return sum(row[name] for name in COST_KINDS) if row["priced"] else None
    value: int | None = row[order]
    return value


def _summed(rows: list[Row]) -> Row:
    return {
        name: max(row[name] for row in rows) if name in MAXIMA else _sum(row[name] for row in rows)
        for name in _PLAIN
    }


def _sum(values: Iterable[int | None]) -> int | None:
    """None where nothing has a price."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _values_of(query: Query, row: Row) -> tuple[str, ...]:
    values = [row[f"group_{n}"] for n in range(1, len(query.groups) + 1)]
    return tuple(
        (
            (
                UNATTRIBUTED
                if group.is_identity
                else value
                if group is Dimension.FAILURE_CLASS
                else EMPTY
            )
            if value == ""
            else value
        )
        for group, value in zip(query.groups, values, strict=True)
    )


def _raw_values(query: Query, values: Sequence[str]) -> list[str]:
    """The values of a group as the layer has them."""
    return [_raw(group, value) for group, value in zip(query.groups, values, strict=True)] or [""]


def _raw(dimension: Dimension, value: str) -> str:
    return "" if value in (UNATTRIBUTED, EMPTY) else value
