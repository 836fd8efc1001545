"""Today's traffic by provider and model, and by upstream, from a rollup: counters that begin anew
at midnight, as those of a process that restarts.

The busiest models of the last days have names, the others are `other`. Which these are changes at
midnight alone, together with the counts, so that none of them ever seems to fall.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import accumulate, count
from math import inf
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from monitoring.metrics.shared import bucket_name
from usage.history.snapshot import Row, rows
from usage.rollups.histograms import duration_of
from usage.rollups.tables import readers_calendar_zone

OTHER = "other"
_RANKED_DAYS = timedelta(days=30)
_ENDS = (0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_ENDS_TEXT = [bucket_name(end) for end in (*_ENDS, inf)]
# The first bin beyond each of these: a bin's place among them is that of its bucket.
_BEYOND = [next(bin for bin in count() if duration_of(bin) > 1000 * end) for end in _ENDS]
_MODELS = """
SELECT s.model FROM usage_usagedailybymodel AS u JOIN usage_usageseries AS s ON s.id = u.series_id
WHERE u.bucket BETWEEN %(first)s AND %(today)s GROUP BY 1
ORDER BY coalesce(sum(u.attempts) FILTER (WHERE u.bucket < %(today)s), 0) DESC, 1 LIMIT %(top)s
"""
_NAMED = "CASE WHEN s.model = ANY(%(models)s) THEN s.model ELSE 'other' END"
_TODAY = f"""
WITH today AS (
    SELECT s.provider, {_NAMED} AS model, s.failure_class, u.*
    FROM usage_usagedaily AS u JOIN usage_usageseries AS s ON s.id = u.series_id
    WHERE u.bucket = %(today)s
)
"""
_COUNTS = f"""
{_TODAY} SELECT provider, model, failure_class, sum(attempts)::bigint AS attempts,
    sum(requests)::bigint AS requests, sum(total_tokens)::bigint AS tokens,
    sum(latency_sum_ms)::bigint AS latency_sum_ms, sum(ttft_sum_ms)::bigint AS ttft_sum_ms
FROM today GROUP BY 1, 2, 3
"""
_UPSTREAMS = """
SELECT up.name AS upstream,
    sum(u.attempts)::bigint AS attempts, sum(u.requests)::bigint AS requests,
    coalesce(sum(u.attempts) FILTER (WHERE s.failure_class <> ''), 0)::bigint AS failed,
    coalesce(sum(u.total_tokens), 0)::bigint AS tokens
FROM usage_usagedaily AS u JOIN usage_usageseries AS s ON s.id = u.series_id
JOIN management_proxy_upstream AS up ON up.id = s.upstream_id
WHERE u.bucket = %(today)s GROUP BY 1 ORDER BY 1
"""
_BINS = f"""
{_TODAY}, bins AS (
    SELECT provider, model, 'latency' AS measure,
        unnest(latency_bins) AS bin, unnest(latency_counts) AS n
    FROM today
    UNION ALL
    SELECT provider, model, 'ttft', unnest(ttft_bins), unnest(ttft_counts) FROM today
)
SELECT provider, model, measure, width_bucket(bin, %(beyond)s::smallint[]) AS place,
    sum(n)::bigint AS n
FROM bins GROUP BY 1, 2, 3, 4
"""
_LABELS = ["provider", "model"]
_DURATIONS = {
    "latency": ("usage_model_latency_seconds", "Latency of attempts today."),
    "ttft": ("usage_model_first_token_seconds", "Time to the first token of attempts today."),
}


def traffic_metrics() -> Iterator[Metric]:
    """Attempts, requests, tokens and durations of today, by provider and model."""
    today = timezone.now().astimezone(ZoneInfo(readers_calendar_zone())).date()
    about: dict[str, Any] = {"today": today, "models": _top_models(today), "beyond": _BEYOND}
    counts = rows("metrics.traffic", _COUNTS, about)
    yield from _counters(counts)
    yield from _by_upstream(rows("metrics.upstreams", _UPSTREAMS, about))
    yield from _histograms(rows("metrics.durations", _BINS, about), counts)


def _top_models(today: date) -> list[str]:
    about = {"first": today - _RANKED_DAYS, "today": today, "top": settings.METRICS_TOP_MODELS}
    return [row["model"] for row in rows("metrics.models", _MODELS, about)]


def _counters(counts: list[Row]) -> Iterator[Metric]:
    attempts = CounterMetricFamily(
        "usage_model_attempts",
        "Attempts today, by failure class; empty of those that succeeded.",
        labels=[*_LABELS, "failure_class"],
    )
    requests = CounterMetricFamily(
        "usage_model_requests", "Client requests that began today.", labels=_LABELS
    )
    tokens = CounterMetricFamily("usage_model_tokens", "Tokens today.", labels=_LABELS)
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for row in counts:
        name = (row["provider"], row["model"])
        attempts.add_metric([*name, row["failure_class"]], row["attempts"])
        sums[name][0] += row["requests"]
        sums[name][1] += row["tokens"] or 0
    for name, (began, used) in sums.items():
        requests.add_metric(name, began)
        tokens.add_metric(name, used)
    yield from (attempts, requests, tokens)


def _by_upstream(sums: list[Row]) -> Iterator[Metric]:
    attempts = CounterMetricFamily(
        "usage_upstream_attempts", "Attempts today, by outcome.", labels=["upstream", "outcome"]
    )
    requests = CounterMetricFamily(
        "usage_upstream_requests", "Client requests that began today.", labels=["upstream"]
    )
    tokens = CounterMetricFamily("usage_upstream_tokens", "Tokens today.", labels=["upstream"])
    for row in sums:
        name = [row["upstream"]]
        attempts.add_metric([*name, "failed"], row["failed"])
        attempts.add_metric([*name, "succeeded"], row["attempts"] - row["failed"])
        requests.add_metric(name, row["requests"])
        tokens.add_metric(name, row["tokens"])
    yield from (attempts, requests, tokens)


def _histograms(bins: list[Row], counts: list[Row]) -> Iterator[Metric]:
    for measure, (name, text) in _DURATIONS.items():
        family = HistogramMetricFamily(name, text, labels=_LABELS)
        held: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * len(_ENDS_TEXT))
        for row in bins:
            if row["measure"] == measure:
                held[row["provider"], row["model"]][row["place"]] = row["n"]
        totals: dict[tuple[str, str], int] = defaultdict(int)
        for row in counts:
            totals[row["provider"], row["model"]] += row[f"{measure}_sum_ms"] or 0
        for labels, single in held.items():
            buckets = list(zip(_ENDS_TEXT, accumulate(single), strict=True))
            family.add_metric(labels, buckets, totals[labels] / 1000)
        yield family
