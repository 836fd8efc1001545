"""What is learnt of an upstream: clock, interface, settings."""

from datetime import UTC, datetime, timedelta

import pytest

from management_proxy.models import Upstream, UsageInterface
from management_proxy.simulator import running_simulator
from management_proxy.upstreams.clients import client_for
from management_proxy.upstreams.observation import ClockReading, clock_reading, narrowed, observe
from tests.factories import give_key, make_upstream

NOW = datetime(2026, 11, 24, 12, 0, 0, 500_000, tzinfo=UTC)


def test_clock_is_bounded_by_the_response_and_its_cut_second():
    reading = clock_reading(NOW.replace(microsecond=0), NOW - timedelta(seconds=0.1), NOW)
    assert (reading.least, reading.most) == (-0.5, pytest.approx(0.6))


def test_readings_narrow_each_other_and_a_set_clock_starts_anew():
    assert narrowed(ClockReading(-0.5, 0.5), 0, ClockReading(-0.1, 0.9)) == ClockReading(-0.1, 0.5)
    assert narrowed(ClockReading(-0.5, 0.5), 0, ClockReading(29.5, 30.5)) == ClockReading(
        29.5, 30.5
    )
    assert narrowed(None, 0, ClockReading(1, 2)) == ClockReading(1, 2)
    drifted = narrowed(ClockReading(0.0, 0.1), 10_000, ClockReading(-0.5, 0.5))
    assert drifted.least < -0.4


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("profile", "interface"),
    [
        ("v7.2.140", UsageInterface.QUEUE),
        ("v6.10.8", UsageInterface.QUEUE),
        ("v6.9.49", UsageInterface.AGGREGATES),
    ],
)
def test_interface_of_each_version_is_recognised(profile, interface):
    with running_simulator(profile=profile, statistics=True) as simulator:
        upstream = make_upstream(management_url=simulator.management_url, usage_interface="")
        give_key(upstream, simulator.key)
        upstream.save()
        observe(upstream, client_for(upstream))
        upstream.refresh_from_db()
        assert upstream.usage_interface == interface
        assert upstream.statistics_enabled
        assert upstream.clock_ahead_seconds == pytest.approx(0, abs=1)


@pytest.mark.parametrize(
    ("least", "most", "ahead"), [(-0.1, 0.9, 0.0), (29.5, 30.5, 30.0), (None, None, None)]
)
def test_clocks_that_may_agree_are_taken_to_agree(least, most, ahead):
    assert Upstream(clock_ahead_least=least, clock_ahead_most=most).clock_ahead_seconds == ahead
