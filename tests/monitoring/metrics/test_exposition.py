"""The text of metrics is that of prometheus_client."""

from collections.abc import Iterator
from math import inf, nan

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    UnknownMetricFamily,
)
from prometheus_client.registry import Collector

from monitoring.metrics.exposition import text_of


class Some(Collector):
    """A metric of every type, with every value and label that is hard to write."""

    def collect(self) -> Iterator[Metric]:
        counter = CounterMetricFamily("calls", 'Calls: \\ "so"\nmany.', labels=["route", "method"])
        counter.add_metric(['a "b" \\ \n é', "GET"], 3)
        counter.add_metric(["", "GET"], 1e21)
        gauge = GaugeMetricFamily("free_bytes", "Free.", labels=["disk"])
        for number, value in enumerate((0.1, -2, inf, -inf, nan, 12345678.9)):
            gauge.add_metric([str(number)], value)
        histogram = HistogramMetricFamily("took_seconds", "Took.", labels=["phase"])
        histogram.add_metric(["ours"], [("0.5", 1), ("+Inf", 2)], 3.25)
        yield from (counter, gauge, histogram)
        yield GaugeMetricFamily("age_seconds", "Age.", value=1)
        yield UnknownMetricFamily("other", "Other.", value=2)


def test_it_is_the_text_of_prometheus_client():
    registry = CollectorRegistry()
    registry.register(Some())
    assert text_of(registry.collect()) == generate_latest(registry)
