"""Today's traffic for Prometheus: the sums of the events, the busiest models by name."""

import pytest
from django.utils import timezone

from monitoring.metrics.registry import exposition
from tests.factories import make_event, make_upstream, store

pytestmark = pytest.mark.django_db


def shown(name: str) -> dict[str, float]:
    lines = [line for line in exposition().decode().splitlines() if line.startswith(name)]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def events(model: str, count: int, **fields: object) -> list[dict]:
    now = timezone.now().isoformat()
    return [
        make_event(model=model, provider="claude", timestamp=now, **fields) for _ in range(count)
    ]


def test_models_beyond_the_top_are_other(settings):
    settings.METRICS_TOP_MODELS = 2
    store(make_upstream(), *events("a", 3), *events("b", 2), *events("c", 4))
    assert shown("usage_model_attempts_total") == {
        'usage_model_attempts_total{failure_class="",model="a",provider="claude"}': 3,
        'usage_model_attempts_total{failure_class="",model="b",provider="claude"}': 2,
        'usage_model_attempts_total{failure_class="",model="other",provider="claude"}': 4,
    }


def test_durations_are_cumulative_buckets():
    store(make_upstream(), *events("a", 2, latency_ms=400), *events("a", 1, latency_ms=20_000))
    found = shown("usage_model_latency_seconds")
    name = 'usage_model_latency_seconds_bucket{{le="{}",model="a",provider="claude"}}'
    ends = ("0.25", "0.5", "10.0", "30.0", "+Inf")
    assert [found[name.format(end)] for end in ends] == [0, 2, 2, 3, 3]
    total = found['usage_model_latency_seconds_sum{model="a",provider="claude"}']
    assert total == pytest.approx(20.8)


def test_traffic_is_shown_by_upstream_and_outcome():
    store(make_upstream(name="east"), *events("a", 3), *events("b", 1, failed=True))
    assert shown("usage_upstream_attempts_total") == {
        'usage_upstream_attempts_total{outcome="failed",upstream="east"}': 1,
        'usage_upstream_attempts_total{outcome="succeeded",upstream="east"}': 3,
    }
    assert shown("usage_upstream_tokens_total")['usage_upstream_tokens_total{upstream="east"}'] > 0
