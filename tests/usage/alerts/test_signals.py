"""What rules read of usage and collection equals what is stored."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils.translation import override

from management_proxy.models import Upstream
from monitoring.alerts.engine import measurement
from monitoring.alerts.signals import Reading, measuring, signal_named
from monitoring.alerts.trial import try_rule
from monitoring.models import AlertRule
from providers.models import AccountState
from tests.factories import make_client_key, make_event, make_upstream, store
from usage.failures.guidance import guidance_of
from usage.models import CollectorRun

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 12, 7, tzinfo=UTC)


@pytest.fixture
def upstream() -> Upstream:
    return make_upstream(name="primary")


def read(signal: str, end: datetime = NOW, **fields) -> list[Reading]:
    rule = AlertRule(signal=signal, threshold=0, **fields)
    found = signal_named(signal)
    found.validate(rule.filters)
    return list(found.measure(measurement(rule, end)))


def value(signal: str, **fields) -> float | None:
    (reading,) = read(signal, **fields)
    return reading.value


def put(upstream: Upstream, count: int, minutes_ago: float, **fields) -> None:
    at = NOW - timedelta(minutes=minutes_ago)
    store(upstream, *(make_event(timestamp=at, **fields) for _ in range(count)))


def test_attempts_failures_and_tokens_of_a_window(upstream):
    put(upstream, 6, 5)
    put(upstream, 2, 5, failed=True, fail={"status_code": 429, "body": "model_cooldown"})
    put(upstream, 9, 20)
    assert value("usage.attempts") == 8
    assert value("usage.failures") == 2
    assert value("usage.tokens") == 8 * 120
    assert value("usage.failure_rate") == 25
    assert value("usage.attempts", window_seconds=1800) == 17


def test_the_rate_of_one_class_is_of_all_attempts(upstream):
    put(upstream, 6, 5)
    put(upstream, 2, 5, failed=True, fail={"status_code": 429, "body": "model_cooldown"})
    put(upstream, 2, 5, failed=True, fail={"status_code": 401, "body": "no"})
    assert value("usage.failure_rate", filters={"failure_class": "cooldown"}) == 20


def test_many_failures_come_with_their_cause_and_what_to_do(upstream):
    put(upstream, 6, 5)
    put(upstream, 2, 5, failed=True, fail={"status_code": 429, "body": "model_cooldown"})
    put(upstream, 1, 5, failed=True, fail={"status_code": 401, "body": "no"})
    (reading,) = read("usage.failure_rate")
    guidance = guidance_of("cooldown")
    assert "3 of 9 attempts failed." in reading.detail
    assert f"Most: cooldown. {guidance.meaning} {guidance.action}" in reading.detail
    put(upstream, 40, 5)
    (reading,) = read("usage.failure_rate")
    assert reading.detail == "3 of 49 attempts failed."


def test_filters_restrict(upstream):
    put(upstream, 3, 5)
    put(make_upstream(name="other"), 4, 5, model="another-model")
    assert value("usage.attempts", filters={"upstream": "primary"}) == 3
    assert value("usage.attempts", filters={"model": "another-model"}) == 4
    assert value("usage.attempts", filters={"model": "none"}) == 0


@pytest.mark.parametrize(
    "filters", [{"size": "1"}, {"key": "x"}, {"upstream": "nowhere"}, {"failure_class": "bad luck"}]
)
def test_wrong_filters_are_refused(upstream, filters):
    with pytest.raises(ValueError):
        read("usage.failure_rate", filters=filters)


def test_too_few_attempts_are_not_judged(upstream):
    put(upstream, 5, 5, failed=True)
    assert value("usage.failure_rate", least_volume=6) is None
    assert value("usage.ttft_p95", least_volume=6) is None
    assert value("usage.failure_rate", least_volume=5) == 100


def test_percentiles_in_seconds(upstream):
    put(upstream, 40, 5, latency_ms=95_000, ttft_ms=90_000)
    assert value("usage.ttft_p95") == pytest.approx(90, rel=0.02)
    assert value("usage.latency_p95") == pytest.approx(95, rel=0.02)


def test_against_the_same_hour_of_the_weeks_before(upstream):
    for week in (1, 2):
        put(upstream, 10, 5 + week * 7 * 24 * 60)
    put(upstream, 30, 5)
    assert value("usage.attempts_against_usual", least_volume=5) == 300
    assert value("usage.attempts_against_usual", least_volume=11) is None


def test_readings_lead_to_their_events(upstream, client, admin_user):
    put(upstream, 3, 5)
    (reading,) = read("usage.failure_rate", filters={"upstream": "primary"})
    client.force_login(admin_user)
    assert client.get(reading.url).status_code == 200
    assert "upstream=primary" in reading.url


def test_a_trial_finds_the_past_breach(upstream):
    put(upstream, 30, 3 * 24 * 60, failed=True)
    put(upstream, 30, 5 * 24 * 60)
    for signal, threshold in (("usage.failure_rate", 50), ("usage.attempts", 30)):
        rule = AlertRule(signal=signal, threshold=threshold, window_seconds=900, least_volume=20)
        assert len(try_rule(rule, NOW).firings) == (1 if "rate" in signal else 2)


@pytest.mark.parametrize(
    "signal", ["usage.latency_p95", "usage.ttft_p95", "usage.tokens_against_usual"]
)
def test_every_signal_of_traffic_can_be_tried(upstream, signal):
    put(upstream, 30, 3 * 24 * 60)
    rule = AlertRule(signal=signal, threshold=1e12, window_seconds=3600)
    trial = try_rule(rule, NOW)
    assert (trial.firings, trial.refusal) == ((), "")


def run_of(upstream: Upstream, ago: float, status: str = "succeeded") -> None:
    at = NOW - timedelta(seconds=ago)
    CollectorRun.objects.create(
        upstream=upstream,
        trigger="loop",
        holder="h",
        token=1,
        started_at=at,
        ended_at=at,
        status=status,
        error="connection refused" if status == "failed" else "",
        failure_class="connection" if status == "failed" else "",
    )


def test_silence_is_the_time_since_the_last_poll(upstream):
    run_of(upstream, 33)
    assert value("collector.silence") == pytest.approx(33)
    run_of(upstream, 20, "failed")
    assert value("collector.silence", end=NOW + timedelta(seconds=50)) == pytest.approx(10)
    Upstream.objects.update(access="banned")
    assert read("collector.silence", end=NOW + timedelta(seconds=1)) == []


def test_failing_counts_from_the_last_success(upstream):
    run_of(upstream, 100)
    run_of(upstream, 10, "failed")
    (reading,) = read("collector.failing")
    assert reading.value == pytest.approx(100)
    assert "connection refused" in reading.detail
    run_of(upstream, 5)
    assert value("collector.failing", end=NOW + timedelta(seconds=1)) == 0


@pytest.mark.parametrize(
    "signal",
    [
        "collector.completeness",
        "collector.lost_events",
        "upstream.access",
        "upstream.statistics_off",
        "usage.dead_letters",
        "spool.refused",
        "spool.disk_free",
        "proxy.breaker_open",
        "accounts.unwell",
        "client_keys.limit_used",
        "providers.differences",
        "providers.unsettled",
        "monitoring.findings",
    ],
)
def test_every_other_signal_reads_a_quiet_installation(upstream, signal):
    for reading in read(signal, end=datetime.now(UTC)):
        assert (
            reading.value is None
            or signal in ("spool.disk_free", "monitoring.findings")
            or (reading.value == 0)
        )


@pytest.mark.django_db(transaction=True)
def test_limits_can_be_watched_before_the_first_event(upstream):
    """Rules are measured where nothing may be written, such as the zone of the first day."""
    make_client_key(upstream, "sk-0123456789", state="active", monthly_requests=10)
    rule = AlertRule(signal="client_keys.limit_used", threshold=0)
    with measuring():
        found = signal_named(rule.signal).measure(measurement(rule, NOW))
        assert [reading.value for reading in found] == [0]


def test_health_of_an_account_without_a_reason_is_in_the_active_language(upstream):
    state = {"name": "a.json", "provider": "claude", "health": "failing", "since": NOW}
    state["is_refused"] = False
    AccountState.objects.create(upstream=upstream, read_at=NOW, **state)
    with override("de"):
        (reading,) = read("accounts.unwell")
    assert reading.detail == "claude: gestört"
