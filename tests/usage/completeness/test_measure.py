"""Measured completeness against a simulated upstream: every way to lose an event is seen, and named
for what it is."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from management_proxy.simulator import running_simulator
from monitoring import leases
from monitoring.health import Level, findings
from tests.factories import give_key, make_upstream, make_user
from usage.collector import spool
from usage.collector.collect import collect
from usage.completeness import measure as completeness
from usage.completeness.report import completeness_of, percentage, unrecorded_recently
from usage.health.gauges import completeness_gauges
from usage.models import CollectorRun, UsageEvent
from usage.models.completeness import CompletenessInterval, CounterSample

pytestmark = pytest.mark.django_db(transaction=True)
Cause = CompletenessInterval.Cause


class World:
    """An upstream whose hours pass at the test's command, as the collector's polls do."""

    def __init__(self) -> None:
        self.started = time.time()
        self.ahead = 0.0

    def clock(self) -> float:
        return self.started + self.ahead

    def clock_now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)

    def serve(self, count: int) -> None:
        """Let clients be served: long sessions ended some minutes ago, and all of it is over for
        more than a minute."""
        self.ahead += 300
        self.simulator.app.generate(count, 0.0, None)
        self.ahead += 70

    def look(self) -> None:
        self.upstream.refresh_from_db()
        assert collect(self.upstream, CollectorRun.Trigger.LOOP).status == "succeeded"

    def looks(self, times: int = 2) -> None:
        """Close what is open: an interval is closed by the second look after it."""
        for _ in range(times):
            self.ahead += 120
            self.look()

    def intervals(self, *causes: Cause) -> list[CompletenessInterval]:
        found = CompletenessInterval.objects.order_by("started_at")
        return list(found.filter(cause__in=causes) if causes else found)


@pytest.fixture
def world(monkeypatch, settings):
    world = World()
    monkeypatch.setattr(completeness, "MEASURE_EVERY", timedelta(0))
    clock = type("Clock", (), {"now": lambda: datetime.fromtimestamp(world.clock(), UTC)})
    monkeypatch.setattr("usage.completeness.measure.timezone", clock)
    monkeypatch.setattr("management_proxy.upstreams.observation.timezone", clock)
    with running_simulator(statistics=True, retention=3600, clock=world.clock) as simulator:
        world.simulator = simulator
        world.upstream = make_upstream(management_url=simulator.management_url)
        give_key(world.upstream, simulator.key)
        world.upstream.save()
        world.serve(40)
        world.look()
        yield world


def test_everything_collected_is_said_to_be_complete(world):
    for _ in range(4):
        world.serve(50)
        world.look()
    world.looks()
    [interval] = world.intervals()
    assert interval.counted > 150
    assert (interval.missing, interval.cause) == (0, Cause.NONE)
    # Those that the client broke off are stored, but never counted.
    assert interval.stored <= UsageEvent.objects.count()


def test_events_that_expired_while_nobody_looked_are_lost_because_the_collector_stopped(world):
    world.simulator.control("settings", {"retention": 60})
    world.upstream.retention_seconds = 60
    world.upstream.save()
    world.serve(50)
    world.look()
    world.looks()
    [lost] = world.intervals(Cause.STOPPED)
    assert lost.is_loss
    assert lost.missing == lost.counted >= 40
    assert "no poll for" in lost.detail


def test_subscriber_that_takes_events_away_is_named(world):
    world.looks()
    world.simulator.control("subscriber", {"reading": True})
    world.serve(50)
    world.look()
    world.looks()
    [stolen] = world.intervals(Cause.ANOTHER_CONSUMER)
    assert stolen.missing == stolen.counted >= 40


def test_second_collector_that_pops_half_is_named(world):
    world.serve(60)
    world.simulator.app.state.queue.pop(30)
    world.look()
    world.looks()
    [stolen] = world.intervals(Cause.ANOTHER_CONSUMER)
    assert 20 <= stolen.missing <= 31


def test_restart_of_the_upstream_is_no_loss_of_ours(world):
    # An account whose counter is soon where it was before shows no restart.
    world.serve(300)
    world.look()
    world.simulator.control("restart", {})
    world.ahead += 5
    world.serve(3)
    world.look()
    world.looks()
    [restarted] = world.intervals(Cause.RESTARTED)
    assert not restarted.is_loss
    assert restarted.missing == 0


def test_attempts_while_statistics_were_off_are_no_loss_of_ours(world):
    world.simulator.control("settings", {"statistics": False})
    world.upstream.refresh_from_db()
    world.upstream.observed_at = None
    world.upstream.save()
    world.serve(30)
    world.look()
    world.looks()
    found = world.intervals(Cause.STATISTICS_OFF)
    assert sum(interval.missing for interval in found) >= 20
    assert not any(interval.is_loss for interval in found)


def die(world, **fields) -> CollectorRun:
    """A collector died and was found dead, now."""
    now = world.clock_now()
    dead = {
        "holder": f"{leases.holder_name().partition(':')[0]}:1:0",
        "token": 1,
        "looks": 0,
        "started_at": now,
        "ended_at": now,
        "failure_class": "internal",
    }
    return CollectorRun.objects.create(
        upstream=world.upstream, trigger="loop", status="abandoned", **{**dead, **fields}
    )


def switch_unseen(world, *, on: bool) -> None:
    """Set the upstream's switch just after the collector learnt its state."""
    world.simulator.control("settings", {"statistics": on})
    world.upstream.refresh_from_db()
    world.upstream.statistics_enabled, world.upstream.observed_at = not on, world.clock_now()
    world.upstream.save()


def test_switch_is_read_with_the_counters_and_not_what_was_learnt_of_it_before(world):
    """Also seconds after a collector died."""
    world.looks()
    die(world)
    switch_unseen(world, on=False)
    world.serve(60)
    world.upstream.observed_at = world.clock_now()
    world.upstream.save()
    world.look()
    switch_unseen(world, on=True)
    world.looks()
    [off] = [interval for interval in world.intervals() if interval.missing]
    assert (off.cause, off.is_loss) == (Cause.STATISTICS_OFF, False)


def test_switch_that_is_set_while_the_counters_are_read_counts_as_off(world, monkeypatch):
    original = completeness.counters

    def set_meanwhile(client):
        world.simulator.control("settings", {"statistics": False})
        return original(client)

    monkeypatch.setattr(completeness, "counters", set_meanwhile)
    world.ahead += 60
    world.look()
    assert not CounterSample.objects.order_by("-taken_at").first().statistics_enabled


@pytest.mark.parametrize("off_before", [True, False], ids=["just before", "just after"])
def test_nobody_is_accused_of_what_is_missing_beside_a_time_without_statistics(world, off_before):
    """A switch takes effect a second after it is set, in which it reads as set already."""
    world.looks()
    if off_before:
        world.simulator.control("settings", {"statistics": False})
        world.serve(20)
        world.look()
        world.simulator.control("settings", {"statistics": True})
        world.look()
    world.serve(60)
    world.simulator.app.state.queue.pop(30)
    world.look()
    if not off_before:
        world.simulator.control("settings", {"statistics": False})
        world.ahead += 60
        world.look()
        world.simulator.control("settings", {"statistics": True})
    world.looks()
    causes = {interval.cause for interval in world.intervals() if interval.missing >= 5}
    assert causes == {Cause.STATISTICS_OFF}


def test_death_alone_proves_no_loss(world):
    world.serve(60)
    world.simulator.app.state.queue.pop(30)
    die(world)
    world.look()
    world.looks()
    [missed] = [interval for interval in world.intervals() if interval.missing >= 5]
    assert missed.cause == Cause.ANOTHER_CONSUMER


def test_death_on_another_host_leaves_open_what_was_on_its_way(world):
    world.serve(60)
    world.simulator.app.state.queue.pop(30)
    die(world, holder="elsewhere:1:0")
    world.look()
    world.looks()
    [missed] = [interval for interval in world.intervals() if interval.missing >= 5]
    assert missed.cause == Cause.BROKEN_POP
    assert "died on elsewhere" in missed.detail


@pytest.mark.parametrize(
    ("left", "cause"),
    [
        (b'[{"model": "gp', Cause.BROKEN_POP),
        (b"", Cause.BROKEN_POP),
        (b"[]", Cause.ANOTHER_CONSUMER),
    ],
)
def test_page_that_a_dead_process_was_receiving_proves_the_loss(world, left, cause):
    world.serve(60)
    world.simulator.app.state.queue.pop(30)
    die(world)
    folder = spool.directory_of(world.upstream.pk)
    (folder / "20261120T100000.000000-aaaaaaaa.part").write_bytes(left)
    world.look()
    world.looks()
    [missed] = [interval for interval in world.intervals() if interval.missing >= 5]
    assert missed.cause == cause


def off_for_a_while(world) -> None:
    world.serve(20)
    world.looks()
    world.simulator.control("settings", {"statistics": False})
    for _ in range(2):
        world.serve(30)
        world.look()
    world.simulator.control("settings", {"statistics": True})
    world.looks(3)


def test_time_without_statistics_is_shown_also_when_they_are_on_again(world, client, monkeypatch):
    off_for_a_while(world)
    monkeypatch.setattr("usage.completeness.report.timezone.now", world.clock_now)
    attempts = sum(interval.missing for interval in world.intervals(Cause.STATISTICS_OFF))
    assert attempts >= 40
    words = f"{attempts} attempts were made while usage statistics were switched off, between"
    notices = [f.summary for f in findings() if f.level == Level.NOTICE]
    assert [text for text in notices if words in text]
    collected = next(f.summary for f in findings() if f.summary.startswith("Collected"))
    assert f"{attempts} were made while usage statistics were off" in collected
    client.force_login(make_user("ada", staff=True))
    assert f"{attempts} not recorded" in client.get("/monitoring/").content.decode()
    [shown] = client.get("/api/usage/collection-status").json()["completeness"]
    assert (shown["unrecorded"], shown["lost"]) == (attempts, 0)
    gauges = {s.name: s.value for m in completeness_gauges() for s in m.samples}
    assert gauges["usage_unrecorded_attempts"] == attempts


def test_time_without_statistics_is_news_for_an_hour(world, monkeypatch):
    off_for_a_while(world)
    world.ahead += 3700
    monkeypatch.setattr("usage.completeness.report.timezone.now", world.clock_now)
    assert unrecorded_recently() == {}
    [measured] = completeness_of([world.upstream])
    assert measured.unrecorded >= 40


def test_page_that_was_stored_late_heals_its_interval(world):
    world.serve(30)
    queue = world.simulator.app.state.queue
    page = b"[" + b",".join(queue.pop(len(queue))) + b"]"
    world.look()
    world.looks()
    [missed] = world.intervals(Cause.ANOTHER_CONSUMER)
    (spool.directory_of(world.upstream.pk) / "20261120T100000.000000-aaaaaaaa.page").write_bytes(
        page
    )
    world.looks(1)
    missed.refresh_from_db()
    assert (missed.missing, missed.cause, missed.stored) == (0, Cause.NONE, missed.counted)


def test_verdict_is_taken_back_when_most_of_it_turns_up(world):
    world.serve(60)
    queue = world.simulator.app.state.queue
    page = b"[" + b",".join(queue.pop(30)[:28]) + b"]"
    world.look()
    world.looks()
    [stolen] = world.intervals(Cause.ANOTHER_CONSUMER)
    (spool.directory_of(world.upstream.pk) / "20261120T100000.000000-aaaaaaaa.page").write_bytes(
        page
    )
    world.looks(1)
    stolen.refresh_from_db()
    assert not stolen.is_loss
    assert stolen.missing <= 3


def test_sessions_that_are_counted_when_they_are_over_are_no_loss(world):
    """A simulated session's turns ended minutes before all of them are counted and queued."""
    for _ in range(6):
        world.ahead += 30
        world.simulator.app.generate(120, 0.0, None)
        world.ahead += 30
        world.look()
    world.looks(3)
    assert not any(interval.is_loss for interval in world.intervals())


def test_nothing_is_written_under_a_lost_lease(world, monkeypatch):
    from monitoring.leases import force_release

    before = CounterSample.objects.count()
    original = completeness.counters

    def overtaken(client):
        force_release(world.upstream.collect_lease)
        return original(client)

    monkeypatch.setattr(completeness, "counters", overtaken)
    collect(world.upstream, CollectorRun.Trigger.LOOP)
    assert CounterSample.objects.count() == before


def test_counters_that_cannot_be_read_cost_no_run(world):
    world.simulator.control(
        "faults", {"kind": "status", "status": 500, "path": "*api-key-usage", "count": 1}
    )
    world.ahead += 60
    world.look()
    world.look()


def stolen_world(world):
    world.serve(60)
    world.simulator.app.state.queue.pop(30)
    world.look()
    world.looks()


def test_loss_is_told_by_doctor_page_json_and_gauge(world, client, monkeypatch):
    stolen_world(world)
    client.force_login(make_user("ada", staff=True))
    for path in ("/monitoring/", "/monitoring/doctor/"):
        assert "Another consumer" in client.get(path).content.decode()
    [reported] = client.get("/api/usage/collection-status").json()["completeness"]
    assert reported["lost"] == reported["intervals"][0]["missing"] >= 20
    assert 0.4 < reported["collectedShare"] < 0.9
    assert (reported["intervals"][0]["cause"], reported["intervals"][0]["isLoss"]) == (
        "another_consumer",
        True,
    )
    share = next(
        s for m in completeness_gauges() for s in m.samples if s.name == "usage_collected_ratio"
    )
    assert share.value == pytest.approx(reported["collectedShare"], abs=1e-6)


def test_ordinary_user_is_told_nothing_of_other_peoples_events(world, client):
    stolen_world(world)
    client.force_login(make_user("bob"))
    assert "completeness" not in client.get("/api/usage/collection-status").json()


def test_share_is_never_rounded_up_to_all(db):
    assert (percentage(0.99999), percentage(1.0), percentage(None)) == (
        "99.99 %",
        "100 %",
        "–",
    )
